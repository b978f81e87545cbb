//! The timetable while it is searched: per person and shift the visits in order. Inserting a job means
//! finding people whose gaps, with travel, share a start.

use std::collections::BTreeMap;

use iq_domain::CodedError;

use super::{DAY, DispatchProblem};
use crate::risk::index;

/// Cost of a mandatory job that is left, far above any money.
pub(super) const MISSING: f64 = 1e9;

#[derive(Debug)]
pub(super) struct Shift {
    pub(super) technician: u32,
    pub(super) home: u32,
    pub(super) from: u32,
    pub(super) to: u32,
    /// With overtime, before the next shift.
    pub(super) hard_to: u32,
    pub(super) absences: Vec<(u32, u32)>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) site: u32,
    pub(super) minutes: u32,
    /// For each place of the crew the shifts of those who may fill it.
    pub(super) places: Vec<Vec<u32>>,
    pub(super) earliest: u32,
    pub(super) latest_end: u32,
    pub(super) due: u32,
    pub(super) weight: f64,
    pub(super) is_mandatory: bool,
    pub(super) unplanned_cost: f64,
    pub(super) parts: Vec<(u32, f64)>,
    pub(super) after: Vec<(u32, u32)>,
    pub(super) before: Vec<(u32, u32)>,
    pub(super) excluded: Vec<u32>,
}

impl Job {
    /// Money it costs to leave it; mandatory ones are counted instead.
    const fn left_money(&self) -> f64 {
        if self.is_mandatory {
            0.0
        } else {
            self.unplanned_cost
        }
    }
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) sites: usize,
    pub(super) travel: Vec<u32>,
    pub(super) shifts: Vec<Shift>,
    pub(super) jobs: Vec<Job>,
    /// Arrivals by part: (minute, cumulated quantity).
    pub(super) stock: Vec<Vec<(u32, f64)>>,
    pub(super) permits: u32,
    pub(super) days: usize,
    /// Per minute of lateness (times weight), travel, overtime, makespan.
    pub(super) tardiness: f64,
    pub(super) way: f64,
    pub(super) overtime: f64,
    pub(super) makespan: f64,
}

impl Compiled {
    pub(super) fn new(problem: &DispatchProblem) -> Result<Self, CodedError> {
        let sites = index(problem.sites.iter().map(String::as_str))?;
        let tasks = index(problem.tasks.iter().map(|t| t.id.as_str()))?;
        let shifts = shifts(problem, &sites)?;
        let mut jobs = problem
            .tasks
            .iter()
            .map(|task| job(problem, task, &sites, &shifts))
            .collect::<Result<Vec<_>, _>>()?;
        let place = |id: &str| tasks.get(id).copied().ok_or_else(|| unknown("task", id));
        for order in &problem.precedence {
            let (before, after) = (place(&order.before)?, place(&order.after)?);
            jobs[after as usize].after.push((before, order.lag_minutes));
            jobs[before as usize]
                .before
                .push((after, order.lag_minutes));
        }
        for [a, b] in &problem.exclusions {
            let (a, b) = (place(a)?, place(b)?);
            jobs[a as usize].excluded.push(b);
            jobs[b as usize].excluded.push(a);
        }
        let last = shifts.iter().map(|s| s.hard_to).max().unwrap_or(0);
        let weights = problem.weights;
        Ok(Self {
            sites: problem.sites.len(),
            travel: problem.travel_minutes.iter().flatten().copied().collect(),
            stock: problem.parts.values().map(|a| cumulated(a)).collect(),
            shifts,
            jobs,
            permits: problem.permits_per_site_day.unwrap_or(u32::MAX),
            days: (last / DAY) as usize + 1,
            tardiness: weights.tardiness_per_hour / 60.0,
            way: weights.travel_per_hour / 60.0,
            overtime: weights.overtime_per_hour / 60.0,
            makespan: weights.makespan_per_hour / 60.0,
        })
    }

    pub(super) fn way(&self, from: u32, to: u32) -> u32 {
        self.travel[from as usize * self.sites + to as usize]
    }

    pub(super) fn left_cost(&self, job: usize) -> f64 {
        if self.jobs[job].is_mandatory {
            MISSING
        } else {
            self.jobs[job].unplanned_cost
        }
    }
}

fn unknown(kind: &str, id: &str) -> CodedError {
    CodedError::invalid("optimiser.unknown_reference")
        .with("kind", kind)
        .with("id", id)
}

