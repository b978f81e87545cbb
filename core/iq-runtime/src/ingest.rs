//! The write path of values: raw samples of one integration → mapping → historian → live bus → rules.
//!
//! A batch goes on only after the historian has committed it: what a page or a rule sees is durable.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use iq_connector::{Batch, CursorMark, GapMark, Purpose};
use iq_domain::{
    CodedError, ErrorKind, IntegrationId, Measurement, SignalId, SourceRecord, StatusCode,
    TenantId, Timestamp,
};
use iq_historian::Row;
use iq_store::{
    integrations,
    late_values::{self, LateStretch},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::{
    Inner, LiveEvent, LiveSample, event_lane::EventLane, flow::FlowMessage, index::TenantIndex,
    meter::Meter, records::store_records,
};

/// Batches taken together into one commit.
const MAX_BATCHES_PER_COMMIT: usize = 64;

/// From this age on a value came late: a page showed that moment without it.
const LATE_MS: i64 = 5 * 60_000;

/// How long to wait before the next attempt while the store takes no writes.
const RETRY: Duration = Duration::from_secs(1);

/// What one integration's ingest needs.
#[derive(Clone)]
pub(crate) struct Ingest {
    pub(crate) inner: Arc<Inner>,
    pub(crate) tenant_id: TenantId,
    pub(crate) integration_id: IntegrationId,
    pub(crate) meter: Arc<Meter>,
}

impl Ingest {
    /// Runs until the connector's side of the channel is closed, so that what it handed over before
    /// it stopped still becomes durable.
    pub(crate) async fn run(self, mut batches: mpsc::Receiver<Batch>) {
        let mut taken = Vec::with_capacity(MAX_BATCHES_PER_COMMIT);
        let mut reached = Reached::default();
        let lane = EventLane::start(self.clone());
        loop {
            let next = batches.recv_many(&mut taken, MAX_BATCHES_PER_COMMIT);
            let count = if reached.is_empty() {
                next.await
            } else {
                // A position that could not be written down is tried again while the source rests.
                match tokio::time::timeout(RETRY, next).await {
                    Ok(count) => count,
                    Err(_) => {
                        self.keep(&mut reached).await;
                        continue;
                    }
                }
            };
            if count == 0 {
                break;
            }
            self.meter.took(count, batches.len());
            let Some(tenant) = self.inner.index.load().tenant(self.tenant_id) else {
                taken.clear();
                continue;
            };
            if !self
                .take(&tenant, taken.drain(..), &lane, &mut reached)
                .await
            {
                return;
            }
            self.meter.stored(batches.len());
        }
        self.keep(&mut reached).await;
        lane.close().await;
    }

    /// Makes batches durable, then tells of them, then writes down how far the source was read.
    /// Answers false when the program is closing.
    async fn take(
        &self,
        tenant: &TenantIndex,
        batches: impl Iterator<Item = Batch>,
        lane: &EventLane,
        reached: &mut Reached,
    ) -> bool {
        let (mut mapped, mut past) = (Vec::new(), Vec::new());
        let (mut gaps, mut records, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for batch in batches {
            count += batch.samples.len();
            gaps.extend(batch.gap);
            if batch.lost_events > 0 {
                lane.lost(batch.lost_events);
            }
            if batch.cursors.is_empty() {
                // Nothing says from where to read these again: values must not wait for them.
                let (events, others): (Vec<_>, Vec<_>) =
                    batch.records.into_iter().partition(is_event);
                lane.offer(events);
                records.extend(others);
            } else {
                records.extend(batch.records);
            }
            marks.extend(batch.cursors);
            let target = match batch.purpose {
                Purpose::Live => &mut mapped,
                Purpose::BackFill => &mut past,
            };
            self.map(tenant, batch.samples, target);
        }
        let has_values = !mapped.is_empty() || !past.is_empty();
        let late = self.late(mapped.iter().chain(&past));
        if has_values && !self.store(&mapped, &past).await {
            return false;
        }
        self.note_late(late).await;
        self.meter.count(count, self.inner.clock.now());
        self.note_past(&past);
        self.announce(mapped, gaps).await;
        if !records.is_empty() && !self.store_records(records).await {
            return false;
        }
        reached.take(marks);
        self.keep(reached).await;
        true
    }

    fn map(&self, tenant: &TenantIndex, samples: Vec<iq_domain::RawSample>, out: &mut Vec<Mapped>) {
        let Some(routes) = tenant.routes.get(&self.integration_id) else {
            return;
        };
        for sample in samples {
            for route in routes.get(&sample.external_tag).into_iter().flatten() {
                let mut measurement = route.conversion.apply(&sample);
                if !is_credible(measurement.observed_at, sample.received_at) {
                    measurement.observed_at = sample.received_at;
                    if measurement.status.is_good() {
                        measurement.status = StatusCode::UNCERTAIN;
                    }
                }
                out.push(Mapped {
                    route: Arc::clone(route),
                    measurement,
                });
            }
        }
    }

    /// Stretches that come long after their time: after an outage, or from a gateway that kept them. A
    /// source that repeats its last value when it is connected again is not late.
    fn late<'a>(&self, values: impl Iterator<Item = &'a Mapped>) -> Vec<LateStretch> {
        let mut stretches: HashMap<SignalId, LateStretch> = HashMap::new();
        for value in values {
            let (at, arrived_at) = (value.measurement.observed_at, value.measurement.received_at);
            let last = || self.inner.historian.last(value.route.signal_no);
            if arrived_at.since_ms(at) < LATE_MS || last().is_some_and(|p| p.t == at) {
                continue;
            }
            let signal_id = value.route.mapping.signal_id;
            let stretch = stretches.entry(signal_id).or_insert(LateStretch {
                signal_id,
                from: at,
                to: at,
                arrived_at,
            });
            stretch.from = stretch.from.min(at);
            stretch.to = stretch.to.max(at);
            stretch.arrived_at = stretch.arrived_at.min(arrived_at);
        }
        stretches.into_values().collect()
    }

    /// Notes which values came late. It is a mark beside the values: without it they still count.
    async fn note_late(&self, late: Vec<LateStretch>) {
        if late.is_empty() {
            return;
        }
        let tenant = self.tenant_id;
        let written = self.inner.store.write(move |tx| {
            late.iter()
                .try_for_each(|stretch| late_values::put_late_values(tx, tenant, stretch))
        });
        if let Err(error) = written.await {
            warn!(%error, integration = %self.integration_id, "Late values could not be marked as such.");
        }
    }

    /// Writes until it is durable. A full disk is waited out, also while the room kept back for people
    /// would take it: the channel fills, the connector stops
    /// fetching, the source keeps its queue. Answers false when the program is closing.
    async fn store(&self, mapped: &[Mapped], past: &[Mapped]) -> bool {
        loop {
            if self.inner.reserve.takes_values() {
                let rows = past.iter().chain(mapped).map(Mapped::row).collect();
                match self.inner.historian.append(rows).await {
                    Ok(_) => return true,
                    Err(error) => {
                        error!(%error, integration = %self.integration_id, "Values could not be stored; trying again.");
                    }
                }
            }
            if !self.rest().await {
                return false;
            }
        }
    }

    /// Work orders, equipment and events, until they are durable. While they are not, the integration
    /// says so and nothing that came after them is taken.
    pub(crate) async fn store_records(&self, records: Vec<SourceRecord>) -> bool {
        let records: Arc<[SourceRecord]> = records.into();
        loop {
            match self.try_records(&records).await {
                Ok(()) => {
                    self.meter.records_wait(None);
                    let events = records.iter().filter(|r| is_event(r)).count();
                    self.meter.count_events(events, self.inner.clock.now());
                    return true;
                }
                Err(error) => {
                    error!(%error, integration = %self.integration_id, records = records.len(), "Records could not be stored; trying again.");
                    let told = CodedError {
                        code: "integrations.records_waiting",
                        ..error
                    };
                    self.meter.records_wait(Some(told));
                }
            }
            if !self.rest().await {
                return false;
            }
        }
    }

    /// Stores records once, where they may use the room there is.
    async fn try_records(&self, records: &Arc<[SourceRecord]>) -> Result<(), CodedError> {
        if !self.inner.reserve.takes_records() {
            return Err(CodedError::new(ErrorKind::Unavailable, "store.disk_full"));
        }
        let records = Arc::clone(records);
        store_records(&self.inner, self.tenant_id, self.integration_id, records).await
    }

    /// Writes positions down. What fails stays in `reached` for the next attempt: a position that is
    /// behind costs reading something twice, one that is ahead would lose it.
    async fn keep(&self, reached: &mut Reached) {
        if reached.is_empty() {
            return;
        }
        let (tenant, id, now) = (self.tenant_id, self.integration_id, self.inner.clock.now());
        let rows: Vec<(String, String)> = reached
            .0
            .iter()
            .map(|(name, position)| (name.clone(), position.to_string()))
            .collect();
        let written = self.inner.store.write(move |tx| {
            rows.iter().try_for_each(|(name, position)| {
                integrations::put_cursor(tx, tenant, id, name, position, now)
            })
        });
        match written.await {
            Ok(()) => reached.0.clear(),
            Err(error) => {
                warn!(%error, integration = %id, "How far a source was read could not be written down.");
            }
        }
    }

    /// Waits before the next attempt; false when the program is closing.
    async fn rest(&self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => true,
            () = self.inner.cancel.cancelled() => false,
        }
    }

    /// The past tells only that a source delivers at all; it makes nothing look newer than it is.
    fn note_past(&self, past: &[Mapped]) {
        for value in past {
            self.inner
                .recent
                .note_past(value.route.mapping.signal_id, &value.measurement);
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
            if self.inner.flow.send(message).await.is_err() {
                return;
            }
        }
        if mapped.is_empty() {
            return;
        }
        for value in &mapped {
            self.inner
                .recent
                .note(value.route.mapping.signal_id, &value.measurement);
        }
        if self.inner.bus.has_readers() {
            let samples = mapped
                .iter()
                .map(|m| LiveSample {
                    asset_id: m.route.mapping.asset_id,
                    measurement: m.measurement.clone(),
                })
                .collect();
            self.inner
                .bus
                .publish(self.tenant_id, LiveEvent::Values(samples));
        }
        let measurements = mapped.into_iter().map(|m| m.measurement).collect();
        let message = FlowMessage::Measured {
            tenant_id: self.tenant_id,
            measurements,
        };
        // A closed channel means the program is closing; the values are durable already.
        drop(self.inner.flow.send(message).await);
    }
}

/// Positions whose batches are durable and that are not written down yet; the last one of a name
/// counts.
#[derive(Default)]
struct Reached(BTreeMap<String, Value>);

impl Reached {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, marks: Vec<CursorMark>) {
        self.0
            .extend(marks.into_iter().map(|m| (m.name, m.position)));
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

fn is_event(record: &SourceRecord) -> bool {
    matches!(record, SourceRecord::Event(_))
}

/// How far ahead of its arrival a value may claim to be. A source whose clock runs ahead is shown as
/// such, but a time far ahead would hide every value after it: such a value gets its arrival time and
/// an uncertain status.
const MAX_FUTURE_MS: i64 = 24 * 3_600_000;

fn is_credible(observed_at: Timestamp, received_at: Timestamp) -> bool {
    observed_at.since_ms(received_at) <= MAX_FUTURE_MS
}
