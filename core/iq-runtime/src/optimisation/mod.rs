//! Runs of the optimiser: inputs frozen at a moment, plans worked out on a thread of their own with live
//! progress, checked, stored, and published as work orders when a person says so.

mod bounds;
mod events;
mod gather;
mod inputs;
mod outcome;
mod problems;
mod publish;
mod reliability;
mod solve;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iq_domain::{
    CodedError, ErrorKind, JobId, Message, RecommendationId, ScenarioId, TenantId, Timestamp,
};
use iq_store::{
    Page, all_rows, assessments, cost_models,
    jobs::{self, Job, JobFilter, JobState},
    outages::{self, OutageFilter},
    recommendations::{self, RecommendationRow},
    scenarios::{self, ScenarioRow, ScenarioState},
    spare_parts::{self, SparePartFilter},
    technicians::{self, TechnicianFilter},
    work_order_plans,
    work_orders::{self, WorkOrderFilter},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use inputs::{Crew, Inputs, OutageSpan, OwnLife, PlanRequest, Stock, Work};
pub use outcome::{
    Advice, Chance, ChanceBasis, ModelOutcome, ModelState, PlanOutcome, PlanSummary, Visit,
};
pub use publish::{PublishRequest, Published};
pub use reliability::{FamilyPrior, prior_of};
pub use solve::Stand;

use crate::{
    Inner, JobStep, LiveEvent, Runtime, StepState,
    alerts::{Changed, publish as publish_changes},
    jobs::waiting,
    models::{Histories, TREND_MS, newest},
};

/// What the job is called in the store.
pub(crate) const OPTIMISE: &str = "optimise";

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What a stored job of the optimiser last told.
#[must_use]
pub fn stand_of(job: &Job) -> Option<(ScenarioId, Stand)> {
    let id = serde_json::from_value(job.result["scenario_id"].clone()).ok()?;
    let stand = serde_json::from_value(job.result["stand"].clone()).unwrap_or_default();
    Some((id, stand))
}

impl Runtime {
    /// Refuses what is switched off in this installation.
    pub fn optimiser_is_on(&self) -> Result<(), CodedError> {
        if self.0.config.optimization_engine_enabled {
            Ok(())
        } else {
            Err(CodedError::new(ErrorKind::Locked, "optimization.disabled"))
        }
    }

    /// Starts a run; one that was asked for in the same words and is at work is answered with.
    ///
    /// # Errors
    /// `optimization.running` while another run is at work.
    pub async fn start_optimisation(
        &self,
        tenant: TenantId,
        request: PlanRequest,
        actor: &str,
    ) -> Result<(Job, ScenarioId), CodedError> {
        self.optimiser_is_on()?;
        let inner = &self.0;
        let _turn = inner.jobs.starting().await;
        if let Some(open) = at_work(inner, tenant).await?.into_iter().next() {
            let known = stand_of(&open).map(|(id, _)| id);
            return match known {
                Some(id) if open.payload["request"] == json!(request) => Ok((open, id)),
                _ => Err(CodedError::conflict("optimization.running")),
            };
        }
        let id = JobId::new();
        let run = prepare(inner, tenant, id, request, actor).await?;
        let keys: Vec<String> = model_keys(&run);
        let job = Job {
            id,
            tenant_id: tenant,
            kind: OPTIMISE.to_owned(),
            state: JobState::Queued,
            progress: 0.0,
            stage: String::new(),
            payload: json!({
                "request": run.request,
                "steps": keys.iter().map(|k| waiting(k)).collect::<Vec<_>>(),
            }),
            result: json!({ "scenario_id": run.id, "stand": Stand::default() }),
            error_code: None,
            error_params: json!({}),
            cancel_requested: false,
            created_by: actor.to_owned(),
            created_at: run.created_at,
            started_at: None,
            finished_at: None,
            integration_id: None,
        };
        let (row, scenario) = (job.clone(), run.id);
        inner
            .store
            .write(move |tx| {
                jobs::create_job(tx, tenant, &row)?;
                scenarios::create_scenario(tx, tenant, &run)
            })
            .await?;
        spawn(inner, job.clone());
        Ok((job, scenario))
    }
}

fn model_keys(run: &ScenarioRow) -> Vec<String> {
    let request: PlanRequest = serde_json::from_value(run.request.clone()).unwrap_or_default();
    let models = solve::models(&request.models).into_iter();
    models.map(|m| m.key().to_owned()).collect()
}

async fn at_work(inner: &Inner, tenant: TenantId) -> Result<Vec<Job>, CodedError> {
    let filter = JobFilter {
        kind: Some(OPTIMISE.to_owned()),
        states: vec![JobState::Queued, JobState::Running],
        integration_id: None,
    };
    let open = inner
        .store
        .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::MAX))
        .await?;
    Ok(open.rows)
}

