//! Headquarters: series of the own plants.

use axum::{Json, extract::State};
use iq_api_types::{HubSignal, HubTrend};
use iq_domain::{ApplianceId, AssetId, Permission, SignalId};

use super::{
    body::{Id, Query},
    route::{Access, Route, get},
};
use crate::{
    app::{
        raw::{self, TrendFilter},
        session::Caller,
    },
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let twin = Access::May(Permission::TwinRead);
    vec![
        get(
            "/api/assets/{appliance_id}/{asset_id}/signals",
            twin,
            list_signals,
        )
        .list::<HubSignal>()
        .says("Signals of an asset of the own plants of which series were sent"),
        get(
            "/api/assets/{appliance_id}/{asset_id}/signals/{signal_id}/trend",
            twin,
            get_trend,
        )
        .query::<TrendFilter>()
        .answer::<HubTrend>()
        .says("A trend of such a signal"),
    ]
}

async fn list_signals(
    State(hub): State<Hub>,
    caller: Caller,
    Id(appliance): Id<ApplianceId>,
    Id(asset): Id<AssetId, 1>,
) -> Answer<Json<Vec<HubSignal>>> {
    let owner = (caller.user.tenant_id, appliance);
    Ok(Json(raw::list_signals(&hub, owner, asset).await?))
}

async fn get_trend(
    State(hub): State<Hub>,
    caller: Caller,
    Id(appliance): Id<ApplianceId>,
    Id(asset): Id<AssetId, 1>,
    Id(signal): Id<SignalId, 2>,
    Query(filter): Query<TrendFilter>,
) -> Answer<Json<HubTrend>> {
    let owner = (caller.user.tenant_id, appliance);
    let trend = raw::trend(&hub, owner, (asset, signal), &filter).await?;
    Ok(Json(trend))
}
