//! Pieces of series as plants send them at the fourth level: their log, its cursors, and what is found
//! in it by signal and time.

use iq_domain::{ApplianceId, TenantId, Timestamp};
use iq_sync_proto::{Head, Line, batch::Opened, raw::STREAM};
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{StoreError, Stored, Tx, Uid, count, get, id, number, sync::Owner, text, time};

fn wrong() -> StoreError {
    StoreError::Internal("a cursor is damaged".to_owned())
}

fn head_of(row: &PgRow) -> Stored<Head> {
    Ok(Head {
        seq: u64::try_from(number(row, "acked_seq")?).map_err(|_| wrong())?,
        hash: get::<Vec<u8>>(row, "acked_hash")?
            .try_into()
            .map_err(|_| wrong())?,
    })
}

fn seq_of(seq: u64) -> Stored<i64> {
    i64::try_from(seq).map_err(|_| StoreError::Internal(format!("number {seq}")))
}

/// Where a log stands, locked until the transaction ends; made where there is none yet.
pub(crate) async fn lock_cursor(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    now: Timestamp,
) -> Stored<Head> {
    sqlx::query(
        "INSERT INTO raw_cursors (tenant_id, appliance_id, epoch, updated_at_ms)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    let row = sqlx::query(
        "SELECT acked_seq, acked_hash FROM raw_cursors
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 FOR UPDATE",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .fetch_one(tx.on())
    .await?;
    head_of(&row)
}

/// Where the newest logs of an appliance stand.
pub(crate) async fn list_cursors(
    tx: &mut Tx,
    owner: Owner,
    limit: i64,
) -> Stored<Vec<(Line, Head)>> {
    let rows = sqlx::query(
        "SELECT epoch, acked_seq, acked_hash FROM raw_cursors
         WHERE tenant_id = $1 AND appliance_id = $2 AND acked_seq > 0
         ORDER BY updated_at_ms DESC LIMIT $3",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(limit)
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| {
            let line = Line {
                epoch: get::<Vec<u8>>(row, "epoch")?
                    .try_into()
                    .map_err(|_| wrong())?,
                stream: STREAM,
            };
            Ok((line, head_of(row)?))
        })
        .collect()
}

/// The leaf stored under a number.
pub(crate) async fn get_leaf(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    seq: u64,
) -> Stored<Option<[u8; 32]>> {
    let row = sqlx::query(
        "SELECT leaf FROM raw_log
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND seq = $4",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(seq_of(seq)?)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(get::<Vec<u8>>(&row, "leaf")?.try_into().ok())
}

/// What a record tells it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) signal: Option<Uuid>,
    pub(crate) asset: Option<Uuid>,
    pub(crate) metric: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) from_ms: Option<i64>,
    pub(crate) to_ms: Option<i64>,
    pub(crate) samples: Option<i64>,
    pub(crate) is_demo: bool,
}

/// Adds the records of a batch from one on with what they tell, and moves the cursor.
pub(crate) async fn store(
    tx: &mut Tx,
    owner: Owner,
    batch: &Opened,
    (told, from, head): (&[Told], usize, Head),
    now: Timestamp,
) -> Stored<()> {
    let line = &batch.header.line;
    let first = batch.header.first + from as u64;
    let seqs: Vec<i64> = (first..=batch.header.last)
        .map(seq_of)
        .collect::<Stored<_>>()?;
    let leaves: Vec<Vec<u8>> = batch.leaves[from..].iter().map(|l| l.to_vec()).collect();
    let word = |of: fn(&Told) -> Option<String>| told[from..].iter().map(of).collect::<Vec<_>>();
    let whole = |of: fn(&Told) -> Option<i64>| told[from..].iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO raw_log (tenant_id, appliance_id, epoch, seq, leaf, rec, signal_id, asset_id,
           metric, unit, from_ms, to_ms, samples, is_demo, received_at_ms)
         SELECT $1, $2, $3, s.seq, s.leaf, s.rec, s.signal_id::uuid, s.asset_id::uuid, s.metric,
           s.unit, s.from_ms, s.to_ms, s.samples, s.is_demo, $15
         FROM unnest($4::bigint[], $5::bytea[], $6::bytea[], $7::text[], $8::text[], $9::text[],
           $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::boolean[])
           AS s (seq, leaf, rec, signal_id, asset_id, metric, unit, from_ms, to_ms, samples, is_demo)",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(seqs)
    .bind(leaves)
    .bind(batch.records[from..].to_vec())
    .bind(word(|t| t.signal.map(|id| id.to_string())))
    .bind(word(|t| t.asset.map(|id| id.to_string())))
    .bind(word(|t| t.metric.clone()))
    .bind(word(|t| t.unit.clone()))
    .bind(whole(|t| t.from_ms))
    .bind(whole(|t| t.to_ms))
    .bind(whole(|t| t.samples))
    .bind(told[from..].iter().map(|t| t.is_demo).collect::<Vec<_>>())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    sqlx::query(
        "UPDATE raw_cursors SET acked_seq = $4, acked_hash = $5, updated_at_ms = $6
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(seq_of(head.seq)?)
    .bind(head.hash.as_slice())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// A signal with what is held of it in one unit.
pub(crate) struct Held {
    pub(crate) signal: Uuid,
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) pieces: u64,
    pub(crate) is_demo: bool,
}

/// Signals of an asset of which something is held, by their metric; of one alone where it is named. A
/// signal that came in several units stands once for each: numbers of different units are no series.
pub(crate) async fn list_signals(
    tx: &mut Tx,
    (tenant, appliance): (TenantId, ApplianceId),
    asset: Uuid,
    signal: Option<Uuid>,
) -> Stored<Vec<Held>> {
    let rows = sqlx::query(
        "SELECT signal_id, unit, max(metric) AS metric, min(from_ms) AS from_ms,
           max(to_ms) AS to_ms, count(*) AS pieces, bool_or(is_demo) AS is_demo
         FROM raw_log WHERE tenant_id = $1 AND appliance_id = $2 AND asset_id = $3
           AND signal_id IS NOT NULL AND ($4::uuid IS NULL OR signal_id = $4)
         GROUP BY signal_id, unit ORDER BY metric, signal_id, unit LIMIT 500",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(appliance.0))
    .bind(Uid(asset))
    .bind(signal.map(Uid))
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Held {
                signal: id(row, "signal_id")?,
                metric: text(row, "metric")?,
                unit: text(row, "unit")?,
                from: time(row, "from_ms")?,
                to: time(row, "to_ms")?,
                pieces: count(row, "pieces")?,
                is_demo: super::flag(row, "is_demo")?,
            })
        })
        .collect()
}

