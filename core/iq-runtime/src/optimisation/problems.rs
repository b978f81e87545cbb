//! From the frozen inputs to the four problems. Pure: the same inputs give the same problems.

use std::collections::{BTreeMap, BTreeSet};

use iq_analytics::{Condition, FailureChance, FamilyLife, LifeBelief, failure::GAMMA};
use iq_domain::Message;
use iq_optimiser::{
    CostModel, FamilyCost, Rng,
    deferral::{DeferralItem, DeferralProblem, RateBelief, Spread},
    dispatch::{
        CrewNeed, DispatchProblem, DispatchTask, DispatchWeights, Span, TaskOrder, Technician,
    },
    priority::{PriorityItem, PriorityProblem},
    risk::{Exclusion, PeriodRisk, Resource, RiskProblem, RiskTask, StartOption, Use, Window},
};

use super::{
    bounds,
    inputs::{Inputs, Work},
    reliability::{FamilyPrior, prior_of},
};

/// Scenarios of each day.
const SCENARIOS: usize = 16;

/// The bad cases begin here.
const QUANTILE: f64 = 0.9;

/// Working hours of a day.
const DAY_HOURS: f64 = 8.0;

/// Longest piece of work on one day; a longer job is done in parts, one after the other.
const PART_MINUTES: u32 = 360;

const DAY_MINUTES: u32 = 1_440;

/// Key of the one shared resource: person-hours.
const CREW_HOURS: &str = "crew_hours";

/// What is believed of how a work's asset fails, and where it stands in that.
struct Failing {
    belief: LifeBelief,
    age_hours: f64,
    condition: Condition,
}

impl Failing {
    fn of(work: &Work) -> Option<Self> {
        let belief = work.life.or_else(|| belief_of_before(work))?;
        Some(Self {
            belief,
            age_hours: work.age_hours.unwrap_or(0.0),
            condition: Condition {
                health: work.health,
                fall_per_day: work.health_fall_per_day,
            },
        })
    }

    fn within(&self, days: u32) -> Option<FailureChance> {
        let hours = 24.0 * f64::from(days);
        self.belief
            .chance(self.age_hours, hours, self.condition, GAMMA)
            .ok()
    }

    fn by_day(&self, days: u32) -> Vec<f64> {
        self.belief
            .by_day(self.age_hours, days, self.condition, GAMMA)
    }
}

/// Runs that were frozen before the belief was kept name the quantiles it follows from.
fn belief_of_before(work: &Work) -> Option<LifeBelief> {
    let prior = prior_of(&work.family)?;
    let eta = work.own_life.map_or(prior.eta_hours, |own| own.eta_hours);
    let life = FamilyLife {
        // Without an age only the average rate over the whole life is known: shape 1.
        shape: work.age_hours.map_or(1.0, |_| prior.beta.typical),
        low_h: eta.low,
        typical_h: eta.typical,
        high_h: eta.high,
    };
    LifeBelief::of_family(&life).ok()
}

/// The cost model, or one that says nothing where none is set: scores need no money.
fn costs(inputs: &Inputs) -> CostModel {
    inputs.cost_model.clone().unwrap_or_else(|| CostModel {
        default_downtime_cost_per_hour: 0.0,
        ..CostModel::default()
    })
}

/// The usual job of a work's family, as far as it is left.
fn job_of(work: &Work) -> Option<FamilyPrior> {
    let usual = prior_of(&work.family)?;
    Some(FamilyPrior {
        job_hours: work.hours_left.unwrap_or(usual.job_hours),
        ..usual
    })
}

/// What jobs of a work's family cost; where a part of it is done, the planned one its share.
pub(super) fn cost_of(model: &CostModel, work: &Work) -> FamilyCost {
    let known = model.cost_per_asset_family.get(&work.family).copied();
    let mut cost = known.unwrap_or_default();
    if let Some((left, usual)) = work.hours_left.zip(prior_of(&work.family)) {
        cost.planned *= left / usual.job_hours;
    }
    cost
}

