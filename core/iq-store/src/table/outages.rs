//! Planned outages of a tenant.

use iq_domain::{CodedError, Outage, OutageId, SiteId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

/// Which outages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutageFilter {
    /// Of this site, its units and assets.
    pub site_id: Option<SiteId>,
    /// Not over at this moment.
    pub from: Option<Timestamp>,
    /// Begun before this one.
    pub to: Option<Timestamp>,
    /// Occurs in title or remark.
    pub text: Option<String>,
}

const SELECT: &str = "SELECT tenant_id, id, site_id, unit_id, asset_id, title, from_at, to_at, note, \
    changed_at FROM outages";

fn read(r: &Row<'_>) -> rusqlite::Result<Outage> {
    Ok(Outage {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        site_id: row::id(r, "site_id")?,
        unit_id: row::id_opt(r, "unit_id")?,
        asset_id: row::id_opt(r, "asset_id")?,
        title: r.get("title")?,
        from: row::time(r, "from_at")?,
        to: row::time(r, "to_at")?,
        note: r.get("note")?,
        changed_at: row::time(r, "changed_at")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    outage: &Outage,
    sql: &str,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, outage.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            outage.id.to_string(),
            outage.site_id.to_string(),
            outage.unit_id.map(|id| id.to_string()),
            outage.asset_id.map(|id| id.to_string()),
            outage.title,
            outage.from.0,
            outage.to.0,
            outage.note,
            outage.changed_at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("outages.place_unknown")))
}

/// Creates an outage.
pub fn create_outage(
    conn: &Connection,
    tenant: TenantId,
    outage: &Outage,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO outages (tenant_id, id, site_id, unit_id, asset_id, title, from_at, to_at,
               note, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    write(conn, tenant, outage, sql)
}

/// Changes an outage.
pub fn update_outage(
    conn: &Connection,
    tenant: TenantId,
    outage: &Outage,
) -> Result<(), StoreError> {
    let sql = "UPDATE outages SET site_id = ?3, unit_id = ?4, asset_id = ?5, title = ?6,
               from_at = ?7, to_at = ?8, note = ?9, changed_at = ?10
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, outage, sql)
}

/// Deletes an outage.
pub fn delete_outage(conn: &Connection, tenant: TenantId, id: OutageId) -> Result<(), StoreError> {
    let sql = "DELETE FROM outages WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// The outage, if this tenant has it.
pub fn get_outage(
    conn: &Connection,
    tenant: TenantId,
    id: OutageId,
) -> Result<Option<Outage>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// A page of outages, by their begin.
pub fn list_outages(
    conn: &Connection,
    tenant: TenantId,
    filter: &OutageFilter,
    page: Page,
) -> Result<Paged<Outage>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("site_id = ?", filter.site_id.map(|id| id.to_string()))
        .maybe("to_at > ?", filter.from.map(|t| t.0))
        .maybe("from_at < ?", filter.to.map(|t| t.0))
        .contains(&["title", "note"], filter.text.as_deref());
    wanted.page(conn, "outages", (SELECT, "from_at, id"), page, read)
}
