//! The flow of an appliance: supervises connectors, makes their values durable, watches rules, scores
//! assets, opens incidents, and answers "what is the state at T".
//!
//! Hosts give it a store, a historian, a configuration, a clock and connectors; the API calls its use
//! cases and never the other way round. Plain reading and writing of rows (sites, users, …) is between
//! the API and the store.

mod alarm_report;
mod alerts;
pub mod attachments;
mod authorities;
mod backups;
mod clock_watch;
mod demo;
mod detection;
mod doctor;
mod drift;
mod event_lane;
mod evidence;
mod failures;
mod figures;
mod flow;
mod identity_providers;
pub mod imports;
pub mod incident_changes;
mod index;
mod ingest;
mod integrations;
pub mod investigation;
mod jobs;
mod live;
mod made_up;
mod mail;
pub mod maintenance;
mod mappings;
mod meter;
mod models;
pub mod near_misses;
mod notices;
mod onboarding;
pub mod optimisation;
mod outage;
mod recent;
mod records;
pub mod reliability;
mod reload;
mod reserve;
pub mod root_cause;
mod schedules;
mod scoring;
mod source_tools;
mod stages;
mod supervisor;
mod trust;
mod twin;
mod upkeep;
mod webhooks;

use std::{collections::HashMap, sync::Arc};

use iq_analytics::RunTracker;
use iq_config::Config;
use iq_connector::{ConnectorRegistry, OwnIdentity};
use iq_domain::{AssetId, Clock, CodedError, TenantId};
use iq_historian::Historian;
use iq_secrets::MasterKey;
use iq_store::Store;
use parking_lot::RwLock;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use alarm_report::{AlarmPerformance, AlarmQuery};
pub use authorities::MAX_AUTHORITIES;
pub use backups::{
    BackupFile, BackupOutcome, BackupSettings, BackupStatus, BackupWork, Proof, ProvedBackup,
    prove_backup,
};
pub use demo::DemoPlant;
pub use detection::{DETECT, Detected, DetectionWindow, detected_of};
pub use doctor::{Finding, Fixer, Topic, diagnose, topic_of};
pub use drift::{DriftOutcome, DriftReport, ListedTag, StoredDrift, TagList};
pub use evidence::{
    Evidence, EvidenceFile, EvidenceKey, EvidenceParts, EvidenceStatus, EvidenceTrouble, Omitted,
    open_store,
};
pub use figures::mean_health;
pub use identity_providers::{ProviderKeeper, SecretChange};
pub use index::{AssetEntry, PlantIndex, Route, Routes, RunningSource, SignalEntry, TenantIndex};
pub use integrations::{IntegrationDraft, IntegrationError, IntegrationView};
pub use iq_backup::Retention;
pub use jobs::{JobStep, StepState, steps_of};
pub use live::{AssetChange, LiveBus, LiveEvent, LiveMessage, LiveSample};
pub use mail::{MailSecurity, MailStatus};
pub use mappings::{AppliedMappings, ChangeBy, MappingError, NewMapping, mapped_per_asset};
pub use meter::Throughput;
pub use models::{
    BackTestOf, FamilyHindsight, Life, LifeAnswer, MAX_ALARMS_PER_WEEK, RemainingLife, TRAIN,
    TrainingResult, comparison_of, model_of, trained_of, withheld_message,
};
pub use onboarding::{Missing, Onboarding, OnboardingStep, StepKey};
pub use recent::{Arrival, Recent};
pub use reserve::{ReserveState, ReserveStatus};
pub use schedules::ScheduleChange;
pub use source_tools::{DefaultField, Deletion, NewAction};
pub use stages::Stage;
pub use twin::{AssetSnapshot, OpenIncident, TwinQuery};
pub use webhooks::{MAX_WEBHOOKS, check_webhook_url, webhook_sentence};

/// Messages the rule engine may lag behind before ingest waits for it.
const FLOW_CAPACITY: usize = 1_024;

