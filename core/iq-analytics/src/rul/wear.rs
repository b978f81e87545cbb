//! How long until a signal that drifts away from its usual reaches its limit: a degradation model of one
//! machine's own history, for the many machines no family of ended lives can be learned for.
//!
//! *Path*: usual up to a moment c, from there `a + b·(e^(κu) − 1)/κ`, u the share of the time from c to now
//! (κ = 0: a straight line; κ > 0: faster and faster, Gebraeel et al., "Residual-life distributions from
//! component degradation signals", IIE Transactions 2005; κ < 0: it levels off). *Fit*: least squares for
//! every c and κ of a grid; the answers are weighed by how well they fit (approximate Bayesian model
//! averaging), so that what the data can't tell apart widens the interval. Neighbouring rows repeat each
//! other, so the rows count for fewer (n·(1 − ρ)/(1 + ρ)).
//!
//! *Interval*: no path is known to go on as it began, so the method is asked on this very drift, earlier: how
//! long until it is where it is now? How far off it was, in the logarithm of the time, sets middle and width
//! of the answer, wider the further ahead it looks; drawn paths never make it narrower. Withheld while the
//! drift may be none, or too little of it is there to ask earlier.

use iq_domain::Timestamp;

use crate::{
    card::Withheld,
    num::{MAD_TO_SIGMA, Random, mean, median, quantile, variance},
};

/// Name and version of the method.
pub const METHOD: &str = "wear/2";

/// How a drift is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct WearConfig {
    /// Blocks the history is cut into at most; the median of each counts.
    pub blocks: usize,
    /// Blocks that are needed before the drift, to know what is usual, and in it.
    pub min_blocks: usize,
    /// Usual deviations the signal must have left its usual by.
    pub leave_z: f64,
    /// Share of the truths inside the interval.
    pub level: f64,
    /// Nothing is said beyond this many times the drift seen so far.
    pub reach: f64,
    /// Paths that are drawn.
    pub draws: usize,
    /// Seed of them.
    pub seed: u64,
}

impl Default for WearConfig {
    fn default() -> Self {
        Self {
            blocks: 240,
            min_blocks: 20,
            leave_z: 3.0,
            level: 0.9,
            reach: 3.0,
            draws: 600,
            seed: 1,
        }
    }
}

/// Curvatures of the path that are weighed against each other.
const CURVATURES: [f64; 6] = [-2.0, 0.0, 1.5, 3.0, 5.0, 8.0];

/// Fits whose weight is below this share of the best one's are left out.
const LEAST_WEIGHT: f64 = 1e-4;

/// Shares of the drift at which the method is asked about now, and answers and blocks of the drift that are needed.
const ASKED_AT: [f64; 6] = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const LEAST_ASKED: usize = 4;
const LEAST_DRIFT: usize = 6;
/// Bounds of how far off an answer counts, and of the correction of the middle, in the logarithm of the time.
const MOST_OFF: f64 = 2.5;
const MOST_MOVED: f64 = 1.0;
/// The 95 % point of Student's t with five degrees of freedom, for six answers; and the least half width: a fifth.
const SPREADS: f64 = 2.02;
const LEAST_WIDTH: f64 = 0.2;

/// When a drifting signal reaches its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wear {
    /// Median of the remaining time, in hours.
    pub expected_h: f64,
    /// Lower end of the interval.
    pub low_h: f64,
    /// Upper end; none where it lies beyond what the drift so far can tell.
    pub high_h: Option<f64>,
    /// Share of truths such intervals hold.
    pub level: f64,
    /// When the drift began, by the best fit.
    pub since: Timestamp,
    /// Last row used.
    pub until: Timestamp,
    /// Blocks of the drift.
    pub blocks: u32,
    /// What was usual before.
    pub usual: f64,
    /// The path now.
    pub now: f64,
}

