//! Looks a condition up in a case. What can't be looked at is missing, never for and never against.

use std::collections::BTreeMap;

use iq_domain::{AssetId, EventId, Shift, SignalId, TimeRange, Timestamp, Usual, fast_noise};

use super::{
    case::{Case, Trace},
    language::{Amount, Condition, Order, Signals, Test},
};

/// Samples a signal needs in the window before anything is said about it.
const MIN_SAMPLES: usize = 10;
/// Equal samples that make a frozen reading.
const FROZEN_SAMPLES: usize = 20;
/// Two changes nearer than this have no order, nor have two that lie nearer than this share (percent)
/// of the time from the first of them to the end.
const ORDER_MS: i64 = 30_000;
const ORDER_PERCENT: i64 = 15;
/// Events that count wherever in the case they happen: a standby of a shared system starts.
const SHARED_KINDS: [&str; 1] = ["standby_start"];
/// What people do explains a change only when it came first; an answer to the change does not.
const EARLIER_KINDS: [&str; 3] = ["maintenance", "operator", "start"];

/// Shortest drift.
const DRIFT_MS: i64 = 20 * 60_000;

/// A sentence: code and arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Stable code.
    pub code: &'static str,
    /// Arguments.
    pub params: BTreeMap<String, String>,
}

impl Said {
    /// A sentence without arguments.
    #[must_use]
    pub fn new(key: &'static str) -> Self {
        Self {
            code: key,
            params: BTreeMap::new(),
        }
    }

    /// With an argument.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.params.insert(key.to_owned(), value.to_string());
        self
    }

    /// With a number a reader can use.
    #[must_use]
    pub fn number(self, key: &str, value: f64) -> Self {
        let text = iq_domain::sentence_number(value).to_string();
        self.with(key, text)
    }
}

/// A sample a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvidenceSample {
    /// Signal.
    pub signal: SignalId,
    /// Source time.
    pub t: Timestamp,
    /// Value.
    pub value: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It holds.
    Seen(Seen),
    /// It could be looked at and does not hold.
    NotSeen,
    /// It could not be looked at.
    Missing(Said),
}

/// A condition that holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// What was found.
    pub said: Said,
    /// When it began, where that is known.
    pub at: Option<Timestamp>,
    /// Samples behind it.
    pub samples: Vec<EvidenceSample>,
    /// Events behind it.
    pub events: Vec<EventId>,
}

/// Where a condition is looked up.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) case: &'a Case,
    pub(super) asset: AssetId,
    /// The signal an instrument rule is tried on.
    pub(super) this: Option<&'a Trace>,
}

/// Looks a condition up.
pub(super) fn evaluate(place: Place<'_>, condition: &Condition) -> Outcome {
    match condition {
        Condition::Signal {
            all,
            signals,
            test,
            order,
        } => signal(place, *all, signals, *test, order),
        Condition::Event { kind, within_ms } => event(place, kind, *within_ms),
        Condition::Assets {
            stopped: true,
            count,
            within_ms,
        } => stopped(place.case, *count, *within_ms),
        Condition::Assets {
            count, within_ms, ..
        } => assets(place.case, *count, *within_ms),
    }
}

fn chosen<'a>(place: Place<'a>, signals: &Signals) -> Vec<&'a Trace> {
    match signals {
        Signals::This => place.this.into_iter().collect(),
        Signals::Metric(_) => place
            .case
            .traces_of(place.asset)
            .filter(|t| signals.matches(&t.metric))
            .collect(),
        Signals::Companions => {
            let is_near = |asset: AssetId| {
                asset == place.asset
                    || place.case.asset(asset).is_some_and(|a| {
                        let own = place.case.asset(place.asset).and_then(|a| a.distance);
                        matches!((a.distance, own), (Some(a), Some(b)) if (a - b).abs() <= 1)
                    })
            };
            place
                .case
                .traces
                .iter()
                .filter(|t| is_near(t.asset) && place.this.is_none_or(|x| x.signal != t.signal))
                .collect()
        }
    }
}

