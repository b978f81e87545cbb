//! Each sign a condition may ask for, on signals made by hand: what it is, and what it is not.

use iq_domain::{
    Point, Provenance, RawPoints, Shift, StatusCode, TimeRange, Usual, Value, fast_noise,
};
use uuid::Uuid;

use super::{eval::evaluate, *};

const MIN: i64 = 60_000;

fn id(n: u128) -> AssetId {
    AssetId(Uuid::from_u128(n))
}

/// Noise between -1 and 1 that repeats itself rarely.
fn noise(i: i64) -> f64 {
    ((i * 7_919) % 13) as f64 / 6.0 - 1.0
}

/// One sample a minute: 300 quiet minutes and 120 of the window. Minutes count from the window's begin.
fn signal(n: u128, asset: u128, metric: &str, value: impl Fn(i64) -> f64) -> Trace {
    let points = RawPoints::take((-300..120).map(|minute| {
        let point = Point {
            t: Timestamp((300 + minute) * MIN),
            value: Some(Value::Number(value(minute))),
            status: StatusCode::GOOD,
        };
        (point, Provenance::Raw)
    }));
    let quiet = &points.as_slice()[..300];
    let center = quiet.iter().map(|(_, v)| v).sum::<f64>() / 300.0;
    let square = quiet.iter().map(|(_, v)| (v - center).powi(2)).sum::<f64>() / 300.0;
    let usual = Usual {
        center,
        sigma: square.sqrt().max(0.01),
        noise: fast_noise(quiet),
        samples: 300,
    };
    let off = |(_, v): &(Timestamp, f64)| (v - center) / usual.sigma;
    let inside = &points.as_slice()[300..];
    let first = inside
        .windows(3)
        .find(|w| w.iter().all(|p| off(p).abs() > 6.0));
    let shift = first.map(|w| Shift {
        at: w[0].0,
        value: w[0].1,
        level: inside[119].1,
        effect: inside
            .iter()
            .map(off)
            .fold(0.0, |a: f64, z| if z.abs() > a.abs() { z } else { a }),
    });
    Trace {
        signal: SignalId(Uuid::from_u128(n)),
        asset: id(asset),
        metric: metric.into(),
        unit: "1".into(),
        points,
        usual: Some(usual),
        shift,
        cut_short: None,
    }
}

/// Asset 1 stands beside 2; 3 stands elsewhere in the unit.
fn case(traces: Vec<Trace>) -> Case {
    let asset = |n: u128, distance, beside: &[u128]| CaseAsset {
        id: id(n),
        code: format!("A-{n}"),
        family: "centrifugal_pump".into(),
        distance,
        beside: beside.iter().map(|n| id(*n)).collect(),
    };
    Case {
        asset: id(1),
        window: TimeRange {
            from: Timestamp(300 * MIN),
            to: Timestamp(420 * MIN),
        },
        assets: vec![
            asset(1, Some(0), &[2]),
            asset(2, Some(1), &[1]),
            asset(3, None, &[]),
        ],
        traces,
        events: Vec::new(),
        stops: Stops::default(),
    }
}

fn look(case: &Case, condition: &str) -> Outcome {
    let place = Place {
        case,
        asset: id(1),
        this: case.traces.first(),
    };
    evaluate(place, &parse(condition).unwrap())
}

/// The code of what was seen; "" when it was not, "missing" when it could not be looked at.
fn seen(traces: Vec<Trace>, condition: &str) -> &'static str {
    match look(&case(traces), condition) {
        Outcome::Seen(seen) => seen.said.code,
        Outcome::NotSeen => "",
        Outcome::Missing(_) => "missing",
        Outcome::CutShort(..) => "cut short",
    }
}

/// A valve whose output swings slowly, and whose stem follows as `stem` says.
fn valve(stem: impl Fn(i64, f64) -> f64) -> Vec<Trace> {
    let output = |minute: i64| {
        let swing = if minute < 0 { 0.5 } else { 6.0 };
        55.0 + swing * (minute as f64 / 8.0).sin()
    };
    vec![
        signal(1, 1, "valve_position", |m| {
            stem(m, output(m)) + 0.05 * noise(m)
        }),
        signal(2, 1, "controller_output", output),
    ]
}

