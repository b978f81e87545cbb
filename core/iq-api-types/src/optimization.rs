//! Runs of the optimiser: what is asked, where a run stands, what it advises.

use iq_domain::{
    AssetId, IntegrationId, Names, RecommendationId, ScenarioId, SiteId, TechnicianId, Timestamp,
    WorkOrderId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Job, StatusMessage, one};

/// What a run is asked. Everything but the horizon is a what-if on what is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptimizationRequest {
    /// What a person calls it; may be empty.
    #[serde(default)]
    pub name: String,
    /// prioritisation, deferral-cost, production-risk, workforce-dispatch; empty for all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Days planned, 1–60.
    pub horizon_days: u32,
    /// Seed of searches and samples: with the same stored data it makes the same plan.
    #[serde(default = "seed")]
    pub seed: u32,
    /// Iterations of each search, 1–200,000.
    #[serde(default = "iterations")]
    pub iterations: u32,
    /// Only this site.
    pub site_id: Option<SiteId>,
    /// Money that may be spent.
    pub budget: Option<f64>,
    /// In place of the cost model's: 1 only the mean counts, 0 only the bad cases.
    pub risk_appetite: Option<f64>,
    /// What production is worth, as a multiple of the cost model's figures, 0–10.
    #[serde(default = "one")]
    pub production_factor: f64,
    /// Person-hours per day as a share of the shifts, 0–3.
    #[serde(default = "one")]
    pub crew_factor: f64,
    /// Technicians who are not there.
    #[serde(default)]
    pub without_technicians: Vec<TechnicianId>,
    /// Minutes a shift may run over, at most 480.
    #[serde(default = "overtime")]
    pub overtime_minutes: u32,
    /// Minutes from one site to another, at most 1,440.
    #[serde(default = "travel")]
    pub travel_minutes: u32,
    /// Assets whose work has to be done.
    #[serde(default)]
    pub must_do: Vec<AssetId>,
}

const fn seed() -> u32 {
    1
}
const fn iterations() -> u32 {
    2_000
}
const fn overtime() -> u32 {
    120
}
const fn travel() -> u32 {
    75
}

/// Whether plans can be made here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OptimizationStatus {
    /// Switched on in this installation.
    pub is_enabled: bool,
    /// Why not, or what is withheld.
    pub message: Option<StatusMessage>,
    /// Version of the cost model in force.
    pub cost_model_version: Option<u32>,
    /// Its currency.
    pub currency: Option<String>,
    /// Its risk appetite.
    pub risk_appetite: Option<f64>,
    /// Technicians who can be given work.
    pub technicians: Vec<PlanTechnician>,
    /// Assets in service whose family is known, by code: what can be planned.
    pub assets: Vec<PlanAsset>,
    /// The run at work.
    pub job: Option<Job>,
}

/// A person in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanTechnician {
    /// Id.
    pub id: TechnicianId,
    /// Names.
    pub names: Names,
    /// Home site.
    pub site_id: SiteId,
}

/// An asset in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanAsset {
    /// Id.
    pub id: AssetId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
}

/// A run that was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OptimizationStarted {
    /// The run.
    pub scenario_id: ScenarioId,
    /// Its job; `event: job` on `/api/live` follows it.
    pub job: Job,
}

/// Where a run stands; in a job of kind "optimise".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OptimizationStand {
    /// The run.
    pub scenario_id: ScenarioId,
    /// Key of the model at work.
    pub model: String,
    /// Iterations so far.
    pub iteration: u64,
    /// Value of the best plan so far.
    pub incumbent: Option<f64>,
    /// No plan can be better.
    pub bound: Option<f64>,
    /// Distance between the two as a share.
    pub gap: Option<f64>,
}

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioState {
    /// At work.
    Running,
    /// It has a plan.
    Done,
    /// No plan meets every constraint of one of its models.
    Infeasible,
    /// It ended with an error.
    Failed,
    /// Stopped; the best plans so far are kept.
    Cancelled,
}

