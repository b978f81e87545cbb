//! Is it alive, is it ready, what is configured: for supervisors and for the platform owner.

use axum::{Json, extract::State, http::StatusCode};
use iq_domain::Permission;
use iq_store::HealthState;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    http::{Answer, Caller, Route, get, route::Access},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/health/live", Access::Public, get_live)
            .answer::<HealthStatus>()
            .says("The process answers"),
        get("/health/ready", Access::Public, get_ready)
            .answer::<HealthStatus>()
            .or_status::<HealthStatus>(503)
            .says("The store takes writes; 503 while it does not"),
        get(
            "/internal/config/status",
            Permission::DiagnosticsRead,
            get_config_status,
        )
        .answer::<ConfigStatus>()
        .says("What is configured, never a value"),
    ]
}

/// A word about the state.
#[derive(Debug, Serialize, ToSchema)]
struct HealthStatus {
    /// `ok`, or what is wrong.
    status: &'static str,
    /// Code of what a person has to look after although it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

async fn get_live() -> Json<HealthStatus> {
    Json(HealthStatus {
        status: "ok",
        code: None,
    })
}

async fn get_ready(State(state): State<ApiState>) -> (StatusCode, Json<HealthStatus>) {
    let (code, status) = match state.runtime.store().health().state {
        HealthState::Ok => (StatusCode::OK, "ok"),
        HealthState::WritesFail(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_takes_no_writes"),
        HealthState::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closing"),
    };
    let reserve = state.runtime.reserve_status();
    let body = HealthStatus {
        status,
        code: reserve.and_then(|r| r.trouble).map(|trouble| trouble.code),
    };
    (code, Json(body))
}

/// What is configured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigStatus {
    /// Moment of the answer, UTC milliseconds.
    timestamp: i64,
    /// State of each subsystem.
    subsystems: Value,
    /// Switches of this build and configuration.
    feature_flags: Value,
}

async fn get_config_status(State(state): State<ApiState>, _: Caller) -> Answer<Json<ConfigStatus>> {
    Ok(Json(config_status(&state)))
}

/// What is configured, as flags: no value of any variable is in it.
pub(crate) fn config_status(state: &ApiState) -> ConfigStatus {
    let config = state.runtime.config();
    let word =
        |is_set: bool, set: &'static str, unset: &'static str| if is_set { set } else { unset };
    let configured = |is_set| word(is_set, "configured", "empty");
    let enabled = |is_on| word(is_on, "enabled", "disabled");
    let has_credentials = config.opcua_username.is_some() && config.opcua_password.is_some();
    let listening = &state.options.listening;
    let is_exposed = listening.is_open_without_tls() || listening.problem().is_some();
    let is_writable = state.runtime.store().health().state == HealthState::Ok;
    let connectors: Vec<&str> = state
        .runtime
        .connectors()
        .specs()
        .into_iter()
        .map(|spec| spec.kind)
        .collect();
    ConfigStatus {
        timestamp: state.now().0,
        subsystems: json!({
            "database": { "status": word(is_writable, "ok", "error"), "source": "embedded" },
            "openai_api": {
                "status": word(config.openai_api_key.is_some(), "configured", "missing"),
            },
            "optimization_engine": {
                "status": enabled(config.optimization_engine_enabled),
                "flag": config.optimization_engine_enabled,
            },
            "external_db_integrations": {
                "status": enabled(config.external_db_enable),
                "flag": config.external_db_enable,
            },
            "pi_default_config": {
                "status": configured(config.pi_base_url.is_some()),
                "has_url": config.pi_base_url.is_some(),
            },
            "sap_default_config": {
                "status": configured(config.sap_base_url.is_some()),
                "has_url": config.sap_base_url.is_some(),
            },
            "opcua_default_creds": {
                "status": configured(has_credentials),
                "has_creds": has_credentials,
            },
            "opcua_default_endpoint": {
                "status": configured(config.opcua_endpoint_url.is_some()),
                "has_opcua_endpoint": config.opcua_endpoint_url.is_some(),
            },
            "demo_mode": { "status": enabled(config.demo_mode), "flag": config.demo_mode },
            "tls": {
                "status": word(is_exposed, "error", enabled(listening.is_tls())),
                "mode": config.tls.as_str(),
                "open_without_tls": listening.is_open_without_tls(),
            },
            "allow_from": { "status": configured(listening.is_narrow()) },
            "log_files": { "status": enabled(config.log_max_bytes > 0) },
        }),
        feature_flags: json!({
            "demo_mode": config.demo_mode,
            "optimization_engine_enabled": config.optimization_engine_enabled,
            "external_db_enable": config.external_db_enable,
            "connectors": connectors,
        }),
    }
}
