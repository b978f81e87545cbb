//! Deferral cost: what waiting d days is expected to cost, with an interval, and which input would have to
//! change for the answer to change.
//!
//! Hazard of a worn machine: h(t) = (β/η)(t/η)^(β−1) · e^(γ(1 − H/100)), age t in hours, health H falling by a
//! rate per day, assessed once a day. P(d) = 1 − e^(−∫h); where the rate λ = η^(−β) is believed as a gamma
//! distribution, P(d) = 1 − (b/(b + x))^a with x = ∫h/λ, the mean over it. Expected cost
//! E(d) = P(d)·(failure + downtime hours · value of an hour + secondary + safety) + (1 − P(d))·planned(d)
//! + running loss · d, with planned(d) less the saving of a combined job where d > 0.

use std::collections::BTreeSet;

use iq_domain::CodedError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CostModel, Reason, Run,
    cost::{amount_of, of_entry, out_of_range},
    rng::Rng,
};

/// A value that is known only so well: lowest, typical, highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Lowest plausible.
    pub low: f64,
    /// Typical.
    pub typical: f64,
    /// Highest plausible.
    pub high: f64,
}

impl Spread {
    /// A value that is known.
    #[must_use]
    pub const fn exactly(value: f64) -> Self {
        Self {
            low: value,
            typical: value,
            high: value,
        }
    }
}

/// What is believed of the rate λ = η^(−β): a gamma distribution, from a family's spread and own lives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateBelief {
    /// Failures it is worth.
    pub failures: f64,
    /// Their exposure, in hours^β.
    pub exposure: f64,
}

/// Cost of the planned job on one day (a shared outage, a day shift).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DayCost {
    /// Day from now.
    pub day: u32,
    /// Cost of the planned job on that day.
    pub cost: f64,
}

/// A job that could wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralItem {
    /// Key.
    pub id: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Site, for the cost model.
    #[serde(default)]
    pub site: Option<String>,
    /// Unit, for the cost model.
    #[serde(default)]
    pub unit: Option<String>,
    /// Weibull shape β.
    pub beta: Spread,
    /// Weibull scale η, in hours.
    pub eta_hours: Spread,
    /// What is believed of the rate that goes with the typical β; with it, η only tells what a flip point
    /// is stated in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateBelief>,
    /// How strongly health raises the hazard, γ; 4.1 is usual.
    pub gamma: Spread,
    /// Virtual age, in hours.
    pub age_hours: f64,
    /// Health now, 0–100.
    pub health: f64,
    /// Health lost per day.
    pub health_fall_per_day: f64,
    /// Repair after a failure.
    pub failure_cost: f64,
    /// Downtime after a failure, in hours.
    pub downtime_hours: Spread,
    /// Damage to other equipment after a failure.
    #[serde(default)]
    pub secondary_cost: f64,
    /// Safety and environment after a failure.
    #[serde(default)]
    pub safety_cost: f64,
    /// The planned job.
    pub planned_cost: f64,
    /// Days on which the planned job costs something else.
    #[serde(default)]
    pub day_costs: Vec<DayCost>,
    /// Saved by doing it later together with another job.
    #[serde(default)]
    pub combined_job_saving: f64,
    /// Extra energy and reduced rate, per day of waiting.
    #[serde(default)]
    pub running_loss_per_day: f64,
}

/// Problem of the deferral model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralProblem {
    /// Cost and risk model.
    #[serde(default)]
    pub cost_model: CostModel,
    /// Days looked at.
    pub horizon_days: u32,
    /// Jobs are ranked by what waiting this long adds.
    pub ranking_days: u32,
    /// Samples of the interval.
    #[serde(default = "samples")]
    pub samples: u32,
    /// Jobs.
    pub items: Vec<DeferralItem>,
}

const fn samples() -> u32 {
    400
}

