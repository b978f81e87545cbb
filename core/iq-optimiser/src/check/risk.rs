//! Checks plans of the production-risk model, task by task and period by period.

use std::collections::{BTreeMap, BTreeSet};

use super::{SLACK, Violations, compare, of, quality, wrong};
use crate::risk::{PlannedTask, RiskPlan, RiskProblem, RiskTask, StartOption, Window};

/// Everything that is wrong with a plan.
#[must_use]
pub fn risk(problem: &RiskProblem, plan: &RiskPlan) -> Violations {
    let mut found = Violations::new();
    let tasks: BTreeMap<&str, &RiskTask> =
        problem.tasks.iter().map(|t| (t.id.as_str(), t)).collect();
    let mut chosen: BTreeMap<&str, (&PlannedTask, &StartOption, &RiskTask)> = BTreeMap::new();
    for planned in &plan.planned {
        let task = tasks.get(planned.task.as_str());
        let option = task.and_then(|t| t.options.get(planned.option as usize));
        let (Some(task), Some(option)) = (task, option) else {
            found.push(of("unknown_task", "task", &planned.task));
            continue;
        };
        if planned.start != option.start || planned.end != last(option) {
            found.push(of("times", "task", &planned.task));
        }
        if chosen.insert(&task.id, (planned, option, task)).is_some() {
            found.push(of("task_twice", "task", &planned.task));
        }
    }
    let left: BTreeSet<&str> = plan.left.iter().map(String::as_str).collect();
    if left.len() != plan.left.len() {
        found.push(wrong("left_twice"));
    }
    for task in &problem.tasks {
        let is_planned = chosen.contains_key(task.id.as_str());
        if is_planned == left.contains(task.id.as_str()) {
            found.push(of("left_or_planned", "task", &task.id));
        }
        if task.is_mandatory && !is_planned {
            found.push(of("mandatory", "task", &task.id));
        }
    }
    left.iter()
        .filter(|id| !tasks.contains_key(*id))
        .for_each(|id| found.push(of("unknown_task", "task", id)));
    for (option, task) in chosen.values().map(|(_, option, task)| (option, task)) {
        place(problem, task, option, &mut found);
    }
    let options: Vec<(&StartOption, &RiskTask)> =
        chosen.values().map(|(_, o, t)| (*o, *t)).collect();
    resources(problem, &options, &mut found);
    parts(problem, &options, &mut found);
    relations(problem, &chosen, &mut found);
    money(problem, plan, &options, &mut found);
    found
}

fn last(option: &StartOption) -> u32 {
    option
        .start
        .saturating_add(option.duration)
        .saturating_sub(1)
}

fn inside(windows: &[Window], option: &StartOption) -> bool {
    windows
        .iter()
        .any(|w| option.start >= w.from && last(option) <= w.to)
}

fn place(problem: &RiskProblem, task: &RiskTask, option: &StartOption, found: &mut Violations) {
    if option.start < 1 || option.duration < 1 || last(option) > problem.periods {
        found.push(of("horizon", "task", &task.id));
    }
    if !task.windows.is_empty() && !inside(&task.windows, option) {
        found.push(of("window", "task", &task.id));
    }
    if let Some(outage) = &task.outage
        && !problem
            .outages
            .get(outage)
            .is_some_and(|w| inside(w, option))
    {
        found.push(of("outage", "task", &task.id));
    }
}

/// The value of a period: one for all, or its own.
fn at(values: &[f64], period: u32, absent: f64) -> f64 {
    match values {
        [] => absent,
        [one] => *one,
        many => many.get(period as usize - 1).copied().unwrap_or(absent),
    }
}

fn resources(problem: &RiskProblem, options: &[(&StartOption, &RiskTask)], found: &mut Violations) {
    for resource in &problem.resources {
        let mut used = vec![0.0; problem.periods as usize + 2];
        for (option, _) in options {
            for usage in option.uses.iter().filter(|u| u.resource == resource.id) {
                for offset in 0..option.duration {
                    if let Some(sum) = used.get_mut((option.start + offset) as usize) {
                        *sum += at(&usage.amounts, offset + 1, 0.0);
                    }
                }
            }
        }
        for period in 1..=problem.periods {
            let sum = used[period as usize];
            if sum > at(&resource.max, period, 0.0) + SLACK {
                found.push(of("too_much", "resource", &resource.id));
            }
            if sum < at(&resource.min, period, 0.0) - SLACK {
                found.push(of("too_little", "resource", &resource.id));
            }
        }
    }
}