/// Takes up what was at work when the program stopped: from the frozen inputs, to the same plan.
pub(crate) async fn resume(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        for job in at_work(inner, tenant).await? {
            if inner.config.optimization_engine_enabled {
                spawn(inner, job);
            } else {
                refuse(inner, job).await;
            }
        }
    }
    Ok(())
}

/// Ends a run that was at work when the optimiser was switched off.
async fn refuse(inner: &Arc<Inner>, job: Job) {
    let mut run = JobRun {
        cancel: inner.jobs.begin(&job),
        inner: Arc::clone(inner),
        job,
    };
    let error = CodedError::new(ErrorKind::Locked, "optimization.disabled");
    run.fail(&error, inner.clock.now()).await;
    run.close().await;
}

/// A run with its inputs frozen at this moment; not stored yet.
pub(crate) async fn prepare(
    inner: &Arc<Inner>,
    tenant: TenantId,
    job: JobId,
    request: PlanRequest,
    actor: &str,
) -> Result<ScenarioRow, CodedError> {
    let plant = inner.index.load().tenant(tenant);
    let plant = plant.ok_or(CodedError::not_found("tenants.not_found"))?;
    let now = inner.clock.now();
    let histories = Histories::read(inner, &plant).await?;
    let mut stored = inner
        .store
        .read(move |conn| {
            let filter = WorkOrderFilter::default();
            let people = TechnicianFilter::default();
            let coming = OutageFilter {
                from: Some(now),
                ..OutageFilter::default()
            };
            let parts = SparePartFilter::default();
            let orders =
                all_rows(|page| work_orders::list_work_orders(conn, tenant, &filter, page))?;
            let mut plans = HashMap::new();
            for order in orders.iter().filter(|order| gather::is_open(order)) {
                let plan = work_order_plans::get_work_order_plan(conn, tenant, order.id)?;
                plans.extend(plan.map(|plan| (order.id, plan)));
            }
            Ok(gather::Stored {
                now: assessments::list_assessments_at(conn, tenant, now, None)?,
                before: assessments::list_assessments_at(
                    conn,
                    tenant,
                    now.plus_ms(-TREND_MS),
                    None,
                )?,
                histories,
                orders,
                plans,
                technicians: technicians::list_technicians(conn, tenant, &people, Page::MAX)?
                    .rows
                    .into_iter()
                    .map(|row| row.technician)
                    .collect(),
                outages: all_rows(|page| outages::list_outages(conn, tenant, &coming, page))?,
                parts: all_rows(|page| spare_parts::list_spare_parts(conn, tenant, &parts, page))?,
                costs: cost_models::get_active_cost_model(conn, tenant)?,
            })
        })
        .await?;
    for score in &mut stored.now {
        if let Some(last) = newest(inner, Some(score.clone()), score.asset_id) {
            *score = last;
        }
    }
    let (seed, iterations) = (request.seed, request.iterations);
    let (name, asked) = (request.name.clone(), json!(request));
    let inputs = settled(gather::build(&plant, stored, request, now))?;
    Ok(ScenarioRow {
        id: ScenarioId::new(),
        tenant_id: tenant,
        job_id: job,
        run_key: run_key(&inputs),
        name,
        state: ScenarioState::Running,
        as_of: now,
        seed,
        iterations,
        program: PROGRAM.to_owned(),
        cost_model_version: inputs.cost_model_version,
        is_demo: plant.tenant.is_demo,
        request: asked,
        input: json!(inputs),
        outcome: serde_json::Value::Null,
        created_by: actor.to_owned(),
        created_at: now,
        finished_at: None,
    })
}

/// The inputs as they come back from the store: a number that is written and read may differ in its last digit,
/// and a run that goes on after a restart has to see the numbers it began with.
fn settled(mut inputs: Inputs) -> Result<Inputs, CodedError> {
    for _ in 0..8 {
        let text = serde_json::to_string(&inputs);
        let again = text.and_then(|text| serde_json::from_str(&text));
        let again = again.map_err(|error| {
            tracing::error!(%error, "The inputs of a run could not be written down.");
            CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
        })?;
        if inputs == again {
            break;
        }
        inputs = again;
    }
    Ok(inputs)
}

