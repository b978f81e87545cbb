//! Where a signal stands over a stretch of time, told by numbers that a few outliers don't move.

use iq_domain::Bucket;
use serde::{Deserialize, Serialize};

/// Below this many stretches percentiles are single stretches.
const FEW: usize = 24;

/// A level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Good samples.
    pub samples: u64,
    /// Median of the stretches' means.
    pub median: f64,
    /// How far the means usually lie from it (as a standard deviation).
    pub spread: f64,
    /// Smallest sample.
    pub low: f64,
    /// Largest sample.
    pub high: f64,
    /// Share of stretches in which no sample differed from another, 0–1.
    pub flat_share: f64,
    /// From the first stretch to the last, in milliseconds.
    #[serde(default)]
    pub span_ms: i64,
}

impl Level {
    /// The level of some stretches; `None` below `least` of them.
    #[must_use]
    pub fn of(buckets: &[Bucket], least: usize) -> Option<Self> {
        let mut means: Vec<f64> = buckets.iter().filter_map(Bucket::mean).collect();
        if means.len() < least.max(1) {
            return None;
        }
        means.sort_by(f64::total_cmp);
        let (low, high) = buckets
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), b| {
                (low.min(b.min), high.max(b.max))
            });
        let median = at(&means, 0.5);
        let spread = if means.len() < FEW {
            // Of seven stretches one or two may straddle the moment of a change.
            let mut away: Vec<f64> = means.iter().map(|m| (m - median).abs()).collect();
            away.sort_by(f64::total_cmp);
            at(&away, 0.5) * 1.4826
        } else {
            // From the tenth to the ninetieth percentile a normal distribution is 2.563 deviations wide.
            (at(&means, 0.9) - at(&means, 0.1)) / 2.563
        };
        // A stretch with one sample says nothing about standing still.
        let told: Vec<&Bucket> = buckets.iter().filter(|b| b.count > 1).collect();
        let flat = told.iter().filter(|b| b.max <= b.min).count();
        #[allow(clippy::cast_precision_loss, reason = "thousands of stretches at most")]
        let flat_share = if told.is_empty() {
            1.0
        } else {
            flat as f64 / told.len() as f64
        };
        let level = Self {
            samples: buckets.iter().map(|b| b.count).sum(),
            median,
            spread,
            low,
            high,
            flat_share,
            span_ms: match (buckets.first(), buckets.last()) {
                (Some(first), Some(last)) => last.t.since_ms(first.t),
                _ => 0,
            },
        };
        let is_finite = level.median.is_finite() && level.spread.is_finite();
        is_finite.then_some(level)
    }

    /// The level of a signal that never moved: a few stretches tell it.
    #[must_use]
    pub fn standing(buckets: &[Bucket], least: usize) -> Option<Self> {
        Self::of(buckets, least).filter(|level| level.low >= level.high)
    }

    /// Whether a single value may belong to it.
    pub(crate) fn holds(&self, value: f64, scale: Option<(f64, f64)>) -> bool {
        let room = scale.map_or(0.0, |(low, high)| 0.02 * (high - low));
        let margin = (4.0 * self.spread).max(room).max(0.05 * self.median.abs());
        value >= self.low - margin && value <= self.high + margin
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let part = place - place.floor();
    sorted[below] * (1.0 - part) + sorted[above] * part
}
