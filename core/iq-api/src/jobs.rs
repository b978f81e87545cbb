//! Background jobs: start, look, cancel. Pages that are open hear of them as `event: job`.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    Job, JobSource, JobState, JobStep, JobStepState, OptimizationStand, StatusMessage,
};
use iq_domain::{IntegrationId, JobId, Message, Permission, Timestamp};
use iq_locale::Language;
use iq_runtime::{Detected, StepState, detected_of, optimisation::stand_of, steps_of};
use iq_store::{
    Page,
    jobs::{self, JobFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Audit, Caller, Failure, Id, Query, Route, get, post},
    integrations::own,
    state::ApiState,
    texts,
};

/// How many jobs a list shows.
const LISTED: u32 = 50;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/jobs", Permission::IntegrationsRead, list_jobs)
            .query::<JobQuery>()
            .list::<Job>()
            .says("Background jobs, newest first"),
        post("/api/jobs", Permission::JobsRun, run_all)
            .answer::<Job>()
            .status(202)
            .audits("jobs.run")
            .says("Run AI & Optimisation over all connections"),
        get("/api/jobs/{id}", Permission::IntegrationsRead, get_job)
            .answer::<Job>()
            .says("A background job"),
        post("/api/jobs/{id}/cancel", Permission::JobsRun, cancel_job)
            .answer::<Job>()
            .audits("jobs.cancel")
            .says("Ask a job to stop"),
        post("/api/integrations/{id}/run", Permission::JobsRun, run_one)
            .answer::<Job>()
            .status(202)
            .audits("jobs.run")
            .says("Run AI & Optimisation over one connection; the run at work is answered with"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct JobQuery {
    /// Only of this connection.
    integration_id: Option<IntegrationId>,
}

async fn list_jobs(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<JobQuery>,
) -> Answer<Json<Vec<Job>>> {
    if let Some(id) = query.integration_id {
        own(&state, &caller, id)?;
    }
    let tenant = caller.tenant_id;
    let filter = JobFilter {
        integration_id: query.integration_id,
        ..JobFilter::default()
    };
    let found = state
        .runtime
        .store()
        .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::first(LISTED)))
        .await?;
    let now = state.now();
    Ok(Json(
        found
            .rows
            .into_iter()
            .map(|job| dto(caller.language, job, now))
            .collect(),
    ))
}

async fn get_job(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<JobId>,
) -> Answer<Json<Job>> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| jobs::get_job(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)?;
    Ok(Json(dto(caller.language, found, state.now())))
}

