//! Outages and parts in the problems of a run, and what a plan makes of them.

use std::sync::atomic::AtomicBool;

use iq_domain::{AssetId, Criticality, Timestamp};
use iq_optimiser::{CostModel, FamilyCost};

use super::{
    super::{
        inputs::PlanRequest,
        outcome::{Advice, ModelState},
        problems, solve,
    },
    *,
};

const SEAL: &str = "SEAL-45";

/// A valve of unit U1 at site S whose job takes six hours.
fn work(key: &str) -> Work {
    Work {
        key: key.to_owned(),
        asset_id: AssetId::new(),
        asset_code: key.to_owned(),
        family: "control_valve".to_owned(),
        unit_id: "U1".to_owned(),
        site_id: "S".to_owned(),
        criticality: Criticality::High,
        order_id: None,
        order: None,
        due_at: None,
        hours_left: None,
        health: 20.0,
        health_withheld: None,
        health_at: Timestamp(0),
        health_model: "test".to_owned(),
        health_fall_per_day: 1.0,
        age_hours: Some(40_000.0),
        own_life: None,
        life: None,
        certificates: Vec::new(),
        needs_outage: false,
        parts: BTreeMap::new(),
        must_do: false,
    }
}

fn needing(mut work: Work, pieces: f64) -> Work {
    work.parts.insert(SEAL.to_owned(), pieces);
    work
}

fn in_outage(mut work: Work) -> Work {
    work.needs_outage = true;
    work
}

fn stock(on_hand: f64, arrival: Option<(u32, f64)>) -> Stock {
    Stock {
        part: SEAL.to_owned(),
        on_hand,
        arrival,
        is_overdue: false,
        lead_time_days: None,
    }
}

/// The unit stands from one minute to another.
fn outage(from: u32, to: u32) -> OutageSpan {
    OutageSpan {
        title: "Spring shutdown".to_owned(),
        site_id: "S".to_owned(),
        unit_id: Some("U1".to_owned()),
        asset_id: None,
        from,
        to,
    }
}

fn inputs(work: Vec<Work>, outages: Vec<OutageSpan>, stock: Vec<Stock>) -> Inputs {
    let mut model = CostModel {
        default_downtime_cost_per_hour: 10_000.0,
        ..CostModel::default()
    };
    let cost = FamilyCost {
        planned: 100.0,
        failure: 100_000.0,
    };
    model
        .cost_per_asset_family
        .insert("control_valve".to_owned(), cost);
    Inputs {
        request: PlanRequest {
            horizon_days: 10,
            iterations: 50,
            ..PlanRequest::default()
        },
        as_of: Timestamp(0),
        start: Timestamp(0),
        cost_model_version: Some(1),
        cost_model: Some(model),
        work,
        crews: Vec::new(),
        is_everybody_away: false,
        sites: vec!["S".to_owned()],
        outages,
        stock,
        notes: Vec::new(),
    }
}

/// What is advised about a work, and how the plan of the days ended.
fn planned(inputs: &Inputs, key: &str) -> (Advice, ModelState) {
    let solved = solve::solve(inputs, &AtomicBool::new(false), &|_| {}).unwrap();
    let state = solved.outcome.models.iter();
    let state = state
        .filter(|m| m.model == "production-risk")
        .map(|m| m.state)
        .next();
    let advice = solved.plans.advice(inputs).into_iter();
    let advice = advice.map(|a| a.advice).find(|a| a.key == key);
    (advice.unwrap(), state.unwrap())
}

fn codes(advice: &Advice) -> Vec<&str> {
    let codes = advice.reasons.iter().map(|r| r.code.as_str());
    codes
        .filter(|c| c.starts_with("optimization.parts") || c.starts_with("optimization.outage"))
        .collect()
}

