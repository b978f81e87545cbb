//! Work orders on their way to a maintenance system. What may happen to a row is decided above; here
//! it is kept.

use iq_domain::{
    CodedError, IntegrationId, OutboxId, TenantId, Timestamp, UserId, WorkOrderDraft, WorkOrderId,
};
use rusqlite::{Connection, Row, params};

pub use iq_domain::OutboxState;

use crate::{Page, StoreError, query, query::Where, row};

const COLUMNS: &str = "tenant_id, id, work_order_id, integration_id, state, draft, plan, author, \
    author_id, approver, approver_id, approved_at, may_exist, sends, failures, absences, next_at, \
    last_send_at, error_code, error_params, number, version, resolved_by, created_at, changed_at, \
    sent_at";

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Id.
    pub id: OutboxId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The work order.
    pub work_order_id: WorkOrderId,
    /// Where it goes.
    pub integration_id: IntegrationId,
    /// Where it stands.
    pub state: OutboxState,
    /// What is asked for.
    pub draft: WorkOrderDraft,
    /// Exactly what is sent, as the connector made it and a person saw it.
    pub plan: serde_json::Value,
    /// User who handed it in or corrected it last.
    pub author: String,
    /// Their id.
    pub author_id: UserId,
    /// User who approved it.
    pub approver: Option<String>,
    /// Their id.
    pub approver_id: Option<UserId>,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// Something of it may have reached the other side: search before sending.
    pub may_exist: bool,
    /// How often it was sent.
    pub sends: u32,
    /// Failures in a row, for the pause before the next attempt.
    pub failures: u32,
    /// Searches in a row that did not find it.
    pub absences: u32,
    /// Not before.
    pub next_at: Option<Timestamp>,
    /// When it was sent last.
    pub last_send_at: Option<Timestamp>,
    /// Code of what went wrong last.
    pub error_code: Option<String>,
    /// Arguments of its sentence.
    pub error_params: serde_json::Value,
    /// Number on the other side.
    pub number: Option<String>,
    /// Version on the other side.
    pub version: Option<String>,
    /// User who said what became of it.
    pub resolved_by: Option<String>,
    /// Handed in.
    pub created_at: Timestamp,
    /// Last change.
    pub changed_at: Timestamp,
    /// Known to be there since.
    pub sent_at: Option<Timestamp>,
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboxFilter {
    /// In one of these states; empty for all.
    pub states: Vec<OutboxState>,
    /// Of this work order.
    pub work_order_id: Option<WorkOrderId>,
    /// To this system.
    pub integration_id: Option<IntegrationId>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        work_order_id: row::id(r, "work_order_id")?,
        integration_id: row::id(r, "integration_id")?,
        state: row::word(r, "state")?,
        draft: row::json(r, "draft")?,
        plan: row::json(r, "plan")?,
        author: r.get("author")?,
        author_id: row::id(r, "author_id")?,
        approver: r.get("approver")?,
        approver_id: row::id_opt(r, "approver_id")?,
        approved_at: row::time_opt(r, "approved_at")?,
        may_exist: r.get("may_exist")?,
        sends: r.get("sends")?,
        failures: r.get("failures")?,
        absences: r.get("absences")?,
        next_at: row::time_opt(r, "next_at")?,
        last_send_at: row::time_opt(r, "last_send_at")?,
        error_code: r.get("error_code")?,
        error_params: row::json(r, "error_params")?,
        number: r.get("number")?,
        version: r.get("version")?,
        resolved_by: r.get("resolved_by")?,
        created_at: row::time(r, "created_at")?,
        changed_at: row::time(r, "changed_at")?,
        sent_at: row::time_opt(r, "sent_at")?,
    })
}