/// Chance of a failure of a work's asset inside the horizon, with its 90 % interval: the number that the
/// model lab states of the same asset, health and horizon.
#[must_use]
pub(super) fn failure_chance(work: &Work, days: u32) -> Option<FailureChance> {
    Failing::of(work)?.within(days)
}

/// What first.
#[must_use]
pub(super) fn prioritisation(inputs: &Inputs) -> PriorityProblem {
    let days = inputs.request.horizon_days;
    let model = costs(inputs);
    let items = inputs.work.iter().filter_map(|work| {
        let prior = job_of(work)?;
        Some(PriorityItem {
            id: work.key.clone(),
            asset: work.asset_code.clone(),
            family: Some(work.family.clone()),
            site: Some(work.site_id.clone()),
            unit: Some(work.unit_id.clone()),
            criticality: work.criticality,
            health: work.health,
            failure_probability: failure_chance(work, days)?.p,
            downtime_hours: prior.downtime_hours.typical,
            failure_cost: None,
            planned_cost: work.hours_left.map(|_| cost_of(&model, work).planned),
            hours: person_hours(&prior),
            is_safety: false,
            is_asked_for: work.must_do,
        })
    });
    let items = items.collect();
    PriorityProblem {
        cost_model: model,
        horizon_days: f64::from(days),
        budget: inputs.request.budget,
        hours: None,
        items,
    }
}

/// What waiting costs.
#[must_use]
pub(super) fn deferral(inputs: &Inputs) -> DeferralProblem {
    let model = costs(inputs);
    let items = inputs.work.iter().filter_map(|work| {
        let prior = job_of(work)?;
        let failing = Failing::of(work)?;
        let (shape, failures, exposure) = failing.belief.gamma_of_rate();
        let (typical, low, high) = failing.belief.scale_h();
        let cost = cost_of(&model, work);
        Some(DeferralItem {
            id: work.key.clone(),
            asset: work.asset_code.clone(),
            site: Some(work.site_id.clone()),
            unit: Some(work.unit_id.clone()),
            beta: Spread::exactly(shape),
            eta_hours: Spread { low, typical, high },
            rate: Some(RateBelief { failures, exposure }),
            gamma: Spread::exactly(GAMMA),
            age_hours: failing.age_hours,
            health: work.health,
            health_fall_per_day: work.health_fall_per_day,
            failure_cost: cost.failure,
            downtime_hours: prior.downtime_hours,
            secondary_cost: 0.0,
            safety_cost: 0.0,
            planned_cost: cost.planned,
            day_costs: Vec::new(),
            combined_job_saving: 0.0,
            running_loss_per_day: 0.0,
        })
    });
    DeferralProblem {
        cost_model: model.clone(),
        horizon_days: inputs.request.horizon_days,
        ranking_days: inputs.request.horizon_days.min(7),
        samples: 300,
        items: items.collect(),
    }
}

fn person_hours(prior: &FamilyPrior) -> f64 {
    let people: u32 = prior.crew.iter().map(|(_, n)| n).sum();
    prior.job_hours * f64::from(people)
}

/// Which work on which day.
#[must_use]
pub(super) fn production_risk(inputs: &Inputs) -> RiskProblem {
    let model = costs(inputs);
    let days = inputs.request.horizon_days;
    let tasks: Vec<RiskTask> = inputs
        .work
        .iter()
        .enumerate()
        .filter_map(|(at, work)| task(inputs, &model, work, at))
        .collect();
    let resources = inputs.limits_hours().then(|| Resource {
        id: CREW_HOURS.to_owned(),
        min: Vec::new(),
        max: crew_hours(inputs),
    });
    RiskProblem {
        periods: days,
        scenarios: vec![u32::try_from(SCENARIOS).unwrap_or(u32::MAX)],
        quantile: QUANTILE,
        alpha: None,
        budget: inputs.request.budget,
        resources: resources.into_iter().collect(),
        exclusions: pairs(&inputs.work),
        parts: bounds::by_day(inputs),
        outages: outages(inputs),
        tasks,
        cost_model: model,
        ..RiskProblem::default()
    }
}

