//! Events of the Black Box made from work orders and from what sources report. Their ids at the source
//! are made from what happened, so that reading the same row again makes the same event.

use iq_blackbox::{
    EventContext,
    events::{OWN_SYSTEM, event_id},
};
use iq_domain::{
    AlarmPhase, AssetId, EventCategory, EventId, IndustrialEvent, IntegrationId, Severity,
    SourceEvent, Timestamp, WorkOrderKind, WorkOrderPriority, WorkOrderStatus,
};
use iq_store::work_orders::WorkOrder;
use serde_json::{Value, json};

/// Longest payload kept with an event.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// A step of a work order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// It exists.
    Created,
    /// It stands elsewhere now.
    Status(WorkOrderStatus),
    /// Something else about it changed.
    Changed(&'a [&'static str]),
    /// The other side has taken it.
    Sent,
    /// Its asset became known later.
    Linked(AssetId),
}

impl Step<'_> {
    fn key(&self, at: Timestamp, version: Option<&str>) -> String {
        match self {
            Self::Created => "created".to_owned(),
            Self::Status(status) => format!("status:{}:{}", word(status), at.millis()),
            Self::Changed(_) => format!("changed:{}:{}", at.millis(), version.unwrap_or_default()),
            Self::Sent => "sent".to_owned(),
            Self::Linked(asset) => format!("linked:{asset}"),
        }
    }

    fn summary(&self, kind: WorkOrderKind) -> String {
        match self {
            Self::Created => format!("event.work_order_created.{}", word(&kind)),
            Self::Status(status) => format!("event.work_order_status.{}", word(status)),
            Self::Changed(_) => "event.work_order_changed".to_owned(),
            Self::Sent => format!("event.work_order_sent.{}", word(&kind)),
            Self::Linked(_) => "event.work_order_linked".to_owned(),
        }
    }
}

/// The name of an enumeration's value in the API.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Who a work order is, whatever row it has: its number in its system, else our reference.
fn identity(order: &WorkOrder) -> String {
    match (&order.reference, order.integration_id, &order.number) {
        (None, Some(integration), Some(number)) => {
            format!("{integration}:{}:{number}", word(&order.kind))
        }
        (Some(reference), _, _) => reference.clone(),
        _ => order.id.to_string(),
    }
}

/// What a person calls it: its number, else our reference.
pub(super) fn called(order: &WorkOrder) -> &str {
    order
        .number
        .as_deref()
        .or(order.reference.as_deref())
        .unwrap_or_default()
}

/// Where an event comes from: as it is called at the moment, and what makes its ids, which a new name
/// must not change.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    name: String,
    key: String,
}

impl Origin {
    /// Written here.
    pub(super) fn own() -> Self {
        Self {
            name: OWN_SYSTEM.to_owned(),
            key: OWN_SYSTEM.to_owned(),
        }
    }

    /// Read from a source.
    pub(super) fn of(integration: IntegrationId, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: integration.to_string(),
        }
    }

    pub(super) fn event_id(&self, ctx: &EventContext, source_id: &str, at: Timestamp) -> EventId {
        event_id(ctx.tenant_id, &self.key, source_id, at)
    }
}

/// A step of a work order as an event.
pub(super) fn work_order(
    ctx: &EventContext,
    origin: &Origin,
    order: &WorkOrder,
    step: Step<'_>,
    at: Timestamp,
    actor: Option<&str>,
) -> IndustrialEvent {
    let version = order.version.as_deref();
    let source_id = format!("work_order:{}:{}", identity(order), step.key(at, version));
    let is_urgent = order.priority == Some(WorkOrderPriority::VeryHigh);
    let severity = match step {
        Step::Created if is_urgent || order.is_down => Severity::Warning,
        _ => Severity::Info,
    };
    let changed: &[&str] = match step {
        Step::Changed(fields) => fields,
        _ => &[],
    };
    IndustrialEvent {
        id: origin.event_id(ctx, &source_id, at),
        tenant_id: ctx.tenant_id,
        asset_id: order.asset_id,
        source_system: origin.name.clone(),
        source_type: "work_order".to_owned(),
        source_id,
        event_time: at,
        ingest_time: ctx.now,
        recorded_at: ctx.now,
        time_offset_ms: ctx.clock.offset_ms,
        time_uncertainty_ms: ctx.clock.uncertainty_ms,
        severity,
        event_category: EventCategory::Maintenance,
        summary: step.summary(order.kind),
        payload: json!({
            "params": {
                "number": called(order), "title": order.title, "actor": actor,
                "system": order.source_system,
            },
            "detail": {
                "work_order_id": order.id, "integration_id": order.integration_id,
                "kind": order.kind, "status": order.status,
                "source_status": order.source_status, "priority": order.priority,
                "order_type": order.order_type, "reference": order.reference,
                "equipment_number": order.equipment_number,
                "functional_location": order.functional_location, "changed": changed,
            },
            "record": kept(&order.payload),
        }),
    }
}

