//! Work orders, the objects they name, and the outbox.

use iq_domain::{
    AlertId, AssetId, FieldChange, IncidentId, IntegrationId, MatchState, Names, ObjectKind,
    OutboxId, OutboxState, RecommendationId, TechnicalObjectId, TechnicianId, Timestamp,
    WorkOrderId, WorkOrderKind, WorkOrderOrigin, WorkOrderPart, WorkOrderPriority, WorkOrderStatus,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StatusMessage;

/// A work order of a maintenance system, or one of our own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkOrder {
    /// Id.
    pub id: WorkOrderId,
    /// Our reference; only on what was written here.
    pub reference: Option<String>,
    /// The connection it came through or went out by.
    pub integration_id: Option<IntegrationId>,
    /// Name of the system that has it; absent while it is only here.
    pub source_system: Option<String>,
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Its number there.
    pub number: Option<String>,
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
    /// Type there.
    pub order_type: Option<String>,
    /// Urgency.
    pub priority: Option<WorkOrderPriority>,
    /// Where it stands.
    pub status: WorkOrderStatus,
    /// The system's own word for that.
    pub source_status: String,
    /// Asset.
    pub asset_id: Option<AssetId>,
    /// Its code.
    pub asset_code: Option<String>,
    /// Its names.
    pub asset_names: Option<Names>,
    /// How the asset was found.
    pub match_state: MatchState,
    /// Equipment.
    pub equipment_number: Option<String>,
    /// Functional location.
    pub functional_location: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// Work centre.
    pub work_center: Option<String>,
    /// The notification of an order, or the order of a notification.
    pub related_number: Option<String>,
    /// Planned start.
    pub planned_start_at: Option<Timestamp>,
    /// Planned end.
    pub planned_end_at: Option<Timestamp>,
    /// Start of work.
    pub actual_start_at: Option<Timestamp>,
    /// End of work.
    pub actual_end_at: Option<Timestamp>,
    /// When the malfunction began.
    pub malfunction_at: Option<Timestamp>,
    /// The object is down.
    pub is_down: bool,
    /// Where it came from.
    pub origin: WorkOrderOrigin,
    /// The alert it was written for.
    pub alert_id: Option<AlertId>,
    /// The incident it was written for.
    pub incident_id: Option<IncidentId>,
    /// The recommendation it was published from.
    pub recommendation_id: Option<RecommendationId>,
    /// Which visit to a job it is; absent where it is the whole job.
    pub visit: Option<WorkOrderVisit>,
    /// Who wrote it here.
    pub created_by: Option<String>,
    /// Created, there or here.
    pub opened_at: Timestamp,
    /// Last change, there or here.
    pub changed_at: Timestamp,
    /// Where its latest sending stands.
    pub push_state: Option<OutboxState>,
    /// Who does it.
    pub technician_id: Option<TechnicianId>,
    /// Personnel number.
    pub technician_code: Option<String>,
    /// Names.
    pub technician_names: Option<Names>,
    /// Must have been done by.
    pub due_at: Option<Timestamp>,
    /// It was due and is not done.
    pub is_overdue: bool,
    /// Hours of work it should take.
    pub estimated_hours: Option<f64>,
    /// Hours of work it took.
    pub actual_hours: Option<f64>,
    /// How the failure was seen: code of ISO 14224.
    pub failure_mode: Option<String>,
    /// Why: rule of the asset family's pack.
    pub failure_cause: Option<String>,
    /// The recommendation it was written for, as it was worded.
    pub recommendation: Option<String>,
    /// Parts and material.
    pub parts: Vec<WorkOrderPart>,
    /// Certificates everybody on it has to hold.
    pub certificates: Vec<String>,
    /// It can only be done while its asset stands in a planned outage.
    pub needs_outage: bool,
    /// Where it may go from here; empty where another system decides.
    pub next: Vec<WorkOrderStatus>,
}

/// Which visit to a job a work order is: a plan makes an order for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkOrderVisit {
    /// The first order of the job; its own id where it is that.
    pub of_id: WorkOrderId,
    /// What that one is called: its number there, else our reference.
    pub of_called: Option<String>,
    /// Which of the visits it is in the order of their times, from 1.
    pub place: u32,
    /// How many visits there are.
    pub count: u32,
}

/// A work order with everything known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkOrderDetail {
    /// The work order.
    pub work_order: WorkOrder,
    /// The row as its system gave it; null for our own.
    pub payload: serde_json::Value,
    /// Number of the incident it was written for.
    pub incident_number: Option<String>,
    /// Its sendings, newest first.
    pub pushes: Vec<OutboxEntry>,
    /// What people changed here, newest first.
    pub changes: Vec<WorkOrderChange>,
}

/// What a person changed about a work order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkOrderChange {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub fields: Vec<FieldChange>,
}

