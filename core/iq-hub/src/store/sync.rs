//! The raw log of what appliances sent, its cursors, and what is made from it.

use iq_domain::{ApplianceId, TenantId, Timestamp};
use iq_sync_proto::{Head, Line, batch::Opened};
use serde_json::Value;
use uuid::Uuid;

use super::{StoreError, Stored, Tx, Uid, get, number};

/// Whose log.
pub(crate) type Owner = (TenantId, ApplianceId);

fn head_of(seq: i64, hash: Vec<u8>) -> Stored<Head> {
    let wrong = || StoreError::Internal("a cursor is damaged".to_owned());
    Ok(Head {
        seq: u64::try_from(seq).map_err(|_| wrong())?,
        hash: hash.try_into().map_err(|_| wrong())?,
    })
}

/// A number of a record for the database; none of ours is as large as to fail.
fn seq_of(seq: u64) -> Stored<i64> {
    i64::try_from(seq).map_err(|_| StoreError::Internal(format!("number {seq}")))
}

/// Where a log stands, locked until the transaction ends; made where there is none yet.
pub(crate) async fn lock_cursor(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    now: Timestamp,
) -> Stored<(Head, i64)> {
    let stream = i16::from(line.stream);
    sqlx::query(
        "INSERT INTO sync_cursors (tenant_id, appliance_id, epoch, stream, updated_at_ms)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(stream)
    .bind(now.0)
    .execute(tx.on())
    .await?;
    let row = sqlx::query(
        "SELECT acked_seq, acked_hash, projected_seq FROM sync_cursors
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4 FOR UPDATE",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(stream)
    .fetch_one(tx.on())
    .await?;
    let head = head_of(number(&row, "acked_seq")?, get(&row, "acked_hash")?)?;
    Ok((head, number(&row, "projected_seq")?))
}

/// Where every log of an appliance stands.
pub(crate) async fn list_cursors(tx: &mut Tx, owner: Owner) -> Stored<Vec<(Line, Head)>> {
    let rows = sqlx::query(
        "SELECT epoch, stream::bigint AS stream, acked_seq, acked_hash FROM sync_cursors
         WHERE tenant_id = $1 AND appliance_id = $2 AND acked_seq > 0
         ORDER BY updated_at_ms DESC LIMIT 256",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| {
            let wrong = || StoreError::Internal("a cursor is damaged".to_owned());
            let line = Line {
                epoch: get::<Vec<u8>>(row, "epoch")?
                    .try_into()
                    .map_err(|_| wrong())?,
                stream: u8::try_from(number(row, "stream")?).map_err(|_| wrong())?,
            };
            let head = head_of(number(row, "acked_seq")?, get(row, "acked_hash")?)?;
            Ok((line, head))
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
        "SELECT leaf FROM sync_log
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4 AND seq = $5",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(seq_of(seq)?)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let leaf: Vec<u8> = get(&row, "leaf")?;
    Ok(leaf.try_into().ok())
}

/// Adds the records of a batch from one on, and moves the cursor.
pub(crate) async fn store_records(
    tx: &mut Tx,
    owner: Owner,
    batch: &Opened,
    (from, head): (usize, Head),
    now: Timestamp,
) -> Stored<()> {
    let line = &batch.header.line;
    let first = batch.header.first + from as u64;
    let seqs: Vec<i64> = (first..=batch.header.last)
        .map(seq_of)
        .collect::<Stored<_>>()?;
    let leaves: Vec<Vec<u8>> = batch.leaves[from..]
        .iter()
        .map(|leaf| leaf.to_vec())
        .collect();
    sqlx::query(
        "INSERT INTO sync_log (tenant_id, appliance_id, epoch, stream, seq, leaf, rec, received_at_ms)
         SELECT $1, $2, $3, $4, s.seq, s.leaf, s.rec, $8
         FROM unnest($5::bigint[], $6::bytea[], $7::bytea[]) AS s (seq, leaf, rec)",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(seqs)
    .bind(leaves)
    .bind(batch.records[from..].to_vec())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    sqlx::query(
        "UPDATE sync_cursors SET acked_seq = $5, acked_hash = $6, updated_at_ms = $7
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(seq_of(head.seq)?)
    .bind(head.hash.as_slice())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// What a record takes up beside its own bytes: its numbers, its hash, its places in the indexes. As the
/// migration counted what was there before.
const BESIDE_A_RECORD: usize = 128;

/// How records came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over the network.
    Line,
    /// By a file that somebody carried.
    File,
}

/// Notes that a receipt was given for records that were not held before, how they came, and what they
/// take up.
pub(crate) async fn note_receipt(
    tx: &mut Tx,
    owner: Owner,
    stored: &[Vec<u8>],
    (way, now): (Way, Timestamp),
) -> Stored<()> {
    let bytes: usize = stored.iter().map(|rec| rec.len() + BESIDE_A_RECORD).sum();
    sqlx::query(
        "UPDATE appliances SET last_receipt_at_ms = $3, last_contact_at_ms = $3,
           last_file_at_ms = CASE WHEN $5 THEN $3 ELSE last_file_at_ms END,
           stored_bytes = stored_bytes + $4
         WHERE tenant_id = $1 AND appliance_id = $2",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(now.0)
    .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
    .bind(way == Way::File)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// What the records of an appliance take up, bytes.
pub(crate) async fn stored_bytes(tx: &mut Tx, owner: Owner) -> Stored<i64> {
    let row = sqlx::query(
        "SELECT stored_bytes FROM appliances WHERE tenant_id = $1 AND appliance_id = $2",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .fetch_one(tx.on())
    .await?;
    number(&row, "stored_bytes")
}

/// Counts the epochs of an appliance, with the one whose log this transaction begins, and keeps the count.
/// Those that begin at the same time wait for each other, so that none is missed.
pub(crate) async fn count_epochs(tx: &mut Tx, owner: Owner) -> Stored<i64> {
    sqlx::query(
        "SELECT 1 FROM appliances WHERE tenant_id = $1 AND appliance_id = $2 FOR NO KEY UPDATE",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .execute(tx.on())
    .await?;
    let row = sqlx::query(
        "UPDATE appliances SET epochs = (
           SELECT count(*) FROM (
             SELECT epoch FROM sync_cursors WHERE tenant_id = $1 AND appliance_id = $2
             UNION
             SELECT epoch FROM raw_cursors WHERE tenant_id = $1 AND appliance_id = $2) AS of_logs)
         WHERE tenant_id = $1 AND appliance_id = $2
         RETURNING epochs::bigint AS epochs",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .fetch_one(tx.on())
    .await?;
    number(&row, "epochs")
}

/// Raises an alert, once per place, and marks the appliance.
pub(crate) async fn raise_alert(
    tx: &mut Tx,
    owner: Owner,
    (kind, line, seq): (&str, &Line, u64),
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO sync_alerts (tenant_id, alert_id, appliance_id, kind, epoch, stream, seq, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(Uuid::now_v7()))
    .bind(Uid(owner.1.0))
    .bind(kind)
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(seq_of(seq)?)
    .bind(now.0)
    .execute(tx.on())
    .await?;
    sqlx::query(
        "UPDATE appliances SET status = status || '{\"fork\": true}'
         WHERE tenant_id = $1 AND appliance_id = $2",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .execute(tx.on())
    .await?;
    Ok(())
}

/// A record as people read it.
pub(crate) struct Readable {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) event_ms: i64,
    pub(crate) source: String,
    pub(crate) body: Value,
}

/// Records after a number, with theirs.
pub(crate) async fn list_records(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    (after, limit): (i64, i64),
) -> Stored<Vec<(i64, Vec<u8>)>> {
    let rows = sqlx::query(
        "SELECT seq, rec FROM sync_log
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4 AND seq > $5
         ORDER BY seq LIMIT $6",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(after)
    .bind(limit)
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| Ok((number(row, "seq")?, get(row, "rec")?)))
        .collect()
}

/// Keeps what was made of records, and how far; doing it again changes nothing.
pub(crate) async fn store_projection(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    (readable, unreadable): (&[Readable], &[(i64, &str)]),
    (upto, now): (i64, Timestamp),
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO synced_records
           (tenant_id, appliance_id, epoch, stream, seq, kind, event_time_ms, source, body)
         SELECT $1, $2, $3, $4, s.seq, s.kind, s.event_ms, s.source, s.body::jsonb
         FROM unnest($5::bigint[], $6::text[], $7::bigint[], $8::text[], $9::text[])
           AS s (seq, kind, event_ms, source, body)
         ON CONFLICT DO NOTHING",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(readable.iter().map(|r| r.seq).collect::<Vec<_>>())
    .bind(readable.iter().map(|r| r.kind.clone()).collect::<Vec<_>>())
    .bind(readable.iter().map(|r| r.event_ms).collect::<Vec<_>>())
    .bind(
        readable
            .iter()
            .map(|r| r.source.clone())
            .collect::<Vec<_>>(),
    )
    .bind(
        readable
            .iter()
            .map(|r| r.body.to_string())
            .collect::<Vec<_>>(),
    )
    .execute(tx.on())
    .await?;
    sqlx::query(
        "INSERT INTO quarantine (tenant_id, appliance_id, epoch, stream, seq, reason, at_ms)
         SELECT $1, $2, $3, $4, s.seq, s.reason, $7
         FROM unnest($5::bigint[], $6::text[]) AS s (seq, reason) ON CONFLICT DO NOTHING",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(unreadable.iter().map(|(seq, _)| *seq).collect::<Vec<_>>())
    .bind(
        unreadable
            .iter()
            .map(|(_, reason)| (*reason).to_owned())
            .collect::<Vec<_>>(),
    )
    .bind(now.0)
    .execute(tx.on())
    .await?;
    sqlx::query(
        "UPDATE sync_cursors SET projected_seq = $5
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(upto)
    .execute(tx.on())
    .await?;
    if !unreadable.is_empty() {
        sqlx::query(
            "UPDATE appliances a SET status = status || jsonb_build_object('quarantined',
               (SELECT count(*) FROM quarantine q
                WHERE q.tenant_id = a.tenant_id AND q.appliance_id = a.appliance_id))
             WHERE a.tenant_id = $1 AND a.appliance_id = $2",
        )
        .bind(Uid(owner.0.0))
        .bind(Uid(owner.1.0))
        .execute(tx.on())
        .await?;
    }
    Ok(())
}

/// What appliances report of themselves.
pub(crate) struct Report<'a> {
    /// When, by its own clock.
    pub(crate) said_ms: i64,
    pub(crate) version: &'a str,
    pub(crate) backlog: i64,
    pub(crate) oldest_unsent_ms: Option<i64>,
    pub(crate) clock_offset_ms: i64,
    pub(crate) disk_free: Option<i64>,
    pub(crate) status: Value,
}

/// How far a clock that is right may be from the hub's.
const CLOCKS_AGREE_MS: i64 = 5 * 60_000;

/// Keeps a report that is news: one that says a later time than any before. Who saw an old one go by can
/// send it again, and nothing moves for it. A clock that stood ahead and was put right says earlier times
/// than before: then those count that agree with the hub's clock.
pub(crate) async fn note_report(
    tx: &mut Tx,
    owner: Owner,
    report: &Report<'_>,
    now: Timestamp,
) -> Stored<()> {
    let agrees = report.said_ms.saturating_sub(now.0).saturating_abs() <= CLOCKS_AGREE_MS;
    sqlx::query(
        "UPDATE appliances SET version = $3, backlog = $4, oldest_unsent_at_ms = $5,
           clock_offset_ms = $6, disk_free_bytes = $7, status = status || $8::text::jsonb,
           last_contact_at_ms = $9, hello_said_ms = greatest(hello_said_ms, $10)
         WHERE tenant_id = $1 AND appliance_id = $2
           AND (hello_said_ms IS NULL OR hello_said_ms < $10 OR ($11 AND hello_said_ms > $12))",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(report.version)
    .bind(report.backlog)
    .bind(report.oldest_unsent_ms)
    .bind(report.clock_offset_ms)
    .bind(report.disk_free)
    .bind(report.status.to_string())
    .bind(now.0)
    .bind(report.said_ms)
    .bind(agrees)
    .bind(now.plus_ms(CLOCKS_AGREE_MS).0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// A change that goes down: revision, kind, whom it is about, its body, the revision before it.
pub(crate) struct DownChange {
    pub(crate) revision: i64,
    pub(crate) entity: String,
    pub(crate) entity_id: Uuid,
    pub(crate) body: Value,
    pub(crate) base: i64,
}

/// Changes after a revision, and the newest revision there is.
pub(crate) async fn list_changes(
    tx: &mut Tx,
    tenant: TenantId,
    after: i64,
    limit: i64,
) -> Stored<(Vec<DownChange>, i64)> {
    let row = sqlx::query("SELECT revision FROM tenants WHERE tenant_id = $1")
        .bind(Uid(tenant.0))
        .fetch_one(tx.on())
        .await?;
    let newest = number(&row, "revision")?;
    let rows = sqlx::query(
        "SELECT c.revision, c.entity, c.entity_id, c.body::text AS body_text,
           coalesce((SELECT max(b.revision) FROM changes b WHERE b.tenant_id = c.tenant_id
             AND b.entity_id = c.entity_id AND b.revision < c.revision), 0) AS base
         FROM changes c WHERE c.tenant_id = $1 AND c.revision > $2 AND c.revision <= $3
         ORDER BY c.revision LIMIT $4",
    )
    .bind(Uid(tenant.0))
    .bind(after)
    .bind(newest)
    .bind(limit)
    .fetch_all(tx.on())
    .await?;
    let changes: Stored<Vec<DownChange>> = rows
        .iter()
        .map(|row| {
            Ok(DownChange {
                revision: number(row, "revision")?,
                entity: super::text(row, "entity")?,
                entity_id: super::id(row, "entity_id")?,
                body: super::json(row, "body_text")?,
                base: number(row, "base")?,
            })
        })
        .collect();
    Ok((changes?, newest))
}
