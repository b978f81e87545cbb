//! Trust in HTTP servers: the given certificates alone where some are given, else the machine's list.

use std::sync::{Arc, OnceLock};

use iq_domain::CodedError;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use x509_cert::{Certificate, der::Decode};

/// Most certificates one field may hold.
const MAX_CERTIFICATES: usize = 64;

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// The machine's verifier; its list is read once, it is long.
fn platform() -> Result<Arc<dyn ServerCertVerifier>, CodedError> {
    static PLATFORM: OnceLock<Option<Arc<rustls_platform_verifier::Verifier>>> = OnceLock::new();
    let found = PLATFORM.get_or_init(|| {
        rustls_platform_verifier::Verifier::new(provider())
            .map(Arc::new)
            .ok()
    });
    match found {
        Some(verifier) => Ok(Arc::<rustls_platform_verifier::Verifier>::clone(verifier)),
        None => Err(CodedError::invalid("http.roots_missing")),
    }
}

/// Certificates of a PEM text.
fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, CodedError> {
    let unreadable = || CodedError::invalid("http.ca_unreadable");
    let blocks = pem::parse_many(text).map_err(|_| unreadable())?;
    let found: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    let are_read = found.iter().all(|c| Certificate::from_der(c).is_ok());
    if found.is_empty() || found.len() > MAX_CERTIFICATES || !are_read {
        return Err(unreadable());
    }
    Ok(found)
}

/// Whether a text holds certificates that can be trusted by pasting them.
pub fn check_certificates(text: &str) -> Result<(), CodedError> {
    certificates(text).map(drop)
}

/// The TLS configuration of a client.
pub(crate) fn config(tls_ca: Option<&str>) -> Result<ClientConfig, CodedError> {
    let given = tls_ca.map(str::trim).filter(|text| !text.is_empty());
    let verifier: Arc<dyn ServerCertVerifier> = match given {
        None => platform()?,
        Some(text) => Arc::new(GivenCertificates::new(certificates(text)?)?),
    };
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| CodedError::invalid("http.ca_unreadable"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Trusts what the given certificates issued, and the given certificates themselves: many plant
/// servers show a certificate that nobody else signed, and then that one is what an administrator has.
#[derive(Debug)]
struct GivenCertificates {
    issued: Arc<WebPkiServerVerifier>,
    exact: Vec<CertificateDer<'static>>,
}

impl GivenCertificates {
    fn new(exact: Vec<CertificateDer<'static>>) -> Result<Self, CodedError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(exact.iter().cloned());
        let issued = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| CodedError::invalid("http.ca_unreadable"))?;
        Ok(Self { issued, exact })
    }
}

/// Dates of a certificate that is trusted by its bytes.
fn check_dates(der: &[u8], now: UnixTime) -> Result<(), TlsError> {
    let bad = TlsError::InvalidCertificate(CertificateError::BadEncoding);
    let validity = Certificate::from_der(der)
        .map_err(|_| bad)?
        .tbs_certificate
        .validity;
    let now = now.as_secs();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for GivenCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if self.exact.iter().any(|given| given == end_entity) {
            check_dates(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.issued
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.issued
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.issued
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}
