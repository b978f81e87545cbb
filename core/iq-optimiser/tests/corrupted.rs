//! A thousand plans with one thing wrong each: the checker refuses every one.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]
#![allow(
    clippy::too_many_lines,
    reason = "a list of cases, or one made problem"
)]

use iq_domain::Criticality;
use iq_optimiser::{
    CostModel, Rng, check,
    deferral::{self, DeferralItem, DeferralProblem, Spread},
    priority::{self, PriorityClass, PriorityItem, PriorityProblem},
    risk::{self, RiskPlan, RiskProblem},
};

mod common;
use common::{risk_problem, run};

/// Makes one thing wrong; false where this plan has nothing to do that to.
fn corrupt_risk(problem: &RiskProblem, plan: &mut RiskPlan, kind: usize, rng: &mut Rng) -> bool {
    let some = rng.below(plan.planned.len());
    match kind {
        0 => plan.planned[some].task = "nobody".to_owned(),
        1 => plan.planned[some].start += 1,
        2 => plan.planned[some].end += 1,
        3 => plan.planned[some].option = 10_000,
        4 => drop(plan.planned.remove(some)),
        5 => {
            let gone = plan.planned.remove(some);
            plan.left.push(gone.task);
        }
        6 => plan.planned.push(plan.planned[some].clone()),
        7 => plan.left.push(plan.planned[some].task.clone()),
        8 => {
            if plan.left.is_empty() {
                return false;
            }
            let at = rng.below(plan.left.len());
            plan.left.remove(at);
        }
        9 => {
            // Another start of the same task, stated truthfully: its money or a limit no longer agrees.
            let task = problem
                .tasks
                .iter()
                .find(|t| t.id == plan.planned[some].task)
                .unwrap();
            let other = rng.below(task.options.len());
            if other == plan.planned[some].option as usize {
                return false;
            }
            plan.planned[some].option = other as u32;
            plan.planned[some].start = task.options[other].start;
            plan.planned[some].end = task.options[other].start + task.options[other].duration - 1;
        }
        10 => plan.current_risk += 1.0,
        11 => plan.optimized_risk *= 0.99,
        12 => plan.risk_reduction += 5.0,
        13 => plan.mean_loss += 1.0,
        14 => plan.excess_loss += 1.0,
        15 => plan.budget_used -= 3.0,
        16 => plan.quality.objective *= 0.98,
        17 => plan.quality.bound = plan.quality.objective * 1.01 + 1.0,
        18 => plan.quality.gap += 0.1,
        _ => {
            if plan.quality.gap < 1e-5 {
                return false;
            }
            plan.quality.is_optimal = true;
        }
    }
    true
}

