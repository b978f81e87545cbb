//! Sealed pieces of the historian on their way to the hub. Records are appended and sent in order; once
//! a receipt covers them their bytes go and their leaves stay.

use iq_domain::{AssetId, SignalId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, row};

/// A log: what may leave since the level was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLog {
    /// Its number among the tenant's.
    pub epoch_no: i64,
    /// Its random name.
    pub epoch: [u8; 16],
    /// The appliance that writes it.
    pub appliance: [u8; 16],
    /// Values from then on may leave.
    pub begins_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Since when nothing more is written to it.
    pub closed_at: Option<Timestamp>,
    /// Last record that a receipt covers.
    pub acked_seq: u64,
    /// Its leaf; zeros for none.
    pub acked_hash: [u8; 32],
    /// When that was heard.
    pub acked_at: Option<Timestamp>,
}

/// A record to be appended.
#[derive(Clone, Copy, Debug)]
pub struct NewRaw<'a> {
    /// Its number.
    pub seq: u64,
    /// Its leaf.
    pub leaf: &'a [u8; 32],
    /// Time of its first value.
    pub from: Timestamp,
    /// Its bytes.
    pub record: &'a [u8],
}

/// A signal whose values are the plant's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealSignal {
    /// Signal.
    pub id: SignalId,
    /// Its asset.
    pub asset_id: AssetId,
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// Its number in the historian.
    pub signal_no: u32,
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn log(r: &Row<'_>) -> rusqlite::Result<RawLog> {
    Ok(RawLog {
        epoch_no: r.get("epoch_no")?,
        epoch: r.get("epoch")?,
        appliance: r.get("appliance")?,
        begins_at: row::time(r, "begins_at")?,
        opened_at: row::time(r, "opened_at")?,
        closed_at: row::time_opt(r, "closed_at")?,
        acked_seq: r.get::<_, i64>("acked_seq")?.unsigned_abs(),
        acked_hash: r.get("acked_hash")?,
        acked_at: row::time_opt(r, "acked_at")?,
    })
}

/// The logs of a tenant, oldest first.
pub fn list_raw_logs(conn: &Connection, tenant: TenantId) -> Result<Vec<RawLog>, StoreError> {
    let sql = "SELECT * FROM raw_logs WHERE tenant_id = ? ORDER BY epoch_no";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.to_string()], log)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Opens a log.
pub fn create_raw_log(conn: &Connection, tenant: TenantId, log: &RawLog) -> Result<(), StoreError> {
    let sql = "INSERT INTO raw_logs (tenant_id, epoch_no, epoch, appliance, begins_at, opened_at,
               closed_at, acked_seq, acked_hash, acked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        log.epoch_no,
        log.epoch,
        log.appliance,
        log.begins_at.0,
        log.opened_at.0,
        log.closed_at.map(|t| t.0),
        number(log.acked_seq),
        log.acked_hash,
        log.acked_at.map(|t| t.0),
    ];
    query::change_one(conn, sql, args)
}

/// Closes every open log of a tenant.
pub fn close_raw_logs(
    conn: &Connection,
    tenant: TenantId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE raw_logs SET closed_at = ? WHERE tenant_id = ? AND closed_at IS NULL";
    query::change(conn, sql, params![at.0, tenant.to_string()]).map(drop)
}

/// Gives a log up: what is not confirmed in it will never be.
pub fn drop_raw_records(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
) -> Result<(), StoreError> {
    let args = params![tenant.to_string(), epoch_no];
    for table in ["raw_records", "raw_places"] {
        let sql = format!("DELETE FROM {table} WHERE tenant_id = ? AND epoch_no = ?");
        query::change(conn, &sql, args)?;
    }
    Ok(())
}

/// Notes how far the hub holds a log; the bytes up to there go.
pub fn update_raw_acked(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    (seq, hash): (u64, [u8; 32]),
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE raw_logs SET acked_seq = ?, acked_hash = ?, acked_at = ?
               WHERE tenant_id = ? AND epoch_no = ?";
    let whose = tenant.to_string();
    query::change_one(
        conn,
        sql,
        params![number(seq), hash, now.0, whose, epoch_no],
    )?;
    let sql = "UPDATE raw_records SET record = NULL
               WHERE tenant_id = ? AND epoch_no = ? AND seq <= ? AND record IS NOT NULL";
    query::change(conn, sql, params![whose, epoch_no, number(seq)]).map(drop)
}

/// Appends a record.
pub fn append_raw(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    new: &NewRaw<'_>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO raw_records (tenant_id, epoch_no, seq, leaf, from_ms, size, record)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        epoch_no,
        number(new.seq),
        new.leaf,
        new.from.0,
        number(new.record.len() as u64),
        new.record,
    ];
    query::change_one(conn, sql, args)
}