fn parts(problem: &RiskProblem, options: &[(&StartOption, &RiskTask)], found: &mut Violations) {
    for part in &problem.parts {
        for period in 1..=problem.periods {
            let there: f64 = part.arrivals.iter().take(period as usize).sum();
            let taken: f64 = options
                .iter()
                .filter(|(option, _)| option.start <= period)
                .filter_map(|(_, task)| task.parts.get(&part.id))
                .sum();
            if taken > there + SLACK {
                found.push(of("parts", "part", &part.id));
            }
        }
    }
}

fn relations(
    problem: &RiskProblem,
    chosen: &BTreeMap<&str, (&PlannedTask, &StartOption, &RiskTask)>,
    found: &mut Violations,
) {
    let option = |id: &String| chosen.get(id.as_str()).map(|(_, option, _)| *option);
    for exclusion in &problem.exclusions {
        let (Some(a), Some(b)) = (option(&exclusion.tasks[0]), option(&exclusion.tasks[1])) else {
            continue;
        };
        let together = |period: u32| {
            (a.start..=last(a)).contains(&period) && (b.start..=last(b)).contains(&period)
        };
        let is_broken = if exclusion.periods.is_empty() {
            (1..=problem.periods).any(together)
        } else {
            exclusion.periods.iter().copied().any(together)
        };
        if is_broken {
            found.push(of("exclusion", "task", &exclusion.tasks[0]));
        }
    }
    for order in &problem.precedence {
        let Some(after) = option(&order.after) else {
            continue;
        };
        let is_kept = option(&order.before).is_some_and(|b| {
            b.start.saturating_add(b.duration).saturating_add(order.lag) <= after.start
        });
        if !is_kept {
            found.push(of("precedence", "task", &order.after));
        }
    }
}

/// Sums of money and losses, recomputed from the options.
fn money(
    problem: &RiskProblem,
    plan: &RiskPlan,
    options: &[(&StartOption, &RiskTask)],
    found: &mut Violations,
) {
    let spent: f64 = options.iter().map(|(option, _)| option.budget_use).sum();
    if problem.budget.is_some_and(|budget| spent > budget + SLACK) {
        found.push(wrong("budget"));
    }
    compare(found, "budget_used", plan.budget_used, spent);
    let (mut means, mut excesses) = (0.0, 0.0);
    for period in 1..=problem.periods {
        let count = match problem.scenarios.as_slice() {
            [one] => *one,
            many => many.get(period as usize - 1).copied().unwrap_or(1),
        };
        let mut sums = vec![0.0; count as usize];
        for (option, _) in options {
            for risk in option.risk.iter().filter(|r| r.period == period) {
                for (scenario, sum) in (1..).zip(&mut sums) {
                    *sum += at(&risk.loss, scenario, 0.0);
                }
            }
        }
        sums.sort_by(f64::total_cmp);
        let mean = sums.iter().sum::<f64>() / f64::from(count);
        // The ⌈q·S⌉-th smallest; a product a hair above a whole number is that number.
        let place = (problem.quantile * f64::from(count) - 1e-9).ceil().max(1.0) as usize;
        let quantile = sums[place.min(sums.len()) - 1];
        means += mean;
        excesses += (quantile - mean).max(0.0);
    }
    if problem.average_over_periods {
        means /= f64::from(problem.periods);
        excesses /= f64::from(problem.periods);
    }
    compare(found, "mean_loss", plan.mean_loss, means);
    compare(found, "excess_loss", plan.excess_loss, excesses);
    let nothing: f64 = problem.tasks.iter().map(|t| t.unplanned_cost).sum();
    let avoided: f64 = options.iter().map(|(_, task)| task.unplanned_cost).sum();
    let costs: f64 = options.iter().map(|(option, _)| option.expected_cost).sum();
    let rest = nothing - avoided + costs;
    compare(found, "current_risk", plan.current_risk, nothing);
    compare(found, "optimized_risk", plan.optimized_risk, means + rest);
    compare(
        found,
        "risk_reduction",
        plan.risk_reduction,
        nothing - means - rest,
    );
    let alpha = problem.alpha.unwrap_or(problem.cost_model.risk_appetite);
    let objective = alpha * means + (1.0 - alpha) * excesses + rest;
    quality(found, &plan.quality, objective);
}
