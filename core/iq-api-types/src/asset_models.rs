//! Models of assets: versions, what they are made of, how they do on the past, and the life they speak
//! of.

use iq_domain::{AssetId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Job, StatusMessage};

/// Everything about the model of an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetModelPage {
    /// The asset.
    pub asset_id: AssetId,
    /// The version in force; none: the older baselines of single signals score.
    pub in_force: Option<u32>,
    /// Versions, newest first.
    pub versions: Vec<ModelVersion>,
    /// Why the last training came to nothing, where it did.
    pub withheld: Option<StatusMessage>,
    /// When that was.
    pub withheld_at: Option<Timestamp>,
    /// The training at work that is about this asset.
    pub training: Option<Job>,
    /// When all models are trained next by themselves.
    pub next_training_at: Option<Timestamp>,
    /// How likely it fails, and how long it lasts.
    pub life: AssetLife,
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelVersionState {
    /// Trained, never in force.
    Candidate,
    /// In force.
    Promoted,
    /// Was in force.
    Retired,
}

/// A version of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelVersion {
    /// From 1.
    pub version: u32,
    /// Where it stands.
    pub state: ModelVersionState,
    /// Method and version of its formulas.
    pub method: String,
    /// Version of the program that trained it.
    pub code: String,
    /// Seed of everything random in the training.
    pub seed: u64,
    /// Signals that were looked at.
    pub inputs: Vec<ModelInput>,
    /// Rows learned from.
    pub rows: u32,
    /// Rows of the learning window left out: masked, incomplete or unlike the rest.
    pub left_out: u32,
    /// Start of the whole window.
    pub window_from: Timestamp,
    /// End of the whole window.
    pub window_to: Timestamp,
    /// Start of what was learned.
    pub learned_from: Timestamp,
    /// End of what was learned; limit and comparison come from later rows.
    pub learned_to: Timestamp,
    /// Time between rows, in milliseconds.
    pub row_ms: i64,
    /// Limit of alarms, 1 at the model's own.
    pub alarm_limit: f64,
    /// False alarms per week that are put up with.
    pub alarms_per_week: f64,
    /// Alarms that limits made on rows that were not learned from.
    pub curve: Vec<ModelLimit>,
    /// Weeks of those rows.
    pub curve_weeks: f64,
    /// Ways the machine is run.
    pub regimes: Vec<ModelRegime>,
    /// Its figures beside those of the version then in force.
    pub comparison: Option<ModelComparison>,
    /// Learned from made-up data.
    pub is_demo: bool,
    /// Who trained it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Who brought it into force last.
    pub promoted_by: Option<String>,
    /// When.
    pub promoted_at: Option<Timestamp>,
}

/// A signal that a model looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelInput {
    /// Metric.
    pub metric: String,
    /// Share of the running rows with a good value, 0–1.
    pub filled: f64,
    /// Whether the model uses it.
    pub is_used: bool,
}

/// A limit and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelLimit {
    /// Limit, 1 at the model's own.
    pub limit: f64,
    /// Alarms it made in all.
    pub alarms: u32,
}

/// A way the machine is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelRegime {
    /// Share of the learned rows, 0–1.
    pub share: f64,
    /// Where the telling signals lie; empty where nothing tells.
    pub signals: Vec<RegimeSignal>,
}

/// A signal of a regime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegimeSignal {
    /// Metric.
    pub metric: String,
    /// Usual value.
    pub center: f64,
    /// Width.
    pub width: f64,
}

/// A version beside the one that was in force when it was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelComparison {
    /// The version.
    pub candidate: ModelTrial,
    /// The one in force then; none for the first.
    pub current: Option<ModelTrial>,
    /// What it does worse: `judged`, `false_alarms`, `missed`, `noticed`; `thin`: it knows less than a day of
    /// running. Empty: it may replace the other.
    pub worse: Vec<String>,
}

/// Figures of a version on a window it was not learned from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelTrial {
    /// Start.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
    /// Limit used.
    pub limit: f64,
    /// Rows in which the machine ran.
    pub rows: u32,
    /// Share of them that were judged, 0–1.
    pub judged: f64,
    /// Alarms where nothing was known to be wrong.
    pub false_alarms: u32,
    /// The same per week; absent where the weeks are too few to show the budget.
    pub false_per_week: Option<f64>,
    /// Weeks of judged rows.
    pub judged_weeks: f64,
    /// Known failures in the window.
    pub failures: u32,
    /// Those an alarm came before.
    pub found: u32,
    /// Share of made departures of four usual deviations that were noticed, 0–1.
    pub noticed: f64,
}

/// How likely an asset fails, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetLife {
    /// Horizon, in hours.
    pub horizon_h: f64,
    /// Age since it was last as good as new, in hours.
    pub age_h: Option<f64>,
    /// Health that was used; 100 where there is none.
    pub health: Option<f64>,
    /// The chance to fail within the horizon.
    pub chance: Option<FailureChance>,
    /// Why there is none.
    pub chance_withheld: Option<StatusMessage>,
    /// How long it still lasts.
    pub remaining: Option<RemainingLife>,
    /// Why there is none.
    pub remaining_withheld: Option<StatusMessage>,
}

