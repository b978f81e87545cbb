//! All routes, and the router made of them.

use std::sync::OnceLock;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::header,
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Response},
};
use tower_http::compression::CompressionLayer;

use crate::{
    alarm_report, alerts, api_tokens, asset_models, assets, attachments, audit_log, authorities,
    backups, blackbox_export, certificates, cost_models, courier, detection, diagnostics, events,
    evidence, health,
    http::{
        RequestInfo, docs, get,
        guard::{Guard, guard},
        openapi, outer,
        route::{Access, Route},
        ui,
    },
    identity_providers, imports, incident_changes, incident_report, incidents, integration_care,
    integrations, investigation, jobs, live, mappings, mappings_bulk, mappings_drift,
    mappings_select, metrics, narrative, near_misses, notifications, onboarding, optimization,
    ot_statement, outages, outbox, overview, plant, reliability, root_cause, schedules, session,
    settings, setup, signals, sites, sources, spare_parts, sso, sso_preview,
    state::ApiState,
    sync, technical_objects, technicians, timeline, twin, twin_layout, units, users, webhooks,
    work_order_export, work_orders,
};

/// The one table of routes.
pub(crate) fn all() -> Vec<Route> {
    [
        health::routes(),
        documents(),
        setup::routes(),
        session::routes(),
        settings::routes(),
        overview::routes(),
        sites::routes(),
        units::routes(),
        assets::routes(),
        signals::routes(),
        twin::routes(),
        twin_layout::routes(),
        live::routes(),
        alarm_report::routes(),
        alerts::routes(),
        incidents::routes(),
        timeline::routes(),
        incident_changes::routes(),
        attachments::routes(),
        detection::routes(),
        narrative::routes(),
        near_misses::routes(),
        root_cause::routes(),
        events::routes(),
        blackbox_export::routes(),
        evidence::routes(),
        incident_report::routes(),
        integrations::routes(),
        imports::routes(),
        investigation::routes(),
        sources::routes(),
        integration_care::routes(),
        jobs::routes(),
        schedules::routes(),
        notifications::routes(),
        webhooks::routes(),
        onboarding::routes(),
        cost_models::routes(),
        optimization::routes(),
        asset_models::routes(),
        backups::routes(),
        diagnostics::routes(),
        ot_statement::routes(),
        metrics::routes(),
        authorities::routes(),
        certificates::routes(),
        mappings::routes(),
        mappings_bulk::routes(),
        mappings_select::routes(),
        mappings_drift::routes(),
        work_orders::routes(),
        work_order_export::routes(),
        outbox::routes(),
        technical_objects::routes(),
        technicians::routes(),
        outages::routes(),
        spare_parts::routes(),
        reliability::routes(),
        users::routes(),
        identity_providers::routes(),
        sso_preview::routes(),
        sso::routes(),
        api_tokens::routes(),
        sync::routes(),
        courier::routes(),
        audit_log::routes(),
        plant::routes(),
    ]
    .concat()
}

fn documents() -> Vec<Route> {
    vec![
        get("/api/openapi.json", Access::Public, get_openapi)
            .text_answer("application/json")
            .says("This document"),
        get("/api/docs", Access::Public, get_docs)
            .text_answer("text/html")
            .says("This document for people"),
    ]
}

async fn get_openapi(State(state): State<ApiState>, info: RequestInfo) -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(openapi_json).as_str();
    // The cookie is named after the port, so that two appliances on one machine keep theirs apart.
    let text = text.replace(openapi::SESSION_COOKIE, &state.cookie_name(info.is_secure));
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn get_docs() -> Html<&'static str> {
    static PAGE: OnceLock<String> = OnceLock::new();
    Html(PAGE.get_or_init(|| docs::page(&all())))
}

/// The OpenAPI document, as it is committed and served.
#[must_use]
pub fn openapi_json() -> String {
    let document = openapi::document(&all());
    let mut text = document
        .to_pretty_json()
        .unwrap_or_else(|error| Json(error.to_string()).0)
        // The library writes the registered names of unsigned formats with a dash.
        .replace("\"format\": \"u-int", "\"format\": \"uint");
    text.push('\n');
    text
}

/// Which role may call which route, as it is committed.
#[must_use]
pub fn permission_matrix() -> String {
    openapi::matrix(&all())
}

/// A route as tests and tools see it.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// Method.
    pub method: axum::http::Method,
    /// Path with `{names}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether it takes a body.
    pub has_body: bool,
    /// Action name of its audit record.
    pub audit: Option<&'static str>,
}

/// All routes, as tests and tools see them.
#[must_use]
pub fn route_list() -> Vec<RouteInfo> {
    all()
        .into_iter()
        .map(|route| RouteInfo {
            method: route.method,
            path: route.path,
            access: route.access,
            has_body: route.body.is_some(),
            audit: route.audit,
        })
        .collect()
}

/// The whole server: API, documents, interface, guards.
pub fn router(state: ApiState) -> Router {
    let mut router = Router::new();
    for route in all() {
        let layered = route
            .handler
            .clone()
            .layer(DefaultBodyLimit::max(route.body_cap))
            .route_layer(from_fn_with_state(Guard::new(&state, &route), guard));
        // With or without the slash at the end: people type both.
        if let Some(bare) = route.path.strip_suffix('/').filter(|p| !p.is_empty()) {
            router = router.route(bare, layered.clone());
        }
        router = router.route(route.path, layered);
    }
    router
        .method_not_allowed_fallback(outer::wrong_method)
        .fallback(ui::serve)
        .layer(from_fn_with_state(state.clone(), outer::outer))
        .layer(CompressionLayer::new())
        .with_state(state)
}
