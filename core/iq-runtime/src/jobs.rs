//! Run AI & Optimisation: the background job that reads the sources, waits until what they held back
//! is stored, learns what is usual, scores the assets and makes one plan. It is written down step by step: a program
//! that was stopped in the middle goes on with the step it was at, and a cancelled one stays
//! cancelled.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use iq_connector::StreamPhase;
use iq_domain::{
    ActionStatus, CodedError, ErrorKind, IntegrationId, JobId, Message, TenantId, Timestamp,
};
use iq_store::{
    Page,
    jobs::{self, Job, JobFilter, JobState},
    scenarios,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    Inner, LiveEvent, NewAction, Runtime, optimisation,
    scoring::{ScoreNow, ScoreStep},
};

/// What the job is called in the store.
pub(crate) const RUN: &str = "run";

/// How long one source may take to answer.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Tags of a source that are read to see that it delivers.
const READ_TAGS: usize = 5;

/// How often the catching up is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Scoring goes on without a source that has not moved for so long.
const STILL_MOVING: Duration = Duration::from_secs(60);

/// Scoring goes on after so long, even while years of history still come in.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Batches that may be on the way while nothing is held back.
const ON_THE_WAY: u64 = 8;

/// Jobs kept for looking at.
const KEEP_MS: i64 = 90 * 24 * 3_600_000;

/// State of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
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

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobStep {
    /// "reading", "catch_up", "baselines", "scoring", "optimisation".
    pub key: String,
    /// State.
    pub state: StepState,
    /// Of `total`.
    pub done: u64,
    /// What there is to do; 0 while unknown.
    pub total: u64,
    /// Began.
    pub started_at: Option<Timestamp>,
    /// Ended.
    pub finished_at: Option<Timestamp>,
    /// What came out.
    pub message: Option<Message>,
}

/// The steps with their share of the whole.
const STEPS: [(&str, f64); 5] = [
    ("reading", 0.1),
    ("catch_up", 0.3),
    ("baselines", 0.25),
    ("scoring", 0.15),
    ("optimisation", 0.2),
];

/// The steps of a stored job.
#[must_use]
pub fn steps_of(job: &Job) -> Vec<JobStep> {
    job.payload
        .get("steps")
        .and_then(|steps| serde_json::from_value(steps.clone()).ok())
        .unwrap_or_default()
}

/// Jobs at work, and whether new ones may start.
#[derive(Default)]
pub(crate) struct Jobs {
    running: Mutex<HashMap<JobId, CancellationToken>>,
    starting: tokio::sync::Mutex<()>,
    is_closed: AtomicBool,
}

impl Jobs {
    /// Held while it is decided whether a job may start: two presses of a button make one.
    pub(crate) async fn starting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.starting.lock().await
    }

    /// A job goes to work; the token is cancelled when somebody stops it, or the program closes.
    pub(crate) fn begin(&self, job: &Job) -> CancellationToken {
        let cancel = CancellationToken::new();
        if job.cancel_requested {
            cancel.cancel();
        }
        self.running.lock().insert(job.id, cancel.clone());
        cancel
    }

    /// A job has stopped working.
    pub(crate) fn ended(&self, id: JobId) {
        self.running.lock().remove(&id);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// The program is closing: jobs stop where they are and are taken up at the next start.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        for token in self.running.lock().values() {
            token.cancel();
        }
    }
}

