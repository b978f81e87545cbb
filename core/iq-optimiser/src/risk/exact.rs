//! The risk model as an integer program: a column per start, a row per limit, and the quantile by one
//! binary per scenario that may lie above it.

use super::{
    compiled::{Compiled, Task},
    state::undone,
};
use crate::exact::Program;

/// Above this many scenarios per period the excess is left out; the bound stays valid.
const MAX_SCENARIOS: usize = 24;

/// The program; its first columns are the choices of the tasks, in order.
pub(crate) fn program(problem: &Compiled, is_only_feasibility: bool) -> Program {
    let mut program = Program::default();
    let mut columns: Vec<Vec<u32>> = Vec::new();
    for task in &problem.tasks {
        let choices = task.choices.iter().map(|choice| {
            let mut cost = choice.own;
            if !task.is_mandatory {
                cost -= undone(task);
            }
            program.column(if is_only_feasibility { 0.0 } else { cost }, 0.0, 1.0, true)
        });
        columns.push(choices.collect());
    }
    for (task, columns) in problem.tasks.iter().zip(&columns) {
        let least = f64::from(u8::from(task.is_mandatory));
        program.row(least, 1.0, columns.iter().map(|c| (*c, 1.0)).collect());
        if !task.is_mandatory && !is_only_feasibility {
            program.constant += undone(task);
        }
    }
    limits(problem, &columns, &mut program);
    relations(problem, &columns, &mut program);
    if !is_only_feasibility && problem.alpha < 1.0 {
        excess(problem, &columns, &mut program);
    }
    program
}

fn limits(problem: &Compiled, columns: &[Vec<u32>], program: &mut Program) {
    let mut cells = vec![Vec::new(); problem.max.len()];
    let mut stock = vec![Vec::new(); problem.stock.len()];
    let mut budget = Vec::new();
    for (task, columns) in problem.tasks.iter().zip(columns) {
        for (choice, column) in task.choices.iter().zip(columns) {
            for (cell, amount) in &choice.uses {
                cells[*cell as usize].push((*column, *amount));
            }
            if choice.budget_use > 0.0 {
                budget.push((*column, choice.budget_use));
            }
            for (part, amount) in &task.parts {
                let first = *part as usize * problem.periods;
                let after = first + choice.start as usize..first + problem.periods;
                stock[after]
                    .iter_mut()
                    .for_each(|row| row.push((*column, *amount)));
            }
        }
    }
    for (cell, factors) in cells.into_iter().enumerate() {
        let low = if problem.min[cell] > 0.0 {
            problem.min[cell]
        } else {
            f64::NEG_INFINITY
        };
        program.row(low, problem.max[cell], factors);
    }
    for (factors, limit) in stock.into_iter().zip(&problem.stock) {
        program.row(f64::NEG_INFINITY, *limit, factors);
    }
    if problem.budget.is_finite() {
        program.row(f64::NEG_INFINITY, problem.budget, budget);
    }
}

fn relations(problem: &Compiled, columns: &[Vec<u32>], program: &mut Program) {
    let chosen = |task: usize, test: &dyn Fn(u32, u32) -> bool, factor: f64| {
        let Task { choices, .. } = &problem.tasks[task];
        choices
            .iter()
            .zip(&columns[task])
            .filter(|(choice, _)| test(choice.start, choice.end))
            .map(|(_, column)| (*column, factor))
            .collect::<Vec<_>>()
    };
    for (at, task) in problem.tasks.iter().enumerate() {
        for (other, season) in task
            .excluded
            .iter()
            .filter(|(other, _)| *other as usize > at)
        {
            for period in 0..problem.periods as u32 {
                if season.is_empty() || season[period as usize] {
                    let runs = |start: u32, end: u32| (start..end).contains(&period);
                    let mut both = chosen(at, &runs, 1.0);
                    let others = chosen(*other as usize, &runs, 1.0);
                    if !both.is_empty() && !others.is_empty() {
                        both.extend(others);
                        program.row(f64::NEG_INFINITY, 1.0, both);
                    }
                }
            }
        }
        for (before, lag) in &task.after {
            for period in 0..problem.periods as u32 {
                let mut both = chosen(at, &|start, _| start <= period, 1.0);
                if !both.is_empty() {
                    let ended = |_, end: u32| end.saturating_add(*lag) <= period;
                    both.extend(chosen(*before as usize, &ended, -1.0));
                    program.row(f64::NEG_INFINITY, 0.0, both);
                }
            }
        }
    }
}

/// `e ≥ risk − mean` for all scenarios but those that may lie above the quantile.
fn excess(problem: &Compiled, columns: &[Vec<u32>], program: &mut Program) {
    let weight = problem.factor * (1.0 - problem.alpha);
    for period in 0..problem.periods {
        let count = problem.scenarios(period);
        let may_exceed = count - 1 - problem.rank[period] as usize;
        if count == 1 || count > MAX_SCENARIOS {
            continue;
        }
        let mut factors = vec![Vec::new(); count];
        let mut most = vec![0.0; count];
        for (task, columns) in problem.tasks.iter().zip(columns) {
            let mut above = vec![0.0_f64; count];
            for (choice, column) in task.choices.iter().zip(columns) {
                for (_, losses) in choice.losses.iter().filter(|(p, _)| *p as usize == period) {
                    let mean = losses.iter().sum::<f64>() / count as f64;
                    for (scenario, loss) in losses.iter().enumerate() {
                        if (loss - mean).abs() > 1e-12 {
                            factors[scenario].push((*column, mean - loss));
                        }
                        above[scenario] = above[scenario].max(loss - mean);
                    }
                }
            }
            most.iter_mut()
                .zip(&above)
                .for_each(|(most, above)| *most += above);
        }
        if most.iter().all(|most| *most <= 1e-12) {
            continue;
        }
        let excess = program.column(weight, 0.0, f64::INFINITY, false);
        let mut above = Vec::new();
        for (mut factors, most) in factors.into_iter().zip(most) {
            factors.push((excess, 1.0));
            if may_exceed > 0 {
                let column = program.column(0.0, 0.0, 1.0, true);
                factors.push((column, most));
                above.push((column, 1.0));
            }
            program.row(0.0, f64::INFINITY, factors);
        }
        program.row(f64::NEG_INFINITY, may_exceed as f64, above);
    }
}
