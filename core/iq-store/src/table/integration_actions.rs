//! What was done to an integration: tests, demo streams, runs.

use iq_domain::{CodedError, IntegrationAction, IntegrationId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, integration_id, action_type, status, message_code, details, \
    actor, ms, at FROM integration_action_logs";

fn read(r: &Row<'_>) -> rusqlite::Result<IntegrationAction> {
    Ok(IntegrationAction {
        tenant_id: row::id(r, "tenant_id")?,
        integration_id: row::id(r, "integration_id")?,
        action_type: r.get("action_type")?,
        status: row::word(r, "status")?,
        message_code: r.get("message_code")?,
        details: row::json(r, "details")?,
        actor: r.get("actor")?,
        ms: r
            .get::<_, Option<i64>>("ms")?
            .and_then(|ms| u64::try_from(ms).ok()),
        at: row::time(r, "at")?,
    })
}

/// Appends to the log of an integration.
pub fn create_integration_action(
    conn: &Connection,
    tenant: TenantId,
    action: &IntegrationAction,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, action.tenant_id)?;
    let sql = "INSERT INTO integration_action_logs (tenant_id, integration_id, action_type, status,
               message_code, details, actor, ms, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            action.integration_id.to_string(),
            action.action_type,
            row::to_word(&action.status)?,
            action.message_code,
            row::to_json(&action.details)?,
            action.actor,
            action.ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            action.at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("integrations.not_found")))
}

/// A page of the log of one integration, or of all, newest first.
pub fn list_integration_actions(
    conn: &Connection,
    tenant: TenantId,
    integration: Option<IntegrationId>,
    page: Page,
) -> Result<Paged<IntegrationAction>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted.maybe("integration_id = ?", integration.map(|id| id.to_string()));
    wanted.page(
        conn,
        "integration_action_logs",
        (SELECT, "at DESC, rowid DESC"),
        page,
        read,
    )
}

/// The last action of a kind, as onboarding and the cards ask for it.
pub fn get_last_integration_action(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    action_type: &str,
) -> Result<Option<IntegrationAction>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE tenant_id = ? AND integration_id = ? AND action_type = ?
         ORDER BY at DESC, rowid DESC LIMIT 1"
    );
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), integration.to_string(), action_type],
        read,
    )
}

/// Deletes rows older than `before`; returns how many.
pub fn delete_integration_actions_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM integration_action_logs WHERE tenant_id = ? AND at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}
