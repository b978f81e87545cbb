//! Alert rules: delays, dead-bands, escalation, regimes, and the rules that watch behaviour.

use iq_domain::{
    AlertRule, AssetId, Limits, Point, RuleCondition, RuleId, Severity, SignalId, StatusCode,
    TenantId, Timestamp, Value,
};
use proptest::prelude::*;

use super::{RuleContext, RuleEdge, RuleState};
use crate::Regime;

fn rule(condition: RuleCondition, on_s: u32, off_s: u32, deadband: f64) -> AlertRule {
    AlertRule {
        id: RuleId::new(),
        tenant_id: TenantId::new(),
        asset_id: AssetId::new(),
        signal_id: SignalId::new(),
        metric: "vibration_de".into(),
        condition,
        on_delay_s: on_s,
        off_delay_s: off_s,
        deadband,
        is_enabled: true,
        is_confirmed: false,
        source: "test".into(),
    }
}

fn limits(low_low: f64, low: f64, high: f64, high_high: f64) -> RuleCondition {
    let some = |l: f64| l.is_finite().then_some(l);
    RuleCondition::Limit {
        limits: Limits {
            low_low: some(low_low),
            low: some(low),
            high: some(high),
            high_high: some(high_high),
        },
    }
}

const NONE: f64 = f64::NAN;

fn vibration() -> AlertRule {
    rule(limits(NONE, NONE, 4.0, 6.6), 10, 20, 0.5)
}

fn ctx(now_s: i64, regime: Regime) -> RuleContext<'static> {
    RuleContext {
        now: Timestamp(now_s * 1000),
        regime,
        unit: "mm/s",
    }
}

fn point(t_s: i64, v: f64) -> Point {
    Point {
        t: Timestamp(t_s * 1000),
        value: Some(Value::Number(v)),
        status: StatusCode::GOOD,
    }
}

/// Short form of an edge: second, letter, severity.
fn short(edge: &RuleEdge) -> String {
    match edge {
        RuleEdge::Activated {
            at, severity, code, ..
        } => {
            format!(
                "{}s {severity:?} {}",
                at.0 / 1000,
                code.trim_start_matches("alert.")
            )
        }
        RuleEdge::Escalated { at, code, .. } => {
            format!("{}s up {}", at.0 / 1000, code.trim_start_matches("alert."))
        }
        RuleEdge::Cleared { at } => format!("{}s clear", at.0 / 1000),
    }
}

fn run(rule: &AlertRule, state: &mut RuleState, samples: &[(i64, f64)]) -> Vec<String> {
    samples
        .iter()
        .flat_map(|&(t, v)| state.step(rule, &point(t, v), &ctx(t, Regime::Steady)))
        .map(|e| short(&e))
        .collect()
}

fn every_second(from: i64, to: i64, value: f64) -> Vec<(i64, f64)> {
    (from..to).map(|t| (t, value)).collect()
}

#[test]
fn raises_after_the_delay_escalates_and_clears_behind_the_dead_band() {
    let (rule, mut state) = (vibration(), RuleState::default());
    let mut samples = every_second(0, 30, 2.0);
    samples.extend(every_second(30, 60, 4.5));
    samples.extend(every_second(60, 90, 7.0));
    samples.extend(every_second(90, 120, 3.8)); // inside the dead-band: still active
    samples.extend(every_second(120, 150, 3.0));
    assert_eq!(
        run(&rule, &mut state, &samples),
        [
            "40s Warning limit_high",
            "70s up limit_high_high",
            "140s clear"
        ]
    );
}

#[test]
fn a_jump_beyond_both_limits_is_critical_at_once() {
    let (rule, mut state) = (vibration(), RuleState::default());
    assert_eq!(
        run(&rule, &mut state, &every_second(0, 20, 9.0)),
        ["10s Critical limit_high_high"]
    );
}

