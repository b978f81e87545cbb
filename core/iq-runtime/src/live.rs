//! The live bus: what has just become durable, for pages that are open.
//!
//! Slow readers lose messages, never the writers: a page that falls behind asks again for the state.

use std::sync::Arc;

use iq_domain::{
    Alert, AssetId, AssetStatus, Connectivity, Incident, IntegrationId, IntegrationStatus,
    Measurement, Notification, TenantId, Timestamp,
};
use tokio::sync::broadcast;

/// How many messages a reader may lag behind.
const BUS_CAPACITY: usize = 1_024;

/// Something that just happened.
#[derive(Clone, Debug)]
pub enum LiveEvent {
    /// Values that are stored now.
    Values(Vec<LiveSample>),
    /// An alert was raised, changed or cleared.
    Alert(Alert),
    /// An incident was opened or changed.
    Incident(Incident),
    /// An integration changed its state.
    Integration {
        /// Which.
        id: IntegrationId,
        /// New state.
        status: IntegrationStatus,
        /// Its connectivity.
        connectivity: Connectivity,
        /// Last good value.
        last_value_at: Option<Timestamp>,
    },
    /// A background job moved on.
    Job(iq_store::jobs::Job),
    /// A user was told something.
    Notification(Notification),
    /// Assets whose status, connectivity or health changed.
    Assets(Vec<AssetChange>),
}

/// A stored value with its asset.
#[derive(Clone, Debug)]
pub struct LiveSample {
    /// The asset.
    pub asset_id: AssetId,
    /// The value.
    pub measurement: Measurement,
}

/// A changed asset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssetChange {
    /// The asset.
    pub asset_id: AssetId,
    /// Status now.
    pub status: AssetStatus,
    /// Connectivity now.
    pub connectivity: Connectivity,
    /// Health now.
    pub health: Option<f64>,
}

/// A message with its tenant; readers filter on it.
#[derive(Clone, Debug)]
pub struct LiveMessage {
    /// Whose.
    pub tenant_id: TenantId,
    /// What.
    pub event: LiveEvent,
}

/// The sending side.
#[derive(Clone, Debug)]
pub struct LiveBus(broadcast::Sender<Arc<LiveMessage>>);

impl LiveBus {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BUS_CAPACITY).0)
    }

    /// A reader that sees everything from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<LiveMessage>> {
        self.0.subscribe()
    }

    /// Tells open pages what has just become durable.
    pub fn publish(&self, tenant_id: TenantId, event: LiveEvent) {
        // An error only says that no page is open.
        drop(self.0.send(Arc::new(LiveMessage { tenant_id, event })));
    }

    /// Whether anybody listens; spares building messages nobody reads.
    pub(crate) fn has_readers(&self) -> bool {
        self.0.receiver_count() > 0
    }
}