fn write(conn: &Connection, tenant: TenantId, o: &OutboxRow, sql: &str) -> Result<(), StoreError> {
    row::same_tenant(tenant, o.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            o.id.to_string(),
            o.work_order_id.to_string(),
            o.integration_id.to_string(),
            row::to_word(&o.state)?,
            row::to_json(&o.draft)?,
            row::to_json(&o.plan)?,
            o.author,
            o.author_id.to_string(),
            o.approver,
            o.approver_id.map(|id| id.to_string()),
            o.approved_at.map(|t| t.0),
            o.may_exist,
            o.sends,
            o.failures,
            o.absences,
            o.next_at.map(|t| t.0),
            o.last_send_at.map(|t| t.0),
            o.error_code,
            row::to_json(&o.error_params)?,
            o.number,
            o.version,
            o.resolved_by,
            o.created_at.0,
            o.changed_at.0,
            o.sent_at.map(|t| t.0)
        ],
    )
    .map_err(|e| {
        e.or_taken(CodedError::conflict("work_orders.push_under_way"))
            .or_reference(CodedError::not_found("work_orders.not_found"))
    })
}

/// Puts a work order into the outbox; refused while it is on its way already.
pub fn create_outbox_row(
    conn: &Connection,
    tenant: TenantId,
    outbox: &OutboxRow,
) -> Result<(), StoreError> {
    let marks = vec!["?"; 26].join(", ");
    let sql = format!("INSERT INTO work_order_outbox ({COLUMNS}) VALUES ({marks})");
    write(conn, tenant, outbox, &sql)
}

/// Changes a row.
pub fn update_outbox_row(
    conn: &Connection,
    tenant: TenantId,
    outbox: &OutboxRow,
) -> Result<(), StoreError> {
    let sql = "UPDATE work_order_outbox SET work_order_id = ?3, integration_id = ?4, state = ?5,
               draft = ?6, plan = ?7, author = ?8, author_id = ?9, approver = ?10,
               approver_id = ?11, approved_at = ?12, may_exist = ?13, sends = ?14, failures = ?15,
               absences = ?16, next_at = ?17, last_send_at = ?18, error_code = ?19,
               error_params = ?20, number = ?21, version = ?22, resolved_by = ?23,
               created_at = ?24, changed_at = ?25, sent_at = ?26
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, outbox, sql)
}

/// The row, if this tenant has it.
pub fn get_outbox_row(
    conn: &Connection,
    tenant: TenantId,
    id: OutboxId,
) -> Result<Option<OutboxRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM work_order_outbox WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// Rows, newest first.
pub fn list_outbox_rows(
    conn: &Connection,
    tenant: TenantId,
    filter: &OutboxFilter,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    let states = filter
        .states
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let select = format!("SELECT {COLUMNS} FROM work_order_outbox");
    let found = Where::tenant(tenant)
        .any("state", states)
        .maybe(
            "work_order_id = ?",
            filter.work_order_id.map(|id| id.to_string()),
        )
        .maybe(
            "integration_id = ?",
            filter.integration_id.map(|id| id.to_string()),
        )
        .page(
            conn,
            "work_order_outbox",
            (&select, "created_at DESC, id DESC"),
            Page::first(limit),
            read,
        )?;
    Ok(found.rows)
}

/// Systems that have a row whose turn it is.
pub fn list_due_integrations(
    conn: &Connection,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<IntegrationId>, StoreError> {
    let sql = "SELECT DISTINCT integration_id FROM work_order_outbox
               WHERE tenant_id = ? AND state IN ('queued', 'sending')
               AND (next_at IS NULL OR next_at <= ?) ORDER BY integration_id";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(params![tenant.to_string(), now.0], |r| {
        row::id(r, "integration_id")
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Rows to a system whose turn it is, longest waiting first.
pub fn list_due_outbox_rows(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM work_order_outbox");
    let found = Where::tenant(tenant)
        .and("state IN ('queued', 'sending')", [])
        .maybe("integration_id = ?", Some(integration.to_string()))
        .maybe("next_at IS NULL OR next_at <= ?", Some(now.0))
        .page(
            conn,
            "work_order_outbox",
            (&select, "created_at, id"),
            Page::first(limit),
            read,
        )?;
    Ok(found.rows)
}
