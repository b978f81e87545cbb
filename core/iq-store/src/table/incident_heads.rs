//! Heads of incidents: what an incident was, and which events and notes it had, when the log last recorded it.
//! Lists and pages are made from the rows; a head says whether they still are what the program wrote.
//!
//! Whoever changes an incident marks it; once per transaction, before the commit, its head is appended to
//! the entries that the log records. A head names the notes that the program wrote, and no others: a note that was
//! put in without it is never taken into a newer head.

use iq_domain::{IncidentId, NoteId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::evidence::Entry;
use crate::{StoreError, query, row};

/// Marks of one transaction; they stand in no file.
pub(crate) const MARKS: &str = "CREATE TEMP TABLE incident_heads_due (
        tenant_id TEXT NOT NULL, incident_id TEXT NOT NULL, PRIMARY KEY (tenant_id, incident_id));
    CREATE TEMP TABLE incident_notes_due (tenant_id TEXT NOT NULL, incident_id TEXT NOT NULL,
        note_id TEXT NOT NULL, PRIMARY KEY (tenant_id, incident_id, note_id));";

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

/// The program wrote a note: a head of its incident names it with this transaction, whatever else became of the
/// incident.
pub(crate) fn mark_note(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    note: NoteId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO temp.incident_notes_due (tenant_id, incident_id, note_id)
               VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let args = params![tenant.to_string(), incident.to_string(), note.to_string()];
    query::change(conn, sql, args)?;
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

/// Marks the incidents of a tenant whose heads say nothing of notes: an older program wrote them. An incident
/// that is no longer what its head says keeps that head.
pub fn mark_noteless(conn: &Connection, tenant: TenantId) -> Result<(), StoreError> {
    let sql = "SELECT incident_id FROM evidence_entries
               WHERE tenant_id = ? AND kind = 'incident' AND id LIKE 'head %'
               GROUP BY incident_id HAVING MAX(json_type(detail, '$.notes') IS NOT NULL) = 0";
    let noteless: Vec<IncidentId> = conn
        .prepare_cached(sql)?
        .query_map(params![tenant.to_string()], |r| row::id(r, "incident_id"))?
        .collect::<rusqlite::Result<_>>()?;
    for incident in noteless {
        if is_as_recorded(conn, tenant, incident)? {
            mark_head(conn, tenant, incident)?;
        }
    }
    Ok(())
}

/// Writes the heads that are due and say something new.
pub fn write_due_heads(conn: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT tenant_id, incident_id, 1 AS is_whole FROM temp.incident_heads_due
               UNION ALL
               SELECT DISTINCT tenant_id, incident_id, 0 FROM temp.incident_notes_due n
               WHERE NOT EXISTS (SELECT 1 FROM temp.incident_heads_due h
                   WHERE h.tenant_id = n.tenant_id AND h.incident_id = n.incident_id)";
    let due: Vec<(TenantId, IncidentId, bool)> = conn
        .prepare_cached(sql)?
        .query_map([], |r| {
            let (tenant, incident) = (row::id(r, "tenant_id")?, row::id(r, "incident_id")?);
            Ok((tenant, incident, r.get("is_whole")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    if due.is_empty() {
        return Ok(());
    }
    for (tenant, incident, is_whole) in due {
        write_head(conn, tenant, incident, is_whole)?;
    }
    for table in ["incident_heads_due", "incident_notes_due"] {
        query::change(conn, &format!("DELETE FROM temp.{table}"), &[])?;
    }
    Ok(())
}

/// Writes the head of an incident, if it says something new. Where only a note was written, and the incident is not
/// what its head says, the new head says of the rest what that one said.
fn write_head(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
    is_whole: bool,
) -> Result<(), StoreError> {
    let before = newest(conn, tenant, incident)?;
    let (mut detail, chain) = match before.as_ref().filter(|_| !is_whole) {
        Some(before) => (said_by(before), before.hash.unwrap_or_default()),
        None => {
            let Some(head) = head_of(conn, tenant, incident)? else {
                return Ok(());
            };
            let known = before.as_ref().map(Links::of).unwrap_or_default();
            let links = known.and_newer(conn, tenant, incident)?;
            let left = left_of(conn, tenant, incident)?;
            (links.written_to(head, left), links.chain)
        }
    };
    // The first head that names notes takes those that are there: an older program named none.
    let notes = match before.as_ref().and_then(Notes::said) {
        Some(said) => said.and_newer(Notes::due(conn, tenant, incident)?),
        None => Notes::of(conn, tenant, incident)?,
    };
    detail["notes"] = notes.written();
    if before.is_some_and(|before| said_by(&before) == detail) {
        return Ok(());
    }
    let sql = "INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, hash, detail)
               VALUES (?, 'head ' || lower(hex(randomblob(16))), 'incident', ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        incident.to_string(),
        chain,
        detail.to_string()
    ];
    query::change_one(conn, sql, args)
}

/// What is not as a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadDifference {
    /// The incident's row, or the list of its events.
    Incident,
    /// The note that was written at this moment: it was changed, or removed.
    NoteAltered(Timestamp),
    /// A note of this moment that the program did not write.
    NoteAdded(Timestamp),
}

/// The first of what a head says of an incident's row, its events and its notes that is no longer so. A head
/// that a newer one replaced says nothing of today.
pub fn head_difference(
    conn: &Connection,
    tenant: TenantId,
    entry: &Entry,
) -> Result<Option<HeadDifference>, StoreError> {
    let incident = entry.incident_id;
    if newest(conn, tenant, incident)?.is_none_or(|newest| newest.id != entry.id) {
        return Ok(None);
    }
    let Some(head) = head_of(conn, tenant, incident)? else {
        return Ok(Some(HeadDifference::Incident));
    };
    let known = Links::of(entry);
    let links = Links::default().and_next(conn, tenant, incident, known.count)?;
    let now = links.written_to(head, left_of(conn, tenant, incident)?);
    let mut said = said_by(entry);
    if let Some(said) = said.as_object_mut() {
        said.remove("notes");
    }
    if now != said || entry.hash != Some(links.chain) {
        return Ok(Some(HeadDifference::Incident));
    }
    // A head of an older program says nothing of notes.
    let Some(said) = Notes::said(entry) else {
        return Ok(None);
    };
    Ok(said.difference(&Notes::of(conn, tenant, incident)?))
}

/// Whether an incident is what its newest head says, or has none.
pub fn is_as_recorded(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<bool, StoreError> {
    match newest(conn, tenant, incident)? {
        Some(head) => Ok(head_difference(conn, tenant, &head)?.is_none()),
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
    Ok((count, hex(&hash.finalize())))
}

/// The notes of an incident: when each was written, and a digest of it. The digest begins with the note's own
/// random id, so that a note whose row is gone can't be guessed from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes(Vec<(i64, String)>);

impl Notes {
    /// What a head says of them; none where it says nothing.
    fn said(entry: &Entry) -> Option<Self> {
        let said = said_by(entry);
        let notes = said["notes"].as_array()?.iter().map(|note| {
            let digest = note[1].as_str().unwrap_or_default();
            (note[0].as_i64().unwrap_or_default(), digest.to_owned())
        });
        Some(Self(notes.collect()))
    }

    /// Those that are stored.
    fn of(conn: &Connection, tenant: TenantId, incident: IncidentId) -> Result<Self, StoreError> {
        let sql = "SELECT id, author, text, at FROM incident_notes
                   WHERE tenant_id = ? AND incident_id = ? ORDER BY at, id";
        Self::read(conn, sql, tenant, incident)
    }

    /// Those that the program wrote in this transaction.
    fn due(conn: &Connection, tenant: TenantId, incident: IncidentId) -> Result<Self, StoreError> {
        let sql = "SELECT n.id, n.author, n.text, n.at FROM temp.incident_notes_due d
                   CROSS JOIN incident_notes n ON n.tenant_id = d.tenant_id AND n.id = d.note_id
                   WHERE d.tenant_id = ? AND d.incident_id = ? ORDER BY n.at, n.id";
        Self::read(conn, sql, tenant, incident)
    }

    fn read(
        conn: &Connection,
        sql: &str,
        tenant: TenantId,
        incident: IncidentId,
    ) -> Result<Self, StoreError> {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![tenant.to_string(), incident.to_string()])?;
        let mut notes = Vec::new();
        while let Some(r) = rows.next()? {
            let at: i64 = r.get(3)?;
            let mut hash = Sha256::new();
            for column in 0..3 {
                hash.update(r.get_ref(column)?.as_bytes().unwrap_or_default());
                hash.update([0]);
            }
            let digest = hash.chain_update(at.to_be_bytes()).finalize();
            notes.push((at, hex(&digest)));
        }
        Ok(Self(notes))
    }

    /// Notes are only ever added: what was said of one stays said, whatever its row became.
    fn and_newer(mut self, written: Self) -> Self {
        for note in written.0 {
            if !self.0.contains(&note) {
                self.0.push(note);
            }
        }
        self
    }

    fn written(&self) -> Json {
        json!(self.0)
    }

    /// The first note that is not among the stored ones, or the first stored one that is not among these.
    fn difference(&self, stored: &Self) -> Option<HeadDifference> {
        let gone = self.0.iter().find(|note| !stored.0.contains(note));
        let new = stored.0.iter().find(|note| !self.0.contains(note));
        match (gone, new) {
            (Some((at, _)), _) => Some(HeadDifference::NoteAltered(Timestamp(*at))),
            (None, Some((at, _))) => Some(HeadDifference::NoteAdded(Timestamp(*at))),
            (None, None) => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(of: &[(i64, &str)]) -> Notes {
        Notes(of.iter().map(|(at, d)| (*at, (*d).to_owned())).collect())
    }

    #[test]
    fn a_note_that_was_edited_removed_or_put_in_is_told_with_its_moment() {
        let said = notes(&[(1, "a"), (2, "b")]);
        assert_eq!(said.difference(&said), None);
        let edited = notes(&[(1, "a"), (2, "x")]);
        let removed = notes(&[(1, "a")]);
        for stored in [&edited, &removed] {
            let told = HeadDifference::NoteAltered(Timestamp(2));
            assert_eq!(said.difference(stored), Some(told));
        }
        let more = notes(&[(1, "a"), (2, "b"), (3, "c")]);
        let told = HeadDifference::NoteAdded(Timestamp(3));
        assert_eq!(said.difference(&more), Some(told));
    }

    #[test]
    fn a_newer_head_does_not_forget_what_an_edited_note_had_been() {
        let said = notes(&[(1, "a"), (2, "b")]);
        let stored = notes(&[(1, "a"), (2, "x"), (3, "c")]);
        let newer = said.and_newer(notes(&[(3, "c")]));
        assert_eq!(newer, notes(&[(1, "a"), (2, "b"), (3, "c")]));
        let told = HeadDifference::NoteAltered(Timestamp(2));
        assert_eq!(newer.difference(&stored), Some(told));
    }
}
