//! The trust list of an integration, kept in the store. Nothing is ever trusted by itself.

use std::sync::Arc;

use async_trait::async_trait;
use iq_connector::{Authority, PresentedCertificate, TrustStore};
use iq_domain::{
    CertificateId, Clock, CodedError, IntegrationId, ServerCertificate, TenantId, TrustState,
};
use iq_store::{Store, authorities, certificates};
use sha2::{Digest, Sha256};

/// [`TrustStore`] over the table `trusted_certificates`.
pub(crate) struct StoredTrust {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenant_id: TenantId,
    pub(crate) integration_id: IntegrationId,
}

#[async_trait]
impl TrustStore for StoredTrust {
    async fn decision(&self, der: &[u8]) -> Result<Option<TrustState>, CodedError> {
        let (tenant, integration, sha256) = (self.tenant_id, self.integration_id, hex_sha256(der));
        let found = self
            .store
            .read(move |conn| {
                certificates::get_certificate_by_sha256(conn, tenant, integration, &sha256)
            })
            .await?;
        // The fingerprint finds it, the exact bytes decide.
        Ok(found.filter(|c| c.der == der).map(|c| c.state))
    }

    async fn report(&self, presented: PresentedCertificate) -> Result<TrustState, CodedError> {
        let now = self.clock.now();
        let certificate = ServerCertificate {
            id: CertificateId::new(),
            tenant_id: self.tenant_id,
            integration_id: self.integration_id,
            der: presented.der,
            sha256: presented.sha256,
            sha1: presented.sha1,
            subject: presented.subject,
            issuer: presented.issuer,
            application_uri: presented.application_uri,
            hosts: presented.hosts,
            not_before: presented.not_before,
            not_after: presented.not_after,
            state: TrustState::Pending,
            first_seen_at: now,
            last_seen_at: now,
            authority: presented.authority,
            decided_by: None,
            decided_at: None,
        };
        let kept = self
            .store
            .write(move |tx| {
                certificates::record_certificate(tx, certificate.tenant_id, &certificate)
            })
            .await?;
        Ok(kept.state)
    }

    async fn authorities(&self) -> Result<Vec<Authority>, CodedError> {
        known(&self.store, self.tenant_id).await
    }
}

/// The trust list of something that is not saved: of certificates it keeps none, but the authorities
/// of the tenant vouch for its server too.
pub(crate) struct UnsavedTrust {
    pub(crate) store: Store,
    pub(crate) tenant_id: TenantId,
}

#[async_trait]
impl TrustStore for UnsavedTrust {
    async fn decision(&self, _der: &[u8]) -> Result<Option<TrustState>, CodedError> {
        Ok(None)
    }

    async fn report(&self, _certificate: PresentedCertificate) -> Result<TrustState, CodedError> {
        Ok(TrustState::Pending)
    }

    async fn authorities(&self) -> Result<Vec<Authority>, CodedError> {
        known(&self.store, self.tenant_id).await
    }
}

async fn known(store: &Store, tenant: TenantId) -> Result<Vec<Authority>, CodedError> {
    let all = store
        .read(move |conn| authorities::list_authorities(conn, tenant))
        .await?;
    let plain = all.into_iter().map(|a| Authority {
        der: a.der,
        is_trusted: a.is_trusted,
        revocations: a.revocations.map(|list| list.der),
    });
    Ok(plain.collect())
}

pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String can't fail.
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        })
}
