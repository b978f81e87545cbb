//! The dispatch model: every plan passes the checker, the bound holds, reasons are the smallest.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]
#![allow(
    clippy::too_many_lines,
    reason = "a list of cases, or one made problem"
)]

use iq_optimiser::{
    Rng, check,
    dispatch::{self, CrewNeed, DispatchPlan, DispatchProblem, DispatchWeights, Span, TaskOrder},
};

mod common;
use common::{dispatch_problem, run};

fn solved(problem: &DispatchProblem, iterations: u64, nodes: u32) -> DispatchPlan {
    let plan = dispatch::solve(problem, &run(1, iterations, 1, nodes))
        .unwrap()
        .unwrap();
    assert_eq!(check::dispatch(problem, &plan), []);
    plan
}

#[test]
fn plans_pass_the_checker_and_search_makes_them_better() {
    let (mut at_once, mut searched) = (0.0, 0.0);
    for seed in 0..12 {
        let problem = dispatch_problem(seed, 30, 6);
        at_once += solved(&problem, 0, 0).quality.objective;
        searched += solved(&problem, 400, 0).quality.objective;
    }
    assert!(searched < 0.97 * at_once, "{searched} {at_once}");
}

#[cfg(feature = "exact")]
#[test]
fn no_plan_beats_the_bound() {
    for seed in 0..4 {
        let problem = dispatch_problem(seed, 14, 4);
        let long = solved(&problem, 4_000, 0);
        let bounded = solved(&problem, 1, 200);
        assert!(
            bounded.quality.bound <= long.quality.objective + 1e-6,
            "seed {seed}"
        );
        assert!(
            bounded.quality.bound > 0.2 * long.quality.objective,
            "seed {seed}: {:?}",
            bounded.quality
        );
    }
}

#[test]
fn gives_the_same_bytes_again_and_on_two_threads() {
    let nodes = if cfg!(feature = "exact") { 5 } else { 0 };
    let problem = dispatch_problem(4, 24, 5);
    let bytes = |threads: u8| {
        let plan = dispatch::solve(&problem, &run(9, 300, threads, nodes))
            .unwrap()
            .unwrap();
        serde_json::to_vec(&plan).unwrap()
    };
    let first = bytes(1);
    assert_eq!(first, bytes(1));
    assert_eq!(first, bytes(2));
}

/// Two people, one chain: the shortest plan is known.
#[test]
fn finds_the_shortest_plan_where_that_is_what_counts() {
    let mut problem = dispatch_problem(1, 6, 2);
    problem.precedence.clear();
    problem.exclusions.clear();
    problem.permits_per_site_day = None;
    problem.weights = DispatchWeights {
        tardiness_per_hour: 0.0,
        travel_per_hour: 0.0,
        overtime_per_hour: 0.0,
        makespan_per_hour: 1.0,
    };
    for person in &mut problem.technicians {
        person.site = "s0".into();
        person.skills = vec!["mechanical".into()];
        person.shifts = vec![Span { from: 0, to: 5_000 }];
        person.absences.clear();
    }
    for (task, minutes) in problem.tasks.iter_mut().zip([70, 60, 50, 40, 30, 50]) {
        task.site = "s0".into();
        task.minutes = minutes;
        task.crew = vec![CrewNeed {
            skill: "mechanical".into(),
            count: 1,
        }];
        task.certificates.clear();
        task.parts.clear();
        task.earliest = 0;
        task.latest_end = None;
        task.is_mandatory = true;
    }
    let plan = solved(&problem, 2_000, 0);
    assert!(
        (plan.makespan_hours - 2.5).abs() < 1e-9,
        "{}",
        plan.makespan_hours
    );
    assert!(plan.quality.is_optimal);
}

