//! Problems made from a seed: dispatch with skills, crews, sites, leave, parts and permits; selection of jobs
//! into days under crews and a budget. The same numbers go to the peers as flat arrays.

use anyhow::Result;
use iq_optimiser::{
    Rng, check,
    dispatch::{
        self, Arrival, CrewNeed, DispatchProblem, DispatchTask, DispatchWeights, Span, Technician,
    },
    risk::{self, Resource, RiskProblem, RiskTask, StartOption, Use},
};

use super::{Options, Trace, peers, percent, seconds};

const SITES: usize = 5;
const SKILLS: [&str; 5] = ["mechanical", "electrical", "instrument", "welder", "rigger"];

/// `tasks` jobs for `people` over `days` days of ten hours. Ways between sites lead past home.
fn dispatch_problem(tasks: usize, people: usize, days: u32, seed: u64) -> DispatchProblem {
    let mut rng = Rng::new(seed);
    let reach: Vec<u32> = (0..SITES).map(|_| 10 + rng.below(25) as u32).collect();
    let travel = (0..=SITES).map(|a| {
        (0..=SITES)
            .map(|b| {
                let way = |s: usize| if s == 0 { 0 } else { reach[s - 1] };
                if a == b { 0 } else { way(a) + way(b) }
            })
            .collect()
    });
    let technicians = technicians(people, days, &mut rng);
    let mut jobs = Vec::new();
    for at in 0..tasks {
        let mut crew = vec![CrewNeed {
            skill: SKILLS[rng.below(5)].to_owned(),
            count: 1,
        }];
        if rng.below(3) == 0 {
            crew.push(CrewNeed {
                skill: SKILLS[rng.below(5)].to_owned(),
                count: 1,
            });
        }
        let minutes = 60 + 30 * rng.below(13) as u32;
        jobs.push(DispatchTask {
            id: format!("j{at}"),
            asset: format!("P-{at}"),
            site: format!("s{}", 1 + rng.below(SITES)),
            minutes,
            crew,
            certificates: Vec::new(),
            earliest: if rng.below(6) == 0 {
                rng.below(days as usize) as u32 * 1_440
            } else {
                0
            },
            latest_end: None,
            due: None,
            weight: 1.0,
            is_mandatory: false,
            unplanned_cost: f64::from(minutes) * (0.5 + 2.0 * rng.unit()),
            parts: Default::default(),
        });
    }
    DispatchProblem {
        sites: std::iter::once("home".to_owned())
            .chain((1..=SITES).map(|s| format!("s{s}")))
            .collect(),
        travel_minutes: travel.collect(),
        technicians,
        tasks: jobs,
        parts: [(
            "none".to_owned(),
            vec![Arrival {
                minute: 0,
                quantity: 0.0,
            }],
        )]
        .into(),
        permits_per_site_day: Some((tasks / (SITES * days as usize) + 2) as u32),
        weights: DispatchWeights {
            tardiness_per_hour: 0.0,
            travel_per_hour: 6.0,
            overtime_per_hour: 0.0,
            makespan_per_hour: 0.0,
        },
        ..DispatchProblem::default()
    }
}

/// Two skills each, and leave for every fifth.
fn technicians(people: usize, days: u32, rng: &mut Rng) -> Vec<Technician> {
    let mut technicians = Vec::new();
    for at in 0..people {
        let mut skills = vec![SKILLS[at % 5].to_owned()];
        let other = SKILLS[rng.below(5)].to_owned();
        if !skills.contains(&other) {
            skills.push(other);
        }
        let leave = (rng.below(5) == 0).then(|| rng.below(days as usize) as u32);
        let shifts = (0..days).filter(|day| Some(*day) != leave).map(|day| Span {
            from: day * 1_440 + 420,
            to: day * 1_440 + 420 + 600,
        });
        technicians.push(Technician {
            id: format!("p{at}"),
            site: "home".to_owned(),
            skills,
            certificates: Default::default(),
            shifts: shifts.collect(),
            absences: Vec::new(),
            overtime_minutes: 0,
        });
    }
    technicians
}