/// Something a source reports, as an event.
pub(super) fn reported(
    ctx: &EventContext,
    origin: &Origin,
    integration: IntegrationId,
    asset: Option<AssetId>,
    event: &SourceEvent,
) -> IndustrialEvent {
    let line = |text: &str, max| iq_domain::neutralise(text, max);
    let source_id = line(&event.source_id, 400);
    IndustrialEvent {
        id: origin.event_id(ctx, &source_id, event.at),
        tenant_id: ctx.tenant_id,
        asset_id: asset,
        source_system: origin.name.clone(),
        source_type: line(&event.source_type, 60),
        source_id,
        event_time: event.at,
        ingest_time: ctx.now,
        recorded_at: ctx.now,
        time_offset_ms: ctx.clock.offset_ms,
        time_uncertainty_ms: ctx.clock.uncertainty_ms,
        severity: event.severity,
        event_category: event.category,
        summary: sentence_of(event).to_owned(),
        payload: json!({
            "params": {
                "text": line(&event.summary, 500),
                "subject": event.subject.as_deref().map(|s| line(s, 200)),
            },
            "detail": { "integration_id": integration, "phase": event.phase },
            "record": kept(&event.payload),
        }),
    }
}

/// Whether a row of a journal is understood otherwise than before. The same row counts whatever it says now; a
/// row of another file counts where it says more: a priority of its own, or an asset.
pub(super) fn says_other(known: &IndustrialEvent, read: &IndustrialEvent) -> bool {
    let phase = |event: &IndustrialEvent| event.payload["detail"]["phase"].clone();
    let is_same_row = known.payload["record"] == read.payload["record"];
    (known.event_category, phase(known)) != (read.event_category, phase(read))
        || known.asset_id.is_none() && read.asset_id.is_some()
        || known.severity != read.severity && (is_same_row || read.severity != Severity::Warning)
}

/// What was read, as an event that says which one it corrects.
pub(super) fn correcting(
    read: IndustrialEvent,
    known: &IndustrialEvent,
    (id, source_id): (EventId, String),
) -> IndustrialEvent {
    let mut payload = read.payload;
    payload["corrects"] = json!(known.id);
    IndustrialEvent {
        id,
        source_id,
        asset_id: read.asset_id.or(known.asset_id),
        payload,
        ..read
    }
}

/// The sentence of a reported event: an alarm has a text, and what happened to it is told by the step. The row
/// of a journal that raises one is told in its own words.
fn sentence_of(event: &SourceEvent) -> &'static str {
    match (event.source_type.as_str(), event.phase) {
        ("condition", Some(AlarmPhase::Activated)) => "event.condition_active",
        ("condition" | "alarm_journal", Some(AlarmPhase::Acknowledged)) => {
            "event.condition_acknowledged"
        }
        ("condition" | "alarm_journal", Some(AlarmPhase::Cleared)) => "event.condition_cleared",
        ("condition", None) => "event.condition_changed",
        ("event_frame", Some(AlarmPhase::Activated)) => "event.frame_started",
        ("event_frame", Some(AlarmPhase::Acknowledged)) => "event.frame_acknowledged",
        ("event_frame", Some(AlarmPhase::Cleared)) => "event.frame_ended",
        _ => "event.reported",
    }
}

/// The payload, or a note that it was too long to keep: a hostile source must not fill the disk.
pub(super) fn kept(payload: &Value) -> Value {
    let length = serde_json::to_string(payload).map_or(usize::MAX, |text| text.len());
    if length <= MAX_PAYLOAD_BYTES {
        payload.clone()
    } else {
        json!({ "left_out_bytes": length })
    }
}
