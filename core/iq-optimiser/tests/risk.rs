//! The production-risk model against the best of all plans, its bound, its reasons, its sameness.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

#[cfg(feature = "exact")]
use iq_optimiser::risk::Resource;
use iq_optimiser::{
    Model, Outcome, check,
    risk::{self, Exclusion, Precedence, RiskPlan, RiskProblem, StartOption, Window},
};

mod common;
use common::{risk_problem, run};

/// The value of the best of all plans, found by trying every combination and asking the checker.
fn best_of_all(problem: &RiskProblem) -> Option<f64> {
    let mut best: Option<f64> = None;
    let radix: Vec<usize> = problem.tasks.iter().map(|t| t.options.len() + 1).collect();
    let count: usize = radix.iter().product();
    for mut code in 0..count {
        let mut plan = RiskPlan {
            planned: Vec::new(),
            left: Vec::new(),
            current_risk: 0.0,
            optimized_risk: 0.0,
            risk_reduction: 0.0,
            mean_loss: 0.0,
            excess_loss: 0.0,
            budget_used: 0.0,
            quality: iq_optimiser::Quality {
                objective: 0.0,
                bound: 0.0,
                gap: 0.0,
                bound_source: iq_optimiser::BoundSource::Prices,
                is_optimal: false,
                is_cancelled: false,
                seed: 0,
                iterations: 0,
            },
            assumptions: Vec::new(),
        };
        for (task, radix) in problem.tasks.iter().zip(&radix) {
            let choice = code % radix;
            code /= radix;
            match choice.checked_sub(1) {
                None => plan.left.push(task.id.clone()),
                Some(at) => plan.planned.push(risk::PlannedTask {
                    task: task.id.clone(),
                    asset: task.asset.clone(),
                    start: task.options[at].start,
                    end: task.options[at].start + task.options[at].duration - 1,
                    option: at as u32,
                }),
            }
        }
        let broken = check::risk(problem, &plan);
        let numbers = ["violation.number", "violation.bound", "violation.proof"];
        if broken.iter().all(|v| numbers.contains(&v.code.as_str())) {
            let value = value(problem, &plan);
            best = Some(best.map_or(value, |b| b.min(value)));
        }
    }
    best
}

/// The objective, written down a third time and plainly.
fn value(problem: &RiskProblem, plan: &RiskPlan) -> f64 {
    let mut value: f64 = problem.tasks.iter().map(|t| t.unplanned_cost).sum();
    let scenarios = problem.scenarios[0] as usize;
    let mut sums = vec![vec![0.0; scenarios]; problem.periods as usize];
    for planned in &plan.planned {
        let task = problem.tasks.iter().find(|t| t.id == planned.task).unwrap();
        let option = &task.options[planned.option as usize];
        value += option.expected_cost - task.unplanned_cost;
        for risk in &option.risk {
            for (sum, loss) in sums[risk.period as usize - 1].iter_mut().zip(&risk.loss) {
                *sum += loss;
            }
        }
    }
    let share = if problem.average_over_periods {
        1.0 / f64::from(problem.periods)
    } else {
        1.0
    };
    for mut sums in sums {
        let mean = sums.iter().sum::<f64>() / scenarios as f64;
        sums.sort_by(f64::total_cmp);
        let quantile = sums[(problem.quantile * scenarios as f64 - 1e-9).ceil() as usize - 1];
        value += share * (0.5 * mean + 0.5 * (quantile - mean).max(0.0));
    }
    value
}

#[test]
fn finds_the_best_of_all_plans_and_never_bounds_above_it() {
    for seed in 0..20 {
        let problem = risk_problem(seed, 5, 4);
        let plan = risk::solve(&problem, &run(seed, 3_000, 1, 0))
            .unwrap()
            .unwrap();
        assert_eq!(check::risk(&problem, &plan), []);
        let best = best_of_all(&problem).unwrap();
        assert!(
            (plan.quality.objective - best).abs() < 1e-6,
            "seed {seed}: {} {best}",
            plan.quality.objective
        );
        assert!(plan.quality.bound <= best + 1e-6, "seed {seed}");
    }
}

#[cfg(feature = "exact")]
#[test]
fn proves_the_best_plan() {
    for seed in 0..6 {
        let problem = risk_problem(seed, 5, 4);
        let plan = risk::solve(&problem, &run(seed, 1, 1, 10_000))
            .unwrap()
            .unwrap();
        assert_eq!(check::risk(&problem, &plan), []);
        assert!(plan.quality.is_optimal, "seed {seed}: {:?}", plan.quality);
        let best = best_of_all(&problem).unwrap();
        assert!((plan.quality.objective - best).abs() < 1e-6, "seed {seed}");
    }
}

