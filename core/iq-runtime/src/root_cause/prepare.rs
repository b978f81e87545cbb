//! From raw samples to a case: what was usual, where machines stopped, when levels changed. The same
//! steps for a stored incident and for the bench.

use std::collections::{BTreeMap, BTreeSet};

use iq_analytics::{ShiftConfig, cut_short, num::median, shift, usual};
use iq_blackbox::rca::{CaseAsset, RUN_STATES, Stops, Trace};
use iq_domain::{AssetId, TimeRange, Timestamp};

/// Samples that belong to the window once machines have stopped: a little before the stop, because the
/// scan of one signal lags behind another's.
const BEFORE_STOP_MS: i64 = 2_000;
/// Assets whose temperatures must go the same way to be the weather, and the largest such change in
/// usual deviations.
const WEATHER_ASSETS: usize = 4;
const WEATHER_SIGMA: f64 = 15.0;
/// A change this many times that of the machines' middle one is not the weather's.
const WEATHER_TIMES: f64 = 4.0;
/// How long after a stop what changes elsewhere is its doing.
const WAKE_MS: i64 = 120_000;
/// Share of a running machine's current below which it stands.
const STANDING: f64 = 0.05;

/// Fills in what was usual and when levels changed. What follows the first stop of the incident is the stop's
/// doing: the window that can be evidence ends there; signals of a machine that stopped for a reason of its own,
/// and of what stands beside it, end with that stop. `trigger` is the asset and the moment the incident began
/// with, `trips` are the trips on record: a machine stops then whether its run state is known or not. Gives that
/// window and the stops.
#[must_use]
pub fn prepare(
    traces: &mut [Trace],
    assets: &[CaseAsset],
    (reference, window): (TimeRange, TimeRange),
    trigger: (AssetId, Timestamp),
    trips: &[(AssetId, Timestamp)],
    config: &ShiftConfig,
) -> (TimeRange, Stops) {
    let stops = Stops::of(traces, assets, trips, window, trigger);
    let to = stops.together.first().map_or(window.to, |(_, at)| {
        at.plus_ms(-BEFORE_STOP_MS).max(window.from.plus_ms(1))
    });
    let apart = ends_apart(&stops, assets, window.from, trigger.0);
    for trace in traces.iter_mut() {
        if let Some(end) = apart.get(&trace.asset) {
            trace.points.end_at(*end);
        }
    }
    let evidence = TimeRange {
        from: window.from,
        to,
    };
    for trace in traces.iter_mut() {
        trace.usual = usual(trace.points.within(reference), config);
        trace.shift = trace
            .usual
            .and_then(|u| shift(trace.points.within(evidence), &u, config));
        // Only a stop cuts short; what goes on can be looked at again.
        let cut = trace
            .usual
            .filter(|_| trace.shift.is_none())
            .filter(|_| !stops.together.is_empty() || apart.contains_key(&trace.asset));
        trace.cut_short = cut.and_then(|u| cut_short(trace.points.within(evidence), &u, config));
    }
    // What was usual while a machine stood says nothing about one that was started since.
    let started = started(traces, evidence);
    for trace in traces.iter_mut().filter(|t| started.contains(&t.asset)) {
        trace.usual = None;
        trace.shift = None;
        trace.cut_short = None;
    }
    leave_out_weather(traces);
    leave_out_wake(traces, &stops, trigger.0);
    (evidence, stops)
}

/// When the evidence ends for machines that stopped for a reason of their own, and for what stands beside them. Of
/// a machine that stood all the time there is none, and it changed nothing beside it.
fn ends_apart(
    stops: &Stops,
    assets: &[CaseAsset],
    begin: Timestamp,
    trigger: AssetId,
) -> BTreeMap<AssetId, Timestamp> {
    let mut ends: BTreeMap<AssetId, Timestamp> =
        stops.stood.iter().map(|asset| (*asset, begin)).collect();
    for (stopped, at) in &stops.apart {
        let own = assets.iter().find(|a| a.id == *stopped);
        let beside = own.into_iter().flat_map(|a| &a.beside);
        let touched = std::iter::once(stopped).chain(beside);
        for asset in touched.filter(|a| **a != trigger) {
            // Stops come in order: the first one counts.
            ends.entry(*asset).or_insert(at.plus_ms(-BEFORE_STOP_MS));
        }
    }
    ends
}