fn shifts(
    problem: &DispatchProblem,
    sites: &BTreeMap<&str, u32>,
) -> Result<Vec<Shift>, CodedError> {
    let mut shifts = Vec::new();
    for (at, technician) in (0..).zip(&problem.technicians) {
        let home = sites.get(technician.site.as_str()).copied();
        let home = home.ok_or_else(|| unknown("site", &technician.site))?;
        for (place, shift) in technician.shifts.iter().enumerate() {
            let next = technician
                .shifts
                .get(place + 1)
                .map_or(u32::MAX, |next| next.from);
            shifts.push(Shift {
                technician: at,
                home,
                from: shift.from,
                to: shift.to,
                hard_to: (shift.to + technician.overtime_minutes).min(next),
                absences: technician.absences.iter().map(|a| (a.from, a.to)).collect(),
            });
        }
    }
    Ok(shifts)
}

fn job(
    problem: &DispatchProblem,
    task: &super::DispatchTask,
    sites: &BTreeMap<&str, u32>,
    shifts: &[Shift],
) -> Result<Job, CodedError> {
    let mut parts = Vec::new();
    for (id, quantity) in &task.parts {
        let part = problem.parts.keys().position(|name| name == id);
        parts.push((part.ok_or_else(|| unknown("part", id))? as u32, *quantity));
    }
    let mut places = Vec::new();
    for need in &task.crew {
        let able = able(problem, task, &need.skill, shifts);
        places.extend(std::iter::repeat_n(able, need.count as usize));
    }
    let site = sites.get(task.site.as_str()).copied();
    Ok(Job {
        site: site.ok_or_else(|| unknown("site", &task.site))?,
        minutes: task.minutes,
        places,
        earliest: task.earliest,
        latest_end: task.latest_end.unwrap_or(u32::MAX),
        due: task.due.unwrap_or(u32::MAX),
        weight: task.weight,
        is_mandatory: task.is_mandatory,
        unplanned_cost: task.unplanned_cost,
        parts,
        after: Vec::new(),
        before: Vec::new(),
        excluded: Vec::new(),
    })
}

/// Arrivals by minute with what has come by then.
fn cumulated(arrivals: &[super::Arrival]) -> Vec<(u32, f64)> {
    let mut sorted: BTreeMap<u32, f64> = BTreeMap::new();
    for arrival in arrivals {
        *sorted.entry(arrival.minute).or_default() += arrival.quantity;
    }
    let mut there = 0.0;
    let sum = |(minute, quantity)| {
        there += quantity;
        (minute, there)
    };
    sorted.into_iter().map(sum).collect()
}

/// Shifts of those with the skill and, until the end of the shift's first possible job, the certificates.
fn able(
    problem: &DispatchProblem,
    task: &super::DispatchTask,
    skill: &str,
    shifts: &[Shift],
) -> Vec<u32> {
    (0..)
        .zip(shifts)
        .filter(|(_, shift)| {
            let technician = &problem.technicians[shift.technician as usize];
            technician.skills.iter().any(|s| s == skill)
                && task.certificates.iter().all(|c| {
                    technician
                        .certificates
                        .get(c)
                        // An end inside the shift counts as no certificate for that shift.
                        .is_some_and(|end| end.is_none_or(|end| end >= shift.hard_to))
                })
        })
        .map(|(at, _)| at)
        .collect()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) site: u32,
    pub(super) job: u32,
}

/// Where a job stands: its start and the shifts of its people, by place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placing {
    pub(super) start: u32,
    pub(super) shifts: Vec<u32>,
}

/// Starts a shift could take a job at, and what that adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) shift: u32,
    pub(super) from: u32,
    /// Last start.
    pub(super) to: u32,
    /// Travel it adds.
    pub(super) way: i64,
    /// Its end plus the way home counts towards overtime where it is the last visit.
    is_last: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Timetable<'a> {
    pub(super) problem: &'a Compiled,
    pub(super) placed: Vec<Option<Placing>>,
    pub(super) visits: Vec<Vec<Visit>>,
    started: Vec<u32>,
    value: f64,
    /// Mandatory jobs that are left.
    missing: usize,
}

impl<'a> Timetable<'a> {
    pub(super) fn new(problem: &'a Compiled) -> Self {
        Self {
            problem,
            placed: vec![None; problem.jobs.len()],
            visits: vec![Vec::new(); problem.shifts.len()],
            started: vec![0; problem.sites * problem.days],
            value: problem.jobs.iter().map(Job::left_money).sum(),
            missing: problem.jobs.iter().filter(|job| job.is_mandatory).count(),
        }
    }

    /// The same placings, summed anew: sums drift by rounding.
    pub(super) fn anew(&self) -> Self {
        let mut table = Self::new(self.problem);
        for (job, placing) in self.placed.iter().enumerate() {
            if let Some(placing) = placing {
                table.put(job, placing.clone());
            }
        }
        table
    }

