//! The cheapest way to put one job into a timetable.

use super::timetable::{Gap, Placing, Timetable};
use crate::rng::Rng;

/// At most so many starts are looked at for a crew.
const MAX_STARTS: usize = 48;

/// Reused between insertions.
#[derive(Default)]
pub(super) struct Desk {
    gaps: Vec<Gap>,
    /// First gap of each place.
    ends: Vec<usize>,
    starts: Vec<u32>,
}

/// The cheapest placing and what it changes; `None` where leaving the job is cheaper or nothing fits.
/// `blink` is the share (of 100) of starts that are overlooked.
pub(super) fn cheapest(
    table: &Timetable<'_>,
    job: usize,
    rng: &mut Rng,
    blink: u64,
    desk: &mut Desk,
) -> Option<(f64, Placing)> {
    let window = table.window(job)?;
    let entry = &table.problem.jobs[job];
    let makespan = if table.problem.makespan > 0.0 {
        table.makespan()
    } else {
        0
    };
    desk.gaps.clear();
    desk.ends.clear();
    for (place, able) in entry.places.iter().enumerate() {
        let first = desk.gaps.len();
        if place > 0 && entry.places[place - 1] == *able {
            // A second person of the same skill has the same gaps.
            let begin = if place > 1 { desk.ends[place - 2] } else { 0 };
            desk.gaps.extend_from_within(begin..first);
        } else {
            for shift in able {
                table.gaps(*shift, job, window, &mut desk.gaps);
            }
        }
        if desk.gaps.len() == first {
            return None;
        }
        desk.ends.push(desk.gaps.len());
    }
    let mut best: Option<(f64, Placing)> = None;
    let limit = table.problem.left_cost(job) - 1e-9;
    if entry.places.len() == 1 {
        for gap in &desk.gaps {
            if blink > 0 && rng.next_u64() % 100 < blink {
                continue;
            }
            let cost =
                |start| table.start_cost(job, start, makespan) + table.gap_cost(gap, job, start);
            let most = best.as_ref().map_or(limit, |(best, _)| *best);
            // The first start costs the least, so what it can't beat needs no closer look.
            let start = (cost(gap.from) < most)
                .then(|| allowed(table, job, gap))
                .flatten();
            if let Some(start) = start.filter(|start| cost(*start) < most) {
                let shifts = vec![gap.shift];
                best = Some((cost(start), Placing { start, shifts }));
            }
        }
    } else {
        crew(table, job, makespan, rng, blink, desk, limit, &mut best);
    }
    best.map(|(cost, placing)| (cost - table.problem.left_cost(job), placing))
}

/// The first start in the gap that permits, exclusions and parts allow: the gap's own, after a job that
/// excludes this one, at an arrival of a part, or on the next day.
fn allowed(table: &Timetable<'_>, job: usize, gap: &Gap) -> Option<u32> {
    if table.is_allowed(job, gap.from) {
        return Some(gap.from);
    }
    let mut later = others(table, job);
    later.push((gap.from / super::DAY + 1) * super::DAY);
    later.sort_unstable();
    later
        .into_iter()
        .find(|start| (gap.from..=gap.to).contains(start) && table.is_allowed(job, *start))
}

/// Starts that become possible by what others do.
fn others(table: &Timetable<'_>, job: usize) -> Vec<u32> {
    let entry = &table.problem.jobs[job];
    let ends = entry.excluded.iter().filter_map(|other| {
        let placing = table.placed[*other as usize].as_ref()?;
        Some(placing.start + table.problem.jobs[*other as usize].minutes)
    });
    let arrivals = entry.parts.iter().flat_map(|(part, _)| {
        table.problem.stock[*part as usize]
            .iter()
            .map(|(minute, _)| *minute)
    });
    ends.chain(arrivals).collect()
}

/// Several people who share a start.
#[expect(
    clippy::too_many_arguments,
    reason = "one step of `cheapest`, with its state"
)]
fn crew(
    table: &Timetable<'_>,
    job: usize,
    makespan: u32,
    rng: &mut Rng,
    blink: u64,
    desk: &mut Desk,
    limit: f64,
    best: &mut Option<(f64, Placing)>,
) {
    desk.starts.clear();
    desk.starts.extend(desk.gaps.iter().map(|gap| gap.from));
    desk.starts.extend(others(table, job));
    desk.starts.sort_unstable();
    desk.starts.dedup();
    let mut looked = 0;
    for start in &desk.starts {
        let base = table.start_cost(job, *start, makespan);
        if base >= best.as_ref().map_or(limit, |(best, _)| *best) || looked >= MAX_STARTS {
            // Later starts are not cheaper.
            break;
        }
        if (blink > 0 && rng.next_u64() % 100 < blink) || !table.is_allowed(job, *start) {
            continue;
        }
        if let Some((cost, shifts)) = team(table, job, *start, desk) {
            looked += 1;
            if base + cost < best.as_ref().map_or(limit, |(best, _)| *best) {
                *best = Some((
                    base + cost,
                    Placing {
                        start: *start,
                        shifts,
                    },
                ));
            }
        }
    }
}

/// People for all places at a start: cheap ones first, moved to another place where that makes room.
fn team(table: &Timetable<'_>, job: usize, start: u32, desk: &Desk) -> Option<(f64, Vec<u32>)> {
    let places = desk.ends.len();
    let mut offers: Vec<Vec<(f64, u32)>> = Vec::with_capacity(places);
    let mut begin = 0;
    for end in &desk.ends {
        let mut mine: Vec<(f64, u32)> = desk.gaps[begin..*end]
            .iter()
            .filter(|gap| gap.from <= start && start <= gap.to)
            .map(|gap| (table.gap_cost(gap, job, start), gap.shift))
            .collect();
        if mine.is_empty() {
            return None;
        }
        mine.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        offers.push(mine);
        begin = *end;
    }
    let person = |shift: u32| table.problem.shifts[shift as usize].technician;
    let mut chosen: Vec<Option<(f64, u32)>> = vec![None; places];
    let mut order: Vec<usize> = (0..places).collect();
    order.sort_by_key(|place| offers[*place].len());
    for place in order {
        let mut tried = Vec::new();
        if !seat(place, &offers, &mut chosen, &person, &mut tried) {
            return None;
        }
    }
    let cost = chosen.iter().flatten().map(|(cost, _)| cost).sum();
    Some((
        cost,
        chosen
            .into_iter()
            .flatten()
            .map(|(_, shift)| shift)
            .collect(),
    ))
}

/// Finds somebody for a place, asking others to move (augmenting path).
fn seat(
    place: usize,
    offers: &[Vec<(f64, u32)>],
    chosen: &mut [Option<(f64, u32)>],
    person: &dyn Fn(u32) -> u32,
    tried: &mut Vec<u32>,
) -> bool {
    let holder = |chosen: &[Option<(f64, u32)>], who: u32| {
        chosen
            .iter()
            .position(|c| c.is_some_and(|(_, shift)| person(shift) == who))
    };
    for offer in &offers[place] {
        if holder(chosen, person(offer.1)).is_none() {
            chosen[place] = Some(*offer);
            return true;
        }
    }
    for offer in &offers[place] {
        let who = person(offer.1);
        if tried.contains(&who) {
            continue;
        }
        tried.push(who);
        if let Some(other) = holder(chosen, who) {
            let before = chosen[other];
            chosen[place] = Some(*offer);
            chosen[other] = None;
            if seat(other, offers, chosen, person, tried) {
                return true;
            }
            chosen[place] = None;
            chosen[other] = before;
        }
    }
    false
}
