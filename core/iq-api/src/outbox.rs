//! Work orders on their way to a maintenance system: dry run, approval, correction, what became of it.

use axum::{Json, extract::State};
use iq_api_types::{
    OpenWorkOrder, OutboxEntry, PayloadDifference, PushAnswer, PushApproval, PushContent,
    PushPayload, PushPreview, PushRequest, PushResolution, WorkOrderSettings,
};
use iq_connector::PushPlan;
use iq_domain::{Message, OutboxId, OutboxState, Permission, WorkOrderDraft, WorkOrderId};
use iq_runtime::{
    TenantIndex,
    maintenance::{self, PushEdit, PushTarget},
};
use iq_store::outbox::{self as rows, OutboxFilter, OutboxRow};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Id, Query, Route, check, get, post, put},
    state::ApiState,
    texts, words,
    work_orders::{TITLE_CHARS, WORD_CHARS, actor, own_integration, period},
};

/// Entries of one list.
const MAX_ENTRIES: u32 = 500;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsWrite, WorkOrdersApprove, WorkOrdersRead, WorkOrdersWrite};
    let entry = |route: Route| route.answer::<OutboxEntry>();
    vec![
        get(
            "/api/work-orders/settings",
            WorkOrdersRead,
            get_work_order_settings,
        )
        .answer::<WorkOrderSettings>()
        .says("How work orders leave"),
        put(
            "/api/work-orders/settings",
            IntegrationsWrite,
            put_work_order_settings,
        )
        .body::<WorkOrderSettings>()
        .answer::<WorkOrderSettings>()
        .audits("work_orders.update_settings")
        .says("Set how work orders leave"),
        post(
            "/api/work-orders/{id}/push",
            WorkOrdersWrite,
            push_work_order,
        )
        .query::<PushQuery>()
        .body::<PushRequest>()
        .answer::<PushAnswer>()
        .audits("work_orders.push")
        .says("Show what would be sent, or hand it in for approval"),
        get("/api/work-orders/outbox", WorkOrdersRead, list_outbox)
            .query::<OutboxQuery>()
            .list::<OutboxEntry>()
            .says("Work orders on their way, newest first"),
        entry(get(
            "/api/work-orders/outbox/{id}",
            WorkOrdersRead,
            get_outbox_entry,
        ))
        .says("One of them"),
        entry(put(
            "/api/work-orders/outbox/{id}",
            WorkOrdersApprove,
            edit_outbox_entry,
        ))
        .body::<PushContent>()
        .audits("work_orders.edit_push")
        .says("Correct what was refused or waits for approval"),
        entry(post(
            "/api/work-orders/outbox/{id}/approve",
            WorkOrdersApprove,
            approve_push,
        ))
        .body::<PushApproval>()
        .audits("work_orders.approve_push")
        .says("Approve it; it is sent at the next opportunity"),
        entry(post(
            "/api/work-orders/outbox/{id}/reject",
            WorkOrdersApprove,
            reject_push,
        ))
        .audits("work_orders.reject_push")
        .says("Reject it; it is not sent"),
        entry(post(
            "/api/work-orders/outbox/{id}/retry",
            WorkOrdersApprove,
            retry_push,
        ))
        .audits("work_orders.retry_push")
        .says("Try again at once, or hand in what was corrected"),
        entry(post(
            "/api/work-orders/outbox/{id}/resolve",
            WorkOrdersApprove,
            resolve_push,
        ))
        .body::<PushResolution>()
        .audits("work_orders.resolve_push")
        .says("Say what became of one nobody knows the end of"),
    ]
}

