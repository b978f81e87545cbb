//! The evidence log: epochs, records, checkpoints, and the entries that are recorded besides
//! events and audit. All of it is appended, never changed.

use iq_domain::{AssetId, AuditRecord, IncidentId, IndustrialEvent, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, row};

/// Where a record's content stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The log itself.
    Log = 0,
    /// `industrial_events`.
    Events = 1,
    /// `evidence_entries`.
    Entries = 2,
    /// `audit`.
    Audit = 3,
}

/// One of the tenant's logs in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogKey {
    /// Owner.
    pub tenant: TenantId,
    /// Number of the epoch, from 1.
    pub epoch_no: i64,
    /// 1 evidence, 2 audit.
    pub stream: u8,
}

/// An epoch of a tenant's logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Owner.
    pub tenant_id: TenantId,
    /// From 1.
    pub epoch_no: i64,
    /// Its random name.
    pub epoch: [u8; 16],
    /// The appliance that writes.
    pub appliance: [u8; 16],
    /// Digest of the machine's own id, where it has one.
    pub machine: Option<[u8; 32]>,
    /// Why it was begun: `installation`, `restored`, `moved`, `cut`, `altered`.
    pub reason: String,
    /// When.
    pub opened_at: Timestamp,
}

/// A record as it is appended.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// From 1, dense.
    pub seq: u64,
    /// Where its content stands.
    pub source: Source,
    /// The row there.
    pub source_row: Option<i64>,
    /// Its leaf.
    pub leaf: &'a [u8; 32],
    /// Its bytes.
    pub record: &'a [u8],
    /// Sixteen random bytes behind its personal hashes.
    pub salt: &'a [u8; 16],
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number.
    pub seq: u64,
    /// Its leaf.
    pub leaf: [u8; 32],
    /// Its bytes.
    pub record: Vec<u8>,
    /// Its salt, if it was not erased.
    pub salt: Option<[u8; 16]>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Records it covers.
    pub size: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The signed note.
    pub note: String,
    /// Roots of the complete subtrees.
    pub frontier: Vec<u8>,
}

/// Something that is recorded besides events and audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Owner.
    pub tenant_id: TenantId,
    /// Its name.
    pub id: String,
    /// `incident`, `window`, `freeze`, `export`.
    pub kind: String,
    /// The incident it belongs to.
    pub incident_id: IncidentId,
    /// When; the moment of the record where a trigger wrote it.
    pub at: Option<Timestamp>,
    /// Hash of what it stands for.
    pub hash: Option<[u8; 32]>,
    /// What else is known, as JSON text.
    pub detail: String,
}

/// The newest epoch of a tenant.
pub fn get_epoch(conn: &Connection, tenant: TenantId) -> Result<Option<Epoch>, StoreError> {
    let sql = "SELECT tenant_id, epoch_no, epoch, appliance, machine, reason, opened_at
               FROM evidence_epochs WHERE tenant_id = ? ORDER BY epoch_no DESC LIMIT 1";
    query::find(conn, sql, params![tenant.to_string()], epoch)
}

/// All epochs of a tenant, oldest first.
pub fn list_epochs(conn: &Connection, tenant: TenantId) -> Result<Vec<Epoch>, StoreError> {
    let sql = "SELECT tenant_id, epoch_no, epoch, appliance, machine, reason, opened_at
               FROM evidence_epochs WHERE tenant_id = ? ORDER BY epoch_no";
    list(conn, sql, params![tenant.to_string()], epoch)
}

fn epoch(r: &Row<'_>) -> rusqlite::Result<Epoch> {
    Ok(Epoch {
        tenant_id: row::id(r, "tenant_id")?,
        epoch_no: r.get("epoch_no")?,
        epoch: r.get("epoch")?,
        appliance: r.get("appliance")?,
        machine: r.get("machine")?,
        reason: r.get("reason")?,
        opened_at: row::time(r, "opened_at")?,
    })
}

