//! How good a model's answers were: counts of right and wrong alarms, ranking of probabilities and
//! their calibration, coverage of intervals. What a back-test and the benches print.

use serde::{Deserialize, Serialize};

/// Answers counted against the truth, sample by sample. No answer is moved to its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Alarm, and it was one.
    pub hits: u64,
    /// Alarm without a reason.
    pub false_alarms: u64,
    /// A reason without an alarm.
    pub misses: u64,
    /// Silence, and rightly.
    pub quiet: u64,
}

impl Confusion {
    /// Counts one sample.
    pub const fn add(&mut self, is_true: bool, is_alarm: bool) {
        match (is_true, is_alarm) {
            (true, true) => self.hits += 1,
            (false, true) => self.false_alarms += 1,
            (true, false) => self.misses += 1,
            (false, false) => self.quiet += 1,
        }
    }

    /// Counts pairs of truth and answer.
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut out = Self::default();
        for (is_true, is_alarm) in pairs {
            out.add(is_true, is_alarm);
        }
        out
    }

    /// Both counts together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            false_alarms: self.false_alarms + other.false_alarms,
            misses: self.misses + other.misses,
            quiet: self.quiet + other.quiet,
        }
    }

    /// F1 = hits / (hits + (false alarms + misses) / 2), 0–1.
    #[must_use]
    pub fn f1(&self) -> f64 {
        ratio(
            2 * self.hits,
            2 * self.hits + self.false_alarms + self.misses,
        )
    }

    /// Share of the quiet samples that raised an alarm, 0–1.
    #[must_use]
    pub fn false_alarm_rate(&self) -> f64 {
        ratio(self.false_alarms, self.false_alarms + self.quiet)
    }

    /// Share of the true samples without an alarm, 0–1.
    #[must_use]
    pub fn missed_rate(&self) -> f64 {
        ratio(self.misses, self.misses + self.hits)
    }

    /// Matthews' correlation, −1 to 1; 0 where it is not defined.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn mcc(&self) -> f64 {
        let [tp, fp, miss, tn] =
            [self.hits, self.false_alarms, self.misses, self.quiet].map(|n| n as f64);
        let scale = ((tp + fp) * (tp + miss) * (tn + fp) * (tn + miss)).sqrt();
        if scale > 0.0 {
            (tp * tn - fp * miss) / scale
        } else {
            0.0
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Average precision: Σ (recallₙ − recallₙ₋₁)·precisionₙ over falling scores; samples of one score
/// count together. 0 without a true sample.
#[must_use]
pub fn average_precision(scored: &[(f64, bool)]) -> f64 {
    let whole = scored.iter().filter(|(_, t)| *t).count() as u64;
    let (mut hits, mut seen, mut sum) = (0u64, 0u64, 0.0);
    for group in falling(scored) {
        let found = group.iter().filter(|(_, t)| *t).count() as u64;
        hits += found;
        seen += group.len() as u64;
        sum += ratio(found, whole) * ratio(hits, seen);
    }
    sum
}

/// Area under the receiver operating characteristic; a half where it is not defined.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn auroc(scored: &[(f64, bool)]) -> f64 {
    let whole = scored.iter().filter(|(_, t)| *t).count();
    let others = scored.len() - whole;
    if whole == 0 || others == 0 {
        return 0.5;
    }
    let (mut hits, mut area) = (0usize, 0.0);
    for group in falling(scored) {
        let found = group.iter().filter(|(_, t)| *t).count();
        area += (group.len() - found) as f64 * (hits as f64 + found as f64 / 2.0);
        hits += found;
    }
    area / (whole as f64 * others as f64)
}

/// Groups of one score, the highest first.
fn falling(scored: &[(f64, bool)]) -> Vec<Vec<(f64, bool)>> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    sorted
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(<[_]>::to_vec)
        .collect()
}