/// The outages each asset stands in, under its own name, as far as work waits for them.
fn outages(inputs: &Inputs) -> BTreeMap<String, Vec<Window>> {
    let waiting = inputs.work.iter().filter(|work| work.needs_outage);
    waiting
        .filter_map(|work| {
            let days = bounds::outage_days(inputs, work, job_minutes(work)?);
            Some((work.asset_code.clone(), days))
        })
        .collect()
}

/// How long the usual job lasts.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "minutes of a job"
)]
fn job_minutes(work: &Work) -> Option<u32> {
    Some((job_of(work)?.job_hours * 60.0).round() as u32)
}

/// First and last day in which a work may be done where no plan of the days says it; none where outages or
/// parts leave it none.
#[must_use]
pub(super) fn open_days(inputs: &Inputs, key: &str) -> Option<(u32, u32)> {
    let whole = (1, inputs.request.horizon_days);
    let Some(work) = inputs.work.iter().find(|w| w.key == key) else {
        return Some(whole);
    };
    let minutes = job_minutes(work)?;
    if bounds::hindrance(inputs, work, minutes).is_some() {
        return None;
    }
    if !work.needs_outage {
        return Some(whole);
    }
    let days = long_enough(inputs, work, minutes);
    days.first().map(|days| (days.from, days.to))
}

/// The days of those outages in which a work can begin, with its parts there, and end.
fn long_enough(inputs: &Inputs, work: &Work, minutes: u32) -> Vec<Window> {
    let Some(prior) = job_of(work) else {
        return Vec::new();
    };
    let days = inputs.request.horizon_days;
    let people: u32 = prior.crew.iter().map(|(_, n)| n).sum();
    let per_day = f64::from(people) * DAY_HOURS;
    let capacity = inputs.limits_hours().then(|| crew_hours(inputs));
    let ready = bounds::parts_there(inputs, work).div_ceil(DAY_MINUTES) + 1;
    let fits = |window: &Window| {
        (window.from.max(ready)..=window.to).any(|start| {
            let need = person_hours(&prior);
            let amounts = paced(start, need, per_day, capacity.as_deref(), days);
            amounts.is_some_and(|amounts| start as usize + amounts.len() <= window.to as usize + 1)
        })
    };
    let mut windows = bounds::outage_days(inputs, work, minutes);
    windows.retain(fits);
    windows
}

/// What outages and parts have to do with where a work stands.
#[must_use]
pub(super) fn bound_by(inputs: &Inputs, work: &Work, days: Option<(u32, u32)>) -> Vec<Message> {
    let Some(minutes) = job_minutes(work) else {
        return Vec::new();
    };
    let mut found = bounds::reasons(inputs, work, minutes, days);
    let is_left = days.is_none() && found.is_empty() && work.needs_outage;
    if is_left && long_enough(inputs, work, minutes).is_empty() {
        found.push(bounds::message("outage.too_short", &[]));
    }
    found
}

/// Person-hours of each day, shifts less absences, as far as the what-if leaves them.
fn crew_hours(inputs: &Inputs) -> Vec<f64> {
    (0..inputs.request.horizon_days)
        .map(|day| {
            let (from, to) = (day * DAY_MINUTES, (day + 1) * DAY_MINUTES);
            let within = |spans: &[(u32, u32)]| -> u32 {
                let cut = spans.iter().map(|(a, b)| (*a.max(&from), *b.min(&to)));
                cut.filter(|(a, b)| a < b).map(|(a, b)| b - a).sum()
            };
            let minutes: u32 = inputs
                .crews
                .iter()
                .map(|crew| {
                    let at_work = crew.shifts.iter().filter(|shift| {
                        let is_away = |a: &(u32, u32)| a.0 < shift.1 && shift.0 < a.1;
                        !crew.absences.iter().any(is_away)
                    });
                    within(&at_work.copied().collect::<Vec<_>>())
                })
                .sum();
            (f64::from(minutes) / 60.0 * inputs.request.crew_factor * 10.0).round() / 10.0
        })
        .collect()
}

