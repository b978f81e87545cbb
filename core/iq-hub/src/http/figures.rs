//! Headquarters: assets, key figures and plans of the own plants.

use axum::{Json, extract::State};
use iq_api_types::{HubAsset, HubKpi, HubPlan, Page};
use iq_domain::Permission;

use super::{
    body::Query,
    route::{Access, Route, get},
};
use crate::{
    app::{
        figures::{self, AssetFilter, KpiFilter, PlanFilter},
        session::Caller,
    },
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let twin = Access::May(Permission::TwinRead);
    vec![
        get("/api/assets", twin, list_assets)
            .query::<AssetFilter>()
            .page::<HubAsset>()
            .says("Assets of the own plants with their state, as the plants told it last"),
        get("/api/kpis", twin, list_kpis)
            .query::<KpiFilter>()
            .page::<HubKpi>()
            .says("Key figures of the own plants by day and hour"),
        get(
            "/api/plans",
            Access::May(Permission::OptimizationRead),
            list_plans,
        )
        .query::<PlanFilter>()
        .page::<HubPlan>()
        .says("The newest published plan of each of the own plants"),
    ]
}

async fn list_assets(
    State(hub): State<Hub>,
    caller: Caller,
    Query(filter): Query<AssetFilter>,
) -> Answer<Json<Page<HubAsset>>> {
    let page = figures::list_assets(&hub, caller.user.tenant_id, &filter).await?;
    Ok(Json(page))
}

async fn list_kpis(
    State(hub): State<Hub>,
    caller: Caller,
    Query(filter): Query<KpiFilter>,
) -> Answer<Json<Page<HubKpi>>> {
    let page = figures::list_kpis(&hub, caller.user.tenant_id, &filter).await?;
    Ok(Json(page))
}

async fn list_plans(
    State(hub): State<Hub>,
    caller: Caller,
    Query(filter): Query<PlanFilter>,
) -> Answer<Json<Page<HubPlan>>> {
    let page = figures::list_plans(&hub, caller.user.tenant_id, &filter).await?;
    Ok(Json(page))
}
