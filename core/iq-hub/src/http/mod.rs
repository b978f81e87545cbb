//! The hub's HTTP side: routes declared once with who may call them; guards, error bodies, pages.

mod appliances;
mod audit;
mod body;
mod courier;
mod figures;
mod guard;
mod health;
mod identity_providers;
mod outer;
mod platform_people;
mod raw;
mod records;
mod route;
mod session;
mod sign_in_rules;
mod sso;
mod sync;
mod tenants;
mod ui;
mod users;

use std::sync::OnceLock;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::header,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use tower_http::compression::CompressionLayer;

pub use route::{Access, RouteInfo};
use route::{Route, get};

use crate::state::Hub;

/// The one table of routes.
fn all() -> Vec<Route> {
    let document = get("/api/openapi.json", Access::Public, get_openapi)
        .other_answer("application/json")
        .says("This document");
    [
        vec![document],
        health::routes(),
        session::routes(),
        sso::routes(),
        identity_providers::routes(),
        sign_in_rules::routes(),
        platform_people::routes(),
        tenants::routes(),
        users::routes(),
        appliances::routes(),
        courier::routes(),
        audit::routes(),
        records::routes(),
        figures::routes(),
        raw::routes(),
        sync::routes(),
    ]
    .concat()
}

async fn get_openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(openapi_json).as_str();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The OpenAPI document, as it is committed and served.
#[must_use]
pub fn openapi_json() -> String {
    route::document(&all())
}

/// All routes, as tests and tools see them.
#[must_use]
pub fn route_list() -> Vec<RouteInfo> {
    all().iter().map(Route::info).collect()
}

/// Which role may call which route, as it is committed.
#[must_use]
pub fn permission_matrix() -> String {
    route::matrix(&all())
}

/// The whole server.
pub fn router(hub: Hub) -> Router {
    let mut router = Router::new();
    for route in all() {
        let guard = from_fn_with_state(guard::Guard::new(&hub, &route), guard::guard);
        let layered = route
            .handler
            .layer(DefaultBodyLimit::max(route.body_cap))
            .route_layer(guard);
        router = router.route(route.path, layered);
    }
    router
        .method_not_allowed_fallback(outer::wrong_method)
        .fallback(ui::serve)
        .layer(from_fn_with_state(hub.clone(), outer::outer))
        .layer(CompressionLayer::new())
        .with_state(hub)
}
