//! Alarms and conditions (OPC UA Part 9) as events. The server's event notifier is subscribed to, and what
//! it tells of a condition is compared with what was known of it: activation, acknowledgement and
//! clearing become events of their own.
//!
//! Nothing is acknowledged, confirmed or shelved here.

use std::collections::HashMap;

use iq_domain::{AlarmPhase, EventCategory, Severity, SourceEvent, Timestamp};
use opcua::types::{
    AttributeId, ContentFilter, ContentFilterElement, EventFilter, EventFilterResult,
    ExtensionObject, FilterOperator, LiteralOperand, MonitoredItemCreateRequest,
    MonitoredItemCreateResult, MonitoringMode, MonitoringParameters, NodeId, NumericRange,
    ObjectId, ObjectTypeId, QualifiedName, SimpleAttributeOperand, TimestampsToReturn, Variant,
};
use serde_json::{Map, Value as Json};

use crate::{
    client::{Core, attribute_of},
    config::{Alarms, Settings},
    nodeid::Namespaces,
    value::{moment, plain},
};

/// Events the server keeps while they are not fetched.
const QUEUE_SIZE: u32 = 10_000;

/// Conditions whose state is remembered; beyond it the oldest knowledge goes.
const MAX_CONDITIONS: usize = 50_000;

/// Bit of the event notifier that says events can be subscribed to.
const SUBSCRIBE_TO_EVENTS: u8 = 1;

/// From this severity on (1–1000) an event counts as a warning, and as critical: the bands of the OPC
/// Foundation's recommendation for low, medium and high.
const WARNING_FROM: u16 = 334;
const CRITICAL_FROM: u16 = 667;

/// What is asked of each event: type, path below it, name in the payload. The order is that of `Field`.
const FIELDS: &[(ObjectTypeId, &[&str], &str)] = &[
    (ObjectTypeId::BaseEventType, &["EventId"], "event_id"),
    (ObjectTypeId::BaseEventType, &["EventType"], "event_type"),
    (ObjectTypeId::BaseEventType, &["SourceNode"], "source_node"),
    (ObjectTypeId::BaseEventType, &["SourceName"], "source_name"),
    (ObjectTypeId::BaseEventType, &["Time"], "time"),
    (
        ObjectTypeId::BaseEventType,
        &["ReceiveTime"],
        "receive_time",
    ),
    (ObjectTypeId::BaseEventType, &["Message"], "message"),
    (ObjectTypeId::BaseEventType, &["Severity"], "severity"),
    // The condition itself: the node, not one of its variables.
    (ObjectTypeId::ConditionType, &[], "condition_id"),
    (
        ObjectTypeId::ConditionType,
        &["ConditionName"],
        "condition_name",
    ),
    (ObjectTypeId::ConditionType, &["BranchId"], "branch_id"),
    (ObjectTypeId::ConditionType, &["Retain"], "retain"),
    (
        ObjectTypeId::AcknowledgeableConditionType,
        &["AckedState", "Id"],
        "acked",
    ),
    (
        ObjectTypeId::AcknowledgeableConditionType,
        &["AckedState", "TransitionTime"],
        "acked_at",
    ),
    (
        ObjectTypeId::AlarmConditionType,
        &["ActiveState", "Id"],
        "active",
    ),
    (
        ObjectTypeId::AlarmConditionType,
        &["ActiveState", "TransitionTime"],
        "active_at",
    ),
    (ObjectTypeId::ConditionType, &["Comment"], "comment"),
    (ObjectTypeId::ConditionType, &["ClientUserId"], "user"),
    (
        ObjectTypeId::ExclusiveLimitAlarmType,
        &["LimitState", "CurrentState"],
        "limit_state",
    ),
];

/// Places in `FIELDS`.
mod field {
    pub(super) const EVENT_ID: usize = 0;
    pub(super) const EVENT_TYPE: usize = 1;
    pub(super) const SOURCE_NODE: usize = 2;
    pub(super) const SOURCE_NAME: usize = 3;
    pub(super) const TIME: usize = 4;
    pub(super) const MESSAGE: usize = 6;
    pub(super) const SEVERITY: usize = 7;
    pub(super) const CONDITION: usize = 8;
    pub(super) const CONDITION_NAME: usize = 9;
    pub(super) const BRANCH: usize = 10;
    pub(super) const ACKED: usize = 12;
    pub(super) const ACKED_AT: usize = 13;
    pub(super) const ACTIVE: usize = 14;
    pub(super) const ACTIVE_AT: usize = 15;
}

