//! Incidents: what the Black Box groups around an asset and a window of time.

use serde::{Deserialize, Serialize};

use crate::{AssetId, IncidentId, NoteId, Severity, TenantId, Timestamp};

/// Where the work on an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Nobody looks at it yet.
    Open,
    /// Being investigated.
    Investigating,
    /// The cause is removed.
    Resolved,
    /// Reviewed and archived.
    Closed,
}

/// What kind of incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IncidentType {
    /// Protection stopped the machine.
    Trip,
    /// A critical alert without a stop.
    CriticalAlert,
    /// A failure event reported by another system.
    Failure,
}

/// An incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Id.
    pub id: IncidentId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Number people use ("INC-2026-0001"), unique in the tenant.
    pub number: String,
    /// The asset it started at.
    pub asset_id: AssetId,
    /// Type.
    pub incident_type: IncidentType,
    /// Severity.
    pub severity: Severity,
    /// Sentence code of the title.
    pub title_code: String,
    /// Arguments of the title as JSON.
    pub title_params: serde_json::Value,
    /// Status.
    pub status: IncidentStatus,
    /// User name of the person who has it.
    pub assignee: Option<String>,
    /// Start of the window (source time).
    pub started_at: Timestamp,
    /// End of the window; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// Row creation.
    pub created_at: Timestamp,
}

/// How an event belongs to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventRelation {
    /// It opened the incident.
    Trigger,
    /// Same asset, inside the window.
    SameAsset,
    /// A neighbour in the same unit or up- or downstream.
    Neighbour,
}

/// A note on an incident; appended, never edited.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentNote {
    /// Id.
    pub id: NoteId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The incident.
    pub incident_id: IncidentId,
    /// User name of the author.
    pub author: String,
    /// Text.
    pub text: String,
    /// When.
    pub at: Timestamp,
}