fn signal(place: Place<'_>, all: bool, signals: &Signals, test: Test, order: &Order) -> Outcome {
    let window = place.case.window;
    let mapped = chosen(place, signals);
    let name = match signals {
        Signals::Metric(m) => m.clone(),
        Signals::This => place.this.map_or_else(String::new, |t| t.metric.clone()),
        Signals::Companions => "*".to_owned(),
    };
    if mapped.is_empty() {
        return Outcome::Missing(Said::new("rca.missing.no_signal").with("metric", name));
    }
    let usable: Vec<&Trace> = mapped
        .into_iter()
        .filter(|t| is_usable(t, window, test))
        .collect();
    if usable.is_empty() {
        return Outcome::Missing(Said::new("rca.missing.no_samples").with("metric", name));
    }
    if let Test::Unbalanced(percent) = test {
        return unbalanced(&usable, window, percent);
    }
    let hits: Vec<(&Trace, Seen)> = usable
        .iter()
        .filter_map(|t| Some((*t, one(t, window, test)?)))
        .collect();
    if hits.is_empty() || (all && hits.len() < usable.len()) {
        return Outcome::NotSeen;
    }
    ordered(place, hits, order)
}

/// A frozen reading says nothing about the process; a short one says nothing at all.
fn is_usable(trace: &Trace, window: TimeRange, test: Test) -> bool {
    let inside = trace.points.within(window);
    let Some(usual) = &trace.usual else {
        return false;
    };
    inside.len() >= MIN_SAMPLES
        && (matches!(test, Test::Frozen) || !is_frozen(inside, before(trace, window), usual))
}

/// Samples before the window: how the signal usually behaves.
fn before(trace: &Trace, window: TimeRange) -> &[(Timestamp, f64)] {
    let points = trace.points.as_slice();
    &points[..points.partition_point(|(t, _)| *t < window.from)]
}

/// Whether the last samples repeat one value for far longer than they ever did before.
fn is_frozen(inside: &[(Timestamp, f64)], before: &[(Timestamp, f64)], usual: &Usual) -> bool {
    let Some((_, last)) = inside.last() else {
        return false;
    };
    let same = inside.iter().rev().take_while(|(_, v)| v == last).count();
    usual.noise > 0.0 && same >= FROZEN_SAMPLES.max(2 * longest_run(before))
}

fn longest_run(points: &[(Timestamp, f64)]) -> usize {
    points
        .chunk_by(|a, b| a.1 == b.1)
        .map(<[_]>::len)
        .max()
        .unwrap_or(0)
}

fn ordered(place: Place<'_>, hits: Vec<(&Trace, Seen)>, order: &Order) -> Outcome {
    let earliest = |found: &[(&Trace, Seen)]| {
        found
            .iter()
            .min_by_key(|(_, s)| s.at.map_or(i64::MAX, |t| t.0))
            .map(|(_, s)| s.clone())
    };
    let (others, before) = match order {
        Order::None => return earliest(&hits).map_or(Outcome::NotSeen, Outcome::Seen),
        Order::Alone => {
            let company = chosen(place, &Signals::Companions);
            let moved = company
                .iter()
                .any(|t| t.shift.is_some() && hits.iter().all(|(h, _)| h.signal != t.signal));
            return match earliest(&hits) {
                Some(seen) if !moved => Outcome::Seen(seen),
                _ => Outcome::NotSeen,
            };
        }
        Order::Before(others) => (others, true),
        Order::After(others) => (others, false),
    };
    let company = chosen(place, others);
    if company.is_empty() {
        let name = match others {
            Signals::Metric(m) => m.as_str(),
            Signals::This | Signals::Companions => "*",
        };
        return Outcome::Missing(Said::new("rca.missing.no_signal").with("metric", name));
    }
    let theirs = company.iter().filter_map(|t| t.shift.map(|s| s.at)).min();
    match (earliest(&hits), theirs) {
        (Some(seen), Some(theirs))
            if seen
                .at
                .is_some_and(|at| is_ordered(at, theirs, before, place.case.window.to)) =>
        {
            let code = if before {
                "rca.found.before"
            } else {
                "rca.found.after"
            };
            let minutes = seen.at.map_or(0, |at| theirs.since_ms(at).abs() / 60_000);
            let said = Said {
                code,
                ..seen.said.clone()
            };
            let other = company
                .iter()
                .filter(|t| t.shift.is_some_and(|s| s.at == theirs))
                .map(|t| t.metric.clone())
                .next()
                .unwrap_or_default();
            Outcome::Seen(Seen {
                said: said.with("other", other).with("minutes", minutes),
                ..seen
            })
        }
        _ => Outcome::NotSeen,
    }
}

