//! Makes canonical events. The id a source would give is derived from what happened and when, so that
//! processing the same data again makes the same event and the store's unique key drops it.

use iq_domain::{
    Alert, AssetId, EventCategory, EventId, IndustrialEvent, IntegrationId, RuleId, Severity,
    SignalId, TenantId, Timestamp, sentence_number,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Name under which the program's own events are stored.
pub const OWN_SYSTEM: &str = "optria";

/// What is known about the clock an event time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockInfo {
    /// Source minus UTC.
    pub offset_ms: i64,
    /// One-sided uncertainty: resolution, scan and error of the offset.
    pub uncertainty_ms: i64,
}

/// What every event needs beside its own facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventContext {
    /// Owner.
    pub tenant_id: TenantId,
    /// The present: time of arrival. The store sets the time of the commit.
    pub now: Timestamp,
    /// The clock of the source.
    pub clock: ClockInfo,
}

/// A signal that left or found its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalDeparture<'a> {
    /// The asset.
    pub asset_id: AssetId,
    /// The signal.
    pub signal_id: SignalId,
    /// Metric key.
    pub metric: &'a str,
    /// Unit.
    pub unit: &'a str,
    /// First sample of the departure.
    pub at: Timestamp,
    /// Whether it rose.
    pub is_rise: bool,
    /// Value.
    pub value: f64,
    /// Usual value.
    pub baseline: f64,
    /// Deviation.
    pub z: f64,
}

struct Facts<'a> {
    asset_id: Option<AssetId>,
    source_type: &'a str,
    source_id: String,
    at: Timestamp,
    severity: Severity,
    category: EventCategory,
    summary: String,
    params: Json,
    detail: Json,
}

fn make(ctx: &EventContext, facts: Facts<'_>) -> IndustrialEvent {
    IndustrialEvent {
        id: event_id(ctx.tenant_id, OWN_SYSTEM, &facts.source_id, facts.at),
        tenant_id: ctx.tenant_id,
        asset_id: facts.asset_id,
        source_system: OWN_SYSTEM.to_owned(),
        source_type: facts.source_type.to_owned(),
        source_id: facts.source_id,
        event_time: facts.at,
        ingest_time: ctx.now,
        recorded_at: ctx.now,
        time_offset_ms: ctx.clock.offset_ms,
        time_uncertainty_ms: ctx.clock.uncertainty_ms,
        severity: facts.severity,
        event_category: facts.category,
        summary: facts.summary,
        payload: json!({ "params": facts.params, "detail": facts.detail }),
    }
}