/// Begins an epoch.
pub fn create_epoch(conn: &Connection, tenant: TenantId, epoch: &Epoch) -> Result<(), StoreError> {
    row::same_tenant(tenant, epoch.tenant_id)?;
    let sql = "INSERT INTO evidence_epochs (tenant_id, epoch_no, epoch, appliance, machine, reason,
               opened_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        epoch.epoch_no,
        epoch.epoch,
        epoch.appliance,
        epoch.machine,
        epoch.reason,
        epoch.opened_at.0
    ];
    query::change_one(conn, sql, args)
}

/// Appends a record; `tenant` is the text of the log's tenant, made once for many records.
pub fn append_record(
    conn: &Connection,
    tenant: &str,
    log: LogKey,
    new: &NewRecord<'_>,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO evidence_log (tenant_id, epoch_no, stream, seq, source, source_row, leaf,
               record, salt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    conn.prepare_cached(sql)?.execute(params![
        tenant,
        log.epoch_no,
        log.stream,
        number(new.seq),
        new.source as i64,
        new.source_row,
        new.leaf,
        new.record,
        new.salt
    ])?;
    Ok(())
}

/// The last record of a log: its number and leaf.
pub fn get_head(conn: &Connection, log: LogKey) -> Result<Option<(u64, [u8; 32])>, StoreError> {
    let sql =
        "SELECT seq, leaf FROM evidence_log WHERE tenant_id = ? AND epoch_no = ? AND stream = ?
               ORDER BY seq DESC LIMIT 1";
    query::find(
        conn,
        sql,
        params![log.tenant.to_string(), log.epoch_no, log.stream],
        |r| Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get(1)?)),
    )
}

/// Goes through the records of a log from `first` on, at most `limit`, in their order.
pub fn each_record(
    conn: &Connection,
    log: LogKey,
    first: u64,
    limit: u32,
    mut take: impl FnMut(StoredRecord) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each_recorded(conn, log, first, limit, |_, stored| take(stored))
}

/// Goes through the records of a log as [`each_record`], each with the row it was made of.
pub fn each_recorded(
    conn: &Connection,
    log: LogKey,
    first: u64,
    limit: u32,
    mut take: impl FnMut(Option<i64>, StoredRecord) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = "SELECT seq, leaf, record, salt, source_row FROM evidence_log
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? AND seq >= ? ORDER BY seq LIMIT ?";
    let mut statement = conn.prepare_cached(sql)?;
    let args = params![
        log.tenant.to_string(),
        log.epoch_no,
        log.stream,
        number(first),
        limit
    ];
    let mut rows = statement.query(args)?;
    while let Some(r) = rows.next()? {
        take(r.get(4)?, record(r)?)?;
    }
    Ok(())
}

/// The row behind a record.
pub fn get_source_row(conn: &Connection, log: LogKey, seq: u64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT source_row FROM evidence_log
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? AND seq = ?";
    let args = params![
        log.tenant.to_string(),
        log.epoch_no,
        log.stream,
        number(seq)
    ];
    let found: Option<Option<i64>> = query::find(conn, sql, args, |r| r.get(0))?;
    Ok(found.flatten())
}

/// The leaves of a log from `first` on, in their order.
pub fn list_leaves(
    conn: &Connection,
    log: LogKey,
    first: u64,
) -> Result<Vec<[u8; 32]>, StoreError> {
    let sql = "SELECT leaf FROM evidence_log
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? AND seq >= ? ORDER BY seq";
    let args = params![
        log.tenant.to_string(),
        log.epoch_no,
        log.stream,
        number(first)
    ];
    list(conn, sql, args, |r| r.get(0))
}

fn record(r: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    Ok(StoredRecord {
        seq: r.get::<_, i64>(0)?.unsigned_abs(),
        leaf: r.get(1)?,
        record: r.get(2)?,
        salt: r.get(3)?,
    })
}