#[test]
fn gives_the_same_bytes_again_and_on_two_threads() {
    let nodes = if cfg!(feature = "exact") { 10 } else { 0 };
    let problem = risk_problem(3, 12, 6);
    let bytes = |threads: u8, seed: u64| {
        let plan = risk::solve(&problem, &run(seed, 800, threads, nodes))
            .unwrap()
            .unwrap();
        serde_json::to_vec(&plan).unwrap()
    };
    let first = bytes(1, 5);
    assert_eq!(first, bytes(1, 5));
    assert_eq!(first, bytes(2, 5));
    assert_ne!(first, bytes(1, 6));
}

/// Orders alone prove it: no solver is asked.
#[test]
fn names_the_smallest_set_that_contradicts() {
    let mut problem = risk_problem(1, 6, 4);
    problem.precedence.push(Precedence {
        before: "t2".into(),
        after: "t0".into(),
        lag: 0,
    });
    problem.precedence.push(Precedence {
        before: "t0".into(),
        after: "t1".into(),
        lag: 0,
    });
    let why = risk::solve(&problem, &run(1, 50, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal, "{why:?}");
    let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "conflict.precedence",
            "conflict.precedence",
            "conflict.precedence",
            "conflict.mandatory_task"
        ]
    );
}

#[cfg(feature = "exact")]
#[test]
fn leaves_out_of_the_reasons_what_is_not_needed() {
    let mut problem = risk_problem(2, 4, 3);
    problem.precedence.clear();
    problem.exclusions.clear();
    problem.tasks.iter_mut().for_each(|t| t.is_mandatory = true);
    problem.budget = Some(1e6);
    problem.parts[0].arrivals = vec![9.0];
    problem.resources.push(Resource {
        id: "crane".into(),
        min: Vec::new(),
        max: vec![1e6],
    });
    problem.resources[0].max = vec![2.0];
    for task in &mut problem.tasks {
        for option in &mut task.options {
            option.uses[0].amounts = vec![if task.id == "t3" { 3.0 } else { 0.5 }];
        }
    }
    let why = risk::solve(&problem, &run(1, 50, 1, 10_000))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal, "{why:?}");
    assert_eq!(why.conflicts.len(), 1, "{why:?}");
    assert_eq!(why.conflicts[0].code, "conflict.resource_alone");
    let figures: Vec<&str> = why.conflicts[0]
        .params
        .values()
        .map(String::as_str)
        .collect();
    assert_eq!(figures, ["2", "3", "crew", "t3"]);
}

