//! What came out of a run: each model's checked plan, and the advice made of all of them.

use std::collections::{BTreeMap, BTreeSet};

use iq_domain::{AssetId, Message, TechnicianId, Timestamp, WorkOrderId};
use iq_optimiser::{
    Infeasible, Reason,
    deferral::DeferralPlan,
    dispatch::DispatchPlan,
    priority::{PriorityClass, PriorityPlan, RankedItem, chance_decimals},
    risk::RiskPlan,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    inputs::{Inputs, Work},
    problems,
};
use crate::models::NO_AGE;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// How a model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// A plan the checker found nothing wrong with.
    Plan,
    /// No plan, and why.
    Infeasible,
    /// Something it needs is not there.
    Withheld,
    /// Not reached before the run was stopped.
    NotReached,
}

/// What one model came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOutcome {
    /// Key of the model.
    pub model: String,
    /// How it ended.
    pub state: ModelState,
    /// The independent checker went through the plan and found nothing.
    pub is_checked: bool,
    /// Why there is no plan.
    pub reasons: Vec<Message>,
    /// Whether it is proven that there is none.
    pub is_proven: bool,
    /// The plan, as its schema says.
    pub plan: Value,
}

impl ModelOutcome {
    pub(super) fn withheld(model: &str, code: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: ModelState::Withheld,
            is_checked: false,
            reasons: vec![Message {
                code: code.to_owned(),
                params: BTreeMap::new(),
            }],
            is_proven: false,
            plan: Value::Null,
        }
    }

    pub(super) fn not_reached(model: &str) -> Self {
        Self {
            state: ModelState::NotReached,
            reasons: Vec::new(),
            ..Self::withheld(model, "")
        }
    }

    pub(super) fn infeasible(model: &str, why: &Infeasible) -> Self {
        Self {
            state: ModelState::Infeasible,
            reasons: why.conflicts.iter().map(message).collect(),
            is_proven: why.is_proven,
            ..Self::withheld(model, "")
        }
    }

    /// What could be planned all the same; the reasons stay.
    pub(super) fn with_rest(self, plan: Value) -> Self {
        Self {
            is_checked: true,
            plan,
            ..self
        }
    }

    pub(super) fn plan(model: &str, plan: Value) -> Self {
        Self {
            state: ModelState::Plan,
            is_checked: true,
            reasons: Vec::new(),
            plan,
            ..Self::withheld(model, "")
        }
    }
}

/// What all models came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanOutcome {
    /// By model, in the order they were worked on.
    pub models: Vec<ModelOutcome>,
    /// The figures a page shows first.
    pub summary: PlanSummary,
}

/// The figures a page shows first. Money is absent where no cost model is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Pieces of work looked at.
    pub work: u32,
    /// Of those in the plan.
    pub advised: u32,
    /// Expected cost of doing nothing.
    pub current_risk: Option<f64>,
    /// Expected cost with the plan.
    pub optimized_risk: Option<f64>,
    /// Difference.
    pub risk_reduction: Option<f64>,
    /// Planned cost of what is in the plan.
    pub planned_cost: Option<f64>,
    /// No plan has a smaller value than this.
    pub bound: Option<f64>,
    /// Value of the plan.
    pub objective: Option<f64>,
    /// Distance to the bound as a share.
    pub gap: Option<f64>,
    /// Whether no better plan exists.
    pub is_optimal: bool,
    /// Hours of travel.
    pub travel_hours: Option<f64>,
    /// Hours of overtime.
    pub overtime_hours: Option<f64>,
    /// Jobs that found no place with the technicians.
    pub not_placed: u32,
}

/// What a chance of failure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChanceBasis {
    /// The usual life of the family and the asset's age: nothing of one's own went into it.
    FamilyPrior,
    /// The usual life of the family, lengthened by own lives in which nothing has failed.
    FamilyLives,
    /// The average rate of the family, because the asset's age is not known: the model lab gives no chance
    /// then.
    FamilyRate,
    /// The life of the family, corrected by the tenant's own failures.
    OwnHistory,
}

/// Where a chance of failure comes from, and how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chance {
    /// What it rests on.
    pub basis: ChanceBasis,
    /// 90 % interval: from here …
    pub low: f64,
    /// … to here.
    pub high: f64,
    /// Own failures of the family.
    pub own_failures: u32,
    /// Own times at risk.
    pub own_lives: u32,
    /// Why the model lab gives no chance for this asset.
    pub lab_withheld: Option<Message>,
}