/// A record with a piece of a signal, as it came.
pub(crate) struct Came {
    /// When it was received, and its number in its log: what came later is larger.
    pub(crate) order: (i64, i64),
    pub(crate) rec: Vec<u8>,
}

/// A signal at a plant in one unit, and a stretch of time.
pub(crate) struct Stretch {
    pub(crate) owner: Owner,
    pub(crate) asset: Uuid,
    pub(crate) signal: Uuid,
    pub(crate) unit: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

macro_rules! in_stretch {
    () => {
        "FROM raw_log
         WHERE tenant_id = $1 AND appliance_id = $2 AND asset_id = $3 AND signal_id = $4
           AND from_ms < $6 AND to_ms >= $5 AND unit = $7 "
    };
}

fn asking(sql: &'static str, of: &Stretch) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql)
        .bind(Uid(of.owner.0.0))
        .bind(Uid(of.owner.1.0))
        .bind(Uid(of.asset))
        .bind(Uid(of.signal))
        .bind(of.from.0)
        .bind(of.to.0)
        .bind(of.unit.clone())
}

/// How many records reach into a stretch, and their bytes.
pub(crate) async fn measure(tx: &mut Tx, of: &Stretch) -> Stored<(u64, u64)> {
    let sql = concat!(
        "SELECT count(*) AS pieces, coalesce(sum(octet_length(rec)), 0)::bigint AS bytes ",
        in_stretch!()
    );
    let row = asking(sql, of).fetch_one(tx.on()).await?;
    Ok((count(&row, "pieces")?, count(&row, "bytes")?))
}

/// Records with pieces of a signal that reach into a stretch of time, in its order.
pub(crate) async fn list_pieces(tx: &mut Tx, of: &Stretch) -> Stored<Vec<Came>> {
    let sql = concat!(
        "SELECT rec, received_at_ms, seq ",
        in_stretch!(),
        "ORDER BY from_ms, received_at_ms, seq"
    );
    let rows = asking(sql, of).fetch_all(tx.on()).await?;
    rows.iter()
        .map(|row| {
            Ok(Came {
                order: (number(row, "received_at_ms")?, number(row, "seq")?),
                rec: get(row, "rec")?,
            })
        })
        .collect()
}

/// What was taken out of the log of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// Takes out up to so many records whose newest value is from before a moment, the oldest first. `None`
/// while another instance does the same for this tenant: both would wait for each other's rows.
pub(crate) async fn remove_before(
    tx: &mut Tx,
    tenant: TenantId,
    before: Timestamp,
    limit: i64,
) -> Stored<Option<Removed>> {
    let row = sqlx::query(
        "SELECT pg_try_advisory_xact_lock(7002, hashtext($1)) AS mine,
           set_config('app.series_before', $2, true)",
    )
    .bind(tenant.to_string())
    .bind(before.0.to_string())
    .fetch_one(tx.on())
    .await?;
    if !super::flag(&row, "mine")? {
        return Ok(None);
    }
    let row = sqlx::query(
        "WITH gone AS (
           DELETE FROM raw_log r USING (
             SELECT appliance_id, epoch, seq FROM raw_log
             WHERE tenant_id = $1 AND LEAST(to_ms, received_at_ms) < $2
             ORDER BY LEAST(to_ms, received_at_ms) LIMIT $3) old
           WHERE r.tenant_id = $1 AND r.appliance_id = old.appliance_id AND r.epoch = old.epoch
             AND r.seq = old.seq
           RETURNING r.appliance_id, octet_length(r.rec) AS bytes),
         freed AS (
           UPDATE appliances a SET stored_bytes = greatest(0, a.stored_bytes - g.bytes)
           FROM (SELECT appliance_id, sum(bytes + 128) AS bytes FROM gone GROUP BY appliance_id) g
           WHERE a.tenant_id = $1 AND a.appliance_id = g.appliance_id)
         SELECT count(*) AS records, coalesce(sum(bytes), 0)::bigint AS bytes FROM gone",
    )
    .bind(Uid(tenant.0))
    .bind(before.0)
    .bind(limit)
    .fetch_one(tx.on())
    .await?;
    Ok(Some(Removed {
        records: count(&row, "records")?,
        bytes: count(&row, "bytes")?,
    }))
}
