//! The hub's HTTP side: routes declared once with who may call them; guards, error bodies, pages.

mod appliances;
mod audit;
mod body;
mod courier;
mod guard;
mod health;
mod outer;
mod records;
mod route;
mod session;
mod sync;
mod tenants;
mod ui;
mod users;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use tower_http::compression::CompressionLayer;

use route::Route;
pub use route::{Access, RouteInfo};

use crate::state::Hub;

/// The one table of routes.
fn all() -> Vec<Route> {
    [
        health::routes(),
        session::routes(),
        tenants::routes(),
        users::routes(),
        appliances::routes(),
        courier::routes(),
        audit::routes(),
        records::routes(),
        sync::routes(),
    ]
    .concat()
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
