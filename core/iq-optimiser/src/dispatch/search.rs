//! A timetable at once, then large-neighbourhood search beside the bound.

use iq_domain::Timestamp;

use super::{
    DispatchPlan, DispatchProblem, ScheduledTask, TechnicianDay, bound,
    explain::explain,
    insertion::{Desk, cheapest},
    timetable::{Compiled, MISSING, Placing, Timetable},
};
use crate::{
    conflict::Infeasible,
    exact::{Program, beside},
    rng::Rng,
    run::{BoundSource, Quality, Run},
};

/// Better plans are told at most every so many iterations.
const TELL_EVERY: u64 = 16;

pub(super) fn solve(
    problem: &DispatchProblem,
    compiled: &Compiled,
    run: &Run<'_>,
) -> Result<DispatchPlan, Infeasible> {
    let mut first = Timetable::new(compiled);
    construct(&mut first, &by_urgency(compiled));
    let simple = bound::simple(compiled);
    let known = first.is_complete().then(|| first.total());
    run.tell(0, known, Some(simple));
    let wants_proof = run.exact_nodes > 0 && cfg!(feature = "exact");
    let program = if wants_proof {
        bound::program(compiled)
    } else {
        Program::default()
    };
    let ((best, iterations), answer) = beside(run, program, None, || improve(first, run, simple));
    let best = best.anew();
    if !best.is_complete() {
        return Err(explain(problem, compiled, &best, run));
    }
    let (bound, source) = match answer.bound {
        Some(exact) if exact > simple => (exact, BoundSource::Exact),
        _ => (simple, BoundSource::Prices),
    };
    let quality = Quality::new(best.total(), bound, source, run, iterations);
    run.tell(iterations, Some(quality.objective), Some(quality.bound));
    Ok(plan(problem, &best, quality))
}

/// Jobs by what they cost per hour of work when left, mandatory ones first, chains in their order.
pub(super) fn by_urgency(problem: &Compiled) -> Vec<usize> {
    let worth: Vec<f64> = problem
        .jobs
        .iter()
        .enumerate()
        .map(|(at, job)| {
            let work = f64::from(job.minutes) * job.places.len() as f64;
            let late =
                problem.tardiness * job.weight / (1.0 + f64::from(job.due.min(1_000_000)) / 480.0);
            problem.left_cost(at) / work + late * 1e-3
        })
        .collect();
    let mut order: Vec<usize> = (0..problem.jobs.len()).collect();
    order.sort_by(|a, b| worth[*b].total_cmp(&worth[*a]).then(a.cmp(b)));
    order
}

/// Puts jobs in the given order, those that wait for others in later rounds.
pub(super) fn construct(table: &mut Timetable<'_>, order: &[usize]) {
    let mut rng = Rng::new(0);
    let mut desk = Desk::default();
    loop {
        let mut has_moved = false;
        for job in order {
            if table.placed[*job].is_none()
                && let Some((_, placing)) = cheapest(table, *job, &mut rng, 0, &mut desk)
            {
                table.put(*job, placing);
                has_moved = true;
            }
        }
        if !has_moved || table.problem.jobs.iter().all(|job| job.after.is_empty()) {
            return;
        }
    }
}

