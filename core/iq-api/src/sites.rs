//! Sites of the tenant.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{Site, SiteInput};
use iq_domain::{self as domain, Permission, SiteId};
use iq_runtime::TenantIndex;
use iq_store::sites;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Failure, Id, Route, check, delete, get, post, put},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{AssetsRead, AssetsWrite};
    vec![
        get("/api/sites", AssetsRead, list_sites)
            .list::<Site>()
            .says("All sites, by code"),
        post("/api/sites", AssetsWrite, create_site)
            .body::<SiteInput>()
            .answer::<Site>()
            .status(201)
            .audits("sites.create")
            .says("Create a site"),
        get("/api/sites/{id}", AssetsRead, get_site)
            .answer::<Site>()
            .says("One site"),
        put("/api/sites/{id}", AssetsWrite, update_site)
            .body::<SiteInput>()
            .answer::<Site>()
            .audits("sites.update")
            .says("Change a site"),
        delete("/api/sites/{id}", AssetsWrite, delete_site)
            .status(204)
            .audits("sites.delete")
            .says("Delete an empty site"),
    ]
}

async fn list_sites(State(state): State<ApiState>, caller: Caller) -> Answer<Json<Vec<Site>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let mut all: Vec<Site> = plant.sites.values().map(|site| dto(&plant, site)).collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(Json(all))
}

async fn get_site(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<SiteId>,
) -> Answer<Json<Site>> {
    answer(&state, &caller, id)
}

async fn create_site(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<SiteInput>,
) -> Answer<(StatusCode, Json<Site>)> {
    let id = SiteId::new();
    let site = from_input(&caller, id, input)?;
    audit.object("site", id).detail("code", site.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| sites::create_site(tx, tenant, &site))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id)?))
}

async fn update_site(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<SiteId>,
    Body(input): Body<SiteInput>,
) -> Answer<Json<Site>> {
    own(&state, &caller, id)?;
    let site = from_input(&caller, id, input)?;
    audit.detail("code", site.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| sites::update_site(tx, tenant, &site))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    answer(&state, &caller, id)
}

async fn delete_site(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<SiteId>,
) -> Answer<StatusCode> {
    audit.detail("code", own(&state, &caller, id)?.code);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| sites::delete_site(tx, tenant, id))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own(state: &ApiState, caller: &Caller, id: SiteId) -> Answer<domain::Site> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    plant.sites.get(&id).cloned().ok_or_else(Failure::not_found)
}

fn answer(state: &ApiState, caller: &Caller, id: SiteId) -> Answer<Json<Site>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let site = plant.sites.get(&id).ok_or_else(Failure::not_found)?;
    Ok(Json(dto(&plant, site)))
}

fn from_input(caller: &Caller, id: SiteId, input: SiteInput) -> Answer<domain::Site> {
    Check::new()
        .code("code", &input.code)
        .names("names", &input.names)
        .require(
            check::is_time_zone(&input.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .done()?;
    Ok(domain::Site {
        id,
        tenant_id: caller.tenant_id,
        code: input.code,
        names: input.names,
        time_zone: input.time_zone,
    })
}

fn dto(plant: &TenantIndex, site: &domain::Site) -> Site {
    let assets = plant
        .assets
        .values()
        .filter(|entry| entry.site_id == site.id);
    Site {
        id: site.id,
        code: site.code.clone(),
        names: site.names.clone(),
        time_zone: site.time_zone.clone(),
        asset_count: assets.count() as u64,
    }
}
