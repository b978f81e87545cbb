//! Runs of the optimiser as they are shown.

use std::collections::{BTreeMap, HashMap};

use iq_api_types::{
    DeferralCurve, DeferralDay, FlipPoint, MustDo, OptimizationRequest, PlanAsset, PlanBar,
    PlanChance, PlanChanceBasis, PlanTechnician, Recommendation, Scenario, ScenarioComparison,
    ScenarioDetail, ScenarioDifference, ScenarioModel, ScenarioState, ScenarioSummary,
    StatusMessage,
};
use iq_domain::{
    AssetId, CodedError, Message, Names, Technician, TechnicianId, Timestamp, WorkOrderId,
};
use iq_locale::{Language, Params};
use iq_optimiser::{Model, deferral::DeferralPlan, dispatch::DispatchPlan};
use iq_runtime::{
    TenantIndex,
    optimisation::{
        Advice, Chance, ChanceBasis, Inputs, ModelOutcome, ModelState, PlanOutcome, prior_of,
    },
};
use iq_store::{
    jobs::Job,
    recommendations::RecommendationRow,
    scenarios::{self, ScenarioRow},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{jobs, texts};

const MINUTE_MS: i64 = 60_000;

/// A stored run with what belongs to it.
pub(crate) struct Found {
    pub(crate) row: ScenarioRow,
    pub(crate) advice: Vec<RecommendationRow>,
    pub(crate) people: Vec<Technician>,
    /// Systems of the orders that are not ours to move.
    pub(crate) kept_by: HashMap<WorkOrderId, String>,
    pub(crate) job: Option<Job>,
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

pub(crate) fn word(value: &impl serde::Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

/// The sentence of a reason, a conflict or a note.
pub(crate) fn sentence(language: Language, message: &Message) -> StatusMessage {
    let Some(code) = message.code.strip_prefix("optimiser.") else {
        let mut said = message.clone();
        apart(language, &mut said.params);
        return StatusMessage {
            params: message.params.clone(),
            ..texts::status(language, &said)
        };
    };
    let mut params = message.params.clone();
    for (argument, section, list) in [
        ("skill", "ui", "enum.skill"),
        ("resource", "optimiser", "resource"),
    ] {
        if let Some(value) = params.get_mut(argument)
            && let Some(name) = iq_locale::pattern(language, section, &format!("{list}.{value}"))
        {
            name.clone_into(value);
        }
    }
    if let Some(crew) = params.get_mut("crew") {
        *crew = crew_words(language, crew);
    }
    let mut said = params.clone();
    apart(language, &mut said);
    StatusMessage {
        code: message.code.clone(),
        message: iq_locale::message(language, &["optimiser"], code, &said),
        params,
    }
}

/// "mechanical 1, rotating 1" with the names of the skills.
fn crew_words(language: Language, crew: &str) -> String {
    let one = |part: &str| {
        let Some((skill, count)) = part.rsplit_once(' ') else {
            return part.to_owned();
        };
        let name = iq_locale::pattern(language, "ui", &format!("enum.skill.{skill}"));
        format!("{count} × {}", name.unwrap_or(skill))
    };
    let all: Vec<String> = crew.split(", ").map(one).collect();
    all.join(", ")
}

/// Names in a row, each isolated by itself in Arabic: all in one, they would stand in reversed order.
fn apart(language: Language, params: &mut Params) {
    if language != Language::Ar {
        return;
    }
    for list in ["names", "tasks", "crew"] {
        if let Some(names) = params.get_mut(list) {
            *names = names.replace(", ", "\u{2069}، \u{2068}");
        }
    }
}

pub(crate) fn asset_code(plant: &TenantIndex, id: AssetId) -> String {
    let entry = plant.assets.get(&id);
    entry.map_or_else(|| id.to_string(), |e| e.asset.code.clone())
}

fn asset_names(plant: &TenantIndex, id: AssetId) -> Names {
    let entry = plant.assets.get(&id);
    entry.map(|e| e.asset.names.clone()).unwrap_or_default()
}

/// People by name.
pub(crate) fn people<'a>(all: impl Iterator<Item = &'a Technician>) -> Vec<PlanTechnician> {
    let mut people: Vec<PlanTechnician> = all
        .map(|t| PlanTechnician {
            id: t.id,
            names: t.names.clone(),
            site_id: t.site_id,
        })
        .collect();
    people.sort_by(|a, b| a.names.en.cmp(&b.names.en).then(a.id.cmp(&b.id)));
    people
}

/// Assets whose work can be planned, by code: in service, and of a family whose failures are known.
pub(crate) fn plannable_assets(plant: &TenantIndex, now: Timestamp) -> Vec<PlanAsset> {
    let mut found: Vec<PlanAsset> = plant
        .assets
        .values()
        .filter(|e| e.asset.effective_to.is_none_or(|end| end > now))
        .filter(|e| prior_of(&e.asset.family).is_some())
        .map(|e| PlanAsset {
            id: e.asset.id,
            code: e.asset.code.clone(),
            names: e.asset.names.clone(),
        })
        .collect();
    found.sort_by(|a, b| a.code.cmp(&b.code));
    found
}

pub(crate) fn scenario(row: &ScenarioRow, advice: &[RecommendationRow]) -> Scenario {
    let outcome: PlanOutcome = read(&row.outcome).unwrap_or_default();
    let s = outcome.summary;
    let published = advice.iter().filter(|a| a.work_order_id.is_some()).count();
    let asked: OptimizationRequest = read(&row.request).unwrap_or_else(|| OptimizationRequest {
        name: row.name.clone(),
        models: Vec::new(),
        horizon_days: 0,
        seed: row.seed,
        iterations: row.iterations,
        site_id: None,
        budget: None,
        risk_appetite: None,
        production_factor: 1.0,
        crew_factor: 1.0,
        without_technicians: Vec::new(),
        overtime_minutes: 0,
        travel_minutes: 0,
        must_do: Vec::new(),
    });
    Scenario {
        id: row.id,
        run_key: row.run_key.clone(),
        name: row.name.clone(),
        state: match row.state {
            scenarios::ScenarioState::Running => ScenarioState::Running,
            scenarios::ScenarioState::Done => ScenarioState::Done,
            scenarios::ScenarioState::Infeasible => ScenarioState::Infeasible,
            scenarios::ScenarioState::Failed => ScenarioState::Failed,
            scenarios::ScenarioState::Cancelled => ScenarioState::Cancelled,
        },
        as_of: row.as_of,
        request: asked,
        program: row.program.clone(),
        cost_model_version: row.cost_model_version,
        currency: row.input["cost_model"]["currency"]
            .as_str()
            .map(str::to_owned),
        is_demo: row.is_demo,
        summary: ScenarioSummary {
            work: s.work,
            advised: s.advised,
            current_risk: s.current_risk,
            optimized_risk: s.optimized_risk,
            risk_reduction: s.risk_reduction,
            planned_cost: s.planned_cost,
            bound: s.bound,
            objective: s.objective,
            gap: s.gap,
            is_optimal: s.is_optimal,
            travel_hours: s.travel_hours,
            overtime_hours: s.overtime_hours,
            not_placed: s.not_placed,
        },
        published: u32::try_from(published).unwrap_or(u32::MAX),
        created_by: row.created_by.clone(),
        created_at: row.created_at,
        finished_at: row.finished_at,
    }
}

pub(crate) fn detail(
    language: Language,
    plant: &TenantIndex,
    found: Found,
    now: Timestamp,
) -> ScenarioDetail {
    let outcome: PlanOutcome = read(&found.row.outcome).unwrap_or_default();
    let inputs: Option<Inputs> = read(&found.row.input);
    let notes = inputs.iter().flat_map(|i| &i.notes);
    let planned = |key: &str| {
        let mine = outcome.models.iter().find(|m| m.model == key)?;
        (!mine.plan.is_null()).then_some(&mine.plan)
    };
    let by_id: HashMap<TechnicianId, &Technician> =
        found.people.iter().map(|t| (t.id, t)).collect();
    let recommendations: Vec<Recommendation> = found
        .advice
        .iter()
        .filter_map(|row| recommendation(language, plant, row, &by_id, &found.kept_by))
        .collect();
    let dispatch: Option<DispatchPlan> = planned("workforce-dispatch").and_then(read);
    let deferral: Option<DeferralPlan> = planned("deferral-cost").and_then(read);
    let assets: BTreeMap<&str, AssetId> = inputs
        .iter()
        .flat_map(|i| &i.work)
        .map(|w| (w.key.as_str(), w.asset_id))
        .collect();
    let shown = scenario(&found.row, &found.advice);
    ScenarioDetail {
        must_do: must_do(plant, &shown.request.must_do, inputs.as_ref()),
        scenario: shown,
        start_at: inputs.as_ref().map_or(found.row.as_of, |i| i.start),
        notes: notes.map(|n| sentence(language, n)).collect(),
        models: outcome.models.iter().map(|m| model(language, m)).collect(),
        bars: bars(
            plant,
            inputs.as_ref(),
            dispatch.as_ref(),
            &assets,
            &recommendations,
        ),
        technicians: people(found.people.iter()),
        curves: deferral
            .map(|plan| curves(plant, plan, &assets))
            .unwrap_or_default(),
        recommendations,
        job: found
            .job
            .filter(|job| job.finished_at.is_none())
            .map(|job| jobs::dto(language, job, now)),
    }
}

/// What was to be done in any case, by its code and site: also what the run left out, and what has been
/// deleted since.
fn must_do(plant: &TenantIndex, asked: &[AssetId], inputs: Option<&Inputs>) -> Vec<MustDo> {
    let one = |id: &AssetId| {
        let entry = plant.assets.get(id);
        let work = inputs.and_then(|i| i.work.iter().find(|w| w.asset_id == *id));
        let site = entry.map(|e| e.site_id);
        let site = site.or_else(|| work.and_then(|w| w.site_id.parse().ok()));
        let code = entry.map(|e| e.asset.code.clone());
        MustDo {
            asset_id: *id,
            code: code.or_else(|| work.map(|w| w.asset_code.clone())),
            names: asset_names(plant, *id),
            site_code: site
                .and_then(|site| plant.sites.get(&site))
                .map(|site| site.code.clone()),
            is_left_out: inputs.is_some() && work.is_none(),
        }
    };
    asked.iter().map(one).collect()
}

/// One of them in words.
fn must_do_text(language: Language, one: &MustDo) -> String {
    let said = |key: &str, params: &iq_locale::Params| {
        iq_locale::plain(language, "ui", key, params).unwrap_or_default()
    };
    let Some(code) = &one.code else {
        return said("optimization.must_do_gone", &iq_locale::Params::new());
    };
    let asset = match &one.site_code {
        Some(site) => format!("{code} ({site})"),
        None => code.clone(),
    };
    if one.is_left_out {
        let params = iq_locale::Params::from([("asset".to_owned(), asset)]);
        return said("optimization.must_do_left", &params);
    }
    asset
}

fn model(language: Language, outcome: &ModelOutcome) -> ScenarioModel {
    let quality = &outcome.plan["quality"];
    ScenarioModel {
        model: outcome.model.clone(),
        state: word(&outcome.state),
        is_checked: outcome.is_checked,
        is_proven: outcome.is_proven,
        reasons: outcome
            .reasons
            .iter()
            .map(|r| sentence(language, r))
            .collect(),
        objective: quality["objective"].as_f64(),
        bound: quality["bound"].as_f64(),
        gap: quality["gap"].as_f64(),
        iterations: quality["iterations"].as_u64(),
    }
}

fn recommendation(
    language: Language,
    plant: &TenantIndex,
    row: &RecommendationRow,
    people: &HashMap<TechnicianId, &Technician>,
    kept_by: &HashMap<WorkOrderId, String>,
) -> Option<Recommendation> {
    let system = row.order_id.and_then(|id| kept_by.get(&id));
    let held = system
        .filter(|_| row.work_order_id.is_none())
        .map(|system| {
            let error = CodedError::conflict("work_orders.owned_by_source").with("system", system);
            texts::status(language, &Message::from(&error))
        });
    let advice: Advice = read(&row.advice)?;
    let who = advice.technicians.iter().filter_map(|id| people.get(id));
    Some(Recommendation {
        id: row.id,
        rank: row.rank,
        rank_by_cost: advice.rank_by_cost,
        asset_id: row.asset_id,
        asset_code: asset_code(plant, row.asset_id),
        asset_names: asset_names(plant, row.asset_id),
        order_id: row.order_id,
        order: advice.order,
        held,
        score: advice.score,
        class: word(&advice.class),
        health: advice.health,
        failure_probability: advice.failure_probability,
        chance: advice.chance.map(|chance| plan_chance(language, chance)),
        expected_cost_avoided: advice.expected_cost_avoided,
        planned_cost: advice.planned_cost,
        net_benefit: advice.net_benefit,
        is_advised: advice.is_advised,
        planned_start_at: advice.planned_start,
        planned_end_at: advice.planned_end,
        technicians: self::people(who.copied()),
        cheapest_day: advice.cheapest_day,
        reasons: advice
            .reasons
            .iter()
            .map(|r| sentence(language, r))
            .collect(),
        work_order_id: row.work_order_id,
        published_by: row.published_by.clone(),
        published_at: row.published_at,
    })
}

/// What a run was asked beside seed and iterations, in words.
pub(crate) fn asked(language: Language, detail: &ScenarioDetail) -> Vec<(String, String)> {
    let asked = &detail.scenario.request;
    let label = |key: &str| {
        let key = format!("optimization.{key}");
        let known = iq_locale::pattern(language, "ui", &key);
        known.unwrap_or(&key).to_owned()
    };
    let listed = |names: Vec<String>| {
        if names.is_empty() {
            "\u{2014}".to_owned()
        } else {
            texts::listed(language, &names)
        }
    };
    let must_do = detail.must_do.iter();
    let must_do = must_do.map(|one| must_do_text(language, one)).collect();
    let person = |id: &TechnicianId| {
        let known = detail.technicians.iter().find(|one| one.id == *id);
        known.map_or_else(
            || id.to_string(),
            |one| language.name(&one.names).to_owned(),
        )
    };
    let coin = detail.scenario.currency.clone().unwrap_or_default();
    let money = |value: f64| format!("{value:.0} {coin}").trim().to_owned();
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let none = || listed(Vec::new());
    let days = iq_locale::Params::from([("n".to_owned(), asked.horizon_days.to_string())]);
    let days = iq_locale::plain(language, "ui", "optimization.days", &days);
    vec![
        (label("horizon"), days.unwrap_or_default()),
        (label("budget"), asked.budget.map_or_else(none, money)),
        (label("must_do"), listed(must_do)),
        (
            label("without"),
            listed(asked.without_technicians.iter().map(person).collect()),
        ),
        (
            label("risk_appetite"),
            asked.risk_appetite.map_or_else(none, |v| v.to_string()),
        ),
        (label("production_factor"), percent(asked.production_factor)),
        (label("crew_factor"), percent(asked.crew_factor)),
        (
            label("overtime_minutes"),
            asked.overtime_minutes.to_string(),
        ),
        (label("travel_minutes"), asked.travel_minutes.to_string()),
    ]
}

fn plan_chance(language: Language, chance: Chance) -> PlanChance {
    PlanChance {
        basis: match chance.basis {
            ChanceBasis::FamilyPrior => PlanChanceBasis::FamilyPrior,
            ChanceBasis::FamilyLives => PlanChanceBasis::FamilyLives,
            ChanceBasis::FamilyRate => PlanChanceBasis::FamilyRate,
            ChanceBasis::OwnHistory => PlanChanceBasis::OwnHistory,
        },
        low: chance.low,
        high: chance.high,
        own_failures: chance.own_failures,
        own_lives: chance.own_lives,
        lab_withheld: chance.lab_withheld.map(|why| texts::status(language, &why)),
    }
}

/// Bars with people; work nobody was assigned to has one bar over its day.
fn bars(
    plant: &TenantIndex,
    inputs: Option<&Inputs>,
    dispatch: Option<&DispatchPlan>,
    assets: &BTreeMap<&str, AssetId>,
    advice: &[Recommendation],
) -> Vec<PlanBar> {
    let Some(inputs) = inputs else {
        return Vec::new();
    };
    let owner = |part: &str| -> Option<AssetId> {
        let whole = assets.get(part).copied();
        whole.or_else(|| assets.get(part.rsplit_once(' ')?.0).copied())
    };
    let at = |minute: u32| inputs.start.plus_ms(i64::from(minute) * MINUTE_MS);
    // A job one part of which has no place is not done by halves: the list says that it has none.
    let left = dispatch.iter().flat_map(|plan| &plan.left);
    let left: Vec<AssetId> = left.filter_map(|part| owner(part)).collect();
    let mut bars: Vec<PlanBar> = dispatch
        .iter()
        .flat_map(|plan| &plan.scheduled)
        .filter_map(|task| {
            let asset_id = owner(&task.task).filter(|id| !left.contains(id))?;
            Some(PlanBar {
                key: task.task.clone(),
                asset_id,
                asset_code: asset_code(plant, asset_id),
                start_at: at(task.start),
                end_at: at(task.end),
                technicians: task
                    .technicians
                    .iter()
                    .filter_map(|t| t.parse().ok())
                    .collect(),
            })
        })
        .collect();
    let bare = advice
        .iter()
        .filter(|a| a.is_advised && a.technicians.is_empty());
    for one in bare {
        if bars.iter().any(|b| b.asset_id == one.asset_id) {
            continue;
        }
        if let Some((start_at, end_at)) = one.planned_start_at.zip(one.planned_end_at) {
            bars.push(PlanBar {
                key: one.asset_code.clone(),
                asset_id: one.asset_id,
                asset_code: one.asset_code.clone(),
                start_at,
                end_at,
                technicians: Vec::new(),
            });
        }
    }
    bars.sort_by(|a, b| (a.start_at, &a.key).cmp(&(b.start_at, &b.key)));
    bars
}

fn curves(
    plant: &TenantIndex,
    plan: DeferralPlan,
    assets: &BTreeMap<&str, AssetId>,
) -> Vec<DeferralCurve> {
    let mut curves: Vec<DeferralCurve> = plan
        .curves
        .into_iter()
        .filter_map(|curve| {
            let asset_id = *assets.get(curve.item.as_str())?;
            Some(DeferralCurve {
                asset_id,
                asset_code: asset_code(plant, asset_id),
                rank: curve.rank,
                cheapest_day: curve.cheapest_day,
                pays_until_day: curve.pays_until_day,
                days: curve
                    .days
                    .iter()
                    .map(|d| DeferralDay {
                        days_deferred: d.days_deferred,
                        failure_probability: d.failure_probability,
                        expected_cost: d.expected_cost,
                        low: d.low,
                        high: d.high,
                        risk_increase: d.risk_increase,
                    })
                    .collect(),
                flip_points: curve
                    .flip_points
                    .iter()
                    .map(|f| FlipPoint {
                        input: word(&f.input),
                        value: f.value,
                        flips_at: f.flips_at,
                        cheapest_day: f.cheapest_day,
                        rank: f.rank,
                    })
                    .collect(),
            })
        })
        .collect();
    curves.sort_by_key(|c| c.rank);
    curves
}

/// How a plan treats a work: whether it is in it, and its start where it has a place there.
type Treated = (bool, Option<Timestamp>);

/// How a plan treats the work of each asset. A job of which a dispatch placed nobody has no place, whatever
/// day runs of before wrote down for it.
fn treated(outcome: &Value, advice: &[RecommendationRow]) -> BTreeMap<AssetId, Treated> {
    let outcome: Option<PlanOutcome> = read(outcome);
    let is_dispatch =
        |m: &ModelOutcome| m.model == Model::WorkforceDispatch.key() && m.state == ModelState::Plan;
    let is_dispatched = outcome.is_some_and(|o| o.models.iter().any(is_dispatch));
    let one = |row: &RecommendationRow| {
        let advice: Advice = read(&row.advice)?;
        let has_place = advice.is_advised && !(is_dispatched && advice.technicians.is_empty());
        let start = advice.planned_start.filter(|_| has_place);
        Some((row.asset_id, (advice.is_advised, start)))
    };
    advice.iter().filter_map(one).collect()
}

/// The work that two plans treat differently: it has a place in one of them only, or another one. Work
/// without a place in both is treated alike.
fn differences(
    code: impl Fn(AssetId) -> String,
    left: &BTreeMap<AssetId, Treated>,
    right: &BTreeMap<AssetId, Treated>,
) -> Vec<ScenarioDifference> {
    let mut assets: Vec<AssetId> = left.keys().chain(right.keys()).copied().collect();
    assets.sort();
    assets.dedup();
    let at = |map: &BTreeMap<AssetId, Treated>, id: AssetId| {
        map.get(&id).copied().unwrap_or((false, None))
    };
    let mut found: Vec<ScenarioDifference> = assets
        .into_iter()
        .filter_map(|asset_id| {
            let (a_is_advised, a_start_at) = at(left, asset_id);
            let (b_is_advised, b_start_at) = at(right, asset_id);
            (a_start_at != b_start_at).then(|| ScenarioDifference {
                asset_id,
                asset_code: code(asset_id),
                a_is_advised,
                a_start_at,
                b_is_advised,
                b_start_at,
            })
        })
        .collect();
    found.sort_by(|x, y| x.asset_code.cmp(&y.asset_code));
    found
}

/// Two runs side by side.
pub(crate) fn comparison(plant: &TenantIndex, a: &Found, b: &Found) -> ScenarioComparison {
    let (left, right) = (
        treated(&a.row.outcome, &a.advice),
        treated(&b.row.outcome, &b.advice),
    );
    let changed = a
        .row
        .request
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| {
            key.as_str() != "name" && b.row.request.get(key.as_str()) != Some(*value)
        })
        .map(|(key, _)| key.clone())
        .collect();
    ScenarioComparison {
        a: scenario(&a.row, &a.advice),
        b: scenario(&b.row, &b.advice),
        changed,
        differences: differences(|id| asset_code(plant, id), &left, &right),
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::{RecommendationId, ScenarioId, TenantId};
    use iq_runtime::optimisation::PlanSummary;

    use super::*;

    #[test]
    fn work_without_a_place_in_both_plans_is_no_difference() {
        let outcome = json!(PlanOutcome {
            models: vec![ModelOutcome {
                model: Model::WorkforceDispatch.key().to_owned(),
                state: ModelState::Plan,
                is_checked: true,
                reasons: Vec::new(),
                is_proven: false,
                plan: Value::Null,
            }],
            summary: PlanSummary::default(),
        });
        let [unplaced, placed, moved, out] = std::array::from_fn(|_| AssetId::new());
        let row = |asset_id: AssetId, (is_advised, day, people): (bool, Option<i64>, usize)| {
            let people: Vec<TechnicianId> = (0..people).map(|_| TechnicianId::new()).collect();
            RecommendationRow {
                id: RecommendationId::new(),
                tenant_id: TenantId::new(),
                scenario_id: ScenarioId::new(),
                rank: 1,
                asset_id,
                order_id: None,
                advice: json!({
                    "key": "P-1", "score": 1.0, "class": "high", "failure_probability": 0.1,
                    "is_advised": is_advised, "planned_start": day.map(Timestamp),
                    "technicians": people, "reasons": [],
                }),
                work_order_id: None,
                published_by: None,
                published_at: None,
            }
        };
        // Runs of before gave work without people the midnight of its day.
        let a = [
            row(unplaced, (true, Some(1), 0)),
            row(placed, (true, None, 0)),
            row(moved, (true, Some(3), 2)),
            row(out, (true, None, 0)),
        ];
        let b = [
            row(unplaced, (true, None, 0)),
            row(placed, (true, Some(2), 1)),
            row(moved, (true, Some(4), 2)),
            row(out, (false, None, 0)),
        ];
        let (left, right) = (treated(&outcome, &a), treated(&outcome, &b));
        let found = differences(|id| id.to_string(), &left, &right);
        let of = |id: AssetId| found.iter().find(|d| d.asset_id == id);
        assert_eq!(found.len(), 2, "{found:?}");
        let one = of(placed).unwrap();
        assert!(one.a_is_advised && one.b_is_advised);
        assert_eq!((one.a_start_at, one.b_start_at), (None, Some(Timestamp(2))));
        assert!(of(moved).is_some());
    }

    #[test]
    fn what_must_be_done_reads_as_code_and_site_and_never_as_an_id() {
        let one = |code: Option<&str>, site: Option<&str>, is_left_out: bool| MustDo {
            asset_id: AssetId::new(),
            code: code.map(str::to_owned),
            names: Names::default(),
            site_code: site.map(str::to_owned),
            is_left_out,
        };
        for (of, en, ar) in [
            (one(Some("P-1"), Some("RAS"), false), "P-1 (RAS)", "P-1"),
            (
                one(Some("P-1"), Some("RAS"), true),
                "P-1 (RAS), left out",
                "مستبعد",
            ),
            (one(Some("P-1"), None, false), "P-1", "P-1"),
            (
                one(None, None, true),
                "an asset that was deleted",
                "أصل محذوف",
            ),
        ] {
            assert_eq!(must_do_text(Language::En, &of), en);
            let said = must_do_text(Language::Ar, &of);
            assert!(said.contains(ar), "{said}");
        }
    }
}