/// The figures of a run. Money is absent where no cost model was set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioSummary {
    /// Pieces of work looked at.
    pub work: u32,
    /// Of those in the plan.
    pub advised: u32,
    /// Expected cost of doing nothing.
    pub current_risk: Option<f64>,
    /// Expected cost with the plan.
    pub optimized_risk: Option<f64>,
    /// Difference.
    pub risk_reduction: Option<f64>,
    /// Planned cost of what is in the plan.
    pub planned_cost: Option<f64>,
    /// No plan has a smaller value.
    pub bound: Option<f64>,
    /// Value of the plan.
    pub objective: Option<f64>,
    /// Distance to the bound as a share.
    pub gap: Option<f64>,
    /// No better plan exists.
    pub is_optimal: bool,
    /// Hours of travel.
    pub travel_hours: Option<f64>,
    /// Hours of overtime.
    pub overtime_hours: Option<f64>,
    /// Jobs that found no place with the technicians.
    pub not_placed: u32,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scenario {
    /// Id.
    pub id: ScenarioId,
    /// Digest of everything the plan follows from: equal keys, equal plans.
    pub run_key: String,
    /// What a person calls it.
    pub name: String,
    /// State.
    pub state: ScenarioState,
    /// The moment its inputs stand for.
    pub as_of: Timestamp,
    /// What was asked.
    pub request: OptimizationRequest,
    /// Version of the program.
    pub program: String,
    /// Version of the cost model.
    pub cost_model_version: Option<u32>,
    /// Currency of all money in it.
    pub currency: Option<String>,
    /// Made in a demonstration tenant.
    pub is_demo: bool,
    /// Figures.
    pub summary: ScenarioSummary,
    /// Recommendations that became work orders.
    pub published: u32,
    /// Who.
    pub created_by: String,
    /// Began.
    pub created_at: Timestamp,
    /// Ended.
    pub finished_at: Option<Timestamp>,
}

/// What one model came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioModel {
    /// Key.
    pub model: String,
    /// plan, infeasible, withheld, not_reached.
    pub state: String,
    /// The independent checker found nothing wrong.
    pub is_checked: bool,
    /// Whether it is proven that there is no plan.
    pub is_proven: bool,
    /// Why there is no plan: the constraints that contradict each other, or what is missing.
    pub reasons: Vec<StatusMessage>,
    /// Value, bound and gap, where the model has them.
    pub objective: Option<f64>,
    /// No plan has a smaller value.
    pub bound: Option<f64>,
    /// Distance as a share.
    pub gap: Option<f64>,
    /// Iterations made.
    pub iterations: Option<u64>,
}

/// What a chance of failure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanChanceBasis {
    /// The usual life of the family and the asset's age: nothing of one's own went into it.
    FamilyPrior,
    /// The usual life of the family, lengthened by own lives in which nothing has failed.
    FamilyLives,
    /// The average rate of the family, because the asset's age is not known.
    FamilyRate,
    /// The life of the family, corrected by the tenant's own failures.
    OwnHistory,
}

/// Where a chance of failure comes from, and how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanChance {
    /// What it rests on.
    pub basis: PlanChanceBasis,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// Own failures of the family behind it.
    pub own_failures: u32,
    /// Own times at risk behind it.
    pub own_lives: u32,
    /// Why the model lab gives no chance for this asset; what the plan uses is no measurement then.
    pub lab_withheld: Option<StatusMessage>,
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recommendation {
    /// Id.
    pub id: RecommendationId,
    /// Place: safety, then score.
    pub rank: u32,
    /// Place by expected cost avoided.
    pub rank_by_cost: Option<u32>,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: Names,
    /// The order it is about, where there is one already.
    pub order_id: Option<WorkOrderId>,
    /// What that is called.
    pub order: Option<String>,
    /// Why it can't be published: the order's own system decides about its time.
    pub held: Option<StatusMessage>,
    /// Documented score, 0–100.
    pub score: f64,
    /// low, medium, high, critical.
    pub class: String,
    /// Health; absent where there is no usable score of it.
    pub health: Option<f64>,
    /// Probability of a failure inside the horizon.
    pub failure_probability: f64,
    /// Where that comes from; absent in runs of before this was kept.
    pub chance: Option<PlanChance>,
    /// Expected cost avoided.
    pub expected_cost_avoided: Option<f64>,
    /// Cost of the planned job.
    pub planned_cost: Option<f64>,
    /// Difference.
    pub net_benefit: Option<f64>,
    /// Whether it is in the plan.
    pub is_advised: bool,
    /// Start.
    pub planned_start_at: Option<Timestamp>,
    /// End.
    pub planned_end_at: Option<Timestamp>,
    /// Who does it.
    pub technicians: Vec<PlanTechnician>,
    /// Cheapest day, in days from now.
    pub cheapest_day: Option<u32>,
    /// What its place is made of.
    pub reasons: Vec<StatusMessage>,
    /// The work order a person made of it or moved because of it.
    pub work_order_id: Option<WorkOrderId>,
    /// Who.
    pub published_by: Option<String>,
    /// When.
    pub published_at: Option<Timestamp>,
}

