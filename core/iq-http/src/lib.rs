//! The one way out over HTTP for connectors: one allowed origin, no redirects, bounded bodies, own trust.
//!
//! A [`HttpClient`] is made for one address and talks to nothing else. Whatever the other side does,
//! a request ends within its time-out, holds at most [`HttpOptions::max_body`] bytes, and fails with a
//! coded error that names cause and remedy. Credentials never appear in an error, a log or `Debug`.

mod address;
mod auth;
mod body;
mod budget;
mod client;
mod error;
mod json;
#[cfg(feature = "kerberos")]
mod kerberos;
mod message;
mod origin;
mod stages;
mod tls;

pub use address::{Exception, Reach, is_forbidden, is_public};
pub use auth::*;
pub use budget::Budget;
pub use client::*;
pub use json::{JsonLimits, parse_json};
pub use message::*;
pub use origin::Origin;
pub use reqwest::{Method, header};
pub use secrecy::{ExposeSecret, SecretString};
pub use stages::{Probe, ProbeStep};
pub use tls::check_certificates;