#[test]
fn without_outages_and_parts_the_problems_are_those_of_before() {
    let inputs = inputs(vec![work("V-1")], Vec::new(), Vec::new());
    let risk = problems::production_risk(&inputs);
    assert!(risk.parts.is_empty() && risk.outages.is_empty());
    assert_eq!(risk.tasks[0].outage, None);
    let days = BTreeMap::from([("V-1".to_owned(), (2, 3))]);
    let dispatch = problems::dispatch(&inputs, &days);
    assert_eq!(dispatch.tasks[0].earliest, 1_440);
    assert_eq!(dispatch.tasks[0].latest_end, Some(14_400));
    assert!(dispatch.parts.is_empty());
    let (advice, _) = planned(&inputs, "V-1");
    assert_eq!((advice.day, codes(&advice).len()), (Some(1), 0));
    let text = serde_json::to_string(&inputs).unwrap();
    for word in ["outage", "stock", "parts"] {
        assert!(!text.contains(&format!("\"{word}")), "{word} in {text}");
    }
}

#[test]
fn work_that_needs_an_outage_lies_in_one_of_its_own_place() {
    let day = 1_440;
    let mut elsewhere = outage(0, day);
    elsewhere.unit_id = Some("U2".to_owned());
    let outages = vec![elsewhere, outage(4 * day + 360, 6 * day)];
    let inputs = inputs(vec![in_outage(work("V-1")), work("V-2")], outages, vec![]);
    let risk = problems::production_risk(&inputs);
    // The first day of it has 18 hours: enough for the six of the job.
    assert_eq!(risk.outages["V-1"], [Window { from: 5, to: 6 }]);
    assert_eq!(risk.tasks[1].outage, None);
    let (advice, state) = planned(&inputs, "V-1");
    assert_eq!((advice.day, state), (Some(5), ModelState::Plan));
    assert_eq!(codes(&advice), ["optimization.outage.inside"]);
    let (other, _) = planned(&inputs, "V-2");
    assert_eq!(other.day, Some(1));
    let days = BTreeMap::from([("V-1".to_owned(), (5, 5))]);
    let task = &problems::dispatch(&inputs, &days).tasks[0];
    assert_eq!(
        (task.earliest, task.latest_end),
        (4 * day + 360, Some(6 * day))
    );
}

#[test]
fn a_day_counts_with_a_working_day_or_the_whole_of_a_shorter_job() {
    let job = in_outage(work("V-1"));
    for (from, to, minutes, found) in [
        (0, 480, 3_000, 1),
        (0, 479, 3_000, 0),
        (0, 360, 360, 1),
        (0, 359, 360, 0),
        (1_200, 1_680, 480, 0),
    ] {
        let inputs = inputs(vec![job.clone()], vec![outage(from, to)], Vec::new());
        let days = outage_days(&inputs, &job, minutes);
        assert_eq!(days.len(), found, "{from}–{to} for {minutes}");
    }
    let touching = vec![outage(0, 1_440), outage(1_440, 2_880)];
    let inputs = inputs(vec![job.clone()], touching, Vec::new());
    let days = outage_days(&inputs, &job, 360);
    assert_eq!(days, [Window { from: 1, to: 2 }]);
}

#[test]
fn without_an_outage_it_is_left_out_and_says_so() {
    let mut job = in_outage(work("V-1"));
    let inputs_of = |job: Work| inputs(vec![job], Vec::new(), Vec::new());
    let (advice, state) = planned(&inputs_of(job.clone()), "V-1");
    assert_eq!((advice.day, state), (None, ModelState::Plan));
    assert_eq!(codes(&advice), ["optimization.outage.none"]);
    job.must_do = true;
    let (advice, state) = planned(&inputs_of(job), "V-1");
    assert_eq!(state, ModelState::Infeasible);
    assert_eq!(codes(&advice), ["optimization.outage.none"]);
}

#[test]
fn an_outage_too_short_for_the_job_is_named() {
    let mut job = in_outage(work("V-1"));
    // Sixty hours.
    job.family = "hx_shell_tube".to_owned();
    let inputs = inputs(vec![job], vec![outage(0, 2_880)], Vec::new());
    let (advice, _) = planned(&inputs, "V-1");
    assert_eq!(advice.day, None);
    assert_eq!(codes(&advice), ["optimization.outage.too_short"]);
}

