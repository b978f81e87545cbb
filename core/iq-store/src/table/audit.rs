//! The audit log: appended, never changed.

use iq_domain::{AuditRecord, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str =
    "SELECT tenant_id, id, at, actor, action, object, outcome, details, address FROM audit";

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// By this user name.
    pub actor: Option<String>,
    /// This action, or with a trailing dot all of an area ("integrations.").
    pub action: Option<String>,
    /// Only successes, or only failures.
    pub is_success: Option<bool>,
    /// Occurs in actor, action, object, outcome, details or address.
    pub text: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        at: row::time(r, "at")?,
        actor: r.get("actor")?,
        action: r.get("action")?,
        object: r.get("object")?,
        outcome: r.get("outcome")?,
        details: row::json(r, "details")?,
        address: r.get("address")?,
    })
}

/// Appends a record; belongs into the same transaction as what it records.
pub fn append_audit(
    conn: &Connection,
    tenant: TenantId,
    record: &AuditRecord,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, record.tenant_id)?;
    let sql = "INSERT INTO audit (tenant_id, id, at, actor, action, object, outcome, details,
               address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            record.id.to_string(),
            record.at.0,
            record.actor,
            record.action,
            record.object,
            record.outcome,
            row::to_json(&record.details)?,
            record.address
        ],
    )
}

/// A page of records, newest first.
pub fn list_audit(
    conn: &Connection,
    tenant: TenantId,
    filter: &AuditFilter,
    page: Page,
) -> Result<Paged<AuditRecord>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .within("at", filter.from, filter.to)
        .maybe("actor = ?", filter.actor.clone());
    match filter.action.as_deref() {
        Some(area) if area.ends_with('.') => {
            wanted.and(
                "substr(action, 1, length(?)) = ?",
                [area.to_owned().into(), area.to_owned().into()],
            );
        }
        action => {
            wanted.maybe("action = ?", action.map(str::to_owned));
        }
    }
    match filter.is_success {
        Some(true) => wanted.and("outcome = 'success'", []),
        Some(false) => wanted.and("outcome <> 'success'", []),
        None => &mut wanted,
    };
    let columns = ["actor", "action", "object", "outcome", "details", "address"];
    wanted.contains(&columns, filter.text.as_deref());
    wanted.page(conn, "audit", (SELECT, "at DESC, id DESC"), page, read)
}
