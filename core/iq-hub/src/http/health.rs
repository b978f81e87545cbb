//! Is it alive, is it ready, what is configured: for supervisors and for the platform owner.

use axum::{Json, extract::State, http::StatusCode};
use iq_domain::Permission;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::route::{Access, Route, get};
use crate::state::Hub;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/health/live", Access::Public, get_live)
            .answer::<HealthStatus>()
            .says("The process answers"),
        get("/health/ready", Access::Public, get_ready)
            .answer::<HealthStatus>()
            .says("The database answers; 503 while it does not"),
        get(
            "/internal/config/status",
            Access::May(Permission::DiagnosticsRead),
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
}

/// What is configured.
#[derive(Debug, Serialize, ToSchema)]
struct ConfigStatus {
    /// Moment of the answer, UTC milliseconds.
    timestamp: i64,
    /// State of each subsystem.
    subsystems: Value,
    /// Switches of this build and configuration.
    feature_flags: Value,
}

async fn get_live() -> Json<HealthStatus> {
    Json(HealthStatus { status: "ok" })
}

async fn get_ready(State(hub): State<Hub>) -> (StatusCode, Json<HealthStatus>) {
    let (code, status) = match hub.store.is_alive().await {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "database_unreachable"),
    };
    (code, Json(HealthStatus { status }))
}

/// What is configured, as flags: no value of any variable is in it.
async fn get_config_status(State(hub): State<Hub>) -> Json<ConfigStatus> {
    let config = &hub.config;
    let word =
        |is_set: bool, set: &'static str, unset: &'static str| if is_set { set } else { unset };
    let configured = |is_set| word(is_set, "configured", "empty");
    let enabled = |is_on| word(is_on, "enabled", "disabled");
    let has_credentials = config.opcua_username.is_some() && config.opcua_password.is_some();
    let listening = &hub.options.listening;
    let is_exposed = listening.is_open_without_tls() || listening.problem().is_some();
    let is_alive = hub.store.is_alive().await;
    Json(ConfigStatus {
        timestamp: hub.now().0,
        subsystems: json!({
            "database": {
                "status": word(is_alive, "ok", "error"),
                "source": config.database.as_ref().map(|database| database.source),
            },
            "session_secret": { "status": word(config.session_secret.is_some(), "configured", "missing") },
            "hub_key": { "status": word(config.hub_key.is_some(), "configured", "missing") },
            "openai_api": { "status": word(config.openai_api_key.is_some(), "configured", "missing") },
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
                "fingerprint": listening.certificate().map(|facts| facts.fingerprint),
            },
            "allow_from": { "status": configured(listening.is_narrow()) },
        }),
        feature_flags: json!({
            "demo_mode": config.demo_mode,
            "optimization_engine_enabled": config.optimization_engine_enabled,
            "external_db_enable": config.external_db_enable,
        }),
    })
}
