//! Checks dispatch plans: every person's day walked through minute by minute of work and way.

use std::collections::{BTreeMap, BTreeSet};

use super::{SLACK, Violations, compare, of, quality, wrong};
use crate::dispatch::{
    DispatchPlan, DispatchProblem, DispatchTask, ScheduledTask, Span, Technician,
};

type Planned<'a> = BTreeMap<&'a str, (&'a ScheduledTask, &'a DispatchTask)>;

/// Everything that is wrong with a plan.
#[must_use]
pub fn dispatch(problem: &DispatchProblem, plan: &DispatchPlan) -> Violations {
    let mut found = Violations::new();
    let tasks: BTreeMap<&str, &DispatchTask> =
        problem.tasks.iter().map(|t| (t.id.as_str(), t)).collect();
    let people: BTreeMap<&str, &Technician> = problem
        .technicians
        .iter()
        .map(|t| (t.id.as_str(), t))
        .collect();
    let mut planned = Planned::new();
    for entry in &plan.scheduled {
        let Some(task) = tasks.get(entry.task.as_str()) else {
            found.push(of("unknown_task", "task", &entry.task));
            continue;
        };
        if planned.insert(&task.id, (entry, task)).is_some() {
            found.push(of("task_twice", "task", &entry.task));
        }
        one(entry, task, &people, &mut found);
    }
    let left: BTreeSet<&str> = plan.left.iter().map(String::as_str).collect();
    for task in &problem.tasks {
        let is_planned = planned.contains_key(task.id.as_str());
        if is_planned == left.contains(task.id.as_str()) {
            found.push(of("left_or_planned", "task", &task.id));
        }
        if task.is_mandatory && !is_planned {
            found.push(of("mandatory", "task", &task.id));
        }
    }
    if left.len() != plan.left.len() || left.iter().any(|id| !tasks.contains_key(id)) {
        found.push(wrong("left_twice"));
    }
    relations(problem, &planned, &mut found);
    store(problem, &planned, &mut found);
    let (travel, overtime) = walk(problem, plan, &planned, &mut found);
    money(problem, plan, &planned, travel, overtime, &mut found);
    found
}

/// A job by itself: its length, its times, its people.
fn one(
    entry: &ScheduledTask,
    task: &DispatchTask,
    people: &BTreeMap<&str, &Technician>,
    found: &mut Violations,
) {
    if entry.end.checked_sub(entry.start) != Some(task.minutes) {
        found.push(of("times", "task", &task.id));
    }
    if entry.start < task.earliest || task.latest_end.is_some_and(|end| entry.end > end) {
        found.push(of("window", "task", &task.id));
    }
    let places: Vec<&str> = task
        .crew
        .iter()
        .flat_map(|need| (0..need.count).map(|_| need.skill.as_str()))
        .collect();
    let distinct: BTreeSet<&String> = entry.technicians.iter().collect();
    if places.len() != entry.technicians.len() || distinct.len() != places.len() {
        found.push(of("crew", "task", &task.id));
    }
    for (skill, id) in places.iter().zip(&entry.technicians) {
        let Some(person) = people.get(id.as_str()) else {
            found.push(of("unknown_technician", "technician", id));
            continue;
        };
        if !person.skills.iter().any(|s| s == skill) {
            found.push(of("skill", "task", &task.id));
        }
        for certificate in &task.certificates {
            let holds = match person.certificates.get(certificate) {
                None => false,
                Some(None) => true,
                Some(Some(end)) => *end >= entry.end,
            };
            if !holds {
                found.push(of("certificate", "task", &task.id));
            }
        }
    }
}

