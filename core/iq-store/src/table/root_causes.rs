//! Answers to "why did this happen", one version after the other; never edited.

use iq_domain::{IncidentId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, row};

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RootCauseRow {
    /// Owner.
    pub tenant_id: TenantId,
    /// Incident.
    pub incident_id: IncidentId,
    /// From 1, dense per incident; given when it is appended.
    pub version: u32,
    /// SHA-256 of the inputs.
    pub inputs_hash: String,
    /// When.
    pub computed_at: Timestamp,
    /// The answer, without a language.
    pub result: serde_json::Value,
}

fn read(r: &Row<'_>) -> rusqlite::Result<RootCauseRow> {
    Ok(RootCauseRow {
        tenant_id: row::id(r, "tenant_id")?,
        incident_id: row::id(r, "incident_id")?,
        version: r.get("version")?,
        inputs_hash: r.get("inputs_hash")?,
        computed_at: row::time(r, "computed_at")?,
        result: row::json(r, "result")?,
    })
}

/// The newest answer of an incident.
pub fn get_last_root_cause(
    conn: &Connection,
    tenant: TenantId,
    incident: IncidentId,
) -> Result<Option<RootCauseRow>, StoreError> {
    let sql = "SELECT tenant_id, incident_id, version, inputs_hash, computed_at, result
               FROM root_causes WHERE tenant_id = ? AND incident_id = ?
               ORDER BY version DESC LIMIT 1";
    query::find(
        conn,
        sql,
        params![tenant.to_string(), incident.to_string()],
        read,
    )
}

/// Appends an answer with the next version. Two callers with the same inputs and answer get the same row.
pub fn append_root_cause(
    conn: &Connection,
    tenant: TenantId,
    answer: RootCauseRow,
) -> Result<RootCauseRow, StoreError> {
    row::same_tenant(tenant, answer.tenant_id)?;
    let last = get_last_root_cause(conn, tenant, answer.incident_id)?;
    if let Some(last) = &last
        && last.inputs_hash == answer.inputs_hash
        && last.result == answer.result
    {
        return Ok(last.clone());
    }
    let answer = RootCauseRow {
        version: last.map_or(1, |l| l.version.saturating_add(1)),
        ..answer
    };
    let sql = "INSERT INTO root_causes (tenant_id, incident_id, version, inputs_hash, computed_at, result)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            answer.incident_id.to_string(),
            answer.version,
            answer.inputs_hash,
            answer.computed_at.0,
            row::to_json(&answer.result)?
        ],
    )?;
    Ok(answer)
}
