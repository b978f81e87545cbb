//! Pure analytics: alert rules with delay and hysteresis, robust baselines, health and anomaly scores,
//! and the onset of a departure. Time always comes in with the data.

pub mod baseline;
pub mod boost;
pub mod card;
pub mod failure;
pub mod hindsight;
pub mod lab;
pub mod measure;
pub mod modes;
pub mod movers;
pub mod multi;
pub mod num;
pub mod onset;
pub mod regime;
pub mod reliability;
pub mod rul;
pub mod rules;
pub mod score;
pub mod shift;

pub use baseline::{Baseline, BaselineConfig, NotEnoughHistory, fit, learn};
pub use boost::{BoostConfig, Boosted, Target};
pub use card::{ModelCard, Withheld};
pub use failure::{BadLife, Condition, Exposure, FailureChance, FamilyLife, LifeBelief};
pub use hindsight::{Forecast, Hindsight, ItemLife, TooFew};
pub use modes::{Mode, Modes, ModesConfig};
pub use movers::{Mover, MoverConfig, Reference, Track, rank_movers};
pub use multi::{MultiConfig, MultiModel, MultiScore, MultiState, Sample, Training};
pub use onset::{Direction, Onset, OnsetConfig, OnsetState, SignalEdge, onset};
pub use regime::{Regime, RunEdge, RunTracker, STATE_THRESHOLD, unsteady_ranges};
pub use rul::{
    Lives, Remaining, RulConfig, RulModel,
    wear::{Reached, Wear, WearConfig, reached, wear},
};
pub use rules::{RuleContext, RuleEdge, RuleState};
pub use score::{
    AssessInput, Judged, OpenAlert, ScoreConfig, ScoreMemory, SignalInput, Standing, Verdict,
    assess,
};
pub use shift::{ShiftConfig, cut_short, shift, usual};
