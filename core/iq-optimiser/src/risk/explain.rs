//! Why no plan exists. Sums that can not hold come first: mere addition is proof. Then the smallest set of
//! limits that contradict, by the exact solver; where it settles nothing, by what the construction finds
//! once a limit is left out, which is no proof.

use super::{
    Compiled, RiskProblem, RiskTask, StartOption,
    compiled::{SLACK, Task, lies_in},
    exact::program,
    prices,
    search::construct,
    state::State,
};
use crate::{
    conflict::{Infeasible, MAX_UNPROVEN, Reason, figure, names, smallest},
    exact::{self, Answer},
    run::Run,
};

/// The construction is tried at most so many times.
const MAX_TRIES: u32 = 400;

/// Steps of the deletion share the time of the exact solver; each gets at most this part of it.
const STEPS_SHARE: f64 = 0.1;

pub(super) fn explain(
    problem: &RiskProblem,
    compiled: &Compiled,
    best: &State<'_>,
    answer: &Answer,
    run: &Run<'_>,
) -> Infeasible {
    if let Some(reason) = by_addition(problem, compiled) {
        return Infeasible {
            is_proven: true,
            is_minimal: true,
            conflicts: vec![reason],
        };
    }
    let limits = limits(problem);
    let by_order = smallest(limits.len(), |kept| {
        Some(contradicts_by_order(problem, compiled, &limits, kept))
    });
    if let Some((kept, is_minimal)) = by_order {
        return Infeasible {
            is_proven: true,
            is_minimal,
            conflicts: reasons(problem, &limits, &kept),
        };
    }
    if let Some((kept, is_minimal)) = by_solver(problem, compiled, &limits, run) {
        return Infeasible {
            is_proven: true,
            is_minimal,
            conflicts: reasons(problem, &limits, &kept),
        };
    }
    let mut conflicts = by_construction(problem, compiled, &limits, run);
    // A long list of what must be done is no reason: then the jobs without a place stand for themselves.
    if conflicts.is_empty() || conflicts.len() > MAX_UNPROVEN {
        let tasks = problem.tasks.iter().zip(&best.chosen);
        let unplaced = tasks.filter(|(task, chosen)| task.is_mandatory && chosen.is_none());
        let named: Vec<Reason> = unplaced
            .map(|(task, _)| Reason::new("conflict.not_placed").with("task", &task.id))
            .collect();
        if !named.is_empty() {
            conflicts = named;
        }
    }
    if conflicts.is_empty() {
        conflicts.push(Reason::new("conflict.least_use_missed"));
    }
    Infeasible {
        is_proven: answer.is_infeasible(),
        is_minimal: false,
        conflicts,
    }
}

/// Mandatory tasks with their starts.
fn mandatory<'a>(
    problem: &'a RiskProblem,
    compiled: &'a Compiled,
) -> impl Iterator<Item = (&'a RiskTask, &'a Task)> {
    let tasks = problem.tasks.iter().zip(&compiled.tasks);
    tasks.filter(|(task, _)| task.is_mandatory)
}

/// What can be proven without a search: one task without a start or above a limit by itself, or tasks
/// that together need more than there is.
fn by_addition(problem: &RiskProblem, compiled: &Compiled) -> Option<Reason> {
    let startless = mandatory(problem, compiled).find(|(_, entry)| entry.choices.is_empty());
    if let Some((task, _)) = startless {
        return Some(without_start(problem, task));
    }
    mandatory(problem, compiled)
        .find_map(|(task, entry)| alone(problem, compiled, task, entry))
        .or_else(|| over_budget(problem, compiled))
        .or_else(|| {
            let mut resources = 0..problem.resources.len();
            resources.find_map(|at| over_resource(problem, compiled, at))
        })
        .or_else(|| (0..problem.parts.len()).find_map(|at| over_stock(problem, compiled, at)))
}

