//! When incidents open, join and end.

use iq_domain::{EventId, TenantId};

use super::*;

struct Plant {
    pump: AssetId,
    motor: AssetId,
    other: AssetId,
    far: AssetId,
    topology: Topology,
}

fn plant() -> Plant {
    let [pump, motor, other, far] = std::array::from_fn(|_| AssetId::new());
    let (unit, away) = (UnitId::new(), UnitId::new());
    let mut topology = Topology::default();
    for asset in [pump, motor, other] {
        topology.add_asset(asset, unit);
    }
    topology.add_asset(far, away);
    topology.connect(motor, pump);
    Plant {
        pump,
        motor,
        other,
        far,
        topology,
    }
}

fn event(asset: AssetId, at: i64, kind: &str, severity: Severity) -> IndustrialEvent {
    let (source_type, category, summary) = match kind {
        "trip" => ("alert", EventCategory::Alert, "event.alert_activated.trip"),
        "alert" => (
            "alert",
            EventCategory::Alert,
            "event.alert_activated.limit_high_high",
        ),
        "note" => (
            "user_action",
            EventCategory::OperatorAction,
            "event.user_action",
        ),
        "onset" => (
            "signal",
            EventCategory::Sensor,
            "event.signal_left_baseline.rise",
        ),
        other => (other, EventCategory::Maintenance, "event.failure"),
    };
    IndustrialEvent {
        id: EventId::new(),
        tenant_id: TenantId::new(),
        asset_id: Some(asset),
        source_system: "optria".into(),
        source_type: source_type.into(),
        source_id: format!("{kind}{at}"),
        event_time: Timestamp(at),
        ingest_time: Timestamp(at),
        recorded_at: Timestamp(at),
        time_offset_ms: 0,
        time_uncertainty_ms: 0,
        severity,
        event_category: category,
        summary: summary.into(),
        payload: json!({ "params": { "metric": "vibration_de" } }),
    }
}

const T: i64 = 100_000_000;

fn running(asset: AssetId) -> OpenIncident {
    OpenIncident {
        id: IncidentId::new(),
        asset_id: asset,
        incident_type: IncidentType::CriticalAlert,
        severity: Severity::Critical,
        started_at: Timestamp(T - 1_000_000),
        triggered_at: Timestamp(T - 1_000_000),
        last_event_at: Timestamp(T),
        is_standing: false,
    }
}

fn decided(p: &Plant, event: &IndustrialEvent, open: &[OpenIncident]) -> IncidentDecision {
    decide(
        event,
        "P-102A",
        open,
        &p.topology,
        &IncidentConfig::default(),
    )
}

#[test]
fn a_trigger_opens_an_incident_with_its_window_and_title() {
    let p = plant();
    for (kind, expected, title) in [
        ("trip", IncidentType::Trip, "incident.trip"),
        (
            "alert",
            IncidentType::CriticalAlert,
            "incident.critical_alert",
        ),
        ("failure", IncidentType::Failure, "incident.failure"),
    ] {
        let got = decided(&p, &event(p.pump, T, kind, Severity::Critical), &[]);
        let IncidentDecision::Open {
            incident_type,
            severity,
            title_code,
            title_params,
            window,
        } = got
        else {
            panic!("{kind}: {got:?}")
        };
        assert_eq!(
            (incident_type, severity, title_code),
            (expected, Severity::Critical, title)
        );
        assert_eq!(title_params["asset"], "P-102A");
        assert_eq!(
            (window.from.0, window.to.0),
            (T - 6 * 3_600_000, T + 3_600_000)
        );
    }
}

#[test]
fn warnings_onsets_and_actions_open_nothing() {
    let p = plant();
    for (kind, severity) in [
        ("alert", Severity::Warning),
        ("onset", Severity::Warning),
        ("note", Severity::Critical),
        ("failure", Severity::Warning),
    ] {
        assert_eq!(
            decided(&p, &event(p.pump, T, kind, severity), &[]),
            IncidentDecision::Ignore,
            "{kind}"
        );
    }
    let mut nowhere = event(p.pump, T, "alert", Severity::Critical);
    nowhere.asset_id = None;
    assert_eq!(decided(&p, &nowhere, &[]), IncidentDecision::Ignore);
}

