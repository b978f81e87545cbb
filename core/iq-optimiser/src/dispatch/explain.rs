//! Why no timetable exists. Jobs nobody can do and hours nobody has come first: mere addition is proof. Then
//! the smallest set of jobs and orders that contradict, by the exact solver; where it settles nothing, by
//! what the construction finds once one is left out, which is no proof.

use std::collections::BTreeSet;

use super::{
    DispatchProblem, DispatchTask, bound,
    search::{by_urgency, construct},
    timetable::{Compiled, Shift, Timetable},
};
use crate::{
    conflict::{Infeasible, MAX_UNPROVEN, Reason, figure, names, smallest},
    exact::{self, Limits},
    run::Run,
};

/// The construction is tried at most so many times.
const MAX_TRIES: u32 = 200;

/// Steps of the deletion share the time of the exact solver; each gets at most this part of it.
const STEPS_SHARE: f64 = 0.1;

/// Hours are added up for at most so many ends.
const MAX_ENDS: usize = 50;

/// A constraint that is left out while the reasons are looked for.
#[derive(Clone, Copy)]
enum Limit {
    Order(usize),
    Mandatory(usize),
}

/// Jobs nobody may do explain themselves; for the rest the smallest set of mandatory jobs and orders that
/// contradict without the clock of the day.
pub(super) fn explain(
    problem: &DispatchProblem,
    compiled: &Compiled,
    best: &Timetable<'_>,
    run: &Run<'_>,
) -> Infeasible {
    let mandatory = || {
        compiled
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.is_mandatory)
    };
    let by_itself = mandatory().find_map(|(at, job)| alone(problem, compiled, at, job));
    if let Some(reason) = by_itself.or_else(|| over_hours(problem, compiled)) {
        return Infeasible {
            is_proven: true,
            is_minimal: true,
            conflicts: vec![reason],
        };
    }
    let mut limits: Vec<Limit> = (0..problem.precedence.len()).map(Limit::Order).collect();
    limits.extend(mandatory().map(|(at, _)| Limit::Mandatory(at)));
    let found = smallest(limits.len(), |kept| {
        if run.is_cancelled() {
            return None;
        }
        contradicts(problem, compiled, &limits, kept, run)
    });
    if let Some((kept, is_minimal)) = found {
        return Infeasible {
            is_proven: true,
            is_minimal,
            conflicts: reasons(problem, &limits, &kept),
        };
    }
    let mut conflicts = by_construction(problem, compiled, &limits, run);
    // A long list of what must be done is no reason: then the jobs without a place stand for themselves.
    if conflicts.is_empty() || conflicts.len() > MAX_UNPROVEN {
        let missing = mandatory().filter(|(at, _)| best.placed[*at].is_none());
        let named: Vec<Reason> = missing
            .map(|(at, _)| Reason::new("conflict.not_placed").with("task", &problem.tasks[at].id))
            .collect();
        if !named.is_empty() {
            conflicts = named;
        }
    }
    Infeasible {
        is_proven: false,
        is_minimal: false,
        conflicts,
    }
}

fn reasons(problem: &DispatchProblem, limits: &[Limit], kept: &[bool]) -> Vec<Reason> {
    let kept = limits.iter().zip(kept).filter(|(_, kept)| **kept);
    kept.map(|(limit, _)| match limit {
        Limit::Order(at) => Reason::new("conflict.precedence")
            .with("task", &problem.precedence[*at].before)
            .with("other", &problem.precedence[*at].after),
        Limit::Mandatory(at) => {
            Reason::new("conflict.mandatory_task").with("task", &problem.tasks[*at].id)
        }
    })
    .collect()
}

/// Jobs and orders each of which lets the timetable be made once it is left out, and the skill they press
/// on the most; none where it was ended before it began.
fn by_construction(
    problem: &DispatchProblem,
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
        let loose = Compiled::new(&relaxed(problem, limits, kept)).ok()?;
        let mut table = Timetable::new(&loose);
        construct(&mut table, &by_urgency(&loose));
        Some(!table.is_complete())
    });
    let Some((kept, _)) = found else {
        return Vec::new();
    };
    let mut conflicts = reasons(problem, limits, &kept);
    let together: Vec<usize> = limits
        .iter()
        .zip(&kept)
        .filter_map(|(limit, kept)| match limit {
            Limit::Mandatory(at) if *kept => Some(*at),
            _ => None,
        })
        .collect();
    let tightest = skills(problem, &together)
        .into_iter()
        .map(|skill| {
            let needed: u64 = together
                .iter()
                .map(|at| minutes_of(&problem.tasks[*at], skill))
                .sum();
            (
                needed,
                minutes_there(problem, compiled, skill, u32::MAX),
                skill,
            )
        })
        .max_by(|a, b| (a.0 * b.1.max(1)).cmp(&(b.0 * a.1.max(1))));
    // Few hours of many press on nothing.
    let tightest = tightest.filter(|(needed, there, _)| needed * 2 >= *there);
    conflicts.extend(tightest.map(|(needed, there, skill)| {
        Reason::new("conflict.skill_tight")
            .with("skill", skill)
            .with("needed", hours(needed))
            .with("available", hours(there))
    }));
    conflicts
}

