//! Assets of the tenant, and the catalogues they follow.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{Asset, AssetInput, ImportReport, Page, UnitOfMeasure};
use iq_domain::{
    self as domain, AssetId, Criticality, FamilyTemplate, Permission, SignalKind, SiteId, UnitId,
};
use iq_runtime::{AssetEntry, TenantIndex};
use iq_store::{StoreError, Transaction, assets};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Text, check,
        delete, get, post, put,
    },
    import_plan::{self, Plan, Plant},
    import_rows::ImportQuery,
    state::ApiState,
    texts,
};

/// Largest CSV file.
const IMPORT_CAP: usize = 5 * 1024 * 1024;
/// Most neighbours of an asset on one side.
const MAX_NEIGHBOURS: usize = 64;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{AssetsRead, AssetsWrite};
    vec![
        get("/api/assets", AssetsRead, list_assets)
            .query::<AssetQuery>()
            .page::<Asset>()
            .says("Assets, by code"),
        post("/api/assets", AssetsWrite, create_asset)
            .body::<AssetInput>()
            .answer::<Asset>()
            .status(201)
            .audits("assets.create")
            .says("Create an asset"),
        post("/api/assets/import", AssetsWrite, import_assets)
            .query::<ImportQuery>()
            .text_body("text/csv")
            .cap(IMPORT_CAP)
            .answer::<ImportReport>()
            .audits("assets.import")
            .says("Import assets from CSV, all or none"),
        get("/api/assets/{id}", AssetsRead, get_asset)
            .answer::<Asset>()
            .says("One asset"),
        put("/api/assets/{id}", AssetsWrite, update_asset)
            .body::<AssetInput>()
            .answer::<Asset>()
            .audits("assets.update")
            .says("Change an asset"),
        delete("/api/assets/{id}", AssetsWrite, delete_asset)
            .status(204)
            .audits("assets.delete")
            .says("Delete an asset that nothing is mapped to"),
        get("/api/families", AssetsRead, list_families)
            .list::<FamilyTemplate>()
            .says("Asset families with their metrics and default limits"),
        get("/api/units-of-measure", AssetsRead, list_units_of_measure)
            .list::<UnitOfMeasure>()
            .says("The unit catalogue"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct AssetQuery {
    /// Only this site.
    site_id: Option<SiteId>,
    /// Only this unit.
    unit_id: Option<UnitId>,
    /// Only this family.
    family: Option<String>,
    /// Only this criticality.
    criticality: Option<Criticality>,
    /// Part of code, name, equipment number or functional location.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_assets(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<AssetQuery>,
) -> Answer<Json<Page<Asset>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let has_site = query.site_id.is_none_or(|id| plant.sites.contains_key(&id));
    if !has_site
        || query
            .unit_id
            .is_some_and(|id| !plant.units.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let mut found: Vec<&AssetEntry> = plant
        .assets
        .values()
        .filter(|entry| is_wanted(entry, &query))
        .collect();
    found.sort_by(|a, b| a.asset.code.cmp(&b.asset.code));
    let page = PageQuery::page(query.limit, query.offset);
    let total = found.len() as u64;
    let items = found
        .into_iter()
        .skip(page.offset as usize)
        .take(page.limit as usize)
        .map(|entry| dto(&plant, entry))
        .collect();
    Ok(Json(Page::new(items, total, u64::from(page.offset))))
}

fn is_wanted(entry: &AssetEntry, query: &AssetQuery) -> bool {
    let asset = &entry.asset;
    query.site_id.is_none_or(|id| id == entry.site_id)
        && query.unit_id.is_none_or(|id| id == asset.unit_id)
        && query.family.as_ref().is_none_or(|f| *f == asset.family)
        && query.criticality.is_none_or(|c| c == asset.criticality)
        && query.q.as_ref().is_none_or(|q| {
            texts::matches(
                q,
                &[
                    &asset.code,
                    &asset.names.en,
                    &asset.names.ar,
                    asset.equipment_number.as_deref().unwrap_or_default(),
                    asset.functional_location.as_deref().unwrap_or_default(),
                ],
            )
        })
}

async fn get_asset(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
) -> Answer<Json<Asset>> {
    answer(&state, &caller, id)
}

async fn create_asset(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<AssetInput>,
) -> Answer<(StatusCode, Json<Asset>)> {
    let id = AssetId::new();
    let asset = from_input(&state, &caller, id, input)?;
    audit.object("asset", id).detail("code", asset.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| assets::create_asset(tx, tenant, &asset))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id)?))
}

