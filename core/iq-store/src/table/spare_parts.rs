//! Spare parts in the stores of a tenant's sites.

use iq_domain::{CodedError, PartArrival, SiteId, SparePart, SparePartId, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

/// Which parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparePartFilter {
    /// Of this site's store.
    pub site_id: Option<SiteId>,
    /// Whether none is there now.
    pub is_out: Option<bool>,
    /// Occurs in material number, title or remark.
    pub text: Option<String>,
}

const SELECT: &str = "SELECT tenant_id, id, site_id, code, title, on_hand, expected_quantity, \
    expected_at, lead_time_days, note, changed_at FROM spare_parts";

fn read(r: &Row<'_>) -> rusqlite::Result<SparePart> {
    let quantity: Option<f64> = r.get("expected_quantity")?;
    let arrival = row::time_opt(r, "expected_at")?.zip(quantity);
    Ok(SparePart {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        site_id: row::id(r, "site_id")?,
        code: r.get("code")?,
        title: r.get("title")?,
        on_hand: r.get("on_hand")?,
        expected: arrival.map(|(at, quantity)| PartArrival { at, quantity }),
        lead_time_days: r.get("lead_time_days")?,
        note: r.get("note")?,
        changed_at: row::time(r, "changed_at")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    part: &SparePart,
    sql: &str,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, part.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            part.id.to_string(),
            part.site_id.to_string(),
            part.code,
            part.title,
            part.on_hand,
            part.expected.map(|e| e.quantity),
            part.expected.map(|e| e.at.0),
            part.lead_time_days,
            part.note,
            part.changed_at.0
        ],
    )
    .map_err(|e| {
        e.or_reference(CodedError::not_found("sites.not_found"))
            .or_taken(CodedError::conflict("spare_parts.code_taken").with("code", &part.code))
    })
}

/// Creates a part.
pub fn create_spare_part(
    conn: &Connection,
    tenant: TenantId,
    part: &SparePart,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO spare_parts (tenant_id, id, site_id, code, title, on_hand,
               expected_quantity, expected_at, lead_time_days, note, changed_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    write(conn, tenant, part, sql)
}

/// Changes a part.
pub fn update_spare_part(
    conn: &Connection,
    tenant: TenantId,
    part: &SparePart,
) -> Result<(), StoreError> {
    let sql = "UPDATE spare_parts SET site_id = ?3, code = ?4, title = ?5, on_hand = ?6,
               expected_quantity = ?7, expected_at = ?8, lead_time_days = ?9, note = ?10,
               changed_at = ?11 WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, part, sql)
}

/// Deletes a part.
pub fn delete_spare_part(
    conn: &Connection,
    tenant: TenantId,
    id: SparePartId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM spare_parts WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// The part, if this tenant has it.
pub fn get_spare_part(
    conn: &Connection,
    tenant: TenantId,
    id: SparePartId,
) -> Result<Option<SparePart>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// A page of parts, by material number.
pub fn list_spare_parts(
    conn: &Connection,
    tenant: TenantId,
    filter: &SparePartFilter,
    page: Page,
) -> Result<Paged<SparePart>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("site_id = ?", filter.site_id.map(|id| id.to_string()))
        .maybe("(on_hand = 0) = ?", filter.is_out)
        .contains(&["code", "title", "note"], filter.text.as_deref());
    wanted.page(conn, "spare_parts", (SELECT, "code, id"), page, read)
}
