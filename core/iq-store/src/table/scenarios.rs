//! Runs of the optimiser: what each was given, frozen, and what came out.

use iq_domain::{CodedError, JobId, ScenarioId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, job_id, run_key, name, state, as_of, seed, iterations, \
    program, cost_model_version, is_demo, request, input, outcome, created_by, created_at, \
    finished_at FROM optimization_scenarios";

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioState {
    /// At work, or was when the program stopped.
    Running,
    /// It has a plan.
    Done,
    /// No plan meets every constraint of one of its models.
    Infeasible,
    /// It ended with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioRow {
    /// Id.
    pub id: ScenarioId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The job that works or worked on it.
    pub job_id: JobId,
    /// Digest of input, seed, iterations and program: equal keys, equal plans.
    pub run_key: String,
    /// What a person calls it; may be empty.
    pub name: String,
    /// State.
    pub state: ScenarioState,
    /// The moment its inputs stand for.
    pub as_of: Timestamp,
    /// Seed.
    pub seed: u32,
    /// Iterations of each search.
    pub iterations: u32,
    /// Version of the program.
    pub program: String,
    /// Version of the cost model; none where none was set.
    pub cost_model_version: Option<u32>,
    /// Made in a demonstration tenant.
    pub is_demo: bool,
    /// What was asked for.
    pub request: serde_json::Value,
    /// The problem, frozen.
    pub input: serde_json::Value,
    /// Plans, bounds, reasons; `null` until there are some.
    pub outcome: serde_json::Value,
    /// User name, or "system" for a schedule.
    pub created_by: String,
    /// Began.
    pub created_at: Timestamp,
    /// Ended.
    pub finished_at: Option<Timestamp>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<ScenarioRow> {
    Ok(ScenarioRow {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        job_id: row::id(r, "job_id")?,
        run_key: r.get("run_key")?,
        name: r.get("name")?,
        state: row::word(r, "state")?,
        as_of: row::time(r, "as_of")?,
        seed: r.get("seed")?,
        iterations: r.get("iterations")?,
        program: r.get("program")?,
        cost_model_version: r.get("cost_model_version")?,
        is_demo: r.get("is_demo")?,
        request: row::json(r, "request")?,
        input: row::json(r, "input")?,
        outcome: row::json(r, "outcome")?,
        created_by: r.get("created_by")?,
        created_at: row::time(r, "created_at")?,
        finished_at: row::time_opt(r, "finished_at")?,
    })
}

/// Creates a run.
pub fn create_scenario(
    conn: &Connection,
    tenant: TenantId,
    s: &ScenarioRow,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, s.tenant_id)?;
    let sql =
        "INSERT INTO optimization_scenarios (tenant_id, id, job_id, run_key, name, state, as_of,
               seed, iterations, program, cost_model_version, is_demo, request, input, outcome,
               created_by, created_at, finished_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            s.id.to_string(),
            s.job_id.to_string(),
            s.run_key,
            s.name,
            row::to_word(&s.state)?,
            s.as_of.0,
            s.seed,
            s.iterations,
            s.program,
            s.cost_model_version,
            s.is_demo,
            row::to_json(&s.request)?,
            row::to_json(&s.input)?,
            row::to_json(&s.outcome)?,
            s.created_by,
            s.created_at.0,
            s.finished_at.map(|t| t.0)
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Ends a run, or freezes its input. Deleted while it was at work, it stays deleted: `false`.
pub fn update_scenario(
    conn: &Connection,
    tenant: TenantId,
    s: &ScenarioRow,
) -> Result<bool, StoreError> {
    row::same_tenant(tenant, s.tenant_id)?;
    let sql = "UPDATE optimization_scenarios SET run_key = ?, state = ?, as_of = ?,
               cost_model_version = ?, input = ?, outcome = ?, finished_at = ?
               WHERE tenant_id = ? AND id = ?";
    let changed = query::change(
        conn,
        sql,
        params![
            s.run_key,
            row::to_word(&s.state)?,
            s.as_of.0,
            s.cost_model_version,
            row::to_json(&s.input)?,
            row::to_json(&s.outcome)?,
            s.finished_at.map(|t| t.0),
            tenant.to_string(),
            s.id.to_string()
        ],
    )?;
    Ok(changed > 0)
}

/// The run, if this tenant has it.
pub fn get_scenario(
    conn: &Connection,
    tenant: TenantId,
    id: ScenarioId,
) -> Result<Option<ScenarioRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// The run a job works on.
pub fn get_scenario_of_job(
    conn: &Connection,
    tenant: TenantId,
    job: JobId,
) -> Result<Option<ScenarioRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND job_id = ?");
    let args = params![tenant.to_string(), job.to_string()];
    query::find(conn, &sql, args, read)
}

/// A page of runs, newest first.
pub fn list_scenarios(
    conn: &Connection,
    tenant: TenantId,
    page: Page,
) -> Result<Paged<ScenarioRow>, StoreError> {
    let order = (SELECT, "created_at DESC, id DESC");
    Where::tenant(tenant).page(conn, "optimization_scenarios", order, page, read)
}

/// How many runs ended with a plan.
pub fn count_scenarios_done(conn: &Connection, tenant: TenantId) -> Result<u64, StoreError> {
    Where::tenant(tenant)
        .maybe("state = ?", Some("done".to_owned()))
        .count(conn, "optimization_scenarios")
}

/// Deletes a run with its recommendations; work orders that were made of them stay.
pub fn delete_scenario(
    conn: &Connection,
    tenant: TenantId,
    id: ScenarioId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM optimization_scenarios WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