/// The records of an incident in one epoch: its events, and its entries of some kinds; ascending. The
/// source id, an event's or an entry's, comes first.
pub fn list_incident_records(
    conn: &Connection,
    log: LogKey,
    incident: IncidentId,
) -> Result<Vec<(String, StoredRecord)>, StoreError> {
    let sql = "SELECT l.seq, l.leaf, l.record, l.salt, e.id FROM incident_events i
               JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
               JOIN evidence_log l ON l.tenant_id = i.tenant_id AND l.source = 1 AND l.source_row = e.rowid
               WHERE i.tenant_id = ?1 AND i.incident_id = ?2 AND l.epoch_no = ?3 AND l.stream = ?4
               UNION ALL
               SELECT l.seq, l.leaf, l.record, l.salt, e.id FROM evidence_entries e
               JOIN evidence_log l ON l.tenant_id = e.tenant_id AND l.source = 2 AND l.source_row = e.rowid
               WHERE e.tenant_id = ?1 AND e.incident_id = ?2 AND l.epoch_no = ?3 AND l.stream = ?4
               ORDER BY 1";
    let args = params![
        log.tenant.to_string(),
        incident.to_string(),
        log.epoch_no,
        log.stream
    ];
    list(conn, sql, args, |r| Ok((r.get(4)?, record(r)?)))
}

/// The payloads of an incident's events as they are stored, by event: a payload that is read and
/// written again may have another text.
pub fn list_incident_payloads(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT e.id, e.payload FROM incident_events i
               JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
               WHERE i.tenant_id = ? AND i.incident_id = ?";
    list(
        conn,
        sql,
        params![tenant.to_string(), incident.to_string()],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )
}

/// The last row of a source that a tenant's log holds, in whatever epoch.
pub fn get_last_source_row(
    conn: &Connection,
    tenant: TenantId,
    source: Source,
) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(source_row), 0) FROM evidence_log
               WHERE tenant_id = ? AND source = ? AND source_row IS NOT NULL";
    let args = params![tenant.to_string(), source as i64];
    Ok(conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?)
}

/// Events that came after a row, in the order of their commits: row, event, payload as it is stored.
/// The event's own payload is left empty.
pub fn next_recorded_events(
    conn: &Connection,
    after: i64,
    limit: u32,
    mut take: impl FnMut(i64, &IndustrialEvent, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = "SELECT rowid, tenant_id, id, asset_id, source_system, source_type, source_id,
               event_time, ingest_time, recorded_at, time_offset_ms, time_uncertainty_ms, severity,
               event_category, summary, payload FROM industrial_events
               WHERE rowid > ? ORDER BY rowid LIMIT ?";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![after, limit])?;
    while let Some(r) = rows.next()? {
        let event = recorded_event(r)?;
        take(
            r.get(0)?,
            &event,
            r.get_ref(15)?.as_str().unwrap_or_default(),
        )?;
    }
    Ok(())
}

/// An event of the store that no log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecordedEvent {
    /// Its row.
    pub row: i64,
    /// Its id, as it stands there.
    pub id: String,
    /// When it says it happened.
    pub event_time: Timestamp,
    /// When it says it was recorded.
    pub recorded_at: Timestamp,
}

const UNRECORDED: &str =
    "SELECT e.rowid, e.id, e.event_time, e.recorded_at FROM industrial_events e
               WHERE +e.tenant_id = ?1 AND NOT EXISTS (SELECT 1 FROM evidence_log l
                   WHERE l.tenant_id = e.tenant_id AND l.source = 1 AND l.source_row = e.rowid)";

/// Events of a tenant after a row, as far as another, that no log holds, by their rows.
pub fn list_unrecorded_events(
    conn: &Connection,
    tenant: TenantId,
    (after, last): (i64, i64),
) -> Result<Vec<UnrecordedEvent>, StoreError> {
    let sql = format!("{UNRECORDED} AND e.rowid > ?2 AND e.rowid <= ?3 ORDER BY e.rowid");
    let args = params![tenant.to_string(), after, last];
    list(conn, &sql, args, unrecorded)
}

