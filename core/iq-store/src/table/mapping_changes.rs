//! Sets of changes of the signal mapping, each with its rows before and after, so that a set can be
//! taken back as a whole.

use iq_domain::{MappingChangeId, MappingId, SignalMapping, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, at, actor, origin, added, changed, removed, undo_of, \
    undone_by FROM mapping_changes";

/// What made a set of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOrigin {
    /// One mapping in its form.
    Form,
    /// An assignment of many tags at once.
    Bulk,
    /// A file.
    Import,
    /// An accepted finding of the drift sentinel.
    Drift,
    /// The undoing of another set.
    Undo,
}

/// A set of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingChange {
    /// Id.
    pub id: MappingChangeId,
    /// Owner.
    pub tenant_id: TenantId,
    /// When.
    pub at: Timestamp,
    /// User name.
    pub actor: String,
    /// What made it.
    pub origin: ChangeOrigin,
    /// Mappings added.
    pub added: u64,
    /// Mappings changed.
    pub changed: u64,
    /// Mappings removed.
    pub removed: u64,
    /// The set this one takes back.
    pub undo_of: Option<MappingChangeId>,
    /// The set that took this one back.
    pub undone_by: Option<MappingChangeId>,
}

/// One mapping of a set, before and after; a side that is absent says it was added or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingChangeRow {
    /// The mapping.
    pub mapping_id: MappingId,
    /// As it was.
    pub before: Option<SignalMapping>,
    /// As it became.
    pub after: Option<SignalMapping>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<MappingChange> {
    Ok(MappingChange {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        at: row::time(r, "at")?,
        actor: r.get("actor")?,
        origin: row::word(r, "origin")?,
        added: r.get::<_, u32>("added")?.into(),
        changed: r.get::<_, u32>("changed")?.into(),
        removed: r.get::<_, u32>("removed")?.into(),
        undo_of: row::id_opt(r, "undo_of")?,
        undone_by: row::id_opt(r, "undone_by")?,
    })
}

fn read_row(r: &Row<'_>) -> rusqlite::Result<MappingChangeRow> {
    let side = |column: &str| {
        let text: Option<String> = r.get(column)?;
        text.map(|_| row::json(r, column)).transpose()
    };
    Ok(MappingChangeRow {
        mapping_id: row::id(r, "mapping_id")?,
        before: side("before")?,
        after: side("after")?,
    })
}

/// Records a set with its rows.
pub fn create_mapping_change(
    conn: &Connection,
    tenant: TenantId,
    change: &MappingChange,
    rows: &[MappingChangeRow],
) -> Result<(), StoreError> {
    row::same_tenant(tenant, change.tenant_id)?;
    let sql =
        "INSERT INTO mapping_changes (tenant_id, id, at, actor, origin, added, changed, removed,
               undo_of, undone_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            change.id.to_string(),
            change.at.0,
            change.actor,
            row::to_word(&change.origin)?,
            count(change.added),
            count(change.changed),
            count(change.removed),
            change.undo_of.map(|id| id.to_string()),
            change.undone_by.map(|id| id.to_string()),
        ],
    )?;
    let sql =
        "INSERT INTO mapping_change_rows (tenant_id, change_id, place, mapping_id, before, after)
               VALUES (?, ?, ?, ?, ?, ?)";
    for (place, entry) in rows.iter().enumerate() {
        let text = |side: &Option<SignalMapping>| side.as_ref().map(row::to_json).transpose();
        query::change_one(
            conn,
            sql,
            params![
                tenant.to_string(),
                change.id.to_string(),
                i64::try_from(place).unwrap_or(i64::MAX),
                entry.mapping_id.to_string(),
                text(&entry.before)?,
                text(&entry.after)?,
            ],
        )?;
    }
    Ok(())
}

/// The set, if this tenant has it.
pub fn get_mapping_change(
    conn: &Connection,
    tenant: TenantId,
    id: MappingChangeId,
) -> Result<Option<MappingChange>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// A page of sets, newest first.
pub fn list_mapping_changes(
    conn: &Connection,
    tenant: TenantId,
    page: Page,
) -> Result<Paged<MappingChange>, StoreError> {
    let order = (SELECT, "at DESC, id DESC");
    Where::tenant(tenant).page(conn, "mapping_changes", order, page, read)
}

/// The rows of a set in the order they were made.
pub fn list_mapping_change_rows(
    conn: &Connection,
    tenant: TenantId,
    change: MappingChangeId,
) -> Result<Vec<MappingChangeRow>, StoreError> {
    let select = "SELECT mapping_id, before, after FROM mapping_change_rows";
    Where::tenant(tenant)
        .and("change_id = ?", [change.to_string().into()])
        .list(conn, select, "place", read_row)
}

/// When mappings were changed last, for those that were since a moment.
pub fn list_mapping_change_times(
    conn: &Connection,
    tenant: TenantId,
    since: Timestamp,
) -> Result<Vec<(MappingId, Timestamp)>, StoreError> {
    let sql = "SELECT r.mapping_id AS mapping_id, MAX(c.at) AS at
               FROM mapping_changes c JOIN mapping_change_rows r
               ON r.tenant_id = c.tenant_id AND r.change_id = c.id
               WHERE c.tenant_id = ? AND c.at >= ? GROUP BY r.mapping_id";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.to_string(), since.0], |r| {
        Ok((row::id(r, "mapping_id")?, row::time(r, "at")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes which set took a set back; `None` when that one was itself taken back.
pub fn update_mapping_change_undone(
    conn: &Connection,
    tenant: TenantId,
    id: MappingChangeId,
    undone_by: Option<MappingChangeId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE mapping_changes SET undone_by = ? WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            undone_by.map(|id| id.to_string()),
            tenant.to_string(),
            id.to_string()
        ],
    )
}

/// Forgets all but the newest sets; returns how many went.
pub fn delete_old_mapping_changes(
    conn: &Connection,
    tenant: TenantId,
    keep: u32,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mapping_changes WHERE tenant_id = ?1 AND id IN (
                   SELECT id FROM mapping_changes WHERE tenant_id = ?1
                   ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?2)";
    query::change(conn, sql, params![tenant.to_string(), keep])
}
