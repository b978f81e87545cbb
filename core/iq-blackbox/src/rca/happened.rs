//! Conditions about events and about several assets at once.

use std::collections::BTreeMap;

use iq_domain::{AssetId, Timestamp};

use super::{
    case::{Case, CaseEvent, RUN_STATES, Trace},
    eval::{EvidenceSample, Outcome, Place, Said, Seen},
    order::ORDER_MS,
};

/// What a protection does belongs to the case although it ends it; clocks differ by this.
const TRIP_BLUR_MS: i64 = 10_000;
/// Events that count wherever in the case they happen: a standby of a shared system starts.
const SHARED_KINDS: [&str; 1] = ["standby_start"];
/// What people do explains a change only when it came first; an answer to the change does not.
const EARLIER_KINDS: [&str; 3] = ["maintenance", "operator", "start"];

pub(super) fn event(place: Place<'_>, kind: &str, within_ms: i64) -> Outcome {
    let case = place.case;
    let changed = case
        .traces_of(place.asset)
        .filter_map(|t| t.shift.map(|s| s.at))
        .min()
        .unwrap_or(case.window.to);
    let found = case.events.iter().rev().find(|e| {
        is_of(e.kind, kind)
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

/// Whether an event is of the kind a condition asks for: a trip by surge is a trip.
fn is_of(known: &str, asked: &str) -> bool {
    known == asked || (asked == "trip" && known.ends_with("_trip"))
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
pub(super) fn unanswered(place: Place<'_>, kind: &str, within_ms: i64) -> Outcome {
    let case = place.case;
    let is_ours = |e: &&CaseEvent| e.kind == kind && e.asset == Some(place.asset);
    let Some(command) = case.events.iter().rfind(is_ours) else {
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

pub(super) fn assets(case: &Case, count: usize, within_ms: i64) -> Outcome {
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

pub(super) fn stopped(case: &Case, count: usize, within_ms: i64) -> Outcome {
    let Some((_, first)) = case.stops.together.first() else {
        return Outcome::NotSeen;
    };
    let together = case
        .stops
        .together
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