/// What changes elsewhere just after a machine stopped for a reason of its own is that stop's doing: a sister takes
/// over its flow. The incident's own machine is looked at all the same.
fn leave_out_wake(traces: &mut [Trace], stops: &Stops, trigger: AssetId) {
    for trace in traces.iter_mut().filter(|t| t.asset != trigger) {
        let is_wake = trace.shift.is_some_and(|shift| {
            let after = |at: Timestamp| shift.at.since_ms(at.plus_ms(-BEFORE_STOP_MS));
            let mut stops = stops.apart.iter();
            stops.any(|(_, at)| (0..=WAKE_MS).contains(&after(*at)))
        });
        if is_wake {
            trace.shift = None;
        }
    }
}

/// Where temperatures of many machines go the same way by little, the day or the weather moves them:
/// such a change is no sign of anything. A fault moves the temperatures of its own machine by more: by more
/// usual deviations, or by more degrees than the weather moves the others.
fn leave_out_weather(traces: &mut [Trace]) {
    let little = |t: &Trace| {
        let effect = t.shift?.effect;
        (t.metric.contains("temperature") && effect.abs() < WEATHER_SIGMA).then_some(effect > 0.0)
    };
    let degrees = |t: &Trace| Some((t.shift?.level - t.usual?.center).abs());
    for up in [true, false] {
        let moved = || traces.iter().filter(|t| little(t) == Some(up));
        let assets: BTreeSet<AssetId> = moved().map(|t| t.asset).collect();
        if assets.len() < WEATHER_ASSETS {
            continue;
        }
        let by: Vec<f64> = moved().filter_map(degrees).collect();
        let most = WEATHER_TIMES * median(&by);
        for trace in traces.iter_mut().filter(|t| little(t) == Some(up)) {
            if degrees(trace).is_none_or(|by| by <= most) {
                trace.shift = None;
            }
        }
    }
}

/// Machines that stood before and ran in the window, by their run state or a motor's current.
fn started(traces: &[Trace], window: TimeRange) -> BTreeSet<AssetId> {
    let woke = |t: &&Trace| {
        let is_state = RUN_STATES.contains(&t.metric.as_str());
        if !is_state && !t.metric.starts_with("current") {
            return false;
        }
        let inside = t.points.within(window).iter().map(|(_, v)| *v);
        let most = inside.fold(0.0, f64::max);
        let stood = t.usual.is_some_and(|u| u.center < STANDING * most);
        stood && most > 0.0
    };
    traces.iter().filter(woke).map(|t| t.asset).collect()
}

#[cfg(test)]
mod tests {
    use iq_domain::{Point, Provenance, RawPoints, SignalId, StatusCode, Value};

    use super::*;

    const MIN: i64 = 60_000;

    fn id(n: u8) -> AssetId {
        AssetId(
            format!("00000000-0000-7000-8000-0000000000{n:02}")
                .parse()
                .unwrap(),
        )
    }