/// Whether one change came clearly before (or after) another.
fn is_ordered(own: Timestamp, theirs: Timestamp, before: bool, end: Timestamp) -> bool {
    let ahead = theirs.since_ms(own) * if before { 1 } else { -1 };
    let since_first = end.since_ms(own.min(theirs)).max(0);
    ahead > ORDER_MS && ahead * 100 > since_first * ORDER_PERCENT
}

fn level(inside: &[(Timestamp, f64)]) -> Option<(Timestamp, f64)> {
    let mut last: Vec<f64> = inside.iter().rev().take(5).map(|(_, v)| *v).collect();
    last.sort_by(f64::total_cmp);
    Some((inside.last()?.0, *last.get(last.len() / 2)?))
}

fn is_enough(amount: Amount, usual: &Usual, level: f64, effect: f64) -> bool {
    let change = (level - usual.center).abs();
    match amount {
        Amount::Any => true,
        Amount::Sigma(n) => effect.abs() >= n,
        Amount::Units(n) => change >= n,
        Amount::Percent(n) => change >= usual.center.abs() * n / 100.0,
        Amount::Times(n) => usual.center.abs() > 0.0 && level / usual.center >= n,
    }
}

fn one(trace: &Trace, window: TimeRange, test: Test) -> Option<Seen> {
    let inside = trace.points.within(window);
    let before = before(trace, window);
    let usual = trace.usual.as_ref()?;
    let (end, now) = level(inside)?;
    let said = |code| {
        Said::new(code)
            .with("metric", &trace.metric)
            .with("unit", &trace.unit)
            .number("value", now)
            .number("usual", usual.center)
    };
    let sample = |t, value| EvidenceSample {
        signal: trace.signal,
        t,
        value,
    };
    let seen = |code, at: Option<Timestamp>, first: EvidenceSample| {
        Some(Seen {
            said: said(code),
            at,
            samples: vec![first, sample(end, inside.last().map_or(now, |(_, v)| *v))],
            events: Vec::new(),
        })
    };
    let shifted = |is_up: Option<bool>, amount, code| {
        let shift = trace.shift?;
        let right_way = is_up.is_none_or(|up| (shift.effect > 0.0) == up);
        (right_way && is_enough(amount, usual, shift.level, shift.effect))
            .then(|| seen(code, Some(shift.at), sample(shift.at, shift.value)))
            .flatten()
    };
    let plain = |holds: bool, code| {
        holds
            .then(|| seen(code, None, sample(inside[0].0, inside[0].1)))
            .flatten()
    };
    match test {
        Test::Rises(amount) => shifted(Some(true), amount, "rca.found.rises"),
        Test::Falls(amount) => shifted(Some(false), amount, "rca.found.falls"),
        Test::Moves => shifted(None, Amount::Any, "rca.found.moves"),
        Test::Steady => plain(trace.shift.is_none(), "rca.found.steady"),
        Test::Above(limit) => plain(now > limit, "rca.found.above"),
        Test::Below(limit) => plain(now < limit, "rca.found.below"),
        Test::Frozen => plain(is_frozen(inside, before, usual), "rca.found.frozen"),
        Test::Erratic => plain(
            usual.noise > 0.0 && fast_noise(latest(inside)) >= 3.0 * usual.noise,
            "rca.found.erratic",
        ),
        Test::Quiet => plain(
            usual.noise > 0.0
                && !is_frozen(inside, before, usual)
                && fast_noise(latest(inside)) * 3.0 <= usual.noise,
            "rca.found.quiet",
        ),
        Test::Spikes => {
            // As often as before is this signal's way.
            let often = spikes(before, usual) * inside.len() * 5 / before.len().max(1);
            plain(spikes(inside, usual) >= often.max(3), "rca.found.spikes")
        }
        Test::Drifts => {
            let shift = trace.shift?;
            drifts(inside, usual, &shift)
                .then(|| {
                    seen(
                        "rca.found.drifts",
                        Some(shift.at),
                        sample(shift.at, shift.value),
                    )
                })
                .flatten()
        }
        Test::Unbalanced(_) => None,
    }
}