/// The first event that an incident has, or that stands at its asset within a time, and that no log holds.
pub fn get_unrecorded_event(
    conn: &Connection,
    tenant: TenantId,
    (incident, asset): (IncidentId, AssetId),
    (from, to): (Timestamp, Timestamp),
) -> Result<Option<UnrecordedEvent>, StoreError> {
    let sql = format!(
        "{UNRECORDED} AND e.id IN (
             SELECT event_id FROM incident_events WHERE tenant_id = ?1 AND incident_id = ?2
             UNION ALL
             SELECT id FROM industrial_events
             WHERE tenant_id = ?1 AND asset_id = ?3 AND event_time BETWEEN ?4 AND ?5)
         ORDER BY e.rowid LIMIT 1"
    );
    let sql = sql.replace("+e.tenant_id", "e.tenant_id");
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        asset.to_string(),
        from.0,
        to.0
    ];
    query::find(conn, &sql, args, unrecorded)
}

fn unrecorded(r: &Row<'_>) -> rusqlite::Result<UnrecordedEvent> {
    Ok(UnrecordedEvent {
        row: r.get(0)?,
        id: r.get(1)?,
        event_time: Timestamp(r.get(2)?),
        recorded_at: Timestamp(r.get(3)?),
    })
}

/// The last of so many events after a row; none where there are fewer.
pub fn get_event_row_after(
    conn: &Connection,
    after: i64,
    count: u32,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT rowid FROM industrial_events WHERE rowid > ? ORDER BY rowid LIMIT 1 OFFSET ?";
    query::find(conn, sql, params![after, count.saturating_sub(1)], |r| {
        r.get(0)
    })
}

/// The last event of the store that a log holds: its row, and when it was recorded.
pub fn get_last_recorded_event(conn: &Connection) -> Result<Option<(i64, Timestamp)>, StoreError> {
    let sql = "SELECT e.rowid, e.recorded_at FROM industrial_events e
               WHERE EXISTS (SELECT 1 FROM evidence_log l
                   WHERE l.tenant_id = e.tenant_id AND l.source = 1 AND l.source_row = e.rowid)
               ORDER BY e.rowid DESC LIMIT 1";
    query::find(conn, sql, &[], |r| Ok((r.get(0)?, Timestamp(r.get(1)?))))
}

/// Audit records that came after a row: row, record, details as they are stored.
pub fn next_recorded_audit(
    conn: &Connection,
    after: i64,
    limit: u32,
    mut take: impl FnMut(i64, &AuditRecord, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = "SELECT rowid, tenant_id, id, at, actor, action, object, outcome, details, address
               FROM audit WHERE rowid > ? ORDER BY rowid LIMIT ?";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![after, limit])?;
    while let Some(r) = rows.next()? {
        let record = recorded_audit(r)?;
        take(
            r.get(0)?,
            &record,
            r.get_ref(8)?.as_str().unwrap_or_default(),
        )?;
    }
    Ok(())
}

/// An event without its payload.
fn recorded_event(r: &Row<'_>) -> rusqlite::Result<IndustrialEvent> {
    Ok(IndustrialEvent {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id_opt(r, "asset_id")?,
        source_system: r.get(4)?,
        source_type: r.get(5)?,
        source_id: r.get(6)?,
        event_time: Timestamp(r.get(7)?),
        ingest_time: Timestamp(r.get(8)?),
        recorded_at: Timestamp(r.get(9)?),
        time_offset_ms: r.get(10)?,
        time_uncertainty_ms: r.get(11)?,
        severity: row::word(r, "severity")?,
        event_category: row::word(r, "event_category")?,
        summary: r.get(14)?,
        payload: serde_json::Value::Null,
    })
}

/// A row of the audit log without its details.
fn recorded_audit(r: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        at: row::time(r, "at")?,
        actor: r.get(4)?,
        action: r.get(5)?,
        object: r.get(6)?,
        outcome: r.get(7)?,
        details: serde_json::Value::Null,
        address: r.get(9)?,
    })
}

