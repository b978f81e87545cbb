//! Failed sign-ins per account and per address. They survive a restart, so that restarting the
//! program is no way around the waiting time.

use std::fmt::Write;

use iq_domain::Timestamp;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::users::username_key;
use crate::{StoreError, query};

/// Rows kept; whoever tries more names than this pushes out the oldest ones.
const MAX_ROWS: u32 = 20_000;

/// Whose failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptKey<'a> {
    /// A user name as typed, whether or not it exists.
    Account(&'a str),
    /// A remote address.
    Address(&'a str),
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many since the last success.
    pub failures: u32,
    /// The last of them.
    pub last_failure_at: Option<Timestamp>,
}

impl AttemptKey<'_> {
    fn columns(self) -> (&'static str, String) {
        match self {
            Self::Account(name) => {
                let mut key = String::with_capacity(64);
                for byte in Sha256::digest(username_key(name)) {
                    write!(key, "{byte:02x}").expect("writing to a String");
                }
                ("account", key)
            }
            Self::Address(address) => ("address", address.to_owned()),
        }
    }
}

/// The failures so far.
pub fn get_attempts(conn: &Connection, key: AttemptKey<'_>) -> Result<Attempts, StoreError> {
    let (kind, key) = key.columns();
    let sql = "SELECT failures, last_failure_at FROM sign_in_attempts WHERE kind = ? AND key = ?";
    let found = query::find(conn, sql, params![kind, key], |r| {
        Ok(Attempts {
            failures: r.get("failures")?,
            last_failure_at: Some(Timestamp(r.get("last_failure_at")?)),
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Counts a failure and returns the failures so far.
pub fn record_failure(
    conn: &Connection,
    key: AttemptKey<'_>,
    at: Timestamp,
) -> Result<Attempts, StoreError> {
    let (kind, text) = key.columns();
    let sql = "INSERT INTO sign_in_attempts (kind, key, failures, last_failure_at)
               VALUES (?1, ?2, 1, ?3)
               ON CONFLICT DO UPDATE SET failures = MIN(failures + 1, 1000000), last_failure_at = ?3";
    query::change_one(conn, sql, params![kind, text, at.0])?;
    let sql = "DELETE FROM sign_in_attempts WHERE rowid IN (SELECT rowid FROM sign_in_attempts
               ORDER BY last_failure_at DESC LIMIT -1 OFFSET ?)";
    query::change(conn, sql, params![MAX_ROWS])?;
    get_attempts(conn, key)
}

/// Forgets the failures after a success or an administrator's reset.
pub fn clear_attempts(conn: &Connection, key: AttemptKey<'_>) -> Result<(), StoreError> {
    let (kind, key) = key.columns();
    let sql = "DELETE FROM sign_in_attempts WHERE kind = ? AND key = ?";
    query::change(conn, sql, params![kind, key]).map(drop)
}

/// Forgets failures whose last one is older than `before`; returns how many rows.
pub fn delete_attempts_before(conn: &Connection, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM sign_in_attempts WHERE last_failure_at < ?";
    query::change(conn, sql, params![before.0])
}
