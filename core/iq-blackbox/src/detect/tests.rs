//! What is found in the past, and that it is found once.

use std::collections::BTreeMap;

use iq_domain::{EventCategory, EventId, EventRelation, TenantId, UnitId};
use serde_json::json;

use super::*;

const HOUR: i64 = 3_600_000;
const T: i64 = 1_000 * HOUR;

fn alarm(asset: AssetId, at: i64, text: &str, severity: Severity) -> IndustrialEvent {
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: TenantId::new(),
        asset_id: Some(asset),
        source_system: "DCS".into(),
        source_type: "alarm_journal".into(),
        source_id: format!("{asset}{text}{at}"),
        event_time: Timestamp(at),
        ingest_time: Timestamp(at),
        recorded_at: Timestamp(at),
        time_offset_ms: 0,
        time_uncertainty_ms: 0,
        severity,
        event_category: EventCategory::Alert,
        summary: "event.reported".into(),
        payload: json!({ "params": { "text": text } }),
    }
}

struct Plant {
    pump: AssetId,
    motor: AssetId,
    other: AssetId,
    topology: Topology,
}

fn plant() -> Plant {
    let [pump, motor, other] = std::array::from_fn(|_| AssetId::new());
    let unit = UnitId::new();
    let mut topology = Topology::default();
    for asset in [pump, motor, other] {
        topology.add_asset(asset, unit);
    }
    topology.connect(motor, pump);
    Plant {
        pump,
        motor,
        other,
        topology,
    }
}

fn scene<'a>(plant: &'a Plant, of: &'a [IncidentId], may_open: bool) -> Scene<'a> {
    Scene {
        topology: &plant.topology,
        code: "P-1",
        of,
        may_open,
    }
}

/// What is stored: incidents, and which events belong to them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Stored {
    incidents: Vec<KnownIncident>,
    links: BTreeMap<EventId, Vec<IncidentId>>,
}

/// Goes through the past as the caller does; says how much was added.
fn run(plant: &Plant, events: &[IndustrialEvent], stored: &mut Stored) -> usize {
    let known = stored.incidents.clone();
    let mut detector = Detector::new(IncidentConfig::default(), known);
    let mut added = 0;
    for event in events {
        let of = stored.links.get(&event.id).cloned().unwrap_or_default();
        let links = match detector.take(event, scene(plant, &of, true)) {
            IncidentDecision::Ignore => Vec::new(),
            IncidentDecision::Attach { links } => links.into_iter().map(|(id, _)| id).collect(),
            IncidentDecision::Join { incident, .. } => vec![incident],
            IncidentDecision::Open {
                incident_type,
                severity,
                window,
                ..
            } => {
                let id = IncidentId::new();
                detector.opened(id, event, incident_type);
                let asset_id = event.asset_id.unwrap();
                stored.incidents.push(KnownIncident {
                    id,
                    asset_id,
                    incident_type,
                    severity,
                    started_at: event.event_time,
                    last_event_at: event.event_time,
                    is_closed: false,
                });
                let before = events.iter().filter(|e| {
                    e.id != event.id
                        && e.event_time >= window.from
                        && e.event_time <= event.event_time
                        && crate::relation_of(
                            e,
                            (asset_id, event.event_time),
                            &plant.topology,
                            &IncidentConfig::default(),
                        )
                        .is_some()
                });
                for earlier in before {
                    stored.links.entry(earlier.id).or_default().push(id);
                }
                added += 1;
                vec![id]
            }
        };
        for id in links {
            stored.links.entry(event.id).or_default().push(id);
            added += 1;
        }
    }
    added
}

#[test]
fn critical_alarms_and_trips_of_a_journal_trigger_and_only_those() {
    let pump = AssetId::new();
    let kind = |text: &str, severity| past_trigger_of(&alarm(pump, T, text, severity));
    let critical = Severity::Critical;
    let plain = Some(IncidentType::CriticalAlert);
    assert_eq!(kind("PAHH-102 pressure high high", critical), plain);
    assert_eq!(kind("P-1 TRIP", critical), Some(IncidentType::Trip));
    assert_eq!(kind("strip heater high", critical), plain);
    // Many a journal gives its trips no higher priority than its alarms.
    let trip = Some(IncidentType::Trip);
    assert_eq!(kind("P-1 TRIP", Severity::Warning), trip);
    assert_eq!(kind("P-1 TRIP", Severity::Info), None);
    assert_eq!(kind("P-1 pre-trip alarm", Severity::Warning), None);
    let mut nobodys = alarm(pump, T, "P-1 TRIP", critical);
    nobodys.asset_id = None;
    assert_eq!(past_trigger_of(&nobodys), None);
    let mut act = alarm(pump, T, "P-1 TRIP", critical);
    act.event_category = EventCategory::OperatorAction;
    assert_eq!(past_trigger_of(&act), None);
}

#[test]
fn a_flood_of_alarms_is_one_incident_and_one_that_is_hours_later_another() {
    let p = plant();
    let critical = Severity::Critical;
    let events = [
        alarm(p.other, T - 2 * HOUR, "Level low", Severity::Warning),
        alarm(p.pump, T - HOUR, "Vibration high", Severity::Warning),
        alarm(p.pump, T, "Vibration high high", critical),
        alarm(p.motor, T + 1_000, "Motor current low", critical),
        alarm(p.pump, T + 2_000, "P-1 TRIP", critical),
        alarm(p.pump, T + 50 * 60_000, "Seal leak", Severity::Warning),
        alarm(p.pump, T + 9 * HOUR, "Vibration high high", critical),
    ];
    let mut stored = Stored::default();
    run(&p, &events, &mut stored);
    let begins: Vec<i64> = stored.incidents.iter().map(|i| i.started_at.0).collect();
    assert_eq!(begins, [T, T + 9 * HOUR]);
    let first = stored.incidents[0].id;
    let of_first = |e: &IndustrialEvent| stored.links[&e.id].contains(&first);
    assert!(
        events[..6].iter().all(of_first),
        "what led to it and what followed"
    );
    assert!(!of_first(&events[6]));
}

