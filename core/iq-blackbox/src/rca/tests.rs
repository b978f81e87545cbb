//! Cases made by hand: what is named, what is missing, what is refused.

use std::collections::BTreeSet;

use iq_domain::{
    Point, Provenance, RawPoints, Shift, StatusCode, TimeRange, Usual, Value, fast_noise,
};
use uuid::Uuid;

use super::*;

const MIN: i64 = 60_000;

fn id(n: u128) -> AssetId {
    AssetId(Uuid::from_u128(n))
}

/// A signal that is usual for 300 minutes and then changes by `change` from minute `at` on.
fn trace(n: u128, asset: u128, metric: &str, usual: f64, change: Option<(i64, f64)>) -> Trace {
    let value = |minute: i64| {
        let wave = ((minute * 7) % 11) as f64 / 10.0 - 0.5;
        let moved = change
            .filter(|(at, _)| minute >= *at)
            .map_or(0.0, |c| c.1 * ((minute - c.0) as f64 / 20.0).min(1.0));
        usual * (1.0 + 0.01 * wave) + moved
    };
    let points = RawPoints::take((0..420).map(|minute| {
        let point = Point {
            t: Timestamp(minute * MIN),
            value: Some(Value::Number(value(minute))),
            status: StatusCode::GOOD,
        };
        (point, Provenance::Raw)
    }));
    let quiet = &points.as_slice()[..300];
    let sigma = (usual * 0.005).max(1e-6);
    Trace {
        signal: SignalId(Uuid::from_u128(n)),
        asset: id(asset),
        metric: metric.into(),
        unit: "1".into(),
        usual: Some(Usual {
            center: usual,
            sigma,
            noise: fast_noise(quiet),
            samples: 300,
        }),
        shift: change.map(|(at, by)| Shift {
            at: Timestamp(at * MIN),
            value: value(at),
            level: usual + by,
            effect: by / sigma,
        }),
        cut_short: None,
        points,
    }
}

fn case(traces: Vec<Trace>) -> Case {
    let asset = |n, code: &str, family: &str, distance| CaseAsset {
        id: id(n),
        code: code.into(),
        family: family.into(),
        distance,
        beside: vec![id(3 - n)],
    };
    Case {
        asset: id(1),
        window: TimeRange {
            from: Timestamp(300 * MIN),
            to: Timestamp(420 * MIN),
        },
        assets: vec![
            asset(1, "P-1", "centrifugal_pump", Some(0)),
            asset(2, "E-1", "hx_shell_tube", Some(-1)),
        ],
        traces,
        events: Vec::new(),
        stops: Stops::default(),
    }
}

fn pump(changes: &[(&str, i64, f64)]) -> Vec<Trace> {
    [
        ("suction_pressure", 1.4),
        ("discharge_pressure", 9.4),
        ("flow", 180.0),
        ("vibration_de", 1.6),
        ("vibration_nde", 1.4),
        ("bearing_acceleration", 1.5),
        ("bearing_temperature_de", 62.0),
        ("seal_pot_level", 70.0),
        ("seal_pot_pressure", 1.2),
    ]
    .iter()
    .zip(10..)
    .map(|((metric, usual), n)| {
        let change = changes.iter().find(|c| c.0 == *metric).map(|c| (c.1, c.2));
        trace(n, 1, metric, *usual, change)
    })
    .collect()
}

fn check(traces: Vec<Trace>, verdict: Verdict, first: Option<&str>) -> Analysis<'static> {
    let case = case(traces);
    let found = analyse(&case, built_in(), &RcaConfig::default());
    let told: Vec<_> = found
        .hypotheses
        .iter()
        .map(|h| (&h.rule.text.id, h.confidence))
        .collect();
    assert_eq!(found.verdict, verdict, "{told:?}");
    if let Some(first) = first {
        assert_eq!(found.hypotheses[0].rule.text.id, first, "{told:?}");
    }
    found
}

#[test]
fn temperature_before_acceleration_is_oil_and_the_other_way_round_wear() {
    let oil = [
        ("bearing_temperature_de", 310, 20.0),
        ("bearing_acceleration", 350, 3.0),
        ("vibration_de", 370, 2.0),
    ];
    check(pump(&oil), Verdict::Named, Some("CP-LUB"));
    let wear = [
        ("bearing_acceleration", 310, 3.0),
        ("vibration_de", 340, 2.0),
        ("bearing_temperature_de", 370, 20.0),
    ];
    let found = check(pump(&wear), Verdict::Named, Some("CP-BRG"));
    let finding = found.hypotheses[0].side(Side::For).next().unwrap();
    assert_eq!(finding.weight, 3);
    assert!(finding.samples.iter().all(|s| s.signal.0.as_u128() == 15));
}