    /// 200 quiet minutes, then 100 of the window.
    fn trace(asset: u8, metric: &str, value: impl Fn(i64) -> f64) -> Trace {
        Trace {
            signal: SignalId("00000000-0000-7000-9000-000000000001".parse().unwrap()),
            asset: id(asset),
            metric: metric.into(),
            unit: "1".into(),
            points: RawPoints::take((0..300).map(|minute| {
                let point = Point {
                    t: Timestamp(minute * MIN),
                    value: Some(Value::Number(value(minute))),
                    status: StatusCode::GOOD,
                };
                (point, Provenance::Raw)
            })),
            usual: None,
            shift: None,
            cut_short: None,
        }
    }

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange {
            from: Timestamp(from * MIN),
            to: Timestamp(to * MIN),
        }
    }

    #[test]
    fn a_machine_that_was_started_has_no_usual_values() {
        let from_250 = |high: f64| move |m: i64| if m < 250 { 0.0 } else { high };
        let mut traces = vec![
            trace(1, "run_status", from_250(1.0)),
            trace(1, "flow", from_250(180.0)),
            trace(2, "current_a", from_250(90.0)),
            trace(2, "vibration_de", from_250(1.0)),
            trace(3, "flow", from_250(180.0)),
        ];
        let (window, trigger) = (range(200, 300), (id(3), Timestamp(260 * MIN)));
        let config = ShiftConfig::default();
        drop(prepare(
            &mut traces,
            &[],
            (range(0, 200), window),
            trigger,
            &[],
            &config,
        ));
        let moved: Vec<bool> = traces.iter().map(|t| t.shift.is_some()).collect();
        assert_eq!(moved, [false, false, false, false, true]);
    }

    #[test]
    fn what_warms_every_machine_a_little_is_the_weather() {
        let warm = |by: f64| {
            move |m: i64| {
                let wave = ((m * 7_919) % 13) as f64 / 6.0 - 1.0;
                60.0 + wave + if m < 220 { 0.0 } else { by }
            }
        };
        let moved = |others: u8| {
            let mut traces: Vec<Trace> = (2..2 + others)
                .map(|n| trace(n, "bearing_temperature_de", warm(8.0)))
                .collect();
            traces.push(trace(1, "bearing_temperature_de", warm(60.0)));
            traces.push(trace(1, "winding_temperature", warm(8.0)));
            let trigger = (id(1), Timestamp(260 * MIN));
            let config = ShiftConfig::default();
            let window = range(200, 300);
            drop(prepare(
                &mut traces,
                &[],
                (range(0, 200), window),
                trigger,
                &[],
                &config,
            ));
            traces.iter().filter(|t| t.shift.is_some()).count()
        };
        assert_eq!(moved(1), 3, "two machines are no weather");
        assert_eq!(moved(4), 1, "the great change stays");
    }

    #[test]
    fn a_trip_on_record_ends_the_evidence_without_a_run_state() {
        let end = |trips: &[(AssetId, Timestamp)]| {
            let mut traces = vec![trace(1, "flow", |_| 180.0)];
            let trigger = (id(1), Timestamp(260 * MIN));
            let config = ShiftConfig::default();
            prepare(
                &mut traces,
                &[],
                (range(0, 200), range(200, 300)),
                trigger,
                trips,
                &config,
            )
            .0
            .to
        };
        assert_eq!(end(&[]), Timestamp(300 * MIN));
        assert_eq!(
            end(&[(id(1), Timestamp(270 * MIN))]),
            Timestamp(270 * MIN - 2_000)
        );
        assert_eq!(
            end(&[(id(1), Timestamp(210 * MIN))]),
            Timestamp(300 * MIN),
            "an earlier one"
        );
    }

    #[test]
    fn a_changeover_before_the_trip_takes_nothing_from_the_machine_that_trips() {
        let asset = |n: u8, beside: &[u8]| CaseAsset {
            id: id(n),
            code: format!("P-{n}"),
            family: "centrifugal_pump".into(),
            distance: (n != 2).then(|| i32::from(n) - 1),
            beside: beside.iter().map(|b| id(*b)).collect(),
        };
        // Machine 2 is stopped by hand at 235; machine 1 fails from 240 on and stands at 260.
        let runs_until = |end: i64| move |m: i64| if m < end { 1.0 } else { 0.0 };
        let falls_from = |begin: i64| move |m: i64| if m < begin { 180.0 } else { 120.0 };
        let mut traces = vec![
            trace(1, "run_status", runs_until(260)),
            trace(1, "flow", falls_from(240)),
            trace(2, "run_status", runs_until(235)),
            trace(2, "flow", falls_from(236)),
            trace(3, "flow", falls_from(237)),
            // Far from machine 2, and yet in its wake.
            trace(4, "flow", falls_from(236)),
            // Machine 5 stood all the time: what was away when the window began is nobody's wake.
            trace(5, "run_status", |_| 0.0),
            trace(6, "flow", falls_from(200)),
        ];
        let assets = [
            (1, &[][..]),
            (2, &[3]),
            (3, &[2]),
            (4, &[]),
            (5, &[]),
            (6, &[]),
        ]
        .map(|(n, beside)| asset(n, beside));
        let (evidence, stops) = prepare(
            &mut traces,
            &assets,
            (range(0, 200), range(200, 300)),
            (id(1), Timestamp(260 * MIN)),
            &[],
            &ShiftConfig::default(),
        );
        assert_eq!(evidence.to, Timestamp(260 * MIN - 2_000));
        assert_eq!((stops.together.len(), stops.apart.len()), (1, 1));
        let moved: Vec<bool> = traces.iter().map(|t| t.shift.is_some()).collect();
        let own_only = [false, true, false, false, false, false, false, true];
        assert_eq!(moved, own_only, "own evidence only");
        assert_eq!(stops.stood, [id(5)]);
    }
}