/// Write a work order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderInput {
    /// Asset; that of the alert or the incident if absent.
    #[serde(default)]
    pub asset_id: Option<AssetId>,
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Short text.
    pub title: String,
    /// Long text.
    #[serde(default)]
    pub description: String,
    /// Urgency.
    pub priority: WorkOrderPriority,
    /// Type in the maintenance system; its default if absent.
    #[serde(default)]
    pub order_type: Option<String>,
    /// Wanted start.
    #[serde(default)]
    pub planned_start_at: Option<Timestamp>,
    /// Wanted end.
    #[serde(default)]
    pub planned_end_at: Option<Timestamp>,
    /// When the malfunction began; that of the alert or the incident if absent.
    #[serde(default)]
    pub malfunction_at: Option<Timestamp>,
    /// The object is down.
    #[serde(default)]
    pub is_down: bool,
    /// The alert it is for.
    #[serde(default)]
    pub alert_id: Option<AlertId>,
    /// The incident it is for.
    #[serde(default)]
    pub incident_id: Option<IncidentId>,
    /// The recommendation it is written for, as it is worded.
    #[serde(default)]
    pub recommendation: Option<String>,
    /// Who does it.
    #[serde(default)]
    pub technician_id: Option<TechnicianId>,
    /// Must have been done by; by its priority if absent (24 hours, 7 days, 30 days, none).
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// Hours of work it should take.
    #[serde(default)]
    pub estimated_hours: Option<f64>,
    /// Failure mode, code of ISO 14224.
    #[serde(default)]
    pub failure_mode: Option<String>,
    /// Rule of the asset family's pack.
    #[serde(default)]
    pub failure_cause: Option<String>,
    /// Parts and material.
    #[serde(default)]
    pub parts: Vec<WorkOrderPart>,
    /// Certificates everybody on it has to hold ("hot_work"); a plan gives it to nobody without them.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// It can only be done while its asset stands in a planned outage; a plan puts it nowhere else.
    #[serde(default)]
    pub needs_outage: bool,
}

/// Change a work order: state, texts, priority and planned times only where it is only here, the rest
/// in any case. What is absent stays; null takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderPatch {
    /// Where it stands.
    #[serde(default)]
    pub status: Option<WorkOrderStatus>,
    /// Short text.
    #[serde(default)]
    pub title: Option<String>,
    /// Long text.
    #[serde(default)]
    pub description: Option<String>,
    /// Urgency.
    #[serde(default)]
    pub priority: Option<WorkOrderPriority>,
    /// Planned start.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Timestamp>)]
    pub planned_start_at: Option<Option<Timestamp>>,
    /// Planned end.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Timestamp>)]
    pub planned_end_at: Option<Option<Timestamp>>,
    /// Who does it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<TechnicianId>)]
    pub technician_id: Option<Option<TechnicianId>>,
    /// Must have been done by.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Timestamp>)]
    pub due_at: Option<Option<Timestamp>>,
    /// Hours of work it should take.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    pub estimated_hours: Option<Option<f64>>,
    /// Hours of work it took.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    pub actual_hours: Option<Option<f64>>,
    /// Failure mode, code of ISO 14224.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub failure_mode: Option<Option<String>>,
    /// Rule of the asset family's pack.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub failure_cause: Option<Option<String>>,
    /// Parts and material; replaces the list.
    #[serde(default)]
    pub parts: Option<Vec<WorkOrderPart>>,
    /// Certificates everybody on it has to hold; replaces the list.
    #[serde(default)]
    pub certificates: Option<Vec<String>>,
    /// It can only be done while its asset stands in a planned outage.
    #[serde(default)]
    pub needs_outage: Option<bool>,
}

/// Tells null, which takes a value away, from a field that is not there.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Where a work order is to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// The connection to the maintenance system.
    pub integration_id: IntegrationId,
    /// As a notification or an order.
    pub kind: WorkOrderKind,
}

/// The request as it is sent, exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PushPayload {
    /// Method.
    pub method: String,
    /// Path and query below the configured address.
    pub path: String,
    /// Body.
    pub payload: serde_json::Value,
    /// Our reference inside it.
    pub reference: String,
}

/// A value of the payload that differs from what was sent before, or is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PayloadDifference {
    /// Where in the payload.
    pub path: String,
    /// The value of the last attempt; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// The value now; absent where it was taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
}

/// A work order that is open over there for the same asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenWorkOrder {
    /// Id here.
    pub id: WorkOrderId,
    /// Number there.
    pub number: String,
    /// Short text.
    pub title: String,
    /// Where it stands.
    pub status: WorkOrderStatus,
}

/// What would be sent; nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PushPreview {
    /// The request.
    pub request: PushPayload,
    /// What differs from what is there.
    pub differences: Vec<PayloadDifference>,
    /// What is open there for the same asset.
    pub open_there: Vec<OpenWorkOrder>,
    /// What to know before asking for it.
    pub warnings: Vec<StatusMessage>,
    /// Another person has to approve it.
    pub needs_second_person: bool,
}

/// A dry run, or the entry it led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PushAnswer {
    /// With `dry_run=true`: what would be sent.
    pub preview: Option<PushPreview>,
    /// Otherwise: where it stands now.
    pub entry: Option<OutboxEntry>,
}

