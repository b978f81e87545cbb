//! Equipment and functional locations of maintenance systems, and the asset each belongs to.

use iq_domain::{
    AssetId, CodedError, IntegrationId, ObjectKind, TechnicalObjectId, TenantId, Timestamp,
};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row, work_orders::MatchState};

const COLUMNS: &str = "tenant_id, id, integration_id, kind, number, number_key, name, location, \
    location_key, parent, plant, is_active, changed_at, payload, asset_id, match_state, \
    match_reason, candidates, settled_by, settled_at, recorded_at";

/// A technical object.
#[derive(Clone, Debug, PartialEq)]
pub struct TechnicalObject {
    /// Id.
    pub id: TechnicalObjectId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The connection to its system.
    pub integration_id: IntegrationId,
    /// Kind.
    pub kind: ObjectKind,
    /// Its number there.
    pub number: String,
    /// The number as it is compared.
    pub number_key: String,
    /// Its name.
    pub name: String,
    /// The location it stands in, or the location above.
    pub location: Option<String>,
    /// That location as it is compared.
    pub location_key: Option<String>,
    /// The equipment it is part of.
    pub parent: Option<String>,
    /// Maintenance plant.
    pub plant: Option<String>,
    /// In use.
    pub is_active: bool,
    /// Last change there.
    pub changed_at: Option<Timestamp>,
    /// The row as it came.
    pub payload: serde_json::Value,
    /// Our asset.
    pub asset_id: Option<AssetId>,
    /// How it was found.
    pub match_state: MatchState,
    /// By which rule ("number", "parent", …).
    pub match_reason: Option<String>,
    /// The assets that fit, where several do.
    pub candidates: Vec<AssetId>,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When.
    pub settled_at: Option<Timestamp>,
    /// Last time this row was written.
    pub recorded_at: Timestamp,
}

/// Which objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectFilter {
    /// Of this system.
    pub integration_id: Option<IntegrationId>,
    /// In one of these states; empty for all.
    pub match_states: Vec<MatchState>,
    /// Of this kind.
    pub kind: Option<ObjectKind>,
    /// Of one of these assets; empty for all.
    pub asset_ids: Vec<AssetId>,
    /// Occurs in number, name or location.
    pub text: Option<String>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<TechnicalObject> {
    Ok(TechnicalObject {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        integration_id: row::id(r, "integration_id")?,
        kind: row::word(r, "kind")?,
        number: r.get("number")?,
        number_key: r.get("number_key")?,
        name: r.get("name")?,
        location: r.get("location")?,
        location_key: r.get("location_key")?,
        parent: r.get("parent")?,
        plant: r.get("plant")?,
        is_active: r.get("is_active")?,
        changed_at: row::time_opt(r, "changed_at")?,
        payload: row::json(r, "payload")?,
        asset_id: row::id_opt(r, "asset_id")?,
        match_state: row::word(r, "match_state")?,
        match_reason: r.get("match_reason")?,
        candidates: row::json(r, "candidates")?,
        settled_by: r.get("settled_by")?,
        settled_at: row::time_opt(r, "settled_at")?,
        recorded_at: row::time(r, "recorded_at")?,
    })
}

/// Creates an object, or replaces the row of the same number in the same system.
pub fn put_technical_object(
    conn: &Connection,
    tenant: TenantId,
    object: &TechnicalObject,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, object.tenant_id)?;
    let sql = format!(
        "INSERT INTO technical_objects ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?19, ?20, ?21)
         ON CONFLICT (tenant_id, integration_id, kind, number) DO UPDATE SET number_key = ?6,
         name = ?7, location = ?8, location_key = ?9, parent = ?10, plant = ?11, is_active = ?12,
         changed_at = ?13, payload = ?14, asset_id = ?15, match_state = ?16, match_reason = ?17,
         candidates = ?18, settled_by = ?19, settled_at = ?20, recorded_at = ?21"
    );
    query::change_one(
        conn,
        &sql,
        params![
            tenant.to_string(),
            object.id.to_string(),
            object.integration_id.to_string(),
            row::to_word(&object.kind)?,
            object.number,
            object.number_key,
            object.name,
            object.location,
            object.location_key,
            object.parent,
            object.plant,
            object.is_active,
            object.changed_at.map(|t| t.0),
            row::to_json(&object.payload)?,
            object.asset_id.map(|id| id.to_string()),
            row::to_word(&object.match_state)?,
            object.match_reason,
            row::to_json(&object.candidates)?,
            object.settled_by,
            object.settled_at.map(|t| t.0),
            object.recorded_at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("integrations.not_found")))
}

