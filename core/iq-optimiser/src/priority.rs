//! Prioritisation: the documented score and the expected cost avoided side by side, with reasons, and what
//! fits into budget and hours.
//!
//! score = (100 − health) · 0.4 + failure probability · 100 · 0.4 + criticality weight · 10.
//! Expected cost avoided = failure probability · (repair + downtime hours · value of an hour); net benefit is
//! that without the planned cost. Safety and statutory work is never traded with money: it comes first.

use std::collections::BTreeSet;

use iq_domain::{CodedError, Criticality};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CostModel, Infeasible, Quality, Reason, Run,
    cost::{CriticalityWord, amount_of, of_entry, out_of_range},
    risk::{self, Resource, RiskProblem, RiskTask, StartOption, Use},
};

/// Decimals a chance needs as a percentage: it is never 0, and is not shown as 0.
#[must_use]
pub fn chance_decimals(share: f64) -> usize {
    match share {
        s if s >= 0.01 => 1,
        s if s >= 0.001 => 2,
        s if s >= 0.000_1 => 3,
        _ => 4,
    }
}

/// A piece of work that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityItem {
    /// Key.
    pub id: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Asset family, for the cost model.
    #[serde(default)]
    pub family: Option<String>,
    /// Site, for the cost model.
    #[serde(default)]
    pub site: Option<String>,
    /// Unit, for the cost model.
    #[serde(default)]
    pub unit: Option<String>,
    /// Criticality of the asset.
    #[schemars(with = "CriticalityWord")]
    pub criticality: Criticality,
    /// Health, 0–100.
    pub health: f64,
    /// Probability of failure over the horizon, 0–1.
    pub failure_probability: f64,
    /// Downtime after a failure, in hours.
    pub downtime_hours: f64,
    /// Repair after a failure; the family's where absent.
    #[serde(default)]
    pub failure_cost: Option<f64>,
    /// The planned job; the family's where absent.
    #[serde(default)]
    pub planned_cost: Option<f64>,
    /// Working hours of the planned job.
    #[serde(default)]
    pub hours: f64,
    /// Whether safety or law asks for it.
    #[serde(default)]
    pub is_safety: bool,
    /// Whether whoever plans wants it done in any case; the law or safety need not ask for it.
    #[serde(default)]
    pub is_asked_for: bool,
}

impl PriorityItem {
    /// Whether it has to be done, whoever asks for it.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.is_safety || self.is_asked_for
    }
}

/// Problem of the prioritisation model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityProblem {
    /// Cost and risk model.
    #[serde(default)]
    pub cost_model: CostModel,
    /// Horizon the failure probabilities are stated for, in days.
    pub horizon_days: f64,
    /// Money that may be spent.
    #[serde(default)]
    pub budget: Option<f64>,
    /// Working hours there are.
    #[serde(default)]
    pub hours: Option<f64>,
    /// Work.
    pub items: Vec<PriorityItem>,
}

/// Class of a score, by the cost model's thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriorityClass {
    /// Below medium.
    Low,
    /// From the medium threshold.
    Medium,
    /// From the high threshold.
    High,
    /// From the critical threshold.
    Critical,
}

/// An item with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RankedItem {
    /// The item.
    pub item: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Place by safety, then score; from 1.
    pub rank: u32,
    /// Place by expected cost avoided; from 1.
    pub rank_by_cost: u32,
    /// Documented score.
    pub score: f64,
    /// Class of the score.
    pub class: PriorityClass,
    /// Failure probability times repair and lost production.
    pub expected_cost_avoided: f64,
    /// That without the planned cost.
    pub net_benefit: f64,
    /// Whether it is done within budget and hours.
    pub is_selected: bool,
    /// What the place is made of.
    pub reasons: Vec<Reason>,
}

/// Plan of the prioritisation model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityPlan {
    /// All items in their order.
    pub ranked: Vec<RankedItem>,
    /// Sum of the selected.
    pub expected_cost_avoided: f64,
    /// Money of the selected.
    pub budget_used: f64,
    /// Hours of the selected.
    pub hours_used: f64,
    /// How good the selection is; its value is what the rest still risks plus what the selected cost.
    pub quality: Quality,
    /// What was assumed, because the problem does not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Reason>,
}