#[test]
fn a_second_trigger_joins_the_open_incident_and_a_trip_upgrades_it() {
    let p = plant();
    let open = running(p.pump);
    assert_eq!(
        decided(
            &p,
            &event(p.pump, T + 60_000, "alert", Severity::Critical),
            &[open]
        ),
        IncidentDecision::Join {
            incident: open.id,
            relation: EventRelation::SameAsset,
            upgrade: None,
            began: None,
        }
    );
    assert_eq!(
        decided(
            &p,
            &event(p.pump, T + 60_000, "trip", Severity::Critical),
            &[open]
        ),
        IncidentDecision::Join {
            incident: open.id,
            relation: EventRelation::SameAsset,
            upgrade: Some(IncidentType::Trip),
            began: None,
        }
    );
}

#[test]
fn a_trigger_that_arrives_later_and_was_before_moves_the_beginning() {
    let p = plant();
    let open = OpenIncident {
        triggered_at: Timestamp(T),
        ..running(p.pump)
    };
    let trip = event(p.pump, T - 54_000, "trip", Severity::Critical);
    assert_eq!(
        decided(&p, &trip, &[open]),
        IncidentDecision::Join {
            incident: open.id,
            relation: EventRelation::Trigger,
            upgrade: Some(IncidentType::Trip),
            began: Some(Timestamp(T - 54_000)),
        }
    );
    // What the motor did before stays the motor's.
    let motor = event(p.motor, T - 54_000, "trip", Severity::Critical);
    let decision = decided(&p, &motor, &[open]);
    assert!(
        matches!(decision, IncidentDecision::Join { began: None, .. }),
        "{decision:?}"
    );
}

#[test]
fn one_trip_of_a_train_is_one_incident() {
    let p = plant();
    let open = running(p.pump);
    let motor = event(p.motor, T + 500, "trip", Severity::Critical);
    assert_eq!(
        decided(&p, &motor, &[open]),
        IncidentDecision::Join {
            incident: open.id,
            relation: EventRelation::Neighbour,
            upgrade: None,
            began: None,
        }
    );
    let late = event(p.motor, T + 1_800_001, "trip", Severity::Critical);
    assert!(matches!(
        decided(&p, &late, &[open]),
        IncidentDecision::Open { .. }
    ));
    let unconnected = event(p.other, T + 500, "trip", Severity::Critical);
    assert!(matches!(
        decided(&p, &unconnected, &[open]),
        IncidentDecision::Open { .. }
    ));
}

#[test]
fn what_stops_in_the_same_minute_elsewhere_in_the_unit_is_one_incident() {
    let p = plant();
    let stopped = OpenIncident {
        triggered_at: Timestamp(T),
        ..running(p.pump)
    };
    let gap = IncidentConfig::default().unit_gap_ms;
    for (asset, at, joins) in [
        (p.other, T + gap, true),
        (p.other, T - gap, true),
        (p.other, T + gap + 1, false),
        (p.other, T - gap - 1, false),
        (p.far, T + 500, false),
    ] {
        let got = decided(
            &p,
            &event(asset, at, "trip", Severity::Critical),
            &[stopped],
        );
        let joined = matches!(
            got,
            IncidentDecision::Join { incident, relation: EventRelation::Neighbour, .. }
                if incident == stopped.id
        );
        assert_eq!(joined, joins, "{at}: {got:?}");
    }
}

#[test]
fn the_own_incident_wins_over_a_neighbours() {
    let p = plant();
    let (own, neighbours) = (running(p.motor), running(p.pump));
    let got = decided(
        &p,
        &event(p.motor, T + 1, "alert", Severity::Critical),
        &[neighbours, own],
    );
    assert!(
        matches!(got, IncidentDecision::Join { incident, .. } if incident == own.id),
        "{got:?}"
    );
}

