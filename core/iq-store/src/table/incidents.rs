//! Incidents with their events and notes.

use std::collections::BTreeSet;

use iq_domain::{
    AssetId, CodedError, EventId, EventRelation, Incident, IncidentId, IncidentNote,
    IncidentStatus, IncidentType, IndustrialEvent, Severity, TenantId, Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::{
    events,
    incident_heads::{is_as_recorded, mark_head, mark_note},
};
use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, number, asset_id, incident_type, severity, title_code, \
    title_params, status, assignee, started_at, ended_at, created_at FROM incidents";

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IncidentFilter {
    /// In one of these states; empty for all.
    pub statuses: Vec<IncidentStatus>,
    /// Of one of these severities; empty for all.
    pub severities: Vec<Severity>,
    /// Of one of these types; empty for all.
    pub types: Vec<IncidentType>,
    /// Started at one of these assets; empty for all.
    pub asset_ids: Vec<AssetId>,
    /// In the hands of this user.
    pub assignee: Option<String>,
    /// Only those whose window has no end yet.
    pub is_running: bool,
    /// Only those whose window had not ended before.
    pub not_ended_before: Option<Timestamp>,
    /// Started at or after.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    /// Opened at or before: known by then.
    pub known_at: Option<Timestamp>,
    /// Occurs in number, title or assignee.
    pub text: Option<String>,
    /// Also those that became part of another.
    pub with_merged: bool,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Incident> {
    Ok(Incident {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        number: r.get("number")?,
        asset_id: row::id(r, "asset_id")?,
        incident_type: row::word(r, "incident_type")?,
        severity: row::word(r, "severity")?,
        title_code: r.get("title_code")?,
        title_params: row::json(r, "title_params")?,
        status: row::word(r, "status")?,
        assignee: r.get("assignee")?,
        started_at: row::time(r, "started_at")?,
        ended_at: row::time_opt(r, "ended_at")?,
        created_at: row::time(r, "created_at")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    incident: &Incident,
    sql: &str,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, incident.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            incident.id.to_string(),
            incident.number,
            incident.asset_id.to_string(),
            row::to_word(&incident.incident_type)?,
            row::to_word(&incident.severity)?,
            incident.title_code,
            row::to_json(&incident.title_params)?,
            row::to_word(&incident.status)?,
            incident.assignee,
            incident.started_at.0,
            incident.ended_at.map(|t| t.0),
            incident.created_at.0
        ],
    )
    .map_err(|e| {
        e.or_taken(CodedError::conflict("incidents.number_taken").with("number", &incident.number))
    })
}

/// The next number of a year ("INC-2026-0001"); numbers of a transaction that fails are free again.
pub fn next_incident_number(
    conn: &Connection,
    tenant: TenantId,
    year: i32,
) -> Result<String, StoreError> {
    let sql = "INSERT INTO incident_numbers (tenant_id, year, last_number) VALUES (?, ?, 1)
               ON CONFLICT DO UPDATE SET last_number = last_number + 1 RETURNING last_number";
    let number: u32 = conn
        .prepare_cached(sql)?
        .query_row(params![tenant.to_string(), year], |r| r.get(0))?;
    Ok(format!("INC-{year}-{number:04}"))
}

/// Creates an incident.
pub fn create_incident(
    conn: &Connection,
    tenant: TenantId,
    incident: &Incident,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO incidents (tenant_id, id, number, asset_id, incident_type, severity,
               title_code, title_params, status, assignee, started_at, ended_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    write(conn, tenant, incident, sql)?;
    mark_head(conn, tenant, incident.id)
}

/// The incident, if this tenant has it.
pub fn get_incident(
    conn: &Connection,
    tenant: TenantId,
    id: IncidentId,
) -> Result<Option<Incident>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The incident with that number.
pub fn get_incident_by_number(
    conn: &Connection,
    tenant: TenantId,
    number: &str,
) -> Result<Option<Incident>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND number = ?");
    query::find(conn, &sql, params![tenant.to_string(), number], read)
}

/// The newest incident of an asset that is neither resolved nor closed and whose window holds `at`,
/// with `grace_ms` added at both ends; a window without an end goes on.
pub fn get_open_incident_of_asset(
    conn: &Connection,
    tenant: TenantId,
    asset: AssetId,
    at: Timestamp,
    grace_ms: i64,
) -> Result<Option<Incident>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE tenant_id = ? AND asset_id = ? AND status IN ('open', 'investigating')
         AND merged_into IS NULL AND started_at <= ? AND (ended_at IS NULL OR ended_at >= ?)
         ORDER BY started_at DESC, id DESC LIMIT 1"
    );
    let args = params![
        tenant.to_string(),
        asset.to_string(),
        at.plus_ms(grace_ms).0,
        at.plus_ms(-grace_ms).0
    ];
    query::find(conn, &sql, args, read)
}