/// The last third of the window.
fn latest(inside: &[(Timestamp, f64)]) -> &[(Timestamp, f64)] {
    &inside[inside.len() * 2 / 3..]
}

/// Single samples far from both neighbours, which agree with each other.
fn spikes(inside: &[(Timestamp, f64)], usual: &Usual) -> usize {
    let step = usual.noise.max(usual.sigma * 0.2);
    inside
        .windows(3)
        .filter(|w| {
            let near = f64::midpoint(w[0].1, w[2].1);
            (w[1].1 - near).abs() > 8.0 * step && (w[0].1 - w[2].1).abs() < 4.0 * step
        })
        .count()
}

/// Whether the level went one way through four equal parts of the time since the change, and in the end
/// at least half as far again as in the beginning: a step is no drift.
fn drifts(inside: &[(Timestamp, f64)], usual: &Usual, shift: &Shift) -> bool {
    let since: Vec<f64> = inside
        .iter()
        .filter(|(t, _)| *t >= shift.at)
        .map(|(_, v)| (*v - usual.center) * shift.effect.signum())
        .collect();
    let lasts = inside
        .last()
        .is_some_and(|(t, _)| t.since_ms(shift.at) >= DRIFT_MS);
    let part = since.len() / 4;
    if !lasts || part < 3 {
        return false;
    }
    let means: Vec<f64> = since
        .chunks(part)
        .take(4)
        .map(|c| c.iter().sum::<f64>() / f64::from(u32::try_from(c.len()).unwrap_or(1)))
        .collect();
    means.windows(2).all(|w| w[1] > w[0]) && means[3] >= 1.5 * means[0]
}

fn unbalanced(usable: &[&Trace], window: TimeRange, percent: f64) -> Outcome {
    let levels: Vec<(&Trace, Timestamp, f64)> = usable
        .iter()
        .filter_map(|t| level(t.points.within(window)).map(|(at, v)| (*t, at, v)))
        .collect();
    if levels.len() < 2 {
        return Outcome::Missing(
            Said::new("rca.missing.no_samples").with("metric", &usable[0].metric),
        );
    }
    let count = f64::from(u32::try_from(levels.len()).unwrap_or(u32::MAX));
    let mean = levels.iter().map(|l| l.2).sum::<f64>() / count;
    let worst = levels
        .iter()
        .map(|l| (l.2 - mean).abs() / mean.abs().max(1e-9) * 100.0)
        .fold(0.0, f64::max);
    if worst < percent {
        return Outcome::NotSeen;
    }
    let moved = levels.iter().filter_map(|l| l.0.shift.map(|s| s.at)).min();
    Outcome::Seen(Seen {
        said: Said::new("rca.found.unbalanced")
            .with("metric", &usable[0].metric)
            .number("percent", worst)
            .number("limit", percent),
        at: moved,
        samples: levels
            .iter()
            .map(|(t, at, value)| EvidenceSample {
                signal: t.signal,
                t: *at,
                value: *value,
            })
            .collect(),
        events: Vec::new(),
    })
}

