//! The published check values of the deferral formula.

use std::sync::atomic::AtomicBool;

use super::*;

fn pump(health: f64, fall: f64, saving: f64) -> DeferralProblem {
    DeferralProblem {
        cost_model: CostModel {
            default_downtime_cost_per_hour: 4_000.0,
            ..CostModel::default()
        },
        horizon_days: 45,
        ranking_days: 7,
        samples: 200,
        items: vec![DeferralItem {
            id: "P-101 seal".to_owned(),
            asset: "P-101".to_owned(),
            site: None,
            unit: None,
            beta: Spread {
                low: 0.7,
                typical: 1.3,
                high: 3.5,
            },
            eta_hours: Spread {
                low: 14e3,
                typical: 40e3,
                high: 250e3,
            },
            gamma: Spread {
                low: 3.5,
                typical: 4.1,
                high: 4.7,
            },
            age_hours: 20e3,
            health,
            health_fall_per_day: fall,
            failure_cost: 22e3,
            downtime_hours: Spread {
                low: 12.0,
                typical: 18.0,
                high: 36.0,
            },
            secondary_cost: 0.0,
            safety_cost: 0.0,
            planned_cost: 6e3,
            day_costs: Vec::new(),
            combined_job_saving: saving,
            running_loss_per_day: 0.0,
        }],
    }
}

fn run(problem: &DeferralProblem) -> DeferralPlan {
    let run = Run {
        seed: 7,
        iterations: 1,
        threads: 1,
        exact_nodes: 0,
        exact_seconds: None,
        cancel: &AtomicBool::new(false),
        progress: &|_| (),
    };
    solve(problem, &run).unwrap()
}

#[test]
fn gives_the_published_probabilities_and_costs() {
    let plan = run(&pump(45.0, 0.8, 0.0));
    let days = &plan.curves[0].days;
    let expected = [
        (0, 0.0, 6.0),
        (3, 0.019, 7.6),
        (7, 0.046, 10.0),
        (14, 0.100, 14.8),
        (21, 0.165, 20.5),
        (30, 0.263, 29.2),
        (45, 0.461, 46.5),
    ];
    for (day, p, thousands) in expected {
        let found = days[day];
        assert!((found.failure_probability - p).abs() < 6e-4, "{found:?}");
        assert!(
            (found.expected_cost / 1e3 - thousands).abs() < 0.06,
            "{found:?}"
        );
        assert!(found.low <= found.high);
        assert!((found.risk_increase - (found.expected_cost - 6e3)).abs() < 1e-9);
    }
    assert_eq!(plan.curves[0].cheapest_day, 0);
}

#[test]
fn gives_the_published_thirty_day_probabilities() {
    // Health that stands for the factors 1, 5, 20, 60 of the table.
    for (factor, expected) in [
        (1.0_f64, 0.0189),
        (5.0, 0.0911),
        (20.0, 0.3176),
        (60.0, 0.6823),
    ] {
        let health = 100.0 * (1.0 - factor.ln() / 4.1);
        let plan = run(&pump(health.max(0.0), 0.0, 0.0));
        let p = plan.curves[0].days[30].failure_probability;
        assert!((p - expected).abs() < 6e-4, "factor {factor}: {p}");
    }
}

#[test]
fn says_until_when_waiting_for_a_combined_job_pays() {
    for (saving, day) in [(1e3, 1), (2.5e3, 4), (5e3, 8)] {
        assert_eq!(run(&pump(45.0, 0.8, saving)).curves[0].pays_until_day, day);
    }
}

#[test]
fn names_the_nearest_input_that_would_change_the_answer() {
    let problem = pump(80.0, 0.1, 100.0);
    let curve = &run(&problem).curves[0];
    let first = curve.flip_points[0];
    let mut changed = problem.clone();
    *field(&mut changed.items[0], first.input) = first.flips_at;
    let other = &run(&changed).curves[0];
    assert_eq!(other.cheapest_day, first.cheapest_day);
    assert_ne!(other.cheapest_day, curve.cheapest_day);
}

#[test]
fn ranks_by_what_waiting_adds() {
    let mut problem = pump(45.0, 0.8, 0.0);
    let mut healthy = pump(95.0, 0.0, 0.0).items.remove(0);
    healthy.id = "P-102 seal".to_owned();
    problem.items.insert(0, healthy);
    let plan = run(&problem);
    let order: Vec<&str> = plan.curves.iter().map(|c| c.item.as_str()).collect();
    assert_eq!(order, ["P-101 seal", "P-102 seal"]);
}