#[test]
fn a_job_waits_for_its_parts() {
    let at = 3 * 1_440 + 600;
    let inputs = inputs(
        vec![needing(work("V-1"), 2.0)],
        Vec::new(),
        vec![stock(1.0, Some((at, 1.0)))],
    );
    let risk = problems::production_risk(&inputs);
    // What arrives in the morning of day 4 can be counted on from day 5.
    assert_eq!(risk.parts[0].arrivals[..5], [1.0, 0.0, 0.0, 0.0, 1.0]);
    let (advice, _) = planned(&inputs, "V-1");
    assert_eq!(advice.day, Some(5));
    assert_eq!(codes(&advice), ["optimization.parts.waits"]);
    let days = BTreeMap::from([("V-1".to_owned(), (1, 10))]);
    let dispatch = problems::dispatch(&inputs, &days);
    assert_eq!(dispatch.tasks[0].earliest, at);
    assert_eq!(dispatch.tasks[0].parts[SEAL].to_bits(), 2.0_f64.to_bits());
    assert_eq!(dispatch.parts[SEAL].len(), 2);
}

#[test]
fn only_the_first_visit_takes_the_parts() {
    let mut job = needing(work("P-1"), 1.0);
    job.family = "centrifugal_pump".to_owned();
    let inputs = inputs(vec![job], Vec::new(), vec![stock(1.0, None)]);
    let days = BTreeMap::from([("P-1".to_owned(), (1, 2))]);
    let tasks = problems::dispatch(&inputs, &days).tasks;
    assert!(tasks.len() > 1);
    let taking = tasks.iter().filter(|t| !t.parts.is_empty()).count();
    assert_eq!((taking, tasks[0].parts.len()), (1, 1));
}

#[test]
fn of_a_job_done_in_part_only_the_rest_is_planned() {
    let mut job = work("P-1");
    job.family = "centrifugal_pump".to_owned();
    let mut whole = inputs(vec![job], Vec::new(), Vec::new());
    let model = whole.cost_model.as_mut().unwrap();
    let cost = model.cost_per_asset_family["control_valve"];
    let family = "centrifugal_pump".to_owned();
    model.cost_per_asset_family.insert(family, cost);
    let mut rest = whole.clone();
    rest.work[0].hours_left = Some(5.0);
    let days = BTreeMap::from([("P-1".to_owned(), (1, 2))]);
    let of = |inputs: &Inputs| -> (Vec<u32>, f64, f64) {
        let dispatch = problems::dispatch(inputs, &days);
        let ranked = problems::prioritisation(inputs);
        let risk = problems::production_risk(inputs);
        (
            dispatch.tasks.iter().map(|task| task.minutes).collect(),
            ranked.items[0].hours,
            risk.tasks[0].options[0].budget_use,
        )
    };
    assert_eq!(of(&whole), (vec![300, 300], 20.0, 100.0));
    assert_eq!(of(&rest), (vec![300], 10.0, 50.0));
    let ranked = |inputs: &Inputs| problems::prioritisation(inputs).items[0].planned_cost;
    assert_eq!((ranked(&whole), ranked(&rest)), (None, Some(50.0)));
    assert_eq!(problems::deferral(&rest).items[0].planned_cost, 50.0);
}

#[test]
fn parts_that_never_come_leave_the_work_out_with_the_reason() {
    let late = 20 * 1_440;
    let mut ordered = stock(0.0, None);
    ordered.lead_time_days = Some(40);
    let mut overdue = stock(0.0, None);
    overdue.is_overdue = true;
    for (kept, code) in [
        (stock(0.0, None), "optimization.parts.missing"),
        (ordered, "optimization.parts.missing_lead"),
        (overdue, "optimization.parts.overdue"),
        (stock(0.0, Some((late, 5.0))), "optimization.parts.after"),
        (
            stock(0.5, Some((1_440, 0.25))),
            "optimization.parts.missing",
        ),
    ] {
        let inputs = inputs(vec![needing(work("V-1"), 1.0)], Vec::new(), vec![kept]);
        let (advice, state) = planned(&inputs, "V-1");
        assert_eq!((advice.day, state), (None, ModelState::Plan), "{code}");
        assert_eq!(codes(&advice), [code]);
        assert_eq!(problems::open_days(&inputs, "V-1"), None);
    }
}

