//! Production units of the units.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{Unit, UnitInput};
use iq_domain::{self as domain, Permission, UnitId};
use iq_runtime::TenantIndex;
use iq_store::units;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Id, Route, delete, get, post, put},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{AssetsRead, AssetsWrite};
    vec![
        get("/api/units", AssetsRead, list_units)
            .list::<Unit>()
            .says("All units, by site and code"),
        post("/api/units", AssetsWrite, create_unit)
            .body::<UnitInput>()
            .answer::<Unit>()
            .status(201)
            .audits("units.create")
            .says("Create a unit in a site"),
        get("/api/units/{id}", AssetsRead, get_unit)
            .answer::<Unit>()
            .says("One unit"),
        put("/api/units/{id}", AssetsWrite, update_unit)
            .body::<UnitInput>()
            .answer::<Unit>()
            .audits("units.update")
            .says("Change a unit"),
        delete("/api/units/{id}", AssetsWrite, delete_unit)
            .status(204)
            .audits("units.delete")
            .says("Delete an empty unit"),
    ]
}

async fn list_units(State(state): State<ApiState>, caller: Caller) -> Answer<Json<Vec<Unit>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let mut all: Vec<Unit> = plant.units.values().map(|unit| dto(&plant, unit)).collect();
    let site = |unit: &Unit| plant.sites.get(&unit.site_id).map(|s| s.code.clone());
    all.sort_by_cached_key(|unit| (site(unit), unit.code.clone()));
    Ok(Json(all))
}

async fn get_unit(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Answer<Json<Unit>> {
    answer(&state, &caller, id)
}

async fn create_unit(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<UnitInput>,
) -> Answer<(StatusCode, Json<Unit>)> {
    let id = UnitId::new();
    let unit = from_input(&state, &caller, id, input)?;
    audit.object("unit", id).detail("code", unit.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| units::create_unit(tx, tenant, &unit))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id)?))
}

async fn update_unit(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<UnitId>,
    Body(input): Body<UnitInput>,
) -> Answer<Json<Unit>> {
    own(&state, &caller, id)?;
    let unit = from_input(&state, &caller, id, input)?;
    audit.detail("code", unit.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| units::update_unit(tx, tenant, &unit))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    answer(&state, &caller, id)
}

async fn delete_unit(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<UnitId>,
) -> Answer<StatusCode> {
    audit.detail("code", own(&state, &caller, id)?.code);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| units::delete_unit(tx, tenant, id))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own(state: &ApiState, caller: &Caller, id: UnitId) -> Answer<domain::Unit> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    plant.units.get(&id).cloned().ok_or_else(Failure::not_found)
}

fn answer(state: &ApiState, caller: &Caller, id: UnitId) -> Answer<Json<Unit>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let unit = plant.units.get(&id).ok_or_else(Failure::not_found)?;
    Ok(Json(dto(&plant, unit)))
}

fn from_input(
    state: &ApiState,
    caller: &Caller,
    id: UnitId,
    input: UnitInput,
) -> Answer<domain::Unit> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant.sites.contains_key(&input.site_id) {
        // Another tenant's site and one that never existed look the same.
        return Err(Failure::not_found());
    }
    Check::new()
        .code("code", &input.code)
        .names("names", &input.names)
        .done()?;
    Ok(domain::Unit {
        id,
        tenant_id: caller.tenant_id,
        site_id: input.site_id,
        code: input.code,
        names: input.names,
    })
}

fn dto(plant: &TenantIndex, unit: &domain::Unit) -> Unit {
    let assets = plant
        .assets
        .values()
        .filter(|entry| entry.asset.unit_id == unit.id);
    Unit {
        id: unit.id,
        site_id: unit.site_id,
        code: unit.code.clone(),
        names: unit.names.clone(),
        asset_count: assets.count() as u64,
    }
}
