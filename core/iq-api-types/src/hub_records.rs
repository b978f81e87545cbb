//! Headquarters: what the plants of a tenant have sent to the hub, as people read it there. Words come
//! as the appliance wrote them; a newer appliance may use some that this program does not know.

use iq_domain::{ApplianceId, EventId, IncidentId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An incident by the newest record about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubIncident {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// Id, as at the plant.
    pub id: IncidentId,
    /// Number, as at the plant; absent when the record can't be read.
    pub number: Option<String>,
    /// `open`, `investigating`, `resolved`, `closed`.
    pub status: Option<String>,
    /// `info`, `warning`, `critical`.
    pub severity: Option<String>,
    /// `trip`, `critical_alert`, `failure`.
    pub incident_type: Option<String>,
    /// Asset; its name stays at the plant.
    pub asset_id: Option<String>,
    /// Begin.
    pub started_at: Option<Timestamp>,
    /// End.
    pub ended_at: Option<Timestamp>,
    /// When the plant last said something about it.
    pub changed_at: Timestamp,
    /// A demonstration.
    pub is_demo: bool,
}

/// A record about an incident, in the order of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubIncidentRecord {
    /// `incident`, `freeze`, `window`, `export`.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// What the incident became, in a record of kind `incident`.
    pub status: Option<String>,
    /// The log, 32 hex digits.
    pub epoch: String,
    /// Its stream.
    pub stream: u8,
    /// Number in that log.
    pub seq: u64,
}

/// An incident with its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubIncidentDetail {
    /// The incident.
    pub incident: HubIncident,
    /// What the log holds about it, oldest first.
    pub records: Vec<HubIncidentRecord>,
}

/// An event of a plant. What its sentence was about (values, names) stays at the plant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubEvent {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// Id, as at the plant.
    pub id: Option<EventId>,
    /// When it happened by its source's clock.
    pub at: Timestamp,
    /// Asset; its name stays at the plant.
    pub asset_id: Option<String>,
    /// The system that said it.
    pub source: String,
    /// `info`, `warning`, `critical`.
    pub severity: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Code of the sentence.
    pub code: Option<String>,
    /// A demonstration.
    pub is_demo: bool,
    /// Number in its log.
    pub seq: u64,
}

/// What the check of an incident's records found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HubCheckOutcome {
    /// From the incident's first record to the last acknowledged one nothing is missing or changed, and
    /// what the pages show is what the records say.
    Intact,
    /// Something does not fit; the problems say what and where.
    Damaged,
    /// What was looked at fits; the log is longer than one check looks at.
    Unfinished,
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HubCheckFinding {
    /// A number of the log has no record.
    Missing,
    /// The bytes are not those that were received.
    Altered,
    /// The record does not follow on the one before.
    Unlinked,
    /// The last record is not the one that was acknowledged.
    Head,
    /// The pages show something else than the record says.
    ShownDiffers,
}

/// A place that does not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubCheckProblem {
    /// What.
    pub finding: HubCheckFinding,
    /// The log, 32 hex digits.
    pub epoch: String,
    /// Its stream.
    pub stream: u8,
    /// Number of the record.
    pub seq: u64,
}

/// The check of an incident's records against the hub's copy of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubCheck {
    /// What it found.
    pub outcome: HubCheckOutcome,
    /// Records about the incident.
    pub records: u64,
    /// Records whose hashes were computed, those after the incident's included: each covers all before.
    pub hashed: u64,
    /// What does not fit; empty unless `damaged`.
    pub problems: Vec<HubCheckProblem>,
    /// When it was checked.
    pub at: Timestamp,
}

/// A record as it was made readable, whatever it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HubRecord {
    /// Appliance of the plant.
    pub appliance_id: ApplianceId,
    /// Its name.
    pub appliance: String,
    /// The log, 32 hex digits.
    pub epoch: String,
    /// Its stream.
    pub stream: u8,
    /// Number in that log.
    pub seq: u64,
    /// What it is about.
    pub kind: String,
    /// When it happened.
    pub event_time: Timestamp,
    /// The system that said it.
    pub source: Option<String>,
    /// Its entries by their numbers; bytes as hex digits.
    pub body: serde_json::Value,
}
