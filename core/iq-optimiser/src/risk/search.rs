//! Construction by prices, then a few annealings from there, then large-neighbourhood search from the best of
//! them: some tasks are taken out, put back better, and the result is kept where it is not much worse than
//! before, less and less so.

use iq_domain::CodedError;

use super::{
    Compiled, PlannedTask, RiskPlan, RiskProblem,
    anneal::anneal,
    exact::program,
    explain::explain,
    prices::{self, Prices},
    state::{MISSING, State, undone},
};
use crate::{
    conflict::Infeasible,
    exact::{Answer, beside},
    rng::Rng,
    run::{BoundSource, Quality, Run},
};

/// Steps of the prices.
const PRICE_STEPS: u32 = 150;

/// Annealings, and the share of all iterations they take together.
const ANNEALINGS: u64 = 12;
const ANNEALED: f64 = 0.75;
/// Moves of an annealing that take as long as an iteration of the search.
const MOVES: u64 = 64;

/// Better plans are told at most every so many iterations.
const TELL_EVERY: u64 = 16;

pub(super) fn solve(
    problem: &RiskProblem,
    compiled: &Compiled,
    run: &Run<'_>,
) -> Result<Result<RiskPlan, Infeasible>, CodedError> {
    let mut first = State::new(compiled);
    construct(&mut first, &prices::adjust(compiled, 1, None));
    let known = first.is_complete().then(|| first.total());
    run.tell(0, known, None);
    let prices = prices::adjust(compiled, PRICE_STEPS, known);
    let mut second = State::new(compiled);
    construct(&mut second, &prices);
    if second.total() < first.total() {
        first = second;
    }
    let bound = prices.bound;
    run.tell(0, first.is_complete().then(|| first.total()), Some(bound));
    let wants_proof = run.exact_nodes > 0 && cfg!(feature = "exact");
    let (exact_program, start) = if wants_proof {
        let program = program(compiled, false);
        (program, None)
    } else {
        Default::default()
    };
    let ((best, iterations), answer) =
        beside(run, exact_program, start, || improve(first, run, bound));
    let mut best = State::of(compiled, &best);
    adopt(compiled, &answer, &mut best);
    if !best.is_complete() {
        return Ok(Err(explain(problem, compiled, &best, &answer, run)));
    }
    let (bound, source) = match answer.bound {
        Some(exact) if exact > bound => (exact, BoundSource::Exact),
        _ => (bound, BoundSource::Prices),
    };
    let quality = Quality::new(best.total(), bound, source, run, iterations);
    run.tell(iterations, Some(quality.objective), Some(quality.bound));
    Ok(Ok(plan(problem, compiled, &best, quality)))
}

/// Takes the solver's plan over where it is better.
fn adopt<'a>(compiled: &'a Compiled, answer: &Answer, best: &mut State<'a>) {
    let Some(values) = &answer.values else {
        return;
    };
    let mut chosen = Vec::with_capacity(compiled.tasks.len());
    let mut first = 0;
    for task in &compiled.tasks {
        let mine = &values[first..first + task.choices.len()];
        chosen.push(mine.iter().position(|v| *v > 0.5).map(|at| at as u32));
        first += task.choices.len();
    }
    let found = State::of(compiled, &chosen);
    if found.total() < best.total() {
        *best = found;
    }
}

/// Puts every task where prices say it is cheapest, those first that gain the most; tasks that must follow
/// others in later rounds.
pub(super) fn construct(state: &mut State<'_>, prices: &Prices) {
    let problem = state.problem;
    let mut order: Vec<(f64, u32)> = Vec::new();
    for (task, reduced) in prices.reduced.iter().enumerate() {
        let mut cheapest: Vec<f64> = reduced.clone();
        cheapest.sort_by(f64::total_cmp);
        let best = cheapest.first().copied().unwrap_or(f64::INFINITY);
        // What must be done goes by how much a second-rate start would cost, before what may be left.
        let next = cheapest.get(cheapest.len() / 8 + 1).copied();
        let gain = if problem.tasks[task].is_mandatory {
            MISSING + next.map_or(MISSING, |next| next - best)
        } else {
            undone(&problem.tasks[task]) - best
        };
        order.push((gain, task as u32));
    }
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    loop {
        let mut has_moved = false;
        for (_, task) in &order {
            let task = *task as usize;
            if state.chosen[task].is_some() {
                continue;
            }
            let entry = &problem.tasks[task];
            let mut starts: Vec<(f64, u32)> =
                prices.reduced[task].iter().copied().zip(0..).collect();
            starts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let found = starts.into_iter().map(|(_, choice)| choice).find(|choice| {
                state.fits(task, &entry.choices[*choice as usize])
                    && state.delta(task, *choice) < 0.0
            });
            if let Some(choice) = found {
                state.put(task, choice);
                has_moved = true;
            }
        }
        if !has_moved || problem.tasks.iter().all(|task| task.after.is_empty()) {
            return;
        }
    }
}

