//! The background job that trains models: asset after asset, with progress, stopped between two of them,
//! and taken up after a restart where it was.

use std::sync::Arc;

use iq_domain::{AssetId, CodedError, JobId, Message, TenantId};
use iq_store::{
    Page,
    jobs::{self, Job, JobFilter, JobState},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Outcome, broken, train_asset};
use crate::{
    Inner, JobStep, LiveEvent, Runtime, StepState,
    jobs::{steps_of, waiting},
};

/// What the job is called in the store.
pub const TRAIN: &str = "train";

/// Its one step.
const STEP: &str = "training";

/// What a run of training came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingResult {
    /// Versions that came into force.
    pub promoted: u64,
    /// Versions that were worse than the one in force and were kept beside it.
    pub kept: u64,
    /// Assets with too little to learn from.
    pub withheld: u64,
}

/// What a stored job of training came to.
#[must_use]
pub fn trained_of(job: &Job) -> Option<TrainingResult> {
    (job.kind == TRAIN)
        .then(|| serde_json::from_value(job.result.clone()).ok())
        .flatten()
}

/// The assets of a job, and how many of them are done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Load {
    assets: Vec<AssetId>,
    done: usize,
}

fn load_of(job: &Job) -> Load {
    serde_json::from_value(job.payload["load"].clone()).unwrap_or_default()
}

impl Runtime {
    /// Starts to train one asset or all; a job at work that covers what is asked for is answered with.
    ///
    /// # Errors
    /// `models.training_running` while others are trained; `models.no_assets` where there are none.
    pub async fn start_training(
        &self,
        tenant: TenantId,
        asset: Option<AssetId>,
        actor: &str,
    ) -> Result<Job, CodedError> {
        let inner = &self.0;
        let plant = self.tenant(tenant)?;
        let mut own: Vec<_> = plant
            .assets
            .values()
            .filter(|e| asset.is_none_or(|id| id == e.asset.id))
            .filter(|e| asset.is_some() || has_signals(&plant, e))
            .collect();
        own.sort_by(|a, b| a.asset.code.cmp(&b.asset.code));
        let assets: Vec<AssetId> = own.iter().map(|e| e.asset.id).collect();
        if assets.is_empty() {
            return Err(match asset {
                Some(_) => CodedError::not_found("assets.not_found"),
                None => CodedError::conflict("models.no_assets"),
            });
        }
        let _turn = inner.jobs.starting().await;
        if let Some(open) = self.training_at_work(tenant).await? {
            let known = load_of(&open).assets;
            return if assets.iter().all(|id| known.contains(id)) {
                Ok(open)
            } else {
                Err(CodedError::conflict("models.training_running"))
            };
        }
        let job = Job {
            id: JobId::new(),
            tenant_id: tenant,
            kind: TRAIN.to_owned(),
            state: JobState::Queued,
            progress: 0.0,
            stage: String::new(),
            payload: json!({ "load": Load { assets, done: 0 }, "steps": [waiting(STEP)] }),
            result: json!(TrainingResult::default()),
            error_code: None,
            error_params: json!({}),
            cancel_requested: false,
            created_by: actor.to_owned(),
            created_at: inner.clock.now(),
            started_at: None,
            finished_at: None,
            integration_id: None,
        };
        let row = job.clone();
        inner
            .store
            .write(move |tx| jobs::create_job(tx, tenant, &row))
            .await?;
        spawn(inner, job.clone());
        Ok(job)
    }

    /// The training at work, if any.
    pub async fn training_at_work(&self, tenant: TenantId) -> Result<Option<Job>, CodedError> {
        Ok(at_work(&self.0, tenant).await?.into_iter().next())
    }

    /// Whether a job of training is about an asset.
    #[must_use]
    pub fn trains(job: &Job, asset: AssetId) -> bool {
        load_of(job).assets.contains(&asset)
    }

    /// Asks the training at work to stop; what was trained stays.
    ///
    /// # Errors
    /// When none is at work.
    pub async fn cancel_training(&self, tenant: TenantId) -> Result<Job, CodedError> {
        let open = self.training_at_work(tenant).await?;
        let open = open.ok_or(CodedError::conflict("models.no_training"))?;
        self.cancel_job(tenant, open.id).await
    }
}

fn has_signals(plant: &crate::TenantIndex, entry: &crate::AssetEntry) -> bool {
    let signals = entry.signals.iter().filter_map(|id| plant.signals.get(id));
    signals.into_iter().any(|s| s.mapping.is_some())
}