#[test]
fn what_a_stop_cut_short_is_neither_seen_nor_unseen() {
    let told = |by: f64, condition: &str| {
        let mut short = signal(1, 1, "vibration_de", |m| 2.0 + 0.1 * noise(m));
        short.cut_short = Some(Shift {
            at: Timestamp(419 * MIN),
            value: 2.0 + by / 2.0,
            level: 2.0 + by,
            effect: by / 0.06,
        });
        match look(&case(vec![short]), condition) {
            Outcome::CutShort(said, samples) => {
                assert_eq!(
                    samples[0].t,
                    Timestamp(419 * MIN),
                    "its number leads to a sample"
                );
                said.code
            }
            Outcome::Missing(_) => "missing",
            Outcome::NotSeen => "not seen",
            Outcome::Seen(seen) => seen.said.code,
        }
    };
    let rises = "vibration_de rises 2x";
    assert_eq!(told(3.0, rises), "rca.missing.cut_short");
    assert_eq!(told(1.0, rises), "not seen", "too little of it");
    assert_eq!(told(-1.5, rises), "not seen", "the other way");
    assert_eq!(told(3.0, "vibration_de erratic"), "rca.missing.cut_short");
    assert_eq!(told(3.0, "vibration_de steady"), "rca.missing.cut_short");
}

#[test]
fn a_stem_that_holds_and_jumps_sticks() {
    let sticks = "valve_position sticks behind controller_output";
    let stuck = |m: i64, output: f64| {
        if m < 0 {
            output
        } else {
            55.0 + 4.0 * ((output - 55.0) / 4.0).round()
        }
    };
    assert_eq!(seen(valve(stuck), sticks), "rca.found.sticks");
    assert_eq!(
        seen(valve(|_, output| output), sticks),
        "",
        "it follows, however it swings"
    );
    let always = |_: i64, output: f64| 55.0 + 4.0 * ((output - 55.0) / 4.0).round();
    let late = seen(valve(always), sticks);
    assert_ne!(late, "missing");
    let alone = valve(stuck).into_iter().take(1).collect();
    assert_eq!(
        seen(alone, sticks),
        "missing",
        "without the output nothing is known"
    );
}

#[test]
fn a_stem_that_stays_away_does_not_follow() {
    let sticks = "valve_position sticks behind controller_output";
    let held = |move_output: bool| {
        let output = move |m: i64| {
            55.0 - if move_output {
                m.max(0) as f64 * 0.03
            } else {
                0.0
            }
        };
        vec![
            signal(1, 1, "valve_position", |m| 55.0 + 0.05 * noise(m)),
            signal(2, 1, "controller_output", output),
        ]
    };
    assert_eq!(seen(held(true), sticks), "rca.found.lags");
    assert_eq!(seen(held(false), sticks), "");
}

#[test]
fn an_even_drift_creeps_wear_and_dirt_do_not() {
    let one = |f: fn(f64) -> f64| {
        let rise = move |m: i64| 50.0 + 0.1 * noise(m) + 20.0 * f(m.max(0) as f64 / 120.0);
        vec![signal(1, 1, "flow", rise)]
    };
    assert_eq!(seen(one(|x| x), "flow creeps"), "rca.found.creeps");
    assert_eq!(
        seen(one(|x| (5.0 * x).exp() / 148.4), "flow creeps"),
        "",
        "wear speeds up"
    );
    assert_eq!(
        seen(one(|x| 1.0 - (-4.0 * x).exp()), "flow creeps"),
        "",
        "dirt slows down"
    );
    assert_eq!(
        seen(one(|x| (5.0 * x).exp() / 148.4), "flow drifts"),
        "rca.found.drifts"
    );
}

fn ramp(size: f64) -> impl Fn(i64) -> f64 {
    move |m| 50.0 + 0.1 * noise(m) + size * m.max(0) as f64 / 120.0
}

#[test]
fn alone_means_that_neither_companion_nor_sister_came_along() {
    let with = |asset: u128, metric: &str, size: f64| {
        let traces = vec![
            signal(1, 1, "flow", ramp(20.0)),
            signal(2, asset, metric, ramp(size)),
        ];
        seen(traces, "this moves alone")
    };
    assert_eq!(with(2, "level", 0.0), "rca.found.moves");
    assert_eq!(
        with(2, "level", 2.0),
        "rca.found.moves",
        "a tenth as far is background"
    );
    assert_eq!(with(2, "level", 15.0), "", "a companion beside it moved");
    let only = vec![signal(1, 1, "flow", ramp(20.0))];
    assert_eq!(seen(only, "this moves alone"), "missing", "nobody can say");
    let elsewhere = |metric: &str, size: f64| {
        let traces = vec![
            signal(1, 1, "flow", ramp(20.0)),
            signal(2, 1, "level", ramp(0.0)),
            signal(3, 3, metric, ramp(size)),
        ];
        seen(traces, "this moves alone")
    };
    assert_eq!(elsewhere("level", 15.0), "rca.found.moves", "no neighbour");
    assert_eq!(elsewhere("flow", 15.0), "", "a sister moved");
    assert_eq!(elsewhere("flow", -15.0), "rca.found.moves", "the other way");
}

