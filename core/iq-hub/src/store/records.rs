//! The log as people at headquarters read it, and the raw records that stand behind it.

use iq_api_types::HubRecord;
use iq_domain::{ApplianceId, IncidentId, TenantId, Timestamp};
use iq_sync_proto::{Hash, Head, Line};
use serde_json::Value;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{StoreError, Stored, Tx, Uid, count, get, id, json, number, sync::Owner, text, time};

/// Incidents that headquarters looks through, the newest first.
const MOST_INCIDENTS: i64 = 2_000;
/// Records about one incident.
const MOST_ABOUT: i64 = 5_000;
/// Events that a list counts; who looks for older ones names a time.
pub(crate) const MOST_COUNTED: i64 = 10_000;

/// A record as it was made readable.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) appliance: ApplianceId,
    pub(crate) appliance_name: String,
    pub(crate) line: Line,
    pub(crate) seq: u64,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) source: String,
    pub(crate) body: Value,
}

macro_rules! columns {
    () => {
        "r.appliance_id, a.name, r.epoch, r.stream::bigint AS stream, r.seq, r.kind, r.event_time_ms,
         coalesce(r.source, '') AS source, r.body::text AS body_text
         FROM synced_records r JOIN appliances a USING (tenant_id, appliance_id)
         WHERE r.tenant_id = $1 "
    };
}

macro_rules! events {
    () => {
        "AND r.kind = 'event' AND ($2 OR r.appliance_id = $3)
         AND ($4 = '' OR r.body ->> '5' = $4) AND ($5 = '' OR r.body ->> '6' = $5)
         AND r.event_time_ms >= $6 AND r.event_time_ms < $7 "
    };
}

fn row_of(row: &PgRow) -> Stored<Row> {
    let wrong = || StoreError::Internal("a record's place is damaged".to_owned());
    Ok(Row {
        appliance: ApplianceId(id(row, "appliance_id")?),
        appliance_name: text(row, "name")?,
        line: Line {
            epoch: get::<Vec<u8>>(row, "epoch")?
                .try_into()
                .map_err(|_| wrong())?,
            stream: u8::try_from(number(row, "stream")?).map_err(|_| wrong())?,
        },
        seq: count(row, "seq")?,
        kind: text(row, "kind")?,
        at: time(row, "event_time_ms")?,
        source: text(row, "source")?,
        body: json(row, "body_text")?,
    })
}

/// The newest record of each incident, the newest first.
pub(crate) async fn list_incidents(tx: &mut Tx, tenant: TenantId) -> Stored<Vec<Row>> {
    let sql = concat!(
        "SELECT * FROM (SELECT DISTINCT ON (r.appliance_id, r.body ->> '2') ",
        columns!(),
        "AND r.kind = 'incident'
         ORDER BY r.appliance_id, r.body ->> '2', r.event_time_ms DESC, r.seq DESC) newest
         ORDER BY event_time_ms DESC, seq DESC LIMIT $2"
    );
    let rows = sqlx::query(sql)
        .bind(Uid(tenant.0))
        .bind(MOST_INCIDENTS)
        .fetch_all(tx.on())
        .await?;
    rows.iter().map(row_of).collect()
}

/// All records about an incident, oldest first.
pub(crate) async fn list_about(
    tx: &mut Tx,
    owner: Owner,
    incident: IncidentId,
) -> Stored<Vec<Row>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        "AND r.appliance_id = $2 AND r.body ->> '2' = $3
         AND r.kind IN ('incident', 'freeze', 'window', 'export')
         ORDER BY r.event_time_ms, r.seq LIMIT $4"
    );
    let rows = sqlx::query(sql)
        .bind(Uid(owner.0.0))
        .bind(Uid(owner.1.0))
        .bind(incident.0.simple().to_string())
        .bind(MOST_ABOUT)
        .fetch_all(tx.on())
        .await?;
    rows.iter().map(row_of).collect()
}

/// Which events are wanted; empty words want all.
pub(crate) struct WantedEvents<'a> {
    pub(crate) appliance: Option<ApplianceId>,
    pub(crate) severity: &'a str,
    pub(crate) category: &'a str,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// A page of events, the newest first, and how many there are, counted up to [`MOST_COUNTED`].
