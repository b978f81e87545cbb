//! The problem as flat arrays: names are resolved once, impossible starts are left out.

use std::collections::BTreeMap;

use iq_domain::CodedError;

use super::{RiskProblem, Window};
use crate::cost::{of_entry, of_part, out_of_range};

/// How much a limit may be exceeded by rounding.
pub(crate) const SLACK: f64 = 1e-6;

/// A start that fits windows and horizon. Ranges point into the arrays of [`Compiled`].
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) option: u32,
    /// Running periods, from 0, half open.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) budget_use: f64,
    pub(crate) cost: f64,
    /// What it adds to the objective whatever else is planned: its cost and the weighed mean of its losses.
    pub(crate) own: f64,
    /// (cell, amount).
    pub(crate) uses: Vec<(u32, f64)>,
    /// Losses per period.
    pub(crate) losses: Vec<(u32, Vec<f64>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) is_mandatory: bool,
    pub(crate) unplanned_cost: f64,
    pub(crate) parts: Vec<(u32, f64)>,
    pub(crate) choices: Vec<Choice>,
    /// The choices in the order of their starts.
    pub(crate) by_start: Vec<u32>,
    /// Other task and the periods in which both must not run (empty: all).
    pub(crate) excluded: Vec<(u32, Vec<bool>)>,
    /// Task that has to be done before, with the lag.
    pub(crate) after: Vec<(u32, u32)>,
    /// Task that has to be done after, with the lag.
    pub(crate) before: Vec<(u32, u32)>,
}

/// The flat problem. A cell is a resource in a period: `resource · periods + period`.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) periods: usize,
    /// First scenario of each period in the array of all sums.
    pub(crate) first: Vec<u32>,
    /// Position of the quantile among the sorted scenarios, per period.
    pub(crate) rank: Vec<u32>,
    pub(crate) alpha: f64,
    /// 1, or 1 / periods where the average is asked for.
    pub(crate) factor: f64,
    pub(crate) min: Vec<f64>,
    pub(crate) max: Vec<f64>,
    pub(crate) budget: f64,
    /// Cumulated arrivals: part · periods + period.
    pub(crate) stock: Vec<f64>,
    pub(crate) tasks: Vec<Task>,
}

impl Compiled {
    pub(crate) fn new(problem: &RiskProblem) -> Result<Self, CodedError> {
        let periods = problem.periods as usize;
        let scenarios = spread("scenarios", &problem.scenarios, periods)?;
        let mut first = vec![0_u32];
        for (n, count) in scenarios.iter().enumerate() {
            if !(1..=10_000).contains(count) {
                // A single one stands for every period.
                let field = format!("scenarios[{}]", n.min(problem.scenarios.len() - 1));
                return Err(out_of_range(&field, count, "≥ 1, ≤ 10000"));
            }
            first.push(first.last().copied().unwrap_or(0) + count);
        }
        let rank = scenarios
            .iter()
            .map(|&s| ((problem.quantile * f64::from(s) - 1e-9).ceil() as u32).clamp(1, s) - 1)
            .collect();
        let resources = index(problem.resources.iter().map(|r| r.id.as_str()))?;
        let parts = index(problem.parts.iter().map(|p| p.id.as_str()))?;
        let tasks = index(problem.tasks.iter().map(|t| t.id.as_str()))?;
        let (mut min, mut max, mut stock) = (Vec::new(), Vec::new(), Vec::new());
        for resource in &problem.resources {
            if resource.min.is_empty() {
                min.extend(std::iter::repeat_n(0.0, periods));
            } else {
                min.extend(spread("min", &resource.min, periods)?);
            }
            max.extend(spread("max", &resource.max, periods)?);
        }
        for part in &problem.parts {
            let mut there = 0.0;
            for period in 0..periods {
                there += part.arrivals.get(period).copied().unwrap_or(0.0);
                stock.push(there);
            }
        }
        let names = Names {
            resources,
            parts,
            tasks,
        };
        let mut compiled = Self {
            periods,
            first,
            rank,
            alpha: problem.alpha.unwrap_or(problem.cost_model.risk_appetite),
            factor: if problem.average_over_periods {
                1.0 / periods as f64
            } else {
                1.0
            },
            min,
            max,
            budget: problem.budget.unwrap_or(f64::INFINITY),
            stock,
            tasks: Vec::new(),
        };
        compiled.tasks = problem
            .tasks
            .iter()
            .enumerate()
            .map(|(at, task)| {
                let compiled = compiled.task(problem, task, &names);
                compiled.map_err(|error| of_entry("tasks", at, &task.id, error))
            })
            .collect::<Result<_, _>>()?;
        compiled.relations(problem, &names)?;
        Ok(compiled)
    }

    pub(crate) fn scenarios(&self, period: usize) -> usize {
        (self.first[period + 1] - self.first[period]) as usize
    }

