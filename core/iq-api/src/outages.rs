//! Planned outages: when a site, a unit or an asset stands, so that work which needs it can be planned there.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{ImportReport, Outage, OutageInput, Page};
use iq_domain::{self as domain, OutageId, Permission, SiteId, Timestamp};
use iq_runtime::{AssetEntry, TenantIndex};
use iq_store::{
    all_rows,
    outages::{self as rows, OutageFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Text, delete,
        get, page::answer_page, post, put,
    },
    import_rows::ImportQuery,
    outage_plan::{self, Calendar},
    state::ApiState,
};

/// Largest CSV file.
const IMPORT_CAP: usize = 2 * 1024 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{TechniciansWrite, WorkOrdersRead};
    vec![
        get("/api/outages", WorkOrdersRead, list_outages)
            .query::<OutageQuery>()
            .page::<Outage>()
            .says("Planned outages, by their begin"),
        post("/api/outages", TechniciansWrite, create_outage)
            .body::<OutageInput>()
            .answer::<Outage>()
            .status(201)
            .audits("outages.create")
            .says("Enter a planned outage"),
        post("/api/outages/import", TechniciansWrite, import_outages)
            .query::<ImportQuery>()
            .text_body("text/csv")
            .cap(IMPORT_CAP)
            .answer::<ImportReport>()
            .audits("outages.import")
            .says("Import planned outages from CSV, all or none"),
        get("/api/outages/{id}", WorkOrdersRead, get_outage)
            .answer::<Outage>()
            .says("One planned outage"),
        put("/api/outages/{id}", TechniciansWrite, update_outage)
            .body::<OutageInput>()
            .answer::<Outage>()
            .audits("outages.update")
            .says("Change a planned outage"),
        delete("/api/outages/{id}", TechniciansWrite, delete_outage)
            .status(204)
            .audits("outages.delete")
            .says("Delete a planned outage"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct OutageQuery {
    /// Only of this site, its units and assets.
    site_id: Option<SiteId>,
    /// Only what is not over at this moment (UTC ms).
    from: Option<i64>,
    /// Only what has begun before this moment (UTC ms).
    to: Option<i64>,
    /// Part of title or remark.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_outages(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<OutageQuery>,
) -> Answer<Json<Page<Outage>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if query
        .site_id
        .is_some_and(|id| !plant.sites.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let page = PageQuery::page(query.limit, query.offset);
    let filter = OutageFilter {
        site_id: query.site_id,
        from: query.from.map(Timestamp),
        to: query.to.map(Timestamp),
        text: query.q,
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| rows::list_outages(conn, tenant, &filter, page))
        .await?;
    Ok(Json(answer_page(found, page, |row| dto(&plant, row))))
}

async fn get_outage(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<OutageId>,
) -> Answer<Json<Outage>> {
    answer(&state, &caller, id).await
}

async fn create_outage(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<OutageInput>,
) -> Answer<(StatusCode, Json<Outage>)> {
    let row = from_input(&state, &caller, OutageId::new(), &input)?;
    let (tenant, id) = (caller.tenant_id, row.id);
    audit
        .object("outage", id)
        .detail("title", row.title.clone())
        .detail("from", row.from.0)
        .detail("to", row.to.0);
    state
        .runtime
        .store()
        .write(move |tx| rows::create_outage(tx, tenant, &row))
        .await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id).await?))
}

async fn update_outage(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutageId>,
    Body(input): Body<OutageInput>,
) -> Answer<Json<Outage>> {
    own(&state, &caller, id).await?;
    let row = from_input(&state, &caller, id, &input)?;
    audit
        .detail("title", row.title.clone())
        .detail("from", row.from.0)
        .detail("to", row.to.0);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::update_outage(tx, tenant, &row))
        .await?;
    answer(&state, &caller, id).await
}

async fn delete_outage(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<OutageId>,
) -> Answer<StatusCode> {
    audit.detail("title", own(&state, &caller, id).await?.title);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::delete_outage(tx, tenant, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn import_outages(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ImportQuery>,
    Text(text): Text,
) -> Answer<Json<ImportReport>> {
    let tenant = caller.tenant_id;
    let plant = state.runtime.tenant(tenant)?;
    let outages = state
        .runtime
        .store()
        .read(move |conn| {
            let every = OutageFilter::default();
            all_rows(|page| rows::list_outages(conn, tenant, &every, page))
        })
        .await?;
    let placed = |entry: &AssetEntry| (entry.asset.code.clone(), (entry.asset.id, entry.site_id));
    let calendar = Calendar {
        tenant_id: tenant,
        now: state.now(),
        sites: plant.sites.values().cloned().collect(),
        units: plant.units.values().cloned().collect(),
        assets: plant.assets.values().map(placed).collect(),
        outages,
    };
    let plan = tokio::task::spawn_blocking(move || outage_plan::plan(&text, &calendar))
        .await
        .map_err(|_| Failure::internal())??;
    let report = plan.report(&caller, &audit, &query);
    if !query.dry_run && report.errors.is_empty() {
        state
            .runtime
            .store()
            .write(move |tx| {
                for outage in &plan.updated {
                    rows::update_outage(tx, tenant, outage)?;
                }
                for outage in &plan.created {
                    rows::create_outage(tx, tenant, outage)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(Json(report))
}

/// The tenant's own outage.
async fn own(state: &ApiState, caller: &Caller, id: OutageId) -> Answer<domain::Outage> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| rows::get_outage(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

async fn answer(state: &ApiState, caller: &Caller, id: OutageId) -> Answer<Json<Outage>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(dto(&plant, own(state, caller, id).await?)))
}

fn from_input(
    state: &ApiState,
    caller: &Caller,
    id: OutageId,
    input: &OutageInput,
) -> Answer<domain::Outage> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant.sites.contains_key(&input.site_id) {
        return Err(Failure::not_found());
    }
    let unit = match input.unit_id {
        Some(id) => Some(plant.units.get(&id).ok_or_else(Failure::not_found)?),
        None => None,
    };
    let asset = match input.asset_id {
        Some(id) => Some(plant.assets.get(&id).ok_or_else(Failure::not_found)?),
        None => None,
    };
    let row = domain::Outage {
        id,
        tenant_id: caller.tenant_id,
        site_id: input.site_id,
        unit_id: input.unit_id,
        asset_id: input.asset_id,
        title: input.title.trim().to_owned(),
        from: input.from,
        to: input.to,
        note: input.note.clone(),
        changed_at: state.now(),
    };
    let places = (unit.map(|u| u.site_id), asset.map(|a| a.site_id));
    let mut check = Check::new();
    outage_plan::check(&mut check, &row);
    outage_plan::check_place(&mut check, row.site_id, places, ("unit_id", "asset_id"));
    check.done()?;
    Ok(row)
}

fn dto(plant: &TenantIndex, row: domain::Outage) -> Outage {
    let site = plant.sites.get(&row.site_id);
    let unit = row.unit_id.and_then(|id| plant.units.get(&id));
    let asset = row.asset_id.and_then(|id| plant.assets.get(&id));
    Outage {
        id: row.id,
        site_id: row.site_id,
        site_code: site.map(|s| s.code.clone()).unwrap_or_default(),
        time_zone: site.map(|s| s.time_zone.clone()).unwrap_or_default(),
        unit_id: row.unit_id,
        unit_code: unit.map(|u| u.code.clone()),
        asset_id: row.asset_id,
        asset_code: asset.map(|a| a.asset.code.clone()),
        title: row.title,
        from: row.from,
        to: row.to,
        note: row.note,
        changed_at: row.changed_at,
    }
}