/// The start that changes the value the most, if any is better than leaving the task.
fn cheapest(state: &mut State<'_>, task: usize, rng: &mut Rng, blink: u64) -> Option<(f64, u32)> {
    let problem = state.problem;
    let mut best: Option<(f64, u32)> = None;
    for (choice, planned) in (0..).zip(&problem.tasks[task].choices) {
        // Some starts are overlooked at random, so that the same tasks can come back differently.
        if rng.next_u64() % 100 < blink || !state.fits(task, planned) {
            continue;
        }
        let delta = state.delta(task, choice);
        if delta < best.map_or(-1e-12, |(best, _)| best) {
            best = Some((delta, choice));
        }
    }
    best
}

struct Neighbourhood {
    removed: Vec<usize>,
    /// A start that is put first.
    forced: Option<(usize, u32)>,
}

/// Searches and returns the best starts and the number of iterations.
fn improve(first: State<'_>, run: &Run<'_>, bound: f64) -> (Vec<Option<u32>>, u64) {
    let problem = first.problem;
    let mut rng = Rng::new(run.seed);
    let (mut state, mut iteration) = annealed(first, run, bound, &mut rng);
    let mut current = state.total();
    let (mut best, mut best_value) = (state.chosen.clone(), current);
    let mut told = 0;
    let count = problem.tasks.len();
    while iteration < run.iterations && count > 0 {
        if iteration % 16 == 0 && run.is_cancelled() {
            break;
        }
        if iteration % 2_048 == 0 {
            run.tell(
                iteration,
                Some(best_value).filter(|v| *v < MISSING),
                Some(bound),
            );
            // Sums drift by rounding; they are made anew now and then.
            state = State::of(problem, &state.chosen);
            current = state.total();
        }
        iteration += 1;
        let Neighbourhood { removed, forced } = neighbourhood(&state, &mut rng);
        let before: Vec<(usize, Option<u32>)> = removed
            .iter()
            .map(|task| (*task, state.chosen[*task]))
            .collect();
        removed.iter().for_each(|task| state.take(*task));
        if let Some((task, choice)) = forced
            && state.fits(task, &problem.tasks[task].choices[choice as usize])
        {
            state.put(task, choice);
        }
        put_back(&mut state, removed, &mut rng);
        let value = state.total();
        let rest = 1.0 - iteration as f64 / run.iterations as f64;
        let allowed = 1e-3 * rest * rest * best_value.abs().min(MISSING) / (count as f64).sqrt();
        if value <= current + allowed * rng.unit() {
            current = value;
            if value < best_value - 1e-9 * best_value.abs() {
                best_value = value;
                best.clone_from(&state.chosen);
                if iteration >= told + TELL_EVERY {
                    told = iteration;
                    run.tell(
                        iteration,
                        Some(best_value).filter(|v| *v < MISSING),
                        Some(bound),
                    );
                }
            }
        } else {
            before.iter().for_each(|(task, _)| state.take(*task));
            for (task, choice) in before {
                if let Some(choice) = choice {
                    state.put(task, choice);
                }
            }
        }
    }
    (best, iteration)
}

/// The best plan of several annealings, and the iterations they took.
fn annealed<'a>(first: State<'a>, run: &Run<'_>, bound: f64, rng: &mut Rng) -> (State<'a>, u64) {
    let each = (run.iterations as f64 * ANNEALED) as u64 / ANNEALINGS;
    let mut best = first.clone();
    let mut iteration = 0;
    for _ in 0..ANNEALINGS {
        if run.is_cancelled() || each == 0 {
            break;
        }
        let mut state = first.clone();
        anneal(&mut state, each * MOVES, rng, &|| run.is_cancelled());
        iteration += each;
        // Sums drift by rounding; they are made anew.
        state = State::of(first.problem, &state.chosen);
        if state.total() < best.total() {
            best = state;
        }
        run.tell(
            iteration,
            Some(best.total()).filter(|v| *v < MISSING),
            Some(bound),
        );
    }
    (best, iteration)
}