/// What an item is worth.
struct Worth {
    health_points: f64,
    failure_points: f64,
    criticality_points: f64,
    per_hour: f64,
    avoided: f64,
    planned: f64,
}

/// Ranks and selects.
pub fn solve(
    problem: &PriorityProblem,
    run: &Run<'_>,
) -> Result<Result<PriorityPlan, Infeasible>, CodedError> {
    problem.cost_model.check()?;
    if !(problem.horizon_days > 0.0 && problem.horizon_days <= 3_650.0) {
        return Err(out_of_range(
            "horizon_days",
            problem.horizon_days,
            "> 0, ≤ 3650",
        ));
    }
    let worth = problem
        .items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            worth(&problem.cost_model, item)
                .map_err(|error| of_entry("items", place, &item.id, error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let chosen = match risk::solve(&selection(problem, &worth)?, run)? {
        Ok(plan) => plan,
        Err(why) => return Ok(Err(why)),
    };
    let selected: BTreeSet<&str> = chosen.planned.iter().map(|p| p.task.as_str()).collect();
    let mandatory: BTreeSet<&str> = mandatory_of(problem);
    let mut ranked: Vec<RankedItem> = problem
        .items
        .iter()
        .zip(&worth)
        .map(|(item, worth)| {
            let is_selected = selected.contains(item.id.as_str());
            ranked(problem, item, worth, is_selected)
        })
        .collect();
    ranked.sort_by(|a, b| {
        let costs = b.expected_cost_avoided.total_cmp(&a.expected_cost_avoided);
        costs.then_with(|| a.item.cmp(&b.item))
    });
    (1..)
        .zip(&mut ranked)
        .for_each(|(place, item)| item.rank_by_cost = place);
    ranked.sort_by_cached_key(|r| {
        (
            !mandatory.contains(r.item.as_str()),
            std::cmp::Reverse(ordered(r.score)),
            r.rank_by_cost,
        )
    });
    (1..)
        .zip(&mut ranked)
        .for_each(|(place, item)| item.rank = place);
    let sum = |value: &dyn Fn(usize) -> f64| -> f64 {
        let items = problem.items.iter().enumerate();
        let mine = items.filter(|(_, item)| selected.contains(item.id.as_str()));
        mine.map(|(at, _)| value(at)).sum()
    };
    Ok(Ok(PriorityPlan {
        expected_cost_avoided: sum(&|at| worth[at].avoided),
        budget_used: sum(&|at| worth[at].planned),
        hours_used: sum(&|at| problem.items[at].hours),
        quality: chosen.quality,
        ranked,
        assumptions: Vec::new(),
    }))
}

/// Items that have to be done.
fn mandatory_of(problem: &PriorityProblem) -> BTreeSet<&str> {
    let items = problem.items.iter().filter(|item| item.is_mandatory());
    items.map(|item| item.id.as_str()).collect()
}

/// A finite, non-negative number as a key that sorts alike.
const fn ordered(value: f64) -> u64 {
    value.to_bits()
}

fn worth(costs: &CostModel, item: &PriorityItem) -> Result<Worth, CodedError> {
    if !(0.0..=100.0).contains(&item.health) {
        return Err(out_of_range("health", item.health, "≥ 0, ≤ 100"));
    }
    if !(0.0..=1.0).contains(&item.failure_probability) {
        return Err(out_of_range(
            "failure_probability",
            item.failure_probability,
            "≥ 0, ≤ 1",
        ));
    }
    let family = item
        .family
        .as_ref()
        .and_then(|f| costs.cost_per_asset_family.get(f));
    let family = family.copied().unwrap_or_default();
    let failure = item.failure_cost.unwrap_or(family.failure);
    let planned = item.planned_cost.unwrap_or(family.planned);
    for (field, value) in [
        ("downtime_hours", item.downtime_hours),
        ("failure_cost", failure),
        ("planned_cost", planned),
        ("hours", item.hours),
    ] {
        amount_of(field, value)?;
    }
    let per_hour = costs.downtime_cost_per_hour(item.unit.as_deref(), item.site.as_deref());
    Ok(Worth {
        health_points: (100.0 - item.health) * 0.4,
        failure_points: item.failure_probability * 100.0 * 0.4,
        criticality_points: costs.weight(item.criticality) * 10.0,
        per_hour,
        avoided: item.failure_probability * (failure + item.downtime_hours * per_hour),
        planned,
    })
}

fn ranked(
    problem: &PriorityProblem,
    item: &PriorityItem,
    worth: &Worth,
    is_selected: bool,
) -> RankedItem {
    let score = worth.health_points + worth.failure_points + worth.criticality_points;
    let limits = problem.cost_model.criticality_thresholds;
    let class = if score >= limits.critical {
        PriorityClass::Critical
    } else if score >= limits.high {
        PriorityClass::High
    } else if score >= limits.medium {
        PriorityClass::Medium
    } else {
        PriorityClass::Low
    };
    let shown = |value: f64| format!("{value:.1}");
    let percent = |share: f64| format!("{:.*}", chance_decimals(share), share * 100.0);
    let mut reasons = Vec::new();
    if item.is_safety {
        reasons.push(Reason::new("reason.safety"));
    }
    if item.is_asked_for {
        reasons.push(Reason::new("reason.must_do"));
    }
    let mut parts = vec![
        (
            worth.health_points,
            Reason::new("reason.health").with("health", shown(item.health)),
        ),
        (
            worth.failure_points,
            Reason::new("reason.failure")
                .with("percent", percent(item.failure_probability))
                .with("days", problem.horizon_days),
        ),
        (worth.criticality_points, Reason::new("reason.criticality")),
    ];
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    reasons.extend(
        parts
            .into_iter()
            .map(|(points, reason)| reason.with("points", shown(points))),
    );
    if worth.avoided > 0.0 {
        reasons.push(
            Reason::new("reason.cost_avoided")
                .with("amount", format!("{:.0}", worth.avoided))
                .with("per_hour", format!("{:.0}", worth.per_hour))
                .with("hours", shown(item.downtime_hours))
                .with("currency", &problem.cost_model.currency),
        );
    }
    let net_benefit = worth.avoided - worth.planned;
    if !is_selected {
        let code = if net_benefit <= 0.0 {
            "reason.not_worth"
        } else {
            "reason.no_room"
        };
        reasons.push(Reason::new(code));
    }
    RankedItem {
        item: item.id.clone(),
        asset: item.asset.clone(),
        rank: 0,
        rank_by_cost: 0,
        score,
        class,
        expected_cost_avoided: worth.avoided,
        net_benefit,
        is_selected,
        reasons,
    }
}

/// The selection as a plan of one period.
fn selection(problem: &PriorityProblem, worth: &[Worth]) -> Result<RiskProblem, CodedError> {
    problem
        .hours
        .map_or(Ok(()), |hours| amount_of("hours", hours))?;
    let resources = problem.hours.map(|hours| Resource {
        id: "hours".to_owned(),
        min: Vec::new(),
        max: vec![hours],
    });
    let tasks = problem.items.iter().zip(worth).map(|(item, worth)| {
        let uses = problem.hours.map(|_| Use {
            resource: "hours".to_owned(),
            amounts: vec![item.hours],
        });
        RiskTask {
            id: item.id.clone(),
            asset: item.asset.clone(),
            is_mandatory: item.is_mandatory(),
            unplanned_cost: worth.avoided,
            parts: Default::default(),
            windows: Vec::new(),
            outage: None,
            options: vec![StartOption {
                start: 1,
                duration: 1,
                budget_use: worth.planned,
                expected_cost: worth.planned,
                uses: uses.into_iter().collect(),
                risk: Vec::new(),
            }],
        }
    });
    Ok(RiskProblem {
        cost_model: problem.cost_model.clone(),
        periods: 1,
        scenarios: vec![1],
        quantile: 1.0,
        alpha: Some(1.0),
        budget: problem.budget,
        resources: resources.into_iter().collect(),
        tasks: tasks.collect(),
        ..RiskProblem::default()
    })
}
