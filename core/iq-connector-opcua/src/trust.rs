//! The check of a server's certificate. Trust is an exact certificate a person accepted, or one that
//! an accepted authority issued for this host and has not revoked; dates and application address are
//! checked on top, and nothing is ever accepted by itself.

use std::sync::Arc;

use async_trait::async_trait;
use iq_connector::{Authority, ConnectorContext, PresentedCertificate, TrustStore};
use iq_domain::{CodedError, ErrorKind, Timestamp, TrustState};
use parking_lot::Mutex;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use x509_cert::{
    Certificate,
    der::{Decode, Encode, Reader as _, SliceReader},
    ext::pkix::{SubjectAltName, name::GeneralName},
    time::Time,
};

use crate::authority::{Vouched, Voucher, vouch};

/// Larger certificates are refused before they are looked at.
pub(crate) const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// Longest text taken from a certificate.
pub(crate) const MAX_NAME_CHARS: usize = 300;

/// A certificate that passed.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) presented: PresentedCertificate,
    /// The host name of the address is not among the certificate's names; common in plants, shown
    /// but not fatal because the exact certificate was accepted by a person.
    pub(crate) is_host_unlisted: bool,
    /// The authority in whose name it passed, where no person accepted exactly this certificate.
    pub(crate) voucher: Option<Voucher>,
}

/// The first certificate of a PEM text as DER.
pub(crate) fn leaf_from_pem(text: &str) -> Option<Vec<u8>> {
    let parsed = pem::parse(text).ok().filter(|p| p.tag() == "CERTIFICATE")?;
    let der = parsed.into_contents();
    Certificate::from_der(&der).is_ok().then_some(der)
}

/// SHA-256 of some bytes as lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        })
}

/// Takes a presented certificate apart.
pub(crate) fn read_certificate(bytes: &[u8]) -> Result<PresentedCertificate, CodedError> {
    let invalid = || CodedError::new(ErrorKind::Upstream, "opcua.certificate_invalid");
    if bytes.is_empty() || bytes.len() > MAX_CERTIFICATE_BYTES {
        return Err(invalid());
    }
    let mut reader = SliceReader::new(bytes).map_err(|_| invalid())?;
    let certificate = Certificate::decode(&mut reader).map_err(|_| invalid())?;
    if !reader.is_finished() {
        // The library pins single certificates; a chain can't be compared byte by byte.
        return Err(CodedError::new(
            ErrorKind::Upstream,
            "opcua.certificate_chain_unsupported",
        ));
    }
    let body = &certificate.tbs_certificate;
    let (application_uri, hosts) = alternative_names(&certificate);
    let name = |n: &x509_cert::name::Name| iq_domain::neutralise(&n.to_string(), MAX_NAME_CHARS);
    Ok(PresentedCertificate {
        der: certificate.to_der().map_err(|_| invalid())?,
        sha256: sha256_hex(bytes),
        sha1: hex(&Sha1::digest(bytes)),
        subject: name(&body.subject),
        issuer: name(&body.issuer),
        application_uri,
        hosts,
        not_before: milliseconds(body.validity.not_before),
        not_after: milliseconds(body.validity.not_after),
        authority: None,
    })
}

pub(crate) fn milliseconds(time: Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000) * 1_000)
}

/// The application address and the host names, wherever they stand in the list.
fn alternative_names(certificate: &Certificate) -> (Option<String>, Vec<String>) {
    let Ok(Some((_, names))) = certificate.tbs_certificate.get::<SubjectAltName>() else {
        return (None, Vec::new());
    };
    let mut application_uri = None;
    let mut hosts = Vec::new();
    for name in names.0.iter().take(50) {
        match name {
            GeneralName::UniformResourceIdentifier(uri) => {
                application_uri
                    .get_or_insert_with(|| iq_domain::neutralise(uri.as_str(), MAX_NAME_CHARS));
            }
            GeneralName::DnsName(host) => hosts.push(iq_domain::neutralise(host.as_str(), 253)),
            GeneralName::IpAddress(bytes) => hosts.extend(ip_text(bytes.as_bytes())),
            _ => {}
        }
    }
    (application_uri, hosts)
}

fn ip_text(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|v6| std::net::Ipv6Addr::from(v6).to_string())
}

