//! Detection over the past: a job that goes through stored events and opens the incidents that would
//! have been opened had they come in when they happened. It may be run again over the same window, and
//! goes on after a restart: what is there already is recognised.

use std::{collections::HashMap, sync::Arc};

use iq_blackbox::{
    Detector, IncidentConfig, IncidentDecision, KnownIncident, Scene, gravity_of, past_trigger_of,
    relation_of,
};
use iq_domain::{
    AssetId, CodedError, EventId, EventRelation, Incident, IncidentId, IncidentStatus,
    IndustrialEvent, JobId, Message, TenantId, TimeRange, Timestamp,
};
use iq_store::{
    Connection, Page, StoreError, Transaction, all_rows,
    events::{EventFilter, count_events, list_events, next_events},
    incident_changes::{self, Part},
    incidents::{self, IncidentFilter},
    jobs::{self, Job, JobFilter, JobState},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    Inner, JobStep, LiveEvent, Runtime, StepState, TenantIndex,
    alerts::{Changed, publish, year_of},
    jobs::waiting,
};

/// What the job is called in the store.
pub const DETECT: &str = "detect";

/// Its one step.
const STEP: &str = "detecting";

/// Events of one transaction: other writers share the one writer of the store.
const EVENTS_PER_WRITE: u32 = 500;

/// Incidents of one run. More than anybody would read is a sign of a journal whose priorities mean
/// something else.
const MAX_OPENED: u64 = 1_000;

/// The past that is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionWindow {
    /// From here on incidents are opened.
    pub from: Timestamp,
    /// Until before here.
    pub to: Timestamp,
    /// Only at this asset.
    pub asset_id: Option<AssetId>,
}

/// What a run came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detected {
    /// Events that were looked at.
    pub events: u64,
    /// Incidents that were opened.
    pub opened: u64,
    /// Events that were given to incidents, the new ones' included.
    pub linked: u64,
    /// There would have been more incidents than one run opens.
    pub is_cut: bool,
}

/// What a stored job of detection came to.
#[must_use]
pub fn detected_of(job: &Job) -> Option<Detected> {
    (job.kind == DETECT)
        .then(|| serde_json::from_value(job.result.clone()).ok())
        .flatten()
}