#[test]
fn gone_through_again_it_adds_nothing() {
    let p = plant();
    // Alarms of three machines, from thick to thin, critical and not.
    let assets = [p.pump, p.motor, p.other];
    let mut at = T;
    let events: Vec<IndustrialEvent> = (0..400_usize)
        .map(|n| {
            at += [5_000, 600_000, 2_400_000, 7_200_000][(n * 7 + n / 9) % 4];
            let severity = [Severity::Info, Severity::Warning, Severity::Critical][(n * 5) % 3];
            alarm(assets[(n * 11 + n / 5) % 3], at, "Pressure high", severity)
        })
        .collect();
    let mut stored = Stored::default();
    assert!(run(&p, &events, &mut stored) > 100);
    assert!(stored.incidents.len() > 3);
    let before = stored.clone();
    assert_eq!(run(&p, &events, &mut stored), 0);
    assert_eq!(stored, before);
}

#[test]
fn what_a_person_closed_takes_nothing_in_and_is_not_opened_a_second_time() {
    let p = plant();
    let closed = KnownIncident {
        id: IncidentId::new(),
        asset_id: p.pump,
        incident_type: IncidentType::CriticalAlert,
        severity: Severity::Critical,
        started_at: Timestamp(T),
        last_event_at: Timestamp(T),
        is_closed: true,
    };
    let stored = || Stored {
        incidents: vec![closed],
        links: BTreeMap::new(),
    };
    let late = alarm(p.pump, T + 1_000, "Vibration high high", Severity::Critical);
    let note = alarm(p.pump, T + 2_000, "Seal leak", Severity::Warning);
    assert_eq!(run(&p, &[late.clone(), note.clone()], &mut stored()), 0);
    let mut open = stored();
    open.incidents[0].is_closed = false;
    assert_eq!(
        run(&p, &[late, note], &mut open),
        2,
        "an open one takes both in"
    );
}

#[test]
fn outside_the_window_nothing_is_opened() {
    let p = plant();
    let event = alarm(p.pump, T, "P-1 TRIP", Severity::Critical);
    let mut detector = Detector::new(IncidentConfig::default(), Vec::new());
    let decision = detector.take(&event, scene(&p, &[], false));
    assert_eq!(decision, IncidentDecision::Ignore);
    let decision = detector.take(&event, scene(&p, &[], true));
    assert!(matches!(
        decision,
        IncidentDecision::Open {
            incident_type: IncidentType::Trip,
            title_code: "incident.trip",
            ..
        }
    ));
    detector.opened(IncidentId::new(), &event, IncidentType::Trip);
    let next = alarm(p.pump, T + 1, "Flow low", Severity::Warning);
    let IncidentDecision::Attach { links } = detector.take(&next, scene(&p, &[], true)) else {
        panic!("it belongs to the one that was opened");
    };
    assert_eq!(links[0].1, EventRelation::SameAsset);
}

#[test]
fn a_trigger_hours_before_a_stored_incident_is_an_incident_of_its_own_once() {
    let plant = plant();
    let hour = 3_600_000;
    for is_closed in [true, false] {
        let mut stored = Stored::default();
        stored.incidents.push(KnownIncident {
            id: IncidentId::new(),
            asset_id: plant.pump,
            incident_type: IncidentType::CriticalAlert,
            severity: Severity::Critical,
            started_at: Timestamp(T),
            last_event_at: Timestamp(T),
            is_closed,
        });
        let first = stored.incidents[0].id;
        let critical = Severity::Critical;
        let events = [
            alarm(plant.pump, T - 5 * hour, "pressure high high", critical),
            // Led to the stored one, and follows the earlier one too closely for another.
            alarm(
                plant.pump,
                T - 5 * hour + 60_000,
                "flow low",
                Severity::Warning,
            ),
            alarm(plant.pump, T - 600_000, "level high high", critical),
        ];
        assert!(run(&plant, &events, &mut stored) > 0);
        assert_eq!(stored.incidents.len(), 2, "closed: {is_closed}");
        let earlier = stored.incidents[1];
        assert_eq!(earlier.started_at, events[0].event_time);
        assert!(stored.links[&events[0].id].contains(&earlier.id));
        // Minutes before its trigger belongs to it; what a person closed stays as it is.
        let near = stored.links.get(&events[2].id).cloned().unwrap_or_default();
        assert_eq!(near.contains(&first), !is_closed);
        let before = stored.clone();
        assert_eq!(run(&plant, &events, &mut stored), 0, "once more");
        assert_eq!(stored, before);
    }
}

#[test]
fn a_critical_condition_or_event_frame_of_the_past_triggers_too() {
    for kind in ["condition", "event_frame"] {
        let mut event = alarm(AssetId::new(), T, "pressure high high", Severity::Critical);
        event.source_type = kind.to_owned();
        let triggered = past_trigger_of(&event);
        assert_eq!(triggered, Some(IncidentType::CriticalAlert), "{kind}");
        event.severity = Severity::Info;
        assert_eq!(past_trigger_of(&event), None, "its return");
    }
}
