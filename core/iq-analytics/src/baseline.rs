//! What is usual for a metric of one asset, learned from its own history with methods that a minority
//! of bad data can't move: median and median absolute deviation over minute buckets.

use iq_domain::{Bucket, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

/// Turns a median absolute deviation into a standard deviation for normal noise.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

const MONTH_MS: f64 = 30.0 * 24.0 * 3_600_000.0;

/// How a baseline is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineConfig {
    /// Fewest usable buckets.
    pub min_buckets: usize,
    /// Share cut off at each end before the median and the deviation are taken.
    pub trim: f64,
    /// Smallest deviation in the metric's unit (resolution of the sensor, share of the span).
    pub min_sigma: f64,
    /// How many deviations the centre of a grown baseline may move in a month.
    pub max_drift: f64,
    /// How much wider a grown baseline may become in a month.
    pub max_widening: f64,
    /// Length of training after which what was seen counts as all that is usual (a day and its night).
    pub full_window_ms: i64,
    /// How much wider "usual" is taken after no time at all; shrinks to 1 at the full window.
    pub young_factor: f64,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            min_buckets: 30,
            trim: 0.05,
            min_sigma: 0.0,
            max_drift: 2.0,
            max_widening: 1.5,
            full_window_ms: 24 * 3_600_000,
            young_factor: 3.0,
        }
    }
}

/// What is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The usual value.
    pub center: f64,
    /// The deviation that counts: `spread`, wider while the training window is short.
    pub sigma: f64,
    /// Robust standard deviation of single samples in the training window.
    pub spread: f64,
    /// Centre when the first full window was known; later ones can't creep away from it.
    pub anchor: f64,
    /// Spread at that time.
    pub anchor_spread: f64,
    /// That time.
    pub anchored_at: Timestamp,
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
    let spread = floor_sigma(between.hypot(within), center, config);
    Ok(Baseline {
        center,
        sigma: spread * youth(first.t, last.t, config),
        spread,
        anchor: center,
        anchor_spread: spread,
        anchored_at: last.t,
        buckets: u32::try_from(short.have).unwrap_or(u32::MAX),
        from: first.t,
        to: last.t,
    })
}

/// Half an hour of history has not seen the noon sun or the night shift: until a whole day is known,
/// more counts as usual than was seen.
#[allow(clippy::cast_precision_loss)]
fn youth(from: Timestamp, to: Timestamp, config: &BaselineConfig) -> f64 {
    let seen = to.since_ms(from).max(0) as f64 / config.full_window_ms.max(1) as f64;
    config.young_factor + (1.0 - config.young_factor) * seen.min(1.0)
}

/// Learns again from the whole training window, given what was known before. While the history is
/// short everything new is believed; afterwards the baseline follows seasons but only at a bounded
/// pace, so that a fault that grows over days doesn't become the new normal.
///
/// # Errors
/// When there is no baseline yet and fewer buckets than needed are usable.
pub fn learn(
    old: Option<&Baseline>,
    buckets: &[Bucket],
    excluded: &[TimeRange],
    config: &BaselineConfig,
) -> Result<Baseline, NotEnoughHistory> {
    let fresh = fit(buckets, excluded, config);
    match (old, fresh) {
        (None, fresh) => fresh,
        // A machine that stood for a week keeps what was known of it.
        (Some(old), Err(_)) => Ok(*old),
        (Some(old), Ok(fresh)) if is_grown(old, config) => Ok(bounded(old, &fresh, config)),
        (Some(_), Ok(fresh)) => Ok(fresh),
    }
}

fn is_grown(baseline: &Baseline, config: &BaselineConfig) -> bool {
    baseline.to.since_ms(baseline.from) >= config.full_window_ms
}

