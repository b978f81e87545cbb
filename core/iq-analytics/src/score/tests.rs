//! Scores, case by case.

use iq_domain::{
    Assessment, AssessmentId, AssetId, FamilyTemplate, Limits, MetricTemplate, Names, Severity,
    StatusCode, TenantId, Timestamp,
};
use proptest::prelude::*;

use super::*;

fn template() -> FamilyTemplate {
    let metric = |name: &str, weight: f64| MetricTemplate {
        metric: name.into(),
        names: Names::default(),
        unit: "mm/s".into(),
        health_weight: weight,
        is_running_state: false,
        is_running_proxy: false,
        limits: Limits::default(),
        limits_source: String::new(),
        scale_low: None,
        scale_high: None,
    };
    FamilyTemplate {
        family: "pump".into(),
        names: Names::default(),
        version: 1,
        settle_s: 300,
        metrics: vec![
            metric("vibration_de", 1.0),
            metric("vibration_nde", 1.0),
            metric("bearing_temperature_de", 0.8),
            metric("flow", 0.3),
            metric("run_status", 0.0),
        ],
    }
}

const NOW: Timestamp = Timestamp(1_000_000);

fn signal(metric: &str, value: f64) -> SignalInput {
    SignalInput {
        metric: metric.into(),
        value: Some(value),
        at: Some(NOW),
        status: StatusCode::GOOD,
        fresh_for_ms: 30_000,
        baseline: Some(Baseline {
            center: 1.6,
            sigma: 0.1,
            spread: 0.1,
            anchor: 1.6,
            anchor_spread: 1.0,
            anchored_at: Timestamp(0),
            buckets: 60,
            from: Timestamp(0),
            to: Timestamp(600_000),
        }),
        history_buckets: 60,
        limits: Limits {
            high: Some(4.0),
            high_high: Some(6.6),
            ..Limits::default()
        },
    }
}

fn four(de: f64) -> Vec<SignalInput> {
    vec![
        signal("vibration_de", de),
        signal("vibration_nde", 1.6),
        signal("bearing_temperature_de", 1.65),
        signal("flow", 1.55),
    ]
}

struct Case {
    signals: Vec<SignalInput>,
    regime: Regime,
    alerts: Vec<OpenAlert>,
    verdict: Option<Verdict>,
    standing: Standing,
}

impl Case {
    fn of(signals: Vec<SignalInput>) -> Self {
        Self {
            signals,
            regime: Regime::Steady,
            alerts: Vec::new(),
            verdict: None,
            standing: Standing::default(),
        }
    }

    fn score(&self, memory: &mut ScoreMemory, now: Timestamp) -> Assessment {
        let template = template();
        let input = AssessInput {
            id: AssessmentId::new(),
            tenant_id: TenantId::new(),
            asset_id: AssetId::new(),
            template: Some(&template),
            signals: &self.signals,
            regime: self.regime,
            open_alerts: &self.alerts,
            verdict: self.verdict.as_ref(),
            standing: self.standing,
            now,
        };
        assess(&input, memory, &ScoreConfig::default())
    }

    fn once(&self) -> Assessment {
        self.score(&mut ScoreMemory::default(), NOW)
    }
}

/// Feeds a value for vibration_de once a second and gives the last assessment.
fn sequence(values: &[f64]) -> Assessment {
    let mut memory = ScoreMemory::default();
    let mut last = None;
    for (value, i) in values.iter().zip(0i64..) {
        let now = NOW.plus_ms(i * 1000);
        let mut case = Case::of(four(*value));
        for s in &mut case.signals {
            s.at = Some(now);
        }
        last = Some(case.score(&mut memory, now));
    }
    last.unwrap()
}

#[test]
fn a_machine_at_its_baseline_is_healthy() {
    let a = Case::of(four(1.6)).once();
    assert_eq!(
        (a.health, a.anomaly, a.coverage),
        (Some(100.0), Some(0.0), 1.0)
    );
    assert!(a.contributors.is_empty() && a.withheld_code.is_none());
    assert!(
        a.model
            .starts_with("robust-baseline/1 1970-01-01T00:00:00.000Z/"),
        "{}",
        a.model
    );
}

