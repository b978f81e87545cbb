//! Looks a condition up in a case. What can't be looked at is missing, never for and never against.

use std::collections::BTreeMap;

use iq_domain::{AssetId, EventId, Shift, SignalId, TimeRange, Timestamp, Usual, fast_noise};

use super::{
    case::{Case, RUN_STATES, Trace},
    language::{Amount, Condition, Order, Signals, Test},
};

/// Samples a signal needs in the window before anything is said about it.
const MIN_SAMPLES: usize = 10;
/// Equal samples that make a frozen reading.
const FROZEN_SAMPLES: usize = 20;
/// How many times as long as ever before they must last.
const FROZEN_TIMES: i64 = 5;
/// Jumps after a hold that make a sticking valve.
const STICKS: usize = 3;
/// How many times as far as any companion a signal must have moved that moved alone.
const ALONE_TIMES: f64 = 3.0;
/// What a protection does belongs to the case although it ends it; clocks differ by this.
const TRIP_BLUR_MS: i64 = 10_000;
/// Two changes nearer than this have no order, nor have two that lie nearer than this share (percent)
/// of the time from the first of them to the end.
const ORDER_MS: i64 = 30_000;
const ORDER_PERCENT: i64 = 15;
/// Events that count wherever in the case they happen: a standby of a shared system starts.
const SHARED_KINDS: [&str; 1] = ["standby_start"];
/// What people do explains a change only when it came first; an answer to the change does not.
const EARLIER_KINDS: [&str; 3] = ["maintenance", "operator", "start"];

/// Least noise of a signal, in usual deviations: a controller's output hardly has any.
const QUIETEST: f64 = 0.1;
/// Shortest hold before a jump.
const HOLD_MS: i64 = 15_000;
/// How much faster or slower the second half of an even drift may be.
const EVEN_PACE: f64 = 1.8;
/// Share of a change that must be done before its order with another is judged.
const ORDER_DONE: f64 = 0.2;
/// Usual deviations it must be away by then.
const ORDER_SIGMA: f64 = 6.0;
/// Share of samples that must lag behind their driver.
const LAG_PERCENT: usize = 30;
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

fn chosen<'a>(place: Place<'a>, signals: &Signals) -> Vec<&'a Trace> {
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
        Signals::Metric(m) | Signals::Near(m) => m.clone(),
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
    if let Order::Behind(drivers) = order {
        return behind(place, &usable, drivers);
    }
    let hits: Vec<(&Trace, Seen)> = usable
        .iter()
        .filter_map(|t| Some((*t, one(t, window, test)?)))
        .collect();
    if hits.is_empty() || (all && hits.len() < usable.len()) {
        return Outcome::NotSeen;
    }
    ordered(place, hits, test, order)
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

/// Whether the last samples repeat one value for far longer than they ever did before, in number and
/// in time: a source that reports changes only sends the same value a few times anyway.
fn is_frozen(inside: &[(Timestamp, f64)], before: &[(Timestamp, f64)], usual: &Usual) -> bool {
    let Some((_, last)) = inside.last() else {
        return false;
    };
    let same = inside.iter().rev().take_while(|(_, v)| v == last).count();
    let (samples, ms) = longest_run(before);
    usual.noise > 0.0
        && same >= FROZEN_SAMPLES.max(2 * samples)
        && lasted(&inside[inside.len() - same..]) >= FROZEN_TIMES * ms
}

/// The longest repetition of one value, in samples and in milliseconds.
fn longest_run(points: &[(Timestamp, f64)]) -> (usize, i64) {
    let runs = points.chunk_by(|a, b| a.1 == b.1);
    runs.fold((0, 0), |(samples, ms), run| {
        (samples.max(run.len()), ms.max(lasted(run)))
    })
}

fn lasted(run: &[(Timestamp, f64)]) -> i64 {
    match (run.first(), run.last()) {
        (Some((first, _)), Some((last, _))) => last.since_ms(*first),
        _ => 0,
    }
}

