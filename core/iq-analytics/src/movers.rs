//! Which signals moved first, by the data alone. A disturbance that enters somewhere soon moves
//! everything connected with it, so size alone names the loudest victim. Three things are weighed:
//!
//! 1. *Own movement*: the part of a signal's deviation that the other signals do not explain by the way
//!    they usually move together (regression on the reference window, ridge-regularised). With the
//!    correlation matrix `C` and `K = (C + λI)⁻¹` the residual of signal j is `(zK)ⱼ / Kⱼⱼ`.
//! 2. *Onset*: when the signal left its usual level.
//! 3. *Topology*: a signal whose upstream neighbour left no later is discounted, once.
//!
//! Unit of every deviation: usual standard deviations.

use std::collections::{BTreeMap, BTreeSet};

/// How movers are ranked. One set for every plant and fault; `cargo xtask bench rootcause` prints how
/// the result depends on each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MoverConfig {
    /// λ of the regression.
    pub ridge: f64,
    /// Rows the movement is averaged over, ending at the row that is asked about.
    pub span: usize,
    /// Mean deviation from which a signal has left its usual level.
    pub leave_z: f64,
    /// Mean deviation down to which its onset is followed back.
    pub follow_z: f64,
    /// Rows an onset is followed back at most.
    pub look_back: usize,
    /// Factor on a signal that an upstream neighbour explains.
    pub explained: f64,
    /// Rows by which the upstream neighbour may come later and still explain it.
    pub lag: usize,
}

impl Default for MoverConfig {
    fn default() -> Self {
        Self {
            ridge: 0.03,
            span: 6,
            leave_z: 3.0,
            follow_z: 1.0,
            look_back: 60,
            explained: 0.5,
            lag: 2,
        }
    }
}

/// One signal on the common grid of rows; a row without a raw sample is `None`.
#[derive(Clone, Debug)]
pub struct Track {
    /// Quiet time.
    pub reference: Vec<Option<f64>>,
    /// Time that is asked about.
    pub window: Vec<Option<f64>>,
    /// Where it is measured: a node of the topology.
    pub node: usize,
}

/// A signal's share in what happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// Position of the track.
    pub track: usize,
    /// Row of the window in which it left.
    pub onset: usize,
    /// Mean deviation over the span, signed.
    pub effect: f64,
    /// Mean own movement over the span.
    pub own: f64,
    /// What it is ranked by.
    pub score: f64,
    /// Whether an upstream neighbour explains it.
    pub is_explained: bool,
}

/// What was usual for a set of signals together.
#[derive(Clone, Debug)]
pub struct Reference {
    center: Vec<f64>,
    sigma: Vec<f64>,
    /// The regularised inverse correlation matrix, by rows.
    precision: Vec<Vec<f64>>,
    /// Deviation of each signal's residual in the quiet time.
    residual: Vec<f64>,
}

impl Reference {
    /// Learns from the quiet time of the tracks. `None` when nothing can be learned.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::needless_range_loop)]
    pub fn learn(tracks: &[Track], config: &MoverConfig) -> Option<Self> {
        let rows = tracks.iter().map(|t| t.reference.len()).min()?;
        let p = tracks.len();
        let (center, sigma): (Vec<f64>, Vec<f64>) =
            tracks.iter().map(|t| moments(&t.reference)).unzip();
        let mut reference = Self {
            center,
            sigma,
            precision: Vec::new(),
            residual: vec![1.0; p],
        };
        let z: Vec<Vec<f64>> = (0..rows)
            .map(|row| reference.deviations(tracks.iter().map(|t| t.reference[row])))
            .collect();
        let mut c = vec![vec![0.0; p]; p];
        for row in &z {
            for i in 0..p {
                for j in 0..=i {
                    c[i][j] += row[i] * row[j];
                }
            }
        }
        for i in 0..p {
            for j in 0..=i {
                c[i][j] /= rows.max(1) as f64;
                c[j][i] = c[i][j];
            }
        }
        for (i, row) in c.iter_mut().enumerate() {
            row[i] += config.ridge;
        }
        reference.precision = inverse(c)?;
        let mut sums = vec![(0.0, 0.0); p];
        for row in &z {
            for (sum, r) in sums.iter_mut().zip(reference.residuals(row)) {
                sum.0 += r;
                sum.1 += r * r;
            }
        }
        let n = rows.max(1) as f64;
        reference.residual = sums
            .iter()
            .map(|(s, q)| (q / n - (s / n).powi(2)).max(1e-12).sqrt())
            .collect();
        Some(reference)
    }

