//! What a run is given and what it reports: budgets are counts, so that a plan can be made again.

use std::sync::atomic::{AtomicBool, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run stands; told while it works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Iterations of the search so far.
    pub iteration: u64,
    /// Value of the best plan so far, in the unit of the objective.
    pub incumbent: Option<f64>,
    /// No plan can be better than this.
    pub bound: Option<f64>,
    /// Distance between the two as a share of the incumbent.
    pub gap: Option<f64>,
}

/// Everything a run gets from outside: no clock and no chance of its own.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Seed of the search.
    pub seed: u64,
    /// Iterations of the search.
    pub iterations: u64,
    /// 2 or more: the bound is computed beside the search. The plan is the same for any number.
    pub threads: u8,
    /// Branch-and-bound nodes the exact solver may look at; 0 leaves the exact solver out.
    pub exact_nodes: u32,
    /// Seconds after which the exact solver stops by itself. Where it is set and reached, the bound depends
    /// on the machine's speed.
    pub exact_seconds: Option<f64>,
    /// Raised by the caller to end the run early; the best plan so far is returned.
    pub cancel: &'a AtomicBool,
    /// Hears of progress.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

impl Run<'_> {
    /// Whether the caller wants an end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, iteration: u64, incumbent: Option<f64>, bound: Option<f64>) {
        let gap = incumbent.zip(bound).map(|(i, b)| gap(i, b));
        (self.progress)(Progress {
            iteration,
            incumbent,
            bound,
            gap,
        });
    }
}

/// What a bound comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundSource {
    /// Prices on the shared resources (Lagrangian relaxation).
    Prices,
    /// Linear or integer programming.
    Exact,
}

/// How good a plan is, and how it can be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Value of the plan; smaller is better.
    pub objective: f64,
    /// No plan has a smaller value.
    pub bound: f64,
    /// (objective − bound) / |objective|, 0 where both are 0.
    pub gap: f64,
    /// What the bound comes from.
    pub bound_source: BoundSource,
    /// Whether no better plan exists, up to a millionth.
    pub is_optimal: bool,
    /// Whether the run was ended early.
    pub is_cancelled: bool,
    /// Seed of the run.
    pub seed: u64,
    /// Iterations it made.
    pub iterations: u64,
}

impl Quality {
    pub(crate) fn new(
        objective: f64,
        bound: f64,
        source: BoundSource,
        run: &Run<'_>,
        iterations: u64,
    ) -> Self {
        // A bound computed in floating point may lie a hair above the plan that attains it.
        let bound = bound.min(objective);
        let gap = gap(objective, bound);
        Self {
            objective,
            bound,
            gap,
            bound_source: source,
            is_optimal: gap <= 1e-6,
            is_cancelled: run.is_cancelled(),
            seed: run.seed,
            iterations,
        }
    }
}

/// Distance as a share of the incumbent.
fn gap(incumbent: f64, bound: f64) -> f64 {
    let distance = (incumbent - bound).max(0.0);
    if distance < 1e-12 {
        0.0
    } else {
        distance / incumbent.abs().max(1e-9)
    }
}
