//! What was usual for a signal, and when its level changed: a change-point search on raw samples.
//! Slow growth counts from its first lasting step away from the usual, not from the alarm.

use iq_domain::{Shift, Timestamp, Usual, fast_noise};

/// Turns a median absolute deviation into a standard deviation for normal noise.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// A later change this many times the first one is the change: a day's slow fall before a bearing runs hot is not.
const OUTDONE: f64 = 3.0;

/// How a change is found. One set for every signal of every plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftConfig {
    /// Samples of the running median that hides spikes (odd).
    pub smooth: usize,
    /// Usual deviations that prove a change.
    pub leave_z: f64,
    /// Usual deviations below which the signal was still usual; the change began after the last such
    /// sample.
    pub inside_z: f64,
    /// How long a change must last.
    pub hold_ms: i64,
    /// How many samples must show it.
    pub min_samples: usize,
    /// Smallest deviation as a share of the usual value, for signals that hardly move.
    pub floor_share: f64,
    /// Fewest samples that make a usual value.
    pub min_usual: usize,
}

impl Default for ShiftConfig {
    fn default() -> Self {
        Self {
            smooth: 5,
            leave_z: 6.0,
            inside_z: 3.0,
            hold_ms: 120_000,
            min_samples: 4,
            floor_share: 0.003,
            min_usual: 30,
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mid = values.len() / 2;
    let (_, m, _) = values.select_nth_unstable_by(mid, f64::total_cmp);
    *m
}

/// What was usual in the samples of a quiet time; `None` when there are too few.
#[must_use]
pub fn usual(points: &[(Timestamp, f64)], config: &ShiftConfig) -> Option<Usual> {
    if points.len() < config.min_usual.max(2) {
        return None;
    }
    let mut values: Vec<f64> = points.iter().map(|(_, v)| *v).collect();
    let center = median(&mut values);
    let mut off: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    let robust = median(&mut off) * MAD_TO_SIGMA;
    // A day's slow swing is not normal noise: nine tenths of what was seen count as usual at least.
    off.sort_by(f64::total_cmp);
    let wide = off[(off.len() - 1) * 9 / 10] / 1.645;
    let floor = (center.abs() * config.floor_share).max(1e-9);
    Some(Usual {
        center,
        sigma: robust.max(wide).max(floor),
        noise: fast_noise(points),
        samples: u32::try_from(points.len()).unwrap_or(u32::MAX),
    })
}

/// The samples under a running median; the ends use what there is.
fn smoothed(points: &[(Timestamp, f64)], width: usize) -> Vec<f64> {
    let half = width / 2;
    (0..points.len())
        .map(|i| {
            let from = i.saturating_sub(half);
            let to = (i + half + 1).min(points.len());
            let mut near: Vec<f64> = points[from..to].iter().map(|(_, v)| *v).collect();
            median(&mut near)
        })
        .collect()
}

/// When the level of the samples left what was usual and stayed away for a while, the first time unless a later
/// one outdoes it by far; `None` when it didn't. Samples in order of time.
#[must_use]
pub fn shift(points: &[(Timestamp, f64)], usual: &Usual, config: &ShiftConfig) -> Option<Shift> {
    let level = smoothed(points, config.smooth);
    let z: Vec<f64> = level
        .iter()
        .map(|v| (v - usual.center) / usual.sigma)
        .collect();
    let mut found: Option<Shift> = None;
    let mut from = 0;
    while let Some(proven) = lasting(&points[from..], &z[from..], config) {
        let proven = from + proven;
        let sign = z[proven].signum();
        let is_back = |z: &f64| z * sign < config.inside_z;
        let start = z[..proven].iter().rposition(is_back).map_or(0, |i| i + 1);
        let largest = z[proven..]
            .windows(config.min_samples)
            .map(|run| run.iter().map(|z| z * sign).fold(f64::INFINITY, f64::min))
            .fold(config.leave_z, f64::max);
        if found.is_none_or(|first| largest >= OUTDONE * first.effect.abs()) {
            found = Some(Shift {
                at: points[start].0,
                value: points[start].1,
                level: *level.last()?,
                effect: sign * largest,
            });
        }
        let Some(back) = z[proven..].iter().position(is_back) else {
            break;
        };
        from = proven + back;
    }
    found
}

/// A departure from the usual that the end of the samples cut short: the machine stopped before the change had
/// lasted long enough to count as one. Nothing can be concluded from it but that the signal was not as usual.
/// `level` is the sample furthest away.
#[must_use]
pub fn cut_short(
    points: &[(Timestamp, f64)],
    usual: &Usual,
    config: &ShiftConfig,
) -> Option<Shift> {
    let z = |value: f64| (value - usual.center) / usual.sigma;
    let since = points.last()?.0.plus_ms(-config.hold_ms);
    let last = &points[points.partition_point(|(t, _)| *t <= since)..];
    let mut away = last.iter().filter(|(_, v)| z(*v).abs() >= config.leave_z);
    let first = *away.next()?;
    let furthest = away.fold(first.1, |worst, (_, v)| {
        if z(*v).abs() > z(worst).abs() {
            *v
        } else {
            worst
        }
    });
    Some(Shift {
        at: first.0,
        value: first.1,
        level: furthest,
        effect: z(furthest),
    })
}

/// First sample of the first run beyond the limit that lasts.
fn lasting(points: &[(Timestamp, f64)], z: &[f64], config: &ShiftConfig) -> Option<usize> {
    let mut since: Option<usize> = None;
    for i in 0..z.len() {
        let goes_on =
            z[i].abs() >= config.leave_z && since.is_none_or(|s| z[s].signum() == z[i].signum());
        since = match (goes_on, since) {
            (true, Some(s)) => Some(s),
            (true, None) => Some(i),
            (false, _) => None,
        };
        if let Some(s) = since
            && i + 1 - s >= config.min_samples
            && points[i].0.since_ms(points[s].0) >= config.hold_ms
        {
            return Some(s);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: i64, f: impl Fn(i64) -> f64) -> Vec<(Timestamp, f64)> {
        (0..n).map(|i| (Timestamp(i * 60_000), f(i))).collect()
    }

    fn noise(i: i64) -> f64 {
        ((i * 7_919) % 13) as f64 / 6.0 - 1.0
    }

    fn check(f: impl Fn(i64) -> f64) -> Option<Shift> {
        let config = ShiftConfig::default();
        let known = usual(&series(200, noise), &config).unwrap();
        shift(&series(200, f), &known, &config)
    }

    #[test]
    fn a_step_is_found_at_its_first_sample() {
        let found = check(|i| noise(i) + if i >= 80 { 20.0 } else { 0.0 }).unwrap();
        assert!((found.at.0 / 60_000 - 80).abs() <= 2, "{found:?}");
        assert!(found.effect > 10.0);
    }

    #[test]
    fn a_ramp_counts_from_where_it_left_the_usual() {
        let found = check(|i| noise(i) - (i - 60).max(0) as f64 * 0.3).unwrap();
        let minute = found.at.0 / 60_000;
        assert!((60..80).contains(&minute), "{found:?}");
        assert!(found.effect < -6.0);
    }

    #[test]
    fn a_days_slow_fall_does_not_hide_a_bearing_that_runs_hot() {
        let day = |i: i64| noise(i) - i as f64 * 0.06;
        assert!(check(day).unwrap().effect < -6.0);
        let hot = check(|i| day(i) + if i >= 180 { 60.0 } else { 0.0 }).unwrap();
        assert!((hot.at.0 / 60_000 - 180).abs() <= 2, "{hot:?}");
        assert!(hot.effect > 30.0, "{hot:?}");
        // One that is not much larger leaves the first what it is.
        let little = check(|i| day(i) + if i >= 180 { 30.0 } else { 0.0 }).unwrap();
        assert!(little.effect < 0.0, "{little:?}");
    }

    #[test]
    fn noise_spikes_and_short_bursts_are_no_change() {
        assert_eq!(check(noise), None);
        assert_eq!(check(|i| if i % 40 == 0 { 90.0 } else { noise(i) }), None);
        let burst = |i: i64| {
            if (50..52).contains(&i) {
                30.0
            } else {
                noise(i)
            }
        };
        assert_eq!(check(burst), None);
    }

    #[test]
    fn what_left_just_before_the_end_was_cut_short() {
        let config = ShiftConfig::default();
        let known = usual(&series(200, noise), &config).unwrap();
        let late = |from: i64| {
            let value = move |i: i64| noise(i) + if i >= from { 20.0 } else { 0.0 };
            cut_short(&series(200, value), &known, &config)
        };
        let found = late(199).unwrap();
        assert_eq!(found.at, Timestamp(199 * 60_000));
        assert!(found.effect > 10.0 && found.level > 15.0, "{found:?}");
        assert_eq!(late(200), None);
        assert_eq!(cut_short(&[], &known, &config), None);
    }

    #[test]
    fn too_little_history_makes_no_usual_value() {
        let config = ShiftConfig::default();
        assert_eq!(usual(&series(29, noise), &config), None);
        assert!(usual(&series(30, |_| 5.0), &config).unwrap().sigma > 0.0);
    }
}
