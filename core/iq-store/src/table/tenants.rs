//! Tenants of this appliance. Listing them is for the platform owner and the program's own start.

use iq_domain::{CodedError, Tenant, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, row};

const SELECT: &str = "SELECT tenant_id, name, name_ar, is_demo, created_at FROM tenants";

fn read(r: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant {
        id: row::id(r, "tenant_id")?,
        names: row::names(r)?,
        is_demo: r.get("is_demo")?,
        created_at: row::time(r, "created_at")?,
    })
}

/// Creates a tenant.
pub fn create_tenant(conn: &Connection, tenant: &Tenant) -> Result<(), StoreError> {
    let sql = "INSERT INTO tenants (tenant_id, name, name_ar, is_demo, created_at)
               VALUES (?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.id.to_string(),
            tenant.names.en,
            tenant.names.ar,
            tenant.is_demo,
            tenant.created_at.0
        ],
    )
    .map_err(|e| e.or_taken(CodedError::conflict("tenants.exists")))
}

/// The tenant, if it exists.
pub fn get_tenant(conn: &Connection, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    query::find(
        conn,
        &format!("{SELECT} WHERE tenant_id = ?"),
        params![id.to_string()],
        read,
    )
}

/// All tenants of the appliance, oldest first.
pub fn list_tenants(conn: &Connection) -> Result<Vec<Tenant>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} ORDER BY created_at, tenant_id"))?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Renames a tenant. Whether it is a demo never changes.
pub fn update_tenant(conn: &Connection, tenant: &Tenant) -> Result<(), StoreError> {
    let sql = "UPDATE tenants SET name = ?, name_ar = ? WHERE tenant_id = ?";
    query::change_one(
        conn,
        sql,
        params![tenant.names.en, tenant.names.ar, tenant.id.to_string()],
    )
}
