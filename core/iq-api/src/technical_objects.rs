//! Equipment and functional locations of maintenance systems: how many are tied to assets, and the
//! word of a person where the program can't tell.

use axum::{Json, extract::State};
use iq_api_types::{AssetRef, MatchCounts, ObjectCoverage, Page, SettleObject, TechnicalObject};
use iq_domain::{
    AssetId, IntegrationId, MatchState, ObjectKind, Permission, TechnicalObjectId, TenantId,
};
use iq_runtime::{TenantIndex, maintenance::Settlement};
use iq_store::{
    Connection, StoreError,
    technical_objects::{self as rows, ObjectFilter},
    work_orders::{self, WorkOrderFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Failure, Id, PageQuery, Query, Route, get, page::answer_page,
        put,
    },
    state::ApiState,
    words,
    work_orders::{actor, own_integration},
};

/// Assets without an object that a report names.
const MAX_ASSETS: usize = 200;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{WorkOrdersApprove, WorkOrdersRead};
    vec![
        get(
            "/api/work-orders/coverage",
            WorkOrdersRead,
            list_object_coverage,
        )
        .query::<CoverageQuery>()
        .list::<ObjectCoverage>()
        .says("How much of each maintenance system is tied to assets"),
        get(
            "/api/work-orders/objects",
            WorkOrdersRead,
            list_technical_objects,
        )
        .query::<ObjectQuery>()
        .page::<TechnicalObject>()
        .says("Equipment and functional locations; what waits for a person first"),
        put(
            "/api/work-orders/objects/{id}/asset",
            WorkOrdersApprove,
            settle_technical_object,
        )
        .body::<SettleObject>()
        .answer::<TechnicalObject>()
        .audits("work_orders.settle_object")
        .says("Say which asset an object belongs to; it wins over what the program finds"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct CoverageQuery {
    /// Only this system.
    integration_id: Option<IntegrationId>,
}

async fn list_object_coverage(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<CoverageQuery>,
) -> Answer<Json<Vec<ObjectCoverage>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    own_integration(&plant, query.integration_id)?;
    let mut reports = Vec::new();
    for integration in plant.integrations.values() {
        if query.integration_id.is_some_and(|id| id != integration.id) {
            continue;
        }
        let connector = state.runtime.connectors().get(&integration.kind);
        let system = connector.ok().and_then(|c| c.maintenance());
        if system.is_none() {
            continue;
        }
        let (tenant, id) = (caller.tenant_id, integration.id);
        let (objects, work_orders, with_object) = state
            .runtime
            .store()
            .read(move |conn| {
                Ok((
                    count_objects(conn, tenant, id)?,
                    count_work_orders(conn, tenant, id)?,
                    rows::list_assets_with_objects(conn, tenant, id)?,
                ))
            })
            .await?;
        let mut without: Vec<AssetRef> = plant
            .assets
            .keys()
            .filter(|asset| with_object.binary_search(asset).is_err())
            .filter_map(|asset| asset_ref(&plant, *asset))
            .collect();
        without.sort_by(|a, b| a.code.cmp(&b.code));
        let mode = integration.config["asset_mapping_mode"].as_str();
        let sync = integration.config["work_order_sync_mode"].as_str();
        reports.push(ObjectCoverage {
            integration_id: id,
            integration_name: integration.name.clone(),
            mode: mode.unwrap_or("by_equipment_number").to_owned(),
            takes_work_orders: sync == Some("push_and_sync"),
            objects,
            work_orders,
            assets_without_object_total: without.len() as u64,
            assets_without_object: without.into_iter().take(MAX_ASSETS).collect(),
        });
    }
    reports.sort_by(|a, b| a.integration_name.cmp(&b.integration_name));
    Ok(Json(reports))
}

const STATES: [MatchState; 4] = [
    MatchState::Matched,
    MatchState::Unmatched,
    MatchState::Ambiguous,
    MatchState::Settled,
];

fn counts(
    mut count: impl FnMut(MatchState) -> Result<u64, StoreError>,
) -> Result<MatchCounts, StoreError> {
    let mut counts = MatchCounts::default();
    for state in STATES {
        let number = count(state)?;
        match state {
            MatchState::Matched => counts.matched = number,
            MatchState::Unmatched => counts.unmatched = number,
            MatchState::Ambiguous => counts.ambiguous = number,
            MatchState::Settled => counts.settled = number,
        }
    }
    Ok(counts)
}

fn count_objects(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<MatchCounts, StoreError> {
    counts(|state| {
        let filter = ObjectFilter {
            integration_id: Some(integration),
            match_states: vec![state],
            ..ObjectFilter::default()
        };
        rows::count_technical_objects(conn, tenant, &filter)
    })
}

fn count_work_orders(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<MatchCounts, StoreError> {
    counts(|state| {
        let filter = WorkOrderFilter {
            integration_id: Some(integration),
            match_states: vec![state],
            ..WorkOrderFilter::default()
        };
        work_orders::count_work_orders(conn, tenant, &filter)
    })
}

fn asset_ref(plant: &TenantIndex, id: AssetId) -> Option<AssetRef> {
    let asset = &plant.assets.get(&id)?.asset;
    Some(AssetRef {
        id,
        code: asset.code.clone(),
        names: asset.names.clone(),
    })
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct ObjectQuery {
    /// Only this system.
    integration_id: Option<IntegrationId>,
    /// One or more ways the asset was found, with commas.
    #[serde(rename = "match")]
    match_state: Option<String>,
    /// Only this kind: equipment, functional_location.
    kind: Option<ObjectKind>,
    /// Part of the number, the name or the location.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_technical_objects(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ObjectQuery>,
) -> Answer<Json<Page<TechnicalObject>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    own_integration(&plant, query.integration_id)?;
    let match_states: Vec<MatchState> = words::list("match", query.match_state.as_deref())?;
    let page = PageQuery::page(query.limit, query.offset);
    let filter = ObjectFilter {
        integration_id: query.integration_id,
        match_states,
        kind: query.kind,
        asset_ids: Vec::new(),
        text: query.q.filter(|q| !q.trim().is_empty()),
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| rows::list_technical_objects(conn, tenant, &filter, page))
        .await?;
    Ok(Json(answer_page(found, page, |object| dto(&plant, object))))
}

fn dto(plant: &TenantIndex, object: rows::TechnicalObject) -> TechnicalObject {
    let asset = object.asset_id.and_then(|id| plant.assets.get(&id));
    TechnicalObject {
        id: object.id,
        integration_id: object.integration_id,
        kind: object.kind,
        number: object.number,
        name: object.name,
        location: object.location,
        parent: object.parent,
        plant: object.plant,
        is_active: object.is_active,
        asset_id: asset.map(|e| e.asset.id),
        asset_code: asset.map(|e| e.asset.code.clone()),
        match_state: object.match_state,
        match_reason: object.match_reason,
        candidates: object
            .candidates
            .into_iter()
            .filter_map(|id| asset_ref(plant, id))
            .collect(),
        settled_by: object.settled_by,
        settled_at: object.settled_at,
    }
}

async fn settle_technical_object(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<TechnicalObjectId>,
    Body(input): Body<SettleObject>,
) -> Answer<Json<TechnicalObject>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, input.asset_id)?;
    let settlement = match (input.is_automatic, input.asset_id) {
        (true, None) => Settlement::Automatic,
        (true, Some(_)) => {
            return Err(Failure::field(
                "asset_id",
                "work_orders.automatic_has_no_asset",
            ));
        }
        (false, Some(asset)) => Settlement::Asset(asset),
        (false, None) => Settlement::NoAsset,
    };
    audit
        .detail("asset_id", serde_json::json!(input.asset_id))
        .detail("is_automatic", input.is_automatic);
    if let Some(asset) = input.asset_id {
        audit.asset(asset);
    }
    let object = state
        .runtime
        .settle_object(caller.tenant_id, id, settlement, actor(&caller))
        .await?;
    audit.called(&object.number);
    Ok(Json(dto(&plant, object)))
}