/// How long until the signal that drifts to a limit first gets there, with its 90 % interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RemainingLife {
    /// Median, in hours.
    pub expected_h: f64,
    /// Lower end.
    pub low_h: f64,
    /// Upper end; absent where it lies beyond what the drift seen so far can tell.
    pub high_h: Option<f64>,
    /// Share of truths such intervals hold, 0–1.
    pub level: f64,
    /// The signal.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The limit, in the unit.
    pub limit: f64,
    /// Whether it is reached from below.
    pub is_high: bool,
    /// Whether it is the critical limit, else the warning limit.
    pub is_critical: bool,
    /// What was usual before the drift, in the unit.
    pub usual: f64,
    /// Where the drift has come to, in the unit.
    pub now: f64,
    /// When it began.
    pub since: Timestamp,
    /// Last value used.
    pub until: Timestamp,
    /// Since when it is beyond the limit already; then nothing is left.
    pub reached_since: Option<Timestamp>,
    /// Points of the drift.
    pub points: u32,
    /// Time between the rows it was followed on.
    pub row_ms: i64,
    /// Method and version.
    pub method: String,
}

/// A chance with its 90 % interval and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureChance {
    /// Chance, 0–1.
    pub p: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The same in perfect condition.
    pub base: f64,
    /// Failures of the tenant's own items of the family.
    pub own_failures: u32,
    /// Their times at risk.
    pub own_exposures: u32,
    /// Characteristic life of the family here, in hours: median …
    pub scale_h: f64,
    /// … lower end …
    pub scale_low_h: f64,
    /// … and upper end.
    pub scale_high_h: f64,
}

/// The chances of failure of an asset's family as they would have been stated in the past, beside what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelHindsight {
    /// The family.
    pub family: String,
    /// The horizon, in hours.
    pub horizon_h: f64,
    /// From a demonstration.
    pub is_demo: bool,
    /// Assets with a forecast.
    pub assets: u32,
    /// Forecasts whose horizon is over.
    pub forecasts: u32,
    /// Those of them a failure followed.
    pub failures: u32,
    /// Those made with a health of then; the others suppose perfect condition.
    pub with_health: u32,
    /// First moment of a forecast.
    pub from: Option<Timestamp>,
    /// Last one.
    pub to: Option<Timestamp>,
    /// Mean chance; this and all below only where there is enough to draw.
    pub predicted: Option<f64>,
    /// Share a failure followed: the base rate.
    pub observed: Option<f64>,
    /// Brier score: mean squared distance of the chances from what came, 0 at best.
    pub brier: Option<f64>,
    /// The same for who had stated the base rate every time.
    pub brier_base: Option<f64>,
    /// Groups of like forecasts, from the lowest chance to the highest.
    pub groups: Vec<HindsightGroup>,
    /// Why nothing is drawn.
    pub withheld: Option<StatusMessage>,
}

/// A group of like forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HindsightGroup {
    /// Lowest chance in it.
    pub from: f64,
    /// Highest.
    pub to: f64,
    /// Forecasts.
    pub count: u64,
    /// Their mean chance.
    pub predicted: f64,
    /// Share a failure followed.
    pub observed: f64,
    /// 90 % interval of that share …
    pub observed_low: f64,
    /// … and its upper end.
    pub observed_high: f64,
}

/// A version walked through the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelBackTest {
    /// The version.
    pub version: u32,
    /// Limit used.
    pub limit: f64,
    /// The largest anomaly of each stretch, in time; stretches follow without a gap.
    pub points: Vec<BackTestPoint>,
    /// Alarms.
    pub alarms: Vec<BackTestAlarm>,
    /// Known failures.
    pub failures: Vec<BackTestFailure>,
    /// Failures that an alarm came before.
    pub found: u32,
    /// Alarms that no known failure follows.
    pub false_alarms: u32,
    /// The same per week of judged rows; absent where the weeks are too few to show the budget.
    pub false_per_week: Option<f64>,
    /// Weeks of judged rows.
    pub judged_weeks: f64,
}

/// A stretch of the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackTestPoint {
    /// Its start.
    pub at: Timestamp,
    /// Largest anomaly, 1 at the model's own limit; none where nothing was judged.
    pub anomaly: Option<f64>,
    /// Regime at that moment, from 0.
    pub regime: Option<u32>,
    /// The machine stood or was worked on throughout.
    pub is_stopped: bool,
    /// Signals that departed most then.
    pub signals: Vec<SignalDeparture>,
}

/// A signal's departure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalDeparture {
    /// Metric.
    pub metric: String,
    /// The part the other signals don't explain, signed, in its own deviations.
    pub deviation: f64,
}

/// An alarm of a back-test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackTestAlarm {
    /// Began.
    pub from: Timestamp,
    /// Ended.
    pub to: Timestamp,
    /// Largest anomaly.
    pub peak: f64,
    /// It lies in a time of critical alerts or before a failure.
    pub is_suspect: bool,
    /// Signals that departed most.
    pub signals: Vec<SignalDeparture>,
}

/// A known failure of a back-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackTestFailure {
    /// When.
    pub at: Timestamp,
    /// First alarm within two weeks before; none: missed.
    pub alarm_at: Option<Timestamp>,
}

/// Which version is to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteModel {
    /// The version.
    pub version: u32,
}

/// A budget of false alarms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmBudget {
    /// Alarms per week, 0–50.
    pub alarms_per_week: f64,
}
