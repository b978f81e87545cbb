//! Identity providers of tenants: their rows, and the client's secret under its seal.

use std::sync::Arc;

use iq_domain::{CodedError, IdentityProvider, IdentityProviderId, TenantId};
use iq_secrets::{MasterKey, SealContext, SecretString};
use iq_store::{StoreError, Transaction, identity_providers};

use crate::Runtime;

/// What becomes of the client's secret.
#[derive(Clone, Debug)]
pub enum SecretChange {
    /// It stays.
    Keep,
    /// There is none any more.
    Remove,
    /// Another one.
    Replace(SecretString),
}

/// Keeps providers with their secrets sealed, beside whatever else changes with them.
pub struct ProviderKeeper(Arc<MasterKey>);

impl ProviderKeeper {
    /// Keeps a provider, new or changed, with what becomes of its secret.
    ///
    /// # Errors
    /// When the store takes no writes, or somebody else changed the secret meanwhile.
    pub fn put(
        &self,
        tx: &Transaction<'_>,
        provider: &IdentityProvider,
        secret: &SecretChange,
    ) -> Result<IdentityProvider, StoreError> {
        let (tenant, id) = (provider.tenant_id, provider.id);
        identity_providers::put_provider(tx, tenant, provider)?;
        store_secret(tx, &self.0, provider, secret)?;
        let saved = identity_providers::get_provider(tx, tenant, id)?;
        Ok(saved.unwrap_or_else(|| provider.clone()))
    }

    /// Keeps a changed provider, where the settings are still those the change began from.
    ///
    /// # Errors
    /// `sso.changed_meanwhile` where they are somebody else's by now, and as [`Self::put`].
    pub fn replace(
        &self,
        tx: &Transaction<'_>,
        old: &IdentityProvider,
        provider: &IdentityProvider,
        secret: &SecretChange,
    ) -> Result<IdentityProvider, StoreError> {
        let stored = identity_providers::get_provider(tx, provider.tenant_id, provider.id)?;
        if stored.as_ref() != Some(old) {
            return Err(CodedError::conflict("sso.changed_meanwhile").into());
        }
        self.put(tx, provider, secret)
    }
}

fn context(owner: &str, tenant: TenantId, version: u32) -> SealContext<'_> {
    SealContext {
        tenant,
        owner,
        field: "client_secret",
        version,
    }
}

fn owner(id: IdentityProviderId) -> String {
    format!("identity provider {id}")
}

impl Runtime {
    /// Keeps a provider, new or changed, with what becomes of its secret.
    ///
    /// # Errors
    /// When the store takes no writes, or somebody else changed the secret meanwhile.
    pub async fn save_identity_provider(
        &self,
        provider: &IdentityProvider,
        secret: SecretChange,
    ) -> Result<IdentityProvider, CodedError> {
        let (row, keeper) = (provider.clone(), self.provider_keeper());
        let saved = self
            .store()
            .write(move |tx| keeper.put(tx, &row, &secret))
            .await?;
        Ok(saved)
    }

    /// Keeps providers within a write of somebody else's.
    #[must_use]
    pub fn provider_keeper(&self) -> ProviderKeeper {
        ProviderKeeper(Arc::clone(&self.0.master_key))
    }

    /// The client's secret, opened.
    ///
    /// # Errors
    /// When the seal does not open with this appliance's key.
    pub async fn identity_provider_secret(
        &self,
        provider: &IdentityProvider,
    ) -> Result<Option<SecretString>, CodedError> {
        let (tenant, id) = (provider.tenant_id, provider.id);
        let (found, sealed) = self
            .store()
            .read(move |conn| {
                Ok((
                    identity_providers::get_provider(conn, tenant, id)?,
                    identity_providers::get_client_secret(conn, tenant, id)?,
                ))
            })
            .await?;
        let (Some(row), Some(sealed)) = (found, sealed) else {
            return Ok(None);
        };
        let owner = owner(id);
        let context = context(&owner, tenant, row.secret_version);
        Ok(Some(self.0.master_key.unseal(&context, &sealed)?))
    }

    /// The clients' secrets of a tenant, for taking them out of a text. A seal that does not open holds
    /// nothing that anybody here could have written down.
    pub(crate) async fn identity_provider_secrets(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<SecretString>, CodedError> {
        let sealed = self
            .store()
            .read(move |conn| {
                let mut found = Vec::new();
                for row in identity_providers::list_providers(conn, tenant)? {
                    let sealed = identity_providers::get_client_secret(conn, tenant, row.id)?;
                    found.extend(sealed.map(|sealed| (row.id, row.secret_version, sealed)));
                }
                Ok(found)
            })
            .await?;
        let opened = sealed.into_iter().filter_map(|(id, version, sealed)| {
            let owner = owner(id);
            let context = context(&owner, tenant, version);
            self.0.master_key.unseal(&context, &sealed).ok()
        });
        Ok(opened.collect())
    }
}

/// The version of a seal is known only inside the transaction that stores the rest.
fn store_secret(
    tx: &Transaction<'_>,
    key: &MasterKey,
    row: &IdentityProvider,
    change: &SecretChange,
) -> Result<(), StoreError> {
    let (tenant, id) = (row.tenant_id, row.id);
    let stored = identity_providers::get_provider(tx, tenant, id)?;
    let version = stored.map_or(0, |p| p.secret_version) + 1;
    let sealed = match change {
        SecretChange::Keep => return Ok(()),
        SecretChange::Remove if version == 1 => return Ok(()),
        SecretChange::Remove => None,
        SecretChange::Replace(secret) => {
            let owner = owner(id);
            let sealed = key.seal(&context(&owner, tenant, version), secret);
            Some(sealed.map_err(CodedError::from)?)
        }
    };
    identity_providers::put_client_secret(tx, tenant, id, version, sealed.as_deref())
}