#[test]
fn a_rise_through_the_warning_during_its_delay_escalates_in_turn() {
    let (rule, mut state) = (vibration(), RuleState::default());
    let mut samples = every_second(0, 5, 5.0);
    samples.extend(every_second(5, 30, 8.0));
    assert_eq!(
        run(&rule, &mut state, &samples),
        ["10s Warning limit_high", "15s up limit_high_high"]
    );
}

#[test]
fn a_side_with_only_a_critical_limit_is_critical() {
    let (rule, mut state) = (
        rule(limits(NONE, NONE, NONE, 0.3), 0, 0, 0.0),
        RuleState::default(),
    );
    assert_eq!(
        run(&rule, &mut state, &[(0, 0.1), (1, 0.4)]),
        ["1s Critical limit_high_high"]
    );
}

#[test]
fn low_limits_mirror_high_ones() {
    let (rule, mut state) = (
        rule(limits(1.0, 1.4, NONE, NONE), 0, 0, 0.1),
        RuleState::default(),
    );
    let got = run(
        &rule,
        &mut state,
        &[(0, 2.0), (1, 1.3), (2, 0.9), (3, 1.45), (4, 1.6)],
    );
    assert_eq!(
        got,
        ["1s Warning limit_low", "2s up limit_low_low", "4s clear"]
    );
}

#[test]
fn a_swing_from_high_to_low_clears_one_and_raises_the_other() {
    let (rule, mut state) = (
        rule(limits(NONE, 1.0, 4.0, NONE), 0, 0, 0.1),
        RuleState::default(),
    );
    let got = run(&rule, &mut state, &[(0, 5.0), (1, 0.5), (2, 2.0)]);
    assert_eq!(
        got,
        [
            "0s Warning limit_high",
            "1s clear",
            "1s Warning limit_low",
            "2s clear"
        ]
    );
}

#[test]
fn a_short_excursion_or_a_spike_raises_nothing() {
    let (rule, mut state) = (vibration(), RuleState::default());
    let mut samples = every_second(0, 10, 2.0);
    samples.push((10, 50.0));
    samples.extend(every_second(11, 20, 2.0));
    samples.extend(every_second(20, 29, 5.0));
    samples.extend(every_second(29, 60, 3.9));
    assert!(run(&rule, &mut state, &samples).is_empty());
}

#[test]
fn time_without_samples_completes_a_delay_at_its_own_time() {
    let (rule, mut state) = (vibration(), RuleState::default());
    assert!(
        state
            .step(&rule, &point(0, 5.0), &ctx(0, Regime::Steady))
            .is_empty()
    );
    assert!(state.tick(&rule, &ctx(9, Regime::Steady)).is_empty());
    let edges = state.tick(&rule, &ctx(60, Regime::Steady));
    assert_eq!(
        edges.iter().map(short).collect::<Vec<_>>(),
        ["10s Warning limit_high"]
    );
    assert!(state.is_active());
}

#[test]
fn delays_run_on_the_source_clock_even_when_it_is_an_hour_behind() {
    let (rule, mut state) = (vibration(), RuleState::default());
    let here = 3600;
    state.step(&rule, &point(0, 5.0), &ctx(here, Regime::Steady));
    assert!(state.tick(&rule, &ctx(here + 9, Regime::Steady)).is_empty());
    let edges = state.tick(&rule, &ctx(here + 10, Regime::Steady));
    assert_eq!(
        edges.iter().map(short).collect::<Vec<_>>(),
        ["10s Warning limit_high"]
    );
}

#[test]
fn bad_nan_and_late_samples_neither_raise_nor_clear() {
    let (rule, mut state) = (vibration(), RuleState::default());
    for t in 0..30 {
        let bad = Point {
            status: StatusCode::BAD,
            ..point(t, 50.0)
        };
        assert!(state.step(&rule, &bad, &ctx(t, Regime::Steady)).is_empty());
    }
    for t in 30..60 {
        let p = point(t, f64::INFINITY);
        assert!(state.step(&rule, &p, &ctx(t, Regime::Steady)).is_empty());
    }
    run(&rule, &mut state, &every_second(60, 80, 5.0));
    assert!(state.is_active());
    for t in 80..120 {
        let bad = Point {
            status: StatusCode::BAD,
            ..point(t, 1.0)
        };
        assert!(state.step(&rule, &bad, &ctx(t, Regime::Steady)).is_empty());
    }
    assert!(
        state
            .step(&rule, &point(70, 1.0), &ctx(120, Regime::Steady))
            .is_empty()
    );
    assert!(state.is_active());
}

