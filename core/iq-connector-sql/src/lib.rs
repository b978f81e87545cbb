//! SQL databases as a source: PostgreSQL, MySQL and MariaDB, SQL Server, Oracle. Rows of a table or of
//! one's own query become samples. Reading only, in layers that hold on their own: a parsed query,
//! quoted and looked-up names, a read-only transaction that is always rolled back, limits on time,
//! rows and bytes, and a login that must not be an administrator.

mod address;
mod config;
mod connector;
mod dialect;
mod error;
mod fill;
mod guard;
mod hello;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod hub;
mod look;
mod pager;
mod probe;
mod rows;
mod session;
mod source;
mod stream;
mod time;
mod value;

pub use config::{DbType, SqlConfig};
pub use connector::SqlConnector;
