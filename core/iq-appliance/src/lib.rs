//! The appliance: one process, one data folder. Wires store, historian, connectors, runtime and API
//! together; every rule of the product lives below.

pub mod cli;
mod demo;
mod demo_costs;
mod demo_people;
mod demo_store;
mod folder;
mod host;
mod lock;
mod logs;
mod plant;
mod serve;
mod service;

pub use demo::{DemoOptions, DemoUser};
pub use iq_api::LogFiles;
pub use lock::{Claim, DataLock, Owner, claim};
pub use logs::{export_logs, start_log};
pub use serve::{Running, ServeOptions, start};
pub use service::{SERVICE_FOLDER, Service, find_service};
