//! Sealed secrets of integrations: bytes only `iq-secrets` can open.

use iq_domain::{CodedError, IntegrationId, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where};

/// One sealed field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Field of the connector's configuration ("password").
    pub field: String,
    /// Version the seal covers; grows with every write.
    pub version: u32,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

const SELECT: &str = "SELECT field, version, sealed FROM integration_secrets";

fn read(r: &Row<'_>) -> rusqlite::Result<SealedSecret> {
    Ok(SealedSecret {
        field: r.get("field")?,
        version: r.get("version")?,
        sealed: r.get("sealed")?,
    })
}

/// The version to seal the next value of a field under.
pub fn next_secret_version(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    field: &str,
) -> Result<u32, StoreError> {
    let found = get_sealed_secret(conn, tenant, integration, field)?;
    Ok(found.map_or(1, |secret| secret.version + 1))
}

/// Keeps a sealed value. A version that does not grow is refused: two writers sealed at once.
pub fn put_sealed_secret(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    secret: &SealedSecret,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO integration_secrets (tenant_id, integration_id, field, version, sealed)
               VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET version = ?4, sealed = ?5 WHERE version < ?4";
    let args = params![
        tenant.to_string(),
        integration.to_string(),
        secret.field,
        secret.version,
        secret.sealed
    ];
    let stale = CodedError::conflict("integrations.secret_changed").with("field", &secret.field);
    match query::change(conn, sql, args) {
        Ok(0) => Err(stale.into()),
        Ok(_) => Ok(()),
        Err(e) => Err(e.or_reference(CodedError::not_found("integrations.not_found"))),
    }
}

/// The sealed value of a field.
pub fn get_sealed_secret(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    field: &str,
) -> Result<Option<SealedSecret>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND integration_id = ? AND field = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), integration.to_string(), field],
        read,
    )
}

/// All sealed values of an integration, by field.
pub fn list_sealed_secrets(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<Vec<SealedSecret>, StoreError> {
    Where::tenant(tenant)
        .and("integration_id = ?", [integration.to_string().into()])
        .list(conn, SELECT, "field", read)
}

/// Forgets the value of a field; says whether there was one.
pub fn delete_sealed_secret(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    field: &str,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM integration_secrets
               WHERE tenant_id = ? AND integration_id = ? AND field = ?";
    let args = params![tenant.to_string(), integration.to_string(), field];
    Ok(query::change(conn, sql, args)? > 0)
}