#[test]
fn cavitation_and_a_leaking_seal_are_told_apart() {
    let cavitation = [
        ("suction_pressure", 310, -0.6),
        ("bearing_acceleration", 320, 3.0),
        ("discharge_pressure", 320, -1.0),
    ];
    check(pump(&cavitation), Verdict::Named, Some("CP-CAV"));
    let seal = [("seal_pot_level", 310, -30.0)];
    check(pump(&seal), Verdict::Named, Some("CP-SEAL"));
}

#[test]
fn work_on_a_machine_is_evidence_only_before_the_first_change() {
    let config = RcaConfig {
        keep: usize::MAX,
        ..RcaConfig::default()
    };
    let is_evidence = |minute: i64| {
        let mut case = case(pump(&[
            ("vibration_de", 330, 2.0),
            ("vibration_nde", 331, 2.0),
        ]));
        case.events.push(CaseEvent {
            id: None,
            asset: Some(id(1)),
            at: Timestamp(minute * MIN),
            kind: "maintenance",
        });
        let found = analyse(&case, built_in(), &config);
        let misaligned = found
            .hypotheses
            .iter()
            .find(|h| h.rule.text.id == "CP-MIS")
            .unwrap();
        misaligned
            .side(Side::For)
            .any(|f| f.said.code == "rca.found.event.maintenance")
    };
    assert!(is_evidence(200));
    assert!(!is_evidence(350), "the repair is no cause");
}

#[test]
fn one_signal_alone_has_to_stand_far_off_or_at_a_multiple_of_what_is_usual() {
    // A rough signal: its usual deviation is a twelfth of its level.
    let alone = |level: f64, center: f64| {
        let mut traces = pump(&[("bearing_acceleration", 310, level - 1.5)]);
        for t in traces
            .iter_mut()
            .filter(|t| t.metric == "bearing_acceleration")
        {
            let usual = t.usual.as_mut().unwrap();
            (usual.center, usual.sigma) = (center, 0.12);
            t.shift.as_mut().unwrap().effect = 12.0;
        }
        let found = analyse(&case(traces), built_in(), &RcaConfig::default());
        let mut hypotheses = found.hypotheses.into_iter();
        hypotheses.find(|h| h.rule.text.id == "CP-BRG")
    };
    let faint = |h: Option<Hypothesis<'_>>| h.is_some_and(|h| h.is_faint);
    assert!(!faint(alone(3.3, 1.5)), "more than twice the usual");
    assert_eq!(alone(3.3, 1.5).unwrap().grade, Grade::Likely);
    assert!(faint(alone(3.3, 0.3)), "a multiple of nearly nothing");
}

#[test]
fn one_signal_of_many_that_were_looked_for_names_nothing() {
    let exchanger = |signs: &[(&str, i64, f64)]| -> Vec<Trace> {
        let usual = [
            ("hot_outlet_temperature", 119.6),
            ("cold_outlet_temperature", 80.0),
            ("tube_side_dp", 0.5),
            ("cold_flow", 200.0),
        ];
        let traces = usual.iter().zip(40..).map(|((metric, usual), n)| {
            let change = signs.iter().find(|c| c.0 == *metric).map(|c| (c.1, c.2));
            trace(n, 1, metric, *usual, change)
        });
        traces.collect()
    };
    let grade = |signs: &[(&str, i64, f64)]| {
        let mut case = case(exchanger(signs));
        case.assets[0].family = "hx_shell_tube".into();
        let found = analyse(&case, built_in(), &RcaConfig::default());
        let mut all = found.hypotheses.into_iter();
        let h = all
            .find(|h| h.rule.text.id == "HX-FOUL" && h.asset == id(1))
            .unwrap();
        (h.grade, h.reason.code)
    };
    // The others move as well, but not the way a fouled exchanger moves them.
    let hot = ("hot_outlet_temperature", 320, 12.0);
    let others = [
        ("cold_outlet_temperature", 320, 6.0),
        ("cold_flow", 320, 30.0),
    ];
    let (clean, fouled) = (("tube_side_dp", 320, -0.2), ("tube_side_dp", 320, 0.3));
    let with = |dp| [[hot, dp], others].concat();
    assert_eq!(grade(&with(clean)), (Grade::Possible, "rca.reason.alone"));
    assert_eq!(grade(&with(fouled)).0, Grade::Likely);
}

