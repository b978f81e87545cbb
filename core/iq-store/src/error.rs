//! What can go wrong in the store, and the code a person sees for it.

use iq_domain::{CodedError, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Which rule of the schema a row broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// The value is taken.
    Unique,
    /// The row refers to one that is missing, or is referred to itself.
    ForeignKey,
    /// The table takes no change of what is recorded.
    AppendOnly,
    /// Any other rule.
    Other,
}

/// An error of the store. It can be cloned because a failed commit is told to every writer in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No space left; reading goes on and writing resumes by itself.
    #[error("the disk is full")]
    DiskFull,
    /// The store was written by a newer program; nothing was changed.
    #[error("the store is of version {found}, this program is {have}")]
    Newer {
        /// Version found.
        found: String,
        /// Version of this program.
        have: String,
    },
    /// The file is an SQLite database of somebody else, or none at all.
    #[error("{0} is not a store of this program")]
    NotOurs(String),
    /// A migration that was applied is not the one this program carries.
    #[error("migration {0} differs from the one that was applied")]
    MigrationChanged(u32),
    /// What an upgrade made of the store is not right; it was taken back.
    #[error("the upgrade was taken back: {0}")]
    UpgradeFailed(String),
    /// The linked SQLite can lose commits.
    #[error("SQLite {0} is too old")]
    SqliteTooOld(String),
    /// The file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
    /// Another process holds the file.
    #[error("the store is in use by another process")]
    Busy,
    /// No such row for this tenant.
    #[error("not found")]
    NotFound,
    /// A rule of the schema was broken.
    #[error("constraint: {detail}")]
    Constraint {
        /// Which rule.
        kind: ConstraintKind,
        /// SQLite's words, for the log.
        detail: String,
    },
    /// An error with its own code, passed through.
    #[error(transparent)]
    Coded(#[from] CodedError),
    /// Anything else; for the log only.
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// Whether a rule of that kind was broken.
    #[must_use]
    pub fn is_constraint(&self, wanted: ConstraintKind) -> bool {
        matches!(self, Self::Constraint { kind, .. } if *kind == wanted)
    }

    /// The same error, or `coded` if a value was taken that must be unique.
    #[must_use]
    pub fn or_taken(self, coded: CodedError) -> Self {
        if self.is_constraint(ConstraintKind::Unique) {
            Self::Coded(coded)
        } else {
            self
        }
    }

    /// The same error, or `coded` if the row is referred to or refers to a missing one.
    #[must_use]
    pub fn or_reference(self, coded: CodedError) -> Self {
        if self.is_constraint(ConstraintKind::ForeignKey) {
            Self::Coded(coded)
        } else {
            self
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let detail = error.to_string();
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NotFound,
            rusqlite::Error::SqliteFailure(code, _) => from_sqlite(code, detail),
            _ => Self::Internal(detail),
        }
    }
}

fn from_sqlite(code: ffi::Error, detail: String) -> StoreError {
    match code.code {
        ErrorCode::DiskFull => StoreError::DiskFull,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy,
        ErrorCode::DatabaseCorrupt => StoreError::Corrupt(detail),
        ErrorCode::NotADatabase => StoreError::NotOurs(detail),
        ErrorCode::ConstraintViolation => {
            let kind = match code.extended_code {
                ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID => ConstraintKind::Unique,
                // RESTRICT and NO ACTION are reported as a trigger's doing when a parent goes.
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
                ffi::SQLITE_CONSTRAINT_TRIGGER if detail.contains("append only") => {
                    ConstraintKind::AppendOnly
                }
                ffi::SQLITE_CONSTRAINT_TRIGGER => ConstraintKind::ForeignKey,
                _ => ConstraintKind::Other,
            };
            StoreError::Constraint { kind, detail }
        }
        _ => StoreError::Internal(detail),
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<StoreError> for CodedError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull => Self::new(ErrorKind::Unavailable, "store.disk_full"),
            StoreError::Newer { found, have } => Self::conflict("store.newer")
                .with("found", found)
                .with("have", have),
            StoreError::NotOurs(_) => Self::new(ErrorKind::Unavailable, "store.not_ours"),
            StoreError::MigrationChanged(number) => {
                Self::conflict("store.migration_changed").with("number", number)
            }
            StoreError::UpgradeFailed(reason) => {
                Self::new(ErrorKind::Internal, "store.upgrade_failed").with("reason", reason)
            }
            StoreError::SqliteTooOld(version) => {
                Self::new(ErrorKind::Internal, "store.sqlite_too_old").with("found", version)
            }
            StoreError::Corrupt(_) => Self::new(ErrorKind::Unavailable, "store.damaged"),
            StoreError::Closed => Self::new(ErrorKind::Unavailable, "store.closed"),
            StoreError::Busy => Self::new(ErrorKind::Unavailable, "store.busy"),
            StoreError::NotFound => Self::not_found("store.not_found"),
            StoreError::Constraint {
                kind: ConstraintKind::AppendOnly,
                ..
            } => Self::conflict("store.append_only"),
            StoreError::Constraint { .. } => Self::conflict("store.conflict"),
            StoreError::Coded(coded) => coded,
            StoreError::Internal(_) => Self::new(ErrorKind::Internal, "store.failed"),
        }
    }
}
