//! Runs the connectors of enabled integrations: starts and stops them, feeds them the mapped tags,
//! and writes their state down. A connector that fails keeps trying by itself; nothing here restarts
//! it, and one failing source never delays another.

use std::{collections::HashMap, sync::Arc, time::Duration};

use iq_connector::{RunningConnector, StreamPhase, StreamState, TagSetSender};
use iq_domain::{
    CodedError, Integration, IntegrationId, IntegrationStatus, Message, TenantId, Timestamp,
};
use iq_store::integrations;
use parking_lot::RwLock;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};
use tracing::{error, info, warn};

use crate::{
    Inner, LiveEvent, Throughput, flow::FlowMessage, ingest::Ingest, integrations::context_of,
    meter::Meter,
};

/// Batches a connector may hand over before it has to wait for the disk.
const SINK_CAPACITY: usize = 64;

/// How often the arrival of the last value is written down while nothing else changes.
const NOTE_INTERVAL: Duration = Duration::from_secs(15);

/// The running connectors. Their states are readable without waiting for a start or stop that is
/// under way.
#[derive(Default)]
pub(crate) struct Supervisor {
    running: Mutex<HashMap<IntegrationId, Running>>,
    states: RwLock<HashMap<IntegrationId, Seen>>,
}

/// What can be looked at without waiting.
struct Seen {
    state: watch::Receiver<StreamState>,
    meter: Arc<Meter>,
}

struct Running {
    tenant_id: TenantId,
    connector: RunningConnector,
    tags: TagSetSender,
    meter: Arc<Meter>,
    ingest: JoinHandle<()>,
    watcher: JoinHandle<()>,
}

impl Running {
    /// Stops the connector and waits until what it delivered is durable.
    async fn stop(self) {
        self.connector.stop().await;
        drop(self.ingest.await);
        self.watcher.abort();
    }
}

impl Supervisor {
    /// State of a running connector.
    pub(crate) fn state(&self, id: IntegrationId) -> Option<StreamState> {
        self.states
            .read()
            .get(&id)
            .map(|seen| seen.state.borrow().clone())
    }

    /// How fast a running integration delivers.
    pub(crate) fn throughput(&self, id: IntegrationId, now: Timestamp) -> Option<Throughput> {
        self.states.read().get(&id).map(|seen| seen.meter.look(now))
    }

    /// Stops the integration if it runs and starts it if it should.
    pub(crate) async fn restart(
        &self,
        inner: &Arc<Inner>,
        tenant_id: TenantId,
        id: IntegrationId,
    ) -> Result<(), CodedError> {
        let mut running = self.running.lock().await;
        self.states.write().remove(&id);
        if let Some(old) = running.remove(&id) {
            old.stop().await;
        }
        let Some(tenant) = inner.index.load().tenant(tenant_id) else {
            return Ok(());
        };
        let Some(integration) = tenant.integrations.get(&id) else {
            return Ok(());
        };
        if !integration.is_enabled {
            return write_state(inner, tenant_id, id, IntegrationStatus::Inactive, None).await;
        }
        match start(inner, integration).await {
            Ok(started) => {
                let seen = Seen {
                    state: started.connector.state.clone(),
                    meter: Arc::clone(&started.meter),
                };
                self.states.write().insert(id, seen);
                running.insert(id, started);
                Ok(())
            }
            Err(cause) => {
                warn!(integration = %id, code = cause.code, "An integration can't start.");
                let status = IntegrationStatus::Error;
                write_state(inner, tenant_id, id, status, Some(Message::from(&cause))).await
            }
        }
    }

    /// Hands the present tags to every running connector of the tenant.
    pub(crate) async fn update_tags(&self, inner: &Inner, tenant_id: TenantId) {
        let Some(tenant) = inner.index.load().tenant(tenant_id) else {
            return;
        };
        for (id, running) in self
            .running
            .lock()
            .await
            .iter()
            .filter(|(_, r)| r.tenant_id == tenant_id)
        {
            let tags = Arc::new(tenant.tags_of(*id));
            running.tags.send_if_modified(|old| {
                let is_changed = *old != tags;
                *old = tags;
                is_changed
            });
        }
    }

    /// Stops one integration, for good.
    pub(crate) async fn stop(&self, id: IntegrationId) {
        self.states.write().remove(&id);
        if let Some(running) = self.running.lock().await.remove(&id) {
            running.stop().await;
        }
    }

    /// Stops everything.
    pub(crate) async fn stop_all(&self) {
        let running: Vec<Running> = self.running.lock().await.drain().map(|(_, r)| r).collect();
        for one in running {
            one.stop().await;
        }
    }
}