/// Skills the jobs ask for, each once.
fn skills<'a>(problem: &'a DispatchProblem, jobs: &[usize]) -> Vec<&'a str> {
    let needs = jobs.iter().flat_map(|at| &problem.tasks[*at].crew);
    let all: BTreeSet<&str> = needs.map(|need| need.skill.as_str()).collect();
    all.into_iter().collect()
}

/// Person-minutes of a skill that a job takes.
fn minutes_of(task: &DispatchTask, skill: &str) -> u64 {
    let needs = task.crew.iter().filter(|need| need.skill == skill);
    needs
        .map(|need| u64::from(need.count) * u64::from(task.minutes))
        .sum()
}

/// Person-minutes there are of a skill before a minute: shifts with all their overtime, less absences.
fn minutes_there(problem: &DispatchProblem, compiled: &Compiled, skill: &str, until: u32) -> u64 {
    let able = |shift: &&Shift| {
        let person = &problem.technicians[shift.technician as usize];
        person.skills.iter().any(|one| one == skill)
    };
    let shifts = compiled.shifts.iter().filter(able);
    shifts.map(|shift| at_work(shift, until)).sum()
}

/// Minutes of a shift before a minute and outside absences; what two absences share is taken off once.
fn at_work(shift: &Shift, until: u32) -> u64 {
    let mut absences = shift.absences.clone();
    absences.sort_unstable();
    let end = shift.hard_to.min(until);
    let (mut at, mut minutes) = (shift.from, 0_u64);
    for (from, to) in absences {
        minutes += u64::from(from.min(end).saturating_sub(at));
        at = at.max(to);
    }
    minutes + u64::from(end.saturating_sub(at))
}

fn hours(minutes: u64) -> String {
    figure(minutes as f64 / 60.0)
}

/// The fewest mandatory jobs that need more hours of a skill, before the last of them has to have ended,
/// than all its people have until then.
fn over_hours(problem: &DispatchProblem, compiled: &Compiled) -> Option<Reason> {
    let jobs = compiled.jobs.iter().filter(|job| job.is_mandatory);
    let ends: BTreeSet<u32> = jobs.map(|job| job.latest_end).collect();
    let mut ends: Vec<u32> = ends.into_iter().take(MAX_ENDS).collect();
    ends.push(u32::MAX);
    ends.into_iter().find_map(|end| {
        let within: Vec<usize> = (0..problem.tasks.len())
            .filter(|at| compiled.jobs[*at].is_mandatory && compiled.jobs[*at].latest_end <= end)
            .collect();
        let mut skills = skills(problem, &within).into_iter();
        skills.find_map(|skill| over_skill(problem, compiled, &within, skill, end))
    })
}

fn over_skill(
    problem: &DispatchProblem,
    compiled: &Compiled,
    jobs: &[usize],
    skill: &str,
    end: u32,
) -> Option<Reason> {
    let there = minutes_there(problem, compiled, skill, end);
    let mut needs: Vec<(u64, &str)> = jobs
        .iter()
        .map(|at| &problem.tasks[*at])
        .map(|task| (minutes_of(task, skill), task.id.as_str()))
        .collect();
    needs.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let mut sum = 0_u64;
    for (at, (need, _)) in needs.iter().enumerate() {
        sum += *need;
        if sum > there {
            let tasks = names(needs[..=at].iter().map(|(_, id)| *id));
            return Some(
                Reason::new("conflict.skill_hours")
                    .with("tasks", tasks)
                    .with("skill", skill)
                    .with("needed", hours(sum))
                    .with("available", hours(there)),
            );
        }
    }
    None
}

