//! Identity providers, and the client's secret under its seal.

use iq_domain::{GroupRole, IdentityProvider, IdentityProviderId, ProviderType, Role, TenantId};
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;

use super::{StoreError, Stored, Tx, Uid, flag, get, id, text, time};

/// The row of a provider, locked by who changes it.
pub(crate) struct Kept {
    pub(crate) row: IdentityProvider,
    pub(crate) secret_sealed: Option<Vec<u8>>,
}

fn type_word(kind: ProviderType) -> &'static str {
    match kind {
        ProviderType::AzureAd => "azure_ad",
        ProviderType::Okta => "okta",
        ProviderType::Google => "google",
    }
}

fn type_of(word: &str) -> Stored<ProviderType> {
    [
        ProviderType::AzureAd,
        ProviderType::Okta,
        ProviderType::Google,
    ]
    .into_iter()
    .find(|kind| type_word(*kind) == word)
    .ok_or_else(|| StoreError::Internal(format!("provider_type holds {word}")))
}

fn list<T: DeserializeOwned>(row: &PgRow, column: &str) -> Stored<Vec<T>> {
    serde_json::from_value(super::json(row, column)?)
        .map_err(|error| StoreError::Internal(format!("{column}: {error}")))
}

fn role_of(word: Option<String>) -> Stored<Option<Role>> {
    let Some(word) = word else { return Ok(None) };
    let role = word.parse();
    role.map(Some)
        .map_err(|()| StoreError::Internal(format!("default_role holds {word}")))
}

fn kept(row: &PgRow) -> Stored<Kept> {
    let secret_sealed: Option<Vec<u8>> = get(row, "secret_sealed")?;
    let version: i32 = get(row, "secret_version")?;
    Ok(Kept {
        row: IdentityProvider {
            id: IdentityProviderId(id(row, "provider_id")?),
            tenant_id: TenantId(id(row, "tenant_id")?),
            provider_type: type_of(&text(row, "provider_type")?)?,
            display_name: text(row, "display_name")?,
            client_id: text(row, "client_id")?,
            has_secret: secret_sealed.is_some(),
            secret_version: u32::try_from(version).unwrap_or(0),
            directory_id: get(row, "directory_id")?,
            issuer_url: get(row, "issuer_url")?,
            hosted_domain: get(row, "hosted_domain")?,
            scopes: list::<String>(row, "scopes_text")?,
            group_claim: text(row, "group_claim")?,
            group_roles: list::<GroupRole>(row, "group_roles_text")?,
            default_role: role_of(get(row, "default_role")?)?,
            tls_ca: get(row, "tls_ca")?,
            accept_plain_http: flag(row, "accept_plain_http")?,
            pinned_metadata: get(row, "pinned_metadata")?,
            pinned_keys: get(row, "pinned_keys")?,
            is_enabled: flag(row, "is_enabled")?,
            created_at: time(row, "created_at_ms")?,
            updated_at: time(row, "updated_at_ms")?,
        },
        secret_sealed,
    })
}

/// All of a tenant.
pub(crate) async fn list_of(tx: &mut Tx, tenant: TenantId) -> Stored<Vec<IdentityProvider>> {
    let rows = sqlx::query(
        "SELECT *, scopes::text AS scopes_text, group_roles::text AS group_roles_text
         FROM identity_providers WHERE tenant_id = $1 ORDER BY created_at_ms, provider_id",
    )
    .bind(Uid(tenant.0))
    .fetch_all(tx.on())
    .await?;
    rows.iter().map(|row| Ok(kept(row)?.row)).collect()
}

pub(crate) async fn get_provider(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
) -> Stored<Option<Kept>> {
    let row = sqlx::query(
        "SELECT *, scopes::text AS scopes_text, group_roles::text AS group_roles_text
         FROM identity_providers WHERE tenant_id = $1 AND provider_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(provider.0))
    .fetch_optional(tx.on())
    .await?;
    row.as_ref().map(kept).transpose()
}

/// The version its secret is sealed under; the row is locked until the end of the transaction.
pub(crate) async fn lock(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
) -> Stored<Option<u32>> {
    let row = sqlx::query(
        "SELECT secret_version FROM identity_providers
         WHERE tenant_id = $1 AND provider_id = $2 FOR UPDATE",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(provider.0))
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let version: i32 = get(&row, "secret_version")?;
    Ok(Some(u32::try_from(version).unwrap_or(0)))
}

/// Whoever changes the provider waits until the end of the transaction.
pub(crate) async fn hold(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
) -> Stored<()> {
    sqlx::query(
        "SELECT provider_id FROM identity_providers
         WHERE tenant_id = $1 AND provider_id = $2 FOR SHARE",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(provider.0))
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Keeps a provider, new or changed; its secret stays.
pub(crate) async fn put(tx: &mut Tx, row: &IdentityProvider) -> Stored<()> {
    sqlx::query(
        "INSERT INTO identity_providers (tenant_id, provider_id, provider_type, display_name,
           client_id, directory_id, issuer_url, hosted_domain, scopes, group_claim, group_roles,
           default_role, tls_ca, accept_plain_http, pinned_metadata, pinned_keys, is_enabled,
           created_at_ms, updated_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11::jsonb, $12, $13, $14, $15, $16,
           $17, $18, $19)
         ON CONFLICT (tenant_id, provider_id) DO UPDATE SET
           provider_type = $3, display_name = $4, client_id = $5, directory_id = $6,
           issuer_url = $7, hosted_domain = $8, scopes = $9::jsonb, group_claim = $10,
           group_roles = $11::jsonb, default_role = $12, tls_ca = $13, accept_plain_http = $14,
           pinned_metadata = $15, pinned_keys = $16, is_enabled = $17, updated_at_ms = $19",
    )
    .bind(Uid(row.tenant_id.0))
    .bind(Uid(row.id.0))
    .bind(type_word(row.provider_type))
    .bind(&row.display_name)
    .bind(&row.client_id)
    .bind(&row.directory_id)
    .bind(&row.issuer_url)
    .bind(&row.hosted_domain)
    .bind(serde_json::json!(row.scopes).to_string())
    .bind(&row.group_claim)
    .bind(serde_json::json!(row.group_roles).to_string())
    .bind(row.default_role.map(Role::as_str))
    .bind(&row.tls_ca)
    .bind(row.accept_plain_http)
    .bind(&row.pinned_metadata)
    .bind(&row.pinned_keys)
    .bind(row.is_enabled)
    .bind(row.created_at.0)
    .bind(row.updated_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Keeps its secret, sealed under this version, or that there is none any more.
pub(crate) async fn put_secret(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
    version: u32,
    sealed: Option<&[u8]>,
) -> Stored<()> {
    sqlx::query(
        "UPDATE identity_providers SET secret_sealed = $3, secret_version = $4
         WHERE tenant_id = $1 AND provider_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(provider.0))
    .bind(sealed)
    .bind(i32::try_from(version).unwrap_or(i32::MAX))
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn delete(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
) -> Stored<()> {
    sqlx::query("DELETE FROM identity_providers WHERE tenant_id = $1 AND provider_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(provider.0))
        .execute(tx.on())
        .await?;
    Ok(())
}
