//! What is usual for all signals of one machine together, in one regime.
//!
//! *Deviation*: zⱼ = (xⱼ − centreⱼ)/σⱼ. *Residual*: the part of zⱼ that the other signals do not
//! explain. With the correlation matrix C and K = (C + λI)⁻¹ the ridge regression of signal j on all
//! others leaves rⱼ = (zK)ⱼ/Kⱼⱼ (Hoerl and Kennard, 1970, by the inverse of a partitioned matrix); it is
//! divided by its own deviation. *Memory*: residuals are averaged exponentially over several spans at
//! once (multivariate EWMA chart; Lowry, Woodall, Champ, Rigdon, 1992): one row shows a step, a long
//! average a slow drift. *Statistics* of each span: mean square and largest magnitude, each over its
//! limit; the anomaly is the largest of these.
//!
//! *Robust*: the first correlation is that of clipped deviations from median and MAD ("wrapping";
//! Raymaekers and Rousseeuw, 2021); rows far from it are left out and the moments are taken again until
//! the choice stays (concentration steps; Rousseeuw and Van Driessen, 1999), so that a minority of faulty
//! training rows teaches nothing. Only rows that stand apart are left out: a slow wander is no fault.

use serde::{Deserialize, Serialize};

use super::MultiConfig;
use crate::{
    card::Withheld,
    num::{Matrix, chi2_quantile, median, quantile, robust_sigma},
};

/// Deviations beyond which a first look doesn't believe a value.
const CLIP: f64 = 2.5;
/// Rounds that look only at the rows nearest to each other, and their share.
const CORE_ROUNDS: usize = 3;
const CORE: f64 = 0.6;
/// Most rounds of leaving out.
const ROUNDS: usize = 10;
/// A row this unlikely under what is usual is left out …
const UNLIKELY: f64 = 0.9999;
/// … where its squared distance is this many times that of the next nearer one.
const GAP: f64 = 1.5;

/// The baseline of one regime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    center: Vec<f64>,
    sigma: Vec<f64>,
    /// Centre when it was learned: updates can't creep away from it.
    anchor: Vec<f64>,
    /// Correlation of the deviations, followed by updates.
    correlation: Matrix,
    /// (C + λI)⁻¹.
    precision: Matrix,
    /// Deviation of each residual.
    residual: Vec<f64>,
    /// Deviation of each averaged residual, by span.
    averaged: Vec<Vec<f64>>,
    /// Limit of each statistic: mean square and largest of each span.
    limits: Vec<f64>,
    /// The limit of the largest share.
    whole: f64,
    pub(super) rows: usize,
}

/// Moments of rows, before limits.
struct Usual {
    center: Vec<f64>,
    sigma: Vec<f64>,
    correlation: Matrix,
    precision: Matrix,
    residual: Vec<f64>,
}

impl Usual {
    fn of(rows: &[&[f64]], floor: &[f64], ridge: f64) -> Result<Self, Withheld> {
        let width = floor.len();
        let column = |j: usize| rows.iter().map(|r| r[j]).collect::<Vec<f64>>();
        let center: Vec<f64> = (0..width).map(|j| crate::num::mean(&column(j))).collect();
        let sigma: Vec<f64> = (0..width)
            .map(|j| crate::num::variance(&column(j)).sqrt().max(floor[j]))
            .collect();
        let z: Vec<Vec<f64>> = rows
            .iter()
            .map(|r| deviations(r, &center, &sigma))
            .collect();
        let correlation = Matrix::moments(width, z.iter().map(Vec::as_slice));
        let precision = inverse(&correlation, ridge)?;
        let mut residual = vec![1.0; width];
        let all: Vec<Vec<f64>> = z
            .iter()
            .map(|z| residuals(&precision, &residual, z))
            .collect();
        for (j, sigma) in residual.iter_mut().enumerate() {
            let column: Vec<f64> = all.iter().map(|r| r[j]).collect();
            *sigma = crate::num::variance(&column).sqrt().max(1e-6);
        }
        Ok(Self {
            center,
            sigma,
            correlation,
            precision,
            residual,
        })
    }