    /// Deviations of a row; a missing value counts as usual.
    fn deviations(&self, values: impl Iterator<Item = Option<f64>>) -> Vec<f64> {
        values
            .zip(self.center.iter().zip(&self.sigma))
            .map(|(v, (c, s))| v.map_or(0.0, |v| (v - c) / s))
            .collect()
    }

    /// What the other signals do not explain, for each signal of a row.
    fn residuals(&self, z: &[f64]) -> Vec<f64> {
        self.precision
            .iter()
            .enumerate()
            .map(|(j, row)| {
                let sum: f64 = row.iter().zip(z).map(|(k, z)| k * z).sum();
                sum / row[j] / self.residual[j]
            })
            .collect()
    }

    /// Mean square of a row's deviations and of its residuals: two numbers that say how unusual it is.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn unusual(&self, values: impl Iterator<Item = Option<f64>>) -> (f64, f64) {
        let z = self.deviations(values);
        let mean = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>() / v.len().max(1) as f64;
        (mean(&z), mean(&self.residuals(&z)))
    }
}

#[allow(clippy::cast_precision_loss)]
fn moments(values: &[Option<f64>]) -> (f64, f64) {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let n = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / n;
    let square = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    // A signal that never moved has a deviation all the same.
    (mean, square.sqrt().max(mean.abs() * 1e-3).max(1e-9))
}

/// Gauss-Jordan with pivots; the matrix is symmetric and regularised. `None` when it is singular.
#[allow(clippy::needless_range_loop)]
fn inverse(mut a: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let n = a.len();
    let mut b: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|x, y| a[*x][column].abs().total_cmp(&a[*y][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        let scale = a[column][column];
        for k in 0..n {
            a[column][k] /= scale;
            b[column][k] /= scale;
        }
        for row in (0..n).filter(|r| *r != column) {
            let factor = a[row][column];
            if factor != 0.0 {
                for k in 0..n {
                    a[row][k] -= factor * a[column][k];
                    b[row][k] -= factor * b[column][k];
                }
            }
        }
    }
    Some(b)
}

/// All tracks, the likeliest origin first, as the window looked at row `at`. `upstream` gives the nodes
/// that feed a node.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn rank_movers(
    tracks: &[Track],
    reference: &Reference,
    upstream: &BTreeMap<usize, BTreeSet<usize>>,
    at: usize,
    config: &MoverConfig,
) -> Vec<Mover> {
    let last = tracks.iter().map(|t| t.window.len()).min().unwrap_or(0);
    if last == 0 {
        return Vec::new();
    }
    let at = at.min(last - 1);
    let from = at.saturating_sub(config.look_back);
    let z: Vec<Vec<f64>> = (from..=at)
        .map(|row| reference.deviations(tracks.iter().map(|t| t.window[row])))
        .collect();
    let span = &z[z.len().saturating_sub(config.span)..];
    let n = span.len() as f64;
    let own = span.iter().fold(vec![0.0; tracks.len()], |mut sum, row| {
        for (s, r) in sum.iter_mut().zip(reference.residuals(row)) {
            *s += r.abs() / n;
        }
        sum
    });
    let mut movers: Vec<Mover> = own
        .iter()
        .enumerate()
        .map(|(track, own)| {
            let column: Vec<f64> = z.iter().map(|row| row[track]).collect();
            Mover {
                track,
                onset: from + onset_row(&column, config),
                effect: span.iter().map(|row| row[track]).sum::<f64>() / n,
                own: *own,
                score: *own,
                is_explained: false,
            }
        })
        .collect();
    let left: Vec<(usize, usize)> = movers
        .iter()
        .filter(|m| m.own >= config.leave_z)
        .map(|m| (tracks[m.track].node, m.onset))
        .collect();
    for mover in &mut movers {
        let above = upstream.get(&tracks[mover.track].node);
        mover.is_explained = left.iter().any(|(node, onset)| {
            above.is_some_and(|a| a.contains(node)) && *onset <= mover.onset + config.lag
        });
        if mover.is_explained {
            mover.score *= config.explained;
        }
    }
    movers.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.track.cmp(&b.track)));
    movers
}