async fn update_asset(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
    Body(input): Body<AssetInput>,
) -> Answer<Json<Asset>> {
    own(&state, &caller, id)?;
    let asset = from_input(&state, &caller, id, input)?;
    audit.detail("code", asset.code.clone());
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| assets::update_asset(tx, tenant, &asset))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    answer(&state, &caller, id)
}

async fn delete_asset(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<AssetId>,
) -> Answer<StatusCode> {
    audit.detail("code", own(&state, &caller, id)?.code);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| assets::delete_asset(tx, tenant, id))
        .await?;
    state.runtime.plant_changed(tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn import_assets(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ImportQuery>,
    Text(text): Text,
) -> Answer<Json<ImportReport>> {
    let tenant = caller.tenant_id;
    let index = state.runtime.tenant(tenant)?;
    let plant = Plant {
        tenant_id: tenant,
        sites: index.sites.values().cloned().collect(),
        units: index.units.values().cloned().collect(),
        assets: index
            .assets
            .values()
            .map(|entry| entry.asset.clone())
            .collect(),
    };
    let now = state.now();
    // Planning 20,000 rows takes long enough to hold up other requests.
    let plan = tokio::task::spawn_blocking(move || import_plan::plan(&text, &plant, now))
        .await
        .map_err(|_| Failure::internal())??;
    let report = plan.report(&caller, &audit, &query);
    if !query.dry_run && report.errors.is_empty() {
        state
            .runtime
            .store()
            .write(move |tx| write_plan(tx, tenant, plan))
            .await?;
        state.runtime.plant_changed(tenant).await?;
    }
    Ok(Json(report))
}

/// Writes a plan. Parents come last: a row may name a parent that stands further down.
fn write_plan(
    tx: &Transaction<'_>,
    tenant: domain::TenantId,
    plan: Plan,
) -> Result<(), StoreError> {
    for asset in &plan.created {
        let mut alone = asset.clone();
        alone.parent_id = None;
        assets::create_asset(tx, tenant, &alone)?;
    }
    let with_parent = plan
        .created
        .iter()
        .filter(|asset| asset.parent_id.is_some());
    for asset in with_parent.chain(&plan.updated) {
        assets::update_asset(tx, tenant, asset)?;
    }
    Ok(())
}

async fn list_families(_: Caller) -> Json<Vec<FamilyTemplate>> {
    Json(iq_mapping::catalogue().families().cloned().collect())
}

async fn list_units_of_measure(_: Caller) -> Json<Vec<UnitOfMeasure>> {
    let all = iq_mapping::units().iter().map(|unit| UnitOfMeasure {
        symbol: unit.symbol.clone(),
        dimension: serde_json::to_value(unit.dimension)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default(),
        aliases: unit.aliases.clone(),
    });
    Json(all.collect())
}

/// The tenant's own asset.
pub(crate) fn own(state: &ApiState, caller: &Caller, id: AssetId) -> Answer<domain::Asset> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let entry = plant.assets.get(&id).ok_or_else(Failure::not_found)?;
    Ok(entry.asset.clone())
}

fn answer(state: &ApiState, caller: &Caller, id: AssetId) -> Answer<Json<Asset>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let entry = plant.assets.get(&id).ok_or_else(Failure::not_found)?;
    Ok(Json(dto(&plant, entry)))
}