#[test]
fn what_swings_only_in_the_last_minutes_swings() {
    let erratic = |from: i64| {
        let mut flow = trace(1, 1, "flow", 180.0, None);
        let points = flow.points.as_slice().to_vec();
        // Every ten seconds, that a short part has samples enough.
        let dense = points.iter().flat_map(|(t, v)| {
            (0..6).map(move |k| {
                let at = t.plus_ms(k * 10_000);
                let wild = if t.0 >= from * MIN { 20.0 } else { 0.0 };
                let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                (at, v + sign * wild)
            })
        });
        flow.points = RawPoints::take(dense.map(|(t, v)| {
            let point = Point {
                t,
                value: Some(Value::Number(v)),
                status: StatusCode::GOOD,
            };
            (point, Provenance::Raw)
        }));
        let case = case(vec![flow]);
        let (condition, text) = (parse("flow erratic").unwrap(), "flow erratic");
        let place = super::eval::Place {
            case: &case,
            asset: id(1),
            this: None,
        };
        let seen = matches!(
            super::eval::evaluate(place, &condition),
            super::eval::Outcome::Seen(_)
        );
        (text, seen)
    };
    assert!(erratic(390).1, "half an hour");
    assert!(erratic(402).1, "eighteen minutes of two hours");
    assert!(!erratic(419).1, "one minute is nothing");
}

#[test]
fn a_change_slower_than_the_window_is_told() {
    let case = case(vec![trace(1, 1, "discharge_pressure", 9.4, None)]);
    let signal = SignalId(Uuid::from_u128(1));
    let history = |from: f64| -> Vec<(Timestamp, f64)> {
        (0..2_000)
            .map(|n| {
                let part = f64::from(n) / 2_000.0;
                let at = Timestamp((i64::from(n) - 2_000) * MIN);
                (at, from + (9.4 - from) * part + 0.01 * f64::from(n % 7))
            })
            .collect()
    };
    let told = slow_changes(&case, &[(signal, history(6.0))]);
    assert_eq!(told[0].code, "rca.explain.slow_rise");
    assert_eq!(told[0].params["hours"], "40");
    assert!(slow_changes(&case, &[(signal, history(9.38))]).is_empty());
    assert!(slow_changes(&case, &[]).is_empty());
}

#[test]
fn nothing_that_moved_names_nothing() {
    let found = check(pump(&[]), Verdict::Unexplained, None);
    assert!(found.hypotheses.iter().all(|h| h.grade == Grade::Unlikely));
}

#[test]
fn a_signal_that_is_not_there_is_missing_and_holds_the_confidence_down() {
    let wear = [("vibration_de", 320, 2.0)];
    let traces = pump(&wear)
        .into_iter()
        .filter(|t| t.metric.starts_with("vibration"))
        .collect();
    let found = check(traces, Verdict::Unsettled, None);
    let bearing = found
        .hypotheses
        .iter()
        .find(|h| h.rule.text.id == "CP-BRG")
        .unwrap();
    assert!(bearing.coverage < 0.6 && bearing.confidence < 0.6);
    assert_eq!(bearing.reason.code, "rca.reason.coverage");
    let missing: Vec<_> = bearing.side(Side::Missing).collect();
    assert!(
        missing
            .iter()
            .any(|f| f.said.code == "rca.missing.no_signal"
                && f.said.params["metric"] == "bearing_acceleration")
    );
}

#[test]
fn interpolated_points_are_no_evidence() {
    let mut traces = pump(&[("seal_pot_level", 310, -30.0)]);
    for t in &mut traces {
        let computed = t.points.as_slice().iter().map(|(at, v)| {
            let point = Point {
                t: *at,
                value: Some(Value::Number(*v)),
                status: StatusCode::GOOD,
            };
            (point, Provenance::Interpolated)
        });
        t.points = RawPoints::take(computed.collect::<Vec<_>>());
        t.usual = None;
        t.shift = None;
    }
    check(traces, Verdict::NotEnoughData, None);
}

