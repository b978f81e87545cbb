//! The multivariate baseline of a machine: for each operating regime what is usual for all of its
//! signals together, and how far a row is from that, with a signed share for each signal. Formulas and
//! their sources: `part.rs`. Rows come in with their time; nothing here reads a clock or a file.

mod part;
#[cfg(test)]
mod tests;

use iq_domain::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

use self::part::{Part, newest};
use crate::{
    card::{ModelCard, Withheld},
    modes::{Modes, ModesConfig},
};

/// Name and version of the method.
const METHOD: &str = "multivariate/1";

/// How a baseline is learned and followed.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiConfig {
    /// λ of the regression of each signal on the others.
    pub ridge: f64,
    /// Spans of the exponential averages, in rows.
    pub spans: Vec<u32>,
    /// Parts of the training window that judge each other.
    pub folds: usize,
    /// Share of the training rows below each limit.
    pub quantile: f64,
    /// Factor on the limit. What a short window shows is less than what is usual: 2 for minutes of
    /// history, 1.1 where the window has seen all that is usual.
    pub margin: f64,
    /// Fewest usable rows of a regime.
    pub min_rows: usize,
    /// Whether rows that stand apart are left out; not where a short window is known to be good, whose
    /// few slow swings would look like strangers to each other.
    pub trims: bool,
    /// Smallest deviation per signal in its unit; absent ones have none.
    pub min_sigma: Vec<f64>,
    /// Share of a usual row that the baseline takes over.
    pub follow: f64,
    /// How far following may go, in deviations.
    pub max_drift: f64,
    /// Smallest share of known values in a row that is judged.
    pub min_coverage: f64,
    /// How regimes are found.
    pub modes: ModesConfig,
}

impl Default for MultiConfig {
    fn default() -> Self {
        Self {
            ridge: 0.03,
            spans: vec![1, 6, 19],
            folds: 5,
            quantile: 0.995,
            margin: 1.1,
            min_rows: 60,
            trims: true,
            min_sigma: Vec::new(),
            follow: 0.0005,
            max_drift: 2.0,
            min_coverage: 0.6,
            modes: ModesConfig::default(),
        }
    }
}

/// The signals of one moment; NaN where there is no good value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its time.
    pub at: Timestamp,
    /// Values in the order of the model's inputs.
    pub values: Vec<f64>,
}

/// What a machine's baseline is learned from.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Names of the signals.
    pub inputs: &'a [String],
    /// Samples in time order.
    pub samples: &'a [Sample],
    /// Windows of maintenance, stops and alerts: they teach nothing.
    pub excluded: &'a [TimeRange],
    /// Positions of the signals that tell how the machine is run, with the smallest difference that
    /// matters; empty where nothing tells.
    pub operating: &'a [(usize, f64)],
}

/// The baseline of a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiModel {
    /// What it is and where it came from.
    pub card: ModelCard,
    /// Its operating regimes.
    pub modes: Modes,
    operating: Vec<usize>,
    /// Baselines by regime; none where a regime was seen too seldom.
    parts: Vec<Option<Part>>,
    ridge: f64,
    spans: Vec<u32>,
    follow: f64,
    max_drift: f64,
    min_coverage: f64,
}

/// Averages of one machine between two samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MultiState {
    averaged: Vec<Vec<f64>>,
}

impl MultiState {
    /// Forgets everything, after a stop or maintenance.
    pub fn clear(&mut self) {
        self.averaged.clear();
    }
}

/// How far a sample is from what is usual.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiScore {
    /// 1 at the limit.
    pub anomaly: f64,
    /// The regime.
    pub regime: usize,
    /// Per signal the deviation that the others don't explain, signed, in its own deviations, over the
    /// span that says most.
    pub contributions: Vec<f64>,
    /// Rows of that span.
    pub span: u32,
    /// Share of known values, 0–1.
    pub coverage: f64,
}

impl MultiScore {
    /// Whether it lies beyond the limit.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        self.anomaly > 1.0
    }
}

fn too_few(have: usize, need: usize) -> Withheld {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Withheld::NotEnoughData {
        have: short(have),
        need: short(need),
    }
}

/// One step of an exponential average.
fn average(state: &mut [f64], row: &[f64], newest: f64) {
    for (s, v) in state.iter_mut().zip(row) {
        *s += newest * (v - *s);
    }
}

/// Averages of rows over each span, those of the first rows over what there is.
#[must_use]
pub(crate) fn average_spans(rows: &[Vec<f64>], spans: &[u32]) -> Vec<Vec<Vec<f64>>> {
    spans
        .iter()
        .map(|span| {
            let (keep, mut weight) = (1.0 - newest(*span), 0.0);
            let mut state = vec![0.0; rows.first().map_or(0, Vec::len)];
            rows.iter()
                .map(|row| {
                    weight = keep * weight + 1.0;
                    average(&mut state, row, 1.0 / weight);
                    state.clone()
                })
                .collect()
        })
        .collect()
}