/// An event by the id in its record, with its payload as it is stored; none when it is gone or is not
/// what this program writes.
pub fn get_recorded_event(
    conn: &Connection,
    tenant: TenantId,
    id: &str,
) -> Result<Option<(IndustrialEvent, String)>, StoreError> {
    let sql = "SELECT rowid, tenant_id, id, asset_id, source_system, source_type, source_id,
               event_time, ingest_time, recorded_at, time_offset_ms, time_uncertainty_ms, severity,
               event_category, summary, payload FROM industrial_events
               WHERE tenant_id = ? AND id = ?";
    readable(conn, sql, params![tenant.to_string(), id], |r| {
        Ok((recorded_event(r)?, r.get(15)?))
    })
}

/// A row of the audit log by the id in its record, with its details as they are stored.
pub fn get_recorded_audit(
    conn: &Connection,
    tenant: TenantId,
    id: &str,
) -> Result<Option<(AuditRecord, String)>, StoreError> {
    let sql = "SELECT rowid, tenant_id, id, at, actor, action, object, outcome, details, address
               FROM audit WHERE tenant_id = ? AND id = ?";
    readable(conn, sql, params![tenant.to_string(), id], |r| {
        Ok((recorded_audit(r)?, r.get(8)?))
    })
}

/// An entry by its row: its record does not name it.
pub fn get_recorded_entry(
    conn: &Connection,
    tenant: TenantId,
    source_row: i64,
) -> Result<Option<Entry>, StoreError> {
    let sql = "SELECT tenant_id, id, kind, incident_id, at, hash, detail FROM evidence_entries
               WHERE tenant_id = ? AND rowid = ?";
    readable(conn, sql, params![tenant.to_string(), source_row], entry)
}

/// A row; none also when a column holds what this program never writes.
fn readable<T>(
    conn: &Connection,
    sql: &str,
    args: &[&dyn rusqlite::ToSql],
    map: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
        Utf8Error,
    };
    match conn.prepare_cached(sql)?.query_row(args, map) {
        Ok(row) => Ok(Some(row)),
        Err(
            QueryReturnedNoRows
            | FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first event that an incident names and the store no longer has.
pub fn get_lost_event(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT i.event_id FROM incident_events i WHERE i.tenant_id = ? AND i.incident_id = ?
                 AND NOT EXISTS (SELECT 1 FROM industrial_events e
                     WHERE e.tenant_id = i.tenant_id AND e.id = i.event_id)
               ORDER BY i.event_id LIMIT 1";
    let args = params![tenant.to_string(), incident.to_string()];
    query::find(conn, sql, args, |r| r.get(0))
}

/// Entries that came after a row.
pub fn next_recorded_entries(
    conn: &Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let sql = "SELECT rowid AS number, tenant_id, id, kind, incident_id, at, hash, detail
               FROM evidence_entries WHERE rowid > ? ORDER BY rowid LIMIT ?";
    list(conn, sql, params![after, limit], |r| {
        Ok((r.get("number")?, entry(r)?))
    })
}

/// The entries of an incident, oldest first.
pub fn list_entries(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT tenant_id, id, kind, incident_id, at, hash, detail FROM evidence_entries
               WHERE tenant_id = ? AND incident_id = ? ORDER BY rowid";
    list(
        conn,
        sql,
        params![tenant.to_string(), incident.to_string()],
        entry,
    )
}

/// Entries about incidents whose raw windows have not been frozen yet; a freeze bears the name of the
/// entry that asked for it.
pub fn list_unfrozen(conn: &Connection, tenant: TenantId) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT tenant_id, id, kind, incident_id, at, hash, detail FROM evidence_entries e
               WHERE tenant_id = ? AND kind = 'incident' AND id NOT LIKE 'head %'
                 AND detail ->> '$.status' IN ('open', 'resolved', 'closed')
                 AND NOT EXISTS (SELECT 1 FROM evidence_entries f
                     WHERE f.tenant_id = e.tenant_id AND f.id = 'freeze ' || e.id)
               ORDER BY rowid";
    list(conn, sql, params![tenant.to_string()], entry)
}

pub(super) fn entry(r: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        tenant_id: row::id(r, "tenant_id")?,
        id: r.get("id")?,
        kind: r.get("kind")?,
        incident_id: row::id(r, "incident_id")?,
        at: row::time_opt(r, "at")?,
        hash: r.get("hash")?,
        detail: r.get("detail")?,
    })
}