#[test]
fn a_fault_upstream_that_showed_first_makes_this_machine_its_victim() {
    let mut traces = pump(&[("seal_pot_level", 350, -30.0)]);
    let alone = check(traces.clone(), Verdict::Named, Some("CP-SEAL"));
    let before = alone.hypotheses[0].logit;
    traces.push(trace(
        30,
        2,
        "hot_outlet_temperature",
        120.0,
        Some((305, 15.0)),
    ));
    traces.push(trace(
        31,
        2,
        "cold_outlet_temperature",
        100.0,
        Some((306, -9.0)),
    ));
    traces.push(trace(32, 2, "tube_side_dp", 0.45, Some((305, 0.9))));
    traces.push(trace(33, 2, "cold_flow", 34.0, None));
    let case = case(traces);
    let found = analyse(&case, built_in(), &RcaConfig::default());
    let seal = found
        .hypotheses
        .iter()
        .find(|h| h.rule.text.id == "CP-SEAL")
        .unwrap();
    assert!(seal.logit < before);
    assert!(seal.side(Side::Against).any(|f| f.key == "upstream"));
    let said = explain(&case, &found, &[SignalId(Uuid::from_u128(30))]);
    let codes: Vec<&str> = said.iter().map(|s| s.code).collect();
    assert!(codes.contains(&"rca.explain.origin_rose"), "{codes:?}");
}

#[test]
fn work_explains_a_change_only_when_it_came_first() {
    let confidence = |work: Option<i64>| {
        let mut case = case(pump(&[
            ("vibration_de", 320, 2.0),
            ("vibration_nde", 320, 2.0),
        ]));
        case.events = work
            .map(|minute| CaseEvent {
                id: None,
                asset: Some(id(1)),
                at: Timestamp(minute * MIN),
                kind: "maintenance",
            })
            .into_iter()
            .collect();
        let found = analyse(&case, built_in(), &RcaConfig::default());
        let strained = found.hypotheses.iter().find(|h| h.rule.text.id == "CP-MIS");
        strained.map(|h| h.confidence)
    };
    let without = confidence(None);
    assert!(confidence(Some(200)) > without);
    assert_eq!(confidence(Some(330)), without, "an answer to the vibration");
}

/// A run status with one sample a minute that stands still in the given minutes.
fn runs(asset: u128, still: &[(i64, i64)]) -> Trace {
    let points = RawPoints::take((0..420).map(|m| {
        let on = f64::from(u8::from(!still.iter().any(|s| (s.0..s.1).contains(&m))));
        let point = Point {
            t: Timestamp(m * MIN),
            value: Some(Value::Number(on)),
            status: StatusCode::GOOD,
        };
        (point, Provenance::Raw)
    }));
    Trace {
        asset: id(asset),
        points,
        metric: "run_status".into(),
        ..pump(&[])[0].clone()
    }
}

#[test]
fn what_follows_a_stop_is_cut_off() {
    let window = case(Vec::new()).window;
    let trigger = (id(1), Timestamp(400 * MIN));
    let of = |machine: u128, still: &[(i64, i64)]| {
        Stops::of(&[runs(machine, still)], &[], &[], window, trigger).together
    };
    let at = |m: i64| vec![(id(1), Timestamp(m * MIN))];
    assert_eq!(of(1, &[(400, 420)]), at(400));
    assert_eq!(
        of(1, &[(405, 420)]),
        at(405),
        "the alarm came before the stop"
    );
    assert_eq!(of(1, &[(395, 420)]), at(395), "and after it");
    assert_eq!(of(1, &[(310, 320), (400, 405), (410, 420)]), at(400));
    assert!(of(1, &[(310, 320)]).is_empty(), "it ran again before");
    assert_eq!(
        Stops::of(&pump(&[]), &[], &[], window, trigger),
        Stops::default()
    );
}

#[test]
fn a_neighbour_that_stopped_minutes_before_is_another_story() {
    let window = case(Vec::new()).window;
    let beside = |distance| CaseAsset {
        id: id(2),
        code: "P-2".into(),
        family: "centrifugal_pump".into(),
        distance,
        beside: Vec::new(),
    };
    let of = |minute: i64, distance: Option<i32>| {
        let trigger = (id(1), Timestamp(400 * MIN));
        let traces = [runs(2, &[(minute, 430)])];
        let found = Stops::of(&traces, &[beside(distance)], &[], window, trigger);
        (found.together.len(), found.apart.len(), found.stood.len())
    };
    assert_eq!(of(375, Some(1)), (0, 1, 0), "a changeover");
    assert_eq!(of(399, None), (1, 0, 0), "they fell together");
    assert_eq!(of(401, None), (1, 0, 0), "and so here");
    assert_eq!(
        of(410, Some(1)),
        (1, 0, 0),
        "what stands along the flow follows"
    );
    assert_eq!(of(410, None), (0, 1, 0), "what has no connection does not");
    assert_eq!(of(1, Some(1)), (0, 0, 1), "one that stood all the time");
}

