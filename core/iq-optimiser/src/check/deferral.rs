//! Checks deferral curves: the formula hour by hour, the cheapest day, the interval, the ranking.

use std::collections::BTreeMap;

use super::{Violations, compare, of, wrong};
use crate::deferral::{DeferralCurve, DeferralItem, DeferralPlan, DeferralProblem};

/// Everything that is wrong with a plan.
#[must_use]
pub fn deferral(problem: &DeferralProblem, plan: &DeferralPlan) -> Violations {
    let mut found = Violations::new();
    let mut items: BTreeMap<&str, &DeferralItem> =
        problem.items.iter().map(|i| (i.id.as_str(), i)).collect();
    for curve in &plan.curves {
        match items.remove(curve.item.as_str()) {
            None => found.push(of("unknown_task", "task", &curve.item)),
            Some(item) => check_curve(problem, item, curve, &mut found),
        }
    }
    if !items.is_empty() && !plan.is_cancelled {
        found.push(wrong("item_missing"));
    }
    let added = |curve: &DeferralCurve| {
        let day = curve.days.get(problem.ranking_days as usize);
        day.map_or(f64::NAN, |d| d.risk_increase)
    };
    let is_sorted = plan.curves.windows(2).all(|pair| {
        pair[0].rank < pair[1].rank
            && added(&pair[0]) >= added(&pair[1]) - 1e-6 * added(&pair[0]).abs()
    });
    if !is_sorted {
        found.push(wrong("order"));
    }
    found
}

fn check_curve(
    problem: &DeferralProblem,
    item: &DeferralItem,
    curve: &DeferralCurve,
    found: &mut Violations,
) {
    if curve.days.len() != problem.horizon_days as usize + 1 {
        found.push(of("days", "task", &item.id));
        return;
    }
    let costs = &problem.cost_model;
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
    let failure = item.failure_cost
        + item.secondary_cost
        + item.safety_cost
        + hour * item.downtime_hours.typical;
    let mut worn = 0.0;
    for (day, stated) in (0_u32..).zip(&curve.days) {
        if day > 0 {
            worn += (0..24).map(|h| wear(item, (day - 1) * 24 + h)).sum::<f64>();
        }
        let p = 1.0
            - match item.rate {
                Some(rate) => (rate.exposure / (rate.exposure + worn)).powf(rate.failures),
                None => (-worn / item.eta_hours.typical.powf(item.beta.typical)).exp(),
            };
        let saving = if day > 0 {
            item.combined_job_saving
        } else {
            0.0
        };
        let special = item.day_costs.iter().find(|d| d.day == day).map(|d| d.cost);
        let planned = (special.unwrap_or(item.planned_cost) - saving).max(0.0);
        let cost = p * failure + (1.0 - p) * planned + f64::from(day) * item.running_loss_per_day;
        // Another rule of integration: a thousandth apart is the same curve.
        let is_near =
            |stated: f64, computed: f64, scale: f64| (stated - computed).abs() <= 1e-3 * scale;
        if stated.days_deferred != day || !is_near(stated.failure_probability, p, p.max(1e-3)) {
            found.push(of("probability", "task", &item.id));
        }
        if !is_near(stated.expected_cost, cost, cost.abs().max(1.0)) {
            found.push(of("number", "field", "expected_cost"));
        }
        let increase = stated.expected_cost - curve.days[0].expected_cost;
        compare(found, "risk_increase", stated.risk_increase, increase);
        let holds = stated.low <= stated.expected_cost && stated.expected_cost <= stated.high;
        if !holds {
            found.push(of("interval", "task", &item.id));
        }
    }
    let best = curve
        .days
        .iter()
        .map(|d| d.expected_cost)
        .fold(f64::INFINITY, f64::min);
    let cheapest = curve.days.get(curve.cheapest_day as usize);
    if cheapest.is_none_or(|d| d.expected_cost > best) {
        found.push(of("cheapest_day", "task", &item.id));
    }
    let now = curve.days[0].expected_cost;
    let pays = curve.days.iter().rposition(|d| d.expected_cost <= now);
    if pays != Some(curve.pays_until_day as usize) {
        found.push(of("pays_until_day", "task", &item.id));
    }
}

/// What one hour adds to the exposure, in hours^β.
fn wear(item: &DeferralItem, hour: u32) -> f64 {
    let health = (item.health - item.health_fall_per_day * f64::from(hour / 24)).max(0.0);
    let age = item.age_hours + f64::from(hour);
    let grown = (age + 1.0).powf(item.beta.typical) - age.powf(item.beta.typical);
    grown * (item.gamma.typical * (100.0 - health) / 100.0).exp()
}