/// Searches; the best timetable and the number of iterations.
fn improve<'a>(mut table: Timetable<'a>, run: &Run<'_>, bound: f64) -> (Timetable<'a>, u64) {
    let count = table.problem.jobs.len();
    let mut rng = Rng::new(run.seed);
    let mut desk = Desk::default();
    let mut best = table.clone();
    let (mut current, mut best_value) = (table.total(), table.total());
    let (mut iteration, mut told) = (0, 0);
    while iteration < run.iterations && count > 0 && best_value > bound + 1e-9 {
        if iteration % 16 == 0 && run.is_cancelled() {
            break;
        }
        if iteration % 1_024 == 0 {
            table = table.anew();
            current = table.total();
            run.tell(
                iteration,
                Some(best_value).filter(|v| *v < MISSING),
                Some(bound),
            );
        }
        iteration += 1;
        let mut removed = neighbourhood(&table, &mut rng);
        close(&table, &mut removed);
        let before: Vec<(usize, Option<Placing>)> =
            removed.iter().map(|job| (*job, table.take(*job))).collect();
        put_back(&mut table, removed, &mut rng, &mut desk);
        let value = table.total();
        let rest = 1.0 - iteration as f64 / run.iterations as f64;
        let allowed = 0.02 * rest * rest * best_value.abs().min(MISSING) / count as f64;
        if value <= current + allowed * rng.unit() {
            current = value;
            if value < best_value - 1e-9 * best_value.abs() {
                best_value = value;
                best.clone_from(&table);
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
            before.iter().for_each(|(job, _)| drop(table.take(*job)));
            for (job, placing) in before {
                if let Some(placing) = placing {
                    table.put(job, placing);
                }
            }
        }
    }
    (best, iteration)
}

fn put_back(table: &mut Timetable<'_>, mut jobs: Vec<usize>, rng: &mut Rng, desk: &mut Desk) {
    match rng.below(4) {
        0 => rng.shuffle(&mut jobs),
        1 => jobs.sort_by_key(|job| std::cmp::Reverse(table.problem.jobs[*job].minutes)),
        _ => {
            let noise: Vec<f64> = jobs.iter().map(|_| 0.6 + 0.8 * rng.unit()).collect();
            let mut keyed: Vec<(f64, usize)> = jobs
                .iter()
                .zip(noise)
                .map(|(job, noise)| {
                    let entry = &table.problem.jobs[*job];
                    let work = f64::from(entry.minutes) * entry.places.len() as f64;
                    (noise * table.problem.left_cost(*job) / work, *job)
                })
                .collect();
            keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            jobs = keyed.into_iter().map(|(_, job)| job).collect();
        }
    }
    let blink = if rng.below(2) == 0 { 0 } else { 10 };
    let rounds = if table.problem.jobs.iter().all(|job| job.after.is_empty()) {
        1
    } else {
        jobs.len()
    };
    for _ in 0..rounds {
        let mut has_moved = false;
        for job in &jobs {
            if table.placed[*job].is_none()
                && let Some((_, placing)) = cheapest(table, *job, rng, blink, desk)
            {
                table.put(*job, placing);
                has_moved = true;
            }
        }
        if !has_moved {
            return;
        }
    }
}

/// Jobs that are taken out together, with some of those that are left.
fn neighbourhood(table: &Timetable<'_>, rng: &mut Rng) -> Vec<usize> {
    let problem = table.problem;
    let count = problem.jobs.len();
    let size = 2 + rng.below((count / 6).clamp(2, 14));
    let mut removed: Vec<usize> = Vec::new();
    match rng.below(4) {
        0 => removed.extend((0..size).map(|_| rng.below(count))),
        1 | 2 => {
            // Whole days of some people who could stand in for each other: around one job.
            let job = rng.below(count);
            let place = &problem.jobs[job].places;
            let place = &place[rng.below(place.len())];
            removed.push(job);
            for _ in 0..1 + rng.below(2) {
                if !place.is_empty() {
                    let shift = place[rng.below(place.len())] as usize;
                    removed.extend(table.visits[shift].iter().map(|visit| visit.job as usize));
                }
            }
        }
        _ => {
            // A stretch of time.
            let horizon = table.makespan().max(1) as usize;
            let from = rng.below(horizon) as u32;
            let first = rng.below(count);
            let to = from + (horizon / 8) as u32 + 60;
            let runs = |job: &usize| {
                table.placed[*job]
                    .as_ref()
                    .is_some_and(|p| p.start >= from && p.start < to)
            };
            removed.extend((first..count).chain(0..first).filter(runs).take(size));
        }
    }
    let left: Vec<usize> = (0..count)
        .filter(|job| table.placed[*job].is_none())
        .collect();
    if left.len() <= 12 {
        removed.extend(left);
    } else {
        removed.extend((0..10).map(|_| left[rng.below(left.len())]));
    }
    removed.sort_unstable();
    removed.dedup();
    removed
}

/// What must follow a removed job is removed too.
fn close(table: &Timetable<'_>, removed: &mut Vec<usize>) {
    let mut at = 0;
    while at < removed.len() {
        for (after, _) in &table.problem.jobs[removed[at]].before {
            let after = *after as usize;
            if table.placed[after].is_some() && !removed.contains(&after) {
                removed.push(after);
            }
        }
        at += 1;
    }
    removed.sort_unstable();
    removed.dedup();
}

fn plan(problem: &DispatchProblem, table: &Timetable<'_>, quality: Quality) -> DispatchPlan {
    let hours = |minutes: f64| minutes / 60.0;
    let name = |shift: u32| {
        let technician = table.problem.shifts[shift as usize].technician;
        problem.technicians[technician as usize].id.clone()
    };
    let mut scheduled = Vec::new();
    let (mut left, mut unplanned, mut late) = (Vec::new(), 0.0, 0.0);
    for (at, task) in problem.tasks.iter().enumerate() {
        match &table.placed[at] {
            None => {
                left.push(task.id.clone());
                unplanned += task.unplanned_cost;
            }
            Some(placing) => {
                let end = placing.start + task.minutes;
                late += task.weight * f64::from(end.saturating_sub(task.due.unwrap_or(u32::MAX)));
                scheduled.push(ScheduledTask {
                    task: task.id.clone(),
                    start: placing.start,
                    end,
                    technicians: placing.shifts.iter().map(|shift| name(*shift)).collect(),
                });
            }
        }
    }
    scheduled.sort_by(|a, b| a.start.cmp(&b.start).then_with(|| a.task.cmp(&b.task)));
    let (mut days, mut travel, mut overtime) = (Vec::new(), 0, 0);
    for (shift, visits) in table
        .visits
        .iter()
        .enumerate()
        .filter(|(_, v)| !v.is_empty())
    {
        let tasks: Vec<_> = visits
            .iter()
            .map(|v| &problem.tasks[v.job as usize])
            .collect();
        let work: u32 = tasks.iter().map(|t| t.minutes).sum();
        let (way, over) = (table.way_of(shift), table.overtime_of(shift));
        travel += way;
        overtime += over;
        days.push(TechnicianDay {
            technician: name(shift as u32),
            schedule_date: date(problem.start, table.problem.shifts[shift].from),
            assigned_assets: tasks.iter().map(|t| t.asset.clone()).collect(),
            tasks: tasks.iter().map(|t| t.id.clone()).collect(),
            estimated_hours: hours(f64::from(work + way)),
            travel_minutes: way,
            overtime_minutes: over,
        });
    }
    DispatchPlan {
        scheduled,
        left,
        days,
        tardiness_hours: hours(late),
        travel_hours: hours(f64::from(travel)),
        overtime_hours: hours(f64::from(overtime)),
        makespan_hours: hours(f64::from(table.makespan())),
        unplanned_cost: unplanned,
        quality,
    }
}

/// The date a minute of the plan lies on.
fn date(start: Timestamp, minute: u32) -> String {
    let shown = start.plus_ms(i64::from(minute) * 60_000).to_string();
    shown.split('T').next().unwrap_or_default().to_owned()
}
