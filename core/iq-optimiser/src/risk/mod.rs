//! Production risk: which work starts when, so that expected loss and its bad cases are smallest under
//! crews, parts, budget, outage windows, exclusions and order.
//!
//! Time is cut into periods 1 … `periods`. Per period and scenario the losses of all chosen starts are
//! summed; the objective is `α · mean + (1 − α) · max(0, Q − mean)`, Q the `quantile` of the scenarios (the
//! ⌈q·S⌉-th smallest), summed over periods, plus expected costs and the risk of what is left undone. It is
//! the objective of the ROADEF/EURO challenge 2020 where costs are absent and the average is asked for.

mod anneal;
mod compiled;
mod exact;
mod explain;
mod prices;
mod search;
mod state;

use std::collections::BTreeMap;

use iq_domain::CodedError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CostModel, Quality, Run,
    conflict::{Infeasible, Reason},
    cost::{amount_of, of_entry, of_part, out_of_range},
};

use compiled::Compiled;
pub(crate) use compiled::index;

/// Periods `from` … `to`, both included, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First period.
    pub from: u32,
    /// Last period.
    pub to: u32,
}

/// Something that many tasks share per period: a crew's hours, a crane, a permit desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Key.
    pub id: String,
    /// Least use per period; one value stands for all periods, none for 0.
    #[serde(default)]
    pub min: Vec<f64>,
    /// Most use per period; one value stands for all periods.
    pub max: Vec<f64>,
}

/// A part in store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Key.
    pub id: String,
    /// Pieces that arrive by period: the first entry is what is there in period 1.
    pub arrivals: Vec<f64>,
}

/// Use of a resource while a task runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// The resource.
    pub resource: String,
    /// Amount per running period; one value stands for all.
    pub amounts: Vec<f64>,
}

/// What a start costs in one period, per scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodRisk {
    /// The period.
    pub period: u32,
    /// Loss per scenario of that period; one value stands for all.
    pub loss: Vec<f64>,
}

/// One way to do a task: when it starts and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartOption {
    /// First running period.
    pub start: u32,
    /// Running periods, at least 1.
    pub duration: u32,
    /// Taken from the budget.
    #[serde(default)]
    pub budget_use: f64,
    /// Expected cost beside the losses; counts in the objective.
    #[serde(default)]
    pub expected_cost: f64,
    /// Resources.
    #[serde(default)]
    pub uses: Vec<Use>,
    /// Losses.
    #[serde(default)]
    pub risk: Vec<PeriodRisk>,
}

/// A piece of work that may or must be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskTask {
    /// Key.
    pub id: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Whether it has to be done inside the horizon (statutory, safety).
    #[serde(default)]
    pub is_mandatory: bool,
    /// Expected cost of not doing it inside the horizon.
    #[serde(default)]
    pub unplanned_cost: f64,
    /// Pieces taken from store at the start.
    #[serde(default)]
    pub parts: BTreeMap<String, f64>,
    /// Periods it may run in; empty for all.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Outage it has to lie in.
    #[serde(default)]
    pub outage: Option<String>,
    /// Ways to do it.
    pub options: Vec<StartOption>,
}

/// Two tasks that must not run at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The tasks.
    pub tasks: [String; 2],
    /// Periods in which it holds; empty for all.
    #[serde(default)]
    pub periods: Vec<u32>,
}

/// Work that has to follow other work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precedence {
    /// Done first.
    pub before: String,
    /// Starts after it has ended; planned only where `before` is.
    pub after: String,
    /// Periods between.
    #[serde(default)]
    pub lag: u32,
}

/// Problem of the production-risk model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskProblem {
    /// Cost and risk model.
    #[serde(default)]
    pub cost_model: CostModel,
    /// Number of periods.
    pub periods: u32,
    /// Scenarios per period; one value stands for all periods.
    pub scenarios: Vec<u32>,
    /// Quantile of the scenarios (0 < q ≤ 1).
    pub quantile: f64,
    /// Weight of the mean; the cost model's risk appetite where absent.
    #[serde(default)]
    pub alpha: Option<f64>,
    /// Whether losses are averaged over the periods rather than summed.
    #[serde(default)]
    pub average_over_periods: bool,
    /// Money that may be spent.
    #[serde(default)]
    pub budget: Option<f64>,
    /// Shared resources.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// Parts in store.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Outages by name.
    #[serde(default)]
    pub outages: BTreeMap<String, Vec<Window>>,
    /// Tasks.
    pub tasks: Vec<RiskTask>,
    /// Tasks that exclude each other.
    #[serde(default)]
    pub exclusions: Vec<Exclusion>,
    /// Order.
    #[serde(default)]
    pub precedence: Vec<Precedence>,
}

