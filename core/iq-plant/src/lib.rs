//! The demo plant: a deterministic simulation of two fictional sites (54 assets, 386 tags) with
//! physics, faults, protection and scripted scenarios, served as a real OPC UA server and, if wanted,
//! over a PI-compatible endpoint beside it, with
//! a maintenance system that knows its equipment.
//!
//! [`sim`] is pure and steps on command; [`PlantServer`] paces it against the clock and publishes it;
//! [`control`] is the instructor's local line to a running plant.

pub mod catalogue;
pub mod control;
mod faults;
pub mod pi;
mod rng;
pub mod sap;
pub mod scenarios;
mod server;
pub mod sim;
mod web;

pub use faults::FaultKind;
pub use server::{APPLICATION_URI, PlantConfig, PlantHandle, PlantLocale, PlantServer, SendLog};
pub use sim::{Plant, Reading, Scan, SoeEvent, SoeKind};
pub use web::{Disturbance, WebAddress, WebConfig, WebService, kept_password};