/// The last record of a log: number and leaf.
pub fn get_raw_head(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
) -> Result<Option<(u64, [u8; 32])>, StoreError> {
    let sql = "SELECT seq, leaf FROM raw_records WHERE tenant_id = ? AND epoch_no = ?
               ORDER BY seq DESC LIMIT 1";
    query::find(conn, sql, params![tenant.to_string(), epoch_no], |r| {
        Ok((r.get::<_, i64>("seq")?.unsigned_abs(), r.get("leaf")?))
    })
}

/// The leaf of a record.
pub fn get_raw_leaf(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    seq: u64,
) -> Result<Option<[u8; 32]>, StoreError> {
    let sql = "SELECT leaf FROM raw_records WHERE tenant_id = ? AND epoch_no = ? AND seq = ?";
    let args = params![tenant.to_string(), epoch_no, number(seq)];
    query::find(conn, sql, args, |r| r.get("leaf"))
}

/// Time of the earliest value after a record.
pub fn get_raw_begin_after(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    seq: u64,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min(from_ms) AS first FROM raw_records
               WHERE tenant_id = ? AND epoch_no = ? AND seq > ?";
    let args = params![tenant.to_string(), epoch_no, number(seq)];
    Ok(query::find(conn, sql, args, |r| row::time_opt(r, "first"))?.flatten())
}

/// Records after a number, in order, no more bytes than `room` but one at least; none where their bytes
/// are gone.
pub fn list_raw_after(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    after: u64,
    room: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT record FROM raw_records
               WHERE tenant_id = ? AND epoch_no = ? AND seq > ? ORDER BY seq LIMIT 5000";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.to_string(), epoch_no, number(after)])?;
    let (mut found, mut left): (Vec<Vec<u8>>, usize) = (Vec::new(), room);
    while let Some(r) = rows.next()? {
        let Some(record) = r.get::<_, Option<Vec<u8>>>("record")? else {
            break;
        };
        if !found.is_empty() && record.len() > left {
            break;
        }
        left = left.saturating_sub(record.len());
        found.push(record);
    }
    Ok(found)
}

/// Records and bytes that no receipt covers.
pub fn get_raw_backlog(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    after: u64,
) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT count(*) AS records, coalesce(sum(size), 0) AS bytes FROM raw_records
               WHERE tenant_id = ? AND epoch_no = ? AND seq > ?";
    let args = params![tenant.to_string(), epoch_no, number(after)];
    let found = query::find(conn, sql, args, |r| {
        Ok((
            r.get::<_, i64>("records")?.unsigned_abs(),
            r.get::<_, i64>("bytes")?.unsigned_abs(),
        ))
    })?;
    Ok(found.unwrap_or_default())
}

/// How far each signal was taken.
pub fn list_raw_places(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
) -> Result<Vec<(u32, i64)>, StoreError> {
    let sql = "SELECT signal_no, place FROM raw_places WHERE tenant_id = ? AND epoch_no = ?";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.to_string(), epoch_no], |r| {
        Ok((r.get("signal_no")?, r.get("place")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes how far a signal was taken.
pub fn put_raw_place(
    conn: &Connection,
    tenant: TenantId,
    epoch_no: i64,
    (signal_no, place): (u32, i64),
) -> Result<(), StoreError> {
    let sql = "INSERT INTO raw_places (tenant_id, epoch_no, signal_no, place)
               VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (tenant_id, epoch_no, signal_no) DO UPDATE SET place = ?4";
    let args = params![tenant.to_string(), epoch_no, signal_no, place];
    query::change_one(conn, sql, args)
}

/// Signals that are measured at the plant: fed by a source, and no source of theirs was ever a
/// demonstration. A demonstration tenant has none.
pub fn list_real_signals(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<RealSignal>, StoreError> {
    let sql = "SELECT s.id, s.asset_id, s.metric, s.unit, s.signal_no FROM signals s
               JOIN tenants t ON t.tenant_id = s.tenant_id AND t.is_demo = 0
               WHERE s.tenant_id = ? AND s.kind = 'measured'
                 AND EXISTS (SELECT 1 FROM external_signal_mappings m
                             WHERE m.tenant_id = s.tenant_id AND m.signal_id = s.id)
                 AND NOT EXISTS (SELECT 1 FROM external_signal_mappings m
                     JOIN integrations i ON i.tenant_id = m.tenant_id AND i.id = m.integration_id
                     WHERE m.tenant_id = s.tenant_id AND m.signal_id = s.id
                       AND i.is_demo_origin = 1)
               ORDER BY s.signal_no";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.to_string()], |r| {
        Ok(RealSignal {
            id: row::id(r, "id")?,
            asset_id: row::id(r, "asset_id")?,
            metric: r.get("metric")?,
            unit: r.get("unit")?,
            signal_no: r.get("signal_no")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
