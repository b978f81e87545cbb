//! Runs of the optimiser: start, look, stop, compare, publish, delete.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    OptimizationRequest, OptimizationStarted, OptimizationStatus, Page, PublishAnswer,
    PublishInput, Scenario, ScenarioComparison, ScenarioDetail,
};
use iq_domain::{
    AssetId, CodedError, Message, Permission, RecommendationId, ScenarioId, TechnicianId, Timestamp,
};
use iq_locale::Language;
use iq_optimiser::Model;
use iq_runtime::{
    TenantIndex,
    maintenance::Actor,
    optimisation::{Advice, PlanRequest, PublishRequest, Published, prior_of},
};
use iq_store::{
    cost_models, jobs as job_rows,
    jobs::{JobFilter, JobState},
    recommendations::{self, RecommendationRow},
    scenarios::{self, ScenarioRow},
    technicians::{self, TechnicianFilter},
    work_orders,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, XLSX, check,
        delete, get, post,
    },
    jobs, optimization_file, optimization_paper,
    optimization_view::{self as view, Found},
    paper::ReportQuery,
    state::ApiState,
    texts,
    work_orders::{TITLE_CHARS, actor, own_integration},
};

/// Longest horizon, in days.
const MAX_DAYS: u32 = 60;
/// Most iterations.
const MAX_ITERATIONS: u32 = 200_000;
/// Most advice published in one step.
const MAX_PUBLISHED: usize = 500;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{OptimizationPublish, OptimizationRead, OptimizationRun};
    let mut all = vec![
        get(
            "/api/optimization/status",
            OptimizationRead,
            get_optimization_status,
        )
        .answer::<OptimizationStatus>()
        .says("Whether plans can be made here, and with what"),
        post("/api/optimization/run", OptimizationRun, run_optimization)
            .body::<OptimizationRequest>()
            .answer::<OptimizationStarted>()
            .status(202)
            .audits("optimization.run")
            .says("Start a run of the optimiser"),
        get(
            "/api/optimization/scenarios",
            OptimizationRead,
            list_scenarios,
        )
        .query::<PageQuery>()
        .page::<Scenario>()
        .says("Runs of the optimiser, newest first"),
        get(
            "/api/optimization/compare",
            OptimizationRead,
            compare_scenarios,
        )
        .query::<CompareQuery>()
        .answer::<ScenarioComparison>()
        .says("Two runs side by side"),
        get(
            "/api/optimization/scenarios/{id}",
            OptimizationRead,
            get_scenario,
        )
        .answer::<ScenarioDetail>()
        .says("One run with its plan, its reasons and its bound"),
        delete(
            "/api/optimization/scenarios/{id}",
            OptimizationRun,
            delete_scenario,
        )
        .status(204)
        .audits("optimization.delete")
        .says("Delete a run; work orders made of it stay"),
        post(
            "/api/optimization/scenarios/{id}/cancel",
            OptimizationRun,
            cancel_scenario,
        )
        .answer::<OptimizationStarted>()
        .audits("optimization.cancel")
        .says("Stop a run; the best plans so far are kept"),
        post(
            "/api/optimization/scenarios/{id}/publish",
            OptimizationPublish,
            publish_scenario,
        )
        .body::<PublishInput>()
        .answer::<PublishAnswer>()
        .audits("optimization.publish")
        .says("Turn advice into work orders"),
    ];
    all.extend(files());
    all
}