impl Runtime {
    /// Starts a run over one integration or all; the one that is at work already is answered with.
    pub async fn start_run(
        &self,
        tenant: TenantId,
        integration: Option<IntegrationId>,
        actor: &str,
    ) -> Result<Job, CodedError> {
        let inner = &self.0;
        let plant = self.tenant(tenant)?;
        if let Some(id) = integration {
            let row = plant
                .integrations
                .get(&id)
                .ok_or(CodedError::not_found("integrations.not_found"))?;
            if !row.is_enabled {
                return Err(CodedError::conflict("jobs.integration_disabled"));
            }
        }
        let _turn = inner.jobs.starting().await;
        let filter = JobFilter {
            kind: Some(RUN.to_owned()),
            states: vec![JobState::Queued, JobState::Running],
            integration_id: None,
        };
        let open = inner
            .store
            .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::MAX))
            .await?;
        if let Some(same) = open
            .rows
            .into_iter()
            .find(|job| job.integration_id == integration)
        {
            return Ok(same);
        }
        let now = inner.clock.now();
        let steps: Vec<JobStep> = STEPS.iter().map(|(key, _)| waiting(key)).collect();
        let job = Job {
            id: JobId::new(),
            tenant_id: tenant,
            kind: RUN.to_owned(),
            state: JobState::Queued,
            progress: 0.0,
            stage: String::new(),
            payload: json!({ "steps": steps }),
            result: json!({}),
            error_code: None,
            error_params: json!({}),
            cancel_requested: false,
            created_by: actor.to_owned(),
            created_at: now,
            started_at: None,
            finished_at: None,
            integration_id: integration,
        };
        let row = job.clone();
        inner
            .store
            .write(move |tx| {
                jobs::delete_jobs_before(tx, tenant, now.plus_ms(-KEEP_MS))?;
                jobs::create_job(tx, tenant, &row)
            })
            .await?;
        spawn(inner, job.clone());
        Ok(job)
    }

    /// Asks a job to stop.
    pub async fn cancel_job(&self, tenant: TenantId, id: JobId) -> Result<Job, CodedError> {
        let inner = &self.0;
        let found = inner
            .store
            .write(move |tx| {
                jobs::request_job_cancel(tx, tenant, id)?;
                jobs::get_job(tx, tenant, id)
            })
            .await?
            .ok_or(CodedError::not_found("jobs.not_found"))?;
        if let Some(token) = inner.jobs.running.lock().get(&id) {
            token.cancel();
        }
        Ok(found)
    }
}

pub(crate) fn waiting(key: &str) -> JobStep {
    JobStep {
        key: key.to_owned(),
        state: StepState::Waiting,
        done: 0,
        total: 0,
        started_at: None,
        finished_at: None,
        message: None,
    }
}

/// Takes up what was at work when the program stopped.
pub(crate) async fn resume(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        let filter = JobFilter {
            kind: Some(RUN.to_owned()),
            states: vec![JobState::Queued, JobState::Running],
            integration_id: None,
        };
        let open = inner
            .store
            .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::MAX))
            .await?;
        for job in open.rows {
            spawn(inner, job);
        }
    }
    Ok(())
}

fn spawn(inner: &Arc<Inner>, job: Job) {
    let run = Run {
        cancel: inner.jobs.begin(&job),
        steps: steps_of(&job),
        inner: Arc::clone(inner),
        job,
    };
    let task = tokio::spawn(run.work());
    let mut tasks = inner.tasks.lock();
    tasks.retain(|task| !task.is_finished());
    tasks.push(task);
}

/// Why a job does not go on.
enum Halt {
    /// Somebody asked for it.
    Cancelled,
    /// The program is closing; the job goes on at the next start.
    Closing,
    /// It can't.
    Failed(CodedError),
}

impl<E: Into<CodedError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is known about one source of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SourceResult {
    id: IntegrationId,
    name: String,
    error: Option<Message>,
}

struct Run {
    inner: Arc<Inner>,
    job: Job,
    steps: Vec<JobStep>,
    cancel: CancellationToken,
}