/// Why a job can't be done even if it were the only one.
fn alone(
    problem: &DispatchProblem,
    compiled: &Compiled,
    at: usize,
    job: &super::timetable::Job,
) -> Option<Reason> {
    let task = &problem.tasks[at];
    let mut place = 0;
    for need in &task.crew {
        let able = &job.places.get(place)?;
        place += need.count as usize;
        let mut people: Vec<u32> = able
            .iter()
            .map(|s| compiled.shifts[*s as usize].technician)
            .collect();
        people.sort_unstable();
        people.dedup();
        if people.len() < need.count as usize {
            return Some(
                Reason::new("conflict.nobody_able")
                    .with("task", &task.id)
                    .with("skill", &need.skill)
                    .with("count", need.count),
            );
        }
    }
    for (id, quantity) in &task.parts {
        let there: f64 = problem
            .parts
            .get(id)
            .map_or(0.0, |a| a.iter().map(|a| a.quantity).sum());
        if there < *quantity {
            return Some(
                Reason::new("conflict.part_missing")
                    .with("task", &task.id)
                    .with("part", id),
            );
        }
    }
    // Order is another matter: it needs the others.
    let empty = Timetable::new(compiled);
    let window = job
        .latest_end
        .checked_sub(job.minutes)
        .filter(|last| job.earliest <= *last);
    let fits = window.is_some_and(|last| {
        job.places.iter().all(|able| {
            let mut gaps = Vec::new();
            able.iter()
                .for_each(|shift| empty.gaps(*shift, at, (job.earliest, last), &mut gaps));
            !gaps.is_empty()
        })
    });
    (!fits).then(|| Reason::new("conflict.no_time").with("task", &task.id))
}

/// The problem with only the kept limits.
fn relaxed(problem: &DispatchProblem, limits: &[Limit], kept: &[bool]) -> DispatchProblem {
    let mut loose = problem.clone();
    loose
        .tasks
        .iter_mut()
        .for_each(|task| task.is_mandatory = false);
    loose.precedence.clear();
    for (limit, _) in limits.iter().zip(kept).filter(|(_, kept)| **kept) {
        match limit {
            Limit::Order(at) => loose.precedence.push(problem.precedence[*at].clone()),
            Limit::Mandatory(at) => loose.tasks[*at].is_mandatory = true,
        }
    }
    loose
}

/// Whether the kept limits contradict: a ring or a chain that is too long, or too few hours of people.
fn contradicts(
    problem: &DispatchProblem,
    compiled: &Compiled,
    limits: &[Limit],
    kept: &[bool],
    run: &Run<'_>,
) -> Option<bool> {
    let loose = Compiled::new(&relaxed(problem, limits, kept)).ok()?;
    // What a mandatory job waits for has to be done as well.
    let mut needed: Vec<usize> = (0..loose.jobs.len())
        .filter(|at| loose.jobs[*at].is_mandatory)
        .collect();
    let mut earliest: Vec<u64> = compiled
        .jobs
        .iter()
        .map(|job| u64::from(job.earliest))
        .collect();
    let mut at = 0;
    while at < needed.len() {
        for (before, _) in &loose.jobs[needed[at]].after {
            if !needed.contains(&(*before as usize)) {
                needed.push(*before as usize);
            }
        }
        at += 1;
    }
    for round in 0..=needed.len() {
        let mut has_moved = false;
        for job in &needed {
            for (before, lag) in &loose.jobs[*job].after {
                let before = *before as usize;
                let from =
                    earliest[before] + u64::from(loose.jobs[before].minutes) + u64::from(*lag);
                if from > earliest[*job] {
                    earliest[*job] = from;
                    has_moved = true;
                }
            }
        }
        let is_late = |job: &usize| {
            let entry = &loose.jobs[*job];
            let last = compiled
                .shifts
                .iter()
                .map(|s| s.hard_to)
                .max()
                .unwrap_or(0)
                .min(entry.latest_end);
            earliest[*job] + u64::from(entry.minutes) > u64::from(last)
        };
        // Without a ring every start is settled after as many rounds as there are jobs.
        if needed.iter().any(is_late) || (has_moved && round == needed.len()) {
            return Some(true);
        }
        if !has_moved {
            break;
        }
    }
    let mut program = bound::program(&loose);
    program.columns.iter_mut().for_each(|column| column.0 = 0.0);
    let limits = Limits {
        nodes: run.exact_nodes,
        seconds: run.exact_seconds.map(|seconds| seconds * STEPS_SHARE),
    };
    let answer = exact::solve(&program, None, limits);
    if answer.is_infeasible() {
        Some(true)
    } else {
        answer.values.map(|_| false)
    }
}
