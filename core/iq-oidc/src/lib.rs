//! Signing in through an identity provider: OpenID Connect, code flow with PKCE.
//!
//! This crate knows the protocol and the habits of the three products. Which tenant a provider belongs
//! to, where an attempt waits for its answer, and what user comes of it, is the caller's business.
//! Nothing here follows a redirect; every body has a cap; no code, token or secret is in an error.

mod check;
mod claims;
mod documents;
mod flow;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod provider;
mod verify;

pub use check::{Step, check};
pub use claims::{Claims, Person, RoleSource};
pub use documents::{Documents, Metadata};
pub use flow::{Attempt, Callback, Tokens, begin, exchange, with_user_info};
pub use provider::{Provider, are_certificates, check_settings};
pub use verify::{Refused, verify};

/// How far two clocks may differ.
pub const CLOCK_LEEWAY_MS: i64 = 60_000;

use iq_domain::{CodedError, ErrorKind};

fn upstream(code: &'static str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code)
}

fn missing(claim: &str) -> CodedError {
    upstream("sso.claim_missing").with("claim", claim)
}