/// Whether the server offers events to subscribe to.
pub(crate) async fn are_offered(core: &Core) -> bool {
    let notifier = attribute_of(ObjectId::Server.into(), AttributeId::EventNotifier);
    let answer = core.read(vec![notifier], TimestampsToReturn::Neither).await;
    let value = answer
        .ok()
        .and_then(|values| values.into_iter().next()?.value);
    matches!(value, Some(Variant::Byte(bits)) if bits & SUBSCRIBE_TO_EVENTS != 0)
}

/// The event item on the server object. Not every server can filter: then everything is sent and what is
/// no condition is dropped here.
pub(crate) fn item_request(client_handle: u32, is_filtered: bool) -> MonitoredItemCreateRequest {
    let select = |(kind, path, _): &(ObjectTypeId, &[&str], &str)| SimpleAttributeOperand {
        type_definition_id: NodeId::from(*kind),
        browse_path: Some(
            path.iter()
                .map(|name| QualifiedName::new(0, *name))
                .collect(),
        ),
        attribute_id: if path.is_empty() {
            AttributeId::NodeId as u32
        } else {
            AttributeId::Value as u32
        },
        index_range: NumericRange::None,
    };
    let of_condition = ContentFilterElement {
        filter_operator: FilterOperator::OfType,
        filter_operands: Some(vec![ExtensionObject::from_message(LiteralOperand {
            value: Variant::from(NodeId::from(ObjectTypeId::ConditionType)),
        })]),
    };
    let filter = EventFilter {
        select_clauses: Some(FIELDS.iter().map(select).collect()),
        where_clause: ContentFilter {
            elements: is_filtered.then(|| vec![of_condition]),
        },
    };
    MonitoredItemCreateRequest {
        item_to_monitor: attribute_of(ObjectId::Server.into(), AttributeId::EventNotifier),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle,
            sampling_interval: 0.0,
            filter: ExtensionObject::from_message(filter),
            queue_size: QUEUE_SIZE,
            discard_oldest: true,
        },
    }
}

/// Which of the fields that were asked for a server delivers. By the standard one it does not know stays in its
/// place, empty; some servers leave it out, and the rest moves up.
#[derive(Default)]
pub(crate) struct Layout {
    agreed: Vec<usize>,
}

impl Layout {
    /// As the server answered the request.
    pub(crate) fn of(made: &MonitoredItemCreateResult) -> Self {
        let answer = made.filter_result.inner_as::<EventFilterResult>();
        let results = answer.and_then(|answer| answer.select_clause_results.as_ref());
        let agreed = results.into_iter().flatten().enumerate();
        Self {
            agreed: agreed
                .filter(|(_, status)| !status.is_bad())
                .map(|(at, _)| at)
                .collect(),
        }
    }

    /// The fields of a notification, each in its place.
    pub(crate) fn place(&self, fields: &[Variant]) -> Vec<Variant> {
        if fields.len() >= FIELDS.len() || fields.len() != self.agreed.len() {
            return fields.to_vec();
        }
        let mut placed = vec![Variant::Empty; FIELDS.len()];
        for (at, value) in self.agreed.iter().zip(fields) {
            if let Some(place) = placed.get_mut(*at) {
                *place = value.clone();
            }
        }
        placed
    }
}

/// What a notification of the event item meant.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// Something to record; a condition may change in two ways at once.
    Events(Vec<SourceEvent>),
    /// The server says that what stands should be asked for again.
    RefreshWanted,
    /// The server threw events away.
    Overflow,
}

/// What is known of one condition.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    is_active: bool,
    is_acked: bool,
    severity: u16,
    message: String,
    /// What the activation said; its return and its acknowledgement are told in the same words.
    text: String,
}

/// The conditions of a server as far as it told of them.
#[derive(Default)]
pub(crate) struct Conditions {
    known: HashMap<String, Known>,
}

