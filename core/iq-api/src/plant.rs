//! The demo plant's controls; switched off outside DEMO_MODE.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{InjectRequest, PlantStatus, ResetRequest, ScenarioRequest};
use iq_domain::Permission;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Route, check::CODE_CHARS, get, post},
    state::ApiState,
};

/// Longest time a fault may take to develop: a month.
const MAX_OVER_S: f64 = 31.0 * 86_400.0;
/// Fastest scenario.
const MAX_TIME_SCALE: f64 = 1_000.0;

pub(crate) fn routes() -> Vec<Route> {
    let control = Permission::PlantControl;
    vec![
        get("/api/plant", control, get_plant)
            .answer::<PlantStatus>()
            .says("What the demo plant does"),
        post("/api/plant/inject", control, inject_fault)
            .body::<InjectRequest>()
            .status(204)
            .audits("plant.inject")
            .says("Let a fault develop"),
        post("/api/plant/reset", control, reset_plant)
            .body::<ResetRequest>()
            .status(204)
            .audits("plant.reset")
            .says("Clear faults and trips"),
        post("/api/plant/scenario", control, start_scenario)
            .body::<ScenarioRequest>()
            .status(204)
            .audits("plant.scenario")
            .says("Start a scripted scenario"),
    ]
}

/// The plant belongs to the demonstration: a real tenant of the same machine must not drive it.
fn require_demo(state: &ApiState) -> Answer<()> {
    if state.runtime.config().demo_mode {
        Ok(())
    } else {
        Err(Failure::locked("plant.off"))
    }
}

async fn get_plant(State(state): State<ApiState>, _: Caller) -> Answer<Json<PlantStatus>> {
    require_demo(&state)?;
    Ok(Json(state.runtime.plant()?.status().await?))
}

async fn inject_fault(
    State(state): State<ApiState>,
    _: Caller,
    audit: Audit,
    Body(request): Body<InjectRequest>,
) -> Answer<StatusCode> {
    require_demo(&state)?;
    Check::new()
        .line("asset", &request.asset, CODE_CHARS)
        .line("fault", &request.fault, CODE_CHARS * 2)
        .number("over_s", request.over_s, 0.0, MAX_OVER_S)
        .done()?;
    audit
        .detail("asset", request.asset.clone())
        .detail("fault", request.fault.clone());
    state.runtime.plant()?.inject(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_plant(
    State(state): State<ApiState>,
    _: Caller,
    audit: Audit,
    Body(request): Body<ResetRequest>,
) -> Answer<StatusCode> {
    require_demo(&state)?;
    Check::new()
        .maybe_line("asset", request.asset.as_deref(), CODE_CHARS)
        .done()?;
    if let Some(asset) = &request.asset {
        audit.detail("asset", asset.clone());
    }
    state
        .runtime
        .plant()?
        .reset(request.asset.filter(|a| !a.is_empty()))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn start_scenario(
    State(state): State<ApiState>,
    _: Caller,
    audit: Audit,
    Body(request): Body<ScenarioRequest>,
) -> Answer<StatusCode> {
    require_demo(&state)?;
    Check::new()
        .line("id", &request.id, CODE_CHARS)
        .number("time_scale", request.time_scale, 0.1, MAX_TIME_SCALE)
        .done()?;
    audit.detail("scenario", request.id.clone());
    state.runtime.plant()?.scenario(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
