//! Errors a person may see: a stable code, arguments, and nothing internal. The sentence with its
//! remedy is `errors.<code>` in `locales/{ar,en}.json`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// What went wrong in general; hosts turn it into an HTTP status or an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong.
    Invalid,
    /// No session.
    Unauthenticated,
    /// The role lacks the permission.
    Forbidden,
    /// Not there, or not of this tenant.
    NotFound,
    /// Contradicts what is stored.
    Conflict,
    /// Too many or too large.
    TooMuch,
    /// Switched off by configuration.
    Locked,
    /// A foreign system failed.
    Upstream,
    /// The store can't take writes now (disk full, closing).
    Unavailable,
    /// Our fault; details are in the log only.
    Internal,
}

/// An error with a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedError {
    /// General kind.
    pub kind: ErrorKind,
    /// Stable code, `area.reason`.
    pub code: &'static str,
    /// Arguments of the sentence.
    pub params: BTreeMap<String, String>,
}

impl CodedError {
    /// An error without arguments.
    #[must_use]
    pub const fn new(kind: ErrorKind, code: &'static str) -> Self {
        Self {
            kind,
            code,
            params: BTreeMap::new(),
        }
    }

    /// Wrong input.
    #[must_use]
    pub const fn invalid(code: &'static str) -> Self {
        Self::new(ErrorKind::Invalid, code)
    }

    /// Not there.
    #[must_use]
    pub const fn not_found(code: &'static str) -> Self {
        Self::new(ErrorKind::NotFound, code)
    }

    /// Contradiction.
    #[must_use]
    pub const fn conflict(code: &'static str) -> Self {
        Self::new(ErrorKind::Conflict, code)
    }

    /// Adds an argument. Texts from outside are neutralised and cut so that a message stays readable.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.params
            .insert(key.to_owned(), crate::neutralise(&value.to_string(), 200));
        self
    }
}

impl fmt::Display for CodedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for (key, value) in &self.params {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CodedError {}

/// A code with arguments that is shown, not thrown: a status, a reason, a stage of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Message {
    /// Stable code.
    pub code: String,
    /// Arguments.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

impl From<&CodedError> for Message {
    fn from(error: &CodedError) -> Self {
        Self {
            code: error.code.to_owned(),
            params: error.params.clone(),
        }
    }
}
