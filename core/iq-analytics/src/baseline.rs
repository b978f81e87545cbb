//! What is usual for a metric of one asset, learned from its own history with methods that a minority
//! of bad data can't move: median and median absolute deviation over minute buckets.

use iq_domain::{Bucket, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

/// Turns a median absolute deviation into a standard deviation for normal noise.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// How a baseline is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Fewest usable buckets.
    pub min_buckets: usize,
    /// Share cut off at each end before the median and the deviation are taken.
    pub trim: f64,
    /// Smallest deviation in the metric's unit (resolution of the sensor, share of the span).
    pub min_sigma: f64,
    /// Weight of the past in a re-fit, as a number of buckets.
    pub memory_buckets: u32,
    /// How many deviations a re-fit may move the centre away from where it was first learned.
    pub max_drift: f64,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            min_buckets: 30,
            trim: 0.05,
            min_sigma: 0.0,
            memory_buckets: 7 * 24 * 60,
            max_drift: 2.0,
        }
    }
}

/// What is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The usual value.
    pub center: f64,
    /// Its robust standard deviation, of single samples.
    pub sigma: f64,
    /// Centre of the first fit; a re-fit can't creep away from it.
    pub anchor: f64,
    /// Usable buckets behind it.
    pub buckets: u32,
    /// Start of the training window.
    pub from: Timestamp,
    /// End of the training window.
    pub to: Timestamp,
}

impl Baseline {
    /// Robust deviation of a value, signed.
    #[must_use]
    pub fn z(&self, value: f64) -> f64 {
        (value - self.center) / self.sigma
    }
}

/// Too little usable history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEnoughHistory {
    /// Usable buckets there are.
    pub have: usize,
    /// Buckets that are needed.
    pub need: usize,
}

/// Learns a baseline from minute buckets in time order, leaving out the windows in `excluded` (machine
/// not in steady running, critical alert active).
///
/// # Errors
/// When fewer buckets than needed are usable.
pub fn fit(
    buckets: &[Bucket],
    excluded: &[TimeRange],
    config: &BaselineConfig,
) -> Result<Baseline, NotEnoughHistory> {
    let usable: Vec<&Bucket> = buckets
        .iter()
        .filter(|b| b.mean().is_some_and(f64::is_finite) && b.min.is_finite() && b.max.is_finite())
        .filter(|b| !excluded.iter().any(|range| range.contains(b.t)))
        .collect();
    let short = NotEnoughHistory {
        have: usable.len(),
        need: config.min_buckets.max(1),
    };
    let (Some(first), Some(last)) = (usable.first(), usable.last()) else {
        return Err(short);
    };
    if short.have < short.need {
        return Err(short);
    }
    let mut means: Vec<f64> = usable.iter().filter_map(|b| b.mean()).collect();
    let kept = trimmed(&mut means, config.trim);
    let center = median_of_sorted(kept);
    let mut deviations: Vec<f64> = kept.iter().map(|v| (v - center).abs()).collect();
    deviations.sort_by(f64::total_cmp);
    let between = median_of_sorted(&deviations) * MAD_TO_SIGMA;
    let mut noise: Vec<f64> = usable.iter().filter_map(|b| sample_sigma(b)).collect();
    noise.sort_by(f64::total_cmp);
    let within = if noise.is_empty() {
        0.0
    } else {
        median_of_sorted(&noise)
    };
    Ok(Baseline {
        center,
        sigma: floor_sigma(between.hypot(within), center, config),
        anchor: center,
        buckets: u32::try_from(short.have).unwrap_or(u32::MAX),
        from: first.t,
        to: last.t,
    })
}

/// Takes newer buckets into a baseline. History that looks unlike the past is not learned from: a fault
/// that grows slowly must not become the new normal.
#[must_use]
pub fn refit(
    old: &Baseline,
    newer: &[Bucket],
    excluded: &[TimeRange],
    config: &BaselineConfig,
) -> Baseline {
    let unseen: Vec<Bucket> = newer
        .iter()
        .filter(|b| b.t > old.to)
        .filter(|b| b.mean().is_some_and(|m| old.z(m).abs() <= 4.0))
        .copied()
        .collect();
    let single = BaselineConfig {
        min_buckets: 1,
        ..*config
    };
    let Ok(fresh) = fit(&unseen, excluded, &single) else {
        return *old;
    };
    let past = f64::from(old.buckets.min(config.memory_buckets));
    let weight = f64::from(fresh.buckets) / (past + f64::from(fresh.buckets));
    let reach = config.max_drift * old.sigma;
    let center = (old.center + weight * (fresh.center - old.center))
        .clamp(old.anchor - reach, old.anchor + reach);
    // A handful of new buckets says little about the spread.
    let sigma = if unseen.len() >= config.min_buckets {
        old.sigma + weight * (fresh.sigma - old.sigma)
    } else {
        old.sigma
    };
    Baseline {
        center,
        sigma: floor_sigma(sigma, center, config),
        anchor: old.anchor,
        buckets: old.buckets.saturating_add(fresh.buckets),
        from: old.from,
        to: fresh.to,
    }
}

/// A deviation of nothing would make the last digit of a sensor a catastrophe.
fn floor_sigma(sigma: f64, center: f64, config: &BaselineConfig) -> f64 {
    sigma
        .max(config.min_sigma)
        .max(center.abs() * 0.002)
        .max(1e-9)
}

/// The noise of single samples from the range inside a bucket, by the expected range of n normal
/// samples (about 2·√(2·ln n), exact enough from n = 4).
fn sample_sigma(bucket: &Bucket) -> Option<f64> {
    if bucket.count < 4 {
        return None;
    }
    #[allow(clippy::cast_precision_loss)]
    let n = bucket.count as f64;
    Some((bucket.max - bucket.min) / (1.7 * (2.0 * n.ln()).sqrt()))
}

