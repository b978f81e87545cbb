//! The four models one after the other, on a thread of their own. No clock: what ends a run early is the
//! flag, so that the same inputs give the same plans.

use std::sync::atomic::{AtomicBool, Ordering};

use iq_domain::CodedError;
use iq_optimiser::{Model, Outcome, Progress, Run};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    inputs::Inputs,
    outcome::{ModelOutcome, ModelState, PlanOutcome, Plans},
    problems,
};

/// Branch-and-bound nodes of the exact solver.
const NODES: u32 = 500;

/// The exact solver stops here by itself. Problems of a plant end long before; were it reached, the bound
/// (not the plan) would depend on the machine.
const EXACT_SECONDS: f64 = 120.0;

/// Where a run stands, for those who watch it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stand {
    /// Key of the model at work.
    pub model: String,
    /// Its place among those of the run, from 0.
    pub at: usize,
    /// Iterations so far.
    pub iteration: u64,
    /// Value of the best plan so far.
    pub incumbent: Option<f64>,
    /// No plan can be better.
    pub bound: Option<f64>,
    /// Distance as a share.
    pub gap: Option<f64>,
}

/// The models of a request, in the order in which one uses what another found.
pub(super) fn models(inputs_models: &[String]) -> Vec<Model> {
    let wanted = |m: &Model| {
        inputs_models.is_empty()
            || inputs_models.iter().any(|key| key == m.key())
            // Advice is made of the ranked list.
            || *m == Model::Prioritisation
    };
    Model::ALL.into_iter().filter(wanted).collect()
}

/// What came of a run.
pub(super) struct Solved {
    pub(super) outcome: PlanOutcome,
    pub(super) plans: Plans,
}

/// Works out the plans.
pub(super) fn solve(
    inputs: &Inputs,
    cancel: &AtomicBool,
    tell: &(dyn Fn(Stand) + Sync),
) -> Result<Solved, CodedError> {
    let mut outcomes = Vec::new();
    let mut plans = Plans::default();
    for (at, model) in models(&inputs.request.models).into_iter().enumerate() {
        let key = model.key();
        tell(Stand {
            model: key.to_owned(),
            at,
            ..Stand::default()
        });
        if cancel.load(Ordering::Relaxed) && at > 0 {
            outcomes.push(ModelOutcome::not_reached(key));
            continue;
        }
        if let Some(code) = lacking(inputs, model, &plans) {
            outcomes.push(ModelOutcome::withheld(key, code));
            continue;
        }
        let progress = |p: Progress| {
            tell(Stand {
                model: key.to_owned(),
                at,
                iteration: p.iteration,
                incumbent: p.incumbent.filter(|v| v.is_finite()),
                bound: p.bound.filter(|v| v.is_finite()),
                gap: p.gap.filter(|v| v.is_finite()),
            });
        };
        let run = Run {
            seed: u64::from(inputs.request.seed),
            iterations: u64::from(inputs.request.iterations),
            threads: 2,
            exact_nodes: NODES,
            exact_seconds: Some(EXACT_SECONDS),
            cancel,
            progress: &progress,
        };
        let problem = problem(inputs, model, &plans)?;
        outcomes.push(match iq_optimiser::solve(model, &problem, &run)? {
            Outcome::Infeasible(why) => {
                let found = ModelOutcome::infeasible(key, &why);
                without_plan(inputs, model, &mut plans, &run, found)?
            }
            Outcome::Plan(plan) => {
                keep(&mut plans, model, &plan)?;
                ModelOutcome::plan(key, plan)
            }
        });
    }
    let advice = plans.advice(inputs);
    let summary = plans.summary(inputs, &advice);
    Ok(Solved {
        outcome: PlanOutcome {
            models: outcomes,
            summary,
        },
        plans,
    })
}

/// What follows where a model finds no plan: without days nothing is in the plan; a job that finds nobody
/// leaves the others their people.
fn without_plan(
    inputs: &Inputs,
    model: Model,
    plans: &mut Plans,
    run: &Run<'_>,
    found: ModelOutcome,
) -> Result<ModelOutcome, CodedError> {
    plans.has_no_days |= model == Model::ProductionRisk;
    if model != Model::WorkforceDispatch || run.is_cancelled() {
        plans.has_no_dispatch |= model == Model::WorkforceDispatch;
        return Ok(found);
    }
    let problem = problems::dispatch(inputs, &plans.days(inputs));
    let rest = serde_json::to_string(&problems::of_the_rest(problem))
        .map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))?;
    let Outcome::Plan(plan) = iq_optimiser::solve(model, &rest, run)? else {
        plans.has_no_dispatch = true;
        return Ok(found);
    };
    keep(plans, model, &plan)?;
    Ok(found.with_rest(plan))
}

/// Why a model can't work on these inputs.
fn lacking(inputs: &Inputs, model: Model, plans: &Plans) -> Option<&'static str> {
    if inputs.work.is_empty() {
        return Some("optimization.no_work");
    }
    if model == Model::Prioritisation {
        return None;
    }
    if inputs.cost_model.is_none() {
        return Some("cost_models.not_set");
    }
    if model == Model::WorkforceDispatch {
        if inputs.is_everybody_away {
            return Some("optimization.note.everybody_away");
        }
        if inputs.crews.is_empty() {
            return Some("optimization.note.no_technicians");
        }
        if plans.days(inputs).is_empty() {
            return Some("optimization.nothing_to_dispatch");
        }
    }
    None
}

fn problem(inputs: &Inputs, model: Model, plans: &Plans) -> Result<String, CodedError> {
    let text = match model {
        Model::Prioritisation => serde_json::to_string(&problems::prioritisation(inputs)),
        Model::DeferralCost => serde_json::to_string(&problems::deferral(inputs)),
        Model::ProductionRisk => serde_json::to_string(&problems::production_risk(inputs)),
        Model::WorkforceDispatch => {
            serde_json::to_string(&problems::dispatch(inputs, &plans.days(inputs)))
        }
    };
    text.map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))
}

fn keep(plans: &mut Plans, model: Model, plan: &Value) -> Result<(), CodedError> {
    fn read<T: DeserializeOwned>(plan: &Value) -> Result<Option<T>, CodedError> {
        serde_json::from_value(plan.clone())
            .map(Some)
            .map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))
    }
    match model {
        Model::Prioritisation => plans.priority = read(plan)?,
        Model::DeferralCost => plans.deferral = read(plan)?,
        Model::ProductionRisk => plans.risk = read(plan)?,
        Model::WorkforceDispatch => plans.dispatch = read(plan)?,
    }
    Ok(())
}

/// Whether one of the models found that no plan exists.
pub(super) fn is_infeasible(outcome: &PlanOutcome) -> bool {
    outcome
        .models
        .iter()
        .any(|m| m.state == ModelState::Infeasible)
}
