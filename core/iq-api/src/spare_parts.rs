//! Spare parts in the stores of the sites: plans take the parts of a work order from them.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{ImportReport, Page, SparePart, SparePartInput};
use iq_domain::{self as domain, PartArrival, Permission, SiteId, SparePartId, Timestamp};
use iq_runtime::TenantIndex;
use iq_store::{
    all_rows,
    spare_parts::{self as rows, SparePartFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Text, delete,
        get, page::answer_page, post, put,
    },
    import_rows::ImportQuery,
    spare_part_plan::{self, Stores},
    state::ApiState,
};

/// Largest CSV file.
const IMPORT_CAP: usize = 2 * 1024 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{TechniciansWrite, WorkOrdersRead};
    vec![
        get("/api/spare-parts", WorkOrdersRead, list_spare_parts)
            .query::<SparePartQuery>()
            .page::<SparePart>()
            .says("Spare parts, by material number"),
        post("/api/spare-parts", TechniciansWrite, create_spare_part)
            .body::<SparePartInput>()
            .answer::<SparePart>()
            .status(201)
            .audits("spare_parts.create")
            .says("Enter a spare part"),
        post(
            "/api/spare-parts/import",
            TechniciansWrite,
            import_spare_parts,
        )
        .query::<ImportQuery>()
        .text_body("text/csv")
        .cap(IMPORT_CAP)
        .answer::<ImportReport>()
        .audits("spare_parts.import")
        .says("Import spare parts from CSV, all or none"),
        get("/api/spare-parts/{id}", WorkOrdersRead, get_spare_part)
            .answer::<SparePart>()
            .says("One spare part"),
        put("/api/spare-parts/{id}", TechniciansWrite, update_spare_part)
            .body::<SparePartInput>()
            .answer::<SparePart>()
            .audits("spare_parts.update")
            .says("Change a spare part"),
        delete("/api/spare-parts/{id}", TechniciansWrite, delete_spare_part)
            .status(204)
            .audits("spare_parts.delete")
            .says("Delete a spare part"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct SparePartQuery {
    /// Only of this site's store.
    site_id: Option<SiteId>,
    /// Only those of which none, or some, is there now.
    is_out: Option<bool>,
    /// Part of material number, title or remark.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_spare_parts(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<SparePartQuery>,
) -> Answer<Json<Page<SparePart>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if query
        .site_id
        .is_some_and(|id| !plant.sites.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let page = PageQuery::page(query.limit, query.offset);
    let filter = SparePartFilter {
        site_id: query.site_id,
        is_out: query.is_out,
        text: query.q,
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| rows::list_spare_parts(conn, tenant, &filter, page))
        .await?;
    let now = state.now();
    Ok(Json(answer_page(found, page, |row| dto(&plant, row, now))))
}

async fn get_spare_part(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<SparePartId>,
) -> Answer<Json<SparePart>> {
    answer(&state, &caller, id).await
}

async fn create_spare_part(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<SparePartInput>,
) -> Answer<(StatusCode, Json<SparePart>)> {
    let row = from_input(&state, &caller, SparePartId::new(), input)?;
    let (tenant, id) = (caller.tenant_id, row.id);
    audit
        .object("spare_part", id)
        .detail("code", row.code.clone())
        .detail("on_hand", row.on_hand);
    state
        .runtime
        .store()
        .write(move |tx| rows::create_spare_part(tx, tenant, &row))
        .await?;
    Ok((StatusCode::CREATED, answer(&state, &caller, id).await?))
}

async fn update_spare_part(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<SparePartId>,
    Body(input): Body<SparePartInput>,
) -> Answer<Json<SparePart>> {
    own(&state, &caller, id).await?;
    let row = from_input(&state, &caller, id, input)?;
    audit
        .detail("code", row.code.clone())
        .detail("on_hand", row.on_hand);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::update_spare_part(tx, tenant, &row))
        .await?;
    answer(&state, &caller, id).await
}

async fn delete_spare_part(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<SparePartId>,
) -> Answer<StatusCode> {
    audit.detail("code", own(&state, &caller, id).await?.code);
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| rows::delete_spare_part(tx, tenant, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn import_spare_parts(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ImportQuery>,
    Text(text): Text,
) -> Answer<Json<ImportReport>> {
    let tenant = caller.tenant_id;
    let plant = state.runtime.tenant(tenant)?;
    let parts = state
        .runtime
        .store()
        .read(move |conn| {
            let every = SparePartFilter::default();
            all_rows(|page| rows::list_spare_parts(conn, tenant, &every, page))
        })
        .await?;
    let stores = Stores {
        tenant_id: tenant,
        now: state.now(),
        sites: plant.sites.values().cloned().collect(),
        parts,
    };
    let plan = tokio::task::spawn_blocking(move || spare_part_plan::plan(&text, &stores))
        .await
        .map_err(|_| Failure::internal())??;
    let report = plan.report(&caller, &audit, &query);
    if !query.dry_run && report.errors.is_empty() {
        state
            .runtime
            .store()
            .write(move |tx| {
                for part in &plan.updated {
                    rows::update_spare_part(tx, tenant, part)?;
                }
                for part in &plan.created {
                    rows::create_spare_part(tx, tenant, part)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(Json(report))
}

/// The tenant's own part.
async fn own(state: &ApiState, caller: &Caller, id: SparePartId) -> Answer<domain::SparePart> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| rows::get_spare_part(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

async fn answer(state: &ApiState, caller: &Caller, id: SparePartId) -> Answer<Json<SparePart>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    Ok(Json(dto(
        &plant,
        own(state, caller, id).await?,
        state.now(),
    )))
}

fn from_input(
    state: &ApiState,
    caller: &Caller,
    id: SparePartId,
    input: SparePartInput,
) -> Answer<domain::SparePart> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if !plant.sites.contains_key(&input.site_id) {
        return Err(Failure::not_found());
    }
    let arrival = input.expected_at.zip(input.expected_quantity);
    let part = domain::SparePart {
        id,
        tenant_id: caller.tenant_id,
        site_id: input.site_id,
        code: input.code,
        title: input.title.trim().to_owned(),
        on_hand: input.on_hand,
        expected: arrival.map(|(at, quantity)| PartArrival { at, quantity }),
        lead_time_days: input.lead_time_days,
        note: input.note,
        changed_at: state.now(),
    };
    let mut check = Check::new();
    check.require(
        input.expected_at.is_some() == input.expected_quantity.is_some(),
        "expected_at",
        "spare_parts.arrival_half",
    );
    spare_part_plan::check(&mut check, &part);
    check.done()?;
    Ok(part)
}

fn dto(plant: &TenantIndex, part: domain::SparePart, now: Timestamp) -> SparePart {
    let site = plant.sites.get(&part.site_id);
    SparePart {
        id: part.id,
        site_id: part.site_id,
        site_code: site.map(|s| s.code.clone()).unwrap_or_default(),
        code: part.code,
        title: part.title,
        on_hand: part.on_hand,
        expected_quantity: part.expected.map(|e| e.quantity),
        expected_at: part.expected.map(|e| e.at),
        is_overdue: part.expected.is_some_and(|e| e.at <= now),
        lead_time_days: part.lead_time_days,
        note: part.note,
        changed_at: part.changed_at,
    }
}
