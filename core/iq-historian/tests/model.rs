//! The historian against the simplest model there is, a sorted map per signal, under late, duplicate,
//! overwriting, bad, missing and not-a-number samples, with reopening, compaction and retention between.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use iq_domain::{Point, Provenance, StatusCode, TimeRange, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, Row};
use proptest::prelude::*;

const SIGNALS: u32 = 3;
const BASE: i64 = 1_700_000_000_000;

type Model = BTreeMap<(u32, i64), (Option<Value>, u32)>;

fn config() -> HistorianConfig {
    HistorianConfig {
        chunk_samples: 16,
        buffer_budget_bytes: 4_000,
        journal_budget_bytes: 400,
        commit_window: Duration::ZERO,
        ..HistorianConfig::default()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u32, i64, Option<Value>, u32)>),
    Crash,
    CloseAndOpen,
    Checkpoint,
    Compact,
    Retain(u32, i64, i64, i64),
}

fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        8 => (-500_i32..500).prop_map(|k| Some(Value::Number(f64::from(k) / 10.0))),
        1 => any::<u64>().prop_map(|bits| Some(Value::Number(f64::from_bits(bits)))),
        1 => Just(Some(Value::Number(f64::NAN))),
        1 => any::<bool>().prop_map(|b| Some(Value::Bool(b))),
        1 => "[a-c]{1,2}".prop_map(|t| Some(Value::Text(t.into()))),
        1 => Just(None),
    ]
}

fn status() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(0), 1 => Just(0x8000_0000), 1 => Just(0x4000_0000), 1 => any::<u32>()]
}

fn batch() -> impl Strategy<Value = Step> {
    // Mostly in order around a moving start, with a part anywhere in the past.
    (
        0_i64..40,
        prop::collection::vec(
            (0..SIGNALS, 0_i64..20, any::<u8>(), value(), status()),
            1..60,
        ),
    )
        .prop_map(|(start, rows)| {
            let rows = rows
                .into_iter()
                .enumerate()
                .map(|(i, (signal, jitter, kind, v, s))| {
                    let t = match kind {
                        0..200 => start * 300_000 + i as i64 * 7_000 + jitter * 50,
                        200..240 => jitter * 600_000,
                        _ => start * 300_000 + jitter * 7_000,
                    };
                    (signal, BASE + t, v, s)
                });
            Step::Append(rows.collect())
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => batch(),
        2 => Just(Step::Crash),
        1 => Just(Step::CloseAndOpen),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Compact),
        1 => (0..SIGNALS, 0_i64..9_000_000, 0_i64..9_000_000, 1_i64..3_000_000)
            .prop_map(|(s, limit, pin, len)| Step::Retain(s, BASE + limit, BASE + pin, len)),
    ]
}

fn stored(value: &Option<Value>) -> Option<Value> {
    match value {
        Some(Value::Bool(b)) => Some(Value::Number(f64::from(u8::from(*b)))),
        other => other.clone(),
    }
}