/// The object, if this tenant has it.
pub fn get_technical_object(
    conn: &Connection,
    tenant: TenantId,
    id: TechnicalObjectId,
) -> Result<Option<TechnicalObject>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM technical_objects WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The object a system has under exactly that number.
pub fn get_technical_object_by_number(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    kind: ObjectKind,
    number: &str,
) -> Result<Option<TechnicalObject>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM technical_objects
         WHERE tenant_id = ? AND integration_id = ? AND kind = ? AND number = ?"
    );
    query::find(
        conn,
        &sql,
        params![
            tenant.to_string(),
            integration.to_string(),
            row::to_word(&kind)?,
            number
        ],
        read,
    )
}

/// The objects of a system whose number compares equal, at most a handful.
pub fn list_technical_objects_by_key(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    kind: ObjectKind,
    key: &str,
) -> Result<Vec<TechnicalObject>, StoreError> {
    few(
        conn,
        Where::tenant(tenant)
            .maybe("integration_id = ?", Some(integration.to_string()))
            .maybe("kind = ?", Some(row::to_word(&kind)?))
            .maybe("number_key = ?", Some(key.to_owned())),
        16,
    )
}

/// The equipment that stands in a location, at most a handful: more is ambiguous anyway.
pub fn list_equipment_at(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    location_key: &str,
) -> Result<Vec<TechnicalObject>, StoreError> {
    few(
        conn,
        Where::tenant(tenant)
            .maybe("integration_id = ?", Some(integration.to_string()))
            .and("kind = 'equipment'", [])
            .maybe("location_key = ?", Some(location_key.to_owned())),
        64,
    )
}

fn few(
    conn: &Connection,
    wanted: &mut Where,
    limit: u32,
) -> Result<Vec<TechnicalObject>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM technical_objects");
    let order = (select.as_str(), "number, id");
    let page = wanted.page(conn, "technical_objects", order, Page::first(limit), read)?;
    Ok(page.rows)
}

fn filtered(tenant: TenantId, filter: &ObjectFilter) -> Result<Where, StoreError> {
    let states = filter
        .match_states
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe(
            "integration_id = ?",
            filter.integration_id.map(|id| id.to_string()),
        )
        .any("match_state", states)
        .maybe(
            "kind = ?",
            filter.kind.as_ref().map(row::to_word).transpose()?,
        )
        .any(
            "asset_id",
            filter.asset_ids.iter().map(ToString::to_string).collect(),
        )
        .contains(&["number", "name", "location"], filter.text.as_deref());
    Ok(wanted)
}

/// A page of objects: what waits for a person first, then by number.
pub fn list_technical_objects(
    conn: &Connection,
    tenant: TenantId,
    filter: &ObjectFilter,
    page: Page,
) -> Result<Paged<TechnicalObject>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM technical_objects");
    let order = (select.as_str(), "match_state <> 'ambiguous', number, id");
    filtered(tenant, filter)?.page(conn, "technical_objects", order, page, read)
}

/// How many objects match.
pub fn count_technical_objects(
    conn: &Connection,
    tenant: TenantId,
    filter: &ObjectFilter,
) -> Result<u64, StoreError> {
    filtered(tenant, filter)?.count(conn, "technical_objects")
}

/// Objects of a system after one of them, in the order of their ids: to go through all of them in
/// steps.
pub fn list_technical_objects_after(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    after: Option<TechnicalObjectId>,
    limit: u32,
) -> Result<Vec<TechnicalObject>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM technical_objects");
    let found = Where::tenant(tenant)
        .maybe("integration_id = ?", Some(integration.to_string()))
        .maybe("id > ?", after.map(|id| id.to_string()))
        .page(
            conn,
            "technical_objects",
            (&select, "id"),
            Page::first(limit),
            read,
        )?;
    Ok(found.rows)
}

/// The assets some object of a system belongs to.
pub fn list_assets_with_objects(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
) -> Result<Vec<AssetId>, StoreError> {
    Where::tenant(tenant)
        .maybe("integration_id = ?", Some(integration.to_string()))
        .and("asset_id IS NOT NULL", [])
        .list(
            conn,
            "SELECT DISTINCT asset_id FROM technical_objects",
            "asset_id",
            |r| row::id(r, "asset_id"),
        )
}
