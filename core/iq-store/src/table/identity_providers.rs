//! Identity providers of tenants. The secret is a column of sealed bytes that no
//! [`IdentityProvider`] carries.

use iq_domain::{CodedError, IdentityProvider, IdentityProviderId, Role, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, provider_type, display_name, client_id, \
    client_secret IS NOT NULL AS has_secret, secret_version, directory_id, issuer_url, hosted_domain, scopes, group_claim, group_roles, \
    default_role, tls_ca, accept_plain_http, pinned_metadata, pinned_keys, is_enabled, created_at, \
    updated_at FROM tenant_identity_providers";

fn read(r: &Row<'_>) -> rusqlite::Result<IdentityProvider> {
    let role: Option<String> = r.get("default_role")?;
    let scopes: String = r.get("scopes")?;
    Ok(IdentityProvider {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        provider_type: row::word(r, "provider_type")?,
        display_name: r.get("display_name")?,
        client_id: r.get("client_id")?,
        has_secret: r.get("has_secret")?,
        secret_version: r.get("secret_version")?,
        directory_id: r.get("directory_id")?,
        issuer_url: r.get("issuer_url")?,
        hosted_domain: r.get("hosted_domain")?,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        group_claim: r.get("group_claim")?,
        group_roles: row::json(r, "group_roles")?,
        default_role: role.and_then(|role| role.parse::<Role>().ok()),
        tls_ca: r.get("tls_ca")?,
        accept_plain_http: r.get("accept_plain_http")?,
        pinned_metadata: r.get("pinned_metadata")?,
        pinned_keys: r.get("pinned_keys")?,
        is_enabled: r.get("is_enabled")?,
        created_at: row::time(r, "created_at")?,
        updated_at: row::time(r, "updated_at")?,
    })
}

/// Keeps a provider: a new one, or the changed one of that id.
pub fn put_provider(
    conn: &Connection,
    tenant: TenantId,
    provider: &IdentityProvider,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, provider.tenant_id)?;
    let sql = "INSERT INTO tenant_identity_providers (tenant_id, id, provider_type, display_name,
               client_id, directory_id, issuer_url, hosted_domain, scopes, group_claim,
               group_roles, default_role, tls_ca, accept_plain_http, pinned_metadata, pinned_keys,
               is_enabled, created_at, updated_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
               ?18, ?19)
               ON CONFLICT DO UPDATE SET provider_type = ?3, display_name = ?4, client_id = ?5,
               directory_id = ?6, issuer_url = ?7, hosted_domain = ?8, scopes = ?9,
               group_claim = ?10, group_roles = ?11, default_role = ?12, tls_ca = ?13,
               accept_plain_http = ?14, pinned_metadata = ?15, pinned_keys = ?16, is_enabled = ?17,
               updated_at = ?19";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            provider.id.to_string(),
            row::to_word(&provider.provider_type)?,
            provider.display_name,
            provider.client_id,
            provider.directory_id,
            provider.issuer_url,
            provider.hosted_domain,
            provider.scopes.join(" "),
            provider.group_claim,
            row::to_json(&provider.group_roles)?,
            provider.default_role.map(Role::as_str),
            provider.tls_ca,
            provider.accept_plain_http,
            provider.pinned_metadata,
            provider.pinned_keys,
            provider.is_enabled,
            provider.created_at.0,
            provider.updated_at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Keeps the sealed secret, or none; the version must grow, so that of two writers one is refused.
pub fn put_client_secret(
    conn: &Connection,
    tenant: TenantId,
    id: IdentityProviderId,
    version: u32,
    sealed: Option<&[u8]>,
) -> Result<(), StoreError> {
    let sql = "UPDATE tenant_identity_providers SET client_secret = ?3, secret_version = ?4
               WHERE tenant_id = ?1 AND id = ?2 AND secret_version < ?4";
    let args = params![tenant.to_string(), id.to_string(), sealed, version];
    match query::change(conn, sql, args)? {
        0 => Err(CodedError::conflict("sso.changed_meanwhile").into()),
        _ => Ok(()),
    }
}

/// The sealed secret, if one is set.
pub fn get_client_secret(
    conn: &Connection,
    tenant: TenantId,
    id: IdentityProviderId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT client_secret FROM tenant_identity_providers WHERE tenant_id = ? AND id = ?";
    let args = params![tenant.to_string(), id.to_string()];
    let found = query::find(conn, sql, args, |r| {
        r.get::<_, Option<Vec<u8>>>("client_secret")
    })?;
    Ok(found.flatten())
}

/// The provider, if this tenant has it.
pub fn get_provider(
    conn: &Connection,
    tenant: TenantId,
    id: IdentityProviderId,
) -> Result<Option<IdentityProvider>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// The enabled provider of any tenant: at sign-in its row is what tells the tenant.
pub fn find_enabled_provider(
    conn: &Connection,
    id: IdentityProviderId,
) -> Result<Option<IdentityProvider>, StoreError> {
    let sql = format!("{SELECT} WHERE id = ? AND is_enabled = 1");
    query::find(conn, &sql, params![id.to_string()], read)
}

/// The providers of a tenant by name.
pub fn list_providers(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<IdentityProvider>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "display_name, id", read)
}

/// Removes a provider; its users stay and can't sign in.
pub fn delete_provider(
    conn: &Connection,
    tenant: TenantId,
    id: IdentityProviderId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM tenant_identity_providers WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