/// Digest of everything a plan follows from; what it is called is not part of that.
fn run_key(inputs: &Inputs) -> String {
    let mut nameless = inputs.clone();
    nameless.request.name.clear();
    let text = serde_json::to_vec(&nameless).unwrap_or_default();
    let mut digest = Sha256::new();
    digest.update(PROGRAM.as_bytes());
    digest.update([0]);
    digest.update(&text);
    let hash = digest.finalize();
    hash.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// Whether there is nothing to plan.
pub(crate) fn is_idle(run: &ScenarioRow) -> bool {
    run.input["work"].as_array().is_none_or(Vec::is_empty)
}

/// Models of a run that asks for all.
pub(crate) const MODELS: u64 = iq_optimiser::Model::ALL.len() as u64;

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) run: ScenarioRow,
    pub(crate) advised: u32,
}

/// Works a run out and stores what came of it. Raised, the token ends it with the best plans so far.
pub(crate) async fn work_out(
    inner: &Arc<Inner>,
    mut run: ScenarioRow,
    cancel: &CancellationToken,
    stand: watch::Sender<Stand>,
) -> Result<Ended, CodedError> {
    let inputs: Inputs = serde_json::from_value(run.input.clone())
        .map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))?;
    let flag = Arc::new(AtomicBool::new(cancel.is_cancelled()));
    let raised = Arc::clone(&flag);
    let mut work = tokio::task::spawn_blocking(move || {
        let tell = |now: Stand| drop(stand.send_replace(now));
        let solved = solve::solve(&inputs, &raised, &tell);
        (inputs, solved)
    });
    let done = tokio::select! {
        done = &mut work => done,
        () = cancel.cancelled() => {
            flag.store(true, Ordering::Relaxed);
            work.await
        }
    };
    let (inputs, solved) =
        done.map_err(|_| CodedError::new(ErrorKind::Internal, "optimization.stopped"))?;
    let solved = solved?;
    run.state = if flag.load(Ordering::Relaxed) {
        ScenarioState::Cancelled
    } else if solve::is_infeasible(&solved.outcome) {
        ScenarioState::Infeasible
    } else {
        ScenarioState::Done
    };
    run.finished_at = Some(inner.clock.now());
    run.outcome = json!(solved.outcome);
    let rows = rows(&run, &inputs, &solved)?;
    let advised = solved.outcome.summary.advised;
    if !inner.jobs.is_closed() {
        store(inner, &run, rows, advised).await?;
    }
    Ok(Ended { run, advised })
}

fn rows(
    run: &ScenarioRow,
    inputs: &Inputs,
    solved: &solve::Solved,
) -> Result<Vec<RecommendationRow>, CodedError> {
    let advice = solved.plans.advice(inputs);
    (1..)
        .zip(advice)
        .map(|(rank, one)| {
            let text = serde_json::to_value(&one.advice);
            Ok(RecommendationRow {
                id: RecommendationId::new(),
                tenant_id: run.tenant_id,
                scenario_id: run.id,
                rank,
                asset_id: one.asset_id,
                order_id: one.order_id,
                advice: text.map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))?,
                work_order_id: None,
                published_by: None,
                published_at: None,
            })
        })
        .collect()
}

/// Plan, advice and the event of the Black Box in one transaction.
async fn store(
    inner: &Arc<Inner>,
    run: &ScenarioRow,
    advice: Vec<RecommendationRow>,
    advised: u32,
) -> Result<(), CodedError> {
    let tenant = run.tenant_id;
    let work = Runtime(Arc::clone(inner)).work(tenant)?;
    let run = run.clone();
    let changed = inner
        .store
        .write(move |tx| {
            let mut changed = Changed::default();
            // Deleted meanwhile: what it came to goes with it.
            if scenarios::update_scenario(tx, tenant, &run)? {
                for row in &advice {
                    recommendations::create_recommendation(tx, tenant, row)?;
                }
                let event = events::ended(&work.context, &run, advised);
                work.append(tx, &event, &mut changed)?;
            }
            Ok(changed)
        })
        .await?;
    publish_changes(inner, tenant, changed);
    Ok(())
}

fn spawn(inner: &Arc<Inner>, job: Job) {
    let run = JobRun {
        cancel: inner.jobs.begin(&job),
        inner: Arc::clone(inner),
        job,
    };
    let task = tokio::spawn(run.work());
    let mut tasks = inner.tasks.lock();
    tasks.retain(|task| !task.is_finished());
    tasks.push(task);
}

struct JobRun {
    inner: Arc<Inner>,
    job: Job,
    cancel: CancellationToken,
}

