//! Tamper evidence: how far the log is protected, and the keys of whoever verifies.

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How well the tenant's log is protected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceStatus {
    /// Records of events and incidents.
    pub records: u64,
    /// Of them under a signed checkpoint.
    pub protected_records: u64,
    /// Records that came after it.
    pub newer_records: u64,
    /// When that checkpoint was made.
    pub protected_at: Option<Timestamp>,
    /// Audit records in a log of their own.
    pub audit_records: u64,
    /// Of them under a signed checkpoint.
    pub protected_audit_records: u64,
    /// Fingerprint of the key that signs, once there is one.
    pub key_fingerprint: Option<String>,
    /// Name of the epoch in force; none before the first record.
    pub epoch: Option<String>,
    /// Its number, from 1.
    pub epoch_number: i64,
    /// Why it was begun: `installation`, `restored`, `moved`, `cut`, `altered`; empty before the first.
    pub epoch_reason: String,
    /// When it was begun.
    pub epoch_opened_at: Option<Timestamp>,
    /// The tenant is a demo; its key is on nobody's list.
    pub is_demo: bool,
    /// What was found wrong since the program was started.
    pub findings: Vec<EvidenceFinding>,
}

/// Something that is not as it was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceFinding {
    /// `cut`, `altered`, `restored`, `moved`, `row_altered`, `row_added`.
    pub reason: String,
    /// Records the file of checkpoints knows of.
    pub had: Option<u64>,
    /// Records there are.
    pub has: Option<u64>,
    /// The first wrong record, or the one whose row differs.
    pub record: Option<u64>,
    /// With `row_altered` and `row_added`: `event`, `audit`, `entry`, `incident` or `note`, and which.
    pub row: Option<String>,
    /// When it was found.
    pub found_at: Timestamp,
}

/// A public key for the list of a reader. Give it by a way the reader trusts, never with the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceKey {
    /// What two people compare by voice.
    pub fingerprint: String,
    /// The line for the reader's list of keys.
    pub trust_line: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Signs now.
    pub is_current: bool,
    /// Of a demo: for trying, not for proving.
    pub is_demo: bool,
}
