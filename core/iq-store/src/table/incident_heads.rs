//! Heads of incidents: what an incident was, and which events it had, when the log last recorded it. Lists
//! and pages are made from the rows; a head says whether they still are what the program wrote.
//!
//! Whoever changes an incident marks it; once per transaction, before the commit, its head is appended to
//! the entries that the log records.

use iq_domain::{IncidentId, TenantId};
use rusqlite::{Connection, Row, params};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::evidence::Entry;
use crate::{StoreError, query, row};

/// Marks of one transaction; they stand in no file.
pub(crate) const MARKS: &str = "CREATE TEMP TABLE incident_heads_due (
    tenant_id TEXT NOT NULL, incident_id TEXT NOT NULL, PRIMARY KEY (tenant_id, incident_id))";

/// What the name of a head's entry begins with.
const NAME: &str = "head ";

/// Whether an entry is a head, and not something that became of its incident.
#[must_use]
pub fn is_head(entry: &Entry) -> bool {
    entry.id.starts_with(NAME)
}

/// An incident changed: its head is due with this transaction.
pub fn mark_head(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO temp.incident_heads_due (tenant_id, incident_id) VALUES (?, ?)
               ON CONFLICT DO NOTHING";
    query::change(conn, sql, params![tenant.to_string(), incident.to_string()])?;
    Ok(())
}

/// Marks the incidents of a tenant none of which has a head: an older program left them.
pub fn mark_headless(conn: &Connection, tenant: TenantId) -> Result<(), StoreError> {
    let sql = "INSERT INTO temp.incident_heads_due (tenant_id, incident_id)
               SELECT tenant_id, id FROM incidents WHERE tenant_id = ?1 AND NOT EXISTS (
                   SELECT 1 FROM evidence_entries
                   WHERE tenant_id = ?1 AND kind = 'incident' AND id LIKE 'head %')
               ON CONFLICT DO NOTHING";
    query::change(conn, sql, params![tenant.to_string()])?;
    Ok(())
}

