//! When jobs of a tenant run by themselves.

use iq_domain::{Cadence, JobId, Message, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

/// A schedule; a tenant has one of each kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// What runs ("run", "drift").
    pub kind: String,
    /// Whether it runs by itself.
    pub is_enabled: bool,
    /// How often.
    pub cadence: Cadence,
    /// Zone whose clock it follows.
    pub time_zone: String,
    /// The next run; none while it is off.
    pub next_at: Option<Timestamp>,
    /// The last run it started.
    pub last_at: Option<Timestamp>,
    /// The job of that run, where it has one.
    pub job_id: Option<JobId>,
    /// Why the last run could not be started.
    pub error: Option<Message>,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

const SELECT: &str = "SELECT tenant_id, kind, is_enabled, cadence, time_zone, next_at, last_at, \
    job_id, error_code, error_params, changed_by, changed_at FROM schedules";

fn read(r: &Row<'_>) -> rusqlite::Result<Schedule> {
    let code: Option<String> = r.get("error_code")?;
    let params = row::json(r, "error_params")?;
    Ok(Schedule {
        kind: r.get("kind")?,
        is_enabled: r.get("is_enabled")?,
        cadence: row::json(r, "cadence")?,
        time_zone: r.get("time_zone")?,
        next_at: row::time_opt(r, "next_at")?,
        last_at: row::time_opt(r, "last_at")?,
        job_id: row::id_opt(r, "job_id")?,
        error: code.map(|code| Message { code, params }),
        changed_by: r.get("changed_by")?,
        changed_at: row::time(r, "changed_at")?,
    })
}

/// Keeps a schedule.
pub fn put_schedule(conn: &Connection, tenant: TenantId, s: &Schedule) -> Result<(), StoreError> {
    let sql = "INSERT INTO schedules (tenant_id, kind, is_enabled, cadence, time_zone, next_at,
               last_at, job_id, error_code, error_params, changed_by, changed_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               ON CONFLICT (tenant_id, kind) DO UPDATE SET is_enabled = ?3, cadence = ?4,
               time_zone = ?5, next_at = ?6, last_at = ?7, job_id = ?8, error_code = ?9,
               error_params = ?10, changed_by = ?11, changed_at = ?12";
    let params = s.error.as_ref().map(|e| e.params.clone());
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            s.kind,
            s.is_enabled,
            row::to_json(&s.cadence)?,
            s.time_zone,
            s.next_at.map(|t| t.0),
            s.last_at.map(|t| t.0),
            s.job_id.map(|id| id.to_string()),
            s.error.as_ref().map(|e| &e.code),
            row::to_json(&params.unwrap_or_default())?,
            s.changed_by,
            s.changed_at.0
        ],
    )
}

/// All schedules of a tenant, by kind.
pub fn list_schedules(conn: &Connection, tenant: TenantId) -> Result<Vec<Schedule>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "kind", read)
}
