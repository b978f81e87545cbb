//! The plant's own certificate: generated on first start in the plant's folder, kept afterwards.

use std::path::{Path, PathBuf};

use iq_domain::{CodedError, ErrorKind};
use opcua::crypto::{CertificateStore, X509, X509Data};

/// Application URI of the plant's server; the first alternative name of its certificate.
pub const APPLICATION_URI: &str = "urn:optria:demo-plant:server";

/// Where certificate and key lie under the folder.
pub(crate) fn paths(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let pki = folder.join("pki");
    (
        pki.clone(),
        pki.join("own").join("cert.der"),
        pki.join("private").join("private.pem"),
    )
}

/// Makes sure that certificate and key exist; returns the certificate's path.
pub(crate) fn ensure(folder: &Path, host: &str) -> Result<PathBuf, CodedError> {
    let failed = |reason: String| {
        CodedError::new(ErrorKind::Unavailable, "plant.certificate_failed")
            .with("folder", folder.display())
            .with("reason", reason)
    };
    let (pki, certificate, key) = paths(folder);
    if certificate.is_file() && key.is_file() {
        return Ok(certificate);
    }
    let store = CertificateStore::new(&pki);
    store.ensure_pki_path().map_err(failed)?;
    let mut hosts = vec![host.to_owned()];
    for other in ["localhost", "127.0.0.1"] {
        if host != other {
            hosts.push(other.to_owned());
        }
    }
    let data = X509Data {
        key_size: 2048,
        common_name: "OPTRIA IQ demo plant".to_owned(),
        organization: "Al-Waha Energy (demo)".to_owned(),
        organizational_unit: "Demo plant".to_owned(),
        country: "SA".to_owned(),
        state: "Demo".to_owned(),
        alt_host_names: X509Data::alt_host_names(APPLICATION_URI, Some(hosts), false, true, false),
        certificate_duration_days: 5 * 365,
    };
    let (x509, _key): (X509, _) =
        CertificateStore::create_certificate_and_key(&data, true, &certificate, &key)
            .map_err(failed)?;
    restrict(&key).map_err(|e| failed(e.to_string()))?;
    tracing::info!(thumbprint = %x509.thumbprint().as_hex_string(), "the plant made its certificate");
    Ok(certificate)
}

/// Lets only the owner read a file.
pub(crate) fn restrict(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