impl Chance {
    fn of(work: &Work, days: u32) -> Option<Self> {
        let chance = problems::failure_chance(work, days)?;
        let own = work.own_life;
        let own_failures = own.map_or(0, |own| own.failures);
        let own_lives = own.map_or(0, |own| own.lives);
        let basis = if work.age_hours.is_none() {
            ChanceBasis::FamilyRate
        } else if own_failures > 0 {
            ChanceBasis::OwnHistory
        } else if own_lives > 0 {
            ChanceBasis::FamilyLives
        } else {
            ChanceBasis::FamilyPrior
        };
        Some(Self {
            basis,
            low: chance.low,
            high: chance.high,
            own_failures,
            own_lives,
            lab_withheld: work.age_hours.is_none().then(|| Message {
                code: NO_AGE.to_owned(),
                ..Message::default()
            }),
        })
    }
}

/// One visit to a job: a part of it that is done in one go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// Start.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// Who is there.
    pub technicians: Vec<TechnicianId>,
}

/// What is advised about one piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// Key of the work.
    pub key: String,
    /// What the order is called, where there is one.
    pub order: Option<String>,
    /// Documented score.
    pub score: f64,
    /// Its class.
    pub class: PriorityClass,
    /// Place by expected cost avoided.
    pub rank_by_cost: Option<u32>,
    /// Health; none where there is no score of it.
    pub health: Option<f64>,
    /// Probability of a failure inside the horizon.
    pub failure_probability: f64,
    /// Where that comes from; none in runs of before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<Chance>,
    /// Expected cost avoided.
    pub expected_cost_avoided: Option<f64>,
    /// Cost of the planned job.
    pub planned_cost: Option<f64>,
    /// Difference.
    pub net_benefit: Option<f64>,
    /// Whether it is in the plan.
    pub is_advised: bool,
    /// Day of the plan, from 1.
    pub day: Option<u32>,
    /// Start.
    pub planned_start: Option<Timestamp>,
    /// End.
    pub planned_end: Option<Timestamp>,
    /// Who does it.
    pub technicians: Vec<TechnicianId>,
    /// When and by whom each part of it is done, in order; none where nobody was assigned to it, and in
    /// runs of before this was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visits: Vec<Visit>,
    /// Cheapest day to do it, in days from now.
    pub cheapest_day: Option<u32>,
    /// What the place is made of.
    pub reasons: Vec<Message>,
}

/// Advice with what it is about.
pub(super) struct Advised {
    pub(super) asset_id: AssetId,
    pub(super) order_id: Option<WorkOrderId>,
    pub(super) advice: Advice,
}

/// A reason of the optimiser as a sentence's code.
pub(super) fn message(reason: &Reason) -> Message {
    Message {
        code: format!("optimiser.{}", reason.code),
        params: reason.params.clone(),
    }
}

/// The plans of a run, where there are some.
#[derive(Default)]
pub(super) struct Plans {
    pub(super) priority: Option<PriorityPlan>,
    pub(super) deferral: Option<DeferralPlan>,
    pub(super) risk: Option<RiskPlan>,
    pub(super) dispatch: Option<DispatchPlan>,
    /// What must be done fits into no plan of the days, so there are none.
    pub(super) has_no_days: bool,
    /// Nobody's day could be planned.
    pub(super) has_no_dispatch: bool,
}

impl Plans {
    /// First and last day of each work in the production-risk plan; without that plan the selected work
    /// has the whole horizon, or the days its outage and parts leave it.
    pub(super) fn days(&self, inputs: &Inputs) -> BTreeMap<String, (u32, u32)> {
        if self.has_no_days {
            return BTreeMap::new();
        }
        if let Some(plan) = &self.risk {
            return plan
                .planned
                .iter()
                .map(|p| (p.task.clone(), (p.start, p.end)))
                .collect();
        }
        let ranked = self.priority.iter().flat_map(|p| &p.ranked);
        ranked
            .filter(|item| item.is_selected)
            .filter_map(|item| Some((item.item.clone(), problems::open_days(inputs, &item.item)?)))
            .collect()
    }