fn same_value(a: &Option<Value>, b: &Option<Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn same(point: &Point, t: i64, value: &(Option<Value>, u32)) -> bool {
    point.t.0 == t && point.status.0 == value.1 && same_value(&point.value, &value.0)
}

fn usable(value: &(Option<Value>, u32)) -> bool {
    StatusCode(value.1).is_good()
        && match &value.0 {
            Some(Value::Number(n)) => n.is_finite(),
            Some(_) => true,
            None => false,
        }
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange {
        from: Timestamp(from),
        to: Timestamp(to),
    }
}

fn check_raw(h: &Historian, model: &Model, signal: u32, from: i64, to: i64) {
    let expected: Vec<_> = model.range((signal, from)..(signal, to)).collect();
    let points = h.raw(signal, range(from, to), usize::MAX).unwrap();
    assert_eq!(points.len(), expected.len(), "signal {signal} {from}..{to}");
    for (point, ((_, t), value)) in points.iter().zip(&expected) {
        assert!(same(point, *t, value), "{point:?} is not {t} {value:?}");
    }
    let some = h.raw(signal, range(from, to), 7).unwrap();
    assert_eq!(some.len(), expected.len().min(7));
    let at = h.last_at(signal, Timestamp(to - 1)).unwrap();
    match model.range((signal, 0)..(signal, to)).next_back() {
        Some(((_, t), value)) => assert!(same(&at.unwrap(), *t, value)),
        None => assert_eq!(at, None),
    }
}

fn check_buckets(h: &Historian, model: &Model, signal: u32, from: i64, to: i64, length: i64) {
    let mut expected: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for ((_, t), value) in model.range((signal, from)..(signal, to)) {
        if let Some(Value::Number(n)) = &value.0
            && usable(value)
        {
            expected
                .entry(t.div_euclid(length) * length)
                .or_default()
                .push(*n);
        }
    }
    let buckets = h.buckets(signal, range(from, to), length).unwrap();
    assert_eq!(buckets.len(), expected.len(), "{from}..{to} by {length}");
    for (bucket, (t, numbers)) in buckets.iter().zip(&expected) {
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!((bucket.t.0, bucket.count), (*t, numbers.len() as u64));
        assert_eq!((bucket.min, bucket.max), (low, high));
        assert_eq!(
            (bucket.first, bucket.last),
            (numbers[0], numbers[numbers.len() - 1])
        );
        let (sum, size): (f64, f64) = (
            numbers.iter().sum(),
            numbers.iter().map(|n| n.abs()).sum::<f64>(),
        );
        assert!(
            (bucket.sum - sum).abs() <= 1e-9 * size.max(1.0) || !size.is_finite(),
            "{} is not {sum}",
            bucket.sum
        );
    }
}

fn check_all(h: &Historian, model: &Model, probes: &[(i64, i64)]) {
    for signal in 0..SIGNALS {
        let own = || model.range((signal, i64::MIN)..=(signal, i64::MAX));
        check_raw(h, model, signal, 0, BASE * 2);
        let last = h.last(signal);
        match own().next_back() {
            Some(((_, t), value)) => assert!(same(&last.unwrap(), *t, value)),
            None => assert_eq!(last, None),
        }
        let good = h.last_good(signal);
        match own().rfind(|(_, value)| usable(value)) {
            Some(((_, t), value)) => assert!(same(&good.unwrap(), *t, value)),
            None => assert_eq!(good, None),
        }
        let bounds = own().next().zip(own().next_back());
        let bounds = bounds.map(|((first, _), (last, _))| range(first.1, last.1 + 1));
        assert_eq!(h.time_bounds(signal).unwrap(), bounds);
        for (offset, length) in probes {
            let from = BASE + offset;
            check_raw(h, model, signal, from, from + length);
            check_buckets(h, model, signal, from, from + length, 60_000);
            check_buckets(
                h,
                model,
                signal,
                from / 60_000 * 60_000,
                from + length,
                3_600_000,
            );
            check_buckets(h, model, signal, from, from + length, 45_000);
            let chart = h.decimate(signal, range(from, from + length), 10).unwrap();
            assert_eq!(chart.provenance, Provenance::Raw);
            assert!(chart.points.windows(2).all(|p| p[0].t < p[1].t));
            for point in &chart.points {
                assert!(same(point, point.t.0, &model[&(signal, point.t.0)]));
            }
        }
        check_buckets(h, model, signal, 0, BASE * 2, 3_600_000);
    }
}

fn run(steps: Vec<Step>, probes: &[(i64, i64)]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("historian.db");
    let mut model = Model::new();
    let mut h = Historian::open(&path, config()).unwrap();
    for step in steps {
        match step {
            Step::Append(rows) => {
                let batch = rows
                    .iter()
                    .map(|(signal_no, t, value, status)| Row {
                        signal_no: *signal_no,
                        t: Timestamp(*t),
                        value: value.clone(),
                        status: StatusCode(*status),
                    })
                    .collect::<Vec<_>>();
                h.append_blocking(batch.clone()).unwrap();
                // A batch sent again after a lost answer changes nothing.
                if rows.len().is_multiple_of(5) {
                    h.append_blocking(batch).unwrap();
                }
                for (signal, t, value, status) in rows {
                    model.insert((signal, t), (stored(&value), status));
                }
            }
            Step::Crash => {
                drop(h);
                h = Historian::open(&path, config()).unwrap();
            }
            Step::CloseAndOpen => {
                h.close().unwrap();
                drop(h);
                h = Historian::open(&path, config()).unwrap();
            }
            Step::Checkpoint => h.checkpoint().unwrap(),
            Step::Compact => {
                let report = h.compact().unwrap();
                assert_eq!(report.damaged, 0);
            }
            Step::Retain(signal, limit, pin, length) => {
                let pin = range(pin, pin + length);
                h.retain(signal, Timestamp(limit), &[pin]).unwrap();
                model
                    .retain(|(s, t), _| *s != signal || *t >= limit || pin.contains(Timestamp(*t)));
            }
        }
        check_all(&h, &model, probes);
    }
    h.checkpoint().unwrap();
    h.compact().unwrap();
    check_all(&h, &model, probes);
    assert_eq!(
        h.stats().unwrap().samples,
        model.len() as u64,
        "each sample counts once"
    );
    drop(h);
    let h = Historian::open(&path, config()).unwrap();
    check_all(&h, &model, probes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn answers_equal_a_sorted_map_through_any_history(
        steps in prop::collection::vec(step(), 1..24),
        probes in prop::collection::vec((0_i64..12_000_000, 1_i64..9_000_000), 2),
    ) {
        run(steps, &probes);
    }
}
