//! What people changed about work orders. Rows are appended and never touched again.

use iq_domain::{FieldChange, TenantId, Timestamp, WorkOrderChangeId, WorkOrderId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkOrderChangeRow {
    /// Id; ordered by time.
    pub id: WorkOrderChangeId,
    /// The work order.
    pub work_order_id: WorkOrderId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub fields: Vec<FieldChange>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<WorkOrderChangeRow> {
    Ok(WorkOrderChangeRow {
        id: row::id(r, "id")?,
        work_order_id: row::id(r, "work_order_id")?,
        at: row::time(r, "at")?,
        actor: r.get("actor")?,
        fields: row::json(r, "fields")?,
    })
}

/// Appends a change.
pub fn create_work_order_change(
    conn: &Connection,
    tenant: TenantId,
    change: &WorkOrderChangeRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO work_order_changes (tenant_id, id, work_order_id, at, actor, fields)
               VALUES (?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            change.id.to_string(),
            change.work_order_id.to_string(),
            change.at.0,
            change.actor,
            row::to_json(&change.fields)?
        ],
    )
}

/// The changes of a work order, newest first.
pub fn list_work_order_changes(
    conn: &Connection,
    tenant: TenantId,
    order: WorkOrderId,
    limit: u32,
) -> Result<Vec<WorkOrderChangeRow>, StoreError> {
    let select = "SELECT id, work_order_id, at, actor, fields FROM work_order_changes";
    Where::tenant(tenant)
        .maybe("work_order_id = ?", Some(order.to_string()))
        .first(conn, (select, "at DESC, id DESC"), limit, read)
}
