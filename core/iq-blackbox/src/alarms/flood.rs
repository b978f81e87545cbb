//! Alarm floods: more than a person can follow.

use std::collections::HashMap;

use iq_domain::{TimeRange, Timestamp};

use super::{Activation, AlarmConfig};

/// A flood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// First activation in it.
    pub from: Timestamp,
    /// When the window fell below the end mark, or the end of the period.
    pub to: Timestamp,
    /// Whether the period ended before the flood did.
    pub is_open: bool,
    /// Activations in it.
    pub count: usize,
    /// Most activations in one window.
    pub peak: usize,
    /// The alarms that came first: one, or several whose clocks can't tell which.
    pub first_out: Vec<String>,
    /// The alarms that made most of it, with their counts.
    pub top: Vec<(String, usize)>,
}

/// Finds the floods among activations sorted by time.
pub(super) fn floods(
    activations: &[&Activation],
    period: TimeRange,
    config: &AlarmConfig,
) -> Vec<Flood> {
    let mut found = Vec::new();
    // The window is activations[oldest..next]; `open` is where the present flood began and its peak.
    let (mut oldest, mut open): (usize, Option<(usize, usize)>) = (0, None);
    // A flood takes no activation of the one before it.
    let mut free_from = 0;
    for (next, activation) in activations.iter().enumerate() {
        let now = activation.activated_at;
        while activations[oldest]
            .activated_at
            .plus_ms(config.flood_window_ms)
            <= now
        {
            oldest += 1;
            let leaves_at = activations[oldest - 1]
                .activated_at
                .plus_ms(config.flood_window_ms);
            if let Some((start, peak)) = open
                && next - oldest < config.flood_ends_below
            {
                let to = leaves_at.min(period.to);
                found.push(flood(&activations[start..next], to, false, peak, config));
                free_from = next;
                open = None;
            }
        }
        let held = next + 1 - oldest;
        match &mut open {
            Some((_, peak)) => *peak = held.max(*peak),
            None if held > config.flood_above => open = Some((oldest.max(free_from), held)),
            None => {}
        }
    }
    if let Some((start, peak)) = open {
        // The window empties after the last activation; within the period or not.
        let members = &activations[start..];
        let ending = activations.len().saturating_sub(config.flood_ends_below);
        let ends_at = activations.get(ending.max(oldest)).map_or(period.to, |a| {
            a.activated_at.plus_ms(config.flood_window_ms)
        });
        let is_open = ends_at >= period.to;
        found.push(flood(
            members,
            ends_at.min(period.to),
            is_open,
            peak,
            config,
        ));
    }
    found
}

fn flood(
    members: &[&Activation],
    to: Timestamp,
    is_open: bool,
    peak: usize,
    config: &AlarmConfig,
) -> Flood {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for member in members {
        *counts.entry(member.alarm.as_str()).or_default() += 1;
    }
    let mut top: Vec<(String, usize)> = counts
        .into_iter()
        .map(|(alarm, count)| (alarm.to_owned(), count))
        .collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    top.truncate(config.top);
    Flood {
        from: members.first().map_or(to, |m| m.activated_at),
        to,
        is_open,
        count: members.len(),
        peak,
        first_out: first_out(members),
        top,
    }
}

/// The earliest, with all that may have been as early.
fn first_out(members: &[&Activation]) -> Vec<String> {
    // Nothing that began after the earliest possible end can have been first.
    let Some(limit) = members
        .iter()
        .map(|m| m.activated_at.plus_ms(m.uncertainty_ms))
        .min()
    else {
        return Vec::new();
    };
    let mut first: Vec<String> = Vec::new();
    for member in members {
        if member.activated_at.plus_ms(-member.uncertainty_ms) <= limit
            && !first.contains(&member.alarm)
        {
            first.push(member.alarm.clone());
        }
    }
    first
}
