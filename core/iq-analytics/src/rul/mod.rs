//! Remaining useful life: how many rows (cycles, hours) a machine of a family has left, learned from
//! lives that ended, with a 90 % interval, and withheld where it can't be supported.
//!
//! *Target*: min(remaining life, horizon). Far from the end nothing has worn yet, so a machine there is
//! only known to last longer than the horizon (Heimes, "Recurrent neural networks for remaining useful
//! life estimation", PHM 2008). *Model*: the mean of boosted trees on features of the life so far, each
//! signal in deviations of its operating regime. *Interval*: cross-conformal (Vovk, 2015) with the lives,
//! not the rows, as folds: the 5 % and 95 % quantiles of truth minus prediction on lives the model has not
//! seen, by the height of the prediction (Mondrian categories; Vovk, Lindsay, Nouretdinov, Gammerman,
//! 2003), because the end is easier to tell than the middle.

mod features;
#[cfg(test)]
mod tests;
pub mod wear;

use serde::{Deserialize, Serialize};

use self::features::features;
use crate::{
    boost::{BoostConfig, Boosted, Target},
    card::{ModelCard, Withheld},
    modes::{Modes, ModesConfig},
    num::{Random, mean, quantile, variance},
};

/// Name and version of the method.
const METHOD: &str = "boosted-life/1";

/// How a model of lives is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct RulConfig {
    /// Remaining life beyond which only "longer than this" is said, in rows.
    pub horizon: f64,
    /// Ended lives that are needed.
    pub min_lives: usize,
    /// Rows of a life that are needed to say anything.
    pub min_rows: usize,
    /// Models whose mean is taken.
    pub bags: u64,
    /// Folds of the interval.
    pub folds: usize,
    /// Moments of each life the interval is made from.
    pub moments: usize,
    /// Share of the truths inside the interval.
    pub level: f64,
    /// Heights of prediction with intervals of their own.
    pub heights: usize,
    /// Trees.
    pub boost: BoostConfig,
    /// How operating regimes are found.
    pub modes: ModesConfig,
}

impl Default for RulConfig {
    fn default() -> Self {
        Self {
            horizon: 125.0,
            min_lives: 10,
            min_rows: 20,
            bags: 2,
            folds: 4,
            moments: 30,
            level: 0.9,
            heights: 6,
            boost: BoostConfig::default(),
            modes: ModesConfig::default(),
        }
    }
}

/// What a model of lives is learned from.
#[derive(Clone, Copy, Debug)]
pub struct Lives<'a> {
    /// Names of the signals.
    pub inputs: &'a [String],
    /// Each life from its start to its failure, rows in order.
    pub ended: &'a [Vec<Vec<f64>>],
    /// Positions of the signals that tell how the machine is run, with the smallest difference that
    /// matters.
    pub operating: &'a [(usize, f64)],
}

/// Centre and deviation of every signal in one regime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Usual {
    center: Vec<f64>,
    sigma: Vec<f64>,
}

/// Offsets of the interval up to a height of the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Band {
    up_to: f64,
    low: f64,
    high: f64,
}

/// A trained model of lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulModel {
    /// What it is and where it came from.
    pub card: ModelCard,
    horizon: f64,
    min_rows: u32,
    level: f64,
    modes: Modes,
    usual: Vec<Usual>,
    operating: Vec<usize>,
    /// Signals that vary, by position.
    varying: Vec<usize>,
    bags: Vec<Boosted>,
    bands: Vec<Band>,
}

/// A remaining life, in rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Expected, never above the horizon.
    pub expected: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; at the horizon it means "or longer".
    pub high: f64,
    /// Share of truths such intervals hold.
    pub level: f64,
    /// Whether the life may last beyond the horizon.
    pub is_open: bool,
}

fn too_few(have: usize, need: usize) -> Withheld {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Withheld::NotEnoughData {
        have: short(have),
        need: short(need),
    }
}

/// Features and target of every row, by life.
struct Prepared {
    features: Vec<Vec<Vec<f64>>>,
    targets: Vec<Vec<f64>>,
}

impl Prepared {
    fn boosted(
        &self,
        lives: &[usize],
        config: &RulConfig,
        bags: u64,
    ) -> Result<Vec<Boosted>, Withheld> {
        let rows: Vec<&[f64]> = lives
            .iter()
            .flat_map(|l| self.features[*l].iter().map(Vec::as_slice))
            .collect();
        let targets: Vec<f64> = lives
            .iter()
            .flat_map(|l| self.targets[*l].iter().copied())
            .collect();
        (0..bags.max(1))
            .map(|bag| {
                let boost = BoostConfig {
                    seed: config.boost.seed.wrapping_mul(1_000).wrapping_add(bag),
                    ..config.boost.clone()
                };
                Boosted::learn(&rows, &targets, Target::Number, &boost)
            })
            .collect()
    }
}

