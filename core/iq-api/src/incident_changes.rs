//! Incidents that people merge and split, and take back.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    IncidentChange, IncidentChangeKind, IncidentRef, MergeRequest, SplitRequest, UndoRequest,
};
use iq_domain::{IncidentId, Permission, TenantId};
use iq_runtime::incident_changes::{Decision, MAX_SPLIT};
use iq_store::{
    Connection, StoreError,
    incident_changes::{self as stored},
    incidents,
};

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Id, Route, check, get, post},
    state::ApiState,
};

/// Changes name up to so many events.
const SPLIT_CAP: usize = 512 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{BlackboxRead, BlackboxWrite};
    vec![
        get(
            "/api/blackbox/incidents/{id}/changes",
            BlackboxRead,
            list_incident_changes,
        )
        .list::<IncidentChange>()
        .says("What was merged into it, split from it and taken back, oldest first"),
        post(
            "/api/blackbox/incidents/{id}/merge",
            BlackboxWrite,
            merge_incident,
        )
        .body::<MergeRequest>()
        .answer::<IncidentChange>()
        .status(201)
        .audits("incidents.merge")
        .says("Make another incident part of this one"),
        post(
            "/api/blackbox/incidents/{id}/split",
            BlackboxWrite,
            split_incident,
        )
        .body::<SplitRequest>()
        .cap(SPLIT_CAP)
        .answer::<IncidentChange>()
        .status(201)
        .audits("incidents.split")
        .says("Make an incident of its own of some of its events"),
        post(
            "/api/blackbox/incidents/{id}/changes/undo",
            BlackboxWrite,
            undo_incident_change,
        )
        .body::<UndoRequest>()
        .answer::<IncidentChange>()
        .status(201)
        .audits("incidents.undo")
        .says("Take the newest merge or split back; that is a record too"),
    ]
}

async fn list_incident_changes(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Answer<Json<Vec<IncidentChange>>> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            if incidents::get_incident(conn, tenant, id)?.is_none() {
                return Ok(None);
            }
            let all = stored::list_incident_changes(conn, tenant, id)?;
            let undone = |c: &stored::IncidentChange| all.iter().any(|u| u.undoes == Some(c.id));
            all.iter()
                .map(|c| dto(conn, tenant, c.clone(), undone(c)))
                .collect::<Result<Vec<_>, StoreError>>()
                .map(Some)
        })
        .await?;
    found.map(Json).ok_or_else(Failure::not_found)
}

/// The incident this one is part of, for a page that was opened by an old address.
pub(crate) fn survivor(
    conn: &Connection,
    tenant: TenantId,
    id: IncidentId,
) -> Result<Option<IncidentRef>, StoreError> {
    stored::get_survivor(conn, tenant, id)?
        .map(|id| reference(conn, tenant, id))
        .transpose()
}

fn reference(
    conn: &Connection,
    tenant: TenantId,
    id: IncidentId,
) -> Result<IncidentRef, StoreError> {
    let found = incidents::get_incident(conn, tenant, id)?;
    Ok(IncidentRef {
        id,
        number: found.map_or_else(String::new, |i| i.number),
    })
}

fn dto(
    conn: &Connection,
    tenant: TenantId,
    change: stored::IncidentChange,
    is_undone: bool,
) -> Result<IncidentChange, StoreError> {
    Ok(IncidentChange {
        id: change.id,
        kind: match change.kind {
            stored::IncidentChangeKind::Merge => IncidentChangeKind::Merge,
            stored::IncidentChangeKind::Split => IncidentChangeKind::Split,
            stored::IncidentChangeKind::Undo => IncidentChangeKind::Undo,
        },
        incident: reference(conn, tenant, change.incident_id)?,
        other: reference(conn, tenant, change.other_id)?,
        undoes: change.undoes,
        is_undone,
        reason: change.reason,
        actor: change.actor,
        at: change.at,
    })
}

fn decision(caller: &Caller, reason: String) -> Answer<Decision> {
    Check::new()
        .require(!reason.trim().is_empty(), "reason", "request.text_empty")
        .text("reason", &reason, check::NOTE_CHARS)
        .done()?;
    Ok(Decision {
        actor: caller.username.clone(),
        reason,
    })
}

async fn answer(
    state: &ApiState,
    audit: &Audit,
    change: stored::IncidentChange,
) -> Answer<(StatusCode, Json<IncidentChange>)> {
    let tenant = change.tenant_id;
    audit.detail("change_id", change.id.to_string());
    audit.detail("other", change.other_id.to_string());
    let body = state
        .runtime
        .store()
        .read(move |conn| dto(conn, tenant, change, false))
        .await?;
    Ok((StatusCode::CREATED, Json(body)))
}

async fn merge_incident(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(request): Body<MergeRequest>,
) -> Answer<(StatusCode, Json<IncidentChange>)> {
    let by = decision(&caller, request.reason)?;
    let tenant = caller.tenant_id;
    let change = state
        .runtime
        .merge_incidents(tenant, id, request.incident_id, by)
        .await?;
    answer(&state, &audit, change).await
}

async fn split_incident(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(request): Body<SplitRequest>,
) -> Answer<(StatusCode, Json<IncidentChange>)> {
    let by = decision(&caller, request.reason)?;
    Check::new()
        .require(
            (1..=MAX_SPLIT).contains(&request.event_ids.len()),
            "event_ids",
            "incidents.split_nothing",
        )
        .done()?;
    audit.detail("events", request.event_ids.len());
    let tenant = caller.tenant_id;
    let change = state
        .runtime
        .split_incident(tenant, id, request.event_ids, by)
        .await?;
    answer(&state, &audit, change).await
}

async fn undo_incident_change(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(request): Body<UndoRequest>,
) -> Answer<(StatusCode, Json<IncidentChange>)> {
    let by = decision(&caller, request.reason)?;
    let tenant = caller.tenant_id;
    let change = state
        .runtime
        .undo_incident_change(tenant, id, request.change_id, by)
        .await?;
    answer(&state, &audit, change).await
}