#[test]
fn a_growing_fault_lowers_health_and_names_the_signal() {
    let scores: Vec<_> = [1.6, 2.1, 2.6, 3.5, 4.5, 7.0]
        .map(|v| sequence(&[v; 6]))
        .into();
    let health: Vec<_> = scores.iter().map(|a| a.health.unwrap()).collect();
    let anomaly: Vec<_> = scores.iter().map(|a| a.anomaly.unwrap()).collect();
    assert!(
        health.is_sorted_by(|a, b| a >= b) && health[0] > 99.0 && health[5] < 60.0,
        "{health:?}"
    );
    assert!(
        anomaly.is_sorted() && anomaly[0] < 1.0 && anomaly[5] > 95.0,
        "{anomaly:?}"
    );
    let top = &scores[4].contributors[0];
    assert_eq!(
        (top.metric.as_str(), top.value, top.baseline),
        ("vibration_de", Some(4.5), Some(1.6))
    );
    assert!(top.z.unwrap() > 20.0);
}

#[test]
fn one_spike_does_not_move_the_score_but_three_of_four_do() {
    let calm = sequence(&[1.6; 6]);
    let spike = sequence(&[1.6, 1.6, 1.6, 1.6, 1.6, 60.0]);
    assert_eq!((spike.health, spike.anomaly), (calm.health, calm.anomaly));
    let two = sequence(&[1.6, 1.6, 1.6, 1.6, 60.0, 60.0]);
    assert_eq!(two.health, calm.health);
    let three = sequence(&[1.6, 1.6, 1.6, 60.0, 60.0, 60.0]);
    assert!(three.health.unwrap() < 60.0);
    let interrupted = sequence(&[1.6, 1.6, 60.0, 60.0, 1.6, 60.0]);
    assert!(interrupted.health.unwrap() < 60.0);
}

#[test]
fn the_same_value_seen_again_is_no_new_reading_until_it_stood() {
    let mut memory = ScoreMemory::default();
    let calm = Case::of(four(1.6));
    for i in 0..4 {
        let mut case = Case::of(four(1.6));
        for s in &mut case.signals {
            s.at = Some(NOW.plus_ms(i));
        }
        case.score(&mut memory, NOW.plus_ms(i));
    }
    let mut spike = Case::of(four(60.0));
    for s in &mut spike.signals {
        (s.at, s.fresh_for_ms) = (Some(NOW.plus_ms(10)), 600_000);
    }
    // The page asks ten times within a second about the one spike.
    for i in 0..10 {
        let a = spike.score(&mut memory, NOW.plus_ms(20 + i));
        assert_eq!(a.health, calm.once().health);
    }
    // A source that reports changes only is silent because the value stands.
    let mut last = None;
    for minute in 1..4 {
        last = spike
            .score(&mut memory, NOW.plus_ms(minute * 61_000))
            .health;
    }
    assert!(last.unwrap() < 60.0);
}

#[test]
fn a_faulty_sensor_lowers_coverage_not_health() {
    let mut signals = four(1.6);
    signals[0].status = StatusCode::BAD;
    signals[0].value = Some(90.0);
    let a = Case::of(signals).once();
    assert_eq!((a.health, a.coverage), (Some(100.0), 0.75));
    let mut signals = four(f64::NAN);
    signals[3].at = Some(NOW.plus_ms(-31_000));
    let a = Case::of(signals).once();
    assert_eq!((a.health, a.anomaly, a.coverage), (None, None, 0.5));
    assert_eq!(a.withheld_code.as_deref(), Some("score.low_coverage"));
    assert_eq!(
        (
            a.withheld_params["have"].as_f64(),
            a.withheld_params["need"].as_f64()
        ),
        (Some(50.0), Some(60.0))
    );
}

#[test]
fn without_history_limits_still_count_and_nothing_else_is_claimed() {
    let young = |value| {
        let mut signals = four(value);
        for s in &mut signals {
            (s.baseline, s.history_buckets) = (None, 12);
        }
        Case::of(signals).once()
    };
    let calm = young(1.6);
    assert_eq!((calm.health, calm.anomaly), (None, None));
    assert_eq!(
        calm.withheld_code.as_deref(),
        Some("score.not_enough_history")
    );
    assert_eq!(calm.withheld_params["have"], 12);
    assert_eq!(calm.withheld_params["need"], 30);
    let bad = young(7.0);
    assert_eq!((bad.health, bad.anomaly), (Some(45.0), None));
    assert_eq!(
        bad.withheld_code.as_deref(),
        Some("score.not_enough_history")
    );
    assert_eq!(bad.contributors[0].metric, "vibration_de");
}

