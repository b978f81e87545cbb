//! Alarms that misbehave: those that chatter, that flash by, that never end; and how people answer.

use std::collections::{BTreeMap, HashMap};

use iq_domain::{AssetId, Severity, TimeRange, Timestamp};

use super::{Activation, AlarmConfig};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// An alarm that comes and goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chattering {
    /// Which.
    pub alarm: String,
    /// Its asset.
    pub asset_id: Option<AssetId>,
    /// Activations in the period.
    pub count: usize,
    /// Most activations within one minute.
    pub worst_minute: usize,
    /// When that minute began.
    pub worst_at: Timestamp,
    /// Chattering index Ψ = Σ P(r)/r over the run lengths r in seconds between activations
    /// (Kondaveeti and others, 2013): 1 is once a second, 0.05 is three a minute.
    pub index: f64,
}

/// An alarm that is over before anybody can look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleeting {
    /// Which.
    pub alarm: String,
    /// Its asset.
    pub asset_id: Option<AssetId>,
    /// Fleeting activations in the period.
    pub count: usize,
    /// Most of them within one day, counted from the start of the period.
    pub worst_day: usize,
}

/// An alarm that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub alarm: String,
    /// Its asset.
    pub asset_id: Option<AssetId>,
    /// Active since.
    pub since: Timestamp,
    /// Until; none while it is active.
    pub until: Option<Timestamp>,
}

/// How alarms of a priority were answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// Activations of the priority.
    pub count: usize,
    /// Acknowledged.
    pub acknowledged: usize,
    /// Acknowledged within the time for the priority.
    pub in_time: usize,
    /// Neither acknowledged nor yet late at the end of the period.
    pub pending: usize,
    /// Median of the times to acknowledge.
    pub median_ms: Option<i64>,
    /// 95th percentile of them.
    pub p95_ms: Option<i64>,
}

/// Alarms that chatter, by their index.
pub(super) fn chattering(activations: &[&Activation], config: &AlarmConfig) -> Vec<Chattering> {
    let mut found: Vec<Chattering> = by_alarm(activations)
        .into_iter()
        .filter_map(|(alarm, members)| {
            let (worst_minute, worst_at) = busiest_minute(&members)?;
            (worst_minute >= config.chatter_count).then(|| Chattering {
                alarm: alarm.to_owned(),
                asset_id: members.iter().find_map(|m| m.asset_id),
                count: members.len(),
                worst_minute,
                worst_at,
                index: chattering_index(&members),
            })
        })
        .collect();
    found.sort_by(|a, b| {
        b.index
            .total_cmp(&a.index)
            .then_with(|| a.alarm.cmp(&b.alarm))
    });
    found
}

/// Alarms that flash by often enough to be worth a line.
pub(super) fn fleeting(
    activations: &[&Activation],
    period: TimeRange,
    config: &AlarmConfig,
) -> Vec<Fleeting> {
    // Acknowledged afterwards, it was over before anybody could look all the same.
    let is_fleeting = |a: &Activation| {
        a.cleared_at.is_some_and(|end| {
            end.since_ms(a.activated_at) < config.fleeting_below_ms
                && a.acknowledged_at.is_none_or(|at| at >= end)
        })
    };
    let mut found: Vec<Fleeting> = by_alarm(activations)
        .into_iter()
        .filter_map(|(alarm, members)| {
            let fleeting: Vec<&Activation> =
                members.into_iter().filter(|a| is_fleeting(a)).collect();
            let mut days: BTreeMap<i64, usize> = BTreeMap::new();
            for member in &fleeting {
                let day = member.activated_at.since_ms(period.from) / DAY_MS;
                *days.entry(day).or_default() += 1;
            }
            let worst_day = days.into_values().max()?;
            (worst_day >= config.fleeting_per_day).then(|| Fleeting {
                alarm: alarm.to_owned(),
                asset_id: fleeting.iter().find_map(|m| m.asset_id),
                count: fleeting.len(),
                worst_day,
            })
        })
        .collect();
    found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.alarm.cmp(&b.alarm)));
    found
}

/// Alarms that were active for longer than the bound while the period lasted.
pub(super) fn stale(
    activations: &[Activation],
    period: TimeRange,
    config: &AlarmConfig,
) -> Vec<Stale> {
    let mut found: Vec<Stale> = activations
        .iter()
        .filter(|a| {
            let end = a.cleared_at.map_or(period.to, |end| end.min(period.to));
            end > period.from && end.since_ms(a.activated_at) > config.stale_after_ms
        })
        .map(|a| Stale {
            alarm: a.alarm.clone(),
            asset_id: a.asset_id,
            since: a.activated_at,
            until: a.cleared_at.filter(|end| *end < period.to),
        })
        .collect();
    found.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.alarm.cmp(&b.alarm)));
    found
}

/// Times to acknowledge per priority: critical, warning, info.
pub(super) fn responses(
    activations: &[&Activation],
    period: TimeRange,
    config: &AlarmConfig,
) -> [Response; 3] {
    let priorities = [Severity::Critical, Severity::Warning, Severity::Info];
    std::array::from_fn(|i| {
        let within = config.answer_within_ms[i];
        let members = activations.iter().filter(|a| a.severity == priorities[i]);
        let mut response = Response::default();
        let mut times: Vec<i64> = Vec::new();
        for member in members {
            response.count += 1;
            match member.acknowledged_at.filter(|at| *at < period.to) {
                Some(at) => times.push(at.since_ms(member.activated_at).max(0)),
                None if period.to.since_ms(member.activated_at) <= within => response.pending += 1,
                None => {}
            }
        }
        times.sort_unstable();
        response.acknowledged = times.len();
        response.in_time = times.partition_point(|t| *t <= within);
        response.median_ms = nearest_rank(&times, 50);
        response.p95_ms = nearest_rank(&times, 95);
        response
    })
}

/// The activations of each alarm, in their order.
fn by_alarm<'a>(activations: &[&'a Activation]) -> HashMap<&'a str, Vec<&'a Activation>> {
    let mut groups: HashMap<&str, Vec<&Activation>> = HashMap::new();
    for activation in activations {
        groups
            .entry(activation.alarm.as_str())
            .or_default()
            .push(activation);
    }
    groups
}

fn busiest_minute(members: &[&Activation]) -> Option<(usize, Timestamp)> {
    let mut worst: Option<(usize, Timestamp)> = None;
    let mut oldest = 0;
    for (next, member) in members.iter().enumerate() {
        while members[oldest].activated_at.plus_ms(MINUTE_MS) <= member.activated_at {
            oldest += 1;
        }
        let held = next + 1 - oldest;
        if worst.is_none_or(|(most, _)| held > most) {
            worst = Some((held, members[oldest].activated_at));
        }
    }
    worst
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts and seconds are far below 2^52"
)]
fn chattering_index(members: &[&Activation]) -> f64 {
    let runs = members.windows(2).map(|pair| {
        // Two within a second count as a second: shorter runs would weigh without bound.
        let seconds = pair[1].activated_at.since_ms(pair[0].activated_at) as f64 / 1_000.0;
        1.0 / seconds.max(1.0)
    });
    let count = members.len().saturating_sub(1);
    if count == 0 {
        0.0
    } else {
        runs.sum::<f64>() / count as f64
    }
}

/// The smallest value that at least so many per cent do not exceed.
fn nearest_rank(sorted: &[i64], per_cent: usize) -> Option<i64> {
    let rank = (sorted.len() * per_cent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