#[test]
fn limits_wait_for_steady_running_but_trips_do_not() {
    let limit = vibration();
    for regime in [Regime::Stopped, Regime::Settling] {
        let mut state = RuleState::default();
        for t in 0..60 {
            assert!(
                state
                    .step(&limit, &point(t, 9.0), &ctx(t, regime))
                    .is_empty(),
                "{regime:?}"
            );
        }
    }
    let trip = rule(RuleCondition::Trip { tripped_value: 1.0 }, 0, 0, 0.0);
    let mut state = RuleState::default();
    let edges = state.step(&trip, &point(5, 1.0), &ctx(5, Regime::Stopped));
    assert_eq!(
        edges.iter().map(short).collect::<Vec<_>>(),
        ["5s Critical trip"]
    );
    assert!(
        state
            .step(&trip, &point(6, 1.0), &ctx(6, Regime::Stopped))
            .is_empty(),
        "once"
    );
    let edges = state.step(&trip, &point(9, 0.0), &ctx(9, Regime::Stopped));
    assert_eq!(edges.iter().map(short).collect::<Vec<_>>(), ["9s clear"]);
}

#[test]
fn a_stop_ends_low_alarms_and_keeps_high_ones_until_the_value_returns() {
    let low = rule(limits(NONE, 90.0, NONE, NONE), 0, 5, 0.0);
    let mut state = RuleState::default();
    run(&low, &mut state, &[(0, 50.0)]);
    assert!(state.is_active());
    assert!(state.tick(&low, &ctx(10, Regime::Stopped)).is_empty());
    let edges = state.tick(&low, &ctx(15, Regime::Stopped));
    assert_eq!(edges.iter().map(short).collect::<Vec<_>>(), ["15s clear"]);
    let hot = rule(limits(NONE, NONE, 82.0, 93.0), 0, 0, 1.0);
    let mut state = RuleState::default();
    run(&hot, &mut state, &[(0, 94.0)]);
    assert!(
        state
            .step(&hot, &point(1, 92.0), &ctx(1, Regime::Stopped))
            .is_empty()
    );
    assert!(
        state.is_active(),
        "a hot bearing stays an alarm when the pump stands"
    );
    let edges = state.step(&hot, &point(2, 60.0), &ctx(2, Regime::Stopped));
    assert_eq!(edges.iter().map(short).collect::<Vec<_>>(), ["2s clear"]);
}

#[test]
fn silence_is_stale_from_the_moment_it_was_too_long() {
    let condition = RuleCondition::Stale {
        for_s: 60,
        severity: Severity::Warning,
    };
    let (rule, mut state) = (rule(condition, 0, 0, 0.0), RuleState::default());
    run(&rule, &mut state, &[(0, 1.0)]);
    let bad = Point {
        status: StatusCode::BAD,
        ..point(30, 1.0)
    };
    assert!(
        state
            .step(&rule, &bad, &ctx(30, Regime::Stopped))
            .is_empty()
    );
    assert!(state.tick(&rule, &ctx(59, Regime::Stopped)).is_empty());
    let edges = state.tick(&rule, &ctx(75, Regime::Stopped));
    assert_eq!(
        edges.iter().map(short).collect::<Vec<_>>(),
        ["60s Warning stale"]
    );
    assert!(
        state.tick(&rule, &ctx(500, Regime::Stopped)).is_empty(),
        "once"
    );
    let edges = state.step(&rule, &point(600, 1.0), &ctx(600, Regime::Stopped));
    assert_eq!(edges.iter().map(short).collect::<Vec<_>>(), ["600s clear"]);
}

