//! The write path of values: raw samples of one integration → mapping → historian → live bus → rules.
//!
//! A batch goes on only after the historian has committed it: what a page or a rule sees is durable.

use std::sync::Arc;

use iq_connector::{Batch, GapMark};
use iq_domain::{IntegrationId, Measurement, StatusCode, TenantId, Timestamp};
use iq_historian::{Historian, Row};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    IndexCell, LiveBus, LiveEvent, LiveSample, flow::FlowMessage, index::TenantIndex,
    recent::Recent,
};

/// Batches taken together into one commit.
const MAX_BATCHES_PER_COMMIT: usize = 64;

/// How long to wait before the next attempt while the store takes no writes.
const RETRY_MS: u64 = 1_000;

/// What one integration's ingest needs.
pub(crate) struct Ingest {
    pub(crate) tenant_id: TenantId,
    pub(crate) integration_id: IntegrationId,
    pub(crate) index: IndexCell,
    pub(crate) historian: Historian,
    pub(crate) recent: Arc<Recent>,
    pub(crate) bus: LiveBus,
    pub(crate) flow: mpsc::Sender<FlowMessage>,
    pub(crate) cancel: CancellationToken,
}

impl Ingest {
    /// Runs until the connector's side of the channel is closed, so that what it handed over before
    /// it stopped still becomes durable.
    pub(crate) async fn run(self, mut batches: mpsc::Receiver<Batch>) {
        let mut taken = Vec::with_capacity(MAX_BATCHES_PER_COMMIT);
        while batches.recv_many(&mut taken, MAX_BATCHES_PER_COMMIT).await > 0 {
            let Some(tenant) = self.index.load().tenant(self.tenant_id) else {
                taken.clear();
                continue;
            };
            let gaps: Vec<GapMark> = taken.iter().filter_map(|b| b.gap.clone()).collect();
            let mapped = self.map(&tenant, taken.drain(..));
            if !mapped.is_empty() && !self.store(&mapped).await {
                return;
            }
            self.announce(mapped, gaps).await;
        }
    }

    fn map(&self, tenant: &TenantIndex, batches: impl Iterator<Item = Batch>) -> Vec<Mapped> {
        let Some(routes) = tenant.routes.get(&self.integration_id) else {
            return Vec::new();
        };
        let mut mapped = Vec::new();
        for sample in batches.flat_map(|b| b.samples) {
            for route in routes.get(&sample.external_tag).into_iter().flatten() {
                let mut measurement = route.conversion.apply(&sample);
                if !is_credible(measurement.observed_at, sample.received_at) {
                    measurement.observed_at = sample.received_at;
                    if measurement.status.is_good() {
                        measurement.status = StatusCode::UNCERTAIN;
                    }
                }
                mapped.push(Mapped {
                    route: Arc::clone(route),
                    measurement,
                });
            }
        }
        mapped
    }

    /// Writes until it is durable. A full disk is waited out: the channel fills, the connector stops
    /// fetching, the source keeps its queue. Answers false when the program is closing.
    async fn store(&self, mapped: &[Mapped]) -> bool {
        loop {
            let rows = mapped.iter().map(Mapped::row).collect();
            match self.historian.append(rows).await {
                Ok(_) => return true,
                Err(error) => {
                    error!(%error, integration = %self.integration_id, "Values could not be stored; trying again.");
                }
            }
            let pause = tokio::time::sleep(std::time::Duration::from_millis(RETRY_MS));
            tokio::select! {
                () = pause => {}
                () = self.cancel.cancelled() => return false,
            }
        }
    }

    async fn announce(&self, mapped: Vec<Mapped>, gaps: Vec<GapMark>) {
        for gap in gaps {
            warn!(integration = %self.integration_id, ?gap, "Values may be missing.");
            let message = FlowMessage::Gap {
                tenant_id: self.tenant_id,
                integration_id: self.integration_id,
                gap,
            };
            if self.flow.send(message).await.is_err() {
                return;
            }
        }
        if mapped.is_empty() {
            return;
        }
        for value in &mapped {
            self.recent
                .note(value.route.mapping.signal_id, &value.measurement);
        }
        if self.bus.has_readers() {
            let samples = mapped
                .iter()
                .map(|m| LiveSample {
                    asset_id: m.route.mapping.asset_id,
                    measurement: m.measurement.clone(),
                })
                .collect();
            self.bus.publish(self.tenant_id, LiveEvent::Values(samples));
        }
        let measurements = mapped.into_iter().map(|m| m.measurement).collect();
        let message = FlowMessage::Measured {
            tenant_id: self.tenant_id,
            measurements,
        };
        // A closed channel means the program is closing; the values are durable already.
        drop(self.flow.send(message).await);
    }
}

/// A value on its way to the historian.
struct Mapped {
    route: Arc<crate::index::Route>,
    measurement: Measurement,
}

impl Mapped {
    fn row(&self) -> Row {
        Row {
            signal_no: self.route.signal_no,
            t: self.measurement.observed_at,
            value: self.measurement.value.clone(),
            status: self.measurement.status,
        }
    }
}

/// How far ahead of its arrival a value may claim to be. A source whose clock runs ahead is shown as
/// such, but a time far ahead would hide every value after it: such a value gets its arrival time and
/// an uncertain status.
const MAX_FUTURE_MS: i64 = 24 * 3_600_000;

fn is_credible(observed_at: Timestamp, received_at: Timestamp) -> bool {
    observed_at.since_ms(received_at) <= MAX_FUTURE_MS
}
