//! Alarms of a server: the three events of one, ids that stay the same, what is asked for again.

use opcua::types::{ByteString, DateTime, LocalizedText, StatusCode};

use super::*;
use crate::config::{Identity, SecurityMode, SecurityPolicy};

const NOW: Timestamp = Timestamp(1_750_000_000_000);

fn names() -> Namespaces {
    Namespaces::new(vec![
        "http://opcfoundation.org/UA/".into(),
        "urn:plant".into(),
    ])
}

fn settings(alarms: Alarms) -> Settings {
    Settings {
        url: String::new(),
        mode: SecurityMode::None,
        policy: SecurityPolicy::Basic256Sha256,
        identity: Identity::Anonymous,
        namespaces: Vec::new(),
        tag_prefix: String::new(),
        alarms,
        sampling_ms: 1_000,
        max_per_request: 1_000,
        zone: None,
    }
}

fn time(ms: i64) -> Variant {
    // Ticks of 100 ns since 1601.
    Variant::from(DateTime::from((NOW.0 + ms + 11_644_473_600_000) * 10_000))
}

/// A notification of one alarm: state, severity, and the times of server and transitions.
struct Note {
    at: i64,
    active: bool,
    acked: bool,
    severity: u16,
    message: &'static str,
    active_at: Option<i64>,
    acked_at: Option<i64>,
}

impl Note {
    fn fields(&self) -> Vec<Variant> {
        let mut fields = vec![Variant::Empty; FIELDS.len()];
        let optional = |at: Option<i64>| at.map_or(Variant::Empty, time);
        fields[field::EVENT_ID] = ByteString::from(vec![0xAB, 0x01]).into();
        fields[field::EVENT_TYPE] = NodeId::from(ObjectTypeId::ExclusiveLimitAlarmType).into();
        fields[field::SOURCE_NODE] = NodeId::new(1, "P-101").into();
        fields[field::SOURCE_NAME] = Variant::from("P-101");
        fields[field::TIME] = time(self.at);
        fields[field::MESSAGE] = LocalizedText::new("en", self.message).into();
        fields[field::SEVERITY] = Variant::UInt16(self.severity);
        fields[field::CONDITION] = NodeId::new(1, "P-101.High").into();
        fields[field::CONDITION_NAME] = Variant::from("High");
        fields[field::ACKED] = Variant::from(self.acked);
        fields[field::ACKED_AT] = optional(self.acked_at);
        fields[field::ACTIVE] = Variant::from(self.active);
        fields[field::ACTIVE_AT] = optional(self.active_at);
        fields
    }
}

const RAISED: Note = Note {
    at: 0,
    active: true,
    acked: false,
    severity: 700,
    message: "High above 7.1",
    active_at: None,
    acked_at: None,
};

fn take(conditions: &mut Conditions, note: &Note) -> Vec<SourceEvent> {
    match conditions.take(&note.fields(), &names(), &settings(Alarms::Conditions), NOW) {
        Told::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

#[test]
fn activation_acknowledgement_and_return_are_three_events_in_the_same_words() {
    let mut conditions = Conditions::default();
    let acked = Note {
        at: 1_000,
        acked: true,
        ..RAISED
    };
    let over = Note {
        at: 2_000,
        active: false,
        message: "Normal",
        ..acked
    };
    let all: Vec<SourceEvent> = [&RAISED, &acked, &over]
        .into_iter()
        .flat_map(|note| take(&mut conditions, note))
        .collect();
    let told: Vec<_> = all
        .iter()
        .map(|e| (e.phase, e.severity, e.category, e.at.0 - NOW.0))
        .collect();
    use AlarmPhase::{Acknowledged, Activated, Cleared};
    assert_eq!(
        told,
        [
            (Some(Activated), Severity::Critical, EventCategory::Alert, 0),
            (
                Some(Acknowledged),
                Severity::Info,
                EventCategory::OperatorAction,
                1_000
            ),
            (Some(Cleared), Severity::Info, EventCategory::Alert, 2_000),
        ]
    );
    assert!(all.iter().all(|e| e.summary == "High above 7.1"), "{all:?}");
    let first = &all[0];
    assert_eq!(first.subject.as_deref(), Some("P-101"));
    assert_eq!(first.also, ["nsu=urn:plant;s=P-101"]);
    assert_eq!(first.payload["event_id"], "ab01");
    assert_eq!(first.payload["condition_id"], "nsu=urn:plant;s=P-101.High");
    assert_eq!(all[2].payload["message"], "Normal");
}

#[test]
fn what_is_told_again_has_the_same_id_and_nothing_new_is_no_event() {
    let mut conditions = Conditions::default();
    let ids =
        |events: Vec<SourceEvent>| events.into_iter().map(|e| e.source_id).collect::<Vec<_>>();
    let first = ids(take(&mut conditions, &RAISED));
    assert_eq!(first.len(), 1);
    assert_eq!(ids(take(&mut conditions, &RAISED)), Vec::<String>::new());
    // After a restart the server repeats what stands.
    assert_eq!(ids(take(&mut Conditions::default(), &RAISED)), first);
    // Acknowledged meanwhile: the times of the transitions give both steps their old ids.
    let later = Note {
        at: 5_000,
        acked: true,
        active_at: Some(0),
        acked_at: Some(5_000),
        ..RAISED
    };
    let both = ids(take(&mut Conditions::default(), &later));
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
}

#[test]
fn a_worse_alarm_is_an_event_without_a_phase() {
    let mut conditions = Conditions::default();
    take(&mut conditions, &RAISED);
    let worse = Note {
        at: 500,
        severity: 900,
        message: "HighHigh above 11",
        ..RAISED
    };
    let events = take(&mut conditions, &worse);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].phase, events[0].severity),
        (None, Severity::Critical)
    );
    assert_eq!(events[0].summary, "HighHigh above 11");
}

