//! How much the alarm system asks of a person.

use std::collections::HashMap;

use iq_domain::{AssetId, Severity, TimeRange};

use super::{Activation, AlarmConfig, flood::Flood};

/// Length of the periods a distribution is counted in.
const TEN_MINUTES_MS: i64 = 600_000;
const HOUR_MS: i64 = 3_600_000;
/// A ten-minute period with more than this is over what a person can follow.
const OVER_PER_TEN_MINUTES: u32 = 10;
/// An hour with more than this is.
const OVER_PER_HOUR: u32 = 30;

/// Rates and their distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Mean per ten minutes.
    pub per_ten_minutes: f64,
    /// Mean per hour.
    pub per_hour: f64,
    /// Mean per day.
    pub per_day: f64,
    /// Activations in each ten-minute period, the first from the start of the period on.
    pub bins: Vec<u32>,
    /// Most in one of them.
    pub worst: u32,
    /// Share of ten-minute periods with more than ten, 0 to 1.
    pub share_over: f64,
    /// Share of hours with more than thirty, 0 to 1.
    pub share_hours_over: f64,
    /// Share of the time in a flood, 0 to 1.
    pub share_in_flood: f64,
    /// Share of each priority: critical, warning, info.
    pub priorities: [f64; 3],
    /// Share of the load made by the most frequent alarms, 0 to 1.
    pub top_share: f64,
}

/// An alarm that makes much of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct BadActor {
    /// Which.
    pub alarm: String,
    /// Its asset.
    pub asset_id: Option<AssetId>,
    /// Activations.
    pub count: usize,
    /// Share of all, 0 to 1.
    pub share: f64,
}

/// Counts sorted activations.
#[allow(
    clippy::cast_precision_loss,
    reason = "counts and durations are far below 2^52"
)]
pub(super) fn load(
    activations: &[&Activation],
    period: TimeRange,
    floods: &[Flood],
    config: &AlarmConfig,
) -> Load {
    let length = period.length_ms();
    let bins = counts_per(activations, period, TEN_MINUTES_MS);
    let hours = counts_per(activations, period, HOUR_MS);
    let all = activations.len() as f64;
    let per = |ms: i64| all * ms as f64 / length as f64;
    let in_flood: i64 = floods.iter().map(|f| f.to.since_ms(f.from)).sum();
    let share_of = |severity: Severity| {
        let count = activations
            .iter()
            .filter(|a| a.severity == severity)
            .count();
        share(count, activations.len())
    };
    Load {
        per_ten_minutes: per(TEN_MINUTES_MS),
        per_hour: per(HOUR_MS),
        per_day: per(24 * HOUR_MS),
        worst: bins.iter().copied().max().unwrap_or(0),
        share_over: share_above(&bins, OVER_PER_TEN_MINUTES),
        share_hours_over: share_above(&hours, OVER_PER_HOUR),
        share_in_flood: in_flood as f64 / length as f64,
        priorities: [Severity::Critical, Severity::Warning, Severity::Info].map(share_of),
        top_share: bad_actors(activations, config.top)
            .iter()
            .map(|a| a.share)
            .sum(),
        bins,
    }
}

/// The alarms with most activations.
pub(super) fn bad_actors(activations: &[&Activation], top: usize) -> Vec<BadActor> {
    let mut counts: HashMap<&str, (usize, Option<AssetId>)> = HashMap::new();
    for activation in activations {
        let entry = counts.entry(&activation.alarm).or_default();
        entry.0 += 1;
        entry.1 = entry.1.or(activation.asset_id);
    }
    let mut actors: Vec<BadActor> = counts
        .into_iter()
        .map(|(alarm, (count, asset_id))| BadActor {
            alarm: alarm.to_owned(),
            asset_id,
            count,
            share: share(count, activations.len()),
        })
        .collect();
    actors.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.alarm.cmp(&b.alarm)));
    actors.truncate(top);
    actors
}

fn counts_per(activations: &[&Activation], period: TimeRange, width_ms: i64) -> Vec<u32> {
    let length = period.length_ms();
    let count = usize::try_from((length + width_ms - 1) / width_ms).unwrap_or(0);
    let mut bins = vec![0u32; count];
    for activation in activations {
        let place = activation.activated_at.since_ms(period.from) / width_ms;
        if let Some(bin) = usize::try_from(place).ok().and_then(|p| bins.get_mut(p)) {
            *bin += 1;
        }
    }
    bins
}

fn share_above(bins: &[u32], bound: u32) -> f64 {
    share(bins.iter().filter(|c| **c > bound).count(), bins.len())
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn share(part: usize, all: usize) -> f64 {
    if all == 0 {
        0.0
    } else {
        part as f64 / all as f64
    }
}