impl RulModel {
    /// Learns from lives that ended.
    ///
    /// # Errors
    /// When too few lives ended, nothing varies or widths differ.
    pub fn learn(lives: &Lives<'_>, config: &RulConfig) -> Result<Self, Withheld> {
        let width = lives.inputs.len();
        let rows: Vec<&Vec<f64>> = lives.ended.iter().flatten().collect();
        if width == 0
            || rows
                .iter()
                .any(|r| r.len() != width || r.iter().any(|v| !v.is_finite()))
            || lives.operating.iter().any(|(place, _)| *place >= width)
        {
            return Err(Withheld::BadInput);
        }
        let whole = lives
            .ended
            .iter()
            .filter(|l| l.len() > config.min_rows)
            .count();
        if whole < config.min_lives.max(2) {
            let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            return Err(Withheld::NotEnoughFailures {
                have: short(whole),
                need: short(config.min_lives.max(2)),
            });
        }
        let operating: Vec<usize> = lives.operating.iter().map(|(place, _)| *place).collect();
        let resolution: Vec<f64> = lives.operating.iter().map(|(_, least)| *least).collect();
        let run: Vec<Vec<f64>> = rows
            .iter()
            .map(|r| operating.iter().map(|p| r[*p]).collect())
            .collect();
        let modes = Modes::learn(&run, &resolution, &config.modes)?;
        let usual = usual_of(&rows, &run, &modes, width);
        let mut card = ModelCard::new(METHOD, config.boost.seed, lives.inputs);
        card.rows = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut model = Self {
            card,
            horizon: config.horizon,
            min_rows: u32::try_from(config.min_rows).unwrap_or(u32::MAX),
            level: config.level,
            varying: varying(&usual, &operating, width),
            modes,
            usual,
            operating,
            bags: Vec::new(),
            bands: Vec::new(),
        };
        if model.varying.is_empty() {
            return Err(Withheld::BadInput);
        }
        let prepared = model.prepare(lives.ended, config.horizon);
        let all: Vec<usize> = (0..lives.ended.len()).collect();
        model.bands = bands(&prepared, config)?;
        model.bags = prepared.boosted(&all, config, config.bags)?;
        Ok(model)
    }

    #[allow(clippy::cast_precision_loss)]
    fn prepare(&self, lives: &[Vec<Vec<f64>>], horizon: f64) -> Prepared {
        Prepared {
            features: lives
                .iter()
                .map(|life| features(&self.deviations(life)))
                .collect(),
            targets: lives
                .iter()
                .map(|l| {
                    (0..l.len())
                        .rev()
                        .map(|left| (left as f64).min(horizon))
                        .collect()
                })
                .collect(),
        }
    }

    /// Each row in deviations of its regime; a row outside experience counts as the nearest regime's
    /// usual, so that one odd row doesn't end a life.
    fn deviations(&self, life: &[Vec<f64>]) -> Vec<Vec<f64>> {
        life.iter()
            .map(|row| {
                let usual = self.regime(row).map(|mode| &self.usual[mode]);
                self.varying
                    .iter()
                    .map(|j| {
                        let z = usual.map_or(0.0, |u| (row[*j] - u.center[*j]) / u.sigma[*j]);
                        if z.is_finite() {
                            z.clamp(-20.0, 20.0)
                        } else {
                            0.0
                        }
                    })
                    .collect()
            })
            .collect()
    }

    fn regime(&self, row: &[f64]) -> Option<usize> {
        let run: Vec<f64> = self.operating.iter().map(|p| row[*p]).collect();
        self.modes.of(&run)
    }

    /// The remaining life after the last row of a life so far.
    ///
    /// # Errors
    /// When the life is too short, its rows have another width, or the machine runs as none of the
    /// training ever did.
    pub fn remaining(&self, life: &[Vec<f64>]) -> Result<Remaining, Withheld> {
        if life.iter().any(|r| r.len() != self.card.inputs.len()) {
            return Err(Withheld::BadInput);
        }
        if life.len() < self.min_rows as usize {
            return Err(too_few(life.len(), self.min_rows as usize));
        }
        let known = life.iter().filter(|row| self.regime(row).is_some()).count();
        let is_known_now = life.last().is_some_and(|row| self.regime(row).is_some());
        if !is_known_now || 10 * known < 9 * life.len() {
            return Err(Withheld::OutsideExperience);
        }
        let described = features(&self.deviations(life));
        let row = described.last().ok_or(Withheld::BadInput)?;
        Ok(self.around(expected(&self.bags, row, self.horizon)))
    }