impl Run {
    async fn work(mut self) {
        self.job.state = JobState::Running;
        self.job.started_at.get_or_insert(self.inner.clock.now());
        let result = self.all_steps().await;
        let now = self.inner.clock.now();
        match result {
            Ok(()) => self.job.state = JobState::Done,
            Err(Halt::Closing) => {
                self.inner.jobs.ended(self.job.id);
                return;
            }
            Err(Halt::Cancelled) => self.job.state = JobState::Cancelled,
            Err(Halt::Failed(error)) => {
                let message = Message::from(&error);
                self.job.state = JobState::Failed;
                self.job.error_params = json!(message.params);
                self.job.error_code = Some(message.code.clone());
                if let Some(step) = self
                    .steps
                    .iter_mut()
                    .find(|s| s.state == StepState::Running)
                {
                    step.state = StepState::Failed;
                    step.finished_at = Some(now);
                    step.message = Some(message);
                }
            }
        }
        if self.job.state == JobState::Done {
            self.job.progress = 1.0;
        }
        self.job.finished_at = Some(now);
        if let Err(error) = self.save().await {
            error!(%error, "The end of a job could not be stored; it is taken up at the next start.");
        }
        if self.job.state == JobState::Failed {
            self.inner.notices.wake();
        }
        self.log_end().await;
        self.inner.jobs.ended(self.job.id);
    }

    async fn all_steps(&mut self) -> Result<(), Halt> {
        for index in 0..STEPS.len().min(self.steps.len()) {
            if !matches!(
                self.steps[index].state,
                StepState::Waiting | StepState::Running
            ) {
                continue;
            }
            self.check()?;
            let now = self.inner.clock.now();
            let step = &mut self.steps[index];
            step.state = StepState::Running;
            step.started_at.get_or_insert(now);
            self.job.stage = self.steps[index].key.clone();
            self.save().await?;
            let message = match index {
                0 => self.read_sources(index).await?,
                1 => self.catch_up(index).await?,
                2 => self.score(index, ScoreStep::Baselines).await?,
                3 => self.score(index, ScoreStep::Scores).await?,
                _ => self.optimise(index).await?,
            };
            let step = &mut self.steps[index];
            step.state = match &message {
                Some(_) => StepState::Warning,
                None => StepState::Done,
            };
            step.message = message;
            step.done = step.total;
            step.finished_at = Some(self.inner.clock.now());
            self.save().await?;
        }
        self.sum_up()?;
        Ok(())
    }

    fn check(&self) -> Result<(), Halt> {
        if self.inner.jobs.is_closed() {
            Err(Halt::Closing)
        } else if self.cancel.is_cancelled() {
            Err(Halt::Cancelled)
        } else {
            Ok(())
        }
    }

    /// What of the tenant's integrations the run is about.
    fn sources(&self) -> Result<Vec<(IntegrationId, String)>, CodedError> {
        let tenant = self.inner.index.load().tenant(self.job.tenant_id);
        let tenant = tenant.ok_or(CodedError::not_found("tenants.not_found"))?;
        let mut sources: Vec<(IntegrationId, String)> = tenant
            .integrations
            .values()
            .filter(|i| i.is_enabled && self.job.integration_id.is_none_or(|id| id == i.id))
            .map(|i| (i.id, i.name.clone()))
            .collect();
        sources.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(sources)
    }

    /// Reads each source once. One that does not answer is named and left out; only when none answers
    /// is there nothing to score.
    async fn read_sources(&mut self, index: usize) -> Result<Option<Message>, Halt> {
        let sources = self.sources()?;
        if sources.is_empty() {
            return Err(CodedError::conflict("jobs.no_source").into());
        }
        let mut results: Vec<SourceResult> = Vec::new();
        self.move_to(index, 0, sources.len() as u64).await?;
        for (id, name) in sources {
            self.check()?;
            let runtime = Runtime(Arc::clone(&self.inner));
            let read = read_once(&runtime, self.job.tenant_id, id);
            let error = tokio::select! {
                result = tokio::time::timeout(READ_WITHIN, read) => match result {
                    Ok(result) => result.err(),
                    Err(_) => Some(CodedError::new(ErrorKind::Upstream, "jobs.source_silent")
                        .with("seconds", READ_WITHIN.as_secs())),
                },
                () = self.cancel.cancelled() => {
                    self.check()?;
                    None
                }
            };
            results.push(SourceResult {
                id,
                name,
                error: error.as_ref().map(Message::from),
            });
            let done = results.len() as u64;
            let total = self.steps[index].total;
            self.move_to(index, done, total).await?;
        }
        let failed: Vec<&SourceResult> = results.iter().filter(|r| r.error.is_some()).collect();
        let count = failed.len();
        let names: Vec<String> = failed.iter().map(|r| r.name.clone()).collect();
        let is_hopeless = count == results.len();
        self.job.result["sources"] = json!(results);
        if is_hopeless {
            return Err(
                CodedError::new(ErrorKind::Upstream, "jobs.no_source_answers")
                    .with("names", names.join(", "))
                    .into(),
            );
        }
        Ok((count > 0).then(|| {
            Message::from(
                &CodedError::new(ErrorKind::Upstream, "jobs.some_sources_silent")
                    .with("count", count)
                    .with("names", names.join(", ")),
            )
        }))
    }