#[test]
fn what_sisters_share_is_told_apart_and_neighbours_are_asked() {
    let pair = |size: f64| {
        vec![
            signal(1, 1, "winding_temperature", ramp(20.0)),
            signal(2, 3, "winding_temperature", ramp(size)),
        ]
    };
    let shared = "winding_temperature rises with sisters";
    assert_eq!(seen(pair(15.0), shared), "rca.found.with_sister");
    assert_eq!(seen(pair(5.0), shared), "", "much less");
    let beside = |asset| vec![signal(1, asset, "flow", ramp(-20.0))];
    assert_eq!(seen(beside(2), "near.flow falls"), "rca.found.falls");
    assert_eq!(seen(beside(3), "near.flow falls"), "missing");
    assert_eq!(
        seen(beside(1), "near.flow falls"),
        "missing",
        "its own is not beside it"
    );
}

#[test]
fn a_reading_is_frozen_when_it_stands_far_longer_than_ever() {
    let still = |quiet: fn(i64) -> f64, from: i64| {
        let value = move |m: i64| 50.0 + if m < from { quiet(m) } else { 0.0 };
        seen(vec![signal(1, 1, "flow", value)], "this frozen")
    };
    assert_eq!(still(noise, 60), "rca.found.frozen");
    assert_eq!(still(noise, 110), "", "ten samples");
    // A coarse display repeats itself for a quarter of an hour anyway.
    assert_eq!(still(|m| f64::from(i32::from((m / 15) % 2 == 0)), 75), "");
}

#[test]
fn spikes_of_two_instruments_are_the_process() {
    let spiky = |m: i64| 50.0 + 0.1 * noise(m) + if m > 0 && m % 20 == 7 { 30.0 } else { 0.0 };
    let calm = |m: i64| 50.0 + 0.1 * noise(m);
    let one = vec![signal(1, 1, "flow", spiky), signal(2, 1, "level", calm)];
    assert_eq!(seen(one, "this spikes alone"), "rca.found.spikes");
    let two = vec![signal(1, 1, "flow", spiky), signal(2, 1, "level", spiky)];
    assert_eq!(seen(two, "this spikes alone"), "");
}

#[test]
fn a_fast_rise_is_not_erratic_and_a_quiet_output_needs_more_than_nothing() {
    let swing = |m: i64| 50.0 + 0.1 * noise(m) + if m > 0 { 3.0 * noise(m * 5 + 1) } else { 0.0 };
    assert_eq!(
        seen(vec![signal(1, 1, "flow", swing)], "flow erratic"),
        "rca.found.erratic"
    );
    assert_eq!(
        seen(vec![signal(1, 1, "flow", ramp(500.0))], "flow erratic"),
        ""
    );
    // Slow wandering makes its deviation; from sample to sample it hardly moves.
    let output = |m: i64| {
        let ripple = if m < 0 { 0.001 } else { 0.01 };
        55.0 + (m as f64 / 60.0).sin() + ripple * noise(m)
    };
    assert_eq!(seen(vec![signal(1, 1, "flow", output)], "flow erratic"), "");
}

#[test]
fn the_order_is_that_of_the_greater_change() {
    // The cold end warms a little from the start (the day), the hot end late and much.
    let traces = || {
        vec![
            signal(1, 1, "bearing_temperature_de", |m| {
                60.0 + 0.1 * noise(m) + 20.0 * ((m - 80).max(0) as f64 / 40.0)
            }),
            signal(2, 1, "bearing_temperature_nde", |m| {
                55.0 + 0.1 * noise(m) + 1.5 * (m.max(0) as f64 / 120.0)
            }),
            signal(3, 1, "bearing_acceleration", |m| {
                1.5 + 0.05 * noise(m) + 4.0 * ((m - 40).max(0) as f64 / 80.0)
            }),
        ]
    };
    let temperature = "bearing_temperature_* rises";
    let before = format!("{temperature} before bearing_acceleration");
    let after = format!("{temperature} after bearing_acceleration");
    assert_eq!(seen(traces(), &before), "");
    assert_eq!(seen(traces(), &after), "rca.found.after");
}

