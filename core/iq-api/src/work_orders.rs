//! Work orders: those of the plant's systems and our own.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    Page, WorkOrder, WorkOrderChange as ShownChange, WorkOrderDetail, WorkOrderInput,
    WorkOrderPatch, WorkOrderVisit,
};
use iq_blackbox::rca::Pack;
use iq_domain::{
    AlertId, AssetId, IncidentId, IntegrationId, MatchState, OutboxState, Permission, TechnicianId,
    TenantId, Timestamp, WorkOrderId, WorkOrderKind, WorkOrderOrigin, WorkOrderPart, WorkOrderPlan,
    WorkOrderStatus,
};
use iq_runtime::{
    TenantIndex,
    maintenance::{NewWorkOrder, PlanChange, WorkOrderChange},
};
use iq_store::{
    Connection, StoreError, incidents,
    outbox::{self, OutboxFilter},
    technicians::{self, TechnicianRow},
    work_order_changes, work_order_plans,
    work_orders::{self as rows, WorkOrderFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, AsOf, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, check, get,
        page::answer_page, patch, post,
    },
    outbox::entry_dto,
    state::ApiState,
    technician_plan, words,
};

/// Longest title: what every system's short text can be cut from.
pub(crate) const TITLE_CHARS: usize = 200;
/// Longest type or number.
pub(crate) const WORD_CHARS: usize = 80;
/// Most hours of one work order.
const MAX_HOURS: f64 = 100_000.0;
/// Most certificates of one work order.
const MAX_CERTIFICATES: usize = 40;
/// Most parts of one work order.
const MAX_PARTS: usize = 100;
/// Most pieces of one part.
const MAX_QUANTITY: f64 = 1_000_000.0;
/// Orders whose plans are read with one question: a list in a question has an end.
const AT_ONCE: usize = 1_000;
/// Changes shown with a work order.
const CHANGES: u32 = 200;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{WorkOrdersRead, WorkOrdersWrite};
    vec![
        get("/api/work-orders", WorkOrdersRead, list_work_orders)
            .query::<WorkOrderQuery>()
            .query::<PageQuery>()
            .page::<WorkOrder>()
            .says("Work orders, newest first"),
        post("/api/work-orders", WorkOrdersWrite, create_work_order)
            .body::<WorkOrderInput>()
            .answer::<WorkOrder>()
            .status(201)
            .audits("work_orders.create")
            .says("Write a work order; nothing is sent"),
        get("/api/work-orders/{id}", WorkOrdersRead, get_work_order)
            .answer::<WorkOrderDetail>()
            .says("One work order with its sendings and what people changed"),
        patch("/api/work-orders/{id}", WorkOrdersWrite, change_work_order)
            .body::<WorkOrderPatch>()
            .answer::<WorkOrder>()
            .audits("work_orders.update")
            .says("Change a work order that is only here, or the plan of any"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct WorkOrderQuery {
    /// Moment in UTC milliseconds: only what had been opened by then.
    t: Option<i64>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// Only this system.
    integration_id: Option<IntegrationId>,
    /// One or more states, with commas.
    status: Option<String>,
    /// One or more kinds, with commas.
    kind: Option<String>,
    /// One or more origins, with commas.
    origin: Option<String>,
    /// One or more ways the asset was found, with commas.
    #[serde(rename = "match")]
    match_state: Option<String>,
    /// Only what was written for this alert.
    alert_id: Option<AlertId>,
    /// Only what was written for this incident.
    incident_id: Option<IncidentId>,
    /// Only what this technician does.
    technician_id: Option<TechnicianId>,
    /// Only what was due and is not done.
    #[serde(default)]
    overdue: bool,
    /// Only what is planned after this moment (UTC ms), or due where nothing is planned; with `planned_to`.
    planned_from: Option<i64>,
    /// … and before this one.
    planned_to: Option<i64>,
    /// Part of the number, the reference, a text, or the object it names.
    q: Option<String>,
}

async fn list_work_orders(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<WorkOrderQuery>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<WorkOrder>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let page = page.get();
    let found = found_orders(&state, &caller, &plant, query, page).await?;
    Ok(Json(answer_page(found, page, |order| order)))
}

/// Work orders a query finds, as they are shown.
pub(crate) async fn found_orders(
    state: &ApiState,
    caller: &Caller,
    plant: &TenantIndex,
    query: WorkOrderQuery,
    page: iq_store::Page,
) -> Answer<iq_store::Paged<WorkOrder>> {
    let now = state.now();
    let technician = query.technician_id;
    let filter = query.filter(plant, now)?;
    let tenant = caller.tenant_id;
    let (found, pushes, plans) = state
        .runtime
        .store()
        .read(move |conn| {
            if let Some(id) = technician {
                // Another tenant's person and one that never existed look the same.
                technicians::get_technician(conn, tenant, id)?.ok_or(StoreError::NotFound)?;
            }
            let found = rows::list_work_orders(conn, tenant, &filter, page)?;
            let mut plans = Plans::default();
            for some in found.rows.chunks(AT_ONCE) {
                plans.add(Plans::of(conn, tenant, some)?);
            }
            let ours: HashSet<WorkOrderId> = found
                .rows
                .iter()
                .filter(|o| o.reference.is_some())
                .map(|o| o.id)
                .collect();
            let mut pushes = HashMap::new();
            for id in ours {
                let filter = OutboxFilter {
                    work_order_id: Some(id),
                    ..OutboxFilter::default()
                };
                let newest = outbox::list_outbox_rows(conn, tenant, &filter, 1)?;
                pushes.extend(newest.first().map(|row| (id, row.state)));
            }
            Ok((found, pushes, plans))
        })
        .await?;
    let shown = found.rows.into_iter().map(|order| {
        let push = pushes.get(&order.id).copied();
        dto(plant, order, push, &plans, now)
    });
    Ok(iq_store::Paged {
        rows: shown.collect(),
        total: found.total,
    })
}

impl WorkOrderQuery {
    fn filter(self, plant: &TenantIndex, now: Timestamp) -> Answer<WorkOrderFilter> {
        crate::assets::refuse_foreign(plant, self.asset_id)?;
        own_integration(plant, self.integration_id)?;
        let past: Option<Timestamp> = AsOf::past(self.t, now)?;
        let statuses: Vec<WorkOrderStatus> = words::list("status", self.status.as_deref())?;
        let kinds: Vec<WorkOrderKind> = words::list("kind", self.kind.as_deref())?;
        let origins: Vec<WorkOrderOrigin> = words::list("origin", self.origin.as_deref())?;
        let match_states: Vec<MatchState> = words::list("match", self.match_state.as_deref())?;
        Ok(WorkOrderFilter {
            asset_ids: self.asset_id.into_iter().collect(),
            integration_id: self.integration_id,
            statuses,
            kinds,
            origins,
            match_states,
            alert_id: self.alert_id,
            incident_id: self.incident_id,
            opened_before: past.map(|t| t.plus_ms(1)),
            technician_id: self.technician_id,
            planned: planned_window(self.planned_from, self.planned_to)?,
            overdue_at: self.overdue.then_some(now),
            text: self.q.filter(|q| !q.trim().is_empty()),
        })
    }
}

/// Longest window a calendar shows.
const WINDOW_MS: i64 = 400 * 86_400_000;

fn planned_window(from: Option<i64>, to: Option<i64>) -> Answer<Option<(Timestamp, Timestamp)>> {
    match (from, to) {
        (None, None) => Ok(None),
        (Some(from), Some(to))
            if from < to && to.checked_sub(from).is_some_and(|ms| ms <= WINDOW_MS) =>
        {
            Ok(Some((Timestamp(from), Timestamp(to))))
        }
        _ => Err(Failure::field("planned_to", "request.window_empty")),
    }
}

/// The plans of work orders, with the people in them and the visits they are part of.
#[derive(Default)]
pub(crate) struct Plans {
    plans: HashMap<WorkOrderId, WorkOrderPlan>,
    people: HashMap<TechnicianId, TechnicianRow>,
    visits: HashMap<WorkOrderId, WorkOrderVisit>,
}

impl Plans {
    pub(crate) fn of(
        conn: &Connection,
        tenant: TenantId,
        orders: &[rows::WorkOrder],
    ) -> Result<Self, StoreError> {
        let ids: Vec<WorkOrderId> = orders.iter().map(|order| order.id).collect();
        let found = work_order_plans::list_work_order_plans(conn, tenant, &ids)?;
        let mut people = HashMap::new();
        for id in found.iter().filter_map(|plan| plan.technician_id) {
            if let Some(row) = technicians::get_technician(conn, tenant, id)? {
                people.insert(id, row);
            }
        }
        let plans = found.into_iter().map(|p| (p.work_order_id, p)).collect();
        Ok(Self {
            plans,
            people,
            visits: visits_of(conn, tenant, orders)?,
        })
    }

    fn add(&mut self, others: Self) {
        self.plans.extend(others.plans);
        self.people.extend(others.people);
        self.visits.extend(others.visits);
    }
}

/// Which visit to its job each order is, where a plan made several.
fn visits_of(
    conn: &Connection,
    tenant: TenantId,
    orders: &[rows::WorkOrder],
) -> Result<HashMap<WorkOrderId, WorkOrderVisit>, StoreError> {
    let firsts = orders
        .iter()
        .map(|order| order.visit_of.unwrap_or(order.id));
    // The visits to one job often stand on one page.
    let firsts: HashSet<WorkOrderId> = firsts.collect();
    let firsts: Vec<WorkOrderId> = firsts.into_iter().collect();
    let mut jobs: HashMap<WorkOrderId, Vec<rows::Visit>> = HashMap::new();
    for visit in rows::list_visits_of(conn, tenant, &firsts)? {
        jobs.entry(visit.first).or_default().push(visit);
    }
    let mut visits = HashMap::new();
    for (of_id, job) in jobs.into_iter().filter(|(_, job)| job.len() > 1) {
        let first = job.iter().find(|visit| visit.id == of_id);
        let of_called = first.and_then(|visit| visit.called.clone());
        let count = u32::try_from(job.len()).unwrap_or(u32::MAX);
        for (place, visit) in (1..).zip(&job) {
            let shown = WorkOrderVisit {
                of_id,
                of_called: of_called.clone(),
                place,
                count,
            };
            visits.insert(visit.id, shown);
        }
    }
    Ok(visits)
}

/// Refuses the id of an integration this tenant does not have.
pub(crate) fn own_integration(plant: &TenantIndex, id: Option<IntegrationId>) -> Answer<()> {
    match id {
        Some(id) if !plant.integrations.contains_key(&id) => Err(Failure::not_found()),
        _ => Ok(()),
    }
}

/// A work order as it is shown.
pub(crate) fn dto(
    plant: &TenantIndex,
    order: rows::WorkOrder,
    push_state: Option<OutboxState>,
    plans: &Plans,
    now: Timestamp,
) -> WorkOrder {
    let plan = plans.plans.get(&order.id).cloned();
    let plan = plan.unwrap_or(WorkOrderPlan::empty(order.id, order.recorded_at));
    let person = plan.technician_id.and_then(|id| plans.people.get(&id));
    let is_ours = order.number.is_none();
    let due = plan.due_at;
    let asset = order
        .asset_id
        .and_then(|id| plant.assets.get(&id))
        .map(|e| &e.asset);
    // The present name of the connection, where it still exists.
    let system = order
        .integration_id
        .and_then(|id| plant.integrations.get(&id))
        .map(|i| i.name.clone());
    WorkOrder {
        id: order.id,
        reference: order.reference,
        integration_id: order.integration_id,
        source_system: system.or(order.source_system),
        kind: order.kind,
        number: order.number,
        title: order.title,
        description: order.description,
        order_type: order.order_type,
        priority: order.priority,
        status: order.status,
        source_status: order.source_status,
        asset_id: asset.map(|a| a.id),
        asset_code: asset.map(|a| a.code.clone()),
        asset_names: asset.map(|a| a.names.clone()),
        match_state: order.match_state,
        equipment_number: order.equipment_number,
        functional_location: order.functional_location,
        plant: order.plant,
        work_center: order.work_center,
        related_number: order.related_number,
        planned_start_at: order.planned_start,
        planned_end_at: order.planned_end,
        actual_start_at: order.actual_start,
        actual_end_at: order.actual_end,
        malfunction_at: order.malfunction_at,
        is_down: order.is_down,
        origin: order.origin,
        alert_id: order.alert_id,
        incident_id: order.incident_id,
        recommendation_id: order.recommendation_id,
        visit: plans.visits.get(&order.id).cloned(),
        created_by: order.created_by,
        opened_at: order.opened_at,
        changed_at: order.changed_at,
        push_state,
        technician_id: person.map(|t| t.technician.id),
        technician_code: person.map(|t| t.code.clone()),
        technician_names: person.map(|t| t.technician.names.clone()),
        due_at: due,
        is_overdue: !order.status.is_over() && due.is_some_and(|due| due < now),
        estimated_hours: plan.estimated_hours,
        actual_hours: plan.actual_hours,
        failure_mode: plan.failure_mode,
        failure_cause: plan.failure_cause,
        recommendation: plan.recommendation,
        parts: plan.parts,
        certificates: plan.certificates,
        needs_outage: plan.needs_outage,
        next: if is_ours {
            order.status.next().to_vec()
        } else {
            Vec::new()
        },
    }
}

async fn get_work_order(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<WorkOrderId>,
) -> Answer<Json<WorkOrderDetail>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let Some(order) = rows::get_work_order(conn, tenant, id)? else {
                return Ok(None);
            };
            let filter = OutboxFilter {
                work_order_id: Some(id),
                ..OutboxFilter::default()
            };
            let pushes = outbox::list_outbox_rows(conn, tenant, &filter, 100)?;
            let incident = match order.incident_id {
                Some(id) => incidents::get_incident(conn, tenant, id)?,
                None => None,
            };
            let plans = Plans::of(conn, tenant, std::slice::from_ref(&order))?;
            let changes = work_order_changes::list_work_order_changes(conn, tenant, id, CHANGES)?;
            Ok(Some((order, pushes, incident, plans, changes)))
        })
        .await?;
    let (order, pushes, incident, plans, changes) = found.ok_or_else(Failure::not_found)?;
    let needs_second_person = state.runtime.push_needs_second_person(tenant).await?;
    let payload = order.payload.clone();
    let push_state = pushes.first().map(|row| row.state);
    Ok(Json(WorkOrderDetail {
        changes: changes
            .into_iter()
            .map(|change| ShownChange {
                at: change.at,
                actor: change.actor,
                fields: change.fields,
            })
            .collect(),
        work_order: dto(&plant, order, push_state, &plans, state.now()),
        payload,
        incident_number: incident.map(|i| i.number),
        pushes: pushes
            .into_iter()
            .map(|row| entry_dto(&caller, &plant, needs_second_person, row))
            .collect(),
    }))
}

