//! Process alarms and trips of the plant as OPC UA alarm events, told by the server object. The server
//! library keeps no condition instances, so nobody can acknowledge them, and standing alarms are not
//! repeated (`ConditionRefresh` is refused).

use opcua::{
    nodes::{BaseEventType, Event},
    server::ServerHandle,
    types::{
        AttributeId, ByteString, DateTime, LocalizedText, NodeId, NumericRange, ObjectId,
        ObjectTypeId, QualifiedName, UAString, Variant, event_field::EventField,
    },
};

use crate::{
    SoeEvent, SoeKind,
    catalogue::catalogue,
    server::{publish::date_time, space},
};

/// Severity of a limit that should be acted on now, of one that should be looked at, and of a trip.
const URGENT: u16 = 800;
const NOTABLE: u16 = 500;
const TRIP: u16 = 1_000;

/// One step of an alarm.
struct PlantAlarm {
    base: BaseEventType,
    condition: NodeId,
    name: String,
    is_active: bool,
}

impl Event for PlantAlarm {
    fn get_field(
        &self,
        type_definition_id: &NodeId,
        attribute_id: AttributeId,
        index_range: &NumericRange,
        browse_path: &[QualifiedName],
    ) -> Variant {
        let is = |kind: ObjectTypeId| *type_definition_id == kind;
        if is(ObjectTypeId::BaseEventType) {
            return self.base.get_value(attribute_id, index_range, browse_path);
        }
        self.get_value(attribute_id, index_range, browse_path)
    }

    fn time(&self) -> &DateTime {
        self.base.time()
    }

    fn event_type_id(&self) -> &NodeId {
        self.base.event_type_id()
    }
}

impl EventField for PlantAlarm {
    fn get_value(
        &self,
        attribute_id: AttributeId,
        index_range: &NumericRange,
        path: &[QualifiedName],
    ) -> Variant {
        let path: Vec<&str> = path.iter().map(|name| name.name.as_ref()).collect();
        match (attribute_id, path.as_slice()) {
            (AttributeId::NodeId, []) => self.condition.clone().into(),
            (AttributeId::Value, ["ConditionName"]) => self.name.as_str().into(),
            (AttributeId::Value, ["Retain"] | ["ActiveState", "Id"]) => self.is_active.into(),
            (AttributeId::Value, ["ActiveState", "TransitionTime"]) => {
                self.base.time.get_value(attribute_id, index_range, &[])
            }
            _ => Variant::Empty,
        }
    }
}

/// Tells what the sequence-of-events recorder wrote since `seq`; answers the last number told.
pub(super) fn tell(server: &ServerHandle, lines: &[SoeEvent], seq: u64) -> u64 {
    let alarms: Vec<PlantAlarm> = lines.iter().filter_map(alarm_of).collect();
    if !alarms.is_empty() {
        let notifier = NodeId::from(ObjectId::Server);
        server
            .subscriptions()
            .notify_events(alarms.iter().map(|alarm| (alarm as &dyn Event, &notifier)));
    }
    lines.last().map_or(seq, |line| line.seq)
}

/// The alarm a line of the recorder is about; none for what is no alarm.
fn alarm_of(line: &SoeEvent) -> Option<PlantAlarm> {
    let (kind, source, name, severity, is_active) = match line.kind {
        SoeKind::Alarm | SoeKind::AlarmReturn => {
            let (tag, limit) = line.text.rsplit_once(' ')?;
            let node = &catalogue().tags.iter().find(|t| t.tag == tag)?.node;
            let is_urgent = matches!(limit, "HH" | "LL");
            let severity = if is_urgent { URGENT } else { NOTABLE };
            let is_active = line.kind == SoeKind::Alarm;
            let limits = ObjectTypeId::ExclusiveLimitAlarmType;
            // One condition per side: from high to high-high it is the same alarm, only worse.
            let side = if limit.starts_with('H') {
                "High"
            } else {
                "Low"
            };
            (limits, (node.as_str(), tag), side, severity, is_active)
        }
        SoeKind::Trip | SoeKind::Reset => {
            let is_active = line.kind == SoeKind::Trip;
            let asset = line.asset.as_str();
            (
                ObjectTypeId::TripAlarmType,
                (asset, asset),
                "Trip",
                TRIP,
                is_active,
            )
        }
        _ => return None,
    };
    let (node, called) = source;
    let mut base = BaseEventType::new(
        kind,
        ByteString::from(line.seq.to_be_bytes().to_vec()),
        LocalizedText::new("en", &line.text),
        date_time(line.time),
    );
    base.source_node = space::node(node);
    base.source_name = UAString::from(called);
    base.severity = severity;
    Some(PlantAlarm {
        base,
        condition: space::node(&format!("{node}.{name}Alarm")),
        name: name.to_owned(),
        is_active,
    })
}

#[cfg(test)]
mod tests {
    use iq_domain::Timestamp;

    use super::*;

    fn line(kind: SoeKind, asset: &str, text: &str) -> SoeEvent {
        SoeEvent {
            seq: 7,
            time: Timestamp(1_750_000_000_000),
            asset: asset.to_owned(),
            kind,
            text: text.to_owned(),
        }
    }

    fn field(alarm: &PlantAlarm, kind: ObjectTypeId, path: &[&str]) -> Variant {
        let path: Vec<_> = path.iter().map(|n| QualifiedName::new(0, *n)).collect();
        let attribute = if path.is_empty() {
            AttributeId::NodeId
        } else {
            AttributeId::Value
        };
        alarm.get_field(&kind.into(), attribute, &NumericRange::None, &path)
    }

    #[test]
    fn an_alarm_and_its_return_are_one_condition_of_the_tag() {
        let tag = catalogue()
            .tags
            .iter()
            .find(|t| !t.limits.is_empty())
            .unwrap();
        let text = format!("{} HH", tag.tag);
        let raised = alarm_of(&line(SoeKind::Alarm, &tag.asset, &text)).unwrap();
        let over = alarm_of(&line(SoeKind::AlarmReturn, &tag.asset, &text)).unwrap();
        let of = |alarm: &PlantAlarm, path: &[&str]| {
            field(alarm, ObjectTypeId::AlarmConditionType, path)
        };
        assert_eq!(of(&raised, &["ActiveState", "Id"]), Variant::from(true));
        assert_eq!(of(&over, &["ActiveState", "Id"]), Variant::from(false));
        let condition = |alarm| field(alarm, ObjectTypeId::ConditionType, &[]);
        assert_eq!(condition(&raised), condition(&over));
        let base = |path: &[&str]| field(&raised, ObjectTypeId::BaseEventType, path);
        assert_eq!(base(&["Severity"]), Variant::UInt16(URGENT));
        assert_eq!(base(&["SourceNode"]), Variant::from(space::node(&tag.node)));
    }

    #[test]
    fn what_is_no_alarm_is_no_event() {
        for kind in [SoeKind::Running, SoeKind::SetPoint, SoeKind::BreakerOpen] {
            assert!(alarm_of(&line(kind, "K-202", "x")).is_none());
        }
        assert!(alarm_of(&line(SoeKind::Alarm, "K-202", "no-such-tag HH")).is_none());
        assert!(alarm_of(&line(SoeKind::Trip, "K-202", "vibration")).is_some());
    }
}
