//! Work orders: those read from maintenance systems and those written here, in one table, so that a
//! list shows both.

use iq_domain::{
    AlertId, AssetId, CodedError, IncidentId, IntegrationId, RecommendationId, TechnicianId,
    TenantId, Timestamp, WorkOrderId, WorkOrderKind, WorkOrderPriority, WorkOrderStatus,
};
use rusqlite::{Connection, Row, params, types::Value};
use serde::Serialize;

pub use iq_domain::{MatchState, WorkOrderOrigin};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const COLUMNS: &str = "tenant_id, id, reference, integration_id, source_system, kind, number, title, \
    description, order_type, priority, status, source_status, asset_id, match_state, \
    equipment_number, functional_location, plant, work_center, related_number, planned_start, \
    planned_end, actual_start, actual_end, malfunction_at, is_down, origin, alert_id, incident_id, \
    version, payload, created_by, opened_at, changed_at, recorded_at, recommendation_id, visit_of";

/// Where a work order came from. The stored word can't be "recommendation" (see migration 0015): the
/// recommendation it carries says so, or the job it goes on with.
const ORIGIN: &str = "CASE WHEN recommendation_id IS NULL AND visit_of IS NULL THEN origin
    ELSE 'recommendation' END";

/// A work order.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkOrder {
    /// Id.
    pub id: WorkOrderId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Our own reference; only on what was written here.
    pub reference: Option<String>,
    /// The connection to the system that has it; `None` while it is only here.
    pub integration_id: Option<IntegrationId>,
    /// Name of that system, kept when the connection goes.
    pub source_system: Option<String>,
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Its number there.
    pub number: Option<String>,
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
    /// Type there ("PM01").
    pub order_type: Option<String>,
    /// Urgency.
    pub priority: Option<WorkOrderPriority>,
    /// Where it stands.
    pub status: WorkOrderStatus,
    /// The system's own word for that.
    pub source_status: String,
    /// Our asset.
    pub asset_id: Option<AssetId>,
    /// How it was found.
    pub match_state: MatchState,
    /// Equipment, as its system writes it.
    pub equipment_number: Option<String>,
    /// Functional location, as its system writes it.
    pub functional_location: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// Work centre.
    pub work_center: Option<String>,
    /// The notification of an order, or the order of a notification.
    pub related_number: Option<String>,
    /// Planned start.
    pub planned_start: Option<Timestamp>,
    /// Planned end.
    pub planned_end: Option<Timestamp>,
    /// Start of work.
    pub actual_start: Option<Timestamp>,
    /// End of work.
    pub actual_end: Option<Timestamp>,
    /// When the malfunction began.
    pub malfunction_at: Option<Timestamp>,
    /// Whether the object is down.
    pub is_down: bool,
    /// Where it came from.
    pub origin: WorkOrderOrigin,
    /// The alert it was written for.
    pub alert_id: Option<AlertId>,
    /// The incident it was written for.
    pub incident_id: Option<IncidentId>,
    /// The recommendation it was published from.
    pub recommendation_id: Option<RecommendationId>,
    /// The first order of the job it goes on with, where a plan made one for each visit.
    pub visit_of: Option<WorkOrderId>,
    /// Its version there (ETag).
    pub version: Option<String>,
    /// The row as its system gave it; `null` for our own.
    pub payload: serde_json::Value,
    /// User who wrote it here.
    pub created_by: Option<String>,
    /// Created, there or here.
    pub opened_at: Timestamp,
    /// Last change, there or here.
    pub changed_at: Timestamp,
    /// Last time this row was written.
    pub recorded_at: Timestamp,
}

