//! Incidents, events, timeline.

use iq_domain::{
    AssetId, EventCategory, EventId, EventRelation, IncidentId, IncidentStatus, IncidentType,
    Names, NoteId, OrderConfidence, Severity, SignalId, Timestamp,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::IncidentRef;

/// An incident in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentRow {
    /// Id.
    pub id: IncidentId,
    /// Number people use.
    pub number: String,
    /// Sentence in the caller's language.
    pub title: String,
    /// Root asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: Names,
    /// Type.
    pub incident_type: IncidentType,
    /// Severity.
    pub severity: Severity,
    /// Status.
    pub status: IncidentStatus,
    /// Who has it.
    pub assignee: Option<String>,
    /// Start.
    pub started_at: Timestamp,
    /// End.
    pub ended_at: Option<Timestamp>,
    /// Events.
    pub event_count: u64,
}

/// An incident with its notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// Summary.
    pub incident: IncidentRow,
    /// First moment the timeline shows.
    pub window_from: Timestamp,
    /// Last moment the timeline shows.
    pub window_to: Timestamp,
    /// Neighbours with events in the window.
    pub related_assets: Vec<RelatedAsset>,
    /// Notes, oldest first.
    pub notes: Vec<IncidentNote>,
    /// User names that may take it.
    pub assignable: Vec<String>,
    /// The incident it became part of.
    pub merged_into: Option<IncidentRef>,
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RelatedAsset {
    /// Asset.
    pub asset_id: AssetId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Events in the window.
    pub event_count: u64,
}

/// Change of an incident; absent = unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentPatch {
    /// New status.
    #[serde(default)]
    pub status: Option<IncidentStatus>,
    /// User name, empty = nobody.
    #[serde(default)]
    pub assignee: Option<String>,
    /// What the change starts from; 409 `incidents.changed_meanwhile` where that is otherwise by now.
    #[serde(default)]
    pub base: Option<IncidentHandling>,
}

/// How far an incident is, and in whose hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentHandling {
    /// Status.
    pub status: IncidentStatus,
    /// User name; none = nobody.
    #[serde(default)]
    pub assignee: Option<String>,
}

/// A new note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteInput {
    /// Text, ≤ 4,000 characters.
    pub text: String,
}

/// A note; never edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentNote {
    /// Id.
    pub id: NoteId,
    /// Author.
    pub author: String,
    /// Text.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// A canonical event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Id.
    pub id: EventId,
    /// Asset.
    pub asset_id: Option<AssetId>,
    /// Its code.
    pub asset_code: Option<String>,
    /// Category.
    pub category: EventCategory,
    /// Severity.
    pub severity: Severity,
    /// System.
    pub source_system: String,
    /// Kind of record.
    pub source_type: String,
    /// Id there.
    pub source_id: String,
    /// Source time.
    pub event_time: Timestamp,
    /// Arrival.
    pub ingest_time: Timestamp,
    /// Known offset of the source's clock.
    pub time_offset_ms: i64,
    /// Uncertainty, one side.
    pub time_uncertainty_ms: i64,
    /// Sentence code.
    pub summary: String,
    /// Sentence in the caller's language.
    pub message: String,
    /// External tag or metric it is about.
    pub tag: Option<String>,
    /// Signal it is about: its samples are what stands behind the event.
    pub signal_id: Option<SignalId>,
    /// Original payload; null in lists that carry many events (`GET /api/blackbox/events/{id}` has it).
    pub payload: serde_json::Value,
}

/// An event with its place in the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEvent {
    /// The event.
    pub event: Event,
    /// How it belongs to the incident.
    pub relation: EventRelation,
    /// Number of its chain of ties, from 1: each of a chain can't be told apart from another of them.
    pub order: u32,
    /// First place in the order it can have, from 1.
    pub first_place: u32,
    /// Last place in the order it can have; the same where its place is certain.
    pub last_place: u32,
    /// Against its predecessor.
    pub order_confidence: OrderConfidence,
    /// It corrects what was read before of the same row of a journal; that is kept and no longer shown here.
    pub is_correction: bool,
}

/// A signal worth showing under the lanes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineTrend {
    /// Signal.
    pub signal_id: SignalId,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// Unit.
    pub unit: String,
    /// External tag.
    pub tag: Option<String>,
    /// When it left its baseline, by its source's clock.
    pub onset_at: Option<Timestamp>,
    /// How far its source's clock is ahead; its samples are drawn so much earlier, on the clock of the
    /// events.
    pub time_offset_ms: i64,
}

/// Events in order with the trends that belong to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// Window.
    pub from: Timestamp,
    /// Window.
    pub to: Timestamp,
    /// In order.
    pub events: Vec<TimelineEvent>,
    /// First mover first.
    pub trends: Vec<TimelineTrend>,
    /// Other signals of the assets it is about, to be laid beside those.
    pub more_trends: Vec<TimelineTrend>,
    /// More than 50,000 events: the rest is in the event list.
    pub truncated: bool,
}

/// Events in a slice of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistogramBin {
    /// Start of the bin.
    pub t: Timestamp,
    /// All events.
    pub total: u64,
    /// Warnings.
    pub warning: u64,
    /// Critical ones.
    pub critical: u64,
}