/// Dates and application address of a certificate a person has accepted.
pub(crate) fn check_accepted(
    certificate: &PresentedCertificate,
    application_uri: &str,
    now: Timestamp,
) -> Result<(), CodedError> {
    let refuse = |code| CodedError::new(ErrorKind::Upstream, code);
    if now > certificate.not_after {
        return Err(refuse("opcua.certificate_expired").with("date", day(certificate.not_after)));
    }
    if now < certificate.not_before {
        return Err(
            refuse("opcua.certificate_not_yet_valid").with("date", day(certificate.not_before))
        );
    }
    if certificate.application_uri.as_deref() != Some(application_uri) {
        return Err(refuse("opcua.certificate_uri_mismatch")
            .with(
                "certificate",
                certificate.application_uri.as_deref().unwrap_or("–"),
            )
            .with("server", application_uri));
    }
    Ok(())
}

pub(crate) fn day(t: Timestamp) -> String {
    t.to_string().chars().take(10).collect()
}

/// Whether the host of the address stands in the certificate.
pub(crate) fn names_host(certificate: &PresentedCertificate, host: &str) -> bool {
    certificate
        .hosts
        .iter()
        .any(|name| name.eq_ignore_ascii_case(host))
}

/// Asks the trust list about the certificate of the chosen endpoint. An unknown certificate is
/// recorded as pending and refused; so is one that replaced an accepted one, unless an accepted
/// authority issued it. What an authority revoked is refused even where a person accepted it.
pub(crate) async fn judge(
    ctx: &ConnectorContext,
    der: &[u8],
    application_uri: &str,
    host: &str,
) -> Result<Judged, CodedError> {
    let mut presented = read_certificate(der)?;
    let is_host_unlisted = !names_host(&presented, host);
    let vouched = vouch(der, &ctx.trust.authorities().await?, ctx.clock.now());
    // An authority vouches for a name, not for an address: any of its certificates would do there.
    if let Vouched::By(voucher) = &vouched
        && !is_host_unlisted
    {
        presented.authority = Some(voucher.authority.clone());
    }
    let refuse = |code| {
        CodedError::new(ErrorKind::Upstream, code)
            .with("fingerprint", &presented.sha256)
            .with("host", host)
    };
    let state = ctx.trust.report(presented.clone()).await?;
    let voucher = match (state, vouched) {
        (TrustState::Rejected, _) => return Err(refuse("opcua.certificate_rejected")),
        (_, Vouched::Revoked(authority)) => {
            return Err(refuse("opcua.certificate_revoked").with("authority", authority));
        }
        (TrustState::Trusted, _) => None,
        (TrustState::Pending, Vouched::By(voucher)) if is_host_unlisted => {
            return Err(refuse("opcua.certificate_host_unlisted")
                .with("authority", voucher.authority)
                .with("names", presented.hosts.join(", ")));
        }
        (TrustState::Pending, Vouched::By(voucher)) => Some(voucher),
        (TrustState::Pending, Vouched::Outdated(authority)) => {
            return Err(refuse("opcua.certificate_authority_expired").with("authority", authority));
        }
        (TrustState::Pending, Vouched::ByNobody) => {
            return Err(refuse("opcua.certificate_untrusted"));
        }
    };
    check_accepted(&presented, application_uri, ctx.clock.now())?;
    Ok(Judged {
        presented,
        is_host_unlisted,
        voucher,
    })
}

/// A trust list that also remembers the certificate presented last.
pub(crate) struct Remembering {
    inner: Arc<dyn TrustStore>,
    last: Mutex<Option<Vec<u8>>>,
}

impl Remembering {
    pub(crate) fn new(inner: Arc<dyn TrustStore>) -> Self {
        Self {
            inner,
            last: Mutex::new(None),
        }
    }

    pub(crate) fn last(&self) -> Option<Vec<u8>> {
        self.last.lock().clone()
    }
}

#[async_trait]
impl TrustStore for Remembering {
    async fn decision(&self, der: &[u8]) -> Result<Option<TrustState>, CodedError> {
        self.inner.decision(der).await
    }

    async fn report(&self, certificate: PresentedCertificate) -> Result<TrustState, CodedError> {
        *self.last.lock() = Some(certificate.der.clone());
        self.inner.report(certificate).await
    }

    async fn authorities(&self) -> Result<Vec<Authority>, CodedError> {
        self.inner.authorities().await
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
