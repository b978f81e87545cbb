//! The signal mapping: external tag → asset → metric.

use iq_domain::{AssetId, CodedError, IntegrationId, MappingId, SignalMapping, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, integration_id, external_tag, asset_id, metric_name, \
    signal_id, unit, scaling_factor, offset_value, metadata_json, is_active \
    FROM external_signal_mappings";

/// Which mappings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappingFilter {
    /// Of this source.
    pub integration_id: Option<IntegrationId>,
    /// Of this asset.
    pub asset_id: Option<AssetId>,
    /// In use or not.
    pub is_active: Option<bool>,
    /// Occurs in tag or metric.
    pub text: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<SignalMapping> {
    Ok(SignalMapping {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        integration_id: row::id(r, "integration_id")?,
        external_tag: r.get("external_tag")?,
        asset_id: row::id(r, "asset_id")?,
        metric_name: r.get("metric_name")?,
        signal_id: row::id(r, "signal_id")?,
        unit: r.get("unit")?,
        scaling_factor: r.get("scaling_factor")?,
        offset_value: r.get("offset_value")?,
        metadata_json: r.get("metadata_json")?,
        is_active: r.get("is_active")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    mapping: &SignalMapping,
    sql: &str,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, mapping.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            mapping.id.to_string(),
            mapping.integration_id.to_string(),
            mapping.external_tag,
            mapping.asset_id.to_string(),
            mapping.metric_name,
            mapping.signal_id.to_string(),
            mapping.unit,
            mapping.scaling_factor,
            mapping.offset_value,
            mapping.metadata_json,
            mapping.is_active
        ],
    )
    .map_err(|e| coded(conn, tenant, e, mapping))
}

/// Both rules may be broken at once, and which one SQLite names depends on the order of its indexes.
fn coded(
    conn: &Connection,
    tenant: TenantId,
    error: StoreError,
    mapping: &SignalMapping,
) -> StoreError {
    let same_tag = get_mapping_by_tag(conn, tenant, mapping.integration_id, &mapping.external_tag);
    let code = match same_tag {
        Ok(Some(other)) if other.id != mapping.id => "mappings.tag_taken",
        _ => "mappings.signal_taken",
    };
    error
        .or_taken(
            CodedError::conflict(code)
                .with("tag", &mapping.external_tag)
                .with("metric", &mapping.metric_name),
        )
        .or_reference(CodedError::not_found("mappings.target_not_found"))
}

/// Creates a mapping. A tag is mapped once per source, and a signal has one active mapping.
pub fn create_mapping(
    conn: &Connection,
    tenant: TenantId,
    mapping: &SignalMapping,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO external_signal_mappings (tenant_id, id, integration_id, external_tag,
               asset_id, metric_name, signal_id, unit, scaling_factor, offset_value, metadata_json,
               is_active) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    write(conn, tenant, mapping, sql)
}

/// The mapping, if this tenant has it.
pub fn get_mapping(
    conn: &Connection,
    tenant: TenantId,
    id: MappingId,
) -> Result<Option<SignalMapping>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The mapping of a source's tag.
pub fn get_mapping_by_tag(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    tag: &str,
) -> Result<Option<SignalMapping>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND integration_id = ? AND external_tag = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), integration.to_string(), tag],
        read,
    )
}

/// A page of mappings by source and tag.
pub fn list_mappings(
    conn: &Connection,
    tenant: TenantId,
    filter: &MappingFilter,
    page: Page,
) -> Result<Paged<SignalMapping>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe(
            "integration_id = ?",
            filter.integration_id.map(|id| id.to_string()),
        )
        .maybe("asset_id = ?", filter.asset_id.map(|id| id.to_string()))
        .maybe("is_active = ?", filter.is_active)
        .contains(&["external_tag", "metric_name"], filter.text.as_deref());
    let order = (SELECT, "integration_id, external_tag");
    wanted.page(conn, "external_signal_mappings", order, page, read)
}

/// All active mappings of a source, however many: what the write path loads.
pub fn list_active_mappings(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<Vec<SignalMapping>, StoreError> {
    Where::tenant(tenant)
        .and(
            "integration_id = ? AND is_active = 1",
            [integration.to_string().into()],
        )
        .list(conn, SELECT, "external_tag", read)
}

/// Changes a mapping.
pub fn update_mapping(
    conn: &Connection,
    tenant: TenantId,
    mapping: &SignalMapping,
) -> Result<(), StoreError> {
    let sql = "UPDATE external_signal_mappings SET integration_id = ?3, external_tag = ?4,
               asset_id = ?5, metric_name = ?6, signal_id = ?7, unit = ?8, scaling_factor = ?9,
               offset_value = ?10, metadata_json = ?11, is_active = ?12
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, mapping, sql)
}

/// Deletes a mapping; the history it wrote stays.
pub fn delete_mapping(
    conn: &Connection,
    tenant: TenantId,
    id: MappingId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM external_signal_mappings WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
