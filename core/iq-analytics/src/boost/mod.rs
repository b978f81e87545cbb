//! Gradient-boosted regression trees on histograms (Friedman, "Greedy function approximation", 2001;
//! stochastic rows and columns: 2002), for a number or a probability. Small, seeded, the same bytes with
//! any number of threads.

mod bins;
mod tree;

use serde::{Deserialize, Serialize};

use self::{
    bins::Binned,
    tree::{Grower, Tree},
};
use crate::{
    card::Withheld,
    num::{Random, mean},
};

/// What is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A number, by squared error.
    Number,
    /// The probability of 1 against 0, by the logistic likelihood.
    Probability,
}

/// How trees are grown.
#[derive(Clone, Debug, PartialEq)]
pub struct BoostConfig {
    /// Trees.
    pub rounds: usize,
    /// Share of each tree's step.
    pub rate: f64,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// Fewest rows of a leaf.
    pub min_leaf: usize,
    /// Share of the columns a tree sees.
    pub columns: f64,
    /// Share of the rows a tree sees.
    pub rows: f64,
    /// λ of the leaf values.
    pub lambda: f64,
    /// Most bins of a column.
    pub bins: usize,
    /// Seed.
    pub seed: u64,
    /// Threads; they change the time only.
    pub threads: usize,
}

impl Default for BoostConfig {
    fn default() -> Self {
        Self {
            rounds: 250,
            rate: 0.05,
            leaves: 16,
            min_leaf: 150,
            columns: 0.3,
            rows: 0.5,
            lambda: 5.0,
            bins: 64,
            seed: 1,
            threads: 1,
        }
    }
}

/// Trained trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    target: Target,
    start: f64,
    width: usize,
    trees: Vec<Tree>,
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

impl Boosted {
    /// Trains on rows of equal width and one target each.
    ///
    /// # Errors
    /// When there are no rows, widths differ or a target is no number (for a probability: not 0 or 1).
    pub fn learn(
        rows: &[&[f64]],
        targets: &[f64],
        target: Target,
        config: &BoostConfig,
    ) -> Result<Self, Withheld> {
        let width = rows.first().map_or(0, |r| r.len());
        let is_odd =
            |t: f64| !t.is_finite() || (target == Target::Probability && t != 0.0 && t != 1.0);
        if width == 0
            || rows.len() != targets.len()
            || rows.iter().any(|r| r.len() != width)
            || targets.iter().any(|t| is_odd(*t))
            || u32::try_from(rows.len()).is_err()
        {
            return Err(Withheld::BadInput);
        }
        let start = match target {
            Target::Number => mean(targets),
            Target::Probability => {
                let share = mean(targets).clamp(1e-6, 1.0 - 1e-6);
                (share / (1.0 - share)).ln()
            }
        };
        let binned = Binned::of(rows, config.bins);
        let mut random = Random::new(config.seed);
        let mut scores = vec![start; rows.len()];
        let mut trees = Vec::with_capacity(config.rounds);
        for _ in 0..config.rounds {
            let (gradient, curvature) = slopes(&scores, targets, target);
            let columns = random.choose(binned.width(), part(binned.width(), config.columns));
            let chosen = random.choose(rows.len(), part(rows.len(), config.rows));
            #[allow(clippy::cast_possible_truncation)]
            let chosen = chosen.into_iter().map(|r| r as u32).collect();
            let grower = Grower {
                binned: &binned,
                columns: &columns,
                gradient: &gradient,
                curvature: &curvature,
                config,
            };
            let tree = grower.grow(chosen);
            for (score, row) in scores.iter_mut().zip(rows) {
                *score += tree.value(row);
            }
            trees.push(tree);
        }
        Ok(Self {
            target,
            start,
            width,
            trees,
        })
    }

    /// The number or probability for a row; NaN when its width differs.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        if row.len() != self.width {
            return f64::NAN;
        }
        let score = self.start + self.trees.iter().map(|t| t.value(row)).sum::<f64>();
        match self.target {
            Target::Number => score,
            Target::Probability => logistic(score),
        }
    }
}

