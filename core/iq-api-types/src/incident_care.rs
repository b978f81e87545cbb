//! What people do with incidents: merge, split, take back, attach.

use iq_domain::{AttachmentId, EventId, IncidentChangeId, IncidentId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentRef {
    /// Id.
    pub id: IncidentId,
    /// Number people use.
    pub number: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentChangeKind {
    /// The other incident became part of this one.
    Merge,
    /// Events of this one became the other.
    Split,
    /// An earlier change was taken back.
    Undo,
}

/// A change of what belongs to an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentChange {
    /// Id.
    pub id: IncidentChangeId,
    /// What was done.
    pub kind: IncidentChangeKind,
    /// The incident that stays.
    pub incident: IncidentRef,
    /// The incident that was merged into it or split from it.
    pub other: IncidentRef,
    /// The change an undo takes back.
    pub undoes: Option<IncidentChangeId>,
    /// It was taken back.
    pub is_undone: bool,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// Merge another incident into this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The incident that becomes part of this one.
    pub incident_id: IncidentId,
    /// Why.
    pub reason: String,
}

/// Make an incident of its own of some events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRequest {
    /// Events that leave, ≤ 5,000; not the one that opened the incident.
    pub event_ids: Vec<EventId>,
    /// Why.
    pub reason: String,
}

/// Take a change back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// The newest change of the incident that stands.
    pub change_id: IncidentChangeId,
    /// Why.
    pub reason: String,
}

/// A statement, a photo or a document of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attachment {
    /// Id.
    pub id: AttachmentId,
    /// What a statement says; none for files.
    pub statement: Option<String>,
    /// Name of the file, or of the person who made the statement.
    pub name: String,
    /// Media type by its content.
    pub media_type: String,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Who added it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Its removal, if it was removed.
    pub removal: Option<AttachmentRemoval>,
}

/// A removal; the content stays for those who work on incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentRemoval {
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// Add a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementInput {
    /// Who said it, ≤ 120 characters.
    pub said_by: String,
    /// What was said, ≤ 20,000 characters.
    pub text: String,
}

/// Remove an attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovalInput {
    /// Why.
    pub reason: String,
}
