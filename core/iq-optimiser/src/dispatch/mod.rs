//! Workforce dispatch: who does what when. Crews of several skills, certificates, shifts and absences, travel
//! between sites, time windows, order, exclusions, parts in store, permits per site and day.
//!
//! Times are whole minutes from the start of the problem. A technician leaves the home site inside the shift
//! and is back inside shift and allowed overtime. The objective is money: lateness, travel, overtime and the
//! length of the whole plan with their weights, plus what is left undone.

mod bound;
mod explain;
mod insertion;
mod search;
mod timetable;

use std::collections::BTreeMap;

use iq_domain::{CodedError, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CostModel, Infeasible, Quality, Run,
    cost::{amount_of, of_entry, out_of_range},
    risk::{index, unique},
};

/// Minutes `from` ≤ t < `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First minute inside.
    pub from: u32,
    /// First minute after.
    pub to: u32,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technician {
    /// Key.
    pub id: String,
    /// Home site.
    pub site: String,
    /// Skills.
    pub skills: Vec<String>,
    /// Certificates with the minute they end; none for no end.
    #[serde(default)]
    pub certificates: BTreeMap<String, Option<u32>>,
    /// Shifts in order, without overlap.
    pub shifts: Vec<Span>,
    /// Times away.
    #[serde(default)]
    pub absences: Vec<Span>,
    /// Minutes a shift may run over.
    #[serde(default)]
    pub overtime_minutes: u32,
}

/// People of one skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrewNeed {
    /// The skill.
    pub skill: String,
    /// How many.
    pub count: u32,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchTask {
    /// Key.
    pub id: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Where it is done.
    pub site: String,
    /// How long it takes.
    pub minutes: u32,
    /// Who is needed; each person fills one place.
    pub crew: Vec<CrewNeed>,
    /// Certificates that everybody on it needs until its end.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// May not start before.
    #[serde(default)]
    pub earliest: u32,
    /// Must have ended.
    #[serde(default)]
    pub latest_end: Option<u32>,
    /// Should have ended; later costs.
    #[serde(default)]
    pub due: Option<u32>,
    /// Weight of lateness.
    #[serde(default = "one")]
    pub weight: f64,
    /// Whether it has to be done.
    #[serde(default)]
    pub is_mandatory: bool,
    /// Cost of not doing it in this plan.
    #[serde(default)]
    pub unplanned_cost: f64,
    /// Pieces taken from store at the start.
    #[serde(default)]
    pub parts: BTreeMap<String, f64>,
}

const fn one() -> f64 {
    1.0
}

/// Pieces that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// When.
    pub minute: u32,
    /// How many.
    pub quantity: f64,
}

/// A job that has to follow another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskOrder {
    /// Done first.
    pub before: String,
    /// Starts after it has ended; planned only where `before` is.
    pub after: String,
    /// Minutes between.
    #[serde(default)]
    pub lag_minutes: u32,
}

/// What counts, in the currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchWeights {
    /// Per hour of lateness and unit of a task's weight.
    pub tardiness_per_hour: f64,
    /// Per hour of travel.
    pub travel_per_hour: f64,
    /// Per hour of overtime.
    pub overtime_per_hour: f64,
    /// Per hour until the last job has ended.
    pub makespan_per_hour: f64,
}

impl Default for DispatchWeights {
    fn default() -> Self {
        Self {
            tardiness_per_hour: 100.0,
            travel_per_hour: 50.0,
            overtime_per_hour: 80.0,
            makespan_per_hour: 0.0,
        }
    }
}

/// Problem of the dispatch model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchProblem {
    /// Cost and risk model; its currency is the one of all costs.
    #[serde(default)]
    pub cost_model: CostModel,
    /// Minute 0, in milliseconds since 1970 (UTC); give local midnight, so that days are local days.
    #[schemars(with = "i64")]
    pub start: Timestamp,
    /// Sites.
    pub sites: Vec<String>,
    /// Minutes from site to site, in the order of `sites`.
    pub travel_minutes: Vec<Vec<u32>>,
    /// People.
    pub technicians: Vec<Technician>,
    /// Jobs.
    pub tasks: Vec<DispatchTask>,
    /// Parts in store by name.
    #[serde(default)]
    pub parts: BTreeMap<String, Vec<Arrival>>,
    /// Jobs that may start per site and day (permits).
    #[serde(default)]
    pub permits_per_site_day: Option<u32>,
    /// Order.
    #[serde(default)]
    pub precedence: Vec<TaskOrder>,
    /// Jobs that must not run at the same time.
    #[serde(default)]
    pub exclusions: Vec<[String; 2]>,
    /// What counts.
    #[serde(default)]
    pub weights: DispatchWeights,
}

/// A job with its time and people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledTask {
    /// The job.
    pub task: String,
    /// First minute.
    pub start: u32,
    /// First minute after.
    pub end: u32,
    /// People in the order of the places of its crew.
    pub technicians: Vec<String>,
}

/// A technician's day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TechnicianDay {
    /// The person.
    pub technician: String,
    /// Date on which the shift begins (ISO 8601).
    pub schedule_date: String,
    /// Assets in the order of the visits.
    pub assigned_assets: Vec<String>,
    /// Jobs in the order of the visits.
    pub tasks: Vec<String>,
    /// Hours of work and travel.
    pub estimated_hours: f64,
    /// Minutes of travel.
    pub travel_minutes: u32,
    /// Minutes beyond the shift.
    pub overtime_minutes: u32,
}