    fn residuals(&self, row: &[f64]) -> Vec<f64> {
        residuals(
            &self.precision,
            &self.residual,
            &deviations(row, &self.center, &self.sigma),
        )
    }
}

fn inverse(correlation: &Matrix, ridge: f64) -> Result<Matrix, Withheld> {
    let mut regular = correlation.clone();
    regular.add_diagonal(ridge.max(1e-6));
    regular.inverse().map_err(|_| Withheld::BadInput)
}

/// Deviations of a row; a missing value counts as usual.
fn deviations(row: &[f64], center: &[f64], sigma: &[f64]) -> Vec<f64> {
    row.iter()
        .zip(center.iter().zip(sigma))
        .map(|(v, (c, s))| if v.is_finite() { (v - c) / s } else { 0.0 })
        .collect()
}

fn residuals(precision: &Matrix, sigma: &[f64], z: &[f64]) -> Vec<f64> {
    precision
        .times(z)
        .into_iter()
        .enumerate()
        .map(|(j, sum)| sum / precision.at(j, j) / sigma[j])
        .collect()
}

impl Part {
    /// Learns from complete rows in time order; also gives how many were left out as unlike the rest.
    pub(super) fn learn(rows: &[&[f64]], config: &MultiConfig) -> Result<(Self, usize), Withheld> {
        let floor = floors(rows, config);
        let kept = if config.trims {
            alike(rows, &floor, config)?
        } else {
            rows.to_vec()
        };
        let usual = Usual::of(&kept, &floor, config.ridge)?;
        let unseen = held_out(&kept, &floor, config)?;
        let spans = averages(&unseen, &config.spans);
        let averaged: Vec<Vec<f64>> = spans
            .iter()
            .zip(&config.spans)
            .map(|(rows, span)| spread(rows, *span))
            .collect();
        let skip = skipped(&config.spans, kept.len());
        let shares: Vec<Vec<f64>> = (0..kept.len())
            .map(|i| {
                statistics(
                    spans
                        .iter()
                        .zip(&averaged)
                        .map(|(rows, sigma)| (rows[i].as_slice(), sigma)),
                )
            })
            .skip(skip)
            .collect();
        let limits: Vec<f64> = (0..2 * spans.len())
            .map(|k| limit(shares.iter().map(|s| s[k]), config.quantile))
            .collect();
        let whole = limit(shares.iter().map(|s| largest(s, &limits)), config.quantile);
        let left_out = rows.len() - kept.len();
        let part = Self {
            anchor: usual.center.clone(),
            center: usual.center,
            sigma: usual.sigma,
            correlation: usual.correlation,
            precision: usual.precision,
            residual: usual.residual,
            averaged,
            limits,
            whole: whole * config.margin,
            rows: kept.len(),
        };
        Ok((part, left_out))
    }

    /// What the other signals do not explain of each, in its own deviations.
    pub(super) fn residuals(&self, row: &[f64]) -> Vec<f64> {
        residuals(
            &self.precision,
            &self.residual,
            &deviations(row, &self.center, &self.sigma),
        )
    }

    /// The anomaly of averaged residuals, 1 at the limit, and the span that says most.
    pub(super) fn anomaly(&self, spans: &[Vec<f64>]) -> (f64, usize) {
        let found = statistics(spans.iter().map(Vec::as_slice).zip(&self.averaged));
        let mut best = (0.0, 0);
        for (k, (value, limit)) in found.iter().zip(&self.limits).enumerate() {
            if value / limit > best.0 {
                best = (value / limit, k / 2);
            }
        }
        (best.0 / self.whole, best.1)
    }

    /// Averaged residuals of a span in their deviations.
    pub(super) fn scaled(&self, span: usize, averaged: &[f64]) -> Vec<f64> {
        averaged
            .iter()
            .zip(&self.averaged[span])
            .map(|(v, s)| v / s)
            .collect()
    }