/// When a task is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedTask {
    /// The task.
    pub task: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// First running period.
    pub start: u32,
    /// Last running period.
    pub end: u32,
    /// Which of the task's options this is, counted from 0.
    pub option: u32,
}

/// Plan of the production-risk model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskPlan {
    /// Tasks that are done, in the order of the problem.
    pub planned: Vec<PlannedTask>,
    /// Tasks that are left.
    pub left: Vec<String>,
    /// Expected cost of doing nothing: what is left undone costs its risk.
    pub current_risk: f64,
    /// Expected cost with this plan (mean of the losses, costs, what is left).
    pub optimized_risk: f64,
    /// `current_risk − optimized_risk`.
    pub risk_reduction: f64,
    /// Mean of the losses over the scenarios.
    pub mean_loss: f64,
    /// Expected excess of the quantile over the mean.
    pub excess_loss: f64,
    /// Money used.
    pub budget_used: f64,
    /// How good the plan is.
    pub quality: Quality,
    /// What was assumed, because the problem does not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Reason>,
}

/// Sizes beyond which a problem is refused.
const MAX_TASKS: usize = 20_000;
const MAX_PERIODS: u32 = 5_000;
const MAX_OPTIONS: usize = 2_000_000;
const MAX_CELLS: usize = 4_000_000;

/// Finds a plan, or says why there is none.
pub fn solve(
    problem: &RiskProblem,
    run: &Run<'_>,
) -> Result<Result<RiskPlan, Infeasible>, CodedError> {
    validate(problem)?;
    let compiled = Compiled::new(problem)?;
    search::solve(problem, &compiled, run)
}

fn validate(problem: &RiskProblem) -> Result<(), CodedError> {
    problem.cost_model.check()?;
    let options: usize = problem.tasks.iter().map(|t| t.options.len()).sum();
    if problem.tasks.len() > MAX_TASKS || options > MAX_OPTIONS {
        return Err(CodedError::invalid("optimiser.problem_too_large"));
    }
    if !(1..=MAX_PERIODS).contains(&problem.periods) {
        let range = format!("≥ 1, ≤ {MAX_PERIODS}");
        return Err(out_of_range("periods", problem.periods, &range));
    }
    if !(problem.quantile > 0.0 && problem.quantile <= 1.0) {
        return Err(out_of_range("quantile", problem.quantile, "> 0, ≤ 1"));
    }
    let alpha = problem.alpha.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&alpha) {
        return Err(out_of_range("alpha", alpha, "≥ 0, ≤ 1"));
    }
    problem
        .budget
        .map_or(Ok(()), |budget| amount_of("budget", budget))?;
    let periods = problem.periods as usize;
    let scenarios: u64 = match problem.scenarios.as_slice() {
        [one] => u64::from(*one) * periods as u64,
        many => many.iter().copied().map(u64::from).sum(),
    };
    let cells = (problem.resources.len() + problem.parts.len()).saturating_mul(periods);
    if scenarios > MAX_CELLS as u64 || cells > MAX_CELLS {
        return Err(CodedError::invalid("optimiser.problem_too_large"));
    }
    problem.tasks.iter().enumerate().try_for_each(|(at, task)| {
        validate_task(task).map_err(|error| of_entry("tasks", at, &task.id, error))
    })
}

fn validate_task(task: &RiskTask) -> Result<(), CodedError> {
    amount_of("unplanned_cost", task.unplanned_cost)?;
    task.options.iter().enumerate().try_for_each(|(n, option)| {
        if option.duration == 0 {
            return Err(CodedError::invalid("optimiser.no_duration").with("task", &task.id));
        }
        amount_of("budget_use", option.budget_use)
            .and_then(|()| amount_of("expected_cost", option.expected_cost))
            .map_err(|error| of_part("options", n, error))
    })
}

/// Refuses an id that stands twice.
pub(crate) fn unique<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), CodedError> {
    index(ids).map(|_| ())
}