/// A run as a file.
fn files() -> Vec<Route> {
    use Permission::OptimizationRead;
    vec![
        get(
            "/api/optimization/scenarios/{id}/export",
            OptimizationRead,
            optimization_file::export_scenario,
        )
        .query::<optimization_file::ExportQuery>()
        .text_answer(XLSX)
        .or_json()
        .says("A run as a workbook, or as JSON with its frozen problem"),
        get(
            "/api/optimization/scenarios/{id}/report.pdf",
            OptimizationRead,
            optimization_paper::make_plan_report,
        )
        .query::<ReportQuery>()
        .text_answer("application/pdf")
        .audits("optimization.make_report")
        .says("A run as a PDF for people, Arabic first"),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
struct CompareQuery {
    /// The first run.
    a: ScenarioId,
    /// The second.
    b: ScenarioId,
}

async fn get_optimization_status(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<OptimizationStatus>> {
    let tenant = caller.tenant_id;
    let plant = state.runtime.tenant(tenant)?;
    let (costs, people, open) = state
        .runtime
        .store()
        .read(move |conn| {
            let filter = JobFilter {
                kind: Some("optimise".to_owned()),
                states: vec![JobState::Queued, JobState::Running],
                integration_id: None,
            };
            let people = TechnicianFilter {
                is_active: Some(true),
                ..TechnicianFilter::default()
            };
            Ok((
                cost_models::get_active_cost_model(conn, tenant)?,
                technicians::list_technicians(conn, tenant, &people, iq_store::Page::MAX)?,
                job_rows::list_jobs(conn, tenant, &filter, iq_store::Page::first(1))?,
            ))
        })
        .await?;
    let off = state.runtime.optimiser_is_on().err();
    let message = off.as_ref().map(Message::from).or_else(|| {
        let unset = CodedError::conflict("cost_models.not_set");
        costs.is_none().then(|| Message::from(&unset))
    });
    let model = costs.as_ref().map(|row| &row.model);
    let now = state.now();
    Ok(Json(OptimizationStatus {
        is_enabled: off.is_none(),
        message: message.map(|m| texts::status(caller.language, &m)),
        cost_model_version: costs.as_ref().map(|row| row.version),
        currency: model.and_then(|m| m["currency"].as_str().map(str::to_owned)),
        risk_appetite: model.and_then(|m| m["risk_appetite"].as_f64()),
        technicians: view::people(people.rows.iter().map(|row| &row.technician)),
        assets: view::plannable_assets(&plant, now),
        job: open
            .rows
            .into_iter()
            .next()
            .map(|job| jobs::dto(caller.language, job, now)),
    }))
}

async fn run_optimization(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<OptimizationRequest>,
) -> Answer<(StatusCode, Json<OptimizationStarted>)> {
    state.runtime.optimiser_is_on()?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    validate(&plant, &request, state.now())?;
    known_technicians(&state, &caller, &request).await?;
    let asked = plan_request(request);
    let (job, scenario_id) = state
        .runtime
        .start_optimisation(caller.tenant_id, asked, &caller.username)
        .await?;
    audit
        .object("optimization_scenario", scenario_id)
        .detail("job", job.id.to_string());
    let job = jobs::dto(caller.language, job, state.now());
    Ok((
        StatusCode::ACCEPTED,
        Json(OptimizationStarted { scenario_id, job }),
    ))
}

fn validate(plant: &TenantIndex, request: &OptimizationRequest, now: Timestamp) -> Answer<()> {
    let mut check = Check::new();
    check
        .optional_line("name", &request.name, check::NAME_CHARS)
        .number(
            "horizon_days",
            f64::from(request.horizon_days),
            1.0,
            f64::from(MAX_DAYS),
        )
        .number(
            "iterations",
            f64::from(request.iterations),
            1.0,
            f64::from(MAX_ITERATIONS),
        )
        .number("production_factor", request.production_factor, 0.0, 10.0)
        .number("crew_factor", request.crew_factor, 0.0, 3.0)
        .number(
            "overtime_minutes",
            f64::from(request.overtime_minutes),
            0.0,
            480.0,
        )
        .number(
            "travel_minutes",
            f64::from(request.travel_minutes),
            0.0,
            1_440.0,
        )
        .number("budget", request.budget.unwrap_or(0.0), 0.0, 1e12)
        .number(
            "risk_appetite",
            request.risk_appetite.unwrap_or(0.0),
            0.0,
            1.0,
        );
    let known = |key: &String| Model::from_key(key).is_some();
    check.require(
        request.models.iter().all(known),
        "models",
        "optimization.model_unknown",
    );
    let is_site = request
        .site_id
        .is_none_or(|id| plant.sites.contains_key(&id));
    check.require(is_site, "site_id", "cost_models.site_unknown");
    let are_assets = request
        .must_do
        .iter()
        .all(|id| plant.assets.contains_key(id));
    check.require(are_assets, "must_do", "assets.not_found");
    // Work that must be done and is not looked at would be missing without a word.
    let is_elsewhere = |id: &AssetId| {
        let at = plant.assets.get(id).map(|entry| entry.site_id);
        request
            .site_id
            .is_some_and(|site| at.is_some_and(|at| at != site))
    };
    let are_there = !request.must_do.iter().any(is_elsewhere);
    check.require(are_there, "must_do", "optimization.asset_elsewhere");
    let has_prior = |id: &AssetId| {
        let entry = plant.assets.get(id);
        entry.is_none_or(|entry| prior_of(&entry.asset.family).is_some())
    };
    let are_known = request.must_do.iter().all(has_prior);
    check.require(are_known, "must_do", "optimization.family_unknown");
    let is_there = |id: &AssetId| {
        let entry = plant.assets.get(id);
        entry.is_none_or(|entry| entry.asset.effective_to.is_none_or(|end| end > now))
    };
    let are_in_service = request.must_do.iter().all(is_there);
    check.require(are_in_service, "must_do", "optimization.asset_gone");
    let are_few = request.must_do.len() <= 500 && request.without_technicians.len() <= 500;
    check.require(are_few, "must_do", "optimiser.problem_too_large");
    check.done()
}

/// Somebody nobody knows can't be left out: the run would be another one than was asked for.
async fn known_technicians(
    state: &ApiState,
    caller: &Caller,
    request: &OptimizationRequest,
) -> Answer<()> {
    let (tenant, wanted) = (caller.tenant_id, request.without_technicians.clone());
    if wanted.is_empty() {
        return Ok(());
    }
    let are_known = state
        .runtime
        .store()
        .read(move |conn| {
            for id in wanted {
                if technicians::get_technician(conn, tenant, id)?.is_none() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await?;
    let mut check = Check::new();
    check.require(
        are_known,
        "without_technicians",
        "optimization.technician_unknown",
    );
    check.done()
}

fn plan_request(request: OptimizationRequest) -> PlanRequest {
    PlanRequest {
        name: request.name.trim().to_owned(),
        models: request.models,
        horizon_days: request.horizon_days,
        seed: request.seed,
        iterations: request.iterations,
        site_id: request.site_id,
        budget: request.budget,
        risk_appetite: request.risk_appetite,
        production_factor: request.production_factor,
        crew_factor: request.crew_factor,
        without_technicians: request.without_technicians,
        overtime_minutes: request.overtime_minutes,
        travel_minutes: request.travel_minutes,
        must_do: request.must_do,
    }
}

async fn list_scenarios(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Answer<Json<Page<Scenario>>> {
    let (tenant, page) = (caller.tenant_id, query.get());
    let (rows, total) = state
        .runtime
        .store()
        .read(move |conn| {
            let found = scenarios::list_scenarios(conn, tenant, page)?;
            let with = |row: ScenarioRow| {
                let advice = recommendations::list_recommendations(conn, tenant, row.id)?;
                Ok((row, advice))
            };
            let rows = found
                .rows
                .into_iter()
                .map(with)
                .collect::<Result<Vec<_>, iq_store::StoreError>>()?;
            Ok((rows, found.total))
        })
        .await?;
    let items = rows
        .iter()
        .map(|(row, advice)| view::scenario(row, advice))
        .collect();
    Ok(Json(Page::new(items, total, u64::from(page.offset))))
}

/// A run of this tenant with its advice and its people.
pub(crate) async fn find(state: &ApiState, caller: &Caller, id: ScenarioId) -> Answer<Found> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let Some(row) = scenarios::get_scenario(conn, tenant, id)? else {
                return Ok(None);
            };
            let people = TechnicianFilter::default();
            let everybody = iq_store::Page::MAX;
            let advice = recommendations::list_recommendations(conn, tenant, id)?;
            let mut kept_by = HashMap::new();
            for order in advice.iter().filter_map(|row| row.order_id) {
                let order = work_orders::get_work_order(conn, tenant, order)?;
                // A number is given by the system that keeps the order.
                if let Some(order) = order.filter(|order| order.number.is_some()) {
                    kept_by.insert(order.id, order.source_system.unwrap_or_default());
                }
            }
            Ok(Some(Found {
                advice,
                kept_by,
                people: technicians::list_technicians(conn, tenant, &people, everybody)?
                    .rows
                    .into_iter()
                    .map(|row| row.technician)
                    .collect(),
                job: job_rows::get_job(conn, tenant, row.job_id)?,
                row,
            }))
        })
        .await?;
    found.ok_or_else(Failure::not_found)
}

async fn get_scenario(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ScenarioId>,
) -> Answer<Json<ScenarioDetail>> {
    let found = find(&state, &caller, id).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(view::detail(
        caller.language,
        &plant,
        found,
        state.now(),
    )))
}

async fn compare_scenarios(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<CompareQuery>,
) -> Answer<Json<ScenarioComparison>> {
    let a = find(&state, &caller, query.a).await?;
    let b = find(&state, &caller, query.b).await?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(view::comparison(&plant, &a, &b)))
}

async fn delete_scenario(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ScenarioId>,
) -> Answer<StatusCode> {
    let found = find(&state, &caller, id).await?;
    if found.row.finished_at.is_none() {
        return Err(Failure::conflict("optimization.still_running"));
    }
    audit
        .object("optimization_scenario", id)
        .detail("run", found.row.run_key);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| scenarios::delete_scenario(tx, tenant, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel_scenario(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ScenarioId>,
) -> Answer<Json<OptimizationStarted>> {
    let found = find(&state, &caller, id).await?;
    audit.object("optimization_scenario", id);
    let job = state
        .runtime
        .cancel_job(caller.tenant_id, found.row.job_id)
        .await?;
    let job = jobs::dto(caller.language, job, state.now());
    Ok(Json(OptimizationStarted {
        scenario_id: id,
        job,
    }))
}

async fn publish_scenario(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ScenarioId>,
    Body(input): Body<PublishInput>,
) -> Answer<Json<PublishAnswer>> {
    state.runtime.optimiser_is_on()?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    own_integration(&plant, input.integration_id)?;
    let found = find(&state, &caller, id).await?;
    let count = input.recommendation_ids.len();
    Check::new()
        .require(
            (1..=MAX_PUBLISHED).contains(&count),
            "recommendation_ids",
            "optimization.nothing_chosen",
        )
        .done()?;
    let rows: Vec<&RecommendationRow> = input
        .recommendation_ids
        .iter()
        .map(|id| found.advice.iter().find(|row| row.id == *id))
        .collect::<Option<_>>()
        .ok_or_else(Failure::not_found)?;
    let wanted = rows
        .into_iter()
        .map(|row| words(&caller, &plant, &found, row))
        .collect::<Answer<Vec<_>>>()?;
    let by: Actor = actor(&caller);
    let published = state
        .runtime
        .publish_plan(caller.tenant_id, id, wanted, input.integration_id, by)
        .await?;
    audit
        .object("optimization_scenario", id)
        .detail("run", found.row.run_key.clone())
        .detail("written", published.written.len())
        .detail("moved", published.moved.len())
        .detail("handed_in", published.handed_in.len());
    Ok(Json(answer(&caller, &found, published)))
}

/// Title and text of a work order, in the language of who publishes it.
fn words(
    caller: &Caller,
    plant: &TenantIndex,
    found: &Found,
    row: &RecommendationRow,
) -> Answer<PublishRequest> {
    let advice: Advice =
        serde_json::from_value(row.advice.clone()).map_err(|_| Failure::internal())?;
    let language = caller.language;
    let params = [
        ("asset".to_owned(), view::asset_code(plant, row.asset_id)),
        ("run".to_owned(), found.row.run_key.clone()),
    ];
    let title = texts::of(language, "optimization.order_title", &params.clone().into());
    let head = texts::of(language, "optimization.order_text", &params.into());
    let lines: Vec<String> = advice
        .reasons
        .iter()
        .map(|r| view::sentence(language, r).message)
        .collect();
    // Room for the number of the part.
    let title = title.chars().take(TITLE_CHARS - 8).collect();
    let plain = |c: &char| !matches!(c, '\u{2066}'..='\u{2069}');
    let clean = |text: String| -> String { text.chars().filter(plain).collect() };
    Ok(PublishRequest {
        id: row.id,
        title: clean(title),
        description: clean(format!("{head}\n{}", lines.join("\n"))),
        crews: crews(language, found, &advice)
            .into_iter()
            .map(clean)
            .collect(),
    })
}

/// Who does each visit, in a line of its own.
fn crews(language: Language, found: &Found, advice: &Advice) -> Vec<String> {
    let count = advice.visits.len();
    let name = |id: &TechnicianId| {
        let person = found.people.iter().find(|person| person.id == *id)?;
        Some(language.name(&person.names).to_owned())
    };
    (1..)
        .zip(&advice.visits)
        .map(|(n, visit)| {
            let names: Vec<String> = visit.technicians.iter().filter_map(name).collect();
            let params = [
                ("n".to_owned(), n.to_string()),
                ("count".to_owned(), count.to_string()),
                ("crew".to_owned(), texts::listed(language, &names)),
            ];
            let key = if count > 1 {
                "optimization.order_part"
            } else {
                "optimization.order_crew"
            };
            texts::of(language, key, &params.into())
        })
        .collect()
}

fn answer(caller: &Caller, found: &Found, published: Published) -> PublishAnswer {
    let say = |message: &Message| texts::status(caller.language, message);
    // A reason without the work it is about would leave the reader guessing.
    let about = |id: &RecommendationId, message: &Message| {
        let mut said = say(message);
        let row = found.advice.iter().find(|row| row.id == *id);
        if let Some(key) = row.and_then(|row| row.advice["key"].as_str()) {
            said.message = format!("{key}: {}", said.message);
        }
        said
    };
    PublishAnswer {
        written: published.written,
        moved: published.moved,
        done_before: published.done_before,
        left: published.left.iter().map(|(id, m)| about(id, m)).collect(),
        handed_in: published.handed_in,
        not_handed_in: published
            .not_handed_in
            .iter()
            .map(|(_, m)| say(m))
            .collect(),
    }
}
