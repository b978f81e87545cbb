//! Simulated annealing over small moves: a task gets another start, or two tasks change places. Most moves are
//! refused by what they cost by themselves, before anything is summed, so that millions of them fit into a second.

use super::{
    compiled::{Choice, Compiled, Task, mean},
    state::{State, undone},
};
use crate::rng::Rng;

/// What is left of the first temperature at the end.
const COOLED: f64 = 1.0 / 600.0;

/// Moves after which the temperature falls.
const STEP: u64 = 256;

/// A task and what is to become of it.
type Change = (usize, Option<u32>);

/// Makes so many moves, or fewer where the caller wants an end, and leaves the last plan in `state`: once it is
/// cold, that is the best one it came by or close to it.
pub(super) fn anneal(state: &mut State<'_>, moves: u64, rng: &mut Rng, is_over: &dyn Fn() -> bool) {
    let count = state.problem.tasks.len();
    if count == 0 || moves == 0 {
        return;
    }
    let falls = COOLED.powf(STEP as f64 / moves as f64);
    let mut temperature = spread(state.problem);
    for at in 0..moves {
        if at % STEP == 0 {
            if is_over() {
                return;
            }
            temperature *= falls;
        }
        let allowed = -temperature * (1.0 - rng.unit()).ln();
        let first = rng.below(count);
        let kind = rng.below(10);
        let second = rng.below(count);
        if kind < 4 {
            let choice = anywhere(state, first, rng);
            try_move(state, &[(first, choice)], allowed);
        } else if kind < 6 {
            let choice = nearby(state, first, rng);
            try_move(state, &[(first, choice)], allowed);
        } else if first != second {
            let goes = if kind < 9 {
                in_place_of(state, first, second, rng)
            } else {
                anywhere(state, first, rng)
            };
            let comes = in_place_of(state, second, first, rng);
            try_move(state, &[(first, goes), (second, comes)], allowed);
        }
    }
}

/// How far the costs of a task's ways lie apart: the middle one of all tasks, so that a few dear ones do not set
/// the heat for all.
fn spread(problem: &Compiled) -> f64 {
    let mut spreads: Vec<f64> = problem.tasks.iter().map(spread_of).collect();
    spreads.sort_by(f64::total_cmp);
    let middle = spreads[spreads.len() / 2];
    let widest = spreads.last().copied().unwrap_or(0.0);
    if middle > 0.0 { middle } else { widest }.max(f64::MIN_POSITIVE)
}

fn spread_of(task: &Task) -> f64 {
    let left = (!task.is_mandatory).then_some(task.unplanned_cost);
    let ways: Vec<f64> = task.choices.iter().map(|c| c.own).chain(left).collect();
    if ways.is_empty() {
        return 0.0;
    }
    let middle = mean(&ways);
    let squares: Vec<f64> = ways.iter().map(|way| (way - middle).powi(2)).collect();
    mean(&squares).sqrt()
}

/// Any start; now and then none, where the task may be left.
fn anywhere(state: &State<'_>, task: usize, rng: &mut Rng) -> Option<u32> {
    let entry = &state.problem.tasks[task];
    let ways = entry.choices.len() + usize::from(!entry.is_mandatory);
    let choice = rng.below(ways);
    (choice < entry.choices.len()).then_some(choice as u32)
}

/// A start a little earlier or later than now.
fn nearby(state: &State<'_>, task: usize, rng: &mut Rng) -> Option<u32> {
    let entry = &state.problem.tasks[task];
    match state.chosen[task] {
        Some(choice) => Some(around(entry, entry.choices[choice as usize].start, 3, rng)),
        None => anywhere(state, task, rng),
    }
}

/// The other's place in time, or one close to it; left where the other is left.
fn in_place_of(state: &State<'_>, task: usize, other: usize, rng: &mut Rng) -> Option<u32> {
    let (entry, other_entry) = (&state.problem.tasks[task], &state.problem.tasks[other]);
    match state.chosen[other] {
        Some(_) if entry.choices.is_empty() => None,
        Some(choice) => {
            let start = other_entry.choices[choice as usize].start;
            Some(around(entry, start, 2 * rng.below(2), rng))
        }
        None if entry.is_mandatory => state.chosen[task],
        None => None,
    }
}

/// The choice that starts at this period or next after it, or up to `reach` choices beside that.
fn around(task: &Task, start: u32, reach: usize, rng: &mut Rng) -> u32 {
    let order = &task.by_start;
    let at = order.partition_point(|choice| task.choices[*choice as usize].start < start);
    let at = (at + rng.below(2 * reach + 1)).saturating_sub(reach);
    order[at.min(order.len() - 1)]
}

/// Makes the changes where they fit and cost no more than what is allowed.
fn try_move(state: &mut State<'_>, changes: &[Change], allowed: f64) {
    let before: [Option<u32>; 2] =
        [0, 1].map(|at| changes.get(at).and_then(|(t, _)| state.chosen[*t]));
    if changes
        .iter()
        .zip(&before)
        .all(|((_, to), from)| to == from)
        || !is_promising(state, changes, allowed)
    {
        return;
    }
    let value = state.total();
    for (task, _) in changes {
        state.take(*task);
    }
    let mut done = 0;
    for (task, choice) in changes {
        if !place(state, *task, *choice) {
            break;
        }
        done += 1;
    }
    if done == changes.len() && state.total() <= value + allowed {
        return;
    }
    changes[..done]
        .iter()
        .for_each(|(task, _)| state.take(*task));
    for ((task, _), choice) in changes.iter().zip(before) {
        if let Some(choice) = choice {
            state.put(*task, choice);
        }
    }
}

/// Plans or leaves a task that is not planned now, where that keeps every limit and order.
fn place(state: &mut State<'_>, task: usize, choice: Option<u32>) -> bool {
    let entry = &state.problem.tasks[task];
    let Some(choice) = choice else {
        // What must follow it would stand alone.
        let mut later = entry.before.iter();
        return later.all(|(after, _)| state.chosen[*after as usize].is_none());
    };
    let fits = state.fits(task, &entry.choices[choice as usize]);
    if fits {
        state.put(task, choice);
    }
    fits
}

/// Whether the changes could cost no more than what is allowed: even if every excess they touch fell to nothing.
fn is_promising(state: &State<'_>, changes: &[Change], allowed: f64) -> bool {
    let problem = state.problem;
    let mut least = 0.0;
    for (task, to) in changes {
        let entry = &problem.tasks[*task];
        let of = |choice: Option<u32>| choice.map(|c| &entry.choices[c as usize]);
        let cost = |choice: Option<&Choice>| choice.map_or_else(|| undone(entry), |c| c.own);
        let (from, to) = (of(state.chosen[*task]), of(*to));
        least += cost(to) - cost(from);
        least -= [from, to]
            .into_iter()
            .flatten()
            .map(|c| state.excess_of(c))
            .sum::<f64>();
    }
    least <= allowed || state.is_below()
}
