//! Sites of a tenant.

use iq_domain::{CodedError, Site, SiteId, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, code, name, name_ar, time_zone FROM sites";

fn read(r: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        code: r.get("code")?,
        names: row::names(r)?,
        time_zone: r.get("time_zone")?,
    })
}

fn taken(error: StoreError, site: &Site) -> StoreError {
    error.or_taken(CodedError::conflict("sites.code_taken").with("code", &site.code))
}

/// Creates a site.
pub fn create_site(conn: &Connection, tenant: TenantId, site: &Site) -> Result<(), StoreError> {
    row::same_tenant(tenant, site.tenant_id)?;
    let sql = "INSERT INTO sites (tenant_id, id, code, name, name_ar, time_zone)
               VALUES (?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            site.id.to_string(),
            site.code,
            site.names.en,
            site.names.ar,
            site.time_zone
        ],
    )
    .map_err(|e| taken(e, site))
}

/// The site, if this tenant has it.
pub fn get_site(
    conn: &Connection,
    tenant: TenantId,
    id: SiteId,
) -> Result<Option<Site>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The site with that code.
pub fn get_site_by_code(
    conn: &Connection,
    tenant: TenantId,
    code: &str,
) -> Result<Option<Site>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND code = ?");
    query::find(conn, &sql, params![tenant.to_string(), code], read)
}

/// All sites by code.
pub fn list_sites(conn: &Connection, tenant: TenantId) -> Result<Vec<Site>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "code", read)
}

/// Changes a site.
pub fn update_site(conn: &Connection, tenant: TenantId, site: &Site) -> Result<(), StoreError> {
    row::same_tenant(tenant, site.tenant_id)?;
    let sql = "UPDATE sites SET code = ?, name = ?, name_ar = ?, time_zone = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            site.code,
            site.names.en,
            site.names.ar,
            site.time_zone,
            tenant.to_string(),
            site.id.to_string()
        ],
    )
    .map_err(|e| taken(e, site))
}

/// Deletes a site that has no units.
pub fn delete_site(conn: &Connection, tenant: TenantId, id: SiteId) -> Result<(), StoreError> {
    let sql = "DELETE FROM sites WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("sites.in_use")))
}