/// A time-ordered id that is the same for the same event.
#[must_use]
pub fn event_id(tenant: TenantId, system: &str, source_id: &str, at: Timestamp) -> EventId {
    let name = format!("{system}\u{1F}{source_id}");
    let hash = Uuid::new_v5(&tenant.0, name.as_bytes());
    let mut tail = [0u8; 10];
    tail.copy_from_slice(&hash.as_bytes()[6..]);
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    EventId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

/// The last part of a sentence code ("alert.limit_high" → "limit_high").
fn kind_of(code: &str) -> &str {
    code.rsplit('.').next().unwrap_or(code)
}

/// An alert is one activation: its rule and its time name it, whatever row id it got.
fn alert_key(alert: &Alert) -> String {
    let rule = alert
        .rule_id
        .map_or_else(|| alert.id.to_string(), |r: RuleId| r.to_string());
    format!("alert:{rule}:{}", alert.activated_at.millis())
}

fn alert_event(
    ctx: &EventContext,
    alert: &Alert,
    phase: &str,
    at: Timestamp,
    more: Json,
) -> IndustrialEvent {
    let mut params = alert.params.clone();
    if let (Some(params), Some(more)) = (params.as_object_mut(), more.as_object()) {
        params.extend(more.clone());
    }
    let (category, severity) = match phase {
        "acknowledged" => (EventCategory::OperatorAction, Severity::Info),
        "cleared" => (EventCategory::Alert, Severity::Info),
        _ => (EventCategory::Alert, alert.severity),
    };
    make(
        ctx,
        Facts {
            asset_id: Some(alert.asset_id),
            source_type: "alert",
            source_id: format!("{}:{phase}", alert_key(alert)),
            at,
            severity,
            category,
            summary: format!("event.alert_{phase}.{}", kind_of(&alert.code)),
            params,
            detail: json!({
                "phase": phase, "alert_id": alert.id, "rule_id": alert.rule_id,
                "signal_id": alert.signal_id, "code": alert.code,
            }),
        },
    )
}

/// An alert was raised.
#[must_use]
pub fn alert_activated(ctx: &EventContext, alert: &Alert) -> IndustrialEvent {
    alert_event(ctx, alert, "activated", alert.activated_at, json!({}))
}

/// An active alert became critical; the alert carries the new severity, code and arguments.
#[must_use]
pub fn alert_escalated(ctx: &EventContext, alert: &Alert, at: Timestamp) -> IndustrialEvent {
    alert_event(ctx, alert, "escalated", at, json!({}))
}

/// A person acknowledged an alert.
#[must_use]
pub fn alert_acknowledged(
    ctx: &EventContext,
    alert: &Alert,
    at: Timestamp,
    actor: &str,
    comment: Option<&str>,
) -> IndustrialEvent {
    let more = json!({ "actor": actor, "comment": comment });
    alert_event(ctx, alert, "acknowledged", at, more)
}

/// An alert returned to normal.
#[must_use]
pub fn alert_cleared(ctx: &EventContext, alert: &Alert, at: Timestamp) -> IndustrialEvent {
    alert_event(ctx, alert, "cleared", at, json!({}))
}

/// A signal left its baseline.
#[must_use]
pub fn signal_left_baseline(ctx: &EventContext, d: &SignalDeparture<'_>) -> IndustrialEvent {
    let way = if d.is_rise { "rise" } else { "fall" };
    make(
        ctx,
        Facts {
            asset_id: Some(d.asset_id),
            source_type: "signal",
            source_id: format!("onset:{}:{}", d.signal_id, d.at.millis()),
            at: d.at,
            severity: Severity::Warning,
            category: EventCategory::Sensor,
            summary: format!("event.signal_left_baseline.{way}"),
            params: json!({ "metric": d.metric, "unit": d.unit, "value": sentence_number(d.value),
                            "baseline": sentence_number(d.baseline), "sigma": sentence_number((d.z * 10.0).round() / 10.0) }),
            detail: json!({ "signal_id": d.signal_id }),
        },
    )
}

/// A signal returned to its baseline.
#[must_use]
pub fn signal_returned(ctx: &EventContext, d: &SignalDeparture<'_>) -> IndustrialEvent {
    make(
        ctx,
        Facts {
            asset_id: Some(d.asset_id),
            source_type: "signal",
            source_id: format!("return:{}:{}", d.signal_id, d.at.millis()),
            at: d.at,
            severity: Severity::Info,
            category: EventCategory::Sensor,
            summary: "event.signal_returned".to_owned(),
            params: json!({ "metric": d.metric, "unit": d.unit, "value": sentence_number(d.value) }),
            detail: json!({ "signal_id": d.signal_id }),
        },
    )
}

/// A machine started or stopped.
#[must_use]
pub fn run_changed(
    ctx: &EventContext,
    asset: AssetId,
    asset_code: &str,
    at: Timestamp,
    is_running: bool,
) -> IndustrialEvent {
    let what = if is_running { "started" } else { "stopped" };
    make(
        ctx,
        Facts {
            asset_id: Some(asset),
            source_type: "run",
            source_id: format!("run:{asset}:{}:{what}", at.millis()),
            at,
            severity: Severity::Info,
            category: EventCategory::System,
            summary: format!("event.asset_{what}"),
            params: json!({ "asset": asset_code }),
            detail: json!({}),
        },
    )
}

/// A person did something that belongs into the record. `action_id` is unique per action (the id of its
/// audit row, say).
#[must_use]
pub fn user_action(
    ctx: &EventContext,
    asset: Option<AssetId>,
    actor: &str,
    action: &str,
    object: &str,
    action_id: &str,
) -> IndustrialEvent {
    make(
        ctx,
        Facts {
            asset_id: asset,
            source_type: "user_action",
            source_id: format!("user_action:{action_id}"),
            at: ctx.now,
            severity: Severity::Info,
            category: EventCategory::OperatorAction,
            summary: "event.user_action".to_owned(),
            params: json!({ "actor": actor, "action": action, "object": object }),
            detail: json!({}),
        },
    )
}

/// The evidence log is not as it was left: records it had and has, and the first wrong one.
#[must_use]
pub fn evidence_broken(
    ctx: &EventContext,
    reason: &str,
    (had, has, seq): (Option<u64>, Option<u64>, Option<u64>),
) -> IndustrialEvent {
    let is_crime = matches!(reason, "cut" | "altered");
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "evidence",
            source_id: format!("evidence:{reason}:{}", ctx.now.millis()),
            at: ctx.now,
            severity: if is_crime {
                Severity::Critical
            } else {
                Severity::Warning
            },
            category: EventCategory::System,
            summary: format!("event.evidence.{reason}"),
            params: json!({ "had": had, "has": has, "seq": seq }),
            detail: json!({}),
        },
    )
}