/// Follows a deviation back from the last row for as long as the mean of three rows stays on its side.
fn onset_row(z: &[f64], config: &MoverConfig) -> usize {
    let last = z.len().saturating_sub(1);
    let mean = |end: usize| z[end.saturating_sub(2)..=end].iter().sum::<f64>() / 3.0;
    let sign = mean(last).signum();
    let mut row = last;
    while row > 0 && sign * mean(row - 1) > config.follow_z {
        row -= 1;
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * step) % 17) as f64 / 8.0 - 1.0
    }

    /// A drives B and C through a shared swing; D stands alone.
    fn tracks(push: impl Fn(usize, usize) -> f64) -> Vec<Track> {
        (0..4)
            .map(|s| {
                let value = |i: usize| {
                    let shared = if s < 3 { 3.0 * wave(i, 5) } else { 0.0 };
                    shared + 0.3 * wave(i, 7 + 2 * s)
                };
                Track {
                    reference: (0..300).map(|i| Some(value(i))).collect(),
                    window: (0..60).map(|i| Some(value(i + 300) + push(s, i))).collect(),
                    node: s,
                }
            })
            .collect()
    }

    fn ranked(push: impl Fn(usize, usize) -> f64, upstream: &[(usize, usize)]) -> Vec<Mover> {
        let config = MoverConfig::default();
        let tracks = tracks(push);
        let reference = Reference::learn(&tracks, &config).unwrap();
        let mut graph: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (from, to) in upstream {
            graph.entry(*to).or_default().insert(*from);
        }
        rank_movers(&tracks, &reference, &graph, 50, &config)
    }

    #[test]
    fn the_signal_that_moves_by_itself_comes_before_louder_companions() {
        // All three swing by much more than usual together; only D leaves by itself.
        let found = ranked(
            |s, i| match (s, i >= 40) {
                (0..=2, true) => 3.0,
                (3, true) => 2.5,
                _ => 0.0,
            },
            &[],
        )[0];
        assert_eq!(found.track, 3, "{found:?}");
        assert!((38..=43).contains(&found.onset), "{found:?}");
    }

    #[test]
    fn what_an_upstream_neighbour_explains_steps_back() {
        let push = |s: usize, i: usize| match (s, i >= 40) {
            (3, true) => 2.0,
            (0, true) => 4.0,
            _ => 0.0,
        };
        let of = |movers: &[Mover]| *movers.iter().find(|m| m.track == 0).unwrap();
        let (free, fed) = (of(&ranked(push, &[])), of(&ranked(push, &[(3, 0)])));
        assert!(!free.is_explained && fed.is_explained, "{fed:?}");
        assert!((fed.score - 0.5 * free.score).abs() < 1e-9);
        // The other way round nothing is explained: D left as early, but does not stand upstream.
        assert!(!of(&ranked(push, &[(0, 3)])).is_explained);
    }

    #[test]
    fn nothing_to_learn_from_is_no_reference() {
        assert!(Reference::learn(&[], &MoverConfig::default()).is_none());
    }
}
