//! The contract every connector fulfils: it describes itself, tests itself in stages, lets a person
//! browse and preview, and streams raw samples until it is stopped.
//!
//! A connector only reads. Nothing in this contract can write a tag, call a method or change a source.
//! What a new connector must do is listed in `docs/guides/adding-a-connector.md`; the `conformance`
//! feature holds the same list as checks.

mod browse;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connector;
mod context;
mod maintenance;
mod meter;
mod registry;
mod rows;
mod schema;
mod spec;
mod stream;
mod test_report;
mod trust;

pub use browse::*;
pub use config::*;
pub use connector::*;
pub use context::*;
pub use maintenance::*;
pub use meter::*;
pub use registry::*;
pub use rows::*;
pub use schema::*;
pub use secrecy::{ExposeSecret, SecretString};
pub use spec::*;
pub use stream::*;
pub use test_report::*;
pub use tokio_util::sync::CancellationToken;
pub use trust::*;