/// Mean squared distance of probabilities from what happened (Brier, 1950).
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn brier(scored: &[(f64, bool)]) -> f64 {
    let sum: f64 = scored
        .iter()
        .map(|(p, t)| (p - f64::from(u8::from(*t))).powi(2))
        .sum();
    sum / scored.len().max(1) as f64
}

/// One row of a reliability table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityRow {
    /// Lower end of the probabilities in it.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Predictions.
    pub count: u64,
    /// Their mean probability.
    pub predicted: f64,
    /// Share of them that came true.
    pub observed: f64,
    /// 90 % interval of that share (Wilson, 1927).
    pub observed_low: f64,
    /// Its upper end.
    pub observed_high: f64,
}

/// Probabilities in equal bins beside what happened; empty bins are left out.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn reliability(scored: &[(f64, bool)], bins: usize) -> Vec<ReliabilityRow> {
    let bins = bins.max(1);
    let mut found = vec![(0u64, 0u64, 0.0); bins];
    for (p, is_true) in scored {
        let bin = ((p.clamp(0.0, 1.0) * bins as f64) as usize).min(bins - 1);
        let cell = &mut found[bin];
        cell.0 += 1;
        cell.1 += u64::from(*is_true);
        cell.2 += p;
    }
    let width = 1.0 / bins as f64;
    found
        .iter()
        .enumerate()
        .filter(|(_, (count, _, _))| *count > 0)
        .map(|(bin, (count, came_true, sum))| {
            let (observed_low, observed_high) = wilson(*came_true, *count);
            ReliabilityRow {
                from: bin as f64 * width,
                to: (bin + 1) as f64 * width,
                count: *count,
                predicted: sum / *count as f64,
                observed: ratio(*came_true, *count),
                observed_low,
                observed_high,
            }
        })
        .collect()
}

/// Probabilities in groups of as many each, by rank, beside what happened: for probabilities that crowd
/// together, as those of rare failures do. Equal ones stay together.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn reliability_by_rank(scored: &[(f64, bool)], groups: usize) -> Vec<ReliabilityRow> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let groups = groups.max(1);
    let mut found = Vec::new();
    let mut from = 0;
    for group in 1..=groups {
        let mut to = (group * sorted.len() / groups).max(from);
        while to > from && to < sorted.len() && sorted[to].0 <= sorted[to - 1].0 {
            to += 1;
        }
        let part = &sorted[from..to];
        from = to;
        let (Some(first), Some(last)) = (part.first(), part.last()) else {
            continue;
        };
        let count = part.len() as u64;
        let came_true = part.iter().filter(|(_, t)| *t).count() as u64;
        let (observed_low, observed_high) = wilson(came_true, count);
        found.push(ReliabilityRow {
            from: first.0,
            to: last.0,
            count,
            predicted: part.iter().map(|(p, _)| p).sum::<f64>() / count as f64,
            observed: ratio(came_true, count),
            observed_low,
            observed_high,
        });
    }
    found
}