/// Waiting `days_deferred` days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralDay {
    /// Days from now.
    pub days_deferred: u32,
    /// Probability of a failure until then.
    pub failure_probability: f64,
    /// Expected cost.
    pub expected_cost: f64,
    /// Tenth percentile of the cost over the spread of the inputs.
    pub low: f64,
    /// Ninetieth percentile.
    pub high: f64,
    /// Expected cost beyond that of acting now.
    pub risk_increase: f64,
}

/// An input of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeferralInput {
    /// Repair after a failure.
    FailureCost,
    /// Downtime after a failure.
    DowntimeHours,
    /// The planned job.
    PlannedCost,
    /// Weibull scale.
    EtaHours,
    /// Weibull shape.
    Beta,
    /// Health now.
    Health,
    /// Saving of the combined job.
    CombinedJobSaving,
}

/// The smallest change of one input that changes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlipPoint {
    /// The input.
    pub input: DeferralInput,
    /// Its value now.
    pub value: f64,
    /// Its value from which the answer is another.
    pub flips_at: f64,
    /// The cheapest day then.
    pub cheapest_day: u32,
    /// The place among the jobs then.
    pub rank: u32,
}

/// Curve and answer of one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralCurve {
    /// The job.
    pub item: String,
    /// The asset.
    #[serde(default)]
    pub asset: String,
    /// Place by what waiting adds; from 1.
    pub rank: u32,
    /// By day, from 0.
    pub days: Vec<DeferralDay>,
    /// Day with the smallest expected cost.
    pub cheapest_day: u32,
    /// Last day on which waiting costs no more than acting now.
    pub pays_until_day: u32,
    /// What would change the answer, nearest first.
    pub flip_points: Vec<FlipPoint>,
}

/// Plan of the deferral model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralPlan {
    /// Jobs by rank.
    pub curves: Vec<DeferralCurve>,
    /// Seed of the samples.
    pub seed: u64,
    /// Whether the run was ended early; the jobs that were not reached are missing.
    pub is_cancelled: bool,
    /// What was assumed, because the problem does not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Reason>,
}

/// How fast an item wears out.
#[derive(Clone, Copy)]
enum Rate {
    /// λ is known.
    Known(f64),
    /// It is believed: the mean over that belief counts.
    Believed(RateBelief),
}

/// Values of one sample.
#[derive(Clone, Copy)]
struct Sample {
    beta: f64,
    rate: Rate,
    gamma: f64,
    downtime: f64,
}