/// A path that was fitted.
#[derive(Clone, Copy)]
struct Fit {
    /// First block of the drift.
    from: usize,
    kappa: f64,
    a: f64,
    b: f64,
    /// Squared residuals, summed.
    squares: f64,
    /// Mean and squared deviations of the regressor.
    mid: f64,
    width: f64,
}

impl Fit {
    fn at(&self, share: f64) -> f64 {
        self.a + self.b * bend(self.kappa, share)
    }
}

/// How far the path has come; 0 before it begins.
fn bend(kappa: f64, share: f64) -> f64 {
    let share = share.max(0.0);
    if kappa == 0.0 {
        share
    } else {
        (kappa * share).exp_m1() / kappa
    }
}

/// When the path has come so far, as a share of the drift up to now; infinite where never.
fn unbend(kappa: f64, far: f64) -> f64 {
    if kappa == 0.0 {
        return far;
    }
    let inside = 1.0 + kappa * far;
    if inside <= 0.0 {
        f64::INFINITY
    } else {
        inside.ln() / kappa
    }
}

/// Follows a signal to its limit. `rows` are its values in order of time, of one way of running only.
///
/// # Errors
/// When there are too few rows before or in the drift, nothing drifts towards the limit, or the limit lies
/// too far ahead to tell.
pub fn wear(rows: &[(Timestamp, f64)], limit: f64, config: &WearConfig) -> Result<Wear, Withheld> {
    let blocks = blocks(rows, config.blocks);
    let need = 2 * config.min_blocks;
    if blocks.len() < need {
        return Err(super::too_few(blocks.len(), need));
    }
    let hours: Vec<f64> = blocks
        .iter()
        .map(|(t, _)| hours_since(blocks[0].0, *t))
        .collect();
    let values: Vec<f64> = blocks.iter().map(|(_, v)| *v).collect();
    let fits = fits(&hours, &values, (config.min_blocks, config.min_blocks));
    let best = fits
        .iter()
        .min_by(|a, b| a.squares.total_cmp(&b.squares))
        .ok_or(Withheld::BadInput)?;
    let usual = median(&values[..best.from]);
    let up = if limit > usual { 1.0 } else { -1.0 };
    let spread = spread(&values[..best.from])
        .max(1e-9 * usual.abs())
        .max(f64::MIN_POSITIVE);
    let now = best.at(1.0);
    if up * (now - usual) < config.leave_z * spread {
        return Err(Withheld::NoTrend);
    }
    let drift_h = hours[hours.len() - 1] - hours[best.from];
    let counted = counted(best, &hours, &values);
    let times = times(&fits, best, counted, limit, &hours, config)?;
    let tail = (1.0 - config.level) / 2.0;
    let drawn = [tail, 0.5, 1.0 - tail].map(|q| quantile_of(&times, q));
    if drawn[1] > config.reach * drift_h {
        return Err(Withheld::TooFar);
    }
    let off = Off::of(&hours, &values, best, config)?;
    let expected_h = drawn[1] * off.middle.exp();
    let width = off.width * (drawn[1] / off.ahead_h).sqrt().max(1.0);
    let low_h = (expected_h * (-width).exp()).min(drawn[0]);
    let high = (expected_h * width.exp()).max(drawn[2]);
    if expected_h > config.reach * drift_h {
        return Err(Withheld::TooFar);
    }
    Ok(Wear {
        expected_h,
        low_h,
        high_h: (high <= config.reach * drift_h).then_some(high),
        level: config.level,
        since: blocks[best.from].0,
        until: rows.last().map_or(blocks[0].0, |(t, _)| *t),
        blocks: u32::try_from(values.len() - best.from).unwrap_or(u32::MAX),
        usual,
        now,
    })
}

/// A signal that is beyond its limit already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// First row of this stay beyond the limit.
    pub since: Timestamp,
    /// Last row.
    pub until: Timestamp,
    /// Rows of the stay.
    pub rows: u32,
    /// Median of the rows before it; of all where there are none.
    pub usual: f64,
    /// Median of the last rows.
    pub now: f64,
}

/// Rows that decide whether a limit is reached, and how many of them must lie beyond it.
const LAST: usize = 4;
const BEYOND: usize = 3;