async fn get_work_order_settings(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<WorkOrderSettings>> {
    let needed = state
        .runtime
        .push_needs_second_person(caller.tenant_id)
        .await?;
    Ok(Json(WorkOrderSettings {
        push_needs_second_person: needed,
    }))
}

async fn put_work_order_settings(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<WorkOrderSettings>,
) -> Answer<Json<WorkOrderSettings>> {
    audit.detail("push_needs_second_person", input.push_needs_second_person);
    state
        .runtime
        .set_push_needs_second_person(caller.tenant_id, input.push_needs_second_person)
        .await?;
    Ok(Json(input))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct PushQuery {
    /// Only show what would be sent.
    #[serde(default)]
    dry_run: bool,
}

async fn push_work_order(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<WorkOrderId>,
    Query(query): Query<PushQuery>,
    Body(request): Body<PushRequest>,
) -> Answer<Json<PushAnswer>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    own_integration(&plant, Some(request.integration_id))?;
    audit
        .detail("integration_id", request.integration_id.to_string())
        .detail("dry_run", query.dry_run);
    let target = PushTarget {
        integration_id: request.integration_id,
        kind: request.kind,
    };
    let tenant = caller.tenant_id;
    if query.dry_run {
        let preview = state.runtime.preview_push(tenant, id, target).await?;
        return Ok(Json(PushAnswer {
            preview: Some(preview_dto(&caller, preview)),
            entry: None,
        }));
    }
    let row = state
        .runtime
        .push_work_order(tenant, id, target, actor(&caller))
        .await?;
    note(&audit, &row);
    Ok(Json(PushAnswer {
        preview: None,
        entry: Some(shown(&state, &caller, row).await?),
    }))
}

fn preview_dto(caller: &Caller, preview: maintenance::PushPreview) -> PushPreview {
    PushPreview {
        request: payload_dto(preview.plan),
        differences: preview
            .differences
            .into_iter()
            .map(|d| PayloadDifference {
                path: d.path,
                before: d.before,
                after: d.after,
            })
            .collect(),
        open_there: preview
            .open_there
            .into_iter()
            .map(|o| OpenWorkOrder {
                id: o.id,
                number: o.number,
                title: o.title,
                status: o.status,
            })
            .collect(),
        warnings: preview
            .warnings
            .iter()
            .map(|w| texts::status(caller.language, w))
            .collect(),
        needs_second_person: preview.needs_second_person,
    }
}

fn payload_dto(plan: PushPlan) -> PushPayload {
    PushPayload {
        method: plan.method,
        path: plan.path,
        payload: plan.payload,
        reference: plan.reference,
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct OutboxQuery {
    /// One or more states, with commas.
    state: Option<String>,
    /// Only this work order.
    work_order_id: Option<WorkOrderId>,
}

async fn list_outbox(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<OutboxQuery>,
) -> Answer<Json<Vec<OutboxEntry>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let states: Vec<OutboxState> = words::list("state", query.state.as_deref())?;
    let filter = OutboxFilter {
        states,
        work_order_id: query.work_order_id,
        integration_id: None,
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| rows::list_outbox_rows(conn, tenant, &filter, MAX_ENTRIES))
        .await?;
    let needed = state.runtime.push_needs_second_person(tenant).await?;
    let dto = |row| entry_dto(&caller, &plant, needed, row);
    Ok(Json(found.into_iter().map(dto).collect()))
}

async fn get_outbox_entry(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<OutboxId>,
) -> Answer<Json<OutboxEntry>> {
    let tenant = caller.tenant_id;
    let row = state
        .runtime
        .store()
        .read(move |conn| rows::get_outbox_row(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)?;
    Ok(Json(shown(&state, &caller, row).await?))
}

async fn edit_outbox_entry(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutboxId>,
    Body(input): Body<PushContent>,
) -> Answer<Json<OutboxEntry>> {
    let mut check = Check::new();
    check.line("title", &input.title, TITLE_CHARS).text(
        "description",
        &input.description,
        check::NOTE_CHARS,
    );
    for (field, text) in [
        ("order_type", &input.order_type),
        ("equipment_number", &input.equipment_number),
        ("functional_location", &input.functional_location),
    ] {
        check.maybe_line(field, text.as_deref(), WORD_CHARS);
    }
    check.time("malfunction_at", input.malfunction_at);
    period(&mut check, input.planned_start_at, input.planned_end_at);
    check.done()?;
    let edit = PushEdit {
        title: input.title,
        description: input.description,
        priority: input.priority,
        order_type: input.order_type,
        equipment_number: input.equipment_number,
        functional_location: input.functional_location,
        planned_start: input.planned_start_at,
        planned_end: input.planned_end_at,
        malfunction_at: input.malfunction_at,
        is_down: input.is_down,
    };
    let row = state
        .runtime
        .edit_push(caller.tenant_id, id, edit, actor(&caller))
        .await?;
    answer(&state, &caller, &audit, row).await
}

async fn approve_push(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutboxId>,
    Body(seen): Body<PushApproval>,
) -> Answer<Json<OutboxEntry>> {
    let row = state
        .runtime
        .approve_push(caller.tenant_id, id, seen.changed_at, actor(&caller))
        .await?;
    answer(&state, &caller, &audit, row).await
}

async fn reject_push(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutboxId>,
) -> Answer<Json<OutboxEntry>> {
    let row = state
        .runtime
        .reject_push(caller.tenant_id, id, actor(&caller))
        .await?;
    answer(&state, &caller, &audit, row).await
}

async fn retry_push(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutboxId>,
) -> Answer<Json<OutboxEntry>> {
    let row = state.runtime.retry_push(caller.tenant_id, id).await?;
    answer(&state, &caller, &audit, row).await
}

async fn resolve_push(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutboxId>,
    Body(input): Body<PushResolution>,
) -> Answer<Json<OutboxEntry>> {
    let number = crate::work_orders::filled(input.number);
    audit.detail("number", number.clone());
    let row = state
        .runtime
        .resolve_push(caller.tenant_id, id, number, actor(&caller))
        .await?;
    answer(&state, &caller, &audit, row).await
}

/// What the record says about a step, and on which machine.
fn note(audit: &Audit, row: &OutboxRow) {
    audit
        .object("work_order_push", row.id)
        .called(row.draft.reference.clone())
        .detail("reference", row.draft.reference.clone())
        .detail("request", row.plan.clone());
    if let Some(asset) = row.draft.asset_id {
        audit.asset(asset);
    }
}

async fn answer(
    state: &ApiState,
    caller: &Caller,
    audit: &Audit,
    row: OutboxRow,
) -> Answer<Json<OutboxEntry>> {
    note(audit, &row);
    Ok(Json(shown(state, caller, row).await?))
}

async fn shown(state: &ApiState, caller: &Caller, row: OutboxRow) -> Answer<OutboxEntry> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let needed = state
        .runtime
        .push_needs_second_person(caller.tenant_id)
        .await?;
    Ok(entry_dto(caller, &plant, needed, row))
}

/// An entry as it is shown.
pub(crate) fn entry_dto(
    caller: &Caller,
    plant: &TenantIndex,
    needs_second_person: bool,
    row: OutboxRow,
) -> OutboxEntry {
    let error = row.error_code.as_ref().map(|code| Message {
        code: code.clone(),
        params: texts::params_of(&row.error_params),
    });
    let text = |key: &str| row.plan[key].as_str().unwrap_or_default().to_owned();
    let request = PushPayload {
        method: text("method"),
        path: text("path"),
        payload: row.plan["payload"].clone(),
        reference: text("reference"),
    };
    let asset = row.draft.asset_id.and_then(|id| plant.assets.get(&id));
    OutboxEntry {
        id: row.id,
        work_order_id: row.work_order_id,
        integration_id: row.integration_id,
        integration_name: plant
            .integrations
            .get(&row.integration_id)
            .map(|i| i.name.clone()),
        kind: row.draft.kind,
        reference: row.draft.reference.clone(),
        asset_id: asset.map(|e| e.asset.id),
        asset_code: asset.map(|e| e.asset.code.clone()),
        state: row.state,
        awaits_another_person: needs_second_person
            && row.state == OutboxState::AwaitingApproval
            && row.author_id == caller.user_id,
        content: content_dto(row.draft),
        request,
        author: row.author,
        approver: row.approver,
        approved_at: row.approved_at,
        may_exist: row.may_exist,
        sends: row.sends,
        last_send_at: row.last_send_at,
        next_at: row.next_at,
        error: error.map(|e| texts::status(caller.language, &e)),
        number: row.number,
        resolved_by: row.resolved_by,
        created_at: row.created_at,
        changed_at: row.changed_at,
        sent_at: row.sent_at,
    }
}

fn content_dto(draft: WorkOrderDraft) -> PushContent {
    PushContent {
        title: draft.title,
        description: draft.description,
        priority: draft.priority,
        order_type: draft.order_type,
        equipment_number: draft.equipment_number,
        functional_location: draft.functional_location,
        planned_start_at: draft.planned_start,
        planned_end_at: draft.planned_end,
        malfunction_at: draft.malfunction_at,
        is_down: draft.is_down,
    }
}
