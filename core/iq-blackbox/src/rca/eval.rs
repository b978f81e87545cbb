//! Looks a condition up in a case. What can't be looked at is missing, never for and never against.

use std::collections::BTreeMap;

use iq_domain::{AssetId, EventId, SignalId, TimeRange, Timestamp, Usual, fast_noise};

use super::{
    case::{Case, Trace},
    follow::behind,
    happened::{assets, event, stopped, unanswered},
    language::{Amount, Condition, Order, Signals, Test},
    order::ordered,
    shape::{creeps, drifts, is_frozen, latest, latest_noise, level, spikes},
};
/// Samples a signal needs in the window before anything is said about it.
pub(super) const MIN_SAMPLES: usize = 10;
/// Least noise of a signal, in usual deviations: a controller's output hardly has any.
const QUIETEST: f64 = 0.1;

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
    /// It was looked at, and began too shortly before the end of the evidence to be judged; with the samples
    /// that show it.
    CutShort(Said, Vec<EvidenceSample>),
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
        Condition::Unanswered { kind, within_ms } => unanswered(place, kind, *within_ms),
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

pub(super) fn chosen<'a>(place: Place<'a>, signals: &Signals) -> Vec<&'a Trace> {
    match signals {
        Signals::This => place.this.into_iter().collect(),
        Signals::Metric(_) => place
            .case
            .traces_of(place.asset)
            .filter(|t| signals.matches(&t.metric))
            .collect(),
        Signals::Companions => {
            let is_near = |asset| asset == place.asset || is_beside(place, asset);
            let is_other = |t: &Trace| place.this.is_none_or(|x| x.signal != t.signal);
            let all = place.case.traces.iter();
            all.filter(|t| is_near(t.asset) && is_other(t)).collect()
        }
        Signals::Near(_) => {
            let all = place.case.traces.iter();
            all.filter(|t| is_beside(place, t.asset) && signals.matches(&t.metric))
                .collect()
        }
        Signals::Either(some) => some.iter().flat_map(|s| chosen(place, s)).collect(),
    }
}

fn is_beside(place: Place<'_>, asset: AssetId) -> bool {
    let own = place.case.asset(place.asset);
    own.is_some_and(|own| own.beside.contains(&asset))
}

fn signal(place: Place<'_>, all: bool, signals: &Signals, test: Test, order: &Order) -> Outcome {
    let window = place.case.window;
    let mapped = chosen(place, signals);
    let name = match signals {
        Signals::This => place.this.map_or_else(String::new, |t| t.metric.clone()),
        _ => signals.pattern(),
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
    if let Order::Behind(drivers) = order {
        return behind(place, &usable, drivers);
    }
    let hits: Vec<(&Trace, Seen)> = usable
        .iter()
        .filter_map(|t| Some((*t, one(t, window, test)?)))
        .collect();
    if hits.is_empty() || (all && hits.len() < usable.len()) {
        let cut = usable.iter().find_map(|t| cut_short(t, window, test));
        return cut.map_or(Outcome::NotSeen, |(said, samples)| {
            Outcome::CutShort(said, samples)
        });
    }
    ordered(place, hits, test, order)
}

/// A sign of which the stop left too little to judge it: whoever saw the alarm of that signal must not read
/// that it was not seen.
fn cut_short(trace: &Trace, window: TimeRange, test: Test) -> Option<(Said, Vec<EvidenceSample>)> {
    let (cut, usual) = (trace.cut_short?, trace.usual.as_ref()?);
    let fits = match test {
        Test::Rises(amount) => cut.effect > 0.0 && is_enough(amount, usual, cut.level, cut.effect),
        Test::Falls(amount) => cut.effect < 0.0 && is_enough(amount, usual, cut.level, cut.effect),
        Test::Moves | Test::Erratic | Test::Steady => true,
        _ => false,
    };
    fits.then(|| brief(trace, window)).flatten()
}

/// What is told of a change that the stop cut short, and the samples it began and ended with.
pub(super) fn brief(trace: &Trace, window: TimeRange) -> Option<(Said, Vec<EvidenceSample>)> {
    let (cut, usual) = (trace.cut_short?, trace.usual.as_ref()?);
    let said = Said::new(super::CUT_SHORT)
        .with("metric", &trace.metric)
        .with("unit", &trace.unit)
        .number("value", cut.level)
        .number("usual", usual.center)
        .with("seconds", (window.to.since_ms(cut.at) / 1_000).max(1));
    let last = trace.points.within(window).last().copied();
    let samples = std::iter::once((cut.at, cut.value))
        .chain(last.filter(|(t, _)| *t > cut.at))
        .map(|(t, value)| EvidenceSample {
            signal: trace.signal,
            t,
            value,
        })
        .collect();
    Some((said, samples))
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
pub(super) fn before(trace: &Trace, window: TimeRange) -> &[(Timestamp, f64)] {
    let points = trace.points.as_slice();
    &points[..points.partition_point(|(t, _)| *t < window.from)]
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

pub(super) fn one(trace: &Trace, window: TimeRange, test: Test) -> Option<Seen> {
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
        Test::Steady => plain(
            trace.shift.is_none() && trace.cut_short.is_none(),
            "rca.found.steady",
        ),
        Test::Above(limit) => plain(now > limit, "rca.found.above"),
        Test::Below(limit) => plain(now < limit, "rca.found.below"),
        Test::Frozen => plain(is_frozen(inside, before, usual), "rca.found.frozen"),
        Test::Erratic => plain(
            usual.noise > 0.0
                && latest_noise(inside) >= 3.0 * usual.noise.max(usual.sigma * QUIETEST),
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
        Test::Drifts | Test::Creeps => {
            let shift = trace.shift?;
            let (holds, code) = if test == Test::Drifts {
                (drifts(inside, usual, &shift), "rca.found.drifts")
            } else {
                (creeps(inside, usual, &shift), "rca.found.creeps")
            };
            let first = sample(shift.at, shift.value);
            holds.then(|| seen(code, Some(shift.at), first)).flatten()
        }
        Test::Unbalanced(_) | Test::Sticks => None,
    }
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