#[test]
fn every_built_in_pack_reads_with_the_metrics_of_its_family() {
    let knows = |family: &str, metric: &str| {
        let pattern = parse(&format!("{metric} moves"));
        let Ok(Condition::Signal { signals, .. }) = pattern else {
            return false;
        };
        iq_mapping::catalogue()
            .family(family)
            .is_some_and(|f| f.metrics.iter().any(|m| signals.matches(&m.metric)))
    };
    let mut rules = BTreeSet::new();
    for file in BUILT_IN_FILES {
        let pack = read_pack(file, &knows).unwrap_or_else(|e| panic!("{e:?}"));
        for family in &pack.families {
            assert!(iq_mapping::catalogue().family(family).is_some(), "{family}");
        }
        for rule in &pack.rules {
            assert!(rules.insert(rule.text.id.clone()), "{} twice", rule.text.id);
        }
    }
    let known: BTreeSet<&str> = built_in()
        .iter()
        .flat_map(|p| p.families.iter().map(String::as_str))
        .collect();
    for family in iq_mapping::catalogue().families() {
        assert!(known.contains(family.family.as_str()), "{}", family.family);
    }
}

#[test]
fn a_pack_that_is_wrong_says_where() {
    let good = r#"{
 "pack": "mine", "version": 1, "names": {"en": "Mine", "ar": "لي"}, "families": ["tank"],
 "rules": [
  {"id": "X-1", "mode": "ELP", "names": {"en": "Leak", "ar": "تسرب"}, "prior": 0.2,
   "for": [
    {"when": "level falls", "w": 3}
   ],
   "actions": [{"names": {"en": "Stop", "ar": "أوقف"}}]}
 ]
}"#;
    let knows = |_: &str, metric: &str| metric == "level";
    let wrong = |from: &str, to: &str| {
        let errors = read_pack(&good.replace(from, to), &knows).unwrap_err();
        (errors[0].code, errors[0].line, errors[0].word.clone())
    };
    assert_eq!(read_pack(good, &knows).unwrap().rules.len(), 1);
    for (from, to, code, line, word) in [
        (
            "level falls",
            "level sinks",
            "pack.condition_word",
            6,
            "sinks",
        ),
        (
            "level falls",
            "flow falls",
            "pack.metric_unknown",
            6,
            "flow",
        ),
        ("\"w\": 3", "\"w\": 4", "pack.weight", 6, "4"),
        ("0.2", "1.2", "pack.prior", 4, "X-1"),
        ("تسرب", " ", "pack.names_missing", 4, "X-1"),
        ("X-1", "x 1", "pack.rule_id", 4, "x 1"),
        (
            "\"version\": 1",
            "\"version\": 0",
            "pack.version",
            2,
            "mine",
        ),
    ] {
        assert_eq!(wrong(from, to), (code, line, word.to_owned()), "{to}");
    }
    let (code, line, _) = wrong("\"w\": 3", "\"weight\": 3");
    assert_eq!((code, line), ("pack.not_readable", 6));
}

#[test]
fn a_cause_with_something_decisive_against_it_yields_to_one_with_nothing() {
    let told = |suction_falls: bool| {
        let suction = suction_falls.then_some((310, -0.9));
        let mut traces = vec![
            trace(1, 1, "suction_pressure", 1.5, suction),
            trace(2, 1, "discharge_pressure", 14.0, Some((312, -1.5))),
            trace(3, 1, "flow", 180.0, Some((312, -30.0))),
        ];
        traces.push(trace(4, 1, "motor_current", 95.0, None));
        // Both explain it here; which one is named is what is asked.
        let config = RcaConfig {
            likely: 0.3,
            min_coverage: 0.0,
            ..RcaConfig::default()
        };
        let case = case(traces);
        let found = analyse(&case, built_in(), &config);
        let wear = found
            .hypotheses
            .iter()
            .find(|h| h.rule.text.id == "CP-WEAR");
        let wear = wear.unwrap();
        (wear.reason.code, wear.grade == Grade::Likely)
    };
    assert_eq!(told(true), ("rca.reason.refuted", false));
    assert!(told(false).1);
}
