//! The OPC UA connector: reads values of a server by subscription, or by polling where the server
//! offers no subscription.
//!
//! Read-only by construction: no code here can write a value or change the server's address space, and
//! the only method it can call is the one that repeats standing alarms; a test of this crate keeps it so. Trust in servers is our own list of
//! certificates and authorities ([`iq_connector::TrustStore`]); the library's folders are only a private copy of one decision.

mod alarms;
mod authority;
mod browse;
mod client;
mod config;
mod connector;
mod details;
mod endpoint;
mod error;
mod feed;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod hub;
mod identity;
mod nodeid;
mod poll;
mod preview;
mod probe;
mod refresh;
mod scratch;
mod stream;
mod transport;
mod trust;
mod value;

pub use authority::{
    AuthorityFacts, MAX_REVOCATION_BYTES, RevocationFacts, read_authority, read_revocations,
};
pub use config::{Alarms, AuthType, OpcUaConfig, SecurityMode, SecurityPolicy};
pub use connector::OpcUaConnector;
pub use identity::ensure_identity;