#[test]
fn refuses_every_corrupted_risk_plan() {
    let mut refused = 0;
    for seed in 0..60 {
        let problem = risk_problem(seed, 12, 6);
        let plan = risk::solve(&problem, &run(seed, 20, 1, 0))
            .unwrap()
            .unwrap();
        assert_eq!(check::risk(&problem, &plan), [], "seed {seed}");
        let mut rng = Rng::new(seed);
        for kind in 0..20 {
            let mut wrong = plan.clone();
            if corrupt_risk(&problem, &mut wrong, kind, &mut rng) {
                assert_ne!(
                    check::risk(&problem, &wrong),
                    [],
                    "seed {seed}, kind {kind}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused >= 1_000, "{refused}");
}

/// Limits that are tightened under a plan: each has to be noticed by itself, all numbers still agreeing.
#[test]
fn notices_each_limit_by_its_own_code() {
    for seed in 0..20 {
        let problem = risk_problem(seed, 12, 6);
        let plan = risk::solve(&problem, &run(seed, 200, 1, 0))
            .unwrap()
            .unwrap();
        let codes = |problem: &RiskProblem| -> Vec<String> {
            check::risk(problem, &plan)
                .into_iter()
                .map(|v| v.code)
                .collect()
        };
        let expect = |change: &dyn Fn(&mut RiskProblem), code: &str| {
            let mut other = problem.clone();
            change(&mut other);
            assert!(
                codes(&other).contains(&code.to_owned()),
                "seed {seed}: {code}"
            );
        };
        let first = plan.planned[0].clone();
        let task = |p: &mut RiskProblem, id: &str| p.tasks.iter().position(|t| t.id == id).unwrap();
        expect(&|p| p.resources[0].max = vec![0.5], "violation.too_much");
        expect(
            &|p| p.resources[0].min = vec![100.0],
            "violation.too_little",
        );
        expect(&|p| p.budget = Some(1.0), "violation.budget");
        expect(&|p| p.periods = first.start.max(2) - 1, "violation.horizon");
        expect(
            &|p| {
                let at = task(p, &first.task);
                p.tasks[at].windows = vec![risk::Window { from: 90, to: 95 }];
            },
            "violation.window",
        );
        expect(
            &|p| {
                let at = task(p, &first.task);
                p.tasks[at].outage = Some("never".to_owned());
            },
            "violation.outage",
        );
        expect(
            &|p| {
                let at = task(p, &first.task);
                p.tasks[at].parts = [("seal".to_owned(), 99.0)].into();
            },
            "violation.parts",
        );
        expect(
            &|p| {
                let (before, after) = (plan.planned[1].task.clone(), first.task.clone());
                p.precedence.push(risk::Precedence {
                    before,
                    after,
                    lag: 99,
                });
            },
            "violation.precedence",
        );
        let together = plan
            .planned
            .iter()
            .skip(1)
            .find(|other| other.start <= first.end && first.start <= other.end);
        if let Some(other) = together {
            expect(
                &|p| {
                    let tasks = [first.task.clone(), other.task.clone()];
                    p.exclusions.push(risk::Exclusion {
                        tasks,
                        periods: Vec::new(),
                    });
                },
                "violation.exclusion",
            );
        }
        if let Some(left) = plan.left.first() {
            expect(
                &|p| {
                    let at = task(p, left);
                    p.tasks[at].is_mandatory = true;
                },
                "violation.mandatory",
            );
        }
    }
}

fn priority_problem(seed: u64) -> PriorityProblem {
    let mut rng = Rng::new(seed);
    let kinds = [
        Criticality::Low,
        Criticality::Medium,
        Criticality::High,
        Criticality::Critical,
    ];
    let items = (0..15).map(|at| PriorityItem {
        id: format!("w{at}"),
        asset: format!("K-{at}"),
        family: None,
        site: None,
        unit: None,
        criticality: kinds[rng.below(4)],
        health: rng.below(100) as f64,
        failure_probability: rng.unit(),
        downtime_hours: rng.below(40) as f64,
        failure_cost: Some(1_000.0 + rng.below(50_000) as f64),
        planned_cost: Some(500.0 + rng.below(5_000) as f64),
        hours: 2.0 + rng.below(30) as f64,
        is_safety: at == 0,
        is_asked_for: at == 1,
    });
    PriorityProblem {
        cost_model: CostModel::default(),
        horizon_days: 30.0,
        budget: Some(20_000.0),
        hours: Some(90.0),
        items: items.collect(),
    }
}

#[test]
fn refuses_a_horizon_of_no_days() {
    let mut problem = priority_problem(1);
    problem.horizon_days = 0.0;
    let error = priority::solve(&problem, &run(1, 1, 1, 0)).unwrap_err();
    assert_eq!(error.code, "optimiser.value_out_of_range");
    assert_eq!(error.params["field"], "horizon_days");
}

#[test]
fn refuses_every_corrupted_priority_plan() {
    let mut refused = 0;
    for seed in 0..40 {
        let problem = priority_problem(seed);
        let plan = priority::solve(&problem, &run(seed, 300, 1, 0))
            .unwrap()
            .unwrap();
        assert_eq!(check::priority(&problem, &plan), [], "seed {seed}");
        let mut rng = Rng::new(seed);
        for kind in 0..12 {
            let mut wrong = plan.clone();
            let some = rng.below(wrong.ranked.len());
            let item = &mut wrong.ranked[some];
            match kind {
                0 => item.score += 0.5,
                1 => item.expected_cost_avoided += 10.0,
                2 => item.net_benefit -= 10.0,
                3 => item.is_selected = !item.is_selected,
                4 => item.rank += 1,
                5 => item.rank_by_cost += 1,
                6 => item.item = "nobody".to_owned(),
                7 => {
                    item.class = match item.class {
                        PriorityClass::Low => PriorityClass::Critical,
                        _ => PriorityClass::Low,
                    };
                }
                8 => drop(wrong.ranked.remove(some)),
                9 => wrong.budget_used += 1.0,
                10 => wrong.hours_used += 1.0,
                _ => wrong.quality.objective -= 100.0,
            }
            assert_ne!(
                check::priority(&problem, &wrong),
                [],
                "seed {seed}, kind {kind}"
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 480);
}

#[test]
fn follows_the_documented_score() {
    let mut problem = priority_problem(1);
    problem.items.truncate(1);
    problem.items[0].health = 0.0;
    problem.items[0].failure_probability = 1.0;
    problem.items[0].criticality = Criticality::Critical;
    problem.items[0].planned_cost = Some(100.0);
    let plan = priority::solve(&problem, &run(1, 10, 1, 0))
        .unwrap()
        .unwrap();
    assert!((plan.ranked[0].score - 100.0).abs() < 1e-9);
    assert_eq!(plan.ranked[0].class, PriorityClass::Critical);
}

#[test]
fn refuses_every_corrupted_deferral_plan() {
    let item = |id: &str, health: f64| DeferralItem {
        id: id.to_owned(),
        asset: id.to_owned(),
        site: None,
        unit: None,
        beta: Spread {
            low: 1.0,
            typical: 1.3,
            high: 2.0,
        },
        eta_hours: Spread {
            low: 20e3,
            typical: 40e3,
            high: 90e3,
        },
        rate: None,
        gamma: Spread::exactly(4.1),
        age_hours: 20e3,
        health,
        health_fall_per_day: 0.5,
        failure_cost: 22e3,
        downtime_hours: Spread {
            low: 10.0,
            typical: 18.0,
            high: 30.0,
        },
        secondary_cost: 1e3,
        safety_cost: 0.0,
        planned_cost: 6e3,
        day_costs: Vec::new(),
        combined_job_saving: 2e3,
        running_loss_per_day: 20.0,
    };
    let problem = DeferralProblem {
        cost_model: CostModel::default(),
        horizon_days: 30,
        ranking_days: 7,
        samples: 50,
        items: vec![item("A", 80.0), item("B", 40.0)],
    };
    let plan = deferral::solve(&problem, &run(1, 1, 1, 0)).unwrap();
    assert_eq!(check::deferral(&problem, &plan), []);
    let mut rng = Rng::new(9);
    for round in 0..100 {
        for kind in 0..9 {
            let mut wrong = plan.clone();
            let at = rng.below(2);
            let curve = &mut wrong.curves[at];
            let day = 1 + rng.below(30);
            match kind {
                0 => curve.days[day].expected_cost *= 1.01,
                1 => curve.days[day].failure_probability += 0.01,
                2 => curve.days[day].risk_increase += 1.0,
                3 => curve.days[day].low = curve.days[day].high + 1.0,
                4 => curve.cheapest_day = if curve.cheapest_day == 0 { 30 } else { 0 },
                5 => curve.pays_until_day = if curve.pays_until_day == 29 { 28 } else { 29 },
                6 => drop(curve.days.remove(day)),
                7 => curve.item = "nobody".to_owned(),
                _ => wrong.curves.swap(0, 1),
            }
            assert_ne!(
                check::deferral(&problem, &wrong),
                [],
                "round {round}, kind {kind}"
            );
        }
    }
}