async fn at_work(inner: &Inner, tenant: TenantId) -> Result<Vec<Job>, CodedError> {
    let filter = JobFilter {
        kind: Some(TRAIN.to_owned()),
        states: vec![JobState::Queued, JobState::Running],
        integration_id: None,
    };
    let open = inner
        .store
        .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::MAX))
        .await?;
    Ok(open.rows)
}

/// Takes up what was at work when the program stopped.
pub(crate) async fn resume(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        for job in at_work(inner, tenant).await? {
            spawn(inner, job);
        }
    }
    Ok(())
}

fn spawn(inner: &Arc<Inner>, job: Job) {
    let run = Run {
        cancel: inner.jobs.begin(&job),
        inner: Arc::clone(inner),
        load: load_of(&job),
        found: trained_of(&job).unwrap_or_default(),
        job,
    };
    let task = tokio::spawn(run.work());
    let mut tasks = inner.tasks.lock();
    tasks.retain(|task| !task.is_finished());
    tasks.push(task);
}

struct Run {
    inner: Arc<Inner>,
    job: Job,
    load: Load,
    found: TrainingResult,
    cancel: CancellationToken,
}

impl Run {
    async fn work(mut self) {
        let now = self.inner.clock.now();
        self.job.state = JobState::Running;
        self.job.stage = STEP.to_owned();
        self.job.started_at.get_or_insert(now);
        let result = self.train().await;
        let id = self.job.id;
        if self.inner.jobs.is_closed() {
            // It is taken up at the next start.
            self.inner.jobs.ended(id);
            return;
        }
        self.job.finished_at = Some(self.inner.clock.now());
        let mut message = None;
        match result {
            Ok(()) if self.cancel.is_cancelled() => self.job.state = JobState::Cancelled,
            Ok(()) => {
                self.job.state = JobState::Done;
                self.job.progress = 1.0;
            }
            Err(error) => {
                let told = Message::from(&error);
                self.job.state = JobState::Failed;
                self.job.error_code = Some(told.code.clone());
                self.job.error_params = json!(told.params);
                message = Some(told);
            }
        }
        if let Err(error) = self.save(message).await {
            error!(%error, "The end of a job could not be stored; it is taken up at the next start.");
        }
        self.inner.jobs.ended(id);
    }

    async fn train(&mut self) -> Result<(), CodedError> {
        self.save(None).await?;
        while let Some(asset) = self.load.assets.get(self.load.done).copied() {
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            let plant = self.inner.index.load().tenant(self.job.tenant_id);
            let plant = plant.ok_or_else(broken)?;
            // Deleted meanwhile: there is nothing to train.
            if let Some(entry) = plant.assets.get(&asset) {
                let actor = self.job.created_by.clone();
                match train_asset(&self.inner, &plant, entry, &actor).await? {
                    Outcome::Promoted => self.found.promoted += 1,
                    Outcome::Kept => self.found.kept += 1,
                    Outcome::Withheld => self.found.withheld += 1,
                }
            }
            self.load.done += 1;
            self.save(None).await?;
        }
        Ok(())
    }

    fn step(&self, message: Option<Message>) -> JobStep {
        let mut step = steps_of(&self.job)
            .into_iter()
            .next()
            .unwrap_or_else(|| waiting(STEP));
        step.done = self.load.done as u64;
        step.total = self.load.assets.len() as u64;
        step.started_at = self.job.started_at;
        step.finished_at = self.job.finished_at;
        step.state = match self.job.state {
            JobState::Queued => StepState::Waiting,
            JobState::Running => StepState::Running,
            JobState::Done | JobState::Cancelled => StepState::Done,
            JobState::Failed => StepState::Failed,
        };
        step.message = message;
        step
    }

    async fn save(&mut self, message: Option<Message>) -> Result<(), CodedError> {
        let step = self.step(message);
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        let share = step.done as f64 / step.total.max(1) as f64;
        self.job.progress = share.min(1.0);
        self.job.payload = json!({ "load": self.load, "steps": [step] });
        self.job.result = json!(self.found);
        let (tenant, row) = (self.job.tenant_id, self.job.clone());
        self.inner
            .store
            .write(move |tx| jobs::update_job(tx, tenant, &row))
            .await?;
        let event = LiveEvent::Job(self.job.clone());
        self.inner.bus.publish(self.job.tenant_id, event);
        Ok(())
    }
}