#[test]
fn events_around_an_incident_attach_by_how_near_they_are() {
    let p = plant();
    let open = running(p.pump);
    for (asset, kind, severity, expected) in [
        (
            p.pump,
            "note",
            Severity::Info,
            Some(EventRelation::SameAsset),
        ),
        (
            p.pump,
            "onset",
            Severity::Warning,
            Some(EventRelation::SameAsset),
        ),
        (
            p.motor,
            "note",
            Severity::Info,
            Some(EventRelation::Neighbour),
        ),
        (p.motor, "onset", Severity::Info, None),
        (
            p.other,
            "alert",
            Severity::Warning,
            Some(EventRelation::Neighbour),
        ),
        (p.other, "note", Severity::Info, None),
        (p.far, "alert", Severity::Warning, None),
    ] {
        let got = decided(&p, &event(asset, T + 60_000, kind, severity), &[open]);
        let want = expected.map_or(IncidentDecision::Ignore, |relation| {
            IncidentDecision::Attach {
                links: vec![(open.id, relation)],
            }
        });
        assert_eq!(got, want, "{kind}");
    }
    let too_late = event(p.pump, T + 3_600_001, "onset", Severity::Warning);
    assert_eq!(decided(&p, &too_late, &[open]), IncidentDecision::Ignore);
    let too_early = event(p.pump, T - 1_000_001, "onset", Severity::Warning);
    assert_eq!(decided(&p, &too_early, &[open]), IncidentDecision::Ignore);
}

#[test]
fn what_people_do_to_the_record_is_no_event_of_the_machine() {
    let p = plant();
    let open = running(p.pump);
    for (action, joins) in [
        ("blackbox.make_report", false),
        ("incidents.create_note", false),
        ("incidents.update", false),
        ("alerts.acknowledge", true),
    ] {
        let mut done = event(p.pump, T + 60_000, "note", Severity::Info);
        done.payload = json!({ "params": { "action": action } });
        let got = decided(&p, &done, &[open]);
        assert_eq!(got != IncidentDecision::Ignore, joins, "{action}: {got:?}");
    }
}

#[test]
fn an_incident_ends_when_it_is_quiet_and_nothing_critical_is_active() {
    let p = plant();
    let open = running(p.pump);
    let config = IncidentConfig::default();
    let end = Timestamp(T + config.after_ms);
    assert_eq!(incident_end(&open, false, end.plus_ms(-1), &config), None);
    assert_eq!(incident_end(&open, true, end.plus_ms(99), &config), None);
    assert_eq!(
        incident_end(&open, false, end.plus_ms(99), &config),
        Some(end)
    );
}

#[test]
fn while_a_critical_alert_stands_what_its_asset_does_belongs_to_the_incident() {
    let p = plant();
    let late = T + IncidentConfig::default().after_ms + 60_000;
    let warning = event(p.pump, late, "alert", Severity::Warning);
    let trigger = event(p.pump, late, "alert", Severity::Critical);
    let quiet = running(p.pump);
    assert_eq!(decided(&p, &warning, &[quiet]), IncidentDecision::Ignore);
    let standing = OpenIncident {
        is_standing: true,
        ..quiet
    };
    assert!(matches!(
        decided(&p, &warning, &[standing]),
        IncidentDecision::Attach { .. }
    ));
    assert!(matches!(
        decided(&p, &trigger, &[standing]),
        IncidentDecision::Join { .. }
    ));
    // Neighbours have incidents of their own: theirs does not swallow the plant for days.
    let neighbour = event(p.motor, late, "alert", Severity::Critical);
    assert!(matches!(
        decided(&p, &neighbour, &[standing]),
        IncidentDecision::Open { .. }
    ));
}

/// A condition of a control system, with its words.
fn condition(asset: AssetId, at: i64, text: &str) -> IndustrialEvent {
    IndustrialEvent {
        source_system: "DCS".into(),
        source_type: "condition".into(),
        payload: json!({ "params": { "text": text } }),
        ..event(asset, at, "alert", Severity::Critical)
    }
}