    pub(super) fn summary(&self, inputs: &Inputs, advice: &[Advised]) -> PlanSummary {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let has_money = inputs.cost_model.is_some();
        let quality = self.risk.as_ref().map(|p| &p.quality).or_else(|| {
            let is_said = has_money && !self.has_no_days;
            let priority = self.priority.as_ref().filter(|_| is_said);
            priority.map(|p| &p.quality)
        });
        let advised: Vec<&Advice> = advice
            .iter()
            .map(|a| &a.advice)
            .filter(|a| a.is_advised)
            .collect();
        let costs = advised.iter().filter_map(|a| a.planned_cost);
        PlanSummary {
            work: count(inputs.work.len()),
            advised: count(advised.len()),
            current_risk: self.risk.as_ref().map(|p| p.current_risk),
            optimized_risk: self.risk.as_ref().map(|p| p.optimized_risk),
            risk_reduction: self.risk.as_ref().map(|p| p.risk_reduction),
            // The sum of nothing is -0.0.
            planned_cost: has_money.then(|| costs.sum::<f64>() + 0.0),
            bound: quality.map(|q| q.bound),
            objective: quality.map(|q| q.objective),
            gap: quality.map(|q| q.gap),
            is_optimal: quality.is_some_and(|q| q.is_optimal),
            travel_hours: self.dispatch.as_ref().map(|p| p.travel_hours),
            overtime_hours: self.dispatch.as_ref().map(|p| p.overtime_hours),
            not_placed: count(self.not_placed(inputs)),
        }
    }

    /// One piece of advice per work, best first.
    pub(super) fn advice(&self, inputs: &Inputs) -> Vec<Advised> {
        let Some(priority) = &self.priority else {
            return Vec::new();
        };
        let days = self.days(inputs);
        let ranked = priority.ranked.iter();
        ranked
            .filter_map(|item| self.advised(inputs, item, &days))
            .collect()
    }

    fn advised(
        &self,
        inputs: &Inputs,
        item: &RankedItem,
        days: &BTreeMap<String, (u32, u32)>,
    ) -> Option<Advised> {
        let work = inputs.work.iter().find(|w| w.key == item.item)?;
        let money = inputs.cost_model.as_ref();
        let planned_cost = money
            .filter(|model| model.cost_per_asset_family.contains_key(&work.family))
            .map(|model| problems::cost_of(model, work).planned);
        let day = money.and_then(|_| days.get(&item.item)).copied();
        let curves = self.deferral.iter().flat_map(|p| &p.curves);
        let visits = self.visits(inputs, &item.item);
        let span = visits
            .iter()
            .map(|v| v.start)
            .min()
            .zip(visits.iter().map(|v| v.end).max());
        let mut technicians: Vec<TechnicianId> = visits
            .iter()
            .flat_map(|visit| visit.technicians.iter().copied())
            .collect();
        technicians.sort();
        technicians.dedup();
        // What was to be dispatched and found no place has no time: midnight would look like an appointment.
        let has_place = self.dispatch.is_none() && !self.has_no_dispatch;
        let whole_days = day.filter(|_| has_place).map(|(first, last)| {
            let at = |days: u32| inputs.start.plus_ms(i64::from(days) * DAY_MS);
            (at(first - 1), at(last))
        });
        let span = span.or(whole_days);
        let horizon = inputs.request.horizon_days;
        let failure_probability = problems::failure_chance(work, horizon)?.p;
        let chance = Chance::of(work, horizon)?;
        let mut reasons = reasons(item, work, money.is_some(), day.is_some());
        if let Some(why) = day.and_then(|days| self.without_place(inputs, work, days)) {
            reasons.insert(0, why);
        }
        let bound = problems::bound_by(inputs, work, day);
        if bound.is_empty() && day.is_none() && self.would_do_alone(item) {
            reasons.push(Message {
                code: "optimization.left_by_days".to_owned(),
                ..Message::default()
            });
        }
        reasons.extend(bound);
        reasons.extend(health_source(work));
        reasons.push(source(failure_probability, &chance));
        Some(Advised {
            asset_id: work.asset_id,
            order_id: work.order_id,
            advice: Advice {
                key: item.item.clone(),
                order: work.order.clone(),
                score: item.score,
                class: item.class,
                rank_by_cost: money.map(|_| item.rank_by_cost),
                health: work.health_withheld.is_none().then_some(work.health),
                failure_probability,
                chance: Some(chance),
                expected_cost_avoided: money.map(|_| item.expected_cost_avoided),
                planned_cost,
                net_benefit: planned_cost.map(|cost| item.expected_cost_avoided - cost),
                is_advised: day.is_some(),
                day: day.map(|d| d.0),
                planned_start: span.map(|s| s.0),
                planned_end: span.map(|s| s.1),
                technicians,
                visits,
                cheapest_day: curves
                    .filter(|c| c.item == item.item)
                    .map(|c| c.cheapest_day)
                    .next(),
                reasons,
            },
        })
    }

