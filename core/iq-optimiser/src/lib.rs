//! Maintenance plans: what first, what waiting costs, which work in which window, who goes where.
//!
//! Pure: a problem, a seed, budgets that are counts, a cancel flag and a listener go in; a plan with its
//! value, a bound no plan can pass and the gap between the two comes out. The same seed and budgets give the
//! same plan on one thread and on two. [`check`] judges plans on its own, sharing nothing with the models but
//! the types.

pub mod check;
mod conflict;
mod cost;
pub mod deferral;
pub mod dispatch;
mod exact;
mod model;
pub mod priority;
pub mod risk;
mod rng;
mod run;

pub use conflict::{Infeasible, Reason};
pub use cost::{CostModel, CriticalityThresholds, CriticalityWeights, FamilyCost};
pub use model::{Model, Outcome, solve};
pub use rng::Rng;
pub use run::{BoundSource, Progress, Quality, Run};