    /// The same, but withheld while no wear shows: an interval that is open at its upper end and as wide
    /// as what is usual says nothing a calendar wouldn't.
    ///
    /// # Errors
    /// Those of [`Self::remaining`], and when no degradation shows yet.
    pub fn supported(&self, life: &[Vec<f64>]) -> Result<Remaining, Withheld> {
        let found = self.remaining(life)?;
        if found.expected > 0.9 * self.horizon {
            return Err(Withheld::NoTrend);
        }
        Ok(found)
    }

    fn around(&self, expected: f64) -> Remaining {
        let band = self
            .bands
            .iter()
            .find(|b| expected <= b.up_to)
            .or(self.bands.last());
        let (low, high) = band.map_or((0.0, self.horizon), |b| {
            (expected + b.low, expected + b.high)
        });
        let high = high.clamp(0.0, self.horizon);
        Remaining {
            expected,
            low: low.clamp(0.0, self.horizon).min(expected),
            high: high.max(expected),
            level: self.level,
            is_open: high >= self.horizon,
        }
    }
}

fn expected(bags: &[Boosted], row: &[f64], horizon: f64) -> f64 {
    mean(&bags.iter().map(|b| b.predict(row)).collect::<Vec<_>>()).clamp(0.0, horizon)
}

fn usual_of(rows: &[&Vec<f64>], run: &[Vec<f64>], modes: &Modes, width: usize) -> Vec<Usual> {
    let own: Vec<Option<usize>> = run.iter().map(|r| modes.of(r)).collect();
    (0..modes.modes.len())
        .map(|mode| {
            let members: Vec<&Vec<f64>> = rows
                .iter()
                .zip(&own)
                .filter(|(_, o)| **o == Some(mode))
                .map(|(r, _)| *r)
                .collect();
            let column = |j: usize| members.iter().map(|r| r[j]).collect::<Vec<f64>>();
            let center: Vec<f64> = (0..width).map(|j| mean(&column(j))).collect();
            let sigma = (0..width)
                .map(|j| {
                    let sigma = variance(&column(j)).sqrt();
                    // What never moves in a regime tells nothing there.
                    if sigma > 1e-6 * center[j].abs() + 1e-12 {
                        sigma
                    } else {
                        f64::MAX
                    }
                })
                .collect();
            Usual { center, sigma }
        })
        .collect()
}

fn varying(usual: &[Usual], operating: &[usize], width: usize) -> Vec<usize> {
    (0..width)
        .filter(|j| !operating.contains(j))
        .filter(|j| usual.iter().any(|u| u.sigma[*j] < f64::MAX))
        .collect()
}

/// Offsets of truth from prediction on lives the trees have not seen, by the height of the prediction.
/// Every life counts alike, whatever its length.
#[allow(clippy::cast_precision_loss)]
fn bands(prepared: &Prepared, config: &RulConfig) -> Result<Vec<Band>, Withheld> {
    let lives = prepared.features.len();
    let mut random = Random::new(config.boost.seed ^ 0x5EED);
    let mut order: Vec<usize> = (0..lives).collect();
    random.shuffle(&mut order);
    let folds = config.folds.clamp(2, lives);
    let mut seen: Vec<(f64, f64)> = Vec::new();
    for fold in 0..folds {
        let (out, rest): (Vec<usize>, Vec<usize>) = order
            .iter()
            .enumerate()
            .map(|(i, l)| (i % folds, *l))
            .fold((vec![], vec![]), |(mut a, mut b), (f, l)| {
                if f == fold {
                    a.push(l)
                } else {
                    b.push(l)
                }
                (a, b)
            });
        let bags = prepared.boosted(&rest, config, 1)?;
        for life in out {
            let rows = &prepared.features[life];
            if rows.len() <= config.min_rows {
                continue;
            }
            for _ in 0..config.moments.max(1) {
                let at = config.min_rows + random.below(rows.len() - config.min_rows);
                let found = expected(&bags, &rows[at], config.horizon);
                seen.push((found, prepared.targets[life][at] - found));
            }
        }
    }
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let heights = config.heights.clamp(1, (seen.len() / 40).max(1));
    let tail = (1.0 - config.level) / 2.0;
    Ok((0..heights)
        .map(|h| {
            let part = &seen[h * seen.len() / heights..(h + 1) * seen.len() / heights];
            let off: Vec<f64> = part.iter().map(|(_, off)| *off).collect();
            Band {
                up_to: if h + 1 == heights {
                    f64::MAX
                } else {
                    part.last().map_or(f64::MAX, |p| p.0)
                },
                low: quantile(&off, tail),
                high: quantile(&off, 1.0 - tail),
            }
        })
        .collect())
}
