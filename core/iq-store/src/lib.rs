//! The appliance's store: one SQLite file, one writer, several readers, one module per table.
//!
//! A write is acknowledged after its commit and not before. Writes of many callers share a commit,
//! each inside its own savepoint, so that one that fails takes nothing else with it. The historian's
//! samples are not here; nothing outside this crate and `migrations/local` knows SQL.
//!
//! Every function of [`table`] takes the connection and then the tenant; the exceptions (a session
//! found by its token, a user found by the sign-in name, failed sign-ins) are what makes the tenant
//! known in the first place.

mod error;
mod health;
mod identity;
mod migrate;
mod open;
mod query;
mod readers;
mod row;
mod store;
pub mod table;
mod writer;

pub use error::{ConstraintKind, StoreError};
pub use health::{Health, HealthState};
pub use identity::installations;
pub use migrate::{copies_before_upgrades, schema_program, schema_version};
pub use query::{Page, Paged, all_rows};
pub use rusqlite::{Connection, Transaction};
pub use store::{Options, Store};
pub use table::*;
pub use writer::BeforeCommit;