#[test]
fn a_machine_that_does_not_run_steadily_gets_no_score() {
    for (regime, code) in [
        (Regime::Stopped, "score.not_running"),
        (Regime::Settling, "score.settling"),
    ] {
        let a = Case {
            regime,
            ..Case::of(four(0.0))
        }
        .once();
        assert_eq!((a.health, a.anomaly), (None, None));
        assert_eq!(a.withheld_code.as_deref(), Some(code));
        assert!(a.contributors.is_empty());
    }
}

#[test]
fn nothing_mapped_or_nothing_that_tells_is_said() {
    for signals in [vec![], vec![signal("run_status", 1.0)]] {
        let a = Case::of(signals).once();
        assert_eq!((a.health, a.coverage), (None, 0.0));
        assert_eq!(a.withheld_code.as_deref(), Some("score.no_inputs"));
    }
}

#[test]
fn an_alert_costs_once_and_also_without_a_value() {
    let with = |alerts| {
        Case {
            alerts,
            ..Case::of(four(4.5))
        }
        .once()
    };
    let alert = |metric: Option<&str>, severity| OpenAlert {
        metric: metric.map(Into::into),
        severity,
    };
    let plain = with(vec![]);
    let same = with(vec![alert(Some("vibration_de"), Severity::Warning)]);
    assert_eq!(
        plain.health, same.health,
        "the alert is about what already counts"
    );
    let other = with(vec![alert(None, Severity::Critical)]);
    assert!((plain.health.unwrap() - other.health.unwrap() - 40.0).abs() < 1e-9);
    assert!(
        other
            .contributors
            .iter()
            .any(|c| c.metric == "open_alert" && c.points == 40.0)
    );
}

#[test]
fn a_low_limit_counts_like_a_high_one() {
    let mut signals = four(1.6);
    signals[3].limits = Limits {
        low: Some(2.0),
        low_low: Some(1.0),
        ..Limits::default()
    };
    let a = Case::of(signals).once();
    assert!(a.contributors[0].metric == "flow" && a.contributors[0].points > 15.0);
}

#[test]
fn reports_the_age_of_the_oldest_input_that_counted() {
    let mut signals = four(1.6);
    signals[1].at = Some(NOW.plus_ms(-20_000));
    signals[2].at = Some(NOW.plus_ms(-90_000)); // too old: does not count
    assert_eq!(Case::of(signals).once().input_age_ms, Some(20_000));
}

fn verdict(answer: Result<Judged, crate::Withheld>) -> Option<Verdict> {
    Some(Verdict {
        name: "multivariate/1 v3".into(),
        answer,
    })
}

#[test]
fn a_trained_model_speaks_for_the_single_baselines_and_names_signs() {
    // The temperature is 40 deviations off for its own baseline, but usual for this load.
    let mut signals = four(1.6);
    signals[2].value = Some(5.6);
    signals[2].limits = Limits::default();
    let deviations = [
        ("vibration_de", 6.0),
        ("vibration_nde", -3.0),
        ("flow", 0.1),
    ];
    let judged = |level| Judged {
        level,
        signals: deviations.map(|(m, z)| (m.to_owned(), z)).to_vec(),
    };
    let scored = |verdict| {
        Case {
            verdict,
            ..Case::of(signals.clone())
        }
        .once()
    };
    assert!(scored(None).contributors[0].metric == "bearing_temperature_de");
    let a = scored(verdict(Ok(judged(80.0))));
    assert_eq!(
        (a.anomaly, a.model.as_str()),
        (Some(80.0), "multivariate/1 v3")
    );
    let named: Vec<_> = a
        .contributors
        .iter()
        .map(|c| (c.metric.as_str(), c.z))
        .collect();
    assert_eq!(
        named,
        [("vibration_de", Some(6.0)), ("vibration_nde", Some(-3.0))]
    );
    assert!(
        (a.contributors[0].points - 24.0).abs() < 1e-9,
        "0.8 of 30 points at weight 1"
    );
    assert_eq!(scored(verdict(Ok(judged(0.0)))).health, Some(100.0));
}