fn from_input(
    state: &ApiState,
    caller: &Caller,
    id: AssetId,
    input: AssetInput,
) -> Answer<domain::Asset> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let is_foreign = |asset: &AssetId| !plant.assets.contains_key(asset);
    if !plant.units.contains_key(&input.unit_id) || input.parent_id.as_ref().is_some_and(is_foreign)
    {
        // Another tenant's object and one that never existed look the same.
        return Err(Failure::not_found());
    }
    let mut check = Check::new();
    check
        .code("code", &input.code)
        .names("names", &input.names)
        .require(
            iq_mapping::catalogue().family(&input.family).is_some(),
            "family",
            "asset.family_unknown",
        )
        .maybe_line(
            "equipment_number",
            input.equipment_number.as_deref(),
            check::CODE_CHARS * 2,
        )
        .maybe_line(
            "functional_location",
            input.functional_location.as_deref(),
            check::CODE_CHARS * 2,
        )
        .text("note", &input.note, check::NOTE_CHARS)
        .require(
            input
                .in_service_since
                .is_none_or(|since| since >= import_plan::OLDEST && since <= state.now()),
            "in_service_since",
            "asset.in_service_wrong",
        );
    for (field, codes) in [
        ("upstream", &input.upstream),
        ("downstream", &input.downstream),
    ] {
        check.require(
            codes.len() <= MAX_NEIGHBOURS,
            field,
            "asset.too_many_neighbours",
        );
        for code in codes.iter().take(MAX_NEIGHBOURS) {
            let is_known = |code: &str| plant.asset_by_code.contains_key(code);
            import_plan::check_neighbour(&mut check, field, code, is_known);
        }
    }
    let mut parents: HashMap<AssetId, Option<AssetId>> = plant
        .assets
        .values()
        .map(|e| (e.asset.id, e.asset.parent_id))
        .collect();
    parents.insert(id, input.parent_id);
    check.require(
        !import_plan::is_in_loop(id, &parents),
        "parent_id",
        "asset.parent_loop",
    );
    check.done()?;
    let old = plant.assets.get(&id).map(|e| &e.asset);
    let filled = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
    Ok(domain::Asset {
        id,
        tenant_id: caller.tenant_id,
        unit_id: input.unit_id,
        code: input.code,
        names: input.names,
        family: input.family,
        criticality: input.criticality,
        equipment_number: filled(input.equipment_number),
        functional_location: filled(input.functional_location),
        parent_id: input.parent_id,
        upstream: input.upstream,
        downstream: input.downstream,
        note: input.note,
        effective_from: input.in_service_since,
        effective_to: old.and_then(|a| a.effective_to),
    })
}

fn dto(plant: &TenantIndex, entry: &AssetEntry) -> Asset {
    let asset = &entry.asset;
    let is_mapped = |id: &&domain::SignalId| {
        plant
            .signals
            .get(*id)
            .is_some_and(|s| s.signal.kind == SignalKind::Measured && s.mapping.is_some())
    };
    Asset {
        id: asset.id,
        site_id: entry.site_id,
        unit_id: asset.unit_id,
        site_code: plant
            .sites
            .get(&entry.site_id)
            .map_or_else(String::new, |s| s.code.clone()),
        unit_code: plant
            .units
            .get(&asset.unit_id)
            .map_or_else(String::new, |u| u.code.clone()),
        code: asset.code.clone(),
        names: asset.names.clone(),
        family: asset.family.clone(),
        criticality: asset.criticality,
        equipment_number: asset.equipment_number.clone(),
        functional_location: asset.functional_location.clone(),
        parent_id: asset.parent_id,
        upstream: asset.upstream.clone(),
        downstream: asset.downstream.clone(),
        note: asset.note.clone(),
        in_service_since: asset.effective_from,
        mapped_signals: entry.signals.iter().filter(is_mapped).count() as u64,
        expected_signals: entry.template.map_or(0, |t| t.metrics.len() as u64),
    }
}

/// A filter that names another tenant's asset names nothing.
pub(crate) fn refuse_foreign(plant: &TenantIndex, asset: Option<AssetId>) -> Answer<()> {
    match asset {
        Some(id) if !plant.assets.contains_key(&id) => Err(Failure::not_found()),
        _ => Ok(()),
    }
}