pub(crate) async fn list_events(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: &WantedEvents<'_>,
    (limit, offset): (u32, u32),
) -> Stored<(Vec<Row>, u64)> {
    let page = concat!(
        "SELECT ",
        columns!(),
        events!(),
        "ORDER BY r.event_time_ms DESC, r.seq DESC LIMIT $8 OFFSET $9"
    );
    let counted = concat!(
        "SELECT count(*) AS total FROM (SELECT FROM synced_records r WHERE r.tenant_id = $1 ",
        events!(),
        "LIMIT $8) found"
    );
    let rows = asking(page, tenant, wanted)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(tx.on())
        .await?;
    let total = asking(counted, tenant, wanted)
        .bind(MOST_COUNTED)
        .fetch_one(tx.on())
        .await?;
    let rows: Stored<Vec<Row>> = rows.iter().map(row_of).collect();
    Ok((rows?, count(&total, "total")?))
}

/// A question about events with its values up to the seventh.
fn asking<'q>(
    sql: &'static str,
    tenant: TenantId,
    wanted: &WantedEvents<'q>,
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(sql)
        .bind(Uid(tenant.0))
        .bind(wanted.appliance.is_none())
        .bind(Uid(wanted.appliance.map_or(tenant.0, |id| id.0)))
        .bind(wanted.severity)
        .bind(wanted.category)
        .bind(wanted.from)
        .bind(wanted.to)
}

/// Everything that came from a tenant's plants, the newest first.
pub(crate) async fn list_raw(
    tx: &mut Tx,
    tenant: TenantId,
    (limit, offset): (u32, u32),
) -> Stored<Vec<HubRecord>> {
    let rows = sqlx::query(
        "SELECT json_build_object('appliance_id', r.appliance_id, 'appliance', a.name,
           'epoch', encode(r.epoch, 'hex'), 'stream', r.stream, 'seq', r.seq, 'kind', r.kind,
           'event_time', r.event_time_ms, 'source', r.source, 'body', r.body)::text AS record
         FROM synced_records r JOIN appliances a USING (tenant_id, appliance_id)
         WHERE r.tenant_id = $1 ORDER BY r.event_time_ms DESC, r.seq DESC LIMIT $2 OFFSET $3",
    )
    .bind(Uid(tenant.0))
    .bind(i64::from(limit))
    .bind(i64::from(offset))
    .fetch_all(tx.on())
    .await?;
    let damaged = |error| StoreError::Internal(format!("a record is damaged: {error}"));
    rows.iter()
        .map(|row| serde_json::from_value(json(row, "record")?).map_err(damaged))
        .collect()
}

/// Where the hub acknowledged a log to stand.
pub(crate) async fn get_head(tx: &mut Tx, owner: Owner, line: &Line) -> Stored<Head> {
    let row = sqlx::query(
        "SELECT acked_seq, acked_hash FROM sync_cursors
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .fetch_optional(tx.on())
    .await?;
    row.map_or(Ok(Head::EMPTY), |row| {
        Ok(Head {
            seq: count(&row, "acked_seq")?,
            hash: hash(&row, "acked_hash")?,
        })
    })
}

/// A record as it was received, with the leaf noted then.
pub(crate) struct Received {
    pub(crate) seq: u64,
    pub(crate) leaf: Hash,
    pub(crate) record: Vec<u8>,
}

/// Records of a log from one number up to another, oldest first.
pub(crate) async fn list_received(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    (from, upto, limit): (u64, u64, i64),
) -> Stored<Vec<Received>> {
    let whole = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let rows = sqlx::query(
        "SELECT seq, leaf, rec FROM sync_log
         WHERE tenant_id = $1 AND appliance_id = $2 AND epoch = $3 AND stream = $4
           AND seq >= $5 AND seq <= $6
         ORDER BY seq LIMIT $7",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(whole(from))
    .bind(whole(upto))
    .bind(limit)
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Received {
                seq: count(row, "seq")?,
                leaf: hash(row, "leaf")?,
                record: get(row, "rec")?,
            })
        })
        .collect()
}

fn hash(row: &PgRow, column: &str) -> Stored<Hash> {
    get::<Vec<u8>>(row, column)?
        .try_into()
        .map_err(|_| StoreError::Internal(format!("{column} is no hash")))
}
