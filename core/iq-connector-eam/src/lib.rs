//! Maintenance systems: SAP Plant Maintenance (S/4HANA, OData V2) and Oracle Fusion Maintenance.
//!
//! Places, machines, notifications and orders are read by their last change and handed on as records.
//! Work orders are sent only as a plan that a person has seen and approved; see [`EamConnector`] and
//! `docs/decisions/connector-eam.md`.

mod config;
mod connector;
mod cursor;
mod dialect;
mod error;
mod fusion;
mod link;
mod odata;
mod probe;
mod push;
mod sap;
mod stream;
#[cfg(test)]
mod testing;
mod token;
mod values;
mod words;

pub use config::{AuthType, MappingMode, OracleConfig, Profile, SapConfig, SyncMode};
pub use connector::EamConnector;
