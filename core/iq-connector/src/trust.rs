//! Trust in the certificates of servers: exact certificates, decided by people.

use async_trait::async_trait;
use iq_domain::{CodedError, Timestamp, TrustState};
use serde::Serialize;

/// How many undecided certificates an implementation of [`TrustStore`] keeps per integration. A
/// hostile server that presents a new certificate each time must not fill the disk; the oldest
/// pending one makes room.
pub const MAX_PENDING_CERTIFICATES: usize = 8;

/// A certificate a server presented, taken apart for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresentedCertificate {
    /// The exact DER bytes of the leaf.
    #[serde(skip)]
    pub der: Vec<u8>,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// SHA-1 of the DER, lower-case hex.
    pub sha1: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Application URI of the subject alternative name.
    pub application_uri: Option<String>,
    /// Host names and addresses of the subject alternative name.
    pub hosts: Vec<String>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Subject of the trusted authority that vouches for it.
    pub authority: Option<String>,
}

/// An authority that issues certificates to servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its certificate, exact DER bytes.
    pub der: Vec<u8>,
    /// Whether a person accepted it; otherwise it only helps to find the way to one that is.
    pub is_trusted: bool,
    /// Its latest list of revoked certificates, exact DER bytes.
    pub revocations: Option<Vec<u8>>,
}

/// The trust list of one integration. Decisions are for exact certificates (all bytes), or for the
/// authority that issued them; nothing is ever trusted by itself.
#[async_trait]
pub trait TrustStore: Send + Sync {
    /// What was decided about this certificate; `None` when it was never seen.
    async fn decision(&self, der: &[u8]) -> Result<Option<TrustState>, CodedError>;

    /// Records that a server presented this certificate and answers what is decided about it. An
    /// unknown one becomes pending; at most [`MAX_PENDING_CERTIFICATES`] stay pending.
    async fn report(&self, certificate: PresentedCertificate) -> Result<TrustState, CodedError>;

    /// The authorities known here; none where that is not kept.
    async fn authorities(&self) -> Result<Vec<Authority>, CodedError> {
        Ok(Vec::new())
    }
}