#[test]
fn bands_of_severity_are_those_of_the_guide() {
    let band = |n| severity_of(n);
    assert_eq!([band(1), band(333)], [Severity::Info; 2]);
    assert_eq!([band(334), band(666)], [Severity::Warning; 2]);
    assert_eq!([band(667), band(1_000)], [Severity::Critical; 2]);
}

#[test]
fn what_is_no_condition_counts_only_when_all_events_are_wanted() {
    let mut fields = RAISED.fields();
    for of_conditions in [field::CONDITION, field::CONDITION_NAME] {
        fields[of_conditions] = Variant::Empty;
    }
    fields[field::EVENT_TYPE] = NodeId::from(ObjectTypeId::BaseEventType).into();
    let told = |alarms| {
        let told = Conditions::default().take(&fields, &names(), &settings(alarms), NOW);
        match told {
            Told::Events(events) => events,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told(Alarms::Conditions), []);
    let all = told(Alarms::AllEvents);
    assert_eq!((all.len(), all[0].category), (1, EventCategory::System));
    assert_eq!(all[0].source_id, "event|ab01");
}

#[test]
fn the_servers_own_notices_are_no_events() {
    let told = |kind: ObjectTypeId| {
        let mut fields = RAISED.fields();
        fields[field::EVENT_TYPE] = NodeId::from(kind).into();
        Conditions::default().take(&fields, &names(), &settings(Alarms::AllEvents), NOW)
    };
    assert_eq!(
        told(ObjectTypeId::RefreshRequiredEventType),
        Told::RefreshWanted
    );
    assert_eq!(
        told(ObjectTypeId::EventQueueOverflowEventType),
        Told::Overflow
    );
    assert_eq!(
        told(ObjectTypeId::RefreshStartEventType),
        Told::Events(Vec::new())
    );
}

#[test]
fn a_condition_without_its_node_is_known_by_its_name_at_its_source() {
    let mut conditions = Conditions::default();
    let mut told = |active: bool| {
        let mut fields = Note { active, ..RAISED }.fields();
        fields[field::CONDITION] = Variant::Empty;
        match conditions.take(&fields, &names(), &settings(Alarms::Conditions), NOW) {
            Told::Events(events) => events,
            other => panic!("{other:?}"),
        }
    };
    let raised = told(true);
    assert_eq!(raised[0].phase, Some(AlarmPhase::Activated));
    assert!(told(true).is_empty(), "it stands as before");
    assert_eq!(told(false)[0].phase, Some(AlarmPhase::Cleared));
}

#[test]
fn fields_a_server_leaves_out_do_not_move_the_others() {
    let mut results = vec![StatusCode::Good; FIELDS.len()];
    results[field::CONDITION] = StatusCode::BadAttributeIdInvalid;
    let made = MonitoredItemCreateResult {
        filter_result: ExtensionObject::from_message(EventFilterResult {
            select_clause_results: Some(results),
            ..EventFilterResult::default()
        }),
        ..MonitoredItemCreateResult::default()
    };
    let layout = Layout::of(&made);
    let whole = RAISED.fields();
    let mut short = whole.clone();
    short.remove(field::CONDITION);
    let placed = layout.place(&short);
    assert_eq!(placed[field::CONDITION], Variant::Empty);
    assert_eq!(placed[field::CONDITION_NAME], Variant::from("High"));
    assert_eq!(placed[field::ACTIVE], Variant::from(true));
    assert_eq!(layout.place(&whole), whole, "kept by the standard");
}

#[test]
fn fields_of_any_kind_and_number_are_taken_without_a_panic() {
    let mut conditions = Conditions::default();
    let odd = [
        Vec::new(),
        vec![Variant::Empty; 3],
        vec![Variant::from(vec![1.0_f64]); FIELDS.len()],
        vec![Variant::from("x"); 100],
    ];
    for fields in odd {
        conditions.take(&fields, &names(), &settings(Alarms::Conditions), NOW);
    }
}
