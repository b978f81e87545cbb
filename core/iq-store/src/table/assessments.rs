//! Assessments of assets (`asset_metrics_snapshot`): the explanation behind the scores of a moment.

use iq_domain::{Assessment, AssessmentId, AssetId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, asset_id, at, health, anomaly, coverage, input_age_ms, \
    contributors, model, withheld_code, withheld_params FROM asset_metrics_snapshot";

fn read(r: &Row<'_>) -> rusqlite::Result<Assessment> {
    Ok(Assessment {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id(r, "asset_id")?,
        at: row::time(r, "at")?,
        health: r.get("health")?,
        anomaly: r.get("anomaly")?,
        coverage: r.get("coverage")?,
        input_age_ms: r.get("input_age_ms")?,
        contributors: row::json(r, "contributors")?,
        model: r.get("model")?,
        withheld_code: r.get("withheld_code")?,
        withheld_params: row::json(r, "withheld_params")?,
    })
}

/// Keeps an assessment. The same asset, moment and model again replaces the earlier result and keeps
/// its id, so that scoring may be repeated after a restart. `now` is when it is written down; a result
/// that says the same as before keeps the moment it was first known.
pub fn put_assessment(
    conn: &Connection,
    tenant: TenantId,
    assessment: &Assessment,
    now: Timestamp,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, assessment.tenant_id)?;
    let sql = "INSERT INTO asset_metrics_snapshot (tenant_id, id, asset_id, at, health, anomaly,
               coverage, input_age_ms, contributors, model, withheld_code, withheld_params,
               recorded_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
               ON CONFLICT (tenant_id, asset_id, at, model) DO UPDATE SET
               recorded_at = CASE WHEN health IS ?5 AND anomaly IS ?6 AND contributors = ?9
                             THEN recorded_at ELSE ?13 END,
               health = ?5, anomaly = ?6, coverage = ?7, input_age_ms = ?8, contributors = ?9, withheld_code = ?11,
               withheld_params = ?12";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            assessment.id.to_string(),
            assessment.asset_id.to_string(),
            assessment.at.0,
            assessment.health,
            assessment.anomaly,
            assessment.coverage,
            assessment.input_age_ms,
            row::to_json(&assessment.contributors)?,
            assessment.model,
            assessment.withheld_code,
            row::to_json(&assessment.withheld_params)?,
            now.0
        ],
    )
}

/// The assessment, if this tenant has it.
pub fn get_assessment(
    conn: &Connection,
    tenant: TenantId,
    id: AssessmentId,
) -> Result<Option<Assessment>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The latest assessment of an asset at or before a moment.
pub fn get_assessment_at(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    at: Timestamp,
) -> Result<Option<Assessment>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE tenant_id = ? AND asset_id = ? AND at <= ? ORDER BY at DESC, id DESC LIMIT 1"
    );
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), asset.to_string(), at.0],
        read,
    )
}

/// The latest assessment of every asset at or before a moment; with `known_at`, of those that had been
/// written down by then.
pub fn list_assessments_at(
    conn: &Connection,
    tenant: TenantId,
    at: Timestamp,
    known_at: Option<Timestamp>,
) -> Result<Vec<Assessment>, StoreError> {
    // One index seek per asset instead of a scan of all assessments.
    let sql = format!(
        "{SELECT} WHERE tenant_id = ?1 AND rowid IN (
           SELECT (SELECT s.rowid FROM asset_metrics_snapshot s
                   WHERE s.tenant_id = a.tenant_id AND s.asset_id = a.id AND s.at <= ?2
                     AND COALESCE(s.recorded_at, s.at) <= ?3
                   ORDER BY s.at DESC, s.id DESC LIMIT 1)
           FROM assets a WHERE a.tenant_id = ?1) ORDER BY asset_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![tenant.to_string(), at.0, known_at.map_or(i64::MAX, |t| t.0)],
        read,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A page of the assessments of an asset in a window, newest first.
pub fn list_assessments(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    page: Page,
) -> Result<Paged<Assessment>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .and("asset_id = ?", [asset.to_string().into()])
        .within("at", from, to);
    wanted.page(
        conn,
        "asset_metrics_snapshot",
        (SELECT, "at DESC, id DESC"),
        page,
        read,
    )
}

/// Deletes assessments older than `before` but keeps the latest of each asset, and those of the asset of an
/// incident from `before_ms` ahead of its beginning to `after_ms` behind its end; returns how many.
pub fn delete_assessments_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
    (before_ms, after_ms): (i64, i64),
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM asset_metrics_snapshot AS old
               WHERE old.tenant_id = ?1 AND old.at < ?2 AND EXISTS (
               SELECT 1 FROM asset_metrics_snapshot s WHERE s.tenant_id = old.tenant_id
               AND s.asset_id = old.asset_id AND s.at > old.at) AND NOT EXISTS (
               SELECT 1 FROM incidents i WHERE i.tenant_id = old.tenant_id
               AND i.asset_id = old.asset_id AND i.started_at <= old.at + ?3
               AND (i.ended_at IS NULL OR i.ended_at >= old.at - ?4))";
    let args = params![tenant.to_string(), before.0, before_ms, after_ms];
    query::change(conn, sql, args)
}