fn relations(problem: &DispatchProblem, planned: &Planned<'_>, found: &mut Violations) {
    for order in &problem.precedence {
        let Some((after, _)) = planned.get(order.after.as_str()) else {
            continue;
        };
        let is_kept = planned
            .get(order.before.as_str())
            .is_some_and(|(before, _)| before.end + order.lag_minutes <= after.start);
        if !is_kept {
            found.push(of("precedence", "task", &order.after));
        }
    }
    for [a, b] in &problem.exclusions {
        if let (Some((a, _)), Some((b, _))) = (planned.get(a.as_str()), planned.get(b.as_str()))
            && a.start < b.end
            && b.start < a.end
        {
            found.push(of("exclusion", "task", &a.task));
        }
    }
    if let Some(limit) = problem.permits_per_site_day {
        let mut starts: BTreeMap<(&str, u32), u32> = BTreeMap::new();
        for (entry, task) in planned.values() {
            *starts.entry((&task.site, entry.start / 1_440)).or_default() += 1;
        }
        for ((site, _), _) in starts.iter().filter(|(_, count)| **count > limit) {
            found.push(of("permits", "site", site));
        }
    }
}

/// At each taking, what was taken so far has arrived.
fn store(problem: &DispatchProblem, planned: &Planned<'_>, found: &mut Violations) {
    for (part, arrivals) in &problem.parts {
        for (at, _) in planned.values() {
            let there: f64 = arrivals
                .iter()
                .filter(|a| a.minute <= at.start)
                .map(|a| a.quantity)
                .sum();
            let taken: f64 = planned
                .values()
                .filter(|(entry, _)| entry.start <= at.start)
                .filter_map(|(_, task)| task.parts.get(part))
                .sum();
            if taken > there + SLACK {
                found.push(of("parts", "part", part));
            }
        }
    }
    let unknown = planned
        .values()
        .flat_map(|(_, task)| task.parts.iter())
        .find(|(part, quantity)| **quantity > 0.0 && !problem.parts.contains_key(*part));
    if let Some((part, _)) = unknown {
        found.push(of("parts", "part", part));
    }
}

/// Minutes between two moments in which a person is away; absences may overlap.
fn away(absences: &[Span], from: u32, to: u32) -> u32 {
    let mut inside: Vec<(u32, u32)> = absences
        .iter()
        .map(|a| (a.from.max(from), a.to.min(to)))
        .filter(|(begin, end)| begin < end)
        .collect();
    inside.sort_unstable();
    let (mut sum, mut until) = (0, from);
    for (begin, end) in inside {
        sum += end.saturating_sub(begin.max(until));
        until = until.max(end);
    }
    sum
}

/// Walks each shift of each person; minutes of travel and overtime.
fn walk(
    problem: &DispatchProblem,
    plan: &DispatchPlan,
    planned: &Planned<'_>,
    found: &mut Violations,
) -> (u64, u64) {
    let sites: BTreeMap<&str, usize> = problem.sites.iter().map(String::as_str).zip(0..).collect();
    let way = |from: &str, to: &str| -> u32 {
        let places = sites.get(from).zip(sites.get(to));
        places.map_or(u32::MAX / 4, |(a, b)| problem.travel_minutes[*a][*b])
    };
    let (mut travel, mut overtime, mut days) = (0_u64, 0_u64, 0);
    for person in &problem.technicians {
        let mut mine: Vec<(&ScheduledTask, &DispatchTask)> = planned
            .values()
            .filter(|(entry, _)| entry.technicians.contains(&person.id))
            .copied()
            .collect();
        mine.sort_by_key(|(entry, _)| entry.start);
        let mut seen = 0;
        for (at, shift) in person.shifts.iter().enumerate() {
            let next = person.shifts.get(at + 1).map_or(u32::MAX, |s| s.from);
            let end = next.min(shift.to + person.overtime_minutes);
            let day: Vec<_> = mine
                .iter()
                .filter(|(entry, _)| entry.start >= shift.from && entry.end <= end)
                .collect();
            if day.is_empty() {
                continue;
            }
            seen += day.len();
            days += 1;
            let (mut here, mut free, mut ways) = (person.site.as_str(), shift.from, 0_u32);
            for (entry, task) in &day {
                let minutes = way(here, &task.site);
                let gap = entry.start.saturating_sub(free);
                if entry.start < free
                    || gap.saturating_sub(away(&person.absences, free, entry.start)) < minutes
                {
                    found.push(of("no_time_for", "task", &entry.task));
                }
                if away(&person.absences, entry.start, entry.end) > 0 {
                    found.push(of("absence", "task", &entry.task));
                }
                ways = ways.saturating_add(minutes);
                (here, free) = (&task.site, entry.end);
            }
            let home = way(here, &person.site);
            ways = ways.saturating_add(home);
            let back = free.saturating_add(home);
            if back > end {
                found.push(of("shift", "technician", &person.id));
            }
            let over = back.saturating_sub(shift.to);
            travel += u64::from(ways);
            overtime += u64::from(over);
            stated(problem, plan, person, *shift, &day, (ways, over), found);
        }
        if seen != mine.len() {
            found.push(of("shift", "technician", &person.id));
        }
    }
    if days != plan.days.len() {
        found.push(wrong("days"));
    }
    (travel, overtime)
}