/// A bar of the plan: a job, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanBar {
    /// Key of the part ("P-101A 1/2").
    pub key: String,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Start.
    pub start_at: Timestamp,
    /// End.
    pub end_at: Timestamp,
    /// Who; empty where nobody has been assigned.
    pub technicians: Vec<TechnicianId>,
}

/// Expected cost by day of waiting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeferralCurve {
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Place by what waiting adds.
    pub rank: u32,
    /// Day with the smallest expected cost.
    pub cheapest_day: u32,
    /// Last day on which waiting costs no more than acting now.
    pub pays_until_day: u32,
    /// By day, from 0.
    pub days: Vec<DeferralDay>,
    /// What would change the answer, nearest first.
    pub flip_points: Vec<FlipPoint>,
}

/// Waiting so many days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeferralDay {
    /// Days from now.
    pub days_deferred: u32,
    /// Probability of a failure until then.
    pub failure_probability: f64,
    /// Expected cost.
    pub expected_cost: f64,
    /// Tenth percentile.
    pub low: f64,
    /// Ninetieth percentile.
    pub high: f64,
    /// Expected cost beyond that of acting now.
    pub risk_increase: f64,
}

/// The smallest change of one input that changes the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlipPoint {
    /// Name of the input.
    pub input: String,
    /// Its value now.
    pub value: f64,
    /// From here the answer is another.
    pub flips_at: f64,
    /// The cheapest day then.
    pub cheapest_day: u32,
    /// The place among the jobs then.
    pub rank: u32,
}

/// An asset whose work was to be done in any case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MustDo {
    /// Id.
    pub asset_id: AssetId,
    /// Its code; absent where the asset is gone and the run never looked at it.
    pub code: Option<String>,
    /// Its names.
    pub names: Names,
    /// Code of its site.
    pub site_code: Option<String>,
    /// The run left it out: it stands in none of its plans.
    pub is_left_out: bool,
}

/// A run with everything in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioDetail {
    /// The run.
    pub scenario: Scenario,
    /// Local midnight of day 1.
    pub start_at: Timestamp,
    /// What is missing or taken from general knowledge.
    pub notes: Vec<StatusMessage>,
    /// Models in the order they worked.
    pub models: Vec<ScenarioModel>,
    /// Advice, best first.
    pub recommendations: Vec<Recommendation>,
    /// Bars of the plan.
    pub bars: Vec<PlanBar>,
    /// People of the plan.
    pub technicians: Vec<PlanTechnician>,
    /// Cost of waiting.
    pub curves: Vec<DeferralCurve>,
    /// What was to be done in any case, as it was asked.
    pub must_do: Vec<MustDo>,
    /// The job while the run is at work.
    pub job: Option<Job>,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioComparison {
    /// The first.
    pub a: Scenario,
    /// The second.
    pub b: Scenario,
    /// Fields of the request that differ.
    pub changed: Vec<String>,
    /// Work the two treat differently.
    pub differences: Vec<ScenarioDifference>,
}

/// Work that two runs treat differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioDifference {
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Whether it is in the first plan; there it may be without a place.
    pub a_is_advised: bool,
    /// Start in the first; none where it is not in that plan, or has no place in it.
    pub a_start_at: Option<Timestamp>,
    /// Whether it is in the second plan.
    pub b_is_advised: bool,
    /// Start in the second.
    pub b_start_at: Option<Timestamp>,
}

/// What is to become work orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishInput {
    /// Advice that is in the plan.
    pub recommendation_ids: Vec<RecommendationId>,
    /// Maintenance system whose outbox they go to; none to keep them here.
    pub integration_id: Option<IntegrationId>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishAnswer {
    /// Work orders that were written.
    pub written: Vec<WorkOrderId>,
    /// Work orders that were given another time.
    pub moved: Vec<WorkOrderId>,
    /// Done before.
    pub done_before: Vec<WorkOrderId>,
    /// Left as they are, and why.
    pub left: Vec<StatusMessage>,
    /// Waiting for approval in the outbox.
    pub handed_in: Vec<WorkOrderId>,
    /// Not handed in, and why.
    pub not_handed_in: Vec<StatusMessage>,
}