    /// Value of the plan, with penalties for what is missing.
    pub(super) fn total(&self) -> f64 {
        let money = self.value + self.problem.makespan * f64::from(self.makespan());
        money + MISSING * self.missing as f64
    }

    pub(super) fn makespan(&self) -> u32 {
        let lasts = self.visits.iter().filter_map(|visits| visits.last());
        lasts.map(|visit| visit.end).max().unwrap_or(0)
    }

    pub(super) fn is_complete(&self) -> bool {
        let jobs = self.problem.jobs.iter().zip(&self.placed);
        jobs.into_iter()
            .all(|(job, placed)| placed.is_some() || !job.is_mandatory)
    }

    /// Travel of a shift in minutes.
    pub(super) fn way_of(&self, shift: usize) -> u32 {
        let home = self.problem.shifts[shift].home;
        let visits = &self.visits[shift];
        let (Some(first), Some(last)) = (visits.first(), visits.last()) else {
            return 0;
        };
        let between: u32 = visits
            .windows(2)
            .map(|p| self.problem.way(p[0].site, p[1].site))
            .sum();
        self.problem.way(home, first.site) + between + self.problem.way(last.site, home)
    }

    /// Minutes of a shift beyond its end.
    pub(super) fn overtime_of(&self, shift: usize) -> u32 {
        let entry = &self.problem.shifts[shift];
        self.visits[shift].last().map_or(0, |last| {
            (last.end + self.problem.way(last.site, entry.home)).saturating_sub(entry.to)
        })
    }

    fn shift_cost(&self, shift: usize) -> f64 {
        self.problem.way * f64::from(self.way_of(shift))
            + self.problem.overtime * f64::from(self.overtime_of(shift))
    }

    fn lateness(&self, job: usize, start: u32) -> f64 {
        let job = &self.problem.jobs[job];
        let late = (start + job.minutes).saturating_sub(job.due);
        self.problem.tardiness * job.weight * f64::from(late)
    }

    pub(super) fn put(&mut self, job: usize, placing: Placing) {
        let entry = &self.problem.jobs[job];
        let (start, end) = (placing.start, placing.start + entry.minutes);
        self.value += self.lateness(job, start) - entry.left_money();
        self.missing -= usize::from(entry.is_mandatory);
        for shift in &placing.shifts {
            let shift = *shift as usize;
            self.value -= self.shift_cost(shift);
            let at = self.visits[shift].partition_point(|visit| visit.start < start);
            let (site, job) = (entry.site, job as u32);
            self.visits[shift].insert(
                at,
                Visit {
                    start,
                    end,
                    site,
                    job,
                },
            );
            self.value += self.shift_cost(shift);
        }
        let day = self.day_cell(entry.site, start);
        self.started[day] += 1;
        self.placed[job] = Some(placing);
    }

    pub(super) fn take(&mut self, job: usize) -> Option<Placing> {
        let placing = self.placed[job].take()?;
        let entry = &self.problem.jobs[job];
        self.value -= self.lateness(job, placing.start) - entry.left_money();
        self.missing += usize::from(entry.is_mandatory);
        for shift in &placing.shifts {
            let shift = *shift as usize;
            self.value -= self.shift_cost(shift);
            self.visits[shift].retain(|visit| visit.job as usize != job);
            self.value += self.shift_cost(shift);
        }
        let day = self.day_cell(entry.site, placing.start);
        self.started[day] -= 1;
        Some(placing)
    }

    fn day_cell(&self, site: u32, start: u32) -> usize {
        let day = (start / DAY) as usize;
        site as usize * self.problem.days + day.min(self.problem.days - 1)
    }

    /// The starts between which order and windows allow the job; `None` where they do not.
    pub(super) fn window(&self, job: usize) -> Option<(u32, u32)> {
        let entry = &self.problem.jobs[job];
        let (mut from, mut to) = (entry.earliest, entry.latest_end.checked_sub(entry.minutes)?);
        for (before, lag) in &entry.after {
            let placing = self.placed[*before as usize].as_ref()?;
            from = from.max(placing.start + self.problem.jobs[*before as usize].minutes + lag);
        }
        for (after, lag) in &entry.before {
            if let Some(placing) = &self.placed[*after as usize] {
                to = to.min(placing.start.checked_sub(entry.minutes + lag)?);
            }
        }
        (from <= to).then_some((from, to))
    }