/// A stored row is not what was recorded of it. The row: what it is (`event`, `audit`, `entry`, `incident` or
/// `note`), which, and the moment where that names it; `record` the epoch, stream and number of its record.
/// The same row is told once.
#[must_use]
pub fn evidence_row_altered(
    ctx: &EventContext,
    (what, row, at): (&str, &str, Option<Timestamp>),
    record: (i64, u8, u64),
) -> IndustrialEvent {
    let (epoch, stream, seq) = record;
    // One head stands for all notes of its incident.
    let which = at.map_or_else(String::new, |at| format!(":{what}:{}", at.millis()));
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "evidence",
            source_id: format!("evidence:row_altered:{epoch}:{stream}:{seq}{which}"),
            at: ctx.now,
            severity: Severity::Critical,
            category: EventCategory::System,
            summary: format!("event.evidence.row_altered.{what}"),
            params: json!({ "row": row, "at": at.map(|at| at.to_string()), "epoch": epoch,
                "seq": seq }),
            detail: json!({ "stream": stream }),
        },
    )
}

/// A row stands in the store that this program did not write: an `event`, or a `note` of an incident; which,
/// and when it says it was. The same row is told once.
#[must_use]
pub fn evidence_row_added(
    ctx: &EventContext,
    (what, row, at): (&str, &str, Option<Timestamp>),
) -> IndustrialEvent {
    let moment = at.map_or(0, Timestamp::millis);
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "evidence",
            source_id: format!("evidence:row_added:{what}:{row}:{moment}"),
            at: ctx.now,
            severity: Severity::Critical,
            category: EventCategory::System,
            summary: format!("event.evidence.row_added.{what}"),
            params: json!({ "row": row, "at": at.map(|at| at.to_string()) }),
            detail: json!({}),
        },
    )
}

/// A connector delivers values again, or no longer. `reason` is the error code.
#[must_use]
pub fn connector_changed(
    ctx: &EventContext,
    integration: IntegrationId,
    name: &str,
    at: Timestamp,
    is_up: bool,
    reason: Option<&str>,
) -> IndustrialEvent {
    let what = if is_up { "up" } else { "down" };
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "connector",
            source_id: format!("connector:{integration}:{}:{what}", at.millis()),
            at,
            severity: if is_up {
                Severity::Info
            } else {
                Severity::Warning
            },
            category: EventCategory::System,
            summary: format!("event.connector_{what}"),
            params: json!({ "integration": name, "reason": reason }),
            detail: json!({ "integration_id": integration }),
        },
    )
}

/// Events of a source were lost before they were stored; the source may have lost more than it says.
#[must_use]
pub fn events_lost(
    ctx: &EventContext,
    integration: IntegrationId,
    name: &str,
    count: u64,
    at: Timestamp,
) -> IndustrialEvent {
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "connector",
            source_id: format!("events_lost:{integration}:{}", at.millis()),
            at,
            severity: Severity::Warning,
            category: EventCategory::System,
            summary: "event.events_lost".to_owned(),
            params: json!({ "integration": name, "count": count }),
            detail: json!({ "integration_id": integration }),
        },
    )
}

/// Nothing could be recorded for a while: the disk was full or could not be written.
#[must_use]
pub fn recording_interrupted(
    ctx: &EventContext,
    from: Timestamp,
    until: Timestamp,
) -> IndustrialEvent {
    let minutes = u64::try_from(until.since_ms(from))
        .unwrap_or(0)
        .div_ceil(60_000)
        .max(1);
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "recorder",
            source_id: format!("recorder:{}", from.millis()),
            at: from,
            severity: Severity::Warning,
            category: EventCategory::System,
            summary: "event.recording_interrupted".to_owned(),
            params: json!({ "minutes": minutes }),
            detail: json!({ "from": from, "until": until }),
        },
    )
}

/// The room kept back on the disk of the data was given up because the disk is full, or is there again.
#[must_use]
pub fn disk_reserve_changed(
    ctx: &EventContext,
    at: Timestamp,
    is_held: bool,
    megabytes: u64,
) -> IndustrialEvent {
    let what = if is_held { "held" } else { "released" };
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "disk",
            source_id: format!("disk:reserve_{what}:{}", at.millis()),
            at,
            severity: if is_held {
                Severity::Info
            } else {
                Severity::Warning
            },
            category: EventCategory::System,
            summary: format!("event.disk_reserve_{what}"),
            params: json!({ "size": megabytes }),
            detail: json!({}),
        },
    )
}

/// The clock of this machine was set, or the machine slept: it shows `jump_ms` more, or less, than passed.
#[must_use]
pub fn clock_jumped(ctx: &EventContext, at: Timestamp, jump_ms: i64) -> IndustrialEvent {
    let what = if jump_ms < 0 { "back" } else { "ahead" };
    make(
        ctx,
        Facts {
            asset_id: None,
            source_type: "clock",
            source_id: format!("clock:{}:{jump_ms}", at.millis()),
            at,
            severity: Severity::Warning,
            category: EventCategory::System,
            summary: format!("event.clock_jumped_{what}"),
            params: json!({ "seconds": jump_ms.unsigned_abs().div_ceil(1_000) }),
            detail: json!({ "jump_ms": jump_ms, "showed": at.plus_ms(-jump_ms) }),
        },
    )
}

#[cfg(test)]
mod tests;
