//! Findings of the drift sentinel and what a person decided on them.

use iq_domain::{DriftFindingId, MappingChangeId, MappingId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, fingerprint, kind, mapping_id, state, finding, \
    first_seen_at, last_seen_at, decided_by, decided_at, change_id FROM mapping_drift";

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// Waits for a person.
    Open,
    /// Its proposal was applied.
    Accepted,
    /// A person says it is none.
    Dismissed,
    /// No longer seen.
    Gone,
}

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftRow {
    /// Id.
    pub id: DriftFindingId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Names what was found.
    pub fingerprint: String,
    /// Kind of drift.
    pub kind: String,
    /// The mapping it is about.
    pub mapping_id: MappingId,
    /// Where it stands.
    pub state: DriftState,
    /// Evidence and proposal.
    pub finding: serde_json::Value,
    /// First seen.
    pub first_seen_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// The set of changes that applied its proposal.
    pub change_id: Option<MappingChangeId>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<DriftRow> {
    Ok(DriftRow {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        fingerprint: r.get("fingerprint")?,
        kind: r.get("kind")?,
        mapping_id: row::id(r, "mapping_id")?,
        state: row::word(r, "state")?,
        finding: row::json(r, "finding")?,
        first_seen_at: row::time(r, "first_seen_at")?,
        last_seen_at: row::time(r, "last_seen_at")?,
        decided_by: r.get("decided_by")?,
        decided_at: row::time_opt(r, "decided_at")?,
        change_id: row::id_opt(r, "change_id")?,
    })
}

/// Records that something was seen. What a person dismissed stays dismissed; what was gone or had been
/// repaired and is seen again is open again.
pub fn record_drift(
    conn: &Connection,
    tenant: TenantId,
    finding: &DriftRow,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, finding.tenant_id)?;
    let sql = "INSERT INTO mapping_drift (tenant_id, id, fingerprint, kind, mapping_id, state, finding,
               first_seen_at, last_seen_at, decided_by, decided_at, change_id)
               VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7, ?8, NULL, NULL, NULL)
               ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET
               finding = ?6, last_seen_at = ?8,
               first_seen_at = CASE WHEN state IN ('gone', 'accepted') THEN ?7 ELSE first_seen_at END,
               decided_by = CASE WHEN state = 'dismissed' THEN decided_by END,
               decided_at = CASE WHEN state = 'dismissed' THEN decided_at END,
               change_id = NULL,
               state = CASE WHEN state = 'dismissed' THEN state ELSE 'open' END";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            finding.id.to_string(),
            finding.fingerprint,
            finding.kind,
            finding.mapping_id.to_string(),
            row::to_json(&finding.finding)?,
            finding.first_seen_at.0,
            finding.last_seen_at.0,
        ],
    )
}

/// The finding, if this tenant has it.
pub fn get_drift(
    conn: &Connection,
    tenant: TenantId,
    id: DriftFindingId,
) -> Result<Option<DriftRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// Findings, newest first; all states when none is named.
pub fn list_drift(
    conn: &Connection,
    tenant: TenantId,
    state: Option<DriftState>,
) -> Result<Vec<DriftRow>, StoreError> {
    let word = state.map(|s| row::to_word(&s)).transpose()?;
    Where::tenant(tenant).maybe("state = ?", word).list(
        conn,
        SELECT,
        "last_seen_at DESC, kind, id",
        read,
    )
}

/// Records a decision. `from` is the state it must still be in.
pub fn update_drift_state(
    conn: &Connection,
    tenant: TenantId,
    id: DriftFindingId,
    from: DriftState,
    to: (DriftState, &str, Timestamp, Option<MappingChangeId>),
) -> Result<(), StoreError> {
    let (state, actor, at, change) = to;
    let sql = "UPDATE mapping_drift SET state = ?, decided_by = ?, decided_at = ?, change_id = ?
               WHERE tenant_id = ? AND id = ? AND state = ?";
    query::change_one(
        conn,
        sql,
        params![
            row::to_word(&state)?,
            actor,
            at.0,
            change.map(|id| id.to_string()),
            tenant.to_string(),
            id.to_string(),
            row::to_word(&from)?
        ],
    )
}

/// An open finding is no longer seen.
pub fn close_drift(
    conn: &Connection,
    tenant: TenantId,
    id: DriftFindingId,
) -> Result<(), StoreError> {
    let sql = "UPDATE mapping_drift SET state = 'gone'
               WHERE tenant_id = ? AND id = ? AND state = 'open'";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}

/// Forgets findings nobody needs any more; what was dismissed is remembered.
pub fn delete_drift_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mapping_drift
               WHERE tenant_id = ? AND state IN ('gone', 'accepted') AND last_seen_at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}
