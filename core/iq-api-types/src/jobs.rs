//! Background jobs.

use iq_domain::{IntegrationId, JobId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{OptimizationStand, StatusMessage};

/// A background job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// What it does ("run").
    pub kind: String,
    /// The connection it is about; none for all.
    pub integration_id: Option<IntegrationId>,
    /// State.
    pub state: JobState,
    /// Share done, 0–1.
    pub progress: f64,
    /// Key of the present step.
    pub stage: String,
    /// Steps.
    pub steps: Vec<JobStep>,
    /// What came out, once it has ended.
    pub summary: Option<StatusMessage>,
    /// Sources that did not answer.
    pub silent_sources: Vec<JobSource>,
    /// Where a run of the optimiser stands.
    pub optimization: Option<OptimizationStand>,
    /// Somebody asked it to stop.
    pub is_cancelling: bool,
    /// Who asked for it.
    pub created_by: String,
    /// Asked for.
    pub created_at: Timestamp,
    /// Began.
    pub started_at: Option<Timestamp>,
    /// Ended.
    pub finished_at: Option<Timestamp>,
}

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting.
    Queued,
    /// At work.
    Running,
    /// Finished well.
    Done,
    /// Finished with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// reading, catch_up, baselines, scoring.
    pub key: String,
    /// State.
    pub state: JobStepState,
    /// Of `total`.
    pub done: u64,
    /// What there is to do; 0 while unknown.
    pub total: u64,
    /// How long it took or takes.
    pub ms: Option<u64>,
    /// What came out, where a person should know.
    pub message: Option<StatusMessage>,
}

/// State of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStepState {
    /// Not begun.
    Waiting,
    /// At work.
    Running,
    /// Done.
    Done,
    /// Done, with something a person should know.
    Warning,
    /// Failed.
    Failed,
}

/// A source that did not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobSource {
    /// The connection.
    pub integration_id: IntegrationId,
    /// Its name.
    pub name: String,
    /// Why.
    pub message: StatusMessage,
}
