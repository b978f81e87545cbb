//! Events are the same whenever they are made, and every one has its sentence.

use std::collections::BTreeSet;

use iq_domain::{AlertId, AlertState};

use super::*;

fn ctx(now: i64) -> EventContext {
    EventContext {
        tenant_id: TenantId(Uuid::nil()),
        now: Timestamp(now),
        clock: ClockInfo {
            offset_ms: 5,
            uncertainty_ms: 20,
        },
    }
}

fn alert(rule: RuleId) -> Alert {
    Alert {
        id: AlertId::new(),
        tenant_id: TenantId(Uuid::nil()),
        asset_id: AssetId::new(),
        signal_id: Some(SignalId::new()),
        rule_id: Some(rule),
        severity: Severity::Warning,
        state: AlertState::ActiveUnacknowledged,
        code: "alert.limit_high".into(),
        params: json!({ "metric": "vibration_de", "value": 4.3 }),
        activated_at: Timestamp(1_000),
        acknowledged_at: None,
        acknowledged_by: None,
        comment: None,
        cleared_at: None,
        incident_id: None,
        record: iq_domain::AlertRecord::default(),
    }
}

#[test]
fn the_same_activation_makes_the_same_event_whenever_it_is_processed() {
    let rule = RuleId::new();
    // A second run gives the row another id and processes it later.
    let (first, again) = (alert(rule), alert(rule));
    let (a, b) = (
        alert_activated(&ctx(2_000), &first),
        alert_activated(&ctx(9_000), &again),
    );
    assert_eq!((a.id, &a.source_id), (b.id, &b.source_id));
    let other = alert_activated(&ctx(2_000), &alert(RuleId::new()));
    assert_ne!((a.id, &a.source_id), (other.id, &other.source_id));
}

#[test]
fn the_phases_of_an_alert_are_separate_events() {
    let alert = alert(RuleId::new());
    let at = Timestamp(3_000);
    let events = [
        alert_activated(&ctx(1), &alert),
        alert_escalated(&ctx(1), &alert, at),
        alert_acknowledged(&ctx(1), &alert, at, "sara", Some("seen")),
        alert_cleared(&ctx(1), &alert, at),
    ];
    let ids: BTreeSet<_> = events.iter().map(|e| e.source_id.clone()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(events[0].summary, "event.alert_activated.limit_high");
    assert_eq!(events[0].event_time, Timestamp(1_000));
    assert_eq!(events[2].event_category, EventCategory::OperatorAction);
    assert_eq!(events[2].payload["params"]["actor"], "sara");
    assert_eq!(events[2].payload["params"]["metric"], "vibration_de");
    assert_eq!(
        (events[0].time_offset_ms, events[0].time_uncertainty_ms),
        (5, 20)
    );
}

#[test]
fn event_ids_sort_by_time() {
    let id = |t| event_id(TenantId(Uuid::nil()), "optria", "x", Timestamp(t));
    assert!(id(1_700_000_000_000) < id(1_700_000_000_001));
    assert_eq!(id(5), id(5));
    assert_eq!(id(1_700_000_000_000).0.get_version_num(), 7);
}

#[test]
fn every_code_has_a_sentence_in_both_languages() {
    let texts = [
        include_str!("../../../../locales/parts/blackbox.en.json"),
        include_str!("../../../../locales/parts/blackbox.ar.json"),
    ];
    let asset = AssetId::new();
    let departure = |is_rise| SignalDeparture {
        asset_id: asset,
        signal_id: SignalId::new(),
        metric: "m",
        unit: "u",
        at: Timestamp(1),
        is_rise,
        value: 1.0,
        baseline: 0.5,
        z: 4.0,
    };
    let c = ctx(1);
    let mut events = vec![
        signal_left_baseline(&c, &departure(true)),
        signal_left_baseline(&c, &departure(false)),
        signal_returned(&c, &departure(true)),
        run_changed(&c, asset, "P", Timestamp(1), true),
        run_changed(&c, asset, "P", Timestamp(1), false),
        user_action(&c, None, "a", "b", "c", "1"),
        recording_interrupted(&c, Timestamp(1), Timestamp(2)),
        clock_jumped(&c, Timestamp(1), 60_000),
        clock_jumped(&c, Timestamp(1), -60_000),
        disk_reserve_changed(&c, Timestamp(1), false, 64),
        disk_reserve_changed(&c, Timestamp(1), true, 64),
        connector_changed(&c, IntegrationId::new(), "n", Timestamp(1), true, None),
        connector_changed(
            &c,
            IntegrationId::new(),
            "n",
            Timestamp(1),
            false,
            Some("x"),
        ),
    ];
    for code in [
        "alert.limit_high_high",
        "alert.limit_high",
        "alert.limit_low",
        "alert.limit_low_low",
        "alert.rate",
        "alert.flat_line",
        "alert.stale",
        "alert.trip",
        "alert.anomaly",
    ] {
        let alert = Alert {
            code: code.into(),
            ..alert(RuleId::new())
        };
        events.push(alert_activated(&c, &alert));
        events.push(alert_acknowledged(&c, &alert, Timestamp(1), "a", None));
        events.push(alert_cleared(&c, &alert, Timestamp(1)));
        if code.contains("limit") {
            events.push(alert_escalated(&c, &alert, Timestamp(1)));
        }
    }
    for text in texts {
        let catalogue: Json = serde_json::from_str(text).unwrap();
        for event in &events {
            let sentence = &catalogue["sentence"][&event.summary];
            assert!(sentence.is_string(), "{}", event.summary);
        }
    }
}

#[test]
fn a_row_that_was_put_in_or_edited_is_told_once_and_says_when_it_was() {
    let at = Some(Timestamp(1_790_000_000_000));
    let note = ("note", "INC-2026-0001", at);
    let first = evidence_row_added(&ctx(1_000), note);
    assert_eq!(
        first.source_id,
        evidence_row_added(&ctx(9_000), note).source_id
    );
    assert_eq!(first.summary, "event.evidence.row_added.note");
    assert_eq!(
        first.payload["params"]["at"],
        json!("2026-09-21T14:13:20.000Z")
    );
    let altered = |at| evidence_row_altered(&ctx(1_000), ("note", "INC-2026-0001", at), (1, 1, 7));
    // One head stands for all notes of its incident: each is told.
    assert_ne!(altered(at).source_id, altered(Some(Timestamp(5))).source_id);
    let event = evidence_row_altered(&ctx(1_000), ("event", "x", None), (1, 1, 7));
    assert_eq!(event.source_id, "evidence:row_altered:1:1:7");
}