fn filtered(tenant: TenantId, filter: &IncidentFilter) -> Result<Where, StoreError> {
    let statuses = filter
        .statuses
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let severities = filter
        .severities
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let types = filter
        .types
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let mut wanted = Where::tenant(tenant);
    if !filter.with_merged {
        wanted.and("merged_into IS NULL", []);
    }
    wanted
        .any("status", statuses)
        .any("incident_type", types)
        .any("severity", severities)
        .any(
            "asset_id",
            filter.asset_ids.iter().map(ToString::to_string).collect(),
        )
        .maybe("assignee = ?", filter.assignee.clone())
        .within("started_at", filter.from, filter.to)
        .maybe("created_at <= ?", filter.known_at.map(|t| t.0))
        .maybe(
            "ended_at IS NULL OR ended_at >= ?",
            filter.not_ended_before.map(|t| t.0),
        )
        .contains(
            &["number", "title_code", "title_params", "assignee"],
            filter.text.as_deref(),
        );
    if filter.is_running {
        wanted.and("ended_at IS NULL", []);
    }
    Ok(wanted)
}

/// A page of incidents, latest start first.
pub fn list_incidents(
    conn: &Connection,
    tenant: TenantId,
    filter: &IncidentFilter,
    page: Page,
) -> Result<Paged<Incident>, StoreError> {
    let order = (SELECT, "started_at DESC, id DESC");
    filtered(tenant, filter)?.page(conn, "incidents", order, page, read)
}

/// How many incidents match.
pub fn count_incidents(
    conn: &Connection,
    tenant: TenantId,
    filter: &IncidentFilter,
) -> Result<u64, StoreError> {
    filtered(tenant, filter)?.count(conn, "incidents")
}

/// Changes an incident.
pub fn update_incident(
    conn: &Connection,
    tenant: TenantId,
    incident: &Incident,
) -> Result<(), StoreError> {
    let sql = "UPDATE incidents SET number = ?3, asset_id = ?4, incident_type = ?5, severity = ?6,
               title_code = ?7, title_params = ?8, status = ?9, assignee = ?10, started_at = ?11,
               ended_at = ?12, created_at = ?13 WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, incident, sql)?;
    mark_head(conn, tenant, incident.id)
}

/// Attaches an event, and with it what is stored already and corrects it; one that is attached keeps its relation.
/// Says whether it is new.
pub fn create_incident_event(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    event: EventId,
    relation: EventRelation,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO incident_events (tenant_id, incident_id, event_id, relation)
               VALUES (?, ?, ?, ?) ON CONFLICT (tenant_id, incident_id, event_id) DO NOTHING";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        event.to_string(),
        row::to_word(&relation)?
    ];
    let inserted = query::change(conn, sql, args)
        .map_err(|e| e.or_reference(CodedError::not_found("incidents.not_found")))?;
    if inserted > 0 {
        link_known_corrections(conn, tenant, (incident, event), relation)?;
    }
    Ok(inserted > 0)
}

/// What corrects an event may be stored before the event comes to an incident: a journal was read again between the
/// look at its events and the link.
fn link_known_corrections(
    conn: &Connection,
    tenant: TenantId,
    (incident, event): (IncidentId, EventId),
    relation: EventRelation,
) -> Result<(), StoreError> {
    let sql = "WITH RECURSIVE later (id) AS (
                   SELECT c.id FROM industrial_events c
                   WHERE c.tenant_id = ?1 AND c.payload ->> '$.corrects' = ?3
                     AND c.payload ->> '$.corrects' IS NOT NULL
                   UNION
                   SELECT c.id FROM later l CROSS JOIN industrial_events c
                   WHERE c.tenant_id = ?1 AND c.payload ->> '$.corrects' = +l.id
                     AND c.payload ->> '$.corrects' IS NOT NULL)
               INSERT INTO incident_events (tenant_id, incident_id, event_id, relation)
               SELECT ?1, ?2, id, ?4 FROM later WHERE true
               ON CONFLICT (tenant_id, incident_id, event_id) DO NOTHING";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        event.to_string(),
        row::to_word(&relation)?
    ];
    query::change(conn, sql, args)?;
    Ok(())
}