#[test]
fn a_critical_alarm_of_another_system_opens_an_incident_while_it_is_news() {
    let p = plant();
    for (text, expected) in [
        ("K-202 TRIP: surge", IncidentType::Trip),
        ("Discharge pressure high high", IncidentType::CriticalAlert),
    ] {
        let news = condition(p.pump, T, text);
        let IncidentDecision::Open { incident_type, .. } = decided(&p, &news, &[]) else {
            panic!("{text}")
        };
        assert_eq!(incident_type, expected);
        let config = IncidentConfig::default();
        let mut old = news.clone();
        old.ingest_time = Timestamp(T + config.join_gap_ms + 1);
        assert_eq!(
            decided(&p, &old, &[]),
            IncidentDecision::Ignore,
            "read late"
        );
        assert_eq!(
            past_trigger_of(&old),
            Some(expected),
            "found by looking back"
        );
        let mut end = news;
        end.severity = Severity::Info;
        assert_eq!(
            decided(&p, &end, &[]),
            IncidentDecision::Ignore,
            "its return"
        );
    }
}

#[test]
fn a_trip_is_a_word_of_its_own_or_an_alert_on_a_trip_signal() {
    let p = plant();
    assert!(is_trip(&event(p.pump, T, "trip", Severity::Critical)));
    assert!(!is_trip(&event(p.pump, T, "alert", Severity::Critical)));
    assert!(is_trip(&condition(p.pump, T, "P-102A tripped")));
    assert!(!is_trip(&condition(p.pump, T, "strip heater high")));
}

#[test]
fn what_nobody_has_placed_is_connected_by_the_moment_alone() {
    let mut p = plant();
    let [one, two] = std::array::from_fn(|_| AssetId::new());
    p.topology.add_unplaced(one);
    p.topology.add_unplaced(two);
    let config = IncidentConfig::default();
    let belongs = |before_ms: i64, severity| {
        let event = event(two, T - before_ms, "onset", severity);
        relation_of(&event, (one, Timestamp(T)), &p.topology, &config).is_some()
    };
    assert!(belongs(60_000, Severity::Warning));
    assert!(!belongs(60_000, Severity::Info), "nothing abnormal");
    assert!(!belongs(4 * 3_600_000, Severity::Warning), "hours before");
    assert_eq!(p.topology.relation(one, p.pump), None);
    let open = OpenIncident {
        triggered_at: Timestamp(T),
        ..running(one)
    };
    let trip = |after_ms: i64| {
        let event = event(two, T + after_ms, "trip", Severity::Critical);
        matches!(decided(&p, &event, &[open]), IncidentDecision::Join { .. })
    };
    assert!(trip(30_000), "one after the other");
    assert!(!trip(600_000), "another story");
}

#[test]
fn an_incident_is_what_the_triggers_of_its_own_asset_make_it() {
    let p = plant();
    let warning = event(p.pump, T, "alert", Severity::Warning);
    let alert = event(p.pump, T + 1, "alert", Severity::Critical);
    let trip = event(p.pump, T + 2, "trip", Severity::Critical);
    let elsewhere = event(p.motor, T, "trip", Severity::Critical);
    let failure = event(p.pump, T + 3, "failure", Severity::Critical);
    for (events, expected, first) in [
        (
            vec![&warning, &alert, &trip],
            IncidentType::Trip,
            Some(&trip),
        ),
        (
            vec![&alert, &warning],
            IncidentType::CriticalAlert,
            Some(&alert),
        ),
        (
            vec![&warning, &elsewhere],
            IncidentType::CriticalAlert,
            None,
        ),
        (
            vec![&warning, &failure],
            IncidentType::Failure,
            Some(&failure),
        ),
    ] {
        let (kind, trigger) = made_of(events, p.pump);
        assert_eq!(
            (kind, trigger.map(|e| e.id)),
            (expected, first.map(|e| e.id))
        );
    }
    assert_eq!(
        title_of(IncidentType::CriticalAlert, None, "P-1").0,
        "incident.critical_alert_plain"
    );
}
