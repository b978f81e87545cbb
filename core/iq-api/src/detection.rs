//! Incidents found in the past: the button that looks for them.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{DetectionRequest, Job};
use iq_domain::{JobId, Permission};
use iq_runtime::DetectionWindow;

use crate::{
    assets::refuse_foreign,
    http::{Answer, Audit, Body, Caller, Failure, Id, Route, Window, post},
    jobs,
    state::ApiState,
};

/// Looked through when no start is given: a year.
const DEFAULT_MS: i64 = 366 * 86_400_000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        post(
            "/api/blackbox/incidents/detect",
            Permission::BlackboxWrite,
            detect_incidents,
        )
        .body::<DetectionRequest>()
        .answer::<Job>()
        .status(202)
        .audits("incidents.detect")
        .says("Look for incidents in stored events of the past; run again, it adds nothing"),
        post(
            "/api/blackbox/incidents/detect/{id}/cancel",
            Permission::BlackboxWrite,
            cancel_detection,
        )
        .answer::<Job>()
        .audits("incidents.cancel_detect")
        .says("Stop looking; what was found stays"),
    ]
}

async fn detect_incidents(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<DetectionRequest>,
) -> Answer<(StatusCode, Json<Job>)> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    refuse_foreign(&plant, request.asset_id)?;
    let (from, to) = (request.from.map(|t| t.0), request.to.map(|t| t.0));
    let range = Window::range(from, to, state.now(), DEFAULT_MS)?;
    audit.detail("from", range.from.0).detail("to", range.to.0);
    if let Some(asset) = request.asset_id {
        audit.asset(asset);
        if let Some(entry) = plant.assets.get(&asset) {
            audit.called(&entry.asset.code);
        }
    }
    let window = DetectionWindow {
        from: range.from,
        to: range.to,
        asset_id: request.asset_id,
    };
    let job = state
        .runtime
        .detect_incidents(caller.tenant_id, window, &caller.username)
        .await?;
    audit.object("job", job.id);
    let body = jobs::dto(caller.language, job, state.now());
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// Who may begin a search may end it; other jobs are ended by those who run them.
async fn cancel_detection(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<JobId>,
) -> Answer<Json<Job>> {
    audit.object("job", id);
    let tenant = caller.tenant_id;
    let job = state
        .runtime
        .store()
        .read(move |conn| iq_store::jobs::get_job(conn, tenant, id))
        .await?;
    if job.is_none_or(|job| job.kind != iq_runtime::DETECT) {
        return Err(Failure::not_found());
    }
    let job = state.runtime.cancel_job(tenant, id).await?;
    Ok(Json(jobs::dto(caller.language, job, state.now())))
}
