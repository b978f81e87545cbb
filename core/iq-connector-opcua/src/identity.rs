//! This installation's own application certificate: made at the first start, exported for the
//! administrators of the servers.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use iq_connector::OwnIdentity;
use iq_domain::{CodedError, ErrorKind, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SanType, date_time_ymd,
};

use crate::trust::{read_certificate, sha256_hex};

/// Name shown in the subject and in the server's list of clients.
pub(crate) const APPLICATION_NAME: &str = "OPTRIA IQ";

/// Every server pins this certificate by hand, so it outlives the machine it runs on.
const VALID_YEARS: i32 = 20;

fn failed(step: &str, detail: impl std::fmt::Display) -> CodedError {
    CodedError::new(ErrorKind::Internal, "opcua.own_certificate_failed")
        .with("step", step)
        .with("detail", detail)
}

/// Loads this installation's certificate from `dir`, or makes it: RSA 2048 with SHA-256, the
/// application address as the first alternative name, then the host names. Left-overs of earlier
/// connections are removed.
pub fn ensure_identity(
    dir: &Path,
    host_names: &[String],
    now: Timestamp,
) -> Result<OwnIdentity, CodedError> {
    let certificate_path = dir.join("own").join("cert.der");
    let private_key_path = dir.join("own").join("private.pem");
    let scratch_dir = dir.join("scratch");
    fs::create_dir_all(dir.join("own")).map_err(|e| failed("folder", e))?;
    if scratch_dir.exists() {
        fs::remove_dir_all(&scratch_dir).map_err(|e| failed("folder", e))?;
    }
    fs::create_dir_all(&scratch_dir).map_err(|e| failed("folder", e))?;
    if !certificate_path.exists() || !private_key_path.exists() {
        let (certificate, key) = generate(host_names, now)?;
        write_private(&private_key_path, key.as_bytes())?;
        write_private(&certificate_path, &certificate)?;
    }
    let certificate_der = fs::read(&certificate_path).map_err(|e| failed("read", e))?;
    let application_uri = read_certificate(&certificate_der)?
        .application_uri
        .ok_or_else(|| failed("read", "no application address"))?;
    let absolute = |path: PathBuf| path.canonicalize().map_err(|e| failed("path", e));
    Ok(OwnIdentity {
        application_uri,
        certificate_der,
        certificate_path: absolute(certificate_path)?,
        private_key_path: absolute(private_key_path)?,
        scratch_dir: absolute(scratch_dir)?,
    })
}

fn generate(host_names: &[String], now: Timestamp) -> Result<(Vec<u8>, String), CodedError> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .map_err(|e| failed("key", e))?;
    let host = host_names.first().map_or("localhost", String::as_str);
    // The key's own fingerprint makes the address unique without another source of randomness.
    let unique: String = sha256_hex(key.der_bytes()).chars().take(12).collect();
    let uri = format!("urn:{}:optria-iq:{unique}", plain_host(host));
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(
        DnType::CommonName,
        format!("{APPLICATION_NAME} ({})", plain_host(host)),
    );
    params.distinguished_name = name;
    let as_text = |text: &str| {
        text.try_into()
            .map_err(|e| failed("name", format!("{e:?}")))
    };
    params.subject_alt_names = vec![SanType::URI(as_text(&uri)?)];
    for host in host_names.iter().take(20) {
        let name = match host.parse::<std::net::IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(as_text(&plain_host(host))?),
        };
        params.subject_alt_names.push(name);
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DataEncipherment,
    ];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    // A day early, so that a server whose clock is behind accepts it at once.
    let (year, month, day) = civil(now.plus_ms(-86_400_000));
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(year + VALID_YEARS, month, day.min(28));
    let certificate = params.self_signed(&key).map_err(|e| failed("sign", e))?;
    Ok((certificate.der().to_vec(), key.serialize_pem()))
}

/// Letters, digits, dots and hyphens of a host name; anything else would not survive in a URN.
fn plain_host(host: &str) -> String {
    let kept: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        .take(200)
        .collect();
    if kept.is_empty() {
        "localhost".to_owned()
    } else {
        kept
    }
}

fn civil(t: Timestamp) -> (i32, u8, u8) {
    let text = t.to_string();
    let mut parts = text.split(['-', 'T']);
    let mut next = || parts.next().and_then(|p| p.parse::<i32>().ok());
    let (year, month, day) = (
        next().unwrap_or(2000),
        next().unwrap_or(1),
        next().unwrap_or(1),
    );
    (
        year,
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

/// Writes a file only its owner may read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CodedError> {
    let partial = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial).map_err(|e| failed("write", e))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| failed("write", e))?;
    fs::rename(&partial, path).map_err(|e| failed("write", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_750_000_000_000);

    #[test]
    fn the_certificate_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = vec!["plant-pc".to_owned(), "10.0.0.9".to_owned()];
        let first = ensure_identity(dir.path(), &hosts, NOW).unwrap();
        let again = ensure_identity(dir.path(), &["other".to_owned()], NOW).unwrap();
        assert_eq!(first, again);
        let read = read_certificate(&first.certificate_der).unwrap();
        assert!(first.application_uri.starts_with("urn:plant-pc:optria-iq:"));
        assert_eq!(read.hosts, ["plant-pc", "10.0.0.9"]);
        assert!(read.not_before < NOW && read.not_after.since_ms(NOW) > 19 * 365 * 86_400_000);
        let library = opcua::crypto::X509::from_der(&first.certificate_der).unwrap();
        assert_eq!(library.key_length().unwrap(), 2048);
        // The library looks at the first alternative name only.
        assert!(
            library
                .is_application_uri_valid(&first.application_uri)
                .is_ok()
        );
        assert!(opcua::crypto::PrivateKey::read_pem_file(&first.private_key_path).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_key_and_scratch_is_emptied_at_the_start() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let identity = ensure_identity(dir.path(), &[], NOW).unwrap();
        let mode = fs::metadata(&identity.private_key_path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(identity.scratch_dir.join("left-over"), b"x").unwrap();
        ensure_identity(dir.path(), &[], NOW).unwrap();
        assert_eq!(fs::read_dir(&identity.scratch_dir).unwrap().count(), 0);
    }
}
