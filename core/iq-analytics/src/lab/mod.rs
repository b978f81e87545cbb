//! From an asset's history to a model that may be used: learned on the older part, given a limit on a
//! part it has not seen so that it keeps a budget of false alarms, and judged on the newest part beside
//! the model in force. Nothing here reads a clock or a file; the same history and seed give the same bytes.

mod alarm;
mod history;
mod replay;
#[cfg(test)]
mod tests;
mod trial;

use iq_domain::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::{
    alarm::{Alarm, Standing as ScoreStanding},
    history::{HOLD_ROWS, History, rows},
    replay::{Agreement, Episode, LimitCurve, LimitPoint, Step, episodes, named, replay},
    trial::{Comparison, Foreseen, LEAD_MS, Trial, Worse, false_alarms, foreseen, trial},
};
use crate::{
    card::Withheld,
    modes::ModesConfig,
    multi::{MultiConfig, MultiModel, Training},
};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// Share of the usable rows that is learned from, and up to which the limit is set; the rest judges.
const LEARN: f64 = 0.7;
const LIMIT: f64 = 0.85;

/// Running time below which a model is kept but does not come into force by itself: a machine is run in
/// another way by night than by day.
const LEAST_RUN_MS: i64 = 24 * 3_600_000;

/// Weeks that are never too few, and never too many, to tell how often alarms come.
const FEWEST_WEEKS: f64 = 1.0 / 7.0;
const MOST_WEEKS: f64 = 4.0;

/// Alarms per week, where the weeks they were counted in can show the budget: one alarm of it has to fit in,
/// within a day and four weeks. In less time none and many mean the same.
#[must_use]
pub fn rate(alarms: u32, weeks: f64, per_week: f64) -> Option<f64> {
    let needed = (1.0 / per_week.max(0.0)).clamp(FEWEST_WEEKS, MOST_WEEKS);
    (weeks >= needed).then(|| f64::from(alarms) / weeks)
}

/// How a model of an asset is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// False alarms per week that are put up with.
    pub alarms_per_week: f64,
    /// Usable rows that are needed.
    pub min_rows: usize,
    /// Least share of the rows in which a signal must have a value to become an input.
    pub min_filled: f64,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            alarms_per_week: 1.0,
            min_rows: 240,
            min_filled: 0.8,
        }
    }
}

/// How often a signal had a value, and whether it became an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputCoverage {
    /// The signal.
    pub metric: String,
    /// Share of the running rows with a good value, 0–1.
    pub filled: f64,
    /// Whether the model uses it.
    pub is_used: bool,
}

/// A model with its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetModel {
    /// The baseline; its card says seed, inputs, rows and code version.
    pub multi: MultiModel,
    /// Time between rows.
    pub row_ms: i64,
    /// The whole window that was looked at.
    pub window: TimeRange,
    /// Alarms by limit, counted on rows that were not learned from.
    pub curve: LimitCurve,
    /// How often each signal had a value.
    pub coverage: Vec<InputCoverage>,
}

/// A model and its figures on the newest part of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: AssetModel,
    /// The limit that keeps the budget.
    pub limit: f64,
    /// It beside the model in force.
    pub comparison: Comparison,
}

/// What is learned and judged where.
struct Parts {
    from: Timestamp,
    learned: Timestamp,
    limited: Timestamp,
    to: Timestamp,
}

impl Parts {
    fn of(history: &History) -> Option<Self> {
        let (first, last) = (history.samples.first()?, history.samples.last()?);
        Some(Self {
            from: first.at,
            learned: history.moment(LEARN)?,
            limited: history.moment(LIMIT)?,
            to: last.at.plus_ms(1),
        })
    }
}

