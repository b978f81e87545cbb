//! Operating regimes: the few ways a machine is run (speed, load, product), found in its own history.
//! What is usual differs between them, so each gets a baseline of its own, and a way it never ran in
//! training is "outside experience", not an anomaly.
//!
//! Seeded k-means++ (Arthur and Vassilvitskii, 2007) for 1 … `max_modes` groups; the number is the one
//! with the smallest Bayesian information criterion of independent normal groups (Schwarz, 1978),
//! where no group is narrower than the resolution of its signals.

use serde::{Deserialize, Serialize};

use crate::{card::Withheld, num::Random};

/// How regimes are looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ModesConfig {
    /// Most regimes.
    pub max_modes: usize,
    /// Smallest share of the rows that makes a regime.
    pub min_share: f64,
    /// Fewest rows to look for regimes at all.
    pub min_rows: usize,
    /// Starts per number of groups.
    pub restarts: usize,
    /// Rounds of each start.
    pub rounds: usize,
    /// A row farther from its regime than this many widths is outside experience.
    pub reach: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for ModesConfig {
    fn default() -> Self {
        Self {
            max_modes: 8,
            min_share: 0.02,
            min_rows: 60,
            restarts: 4,
            rounds: 50,
            reach: 6.0,
            seed: 1,
        }
    }
}

/// One regime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Its usual place, in the signals' units.
    pub center: Vec<f64>,
    /// Its width, in the signals' units, never below the resolution.
    pub width: Vec<f64>,
    /// Share of the training rows, 0–1.
    pub share: f64,
}

impl Mode {
    /// Root of the mean squared deviation, in widths.
    #[allow(clippy::cast_precision_loss)]
    fn distance(&self, row: &[f64]) -> f64 {
        let sum: f64 = row
            .iter()
            .zip(self.center.iter().zip(&self.width))
            .map(|(v, (c, w))| ((v - c) / w).powi(2))
            .sum();
        (sum / self.center.len().max(1) as f64).sqrt()
    }
}

/// The regimes of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Modes {
    /// Regimes, the most frequent first.
    pub modes: Vec<Mode>,
    /// Distance in widths from which a row is outside experience.
    pub reach: f64,
}

impl Modes {
    /// The only regime of a machine whose operation nothing describes.
    #[must_use]
    pub fn single() -> Self {
        let mode = Mode {
            center: Vec::new(),
            width: Vec::new(),
            share: 1.0,
        };
        Self {
            modes: vec![mode],
            // Not infinity: JSON has no word for it.
            reach: f64::MAX,
        }
    }