/// Whether a signal is beyond its limit already: three of its last four rows are. `rows` are in order of time;
/// a stay began after the last four rows that all lie inside.
#[must_use]
pub fn reached(rows: &[(Timestamp, f64)], limit: f64, is_high: bool) -> Option<Reached> {
    let is_beyond = |row: &(Timestamp, f64)| {
        if is_high {
            row.1 > limit
        } else {
            row.1 < limit
        }
    };
    let last = rows.get(rows.len().checked_sub(LAST)?..)?;
    if last.iter().filter(|row| is_beyond(row)).count() < BEYOND {
        return None;
    }
    let inside = rows
        .windows(LAST)
        .rposition(|four| !four.iter().any(is_beyond))
        .map_or(0, |at| at + LAST);
    let from = inside + rows[inside..].iter().position(is_beyond)?;
    let values = |part: &[(Timestamp, f64)]| part.iter().map(|(_, v)| *v).collect::<Vec<_>>();
    Some(Reached {
        since: rows[from].0,
        until: rows[rows.len() - 1].0,
        rows: u32::try_from(rows.len() - from).unwrap_or(u32::MAX),
        usual: median(&values(if from > 0 { &rows[..from] } else { rows })),
        now: median(&values(last)),
    })
}

/// The upper neighbour, so that an infinite time stays one.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among draws"
)]
fn quantile_of(sorted: &[f64], q: f64) -> f64 {
    let place = (q * sorted.len() as f64) as usize;
    sorted[place.min(sorted.len() - 1)]
}

#[allow(clippy::cast_precision_loss, reason = "hours")]
fn hours_since(first: Timestamp, at: Timestamp) -> f64 {
    at.since_ms(first) as f64 / 3_600_000.0
}

/// Medians of equal times.
#[allow(clippy::cast_possible_wrap, reason = "some hundred blocks")]
fn blocks(rows: &[(Timestamp, f64)], most: usize) -> Vec<(Timestamp, f64)> {
    let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else {
        return Vec::new();
    };
    let each = (last.since_ms(*first) / most.max(1) as i64 + 1).max(1);
    rows.chunk_by(|a, b| a.0.since_ms(*first) / each == b.0.since_ms(*first) / each)
        .map(|block| {
            let values: Vec<f64> = block.iter().map(|(_, v)| *v).collect();
            (block[block.len() / 2].0, median(&values))
        })
        .collect()
}

/// Half the range in which nine tenths of the values lie, as a normal deviation: a slow swing of the day
/// counts as usual.
fn spread(values: &[f64]) -> f64 {
    let center = median(values);
    let off: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    (median(&off) * MAD_TO_SIGMA).max(quantile(&off, 0.9) / 1.645)
}

/// A fit for every beginning and curvature.
fn fits(hours: &[f64], values: &[f64], (before, after): (usize, usize)) -> Vec<Fit> {
    let last = hours.len() - 1;
    let mut found = Vec::new();
    for from in before..=last.saturating_sub(after) {
        for kappa in CURVATURES {
            let length = hours[last] - hours[from];
            let far = |t: f64| bend(kappa, (t - hours[from]) / length);
            found.extend(fit(from, kappa, hours.iter().map(|t| far(*t)), values));
        }
    }
    found
}

fn fit(from: usize, kappa: f64, far: impl Iterator<Item = f64>, values: &[f64]) -> Option<Fit> {
    let far: Vec<f64> = far.collect();
    let (mid, center) = (mean(&far), mean(values));
    let width: f64 = far.iter().map(|x| (x - mid).powi(2)).sum();
    let both: f64 = far
        .iter()
        .zip(values)
        .map(|(x, y)| (x - mid) * (y - center))
        .sum();
    if width.is_nan() || width <= 0.0 {
        return None;
    }
    let b = both / width;
    let a = center - b * mid;
    let squares = far
        .iter()
        .zip(values)
        .map(|(x, y)| (y - a - b * x).powi(2))
        .sum();
    Some(Fit {
        from,
        kappa,
        a,
        b,
        squares,
        mid,
        width,
    })
}

