//! What planned outages and the parts in store allow a piece of work: the days it may run, the moment its
//! parts are there, and in words why it can't be done or where it has to wait. Pure.

use std::collections::BTreeMap;

use iq_domain::Message;
use iq_optimiser::{
    dispatch::Arrival,
    risk::{Part, Window},
};

use super::inputs::{Inputs, OutageSpan, Stock, Work};

const DAY_MINUTES: u32 = 1_440;

/// A day belongs to an outage that covers so much of it, or the whole of a shorter job.
const DAY_OF_WORK_MINUTES: u32 = 8 * 60;

/// Pieces are counted to the thousandth.
const LEAST: f64 = 0.000_5;

/// The outages a work's asset stands in.
fn mine<'a>(inputs: &'a Inputs, work: &'a Work) -> impl Iterator<Item = &'a OutageSpan> {
    let all = inputs.outages.iter();
    all.filter(|outage| match (&outage.asset_id, &outage.unit_id) {
        (Some(only), _) => *only == work.asset_id,
        (None, Some(only)) => *only == work.unit_id,
        (None, None) => outage.site_id == work.site_id,
    })
}

/// Their minutes from the start; those that touch are one.
fn outages(inputs: &Inputs, work: &Work) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = mine(inputs, work)
        .map(|outage| (outage.from, outage.to))
        .collect();
    found.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (from, to) in found {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The days of each outage in which a job of so many minutes can be at work, first and last.
pub(super) fn outage_days(inputs: &Inputs, work: &Work, minutes: u32) -> Vec<Window> {
    let least = minutes.clamp(1, DAY_OF_WORK_MINUTES);
    let mut windows = Vec::new();
    for (from, to) in outages(inputs, work) {
        let is_in = |day: &u32| {
            let (begin, end) = ((day - 1) * DAY_MINUTES, day * DAY_MINUTES);
            to.min(end).saturating_sub(from.max(begin)) >= least
        };
        let mut days = (1..=inputs.request.horizon_days).filter(is_in);
        if let Some(first) = days.next() {
            let last = days.next_back().unwrap_or(first);
            windows.push(Window {
                from: first,
                to: last,
            });
        }
    }
    windows
}

/// The minutes of the outage that holds these days: from the first of them to its end.
pub(super) fn outage_of(inputs: &Inputs, work: &Work, (first, last): (u32, u32)) -> (u32, u32) {
    let (begin, end) = ((first - 1) * DAY_MINUTES, last * DAY_MINUTES);
    let within = |span: &(u32, u32)| span.1.min(end).saturating_sub(span.0.max(begin));
    let all = outages(inputs, work);
    let held = all.into_iter().max_by_key(within);
    held.map_or((begin, end), |(from, to)| (from.max(begin), to))
}

/// Pieces of a part that are there at a moment.
fn there(stock: &Stock, minute: u32) -> f64 {
    let arrived = stock.arrival.filter(|(at, _)| *at <= minute);
    stock.on_hand + arrived.map_or(0.0, |(_, quantity)| quantity)
}

fn stock_of<'a>(inputs: &'a Inputs, part: &str) -> Option<&'a Stock> {
    inputs.stock.iter().find(|stock| stock.part == part)
}

/// The last moment of the days planned at which something may still begin.
fn last_minute(inputs: &Inputs) -> u32 {
    inputs.request.horizon_days * DAY_MINUTES - 1
}

/// When the parts of a work are all there; at the end of the days where they never are.
pub(super) fn parts_there(inputs: &Inputs, work: &Work) -> u32 {
    let at = work.parts.iter().map(|(part, needed)| {
        let Some(stock) = stock_of(inputs, part) else {
            return 0;
        };
        match stock.arrival {
            _ if there(stock, 0) + LEAST >= *needed => 0,
            Some((at, _)) if there(stock, at) + LEAST >= *needed => at,
            _ => last_minute(inputs),
        }
    });
    at.max().unwrap_or(0).min(last_minute(inputs))
}