#[test]
fn a_signal_that_falls_silent_heals_nothing_while_the_model_still_knows_it() {
    let judged = Judged {
        level: 100.0,
        signals: vec![("vibration_de".to_owned(), 27.6), ("flow".to_owned(), 0.2)],
    };
    let mut case = Case {
        verdict: verdict(Ok(judged)),
        ..Case::of(four(1.6))
    };
    let before = case.once();
    assert!((before.health.unwrap() - 70.0).abs() < 0.1, "{before:?}");
    case.signals[0].value = None;
    let silent = case.once();
    assert_eq!((silent.health, silent.coverage), (before.health, 0.75));
    let bar = &silent.contributors[0];
    assert_eq!(
        (bar.metric.as_str(), bar.value, bar.z),
        ("vibration_de", None, Some(27.6))
    );
    // Without a word of the model, a faulty sensor is no fault of the machine.
    case.verdict = None;
    assert_eq!(case.once().health, Some(100.0));
}

#[test]
fn outside_experience_is_said_and_limits_still_count() {
    let silent = |value| {
        let verdict = verdict(Err(crate::Withheld::OutsideExperience));
        Case {
            verdict,
            ..Case::of(four(value))
        }
        .once()
    };
    let calm = silent(1.6);
    assert_eq!((calm.health, calm.anomaly), (None, None));
    assert_eq!(
        calm.withheld_code.as_deref(),
        Some("score.outside_experience")
    );
    let bad = silent(7.0);
    assert!(
        bad.health.is_some_and(|h| h < 60.0) && bad.anomaly.is_none(),
        "{bad:?}"
    );
    // Another reason leaves the word to the baselines of single signals.
    let verdict = verdict(Err(crate::Withheld::NotEnoughData { have: 1, need: 4 }));
    let older = Case {
        verdict,
        ..Case::of(four(1.6))
    }
    .once();
    assert!(older.health == Some(100.0) && older.model.starts_with("robust-baseline/1"));
}

#[test]
fn age_defects_and_drift_have_bars_of_their_own() {
    let standing = Standing {
        life_used: Some(1.0),
        open_defects: 3,
        urgent_defects: 1,
    };
    let mut signals = four(1.6);
    let moved = signals[0].baseline.as_mut().unwrap();
    (moved.anchor, moved.anchor_spread) = (1.35, 0.1);
    let a = Case {
        standing,
        ..Case::of(signals)
    }
    .once();
    let bars: Vec<_> = a
        .contributors
        .iter()
        .map(|c| (c.kind, c.points.round()))
        .collect();
    use ContributorKind::{Age, Defect, Drift};
    assert_eq!(bars, [(Defect, 14.0), (Age, 5.0), (Drift, 5.0)]);
    let lost: f64 = a.contributors.iter().map(|c| c.points).sum();
    assert!((a.health.unwrap() - (100.0 - lost)).abs() < 1e-9);
    let young = Standing {
        life_used: Some(0.3),
        ..Standing::default()
    };
    let young = Case {
        standing: young,
        ..Case::of(four(1.6))
    }
    .once();
    assert!(young.contributors.is_empty());
}

proptest! {
    #[test]
    fn scores_stay_in_their_range_and_points_explain_the_loss(
        values in prop::collection::vec(-1e9f64..1e9, 4), critical in 0usize..4,
    ) {
        let mut case = Case::of(four(0.0));
        for (s, v) in case.signals.iter_mut().zip(&values) {
            s.value = Some(*v);
        }
        case.alerts = vec![OpenAlert { metric: None, severity: Severity::Critical }; critical];
        let a = case.once();
        let (health, anomaly) = (a.health.unwrap(), a.anomaly.unwrap());
        prop_assert!((0.0..=100.0).contains(&health) && (0.0..=100.0).contains(&anomaly));
        let lost: f64 = a.contributors.iter().map(|c| c.points).sum();
        prop_assert!((health - (100.0 - lost).max(0.0)).abs() < 1e-9);
        prop_assert!(a.contributors.is_sorted_by(|x, y| x.points >= y.points));
    }
}