#[test]
fn of_two_works_that_need_the_last_piece_one_is_done() {
    let inputs = inputs(
        vec![needing(work("V-1"), 1.0), needing(work("X-2"), 1.0)],
        Vec::new(),
        vec![stock(1.0, None)],
    );
    let both = [planned(&inputs, "V-1").0, planned(&inputs, "X-2").0];
    assert_eq!(both.iter().filter(|a| a.day.is_some()).count(), 1);
    let left = both.iter().find(|a| a.day.is_none()).unwrap();
    assert_eq!(codes(left), ["optimization.parts.shared"]);
}

#[test]
fn what_must_be_done_without_parts_has_no_plan() {
    let mut job = needing(work("V-1"), 1.0);
    job.must_do = true;
    let inputs = inputs(vec![job], Vec::new(), vec![stock(0.0, None)]);
    assert_eq!(planned(&inputs, "V-1").1, ModelState::Infeasible);
}

#[test]
fn without_a_plan_of_the_days_the_first_fitting_outage_counts() {
    let outages = vec![outage(1_440, 1_500), outage(4_320, 5_760)];
    let mut inputs = inputs(vec![in_outage(work("V-1"))], outages, Vec::new());
    assert_eq!(problems::open_days(&inputs, "V-1"), Some((4, 4)));
    inputs.stock = vec![stock(0.0, Some((5_000, 1.0)))];
    inputs.work[0].parts.insert(SEAL.to_owned(), 1.0);
    assert_eq!(problems::open_days(&inputs, "V-1"), None);
    inputs.work[0].needs_outage = false;
    assert_eq!(problems::open_days(&inputs, "V-1"), Some((1, 10)));
}

#[test]
fn late_is_never_dearer_than_never() {
    let inputs = inputs(vec![work("V-1"), work("V-2")], Vec::new(), Vec::new());
    let days = BTreeMap::from([("V-1".to_owned(), (1, 1)), ("V-2".to_owned(), (1, 1))]);
    let dispatch = problems::dispatch(&inputs, &days);
    let hours = f64::from(inputs.request.horizon_days) * 24.0;
    for task in &dispatch.tasks {
        let latest = task.weight * dispatch.weights.tardiness_per_hour * hours;
        assert!(latest <= task.unplanned_cost * (1.0 + 1e-9), "{task:?}");
    }
}

#[test]
fn work_without_a_place_says_what_it_takes() {
    let inputs = inputs(vec![work("V-1")], Vec::new(), Vec::new());
    let why = problems::without_place(&inputs, &inputs.work[0], (3, 4)).unwrap();
    assert_eq!(why.code, "optimiser.conflict.nobody_able");
    assert_eq!(why.params["skill"], "instrumentation");
}

#[test]
fn work_that_pays_alone_says_that_the_plan_over_the_days_does_without_it() {
    let inputs = inputs(vec![work("V-1")], Vec::new(), Vec::new());
    let mut solved = solve::solve(&inputs, &AtomicBool::new(false), &|_| {}).unwrap();
    let says = |advice: &Advice| {
        let mut codes = advice.reasons.iter().map(|r| r.code.as_str());
        codes.any(|code| code == "optimization.left_by_days")
    };
    let done = solved.plans.advice(&inputs);
    assert!(done[0].advice.is_advised && !says(&done[0].advice));
    solved.plans.risk.as_mut().unwrap().planned.clear();
    let left = solved.plans.advice(&inputs);
    assert!(!left[0].advice.is_advised && says(&left[0].advice));
}

#[test]
fn a_health_nobody_measured_is_no_reason() {
    let mut silent = work("V-1");
    silent.health = 100.0;
    silent.health_withheld = Some(Message::default());
    for (work, is_said) in [(work("V-1"), true), (silent, false)] {
        let (advice, _) = planned(&inputs(vec![work], Vec::new(), Vec::new()), "V-1");
        let mut codes = advice.reasons.iter().map(|r| r.code.as_str());
        assert_eq!(codes.any(|c| c == "optimiser.reason.health"), is_said);
    }
}