/// For how many independent blocks the blocks count.
#[allow(clippy::cast_precision_loss, reason = "counts")]
fn counted(best: &Fit, hours: &[f64], values: &[f64]) -> f64 {
    let length = hours[hours.len() - 1] - hours[best.from];
    let off: Vec<f64> = hours
        .iter()
        .zip(values)
        .map(|(t, y)| y - best.at((t - hours[best.from]) / length))
        .collect();
    let own: f64 = off.iter().map(|o| o * o).sum();
    let next: f64 = off.windows(2).map(|w| w[0] * w[1]).sum();
    let rho = if own > 0.0 {
        (next / own).clamp(0.0, 0.95)
    } else {
        0.0
    };
    (values.len() as f64 * (1.0 - rho) / (1.0 + rho)).max(6.0)
}

/// How far off the method was on this very drift, in the logarithm of the time.
struct Off {
    /// What to correct the middle by.
    middle: f64,
    /// Half the width of the interval.
    width: f64,
    /// How far ahead it looked there, in hours.
    ahead_h: f64,
}

impl Off {
    /// Asks at moments of the drift when it will be where it is now.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places among some hundred blocks"
    )]
    fn of(
        hours: &[f64],
        values: &[f64],
        best: &Fit,
        config: &WearConfig,
    ) -> Result<Self, Withheld> {
        let (last, now) = (hours.len() - 1, best.at(1.0));
        let (mut off, mut ahead) = (Vec::new(), Vec::new());
        for share in ASKED_AT {
            let at = best.from + ((last - best.from) as f64 * share) as usize;
            let (hours, truth) = (&hours[..=at], hours[last] - hours[at]);
            let fits = fits(hours, &values[..=at], (config.min_blocks, LEAST_DRIFT));
            let Some(said) = middle_of(&fits, now, hours) else {
                continue;
            };
            off.push(
                (truth / said.max(truth * 0.01))
                    .ln()
                    .clamp(-MOST_OFF, MOST_OFF),
            );
            ahead.push(truth);
        }
        if off.len() < LEAST_ASKED {
            return Err(Withheld::NoTrend);
        }
        let middle = median(&off);
        let spread = variance(&off).sqrt();
        Ok(Self {
            middle: middle.clamp(-MOST_MOVED, MOST_MOVED),
            width: (SPREADS * spread).max(LEAST_WIDTH) + (middle.abs() - MOST_MOVED).max(0.0),
            ahead_h: mean(&ahead),
        })
    }
}

/// When the best fitting paths reach a level, by their weights; none where they lead away from it.
#[allow(clippy::cast_precision_loss, reason = "counts")]
fn middle_of(fits: &[Fit], level: f64, hours: &[f64]) -> Option<f64> {
    let squares = fits.iter().map(|f| f.squares).fold(f64::INFINITY, f64::min);
    let n = hours.len() as f64;
    let mut times: Vec<(f64, f64)> = fits
        .iter()
        .map(|fit| {
            let weight = (-0.5 * n * (fit.squares / squares.max(f64::MIN_POSITIVE)).ln()).exp();
            let length = hours[hours.len() - 1] - hours[fit.from];
            let share = unbend(fit.kappa, (level - fit.a) / fit.b);
            (((share - 1.0) * length).max(0.0), weight)
        })
        .filter(|(time, weight)| !time.is_nan() && *weight >= LEAST_WEIGHT)
        .collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = times.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    times.into_iter().find_map(|(time, weight)| {
        sum += weight;
        (sum >= total / 2.0).then_some(time)
    })
}

