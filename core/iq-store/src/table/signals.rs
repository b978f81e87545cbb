//! Signals. Creating one gives it the number of its series in the historian; numbers are unique on
//! the appliance, start at 0 without gaps, and are never used again.

use iq_domain::{AssetId, CodedError, ErrorKind, Signal, SignalId, SignalKind, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

/// The historian's chunk key has 19 bits for the number.
const SIGNAL_NUMBERS: u32 = 1 << 19;

const SELECT: &str = "SELECT tenant_id, id, asset_id, metric, unit, kind, signal_no FROM signals";

/// A signal without its number.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSignal {
    /// Id.
    pub id: SignalId,
    /// The asset.
    pub asset_id: AssetId,
    /// Metric key, unique per asset.
    pub metric: String,
    /// Unit symbol.
    pub unit: String,
    /// Measured or derived.
    pub kind: SignalKind,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Signal> {
    Ok(Signal {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id(r, "asset_id")?,
        metric: r.get("metric")?,
        unit: r.get("unit")?,
        kind: row::word(r, "kind")?,
        signal_no: r.get("signal_no")?,
    })
}

/// Creates a signal and gives it its number.
pub fn create_signal(
    conn: &Connection,
    tenant: TenantId,
    new: &NewSignal,
) -> Result<Signal, StoreError> {
    let sql = "SELECT COALESCE(MAX(signal_no) + 1, 0) FROM signal_numbers";
    let signal_no: u32 = conn.prepare_cached(sql)?.query_row([], |r| r.get(0))?;
    if signal_no >= SIGNAL_NUMBERS {
        let full = CodedError::new(ErrorKind::TooMuch, "signals.numbers_used_up");
        return Err(full.with("limit", SIGNAL_NUMBERS).into());
    }
    let sql = "INSERT INTO signals (tenant_id, id, asset_id, metric, unit, kind, signal_no)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            new.id.to_string(),
            new.asset_id.to_string(),
            new.metric,
            new.unit,
            row::to_word(&new.kind)?,
            signal_no
        ],
    )
    .map_err(|e| {
        e.or_taken(CodedError::conflict("signals.metric_taken").with("metric", &new.metric))
            .or_reference(CodedError::not_found("assets.not_found"))
    })?;
    let sql = "INSERT INTO signal_numbers (tenant_id, signal_no, signal_id) VALUES (?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![tenant.to_string(), signal_no, new.id.to_string()],
    )?;
    Ok(Signal {
        id: new.id,
        tenant_id: tenant,
        asset_id: new.asset_id,
        metric: new.metric.clone(),
        unit: new.unit.clone(),
        kind: new.kind,
        signal_no,
    })
}

/// The signal, if this tenant has it.
pub fn get_signal(
    conn: &Connection,
    tenant: TenantId,
    id: SignalId,
) -> Result<Option<Signal>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The asset's signal of that metric.
pub fn get_signal_by_metric(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    metric: &str,
) -> Result<Option<Signal>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND asset_id = ? AND metric = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), asset.to_string(), metric],
        read,
    )
}

/// The signals of one asset, or of all, by number.
pub fn list_signals(
    conn: &Connection,
    tenant: TenantId,
    asset: Option<AssetId>,
) -> Result<Vec<Signal>, StoreError> {
    Where::tenant(tenant)
        .maybe("asset_id = ?", asset.map(|id| id.to_string()))
        .list(conn, SELECT, "signal_no", read)
}

/// The signals of several assets, by number; no assets, no signals.
pub fn list_signals_of_assets(
    conn: &Connection,
    tenant: TenantId,
    assets: &[AssetId],
) -> Result<Vec<Signal>, StoreError> {
    if assets.is_empty() {
        return Ok(Vec::new());
    }
    Where::tenant(tenant)
        .any("asset_id", assets.iter().map(ToString::to_string).collect())
        .list(conn, SELECT, "signal_no", read)
}

/// Changes a signal's unit. Stored values are not converted; the caller decides whether that is right.
pub fn update_signal_unit(
    conn: &Connection,
    tenant: TenantId,
    id: SignalId,
    unit: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE signals SET unit = ? WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![unit, tenant.to_string(), id.to_string()])
}

/// Deletes a signal that is not mapped, with its rules. Its number stays taken.
pub fn delete_signal(conn: &Connection, tenant: TenantId, id: SignalId) -> Result<(), StoreError> {
    let sql = "DELETE FROM signals WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("signals.in_use")))
}