impl JobRun {
    async fn work(mut self) {
        let now = self.inner.clock.now();
        self.job.state = JobState::Running;
        self.job.started_at.get_or_insert(now);
        let ended = self.solve().await;
        if self.inner.jobs.is_closed() {
            // It is taken up at the next start.
            self.inner.jobs.ended(self.job.id);
            return;
        }
        let finished = self.inner.clock.now();
        self.job.finished_at = Some(finished);
        match ended {
            Ok(ended) => {
                self.job.result["advised"] = json!(ended.advised);
                self.job.result["outcome"] = json!(ended.run.state);
                self.job.state = match ended.run.state {
                    ScenarioState::Cancelled => JobState::Cancelled,
                    _ => JobState::Done,
                };
                if self.job.state == JobState::Done {
                    self.job.progress = 1.0;
                }
                self.close_steps(StepState::Done, None, finished);
            }
            Err(error) => self.fail(&error, finished).await,
        }
        self.close().await;
    }

    async fn fail(&mut self, error: &CodedError, finished: Timestamp) {
        let told = Message::from(error);
        self.job.state = JobState::Failed;
        self.job.finished_at = Some(finished);
        self.job.error_code = Some(told.code.clone());
        self.job.error_params = json!(told.params);
        self.close_steps(StepState::Failed, Some(told), finished);
        self.fail_scenario(finished).await;
    }

    /// Stores how the job ended.
    async fn close(mut self) {
        if let Err(error) = self.save().await {
            error!(%error, "The end of a job could not be stored; it is taken up at the next start.");
        }
        self.inner.jobs.ended(self.job.id);
    }

    async fn solve(&mut self) -> Result<Ended, CodedError> {
        let (tenant, id) = (self.job.tenant_id, self.job.id);
        let run = self
            .inner
            .store
            .read(move |conn| scenarios::get_scenario_of_job(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("optimization.not_found"))?;
        if run.finished_at.is_some() {
            // The plan was stored before the end of the job was.
            let advised = run.outcome["summary"]["advised"].as_u64();
            let advised = u32::try_from(advised.unwrap_or_default()).unwrap_or(u32::MAX);
            return Ok(Ended { run, advised });
        }
        let total = f64::from(run.iterations.max(1));
        let (told, mut seen) = watch::channel(Stand::default());
        let (inner, cancel) = (Arc::clone(&self.inner), self.cancel.clone());
        let work = work_out(&inner, run, &cancel, told);
        tokio::pin!(work);
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = tokio::time::sleep(TELL_EVERY) => {
                    if seen.has_changed().unwrap_or(false) {
                        let stand = seen.borrow_and_update().clone();
                        self.note(&stand, total).await?;
                    }
                }
            }
        }
    }

    /// Notes how far it is; pages see it at once.
    async fn note(&mut self, stand: &Stand, total: f64) -> Result<(), CodedError> {
        let mut steps = self.steps();
        let now = self.inner.clock.now();
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        let within = (stand.iteration as f64 / total).min(1.0);
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        let share = (stand.at as f64 + within) / steps.len().max(1) as f64;
        for (at, step) in steps.iter_mut().enumerate() {
            if at < stand.at && step.state != StepState::Done {
                step.started_at.get_or_insert(now);
                step.finished_at = Some(now);
                step.state = StepState::Done;
            } else if at == stand.at {
                step.started_at.get_or_insert(now);
                step.state = StepState::Running;
                step.done = stand.iteration;
            }
        }
        self.job.stage.clone_from(&stand.model);
        self.job.progress = self.job.progress.max(share.min(0.99));
        self.job.payload["steps"] = json!(steps);
        self.job.result["stand"] = json!(stand);
        self.save().await
    }

    fn steps(&self) -> Vec<JobStep> {
        crate::steps_of(&self.job)
    }

    fn close_steps(&mut self, state: StepState, message: Option<Message>, now: Timestamp) {
        let mut steps = self.steps();
        let is_whole = self.job.state == JobState::Done;
        for step in &mut steps {
            if step.state == StepState::Running || (is_whole && step.state == StepState::Waiting) {
                step.started_at.get_or_insert(now);
                step.finished_at = Some(now);
                step.state = state;
                step.message.clone_from(&message);
            }
        }
        self.job.payload["steps"] = json!(steps);
    }

    async fn fail_scenario(&self, now: Timestamp) {
        let (tenant, id) = (self.job.tenant_id, self.job.id);
        let result = self
            .inner
            .store
            .write(move |tx| {
                // A plan that was stored before the end of its job was stays a plan.
                let run = scenarios::get_scenario_of_job(tx, tenant, id)?;
                if let Some(mut run) = run.filter(|run| run.finished_at.is_none()) {
                    run.state = ScenarioState::Failed;
                    run.finished_at = Some(now);
                    scenarios::update_scenario(tx, tenant, &run)?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = result {
            error!(%error, "The end of a run of the optimiser could not be stored.");
        }
    }

    async fn save(&mut self) -> Result<(), CodedError> {
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