/// Plan of the dispatch model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispatchPlan {
    /// Jobs by start.
    pub scheduled: Vec<ScheduledTask>,
    /// Jobs that are left.
    pub left: Vec<String>,
    /// By person and shift.
    pub days: Vec<TechnicianDay>,
    /// Weighted lateness in hours.
    pub tardiness_hours: f64,
    /// Hours of travel.
    pub travel_hours: f64,
    /// Hours of overtime.
    pub overtime_hours: f64,
    /// Hours until the last job has ended.
    pub makespan_hours: f64,
    /// Cost of what is left.
    pub unplanned_cost: f64,
    /// How good the plan is.
    pub quality: Quality,
}

const DAY: u32 = 1_440;
/// No time lies beyond: two centuries, far from the ends of the integers.
const LAST: u32 = 100_000_000;

/// Finds a plan, or says why there is none.
pub fn solve(
    problem: &DispatchProblem,
    run: &Run<'_>,
) -> Result<Result<DispatchPlan, Infeasible>, CodedError> {
    validate(problem)?;
    let compiled = timetable::Compiled::new(problem)?;
    Ok(search::solve(problem, &compiled, run))
}

fn validate(problem: &DispatchProblem) -> Result<(), CodedError> {
    problem.cost_model.check()?;
    if problem.tasks.len() > 20_000
        || problem.technicians.len() > 5_000
        || problem.sites.len() > 300
    {
        return Err(CodedError::invalid("optimiser.problem_too_large"));
    }
    unique(problem.tasks.iter().map(|t| t.id.as_str()))?;
    unique(problem.technicians.iter().map(|t| t.id.as_str()))?;
    index(problem.sites.iter().map(String::as_str))?;
    let is_square = problem.travel_minutes.len() == problem.sites.len()
        && problem
            .travel_minutes
            .iter()
            .all(|row| row.len() == problem.sites.len());
    if !is_square {
        return Err(CodedError::invalid("optimiser.wrong_length")
            .with("field", "travel_minutes")
            .with("expected", problem.sites.len())
            .with("found", problem.travel_minutes.len()));
    }
    // Without this a visit taken out of a tour could make the tour longer.
    let ways = &problem.travel_minutes;
    let all = || 0..problem.sites.len();
    let detour = all().find(|a| {
        ways[*a][*a] != 0
            || all().any(|b| all().any(|c| ways[*a][b].saturating_add(ways[b][c]) < ways[*a][c]))
    });
    if let Some(site) = detour {
        return Err(
            CodedError::invalid("optimiser.travel_detour").with("site", &problem.sites[site])
        );
    }
    for (a, b) in all().flat_map(|a| all().map(move |b| (a, b))) {
        if ways[a][b] > 100_000 {
            let field = format!("travel_minutes[{a}][{b}]");
            return Err(out_of_range(&field, ways[a][b], "≥ 0, ≤ 100000"));
        }
    }
    let weights = problem.weights;
    for (field, weight) in [
        ("weights.tardiness_per_hour", weights.tardiness_per_hour),
        ("weights.travel_per_hour", weights.travel_per_hour),
        ("weights.overtime_per_hour", weights.overtime_per_hour),
        ("weights.makespan_per_hour", weights.makespan_per_hour),
    ] {
        amount_of(field, weight)?;
    }
    for technician in &problem.technicians {
        let spans = technician.shifts.iter().chain(&technician.absences);
        let are_spans = spans.clone().all(|s| s.from < s.to && s.to < LAST);
        let are_ordered = technician.shifts.windows(2).all(|p| p[0].to <= p[1].from);
        if !are_spans || !are_ordered || technician.overtime_minutes > DAY {
            return Err(
                CodedError::invalid("optimiser.shifts_overlap").with("technician", &technician.id)
            );
        }
    }
    let range = format!("≥ 0, ≤ {LAST}");
    for (at, order) in problem.precedence.iter().enumerate() {
        if order.lag_minutes > LAST {
            let error = out_of_range("lag_minutes", order.lag_minutes, &range);
            let name = format!("{}, {}", order.before, order.after);
            return Err(of_entry("precedence", at, &name, error));
        }
    }
    problem.tasks.iter().enumerate().try_for_each(|(at, task)| {
        validate_task(task, &range).map_err(|error| of_entry("tasks", at, &task.id, error))
    })
}

/// `times` is the range of its minutes.
fn validate_task(task: &DispatchTask, times: &str) -> Result<(), CodedError> {
    if task.earliest > LAST {
        return Err(out_of_range("earliest", task.earliest, times));
    }
    amount_of("unplanned_cost", task.unplanned_cost)?;
    amount_of("weight", task.weight)?;
    let crew: u32 = task.crew.iter().map(|c| c.count.min(1_000)).sum();
    if task.minutes == 0 || task.minutes > 1_000_000 || !(1..=16).contains(&crew) {
        return Err(CodedError::invalid("optimiser.task_impossible").with("task", &task.id));
    }
    let mut parts = task.parts.iter();
    parts.try_for_each(|(part, quantity)| amount_of(&format!("parts[{part}]"), *quantity))
}
