//! Authorities of the plant: issuers whose certificates are accepted without comparing each one, and
//! their lists of what they revoked. The paths are checked by `webpki`.

use std::time::Duration;

use iq_connector::Authority;
use iq_domain::{CodedError, Timestamp, neutralise};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage as Purpose,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert, aws_lc_rs as algorithms,
};
use x509_cert::{
    Certificate,
    crl::CertificateList,
    der::{Decode, Encode},
    ext::pkix::{BasicConstraints, KeyUsage},
    time::Time,
};

use crate::trust::{MAX_CERTIFICATE_BYTES, MAX_NAME_CHARS, milliseconds, sha256_hex};

/// Larger lists of revoked certificates are refused: some 30,000 entries.
pub const MAX_REVOCATION_BYTES: usize = 1024 * 1024;

const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
];

/// An authority's certificate, taken apart for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityFacts {
    /// The exact DER bytes.
    pub der: Vec<u8>,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
}

/// A list of revoked certificates, taken apart for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationFacts {
    /// The exact DER bytes.
    pub der: Vec<u8>,
    /// When the authority issued it.
    pub issued_at: Timestamp,
    /// When the authority means to issue the next one.
    pub next_at: Option<Timestamp>,
    /// How many certificates stand on it.
    pub revoked: u64,
}

/// Takes the file of an authority's certificate apart, in PEM or DER form.
pub fn read_authority(file: &[u8]) -> Result<AuthorityFacts, CodedError> {
    let unreadable = || CodedError::invalid("authorities.unreadable");
    let der = der_of(file, "CERTIFICATE", MAX_CERTIFICATE_BYTES).ok_or_else(unreadable)?;
    let certificate = Certificate::from_der(&der).map_err(|_| unreadable())?;
    let body = &certificate.tbs_certificate;
    let is_authority = matches!(body.get::<BasicConstraints>(), Ok(Some((_, c))) if c.ca);
    if !is_authority || !may_sign(&certificate, KeyUsage::key_cert_sign) {
        return Err(CodedError::invalid("authorities.not_an_authority"));
    }
    anchor_from_trusted_cert(&CertificateDer::from(der.as_slice())).map_err(|_| unreadable())?;
    let name = |n: &x509_cert::name::Name| neutralise(&n.to_string(), MAX_NAME_CHARS);
    Ok(AuthorityFacts {
        sha256: sha256_hex(&der),
        subject: name(&body.subject),
        issuer: name(&body.issuer),
        not_before: milliseconds(body.validity.not_before),
        not_after: milliseconds(body.validity.not_after),
        der,
    })
}

/// Takes a list of revoked certificates apart, in PEM or DER form, if this authority signed it.
pub fn read_revocations(file: &[u8], authority: &[u8]) -> Result<RevocationFacts, CodedError> {
    let unreadable = || CodedError::invalid("authorities.list_unreadable");
    let der = der_of(file, "X509 CRL", MAX_REVOCATION_BYTES).ok_or_else(unreadable)?;
    let list = CertificateList::from_der(&der).map_err(|_| unreadable())?;
    // What the check of a path will read later, it has to be able to read now.
    OwnedCertRevocationList::from_der(&der).map_err(|_| unreadable())?;
    let body = &list.tbs_cert_list;
    if !has_signed(authority, &list) {
        return Err(CodedError::invalid("authorities.list_foreign"));
    }
    let revoked = body.revoked_certificates.as_ref().map_or(0, Vec::len);
    Ok(RevocationFacts {
        issued_at: milliseconds(body.this_update),
        next_at: body.next_update.map(milliseconds),
        revoked: u64::try_from(revoked).unwrap_or(u64::MAX),
        der,
    })
}

fn has_signed(authority: &[u8], list: &CertificateList) -> bool {
    let der = CertificateDer::from(authority);
    let (Ok(issuer), Ok(key), Ok(signed), Some(signature)) = (
        Certificate::from_der(authority),
        EndEntityCert::try_from(&der),
        list.tbs_cert_list.to_der(),
        list.signature.as_bytes(),
    ) else {
        return false;
    };
    issuer.tbs_certificate.subject == list.tbs_cert_list.issuer
        && may_sign(&issuer, KeyUsage::crl_sign)
        && ALGORITHMS
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, &signed, signature).is_ok())
}

