//! What a run of the optimiser advises, and the work order a person made of it.

use iq_domain::{AssetId, RecommendationId, ScenarioId, TenantId, Timestamp, WorkOrderId};
use rusqlite::{Connection, Row, params};

use crate::{Page, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, scenario_id, rank, asset_id, order_id, advice, \
    work_order_id, published_by, published_at FROM optimization_recommendations";

/// One piece of advice.
#[derive(Clone, Debug, PartialEq)]
pub struct RecommendationRow {
    /// Id.
    pub id: RecommendationId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The run.
    pub scenario_id: ScenarioId,
    /// Place in the run; from 1.
    pub rank: u32,
    /// The asset.
    pub asset_id: AssetId,
    /// The order it is about, where there is one already.
    pub order_id: Option<WorkOrderId>,
    /// What is advised, why, and what it is worth.
    pub advice: serde_json::Value,
    /// The work order a person made of it or moved because of it.
    pub work_order_id: Option<WorkOrderId>,
    /// Who.
    pub published_by: Option<String>,
    /// When.
    pub published_at: Option<Timestamp>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<RecommendationRow> {
    Ok(RecommendationRow {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        scenario_id: row::id(r, "scenario_id")?,
        rank: r.get("rank")?,
        asset_id: row::id(r, "asset_id")?,
        order_id: row::id_opt(r, "order_id")?,
        advice: row::json(r, "advice")?,
        work_order_id: row::id_opt(r, "work_order_id")?,
        published_by: r.get("published_by")?,
        published_at: row::time_opt(r, "published_at")?,
    })
}

/// Creates a recommendation.
pub fn create_recommendation(
    conn: &Connection,
    tenant: TenantId,
    advice: &RecommendationRow,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, advice.tenant_id)?;
    let sql =
        "INSERT INTO optimization_recommendations (tenant_id, id, scenario_id, rank, asset_id,
               order_id, advice, work_order_id, published_by, published_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            advice.id.to_string(),
            advice.scenario_id.to_string(),
            advice.rank,
            advice.asset_id.to_string(),
            advice.order_id.map(|id| id.to_string()),
            row::to_json(&advice.advice)?,
            advice.work_order_id.map(|id| id.to_string()),
            advice.published_by,
            advice.published_at.map(|t| t.0)
        ],
    )
}

/// All of a run, in their order.
pub fn list_recommendations(
    conn: &Connection,
    tenant: TenantId,
    scenario: ScenarioId,
) -> Result<Vec<RecommendationRow>, StoreError> {
    let found = Where::tenant(tenant)
        .maybe("scenario_id = ?", Some(scenario.to_string()))
        .page(
            conn,
            "optimization_recommendations",
            (SELECT, "rank"),
            Page::MAX,
            read,
        )?;
    Ok(found.rows)
}

/// Notes which work order was made of it. Published once, it stays with that one: `false`.
pub fn publish_recommendation(
    conn: &Connection,
    tenant: TenantId,
    id: RecommendationId,
    work_order: WorkOrderId,
    (by, at): (&str, Timestamp),
) -> Result<bool, StoreError> {
    let sql = "UPDATE optimization_recommendations
               SET work_order_id = ?, published_by = ?, published_at = ?
               WHERE tenant_id = ? AND id = ? AND work_order_id IS NULL";
    let args = params![
        work_order.to_string(),
        by,
        at.0,
        tenant.to_string(),
        id.to_string()
    ];
    Ok(query::change(conn, sql, args)? > 0)
}