    /// Waits until what the sources held back is stored.
    async fn catch_up(&mut self, index: usize) -> Result<Option<Message>, Halt> {
        let ids: Vec<IntegrationId> = self.sources()?.into_iter().map(|(id, _)| id).collect();
        let begun = tokio::time::Instant::now();
        let mut last = (0, tokio::time::Instant::now());
        loop {
            self.check()?;
            let left = Left::of(&self.inner, &ids);
            self.move_to(index, left.permille, 1_000).await?;
            if left.is_done {
                return Ok(None);
            }
            if left.mark != last.0 {
                last = (left.mark, tokio::time::Instant::now());
            }
            if last.1.elapsed() > STILL_MOVING || begun.elapsed() > CATCH_UP_WITHIN {
                return Ok(Some(Message {
                    code: "jobs.still_catching_up".to_owned(),
                    params: [("percent".to_owned(), (left.permille / 10).to_string())].into(),
                }));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.cancel.cancelled() => {}
            }
        }
    }

    async fn score(&mut self, index: usize, step: ScoreStep) -> Result<Option<Message>, Halt> {
        let (progress, mut seen) = watch::channel((0, 0));
        let (done, mut answer) = oneshot::channel();
        let request = ScoreNow {
            tenant: self.job.tenant_id,
            step,
            progress,
            done,
        };
        let cancel = self.cancel.clone();
        tokio::select! {
            sent = self.inner.score_now.send(request) => {
                if sent.is_err() {
                    return Err(Halt::Closing);
                }
            }
            () = cancel.cancelled() => {
                self.check()?;
                return Err(Halt::Cancelled);
            }
        }
        loop {
            tokio::select! {
                result = &mut answer => {
                    result.map_err(|_| Halt::Closing)??;
                    return Ok(None);
                }
                changed = seen.changed() => {
                    let (n, total) = *seen.borrow_and_update();
                    if changed.is_ok() {
                        self.move_to(index, n as u64, total as u64).await?;
                    } else {
                        // The scorer has finished; its answer is on the way.
                        tokio::task::yield_now().await;
                    }
                }
                () = cancel.cancelled() => {
                    self.check()?;
                    return Err(Halt::Cancelled);
                }
            }
        }
    }

