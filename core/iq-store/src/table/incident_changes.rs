//! What people did to incidents: merged, split, and taken back. Changes are appended; the links of
//! events to incidents say by which change they came and went, and are never removed.

use iq_domain::{AssetId, EventId, IncidentChangeId, IncidentId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::incident_heads::mark_head;
use crate::{StoreError, query, query::Where, row};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentChangeKind {
    /// The other incident became part of this one.
    Merge,
    /// Events of this one became the other.
    Split,
    /// An earlier change was taken back.
    Undo,
}

/// A change.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentChange {
    /// Id.
    pub id: IncidentChangeId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The incident that stays.
    pub incident_id: IncidentId,
    /// The incident that was merged into it or split from it.
    pub other_id: IncidentId,
    /// What was done.
    pub kind: IncidentChangeKind,
    /// The change an undo takes back.
    pub undoes: Option<IncidentChangeId>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// What the incident was before, to be restored.
    pub before: serde_json::Value,
}

const SELECT: &str = "SELECT tenant_id, id, incident_id, other_id, kind, undoes, reason, actor, at, \
    before FROM incident_changes";

fn read(r: &Row<'_>) -> rusqlite::Result<IncidentChange> {
    Ok(IncidentChange {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        incident_id: row::id(r, "incident_id")?,
        other_id: row::id(r, "other_id")?,
        kind: row::word(r, "kind")?,
        undoes: row::id_opt(r, "undoes")?,
        reason: r.get("reason")?,
        actor: r.get("actor")?,
        at: row::time(r, "at")?,
        before: row::json(r, "before")?,
    })
}

/// Appends a change.
pub fn create_incident_change(
    conn: &Connection,
    tenant: TenantId,
    change: &IncidentChange,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, change.tenant_id)?;
    let sql = "INSERT INTO incident_changes (tenant_id, id, incident_id, other_id, kind, undoes,
               reason, actor, at, before) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            change.id.to_string(),
            change.incident_id.to_string(),
            change.other_id.to_string(),
            row::to_word(&change.kind)?,
            change.undoes.map(|id| id.to_string()),
            change.reason,
            change.actor,
            change.at.0,
            row::to_json(&change.before)?
        ],
    )
}

/// The changes an incident took part in, oldest first.
pub fn list_incident_changes(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<IncidentChange>, StoreError> {
    let id = incident.to_string();
    Where::tenant(tenant)
        .and(
            "incident_id = ? OR other_id = ?",
            [id.clone().into(), id.into()],
        )
        .list(conn, SELECT, "at, id", read)
}

/// The incident this one was merged into, if it was.
pub fn get_survivor(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<IncidentId>, StoreError> {
    let sql = "SELECT merged_into FROM incidents WHERE tenant_id = ? AND id = ?";
    let args = params![tenant.to_string(), incident.to_string()];
    let found = query::find(conn, sql, args, |r| row::id_opt(r, "merged_into"))?;
    Ok(found.flatten())
}

/// An incident that is part of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub id: IncidentId,
    /// The asset it started at.
    pub asset_id: AssetId,
    /// The one it ended up in.
    pub survivor: IncidentId,
    /// It was split off and taken back: it never stood for itself, and speaks for no asset.
    pub is_folded: bool,
}

/// Incidents that are part of another.
pub fn list_merged(conn: &Connection, tenant: TenantId) -> Result<Vec<Part>, StoreError> {
    let sql = "SELECT id, asset_id, merged_into, NOT EXISTS (
                 SELECT 1 FROM incident_changes c WHERE c.tenant_id = i.tenant_id
                   AND c.other_id = i.id AND c.kind = 'merge') AS is_folded
               FROM incidents i WHERE tenant_id = ? AND merged_into IS NOT NULL";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.to_string()], |r| {
        Ok(Part {
            id: row::id(r, "id")?,
            asset_id: row::id(r, "asset_id")?,
            survivor: row::id(r, "merged_into")?,
            is_folded: r.get("is_folded")?,
        })
    })?;
    let direct: Vec<Part> = rows.collect::<rusqlite::Result<_>>()?;
    let next: std::collections::HashMap<_, _> =
        direct.iter().map(|part| (part.id, part.survivor)).collect();
    let last = |mut at: IncidentId| {
        // A chain is as long as there are incidents in it.
        for _ in 0..next.len() {
            match next.get(&at) {
                Some(further) => at = *further,
                None => break,
            }
        }
        at
    };
    Ok(direct
        .iter()
        .map(|part| Part {
            survivor: last(part.survivor),
            ..*part
        })
        .collect())
}

