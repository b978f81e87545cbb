//! Integrations and the positions up to which their sources were read. Secrets are a table of their
//! own.

use iq_domain::{CodedError, Integration, IntegrationId, IntegrationStatus, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, kind, name, config, is_enabled, is_demo_origin, status, \
    status_code, status_params, status_at, last_value_at, created_at FROM integrations";

fn read(r: &Row<'_>) -> rusqlite::Result<Integration> {
    Ok(Integration {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        kind: r.get("kind")?,
        name: r.get("name")?,
        config: row::json(r, "config")?,
        is_enabled: r.get("is_enabled")?,
        is_demo_origin: r.get("is_demo_origin")?,
        status: row::word(r, "status")?,
        status_code: r.get("status_code")?,
        status_params: row::json(r, "status_params")?,
        status_at: row::time_opt(r, "status_at")?,
        last_value_at: row::time_opt(r, "last_value_at")?,
        created_at: row::time(r, "created_at")?,
    })
}

fn taken(error: StoreError, name: &str) -> StoreError {
    error.or_taken(CodedError::conflict("integrations.name_taken").with("name", name))
}

/// Creates an integration.
pub fn create_integration(
    conn: &Connection,
    tenant: TenantId,
    integration: &Integration,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, integration.tenant_id)?;
    let sql = "INSERT INTO integrations (tenant_id, id, kind, name, config, is_enabled,
               is_demo_origin, status, status_code, status_params, status_at, last_value_at,
               created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            integration.id.to_string(),
            integration.kind,
            integration.name,
            row::to_json(&integration.config)?,
            integration.is_enabled,
            integration.is_demo_origin,
            row::to_word(&integration.status)?,
            integration.status_code,
            row::to_json(&integration.status_params)?,
            integration.status_at.map(|t| t.0),
            integration.last_value_at.map(|t| t.0),
            integration.created_at.0
        ],
    )
    .map_err(|e| taken(e, &integration.name))
}

/// The integration, if this tenant has it.
pub fn get_integration(
    conn: &Connection,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<Option<Integration>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// All integrations of the tenant, oldest first.
pub fn list_integrations(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<Integration>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "created_at, id", read)
}

/// Changes what a user may change: name, public configuration, enabled.
pub fn update_integration(
    conn: &Connection,
    tenant: TenantId,
    integration: &Integration,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, integration.tenant_id)?;
    let sql = "UPDATE integrations SET name = ?, config = ?, is_enabled = ?, is_demo_origin = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            integration.name,
            row::to_json(&integration.config)?,
            integration.is_enabled,
            integration.is_demo_origin,
            tenant.to_string(),
            integration.id.to_string()
        ],
    )
    .map_err(|e| taken(e, &integration.name))
}

/// Records the state the supervisor sees.
pub fn update_integration_status(
    conn: &Connection,
    tenant: TenantId,
    id: IntegrationId,
    status: IntegrationStatus,
    failure: Option<(&str, &serde_json::Value)>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE integrations SET status = ?, status_code = ?, status_params = ?, status_at = ?
               WHERE tenant_id = ? AND id = ?";
    let (code, arguments) = match failure {
        Some((code, arguments)) => (Some(code), row::to_json(arguments)?),
        None => (None, "{}".to_owned()),
    };
    query::change_one(
        conn,
        sql,
        params![
            row::to_word(&status)?,
            code,
            arguments,
            at.0,
            tenant.to_string(),
            id.to_string()
        ],
    )
}

/// Moves the time of the last good value forward; an older time changes nothing.
pub fn update_last_value_at(
    conn: &Connection,
    tenant: TenantId,
    id: IntegrationId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE integrations SET last_value_at = MAX(COALESCE(last_value_at, ?1), ?1)
               WHERE tenant_id = ?2 AND id = ?3";
    query::change_one(conn, sql, params![at.0, tenant.to_string(), id.to_string()])
}

/// Deletes an integration with its secrets, positions, log, certificates and mappings; the history
/// it wrote stays.
pub fn delete_integration(
    conn: &Connection,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM integrations WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// How much hangs on an integration, for the question before a deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Mappings, switched off ones included.
    pub mappings: u64,
    /// Certificates of its server.
    pub certificates: u64,
    /// Sealed secrets.
    pub secrets: u64,
    /// Rows of its action log.
    pub log_rows: u64,
    /// Positions up to which it was read.
    pub cursors: u64,
    /// Equipment and functional locations.
    pub technical_objects: u64,
    /// Work orders that came through it; they stay.
    pub work_orders: u64,
}

/// Counts what hangs on an integration.
pub fn get_attached(
    conn: &Connection,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<Attached, StoreError> {
    let count = |table: &str| -> Result<u64, StoreError> {
        let sql =
            format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = ? AND integration_id = ?");
        let found = query::find(
            conn,
            &sql,
            params![tenant.to_string(), id.to_string()],
            |r| r.get::<_, i64>(0),
        )?;
        Ok(found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    };
    Ok(Attached {
        mappings: count("external_signal_mappings")?,
        certificates: count("trusted_certificates")?,
        secrets: count("integration_secrets")?,
        log_rows: count("integration_action_logs")?,
        cursors: count("integration_cursors")?,
        technical_objects: count("technical_objects")?,
        work_orders: count("work_orders")?,
    })
}

/// Where reading a source stands, under a name of the connector's choice.
pub fn get_cursor(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT position FROM integration_cursors
               WHERE tenant_id = ? AND integration_id = ? AND name = ?";
    let args = params![tenant.to_string(), integration.to_string(), name];
    query::find(conn, sql, args, |r| r.get("position"))
}

/// All positions of a source, by name.
pub fn list_cursors(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<Vec<(String, String)>, StoreError> {
    Where::tenant(tenant)
        .and("integration_id = ?", [integration.to_string().into()])
        .list(
            conn,
            "SELECT name, position FROM integration_cursors",
            "name",
            |r| Ok((r.get("name")?, r.get("position")?)),
        )
}

/// Keeps where reading stands.
pub fn put_cursor(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    name: &str,
    position: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO integration_cursors (tenant_id, integration_id, name, position, at)
               VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET position = ?4, at = ?5";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            integration.to_string(),
            name,
            position,
            at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("integrations.not_found")))
}
