//! Work orders: those of the plant's systems and our own.

use std::collections::{HashMap, HashSet};

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{Page, WorkOrder, WorkOrderDetail, WorkOrderInput, WorkOrderPatch};
use iq_domain::{
    AlertId, AssetId, IncidentId, IntegrationId, MatchState, OutboxState, Permission, Timestamp,
    WorkOrderId, WorkOrderKind, WorkOrderOrigin, WorkOrderStatus,
};
use iq_runtime::{
    TenantIndex,
    maintenance::{NewWorkOrder, WorkOrderChange},
};
use iq_store::{
    incidents,
    outbox::{self, OutboxFilter},
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
    words,
};

/// Longest title: what every system's short text can be cut from.
pub(crate) const TITLE_CHARS: usize = 200;
/// Longest type or number.
pub(crate) const WORD_CHARS: usize = 80;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{WorkOrdersRead, WorkOrdersWrite};
    vec![
        get("/api/work-orders", WorkOrdersRead, list_work_orders)
            .query::<WorkOrderQuery>()
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
            .says("One work order with its sendings"),
        patch("/api/work-orders/{id}", WorkOrdersWrite, change_work_order)
            .body::<WorkOrderPatch>()
            .answer::<WorkOrder>()
            .audits("work_orders.update")
            .says("Change a work order that is only here"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct WorkOrderQuery {
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
    /// Part of the number, the reference, a text, or the object it names.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_work_orders(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<WorkOrderQuery>,
) -> Answer<Json<Page<WorkOrder>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    own_integration(&plant, query.integration_id)?;
    let past: Option<Timestamp> = AsOf::past(query.t, state.now())?;
    let page = PageQuery::page(query.limit, query.offset);
    let statuses: Vec<WorkOrderStatus> = words::list("status", query.status.as_deref())?;
    let kinds: Vec<WorkOrderKind> = words::list("kind", query.kind.as_deref())?;
    let origins: Vec<WorkOrderOrigin> = words::list("origin", query.origin.as_deref())?;
    let match_states: Vec<MatchState> = words::list("match", query.match_state.as_deref())?;
    let filter = WorkOrderFilter {
        asset_ids: query.asset_id.into_iter().collect(),
        integration_id: query.integration_id,
        statuses,
        kinds,
        origins,
        match_states,
        alert_id: query.alert_id,
        incident_id: query.incident_id,
        opened_before: past.map(|t| t.plus_ms(1)),
        text: query.q.filter(|q| !q.trim().is_empty()),
    };
    let tenant = caller.tenant_id;
    let (found, pushes) = state
        .runtime
        .store()
        .read(move |conn| {
            let found = rows::list_work_orders(conn, tenant, &filter, page)?;
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
            Ok((found, pushes))
        })
        .await?;
    Ok(Json(answer_page(found, page, |order| {
        let push = pushes.get(&order.id).copied();
        dto(&plant, order, push)
    })))
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
) -> WorkOrder {
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
        created_by: order.created_by,
        opened_at: order.opened_at,
        changed_at: order.changed_at,
        push_state,
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
            Ok(Some((order, pushes, incident)))
        })
        .await?;
    let (order, pushes, incident) = found.ok_or_else(Failure::not_found)?;
    let needs_second_person = state.runtime.push_needs_second_person(tenant).await?;
    let payload = order.payload.clone();
    let push_state = pushes.first().map(|row| row.state);
    Ok(Json(WorkOrderDetail {
        work_order: dto(&plant, order, push_state),
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
        .maybe_line("order_type", input.order_type.as_deref(), WORD_CHARS);
    period(&mut check, input.planned_start_at, input.planned_end_at);
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
    };
    let order = state
        .runtime
        .create_work_order(caller.tenant_id, new, actor(&caller))
        .await?;
    audit
        .object("work_order", order.id)
        .detail("reference", order.reference.clone())
        .detail("title", order.title.clone());
    Ok((StatusCode::CREATED, Json(dto(&plant, order, None))))
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
    check.text("description", description, check::NOTE_CHARS);
    check.done()?;
    audit.detail("status", serde_json::json!(input.status));
    let change = WorkOrderChange {
        status: input.status,
        title: input.title,
        description: input.description,
        priority: input.priority,
    };
    let order = state
        .runtime
        .change_work_order(caller.tenant_id, id, change, actor(&caller))
        .await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(dto(&plant, order, None)))
}

/// A wanted period ends after it begins.
pub(crate) fn period(check: &mut Check, start: Option<Timestamp>, end: Option<Timestamp>) {
    let is_fine = start.zip(end).is_none_or(|(start, end)| start <= end);
    check.require(is_fine, "planned_end_at", "work_orders.ends_before_start");
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