    /// Learns the regimes from rows of the signals that tell how the machine is run. `resolution` is,
    /// per signal, the smallest difference that matters.
    ///
    /// # Errors
    /// When there are too few complete rows or the widths differ.
    pub fn learn(
        rows: &[Vec<f64>],
        resolution: &[f64],
        config: &ModesConfig,
    ) -> Result<Self, Withheld> {
        let width = resolution.len();
        if width == 0 {
            return Ok(Self::single());
        }
        if rows.iter().any(|r| r.len() != width)
            || resolution.iter().any(|r| !r.is_finite() || *r <= 0.0)
        {
            return Err(Withheld::BadInput);
        }
        let known: Vec<&[f64]> = rows
            .iter()
            .filter(|r| r.iter().all(|v| v.is_finite()))
            .map(Vec::as_slice)
            .collect();
        if known.len() < config.min_rows.max(1) {
            return Err(Withheld::NotEnoughData {
                have: count(known.len()),
                need: count(config.min_rows.max(1)),
            });
        }
        let mut random = Random::new(config.seed);
        let mut best: Option<(f64, Vec<Mode>)> = None;
        for k in 1..=config.max_modes.max(1) {
            for _ in 0..config.restarts.max(1) {
                let modes = grouped(&known, resolution, k, config.rounds, &mut random);
                if modes.len() < k || modes.iter().any(|m| m.share < config.min_share) {
                    continue;
                }
                let cost = criterion(&known, &modes);
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, modes));
                }
            }
        }
        let mut modes = best.map(|(_, modes)| modes).ok_or(Withheld::BadInput)?;
        modes.sort_by(|a, b| {
            b.share
                .total_cmp(&a.share)
                .then_with(|| a.center[0].total_cmp(&b.center[0]))
        });
        Ok(Self {
            modes,
            reach: config.reach,
        })
    }

    /// The regime of a row; `None` outside experience or when a value is missing.
    #[must_use]
    pub fn of(&self, row: &[f64]) -> Option<usize> {
        if row.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let (place, distance) = nearest(&self.modes, row)?;
        (distance <= self.reach).then_some(place)
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn nearest(modes: &[Mode], row: &[f64]) -> Option<(usize, f64)> {
    modes
        .iter()
        .map(|m| m.distance(row))
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

/// One run of k-means in units of the resolution; empty groups vanish.
#[allow(clippy::cast_precision_loss)]
fn grouped(
    rows: &[&[f64]],
    resolution: &[f64],
    k: usize,
    rounds: usize,
    random: &mut Random,
) -> Vec<Mode> {
    let mut centers = spread_out(rows, resolution, k, random);
    let mut own: Vec<usize> = Vec::new();
    for _ in 0..rounds.max(1) {
        let next: Vec<usize> = rows
            .iter()
            .map(|r| closest(&centers, r, resolution).0)
            .collect();
        if next == own {
            break;
        }
        own = next;
        for (place, center) in centers.iter_mut().enumerate() {
            let members = members(rows, &own, place);
            if !members.is_empty() {
                *center = (0..resolution.len())
                    .map(|j| mean_of(&members, j))
                    .collect();
            }
        }
    }
    (0..centers.len())
        .filter_map(|place| {
            let members = members(rows, &own, place);
            (!members.is_empty()).then(|| Mode {
                center: centers[place].clone(),
                width: resolution
                    .iter()
                    .enumerate()
                    .map(|(j, least)| spread_of(&members, j).max(*least))
                    .collect(),
                share: members.len() as f64 / rows.len() as f64,
            })
        })
        .collect()
}

fn members<'a>(rows: &[&'a [f64]], own: &[usize], place: usize) -> Vec<&'a [f64]> {
    rows.iter()
        .zip(own)
        .filter(|(_, o)| **o == place)
        .map(|(r, _)| *r)
        .collect()
}

#[allow(clippy::cast_precision_loss)]
fn mean_of(rows: &[&[f64]], j: usize) -> f64 {
    rows.iter().map(|r| r[j]).sum::<f64>() / rows.len().max(1) as f64
}

#[allow(clippy::cast_precision_loss)]
fn spread_of(rows: &[&[f64]], j: usize) -> f64 {
    let center = mean_of(rows, j);
    (rows.iter().map(|r| (r[j] - center).powi(2)).sum::<f64>() / rows.len().max(1) as f64).sqrt()
}

/// First centres far from each other: each is drawn with a chance that grows with the squared distance
/// to those before.
fn spread_out(rows: &[&[f64]], resolution: &[f64], k: usize, random: &mut Random) -> Vec<Vec<f64>> {
    let mut centers = vec![rows[random.below(rows.len())].to_vec()];
    while centers.len() < k {
        let far: Vec<f64> = rows
            .iter()
            .map(|r| closest(&centers, r, resolution).1)
            .collect();
        let mut left = random.unit() * far.iter().sum::<f64>();
        let drawn = far.iter().position(|d| {
            left -= d;
            left < 0.0
        });
        let Some(drawn) = drawn else { break };
        centers.push(rows[drawn].to_vec());
    }
    centers
}