    /// One plan over what was just scored. Where the optimiser is switched off, or there is nothing to plan,
    /// the run is done all the same and says so.
    async fn optimise(&mut self, index: usize) -> Result<Option<Message>, Halt> {
        let runtime = Runtime(Arc::clone(&self.inner));
        if let Err(off) = runtime.optimiser_is_on() {
            return Ok(Some(Message::from(&off)));
        }
        let (tenant, id) = (self.job.tenant_id, self.job.id);
        let known = self
            .inner
            .store
            .read(move |conn| scenarios::get_scenario_of_job(conn, tenant, id))
            .await?;
        let run = match known {
            Some(run) => run,
            None => {
                let request = optimisation::PlanRequest::default();
                let actor = self.job.created_by.clone();
                let run = optimisation::prepare(&self.inner, tenant, id, request, &actor).await?;
                if optimisation::is_idle(&run) {
                    let error = CodedError::conflict("optimization.no_work");
                    return Ok(Some(Message::from(&error)));
                }
                let row = run.clone();
                self.inner
                    .store
                    .write(move |tx| scenarios::create_scenario(tx, tenant, &row))
                    .await?;
                run
            }
        };
        self.job.result["scenario_id"] = json!(run.id);
        if run.finished_at.is_some() {
            return Ok(None);
        }
        let total = u64::from(run.iterations) * optimisation::MODELS;
        let iterations = u64::from(run.iterations);
        let (told, mut seen) = watch::channel(optimisation::Stand::default());
        let (inner, cancel) = (Arc::clone(&self.inner), self.cancel.clone());
        let work = optimisation::work_out(&inner, run, &cancel, told);
        tokio::pin!(work);
        let ended = loop {
            tokio::select! {
                ended = &mut work => break ended?,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let stand = seen.borrow_and_update().clone();
                    let done = stand.at as u64 * iterations + stand.iteration.min(iterations);
                    self.move_to(index, done, total).await?;
                }
            }
        };
        self.check()?;
        self.job.result["advised"] = json!(ended.advised);
        Ok(None)
    }

    fn sum_up(&mut self) -> Result<(), CodedError> {
        let tenant = self.inner.index.load().tenant(self.job.tenant_id);
        let tenant = tenant.ok_or(CodedError::not_found("tenants.not_found"))?;
        let latest = tenant
            .assets
            .keys()
            .filter_map(|id| self.inner.scores.latest(*id));
        let (mut scored, mut withheld) = (0_u64, 0_u64);
        for assessment in latest {
            match assessment.health {
                Some(_) => scored += 1,
                None => withheld += 1,
            }
        }
        self.job.result["assets"] = json!(tenant.assets.len());
        self.job.result["scored"] = json!(scored);
        self.job.result["withheld"] = json!(withheld);
        Ok(())
    }

    /// Notes how far a step is; pages see it at once, the store at most with every hundredth.
    async fn move_to(&mut self, index: usize, done: u64, total: u64) -> Result<(), Halt> {
        let step = &mut self.steps[index];
        if (step.done, step.total) == (done, total) {
            return Ok(());
        }
        (step.done, step.total) = (done, total);
        let before: f64 = STEPS[..index].iter().map(|(_, share)| share).sum();
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        let within = if total == 0 {
            0.0
        } else {
            (done as f64 / total as f64).min(1.0)
        };
        let old = self.job.progress;
        // A bar that goes back says that something went wrong, and nothing did.
        self.job.progress = (before + STEPS[index].1 * within).clamp(old, 1.0);
        if self.job.progress - old >= 0.01 {
            self.save().await?;
        } else {
            self.tell();
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), CodedError> {
        self.job.payload["steps"] = json!(self.steps);
        let (tenant, row) = (self.job.tenant_id, self.job.clone());
        self.inner
            .store
            .write(move |tx| jobs::update_job(tx, tenant, &row))
            .await?;
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        self.job.payload["steps"] = json!(self.steps);
        let event = LiveEvent::Job(self.job.clone());
        self.inner.bus.publish(self.job.tenant_id, event);
    }

    /// The run stands in the log of each integration it was about.
    async fn log_end(&self) {
        let ms = self
            .job
            .finished_at
            .zip(self.job.started_at)
            .map(|(end, start)| u64::try_from(end.since_ms(start)).unwrap_or(0));
        let code = match self.job.state {
            JobState::Done => "jobs.run_done",
            JobState::Cancelled => "jobs.run_cancelled",
            _ => self.job.error_code.as_deref().unwrap_or("internal.error"),
        };
        let params = match self.job.state {
            JobState::Done => json!({ "scored": self.job.result["scored"].to_string() }),
            _ => self.job.error_params.clone(),
        };
        let runtime = Runtime(Arc::clone(&self.inner));
        for (id, _) in self.sources().unwrap_or_default() {
            let action = NewAction {
                action_type: "run_optimization",
                status: match self.job.state {
                    JobState::Done => ActionStatus::Success,
                    _ => ActionStatus::Failure,
                },
                message_code: code.to_owned(),
                details: json!({ "params": params, "job_id": self.job.id }),
                actor: self.job.created_by.clone(),
                ms,
            };
            runtime.log_action(self.job.tenant_id, id, action).await;
        }
    }
}