fn task(inputs: &Inputs, model: &CostModel, work: &Work, at: usize) -> Option<RiskTask> {
    let prior = job_of(work)?;
    let days = inputs.request.horizon_days;
    let cost = cost_of(model, work);
    let per_hour = model.downtime_cost_per_hour(Some(&work.unit_id), Some(&work.site_id));
    let seed = u64::from(inputs.request.seed) ^ (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let losses = daily_losses(
        work,
        &prior,
        (cost.failure, per_hour),
        days,
        &mut Rng::new(seed),
    );
    let need = person_hours(&prior);
    let people: u32 = prior.crew.iter().map(|(_, n)| n).sum();
    let capacity = inputs.limits_hours().then(|| crew_hours(inputs));
    let per_day = f64::from(people) * DAY_HOURS;
    let fits = |start: u32| paced(start, need, per_day, capacity.as_deref(), days).is_some();
    // What must be done and fits nowhere beside the crew keeps the starts it would have with enough people:
    // so the hours that are missing are named, and not the starts they take away.
    let is_short = work.must_do && !(1..=days).any(fits);
    let pace = capacity.as_deref().filter(|_| !is_short);
    let options = (1..=days).filter_map(|start| {
        let amounts = paced(start, need, per_day, pace, days)?;
        let duration = u32::try_from(amounts.len()).ok()?;
        let uses = capacity.is_some().then(|| Use {
            resource: CREW_HOURS.to_owned(),
            amounts,
        });
        Some(StartOption {
            start,
            duration,
            budget_use: cost.planned,
            expected_cost: cost.planned,
            uses: uses.into_iter().collect(),
            risk: (1..start)
                .map(|period| PeriodRisk {
                    period,
                    loss: losses[period as usize - 1].clone(),
                })
                .collect(),
        })
    });
    Some(RiskTask {
        id: work.key.clone(),
        asset: work.asset_code.clone(),
        is_mandatory: work.must_do,
        unplanned_cost: at_risk(inputs, model, work, &prior),
        parts: work.parts.clone(),
        windows: Vec::new(),
        outage: work.needs_outage.then(|| work.asset_code.clone()),
        options: options.collect(),
    })
}

/// What the asset is expected to cost inside the horizon when nothing is done.
fn at_risk(inputs: &Inputs, model: &CostModel, work: &Work, prior: &FamilyPrior) -> f64 {
    let cost = model.cost_per_asset_family.get(&work.family).copied();
    let per_hour = model.downtime_cost_per_hour(Some(&work.unit_id), Some(&work.site_id));
    let failure = cost.unwrap_or_default().failure + prior.downtime_hours.typical * per_hour;
    failure_chance(work, inputs.request.horizon_days).map_or(0.0, |chance| chance.p) * failure
}

/// An hour on the road or over time costs what the people cost, half as much again over time; where no
/// hourly cost is known the model's own weights stand.
fn weights(inputs: &Inputs) -> DispatchWeights {
    let known: Vec<f64> = inputs.crews.iter().filter_map(|c| c.hourly_cost).collect();
    let default = DispatchWeights::default();
    if known.is_empty() {
        return default;
    }
    #[allow(clippy::cast_precision_loss, reason = "a mean over people")]
    let hour = known.iter().sum::<f64>() / known.len() as f64;
    DispatchWeights {
        travel_per_hour: hour,
        overtime_per_hour: hour * 1.5,
        ..default
    }
}

/// Person-hours a job takes on each day from its start, days without a crew included; none where it can't
/// end inside the horizon, or nobody works on its first day.
fn paced(
    start: u32,
    need: f64,
    per_day: f64,
    capacity: Option<&[f64]>,
    days: u32,
) -> Option<Vec<f64>> {
    let mut left = need;
    let mut amounts = Vec::new();
    for day in start..=days {
        let there = capacity.map_or(per_day, |c| c[day as usize - 1].min(per_day));
        if amounts.is_empty() && there <= 0.0 {
            return None;
        }
        let today = there.min(left);
        amounts.push(today);
        left -= today;
        if left <= 1e-9 {
            return Some(amounts);
        }
    }
    None
}

/// Expected loss of each day by scenario: how much likelier the failure gets on that day, times what it
/// costs. A scenario is one place in what is believed of the rate and one draw of the downtime; the mean over
/// all is the chance that is stated, times the usual cost.
fn daily_losses(
    work: &Work,
    prior: &FamilyPrior,
    (failure, per_hour): (f64, f64),
    days: u32,
    rng: &mut Rng,
) -> Vec<Vec<f64>> {
    let Some(failing) = Failing::of(work) else {
        return vec![vec![0.0; SCENARIOS]; days as usize];
    };
    let count = u32::try_from(SCENARIOS).unwrap_or(u32::MAX);
    let mut shares: Vec<f64> = (0..count)
        .map(|n| (f64::from(n) + 0.5) / f64::from(count))
        .collect();
    rng.shuffle(&mut shares);
    let downtime = prior.downtime_hours;
    let costs: Vec<f64> = shares
        .iter()
        .map(|_| {
            let hours = rng.triangular(downtime.low, downtime.typical, downtime.high);
            failure + hours * per_hour
        })
        .collect();
    let usual = failure + downtime.typical * per_hour;
    let (age, condition) = (failing.age_hours, failing.condition);
    let stated = failing.by_day(days);
    let rows = failing
        .belief
        .by_day_at(age, days, condition, GAMMA, &shares);
    (1..=days as usize)
        .map(|day| {
            let losses: Vec<f64> = rows
                .iter()
                .zip(&costs)
                .map(|(row, cost)| (row[day] - row[day - 1]).max(0.0) * cost)
                .collect();
            let sum: f64 = losses.iter().sum();
            let wanted = (stated[day] - stated[day - 1]) * usual * f64::from(count);
            let factor = if sum > 0.0 { wanted / sum } else { 0.0 };
            // Tenths of a cent would only make files longer.
            let rounded = |loss: f64| (loss * factor * 100.0).round() / 100.0;
            losses.into_iter().map(rounded).collect()
        })
        .collect()
}

/// Machines that stand in for each other are never both taken out: same unit, codes that differ in
/// their last letter alone.
fn pairs(work: &[Work]) -> Vec<Exclusion> {
    let mut found = Vec::new();
    for (at, a) in work.iter().enumerate() {
        for b in &work[at + 1..] {
            if a.unit_id == b.unit_id
                && a.asset_id != b.asset_id
                && are_twins(&a.asset_code, &b.asset_code)
            {
                found.push(Exclusion {
                    tasks: [a.key.clone(), b.key.clone()],
                    periods: Vec::new(),
                });
            }
        }
    }
    found
}

fn are_twins(a: &str, b: &str) -> bool {
    let cut = |code: &str| {
        let last = code.chars().last().filter(char::is_ascii_alphabetic)?;
        Some(code[..code.len() - last.len_utf8()].to_owned())
    };
    cut(a).is_some() && cut(a) == cut(b)
}

/// Who does what when. `days` holds the first and last day the production-risk plan gave to each work; work without one is
/// not dispatched.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a share of a job")]
pub(super) fn dispatch(inputs: &Inputs, days: &BTreeMap<String, (u32, u32)>) -> DispatchProblem {
    let model = costs(inputs);
    let mut tasks = Vec::new();
    let mut precedence = Vec::new();
    let horizon = inputs.request.horizon_days * DAY_MINUTES;
    let weights = weights(inputs);
    for work in &inputs.work {
        let Some((&(day, end), prior)) = days.get(&work.key).zip(job_of(work)) else {
            continue;
        };
        let visits = visits_of(&prior);
        let due = end * DAY_MINUTES;
        let (earliest, latest) = open_minutes(inputs, work, (day, end));
        let unplanned_cost = at_risk(inputs, &model, work, &prior) / visits.len() as f64;
        let weight = lateness(inputs, work, unplanned_cost / weights.tardiness_per_hour);
        for (n, minutes) in visits.iter().enumerate() {
            let id = part_key(&work.key, n, visits.len());
            if n > 0 {
                precedence.push(TaskOrder {
                    before: part_key(&work.key, n - 1, visits.len()),
                    after: id.clone(),
                    lag_minutes: 0,
                });
            }
            tasks.push(DispatchTask {
                id,
                asset: work.asset_code.clone(),
                site: work.site_id.clone(),
                minutes: *minutes,
                crew: crew_of(&prior),
                certificates: work.certificates.clone(),
                earliest,
                latest_end: Some(latest),
                due: Some(due.min(horizon)),
                weight,
                is_mandatory: work.must_do,
                unplanned_cost,
                // They are taken when the first visit begins.
                parts: if n == 0 {
                    work.parts.clone()
                } else {
                    BTreeMap::new()
                },
            });
        }
    }
    let way = |a: usize, b: usize| {
        if a == b {
            0
        } else {
            inputs.request.travel_minutes
        }
    };
    let count = inputs.sites.len();
    DispatchProblem {
        cost_model: model,
        start: inputs.start,
        sites: inputs.sites.clone(),
        travel_minutes: (0..count)
            .map(|a| (0..count).map(|b| way(a, b)).collect())
            .collect(),
        technicians: inputs.crews.iter().map(|c| technician(inputs, c)).collect(),
        tasks,
        parts: bounds::by_minute(inputs),
        permits_per_site_day: None,
        precedence,
        exclusions: kept_apart(inputs, days),
        weights,
    }
}

/// Weight of an hour of lateness; `left` is what leaving the part costs, in hours of that of weight 1. Late
/// is never dearer than never: else work would be left undone while the crews are idle.
fn lateness(inputs: &Inputs, work: &Work, left: f64) -> f64 {
    let days = inputs.request.horizon_days;
    let usual = 1.0 + 10.0 * failure_chance(work, days).map_or(0.0, |chance| chance.p);
    if work.must_do {
        return usual;
    }
    usual.min(left / (f64::from(days) * 24.0))
}

/// Why a work of the plan has no place with the people: too few are able, or what it takes at once.
pub(super) fn without_place(inputs: &Inputs, work: &Work, days: (u32, u32)) -> Option<Message> {
    let prior = job_of(work)?;
    for (skill, count) in prior.crew {
        let is_able = |crew: &&super::inputs::Crew| {
            let mut needed = work.certificates.iter();
            crew.skills.iter().any(|held| held == skill)
                && needed.all(|name| crew.certificates.contains_key(name))
        };
        if inputs.crews.iter().filter(is_able).count() < *count as usize {
            let params = [
                ("task", work.key.clone()),
                ("skill", (*skill).to_owned()),
                ("count", count.to_string()),
            ];
            return Some(said("conflict.nobody_able", &params));
        }
    }
    let visits = visits_of(&prior);
    let (from, to) = open_minutes(inputs, work, days);
    let hours = f64::from(*visits.first()?) / 60.0;
    let crew = prior.crew.iter();
    let crew: Vec<String> = crew.map(|(skill, n)| format!("{skill} {n}")).collect();
    let params = [
        ("from", (from / DAY_MINUTES + 1).to_string()),
        ("to", to.div_ceil(DAY_MINUTES).to_string()),
        ("visits", visits.len().to_string()),
        ("hours", ((hours * 10.0).round() / 10.0).to_string()),
        ("crew", crew.join(", ")),
    ];
    Some(said("reason.no_place", &params))
}

/// A sentence of the optimiser.
fn said(code: &str, params: &[(&str, String)]) -> Message {
    Message {
        code: format!("optimiser.{code}"),
        ..bounds::message("", params)
    }
}

fn crew_of(prior: &FamilyPrior) -> Vec<CrewNeed> {
    let need = |(skill, count): &(&str, u32)| CrewNeed {
        skill: (*skill).to_owned(),
        count: *count,
    };
    prior.crew.iter().map(need).collect()
}

/// From when to when a work of these days may last: inside its outage, and not before its parts are there.
fn open_minutes(inputs: &Inputs, work: &Work, days: (u32, u32)) -> (u32, u32) {
    let horizon = inputs.request.horizon_days * DAY_MINUTES;
    let (earliest, latest) = if work.needs_outage {
        bounds::outage_of(inputs, work, days)
    } else {
        ((days.0 - 1) * DAY_MINUTES, horizon)
    };
    (earliest.max(bounds::parts_there(inputs, work)), latest)
}

/// The same day where what must be done may be left, dearer than all the rest together.
#[must_use]
pub(super) fn of_the_rest(mut problem: DispatchProblem) -> DispatchProblem {
    let rest: f64 = problem.tasks.iter().map(|t| t.unplanned_cost).sum();
    for task in problem.tasks.iter_mut().filter(|t| t.is_mandatory) {
        task.is_mandatory = false;
        task.unplanned_cost = rest + 1.0;
    }
    problem
}

/// Parts of two works that may not run at the same time, each with each.
fn kept_apart(inputs: &Inputs, days: &BTreeMap<String, (u32, u32)>) -> Vec<[String; 2]> {
    let mut exclusions = Vec::new();
    let planned: BTreeSet<&str> = days.keys().map(String::as_str).collect();
    for pair in pairs(&inputs.work) {
        if pair.tasks.iter().all(|key| planned.contains(key.as_str())) {
            let of = |key: &str| -> Vec<String> {
                let work = inputs.work.iter().find(|w| w.key == key);
                let prior = work.and_then(job_of);
                let count = prior.map_or(0, |p| visits_of(&p).len());
                (0..count).map(|n| part_key(key, n, count)).collect()
            };
            let [a, b] = [of(&pair.tasks[0]), of(&pair.tasks[1])];
            exclusions.extend(
                a.iter()
                    .flat_map(|x| b.iter().map(|y| [x.clone(), y.clone()])),
            );
        }
    }
    exclusions
}

fn technician(inputs: &Inputs, crew: &super::inputs::Crew) -> Technician {
    let span = |s: &(u32, u32)| Span { from: s.0, to: s.1 };
    let shifts = paced_shifts(&crew.shifts, inputs.request.crew_factor);
    Technician {
        id: crew.id.to_string(),
        site: crew.site_id.clone(),
        skills: crew.skills.clone(),
        certificates: crew.certificates.clone(),
        shifts: shifts.iter().map(span).collect(),
        absences: crew.absences.iter().map(span).collect(),
        overtime_minutes: inputs.request.overtime_minutes,
    }
}

/// Shifts with the share of their length the what-if leaves them, from their begin and at most until the
/// next one; nothing of a shift is no shift.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "minutes of a shift"
)]
fn paced_shifts(shifts: &[(u32, u32)], factor: f64) -> Vec<(u32, u32)> {
    let next = shifts.iter().skip(1).map(|next| next.0);
    shifts
        .iter()
        .zip(next.chain([u32::MAX]))
        .map(|((from, to), next)| {
            let minutes = (f64::from(to - from) * factor).round() as u32;
            (*from, from.saturating_add(minutes).min(next))
        })
        .filter(|(from, to)| from < to)
        .collect()
}

/// A job in parts that fit into a shift.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "minutes of a job"
)]
fn visits_of(prior: &FamilyPrior) -> Vec<u32> {
    let minutes = (prior.job_hours * 60.0).round() as u32;
    let count = minutes.div_ceil(PART_MINUTES).max(1);
    let (each, rest) = (minutes / count, minutes % count);
    (0..count).map(|n| each + u32::from(n < rest)).collect()
}

/// Name of a part: the work's own where there is only one.
fn part_key(key: &str, n: usize, of: usize) -> String {
    if of == 1 {
        key.to_owned()
    } else {
        format!("{key} {}/{of}", n + 1)
    }
}

/// The work a part belongs to.
#[must_use]
pub(super) fn work_of_part<'a>(inputs: &'a Inputs, part: &str) -> Option<&'a Work> {
    let exact = inputs.work.iter().find(|w| w.key == part);
    exact.or_else(|| {
        let (key, _) = part.rsplit_once(' ')?;
        inputs.work.iter().find(|w| w.key == key)
    })
}
