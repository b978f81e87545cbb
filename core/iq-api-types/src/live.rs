//! Server-sent events of `/api/live`.

use iq_domain::{
    AssetId, AssetStatus, Connectivity, IntegrationId, IntegrationStatus, Quality, SignalId,
    Timestamp,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A fresh value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveValue {
    /// Signal.
    pub signal_id: SignalId,
    /// Asset.
    pub asset_id: AssetId,
    /// Source time.
    pub t: Timestamp,
    /// Value.
    pub value: Option<f64>,
    /// Text.
    pub text: Option<String>,
    /// Quality.
    pub quality: Quality,
    /// Arrival here.
    pub received_at: Timestamp,
}

/// An asset's state changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetStatusChange {
    /// Asset.
    pub asset_id: AssetId,
    /// Status.
    pub status: AssetStatus,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Health.
    pub health: Option<f64>,
}

/// A connection's state changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntegrationState {
    /// Integration.
    pub id: IntegrationId,
    /// State.
    pub status: IntegrationStatus,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Last good value.
    pub last_value_at: Option<Timestamp>,
}