/// Which work orders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkOrderFilter {
    /// Of one of these assets; empty for all.
    pub asset_ids: Vec<AssetId>,
    /// Of this system.
    pub integration_id: Option<IntegrationId>,
    /// In one of these states; empty for all.
    pub statuses: Vec<WorkOrderStatus>,
    /// Of one of these kinds; empty for all.
    pub kinds: Vec<WorkOrderKind>,
    /// Of one of these origins; empty for all.
    pub origins: Vec<WorkOrderOrigin>,
    /// Found in one of these ways; empty for all.
    pub match_states: Vec<MatchState>,
    /// Written for this alert.
    pub alert_id: Option<AlertId>,
    /// Written for this incident.
    pub incident_id: Option<IncidentId>,
    /// Opened before this moment.
    pub opened_before: Option<Timestamp>,
    /// Given to this technician.
    pub technician_id: Option<TechnicianId>,
    /// Planned for some of this window; what is not planned, due in it.
    pub planned: Option<(Timestamp, Timestamp)>,
    /// Due before this moment and not done.
    pub overdue_at: Option<Timestamp>,
    /// Occurs in number, reference, texts or the objects it names.
    pub text: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<WorkOrder> {
    let priority: Option<String> = r.get("priority")?;
    let recommendation_id = row::id_opt(r, "recommendation_id")?;
    let visit_of = row::id_opt(r, "visit_of")?;
    Ok(WorkOrder {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        reference: r.get("reference")?,
        integration_id: row::id_opt(r, "integration_id")?,
        source_system: r.get("source_system")?,
        kind: row::word(r, "kind")?,
        number: r.get("number")?,
        title: r.get("title")?,
        description: r.get("description")?,
        order_type: r.get("order_type")?,
        priority: match priority {
            Some(_) => Some(row::word(r, "priority")?),
            None => None,
        },
        status: row::word(r, "status")?,
        source_status: r.get("source_status")?,
        asset_id: row::id_opt(r, "asset_id")?,
        match_state: row::word(r, "match_state")?,
        equipment_number: r.get("equipment_number")?,
        functional_location: r.get("functional_location")?,
        plant: r.get("plant")?,
        work_center: r.get("work_center")?,
        related_number: r.get("related_number")?,
        planned_start: row::time_opt(r, "planned_start")?,
        planned_end: row::time_opt(r, "planned_end")?,
        actual_start: row::time_opt(r, "actual_start")?,
        actual_end: row::time_opt(r, "actual_end")?,
        malfunction_at: row::time_opt(r, "malfunction_at")?,
        is_down: r.get("is_down")?,
        origin: if recommendation_id.is_some() || visit_of.is_some() {
            WorkOrderOrigin::Recommendation
        } else {
            row::word(r, "origin")?
        },
        alert_id: row::id_opt(r, "alert_id")?,
        incident_id: row::id_opt(r, "incident_id")?,
        recommendation_id,
        visit_of,
        version: r.get("version")?,
        payload: row::json(r, "payload")?,
        created_by: r.get("created_by")?,
        opened_at: row::time(r, "opened_at")?,
        changed_at: row::time(r, "changed_at")?,
        recorded_at: row::time(r, "recorded_at")?,
    })
}

fn write(conn: &Connection, tenant: TenantId, w: &WorkOrder, sql: &str) -> Result<(), StoreError> {
    row::same_tenant(tenant, w.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            w.id.to_string(),
            w.reference,
            w.integration_id.map(|id| id.to_string()),
            w.source_system,
            row::to_word(&w.kind)?,
            w.number,
            w.title,
            w.description,
            w.order_type,
            w.priority.as_ref().map(row::to_word).transpose()?,
            row::to_word(&w.status)?,
            w.source_status,
            w.asset_id.map(|id| id.to_string()),
            row::to_word(&w.match_state)?,
            w.equipment_number,
            w.functional_location,
            w.plant,
            w.work_center,
            w.related_number,
            w.planned_start.map(|t| t.0),
            w.planned_end.map(|t| t.0),
            w.actual_start.map(|t| t.0),
            w.actual_end.map(|t| t.0),
            w.malfunction_at.map(|t| t.0),
            w.is_down,
            row::to_word(&stored_origin(w.origin))?,
            w.alert_id.map(|id| id.to_string()),
            w.incident_id.map(|id| id.to_string()),
            w.version,
            row::to_json(&w.payload)?,
            w.created_by,
            w.opened_at.0,
            w.changed_at.0,
            w.recorded_at.0,
            w.recommendation_id.map(|id| id.to_string()),
            w.visit_of.map(|id| id.to_string())
        ],
    )
    .map_err(|e| e.or_taken(CodedError::conflict("work_orders.exists")))
}

const fn stored_origin(origin: WorkOrderOrigin) -> WorkOrderOrigin {
    match origin {
        WorkOrderOrigin::Recommendation => WorkOrderOrigin::Manual,
        other => other,
    }
}

/// Creates a work order.
pub fn create_work_order(
    conn: &Connection,
    tenant: TenantId,
    work_order: &WorkOrder,
) -> Result<(), StoreError> {
    let marks = vec!["?"; 37].join(", ");
    let sql = format!("INSERT INTO work_orders ({COLUMNS}) VALUES ({marks})");
    write(conn, tenant, work_order, &sql)
}