/// Writes the heads that are due and say something new.
pub fn write_due_heads(conn: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT tenant_id, incident_id FROM temp.incident_heads_due";
    let due: Vec<(TenantId, IncidentId)> = conn
        .prepare_cached(sql)?
        .query_map([], |r| {
            Ok((row::id(r, "tenant_id")?, row::id(r, "incident_id")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if due.is_empty() {
        return Ok(());
    }
    for (tenant, incident) in &due {
        let Some(head) = head_of(conn, *tenant, *incident)? else {
            continue;
        };
        let before = newest(conn, *tenant, *incident)?;
        let known = before.as_ref().map(Links::of).unwrap_or_default();
        let links = known.and_newer(conn, *tenant, *incident)?;
        let sql = "INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, hash, detail)
                   VALUES (?, 'head ' || lower(hex(randomblob(16))), 'incident', ?, ?, ?)";
        let detail = links.written_to(head, left_of(conn, *tenant, *incident)?);
        if before.is_some_and(|before| said_by(&before) == detail) {
            continue;
        }
        let args = params![
            tenant.to_string(),
            incident.to_string(),
            links.chain,
            detail.to_string()
        ];
        query::change_one(conn, sql, args)?;
    }
    query::change(conn, "DELETE FROM temp.incident_heads_due", &[])?;
    Ok(())
}

/// Whether an incident's row and its events are still what a head says of them. A head that a newer one
/// replaced says nothing of today.
pub fn is_head_current(
    conn: &Connection,
    tenant: TenantId,
    entry: &Entry,
) -> Result<bool, StoreError> {
    let incident = entry.incident_id;
    if newest(conn, tenant, incident)?.is_none_or(|newest| newest.id != entry.id) {
        return Ok(true);
    }
    let Some(head) = head_of(conn, tenant, incident)? else {
        return Ok(false);
    };
    let said = Links::of(entry);
    let links = Links::default().and_next(conn, tenant, incident, said.count)?;
    let now = links.written_to(head, left_of(conn, tenant, incident)?);
    Ok(now == said_by(entry) && entry.hash == Some(links.chain))
}

/// Whether an incident is what its newest head says, or has none.
pub fn is_as_recorded(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<bool, StoreError> {
    match newest(conn, tenant, incident)? {
        Some(head) => is_head_current(conn, tenant, &head),
        None => Ok(true),
    }
}

fn said_by(entry: &Entry) -> Json {
    serde_json::from_str(&entry.detail).unwrap_or_default()
}

/// The newest head of an incident.
fn newest(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<Entry>, StoreError> {
    let sql = "SELECT tenant_id, id, kind, incident_id, at, hash, detail FROM evidence_entries
               WHERE tenant_id = ? AND incident_id = ? AND kind = 'incident' AND id LIKE 'head %'
               ORDER BY rowid DESC LIMIT 1";
    let args = params![tenant.to_string(), incident.to_string()];
    query::find(conn, sql, args, super::evidence::entry)
}

/// The row, as pages show it. People's names are not among it: what the log holds can't be erased.
fn head_of(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<Json>, StoreError> {
    let sql = "SELECT number, status, asset_id, incident_type, severity, started_at, ended_at,
               title_code, title_params, merged_into, created_at
               FROM incidents WHERE tenant_id = ? AND id = ?";
    let args = params![tenant.to_string(), incident.to_string()];
    query::find(conn, sql, args, |r| {
        Ok(json!({
            "number": text(r, "number")?,
            "status": text(r, "status")?,
            "asset_id": text(r, "asset_id")?,
            "type": text(r, "incident_type")?,
            "severity": text(r, "severity")?,
            "started_at": number(r, "started_at")?,
            "ended_at": number(r, "ended_at")?,
            "title": text(r, "title_code")?,
            "params": text(r, "title_params")?,
            "merged_into": text(r, "merged_into")?,
            "created_at": number(r, "created_at")?,
        }))
    })
}

fn text(r: &Row<'_>, column: &str) -> rusqlite::Result<Option<String>> {
    r.get(column)
}

fn number(r: &Row<'_>, column: &str) -> rusqlite::Result<Option<i64>> {
    r.get(column)
}

/// The first events of an incident in the order in which they came to it, as one chain of hashes: what
/// came since a head is added to what that head says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Links {
    count: u64,
    chain: [u8; 32],
}

impl Links {
    fn of(entry: &Entry) -> Self {
        Self {
            count: said_by(entry)["events"].as_u64().unwrap_or_default(),
            chain: entry.hash.unwrap_or_default(),
        }
    }

    fn and_newer(
        self,
        conn: &Connection,
        tenant: TenantId,
        incident: IncidentId,
    ) -> Result<Self, StoreError> {
        self.and_next(conn, tenant, incident, u64::MAX)
    }

    fn and_next(
        mut self,
        conn: &Connection,
        tenant: TenantId,
        incident: IncidentId,
        most: u64,
    ) -> Result<Self, StoreError> {
        let sql = "SELECT event_id, relation FROM incident_events
                   WHERE tenant_id = ? AND incident_id = ? ORDER BY rowid LIMIT ? OFFSET ?";
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let args = params![
            tenant.to_string(),
            incident.to_string(),
            number(most),
            number(self.count)
        ];
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(args)?;
        while let Some(r) = rows.next()? {
            let (event, relation) = (r.get_ref(0)?.as_bytes(), r.get_ref(1)?.as_bytes());
            let hash = Sha256::new()
                .chain_update(self.chain)
                .chain_update(event.unwrap_or_default())
                .chain_update([0])
                .chain_update(relation.unwrap_or_default());
            self.chain = hash.finalize().into();
            self.count += 1;
        }
        Ok(self)
    }

    /// A head with its events: those that came, and those that people took out.
    fn written_to(self, mut head: Json, (left, digest): (u64, String)) -> Json {
        head["events"] = json!(self.count);
        head["events_left"] = json!(left);
        head["events_left_digest"] = json!(digest);
        head
    }
}

/// What people took out of an incident: how many events, and which by which change.
fn left_of(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<(u64, String), StoreError> {
    let sql = "SELECT event_id, left_by FROM incident_events
               WHERE tenant_id = ? AND incident_id = ? AND left_by IS NOT NULL ORDER BY event_id";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![tenant.to_string(), incident.to_string()])?;
    let (mut count, mut hash) = (0, Sha256::new());
    while let Some(r) = rows.next()? {
        for column in 0..2 {
            hash.update(r.get_ref(column)?.as_bytes().unwrap_or_default());
            hash.update([0]);
        }
        count += 1;
    }
    let digest = hash.finalize();
    Ok((
        count,
        digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}
