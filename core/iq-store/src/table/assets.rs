//! Assets. The codes of neighbours up- and downstream are kept as JSON lists.

use iq_domain::{Asset, AssetId, CodedError, Criticality, SiteId, TenantId, UnitId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, unit_id, code, name, name_ar, family, criticality, \
    equipment_number, functional_location, parent_id, upstream, downstream, note, effective_from, \
    effective_to FROM assets";

/// Which assets; what is not set is not asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetFilter {
    /// Assets of the units of this site.
    pub site_id: Option<SiteId>,
    /// Assets of this unit.
    pub unit_id: Option<UnitId>,
    /// Family key.
    pub family: Option<String>,
    /// Criticality.
    pub criticality: Option<Criticality>,
    /// Occurs in code, name, equipment number or functional location.
    pub text: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Asset> {
    Ok(Asset {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        unit_id: row::id(r, "unit_id")?,
        code: r.get("code")?,
        names: row::names(r)?,
        family: r.get("family")?,
        criticality: row::word(r, "criticality")?,
        equipment_number: r.get("equipment_number")?,
        functional_location: r.get("functional_location")?,
        parent_id: row::id_opt(r, "parent_id")?,
        upstream: row::json(r, "upstream")?,
        downstream: row::json(r, "downstream")?,
        note: r.get("note")?,
        effective_from: row::time_opt(r, "effective_from")?,
        effective_to: row::time_opt(r, "effective_to")?,
    })
}

fn write(conn: &Connection, tenant: TenantId, asset: &Asset, sql: &str) -> Result<(), StoreError> {
    row::same_tenant(tenant, asset.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            asset.id.to_string(),
            asset.unit_id.to_string(),
            asset.code,
            asset.names.en,
            asset.names.ar,
            asset.family,
            row::to_word(&asset.criticality)?,
            asset.equipment_number,
            asset.functional_location,
            asset.parent_id.map(|id| id.to_string()),
            row::to_json(&asset.upstream)?,
            row::to_json(&asset.downstream)?,
            asset.note,
            asset.effective_from.map(|t| t.0),
            asset.effective_to.map(|t| t.0)
        ],
    )
    .map_err(|e| {
        e.or_taken(CodedError::conflict("assets.code_taken").with("code", &asset.code))
            .or_reference(CodedError::not_found("units.not_found"))
    })
}

/// Creates an asset.
pub fn create_asset(conn: &Connection, tenant: TenantId, asset: &Asset) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO assets (tenant_id, id, unit_id, code, name, name_ar, family, criticality,
               equipment_number, functional_location, parent_id, upstream, downstream, note,
               effective_from, effective_to)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    write(conn, tenant, asset, sql)
}

/// The asset, if this tenant has it.
pub fn get_asset(
    conn: &Connection,
    tenant: TenantId,
    id: AssetId,
) -> Result<Option<Asset>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The asset with that code.
pub fn get_asset_by_code(
    conn: &Connection,
    tenant: TenantId,
    code: &str,
) -> Result<Option<Asset>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND code = ?");
    query::find(conn, &sql, params![tenant.to_string(), code], read)
}

/// A page of assets by code.
pub fn list_assets(
    conn: &Connection,
    tenant: TenantId,
    filter: &AssetFilter,
    page: Page,
) -> Result<Paged<Asset>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe(
            "unit_id IN (SELECT u.id FROM units u WHERE u.tenant_id = assets.tenant_id \
             AND u.site_id = ?)",
            filter.site_id.map(|id| id.to_string()),
        )
        .maybe("unit_id = ?", filter.unit_id.map(|id| id.to_string()))
        .maybe("family = ?", filter.family.clone())
        .maybe(
            "criticality = ?",
            filter.criticality.map(|c| row::to_word(&c)).transpose()?,
        )
        .contains(
            &[
                "code",
                "name",
                "name_ar",
                "equipment_number",
                "functional_location",
            ],
            filter.text.as_deref(),
        );
    wanted.page(conn, "assets", (SELECT, "code"), page, read)
}

/// Changes an asset.
pub fn update_asset(conn: &Connection, tenant: TenantId, asset: &Asset) -> Result<(), StoreError> {
    let sql = "UPDATE assets SET unit_id = ?3, code = ?4, name = ?5, name_ar = ?6, family = ?7,
               criticality = ?8, equipment_number = ?9, functional_location = ?10, parent_id = ?11,
               upstream = ?12, downstream = ?13, note = ?14, effective_from = ?15,
               effective_to = ?16 WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, asset, sql)
}

/// Deletes an asset with its signals and rules; one that is mapped or has parts is refused. An asset
/// that ran is better ended with `effective_to`: its alerts and incidents keep its id only.
pub fn delete_asset(conn: &Connection, tenant: TenantId, id: AssetId) -> Result<(), StoreError> {
    let sql = "DELETE FROM assets WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("assets.in_use")))
}