/// Changes a work order.
pub fn update_work_order(
    conn: &Connection,
    tenant: TenantId,
    work_order: &WorkOrder,
) -> Result<(), StoreError> {
    let sql = "UPDATE work_orders SET reference = ?3, integration_id = ?4, source_system = ?5,
               kind = ?6, number = ?7, title = ?8, description = ?9, order_type = ?10,
               priority = ?11, status = ?12, source_status = ?13, asset_id = ?14,
               match_state = ?15, equipment_number = ?16, functional_location = ?17, plant = ?18,
               work_center = ?19, related_number = ?20, planned_start = ?21, planned_end = ?22,
               actual_start = ?23, actual_end = ?24, malfunction_at = ?25, is_down = ?26,
               origin = ?27, alert_id = ?28, incident_id = ?29, version = ?30, payload = ?31,
               created_by = ?32, opened_at = ?33, changed_at = ?34, recorded_at = ?35,
               recommendation_id = ?36, visit_of = ?37
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, work_order, sql)
}

/// Takes a row away whose place another one takes.
pub fn delete_work_order(
    conn: &Connection,
    tenant: TenantId,
    id: WorkOrderId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM work_orders WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("work_orders.exists")))
}

fn find(
    conn: &Connection,
    condition: &str,
    args: &[&dyn rusqlite::ToSql],
) -> Result<Option<WorkOrder>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM work_orders WHERE tenant_id = ? AND {condition}");
    query::find(conn, &sql, args, read)
}

/// The work order, if this tenant has it.
pub fn get_work_order(
    conn: &Connection,
    tenant: TenantId,
    id: WorkOrderId,
) -> Result<Option<WorkOrder>, StoreError> {
    find(conn, "id = ?", params![tenant.to_string(), id.to_string()])
}

/// The work order that carries our reference.
pub fn get_work_order_by_reference(
    conn: &Connection,
    tenant: TenantId,
    reference: &str,
) -> Result<Option<WorkOrder>, StoreError> {
    find(
        conn,
        "reference = ?",
        params![tenant.to_string(), reference],
    )
}

/// The work order a system has under that number.
pub fn get_work_order_by_number(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    kind: WorkOrderKind,
    number: &str,
) -> Result<Option<WorkOrder>, StoreError> {
    find(
        conn,
        "integration_id = ? AND kind = ? AND number = ?",
        params![
            tenant.to_string(),
            integration.to_string(),
            row::to_word(&kind)?,
            number
        ],
    )
}

fn words<T: Serialize>(values: &[T]) -> Result<Vec<String>, StoreError> {
    values.iter().map(row::to_word).collect()
}

fn filtered(tenant: TenantId, filter: &WorkOrderFilter) -> Result<Where, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .any(
            "asset_id",
            filter.asset_ids.iter().map(ToString::to_string).collect(),
        )
        .maybe(
            "integration_id = ?",
            filter.integration_id.map(|id| id.to_string()),
        )
        .any("status", words(&filter.statuses)?)
        .any("kind", words(&filter.kinds)?)
        .any(ORIGIN, words(&filter.origins)?)
        .any("match_state", words(&filter.match_states)?)
        .maybe("alert_id = ?", filter.alert_id.map(|id| id.to_string()))
        .maybe(
            "incident_id = ?",
            filter.incident_id.map(|id| id.to_string()),
        )
        .maybe("opened_at < ?", filter.opened_before.map(|t| t.0))
        .maybe(
            "id IN (SELECT work_order_id FROM work_order_plans p
                    WHERE p.tenant_id = work_orders.tenant_id AND p.technician_id = ?)",
            filter.technician_id.map(|id| id.to_string()),
        )
        .contains(
            &[
                "number",
                "reference",
                "title",
                "description",
                "equipment_number",
                "functional_location",
            ],
            filter.text.as_deref(),
        );
    if let Some((from, to)) = filter.planned {
        wanted.and(
            "COALESCE(planned_start, planned_end) < ?
             AND COALESCE(planned_end, planned_start) >= ?
             OR (planned_start IS NULL AND planned_end IS NULL AND id IN (
                 SELECT work_order_id FROM work_order_plans p
                 WHERE p.tenant_id = work_orders.tenant_id AND p.due_at >= ? AND p.due_at < ?))",
            [to.0, from.0, from.0, to.0].map(Value::Integer),
        );
    }
    if let Some(at) = filter.overdue_at {
        wanted.and(
            "status NOT IN ('completed', 'closed', 'cancelled') AND id IN (
                 SELECT work_order_id FROM work_order_plans p
                 WHERE p.tenant_id = work_orders.tenant_id AND p.due_at < ?)",
            [Value::Integer(at.0)],
        );
    }
    Ok(wanted)
}

