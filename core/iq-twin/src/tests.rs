//! The state of an asset, case by case.

use iq_domain::{
    AssetId, AssetState, AssetStatus, Connectivity, Criticality, Limits, Point, Severity, SignalId,
    StatusCode, Timestamp, Value,
};

use crate::*;

const NOW: Timestamp = Timestamp(10_000_000);

fn signal(metric: &str, value: f64, age_ms: i64) -> SignalView {
    let t = NOW.plus_ms(-age_ms);
    SignalView {
        signal_id: SignalId::new(),
        metric: metric.into(),
        unit: "mm/s".into(),
        last: Some(Point {
            t,
            value: Some(Value::Number(value)),
            status: StatusCode::GOOD,
        }),
        last_good_at: Some(t),
        expected_interval_ms: 1_000,
        source: SourceView {
            is_down: false,
            is_demo: false,
            is_import: false,
        },
        limits: Limits {
            high: Some(4.0),
            high_high: Some(6.6),
            ..Limits::default()
        },
        has_rule: false,
        runs_at: (metric == "run_status").then_some(0.5),
    }
}

fn state(signals: &[SignalView], alerts: &[ActiveAlert]) -> AssetState {
    asset_state(&StateInput {
        asset_id: AssetId::new(),
        at: NOW,
        signals,
        alerts,
        in_critical_incident: false,
        health: Some(90.0),
        anomaly: Some(1.0),
    })
}

#[test]
fn limits_colour_a_running_asset() {
    for (value, expected) in [
        (1.6, AssetStatus::Normal),
        (4.5, AssetStatus::Warning),
        (7.0, AssetStatus::Critical),
    ] {
        let got = state(&[signal("vibration_de", value, 500)], &[]);
        assert_eq!(
            (got.status, got.connectivity),
            (expected, Connectivity::Live),
            "{value}"
        );
        assert_eq!(got.signals[0].status, expected);
        assert_eq!(got.data_age_ms, Some(500));
    }
}

#[test]
fn where_a_rule_watches_the_alert_decides_about_the_asset() {
    let watched = SignalView {
        has_rule: true,
        ..signal("vibration_de", 7.0, 500)
    };
    let before = state(std::slice::from_ref(&watched), &[]);
    assert_eq!(before.status, AssetStatus::Normal, "one spike is no alarm");
    assert_eq!(
        before.signals[0].status,
        AssetStatus::Critical,
        "the value itself is coloured"
    );
    let alert = ActiveAlert {
        severity: Severity::Warning,
        signal_id: Some(watched.signal_id),
    };
    assert_eq!(state(&[watched], &[alert]).status, AssetStatus::Warning);
}

#[test]
fn connectivity_follows_the_age_of_the_last_good_value() {
    let mut down = signal("flow", 1.0, 100);
    down.source.is_down = true;
    let mut demo = signal("flow", 1.0, 100);
    demo.source.is_demo = true;
    let mut slow = signal("flow", 1.0, 150_000);
    slow.expected_interval_ms = 60_000;
    let mut never = signal("flow", 1.0, 0);
    (never.last, never.last_good_at) = (None, None);
    let mut future = signal("flow", 1.0, 0);
    future.last_good_at = Some(NOW.plus_ms(3_600_000));
    for (name, view, connectivity, status) in [
        (
            "fresh",
            signal("flow", 1.0, 1_000),
            Connectivity::Live,
            AssetStatus::Normal,
        ),
        (
            "old",
            signal("flow", 1.0, 31_000),
            Connectivity::Stale,
            AssetStatus::Unknown,
        ),
        (
            "slow but in time",
            slow,
            Connectivity::Live,
            AssetStatus::Normal,
        ),
        (
            "never a value",
            never,
            Connectivity::Stale,
            AssetStatus::Unknown,
        ),
        (
            "line down",
            down,
            Connectivity::Disconnected,
            AssetStatus::Unknown,
        ),
        ("demo", demo, Connectivity::Demo, AssetStatus::Normal),
        (
            "an hour ahead",
            future,
            Connectivity::Stale,
            AssetStatus::Unknown,
        ),
    ] {
        let got = state(&[view], &[]);
        assert_eq!(
            (got.connectivity, got.status),
            (connectivity, status),
            "{name}"
        );
        let is_fresh = matches!(connectivity, Connectivity::Live | Connectivity::Demo);
        assert_eq!(
            got.health.is_some(),
            is_fresh,
            "{name}: an old score is no score"
        );
    }
    let none = state(&[], &[]);
    assert_eq!(
        (none.connectivity, none.status),
        (Connectivity::None, AssetStatus::Unknown)
    );
}

#[test]
fn a_real_value_beside_demo_values_makes_the_asset_live() {
    let mut demo = signal("flow", 1.0, 100);
    demo.source.is_demo = true;
    assert_eq!(
        state(&[demo, signal("x", 1.0, 100)], &[]).connectivity,
        Connectivity::Live
    );
}

