//! A lower bound for dispatch: the day's plan without its clock. People, days and sites stay, the order of
//! visits goes; what remains is a linear program whose value no timetable can beat.

use super::{DAY, timetable::Compiled};
use crate::exact::Program;

/// What no plan can avoid: the cheapest of doing or leaving each job by itself, and the longest chain.
pub(super) fn simple(problem: &Compiled) -> f64 {
    let mut value = 0.0;
    for (at, job) in problem.jobs.iter().enumerate() {
        if job.places.iter().any(Vec::is_empty) {
            value += problem.left_cost(at);
        } else if job.is_mandatory {
            value += lateness(problem, at, 0);
        } else {
            value += lateness(problem, at, 0).min(job.unplanned_cost);
        }
    }
    value + problem.makespan * f64::from(shortest(problem))
}

/// Length no plan of the mandatory jobs can undercut: the longest chain, and each crew's hours.
fn shortest(problem: &Compiled) -> u32 {
    let mut ends: Vec<Option<u32>> = vec![None; problem.jobs.len()];
    // Orders may form a ring; then no plan exists and the chain ends after as many rounds as there are jobs.
    for _ in 0..problem.jobs.len() {
        let mut has_moved = false;
        for (at, job) in problem.jobs.iter().enumerate() {
            let before = job
                .after
                .iter()
                .map(|(b, lag)| ends[*b as usize].map_or(0, |end| end.saturating_add(*lag)));
            let end = before
                .max()
                .unwrap_or(0)
                .max(job.earliest)
                .saturating_add(job.minutes);
            if ends[at] != Some(end) {
                ends[at] = Some(end);
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
    let mandatory = || {
        problem
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.is_mandatory)
    };
    let chain = mandatory()
        .filter_map(|(at, _)| ends[at])
        .max()
        .unwrap_or(0);
    // The hours of all places whose people lie within the same group, shared among the group.
    let mut groups: Vec<(Vec<u32>, u64)> = Vec::new();
    for (_, job) in mandatory() {
        for place in &job.places {
            let mut people: Vec<u32> = place
                .iter()
                .map(|shift| problem.shifts[*shift as usize].technician)
                .collect();
            people.sort_unstable();
            people.dedup();
            match groups.iter_mut().find(|(group, _)| *group == people) {
                Some((_, minutes)) => *minutes += u64::from(job.minutes),
                None => groups.push((people, u64::from(job.minutes))),
            }
        }
    }
    let shares = groups
        .iter()
        .filter(|(people, _)| !people.is_empty())
        .map(|(people, _)| {
            let inside = groups
                .iter()
                .filter(|(other, _)| other.iter().all(|p| people.contains(p)));
            let minutes: u64 = inside.map(|(_, minutes)| minutes).sum();
            minutes.div_ceil(people.len() as u64) as u32
        });
    shares.max().unwrap_or(0).max(chain)
}

/// Lateness that a job on this day or later can't avoid.
fn lateness(problem: &Compiled, job: usize, day: u32) -> f64 {
    let job = &problem.jobs[job];
    let end = job.earliest.max(day * DAY) + job.minutes;
    problem.tardiness * job.weight * f64::from(end.saturating_sub(job.due))
}

/// The day's plan without its clock.
pub(super) fn program(problem: &Compiled) -> Program {
    let mut program = Program::default();
    let day_of = |shift: u32| problem.shifts[shift as usize].from / DAY;
    // Where shifts pass midnight, people of one job may belong to different days: one day for all then.
    let is_by_day = problem
        .shifts
        .iter()
        .all(|s| (s.hard_to - 1) / DAY == s.from / DAY);
    let days = if is_by_day { problem.days as u32 } else { 1 };
    let bucket = |shift: u32| if is_by_day { day_of(shift) } else { 0 };
    let mut load: Vec<Vec<(u32, f64)>> = vec![Vec::new(); problem.shifts.len()];
    let mut visits: Vec<Vec<Option<u32>>> = vec![vec![None; problem.sites]; problem.shifts.len()];
    let mut permits: Vec<Vec<(u32, f64)>> = vec![Vec::new(); problem.sites * days as usize];
    for (at, job) in problem.jobs.iter().enumerate() {
        let mut done = Vec::new();
        for day in 0..days {
            let last = job.latest_end.checked_sub(job.minutes);
            let is_in_time = last.is_some_and(|last| !is_by_day || last >= day * DAY)
                && (!is_by_day || job.earliest < (day + 1) * DAY);
            let has_people = job
                .places
                .iter()
                .all(|p| p.iter().any(|s| bucket(*s) == day));
            if !is_in_time || !has_people {
                continue;
            }
            let late = lateness(problem, at, if is_by_day { day } else { 0 });
            let cost = if job.is_mandatory {
                late
            } else {
                late - job.unplanned_cost
            };
            let column = program.column(cost, 0.0, 1.0, true);
            done.push((column, 1.0));
            permits[job.site as usize * days as usize + day as usize].push((column, 1.0));
            people(
                problem,
                at,
                day,
                &bucket,
                column,
                &mut program,
                &mut load,
                &mut visits,
            );
        }
        if !job.is_mandatory {
            program.constant += job.unplanned_cost;
        }
        let least = f64::from(u8::from(job.is_mandatory));
        program.row(least, 1.0, done);
    }
    for (shift, mut factors) in load.into_iter().enumerate() {
        let entry = &problem.shifts[shift];
        let away: u32 = entry
            .absences
            .iter()
            .map(|(from, to)| {
                to.min(&entry.hard_to)
                    .saturating_sub(*from.max(&entry.from))
            })
            .sum();
        let minutes = f64::from((entry.hard_to - entry.from).saturating_sub(away));
        for (site, column) in visits[shift].iter().enumerate() {
            if let Some(column) = column {
                let way = least_way(problem, entry.home, site as u32);
                program.columns[*column as usize].0 = problem.way * way;
                factors.push((*column, way));
            }
        }
        program.row(f64::NEG_INFINITY, minutes, factors);
    }
    if problem.permits != u32::MAX && is_by_day {
        for factors in permits {
            program.row(f64::NEG_INFINITY, f64::from(problem.permits), factors);
        }
    }
    program
}

/// Columns of the people of a job on a day.
#[expect(clippy::too_many_arguments, reason = "fills the rows of `program`")]
fn people(
    problem: &Compiled,
    at: usize,
    day: u32,
    bucket: &dyn Fn(u32) -> u32,
    done: u32,
    program: &mut Program,
    load: &mut [Vec<(u32, f64)>],
    visits: &mut [Vec<Option<u32>>],
) {
    let job = &problem.jobs[at];
    // Equal places count together.
    let mut kinds: Vec<(&Vec<u32>, f64)> = Vec::new();
    for place in &job.places {
        match kinds.iter_mut().find(|(other, _)| *other == place) {
            Some((_, count)) => *count += 1.0,
            None => kinds.push((place, 1.0)),
        }
    }
    let mut mine: Vec<(u32, Vec<(u32, f64)>)> = Vec::new();
    for (place, count) in kinds {
        let mut row = vec![(done, -count)];
        for shift in place.iter().filter(|shift| bucket(**shift) == day) {
            let column = program.column(0.0, 0.0, 1.0, true);
            row.push((column, 1.0));
            load[*shift as usize].push((column, f64::from(job.minutes)));
            match mine.iter_mut().find(|(other, _)| other == shift) {
                Some((_, columns)) => columns.push((column, 1.0)),
                None => mine.push((*shift, vec![(column, 1.0)])),
            }
        }
        program.row(0.0, 0.0, row);
    }
    for (shift, columns) in mine {
        let site = &mut visits[shift as usize][job.site as usize];
        let visit = *site.get_or_insert_with(|| program.column(0.0, 0.0, 1.0, true));
        let mut row = columns;
        row.push((visit, -1.0));
        program.row(f64::NEG_INFINITY, 0.0, row);
    }
}

/// Minutes of travel no tour from home that visits the site can avoid for it: there and back where every
/// way between sites leads past home, else the shortest way in.
fn least_way(problem: &Compiled, home: u32, site: u32) -> f64 {
    let all = || 0..problem.sites as u32;
    let is_star = all().all(|a| {
        all().all(|b| a == b || problem.way(a, b) == problem.way(a, home) + problem.way(home, b))
    });
    if is_star {
        return f64::from(problem.way(home, site) + problem.way(site, home));
    }
    if site == home {
        return 0.0;
    }
    f64::from(
        all()
            .filter(|from| *from != site)
            .map(|from| problem.way(from, site))
            .min()
            .unwrap_or(0),
    )
}