fn closest(centers: &[Vec<f64>], row: &[f64], resolution: &[f64]) -> (usize, f64) {
    let distance = |center: &Vec<f64>| -> f64 {
        row.iter()
            .zip(center)
            .zip(resolution)
            .map(|((v, c), r)| ((v - c) / r).powi(2))
            .sum()
    };
    let mut best = (0, f64::INFINITY);
    for (place, center) in centers.iter().enumerate() {
        let d = distance(center);
        if d < best.1 {
            best = (place, d);
        }
    }
    best
}

/// −2 ln L + parameters · ln n of the groups as independent normal distributions.
#[allow(clippy::cast_precision_loss)]
fn criterion(rows: &[&[f64]], modes: &[Mode]) -> f64 {
    let logs: f64 = rows
        .iter()
        .map(|row| {
            modes
                .iter()
                .map(|m| {
                    let spread: f64 = m.width.iter().map(|w| w.ln()).sum();
                    let off = m.distance(row).powi(2) * m.center.len() as f64;
                    m.share.ln() - spread - off / 2.0
                })
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .sum();
    let width = modes.first().map_or(0, |m| m.center.len());
    (modes.len() * (2 * width + 1)) as f64 * (rows.len() as f64).ln() - 2.0 * logs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(centers: &[(f64, f64)], sigma: f64, each: usize) -> Vec<Vec<f64>> {
        let mut random = Random::new(5);
        (0..each * centers.len())
            .map(|i| {
                let (a, b) = centers[i % centers.len()];
                vec![a + sigma * random.normal(), b + sigma * random.normal()]
            })
            .collect()
    }

    #[test]
    fn finds_the_ways_a_machine_is_run_and_names_what_it_never_saw() {
        let rows = around(
            &[(1_000.0, 20.0), (1_500.0, 60.0), (3_000.0, 80.0)],
            3.0,
            200,
        );
        let modes = Modes::learn(&rows, &[10.0, 1.0], &ModesConfig::default()).unwrap();
        assert_eq!(modes.modes.len(), 3, "{modes:?}");
        let low = modes.of(&[1_002.0, 21.0]).unwrap();
        assert!((modes.modes[low].center[0] - 1_000.0).abs() < 1.0);
        assert_eq!(modes.of(&[2_200.0, 70.0]), None);
        assert_eq!(modes.of(&[f64::NAN, 70.0]), None);
    }

    #[test]
    fn noise_below_the_resolution_is_one_regime() {
        let rows = around(&[(1_000.0, 20.0)], 0.2, 500);
        let modes = Modes::learn(&rows, &[10.0, 1.0], &ModesConfig::default()).unwrap();
        assert_eq!(modes.modes.len(), 1);
        let wide = around(&[(1_000.0, 20.0)], 5.0, 500);
        assert_eq!(
            Modes::learn(&wide, &[1.0, 1.0], &ModesConfig::default())
                .unwrap()
                .modes
                .len(),
            1
        );
    }

    #[test]
    fn the_same_seed_finds_the_same_regimes() {
        let rows = around(&[(1.0, 2.0), (9.0, 4.0)], 1.0, 100);
        let learn = || Modes::learn(&rows, &[0.5, 0.5], &ModesConfig::default()).unwrap();
        let bytes = |m: &Modes| serde_json::to_vec(m).unwrap();
        assert_eq!(bytes(&learn()), bytes(&learn()));
    }

    #[test]
    fn says_when_there_is_too_little_or_nothing_to_tell_by() {
        let config = ModesConfig::default();
        let rows = around(&[(1.0, 2.0)], 1.0, 59);
        assert_eq!(
            Modes::learn(&rows, &[1.0, 1.0], &config),
            Err(Withheld::NotEnoughData { have: 59, need: 60 })
        );
        assert_eq!(
            Modes::learn(&rows, &[1.0], &config),
            Err(Withheld::BadInput)
        );
        assert_eq!(Modes::learn(&rows, &[], &config).unwrap().of(&[]), Some(0));
    }
}