/// What takes every start from a task: the horizon, its windows, its outage, or the last two together.
fn without_start(problem: &RiskProblem, task: &RiskTask) -> Reason {
    let ends_inside = |option: &&StartOption| {
        option.duration > 0
            && option.start >= 1
            && option.start.saturating_add(option.duration) <= problem.periods + 1
    };
    let outage = task.outage.as_ref();
    let spans = outage.and_then(|name| problem.outages.get(name));
    let is_in_window = |option: &&StartOption| lies_in(&task.windows, option.start, last(option));
    let is_in_outage = |option: &&StartOption| {
        spans.is_none_or(|spans| {
            let mut spans = spans.iter();
            spans.any(|span| span.from <= option.start && last(option) <= span.to)
        })
    };
    let inside: Vec<&StartOption> = task.options.iter().filter(ends_inside).collect();
    let name = outage.map_or("", String::as_str);
    let (code, key, value) = if inside.is_empty() {
        (
            "conflict.no_horizon",
            "periods",
            problem.periods.to_string(),
        )
    } else if !inside.iter().any(is_in_window) {
        ("conflict.no_window", "periods", problem.periods.to_string())
    } else if !inside.iter().any(is_in_outage) {
        ("conflict.no_outage", "outage", name.to_owned())
    } else {
        ("conflict.no_window_in_outage", "outage", name.to_owned())
    };
    Reason::new(code).with("task", &task.id).with(key, value)
}

const fn last(option: &StartOption) -> u32 {
    option.start + option.duration - 1
}

/// A task every start of which needs more of a resource in one period than there is; the figures are those
/// of the start that comes closest.
fn alone(
    problem: &RiskProblem,
    compiled: &Compiled,
    task: &RiskTask,
    entry: &Task,
) -> Option<Reason> {
    (0..problem.resources.len()).find_map(|resource| {
        let mut closest: Option<(f64, f64, f64)> = None;
        for choice in &entry.choices {
            // A start that fits makes an end of it.
            let worst = choice
                .uses
                .iter()
                .filter(|(cell, _)| *cell as usize / compiled.periods == resource)
                .map(|(cell, amount)| {
                    let there = compiled.max[*cell as usize];
                    (amount - there, *amount, there)
                })
                .filter(|(excess, ..)| *excess > SLACK)
                .max_by(|a, b| a.0.total_cmp(&b.0))?;
            if closest.is_none_or(|closest| worst.0 < closest.0) {
                closest = Some(worst);
            }
        }
        closest.map(|(_, needed, there)| {
            Reason::new("conflict.resource_alone")
                .with("task", &task.id)
                .with("resource", &problem.resources[resource].id)
                .with("needed", figure(needed))
                .with("available", figure(there))
        })
    })
}

/// The fewest mandatory tasks whose least needs, added up, pass what is there: their names and the sum.
fn too_much(
    problem: &RiskProblem,
    compiled: &Compiled,
    there: f64,
    least: impl Fn(&Task) -> f64,
) -> Option<(String, f64)> {
    let mut needs: Vec<(f64, &str)> = mandatory(problem, compiled)
        .map(|(task, entry)| (least(entry), task.id.as_str()))
        .collect();
    needs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let allowed = there + SLACK.max(1e-9 * there.abs());
    let mut sum = 0.0_f64;
    for (at, (need, _)) in needs.iter().enumerate() {
        sum += *need;
        if sum > allowed {
            return Some((names(needs[..=at].iter().map(|(_, id)| *id)), sum));
        }
    }
    None
}

fn least_of(entry: &Task, need: impl Fn(&super::compiled::Choice) -> f64) -> f64 {
    entry.choices.iter().map(need).fold(f64::INFINITY, f64::min)
}

fn over_budget(problem: &RiskProblem, compiled: &Compiled) -> Option<Reason> {
    let budget = problem.budget?;
    let least = |entry: &Task| least_of(entry, |choice| choice.budget_use);
    let (tasks, needed) = too_much(problem, compiled, budget, least)?;
    Some(
        Reason::new("conflict.budget_sum")
            .with("tasks", tasks)
            .with("needed", figure(needed))
            .with("amount", figure(budget))
            .with("currency", &problem.cost_model.currency),
    )
}

fn over_resource(problem: &RiskProblem, compiled: &Compiled, at: usize) -> Option<Reason> {
    let cells = at * compiled.periods..(at + 1) * compiled.periods;
    let there: f64 = compiled.max[cells.clone()].iter().sum();
    let least = |entry: &Task| {
        least_of(entry, |choice| {
            let uses = choice.uses.iter();
            uses.filter(|(cell, _)| cells.contains(&(*cell as usize)))
                .map(|(_, amount)| amount)
                .sum()
        })
    };
    let (tasks, needed) = too_much(problem, compiled, there, least)?;
    Some(
        Reason::new("conflict.resource_sum")
            .with("tasks", tasks)
            .with("resource", &problem.resources[at].id)
            .with("needed", figure(needed))
            .with("available", figure(there)),
    )
}

