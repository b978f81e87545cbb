//! The certificate this installation makes for itself, and the request it writes to an authority.

use std::{
    fs,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
};

use iq_domain::{CodedError, ErrorKind, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::Certificate;

/// Folder in the data folder.
pub const TLS_FOLDER: &str = "tls";
/// The certificate alone, to be handed out.
pub const OWN_CERTIFICATE: &str = "own.crt";
/// Key and certificate in one file, so that no crash can part them.
const OWN: &str = "own.pem";
/// Key of a request to an authority.
pub const REQUEST_KEY: &str = "server.key";

/// People pin it by its fingerprint, so it outlives the machine it is made on.
const VALID_YEARS: i32 = 10;
/// Most names in one certificate.
const MAX_NAMES: usize = 64;

fn failed(detail: impl std::fmt::Display) -> CodedError {
    CodedError::new(ErrorKind::Internal, "tls.not_made").with("detail", detail)
}

fn unusable(path: &Path) -> impl Fn(std::io::Error) -> CodedError {
    let path = path.display().to_string();
    move |error| {
        CodedError::new(ErrorKind::Unavailable, "tls.folder_unusable")
            .with("path", &path)
            .with("detail", error)
    }
}

/// File of the key and the certificate made here.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(TLS_FOLDER).join(OWN)
}

/// Makes the certificate if there is none yet; says which file holds it and its key.
pub(crate) fn ensure(data: &Path, names: &[String], now: Timestamp) -> Result<PathBuf, CodedError> {
    let path = path(data);
    if !path.exists() {
        make(data, names, now)?;
    }
    Ok(path)
}

/// Makes a new one in the place of the old; whoever trusted the old one has to compare anew.
///
/// # Errors
/// When it can't be made or written.
pub fn renew(data: &Path, names: &[String], now: Timestamp) -> Result<Certificate, CodedError> {
    make(data, names, now)?;
    let path = path(data);
    Certificate::read(&path, &path, now)
}

fn make(data: &Path, names: &[String], now: Timestamp) -> Result<(), CodedError> {
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = params(names)?;
    params.is_ca = IsCa::ExplicitNoCa;
    // A day early, so that a browser whose clock is behind accepts it at once.
    let (year, month, day) = civil(now.plus_ms(-86_400_000));
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(year + VALID_YEARS, month, day.min(28));
    let certificate = params.self_signed(&key).map_err(failed)?.pem();
    let both = format!("{}{certificate}", key.serialize_pem());
    let folder = folder(data)?;
    write(&folder.join(OWN), both.as_bytes(), 0o600)?;
    write(&folder.join(OWN_CERTIFICATE), certificate.as_bytes(), 0o644)
}

/// A request for a certificate to an authority, as PEM. Its key stays here; an earlier one is used
/// again, since a request made with it may be under way.
///
/// # Errors
/// When the key can't be made, written or read.
pub fn request(data: &Path, names: &[String]) -> Result<String, CodedError> {
    let path = folder(data)?.join(REQUEST_KEY);
    let key = match fs::read_to_string(&path) {
        Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| {
            CodedError::invalid("tls.key_unreadable")
                .with("path", path.display())
                .with("detail", error)
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = KeyPair::generate().map_err(failed)?;
            write(&path, key.serialize_pem().as_bytes(), 0o600)?;
            key
        }
        Err(error) => return Err(unusable(&path)(error)),
    };
    let request = params(names)?.serialize_request(&key).map_err(failed)?;
    request.pem().map_err(failed)
}

fn params(names: &[String]) -> Result<CertificateParams, CodedError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    let first = names.first().map_or("localhost", String::as_str);
    // A common name ends after 64 characters; the names that count stand below.
    subject.push(
        DnType::CommonName,
        first.chars().take(64).collect::<String>(),
    );
    params.distinguished_name = subject;
    for name in names.iter().take(MAX_NAMES) {
        let name = match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(failed)?),
        };
        params.subject_alt_names.push(name);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn civil(t: Timestamp) -> (i32, u8, u8) {
    let text = t.to_string();
    let mut parts = text.split(['-', 'T']);
    let mut next = |default: i32| {
        let part = parts.next().and_then(|p| p.parse::<i32>().ok());
        part.unwrap_or(default)
    };
    let (year, month, day) = (next(2000), next(1), next(1));
    let small = |number: i32| u8::try_from(number).unwrap_or(1);
    (year, small(month), small(day))
}

fn folder(data: &Path) -> Result<PathBuf, CodedError> {
    let folder = data.join(TLS_FOLDER);
    fs::create_dir_all(&folder).map_err(unusable(&folder))?;
    Ok(folder)
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CodedError> {
    let partial = path.with_extension("partial");
    let written = (|| {
        // One left by a crash may have another mode.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = options.open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    })();
    written.map_err(unusable(path))
}