fn event(place: Place<'_>, kind: &str, within_ms: i64) -> Outcome {
    let case = place.case;
    let changed = case
        .traces_of(place.asset)
        .filter_map(|t| t.shift.map(|s| s.at))
        .min()
        .unwrap_or(case.window.to);
    let found = case.events.iter().rev().find(|e| {
        e.kind == kind
            && (e.asset == Some(place.asset) || SHARED_KINDS.contains(&kind))
            && e.at <= case.window.to
            && changed.since_ms(e.at) <= within_ms
            && (!EARLIER_KINDS.contains(&kind) || e.at.since_ms(changed) <= ORDER_MS)
    });
    found.map_or(Outcome::NotSeen, |e| {
        let hours = changed.since_ms(e.at).max(0) / 3_600_000;
        Outcome::Seen(Seen {
            said: Said::new(event_code(kind)).with("hours", hours),
            at: Some(e.at),
            samples: Vec::new(),
            events: e.id.into_iter().collect(),
        })
    })
}

fn event_code(kind: &str) -> &'static str {
    match kind {
        "maintenance" => "rca.found.event.maintenance",
        "operator" => "rca.found.event.operator",
        "standby_start" => "rca.found.event.standby_start",
        "start" => "rca.found.event.start",
        "stop" => "rca.found.event.stop",
        "surge_trip" => "rca.found.event.surge_trip",
        _ => "rca.found.event.trip",
    }
}

fn assets(case: &Case, count: usize, within_ms: i64) -> Outcome {
    let mut first: BTreeMap<AssetId, &Trace> = BTreeMap::new();
    for trace in case.traces.iter().filter(|t| t.shift.is_some()) {
        let known = first.entry(trace.asset).or_insert(trace);
        if trace.shift.map(|s| s.at) < known.shift.map(|s| s.at) {
            *known = trace;
        }
    }
    let mut moved: Vec<(Timestamp, &Trace, f64)> = first
        .into_values()
        .filter_map(|t| t.shift.map(|s| (s.at, t, s.value)))
        .collect();
    moved.sort_by_key(|(at, t, _)| (*at, t.signal));
    let near = |i: usize| {
        moved[i..]
            .iter()
            .take_while(|(at, ..)| at.since_ms(moved[i].0) <= within_ms)
            .count()
    };
    // The first mover must be one of them: what follows a local fault is its consequence.
    if moved.is_empty() || near(0) < count.max(1) {
        return Outcome::NotSeen;
    }
    let group = &moved[..near(0)];
    Outcome::Seen(Seen {
        said: Said::new("rca.found.assets")
            .with("count", group.len())
            .with("minutes", within_ms / 60_000),
        at: Some(group[0].0),
        samples: group
            .iter()
            .take(8)
            .map(|(at, t, value)| EvidenceSample {
                signal: t.signal,
                t: *at,
                value: *value,
            })
            .collect(),
        events: Vec::new(),
    })
}

fn stopped(case: &Case, count: usize, within_ms: i64) -> Outcome {
    let Some((_, first)) = case.stops.first() else {
        return Outcome::NotSeen;
    };
    let together = case
        .stops
        .iter()
        .take_while(|(_, at)| at.since_ms(*first) <= within_ms);
    let stopped = together.count();
    if stopped < count {
        return Outcome::NotSeen;
    }
    Outcome::Seen(Seen {
        said: Said::new("rca.found.stopped")
            .with("count", stopped)
            .with("seconds", within_ms / 1_000),
        at: Some(*first),
        samples: Vec::new(),
        events: Vec::new(),
    })
}