fn over_stock(problem: &RiskProblem, compiled: &Compiled, at: usize) -> Option<Reason> {
    let there = compiled.stock[(at + 1) * compiled.periods - 1];
    let least = |entry: &Task| {
        let parts = entry.parts.iter();
        parts
            .filter(|(part, _)| *part as usize == at)
            .map(|(_, amount)| amount)
            .sum::<f64>()
    };
    let (tasks, needed) = too_much(problem, compiled, there, least)?;
    Some(
        Reason::new("conflict.parts_sum")
            .with("tasks", tasks)
            .with("part", &problem.parts[at].id)
            .with("needed", figure(needed))
            .with("available", figure(there)),
    )
}

/// Whether the kept orders leave no starts to the kept mandatory tasks and to what has to go before them.
/// Each task takes the start with the earliest end that its predecessors leave; nothing but orders counts, so
/// that this settles it: there are such starts, or there are none.
fn contradicts_by_order(
    problem: &RiskProblem,
    compiled: &Compiled,
    limits: &[Limit],
    kept: &[bool],
) -> bool {
    let place = |id: &str| problem.tasks.iter().position(|task| task.id == id);
    let mut is_needed = vec![false; problem.tasks.len()];
    let mut orders = Vec::new();
    for (limit, _) in limits.iter().zip(kept).filter(|(_, kept)| **kept) {
        match limit {
            Limit::Mandatory(at) => is_needed[*at] = true,
            Limit::Precedence(at) => {
                let order = &problem.precedence[*at];
                let ends = place(&order.before).zip(place(&order.after));
                orders.extend(ends.map(|(before, after)| (before, after, order.lag)));
            }
            _ => {}
        }
    }
    let mut from = vec![0_u32; problem.tasks.len()];
    let earliest_end = |task: usize, from: u32| {
        let choices = compiled.tasks[task].choices.iter();
        let open = choices.filter(|choice| choice.start >= from);
        open.map(|choice| choice.end).min()
    };
    loop {
        let mut has_moved = false;
        for (before, after, lag) in &orders {
            if !is_needed[*after] {
                continue;
            }
            has_moved |= !is_needed[*before];
            is_needed[*before] = true;
            let Some(end) = earliest_end(*before, from[*before]) else {
                return true;
            };
            let wanted = end.saturating_add(*lag);
            if from[*after] < wanted {
                from[*after] = wanted;
                has_moved = true;
            }
        }
        let is_stuck = |task: usize| is_needed[task] && earliest_end(task, from[task]).is_none();
        if (0..is_needed.len()).any(is_stuck) {
            return true;
        }
        if !has_moved {
            return false;
        }
    }
}

/// The smallest set the exact solver proves to contradict; none where it can not settle even the whole.
fn by_solver(
    problem: &RiskProblem,
    compiled: &Compiled,
    limits: &[Limit],
    run: &Run<'_>,
) -> Option<(Vec<bool>, bool)> {
    let nodes = exact::Limits {
        nodes: run.exact_nodes,
        seconds: run.exact_seconds.map(|seconds| seconds * STEPS_SHARE),
    };
    smallest(limits.len(), |kept| {
        if run.is_cancelled() {
            return None;
        }
        let loose = relaxed(compiled, limits, kept, problem);
        let answer = exact::solve(&program(&loose, true), None, nodes);
        if answer.is_infeasible() {
            Some(true)
        } else {
            answer.values.map(|_| false)
        }
    })
}

/// Limits each of which lets the construction find a plan once it is left out; none where it was ended
/// before it began.
fn by_construction(
    problem: &RiskProblem,
    compiled: &Compiled,
    limits: &[Limit],
    run: &Run<'_>,
) -> Vec<Reason> {
    let mut tries = 0;
    let found = smallest(limits.len(), |kept| {
        tries += 1;
        if run.is_cancelled() || tries > MAX_TRIES {
            return None;
        }
        let loose = relaxed(compiled, limits, kept, problem);
        let mut state = State::new(&loose);
        construct(&mut state, &prices::adjust(&loose, 1, None));
        Some(!state.is_complete())
    });
    found
        .map(|(kept, _)| reasons(problem, limits, &kept))
        .unwrap_or_default()
}