fn slopes(scores: &[f64], targets: &[f64], target: Target) -> (Vec<f64>, Vec<f64>) {
    let pairs = scores.iter().zip(targets);
    match target {
        Target::Number => pairs.map(|(s, t)| (s - t, 1.0)).unzip(),
        Target::Probability => pairs
            .map(|(s, t)| {
                let p = logistic(*s);
                (p - t, (p * (1.0 - p)).max(1e-9))
            })
            .unzip(),
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn part(n: usize, share: f64) -> usize {
    ((n as f64 * share.clamp(0.0, 1.0)).round() as usize).clamp(1, n.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{auroc, calibration_error, rmse};

    fn rows(n: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Random::new(seed);
        (0..n)
            .map(|_| (0..5).map(|_| random.normal()).collect())
            .collect()
    }

    fn surface(r: &[f64]) -> f64 {
        3.0 * r[0] + if r[1] > 0.5 { 4.0 } else { 0.0 } + r[2] * r[3]
    }

    fn config(threads: usize) -> BoostConfig {
        BoostConfig {
            rounds: 150,
            rate: 0.1,
            min_leaf: 20,
            columns: 0.8,
            threads,
            ..BoostConfig::default()
        }
    }

    fn learn(rows: &[Vec<f64>], targets: &[f64], target: Target, threads: usize) -> Boosted {
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        Boosted::learn(&rows, targets, target, &config(threads)).unwrap()
    }

    #[test]
    fn learns_a_surface_with_steps_and_products() {
        let (train, test) = (rows(6_000, 1), rows(1_000, 2));
        let model = learn(
            &train,
            &train.iter().map(|r| surface(r)).collect::<Vec<_>>(),
            Target::Number,
            1,
        );
        let truths: Vec<f64> = test.iter().map(|r| surface(r)).collect();
        let found: Vec<f64> = test.iter().map(|r| model.predict(r)).collect();
        let plain = rmse(&vec![mean(&truths); truths.len()], &truths);
        assert!(
            rmse(&found, &truths) < 0.2 * plain,
            "{} of {plain}",
            rmse(&found, &truths)
        );
        assert!(model.predict(&[1.0]).is_nan());
        assert!(model.predict(&[f64::NAN; 5]).is_finite());
    }

    #[test]
    fn probabilities_rank_and_are_calibrated() {
        let mut random = Random::new(9);
        let mut outcome =
            |r: &[f64]| f64::from(u8::from(random.unit() < logistic(surface(r) - 3.0)));
        let (train, test) = (rows(8_000, 1), rows(4_000, 2));
        let targets: Vec<f64> = train.iter().map(|r| outcome(r)).collect();
        let model = learn(&train, &targets, Target::Probability, 1);
        let scored: Vec<(f64, bool)> = test
            .iter()
            .map(|r| (model.predict(r), outcome(r) > 0.5))
            .collect();
        assert!(auroc(&scored) > 0.9, "{}", auroc(&scored));
        assert!(
            calibration_error(&scored, 10) < 0.03,
            "{}",
            calibration_error(&scored, 10)
        );
    }

    #[test]
    fn shuffled_answers_teach_nothing() {
        let (train, test) = (rows(4_000, 1), rows(2_000, 2));
        let mut targets: Vec<f64> = train
            .iter()
            .map(|r| f64::from(u8::from(surface(r) > 1.0)))
            .collect();
        Random::new(4).shuffle(&mut targets);
        let model = learn(&train, &targets, Target::Probability, 1);
        let scored: Vec<(f64, bool)> = test
            .iter()
            .map(|r| (model.predict(r), surface(r) > 1.0))
            .collect();
        assert!((auroc(&scored) - 0.5).abs() < 0.1, "{}", auroc(&scored));
    }

    #[test]
    fn two_threads_give_the_bytes_of_one() {
        // Enough rows that the second thread is used.
        let train = rows(220_000, 1);
        let targets: Vec<f64> = train.iter().map(|r| surface(r)).collect();
        let rows: Vec<&[f64]> = train.iter().map(Vec::as_slice).collect();
        let bytes = |threads| {
            let config = BoostConfig {
                rounds: 3,
                ..config(threads)
            };
            serde_json::to_vec(&Boosted::learn(&rows, &targets, Target::Number, &config).unwrap())
                .unwrap()
        };
        assert_eq!(bytes(1), bytes(2));
        assert_eq!(bytes(2), bytes(2));
    }

    #[test]
    fn refuses_what_it_cannot_learn_from() {
        let config = BoostConfig::default();
        let learn = |rows: &[&[f64]], targets: &[f64], target| {
            Boosted::learn(rows, targets, target, &config)
        };
        assert_eq!(learn(&[], &[], Target::Number), Err(Withheld::BadInput));
        assert_eq!(
            learn(&[&[1.0], &[1.0, 2.0]], &[0.0, 1.0], Target::Number),
            Err(Withheld::BadInput)
        );
        assert_eq!(
            learn(&[&[1.0]], &[0.5], Target::Probability),
            Err(Withheld::BadInput)
        );
        assert_eq!(
            learn(&[&[1.0]], &[f64::NAN], Target::Number),
            Err(Withheld::BadInput)
        );
    }
}
