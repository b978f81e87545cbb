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
            rate: None,
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
fn no_shape_beyond_those_of_machines_is_named_as_a_flip_point() {
    let mut problem = pump(100.0, 0.0, 0.0);
    let mut calm = problem.items[0].clone();
    calm.id = "P-102 seal".to_owned();
    // Its chance is that of the first one at a shape of about nine.
    calm.eta_hours = Spread::exactly(540e3);
    problem.items.push(calm);
    let waits: Vec<f64> = problem.items.iter().map(|i| waiting(&problem, i)).collect();
    let with = |beta: f64| {
        let other = changed(&problem.items[0], DeferralInput::Beta, beta);
        answer(&problem, &other, 0, &waits)
    };
    assert_eq!(with(7.0), with(1.3));
    assert_ne!(with(9.5), with(1.3));
    let curve = &run(&problem).curves[0];
    assert_eq!(curve.item, "P-101 seal");
    let flips = &curve.flip_points;
    assert!(
        flips.iter().all(|f| f.input != DeferralInput::Beta),
        "{flips:?}"
    );
}

#[test]
fn a_flip_point_lies_within_the_bounds_of_its_input() {
    let mut rng = Rng::new(5);
    let mut seen = 0;
    for _ in 0..60 {
        let mut problem = pump(100.0 * rng.unit(), 2.0 * rng.unit(), 3e3 * rng.unit());
        problem.samples = 10;
        problem.items[0].age_hours = 80e3 * rng.unit();
        for flip in &run(&problem).curves[0].flip_points {
            let (low, high) = bounds(flip.input, flip.value);
            assert!((low..=high).contains(&flip.flips_at), "{flip:?}");
            seen += 1;
        }
    }
    assert!(seen > 0);
    assert_eq!(bounds(DeferralInput::Beta, 1.3), (0.5, 7.0));
    assert_eq!(bounds(DeferralInput::Health, 60.0), (6.0, 100.0));
    assert_eq!(bounds(DeferralInput::PlannedCost, 50.0), (5.0, 500.0));
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

#[test]
fn the_expected_cost_lies_in_its_interval_whatever_the_numbers() {
    let mut rng = Rng::new(11);
    for round in 0..300 {
        let mut problem = pump(100.0 * rng.unit(), 3.0 * rng.unit(), 0.0);
        problem.samples = 60;
        problem.horizon_days = 20;
        let item = &mut problem.items[0];
        let mut spread = |from: f64, wide: f64| {
            let low = from * (0.2 + rng.unit());
            let typical = low * (1.0 + wide * rng.unit());
            Spread {
                low,
                typical,
                high: typical * (1.0 + 5.0 * wide * rng.unit()),
            }
        };
        item.beta = spread(1.0, 2.0);
        item.eta_hours = spread(10f64.powi(3 + round % 4), 9.0);
        item.gamma = spread(4.0, 0.3);
        item.downtime_hours = spread(20.0, 3.0);
        item.age_hours = 60_000.0 * rng.unit();
        item.planned_cost = 50e3 * rng.unit();
        if round % 2 == 0 {
            let failures = 0.15 + 4.0 * rng.unit();
            let exposure = failures * item.eta_hours.typical.powf(item.beta.typical);
            item.rate = Some(RateBelief { failures, exposure });
        }
        let plan = run(&problem);
        for day in &plan.curves[0].days {
            assert!(
                day.low <= day.expected_cost && day.expected_cost <= day.high,
                "{day:?} of {:?}",
                problem.items[0]
            );
        }
        assert!(crate::check::deferral(&problem, &plan).is_empty());
    }
}

#[test]
fn a_believed_rate_gives_its_mean_and_an_interval_of_its_own_draws() {
    let mut problem = pump(45.0, 0.0, 0.0);
    problem.samples = 2_000;
    let item = &mut problem.items[0];
    item.beta = Spread::exactly(1.3);
    item.gamma = Spread::exactly(4.1);
    item.downtime_hours = Spread::exactly(18.0);
    // Eleven survivors behind a wide family.
    let (failures, exposure) = (0.9, 40e3_f64.powf(1.3) * 9.0);
    item.rate = Some(RateBelief { failures, exposure });
    let curve = &run(&problem).curves[0];
    let x = (4.1_f64 * 0.55).exp() * ((20e3_f64 + 720.0).powf(1.3) - 20e3_f64.powf(1.3));
    let p = 1.0 - (exposure / (exposure + x)).powf(failures);
    let day = curve.days[30];
    assert!((day.failure_probability - p).abs() < 1e-12, "{day:?} {p}");
    // The 10 % and 90 % quantiles of a gamma distribution of shape 0.9 are 0.0857 and 2.1214.
    let cost = |rate: f64| {
        let p = 1.0 - (-x * rate / exposure).exp();
        p * (22e3 + 18.0 * 4e3) + (1.0 - p) * 6e3
    };
    let (low, high) = (cost(0.0857), cost(2.1214));
    assert!((day.low - 6e3) / (low - 6e3) < 1.3, "{day:?} {low}");
    assert!((day.high / high - 1.0).abs() < 0.05, "{day:?} {high}");
    // Another usual life moves the belief along with it.
    let changed = changed(&problem.items[0], DeferralInput::EtaHours, 80e3);
    let moved = changed.rate.unwrap().exposure / exposure;
    assert!((moved - 2_f64.powf(1.3)).abs() < 1e-9, "{moved}");
}

#[test]
fn a_day_whose_cost_lies_outside_its_interval_is_found() {
    let problem = pump(45.0, 0.8, 0.0);
    let mut plan = run(&problem);
    assert!(crate::check::deferral(&problem, &plan).is_empty());
    let day = &mut plan.curves[0].days[14];
    day.high = day.expected_cost - 1.0;
    assert!(!crate::check::deferral(&problem, &plan).is_empty());
}

#[test]
fn what_is_refused_names_its_entry() {
    let mut problem = pump(60.0, 0.0, 0.0);
    problem.items[0].beta.low = 9.0;
    let refused = validate(&problem).unwrap_err();
    assert_eq!(refused.params["field"], "items[0] (P-101 seal): beta");
    let mut unnamed = pump(60.0, 0.0, 0.0);
    unnamed.items[0].id = " ".to_owned();
    let refused = validate(&unnamed).unwrap_err();
    assert!(refused.params["field"].ends_with(": id"), "{refused}");
}

#[test]
fn a_day_has_one_cost() {
    let mut problem = pump(60.0, 0.0, 0.0);
    let cost = |day: u32| DayCost { day, cost: 5e3 };
    problem.items[0].day_costs = vec![cost(3), cost(4)];
    validate(&problem).unwrap();
    problem.items[0].day_costs.push(cost(3));
    let refused = validate(&problem).unwrap_err();
    assert_eq!(refused.code, "optimiser.day_twice");
    assert_eq!(refused.params["field"], "items[0] (P-101 seal): day_costs");
}

#[test]
fn a_curve_names_the_asset_of_its_job() {
    assert_eq!(run(&pump(60.0, 0.0, 0.0)).curves[0].asset, "P-101");
}