#[test]
fn says_who_is_missing() {
    let mut problem = dispatch_problem(2, 8, 4);
    problem.tasks[3].is_mandatory = true;
    problem.tasks[3].crew = vec![CrewNeed {
        skill: "welder".into(),
        count: 2,
    }];
    let why = dispatch::solve(&problem, &run(1, 10, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal);
    assert_eq!(why.conflicts[0].code, "conflict.nobody_able");
    assert_eq!(why.conflicts[0].params["skill"], "welder");
}

#[test]
fn names_the_ring_of_orders() {
    let mut problem = dispatch_problem(3, 8, 4);
    problem.tasks[5].is_mandatory = true;
    for (before, after) in [("j5", "j6"), ("j6", "j7"), ("j7", "j5")] {
        let (before, after) = (before.to_owned(), after.to_owned());
        problem.precedence.push(TaskOrder {
            before,
            after,
            lag_minutes: 0,
        });
    }
    let why = dispatch::solve(&problem, &run(1, 10, 1, 100))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven, "{why:?}");
    let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
    let order = "conflict.precedence";
    assert_eq!(codes, [order, order, order, "conflict.mandatory_task"]);
}

#[test]
fn says_when_people_have_too_few_hours() {
    let mut problem = dispatch_problem(3, 10, 2);
    problem.precedence.clear();
    for task in &mut problem.tasks {
        task.crew = vec![CrewNeed {
            skill: "mechanical".into(),
            count: 1,
        }];
        task.certificates.clear();
        task.parts.clear();
        task.site = "s0".into();
        task.minutes = 400;
        task.earliest = 0;
        task.latest_end = Some(1_440);
        task.is_mandatory = true;
    }
    problem
        .technicians
        .iter_mut()
        .for_each(|p| p.skills = vec!["mechanical".into()]);
    problem.technicians[1].absences.clear();
    let why = dispatch::solve(&problem, &run(1, 10, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(why.is_proven && why.is_minimal, "{why:?}");
    // Two people, one day with an hour of overtime: three such jobs are one too many.
    assert_eq!(why.conflicts.len(), 1, "{why:?}");
    let found = &why.conflicts[0];
    assert_eq!(found.code, "conflict.skill_hours");
    assert_eq!(found.params["tasks"], "j0, j1, j2");
    assert_eq!(
        (&*found.params["needed"], &*found.params["available"]),
        ("20", "18")
    );
}

/// Makes one thing wrong; false where this plan has nothing to do that to.
fn corrupt(problem: &DispatchProblem, plan: &mut DispatchPlan, kind: usize, rng: &mut Rng) -> bool {
    let some = rng.below(plan.scheduled.len());
    let day = rng.below(plan.days.len());
    let entry = &mut plan.scheduled[some];
    match kind {
        0 => entry.task = "nobody".into(),
        1 => entry.end += 1,
        2 => {
            entry.start += 1_440 * 9;
            entry.end += 1_440 * 9;
        }
        3 => {
            entry.start = 0;
            entry.end = problem
                .tasks
                .iter()
                .find(|t| t.id == entry.task)
                .unwrap()
                .minutes;
        }
        4 => entry.technicians[0] = "nobody".into(),
        5 => drop(entry.technicians.pop()),
        6 => entry.technicians.push(entry.technicians[0].clone()),
        7 => {
            let other = &problem.technicians[rng.below(problem.technicians.len())].id;
            if entry.technicians.contains(other) {
                return false;
            }
            entry.technicians[0] = other.clone();
        }
        8 => drop(plan.scheduled.remove(some)),
        9 => {
            let gone = plan.scheduled.remove(some);
            plan.left.push(gone.task);
        }
        10 => plan.scheduled.push(plan.scheduled[some].clone()),
        11 => plan.left.push(plan.scheduled[some].task.clone()),
        12 => {
            if plan.left.pop().is_none() {
                return false;
            }
        }
        13 => plan.days[day].travel_minutes += 1,
        14 => plan.days[day].schedule_date = "2031-01-01".into(),
        15 => plan.days[day].assigned_assets.push("K-1".into()),
        16 => plan.days[day].estimated_hours += 0.5,
        17 => drop(plan.days.remove(day)),
        18 => plan.tardiness_hours += 1.0,
        19 => plan.travel_hours += 1.0,
        20 => plan.makespan_hours += 1.0,
        21 => plan.overtime_hours += 1.0,
        22 => plan.unplanned_cost += 1.0,
        23 => plan.quality.objective -= 50.0,
        _ => plan.quality.bound = plan.quality.objective + 50.0,
    }
    true
}

#[test]
fn refuses_every_corrupted_plan() {
    let mut refused = 0;
    for seed in 0..50 {
        let problem = dispatch_problem(seed, 18, 5);
        let plan = solved(&problem, 10, 0);
        let mut rng = Rng::new(seed);
        for kind in 0..25 {
            let mut wrong = plan.clone();
            if corrupt(&problem, &mut wrong, kind, &mut rng) {
                assert_ne!(
                    check::dispatch(&problem, &wrong),
                    [],
                    "seed {seed}, kind {kind}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused >= 1_000, "{refused}");
}

/// Limits tightened under a plan whose numbers all still agree: each is noticed by its own code.
#[test]
fn notices_each_limit_by_its_own_code() {
    for seed in 0..10 {
        let problem = dispatch_problem(seed, 18, 5);
        let plan = solved(&problem, 10, 0);
        let first = &plan.scheduled[0];
        let task = problem
            .tasks
            .iter()
            .position(|t| t.id == first.task)
            .unwrap();
        let person = problem
            .technicians
            .iter()
            .position(|p| p.id == first.technicians[0])
            .unwrap();
        let expect = |change: &dyn Fn(&mut DispatchProblem), code: &str| {
            let mut other = problem.clone();
            change(&mut other);
            let codes: Vec<String> = check::dispatch(&other, &plan)
                .into_iter()
                .map(|v| v.code)
                .collect();
            assert!(
                codes.contains(&code.to_owned()),
                "seed {seed}: {code} not in {codes:?}"
            );
        };
        expect(&|p| p.technicians[person].skills.clear(), "violation.skill");
        expect(
            &|p| p.tasks[task].certificates = vec!["diver".into()],
            "violation.certificate",
        );
        expect(
            &|p| {
                p.technicians[person].absences.push(Span {
                    from: first.start,
                    to: first.end,
                })
            },
            "violation.absence",
        );
        expect(&|p| p.technicians[person].shifts.clear(), "violation.shift");
        expect(
            &|p| p.tasks[task].earliest = first.start + 1,
            "violation.window",
        );
        expect(
            &|p| p.tasks[task].latest_end = Some(first.end - 1),
            "violation.window",
        );
        expect(&|p| p.permits_per_site_day = Some(0), "violation.permits");
        expect(
            &|p| p.tasks[task].parts = [("rotor".into(), 1.0)].into(),
            "violation.parts",
        );
        expect(
            &|p| {
                p.travel_minutes
                    .iter_mut()
                    .flatten()
                    .for_each(|m| *m = 2_000)
            },
            "violation.no_time_for",
        );
        let last = plan.scheduled.last().unwrap();
        expect(
            &|p| {
                let (before, after) = (last.task.clone(), first.task.clone());
                p.precedence.push(TaskOrder {
                    before,
                    after,
                    lag_minutes: 0,
                });
            },
            "violation.precedence",
        );
    }
}

/// Not proven, and many jobs in it: those without a place are named, and no skill of which there is plenty.
#[test]
fn names_what_found_no_place_where_nothing_is_proven() {
    let mut problem = dispatch_problem(3, 8, 6);
    problem.precedence.clear();
    problem.exclusions.clear();
    for task in &mut problem.tasks {
        task.crew = vec![CrewNeed {
            skill: "mechanical".into(),
            count: 1,
        }];
        task.certificates.clear();
        task.parts.clear();
        task.site = "s0".into();
        // Two of them are more than a shift with its overtime; all eight are fewer hours than there are.
        task.minutes = 290;
        task.earliest = 0;
        task.latest_end = Some(1_440);
        task.is_mandatory = true;
    }
    for person in &mut problem.technicians {
        person.skills = vec!["mechanical".into()];
        person.absences.clear();
    }
    let why = dispatch::solve(&problem, &run(1, 10, 1, 0))
        .unwrap()
        .unwrap_err();
    assert!(!why.is_proven, "{why:?}");
    let codes: Vec<&str> = why.conflicts.iter().map(|c| c.code.as_str()).collect();
    assert!(!codes.is_empty(), "{why:?}");
    assert!(
        codes.iter().all(|code| *code == "conflict.not_placed"),
        "{why:?}"
    );
}
