//! Values that arrived long after their time: which stretch of a signal, and when it came.

use iq_domain::{SignalId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT signal_id, from_time, to_time, arrived_at FROM late_values";
const MINUTE_MS: i64 = 60_000;

/// A stretch of a signal whose values came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateStretch {
    /// The signal.
    pub signal_id: SignalId,
    /// Source time of its first value.
    pub from: Timestamp,
    /// Source time of its last value.
    pub to: Timestamp,
    /// When the first of them arrived.
    pub arrived_at: Timestamp,
}

fn read(r: &Row<'_>) -> rusqlite::Result<LateStretch> {
    Ok(LateStretch {
        signal_id: row::id(r, "signal_id")?,
        from: row::time(r, "from_time")?,
        to: row::time(r, "to_time")?,
        arrived_at: row::time(r, "arrived_at")?,
    })
}

/// Notes a stretch; what arrives of a signal within the same minute is one stretch.
pub fn put_late_values(
    conn: &Connection,
    tenant: TenantId,
    late: &LateStretch,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO late_values (tenant_id, signal_id, minute, from_time, to_time, arrived_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (tenant_id, signal_id, minute) DO UPDATE SET
               from_time = MIN(from_time, ?4), to_time = MAX(to_time, ?5),
               arrived_at = MIN(arrived_at, ?6)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            late.signal_id.to_string(),
            late.arrived_at.0.div_euclid(MINUTE_MS),
            late.from.0,
            late.to.0,
            late.arrived_at.0
        ],
    )
}

/// Stretches that hold a moment up to `at` and had not arrived by then, of every signal.
pub fn list_late_at(
    conn: &Connection,
    tenant: TenantId,
    at: Timestamp,
) -> Result<Vec<LateStretch>, StoreError> {
    Where::tenant(tenant)
        .and("from_time <= ?", [at.0.into()])
        .and("arrived_at > ?", [at.0.into()])
        .list(conn, SELECT, "arrived_at, from_time", read)
}

/// Late stretches of a signal within a window.
pub fn list_late_within(
    conn: &Connection,
    tenant: TenantId,
    signal: SignalId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<LateStretch>, StoreError> {
    Where::tenant(tenant)
        .and("signal_id = ?", [signal.to_string().into()])
        .and("from_time < ?", [to.0.into()])
        .and("to_time >= ?", [from.0.into()])
        .list(conn, SELECT, "from_time, arrived_at", read)
}

/// Forgets stretches that arrived before, but for those of the asset of an incident from `before_ms` ahead of its
/// beginning to `after_ms` behind its end; returns how many.
pub fn delete_late_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
    (before_ms, after_ms): (i64, i64),
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM late_values AS old
               WHERE old.tenant_id = ?1 AND old.arrived_at < ?2 AND NOT EXISTS (
               SELECT 1 FROM signals s JOIN incidents i
               ON i.tenant_id = s.tenant_id AND i.asset_id = s.asset_id
               WHERE s.tenant_id = old.tenant_id AND s.id = old.signal_id
               AND i.started_at <= old.to_time + ?3
               AND (i.ended_at IS NULL OR i.ended_at >= old.from_time - ?4))";
    let args = params![tenant.to_string(), before.0, before_ms, after_ms];
    query::change(conn, sql, args)
}