async fn start(inner: &Arc<Inner>, integration: &Integration) -> Result<Running, CodedError> {
    let connector = inner.allowed_connector(&integration.kind)?;
    let context = context_of(inner, connector.as_ref(), integration).await?;
    let tags = inner
        .index
        .load()
        .tenant(integration.tenant_id)
        .map_or_else(Vec::new, |t| t.tags_of(integration.id));
    let (tags, tags_seen) = watch::channel(Arc::new(tags));
    let (sink, batches) = mpsc::channel(SINK_CAPACITY);
    let meter = Arc::new(Meter::default());
    let ingest = Ingest {
        inner: Arc::clone(inner),
        tenant_id: integration.tenant_id,
        integration_id: integration.id,
        meter: Arc::clone(&meter),
    };
    let running = connector.start(context, tags_seen, sink);
    let watcher = Watcher {
        inner: Arc::clone(inner),
        tenant_id: integration.tenant_id,
        id: integration.id,
        name: integration.name.clone(),
        meter: Arc::clone(&meter),
    };
    info!(integration = %integration.id, kind = integration.kind, "An integration was started.");
    Ok(Running {
        tenant_id: integration.tenant_id,
        watcher: tokio::spawn(watcher.run(running.state.clone())),
        connector: running,
        tags,
        meter,
        ingest: tokio::spawn(ingest.run(batches)),
    })
}

/// Writes the state of one connector down as it changes.
struct Watcher {
    inner: Arc<Inner>,
    tenant_id: TenantId,
    id: IntegrationId,
    name: String,
    meter: Arc<Meter>,
}

impl Watcher {
    async fn run(self, mut state: watch::Receiver<StreamState>) {
        let mut written: Option<(IntegrationStatus, Option<Message>)> = None;
        let mut was_up: Option<bool> = None;
        loop {
            let seen = state.borrow_and_update().clone();
            let status = match self.meter.why_records_wait() {
                Some(error) => (IntegrationStatus::Error, Some(Message::from(&error))),
                None => status_of(&seen),
            };
            if written.as_ref() != Some(&status) {
                let (status, cause) = status.clone();
                let result = write_state(&self.inner, self.tenant_id, self.id, status, cause).await;
                if let Err(error) = result {
                    error!(%error, "The state of an integration could not be stored.");
                }
            }
            written = Some(status);
            self.note_values(&seen).await;
            self.report_edge(&seen, &mut was_up).await;
            let changed = tokio::time::timeout(NOTE_INTERVAL, state.changed()).await;
            if matches!(changed, Ok(Err(_))) {
                return;
            }
            // Counters change with every batch; the phase is what matters here.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn note_values(&self, state: &StreamState) {
        let Some(at) = state.last_receipt_at() else {
            return;
        };
        let (tenant, id) = (self.tenant_id, self.id);
        let result = self
            .inner
            .store
            .write(move |tx| integrations::update_last_value_at(tx, tenant, id, at))
            .await;
        if let Err(error) = result {
            warn!(%error, "The arrival of the last value could not be stored.");
        }
    }

    /// Turns "came up" and "went down" into events of the Black Box.
    async fn report_edge(&self, state: &StreamState, was_up: &mut Option<bool>) {
        let is_up = match &state.phase {
            StreamPhase::Streaming | StreamPhase::Polling => true,
            StreamPhase::Error(_) => false,
            StreamPhase::Connecting | StreamPhase::Stopped => return,
        };
        if was_up.replace(is_up) == Some(is_up) {
            return;
        }
        let cause = match &state.phase {
            StreamPhase::Error(error) => Some(Message::from(error)),
            _ => None,
        };
        let message = FlowMessage::Connector {
            tenant_id: self.tenant_id,
            integration_id: self.id,
            name: self.name.clone(),
            is_up,
            cause,
            at: state.since,
        };
        drop(self.inner.flow.send(message).await);
    }
}

/// The state as the API names it. "Streaming" needs a value, not only an open connection.
fn status_of(state: &StreamState) -> (IntegrationStatus, Option<Message>) {
    match &state.phase {
        StreamPhase::Streaming | StreamPhase::Polling if state.last_value_at.is_some() => {
            (IntegrationStatus::Streaming, None)
        }
        StreamPhase::Error(error) => (IntegrationStatus::Error, Some(Message::from(error))),
        StreamPhase::Stopped => (IntegrationStatus::Inactive, None),
        _ => (IntegrationStatus::Active, None),
    }
}

/// Stores a state and tells open pages.
pub(crate) async fn write_state(
    inner: &Inner,
    tenant_id: TenantId,
    id: IntegrationId,
    status: IntegrationStatus,
    cause: Option<Message>,
) -> Result<(), CodedError> {
    let now: Timestamp = inner.clock.now();
    inner
        .store
        .write(move |tx| {
            let params = cause.as_ref().map(|c| serde_json::json!(c.params));
            let failure = cause
                .as_ref()
                .zip(params.as_ref())
                .map(|(c, p)| (c.code.as_str(), p));
            integrations::update_integration_status(tx, tenant_id, id, status, failure, now)
        })
        .await?;
    inner.reload(tenant_id).await?;
    let tenant = inner.index.load().tenant(tenant_id);
    let last_value_at = tenant.and_then(|t| t.integrations.get(&id).and_then(|i| i.last_value_at));
    let connectivity = inner.connectivity_of(tenant_id, id).await;
    let event = LiveEvent::Integration {
        id,
        status,
        connectivity,
        last_value_at,
    };
    inner.bus.publish(tenant_id, event);
    Ok(())
}