#[test]
fn a_signal_that_never_spoke_is_stale_too() {
    let condition = RuleCondition::Stale {
        for_s: 60,
        severity: Severity::Warning,
    };
    let (rule, mut state) = (rule(condition, 0, 0, 0.0), RuleState::default());
    assert!(state.tick(&rule, &ctx(1000, Regime::Unknown)).is_empty());
    let edges = state.tick(&rule, &ctx(1060, Regime::Unknown));
    assert_eq!(
        edges.iter().map(short).collect::<Vec<_>>(),
        ["1060s Warning stale"]
    );
}

#[test]
fn a_frozen_reading_is_found_and_movement_clears_it() {
    let condition = RuleCondition::FlatLine {
        for_s: 60,
        severity: Severity::Warning,
    };
    let rule = rule(condition, 0, 0, 0.0);
    let mut state = RuleState::default();
    let mut samples: Vec<(i64, f64)> = (0..10).map(|i| (i * 10, i as f64)).collect();
    samples.extend((10..30).map(|i| (i * 10, 9.0)));
    samples.push((300, 9.1));
    assert_eq!(
        run(&rule, &mut state, &samples),
        ["150s Warning flat_line", "300s clear"]
    );
    // A source that reports changes only sends nothing while nothing changes; that is not frozen.
    let mut silent = RuleState::default();
    assert!(run(&rule, &mut silent, &[(0, 5.0), (600, 5.0), (1200, 5.0)]).is_empty());
}

#[test]
fn a_fast_change_is_found_over_a_window_not_between_two_samples() {
    let condition = RuleCondition::Rate {
        max_per_minute: 5.0,
        severity: Severity::Warning,
    };
    let (rule, mut state) = (rule(condition, 0, 0, 1.0), RuleState::default());
    let noisy: Vec<(i64, f64)> = (0..120)
        .map(|t| (t, 50.0 + if t % 2 == 0 { 0.5 } else { -0.5 }))
        .collect();
    assert!(run(&rule, &mut state, &noisy).is_empty());
    let ramp: Vec<(i64, f64)> = (120..240)
        .map(|t| (t, 50.0 + (t - 120) as f64 * 0.2))
        .collect();
    let edges = run(&rule, &mut state, &ramp);
    assert_eq!(edges.len(), 1, "{edges:?}");
    assert!(edges[0].ends_with("Warning rate"), "{edges:?}");
}

#[test]
fn a_disabled_rule_is_silent_and_a_resumed_one_only_clears() {
    let mut off = vibration();
    off.is_enabled = false;
    assert!(run(&off, &mut RuleState::default(), &every_second(0, 60, 9.0)).is_empty());
    let rule = vibration();
    let mut state = RuleState::resume(&rule, "alert.limit_high", Severity::Warning, Timestamp(0));
    let mut samples = every_second(1, 30, 5.0);
    samples.extend(every_second(30, 60, 1.0));
    assert_eq!(run(&rule, &mut state, &samples), ["50s clear"]);
}

#[test]
fn the_sentence_names_value_limit_and_unit() {
    let (rule, mut state) = (vibration(), RuleState::default());
    state.step(&rule, &point(0, 5.0), &ctx(0, Regime::Steady));
    let edges = state.step(&rule, &point(10, 7.0), &ctx(10, Regime::Steady));
    let Some(RuleEdge::Activated { params, .. }) = edges.first() else {
        panic!("{edges:?}")
    };
    assert_eq!(params["metric"], "vibration_de");
    assert_eq!(params["unit"], "mm/s");
    assert_eq!(
        (params["value"].as_f64(), params["limit"].as_f64()),
        (Some(7.0), Some(4.0))
    );
}

#[test]
fn a_stored_state_continues_where_it_stopped() {
    let (rule, mut state) = (vibration(), RuleState::default());
    run(&rule, &mut state, &every_second(0, 5, 5.0));
    let text = serde_json::to_string(&state).unwrap();
    let mut again: RuleState = serde_json::from_str(&text).unwrap();
    assert_eq!(
        run(&rule, &mut again, &every_second(5, 20, 5.0)),
        run(&rule, &mut state, &every_second(5, 20, 5.0))
    );
    assert!(again.is_active());
}

