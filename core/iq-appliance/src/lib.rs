//! The appliance: one process, one data folder. Wires store, historian, connectors, runtime and API
//! together; every rule of the product lives below.

pub mod cli;
mod demo;
mod demo_costs;
mod demo_people;
mod demo_store;
mod lock;
mod plant;
mod serve;

pub use demo::{DemoOptions, DemoUser};
pub use lock::{Claim, DataLock, Owner, claim};
pub use serve::{Running, ServeOptions, start};