    /// Where a shift could take the job.
    pub(super) fn gaps(&self, shift: u32, job: usize, window: (u32, u32), into: &mut Vec<Gap>) {
        let problem = self.problem;
        let (entry, wanted) = (&problem.shifts[shift as usize], &problem.jobs[job]);
        if entry.hard_to < window.0 || window.1 < entry.from {
            return;
        }
        let visits = &self.visits[shift as usize];
        for at in 0..=visits.len() {
            let (free_from, before) = at.checked_sub(1).map_or((entry.from, entry.home), |at| {
                (visits[at].end, visits[at].site)
            });
            let next = visits.get(at);
            let (free_to, behind) = next.map_or((entry.hard_to, entry.home), |v| (v.start, v.site));
            let to_it = problem.way(before, wanted.site);
            let from_it = problem.way(wanted.site, behind);
            let from = (free_from + to_it).max(window.0);
            let Some(to) = free_to.checked_sub(from_it + wanted.minutes) else {
                continue;
            };
            let to = to.min(window.1);
            if from > to {
                continue;
            }
            let direct = if visits.is_empty() {
                0
            } else {
                problem.way(before, behind)
            };
            let gap = Gap {
                shift,
                from,
                to,
                way: i64::from(to_it) + i64::from(from_it) - i64::from(direct),
                is_last: next.is_none(),
            };
            split(gap, entry, wanted.minutes, to_it, from_it, into);
        }
    }

    /// What the gap adds for this person when the job starts then.
    pub(super) fn gap_cost(&self, gap: &Gap, job: usize, start: u32) -> f64 {
        let entry = &self.problem.shifts[gap.shift as usize];
        let wanted = &self.problem.jobs[job];
        let over = if gap.is_last {
            let home = start + wanted.minutes + self.problem.way(wanted.site, entry.home);
            i64::from(home.saturating_sub(entry.to))
                - i64::from(self.overtime_of(gap.shift as usize))
        } else {
            0
        };
        self.problem.way * gap.way as f64 + self.problem.overtime * over as f64
    }

    /// Whether permits, exclusions and parts allow the start.
    pub(super) fn is_allowed(&self, job: usize, start: u32) -> bool {
        let entry = &self.problem.jobs[job];
        let end = start + entry.minutes;
        self.started[self.day_cell(entry.site, start)] < self.problem.permits
            && entry.excluded.iter().all(|other| {
                self.placed[*other as usize].as_ref().is_none_or(|placing| {
                    let other_end = placing.start + self.problem.jobs[*other as usize].minutes;
                    other_end <= start || end <= placing.start
                })
            })
            && entry
                .parts
                .iter()
                .all(|(part, quantity)| self.has_part(*part, *quantity, start))
    }

    /// Whether the store never runs short when so many are taken then.
    fn has_part(&self, part: u32, quantity: f64, start: u32) -> bool {
        let stock = &self.problem.stock[part as usize];
        let mut taken: Vec<(u32, f64)> = vec![(start, quantity)];
        for (job, placing) in self.problem.jobs.iter().zip(&self.placed) {
            if let Some(placing) = placing {
                let mine = job.parts.iter().filter(|(p, _)| *p == part);
                taken.extend(mine.map(|(_, quantity)| (placing.start, *quantity)));
            }
        }
        taken.sort_by_key(|(minute, _)| *minute);
        let mut sum = 0.0;
        taken.iter().all(|(minute, quantity)| {
            sum += quantity;
            let there = stock.iter().rev().find(|(arrival, _)| arrival <= minute);
            sum <= there.map_or(0.0, |(_, there)| *there) + 1e-6
        })
    }

    /// What placing a job adds, its people apart.
    pub(super) fn start_cost(&self, job: usize, start: u32, makespan: u32) -> f64 {
        let end = start + self.problem.jobs[job].minutes;
        self.lateness(job, start) + self.problem.makespan * f64::from(end.saturating_sub(makespan))
    }
}

/// Cuts absences, with the way to and from the job, out of a gap.
fn split(gap: Gap, shift: &Shift, minutes: u32, to_it: u32, from_it: u32, into: &mut Vec<Gap>) {
    let mut parts = vec![(gap.from, gap.to)];
    for (from, to) in &shift.absences {
        // Work and ways lie wholly before the absence, or wholly after it.
        let last_before = from.checked_sub(minutes + from_it);
        let first_after = to + to_it;
        parts = parts
            .into_iter()
            .flat_map(|(a, b)| {
                let before =
                    last_before.and_then(|last| (a <= b.min(last)).then_some((a, b.min(last))));
                let after = (a.max(first_after) <= b).then_some((a.max(first_after), b));
                [before, after]
            })
            .flatten()
            .collect();
    }
    parts.sort_unstable();
    parts.dedup();
    into.extend(parts.into_iter().map(|(from, to)| Gap { from, to, ..gap }));
}
