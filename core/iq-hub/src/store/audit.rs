//! The audit: appended, never edited; the serving role may do nothing else.

use iq_api_types::{AuditRow, HubAuditRow, Page};
use iq_domain::{AuditRecord, TenantId, Timestamp};

use super::{Stored, Tx, Uid, count, get, id, json, text, time};

pub(crate) async fn append(tx: &mut Tx, record: &AuditRecord) -> Stored<()> {
    sqlx::query(
        "INSERT INTO audit (tenant_id, audit_id, at_ms, actor, action, object, outcome, details, address)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9)",
    )
    .bind(Uid(record.tenant_id.0))
    .bind(Uid(record.id.0))
    .bind(record.at.0)
    .bind(&record.actor)
    .bind(&record.action)
    .bind(&record.object)
    .bind(&record.outcome)
    .bind(record.details.to_string())
    .bind(&record.address)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Which records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Of this tenant; in a transaction of the platform of all where there is none.
    pub(crate) tenant: Option<TenantId>,
    /// At or after.
    pub(crate) from: Option<Timestamp>,
    /// Before.
    pub(crate) to: Option<Timestamp>,
    /// Occurs in the actor; empty for any.
    pub(crate) actor: String,
    /// Occurs in actor, action, object, outcome, details or address; empty for any.
    pub(crate) text: String,
}

/// The newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    wanted: &Wanted,
    (limit, offset): (u32, u32),
) -> Stored<Page<HubAuditRow>> {
    let rows = sqlx::query(
        "SELECT *, details::text AS details_text, count(*) OVER () AS total FROM audit
         WHERE ($1 OR tenant_id = $2)
           AND ($5::bigint IS NULL OR at_ms >= $5) AND ($6::bigint IS NULL OR at_ms < $6)
           AND strpos(lower(actor), lower($7)) > 0
           AND strpos(lower(concat_ws(' ', actor, action, object, outcome, details::text, address)),
                      lower($8)) > 0
         ORDER BY at_ms DESC, audit_id DESC LIMIT $3 OFFSET $4",
    )
    .bind(wanted.tenant.is_none())
    .bind(Uid(wanted.tenant.unwrap_or(super::PLATFORM).0))
    .bind(i64::from(limit))
    .bind(i64::from(offset))
    .bind(wanted.from.map(|from| from.0))
    .bind(wanted.to.map(|to| to.0))
    .bind(wanted.actor.trim())
    .bind(wanted.text.trim())
    .fetch_all(tx.on())
    .await?;
    let total = rows.first().map_or(Ok(0), |row| count(row, "total"))?;
    let items: Stored<Vec<HubAuditRow>> = rows
        .iter()
        .map(|row| {
            Ok(HubAuditRow {
                tenant_id: TenantId(id(row, "tenant_id")?),
                row: AuditRow {
                    at: time(row, "at_ms")?,
                    actor: text(row, "actor")?,
                    action: text(row, "action")?,
                    object: text(row, "object")?,
                    outcome: text(row, "outcome")?,
                    details: json(row, "details_text")?,
                    address: get(row, "address")?,
                },
            })
        })
        .collect();
    Ok(Page::new(items?, total, u64::from(offset)))
}
