//! Models of assets: look, train, set the budget of alarms, walk through the past, bring a version into
//! force and back.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{AlarmBudget, AssetModelPage, Job, ModelBackTest, ModelHindsight, PromoteModel};
use iq_domain::{AssetId, Permission};
use iq_runtime::{MAX_ALARMS_PER_WEEK, Runtime};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    asset_models_view as view,
    http::{Answer, Audit, Body, Caller, Check, Id, Query, Route, get, post, put},
    jobs,
    state::ApiState,
};

/// The horizon of a chance of failure, where nobody asks for another, and the longest.
const HORIZON_DAYS: u32 = 30;
const MAX_HORIZON_DAYS: u32 = 365;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{ModelsRead, ModelsWrite};
    vec![
        get("/api/assets/{id}/model", ModelsRead, get_asset_model)
            .query::<ModelQuery>()
            .answer::<AssetModelPage>()
            .says("The model of an asset with its versions, and the life it speaks of"),
        get(
            "/api/assets/{id}/model/backtest",
            ModelsRead,
            back_test_model,
        )
        .query::<BackTestQuery>()
        .answer::<ModelBackTest>()
        .says(
            "A version walked through the history there is: its alarms, found and missed failures",
        ),
        get(
            "/api/assets/{id}/model/hindsight",
            ModelsRead,
            get_model_hindsight,
        )
        .query::<HindsightQuery>()
        .answer::<ModelHindsight>()
        .says("The chances of failure of the asset's family as they would have been stated in the past, beside what came"),
        post(
            "/api/assets/{id}/model/train",
            ModelsWrite,
            train_asset_model,
        )
        .answer::<Job>()
        .status(202)
        .audits("models.train")
        .says("Train a model of an asset; the training at work is answered with"),
        post("/api/assets/{id}/model/promote", ModelsWrite, promote_model)
            .body::<PromoteModel>()
            .answer::<AssetModelPage>()
            .audits("models.promote")
            .says("Bring a version into force"),
        post(
            "/api/assets/{id}/model/rollback",
            ModelsWrite,
            roll_back_model,
        )
        .answer::<AssetModelPage>()
        .audits("models.rollback")
        .says("Bring the version back that was in force before"),
        put(
            "/api/assets/{id}/model/budget",
            ModelsWrite,
            set_alarm_budget,
        )
        .body::<AlarmBudget>()
        .answer::<AssetModelPage>()
        .audits("models.budget")
        .says("Change the budget of false alarms of the version in force, and with it its limit"),
        post("/api/models/train", ModelsWrite, train_models)
            .answer::<Job>()
            .status(202)
            .audits("models.train")
            .says("Train models of all assets; the training at work is answered with"),
        post("/api/models/train/cancel", ModelsWrite, cancel_training)
            .answer::<Job>()
            .audits("models.cancel")
            .says("Ask the training at work to stop; what was trained stays"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct ModelQuery {
    /// Horizon of the chance of failure in days, 30 if absent, at most 365.
    horizon_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct BackTestQuery {
    /// The version; the one in force if absent.
    version: Option<u32>,
    /// Another budget of alarms per week than the version's own.
    alarms_per_week: Option<f64>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct HindsightQuery {
    /// Horizon of the chances in days, 1–365; 30 if absent.
    horizon_days: Option<u32>,
}

async fn get_asset_model(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<ModelQuery>,
) -> Answer<Json<AssetModelPage>> {
    page(&state, &caller, id, query.horizon_days).await
}

async fn page(
    state: &ApiState,
    caller: &Caller,
    id: AssetId,
    horizon_days: Option<u32>,
) -> Answer<Json<AssetModelPage>> {
    let tenant = caller.tenant_id;
    let days = horizon_days.unwrap_or(HORIZON_DAYS);
    let hours = f64::from(days.clamp(1, MAX_HORIZON_DAYS)) * 24.0;
    // Asked first: a training that ends meanwhile has left its version when the versions are read.
    let training = state.runtime.training_at_work(tenant).await?;
    let training = training.filter(|job| Runtime::trains(job, id));
    let versions = state.runtime.asset_models(tenant, id).await?;
    let life = state.runtime.asset_life(tenant, id, hours).await?;
    let schedules = state.runtime.schedules(tenant).await?;
    let next = schedules.iter().find(|s| s.kind == iq_runtime::TRAIN);
    let next = next.and_then(|s| s.next_at);
    let now = state.now();
    let training = training.map(|job| jobs::dto(caller.language, job, now));
    Ok(Json(view::page(
        caller.language,
        id,
        &versions,
        &life,
        (training, next),
    )))
}

async fn get_model_hindsight(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<HindsightQuery>,
) -> Answer<Json<ModelHindsight>> {
    let days = query.horizon_days.unwrap_or(HORIZON_DAYS);
    Check::new()
        .number(
            "horizon_days",
            f64::from(days),
            1.0,
            f64::from(MAX_HORIZON_DAYS),
        )
        .done()?;
    let found = state
        .runtime
        .family_hindsight(caller.tenant_id, id, days)
        .await?;
    Ok(Json(view::hindsight(caller.language, found)))
}

async fn back_test_model(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<BackTestQuery>,
) -> Answer<Json<ModelBackTest>> {
    let budget = query.alarms_per_week;
    check_budget(budget.unwrap_or(0.0))?;
    let tenant = caller.tenant_id;
    let version = match query.version {
        Some(version) => version,
        None => {
            let all = state.runtime.asset_models(tenant, id).await?;
            view::in_force(&all).unwrap_or(0)
        }
    };
    let found = state.runtime.back_test(tenant, id, version, budget).await?;
    Ok(Json(view::back_test(&found)))
}

fn check_budget(alarms_per_week: f64) -> Answer<()> {
    Check::new()
        .number("alarms_per_week", alarms_per_week, 0.0, MAX_ALARMS_PER_WEEK)
        .done()
}

async fn train_asset_model(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
) -> Answer<(StatusCode, Json<Job>)> {
    audit.object("asset", id);
    train(&state, &caller, Some(id)).await
}

async fn train_models(
    State(state): State<ApiState>,
    caller: Caller,
    _audit: Audit,
) -> Answer<(StatusCode, Json<Job>)> {
    train(&state, &caller, None).await
}

async fn train(
    state: &ApiState,
    caller: &Caller,
    asset: Option<AssetId>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = state
        .runtime
        .start_training(caller.tenant_id, asset, &caller.username)
        .await?;
    let body = jobs::dto(caller.language, job, state.now());
    Ok((StatusCode::ACCEPTED, Json(body)))
}

async fn cancel_training(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<Json<Job>> {
    let job = state.runtime.cancel_training(caller.tenant_id).await?;
    audit.object("job", job.id);
    Ok(Json(jobs::dto(caller.language, job, state.now())))
}

async fn promote_model(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
    Body(input): Body<PromoteModel>,
) -> Answer<Json<AssetModelPage>> {
    audit.object("asset", id).detail("version", input.version);
    let (tenant, by) = (caller.tenant_id, caller.username.as_str());
    state
        .runtime
        .promote_model(tenant, id, input.version, by)
        .await?;
    page(&state, &caller, id, None).await
}

async fn roll_back_model(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
) -> Answer<Json<AssetModelPage>> {
    audit.object("asset", id);
    let (tenant, by) = (caller.tenant_id, caller.username.as_str());
    let row = state.runtime.roll_back_model(tenant, id, by).await?;
    audit.detail("version", row.version);
    page(&state, &caller, id, None).await
}

async fn set_alarm_budget(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
    Body(input): Body<AlarmBudget>,
) -> Answer<Json<AssetModelPage>> {
    check_budget(input.alarms_per_week)?;
    let budget = input.alarms_per_week;
    audit.object("asset", id).detail("alarms_per_week", budget);
    let tenant = caller.tenant_id;
    let row = state.runtime.set_alarm_budget(tenant, id, budget).await?;
    audit.detail("version", row.version);
    page(&state, &caller, id, None).await
}