async fn run_all(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<(StatusCode, Json<Job>)> {
    run(&state, &caller, &audit, None).await
}

async fn run_one(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
) -> Answer<(StatusCode, Json<Job>)> {
    own(&state, &caller, id)?;
    audit.object("integration", id);
    run(&state, &caller, &audit, Some(id)).await
}

async fn run(
    state: &ApiState,
    caller: &Caller,
    audit: &Audit,
    integration: Option<IntegrationId>,
) -> Answer<(StatusCode, Json<Job>)> {
    let job = state
        .runtime
        .start_run(caller.tenant_id, integration, &caller.username)
        .await?;
    audit.detail("job", job.id.to_string());
    let body = dto(caller.language, job, state.now());
    Ok((StatusCode::ACCEPTED, Json(body)))
}

async fn cancel_job(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<JobId>,
) -> Answer<Json<Job>> {
    audit.object("job", id);
    let job = state.runtime.cancel_job(caller.tenant_id, id).await?;
    Ok(Json(dto(caller.language, job, state.now())))
}

pub(crate) fn dto(language: Language, job: jobs::Job, now: Timestamp) -> Job {
    let steps = steps_of(&job).into_iter().map(|step| JobStep {
        ms: step.started_at.map(|start| {
            let end = step.finished_at.unwrap_or(now);
            u64::try_from(end.since_ms(start)).unwrap_or(0)
        }),
        state: match step.state {
            StepState::Waiting => JobStepState::Waiting,
            StepState::Running => JobStepState::Running,
            StepState::Done => JobStepState::Done,
            StepState::Warning => JobStepState::Warning,
            StepState::Failed => JobStepState::Failed,
        },
        message: step.message.map(|m| texts::status(language, &m)),
        key: step.key,
        done: step.done,
        total: step.total,
    });
    Job {
        steps: steps.collect(),
        summary: summary(language, &job),
        silent_sources: silent(language, &job),
        optimization: stand(&job),
        is_cancelling: job.cancel_requested && job.finished_at.is_none(),
        state: match job.state {
            jobs::JobState::Queued => JobState::Queued,
            jobs::JobState::Running => JobState::Running,
            jobs::JobState::Done => JobState::Done,
            jobs::JobState::Failed => JobState::Failed,
            jobs::JobState::Cancelled => JobState::Cancelled,
        },
        id: job.id,
        kind: job.kind,
        integration_id: job.integration_id,
        progress: job.progress,
        stage: job.stage,
        created_by: job.created_by,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
    }
}

fn stand(job: &jobs::Job) -> Option<OptimizationStand> {
    let (scenario_id, stand) = stand_of(job)?;
    Some(OptimizationStand {
        scenario_id,
        model: stand.model,
        iteration: stand.iteration,
        incumbent: stand.incumbent,
        bound: stand.bound,
        gap: stand.gap,
    })
}

fn summary(language: Language, job: &jobs::Job) -> Option<StatusMessage> {
    let message = match (job.state, detected_of(job)) {
        (jobs::JobState::Done, Some(found)) => detection(found),
        (jobs::JobState::Done, None) if job.kind == iq_runtime::TRAIN => training(job),
        // A run that found no plan has ended well, and there is no plan all the same.
        (jobs::JobState::Done, None)
            if job.kind == "optimise" && job.result["outcome"] == "infeasible" =>
        {
            Message {
                code: "jobs.optimise_infeasible".to_owned(),
                params: std::collections::BTreeMap::new(),
            }
        }
        (jobs::JobState::Done, None) if job.kind == "optimise" => Message {
            code: "jobs.optimise_done".to_owned(),
            params: [("advised".to_owned(), job.result["advised"].to_string())].into(),
        },
        (jobs::JobState::Done, None) => Message {
            code: "jobs.run_done".to_owned(),
            params: [("scored".to_owned(), job.result["scored"].to_string())].into(),
        },
        (jobs::JobState::Cancelled, _) => Message {
            code: "jobs.run_cancelled".to_owned(),
            params: std::collections::BTreeMap::new(),
        },
        (jobs::JobState::Failed, _) => Message {
            code: job.error_code.clone().unwrap_or_default(),
            params: iq_locale::params_of(&job.error_params),
        },
        (jobs::JobState::Queued | jobs::JobState::Running, _) => return None,
    };
    Some(texts::status(language, &message))
}

fn training(job: &jobs::Job) -> Message {
    let found = iq_runtime::trained_of(job).unwrap_or_default();
    let number = |name: &str, n: u64| (name.to_owned(), n.to_string());
    Message {
        code: "jobs.train_done".to_owned(),
        params: [
            number("promoted", found.promoted),
            number("kept", found.kept),
            number("withheld", found.withheld),
        ]
        .into(),
    }
}

fn detection(found: Detected) -> Message {
    let code = if found.is_cut {
        "jobs.detection_cut"
    } else {
        "jobs.detection_done"
    };
    Message {
        code: code.to_owned(),
        params: [
            ("opened".to_owned(), found.opened.to_string()),
            ("linked".to_owned(), found.linked.to_string()),
            ("events".to_owned(), found.events.to_string()),
        ]
        .into(),
    }
}

/// A source of a stored result.
#[derive(Deserialize)]
struct Source {
    id: IntegrationId,
    name: String,
    error: Option<Message>,
}

fn silent(language: Language, job: &jobs::Job) -> Vec<JobSource> {
    let sources: Vec<Source> =
        serde_json::from_value(job.result["sources"].clone()).unwrap_or_default();
    sources
        .into_iter()
        .filter_map(|source| {
            Some(JobSource {
                integration_id: source.id,
                name: source.name,
                message: texts::status(language, &source.error?),
            })
        })
        .collect()
}