fn ordered(place: Place<'_>, hits: Vec<(&Trace, Seen)>, test: Test, order: &Order) -> Outcome {
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
            let is_known =
                |t: &&Trace| t.usual.is_some() && hits.iter().all(|(h, _)| h.signal != t.signal);
            if !company.iter().any(is_known) {
                // Nobody can say that it was alone.
                return Outcome::Missing(Said::new("rca.missing.no_signal").with("metric", "*"));
            }
            let lonely: Vec<_> = hits
                .into_iter()
                .filter(|(t, _)| match test {
                    Test::Spikes => spikes_alone(place, t),
                    _ => is_alone(place, t),
                })
                .collect();
            return earliest(&lonely).map_or(Outcome::NotSeen, Outcome::Seen);
        }
        Order::WithSisters => {
            let shared = hits
                .iter()
                .find_map(|(t, seen)| Some((sister(place.case, t)?, seen)));
            return shared.map_or(Outcome::NotSeen, |(other, seen)| {
                let code = place.case.asset(other.asset).map_or("", |a| &a.code);
                let said = Said {
                    code: "rca.found.with_sister",
                    ..seen.said.clone()
                };
                Outcome::Seen(Seen {
                    said: said.with("asset", code),
                    ..seen.clone()
                })
            });
        }
        Order::Behind(_) => return Outcome::NotSeen,
        Order::Before(others) => (others, true),
        Order::After(others) => (others, false),
    };
    let company = chosen(place, others);
    if company.is_empty() {
        let name = match others {
            Signals::Metric(m) | Signals::Near(m) => m.as_str(),
            Signals::This | Signals::Companions => "*",
        };
        return Outcome::Missing(Said::new("rca.missing.no_signal").with("metric", name));
    }
    let window = place.case.window;
    // Of several signals the one that changed most stands for them.
    let first = |found: &[&Trace]| {
        let moved = found
            .iter()
            .filter_map(|t| Some((t.shift?.effect.abs(), *t)));
        let most = moved.max_by(|a, b| a.0.total_cmp(&b.0))?.1;
        Some((done_at(most, window)?, most.metric.clone()))
    };
    let own: Vec<&Trace> = hits.iter().map(|(t, _)| *t).collect();
    let (Some(seen), Some((own, _)), Some((theirs, other))) =
        (earliest(&hits), first(&own), first(&company))
    else {
        return Outcome::NotSeen;
    };
    if !is_ordered(own, theirs, before, window.to) {
        return Outcome::NotSeen;
    }
    let code = if before {
        "rca.found.before"
    } else {
        "rca.found.after"
    };
    let said = Said {
        code,
        ..seen.said.clone()
    };
    let minutes = theirs.since_ms(own).abs() / 60_000;
    Outcome::Seen(Seen {
        said: said.with("other", other).with("minutes", minutes),
        ..seen
    })
}

/// When a good part of a signal's change was done. The first sign itself depends on how quiet the signal
/// usually is; a share of the change does not.
fn done_at(trace: &Trace, window: TimeRange) -> Option<Timestamp> {
    let (shift, usual) = (trace.shift?, trace.usual?);
    let up = shift.effect.signum();
    let whole = (shift.level - usual.center).abs();
    let limit = (ORDER_DONE * whole).max(ORDER_SIGMA * usual.sigma);
    let since = trace.points.within(TimeRange {
        from: shift.at,
        to: window.to,
    });
    // Three samples in a row: a spike is no progress.
    let done = since
        .windows(3)
        .find(|w| w.iter().all(|(_, v)| (v - usual.center) * up >= limit));
    Some(done.map_or(shift.at, |w| w[0].0))
}

/// Whether nothing else that belongs to the signal moved nearly as far: no companion by a third of its
/// deviations, and no sister the same way.
fn is_alone(place: Place<'_>, trace: &Trace) -> bool {
    let window = place.case.window;
    let Some(shift) = trace.shift else {
        return false;
    };
    let company = chosen(place, &Signals::Companions);
    let moved = company.iter().any(|t| {
        let usual = t
            .usual
            .filter(|u| t.signal != trace.signal && u.sigma > 0.0);
        let now = level(t.points.within(window));
        let z = usual.zip(now).map(|(u, (_, v))| (v - u.center) / u.sigma);
        let effect = t.shift.map(|s| s.effect);
        [z, effect]
            .into_iter()
            .flatten()
            .any(|z| t.signal != trace.signal && z.abs() * ALONE_TIMES > shift.effect.abs())
    });
    !moved && sister(place.case, trace).is_none()
}

/// Whether no companion spikes as well: what several instruments see is the process.
fn spikes_alone(place: Place<'_>, trace: &Trace) -> bool {
    let window = place.case.window;
    let company = chosen(place, &Signals::Companions);
    !company
        .iter()
        .any(|t| t.signal != trace.signal && one(t, window, Test::Spikes).is_some())
}

