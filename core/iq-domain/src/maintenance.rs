//! Work orders and technical objects of maintenance systems, and what sources deliver beside samples.

use serde::{Deserialize, Serialize};

use crate::{AlarmPhase, AssetId, EventCategory, Severity, Timestamp};

/// What a source delivers that is no sample. Keys are the source's own; assets are found later by the
/// mapping mode of the integration.
#[expect(
    clippy::large_enum_variant,
    reason = "most records are work orders, and they come in short lists"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum SourceRecord {
    /// A work order or notification, new or changed.
    WorkOrder(SourceWorkOrder),
    /// An equipment or functional location, new or changed.
    TechnicalObject(SourceObject),
    /// Something that happened (alarm journal, event frame).
    Event(SourceEvent),
}

/// What kind of technical object a maintenance system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A machine with a serial number.
    Equipment,
    /// A place in the plant.
    FunctionalLocation,
}

/// A technical object as its system describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceObject {
    /// Kind.
    pub kind: ObjectKind,
    /// Its number there; kept as text, leading zeros included.
    pub number: String,
    /// Its name.
    pub name: String,
    /// The functional location it stands in, or the location above.
    pub location: Option<String>,
    /// The equipment it is part of.
    pub parent: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// Whether it is in use.
    pub is_active: bool,
    /// Last change there.
    pub changed_at: Option<Timestamp>,
    /// The row as it came, secrets never included.
    pub payload: serde_json::Value,
}

/// Where a work order stands, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderStatus {
    /// Written, not released.
    Draft,
    /// Created or notified, waiting for planning.
    Open,
    /// Released for work.
    Released,
    /// Being worked on.
    InProgress,
    /// Waiting.
    OnHold,
    /// Work is done.
    Completed,
    /// Settled.
    Closed,
    /// Will not be done.
    Cancelled,
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderPriority {
    /// When there is time.
    Low,
    /// Planned work.
    Medium,
    /// Soon.
    High,
    /// At once.
    VeryHigh,
}

/// Order or notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderKind {
    /// A request or report.
    Notification,
    /// An order to do work.
    Order,
}

/// A work order as its system describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceWorkOrder {
    /// Kind.
    pub kind: WorkOrderKind,
    /// Its number there; kept as text, leading zeros included.
    pub number: String,
    /// Short text.
    pub title: String,
    /// Type there ("PM01").
    pub order_type: Option<String>,
    /// Urgency.
    pub priority: Option<WorkOrderPriority>,
    /// Where it stands.
    pub status: WorkOrderStatus,
    /// The system's own word for that.
    pub source_status: String,
    /// Equipment.
    pub equipment_number: Option<String>,
    /// Functional location.
    pub functional_location: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// Work centre.
    pub work_center: Option<String>,
    /// Notification an order came from, or order a notification led to.
    pub related_number: Option<String>,
    /// Our own reference, where it was created by us.
    pub reference: Option<String>,
    /// Planned start.
    pub planned_start: Option<Timestamp>,
    /// Planned end.
    pub planned_end: Option<Timestamp>,
    /// Start of work.
    pub actual_start: Option<Timestamp>,
    /// End of work.
    pub actual_end: Option<Timestamp>,
    /// Created there.
    pub created_at: Option<Timestamp>,
    /// Last change there.
    pub changed_at: Option<Timestamp>,
    /// Its version there (ETag).
    pub version: Option<String>,
    /// The row as it came, secrets never included.
    pub payload: serde_json::Value,
}

/// What is asked of a maintenance system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkOrderDraft {
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Our own reference, unique; goes into a field that can be searched there.
    pub reference: String,
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
    /// Urgency.
    pub priority: WorkOrderPriority,
    /// Type there; the connector's default where absent.
    pub order_type: Option<String>,
    /// Our asset.
    pub asset_id: Option<AssetId>,
    /// Equipment.
    pub equipment_number: Option<String>,
    /// Functional location.
    pub functional_location: Option<String>,
    /// Wanted start.
    pub planned_start: Option<Timestamp>,
    /// Wanted end.
    pub planned_end: Option<Timestamp>,
    /// When the malfunction began.
    pub malfunction_at: Option<Timestamp>,
    /// Whether the object is down.
    pub is_down: bool,
}

/// Something that happened, as a source tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceEvent {
    /// Unique there; the same id twice is the same event.
    pub source_id: String,
    /// Kind there ("alarm", "event_frame").
    pub source_type: String,
    /// When.
    pub at: Timestamp,
    /// Category.
    pub category: EventCategory,
    /// Severity.
    pub severity: Severity,
    /// The tag or object it is about, in the source's words.
    pub subject: Option<String>,
    /// Other names of the same thing there, nearest first: its address, what it belongs to. They help to
    /// find the asset.
    #[serde(default)]
    pub also: Vec<String>,
    /// What happened to the alarm, where it is about one.
    #[serde(default)]
    pub phase: Option<AlarmPhase>,
    /// What happened.
    pub summary: String,
    /// The row as it came.
    pub payload: serde_json::Value,
}

/// How an asset was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchState {
    /// Exactly one asset fits.
    Matched,
    /// None fits.
    Unmatched,
    /// Several fit; a person has to say which.
    Ambiguous,
    /// A person said which, or that it is none.
    Settled,
}

/// Where a work order came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderOrigin {
    /// Read from a maintenance system.
    Source,
    /// Written by a person.
    Manual,
    /// Written for an alert.
    Alert,
    /// Written for an incident.
    Incident,
    /// Published from a plan.
    Recommendation,
}

/// Where a row of the outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Corrected, not handed in again.
    Draft,
    /// Waits for a person's yes.
    AwaitingApproval,
    /// Approved; goes out at the next opportunity.
    Queued,
    /// Sent, or about to be; the answer is not known yet.
    Sending,
    /// The other side has it, under a number.
    Sent,
    /// It can't be told whether the other side has it: a person must look.
    Unknown,
    /// The other side refused it: a person must change something.
    DeadLetter,
    /// A person said no.
    Rejected,
}