/// 90 % interval of a share by Wilson's score.
#[allow(clippy::cast_precision_loss)]
fn wilson(part: u64, whole: u64) -> (f64, f64) {
    const Z: f64 = 1.644_853_626_951_472;
    let n = whole.max(1) as f64;
    let share = part as f64 / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Expected calibration error: mean distance between predicted and observed over the bins, by count.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn calibration_error(scored: &[(f64, bool)], bins: usize) -> f64 {
    let sum: f64 = reliability(scored, bins)
        .iter()
        .map(|r| r.count as f64 * (r.predicted - r.observed).abs())
        .sum();
    sum / scored.len().max(1) as f64
}

/// Share of the truths that lie in their interval, ends included.
#[must_use]
pub fn coverage(intervals: &[(f64, f64)], truths: &[f64]) -> f64 {
    let inside = intervals
        .iter()
        .zip(truths)
        .filter(|((low, high), t)| low <= *t && *t <= high)
        .count();
    ratio(inside as u64, intervals.len().min(truths.len()) as u64)
}

/// Root of the mean squared error.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn rmse(predicted: &[f64], truths: &[f64]) -> f64 {
    let sum: f64 = predicted
        .iter()
        .zip(truths)
        .map(|(p, t)| (p - t).powi(2))
        .sum();
    (sum / predicted.len().min(truths.len()).max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(have: f64, want: f64) {
        assert!((have - want).abs() < 1e-9, "{have} instead of {want}");
    }

    #[test]
    fn counts_become_the_usual_rates() {
        let pairs = [
            (true, true),
            (true, false),
            (false, true),
            (false, false),
            (true, true),
        ];
        let c = Confusion::of(pairs);
        assert_eq!((c.hits, c.misses, c.false_alarms, c.quiet), (2, 1, 1, 1));
        near(c.f1(), 2.0 / 3.0);
        near(c.false_alarm_rate(), 0.5);
        near(c.missed_rate(), 1.0 / 3.0);
        near(c.mcc(), (2.0 - 1.0) / (3.0_f64 * 3.0 * 2.0 * 2.0).sqrt());
        near(Confusion::default().f1() + Confusion::default().mcc(), 0.0);
        assert_eq!(c.plus(c).hits, 4);
    }

    #[test]
    fn rankings_agree_with_a_hand_calculation() {
        let scored = [(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
        near(average_precision(&scored), 0.5 + 0.5 * 2.0 / 3.0);
        near(auroc(&scored), 0.75);
        // Equal scores carry no order.
        near(auroc(&[(0.5, true), (0.5, false)]), 0.5);
        near(average_precision(&[(0.5, true), (0.5, false)]), 0.5);
    }

    #[test]
    fn a_calibrated_forecast_has_no_error_and_a_boastful_one_has() {
        let calibrated: Vec<_> = (0..100).map(|i| (0.25, i % 4 == 0)).collect();
        near(calibration_error(&calibrated, 10), 0.0);
        near(brier(&calibrated), 0.1875);
        let boastful: Vec<_> = (0..100).map(|i| (0.95, i % 4 == 0)).collect();
        near(calibration_error(&boastful, 10), 0.70);
        let row = reliability(&calibrated, 10)[0];
        assert!(row.observed_low < 0.25 && row.observed_high > 0.25 && row.count == 100);
        assert_eq!(reliability(&[(1.0, true)], 10)[0].to, 1.0);
    }

    #[test]
    fn groups_by_rank_hold_as_many_each_and_split_no_equals() {
        let scored: Vec<_> = (0..40)
            .map(|i| (f64::from(i) / 1_000.0, i % 10 == 9))
            .collect();
        let rows = reliability_by_rank(&scored, 4);
        assert!(rows.iter().all(|r| r.count == 10));
        near(rows[3].predicted, 0.0345);
        near(rows[3].observed, 0.1);
        near(rows[0].to, 0.009);
        // Wilson at 1 of 10 and 90 %: by hand.
        assert!(
            (rows[0].observed_low - 0.022_635).abs() < 1e-6,
            "{:?}",
            rows[0]
        );
        assert!(
            (rows[0].observed_high - 0.347_719).abs() < 1e-6,
            "{:?}",
            rows[0]
        );
        let equal = vec![(0.2, true), (0.2, false), (0.2, false), (0.7, true)];
        let rows = reliability_by_rank(&equal, 4);
        assert_eq!(rows.iter().map(|r| r.count).collect::<Vec<_>>(), [3, 1]);
        assert!(reliability_by_rank(&[], 4).is_empty());
    }

    #[test]
    fn coverage_counts_both_ends() {
        near(coverage(&[(0.0, 1.0), (2.0, 3.0)], &[1.0, 4.0]), 0.5);
        near(rmse(&[1.0, 2.0], &[4.0, 2.0]), (4.5_f64).sqrt());
    }
}