    /// Follows a usual row at the pace `rate`, at most `reach` deviations from where it was learned.
    pub(super) fn follow(&mut self, row: &[f64], rate: f64, reach: f64) {
        let z = deviations(row, &self.center, &self.sigma);
        for (j, z) in z.iter().enumerate() {
            let (anchor, room) = (self.anchor[j], reach * self.sigma[j]);
            self.center[j] =
                (self.center[j] + rate * z * self.sigma[j]).clamp(anchor - room, anchor + room);
        }
        for i in 0..z.len() {
            for j in 0..z.len() {
                let old = self.correlation.at(i, j);
                self.correlation.set(i, j, old + rate * (z[i] * z[j] - old));
            }
        }
    }

    /// Takes what updates have taught into the regression.
    pub(super) fn refresh(&mut self, ridge: f64) -> Result<(), Withheld> {
        self.precision = inverse(&self.correlation, ridge)?;
        Ok(())
    }
}

/// Smallest deviation of each signal: a sensor's resolution must not make its last digit a catastrophe.
fn floors(rows: &[&[f64]], config: &MultiConfig) -> Vec<f64> {
    let width = rows.first().map_or(0, |r| r.len());
    (0..width)
        .map(|j| {
            let given = config.min_sigma.get(j).copied().unwrap_or(0.0);
            let largest = rows.iter().map(|r| r[j].abs()).fold(0.0, f64::max);
            given.max(largest * 1e-5).max(1e-9)
        })
        .collect()
}

/// The rows that are like most of the rows.
fn alike<'a>(
    rows: &[&'a [f64]],
    floor: &[f64],
    config: &MultiConfig,
) -> Result<Vec<&'a [f64]>, Withheld> {
    let width = floor.len();
    let column = |j: usize| rows.iter().map(|r| r[j]).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
    let center: Vec<f64> = columns.iter().map(|c| median(c)).collect();
    let sigma: Vec<f64> = columns
        .iter()
        .zip(floor)
        .map(|(c, floor)| {
            // More than half of the rows show the same value: the others are as usual as it is.
            let sigma = robust_sigma(c);
            if sigma > *floor {
                sigma
            } else {
                2.0 * crate::num::variance(c).sqrt().max(*floor)
            }
        })
        .collect();
    let clipped: Vec<Vec<f64>> = rows
        .iter()
        .map(|r| {
            deviations(r, &center, &sigma)
                .iter()
                .map(|z| z.clamp(-CLIP, CLIP))
                .collect()
        })
        .collect();
    let mut precision = inverse(
        &Matrix::moments(width, clipped.iter().map(Vec::as_slice)),
        config.ridge,
    )?;
    // The nearest rows of a signal of few values may all show the same one.
    let least: Vec<f64> = sigma.iter().map(|s| s * 0.5).collect();
    let (mut center, mut sigma) = (center, sigma);
    let mut kept: Vec<bool> = Vec::new();
    for round in 0..ROUNDS {
        let far: Vec<f64> = rows
            .iter()
            .map(|r| square(&precision, &deviations(r, &center, &sigma)))
            .collect();
        #[allow(clippy::cast_precision_loss)]
        let degrees = width as f64;
        // The median row is where theory puts it, whatever the scale of the distances.
        let scale = median(&far) / chi2_quantile(degrees, 0.5);
        let reach = if round < CORE_ROUNDS {
            quantile(&far, CORE)
        } else {
            clear_gap(&far, scale * chi2_quantile(degrees, UNLIKELY))
        };
        let next: Vec<bool> = far.iter().map(|d| *d <= reach).collect();
        if round > CORE_ROUNDS && next == kept {
            break;
        }
        kept = next;
        let usual = Usual::of(&chosen(rows, &kept), &least, config.ridge)?;
        (center, sigma, precision) = (usual.center, usual.sigma, usual.precision);
    }
    let kept = chosen(rows, &kept);
    // What only a minority of the rows shows can't be told from a fault.
    if kept.len() < config.min_rows || 2 * kept.len() < rows.len() {
        return Err(super::too_few(
            kept.len(),
            config.min_rows.max(rows.len() / 2 + 1),
        ));
    }
    Ok(kept)
}

