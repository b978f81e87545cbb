//! Background jobs as they stand, so that a restart can go on with them.

use iq_domain::{CodedError, IntegrationId, JobId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, kind, state, progress, stage, payload, result, \
    error_code, error_params, cancel_requested, created_by, created_at, started_at, finished_at, \
    integration_id FROM jobs";

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting.
    Queued,
    /// At work, or was when the program stopped.
    Running,
    /// Finished well.
    Done,
    /// Finished with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// Owner.
    pub tenant_id: TenantId,
    /// What it does ("scoring").
    pub kind: String,
    /// State.
    pub state: JobState,
    /// Share done, 0–1.
    pub progress: f64,
    /// Code of the present step, for the sentence beside the bar; empty before the first.
    pub stage: String,
    /// What it was started with, and what it needs to go on after a restart.
    pub payload: serde_json::Value,
    /// What came out.
    pub result: serde_json::Value,
    /// Error code if it failed.
    pub error_code: Option<String>,
    /// Arguments of that sentence.
    pub error_params: serde_json::Value,
    /// Somebody asked it to stop.
    pub cancel_requested: bool,
    /// User name, or "system" for a schedule.
    pub created_by: String,
    /// Asked for at.
    pub created_at: Timestamp,
    /// Began at.
    pub started_at: Option<Timestamp>,
    /// Ended at.
    pub finished_at: Option<Timestamp>,
    /// The integration it is about; none for a job of the whole tenant.
    pub integration_id: Option<IntegrationId>,
}

/// Which jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this kind.
    pub kind: Option<String>,
    /// In one of these states; empty for all.
    pub states: Vec<JobState>,
    /// About this integration.
    pub integration_id: Option<IntegrationId>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        kind: r.get("kind")?,
        state: row::word(r, "state")?,
        progress: r.get("progress")?,
        stage: r.get("stage")?,
        payload: row::json(r, "payload")?,
        result: row::json(r, "result")?,
        error_code: r.get("error_code")?,
        error_params: row::json(r, "error_params")?,
        cancel_requested: r.get("cancel_requested")?,
        created_by: r.get("created_by")?,
        created_at: row::time(r, "created_at")?,
        started_at: row::time_opt(r, "started_at")?,
        finished_at: row::time_opt(r, "finished_at")?,
        integration_id: row::id_opt(r, "integration_id")?,
    })
}

/// Creates a job.
pub fn create_job(conn: &Connection, tenant: TenantId, job: &Job) -> Result<(), StoreError> {
    row::same_tenant(tenant, job.tenant_id)?;
    let sql = "INSERT INTO jobs (tenant_id, id, kind, state, progress, stage, payload, result,
               error_code, error_params, cancel_requested, created_by, created_at, started_at,
               finished_at, integration_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            job.id.to_string(),
            job.kind,
            row::to_word(&job.state)?,
            job.progress,
            job.stage,
            row::to_json(&job.payload)?,
            row::to_json(&job.result)?,
            job.error_code,
            row::to_json(&job.error_params)?,
            job.cancel_requested,
            job.created_by,
            job.created_at.0,
            job.started_at.map(|t| t.0),
            job.finished_at.map(|t| t.0),
            job.integration_id.map(|id| id.to_string())
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// The job, if this tenant has it.
pub fn get_job(conn: &Connection, tenant: TenantId, id: JobId) -> Result<Option<Job>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// A page of jobs, newest first.
pub fn list_jobs(
    conn: &Connection,
    tenant: TenantId,
    filter: &JobFilter,
    page: Page,
) -> Result<Paged<Job>, StoreError> {
    let states = filter
        .states
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("kind = ?", filter.kind.clone())
        .maybe(
            "integration_id = ?",
            filter.integration_id.map(|id| id.to_string()),
        )
        .any("state", states);
    wanted.page(
        conn,
        "jobs",
        (SELECT, "created_at DESC, id DESC"),
        page,
        read,
    )
}

/// Records where a job stands. A request to stop is not taken back by it.
pub fn update_job(conn: &Connection, tenant: TenantId, job: &Job) -> Result<(), StoreError> {
    row::same_tenant(tenant, job.tenant_id)?;
    let sql = "UPDATE jobs SET state = ?, progress = ?, stage = ?, payload = ?, result = ?,
               error_code = ?, error_params = ?, started_at = ?, finished_at = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            row::to_word(&job.state)?,
            job.progress,
            job.stage,
            row::to_json(&job.payload)?,
            row::to_json(&job.result)?,
            job.error_code,
            row::to_json(&job.error_params)?,
            job.started_at.map(|t| t.0),
            job.finished_at.map(|t| t.0),
            tenant.to_string(),
            job.id.to_string()
        ],
    )
}

/// Asks a job that has not ended to stop; says whether there was one to ask.
pub fn request_job_cancel(
    conn: &Connection,
    tenant: TenantId,
    id: JobId,
) -> Result<bool, StoreError> {
    let sql = "UPDATE jobs SET cancel_requested = 1
               WHERE tenant_id = ? AND id = ? AND state IN ('queued', 'running')";
    Ok(query::change(conn, sql, params![tenant.to_string(), id.to_string()])? > 0)
}

/// Deletes jobs that ended before a moment; returns how many.
pub fn delete_jobs_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM jobs WHERE tenant_id = ? AND finished_at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}
