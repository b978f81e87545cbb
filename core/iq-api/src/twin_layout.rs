//! Where assets stand on the map of the twin, where somebody has moved them. The others are placed by the
//! page, along the flow.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use iq_api_types::{AssetPlace, TwinLayout, TwinLayoutChange};
use iq_domain::{AssetId, Permission};
use iq_runtime::TenantIndex;
use iq_store::settings;
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Route, get, put},
    state::ApiState,
};

/// The tenant's setting that holds it.
const SETTING: &str = "twin.layout";
/// Places of one change; a plant with more assets is moved unit by unit.
const MAX_PLACES: usize = 10_000;
/// Farther out nobody looks.
const FARTHEST: f64 = 1_000_000.0;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/twin/layout", Permission::TwinRead, get_layout)
            .answer::<TwinLayout>()
            .says("Where assets were put on the map"),
        put("/api/twin/layout", Permission::AssetsWrite, update_layout)
            .body::<TwinLayoutChange>()
            .cap(2 * 1024 * 1024)
            .answer::<TwinLayout>()
            .audits("twin.layout")
            .says("Move assets on the map, or let the page place them again"),
    ]
}

/// The setting as it is kept: places by asset.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored(BTreeMap<AssetId, (f64, f64)>);

impl Stored {
    fn of(value: Option<serde_json::Value>) -> Self {
        value
            .and_then(|value| serde_json::from_value(value).ok())
            .unwrap_or_default()
    }

    /// Places of assets there still are.
    fn dto(self, plant: &TenantIndex) -> TwinLayout {
        let places = self.0.into_iter();
        TwinLayout {
            places: places
                .filter(|(id, _)| plant.assets.contains_key(id))
                .map(|(asset_id, (x, y))| AssetPlace { asset_id, x, y })
                .collect(),
        }
    }
}

async fn get_layout(State(state): State<ApiState>, caller: Caller) -> Answer<Json<TwinLayout>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let tenant = caller.tenant_id;
    let value = state
        .runtime
        .store()
        .read(move |conn| settings::get_tenant_setting(conn, tenant, SETTING))
        .await?;
    Ok(Json(Stored::of(value).dto(&plant)))
}

async fn update_layout(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(change): Body<TwinLayoutChange>,
) -> Answer<Json<TwinLayout>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let is_near = |v: f64| v.is_finite() && v.abs() <= FARTHEST;
    Check::new()
        .require(
            change.places.len().max(change.cleared.len()) <= MAX_PLACES,
            "places",
            "twin.layout_too_many",
        )
        .require(
            change.places.iter().all(|p| is_near(p.x) && is_near(p.y)),
            "places",
            "twin.layout_too_far",
        )
        .done()?;
    let ids = change.places.iter().map(|p| &p.asset_id);
    if !ids
        .chain(&change.cleared)
        .all(|id| plant.assets.contains_key(id))
    {
        return Err(Failure::not_found());
    }
    audit
        .detail("moved", change.places.len())
        .detail("cleared", change.cleared.len());
    let tenant = caller.tenant_id;
    let stored = state
        .runtime
        .store()
        .write(move |tx| {
            let mut stored = Stored::of(settings::get_tenant_setting(tx, tenant, SETTING)?);
            for place in change.places {
                stored.0.insert(place.asset_id, (place.x, place.y));
            }
            for id in change.cleared {
                stored.0.remove(&id);
            }
            let value = serde_json::json!(stored);
            settings::put_tenant_setting(tx, tenant, SETTING, &value)?;
            Ok(stored)
        })
        .await?;
    Ok(Json(stored.dto(&plant)))
}
