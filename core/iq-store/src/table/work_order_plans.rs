//! What is planned about work orders. A plan outlives nothing: it goes with its work order.

use iq_domain::{
    CodedError, TechnicianId, TenantId, Timestamp, WorkOrderId, WorkOrderPlan, WorkOrderStatus,
};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, work_order_id, technician_id, due_at, estimated_hours, \
    actual_hours, failure_mode, failure_cause, recommendation, parts, certificates, \
    needs_outage, changed_at \
    FROM work_order_plans";

fn read(r: &Row<'_>) -> rusqlite::Result<WorkOrderPlan> {
    Ok(WorkOrderPlan {
        work_order_id: row::id(r, "work_order_id")?,
        technician_id: row::id_opt(r, "technician_id")?,
        due_at: row::time_opt(r, "due_at")?,
        estimated_hours: r.get("estimated_hours")?,
        actual_hours: r.get("actual_hours")?,
        failure_mode: r.get("failure_mode")?,
        failure_cause: r.get("failure_cause")?,
        recommendation: r.get("recommendation")?,
        parts: row::json(r, "parts")?,
        certificates: row::json(r, "certificates")?,
        needs_outage: r.get("needs_outage")?,
        changed_at: row::time(r, "changed_at")?,
    })
}

/// Keeps the plan of a work order.
pub fn put_work_order_plan(
    conn: &Connection,
    tenant: TenantId,
    plan: &WorkOrderPlan,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO work_order_plans (tenant_id, work_order_id, technician_id, due_at,
               estimated_hours, actual_hours, failure_mode, failure_cause, recommendation, parts,
               changed_at, certificates, needs_outage)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
               ON CONFLICT (tenant_id, work_order_id) DO UPDATE SET technician_id = ?3,
               due_at = ?4, estimated_hours = ?5, actual_hours = ?6, failure_mode = ?7,
               failure_cause = ?8, recommendation = ?9, parts = ?10, changed_at = ?11,
               certificates = ?12, needs_outage = ?13";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            plan.work_order_id.to_string(),
            plan.technician_id.map(|id| id.to_string()),
            plan.due_at.map(|t| t.0),
            plan.estimated_hours,
            plan.actual_hours,
            plan.failure_mode,
            plan.failure_cause,
            plan.recommendation,
            row::to_json(&plan.parts)?,
            plan.changed_at.0,
            row::to_json(&plan.certificates)?,
            plan.needs_outage
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("work_orders.not_found")))
}

/// The plan of a work order, if it has one.
pub fn get_work_order_plan(
    conn: &Connection,
    tenant: TenantId,
    order: WorkOrderId,
) -> Result<Option<WorkOrderPlan>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND work_order_id = ?");
    let args = params![tenant.to_string(), order.to_string()];
    query::find(conn, &sql, args, read)
}

/// The plans of these work orders.
pub fn list_work_order_plans(
    conn: &Connection,
    tenant: TenantId,
    orders: &[WorkOrderId],
) -> Result<Vec<WorkOrderPlan>, StoreError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let ids = orders.iter().map(ToString::to_string).collect();
    Where::tenant(tenant)
        .any("work_order_id", ids)
        .list(conn, SELECT, "work_order_id", read)
}

/// Work orders with a failure code.
pub fn list_coded_orders(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<WorkOrderId>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted.and(
        "failure_mode <> '' OR failure_cause <> ''",
        std::iter::empty(),
    );
    let select = "SELECT work_order_id FROM work_order_plans";
    wanted.list(conn, select, "work_order_id", |r| {
        row::id(r, "work_order_id")
    })
}

/// The plan of one work order becomes that of another which takes its place, if that has none.
pub fn move_work_order_plan(
    conn: &Connection,
    tenant: TenantId,
    from: WorkOrderId,
    to: WorkOrderId,
) -> Result<(), StoreError> {
    let sql = "UPDATE OR IGNORE work_order_plans SET work_order_id = ?
               WHERE tenant_id = ? AND work_order_id = ?";
    let args = params![to.to_string(), tenant.to_string(), from.to_string()];
    query::change(conn, sql, args).map(drop)
}

/// A work order that should have been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueOrder {
    /// The work order.
    pub id: WorkOrderId,
    /// Number, else reference.
    pub called: String,
    /// Short text.
    pub title: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// Who does it.
    pub technician_id: Option<TechnicianId>,
    /// Who wrote it here.
    pub created_by: Option<String>,
}

/// Work orders that were due between the two moments and are not done. What has no due time is due at
/// its planned end once somebody is to do it.
pub fn list_overdue_orders(
    conn: &Connection,
    tenant: TenantId,
    (since, now): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<OverdueOrder>, StoreError> {
    let over = [
        WorkOrderStatus::Completed,
        WorkOrderStatus::Closed,
        WorkOrderStatus::Cancelled,
    ];
    let over = over
        .iter()
        .map(row::to_word)
        .collect::<Result<Vec<_>, _>>()?;
    let sql = "SELECT o.id AS id, COALESCE(o.number, o.reference, '') AS called, o.title AS title,
                      COALESCE(p.due_at, o.planned_end) AS due_at, p.technician_id AS technician_id,
                      o.created_by AS created_by
               FROM work_order_plans p
               JOIN work_orders o ON o.tenant_id = p.tenant_id AND o.id = p.work_order_id
               WHERE p.tenant_id = ?1 AND COALESCE(p.due_at, o.planned_end) >= ?2
                 AND COALESCE(p.due_at, o.planned_end) < ?3
                 AND (p.due_at IS NOT NULL OR p.technician_id IS NOT NULL)
                 AND o.status NOT IN (?4, ?5, ?6)
               ORDER BY due_at, id LIMIT ?7";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(
        params![
            tenant.to_string(),
            since.0,
            now.0,
            over[0],
            over[1],
            over[2],
            limit
        ],
        |r| {
            Ok(OverdueOrder {
                id: row::id(r, "id")?,
                called: r.get("called")?,
                title: r.get("title")?,
                due_at: row::time(r, "due_at")?,
                technician_id: row::id_opt(r, "technician_id")?,
                created_by: r.get("created_by")?,
            })
        },
    )?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
