//! Signing in: password hashing and policy, session and CSRF tokens, the waiting time after failures, how
//! fast requests may come, and how a service proves itself to a window.
//!
//! Everything here is computation on what is passed in. Where users, sessions and failures are kept,
//! and how many hashes may run at once, is the caller's business.

mod back_off;
mod common_passwords;
mod password;
mod policy;
mod rate;
mod session;
mod window;

pub use back_off::BackOff;
pub use password::{HashCost, PasswordHasher, Verdict, temporary_password};
pub use policy::{
    MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, RECOMMENDED_PASSWORD_CHARS, check_password,
};
pub use rate::{Buckets, Rate};
pub use session::{NewSession, SessionKeys, TokenHash};
pub use window::WindowKey;

/// What can go wrong besides a wrong password.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The stored hash is not one of ours.
    #[error("the stored password hash can't be read")]
    UnreadableHash,
    /// Hashing failed, for want of memory most likely.
    #[error("hashing a password failed: {0}")]
    Hashing(String),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] iq_secrets::SecretsError),
}

impl From<AuthError> for iq_domain::CodedError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::UnreadableHash => Self::conflict("auth.unreadable_hash"),
            AuthError::Hashing(_) => {
                Self::new(iq_domain::ErrorKind::Unavailable, "auth.hashing_failed")
            }
            AuthError::Random(error) => error.into(),
        }
    }
}
