//! The hub: many tenants and their appliances on one Postgres. Stateless: any number of instances
//! serve one database at once.
//!
//! Three layers with the same file names: `http` reads a request, `app` decides, `store` asks the
//! database. Nothing reaches the database but through `store::Store::tenant`, which binds the
//! transaction to one tenant, or `store::Store::platform`, which may only read the directory.

mod app;
mod bundle;
pub mod cli;
mod failure;
mod http;
pub mod serve;
mod state;
pub mod store;
mod totp;

pub use app::{
    bootstrap::{bootstrap, demo, enrolment_code},
    retention::remove_old_series,
};
pub use http::{Access, RouteInfo, openapi_json, permission_matrix, route_list, router};
pub use state::{Hub, HubOptions};
pub use totp::totp_code;