#[test]
fn a_start_that_was_not_followed_is_a_failure_to_start() {
    let told = |runs_from: Option<i64>, of: u128| {
        let state = move |m: i64| f64::from(u8::from(runs_from.is_some_and(|from| m >= from)));
        let mut case = case(vec![signal(1, 1, "run_status", state)]);
        case.window.to = Timestamp(360 * MIN);
        case.events.push(CaseEvent {
            id: None,
            asset: Some(id(of)),
            at: Timestamp(361 * MIN),
            kind: "standby_start",
        });
        matches!(
            look(&case, "unanswered standby_start within 5min"),
            Outcome::Seen(_)
        )
    };
    assert!(told(None, 1));
    assert!(!told(Some(63), 1), "it ran, after the time that is judged");
    assert!(!told(None, 3), "another machine was called");
    let unknown = vec![signal(1, 1, "flow", noise)];
    let mut case = case(unknown);
    let call = CaseEvent {
        id: None,
        asset: Some(id(1)),
        at: Timestamp(361 * MIN),
        kind: "standby_start",
    };
    case.events.push(call);
    let outcome = look(&case, "unanswered standby_start within 5min");
    assert!(matches!(outcome, Outcome::Missing(_)));
}

#[test]
fn the_trip_that_ends_the_case_belongs_to_it() {
    let told = |after_ms: i64| {
        let mut case = case(vec![signal(1, 1, "flow", noise)]);
        case.events.push(CaseEvent {
            id: None,
            asset: Some(id(1)),
            at: case.window.to.plus_ms(after_ms),
            kind: "trip",
        });
        matches!(look(&case, "event trip within 1h"), Outcome::Seen(_))
    };
    assert!(told(3_000));
    assert!(!told(60_000));
}

#[test]
fn what_a_controller_sets_is_no_instrument() {
    let still = |m: i64| if m < 60 { 50.0 + noise(m) } else { 50.0 };
    let named = |metric: &str| {
        let case = case(vec![signal(1, 1, metric, still)]);
        let found = analyse(&case, built_in(), &RcaConfig::default());
        found.hypotheses.iter().any(|h| h.rule.text.id == "IN-FRZ")
    };
    assert!(named("flow"));
    assert!(!named("setpoint") && !named("controller_output"));
}

#[test]
fn below_the_threshold_nothing_is_named_and_the_reason_is_told() {
    // Vibration on its own, where nothing else of the pump is mapped.
    let case = case(vec![signal(1, 1, "vibration_de", ramp(20.0))]);
    let found = analyse(&case, built_in(), &RcaConfig::default());
    assert_eq!(found.verdict, Verdict::Unsettled);
    let said = explain(&case, &found, &[]);
    let told = said
        .iter()
        .find(|s| s.code == "rca.explain.not_named")
        .unwrap();
    assert_eq!(told.params["least"], "60");
}

#[test]
fn either_of_two_places_will_do() {
    let swing = |m: i64| 50.0 + 0.1 * noise(m) + if m > 0 { 3.0 * noise(m * 5 + 1) } else { 0.0 };
    let either = "motor_current|near.current_* erratic";
    let told = |asset, metric| seen(vec![signal(1, asset, metric, swing)], either);
    assert_eq!(told(1, "motor_current"), "rca.found.erratic");
    assert_eq!(told(2, "current_a"), "rca.found.erratic");
    assert_eq!(told(1, "current_a"), "missing", "its own is not beside it");
    assert_eq!(
        told(3, "current_a"),
        "missing",
        "nor is one that stands elsewhere"
    );
    let condition = parse(either).unwrap();
    assert_eq!(condition.metrics(), ["motor_current"]);
    assert!(parse("motor_current| erratic").is_err());
}

#[test]
fn the_order_of_a_change_that_was_cut_short_is_no_evidence() {
    let told = |is_cut: bool| {
        let mut late = signal(2, 1, "vibration_de", |m| 2.0 + 0.1 * noise(m));
        late.cut_short = is_cut.then_some(Shift {
            at: Timestamp(419 * MIN),
            value: 3.0,
            level: 5.0,
            effect: 40.0,
        });
        let hot = signal(1, 1, "bearing_temperature_de", |m| {
            60.0 + 0.1 * noise(m) + 20.0 * (m.max(0) as f64 / 120.0)
        });
        look(
            &case(vec![hot, late]),
            "bearing_temperature_* rises before vibration_*",
        )
    };
    assert!(matches!(told(true), Outcome::CutShort(..)));
    assert_eq!(told(false), Outcome::NotSeen);
}