proptest! {
    /// Values that stay between the limit and the end of the dead-band change nothing, ever.
    #[test]
    fn never_flaps_inside_the_dead_band(
        is_active in any::<bool>(),
        inside in prop::collection::vec(3.51f64..3.99, 1..200),
        on_s in 0u32..5, off_s in 0u32..5,
    ) {
        let rule = rule(limits(NONE, NONE, 4.0, 6.6), on_s, off_s, 0.5);
        let mut state = RuleState::default();
        let start = if is_active { 5.0 } else { 1.0 };
        run(&rule, &mut state, &every_second(0, 10, start));
        prop_assert_eq!(state.is_active(), is_active);
        let samples: Vec<_> = inside.iter().zip(10i64..).map(|(v, t)| (t, *v)).collect();
        prop_assert_eq!(run(&rule, &mut state, &samples), Vec::<String>::new());
        prop_assert_eq!(state.is_active(), is_active);
    }

    /// Whatever the values: raise and clear alternate, times never go back, delays are kept.
    #[test]
    fn edges_alternate_and_keep_their_delays(
        values in prop::collection::vec(-2f64..10.0, 1..300), on_s in 0u32..8, off_s in 0u32..8,
    ) {
        let rule = rule(limits(0.0, 1.0, 4.0, 6.6), on_s, off_s, 0.5);
        let mut state = RuleState::default();
        let mut is_active = false;
        let mut last = i64::MIN;
        let mut worst = Severity::Info;
        for (v, t) in values.iter().zip(0i64..) {
            for edge in state.step(&rule, &point(t, *v), &ctx(t, Regime::Steady)) {
                let at = match &edge {
                    RuleEdge::Activated { at, severity, .. } => {
                        prop_assert!(!is_active, "raised twice");
                        (is_active, worst) = (true, *severity);
                        prop_assert!(at.0 >= i64::from(on_s) * 1000);
                        at
                    }
                    RuleEdge::Escalated { at, severity, .. } => {
                        prop_assert!(is_active && *severity > worst);
                        worst = *severity;
                        at
                    }
                    RuleEdge::Cleared { at } => {
                        prop_assert!(is_active, "cleared twice");
                        is_active = false;
                        at
                    }
                };
                prop_assert!(at.0 >= last && at.0 <= t * 1000, "{edge:?} at {t}");
                last = at.0;
            }
        }
        prop_assert_eq!(state.is_active(), is_active);
    }

    /// The same samples give the same alerts whether or not time was announced in between.
    #[test]
    fn ticks_between_samples_change_nothing(
        values in prop::collection::vec(1f64..9.0, 1..80), on_s in 0u32..8, off_s in 0u32..8,
    ) {
        let rule = rule(limits(NONE, NONE, 4.0, 6.6), on_s, off_s, 0.5);
        let (mut plain, mut ticked) = (RuleState::default(), RuleState::default());
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (v, i) in values.iter().zip(0i64..) {
            let t = i * 3;
            a.extend(plain.step(&rule, &point(t, *v), &ctx(t, Regime::Steady)));
            b.extend(ticked.step(&rule, &point(t, *v), &ctx(t, Regime::Steady)));
            b.extend(ticked.tick(&rule, &ctx(t + 1, Regime::Steady)));
            b.extend(ticked.tick(&rule, &ctx(t + 2, Regime::Steady)));
        }
        let end = i64::try_from(values.len()).unwrap() * 3;
        a.extend(plain.tick(&rule, &ctx(end, Regime::Steady)));
        b.extend(ticked.tick(&rule, &ctx(end, Regime::Steady)));
        let (a, b): (Vec<_>, Vec<_>) =
            (a.iter().map(short).collect(), b.iter().map(short).collect());
        prop_assert_eq!(a, b);
    }
}