/// Events of an incident that the program linked to it by itself, its trigger apart: not those that a merge brought.
pub fn list_own_links(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<EventId>, StoreError> {
    let sql = "SELECT event_id AS id FROM incident_events
               WHERE tenant_id = ?1 AND incident_id = ?2 AND left_by IS NULL AND joined_by IS NULL
                 AND relation <> 'trigger'";
    let mut statement = conn.prepare_cached(sql)?;
    let args = params![tenant.to_string(), incident.to_string()];
    let rows = statement.query_map(args, |r| row::id(r, "id"))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Makes an incident part of another, or one of its own again.
pub fn set_survivor(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    survivor: Option<IncidentId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE incidents SET merged_into = ?3 WHERE tenant_id = ?1 AND id = ?2";
    let survivor = survivor.map(|id| id.to_string());
    query::change_one(
        conn,
        sql,
        params![tenant.to_string(), incident.to_string(), survivor],
    )?;
    mark_head(conn, tenant, incident)
}

/// Gives all events of one incident to another too.
pub fn join_events(
    conn: &Connection,
    tenant: TenantId,
    change: IncidentChangeId,
    (from, to): (IncidentId, IncidentId),
) -> Result<(), StoreError> {
    let sql = "INSERT INTO incident_events (tenant_id, incident_id, event_id, relation, joined_by)
               SELECT l.tenant_id, ?3, l.event_id,
                      CASE WHEN e.asset_id = i.asset_id THEN 'same_asset' ELSE 'neighbour' END, ?4
               FROM incident_events l
               JOIN industrial_events e ON e.tenant_id = l.tenant_id AND e.id = l.event_id
               JOIN incidents i ON i.tenant_id = l.tenant_id AND i.id = ?3
               WHERE l.tenant_id = ?1 AND l.incident_id = ?2 AND l.left_by IS NULL
               ON CONFLICT (tenant_id, incident_id, event_id)
               DO UPDATE SET left_by = NULL, joined_by = excluded.joined_by
               WHERE incident_events.left_by IS NOT NULL";
    let args = params![
        tenant.to_string(),
        from.to_string(),
        to.to_string(),
        change.to_string()
    ];
    query::change(conn, sql, args)?;
    mark_head(conn, tenant, to)
}

/// What came to an incident by one change leaves it by another.
pub fn leave_joined(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    joined_by: IncidentChangeId,
    left_by: IncidentChangeId,
) -> Result<(), StoreError> {
    let sql = "UPDATE incident_events SET left_by = ?4
               WHERE tenant_id = ?1 AND incident_id = ?2 AND joined_by = ?3 AND left_by IS NULL";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        joined_by.to_string(),
        left_by.to_string()
    ];
    query::change(conn, sql, args)?;
    mark_head(conn, tenant, incident)
}

/// An event leaves an incident by a change, and with it those that it corrects. Says whether it belonged to it.
pub fn leave_event(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    event: EventId,
    left_by: IncidentChangeId,
) -> Result<bool, StoreError> {
    let sql = "WITH RECURSIVE readings (id) AS (
                   SELECT ?3
                   UNION
                   SELECT e.payload ->> '$.corrects' FROM readings r
                   JOIN industrial_events e ON e.tenant_id = ?1 AND e.id = r.id
                   WHERE e.payload ->> '$.corrects' IS NOT NULL)
               UPDATE incident_events SET left_by = ?4
               WHERE tenant_id = ?1 AND incident_id = ?2 AND left_by IS NULL
                 AND event_id IN (SELECT id FROM readings)";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        event.to_string(),
        left_by.to_string()
    ];
    mark_head(conn, tenant, incident)?;
    Ok(query::change(conn, sql, args)? > 0)
}

/// What left an incident by a change is back.
pub fn return_events(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    left_by: IncidentChangeId,
) -> Result<(), StoreError> {
    let sql = "UPDATE incident_events SET left_by = NULL
               WHERE tenant_id = ? AND incident_id = ? AND left_by = ?";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        left_by.to_string()
    ];
    query::change(conn, sql, args)?;
    mark_head(conn, tenant, incident)
}
