//! Incidents found in the past: the button that looks for them.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{DetectionRequest, Job};
use iq_domain::Permission;
use iq_runtime::DetectionWindow;

use crate::{
    assets::refuse_foreign,
    http::{Answer, Audit, Body, Caller, Route, Window, post},
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