#[test]
fn an_asset_fed_by_files_alone_has_no_line_to_lose() {
    let file = |age_ms, is_down| {
        let mut view = signal("flow", 1.0, age_ms);
        view.source.is_import = true;
        view.source.is_down = is_down;
        view
    };
    let old = 9_000_000;
    for is_down in [false, true] {
        let got = state(&[file(old, is_down)], &[]);
        assert_eq!(
            (got.connectivity, got.status, got.data_age_ms),
            (Connectivity::Imported, AssetStatus::Unknown, Some(old))
        );
    }
    // What was known then is judged as ever.
    let then = state(&[file(1_000, false)], &[]);
    assert_eq!(then.connectivity, Connectivity::Live);
    let mut lost = signal("x", 1.0, 100);
    lost.source.is_down = true;
    let both = state(&[file(old, true), lost], &[]);
    assert_eq!(both.connectivity, Connectivity::Disconnected);
    let both = state(&[file(old, true), signal("x", 1.0, 90_000)], &[]);
    assert_eq!(both.connectivity, Connectivity::Stale);
    assert_eq!(summarise([&state(&[file(old, true)], &[])]).imported, 1);
}

#[test]
fn an_active_alert_survives_a_dead_line() {
    let mut down = signal("vibration_de", 7.0, 600_000);
    down.source.is_down = true;
    let alert = ActiveAlert {
        severity: Severity::Critical,
        signal_id: None,
    };
    let got = state(&[down], &[alert]);
    assert_eq!(
        (got.status, got.connectivity),
        (AssetStatus::Critical, Connectivity::Disconnected)
    );
}

#[test]
fn a_stopped_machine_is_not_judged_by_limits_made_for_running() {
    let mut flow = signal("flow", 0.0, 100);
    flow.limits = Limits {
        low: Some(90.0),
        ..Limits::default()
    };
    let running = state(&[signal("run_status", 1.0, 100), flow.clone()], &[]);
    assert_eq!(
        (running.is_running, running.status),
        (Some(true), AssetStatus::Warning)
    );
    let stopped = state(&[signal("run_status", 0.0, 100), flow.clone()], &[]);
    assert_eq!(
        (stopped.is_running, stopped.status),
        (Some(false), AssetStatus::Normal)
    );
    let unknown = state(&[signal("run_status", 0.0, 900_000), flow], &[]);
    assert_eq!(
        unknown.is_running, None,
        "an old running state is no knowledge"
    );
}

#[test]
fn bad_and_nan_values_are_unknown_not_normal() {
    let mut bad = signal("vibration_de", 9.0, 100);
    bad.last = bad.last.map(|p| Point {
        status: StatusCode::BAD,
        ..p
    });
    let got = state(&[bad], &[]);
    assert_eq!(got.signals[0].status, AssetStatus::Unknown);
    let nan = state(&[signal("vibration_de", f64::NAN, 100)], &[]);
    assert_eq!(nan.signals[0].status, AssetStatus::Unknown);
}

#[test]
fn a_low_health_asks_for_attention_without_an_alert() {
    let views = [signal("vibration_de", 1.0, 100)];
    let input = StateInput {
        asset_id: AssetId::new(),
        at: NOW,
        signals: &views,
        alerts: &[],
        in_critical_incident: false,
        health: Some(40.0),
        anomaly: None,
    };
    assert_eq!(asset_state(&input).status, AssetStatus::Warning);
}

#[test]
fn a_tripped_machine_is_critical_though_it_stands_and_a_rule_watches() {
    let trip = |value| SignalView {
        limits: Limits::default(),
        has_rule: true,
        ..signal("trip", value, 100)
    };
    let stands = signal("run_status", 0.0, 100);
    let got = state(&[trip(1.0), stands.clone()], &[]);
    assert_eq!(got.is_running, Some(false));
    assert_eq!(
        (got.status, got.signals[0].status),
        (AssetStatus::Critical, AssetStatus::Critical)
    );
    let reset = state(&[trip(0.0), stands], &[]);
    assert_eq!(reset.status, AssetStatus::Normal);
    let old = SignalView {
        last_good_at: Some(NOW.plus_ms(-600_000)),
        ..trip(1.0)
    };
    assert_eq!(state(&[old], &[]).signals[0].status, AssetStatus::Unknown);
}

#[test]
fn a_critical_incident_makes_its_asset_critical() {
    let views = [signal("flow", 1.0, 100)];
    let input = StateInput {
        asset_id: AssetId::new(),
        at: NOW,
        signals: &views,
        alerts: &[],
        in_critical_incident: true,
        health: Some(100.0),
        anomaly: None,
    };
    assert_eq!(asset_state(&input).status, AssetStatus::Critical);
}

#[test]
fn counts_add_up_and_the_worst_comes_first() {
    let normal = state(&[signal("a", 1.0, 100)], &[]);
    let warning = state(&[signal("a", 5.0, 100)], &[]);
    let critical = state(&[signal("a", 9.0, 100)], &[]);
    let unknown = state(&[], &[]);
    let all = [&normal, &warning, &critical, &unknown];
    let sum = summarise(all);
    assert_eq!(
        (
            sum.total,
            sum.normal,
            sum.warning,
            sum.critical,
            sum.unknown
        ),
        (4, 1, 1, 1, 1)
    );
    assert_eq!((sum.live, sum.unmapped), (3, 1));
    let mut keyed: Vec<_> = [
        (worst_first(&normal, Criticality::Critical, "N"), "N"),
        (worst_first(&unknown, Criticality::Critical, "U"), "U"),
        (worst_first(&warning, Criticality::Low, "W1"), "W1"),
        (worst_first(&warning, Criticality::High, "W2"), "W2"),
        (worst_first(&critical, Criticality::Low, "C"), "C"),
    ]
    .into();
    keyed.sort();
    let order: Vec<_> = keyed.iter().map(|(_, name)| *name).collect();
    assert_eq!(order, ["C", "W2", "W1", "U", "N"]);
}