async fn create_work_order(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<WorkOrderInput>,
) -> Answer<(StatusCode, Json<WorkOrder>)> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, input.asset_id)?;
    let mut check = Check::new();
    check
        .line("title", &input.title, TITLE_CHARS)
        .text("description", &input.description, check::NOTE_CHARS)
        .maybe_line("order_type", input.order_type.as_deref(), WORD_CHARS)
        .time("malfunction_at", input.malfunction_at);
    period(&mut check, input.planned_start_at, input.planned_end_at);
    let family = family_of(&plant, input.asset_id);
    let plan = PlanChange {
        technician_id: input.technician_id.map(Some),
        due_at: input.due_at.map(Some),
        estimated_hours: input.estimated_hours.map(Some),
        actual_hours: None,
        failure_mode: filled(input.failure_mode).map(Some),
        failure_cause: filled(input.failure_cause).map(Some),
        parts: Some(input.parts),
        certificates: Some(certificates(input.certificates)),
        needs_outage: Some(input.needs_outage),
    };
    check_plan(
        &state.runtime.rule_packs().packs,
        &mut check,
        &plan,
        family.as_deref(),
    );
    let recommendation = input.recommendation.as_deref().unwrap_or_default();
    check.text("recommendation", recommendation, check::NOTE_CHARS);
    check.done()?;
    let new = NewWorkOrder {
        asset_id: input.asset_id,
        kind: input.kind,
        title: input.title,
        description: input.description,
        priority: input.priority,
        order_type: filled(input.order_type),
        planned_start: input.planned_start_at,
        planned_end: input.planned_end_at,
        malfunction_at: input.malfunction_at,
        is_down: input.is_down,
        alert_id: input.alert_id,
        incident_id: input.incident_id,
        recommendation_id: None,
        visit_of: None,
        recommendation: filled(input.recommendation),
        plan,
    };
    let order = state
        .runtime
        .create_work_order(caller.tenant_id, new, actor(&caller))
        .await?;
    audit
        .object("work_order", order.id)
        .detail("reference", order.reference.clone())
        .detail("title", order.title.clone());
    let order = shown(&state, &caller, order.id).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn change_work_order(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WorkOrderId>,
    Body(input): Body<WorkOrderPatch>,
) -> Answer<Json<WorkOrder>> {
    let mut check = Check::new();
    if let Some(title) = &input.title {
        check.line("title", title, TITLE_CHARS);
    }
    let description = input.description.as_deref().unwrap_or_default();
    check
        .text("description", description, check::NOTE_CHARS)
        .time("planned_start_at", input.planned_start_at.flatten())
        .time("planned_end_at", input.planned_end_at.flatten());
    let plan = PlanChange {
        technician_id: input.technician_id,
        due_at: input.due_at,
        estimated_hours: input.estimated_hours,
        actual_hours: input.actual_hours,
        failure_mode: input.failure_mode.map(filled),
        failure_cause: input.failure_cause.map(filled),
        parts: input.parts,
        certificates: input.certificates.map(certificates),
        needs_outage: input.needs_outage,
    };
    let old = shown(&state, &caller, id).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    check_plan(
        &state.runtime.rule_packs().packs,
        &mut check,
        &plan,
        family_of(&plant, old.asset_id).as_deref(),
    );
    check.done()?;
    audit
        .detail("status", serde_json::json!(input.status))
        .detail("technician", serde_json::json!(plan.technician_id));
    let change = WorkOrderChange {
        status: input.status,
        title: input.title,
        description: input.description,
        priority: input.priority,
        planned_start: input.planned_start_at,
        planned_end: input.planned_end_at,
        plan,
    };
    state
        .runtime
        .change_work_order(caller.tenant_id, id, change, actor(&caller))
        .await?;
    Ok(Json(shown(&state, &caller, id).await?))
}

