//! The committed evidence files and how they were made. Everything comes from constants, so that the
//! same bytes come out on every machine.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![allow(clippy::too_many_lines, reason = "tables are read from top to bottom")]

mod bad;
mod good;
mod loose;
pub(crate) mod world;

use std::path::PathBuf;

pub(crate) use loose::Loose;

/// A file, the keys its reader trusts, and what a verifier has to say.
pub(crate) struct Case {
    /// Without the ending.
    pub name: &'static str,
    /// Which list of keys, without the ending.
    pub trust: &'static str,
    pub file: Vec<u8>,
    /// Exit code, reason, part and number.
    pub expected: (u8, &'static str, &'static str, Option<u64>),
    /// What was done, for a person.
    pub what: &'static str,
}

/// All cases in the order of the table.
pub(crate) fn cases() -> Vec<Case> {
    let (good, bad) = (good::cases(), bad::cases());
    good.into_iter().chain(bad).collect()
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The committed files.
pub(crate) fn golden() -> PathBuf {
    repository().join("tests/evidence/golden")
}