fn bounded(old: &Baseline, fresh: &Baseline, config: &BaselineConfig) -> Baseline {
    #[allow(clippy::cast_precision_loss)]
    let months = fresh.to.since_ms(old.anchored_at).max(0) as f64 / MONTH_MS;
    let reach = config.max_drift * old.anchor_spread * (1.0 + months);
    let center = fresh.center.clamp(old.anchor - reach, old.anchor + reach);
    let widest = old.anchor_spread * (1.0 + (config.max_widening - 1.0).max(0.0) * (1.0 + months));
    let spread = floor_sigma(fresh.spread.min(widest), center, config);
    Baseline {
        center,
        sigma: spread,
        spread,
        buckets: fresh.buckets,
        from: old.from.min(fresh.from),
        to: old.to.max(fresh.to),
        ..*old
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
        assert!((0.07..0.14).contains(&b.spread), "{b:?}");
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
        assert_eq!(fit(&buckets, &[], &config).unwrap().spread, 0.5);
    }

    /// The training window of a week that ends at minute `now`, of a signal described by `level`.
    fn week(now: i64, level: impl Fn(i64) -> f64) -> Vec<Bucket> {
        ((now - 7 * 1440).max(0)..now)
            .map(|m| minute(m, level(m), 0.5))
            .collect()
    }

    #[test]
    fn a_grown_baseline_follows_the_season_but_not_a_fault() {
        let config = BaselineConfig::default();
        let day = fit(&week(1441, |_| 62.0), &[], &config).unwrap();
        assert!(is_grown(&day, &config));
        let season = learn(
            Some(&day),
            &week(9 * 1440, |m| 62.0 + m as f64 / 14_400.0),
            &[],
            &config,
        );
        let season = season.unwrap();
        assert!(
            season.center > 62.3 && season.anchor == day.anchor,
            "{season:?}"
        );
        // A bearing that warms by 0.3 K an hour for three days, learned again every six hours.
        let faulty = |m: i64| 62.0 + 0.3 * ((m - 1440).max(0) as f64 / 60.0);
        let mut known = day;
        for step in 1..=12 {
            known = learn(Some(&known), &week(1440 + step * 360, faulty), &[], &config).unwrap();
        }
        assert!(known.center < 63.3, "the fault was learned: {known:?}");
        assert!(known.z(faulty(4 * 1440)) > 10.0, "{known:?}");
    }

    #[test]
    fn a_machine_that_stood_keeps_what_was_known() {
        let config = BaselineConfig::default();
        let known = fit(&week(120, |_| 62.0), &[], &config).unwrap();
        assert_eq!(learn(Some(&known), &[], &[], &config), Ok(known));
        assert!(learn(None, &[], &[], &config).is_err());
    }

    #[test]
    fn a_short_history_is_careful_and_a_day_is_not() {
        let config = BaselineConfig::default();
        let hour: Vec<_> = (0..60).map(|i| minute(i, 62.0, 0.5)).collect();
        let day: Vec<_> = (0..1440).map(|i| minute(i, 62.0, 0.5)).collect();
        let (young, grown) = (
            fit(&hour, &[], &config).unwrap(),
            fit(&day, &[], &config).unwrap(),
        );
        assert!(young.sigma > 2.5 * young.spread, "{young:?}");
        assert!(grown.sigma < 1.01 * grown.spread, "{grown:?}");
    }

    #[test]
    fn learning_through_a_week_of_days_and_nights_raises_no_alarm() {
        let config = BaselineConfig {
            min_sigma: 0.6,
            ..BaselineConfig::default()
        };
        // A bearing that follows the air by 8 K between night and noon.
        let level = |m: i64| 62.0 - 4.0 * (m as f64 / 1440.0 * std::f64::consts::TAU).cos();
        let mut known: Option<Baseline> = None;
        let (mut far, mut seen) = (0, 0);
        for quarter in (2..96).chain((96..7 * 96).step_by(8)) {
            let now = quarter * 15;
            let buckets: Vec<_> = ((now - 30).max(0)..now)
                .map(|m| minute(m, level(m), 0.5))
                .collect();
            if let Some(known) = known.filter(|_| quarter > 8) {
                seen += 1;
                far += usize::from(known.z(level(now)).abs() > 4.0);
            }
            known = learn(known.as_ref(), &buckets, &[], &config).ok().or(known);
        }
        assert!(
            far * 100 <= seen,
            "{far} of {seen} quarters looked abnormal: {known:?}"
        );
        let known = known.unwrap();
        assert!(
            known.z(90.0) > 5.0,
            "and a hot bearing is still found: {known:?}"
        );
    }
}