/// What a host supplies.
pub struct RuntimeParts {
    /// The store, as [`open_store`] opened it.
    pub store: Store,
    /// Its evidence log.
    pub evidence: Evidence,
    /// The historian.
    pub historian: Historian,
    /// The configuration.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key that seals secrets.
    pub master_key: Arc<MasterKey>,
    /// The connectors this host was built with.
    pub connectors: ConnectorRegistry,
    /// The certificate we show to servers.
    pub identity: Arc<OwnIdentity>,
    /// Controls of the demo plant, in DEMO_MODE.
    pub plant: Option<Arc<dyn DemoPlant>>,
}

/// The running flow. Clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) evidence: Evidence,
    pub(crate) historian: Historian,
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) master_key: Arc<MasterKey>,
    pub(crate) connectors: ConnectorRegistry,
    pub(crate) identity: Arc<OwnIdentity>,
    pub(crate) plant: Option<Arc<dyn DemoPlant>>,
    pub(crate) index: IndexCell,
    pub(crate) recent: Arc<Recent>,
    pub(crate) scores: scoring::Scores,
    /// Rung when an alert changed: a score that is ten seconds old must not stand beside a trip.
    pub(crate) rescore: Notify,
    /// Steps of jobs that the scorer does.
    pub(crate) score_now: mpsc::Sender<scoring::ScoreNow>,
    /// Jobs at work.
    pub(crate) jobs: jobs::Jobs,
    /// What each machine does, as the rules see it.
    pub(crate) machines: RwLock<HashMap<AssetId, RunTracker>>,
    pub(crate) bus: LiveBus,
    pub(crate) flow: mpsc::Sender<flow::FlowMessage>,
    pub(crate) supervisor: supervisor::Supervisor,
    pub(crate) maintenance: maintenance::Maintenance,
    pub(crate) notices: notices::Notices,
    pub(crate) mailer: mail::Mailer,
    pub(crate) webhooks: webhooks::Webhooks,
    /// Reliability of the last year.
    pub(crate) reliability: reliability::Remembered,
    pub(crate) long_reliability: reliability::LongRemembered,
    pub(crate) schedules: schedules::Schedules,
    pub(crate) backups: backups::Backups,
    /// Room kept back on the disk.
    pub(crate) reserve: reserve::Reserve,
    /// Uploaded files that are being read.
    pub(crate) imports: imports::Imports,
    pub(crate) cancel: CancellationToken,
    /// Tenants whose mappings are looked at for drift.
    pub(crate) drifting: drift::Looking,
    /// The rule packs in force, as they were at the start.
    pub(crate) packs: Arc<root_cause::RulePacks>,
    /// One case at a time is gathered: the samples of one may take two hundred megabytes.
    pub(crate) gathering: Arc<Semaphore>,
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) tasks: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

/// The index in force; readers take the whole of it.
#[derive(Clone, Default)]
pub(crate) struct IndexCell(Arc<RwLock<Arc<PlantIndex>>>);

impl IndexCell {
    pub(crate) fn load(&self) -> Arc<PlantIndex> {
        Arc::clone(&self.0.read())
    }

    pub(crate) fn replace(&self, index: PlantIndex) {
        *self.0.write() = Arc::new(index);
    }
}

/// Takes up what was at work when the program stopped.
async fn take_up(inner: &Arc<Inner>) -> Result<(), CodedError> {
    imports::resume(inner).await?;
    jobs::resume(inner).await?;
    optimisation::resume(inner).await?;
    detection::resume(inner).await?;
    models::resume_jobs(inner).await?;
    attachments::sweep(inner).await
}