pub(super) fn dispatch(options: &Options) -> Result<()> {
    for (tasks, people, days, iterations) in [
        (60, 10, 5, 4_000),
        (200, 25, 5, 20_000),
        (1_000, 100, 5, 10_000),
    ] {
        if !options.wants_jobs(tasks) {
            continue;
        }
        let problem = dispatch_problem(tasks, people, days, options.seed);
        let all: f64 = problem.tasks.iter().map(|t| t.unplanned_cost).sum();
        let iterations = options.iterations.unwrap_or(iterations);
        let nodes = if tasks <= 200 { 1 } else { 0 };
        // The bound comes from a run of its own, so that it takes no time from the search.
        let (bounded, bound_took, _) = Trace::of((options.seed, 0, nodes), |run| {
            dispatch::solve(&problem, run)
        });
        let bound = bounded?
            .map_err(|why| anyhow::anyhow!("{why:?}"))?
            .quality
            .bound;
        let (plan, took, trace) = Trace::of((options.seed, iterations, 0), |run| {
            dispatch::solve(&problem, run)
        });
        let plan = plan?.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let wrong = check::dispatch(&problem, &plan);
        anyhow::ensure!(wrong.is_empty(), "the checker refuses the plan: {wrong:?}");
        // Value of the work done, as the peers count it: larger is better.
        let (done, most) = (all - plan.quality.objective, all - bound);
        println!(
            "dispatch {tasks}×{people}×{days}: value done {done:.0} of at most {most:.0}: {:.2} %  ({took:.2} s; bound {bound_took:.1} s)",
            (most - done) / most * 100.0
        );
        if let Some((at, first)) = trace.first() {
            println!(
                "  first plan after {:.2} ms: {:.2} %",
                at * 1e3,
                (most - (all - first)) / most * 100.0
            );
        }
        for gap in [0.026, 0.013, 0.010, 0.004] {
            let wanted = all - most * (1.0 - gap);
            println!(
                "  to {:.1} % of the bound: {}",
                gap * 100.0,
                seconds(trace.until(wanted))
            );
        }
        if options.peers {
            peers::compare(options, "dispatch", &serde_json::to_value(&problem)?, most)?;
        }
    }
    Ok(())
}

/// `tasks` jobs into `days` days under 40 crews and 24 units with limits per day, and a budget.
fn selection_problem(tasks: usize, days: u32, seed: u64) -> RiskProblem {
    let mut rng = Rng::new(seed);
    let per_day = tasks as f64 / f64::from(days);
    let crews = (0..40).map(|at| Resource {
        id: format!("crew{at}"),
        min: Vec::new(),
        max: vec![(per_day / 40.0 * 5.0 * 0.7).max(8.0)],
    });
    let units = (0..24).map(|at| Resource {
        id: format!("unit{at}"),
        min: Vec::new(),
        max: vec![(per_day / 24.0 * 0.9).max(2.0)],
    });
    let resources: Vec<Resource> = crews.chain(units).collect();
    let mut jobs = Vec::new();
    for at in 0..tasks {
        let (crew, unit) = (rng.below(40), rng.below(24));
        let hours = 2.0 + rng.below(7) as f64;
        let price = 500.0 + rng.below(5_000) as f64;
        let value = 20.0 + 160.0 * rng.unit();
        let fall = value * rng.unit() / f64::from(days);
        let options = (1..=days).map(|start| StartOption {
            start,
            duration: 1,
            budget_use: price,
            // Doing it later leaves the risk standing for longer.
            expected_cost: fall * f64::from(start - 1),
            uses: vec![
                Use {
                    resource: format!("crew{crew}"),
                    amounts: vec![hours],
                },
                Use {
                    resource: format!("unit{unit}"),
                    amounts: vec![1.0],
                },
            ],
            risk: Vec::new(),
        });
        jobs.push(RiskTask {
            id: format!("w{at}"),
            asset: format!("P-{at}"),
            is_mandatory: false,
            unplanned_cost: value,
            parts: Default::default(),
            windows: Vec::new(),
            outage: None,
            options: options.collect(),
        });
    }
    RiskProblem {
        periods: days,
        scenarios: vec![1],
        quantile: 1.0,
        alpha: Some(1.0),
        budget: Some(tasks as f64 * 3_000.0 * 0.7),
        resources,
        tasks: jobs,
        ..RiskProblem::default()
    }
}

pub(super) fn selection(options: &Options) -> Result<()> {
    for (tasks, days, iterations) in [(400, 30, 4_000), (2_000, 30, 10_000)] {
        if !options.wants_jobs(tasks) {
            continue;
        }
        let problem = selection_problem(tasks, days, options.seed);
        let all: f64 = problem.tasks.iter().map(|t| t.unplanned_cost).sum();
        let iterations = options.iterations.unwrap_or(iterations);
        let (plan, took, trace) = Trace::of((options.seed, iterations, 0), |run| {
            risk::solve(&problem, run)
        });
        let plan = plan?.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let wrong = check::risk(&problem, &plan);
        anyhow::ensure!(wrong.is_empty(), "the checker refuses the plan: {wrong:?}");
        let (done, most) = (all - plan.quality.objective, all - plan.quality.bound);
        println!(
            "selection {tasks}×{days}: value {done:.0} of at most {most:.0}: {:.2} %  ({took:.2} s, bound included)",
            percent(most, done)
        );
        if let Some((at, first)) = trace.first() {
            println!(
                "  first plan after {:.1} ms: {:.2} %",
                at * 1e3,
                percent(most, all - first)
            );
        }
        for gap in [0.01, 0.008, 0.005] {
            let wanted = all - most * (1.0 - gap);
            println!(
                "  to {:.1} % of the bound: {}",
                gap * 100.0,
                seconds(trace.until(wanted))
            );
        }
        if options.peers {
            peers::compare(options, "selection", &serde_json::to_value(&problem)?, most)?;
        }
    }
    Ok(())
}
