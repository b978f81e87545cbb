//! Problems made at random, the same for a seed, and a run without a clock.
#![allow(clippy::too_many_lines, reason = "one made problem")]
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::atomic::AtomicBool;

use iq_optimiser::{
    CostModel, Rng, Run,
    dispatch::{Arrival, CrewNeed, DispatchProblem, DispatchTask, Span, TaskOrder, Technician},
    risk::{
        Exclusion, Part, PeriodRisk, Precedence, Resource, RiskProblem, RiskTask, StartOption, Use,
        Window,
    },
};

pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);

pub(crate) fn run(seed: u64, iterations: u64, threads: u8, exact_nodes: u32) -> Run<'static> {
    Run {
        seed,
        iterations,
        threads,
        exact_nodes,
        exact_seconds: None,
        cancel: &NEVER,
        progress: &|_| (),
    }
}

/// A small problem with every kind of limit.
pub(crate) fn risk_problem(seed: u64, tasks: usize, periods: u32) -> RiskProblem {
    let mut rng = Rng::new(seed);
    let scenarios = 1 + rng.below(4) as u32;
    let mut problem = RiskProblem {
        cost_model: CostModel::default(),
        periods,
        scenarios: vec![scenarios],
        quantile: 0.7,
        alpha: Some(0.5),
        average_over_periods: seed.is_multiple_of(2),
        budget: Some(120.0 * tasks as f64),
        resources: vec![Resource {
            id: "crew".to_owned(),
            min: Vec::new(),
            max: vec![9.0],
        }],
        parts: vec![Part {
            id: "seal".to_owned(),
            arrivals: vec![1.0, 0.0, 1.0, 1.0],
        }],
        outages: [(
            "unit".to_owned(),
            vec![Window {
                from: 2,
                to: periods,
            }],
        )]
        .into(),
        tasks: Vec::new(),
        exclusions: vec![Exclusion {
            tasks: ["t0".to_owned(), "t1".to_owned()],
            periods: Vec::new(),
        }],
        precedence: vec![Precedence {
            before: "t1".to_owned(),
            after: "t2".to_owned(),
            lag: 1,
        }],
    };
    for at in 0..tasks {
        let duration = 1 + rng.below(2) as u32;
        let crew = 2.0 + rng.below(4) as f64;
        let mut options = Vec::new();
        for start in 1..=periods + 1 - duration {
            options.push(StartOption {
                start,
                duration,
                budget_use: 50.0 + rng.below(100) as f64,
                expected_cost: 10.0 + rng.below(50) as f64,
                uses: vec![Use {
                    resource: "crew".to_owned(),
                    amounts: vec![crew],
                }],
                risk: (start..start + duration)
                    .map(|period| PeriodRisk {
                        period,
                        loss: (0..scenarios).map(|_| rng.below(200) as f64).collect(),
                    })
                    .collect(),
            });
        }
        problem.tasks.push(RiskTask {
            id: format!("t{at}"),
            asset: format!("P-{at}"),
            is_mandatory: at == 0,
            unplanned_cost: 100.0 + rng.below(400) as f64,
            parts: if at % 3 == 2 {
                [("seal".to_owned(), 1.0)].into()
            } else {
                Default::default()
            },
            windows: if at % 4 == 3 {
                vec![Window {
                    from: 1,
                    to: periods - 1,
                }]
            } else {
                Vec::new()
            },
            outage: (at % 5 == 4).then(|| "unit".to_owned()),
            options,
        });
    }
    problem
}

/// A small week of a crew with every kind of limit.
pub(crate) fn dispatch_problem(seed: u64, tasks: usize, people: usize) -> DispatchProblem {
    let mut rng = Rng::new(seed);
    let skills = ["mechanical", "electrical", "instrument"];
    let sites = 3;
    let mut technicians = Vec::new();
    for at in 0..people {
        technicians.push(Technician {
            id: format!("p{at}"),
            site: format!("s{}", at % sites),
            skills: vec![skills[at % 3].to_owned(), skills[rng.below(3)].to_owned()],
            certificates: [("h2s".to_owned(), (at % 2 == 0).then_some(3_000))].into(),
            shifts: (0..3)
                .map(|day| Span {
                    from: day * 1_440 + 420,
                    to: day * 1_440 + 900,
                })
                .collect(),
            absences: if at == 1 {
                vec![Span { from: 600, to: 720 }]
            } else {
                Vec::new()
            },
            overtime_minutes: 60,
        });
    }
    let jobs = (0..tasks).map(|at| {
        let first = skills[rng.below(3)];
        let mut crew = vec![CrewNeed {
            skill: first.to_owned(),
            count: 1,
        }];
        if at % 3 == 0 {
            crew.push(CrewNeed {
                skill: skills[rng.below(3)].to_owned(),
                count: 1,
            });
        }
        DispatchTask {
            id: format!("j{at}"),
            asset: format!("P-{at}"),
            site: format!("s{}", rng.below(sites)),
            minutes: 30 + 15 * rng.below(12) as u32,
            crew,
            certificates: if at % 5 == 1 {
                vec!["h2s".to_owned()]
            } else {
                Vec::new()
            },
            earliest: 60 * rng.below(20) as u32,
            latest_end: (at % 4 == 2).then_some(3_000),
            due: Some(900 + 1_440 * rng.below(3) as u32),
            weight: 1.0 + rng.below(3) as f64,
            is_mandatory: false,
            unplanned_cost: 200.0 + rng.below(1_500) as f64,
            parts: if at % 6 == 4 {
                [("seal".to_owned(), 1.0)].into()
            } else {
                Default::default()
            },
        }
    });
    DispatchProblem {
        start: iq_domain::Timestamp(1_767_225_600_000),
        sites: (0..sites).map(|s| format!("s{s}")).collect(),
        travel_minutes: vec![vec![0, 30, 45], vec![30, 0, 40], vec![45, 40, 0]],
        technicians,
        tasks: jobs.collect(),
        parts: [(
            "seal".to_owned(),
            vec![
                Arrival {
                    minute: 0,
                    quantity: 1.0,
                },
                Arrival {
                    minute: 1_500,
                    quantity: 2.0,
                },
            ],
        )]
        .into(),
        permits_per_site_day: Some(4),
        precedence: vec![TaskOrder {
            before: "j0".into(),
            after: "j1".into(),
            lag_minutes: 30,
        }],
        exclusions: vec![["j2".into(), "j3".into()]],
        ..DispatchProblem::default()
    }
}