fn reasons(problem: &RiskProblem, limits: &[Limit], kept: &[bool]) -> Vec<Reason> {
    let kept = limits.iter().zip(kept).filter(|(_, kept)| **kept);
    kept.map(|(limit, _)| reason(problem, limit)).collect()
}

/// A constraint that can be left out while the reasons are looked for.
enum Limit {
    Mandatory(usize),
    Resource(usize),
    LeastUse(usize),
    Budget,
    Part(usize),
    Exclusion(usize),
    Precedence(usize),
}

fn limits(problem: &RiskProblem) -> Vec<Limit> {
    let mandatory = problem
        .tasks
        .iter()
        .enumerate()
        .filter(|(_, t)| t.is_mandatory);
    let least = problem.resources.iter().enumerate();
    let least = least.filter(|(_, r)| r.min.iter().any(|min| *min > 0.0));
    let mut all: Vec<Limit> = (0..problem.exclusions.len())
        .map(Limit::Exclusion)
        .collect();
    all.extend((0..problem.precedence.len()).map(Limit::Precedence));
    all.extend((0..problem.parts.len()).map(Limit::Part));
    all.extend(problem.budget.map(|_| Limit::Budget));
    all.extend((0..problem.resources.len()).map(Limit::Resource));
    all.extend(least.map(|(at, _)| Limit::LeastUse(at)));
    all.extend(mandatory.map(|(at, _)| Limit::Mandatory(at)));
    all
}

fn reason(problem: &RiskProblem, limit: &Limit) -> Reason {
    match limit {
        Limit::Mandatory(at) => {
            Reason::new("conflict.mandatory_task").with("task", &problem.tasks[*at].id)
        }
        Limit::Resource(at) => {
            Reason::new("conflict.resource_limit").with("resource", &problem.resources[*at].id)
        }
        Limit::LeastUse(at) => {
            Reason::new("conflict.least_use").with("resource", &problem.resources[*at].id)
        }
        Limit::Budget => Reason::new("conflict.budget")
            .with("amount", problem.budget.unwrap_or(0.0))
            .with("currency", &problem.cost_model.currency),
        Limit::Part(at) => Reason::new("conflict.parts").with("part", &problem.parts[*at].id),
        Limit::Exclusion(at) => {
            let [a, b] = &problem.exclusions[*at].tasks;
            Reason::new("conflict.exclusion")
                .with("task", a)
                .with("other", b)
        }
        Limit::Precedence(at) => {
            let order = &problem.precedence[*at];
            Reason::new("conflict.precedence")
                .with("task", &order.before)
                .with("other", &order.after)
        }
    }
}

/// The problem with only the kept limits.
fn relaxed(
    compiled: &Compiled,
    limits: &[Limit],
    kept: &[bool],
    problem: &RiskProblem,
) -> Compiled {
    let mut loose = compiled.clone();
    let periods = compiled.periods;
    for (limit, _) in limits.iter().zip(kept).filter(|(_, kept)| !**kept) {
        match limit {
            Limit::Mandatory(at) => loose.tasks[*at].is_mandatory = false,
            Limit::Resource(at) => loose.max[at * periods..(at + 1) * periods].fill(f64::INFINITY),
            Limit::LeastUse(at) => loose.min[at * periods..(at + 1) * periods].fill(0.0),
            Limit::Budget => loose.budget = f64::INFINITY,
            Limit::Part(at) => loose.stock[at * periods..(at + 1) * periods].fill(f64::INFINITY),
            Limit::Exclusion(at) => {
                let [a, b] = &problem.exclusions[*at].tasks;
                let place = |id: &String| problem.tasks.iter().position(|t| t.id == *id);
                if let (Some(a), Some(b)) = (place(a), place(b)) {
                    loose.tasks[a]
                        .excluded
                        .retain(|(other, _)| *other as usize != b);
                    loose.tasks[b]
                        .excluded
                        .retain(|(other, _)| *other as usize != a);
                }
            }
            Limit::Precedence(at) => {
                let order = &problem.precedence[*at];
                let place = |id: &String| problem.tasks.iter().position(|t| t.id == *id);
                if let (Some(a), Some(b)) = (place(&order.before), place(&order.after)) {
                    loose.tasks[b]
                        .after
                        .retain(|(other, _)| *other as usize != a);
                    loose.tasks[a]
                        .before
                        .retain(|(other, _)| *other as usize != b);
                }
            }
        }
    }
    loose
}