/// Puts tasks back, by chance in random order or by regret: who loses most by waiting goes first.
fn put_back(state: &mut State<'_>, mut tasks: Vec<usize>, rng: &mut Rng) {
    rng.shuffle(&mut tasks);
    let is_by_regret = tasks.len() <= 6 && rng.below(4) == 0;
    let blink = if rng.below(2) == 0 { 0 } else { 8 };
    if is_by_regret {
        while !tasks.is_empty() {
            let mut first: Option<(f64, usize, Option<u32>)> = None;
            for (at, task) in tasks.iter().enumerate() {
                if state.chosen[*task].is_some() {
                    continue;
                }
                let found = cheapest(state, *task, rng, blink);
                let gain = found.map_or(0.0, |(delta, _)| -delta);
                if first.is_none_or(|(best, ..)| gain > best) {
                    first = Some((gain, at, found.map(|(_, choice)| choice)));
                }
            }
            let Some((_, at, choice)) = first else {
                return;
            };
            let task = tasks.swap_remove(at);
            if let Some(choice) = choice {
                state.put(task, choice);
            }
        }
        return;
    }
    // Twice, because a task may have to wait for one that comes back later in the list.
    for _ in 0..2 {
        for task in &tasks {
            if state.chosen[*task].is_none()
                && let Some((_, choice)) = cheapest(state, *task, rng, blink)
            {
                state.put(*task, choice);
            }
        }
        if state.problem.tasks.iter().all(|task| task.after.is_empty()) {
            return;
        }
    }
}

/// Which tasks are taken out together.
fn neighbourhood(state: &State<'_>, rng: &mut Rng) -> Neighbourhood {
    let problem = state.problem;
    let count = problem.tasks.len();
    let size = 1 + rng.below((count / 5).clamp(3, 8));
    let mut removed: Vec<usize> = Vec::new();
    let mut forced = None;
    let left: Vec<usize> = if rng.below(3) == 0 {
        (0..count)
            .filter(|task| state.chosen[*task].is_none())
            .collect()
    } else {
        Vec::new()
    };
    if !left.is_empty() && rng.below(4) > 0 {
        // A task that is left out is forced in; what stands in its way goes.
        let task = left[rng.below(left.len())];
        let choices = &problem.tasks[task].choices;
        if !choices.is_empty() {
            let choice = rng.below(choices.len());
            forced = Some((task, choice as u32));
            removed.push(task);
            overlapping(
                state,
                choices[choice].start,
                choices[choice].end,
                size + 2,
                rng,
                &mut removed,
            );
        }
    } else if rng.below(2) == 0 {
        let around = rng.below(problem.periods) as u32;
        overlapping(state, around, around + 2, size, rng, &mut removed);
    }
    while removed.len() < size {
        removed.push(rng.below(count));
    }
    for _ in 0..left.len().min(3) {
        removed.push(left[rng.below(left.len())]);
    }
    close(state, &mut removed);
    Neighbourhood { removed, forced }
}

/// Up to `size` random planned tasks that run in the periods.
fn overlapping(
    state: &State<'_>,
    from: u32,
    to: u32,
    size: usize,
    rng: &mut Rng,
    into: &mut Vec<usize>,
) {
    let problem = state.problem;
    let count = problem.tasks.len();
    let first = rng.below(count);
    let mut wanted = size;
    for task in (first..count).chain(0..first) {
        if wanted == 0 {
            return;
        }
        if let Some(choice) = state.chosen[task] {
            let choice = &problem.tasks[task].choices[choice as usize];
            if choice.start < to && from < choice.end && rng.below(3) > 0 {
                into.push(task);
                wanted -= 1;
            }
        }
    }
}

/// What must follow a removed task is removed too, else the order would be broken.
fn close(state: &State<'_>, removed: &mut Vec<usize>) {
    let mut at = 0;
    while at < removed.len() {
        for (after, _) in &state.problem.tasks[removed[at]].before {
            if state.chosen[*after as usize].is_some() && !removed.contains(&(*after as usize)) {
                removed.push(*after as usize);
            }
        }
        at += 1;
    }
    removed.sort_unstable();
    removed.dedup();
}

fn plan(
    problem: &RiskProblem,
    compiled: &Compiled,
    best: &State<'_>,
    quality: Quality,
) -> RiskPlan {
    let mut planned = Vec::new();
    let mut left = Vec::new();
    let (mut current_risk, mut costs) = (0.0, 0.0);
    for (at, task) in problem.tasks.iter().enumerate() {
        current_risk += task.unplanned_cost;
        match best.chosen[at] {
            None => {
                left.push(task.id.clone());
                costs += task.unplanned_cost;
            }
            Some(choice) => {
                let choice = &compiled.tasks[at].choices[choice as usize];
                costs += choice.cost;
                planned.push(PlannedTask {
                    task: task.id.clone(),
                    asset: task.asset.clone(),
                    start: choice.start + 1,
                    end: choice.end,
                    option: choice.option,
                });
            }
        }
    }
    let (mean_loss, excess_loss) = best.losses();
    let optimized_risk = mean_loss + costs;
    RiskPlan {
        planned,
        left,
        current_risk,
        optimized_risk,
        risk_reduction: current_risk - optimized_risk,
        mean_loss,
        excess_loss,
        budget_used: best.spent.max(0.0),
        quality,
        assumptions: Vec::new(),
    }
}