impl Conditions {
    /// Takes the fields of one notification.
    pub(crate) fn take(
        &mut self,
        fields: &[Variant],
        names: &Namespaces,
        settings: &Settings,
        now: Timestamp,
    ) -> Told {
        let row = Row {
            fields,
            names,
            settings,
        };
        if let Some(Variant::NodeId(kind)) = fields.get(field::EVENT_TYPE) {
            let is = |other: ObjectTypeId| **kind == other;
            if is(ObjectTypeId::RefreshRequiredEventType) {
                return Told::RefreshWanted;
            }
            if is(ObjectTypeId::EventQueueOverflowEventType) {
                return Told::Overflow;
            }
            if is(ObjectTypeId::RefreshStartEventType) || is(ObjectTypeId::RefreshEndEventType) {
                return Told::Events(Vec::new());
            }
        }
        let at = row.moment(field::TIME).unwrap_or(now);
        let Some(condition) = row.condition() else {
            let is_wanted = settings.alarms == Alarms::AllEvents;
            return Told::Events(is_wanted.then(|| row.plain_event(at)).into_iter().collect());
        };
        Told::Events(self.condition(&row, &condition, at))
    }

    /// The steps a condition took since it was last heard of.
    fn condition(&mut self, row: &Row<'_>, condition: &str, at: Timestamp) -> Vec<SourceEvent> {
        let branch = row.node(field::BRANCH).unwrap_or_default();
        let key = format!("{condition}|{branch}");
        let before = self.known.get(&key).cloned();
        let is_active = row.flag(field::ACTIVE).unwrap_or(false);
        let text = match &before {
            Some(before) if !is_active => before.text.clone(),
            _ => row.summary(),
        };
        let state = Known {
            is_active,
            is_acked: row.flag(field::ACKED).unwrap_or(true),
            severity: row.severity(),
            message: row.text(field::MESSAGE),
            text: text.clone(),
        };
        if before.is_none() && self.known.len() >= MAX_CONDITIONS {
            self.known.clear();
        }
        self.known.insert(key.clone(), state.clone());
        let active_at = row.moment(field::ACTIVE_AT).unwrap_or(at);
        let acked_at = row.moment(field::ACKED_AT).unwrap_or(at);
        let was_active = before.as_ref().is_some_and(|b| b.is_active);
        // Nothing known: an inactive condition is one that returned to normal while nobody listened.
        let was_acked = before.as_ref().is_none_or(|b| b.is_acked);
        let mut events = Vec::new();
        let mut tell = |phase: Option<AlarmPhase>, at: Timestamp| {
            events.push(row.step(&key, phase, at, &text));
        };
        match (was_active, state.is_active) {
            (false, true) => tell(Some(AlarmPhase::Activated), active_at),
            (true, false) => tell(Some(AlarmPhase::Cleared), active_at),
            (false, false) if before.is_none() => tell(Some(AlarmPhase::Cleared), active_at),
            (true, true) => {
                let is_other = before
                    .as_ref()
                    .is_some_and(|b| b.severity != state.severity || b.message != state.message);
                if is_other && state.is_acked == was_acked {
                    tell(None, at);
                }
            }
            (false, false) => {}
        }
        // Acknowledged before anyone listened: only a server that says when is believed.
        let is_news = match &before {
            Some(before) => !before.is_acked,
            None => row.moment(field::ACKED_AT).is_some() && row.moment(field::ACTIVE_AT).is_some(),
        };
        if state.is_acked && is_news && acked_at >= active_at.min(at) {
            tell(Some(AlarmPhase::Acknowledged), acked_at);
        }
        events
    }
}

/// The fields of one notification.
struct Row<'a> {
    fields: &'a [Variant],
    names: &'a Namespaces,
    settings: &'a Settings,
}

