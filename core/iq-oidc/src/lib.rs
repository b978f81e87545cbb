//! Signing in through an identity provider: OpenID Connect, code flow with PKCE.
//!
//! This crate knows the protocol and the habits of the three products, and what appliance and hub have
//! in common around it: what is wrong with settings, what a test sign-in shows, what a person would be
//! called. Which tenant a provider belongs to, where an attempt waits for its answer, and what user
//! comes of it, is the caller's business. Nothing here follows a redirect; every body has a cap; no
//! code, token or secret is in an error.

mod answer;
mod check;
mod claims;
mod documents;
mod flow;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod kept;
mod paths;
mod preview;
mod provider;
mod report;
mod settings;
mod username;
mod verify;

pub use answer::{Answered, answer};
pub use check::{Step, check};
pub use claims::{Claims, Person, RoleSource};
pub use documents::{Documents, Metadata};
pub use flow::{Attempt, Callback, Tokens, begin, exchange, with_user_info};
pub use iq_http::Reach;
pub use kept::Kept;
pub use paths::{encoded, local_path};
pub use preview::Shown;
pub use provider::{Provider, are_certificates, check_settings};
pub use report::{problem, report};
pub use settings::{MASK, Wrong, has_moved, problems, row_of, vouches_otherwise};
pub use username::USERNAME_CHARS;
pub use verify::{Refused, verify};

/// How long a person may be away at a provider.
pub const AWAY_MS: i64 = 10 * 60_000;
/// Documents of a provider are read again after this time.
pub const DOCUMENTS_MS: i64 = 3_600_000;

/// How far two clocks may differ.
pub const CLOCK_LEEWAY_MS: i64 = 60_000;

use iq_domain::{CodedError, ErrorKind};

fn upstream(code: &'static str) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code)
}

fn missing(claim: &str) -> CodedError {
    upstream("sso.claim_missing").with("claim", claim)
}