/// Whether the plan's own summary of the day says the same.
fn stated(
    problem: &DispatchProblem,
    plan: &DispatchPlan,
    person: &Technician,
    shift: Span,
    day: &[&(&ScheduledTask, &DispatchTask)],
    (ways, over): (u32, u32),
    found: &mut Violations,
) {
    let tasks: Vec<&str> = day.iter().map(|(entry, _)| entry.task.as_str()).collect();
    let mine = plan
        .days
        .iter()
        .find(|d| d.technician == person.id && d.tasks == tasks);
    let Some(mine) = mine else {
        found.push(of("day", "technician", &person.id));
        return;
    };
    let at = problem
        .start
        .plus_ms(60_000 * i64::from(shift.from))
        .to_string();
    let assets: Vec<&str> = day.iter().map(|(_, task)| task.asset.as_str()).collect();
    let work: u32 = day.iter().map(|(_, task)| task.minutes).sum();
    let is_same = at.starts_with(&mine.schedule_date)
        && mine.schedule_date.len() == 10
        && mine.assigned_assets == assets
        && mine.travel_minutes == ways
        && mine.overtime_minutes == over;
    if !is_same {
        found.push(of("day", "technician", &person.id));
    }
    compare(
        found,
        "estimated_hours",
        mine.estimated_hours,
        f64::from(work + ways) / 60.0,
    );
}

fn money(
    problem: &DispatchProblem,
    plan: &DispatchPlan,
    planned: &Planned<'_>,
    travel: u64,
    overtime: u64,
    found: &mut Violations,
) {
    let late: f64 = planned
        .values()
        .filter_map(|(entry, task)| {
            let due = task.due?;
            Some(task.weight * f64::from(entry.end.saturating_sub(due)) / 60.0)
        })
        .sum();
    let last = planned
        .values()
        .map(|(entry, _)| entry.end)
        .max()
        .unwrap_or(0);
    let left: f64 = problem
        .tasks
        .iter()
        .filter(|task| !planned.contains_key(task.id.as_str()))
        .map(|task| task.unplanned_cost)
        .sum();
    let (travel, overtime) = (travel as f64 / 60.0, overtime as f64 / 60.0);
    let makespan = f64::from(last) / 60.0;
    compare(found, "tardiness_hours", plan.tardiness_hours, late);
    compare(found, "travel_hours", plan.travel_hours, travel);
    compare(found, "overtime_hours", plan.overtime_hours, overtime);
    compare(found, "makespan_hours", plan.makespan_hours, makespan);
    compare(found, "unplanned_cost", plan.unplanned_cost, left);
    let weights = problem.weights;
    let value = weights.tardiness_per_hour * late
        + weights.travel_per_hour * travel
        + weights.overtime_per_hour * overtime
        + weights.makespan_per_hour * makespan
        + left;
    quality(found, &plan.quality, value);
}