/// Sees that a source delivers: some of its mapped tags are read, or its whole test is run where
/// there is no tag to read.
async fn read_once(
    runtime: &Runtime,
    tenant: TenantId,
    id: IntegrationId,
) -> Result<(), CodedError> {
    let plant = runtime.tenant(tenant)?;
    let kind = plant.integrations.get(&id).map(|i| i.kind.clone());
    let kind = kind.ok_or(CodedError::not_found("integrations.not_found"))?;
    let capabilities = runtime.0.allowed_connector(&kind)?.spec().capabilities;
    let tags: Vec<String> = plant
        .tags_of(id)
        .iter()
        .take(READ_TAGS)
        .map(ToString::to_string)
        .collect();
    if capabilities.files {
        // Files are read when they come; there is nobody to ask.
        return Ok(());
    }
    if tags.is_empty() || capabilities.maintenance {
        let report = runtime.probe(tenant, id).await?;
        return match report
            .stages
            .iter()
            .find(|s| s.status == iq_connector::StageStatus::Failed && !report.success)
        {
            Some(stage) => Err(CodedError::new(ErrorKind::Upstream, "jobs.source_failed")
                .with("reason", &stage.message.code)),
            None if report.success => Ok(()),
            None => Err(CodedError::new(ErrorKind::Upstream, "jobs.source_failed")
                .with("reason", &report.message.code)),
        };
    }
    let samples = runtime.preview(tenant, id, &tags).await?;
    if samples.iter().any(|s| s.value.is_some()) {
        Ok(())
    } else {
        Err(CodedError::new(ErrorKind::Upstream, "jobs.no_value"))
    }
}

/// What sources still hold back.
struct Left {
    is_done: bool,
    permille: u64,
    /// Changes as long as something moves.
    mark: u64,
}

impl Left {
    fn of(inner: &Inner, ids: &[IntegrationId]) -> Self {
        let now = inner.clock.now();
        let (mut is_done, mut share, mut mark) = (true, 0.0, 0_u64);
        for id in ids {
            let state = inner.supervisor.state(*id);
            let throughput = inner.supervisor.throughput(*id, now).unwrap_or_default();
            let fill = state.as_ref().and_then(|s| s.back_fill);
            let one = fill.map_or(1.0, |fill| {
                let whole = fill.to.since_ms(fill.from).max(1);
                let have = fill.reached.since_ms(fill.from).clamp(0, whole);
                #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
                let share = have as f64 / whole as f64;
                share
            });
            // A source that fails holds nothing back that would come by waiting.
            let is_failing = state
                .as_ref()
                .is_none_or(|s| matches!(s.phase, StreamPhase::Error(_) | StreamPhase::Stopped));
            // A source that delivers always has a batch or two on the way.
            let is_caught_up = one >= 1.0 && throughput.backlog <= ON_THE_WAY;
            is_done &= is_failing || is_caught_up;
            share += if is_failing { 1.0 } else { one };
            mark = mark
                .wrapping_add(fill.map_or(0, |f| f.samples))
                .wrapping_add(state.map_or(0, |s| s.samples));
        }
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share between 0 and 1"
        )]
        let permille = (share / (ids.len().max(1) as f64) * 1_000.0) as u64;
        Self {
            is_done,
            permille: permille.min(1_000),
            mark,
        }
    }
}