/// A chain that is longer than the plan is no cycle, and contradicts all the same; without one link it does not.
#[test]
fn names_a_chain_that_is_longer_than_the_plan() {
    let mut problem = risk_problem(2, 4, 3);
    problem.precedence.clear();
    problem.exclusions.clear();
    let periods = problem.periods;
    for task in &mut problem.tasks {
        task.is_mandatory = task.id == "t3";
        task.windows.clear();
        task.outage = None;
        task.parts.clear();
        let mut one = task.options[0].clone();
        (one.duration, one.uses, one.risk) = (1, Vec::new(), Vec::new());
        task.options = (1..=periods)
            .map(|start| StartOption {
                start,
                ..one.clone()
            })
            .collect();
    }
    assert_eq!((problem.tasks.len(), periods), (4, 3));
    for (before, after) in [("t0", "t1"), ("t1", "t2"), ("t2", "t3")] {
        problem.precedence.push(Precedence {
            before: before.into(),
            after: after.into(),
            lag: 0,
        });
    }
    let why = risk::solve(&problem, &run(1, 50, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal, "{why:?}");
    let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
    let orders = ["conflict.precedence"; 3];
    assert_eq!(codes, [&orders[..], &["conflict.mandatory_task"]].concat());
}

/// Mere addition proves it: no solver is asked.
#[test]
fn names_the_budget_that_mandatory_work_does_not_fit_in() {
    let mut problem = risk_problem(2, 4, 3);
    problem.precedence.clear();
    problem.exclusions.clear();
    problem.budget = Some(2_500.0);
    for task in &mut problem.tasks {
        task.is_mandatory = task.id != "t2";
        task.parts.clear();
        task.options.iter_mut().for_each(|o| o.budget_use = 1_000.0);
    }
    let why = risk::solve(&problem, &run(1, 50, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal, "{why:?}");
    assert_eq!(why.conflicts.len(), 1, "{why:?}");
    let found = &why.conflicts[0];
    assert_eq!(found.code, "conflict.budget_sum");
    assert_eq!(found.params["tasks"], "t0, t1, t3");
    assert_eq!(found.params["needed"], "3000");
    assert_eq!(found.params["amount"], "2500");
}

#[test]
fn says_what_takes_every_start() {
    let window = |from, to| Window { from, to };
    let cases: [(Vec<Window>, Window, &str); 3] = [
        (vec![window(9, 9)], window(1, 6), "conflict.no_window"),
        (Vec::new(), window(8, 9), "conflict.no_outage"),
        (
            vec![window(1, 2)],
            window(4, 6),
            "conflict.no_window_in_outage",
        ),
    ];
    for (windows, outage, code) in cases {
        let mut problem = risk_problem(2, 4, 6);
        problem.tasks[0].windows = windows;
        problem.tasks[0].outage = Some("unit".to_owned());
        problem.outages = [("unit".to_owned(), vec![outage])].into();
        let why = risk::solve(&problem, &run(1, 10, 1, 0))
            .unwrap()
            .unwrap_err();
        assert!(why.is_proven && why.is_minimal, "{why:?}");
        let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
        assert_eq!(codes, [code]);
    }
}

/// Nothing is proven without the solver; what the work that finds no place presses on is named all the same.
#[test]
fn names_what_presses_without_a_solver() {
    let mut problem = risk_problem(2, 3, 2);
    problem.precedence.clear();
    problem.exclusions = vec![Exclusion {
        tasks: ["t0".to_owned(), "t1".to_owned()],
        periods: Vec::new(),
    }];
    problem.budget = None;
    for task in &mut problem.tasks {
        task.is_mandatory = task.id != "t2";
        task.windows.clear();
        task.outage = None;
        task.parts.clear();
        task.options.retain(|o| o.start == 1);
        task.options.iter_mut().for_each(|o| o.uses.clear());
    }
    let why = risk::solve(&problem, &run(1, 50, 1, 0))
        .unwrap()
        .unwrap_err();
    let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
    let must = "conflict.mandatory_task";
    assert_eq!(codes, ["conflict.exclusion", must, must], "{why:?}");
    assert!(!why.is_proven && !why.is_minimal);
}

#[test]
fn stops_when_asked_and_hands_over_what_it_has() {
    let problem = risk_problem(3, 30, 12);
    let cancel = std::sync::atomic::AtomicBool::new(true);
    let mut run = run(1, u64::MAX, 1, 0);
    run.cancel = &cancel;
    let plan = risk::solve(&problem, &run).unwrap().unwrap();
    assert!(plan.quality.is_cancelled);
    assert_eq!(check::risk(&problem, &plan), []);
}

#[test]
fn refuses_names_nobody_declared() {
    let mut problem = risk_problem(1, 4, 4);
    problem.tasks[1].options[0].uses[0].resource = "nobody".to_owned();
    let error = risk::solve(&problem, &run(1, 1, 1, 0)).unwrap_err();
    assert_eq!(error.code, "optimiser.unknown_reference");
    assert_eq!(error.params["id"], "nobody");
}

#[test]
fn refuses_a_start_without_length() {
    let mut problem = risk_problem(1, 4, 4);
    problem.tasks[1].options[0].duration = 0;
    let error = risk::solve(&problem, &run(1, 1, 1, 0)).unwrap_err();
    assert_eq!(error.code, "optimiser.no_duration");
    assert_eq!(error.params["task"], "t1");
}

#[test]
fn plans_name_the_assets_of_their_work() {
    let ranked = r#"{ "horizon_days": 30, "items": [{ "id": "seal", "asset": "P-1",
        "criticality": "high", "health": 60, "failure_probability": 0.1, "downtime_hours": 5,
        "failure_cost": 100, "planned_cost": 10 }] }"#;
    let dated = r#"{ "periods": 2, "scenarios": [1], "quantile": 1, "tasks": [{ "id": "seal",
        "asset": "P-1", "is_mandatory": true, "options": [{ "start": 1, "duration": 1 }] }] }"#;
    for (model, problem, list) in [
        (Model::Prioritisation, ranked, "ranked"),
        (Model::ProductionRisk, dated, "planned"),
    ] {
        let outcome = iq_optimiser::solve(model, problem, &run(1, 100, 1, 0)).unwrap();
        let Outcome::Plan(plan) = outcome else {
            panic!("{}: {outcome:?}", model.key())
        };
        assert_eq!(plan[list][0]["asset"], "P-1", "{plan}");
    }
}
