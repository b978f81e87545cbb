//! Use cases around authorities: the issuers a tenant trusts to name its servers, and their lists of
//! revoked certificates. Each decision makes the connections it can concern prove themselves again.

use iq_connector_opcua::{read_authority, read_revocations};
use iq_domain::{CertificateAuthority, CertificateId, CodedError, RevocationList, TenantId};
use iq_store::authorities;

use crate::Runtime;

/// Authorities per tenant; a plant has a handful.
pub const MAX_AUTHORITIES: usize = 32;

/// The connectors that ask the trust list.
const KIND: &str = "opcua";

impl Runtime {
    /// All authorities of a tenant.
    pub async fn authorities(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<CertificateAuthority>, CodedError> {
        let read = move |conn: &iq_store::Connection| authorities::list_authorities(conn, tenant);
        Ok(self.0.store.read(read).await?)
    }

    /// Adds an authority from its file. It vouches for nothing until a person compared it.
    pub async fn add_authority(
        &self,
        tenant: TenantId,
        file: &[u8],
        actor: &str,
    ) -> Result<CertificateAuthority, CodedError> {
        let facts = read_authority(file)?;
        let new = CertificateAuthority {
            id: CertificateId::new(),
            tenant_id: tenant,
            der: facts.der,
            sha256: facts.sha256,
            subject: facts.subject,
            issuer: facts.issuer,
            not_before: facts.not_before,
            not_after: facts.not_after,
            is_trusted: false,
            added_by: actor.to_owned(),
            added_at: self.0.clock.now(),
            decided_by: None,
            decided_at: None,
            revocations: None,
        };
        let write = self.0.store.write(move |tx| {
            let all = authorities::list_authorities(tx, tenant)?;
            if all.iter().any(|known| known.sha256 == new.sha256) {
                return Err(CodedError::conflict("authorities.exists").into());
            }
            if all.len() >= MAX_AUTHORITIES {
                let most = u64::try_from(MAX_AUTHORITIES).unwrap_or(u64::MAX);
                return Err(CodedError::conflict("authorities.too_many")
                    .with("most", most)
                    .into());
            }
            authorities::create_authority(tx, tenant, &new)?;
            Ok(new)
        });
        Ok(write.await?)
    }

    /// Lets an authority vouch for servers from now on.
    pub async fn trust_authority(
        &self,
        tenant: TenantId,
        id: CertificateId,
        actor: &str,
    ) -> Result<CertificateAuthority, CodedError> {
        let (now, actor) = (self.0.clock.now(), actor.to_owned());
        let write = self.0.store.write(move |tx| {
            found(tx, tenant, id)?;
            authorities::trust_authority(tx, tenant, id, &actor, now)?;
            found(tx, tenant, id)
        });
        let trusted = write.await?;
        self.judge_again(tenant).await?;
        Ok(trusted)
    }

    /// Takes an authority's list of revoked certificates. One older than the present list is refused:
    /// it would bring back what was revoked since.
    pub async fn put_revocations(
        &self,
        tenant: TenantId,
        id: CertificateId,
        file: &[u8],
        actor: &str,
    ) -> Result<CertificateAuthority, CodedError> {
        let authority = self.authority(tenant, id).await?;
        let facts = read_revocations(file, &authority.der)?;
        let list = RevocationList {
            der: facts.der,
            issued_at: facts.issued_at,
            next_at: facts.next_at,
            revoked: facts.revoked,
            added_by: actor.to_owned(),
            added_at: self.0.clock.now(),
        };
        let write = self.0.store.write(move |tx| {
            let present = found(tx, tenant, id)?.revocations;
            if present.is_some_and(|present| present.issued_at > list.issued_at) {
                return Err(CodedError::conflict("authorities.list_older").into());
            }
            authorities::update_revocations(tx, tenant, id, &list)?;
            found(tx, tenant, id)
        });
        let changed = write.await?;
        self.judge_again(tenant).await?;
        Ok(changed)
    }

    /// Forgets an authority.
    pub async fn remove_authority(
        &self,
        tenant: TenantId,
        id: CertificateId,
    ) -> Result<(), CodedError> {
        let write = self.0.store.write(move |tx| {
            found(tx, tenant, id)?;
            authorities::delete_authority(tx, tenant, id)
        });
        write.await?;
        self.judge_again(tenant).await
    }

    /// The authority of that id.
    pub async fn authority(
        &self,
        tenant: TenantId,
        id: CertificateId,
    ) -> Result<CertificateAuthority, CodedError> {
        Ok(self
            .0
            .store
            .read(move |conn| found(conn, tenant, id))
            .await?)
    }

    /// Connects anew to every server whose certificate is asked for.
    async fn judge_again(&self, tenant: TenantId) -> Result<(), CodedError> {
        let inner = &self.0;
        let concerned: Vec<_> = match inner.index.load().tenant(tenant) {
            None => return Ok(()),
            Some(plant) => {
                let all = plant.integrations.values().filter(|i| i.kind == KIND);
                all.map(|i| i.id).collect()
            }
        };
        for id in concerned {
            inner.supervisor.restart(inner, tenant, id).await?;
        }
        Ok(())
    }
}

fn found(
    conn: &iq_store::Connection,
    tenant: TenantId,
    id: CertificateId,
) -> Result<CertificateAuthority, iq_store::StoreError> {
    authorities::get_authority(conn, tenant, id)?
        .ok_or_else(|| CodedError::not_found("authorities.not_found").into())
}
