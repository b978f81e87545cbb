//! The web services' certificate: an authority of the plant's own and a server certificate signed by
//! it, made at the first start and kept. Clients are handed the authority's certificate, as a customer
//! hands out that of the company.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use iq_domain::{Clock, CodedError, ErrorKind, WallClock};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use crate::server::restrict;

pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
    pub(crate) ca_path: PathBuf,
}

/// Makes sure of a certificate for `host` in `folder`.
pub(crate) fn ensure(folder: &Path, host: &str) -> Result<Identity, CodedError> {
    let failed = |reason: String| {
        CodedError::new(ErrorKind::Unavailable, "plant.certificate_failed")
            .with("folder", folder.display())
            .with("reason", reason)
    };
    let ca_path = folder.join("ca.pem");
    let known = fs::read_to_string(folder.join("host")).unwrap_or_default();
    if known != host || !ca_path.is_file() {
        create(folder, host).map_err(failed)?;
    }
    load(folder, ca_path).map_err(failed)
}

fn create(folder: &Path, host: &str) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    fs::create_dir_all(folder).map_err(|e| text(&e))?;
    // The civil year opens the text form of a moment.
    let now = WallClock.now().to_string();
    let year: i32 = now
        .get(..4)
        .unwrap_or_default()
        .parse()
        .map_err(|e| text(&e))?;
    let valid = |params: &mut CertificateParams, name: &str| {
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
        params.not_after = rcgen::date_time_ymd(year + 5, 1, 1);
    };
    let mut ca = CertificateParams::default();
    valid(&mut ca, "OPTRIA IQ demo plant authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate().map_err(|e| text(&e))?;
    let ca_certificate = ca.self_signed(&ca_key).map_err(|e| text(&e))?;

    let mut leaf = CertificateParams::default();
    valid(&mut leaf, "OPTRIA IQ demo plant");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut hosts = vec![host];
    hosts.extend(
        ["localhost", "127.0.0.1"]
            .into_iter()
            .filter(|h| *h != host),
    );
    for name in hosts {
        let san = match name.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(name.try_into().map_err(|e: rcgen::Error| text(&e))?),
        };
        leaf.subject_alt_names.push(san);
    }
    let key = KeyPair::generate().map_err(|e| text(&e))?;
    let issuer = Issuer::from_params(&ca, &ca_key);
    let certificate = leaf.signed_by(&key, &issuer).map_err(|e| text(&e))?;
    // The authority's key is forgotten: nothing else can be signed in its name.
    let write = |name: &str, body: &str| {
        let path = folder.join(name);
        fs::write(&path, "")
            .and_then(|()| restrict(&path))
            .and_then(|()| fs::write(&path, body))
            .map_err(|e| text(&e))
    };
    write("server.key", &key.serialize_pem())?;
    write("server.pem", &certificate.pem())?;
    write("ca.pem", &ca_certificate.pem())?;
    write("host", host)
}

fn load(folder: &Path, ca_path: PathBuf) -> Result<Identity, String> {
    let certificate =
        CertificateDer::from_pem_file(folder.join("server.pem")).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).map_err(|e| e.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(|e| e.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        ca_pem: fs::read_to_string(&ca_path).map_err(|e| e.to_string())?,
        ca_path,
    })
}