impl Runtime {
    /// Loads the plant, takes up the rules where they stood, and starts what is enabled.
    pub async fn start(parts: RuntimeParts) -> Result<Self, CodedError> {
        let (flow, messages) = mpsc::channel(FLOW_CAPACITY);
        let (score_now, score_requests) = mpsc::channel(1);
        let mailer = mail::Mailer::new(&parts.config);
        let packs = Arc::new(root_cause::RulePacks::read(&parts.config.data_dir));
        let inner = Arc::new(Inner {
            store: parts.store,
            evidence: parts.evidence,
            historian: parts.historian,
            config: parts.config,
            clock: parts.clock,
            master_key: parts.master_key,
            connectors: parts.connectors,
            identity: parts.identity,
            plant: parts.plant,
            index: IndexCell::default(),
            recent: Arc::default(),
            scores: scoring::Scores::default(),
            rescore: Notify::new(),
            score_now,
            jobs: jobs::Jobs::default(),
            machines: RwLock::default(),
            bus: LiveBus::new(),
            flow,
            supervisor: supervisor::Supervisor::default(),
            maintenance: maintenance::Maintenance::default(),
            notices: notices::Notices::default(),
            mailer,
            webhooks: webhooks::Webhooks::default(),
            reliability: reliability::Remembered::default(),
            long_reliability: reliability::LongRemembered::default(),
            schedules: schedules::Schedules::default(),
            backups: backups::Backups::default(),
            reserve: reserve::Reserve::new(),
            imports: imports::Imports::default(),
            cancel: CancellationToken::new(),
            drifting: parking_lot::Mutex::default(),
            packs,
            gathering: Arc::new(Semaphore::new(1)),
            reloading: tokio::sync::Mutex::default(),
            tasks: parking_lot::Mutex::default(),
        });
        inner.reload_all().await?;
        scoring::resume(&inner).await?;
        models::live::resume(&inner).await?;
        let engine = flow::Flow::resume(Arc::clone(&inner)).await?;
        let tasks = vec![
            tokio::spawn(engine.run(messages)),
            tokio::spawn(scoring::run(Arc::clone(&inner), score_requests)),
            tokio::spawn(upkeep::run(Arc::clone(&inner))),
            tokio::spawn(outage::run(Arc::clone(&inner))),
            tokio::spawn(reserve::run(Arc::clone(&inner))),
            tokio::spawn(clock_watch::run(Arc::clone(&inner))),
            tokio::spawn(notices::run(Arc::clone(&inner))),
            tokio::spawn(mail::run(Arc::clone(&inner))),
            tokio::spawn(webhooks::run(Arc::clone(&inner))),
            tokio::spawn(schedules::run(Arc::clone(&inner))),
            tokio::spawn(maintenance::run(Arc::clone(&inner))),
            tokio::spawn(evidence::run(Arc::clone(&inner))),
            tokio::spawn(backups::run(Arc::clone(&inner))),
        ];
        inner.tasks.lock().extend(tasks);
        let integrations: Vec<_> = inner
            .index
            .load()
            .tenants
            .values()
            .flat_map(|t| {
                t.integrations
                    .values()
                    .map(|i| (i.tenant_id, i.id))
                    .collect::<Vec<_>>()
            })
            .collect();
        for (tenant, id) in integrations {
            inner.supervisor.restart(&inner, tenant, id).await?;
        }
        take_up(&inner).await?;
        Ok(Self(inner))
    }

    /// Stops the connectors, waits until what they delivered is durable, and closes the stores.
    pub async fn stop(&self) {
        self.0.jobs.close();
        self.0.supervisor.stop_all().await;
        self.0.cancel.cancel();
        let tasks: Vec<JoinHandle<()>> = self.0.tasks.lock().drain(..).collect();
        for task in tasks {
            drop(task.await);
        }
        evidence::finish(&self.0).await;
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The historian.
    #[must_use]
    pub fn historian(&self) -> &Historian {
        &self.0.historian
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The connectors.
    #[must_use]
    pub fn connectors(&self) -> &ConnectorRegistry {
        &self.0.connectors
    }

    /// Our own certificate.
    #[must_use]
    pub fn identity(&self) -> &OwnIdentity {
        &self.0.identity
    }

    /// The plant in memory.
    #[must_use]
    pub fn index(&self) -> Arc<PlantIndex> {
        self.0.index.load()
    }

    /// A tenant's plant in memory.
    pub fn tenant(&self, id: TenantId) -> Result<Arc<TenantIndex>, CodedError> {
        self.index()
            .tenant(id)
            .ok_or(CodedError::not_found("tenants.not_found"))
    }

    /// Arrivals since the start.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.0.recent
    }

    /// The live bus.
    #[must_use]
    pub fn live(&self) -> &LiveBus {
        &self.0.bus
    }

    /// The demo plant, in DEMO_MODE.
    pub fn plant(&self) -> Result<Arc<dyn DemoPlant>, CodedError> {
        self.0.plant.clone().ok_or(CodedError::new(
            iq_domain::ErrorKind::Locked,
            "plant.demo_mode_off",
        ))
    }
}