/// Links what corrects an event of an incident and is not linked to it: an older program stored it. It belongs to
/// the incident in the same way. What people took out stays out.
pub fn link_earlier_corrections(conn: &Connection, tenant: TenantId) -> Result<(), StoreError> {
    let sql = "WITH RECURSIVE due (incident_id, event_id, relation, joined_by) AS (
                   SELECT l.incident_id, c.id, l.relation, l.joined_by FROM industrial_events c
                   CROSS JOIN incident_events l
                     ON l.tenant_id = c.tenant_id AND l.event_id = c.payload ->> '$.corrects'
                   WHERE c.tenant_id = ?1 AND c.payload ->> '$.corrects' IS NOT NULL
                     AND l.left_by IS NULL
                   UNION
                   SELECT d.incident_id, c.id, d.relation, d.joined_by FROM due d
                   CROSS JOIN industrial_events c
                   WHERE c.tenant_id = ?1 AND c.payload ->> '$.corrects' = +d.event_id
                     AND c.payload ->> '$.corrects' IS NOT NULL)
               INSERT INTO incident_events (tenant_id, incident_id, event_id, relation, joined_by)
               SELECT ?1, incident_id, event_id, relation, joined_by FROM due WHERE true
               ON CONFLICT (tenant_id, incident_id, event_id) DO NOTHING
               RETURNING incident_id";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.to_string()], |r| row::id(r, "incident_id"))?;
    let changed: BTreeSet<IncidentId> = rows.collect::<rusqlite::Result<_>>()?;
    for incident in changed {
        // An incident that someone edited keeps the head that tells so.
        if is_as_recorded(conn, tenant, incident)? {
            mark_head(conn, tenant, incident)?;
        }
    }
    Ok(())
}

/// An event that corrects another one belongs to the incidents of that one, in the same way. The one that was
/// corrected stays linked, and is shown no longer.
pub fn link_correction(
    conn: &Connection,
    tenant: TenantId,
    corrected: EventId,
    correction: EventId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO incident_events (tenant_id, incident_id, event_id, relation, joined_by)
               SELECT tenant_id, incident_id, ?3, relation, joined_by FROM incident_events
               WHERE tenant_id = ?1 AND event_id = ?2 AND left_by IS NULL
               ON CONFLICT (tenant_id, incident_id, event_id)
               DO UPDATE SET relation = excluded.relation";
    let args = params![
        tenant.to_string(),
        corrected.to_string(),
        correction.to_string()
    ];
    query::change(conn, sql, args)?;
    Ok(())
}

/// A link that counts: it was not taken out, and no other event of its incident corrects its event. The few
/// corrections are looked up first (a cross join keeps that order, and the plus lets their index be used), never
/// all events of the incident for each.
const COUNTS: &str = "i.left_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM industrial_events c
    CROSS JOIN incident_events l ON l.tenant_id = c.tenant_id AND l.event_id = c.id
    WHERE c.tenant_id = i.tenant_id AND c.payload ->> '$.corrects' = +i.event_id
      AND c.payload ->> '$.corrects' IS NOT NULL
      AND l.incident_id = i.incident_id AND l.left_by IS NULL)";

