//! What else must hold in time and place: before, after, alone, with sisters.

use iq_domain::{TimeRange, Timestamp};

use super::{
    case::{Case, Trace},
    eval::{Outcome, Place, Said, Seen, brief, chosen, one},
    language::{Order, Signals, Test},
    shape::level,
};

/// How many times as far as any companion a signal must have moved that moved alone.
const ALONE_TIMES: f64 = 3.0;
/// Two changes nearer than this have no order, nor have two that lie nearer than this share (percent)
/// of the time from the first of them to the end.
pub(super) const ORDER_MS: i64 = 30_000;
const ORDER_PERCENT: i64 = 15;
/// Share of a change that must be done before its order with another is judged.
const ORDER_DONE: f64 = 0.2;
/// Usual deviations it must be away by then.
const ORDER_SIGMA: f64 = 6.0;

pub(super) fn ordered(
    place: Place<'_>,
    hits: Vec<(&Trace, Seen)>,
    test: Test,
    order: &Order,
) -> Outcome {
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
        Order::WithSisters => return with_sisters(place.case, &hits),
        Order::Behind(_) => return Outcome::NotSeen,
        Order::Before(others) => (others, true),
        Order::After(others) => (others, false),
    };
    let company = chosen(place, others);
    if company.is_empty() {
        let missing = Said::new("rca.missing.no_signal");
        return Outcome::Missing(missing.with("metric", others.pattern()));
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
    let theirs = first(&company);
    // Of two changes the stop cut one short: their order is a suspicion, and no evidence.
    if theirs.is_none()
        && let Some((said, samples)) = company.iter().find_map(|t| brief(t, window))
    {
        return Outcome::CutShort(said, samples);
    }
    let (Some(seen), Some((own, _)), Some((theirs, other))) =
        (earliest(&hits), first(&own), theirs)
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

fn with_sisters(case: &Case, hits: &[(&Trace, Seen)]) -> Outcome {
    let shared = hits
        .iter()
        .find_map(|(t, seen)| Some((sister(case, t)?, seen)));
    shared.map_or(Outcome::NotSeen, |(other, seen)| {
        let code = case.asset(other.asset).map_or("", |a| &a.code);
        let said = Said {
            code: "rca.found.with_sister",
            ..seen.said.clone()
        };
        Outcome::Seen(Seen {
            said: said.with("asset", code),
            ..seen.clone()
        })
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
