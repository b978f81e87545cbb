//! Is it alive, is it ready, what is configured: for supervisors and for the platform owner.

use axum::{Json, extract::State, http::StatusCode};
use iq_domain::Permission;
use serde_json::{Value, json};

use super::route::{Access, Route, get};
use crate::state::Hub;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/health/live", Access::Public, get_live),
        get("/health/ready", Access::Public, get_ready),
        get(
            "/internal/config/status",
            Access::May(Permission::DiagnosticsRead),
            get_config_status,
        ),
    ]
}

async fn get_live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn get_ready(State(hub): State<Hub>) -> (StatusCode, Json<Value>) {
    if hub.store.is_alive().await {
        (StatusCode::OK, Json(json!({"status": "ok"})))
    } else {
        let status = json!({"status": "database_unreachable"});
        (StatusCode::SERVICE_UNAVAILABLE, Json(status))
    }
}

/// What is configured, as flags: no value of any variable is in it.
async fn get_config_status(State(hub): State<Hub>) -> Json<Value> {
    let config = &hub.config;
    let word =
        |is_set: bool, set: &'static str, unset: &'static str| if is_set { set } else { unset };
    let configured = |is_set| word(is_set, "configured", "empty");
    let enabled = |is_on| word(is_on, "enabled", "disabled");
    let has_credentials = config.opcua_username.is_some() && config.opcua_password.is_some();
    let listening = &hub.options.listening;
    let is_exposed = listening.is_open_without_tls() || listening.problem().is_some();
    let is_alive = hub.store.is_alive().await;
    Json(json!({
        "timestamp": hub.now().0,
        "subsystems": {
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
        },
        "feature_flags": {
            "demo_mode": config.demo_mode,
            "optimization_engine_enabled": config.optimization_engine_enabled,
            "external_db_enable": config.external_db_enable,
        },
    }))
}