/// Remaining hours of the drawn paths, sorted; infinite where a path never comes there.
#[allow(clippy::cast_precision_loss, reason = "counts of draws")]
fn times(
    fits: &[Fit],
    best: &Fit,
    counted: f64,
    limit: f64,
    hours: &[f64],
    config: &WearConfig,
) -> Result<Vec<f64>, Withheld> {
    let least = best.squares.max(f64::MIN_POSITIVE);
    let weigh = |fit: &Fit| (-0.5 * counted * (fit.squares.max(least) / least).ln()).exp();
    let weighed: Vec<(f64, &Fit)> = fits
        .iter()
        .map(|fit| (weigh(fit), fit))
        .filter(|(weight, _)| *weight >= LEAST_WEIGHT)
        .collect();
    let total: f64 = weighed.iter().map(|(weight, _)| weight).sum();
    let mut random = Random::new(config.seed);
    let mut times = Vec::with_capacity(config.draws);
    let (mut place, mut below) = (0, weighed[0].0);
    let mut away = 0;
    for draw in 0..config.draws.max(1) {
        // The fits are taken in turn by their weights; only the paths are drawn.
        let wanted = (draw as f64 + 0.5) / config.draws as f64 * total;
        while below < wanted && place + 1 < weighed.len() {
            place += 1;
            below += weighed[place].0;
        }
        let fit = weighed[place].1;
        let deviation = (fit.squares / hours.len() as f64 * counted / (counted - 3.0)).sqrt();
        let scale = (hours.len() as f64 / counted).sqrt();
        let b = fit.b + random.normal() * deviation * scale / fit.width.sqrt();
        let center = fit.a + fit.b * fit.mid + random.normal() * deviation / counted.sqrt();
        let a = center - b * fit.mid;
        let reached = limit + random.normal() * deviation;
        let up = limit > fit.a;
        if (b > 0.0) != up {
            away += 1;
        }
        let length = hours[hours.len() - 1] - hours[fit.from];
        let share = if (b > 0.0) == up {
            unbend(fit.kappa, ((reached - a) / b).max(0.0))
        } else {
            f64::INFINITY
        };
        times.push(((share - 1.0) * length).max(0.0));
    }
    if away as f64 > (1.0 - config.level) / 2.0 * config.draws as f64 {
        return Err(Withheld::NoTrend);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Rows every hour: usual 2, from `begin` on a path to 7 after `whole` hours, seen until `seen` of it.
    fn path(
        seed: u64,
        begin: i64,
        whole: f64,
        seen: f64,
        shape: impl Fn(f64) -> f64,
    ) -> Vec<(Timestamp, f64)> {
        let mut random = Random::new(seed);
        let mut slow = 0.0;
        let end = begin + (whole * seen) as i64;
        (0..end)
            .map(|hour| {
                slow = 0.8 * slow + 0.06 * random.normal();
                let gone = ((hour - begin) as f64 / whole).max(0.0);
                (
                    Timestamp(hour * HOUR),
                    2.0 + 5.0 * shape(gone) + slow + 0.1 * random.normal(),
                )
            })
            .collect()
    }

    fn held(shape: impl Fn(f64) -> f64 + Copy) -> (usize, usize, f64) {
        let (mut inside, mut all, mut off) = (0, 0, 0.0);
        for seed in 0..60 {
            for seen in [0.6, 0.75, 0.9] {
                let rows = path(seed, 700, 900.0, seen, shape);
                let Ok(found) = wear(&rows, 7.0, &WearConfig::default()) else {
                    continue;
                };
                let truth = 900.0 * (1.0 - seen);
                all += 1;
                off += (found.expected_h - truth).abs() / truth;
                inside += usize::from(
                    found.low_h <= truth && found.high_h.is_none_or(|high| truth <= high),
                );
            }
        }
        (inside, all, off / all as f64)
    }

    #[test]
    fn a_steady_drift_reaches_its_limit_when_it_says() {
        let (inside, all, off) = held(|gone| gone);
        assert!(all > 150, "{all}");
        assert!(inside * 100 >= all * 85, "{inside} of {all}");
        assert!(off < 0.25, "{off}");
    }

    #[test]
    fn one_that_grows_faster_and_faster_too() {
        let (inside, all, off) = held(|gone| (4.0 * gone).exp_m1() / 4.0_f64.exp_m1());
        assert!(all > 100, "{all}");
        assert!(inside * 100 >= all * 80, "{inside} of {all}");
        assert!(off < 0.5, "{off}");
    }

    #[test]
    fn what_does_not_drift_or_drifts_away_says_nothing() {
        let config = WearConfig::default();
        for seed in 0..40 {
            let flat = path(seed, 700, 900.0, 0.9, |_| 0.0);
            assert!(
                matches!(
                    wear(&flat, 7.0, &config),
                    Err(Withheld::NoTrend | Withheld::TooFar)
                ),
                "{seed}"
            );
            let away = path(seed, 700, 900.0, 0.9, |gone| -0.2 * gone);
            assert!(wear(&away, 7.0, &config).is_err(), "{seed}");
            let falling = path(seed, 700, 900.0, 0.8, |gone| -gone);
            assert!(wear(&falling, -3.0, &config).is_ok(), "{seed}");
        }
        let short = path(1, 10, 20.0, 1.0, |gone| gone);
        assert_eq!(
            wear(&short, 7.0, &config),
            Err(Withheld::NotEnoughData { have: 30, need: 40 })
        );
        assert!(matches!(
            wear(&[], 7.0, &config),
            Err(Withheld::NotEnoughData { have: 0, .. })
        ));
    }

    #[test]
    fn a_limit_far_ahead_is_not_guessed_at_and_one_that_was_passed_is_there() {
        let config = WearConfig::default();
        let rows = path(3, 700, 900.0, 0.8, |gone| gone);
        assert_eq!(wear(&rows, 60.0, &config), Err(Withheld::TooFar));
        let passed = wear(&rows, 4.0, &config).unwrap();
        assert!(
            passed.expected_h == 0.0 && passed.high_h == Some(0.0),
            "{passed:?}"
        );
    }

    #[test]
    fn a_limit_that_is_passed_is_reached_since_then() {
        let minute = |k: usize| Timestamp(k as i64 * 60_000);
        // Ten minutes of a rise over the limit: too short for any drift, and plainly beyond it.
        let rows: Vec<_> = (0..200)
            .map(|k| {
                (
                    minute(k),
                    if k < 190 {
                        2.0
                    } else {
                        5.1 + 0.05 * (k - 190) as f64
                    },
                )
            })
            .collect();
        let found = reached(&rows, 5.0, true).unwrap();
        assert_eq!((found.since, found.until), (minute(190), minute(199)));
        assert_eq!((found.rows, found.usual), (10, 2.0));
        assert!((found.now - 5.475).abs() < 1e-9, "{found:?}");
        assert_eq!(reached(&rows, 5.6, true), None);
        // Low limits mirror high ones.
        let mirrored: Vec<_> = rows.iter().map(|(t, v)| (*t, -v)).collect();
        assert_eq!(reached(&mirrored, -5.0, false).unwrap().since, minute(190));
        // One spike is no limit reached, and one row inside doesn't end the stay.
        let mut spike: Vec<_> = rows[..190].to_vec();
        spike[189].1 = 9.0;
        assert_eq!(reached(&spike, 5.0, true), None);
        let mut dip = rows.clone();
        dip[195].1 = 4.0;
        assert_eq!(reached(&dip, 5.0, true).unwrap().since, minute(190));
        // What came back is over; what was beyond all the time is since the first row known.
        assert_eq!(
            reached(&[&rows[..], &rows[..190]].concat(), 5.0, true),
            None
        );
        assert_eq!(reached(&rows[190..], 5.0, true).unwrap().since, minute(190));
        assert_eq!(reached(&rows[197..], 5.0, true), None);
    }

    #[test]
    fn the_same_rows_give_the_same_answer() {
        let rows = path(5, 700, 900.0, 0.8, |gone| gone);
        let config = WearConfig::default();
        assert_eq!(wear(&rows, 7.0, &config), wear(&rows, 7.0, &config));
    }
}
