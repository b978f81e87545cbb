//! When jobs of the tenant run by themselves.

use axum::{Json, extract::State};
use iq_api_types::{Schedule, ScheduleInput};
use iq_domain::Permission;
use iq_locale::Language;
use iq_runtime::ScheduleChange;
use iq_store::schedules as rows;

use crate::{
    http::{Answer, Audit, Body, Caller, Check, Route, check::is_time_zone, get, put},
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/schedules",
            Permission::IntegrationsRead,
            list_schedules,
        )
        .list::<Schedule>()
        .says("When jobs run by themselves, with the next run"),
        put(
            "/api/schedules",
            Permission::SchedulesWrite,
            change_schedule,
        )
        .body::<ScheduleInput>()
        .answer::<Schedule>()
        .audits("schedules.update")
        .says("Change when a job runs by itself; its next run is counted from now"),
    ]
}

async fn list_schedules(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<Schedule>>> {
    let all = state.runtime.schedules(caller.tenant_id).await?;
    let shown = all.into_iter().map(|s| dto(caller.language, s));
    Ok(Json(shown.collect()))
}

async fn change_schedule(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<ScheduleInput>,
) -> Answer<Json<Schedule>> {
    Check::new()
        .require(
            input.cadence.is_valid(),
            "cadence",
            "schedules.cadence_wrong",
        )
        .require(
            is_time_zone(&input.time_zone),
            "time_zone",
            "request.time_zone_wrong",
        )
        .done()?;
    audit
        .detail("kind", iq_domain::neutralise(&input.kind, 40))
        .detail("is_enabled", input.is_enabled)
        .detail("cadence", serde_json::json!(input.cadence));
    let change = ScheduleChange {
        kind: input.kind,
        is_enabled: input.is_enabled,
        cadence: input.cadence,
        time_zone: input.time_zone,
    };
    let changed = state
        .runtime
        .change_schedule(caller.tenant_id, change, &caller.username)
        .await?;
    Ok(Json(dto(caller.language, changed)))
}

fn dto(language: Language, row: rows::Schedule) -> Schedule {
    Schedule {
        kind: row.kind,
        is_enabled: row.is_enabled,
        cadence: row.cadence,
        time_zone: row.time_zone,
        next_at: row.next_at,
        last_at: row.last_at,
        job_id: row.job_id,
        error: row.error.map(|e| texts::status(language, &e)),
        changed_by: row.changed_by,
        changed_at: row.changed_at,
    }
}
