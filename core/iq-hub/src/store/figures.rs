//! What plants tell at the third level, by its newest record.

use iq_domain::{ApplianceId, TenantId, Timestamp};
use iq_sync_proto::{Line, figures::Kind};
use serde_json::Value;
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::{Stored, Tx, Uid, count, flag, id, json, sync::Owner, text, time};

/// Something that was told.
pub(crate) struct Figure {
    pub(crate) kind: &'static str,
    pub(crate) key: String,
    pub(crate) at_ms: i64,
    pub(crate) is_demo: bool,
    pub(crate) seq: i64,
    pub(crate) body: Value,
}

/// Keeps the newest word on each thing; of one thing at most one may come at a time.
pub(crate) async fn store(
    tx: &mut Tx,
    owner: Owner,
    line: &Line,
    figures: &[Figure],
) -> Stored<()> {
    if figures.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO synced_figures
           (tenant_id, appliance_id, epoch, stream, kind, key, at_ms, is_demo, seq, body)
         SELECT $1, $2, $3, $4, s.kind, s.key, s.at_ms, s.is_demo, s.seq, s.body::jsonb
         FROM unnest($5::text[], $6::text[], $7::bigint[], $8::boolean[], $9::bigint[], $10::text[])
           AS s (kind, key, at_ms, is_demo, seq, body)
         ON CONFLICT (tenant_id, appliance_id, kind, key) DO UPDATE SET
           epoch = excluded.epoch, stream = excluded.stream, at_ms = excluded.at_ms,
           is_demo = excluded.is_demo, seq = excluded.seq, body = excluded.body
         WHERE synced_figures.at_ms <= excluded.at_ms",
    )
    .bind(Uid(owner.0.0))
    .bind(Uid(owner.1.0))
    .bind(line.epoch.as_slice())
    .bind(i16::from(line.stream))
    .bind(
        figures
            .iter()
            .map(|f| f.kind.to_owned())
            .collect::<Vec<_>>(),
    )
    .bind(figures.iter().map(|f| f.key.clone()).collect::<Vec<_>>())
    .bind(figures.iter().map(|f| f.at_ms).collect::<Vec<_>>())
    .bind(figures.iter().map(|f| f.is_demo).collect::<Vec<_>>())
    .bind(figures.iter().map(|f| f.seq).collect::<Vec<_>>())
    .bind(
        figures
            .iter()
            .map(|f| f.body.to_string())
            .collect::<Vec<_>>(),
    )
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Something that was told, with the plant it came from.
pub(crate) struct Told {
    pub(crate) appliance: ApplianceId,
    pub(crate) appliance_name: String,
    pub(crate) key: String,
    pub(crate) at: Timestamp,
    pub(crate) is_demo: bool,
    pub(crate) body: Value,
}

/// Which are wanted; an empty word wants all.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: Kind,
    pub(crate) appliance: Option<ApplianceId>,
    /// Status of an asset, period of key figures.
    pub(crate) word: &'a str,
    /// Name among its kind.
    pub(crate) key: &'a str,
}

macro_rules! told {
    () => {
        "FROM synced_figures f JOIN appliances a USING (tenant_id, appliance_id)
         WHERE f.tenant_id = $1 AND f.kind = $2 AND ($3 OR f.appliance_id = $4)
           AND ($5 = '' OR coalesce(f.body ->> 'status', f.body ->> 'period') = $5)
           AND ($6 = '' OR f.key = $6) "
    };
}

/// A page, and how many there are: assets by their code, key figures and plans from the newest on.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: &Wanted<'_>,
    (limit, offset): (u32, u32),
) -> Stored<(Vec<Told>, u64)> {
    let page = concat!(
        "SELECT f.appliance_id, a.name, f.key, f.at_ms, f.is_demo, f.body::text AS body_text ",
        told!(),
        "ORDER BY (f.body ->> 'from')::bigint DESC NULLS LAST, f.body ->> 'code', a.name, f.key
         LIMIT $7 OFFSET $8"
    );
    let counted = concat!("SELECT count(*) AS total ", told!());
    let rows = asking(page, tenant, wanted)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(tx.on())
        .await?;
    let total = asking(counted, tenant, wanted).fetch_one(tx.on()).await?;
    let rows: Stored<Vec<Told>> = rows.iter().map(told_of).collect();
    Ok((rows?, count(&total, "total")?))
}

fn asking<'q>(
    sql: &'static str,
    tenant: TenantId,
    wanted: &Wanted<'q>,
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(sql)
        .bind(Uid(tenant.0))
        .bind(wanted.kind.as_str())
        .bind(wanted.appliance.is_none())
        .bind(Uid(wanted.appliance.map_or(tenant.0, |id| id.0)))
        .bind(wanted.word)
        .bind(wanted.key)
}

fn told_of(row: &PgRow) -> Stored<Told> {
    Ok(Told {
        appliance: ApplianceId(id(row, "appliance_id")?),
        appliance_name: text(row, "name")?,
        key: text(row, "key")?,
        at: time(row, "at_ms")?,
        is_demo: flag(row, "is_demo")?,
        body: json(row, "body_text")?,
    })
}
