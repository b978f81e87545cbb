//! The cost and risk model of a tenant, one version after the other; the newest is in force.

use iq_domain::{TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, version, model, comment, is_demo, created_by, created_at \
    FROM tenant_cost_models";

/// One version.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModelRow {
    /// Owner.
    pub tenant_id: TenantId,
    /// From 1, dense per tenant; given when it is appended.
    pub version: u32,
    /// The model, as the optimiser reads it.
    pub model: serde_json::Value,
    /// Why it was changed, in the words of who did.
    pub comment: String,
    /// Made up for a demonstration.
    pub is_demo: bool,
    /// User name.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

fn read(r: &Row<'_>) -> rusqlite::Result<CostModelRow> {
    Ok(CostModelRow {
        tenant_id: row::id(r, "tenant_id")?,
        version: r.get("version")?,
        model: row::json(r, "model")?,
        comment: r.get("comment")?,
        is_demo: r.get("is_demo")?,
        created_by: r.get("created_by")?,
        created_at: row::time(r, "created_at")?,
    })
}

/// The version in force; none where nobody has set one.
pub fn get_active_cost_model(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Option<CostModelRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? ORDER BY version DESC LIMIT 1");
    query::find(conn, &sql, params![tenant.to_string()], read)
}

/// All versions, newest first.
pub fn list_cost_models(
    conn: &Connection,
    tenant: TenantId,
    page: Page,
) -> Result<Paged<CostModelRow>, StoreError> {
    let order = (SELECT, "version DESC");
    Where::tenant(tenant).page(conn, "tenant_cost_models", order, page, read)
}

/// Appends a version with the next number.
pub fn append_cost_model(
    conn: &Connection,
    tenant: TenantId,
    model: CostModelRow,
) -> Result<CostModelRow, StoreError> {
    row::same_tenant(tenant, model.tenant_id)?;
    let last = get_active_cost_model(conn, tenant)?;
    let model = CostModelRow {
        version: last.map_or(1, |l| l.version.saturating_add(1)),
        ..model
    };
    let sql = "INSERT INTO tenant_cost_models (tenant_id, version, model, comment, is_demo,
               created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            model.version,
            row::to_json(&model.model)?,
            model.comment,
            model.is_demo,
            model.created_by,
            model.created_at.0
        ],
    )?;
    Ok(model)
}