/// What a sending asks for, as a person may correct it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushContent {
    /// Short text.
    pub title: String,
    /// Long text.
    #[serde(default)]
    pub description: String,
    /// Urgency.
    pub priority: WorkOrderPriority,
    /// Type there.
    #[serde(default)]
    pub order_type: Option<String>,
    /// Equipment.
    #[serde(default)]
    pub equipment_number: Option<String>,
    /// Functional location.
    #[serde(default)]
    pub functional_location: Option<String>,
    /// Wanted start.
    #[serde(default)]
    pub planned_start_at: Option<Timestamp>,
    /// Wanted end.
    #[serde(default)]
    pub planned_end_at: Option<Timestamp>,
    /// When the malfunction began.
    #[serde(default)]
    pub malfunction_at: Option<Timestamp>,
    /// The object is down.
    #[serde(default)]
    pub is_down: bool,
}

/// A work order on its way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutboxEntry {
    /// Id.
    pub id: OutboxId,
    /// The work order.
    pub work_order_id: WorkOrderId,
    /// Where it goes.
    pub integration_id: IntegrationId,
    /// Name of that system; absent when the connection was deleted.
    pub integration_name: Option<String>,
    /// Notification or order.
    pub kind: WorkOrderKind,
    /// Our reference: what is searched for after a lost answer.
    pub reference: String,
    /// Asset.
    pub asset_id: Option<AssetId>,
    /// Its code.
    pub asset_code: Option<String>,
    /// Where it stands.
    pub state: OutboxState,
    /// What is asked for.
    pub content: PushContent,
    /// The request, exactly as it is sent.
    pub request: PushPayload,
    /// Who handed it in or corrected it last.
    pub author: String,
    /// Who approved or rejected it.
    pub approver: Option<String>,
    /// Approved.
    pub approved_at: Option<Timestamp>,
    /// Something of it may be there already.
    pub may_exist: bool,
    /// How often it was sent.
    pub sends: u32,
    /// When it was sent last.
    pub last_send_at: Option<Timestamp>,
    /// The next attempt or search.
    pub next_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<StatusMessage>,
    /// Number there.
    pub number: Option<String>,
    /// Who said what became of it.
    pub resolved_by: Option<String>,
    /// Handed in.
    pub created_at: Timestamp,
    /// Last change.
    pub changed_at: Timestamp,
    /// Known to be there since.
    pub sent_at: Option<Timestamp>,
    /// The caller handed it in and another person has to approve it.
    pub awaits_another_person: bool,
}

/// A yes to an entry as it was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushApproval {
    /// Its `changed_at` as it was shown. Corrected since, it is not approved.
    pub changed_at: Timestamp,
}

/// What a person found out about a sending nobody knows the end of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushResolution {
    /// Its number there; absent: it is not there and is to be sent again.
    #[serde(default)]
    pub number: Option<String>,
}

/// How work orders leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderSettings {
    /// Another person than the author has to approve what is sent.
    pub push_needs_second_person: bool,
}

/// An equipment or functional location of a maintenance system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TechnicalObject {
    /// Id.
    pub id: TechnicalObjectId,
    /// The connection to its system.
    pub integration_id: IntegrationId,
    /// Kind.
    pub kind: ObjectKind,
    /// Its number there.
    pub number: String,
    /// Its name; empty when only a work order has mentioned it.
    pub name: String,
    /// The location it stands in, or the location above.
    pub location: Option<String>,
    /// The equipment it is part of.
    pub parent: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// In use.
    pub is_active: bool,
    /// Asset.
    pub asset_id: Option<AssetId>,
    /// Its code.
    pub asset_code: Option<String>,
    /// How it was found.
    pub match_state: MatchState,
    /// By which rule: number, parent, stands_in, location, location_above, person.
    pub match_reason: Option<String>,
    /// The assets that fit, where several do.
    pub candidates: Vec<AssetRef>,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When.
    pub settled_at: Option<Timestamp>,
}

/// An asset by its code and names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetRef {
    /// Id.
    pub id: AssetId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
}

/// How much of a maintenance system is tied to assets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObjectCoverage {
    /// The connection.
    pub integration_id: IntegrationId,
    /// Its name.
    pub integration_name: String,
    /// `by_equipment_number` or `by_functional_location`.
    pub mode: String,
    /// Whether work orders may be sent to it.
    pub takes_work_orders: bool,
    /// Objects known.
    pub objects: MatchCounts,
    /// Work orders read from it.
    pub work_orders: MatchCounts,
    /// Assets no object belongs to, the first of them.
    pub assets_without_object: Vec<AssetRef>,
    /// How many there are.
    pub assets_without_object_total: u64,
}

/// How many were matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchCounts {
    /// One asset fits.
    pub matched: u64,
    /// None fits.
    pub unmatched: u64,
    /// Several fit; a person has to choose.
    pub ambiguous: u64,
    /// A person settled it.
    pub settled: u64,
}

/// Which asset an object belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleObject {
    /// The asset; null says that it is none of ours.
    pub asset_id: Option<AssetId>,
    /// Take the decision back: the program finds the asset by itself again.
    #[serde(default)]
    pub is_automatic: bool,
}