/// The reach, extended over rows that follow without a gap: a signal that wanders slowly leaves the middle
/// of its range without being faulty, a faulty one stands apart.
fn clear_gap(far: &[f64], reach: f64) -> f64 {
    let mut beyond: Vec<f64> = far.iter().copied().filter(|d| *d > reach).collect();
    beyond.sort_by(f64::total_cmp);
    beyond
        .iter()
        .fold((reach, true), |(reach, goes_on), d| {
            let is_near = goes_on && *d <= reach * GAP;
            (if is_near { *d } else { reach }, is_near)
        })
        .0
}

fn chosen<'a>(rows: &[&'a [f64]], kept: &[bool]) -> Vec<&'a [f64]> {
    rows.iter()
        .zip(kept)
        .filter(|(_, k)| **k)
        .map(|(r, _)| *r)
        .collect()
}

fn square(precision: &Matrix, z: &[f64]) -> f64 {
    precision.times(z).iter().zip(z).map(|(a, b)| a * b).sum()
}

/// Residuals of every row by a baseline that was learned without its part of the time, so that the
/// limits hold for new data and not only for what was learned by heart.
fn held_out(
    rows: &[&[f64]],
    floor: &[f64],
    config: &MultiConfig,
) -> Result<Vec<Vec<f64>>, Withheld> {
    let folds = config.folds.clamp(2, rows.len().max(2));
    let mut out = Vec::with_capacity(rows.len());
    for fold in 0..folds {
        let (from, to) = (fold * rows.len() / folds, (fold + 1) * rows.len() / folds);
        let rest: Vec<&[f64]> = rows[..from].iter().chain(&rows[to..]).copied().collect();
        let usual = Usual::of(&rest, floor, config.ridge)?;
        out.extend(rows[from..to].iter().map(|r| usual.residuals(r)));
    }
    Ok(out)
}

/// Share of the newest row in an exponential average of that span.
pub(super) fn newest(span: u32) -> f64 {
    2.0 / (f64::from(span.max(1)) + 1.0)
}

/// Averages of rows over each span.
fn averages(rows: &[Vec<f64>], spans: &[u32]) -> Vec<Vec<Vec<f64>>> {
    spans
        .iter()
        .map(|span| {
            let mut state = vec![0.0; rows.first().map_or(0, Vec::len)];
            rows.iter()
                .map(|row| {
                    super::average(&mut state, row, newest(*span));
                    state.clone()
                })
                .collect()
        })
        .collect()
}

/// Rows until the longest average has forgotten its start; never most of them.
fn skipped(spans: &[u32], rows: usize) -> usize {
    (spans.iter().copied().max().unwrap_or(0) as usize).min(rows / 4)
}

/// Root mean square of each column.
#[allow(clippy::cast_precision_loss)]
fn spread(rows: &[Vec<f64>], span: u32) -> Vec<f64> {
    let rows = &rows[(span as usize).min(rows.len() / 4)..];
    (0..rows.first().map_or(0, Vec::len))
        .map(|j| {
            (rows.iter().map(|r| r[j].powi(2)).sum::<f64>() / rows.len() as f64)
                .sqrt()
                .max(1e-6)
        })
        .collect()
}

/// Root mean square and largest magnitude of each span.
#[allow(clippy::cast_precision_loss)]
fn statistics<'a>(spans: impl Iterator<Item = (&'a [f64], &'a Vec<f64>)>) -> Vec<f64> {
    let mut out = Vec::new();
    for (averaged, sigma) in spans {
        let (mut sum, mut most) = (0.0, 0.0_f64);
        for (v, s) in averaged.iter().zip(sigma) {
            let u = (v / s).abs();
            sum += u * u;
            most = most.max(u);
        }
        out.push((sum / averaged.len().max(1) as f64).sqrt());
        out.push(most);
    }
    out
}

fn largest(shares: &[f64], limits: &[f64]) -> f64 {
    shares
        .iter()
        .zip(limits)
        .map(|(s, l)| s / l)
        .fold(0.0, f64::max)
}

fn limit(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    quantile(&values.collect::<Vec<_>>(), share).max(1e-9)
}
