//! Production units of a site.

use iq_domain::{CodedError, SiteId, TenantId, Unit, UnitId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, site_id, code, name, name_ar FROM units";

fn read(r: &Row<'_>) -> rusqlite::Result<Unit> {
    Ok(Unit {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        site_id: row::id(r, "site_id")?,
        code: r.get("code")?,
        names: row::names(r)?,
    })
}

fn coded(error: StoreError, unit: &Unit) -> StoreError {
    error
        .or_taken(CodedError::conflict("units.code_taken").with("code", &unit.code))
        .or_reference(CodedError::not_found("sites.not_found"))
}

/// Creates a unit.
pub fn create_unit(conn: &Connection, tenant: TenantId, unit: &Unit) -> Result<(), StoreError> {
    row::same_tenant(tenant, unit.tenant_id)?;
    let sql = "INSERT INTO units (tenant_id, id, site_id, code, name, name_ar)
               VALUES (?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            unit.id.to_string(),
            unit.site_id.to_string(),
            unit.code,
            unit.names.en,
            unit.names.ar
        ],
    )
    .map_err(|e| coded(e, unit))
}

/// The unit, if this tenant has it.
pub fn get_unit(
    conn: &Connection,
    tenant: TenantId,
    id: UnitId,
) -> Result<Option<Unit>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The unit with that code at that site.
pub fn get_unit_by_code(
    conn: &Connection,
    tenant: TenantId,
    site: SiteId,
    code: &str,
) -> Result<Option<Unit>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND site_id = ? AND code = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), site.to_string(), code],
        read,
    )
}

/// The units of one site, or of all, by code.
pub fn list_units(
    conn: &Connection,
    tenant: TenantId,
    site: Option<SiteId>,
) -> Result<Vec<Unit>, StoreError> {
    Where::tenant(tenant)
        .maybe("site_id = ?", site.map(|id| id.to_string()))
        .list(conn, SELECT, "code, id", read)
}

/// Changes a unit.
pub fn update_unit(conn: &Connection, tenant: TenantId, unit: &Unit) -> Result<(), StoreError> {
    row::same_tenant(tenant, unit.tenant_id)?;
    let sql = "UPDATE units SET site_id = ?, code = ?, name = ?, name_ar = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            unit.site_id.to_string(),
            unit.code,
            unit.names.en,
            unit.names.ar,
            tenant.to_string(),
            unit.id.to_string()
        ],
    )
    .map_err(|e| coded(e, unit))
}

/// Deletes a unit that has no assets.
pub fn delete_unit(conn: &Connection, tenant: TenantId, id: UnitId) -> Result<(), StoreError> {
    let sql = "DELETE FROM units WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("units.in_use")))
}