/// The events of an incident with their relation, in the order of their time; of those that were corrected, the
/// correction.
pub fn list_incident_events(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<(IndustrialEvent, EventRelation)>, StoreError> {
    first_incident_events(conn, tenant, incident, u32::MAX)
}

/// The first of them, at most `limit`.
pub fn first_incident_events(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    limit: u32,
) -> Result<Vec<(IndustrialEvent, EventRelation)>, StoreError> {
    let sql = format!(
        "SELECT {}, i.relation FROM incident_events i
         JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
         WHERE i.tenant_id = ? AND i.incident_id = ? AND {COUNTS} ORDER BY e.event_time, e.id LIMIT ?",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let args = params![tenant.to_string(), incident.to_string(), limit];
    let rows = statement.query_map(args, |r| Ok((events::read(r)?, row::word(r, "relation")?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Events of an incident at one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsAtAsset {
    /// The asset, if they have one.
    pub asset_id: Option<AssetId>,
    /// How many.
    pub count: u64,
    /// The earliest by its source's clock.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
}

/// The events of an incident, counted by asset, without reading them.
pub fn count_incident_events_by_asset(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<EventsAtAsset>, StoreError> {
    let sql = format!(
        "SELECT e.asset_id, COUNT(*) AS number, MIN(e.event_time) AS first_at,
         MAX(e.event_time) AS last_at FROM incident_events i
         JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
         WHERE i.tenant_id = ? AND i.incident_id = ? AND {COUNTS} GROUP BY e.asset_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let args = params![tenant.to_string(), incident.to_string()];
    let rows = statement.query_map(args, |r| {
        Ok(EventsAtAsset {
            asset_id: row::id_opt(r, "asset_id")?,
            count: r.get::<_, i64>("number")?.unsigned_abs(),
            first_at: row::time(r, "first_at")?,
            last_at: row::time(r, "last_at")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Number of events of an incident.
pub fn count_incident_events(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM incident_events i
         WHERE i.tenant_id = ? AND i.incident_id = ? AND {COUNTS}"
    );
    let args = params![tenant.to_string(), incident.to_string()];
    Ok(conn
        .prepare_cached(&sql)?
        .query_row(args, |r| r.get::<_, i64>(0))?
        .unsigned_abs())
}

/// Time of the newest event of an incident by its source's clock. It is kept beside the incident, because
/// it is asked for with every event that is written; only after events were taken out is it looked up.
pub fn get_last_event_at(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<Timestamp>, StoreError> {
    let args = params![tenant.to_string(), incident.to_string()];
    let kept: Option<i64> = conn
        .prepare_cached("SELECT last_event_at FROM incidents WHERE tenant_id = ? AND id = ?")?
        .query_row(args, |r| r.get(0))?;
    match kept {
        Some(0) => return Ok(None),
        Some(at) => return Ok(Some(Timestamp(at))),
        None => {}
    }
    let sql = "SELECT MAX(e.event_time) FROM incident_events i
               JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
               WHERE i.tenant_id = ? AND i.incident_id = ? AND i.left_by IS NULL";
    let newest: Option<i64> = conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?;
    query::change(
        conn,
        "UPDATE incidents SET last_event_at = ?3 WHERE tenant_id = ?1 AND id = ?2",
        params![
            tenant.to_string(),
            incident.to_string(),
            newest.unwrap_or(0)
        ],
    )?;
    Ok(newest.map(Timestamp))
}

/// Time of the newest event of an incident that happened before a moment.
pub fn get_last_event_before(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    before: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MAX(e.event_time) FROM incident_events i
               JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
               WHERE i.tenant_id = ? AND i.incident_id = ? AND i.left_by IS NULL AND e.event_time < ?";
    let args = params![tenant.to_string(), incident.to_string(), before.0];
    let newest: Option<i64> = conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?;
    Ok(newest.map(Timestamp))
}

/// The incidents an event belongs to, latest start first.
pub fn list_incidents_of_event(
    conn: &Connection,
    tenant: TenantId,
    event: EventId,
) -> Result<Vec<Incident>, StoreError> {
    Where::tenant(tenant)
        .and(
            "merged_into IS NULL AND id IN (SELECT i.incident_id FROM incident_events i \
             WHERE i.tenant_id = incidents.tenant_id AND i.event_id = ? AND i.left_by IS NULL)",
            [event.to_string().into()],
        )
        .list(conn, SELECT, "started_at DESC, id DESC", read)
}

/// An incident with all that became part of it.
pub fn with_merged(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<IncidentId>, StoreError> {
    let sql = "WITH RECURSIVE family (id) AS (SELECT ?2 UNION SELECT i.id FROM incidents i
               JOIN family f ON i.merged_into = f.id WHERE i.tenant_id = ?1)
               SELECT id FROM family";
    let mut statement = conn.prepare_cached(sql)?;
    let args = params![tenant.to_string(), incident.to_string()];
    let rows = statement.query_map(args, |r| row::id(r, "id"))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Appends a note.
pub fn create_incident_note(
    conn: &Connection,
    tenant: TenantId,
    note: &IncidentNote,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, note.tenant_id)?;
    // An incident that someone edited keeps the head that tells so.
    let is_as_recorded = is_as_recorded(conn, tenant, note.incident_id)?;
    let sql = "INSERT INTO incident_notes (tenant_id, id, incident_id, author, text, at)
               VALUES (?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            note.id.to_string(),
            note.incident_id.to_string(),
            note.author,
            note.text,
            note.at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("incidents.not_found")))?;
    mark_note(conn, tenant, note.incident_id, note.id)?;
    if is_as_recorded {
        mark_head(conn, tenant, note.incident_id)?;
    }
    Ok(())
}

/// The notes of an incident, oldest first.
pub fn list_incident_notes(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Vec<IncidentNote>, StoreError> {
    let select = "SELECT tenant_id, id, incident_id, author, text, at FROM incident_notes";
    let family = with_merged(conn, tenant, incident)?;
    Where::tenant(tenant)
        .any(
            "incident_id",
            family.iter().map(ToString::to_string).collect(),
        )
        .list(conn, select, "at, id", |r| {
            Ok(IncidentNote {
                id: row::id(r, "id")?,
                tenant_id: row::id(r, "tenant_id")?,
                incident_id: row::id(r, "incident_id")?,
                author: r.get("author")?,
                text: r.get("text")?,
                at: row::time(r, "at")?,
            })
        })
}