/// Computes the curves.
pub fn solve(problem: &DeferralProblem, run: &Run<'_>) -> Result<DeferralPlan, CodedError> {
    validate(problem)?;
    let waits: Vec<f64> = problem
        .items
        .iter()
        .map(|item| waiting(problem, item))
        .collect();
    let mut curves = Vec::new();
    for (at, item) in problem.items.iter().enumerate() {
        if run.is_cancelled() {
            break;
        }
        let answer = answer(problem, item, at, &waits);
        // Each job has a stream of its own, so that its interval does not hang on the others.
        let mut rng = Rng::new(run.seed ^ (at as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
        curves.push(DeferralCurve {
            item: item.id.clone(),
            asset: item.asset.clone(),
            rank: answer.1,
            days: days(problem, item, &mut rng),
            cheapest_day: answer.0,
            pays_until_day: pays_until(problem, item),
            flip_points: flip_points(problem, item, at, &waits, answer),
        });
        run.tell(at as u64 + 1, None, None);
    }
    curves.sort_by_key(|curve| curve.rank);
    Ok(DeferralPlan {
        is_cancelled: curves.len() < problem.items.len(),
        curves,
        seed: run.seed,
        assumptions: Vec::new(),
    })
}

fn validate(problem: &DeferralProblem) -> Result<(), CodedError> {
    problem.cost_model.check()?;
    if !(1..=3_650).contains(&problem.horizon_days) {
        return Err(out_of_range(
            "horizon_days",
            problem.horizon_days,
            "≥ 1, ≤ 3650",
        ));
    }
    if problem.ranking_days > problem.horizon_days {
        let range = format!("≥ 0, ≤ {}", problem.horizon_days);
        return Err(out_of_range("ranking_days", problem.ranking_days, &range));
    }
    if !(10..=2_000).contains(&problem.samples) {
        return Err(out_of_range("samples", problem.samples, "≥ 10, ≤ 2000"));
    }
    if problem.items.len() > 10_000 {
        return Err(CodedError::invalid("optimiser.problem_too_large"));
    }
    crate::risk::unique(problem.items.iter().map(|item| item.id.as_str()))?;
    for (place, item) in problem.items.iter().enumerate() {
        validate_item(item).map_err(|error| of_entry("items", place, &item.id, error))?;
    }
    Ok(())
}

fn validate_item(item: &DeferralItem) -> Result<(), CodedError> {
    if item.id.trim().is_empty() {
        return Err(out_of_range("id", "\"\"", "≠ \"\""));
    }
    for (field, spread) in [
        ("beta", item.beta),
        ("eta_hours", item.eta_hours),
        ("gamma", item.gamma),
        ("downtime_hours", item.downtime_hours),
    ] {
        let is_ordered = spread.low <= spread.typical && spread.typical <= spread.high;
        let needs_more = matches!(field, "beta" | "eta_hours") && spread.low <= 0.0;
        if !is_ordered || needs_more {
            let value = format!("{}, {}, {}", spread.low, spread.typical, spread.high);
            let above = if needs_more { "0 < " } else { "" };
            let range = format!("{above}low ≤ typical ≤ high");
            return Err(out_of_range(field, value, &range));
        }
        amount_of(&format!("{field}.low"), spread.low)?;
        amount_of(&format!("{field}.high"), spread.high)?;
    }
    if let Some(rate) = item.rate {
        for (field, value) in [
            ("rate.failures", rate.failures),
            ("rate.exposure", rate.exposure),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(out_of_range(field, value, "> 0"));
            }
        }
    }
    if !(0.0..=100.0).contains(&item.health) {
        return Err(out_of_range("health", item.health, "≥ 0, ≤ 100"));
    }
    for (field, value) in [
        ("age_hours", item.age_hours),
        ("health_fall_per_day", item.health_fall_per_day),
        ("failure_cost", item.failure_cost),
        ("secondary_cost", item.secondary_cost),
        ("safety_cost", item.safety_cost),
        ("planned_cost", item.planned_cost),
        ("combined_job_saving", item.combined_job_saving),
        ("running_loss_per_day", item.running_loss_per_day),
    ] {
        amount_of(field, value)?;
    }
    let mut days = BTreeSet::new();
    item.day_costs.iter().enumerate().try_for_each(|(n, d)| {
        if !days.insert(d.day) {
            return Err(CodedError::invalid("optimiser.day_twice")
                .with("field", "day_costs")
                .with("day", d.day));
        }
        amount_of(&format!("day_costs[{n}].cost"), d.cost)
    })
}

/// Chance of failure by day, from day 0. Health is assessed once a day: a day has the health of its beginning.
fn chances(item: &DeferralItem, sample: Sample, days: u32) -> Vec<f64> {
    let aged = |day: u32| (item.age_hours + 24.0 * f64::from(day)).powf(sample.beta);
    let chance = |x: f64| match sample.rate {
        Rate::Known(rate) => -(-x * rate).exp_m1(),
        Rate::Believed(rate) => -(-rate.failures * (x / rate.exposure).ln_1p()).exp_m1(),
    };
    let mut sum = 0.0;
    let mut all = vec![0.0];
    for day in 0..days {
        let health = (item.health - item.health_fall_per_day * f64::from(day)).max(0.0);
        sum += (sample.gamma * (1.0 - health / 100.0)).exp() * (aged(day + 1) - aged(day));
        all.push(chance(sum));
    }
    all
}

fn planned(item: &DeferralItem, day: u32) -> f64 {
    let special = item.day_costs.iter().find(|d| d.day == day);
    let cost = special.map_or(item.planned_cost, |d| d.cost);
    if day > 0 {
        (cost - item.combined_job_saving).max(0.0)
    } else {
        cost
    }
}

/// (probability, cost) by day.
fn costs(
    problem: &DeferralProblem,
    item: &DeferralItem,
    sample: Sample,
    days: u32,
) -> Vec<(f64, f64)> {
    let costs = &problem.cost_model;
    let per_hour = costs.downtime_cost_per_hour(item.unit.as_deref(), item.site.as_deref());
    let failed =
        item.failure_cost + sample.downtime * per_hour + item.secondary_cost + item.safety_cost;
    (0..)
        .zip(chances(item, sample, days))
        .map(|(day, p)| {
            let running = item.running_loss_per_day * f64::from(day);
            (p, p * failed + (1.0 - p) * planned(item, day) + running)
        })
        .collect()
}

fn typical(item: &DeferralItem) -> Sample {
    let (beta, eta) = (item.beta.typical, item.eta_hours.typical);
    Sample {
        beta,
        rate: item
            .rate
            .map_or(Rate::Known(eta.powf(-beta)), Rate::Believed),
        gamma: item.gamma.typical,
        downtime: item.downtime_hours.typical,
    }
}

/// One draw of what the typical values are the middle of.
fn drawn(item: &DeferralItem, rng: &mut Rng) -> Sample {
    let draw = |rng: &mut Rng, s: Spread| rng.around(s.low, s.typical, s.high);
    let (gamma, downtime) = (draw(rng, item.gamma), draw(rng, item.downtime_hours));
    let (beta, rate) = match item.rate {
        // The belief is about the rate that goes with the typical shape.
        Some(rate) => {
            let lambda = rng.gamma(rate.failures) / rate.exposure;
            (item.beta.typical, lambda)
        }
        None => {
            let beta = draw(rng, item.beta);
            (beta, draw(rng, item.eta_hours).powf(-beta))
        }
    };
    Sample {
        beta,
        rate: Rate::Known(rate),
        gamma,
        downtime,
    }
}

/// What waiting the ranking days adds.
fn waiting(problem: &DeferralProblem, item: &DeferralItem) -> f64 {
    let costs = costs(problem, item, typical(item), problem.ranking_days);
    costs[costs.len() - 1].1 - costs[0].1
}

/// Cheapest day and place of a job.
fn answer(problem: &DeferralProblem, item: &DeferralItem, at: usize, waits: &[f64]) -> (u32, u32) {
    let costs = costs(problem, item, typical(item), problem.horizon_days);
    let cheapest = (0..).zip(&costs).min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let mine = costs[problem.ranking_days as usize].1 - costs[0].1;
    let before = waits
        .iter()
        .enumerate()
        .filter(|(other, wait)| *other != at && (**wait > mine || (**wait == mine && *other < at)));
    (
        cheapest.map_or(0, |(day, _)| day),
        before.count() as u32 + 1,
    )
}

fn pays_until(problem: &DeferralProblem, item: &DeferralItem) -> u32 {
    let costs = costs(problem, item, typical(item), problem.horizon_days);
    let now = costs[0].1;
    let days = (0..).zip(&costs).filter(|(_, (_, cost))| *cost <= now);
    days.map(|(day, _)| day).last().unwrap_or(0)
}

fn days(problem: &DeferralProblem, item: &DeferralItem, rng: &mut Rng) -> Vec<DeferralDay> {
    let middle = costs(problem, item, typical(item), problem.horizon_days);
    let mut sampled = vec![Vec::new(); middle.len()];
    for _ in 0..problem.samples {
        let sample = drawn(item, rng);
        let costs = costs(problem, item, sample, problem.horizon_days);
        sampled
            .iter_mut()
            .zip(costs)
            .for_each(|(day, (_, cost))| day.push(cost));
    }
    let now = middle[0].1;
    (0..)
        .zip(middle)
        .zip(&mut sampled)
        .map(|((day, (p, cost)), sampled)| {
            sampled.sort_by(f64::total_cmp);
            let at = |share: f64| sampled[((sampled.len() - 1) as f64 * share).round() as usize];
            DeferralDay {
                days_deferred: day,
                failure_probability: p,
                expected_cost: cost,
                // What is rare and dear can lift the mean over nine draws of ten: the interval holds it.
                low: at(0.1).min(cost),
                high: at(0.9).max(cost),
                risk_increase: cost - now,
            }
        })
        .collect()
}

const INPUTS: [DeferralInput; 7] = [
    DeferralInput::FailureCost,
    DeferralInput::DowntimeHours,
    DeferralInput::PlannedCost,
    DeferralInput::EtaHours,
    DeferralInput::Beta,
    DeferralInput::Health,
    DeferralInput::CombinedJobSaving,
];

fn field(item: &mut DeferralItem, input: DeferralInput) -> &mut f64 {
    match input {
        DeferralInput::FailureCost => &mut item.failure_cost,
        DeferralInput::DowntimeHours => &mut item.downtime_hours.typical,
        DeferralInput::PlannedCost => &mut item.planned_cost,
        DeferralInput::EtaHours => &mut item.eta_hours.typical,
        DeferralInput::Beta => &mut item.beta.typical,
        DeferralInput::Health => &mut item.health,
        DeferralInput::CombinedJobSaving => &mut item.combined_job_saving,
    }
}

/// The item with another typical value of one input. A belief about the rate goes along: its usual life is the
/// typical η, whatever the shape.
fn changed(item: &DeferralItem, input: DeferralInput, value: f64) -> DeferralItem {
    let mut other = item.clone();
    *field(&mut other, input) = value;
    let worth = |item: &DeferralItem| item.eta_hours.typical.powf(item.beta.typical);
    let factor = worth(&other) / worth(item);
    if let Some(rate) = &mut other.rate {
        rate.exposure *= factor;
    }
    other
}

/// Shapes a machine can have: no list knows a steeper one. Beyond them a chance is next to nothing or next to
/// one on every day, and what would flip there says nothing about a machine.
const BETAS: (f64, f64) = (0.5, 7.0);

/// Where a flip point is looked for: a tenth to the tenfold, as far as there can be such a value.
fn bounds(input: DeferralInput, value: f64) -> (f64, f64) {
    let (low, high) = (value / 10.0, value * 10.0);
    match input {
        DeferralInput::Beta => (low.max(BETAS.0), high.min(BETAS.1)),
        DeferralInput::Health => (low, high.min(100.0)),
        _ => (low, high),
    }
}

/// Looks from each input outwards, as far as its bounds, for the nearest value with another answer.
fn flip_points(
    problem: &DeferralProblem,
    item: &DeferralItem,
    at: usize,
    waits: &[f64],
    now: (u32, u32),
) -> Vec<FlipPoint> {
    let mut found: Vec<(f64, FlipPoint)> = Vec::new();
    for input in INPUTS {
        let value = *field(&mut item.clone(), input);
        let (low, high) = bounds(input, value);
        if value <= 0.0 || !(low..=high).contains(&value) {
            continue;
        }
        for end in [high, low] {
            // How far it is, in powers of ten.
            let way = (end / value).log10();
            let at_step = |step: f64| (value * 10_f64.powf(way * step / 20.0)).clamp(low, high);
            let with = |step: f64| {
                let other = changed(item, input, at_step(step));
                answer(problem, &other, at, waits)
            };
            let Some(step) = (1..=20).find(|step| with(f64::from(*step)) != now) else {
                continue;
            };
            let (mut same, mut other) = (f64::from(step - 1), f64::from(step));
            for _ in 0..30 {
                let middle = f64::midpoint(same, other);
                if with(middle) == now {
                    same = middle;
                } else {
                    other = middle;
                }
            }
            let (cheapest_day, rank) = with(other);
            found.push((
                other * way.abs(),
                FlipPoint {
                    input,
                    value,
                    flips_at: at_step(other),
                    cheapest_day,
                    rank,
                },
            ));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, point)| point).collect()
}

#[cfg(test)]
#[path = "deferral_tests.rs"]
mod tests;
