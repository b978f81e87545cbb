//! Whether a signal follows what drives it: a valve's stem its controller's output.

use iq_domain::{TimeRange, Timestamp, Usual};

use super::{
    case::Trace,
    eval::{EvidenceSample, MIN_SAMPLES, Outcome, Place, Said, Seen, before, chosen},
    language::Signals,
    shape::{Sample, latest},
};

/// Jumps after a hold that make a sticking valve.
const STICKS: usize = 3;
/// Shortest hold before a jump.
const HOLD_MS: i64 = 15_000;
/// Share of samples that must lag behind their driver.
const LAG_PERCENT: usize = 30;

/// Whether a signal does not follow what drives it: it holds and jumps after it again and again, or
/// stays away from where it usually stands beside it.
pub(super) fn behind(place: Place<'_>, usable: &[&Trace], drivers: &Signals) -> Outcome {
    let window = place.case.window;
    let drivers = chosen(place, drivers);
    let known = drivers
        .iter()
        .find(|t| t.points.within(window).len() >= MIN_SAMPLES);
    let Some(driver) = known else {
        let name = drivers.first().or(usable.first()).map_or("", |t| &t.metric);
        let code = if drivers.is_empty() {
            "rca.missing.no_signal"
        } else {
            "rca.missing.no_samples"
        };
        return Outcome::Missing(Said::new(code).with("metric", name));
    };
    let found = usable.iter().find_map(|t| sticks(t, driver, window));
    found.map_or(Outcome::NotSeen, Outcome::Seen)
}

fn sticks(trace: &Trace, driver: &Trace, window: TimeRange) -> Option<Seen> {
    let usual = trace.usual.as_ref()?;
    let inside = trace.points.within(window);
    let slips = slips(inside, driver.points.within(window), usual);
    let (code, at, samples) = if slips.len() >= STICKS + 3 * slips_before(trace, driver, window) {
        let samples: Vec<Sample> = slips.iter().take(8).copied().collect();
        ("rca.found.sticks", slips[0].0, samples)
    } else {
        let late = lagging(trace, driver, window)?;
        ("rca.found.lags", late.0, vec![late, *inside.last()?])
    };
    Some(Seen {
        said: Said::new(code)
            .with("metric", &trace.metric)
            .with("other", &driver.metric)
            .with("count", slips.len()),
        at: Some(at),
        samples: samples
            .into_iter()
            .map(|(t, value)| EvidenceSample {
                signal: trace.signal,
                t,
                value,
            })
            .collect(),
        events: Vec::new(),
    })
}

/// The first sample of the last third that is away from where it usually stands beside its driver, when
/// many of them are.
fn lagging(trace: &Trace, driver: &Trace, window: TimeRange) -> Option<Sample> {
    let usual = trace.usual.as_ref()?;
    let quiet = before(trace, window);
    let gaps = |own: &[Sample]| -> Vec<(Sample, f64)> {
        let all = driver.points.as_slice();
        own.iter()
            .filter_map(|p| {
                let n = all.partition_point(|(t, _)| *t <= p.0);
                Some((*p, p.1 - all.get(n.checked_sub(1)?)?.1))
            })
            .collect()
    };
    let mut usually: Vec<f64> = gaps(quiet).iter().map(|(_, gap)| *gap).collect();
    usually.sort_by(f64::total_cmp);
    let at = |percent: usize| usually.get(usually.len() * percent / 100).copied();
    let (low, middle, high) = (at(5)?, at(50)?, at(95)?);
    let limit = (8.0 * usual.noise.max(usual.sigma * 0.2)).max(2.0 * (high - low));
    let last = gaps(latest(trace.points.within(window)));
    let away: Vec<Sample> = last
        .iter()
        .filter(|(_, gap)| (gap - middle).abs() > limit)
        .map(|(p, _)| *p)
        .collect();
    (away.len() * 100 >= last.len() * LAG_PERCENT).then(|| away.first().copied())?
}

/// Jumps after a hold: the signal stayed within its noise while its driver went much further, then it
/// came after it by at least half of that way. Gives the first sample after each jump.
fn slips(own: &[Sample], driver: &[Sample], usual: &Usual) -> Vec<Sample> {
    let still = 4.0 * usual.noise.max(usual.sigma * 0.2);
    let mut found = Vec::new();
    let Some(first) = own.first() else {
        return found;
    };
    let mut hold = *first;
    for pair in own.windows(2) {
        let [last, now] = [pair[0], pair[1]];
        if (now.1 - hold.1).abs() <= still {
            continue;
        }
        // It moved: how far had its driver gone before, while it held?
        let travelled = travel(driver, hold.0, now.0);
        let jump = now.1 - last.1;
        let held_ms = last.0.since_ms(hold.0);
        if held_ms >= HOLD_MS
            && jump.abs() > still
            && travelled.abs() > 2.0 * still
            && jump * travelled > 0.0
            && jump.abs() >= 0.5 * travelled.abs()
        {
            found.push(now);
        }
        hold = now;
    }
    found
}

/// How far the driver went from one moment to the last sample before another.
fn travel(driver: &[Sample], from: Timestamp, to: Timestamp) -> f64 {
    let first = driver.partition_point(|(t, _)| *t <= from);
    let last = driver.partition_point(|(t, _)| *t < to);
    let value = |n: usize| driver.get(n.saturating_sub(1)).map(|(_, v)| *v);
    match (value(first), value(last)) {
        (Some(a), Some(b)) => b - a,
        _ => 0.0,
    }
}

/// Slips in as much of the time before the window: a signal that always did so is no news.
fn slips_before(trace: &Trace, driver: &Trace, window: TimeRange) -> usize {
    let length = window.to.since_ms(window.from);
    let quiet = TimeRange {
        from: window.from.plus_ms(-length),
        to: window.from,
    };
    let own = trace.points.within(quiet);
    let slips = trace
        .usual
        .map(|u| slips(own, driver.points.within(quiet), &u));
    slips.map_or(0, |s| s.len())
}