impl Row<'_> {
    fn get(&self, at: usize) -> Option<&Variant> {
        self.fields.get(at).filter(|v| !matches!(v, Variant::Empty))
    }

    fn text(&self, at: usize) -> String {
        match self.get(at).map(|v| plain(v, self.names)) {
            Some(Json::String(text)) => text,
            _ => String::new(),
        }
    }

    fn flag(&self, at: usize) -> Option<bool> {
        match self.get(at) {
            Some(Variant::Boolean(flag)) => Some(*flag),
            _ => None,
        }
    }

    fn moment(&self, at: usize) -> Option<Timestamp> {
        match self.get(at) {
            Some(Variant::DateTime(time)) => moment(time, self.settings.zone.as_ref()),
            _ => None,
        }
    }

    fn node(&self, at: usize) -> Option<String> {
        match self.get(at) {
            Some(Variant::NodeId(id)) if !id.is_null() => Some(self.names.tag(id)),
            _ => None,
        }
    }

    /// The condition: its node, or its name at its source where a server does not give the node.
    fn condition(&self) -> Option<String> {
        self.node(field::CONDITION).or_else(|| {
            let name = self.text(field::CONDITION_NAME);
            let source = self.node(field::SOURCE_NODE)?;
            (!name.is_empty()).then(|| format!("{source}|{name}"))
        })
    }

    fn severity(&self) -> u16 {
        match self.get(field::SEVERITY) {
            Some(Variant::UInt16(severity)) => *severity,
            _ => 0,
        }
    }

    /// The event as it came, by the names of its fields.
    fn payload(&self) -> Json {
        let named = FIELDS.iter().zip(self.fields);
        let kept = named
            .map(|((_, _, name), value)| ((*name).to_owned(), plain(value, self.names)))
            .filter(|(_, value)| !value.is_null());
        Json::Object(kept.collect::<Map<_, _>>())
    }

    /// What it is about: the name of the source, else its node.
    fn subject(&self) -> Option<String> {
        let name = self.text(field::SOURCE_NAME);
        Some(name)
            .filter(|name| !name.trim().is_empty())
            .or_else(|| self.node(field::SOURCE_NODE))
    }

    fn event(&self, source_id: String, at: Timestamp) -> SourceEvent {
        SourceEvent {
            source_id,
            source_type: "condition".to_owned(),
            at,
            category: EventCategory::Alert,
            severity: severity_of(self.severity()),
            subject: self.subject(),
            also: self.node(field::SOURCE_NODE).into_iter().collect(),
            phase: None,
            summary: self.summary(),
            payload: self.payload(),
        }
    }

    /// The server's message, with the name of the condition where the message does not say it.
    fn summary(&self) -> String {
        let (message, name) = (self.text(field::MESSAGE), self.text(field::CONDITION_NAME));
        match (
            message.is_empty(),
            name.is_empty() || message.contains(&name),
        ) {
            (true, _) => name,
            (false, true) => message,
            (false, false) => format!("{name}: {message}"),
        }
    }

    /// One step of a condition. Its id is made from condition, step and time, so that the same step told
    /// again, after a reconnect or by a refresh, is the same event.
    fn step(&self, key: &str, phase: Option<AlarmPhase>, at: Timestamp, text: &str) -> SourceEvent {
        let step = match phase {
            Some(AlarmPhase::Activated) => "active",
            Some(AlarmPhase::Acknowledged) => "acknowledged",
            Some(AlarmPhase::Cleared) => "cleared",
            None => "changed",
        };
        let mut event = self.event(format!("{key}|{step}|{}", at.0), at);
        event.phase = phase;
        text.clone_into(&mut event.summary);
        match phase {
            Some(AlarmPhase::Acknowledged) => {
                event.category = EventCategory::OperatorAction;
                event.severity = Severity::Info;
            }
            Some(AlarmPhase::Cleared) => event.severity = Severity::Info,
            Some(AlarmPhase::Activated) | None => {}
        }
        event
    }

    /// An event that is no condition.
    fn plain_event(&self, at: Timestamp) -> SourceEvent {
        let id = self.text(field::EVENT_ID);
        let id = if id.is_empty() {
            format!("event|{}|{}", self.text(field::SOURCE_NAME), at.0)
        } else {
            format!("event|{id}")
        };
        SourceEvent {
            source_type: "event".to_owned(),
            category: EventCategory::System,
            ..self.event(id, at)
        }
    }
}

/// The band of a server's severity.
fn severity_of(severity: u16) -> Severity {
    match severity {
        CRITICAL_FROM.. => Severity::Critical,
        WARNING_FROM.. => Severity::Warning,
        _ => Severity::Info,
    }
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