/// Adds an entry.
pub fn create_entry(conn: &Connection, tenant: TenantId, entry: &Entry) -> Result<(), StoreError> {
    row::same_tenant(tenant, entry.tenant_id)?;
    let sql = "INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, at, hash, detail)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        entry.id,
        entry.kind,
        entry.incident_id.to_string(),
        entry.at.map(|t| t.0),
        entry.hash,
        entry.detail
    ];
    query::change_one(conn, sql, args)
}

/// Keeps the bytes of a window beside its entry.
pub fn create_window(
    conn: &Connection,
    tenant: TenantId,
    entry: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO evidence_windows (tenant_id, entry_id, bytes) VALUES (?, ?, ?)";
    query::change_one(conn, sql, params![tenant.to_string(), entry, bytes])
}

/// The bytes of a window.
pub fn get_window(
    conn: &Connection,
    tenant: TenantId,
    entry: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT bytes FROM evidence_windows WHERE tenant_id = ? AND entry_id = ?";
    query::find(conn, sql, params![tenant.to_string(), entry], |r| r.get(0))
}

/// Adds a checkpoint.
pub fn create_checkpoint(
    conn: &Connection,
    log: LogKey,
    checkpoint: &StoredCheckpoint,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO evidence_checkpoints (tenant_id, epoch_no, stream, size, at, note, frontier)
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        log.tenant.to_string(),
        log.epoch_no,
        log.stream,
        number(checkpoint.size),
        checkpoint.at.0,
        checkpoint.note,
        checkpoint.frontier
    ];
    query::change_one(conn, sql, args)
}

/// The newest checkpoint of a log.
pub fn get_checkpoint(
    conn: &Connection,
    log: LogKey,
) -> Result<Option<StoredCheckpoint>, StoreError> {
    let sql = "SELECT size, at, note, frontier FROM evidence_checkpoints
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? ORDER BY size DESC LIMIT 1";
    query::find(
        conn,
        sql,
        params![log.tenant.to_string(), log.epoch_no, log.stream],
        checkpoint,
    )
}

/// The checkpoints of a log that cover more than `size` records, oldest first.
pub fn list_checkpoints(
    conn: &Connection,
    log: LogKey,
    size: u64,
) -> Result<Vec<StoredCheckpoint>, StoreError> {
    let sql = "SELECT size, at, note, frontier FROM evidence_checkpoints
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? AND size > ? ORDER BY size";
    let args = params![
        log.tenant.to_string(),
        log.epoch_no,
        log.stream,
        number(size)
    ];
    list(conn, sql, args, checkpoint)
}

fn checkpoint(r: &Row<'_>) -> rusqlite::Result<StoredCheckpoint> {
    Ok(StoredCheckpoint {
        size: r.get::<_, i64>("size")?.unsigned_abs(),
        at: row::time(r, "at")?,
        note: r.get("note")?,
        frontier: r.get("frontier")?,
    })
}

pub(super) fn list<T>(
    conn: &Connection,
    sql: &str,
    args: &[&dyn rusqlite::ToSql],
    map: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(args, map)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// SQLite's integers have a sign.
pub(super) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