    /// Whether one period would have chosen the work for its money, beside a plan over the days: where that
    /// plan does without it, nothing else says why.
    fn would_do_alone(&self, item: &RankedItem) -> bool {
        self.risk.is_some() && !self.has_no_days && item.is_selected && item.net_benefit > 0.0
    }

    /// Why work of the plan has no place with the people; none where it has one, or nobody was to be planned.
    fn without_place(&self, inputs: &Inputs, work: &Work, days: (u32, u32)) -> Option<Message> {
        let is_mine =
            |part: &String| problems::work_of_part(inputs, part).is_some_and(|w| w.key == work.key);
        let is_left = self.dispatch.as_ref()?.left.iter().any(is_mine);
        is_left
            .then(|| problems::without_place(inputs, work, days))
            .flatten()
    }

    /// Jobs of which a part has no place.
    fn not_placed(&self, inputs: &Inputs) -> usize {
        let left = self.dispatch.iter().flat_map(|plan| &plan.left);
        let jobs: BTreeSet<&str> = left
            .filter_map(|part| problems::work_of_part(inputs, part))
            .map(|work| work.key.as_str())
            .collect();
        jobs.len()
    }

    /// When and by whom the parts of a work are done, in order; none while any part of it has no place.
    fn visits(&self, inputs: &Inputs, key: &str) -> Vec<Visit> {
        let Some(plan) = &self.dispatch else {
            return Vec::new();
        };
        let is_mine =
            |part: &str| problems::work_of_part(inputs, part).is_some_and(|w| w.key == key);
        if plan.left.iter().any(|part| is_mine(part)) {
            return Vec::new();
        }
        let at = |minute: u32| inputs.start.plus_ms(i64::from(minute) * MINUTE_MS);
        let mut visits: Vec<Visit> = plan
            .scheduled
            .iter()
            .filter(|part| is_mine(&part.task))
            .map(|part| Visit {
                start: at(part.start),
                end: at(part.end),
                technicians: part
                    .technicians
                    .iter()
                    .filter_map(|id| id.parse().ok())
                    .collect(),
            })
            .collect();
        visits.sort_by_key(|visit| (visit.start, visit.end));
        visits
    }
}

/// What the health comes from; where there is none why, and what was planned with instead.
fn health_source(work: &Work) -> Vec<Message> {
    if let Some(why) = &work.health_withheld {
        let without = Message {
            code: "optimization.health_withheld".to_owned(),
            ..Message::default()
        };
        return vec![why.clone(), without];
    }
    // The window a model learned from stands on its own page.
    let words = work.health_model.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.contains("Z/")).collect();
    vec![Message {
        code: "optimization.health_by".to_owned(),
        params: BTreeMap::from([("model".to_owned(), words.join(" "))]),
    }]
}

/// The chance of failure in a sentence: how large, how sure, from where.
fn source(chance: f64, from: &Chance) -> Message {
    let percent = |share: f64| format!("{:.*}", chance_decimals(share), share * 100.0);
    let params = [
        ("chance", percent(chance)),
        ("low", percent(from.low)),
        ("high", percent(from.high)),
        ("failures", from.own_failures.to_string()),
        ("lives", from.own_lives.to_string()),
    ];
    let code = match from.basis {
        ChanceBasis::FamilyPrior => "optimization.chance.family",
        ChanceBasis::FamilyLives => "optimization.chance.family_lives",
        ChanceBasis::FamilyRate => "optimization.chance.rate",
        ChanceBasis::OwnHistory => "optimization.chance.own",
    };
    Message {
        code: code.to_owned(),
        params: params.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
    }
}

/// Without money only the points are stated; what the plan over the days chose goes before what one
/// period would have chosen. A health that nobody measured is not stated.
fn reasons(item: &RankedItem, work: &Work, has_money: bool, is_advised: bool) -> Vec<Message> {
    let is_shown = |reason: &&Reason| match reason.code.as_str() {
        "reason.health" => work.health_withheld.is_none(),
        "reason.cost_avoided" => has_money,
        "reason.not_worth" | "reason.no_room" => has_money && !is_advised,
        _ => true,
    };
    item.reasons.iter().filter(is_shown).map(message).collect()
}