/// A page of work orders, newest first.
pub fn list_work_orders(
    conn: &Connection,
    tenant: TenantId,
    filter: &WorkOrderFilter,
    page: Page,
) -> Result<Paged<WorkOrder>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM work_orders");
    let order = (select.as_str(), "opened_at DESC, id DESC");
    filtered(tenant, filter)?.page(conn, "work_orders", order, page, read)
}

/// How many work orders match.
pub fn count_work_orders(
    conn: &Connection,
    tenant: TenantId,
    filter: &WorkOrderFilter,
) -> Result<u64, StoreError> {
    filtered(tenant, filter)?.count(conn, "work_orders")
}

/// Visits in the order of their times.
const BY_TIME: &str = "planned_start IS NULL, planned_start, opened_at, id";

/// The orders for the visits to a job, in the order of their times.
pub fn list_visits(
    conn: &Connection,
    tenant: TenantId,
    first: WorkOrderId,
) -> Result<Vec<WorkOrder>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM work_orders");
    let found = Where::tenant(tenant)
        .and(
            "id = ? OR visit_of = ?",
            [first, first].map(|id| Value::Text(id.to_string())),
        )
        .page(conn, "work_orders", (&select, BY_TIME), Page::MAX, read)?;
    Ok(found.rows)
}

/// An order as a visit to its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The order.
    pub id: WorkOrderId,
    /// The first order of the job; its own id where it is that.
    pub first: WorkOrderId,
    /// Number, else reference.
    pub called: Option<String>,
}

/// The visits to the jobs with these first orders, those of a job in the order of their times. An order that is
/// the only one of its job is among them.
pub fn list_visits_of(
    conn: &Connection,
    tenant: TenantId,
    firsts: &[WorkOrderId],
) -> Result<Vec<Visit>, StoreError> {
    let ids: Vec<String> = firsts.iter().map(ToString::to_string).collect();
    let first = query::one_of("id", ids.clone());
    let wanted: Vec<_> = first
        .into_iter()
        .chain(query::one_of("visit_of", ids))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let select =
        "SELECT id, COALESCE(visit_of, id) AS first_id, COALESCE(number, reference) AS called
                  FROM work_orders";
    Where::tenant(tenant)
        .any_of(wanted)
        .list(conn, select, BY_TIME, |r| {
            Ok(Visit {
                id: row::id(r, "id")?,
                first: row::id(r, "first_id")?,
                called: r.get("called")?,
            })
        })
}

/// Work orders of a system after one of them, in the order of their ids: to go through all of them in
/// steps.
pub fn list_work_orders_after(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    after: Option<WorkOrderId>,
    limit: u32,
) -> Result<Vec<WorkOrder>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM work_orders");
    let found = Where::tenant(tenant)
        .maybe("integration_id = ?", Some(integration.to_string()))
        .maybe("id > ?", after.map(|id| id.to_string()))
        .page(
            conn,
            "work_orders",
            (&select, "id"),
            Page::first(limit),
            read,
        )?;
    Ok(found.rows)
}

/// What a tenant's orders add up to: it is another after every change of what they tell of machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdersVersion([i64; 10]);

/// The version of a tenant's orders and their plans.
pub fn orders_version(conn: &Connection, tenant: TenantId) -> Result<OrdersVersion, StoreError> {
    let sql = "SELECT COUNT(*), COUNT(asset_id), COUNT(actual_end), COUNT(malfunction_at),
                      COALESCE(SUM(is_down), 0), COALESCE(SUM(LENGTH(status)), 0),
                      COALESCE(SUM(changed_at), 0), COALESCE(SUM(recorded_at), 0),
                      (SELECT COUNT(*) FROM work_order_plans WHERE tenant_id = ?1),
                      (SELECT COALESCE(SUM(changed_at), 0) FROM work_order_plans WHERE tenant_id = ?1)
               FROM work_orders WHERE tenant_id = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let figures = statement.query_row(params![tenant.to_string()], |r| {
        let mut figures = [0; 10];
        for (at, figure) in figures.iter_mut().enumerate() {
            *figure = r.get(at)?;
        }
        Ok(figures)
    })?;
    Ok(OrdersVersion(figures))
}
