//! The appliance's HTTP side: routes, sessions and permissions, OpenAPI, server-sent events, and the
//! embedded interface.
//!
//! A route is declared once, in the table of its area: method, path, permission, handler, documents.
//! The guard, the permission matrix and the tests read that declaration. What a request changes goes
//! through `iq-runtime` where it has consequences for the flow, else straight into the store.

mod alarm_report;
mod alerts;
mod api_tokens;
mod asset_models;
mod asset_models_view;
mod assets;
mod attachments;
mod audit_log;
mod auth;
mod authorities;
mod blackbox_export;
mod certificates;
mod cost_models;
mod detection;
mod diagnostics;
mod emergency;
mod events;
mod evidence;
mod health;
mod http;
mod identity_providers;
mod import_plan;
mod import_rows;
mod imports;
mod incident_changes;
mod incident_report;
mod incidents;
mod integration_care;
mod integrations;
mod investigation;
mod jobs;
mod live;
mod log_tail;
mod mappings;
mod mappings_bulk;
mod mappings_drift;
mod mappings_select;
mod mappings_sheet;
mod near_misses;
mod notifications;
mod onboarding;
mod optimization;
mod optimization_file;
mod optimization_paper;
mod optimization_view;
mod outbox;
mod overview;
mod paper;
mod plant;
mod root_cause;
mod routes;
mod rule_words;
mod schedules;
mod search;
mod session;
mod settings;
mod setup;
mod signals;
mod sites;
mod sources;
mod sso;
mod sso_people;
mod sso_preview;
mod sso_waiting;
mod state;
mod sync;
mod technical_objects;
mod technician_plan;
mod technicians;
mod texts;
mod twin;
mod twin_layout;
mod units;
mod users;
mod words;
mod work_orders;

pub use http::route::Access;
pub use iq_auth::{HashCost, SessionKeys};
pub use log_tail::{LogTee, log_lines};
pub use routes::{RouteInfo, openapi_json, permission_matrix, route_list, router};
pub use state::{ApiOptions, ApiState};
