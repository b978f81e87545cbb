//! A certificate with its key: read from PEM files, refused with a reason, described for people.

use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::{Arc, OnceLock},
};

use iq_domain::{CodedError, Timestamp};
use rustls::{
    Error as TlsError,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use x509_cert::{
    der::Decode,
    ext::pkix::{ExtendedKeyUsage, SubjectAltName, name::GeneralName},
};
use zeroize::Zeroizing;

/// Longest PEM file read.
const MAX_BYTES: u64 = 1 << 20;
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;
/// Purposes under which a certificate may be a server's: "server authentication", and "any".
const SERVER_PURPOSES: [&str; 2] = ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];

pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// What people compare and watch of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// SHA-256 of the whole certificate, as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
    /// Names and addresses it stands for.
    pub names: Vec<String>,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

/// A certificate that can be served with.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    facts: Facts,
}

impl Certificate {
    /// Reads a certificate (with those between it and its authority) and its key from PEM files, which
    /// may be one and the same.
    ///
    /// # Errors
    /// A code of the area `tls`: a file that can't be read or holds something else, a key that every
    /// user of the machine may read, that is encrypted, or that does not fit; a certificate outside its
    /// time, or not made for servers.
    pub fn read(certificate: &Path, key: &Path, now: Timestamp) -> Result<Self, CodedError> {
        let pem = read_certificate(certificate)?;
        Self::from_pem((certificate, &pem), (key, &read_key(key)?), now)
    }

    /// As [`Certificate::read`], of what was read already.
    pub(crate) fn from_pem(
        (certificate, pem): (&Path, &[u8]),
        (key, key_pem): (&Path, &[u8]),
        now: Timestamp,
    ) -> Result<Self, CodedError> {
        let (found, paths) = (Self::pair(certificate, pem, key, key_pem)?, certificate);
        let Facts {
            not_before,
            not_after,
            ..
        } = found.facts;
        let at_the_wrong_time = |code, at: Timestamp| {
            Err(CodedError::invalid(code)
                .with("path", paths.display())
                .with("at", at)
                .with("now", now))
        };
        if now > not_after {
            return at_the_wrong_time("tls.expired", not_after);
        }
        if now < not_before {
            return at_the_wrong_time("tls.not_yet_valid", not_before);
        }
        Ok(found)
    }

    fn pair(
        certificate: &Path,
        pem: &[u8],
        key: &Path,
        key_pem: &[u8],
    ) -> Result<Self, CodedError> {
        let unreadable = |detail: &str| {
            CodedError::invalid("tls.certificate_unreadable")
                .with("path", certificate.display())
                .with("detail", detail)
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(&error.to_string()))?;
        let Some(first) = chain.first().filter(|_| chain.len() <= MAX_CHAIN) else {
            return Err(unreadable("-----BEGIN CERTIFICATE-----"));
        };
        let (facts, is_for_servers) = describe(first).ok_or_else(|| unreadable("X.509"))?;
        if !is_for_servers {
            return Err(
                CodedError::invalid("tls.not_for_servers").with("path", certificate.display())
            );
        }
        let certified = CertifiedKey::from_der(chain, private_key(key, key_pem)?, &provider());
        let certified = certified.map_err(|error| match error {
            TlsError::InconsistentKeys(_) => CodedError::invalid("tls.key_mismatch")
                .with("certificate", certificate.display())
                .with("key", key.display()),
            error => CodedError::invalid("tls.key_unreadable")
                .with("path", key.display())
                .with("detail", error),
        })?;
        Ok(Self {
            key: Arc::new(certified),
            facts,
        })
    }

    /// What people compare and watch.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Whether two files can be served with; what people compare and watch of the certificate.
///
/// # Errors
/// As [`Certificate::read`].
pub fn check_pair(certificate: &Path, key: &Path, now: Timestamp) -> Result<Facts, CodedError> {
    Ok(Certificate::read(certificate, key, now)?.facts)
}

pub(crate) fn read_certificate(path: &Path) -> Result<Vec<u8>, CodedError> {
    let bytes = read(path).map_err(|error| {
        CodedError::invalid("tls.certificate_unreadable")
            .with("path", path.display())
            .with("detail", error)
    })?;
    Ok(bytes.to_vec())
}

pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, CodedError> {
    refuse_open_to_all(path)?;
    read(path).map_err(|error| {
        CodedError::invalid("tls.key_unreadable")
            .with("path", path.display())
            .with("detail", error)
    })
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, CodedError> {
    let encrypted = b"ENCRYPTED";
    if pem.windows(encrypted.len()).any(|part| part == encrypted) {
        return Err(CodedError::invalid("tls.key_encrypted").with("path", path.display()));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        CodedError::invalid("tls.key_unreadable")
            .with("path", path.display())
            .with("detail", error)
    })
}

/// Whoever reads the key can pass for this server; a service's group may.
#[cfg(unix)]
fn refuse_open_to_all(path: &Path) -> Result<(), CodedError> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o007 != 0 => {
            Err(CodedError::invalid("tls.key_open_to_all").with("path", path.display()))
        }
        // What is not there is said by whoever reads it.
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_open_to_all(_path: &Path) -> Result<(), CodedError> {
    Ok(())
}

/// The facts of a certificate, and whether it may be a server's.
fn describe(der: &CertificateDer<'_>) -> Option<(Facts, bool)> {
    let read = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
    let moment = |time: x509_cert::time::Time| {
        let ms = i64::try_from(time.to_unix_duration().as_millis()).ok()?;
        Some(Timestamp(ms))
    };
    let names = match read.get::<SubjectAltName>().ok()? {
        Some((_, names)) => names.0.iter().filter_map(shown).collect(),
        None => Vec::new(),
    };
    let purposes = read.get::<ExtendedKeyUsage>().ok()?;
    let is_for_servers = purposes.is_none_or(|(_, purposes)| {
        let mut all = purposes.0.iter().map(ToString::to_string);
        all.any(|purpose| SERVER_PURPOSES.contains(&purpose.as_str()))
    });
    let facts = Facts {
        fingerprint: fingerprint(der),
        names,
        not_before: moment(read.validity.not_before)?,
        not_after: moment(read.validity.not_after)?,
    };
    Some((facts, is_for_servers))
}

fn shown(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(|b| IpAddr::V4(Ipv4Addr::from(b)));
            let v6 = || <[u8; 16]>::try_from(bytes).map(|b| IpAddr::V6(Ipv6Addr::from(b)));
            v4.or_else(|_| v6()).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// SHA-256 of a certificate, two digits a byte.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
