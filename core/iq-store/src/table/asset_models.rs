//! What was learned of each asset, version by version; at most one is in force.

use iq_domain::{AssetId, Message, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{StoreError, query, row};

const SELECT: &str = "SELECT tenant_id, asset_id, version, state, model, alarm_limit, \
    alarms_per_week, comparison, withheld, is_demo, created_by, created_at, promoted_by, promoted_at \
    FROM asset_models";

/// Versions of an asset that are kept beside the one in force.
const KEEP: u32 = 20;

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Trained, not in force.
    Candidate,
    /// In force.
    Promoted,
    /// Was in force.
    Retired,
    /// There was too little to learn from.
    Withheld,
}

/// One version.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetModelRow {
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// From 1, rising per asset; given when it is appended.
    pub version: u32,
    /// Where it stands.
    pub state: ModelState,
    /// The model as the analytics read it; `null` where it is withheld.
    pub model: serde_json::Value,
    /// The limit of alarms, 1 at the model's own.
    pub alarm_limit: Option<f64>,
    /// The budget the limit keeps.
    pub alarms_per_week: f64,
    /// Its figures beside those of the version then in force; `null` where it is withheld.
    pub comparison: serde_json::Value,
    /// Why there is none.
    pub withheld: Option<Message>,
    /// Learned from made-up data.
    pub is_demo: bool,
    /// User name, or "system".
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Who brought it into force last.
    pub promoted_by: Option<String>,
    /// When.
    pub promoted_at: Option<Timestamp>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<AssetModelRow> {
    let text = |column: &str| -> rusqlite::Result<Option<serde_json::Value>> {
        match r.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => row::json(r, column).map(Some),
        }
    };
    let withheld = match r.get_ref("withheld")? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(row::json(r, "withheld")?),
    };
    Ok(AssetModelRow {
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id(r, "asset_id")?,
        version: r.get("version")?,
        state: row::word(r, "state")?,
        model: text("model")?.unwrap_or_default(),
        alarm_limit: r.get("alarm_limit")?,
        alarms_per_week: r.get("alarms_per_week")?,
        comparison: text("comparison")?.unwrap_or_default(),
        withheld,
        is_demo: r.get("is_demo")?,
        created_by: r.get("created_by")?,
        created_at: row::time(r, "created_at")?,
        promoted_by: r.get("promoted_by")?,
        promoted_at: row::time_opt(r, "promoted_at")?,
    })
}

/// The version of an asset in force.
pub fn get_promoted_model(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
) -> Result<Option<AssetModelRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND asset_id = ? AND state = 'promoted'");
    let args = params![tenant.to_string(), asset.to_string()];
    query::find(conn, &sql, args, read)
}

/// The versions in force of all assets.
pub fn list_promoted_models(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<AssetModelRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND state = 'promoted' ORDER BY asset_id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant.to_string()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One version.
pub fn get_asset_model(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    version: u32,
) -> Result<Option<AssetModelRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND asset_id = ? AND version = ?");
    let args = params![tenant.to_string(), asset.to_string(), version];
    query::find(conn, &sql, args, read)
}

/// All versions of an asset, newest first.
pub fn list_asset_models(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
) -> Result<Vec<AssetModelRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND asset_id = ? ORDER BY version DESC");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant.to_string(), asset.to_string()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Appends a version with the next number; it is in force only by [`promote_asset_model`]. An attempt that
/// was withheld replaces the one before, and of the rest the newest are kept.
pub fn append_asset_model(
    conn: &Connection,
    tenant: TenantId,
    model: AssetModelRow,
) -> Result<AssetModelRow, StoreError> {
    row::same_tenant(tenant, model.tenant_id)?;
    let asset = model.asset_id.to_string();
    // A reason takes no number for good.
    query::change(
        conn,
        "DELETE FROM asset_models WHERE tenant_id = ? AND asset_id = ? AND state = 'withheld'",
        params![tenant.to_string(), asset],
    )?;
    let last: Option<u32> = query::find(
        conn,
        "SELECT MAX(version) AS last FROM asset_models WHERE tenant_id = ? AND asset_id = ?",
        params![tenant.to_string(), asset],
        |r| r.get::<_, Option<u32>>("last"),
    )?
    .flatten();
    let state = match model.withheld {
        Some(_) => ModelState::Withheld,
        None => ModelState::Candidate,
    };
    let model = AssetModelRow {
        version: last.unwrap_or(0).saturating_add(1),
        state,
        ..model
    };
    let json = |value: &serde_json::Value| -> Result<Option<String>, StoreError> {
        (!value.is_null()).then(|| row::to_json(value)).transpose()
    };
    query::change_one(
        conn,
        "INSERT INTO asset_models (tenant_id, asset_id, version, state, model, alarm_limit,
         alarms_per_week, comparison, withheld, is_demo, created_by, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            tenant.to_string(),
            asset,
            model.version,
            row::to_word(&model.state)?,
            json(&model.model)?,
            model.alarm_limit,
            model.alarms_per_week,
            json(&model.comparison)?,
            model.withheld.as_ref().map(row::to_json).transpose()?,
            model.is_demo,
            model.created_by,
            model.created_at.0
        ],
    )?;
    query::change(
        conn,
        "DELETE FROM asset_models WHERE tenant_id = ?1 AND asset_id = ?2
         AND state IN ('candidate', 'retired') AND version <= ?3",
        params![
            tenant.to_string(),
            asset,
            model.version.saturating_sub(KEEP)
        ],
    )?;
    Ok(model)
}

/// Brings a version into force; the one before is retired.
pub fn promote_asset_model(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    version: u32,
    (by, at): (&str, Timestamp),
) -> Result<(), StoreError> {
    query::change(
        conn,
        "UPDATE asset_models SET state = 'retired'
         WHERE tenant_id = ? AND asset_id = ? AND state = 'promoted'",
        params![tenant.to_string(), asset.to_string()],
    )?;
    query::change_one(
        conn,
        "UPDATE asset_models SET state = 'promoted', promoted_by = ?, promoted_at = ?
         WHERE tenant_id = ? AND asset_id = ? AND version = ? AND model IS NOT NULL",
        params![by, at.0, tenant.to_string(), asset.to_string(), version],
    )
}

/// Changes the budget of a version, and the limit that keeps it.
pub fn update_alarm_budget(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    version: u32,
    (alarms_per_week, limit): (f64, f64),
) -> Result<(), StoreError> {
    query::change_one(
        conn,
        "UPDATE asset_models SET alarms_per_week = ?, alarm_limit = ?
         WHERE tenant_id = ? AND asset_id = ? AND version = ? AND model IS NOT NULL",
        params![
            alarms_per_week,
            limit,
            tenant.to_string(),
            asset.to_string(),
            version
        ],
    )
}