impl Runtime {
    /// Starts to look for incidents in the past; the run over the same window that is at work is
    /// answered with.
    ///
    /// # Errors
    /// `incidents.detection_running` while another window is gone through.
    pub async fn detect_incidents(
        &self,
        tenant: TenantId,
        window: DetectionWindow,
        actor: &str,
    ) -> Result<Job, CodedError> {
        let inner = &self.0;
        let plant = self.tenant(tenant)?;
        if let Some(id) = window.asset_id
            && !plant.assets.contains_key(&id)
        {
            return Err(CodedError::not_found("assets.not_found"));
        }
        let _turn = inner.jobs.starting().await;
        if let Some(open) = at_work(inner, tenant).await?.into_iter().next() {
            if window_of(&open) == Some(window) {
                return Ok(open);
            }
            return Err(CodedError::conflict("incidents.detection_running"));
        }
        let job = Job {
            id: JobId::new(),
            tenant_id: tenant,
            kind: DETECT.to_owned(),
            state: JobState::Queued,
            progress: 0.0,
            stage: String::new(),
            payload: json!({ "window": window, "steps": [waiting(STEP)] }),
            result: json!(Detected::default()),
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
}

async fn at_work(inner: &Inner, tenant: TenantId) -> Result<Vec<Job>, CodedError> {
    let filter = JobFilter {
        kind: Some(DETECT.to_owned()),
        states: vec![JobState::Queued, JobState::Running],
        integration_id: None,
    };
    let open = inner
        .store
        .read(move |conn| jobs::list_jobs(conn, tenant, &filter, Page::MAX))
        .await?;
    Ok(open.rows)
}

fn window_of(job: &Job) -> Option<DetectionWindow> {
    serde_json::from_value(job.payload["window"].clone()).ok()
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
        // Taken up again it begins at the beginning, and looks at every event once more.
        found: Detected {
            events: 0,
            ..detected_of(&job).unwrap_or_default()
        },
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
    found: Detected,
    cancel: CancellationToken,
}

impl Run {
    async fn work(mut self) {
        let now = self.inner.clock.now();
        self.job.state = JobState::Running;
        self.job.stage = STEP.to_owned();
        self.job.started_at.get_or_insert(now);
        let result = self.search().await;
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

    async fn search(&mut self) -> Result<(), CodedError> {
        let tenant = self.job.tenant_id;
        let plant = self.inner.index.load().tenant(tenant);
        let plant = plant.ok_or(CodedError::not_found("tenants.not_found"))?;
        let window = window_of(&self.job).ok_or(CodedError::invalid("jobs.not_found"))?;
        let config = IncidentConfig::default();
        let mut filter = EventFilter {
            from: Some(window.from),
            // What follows the last of them belongs to it too.
            to: Some(window.to.plus_ms(config.after_ms)),
            asset_ids: around(&plant, window.asset_id),
            is_ascending: true,
            ..EventFilter::default()
        };
        let assets = filter.asset_ids.clone();
        let known = self
            .inner
            .store
            .read(move |conn| known_incidents(conn, tenant, window, assets))
            .await?;
        let mut detector = Detector::new(config, known);
        let counted = filter.clone();
        let total = self
            .inner
            .store
            .read(move |conn| count_events(conn, tenant, &counted))
            .await?;
        let mut done = 0;
        while !self.cancel.is_cancelled() && !self.found.is_cut {
            let asked = filter.clone();
            let events = self
                .inner
                .store
                .read(move |conn| next_events(conn, tenant, &asked, EVENTS_PER_WRITE))
                .await?;
            // Some may have come since they were counted.
            self.note(done, total.max(done)).await?;
            let Some(last) = events.last() else { break };
            filter.after = Some((last.event_time, last.id));
            done += events.len() as u64;
            let mut pass = Pass {
                plant: Arc::clone(&plant),
                window,
                now: self.inner.clock.now(),
                found: self.found,
                changed: Changed::default(),
            };
            let (back, pass) = self
                .inner
                .store
                .write(move |tx| {
                    for event in &events {
                        pass.take(tx, &mut detector, event)?;
                    }
                    Ok::<_, StoreError>((detector, pass))
                })
                .await?;
            detector = back;
            self.found = pass.found;
            publish(&self.inner, tenant, pass.changed);
        }
        Ok(())
    }

    /// Notes how far it is.
    async fn note(&mut self, done: u64, total: u64) -> Result<(), CodedError> {
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        let share = done as f64 / total.max(1) as f64;
        self.job.progress = self.job.progress.max(share.min(0.99));
        let step = JobStep {
            state: StepState::Running,
            done,
            total,
            started_at: self.job.started_at,
            ..waiting(STEP)
        };
        self.job.payload["steps"] = json!([step]);
        self.store().await
    }

    /// The end.
    async fn save(&mut self, message: Option<Message>) -> Result<(), CodedError> {
        let step = self.job.payload["steps"][0].clone();
        let step: JobStep = serde_json::from_value(step).unwrap_or_else(|_| waiting(STEP));
        let is_done = self.job.state == JobState::Done;
        let step = JobStep {
            state: if is_done {
                StepState::Done
            } else {
                StepState::Failed
            },
            done: if is_done { step.total } else { step.done },
            finished_at: self.job.finished_at,
            message,
            ..step
        };
        self.job.payload["steps"] = json!([step]);
        self.store().await
    }

    async fn store(&mut self) -> Result<(), CodedError> {
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

/// The asset with all that stand to it in some way; nothing for all.
fn around(plant: &TenantIndex, asset: Option<AssetId>) -> Vec<AssetId> {
    let Some(asset) = asset else {
        return Vec::new();
    };
    let all = plant.assets.keys().copied();
    all.filter(|other| plant.topology.relation(asset, *other).is_some())
        .collect()
}

/// Incidents that may have to do with a window.
fn known_incidents(
    conn: &Connection,
    tenant: TenantId,
    window: DetectionWindow,
    asset_ids: Vec<AssetId>,
) -> Result<Vec<KnownIncident>, StoreError> {
    let filter = IncidentFilter {
        asset_ids,
        to: Some(window.to.plus_ms(IncidentConfig::default().before_ms)),
        with_merged: true,
        ..IncidentFilter::default()
    };
    let rows = all_rows(|page| incidents::list_incidents(conn, tenant, &filter, page))?;
    // What people merged goes on in the incident it became part of.
    let parts = incident_changes::list_merged(conn, tenant)?;
    let merged: HashMap<IncidentId, Part> = parts.into_iter().map(|part| (part.id, part)).collect();
    let mut known = Vec::new();
    for row in rows {
        // What was split off and taken back is known as part of the whole.
        if merged.get(&row.id).is_some_and(|part| part.is_folded) {
            continue;
        }
        let mut last_event_at = row.started_at;
        if row.started_at < window.from {
            if row.ended_at.is_some_and(|end| end < window.from) {
                continue;
            }
            let last = incidents::get_last_event_before(conn, tenant, row.id, window.from)?;
            last_event_at = last.unwrap_or(row.started_at).max(row.started_at);
        }
        known.push(KnownIncident {
            id: merged.get(&row.id).map_or(row.id, |part| part.survivor),
            asset_id: row.asset_id,
            incident_type: row.incident_type,
            severity: row.severity,
            started_at: row.started_at,
            last_event_at,
            is_closed: !takes_events(row.status),
        });
    }
    Ok(known)
}

/// What a person has settled stays as it is.
fn takes_events(status: IncidentStatus) -> bool {
    matches!(status, IncidentStatus::Open | IncidentStatus::Investigating)
}

/// One transaction's worth of events.
struct Pass {
    plant: Arc<TenantIndex>,
    window: DetectionWindow,
    now: Timestamp,
    found: Detected,
    changed: Changed,
}

impl Pass {
    fn tenant(&self) -> TenantId {
        self.plant.tenant.id
    }

    fn take(
        &mut self,
        tx: &Transaction<'_>,
        detector: &mut Detector,
        event: &IndustrialEvent,
    ) -> Result<(), StoreError> {
        if self.found.is_cut {
            return Ok(());
        }
        self.found.events += 1;
        let of: Vec<IncidentId> = incidents::list_incidents_of_event(tx, self.tenant(), event.id)?
            .into_iter()
            .map(|i| i.id)
            .collect();
        let plant = Arc::clone(&self.plant);
        let entry = event.asset_id.and_then(|id| plant.assets.get(&id));
        let is_asked = |asset| self.window.asset_id.is_none_or(|wanted| wanted == asset);
        let scene = Scene {
            topology: &plant.topology,
            code: entry.map_or("", |e| e.asset.code.as_str()),
            of: &of,
            may_open: event.event_time < self.window.to && event.asset_id.is_some_and(is_asked),
        };
        match detector.take(event, scene) {
            IncidentDecision::Ignore => {}
            IncidentDecision::Attach { links } => {
                for (incident, relation) in links {
                    if self.moved(tx, incident, event, (None, None))? {
                        self.link(tx, incident, event.id, relation)?;
                    }
                }
            }
            IncidentDecision::Join {
                incident,
                relation,
                upgrade,
                began,
            } => {
                let better = upgrade.map(|kind| (kind, scene.code));
                if self.moved(tx, incident, event, (better, began))? {
                    self.link(tx, incident, event.id, relation)?;
                }
            }
            opening @ IncidentDecision::Open { .. } if self.found.opened < MAX_OPENED => {
                self.open(tx, detector, event, opening)?;
            }
            IncidentDecision::Open { .. } => self.found.is_cut = true,
        }
        Ok(())
    }

    fn link(
        &mut self,
        tx: &Transaction<'_>,
        incident: IncidentId,
        event: EventId,
        relation: EventRelation,
    ) -> Result<(), StoreError> {
        let is_new =
            incidents::create_incident_event(tx, self.tenant(), incident, event, relation)?;
        self.found.linked += u64::from(is_new);
        Ok(())
    }

    /// An incident that takes something in: it may be worse than it looked, and last longer. False when
    /// it takes in nothing any more: somebody has closed it since the run began.
    fn moved(
        &mut self,
        tx: &Transaction<'_>,
        id: IncidentId,
        event: &IndustrialEvent,
        (better, began): (Option<(iq_domain::IncidentType, &str)>, Option<Timestamp>),
    ) -> Result<bool, StoreError> {
        let found = incidents::get_incident(tx, self.tenant(), id)?;
        let Some(mut row) = found.filter(|row| takes_events(row.status)) else {
            return Ok(false);
        };
        let before = row.clone();
        if past_trigger_of(event).is_some() {
            row.severity = row.severity.max(gravity_of(event));
        }
        if let Some((kind, code)) = better {
            row.incident_type = kind;
            row.title_code = "incident.trip".to_owned();
            row.title_params = json!({ "asset": code });
        }
        row.started_at = began.unwrap_or(row.started_at);
        // One that still runs is ended by quiet, as ever.
        if let Some(end) = row.ended_at {
            let quiet = event.event_time.plus_ms(IncidentConfig::default().after_ms);
            row.ended_at = Some(end.max(quiet));
        }
        if row != before {
            incidents::update_incident(tx, self.tenant(), &row)?;
            self.changed.incident(row);
        }
        Ok(true)
    }

    fn open(
        &mut self,
        tx: &Transaction<'_>,
        detector: &mut Detector,
        event: &IndustrialEvent,
        opening: IncidentDecision,
    ) -> Result<(), StoreError> {
        let (
            IncidentDecision::Open {
                incident_type,
                severity,
                title_code,
                title_params,
                window,
            },
            Some(asset_id),
        ) = (opening, event.asset_id)
        else {
            return Ok(());
        };
        let tenant = self.tenant();
        let quiet = event.event_time.plus_ms(IncidentConfig::default().after_ms);
        let row = Incident {
            id: IncidentId::new(),
            tenant_id: tenant,
            number: incidents::next_incident_number(tx, tenant, year_of(event.event_time))?,
            asset_id,
            incident_type,
            severity,
            title_code: title_code.to_owned(),
            title_params,
            status: IncidentStatus::Open,
            assignee: None,
            started_at: event.event_time,
            ended_at: (quiet <= self.now).then_some(quiet),
            created_at: self.now,
        };
        incidents::create_incident(tx, tenant, &row)?;
        detector.opened(row.id, event, incident_type);
        self.found.opened += 1;
        self.link(tx, row.id, event.id, EventRelation::Trigger)?;
        let prior = TimeRange {
            from: window.from,
            to: event.event_time.plus_ms(1),
        };
        self.take_in(tx, row.id, event, asset_id, prior)?;
        self.changed.incident(row);
        Ok(())
    }

    /// What led to an incident belongs to it.
    fn take_in(
        &mut self,
        tx: &Transaction<'_>,
        incident: IncidentId,
        trigger: &IndustrialEvent,
        asset: AssetId,
        range: TimeRange,
    ) -> Result<(), StoreError> {
        let filter = EventFilter {
            from: Some(range.from),
            to: Some(range.to),
            asset_ids: around(&self.plant, Some(asset)),
            ..EventFilter::default()
        };
        let earlier = all_rows(|page| list_events(tx, self.tenant(), &filter, page))?;
        let (of, config) = ((asset, trigger.event_time), IncidentConfig::default());
        for event in earlier.iter().filter(|e| e.id != trigger.id) {
            if let Some(relation) = relation_of(event, of, &self.plant.topology, &config) {
                self.link(tx, incident, event.id, relation)?;
            }
        }
        Ok(())
    }
}