/// Trains a model and sets it beside `current`, the one in force with its limit.
///
/// # Errors
/// When too few rows are usable, or nothing can be learned from them.
pub fn train(
    history: &History,
    current: Option<(&MultiModel, f64)>,
    config: &LabConfig,
) -> Result<Trained, Withheld> {
    let coverage = coverage(history, config);
    let used: Vec<String> = coverage
        .iter()
        .filter(|c| c.is_used)
        .map(|c| c.metric.clone())
        .collect();
    let short = |have: usize| Withheld::NotEnoughData {
        have: u32::try_from(have).unwrap_or(u32::MAX),
        need: u32::try_from(config.min_rows).unwrap_or(u32::MAX),
    };
    if used.is_empty() {
        return Err(short(0));
    }
    let own = history.only(&used);
    let usable = own.usable();
    if usable < config.min_rows {
        return Err(short(usable));
    }
    let parts = Parts::of(&own).ok_or(Withheld::BadInput)?;
    let mut excluded = own.stopped.clone();
    excluded.extend(&own.suspect);
    let training = Training {
        inputs: &own.inputs,
        samples: own.between(parts.from, parts.learned),
        excluded: &excluded,
        operating: &own.operating,
    };
    let learning = MultiConfig {
        min_sigma: own.min_sigma.clone(),
        modes: ModesConfig {
            seed: config.seed,
            ..ModesConfig::default()
        },
        ..MultiConfig::default()
    };
    let multi = MultiModel::learn(&training, &learning)?;
    let steps = replay(&multi, &own, (parts.learned, parts.limited));
    let curve = LimitCurve::of(&steps, own.row_ms);
    let limit = curve.limit_at(config.alarms_per_week);
    let window = (parts.limited, parts.to);
    let candidate = trial(&multi, limit, history, window);
    let current = current.map(|(model, limit)| trial(model, limit, history, window));
    let mut comparison = Comparison::of(candidate, current, config.alarms_per_week);
    let run = i64::try_from(usable).unwrap_or(i64::MAX);
    if run.saturating_mul(own.row_ms) < LEAST_RUN_MS {
        comparison.worse.push(Worse::Thin);
    }
    Ok(Trained {
        comparison,
        limit,
        model: AssetModel {
            multi,
            row_ms: own.row_ms,
            window: TimeRange {
                from: parts.from,
                to: parts.to,
            },
            curve,
            coverage,
        },
    })
}

/// A signal that is silent most of the time would leave no complete row to learn from; it is named and
/// left out.
#[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
fn coverage(history: &History, config: &LabConfig) -> Vec<InputCoverage> {
    let running: Vec<&[f64]> = history
        .samples
        .iter()
        .filter(|s| !history.is_stopped(s.at))
        .map(|s| s.values.as_slice())
        .collect();
    let share = |j: usize| {
        let filled = running.iter().filter(|r| r[j].is_finite()).count();
        filled as f64 / running.len().max(1) as f64
    };
    history
        .inputs
        .iter()
        .enumerate()
        .map(|(j, metric)| {
            let filled = share(j);
            InputCoverage {
                metric: metric.clone(),
                filled,
                is_used: filled >= config.min_filled,
            }
        })
        .collect()
}

/// What a model would have said over a whole history, with the fate of each known failure.
#[derive(Clone, Debug, PartialEq)]
pub struct BackTest {
    /// Row by row.
    pub steps: Vec<Step>,
    /// Its alarms.
    pub alarms: Vec<Episode>,
    /// Known failures.
    pub failures: Vec<Foreseen>,
    /// Alarms that no known failure follows.
    pub false_alarms: u32,
    /// Weeks of judged rows.
    pub weeks: f64,
}

/// Walks a model with a limit through a history.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
pub fn back_test(model: &MultiModel, limit: f64, history: &History) -> BackTest {
    let whole = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let steps = replay(model, history, whole);
    let alarms = episodes(&steps, limit);
    let judged = steps.iter().filter(|s| s.anomaly.is_some()).count();
    let weeks = judged as f64 * history.row_ms as f64 / WEEK_MS as f64;
    let wrong = false_alarms(&history.failures, &alarms);
    BackTest {
        failures: foreseen(&history.failures, &alarms),
        false_alarms: u32::try_from(wrong).unwrap_or(u32::MAX),
        weeks,
        steps,
        alarms,
    }
}

/// The anomaly 0–100 of a share of the limit: 50 at the limit, 0 up to 0.7 of it, half the rest with every
/// further 0.3.
#[must_use]
pub fn level(share: f64) -> f64 {
    let beyond = (share - 0.7).max(0.0) / 0.3;
    100.0 * (1.0 - (-beyond).exp2())
}