/// Whether the purposes a certificate names, if it names any, include this one.
fn may_sign(certificate: &Certificate, purpose: fn(&KeyUsage) -> bool) -> bool {
    match certificate.tbs_certificate.get::<KeyUsage>() {
        Ok(Some((_, usage))) => purpose(&usage),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// DER bytes of a file in either form.
fn der_of(file: &[u8], label: &str, limit: usize) -> Option<Vec<u8>> {
    let is_text = file.trim_ascii_start().starts_with(b"-----BEGIN");
    let der = if is_text {
        let block = pem::parse(file).ok().filter(|block| block.tag() == label)?;
        block.into_contents()
    } else {
        file.to_vec()
    };
    (1..=limit).contains(&der.len()).then_some(der)
}

/// What the authorities of the plant say about a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vouched {
    /// A trusted authority issued it, perhaps by way of others.
    By(Voucher),
    /// None of them issued it.
    ByNobody,
    /// Its issuer took it back.
    Revoked(String),
    /// Its issuer is trusted, but outside its own dates.
    Outdated(String),
}

/// An authority that stands for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voucher {
    pub(crate) authority: String,
    pub(crate) revocations: Revocations,
}

/// What is known about the certificates an authority revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revocations {
    /// The list is as new as the authority means it to be.
    Known,
    /// There is no list.
    Unknown,
    /// The authority meant to issue a newer one by then.
    Old(Timestamp),
}

/// Asks the authorities about a certificate.
pub(crate) fn vouch(der: &[u8], authorities: &[Authority], now: Timestamp) -> Vouched {
    let leaf = CertificateDer::from(der);
    let (Ok(end), Ok(read)) = (EndEntityCert::try_from(&leaf), Certificate::from_der(der)) else {
        return Vouched::ByNobody;
    };
    let known: Vec<(&Authority, Certificate)> = authorities
        .iter()
        .filter_map(|a| Some((a, Certificate::from_der(&a.der).ok()?)))
        .collect();
    let issuer = known.iter().find(|(_, certificate)| {
        certificate.tbs_certificate.subject == read.tbs_certificate.issuer
    });
    let name = |certificate: &Certificate| {
        neutralise(
            &certificate.tbs_certificate.subject.to_string(),
            MAX_NAME_CHARS,
        )
    };
    let ders: Vec<CertificateDer<'_>> = known
        .iter()
        .map(|(authority, _)| CertificateDer::from(authority.der.as_slice()))
        .collect();
    let anchors: Vec<TrustAnchor<'_>> = known
        .iter()
        .zip(&ders)
        .filter(|((authority, certificate), _)| authority.is_trusted && is_valid(certificate, now))
        .filter_map(|(_, der)| anchor_from_trusted_cert(der).ok())
        .collect();
    match verify(&end, &anchors, &ders, authorities, now) {
        Ok(()) => Vouched::By(Voucher {
            authority: issuer.map_or_else(String::new, |(_, certificate)| name(certificate)),
            revocations: issuer.map_or(Revocations::Unknown, |(a, _)| revocations(a, now)),
        }),
        Err(Error::CertRevoked) => {
            Vouched::Revoked(issuer.map_or_else(String::new, |(_, certificate)| name(certificate)))
        }
        Err(_) => match issuer {
            Some((authority, certificate))
                if authority.is_trusted && !is_valid(certificate, now) =>
            {
                Vouched::Outdated(name(certificate))
            }
            _ => Vouched::ByNobody,
        },
    }
}

/// Whether a path leads from the certificate to one of the anchors, with nothing revoked on it. A
/// list past its date still says what was revoked, so it goes on counting.
fn verify(
    end: &EndEntityCert<'_>,
    anchors: &[TrustAnchor<'_>],
    between: &[CertificateDer<'_>],
    authorities: &[Authority],
    now: Timestamp,
) -> Result<(), Error> {
    let lists: Vec<CertRevocationList<'static>> = authorities
        .iter()
        .filter_map(|a| OwnedCertRevocationList::from_der(a.revocations.as_deref()?).ok())
        .map(CertRevocationList::from)
        .collect();
    let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Allow)
            .with_expiration_policy(ExpirationPolicy::Ignore)
            .build()
    });
    let seconds = u64::try_from(now.0 / 1_000).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let purpose = Purpose::server_auth();
    end.verify_for_usage(
        ALGORITHMS, anchors, between, time, purpose, revocation, None,
    )
    .map(drop)
}

fn is_valid(certificate: &Certificate, now: Timestamp) -> bool {
    let validity = &certificate.tbs_certificate.validity;
    (milliseconds(validity.not_before)..=milliseconds(validity.not_after)).contains(&now)
}

fn revocations(authority: &Authority, now: Timestamp) -> Revocations {
    let next = |list: &Vec<u8>| -> Option<Time> {
        CertificateList::from_der(list)
            .ok()?
            .tbs_cert_list
            .next_update
    };
    match &authority.revocations {
        None => Revocations::Unknown,
        Some(list) => match next(list).map(milliseconds) {
            Some(next) if next < now => Revocations::Old(next),
            _ => Revocations::Known,
        },
    }
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