impl MultiModel {
    /// Learns a baseline.
    ///
    /// # Errors
    /// When too few samples are usable, most of them are unlike each other or their widths differ.
    pub fn learn(training: &Training<'_>, config: &MultiConfig) -> Result<Self, Withheld> {
        let width = training.inputs.len();
        if width == 0
            || config.spans.is_empty()
            || training.samples.iter().any(|s| s.values.len() != width)
        {
            return Err(Withheld::BadInput);
        }
        if training.operating.iter().any(|(place, _)| *place >= width) {
            return Err(Withheld::BadInput);
        }
        let usable: Vec<&Sample> = training
            .samples
            .iter()
            .filter(|s| s.values.iter().all(|v| v.is_finite()))
            .filter(|s| !training.excluded.iter().any(|range| range.contains(s.at)))
            .collect();
        let (Some(first), Some(last)) = (usable.first(), usable.last()) else {
            return Err(too_few(0, config.min_rows));
        };
        let places: Vec<usize> = training.operating.iter().map(|(place, _)| *place).collect();
        let resolution: Vec<f64> = training.operating.iter().map(|(_, least)| *least).collect();
        let pick = |s: &Sample| places.iter().map(|p| s.values[*p]).collect::<Vec<f64>>();
        let run: Vec<Vec<f64>> = usable.iter().map(|s| pick(s)).collect();
        let modes = Modes::learn(&run, &resolution, &config.modes)?;
        let mut card = ModelCard::new(METHOD, config.modes.seed, training.inputs);
        let mut parts = Vec::with_capacity(modes.modes.len());
        let mut refused = None;
        for mode in 0..modes.modes.len() {
            let rows: Vec<&[f64]> = usable
                .iter()
                .zip(&run)
                .filter(|(_, run)| modes.of(run) == Some(mode))
                .map(|(s, _)| s.values.as_slice())
                .collect();
            let learned = if rows.len() < config.min_rows {
                Err(too_few(rows.len(), config.min_rows))
            } else {
                Part::learn(&rows, config)
            };
            parts.push(match learned {
                Ok((part, _)) => {
                    card.rows += u32::try_from(part.rows).unwrap_or(u32::MAX);
                    Some(part)
                }
                Err(why) => {
                    refused = refused.or(Some(why));
                    None
                }
            });
        }
        if parts.iter().all(Option::is_none) {
            return Err(refused.unwrap_or(Withheld::BadInput));
        }
        card.left_out = u32::try_from(training.samples.len()).unwrap_or(u32::MAX) - card.rows;
        (card.from, card.to) = (first.at, last.at);
        Ok(Self {
            card,
            modes,
            operating: places,
            parts,
            ridge: config.ridge,
            spans: config.spans.clone(),
            follow: config.follow,
            max_drift: config.max_drift,
            min_coverage: config.min_coverage,
        })
    }

    /// Positions of the inputs that tell how the machine is run.
    #[must_use]
    pub fn operating(&self) -> &[usize] {
        &self.operating
    }

    /// The regime a row belongs to, where it has a baseline.
    fn regime(&self, row: &[f64]) -> Result<(usize, &Part), Withheld> {
        let run: Vec<f64> = self
            .operating
            .iter()
            .filter_map(|p| row.get(*p).copied())
            .collect();
        let regime = self.modes.of(&run).ok_or(Withheld::OutsideExperience)?;
        let part = self
            .parts
            .get(regime)
            .and_then(Option::as_ref)
            .ok_or(Withheld::OutsideExperience)?;
        Ok((regime, part))
    }

    /// Judges the next row of a machine.
    ///
    /// # Errors
    /// When its width differs, too much of it is missing, or the machine runs as it never did.
    pub fn score(&self, state: &mut MultiState, row: &[f64]) -> Result<MultiScore, Withheld> {
        if row.len() != self.card.inputs.len() {
            return Err(Withheld::BadInput);
        }
        let known = row.iter().filter(|v| v.is_finite()).count();
        #[allow(clippy::cast_precision_loss)]
        let coverage = known as f64 / row.len() as f64;
        if coverage < self.min_coverage {
            return Err(too_few(known, row.len()));
        }
        let (regime, part) = self.regime(row)?;
        let residuals = part.residuals(row);
        if state.averaged.len() != self.spans.len() {
            state.averaged = vec![vec![0.0; row.len()]; self.spans.len()];
        }
        for (averaged, span) in state.averaged.iter_mut().zip(&self.spans) {
            average(averaged, &residuals, newest(*span));
        }
        let (anomaly, span) = part.anomaly(&state.averaged);
        Ok(MultiScore {
            anomaly,
            regime,
            contributions: part.scaled(span, &state.averaged[span]),
            span: self.spans[span],
            coverage,
        })
    }

    /// Follows a row that was judged as usual. A row beyond its limit, or of a window in which the
    /// machine is worked on (`is_masked`), teaches nothing, and no row moves the baseline far from
    /// where it was learned: a fault that grows slowly never becomes usual.
    pub fn follow(&mut self, row: &[f64], score: &MultiScore, is_masked: bool) {
        if is_masked || score.is_beyond() || row.iter().any(|v| !v.is_finite()) {
            return;
        }
        let (rate, reach) = (self.follow, self.max_drift);
        if let Some(Some(part)) = self.parts.get_mut(score.regime)
            && row.len() == self.card.inputs.len()
        {
            part.follow(row, rate, reach);
        }
    }

    /// Takes what following has taught about how the signals move together into the regression; once in
    /// a while, because it costs the cube of the number of signals.
    ///
    /// # Errors
    /// When the correlation has become useless; the model stays as it was.
    pub fn refresh(&mut self) -> Result<(), Withheld> {
        let mut parts = self.parts.clone();
        for part in parts.iter_mut().flatten() {
            part.refresh(self.ridge)?;
        }
        self.parts = parts;
        Ok(())
    }
}