/// Another asset's signal of the same metric that changed the same way, at least half as far: what moves
/// several machines at once (the weather, a shared utility) is no fault of one of them.
fn sister<'a>(case: &'a Case, trace: &Trace) -> Option<&'a Trace> {
    let by = |t: &Trace| Some(t.shift?.level - t.usual?.center);
    let own = by(trace)?;
    case.traces
        .iter()
        .filter(|t| t.asset != trace.asset && t.metric == trace.metric && t.unit == trace.unit)
        .find(|t| by(t).is_some_and(|b| b * own > 0.0 && b.abs() >= 0.5 * own.abs()))
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
            usual.noise > 0.0
                && fast_noise(latest(inside)) >= 3.0 * usual.noise.max(usual.sigma * QUIETEST),
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

/// Whether a signal does not follow what drives it: it holds and jumps after it again and again, or
/// stays away from where it usually stands beside it.
fn behind(place: Place<'_>, usable: &[&Trace], drivers: &Signals) -> Outcome {
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
    match quarters(inside, &since, shift) {
        Some(means) => means.windows(2).all(|w| w[1] > w[0]) && means[3] >= 1.5 * means[0],
        None => false,
    }
}

/// Whether it drifts at an even pace, the second half about as fast as the first. Wear speeds up, dirt
/// and heat slow down; an instrument that loses its calibration does neither.
fn creeps(inside: &[(Timestamp, f64)], usual: &Usual, shift: &Shift) -> bool {
    let since: Vec<f64> = inside
        .iter()
        .filter(|(t, _)| *t >= shift.at)
        .map(|(_, v)| (*v - usual.center) * shift.effect.signum())
        .collect();
    let Some(means) = quarters(inside, &since, shift) else {
        return false;
    };
    let (first, second) = (means[1] - means[0], means[3] - means[2]);
    drifts(inside, usual, shift)
        && first > 0.0
        && (1.0 / EVEN_PACE..=EVEN_PACE).contains(&(second / first))
}

/// Means of four equal parts of the samples since a change that lasts long enough for a drift.
fn quarters(inside: &[(Timestamp, f64)], since: &[f64], shift: &Shift) -> Option<[f64; 4]> {
    let lasts = inside.last()?.0.since_ms(shift.at) >= DRIFT_MS;
    let part = since.len() / 4;
    if !lasts || part < 3 {
        return None;
    }
    let mean = |n: usize| {
        let of = &since[n * part..(n + 1) * part];
        of.iter().sum::<f64>() / f64::from(u32::try_from(of.len()).unwrap_or(1))
    };
    Some([mean(0), mean(1), mean(2), mean(3)])
}

/// A sample at which a held signal jumped.
type Sample = (Timestamp, f64);

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
            && e.at.since_ms(case.window.to) <= blur(kind)
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

/// A trip is what ended the time that is judged.
fn blur(kind: &str) -> i64 {
    if kind.ends_with("trip") {
        TRIP_BLUR_MS
    } else {
        0
    }
}

/// A start that was commanded and not followed: looked up in what came after it, whenever the time that
/// is judged ends.
fn unanswered(place: Place<'_>, kind: &str, within_ms: i64) -> Outcome {
    let case = place.case;
    let commands = case.events.iter();
    let Some(command) = commands
        .filter(|e| e.kind == kind && e.asset == Some(place.asset))
        .next_back()
    else {
        return Outcome::NotSeen;
    };
    let state = case
        .traces_of(place.asset)
        .find(|t| RUN_STATES.contains(&t.metric.as_str()));
    let Some(state) = state else {
        return Outcome::Missing(Said::new("rca.missing.no_signal").with("metric", RUN_STATES[0]));
    };
    let after: Vec<_> = state
        .points
        .as_slice()
        .iter()
        .filter(|(t, _)| t.since_ms(command.at) > 0)
        .collect();
    let ran = after
        .iter()
        .any(|(t, v)| *v > 0.5 && t.since_ms(command.at) <= within_ms);
    let known = after
        .iter()
        .any(|(t, _)| t.since_ms(command.at) >= within_ms);
    if ran || !known {
        return Outcome::NotSeen;
    }
    Outcome::Seen(Seen {
        said: Said::new("rca.found.unanswered").with("seconds", within_ms / 1_000),
        at: Some(command.at),
        samples: Vec::new(),
        events: command.id.into_iter().collect(),
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