    fn task(
        &self,
        problem: &RiskProblem,
        task: &super::RiskTask,
        names: &Names<'_>,
    ) -> Result<Task, CodedError> {
        let outage = match &task.outage {
            None => None,
            Some(name) => Some(
                problem
                    .outages
                    .get(name)
                    .ok_or_else(|| unknown("outage", name))?
                    .as_slice(),
            ),
        };
        let mut choices = Vec::new();
        for (at, option) in task.options.iter().enumerate() {
            let (start, end) = (option.start, option.start.saturating_add(option.duration));
            let fits = option.duration > 0
                && start >= 1
                && end <= problem.periods + 1
                && lies_in(&task.windows, start, end - 1)
                && outage.is_none_or(|w| w.iter().any(|w| w.from <= start && end - 1 <= w.to));
            if fits {
                let choice = self.choice(at, option, names);
                choices.push(choice.map_err(|error| of_part("options", at, error))?);
            }
        }
        let parts = task
            .parts
            .iter()
            .map(|(id, amount)| {
                let part = names.parts.get(id.as_str());
                Ok((*part.ok_or_else(|| unknown("part", id))?, *amount))
            })
            .collect::<Result<_, CodedError>>()?;
        Ok(Task {
            is_mandatory: task.is_mandatory,
            unplanned_cost: task.unplanned_cost,
            parts,
            by_start: by_start(&choices),
            choices,
            excluded: Vec::new(),
            after: Vec::new(),
            before: Vec::new(),
        })
    }

    fn choice(
        &self,
        at: usize,
        option: &super::StartOption,
        names: &Names<'_>,
    ) -> Result<Choice, CodedError> {
        let start = option.start - 1;
        let mut uses = Vec::new();
        for (n, usage) in option.uses.iter().enumerate() {
            let resource = names.resources.get(usage.resource.as_str());
            let resource = *resource.ok_or_else(|| unknown("resource", &usage.resource))?;
            let amounts = spread("amounts", &usage.amounts, option.duration as usize)
                .map_err(|error| of_part("uses", n, error))?;
            for (offset, amount) in (0..).zip(amounts) {
                if amount < 0.0 || !amount.is_finite() {
                    let error = out_of_range("amounts", amount, "≥ 0");
                    return Err(of_part("uses", n, error));
                }
                if amount > 0.0 {
                    uses.push((resource * self.periods as u32 + start + offset, amount));
                }
            }
        }
        let mut losses = Vec::new();
        for (n, risk) in option.risk.iter().enumerate() {
            let period = risk.period.wrapping_sub(1);
            if period as usize >= self.periods {
                let range = format!("≥ 1, ≤ {}", self.periods);
                let error = out_of_range("period", risk.period, &range);
                return Err(of_part("risk", n, error));
            }
            let loss = spread("loss", &risk.loss, self.scenarios(period as usize))
                .map_err(|error| of_part("risk", n, error))?;
            if let Some(wrong) = loss.iter().find(|l| !l.is_finite()) {
                let error = out_of_range("loss", wrong, "> -inf, < inf");
                return Err(of_part("risk", n, error));
            }
            losses.push((period, loss));
        }
        let means = losses.iter().map(|(_, loss)| mean(loss));
        Ok(Choice {
            option: u32::try_from(at).unwrap_or(u32::MAX),
            start,
            end: start + option.duration,
            budget_use: option.budget_use,
            cost: option.expected_cost,
            own: option.expected_cost + self.factor * self.alpha * means.sum::<f64>(),
            uses,
            losses,
        })
    }

    fn relations(&mut self, problem: &RiskProblem, names: &Names<'_>) -> Result<(), CodedError> {
        let task = |id: &String| {
            let found = names.tasks.get(id.as_str()).copied();
            found.ok_or_else(|| unknown("task", id))
        };
        for exclusion in &problem.exclusions {
            let [a, b] = [task(&exclusion.tasks[0])?, task(&exclusion.tasks[1])?];
            let mut season = Vec::new();
            if !exclusion.periods.is_empty() {
                season = vec![false; self.periods];
                for period in &exclusion.periods {
                    if let Some(at) = season.get_mut(period.wrapping_sub(1) as usize) {
                        *at = true;
                    }
                }
            }
            self.tasks[a as usize].excluded.push((b, season.clone()));
            self.tasks[b as usize].excluded.push((a, season));
        }
        for order in &problem.precedence {
            let (before, after) = (task(&order.before)?, task(&order.after)?);
            self.tasks[after as usize].after.push((before, order.lag));
            self.tasks[before as usize].before.push((after, order.lag));
        }
        Ok(())
    }
}

struct Names<'a> {
    resources: BTreeMap<&'a str, u32>,
    parts: BTreeMap<&'a str, u32>,
    tasks: BTreeMap<&'a str, u32>,
}

fn by_start(choices: &[Choice]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..choices.len() as u32).collect();
    order.sort_by_key(|choice| choices[*choice as usize].start);
    order
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn lies_in(windows: &[Window], first: u32, last: u32) -> bool {
    windows.is_empty() || windows.iter().any(|w| w.from <= first && last <= w.to)
}

fn unknown(kind: &str, id: &str) -> CodedError {
    CodedError::invalid("optimiser.unknown_reference")
        .with("kind", kind)
        .with("id", id)
}

pub(crate) fn index<'a>(
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<&'a str, u32>, CodedError> {
    let mut found = BTreeMap::new();
    for (at, id) in (0..).zip(ids) {
        if found.insert(id, at).is_some() {
            return Err(CodedError::invalid("optimiser.duplicate_id").with("id", id));
        }
    }
    Ok(found)
}

/// One value for all, or one for each.
fn spread<T: Copy>(field: &str, values: &[T], count: usize) -> Result<Vec<T>, CodedError> {
    match values {
        [one] => Ok(vec![*one; count]),
        many if many.len() == count => Ok(many.to_vec()),
        many => Err(CodedError::invalid("optimiser.wrong_length")
            .with("field", field)
            .with("expected", count)
            .with("found", many.len())),
    }
}