/// A work order as it stands now.
async fn shown(state: &ApiState, caller: &Caller, id: WorkOrderId) -> Answer<WorkOrder> {
    let tenant = caller.tenant_id;
    let plant = state.runtime.tenant(tenant)?;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let order = rows::get_work_order(conn, tenant, id)?;
            let plans = Plans::of(conn, tenant, order.as_slice())?;
            Ok((order, plans))
        })
        .await?;
    let order = found.0.ok_or_else(Failure::not_found)?;
    Ok(dto(&plant, order, None, &found.1, state.now()))
}

fn family_of(plant: &TenantIndex, asset: Option<AssetId>) -> Option<String> {
    let entry = plant.assets.get(&asset?)?;
    Some(entry.asset.family.clone())
}

/// Checks a plan. A cause is one the packs of the asset's family know.
fn check_plan(packs: &[Pack], check: &mut Check, plan: &PlanChange, family: Option<&str>) {
    for (field, hours) in [
        ("estimated_hours", plan.estimated_hours),
        ("actual_hours", plan.actual_hours),
    ] {
        check.number(field, hours.flatten().unwrap_or_default(), 0.0, MAX_HOURS);
    }
    check.time("due_at", plan.due_at.flatten());
    if let Some(Some(mode)) = &plan.failure_mode {
        check.require(
            iq_domain::FAILURE_MODES.contains(&mode.as_str()),
            "failure_mode",
            "work_orders.mode_unknown",
        );
    }
    if let Some(Some(cause)) = &plan.failure_cause {
        let knows = |pack: &Pack| {
            family.is_none_or(|f| pack.fits(f)) && pack.rules.iter().any(|r| r.text.id == *cause)
        };
        check.require(
            packs.iter().any(knows),
            "failure_cause",
            "work_orders.cause_unknown",
        );
    }
    let held = plan.certificates.as_deref().unwrap_or_default();
    check.require(
        held.len() <= MAX_CERTIFICATES,
        "certificates",
        "technicians.too_many_words",
    );
    for name in held.iter().take(MAX_CERTIFICATES) {
        check.line("certificates", name, WORD_CHARS);
    }
    let parts = plan.parts.as_deref().unwrap_or_default();
    check.require(
        parts.len() <= MAX_PARTS,
        "parts",
        "work_orders.too_many_parts",
    );
    for WorkOrderPart {
        name,
        number,
        quantity,
    } in parts.iter().take(MAX_PARTS)
    {
        check
            .line("parts", name, check::NAME_CHARS)
            .maybe_line("parts", number.as_deref(), WORD_CHARS)
            .number("parts", *quantity, 0.0, MAX_QUANTITY);
    }
}

/// Names as technicians carry them: in lower case, each once.
fn certificates(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let name = technician_plan::word(&name);
        if !name.is_empty() && !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

/// A wanted period ends after it begins.
pub(crate) fn period(check: &mut Check, start: Option<Timestamp>, end: Option<Timestamp>) {
    let is_fine = start.zip(end).is_none_or(|(start, end)| start <= end);
    check
        .time("planned_start_at", start)
        .time("planned_end_at", end)
        .require(is_fine, "planned_end_at", "work_orders.ends_before_start");
}

pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

pub(crate) fn actor(caller: &Caller) -> iq_runtime::maintenance::Actor {
    iq_runtime::maintenance::Actor {
        user_id: caller.user_id,
        username: caller.username.clone(),
    }
}
