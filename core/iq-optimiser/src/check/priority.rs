//! Checks plans of the prioritisation model: the formula, the order, the limits.

use std::collections::BTreeMap;

use iq_domain::Criticality;

use super::{SLACK, Violations, compare, of, quality, wrong};
use crate::priority::{PriorityClass, PriorityItem, PriorityPlan, PriorityProblem, RankedItem};

/// Everything that is wrong with a plan.
#[must_use]
pub fn priority(problem: &PriorityProblem, plan: &PriorityPlan) -> Violations {
    let mut found = Violations::new();
    let items: BTreeMap<&str, &PriorityItem> =
        problem.items.iter().map(|i| (i.id.as_str(), i)).collect();
    let mut seen: BTreeMap<&str, (&RankedItem, &PriorityItem)> = BTreeMap::new();
    for ranked in &plan.ranked {
        match items.get(ranked.item.as_str()) {
            None => found.push(of("unknown_task", "task", &ranked.item)),
            Some(item) => {
                if seen.insert(&item.id, (ranked, item)).is_some() {
                    found.push(of("task_twice", "task", &ranked.item));
                }
                numbers(problem, item, ranked, &mut found);
            }
        }
    }
    if seen.len() != problem.items.len() {
        found.push(wrong("item_missing"));
    }
    order(plan, &items, &mut found);
    let (mut spent, mut hours, mut avoided, mut value) = (0.0, 0.0, 0.0, 0.0);
    for (ranked, item) in seen.values() {
        let worth = avoided_by(problem, item);
        if ranked.is_selected {
            spent += planned(problem, item);
            hours += item.hours;
            avoided += worth;
            value += planned(problem, item);
        } else {
            value += worth;
            if item.is_mandatory() {
                found.push(of("mandatory", "task", &item.id));
            }
        }
    }
    if problem.budget.is_some_and(|budget| spent > budget + SLACK) {
        found.push(wrong("budget"));
    }
    if problem.hours.is_some_and(|limit| hours > limit + SLACK) {
        found.push(of("too_much", "resource", "hours"));
    }
    compare(&mut found, "budget_used", plan.budget_used, spent);
    compare(&mut found, "hours_used", plan.hours_used, hours);
    compare(
        &mut found,
        "expected_cost_avoided",
        plan.expected_cost_avoided,
        avoided,
    );
    quality(&mut found, &plan.quality, value);
    found
}

fn planned(problem: &PriorityProblem, item: &PriorityItem) -> f64 {
    let family = item
        .family
        .as_ref()
        .and_then(|f| problem.cost_model.cost_per_asset_family.get(f));
    item.planned_cost
        .or(family.map(|f| f.planned))
        .unwrap_or(0.0)
}

fn avoided_by(problem: &PriorityProblem, item: &PriorityItem) -> f64 {
    let costs = &problem.cost_model;
    let family = item
        .family
        .as_ref()
        .and_then(|f| costs.cost_per_asset_family.get(f));
    let repair = item
        .failure_cost
        .or(family.map(|f| f.failure))
        .unwrap_or(0.0);
    let by_unit = item
        .unit
        .as_ref()
        .and_then(|u| costs.production_value_per_unit.get(u));
    let by_site = item
        .site
        .as_ref()
        .and_then(|s| costs.production_value_per_site.get(s));
    let hour = by_unit
        .or(by_site)
        .copied()
        .unwrap_or(costs.default_downtime_cost_per_hour);
    item.failure_probability * (repair + item.downtime_hours * hour)
}

fn numbers(
    problem: &PriorityProblem,
    item: &PriorityItem,
    ranked: &RankedItem,
    found: &mut Violations,
) {
    let weights = problem.cost_model.criticality_weights;
    let weight = match item.criticality {
        Criticality::Low => weights.low,
        Criticality::Medium => weights.medium,
        Criticality::High => weights.high,
        Criticality::Critical => weights.critical,
    };
    let score = 0.4 * (100.0 - item.health) + 40.0 * item.failure_probability + 10.0 * weight;
    compare(found, "score", ranked.score, score);
    let avoided = avoided_by(problem, item);
    compare(
        found,
        "expected_cost_avoided",
        ranked.expected_cost_avoided,
        avoided,
    );
    compare(
        found,
        "net_benefit",
        ranked.net_benefit,
        avoided - planned(problem, item),
    );
    let limits = problem.cost_model.criticality_thresholds;
    let (low, high) = match ranked.class {
        PriorityClass::Low => (f64::NEG_INFINITY, limits.medium),
        PriorityClass::Medium => (limits.medium, limits.high),
        PriorityClass::High => (limits.high, limits.critical),
        PriorityClass::Critical => (limits.critical, f64::INFINITY),
    };
    if ranked.score < low - 1e-9 || ranked.score > high + 1e-9 {
        found.push(of("class", "task", &item.id));
    }
}

/// Places are 1, 2, 3 …; what has to be done comes first, then the higher score; costs have their own order.
fn order(plan: &PriorityPlan, items: &BTreeMap<&str, &PriorityItem>, found: &mut Violations) {
    let is_numbered = (1..).zip(&plan.ranked).all(|(place, r)| r.rank == place);
    let is_must = |r: &RankedItem| {
        let item = items.get(r.item.as_str());
        item.is_some_and(|i| i.is_mandatory())
    };
    let is_sorted = plan.ranked.windows(2).all(|pair| {
        let (a, b) = (is_must(&pair[0]), is_must(&pair[1]));
        (a && !b) || (a == b && pair[0].score >= pair[1].score)
    });
    if !is_numbered || !is_sorted {
        found.push(wrong("order"));
    }
    let mut by_cost: Vec<&RankedItem> = plan.ranked.iter().collect();
    by_cost.sort_by_key(|r| r.rank_by_cost);
    let is_numbered = (1..)
        .zip(&by_cost)
        .all(|(place, r)| r.rank_by_cost == place);
    let is_sorted = by_cost
        .windows(2)
        .all(|pair| pair[0].expected_cost_avoided >= pair[1].expected_cost_avoided);
    if !is_numbered || !is_sorted {
        found.push(wrong("cost_order"));
    }
}