/// The store by day: what arrives inside a day can be taken from the next one on.
pub(super) fn by_day(inputs: &Inputs) -> Vec<Part> {
    let days = inputs.request.horizon_days as usize;
    let part = |stock: &Stock| {
        let mut arrivals = vec![0.0; days];
        if let Some(first) = arrivals.first_mut() {
            *first = stock.on_hand;
        }
        if let Some((at, quantity)) = stock.arrival {
            let day = at.div_ceil(DAY_MINUTES) as usize;
            if let Some(cell) = arrivals.get_mut(day) {
                *cell += quantity;
            }
        }
        Part {
            id: stock.part.clone(),
            arrivals,
        }
    };
    inputs.stock.iter().map(part).collect()
}

/// The store by minute.
pub(super) fn by_minute(inputs: &Inputs) -> BTreeMap<String, Vec<Arrival>> {
    let arrivals = |stock: &Stock| {
        let first = Arrival {
            minute: 0,
            quantity: stock.on_hand,
        };
        let later = stock
            .arrival
            .map(|(minute, quantity)| Arrival { minute, quantity });
        std::iter::once(first).chain(later).collect()
    };
    let stock = inputs.stock.iter();
    stock.map(|s| (s.part.clone(), arrivals(s))).collect()
}

/// A sentence of a run.
pub(super) fn message(code: &str, params: &[(&str, String)]) -> Message {
    Message {
        code: format!("optimization.{code}"),
        params: params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    }
}

fn pieces(quantity: f64) -> String {
    ((quantity * 1_000.0).round() / 1_000.0).to_string()
}

/// Why a work can't be done in the days planned whatever else is done; none where it can.
pub(super) fn hindrance(inputs: &Inputs, work: &Work, minutes: u32) -> Option<Message> {
    let last = last_minute(inputs);
    for (part, needed) in &work.parts {
        let Some(stock) = stock_of(inputs, part) else {
            continue;
        };
        let by_then = there(stock, last);
        if by_then + LEAST >= *needed {
            continue;
        }
        let mut params = vec![
            ("part", part.clone()),
            ("needed", pieces(*needed)),
            ("available", pieces(by_then)),
        ];
        let code = match (stock.arrival, stock.lead_time_days) {
            (Some((at, _)), _) if at > last => {
                params.push(("day", (at.div_ceil(DAY_MINUTES) + 1).to_string()));
                "parts.after"
            }
            _ if stock.is_overdue => "parts.overdue",
            (None, Some(days)) => {
                params.push(("days", days.to_string()));
                "parts.missing_lead"
            }
            _ => "parts.missing",
        };
        return Some(message(code, &params));
    }
    (work.needs_outage && outage_days(inputs, work, minutes).is_empty())
        .then(|| message("outage.none", &[]))
}

/// What outages and parts have to do with where a work stands in the plan, or that it does not.
pub(super) fn reasons(
    inputs: &Inputs,
    work: &Work,
    minutes: u32,
    days: Option<(u32, u32)>,
) -> Vec<Message> {
    let Some((first, last)) = days else {
        let alone = hindrance(inputs, work, minutes);
        return alone.or_else(|| shared(inputs, work)).into_iter().collect();
    };
    let mut found = Vec::new();
    if work.needs_outage {
        let (from, to) = outage_of(inputs, work, (first, last));
        let to = to.min(last * DAY_MINUTES);
        let holds = mine(inputs, work).filter(|outage| outage.from < to && from < outage.to);
        let titles: Vec<&str> = holds.map(|outage| outage.title.as_str()).collect();
        found.push(message("outage.inside", &[("outage", titles.join(", "))]));
    }
    for (part, needed) in &work.parts {
        let short = stock_of(inputs, part).filter(|stock| there(stock, 0) + LEAST < *needed);
        if let Some((at, _)) = short.and_then(|stock| stock.arrival) {
            let day = (at.div_ceil(DAY_MINUTES) + 1).to_string();
            found.push(message(
                "parts.waits",
                &[("part", part.clone()), ("day", day)],
            ));
        }
    }
    found
}

/// A part of which there is enough for this work, and not for all that ask for it.
fn shared(inputs: &Inputs, work: &Work) -> Option<Message> {
    work.parts.keys().find_map(|part| {
        let stock = stock_of(inputs, part)?;
        let asked: f64 = inputs.work.iter().filter_map(|w| w.parts.get(part)).sum();
        let available = there(stock, last_minute(inputs));
        (asked > available + LEAST).then(|| {
            message(
                "parts.shared",
                &[
                    ("part", part.clone()),
                    ("needed", pieces(asked)),
                    ("available", pieces(available)),
                ],
            )
        })
    })
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
