//! Tenants: the directory of who there is.

use iq_domain::{Names, TenantId, Timestamp};
use sqlx::postgres::PgRow;

use super::{Stored, Tx, Uid, count, flag, id, text, time, time_or_none};

/// A tenant as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) code: String,
    pub(crate) names: Names,
    pub(crate) kind: String,
    pub(crate) is_suspended: bool,
    pub(crate) created_at: Timestamp,
}

/// With what the platform owner's list shows of it.
pub(crate) struct ListedTenant {
    pub(crate) tenant: Tenant,
    pub(crate) users: u64,
    pub(crate) appliances: u64,
    pub(crate) last_receipt_at: Option<Timestamp>,
}

fn tenant_of(row: &PgRow) -> Stored<Tenant> {
    Ok(Tenant {
        id: TenantId(id(row, "tenant_id")?),
        code: text(row, "code")?,
        names: Names {
            en: text(row, "name_en")?,
            ar: text(row, "name_ar")?,
        },
        kind: text(row, "kind")?,
        is_suspended: flag(row, "is_suspended")?,
        created_at: time(row, "created_at_ms")?,
    })
}

/// The tenant of the transaction, by its id or its code.
pub(crate) async fn get_visible(tx: &mut Tx) -> Stored<Option<Tenant>> {
    let row = sqlx::query("SELECT * FROM tenants")
        .fetch_optional(tx.on())
        .await?;
    row.as_ref().map(tenant_of).transpose()
}

/// All but the platform's own; one of them when `only` names it. For a transaction of the platform.
pub(crate) async fn list(tx: &mut Tx, only: Option<TenantId>) -> Stored<Vec<ListedTenant>> {
    let rows = sqlx::query(
        "SELECT t.*,
           (SELECT count(*) FROM users u WHERE u.tenant_id = t.tenant_id AND u.is_active) AS users,
           (SELECT count(*) FROM appliances a
             WHERE a.tenant_id = t.tenant_id AND a.revoked_at_ms IS NULL) AS appliances,
           (SELECT max(a.last_receipt_at_ms) FROM appliances a
             WHERE a.tenant_id = t.tenant_id) AS last_receipt_at_ms
         FROM tenants t
         WHERE t.kind <> 'platform' AND ($1 OR t.tenant_id = $2)
         ORDER BY t.created_at_ms, t.tenant_id",
    )
    .bind(only.is_none())
    .bind(Uid(only.unwrap_or(super::PLATFORM).0))
    .fetch_all(tx.on())
    .await?;
    let listed = |row: &PgRow| {
        Ok(ListedTenant {
            tenant: tenant_of(row)?,
            users: count(row, "users")?,
            appliances: count(row, "appliances")?,
            last_receipt_at: time_or_none(row, "last_receipt_at_ms")?,
        })
    };
    rows.iter().map(listed).collect()
}

/// The ids of all, the platform's own among them. For a transaction of the platform.
pub(crate) async fn list_ids(tx: &mut Tx) -> Stored<Vec<TenantId>> {
    let rows = sqlx::query("SELECT tenant_id FROM tenants ORDER BY tenant_id")
        .fetch_all(tx.on())
        .await?;
    rows.iter()
        .map(|row| Ok(TenantId(id(row, "tenant_id")?)))
        .collect()
}

/// Makes those who look whether a name is free wait for each other, until the transaction ends.
pub(crate) async fn lock_names(tx: &mut Tx) -> Stored<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(7001)")
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Turns a transaction from a lookup to a tenant, and to it alone.
pub(crate) async fn turn_to(tx: &mut Tx, tenant: TenantId) -> Stored<()> {
    sqlx::query("SELECT set_config('app.tenant', $1, true), set_config('app.lookup', '', true)")
        .bind(tenant.to_string())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Creates the tenant of the transaction.
pub(crate) async fn create(tx: &mut Tx, tenant: &Tenant) -> Stored<()> {
    sqlx::query(
        "INSERT INTO tenants (tenant_id, code, name_en, name_ar, kind, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(Uid(tenant.id.0))
    .bind(&tenant.code)
    .bind(&tenant.names.en)
    .bind(&tenant.names.ar)
    .bind(&tenant.kind)
    .bind(tenant.created_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn update_names(tx: &mut Tx, tenant: TenantId, names: &Names) -> Stored<()> {
    sqlx::query("UPDATE tenants SET name_en = $2, name_ar = $3 WHERE tenant_id = $1")
        .bind(Uid(tenant.0))
        .bind(&names.en)
        .bind(&names.ar)
        .execute(tx.on())
        .await?;
    Ok(())
}

pub(crate) async fn set_suspended(tx: &mut Tx, tenant: TenantId, is_suspended: bool) -> Stored<()> {
    sqlx::query("UPDATE tenants SET is_suspended = $2 WHERE tenant_id = $1")
        .bind(Uid(tenant.0))
        .bind(is_suspended)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Appends a change that goes down to the appliances. The row of the tenant is locked first, so that
/// revisions appear in the order in which they are committed.
pub(crate) async fn record_change(
    tx: &mut Tx,
    tenant: TenantId,
    (entity, entity_id): (&str, uuid::Uuid),
    body: &serde_json::Value,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "WITH next AS (
           UPDATE tenants SET revision = revision + 1 WHERE tenant_id = $1 RETURNING revision)
         INSERT INTO changes (tenant_id, revision, entity, entity_id, body, at_ms)
         SELECT $1, revision, $2, $3, $4::text::jsonb, $5 FROM next",
    )
    .bind(Uid(tenant.0))
    .bind(entity)
    .bind(Uid(entity_id))
    .bind(body.to_string())
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(())
}