/// Sorts and cuts the given share off both ends, never everything.
fn trimmed(values: &mut [f64], share: f64) -> &[f64] {
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let cut = (values.len() as f64 * share.clamp(0.0, 0.4)) as usize;
    &values[cut..values.len() - cut]
}

fn median_of_sorted(values: &[f64]) -> f64 {
    let mid = values.len() / 2;
    match (values.len() % 2, values.get(mid)) {
        (_, None) => f64::NAN,
        (1, Some(v)) => *v,
        (_, Some(v)) => f64::midpoint(values[mid - 1], *v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deterministic, roughly normal noise of standard deviation 1.
    fn noise(i: u64) -> f64 {
        let mut x = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
        let mut sum = 0.0;
        for _ in 0..12 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            sum += (x >> 11) as f64 / (1u64 << 53) as f64;
        }
        sum - 6.0
    }

    fn minute(i: i64, level: f64, sigma: f64) -> Bucket {
        let values: Vec<f64> = (0..60)
            .map(|s| level + sigma * noise((i * 60 + s) as u64))
            .collect();
        Bucket {
            t: Timestamp(i * 60_000),
            count: 60,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            sum: values.iter().sum(),
            first: values[0],
            last: values[59],
        }
    }

    fn window(from: i64, to: i64) -> TimeRange {
        TimeRange {
            from: Timestamp(from * 60_000),
            to: Timestamp(to * 60_000),
        }
    }

    #[test]
    fn learns_centre_and_noise_of_clean_history() {
        let buckets: Vec<_> = (0..60).map(|i| minute(i, 1.6, 0.1)).collect();
        let b = fit(&buckets, &[], &BaselineConfig::default()).unwrap();
        assert!((b.center - 1.6).abs() < 0.02, "{b:?}");
        assert!((0.07..0.14).contains(&b.sigma), "{b:?}");
        assert_eq!(
            (b.buckets, b.from, b.to),
            (60, Timestamp(0), Timestamp(59 * 60_000))
        );
    }

    #[test]
    fn a_contaminated_third_does_not_move_it() {
        let clean: Vec<_> = (0..90).map(|i| minute(i, 1.6, 0.1)).collect();
        let mut dirty = clean.clone();
        for i in (0..90).step_by(3) {
            dirty[i] = minute(i as i64, 8.0, 0.5);
        }
        let (a, b) = (
            fit(&clean, &[], &BaselineConfig::default()).unwrap(),
            fit(&dirty, &[], &BaselineConfig::default()).unwrap(),
        );
        assert!((a.center - b.center).abs() < 0.1, "{a:?} {b:?}");
        assert!(b.z(8.0) > 20.0, "{b:?}");
    }

    #[test]
    fn leaves_out_stops_alerts_and_empty_buckets() {
        let mut buckets: Vec<_> = (0..60).map(|i| minute(i, 1.6, 0.1)).collect();
        buckets.extend((60..160).map(|i| minute(i, 0.0, 0.0)));
        buckets.push(Bucket {
            count: 0,
            ..minute(161, 0.0, 0.0)
        });
        let b = fit(&buckets, &[window(60, 160)], &BaselineConfig::default()).unwrap();
        assert_eq!(b.buckets, 60);
        assert!((b.center - 1.6).abs() < 0.02);
    }

    #[test]
    fn says_how_much_history_is_missing() {
        let buckets: Vec<_> = (0..29).map(|i| minute(i, 1.6, 0.1)).collect();
        assert_eq!(
            fit(&buckets, &[], &BaselineConfig::default()),
            Err(NotEnoughHistory { have: 29, need: 30 })
        );
        assert!(fit(&[], &[], &BaselineConfig::default()).is_err());
    }

    #[test]
    fn a_frozen_history_still_has_a_deviation() {
        let buckets: Vec<_> = (0..40).map(|i| minute(i, 50.0, 0.0)).collect();
        let config = BaselineConfig {
            min_sigma: 0.5,
            ..BaselineConfig::default()
        };
        assert_eq!(fit(&buckets, &[], &config).unwrap().sigma, 0.5);
    }

    #[test]
    fn a_refit_follows_the_season_but_not_a_fault() {
        let config = BaselineConfig {
            memory_buckets: 60,
            ..BaselineConfig::default()
        };
        let first: Vec<_> = (0..60).map(|i| minute(i, 62.0, 0.5)).collect();
        let start = fit(&first, &[], &config).unwrap();
        let season: Vec<_> = (60..120).map(|i| minute(i, 62.6, 0.5)).collect();
        let moved = refit(&start, &season, &[], &config);
        assert!(
            moved.center > start.center + 0.1 && moved.to > start.to,
            "{moved:?}"
        );
        // A bearing that warms by a fraction of a degree an hour, for three days.
        let mut creeping = start;
        for hour in 1..72i64 {
            let level = 62.0 + 0.3 * hour as f64;
            let buckets: Vec<_> = (0..60).map(|m| minute(hour * 60 + m, level, 0.5)).collect();
            creeping = refit(&creeping, &buckets, &[], &config);
        }
        assert!(
            creeping.center < 63.5,
            "the fault was learned: {creeping:?}"
        );
        assert!(creeping.z(83.0) > 10.0);
    }

    #[test]
    fn a_refit_without_newer_data_changes_nothing() {
        let buckets: Vec<_> = (0..60).map(|i| minute(i, 1.6, 0.1)).collect();
        let b = fit(&buckets, &[], &BaselineConfig::default()).unwrap();
        assert_eq!(refit(&b, &buckets, &[], &BaselineConfig::default()), b);
    }
}
