//! The state of an asset at a moment: what the digital twin shows.

use serde::{Deserialize, Serialize};

use crate::{AssetId, Connectivity, Quality, SignalId, Timestamp};

/// Condition of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssetStatus {
    /// Nothing is known; worse than a guess.
    Unknown,
    /// Nothing abnormal.
    Normal,
    /// Needs attention.
    Warning,
    /// Needs action now.
    Critical,
}

/// One signal of an asset at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalState {
    /// The signal.
    pub signal_id: SignalId,
    /// Metric key.
    pub metric: String,
    /// Unit symbol.
    pub unit: String,
    /// Last value at that moment.
    pub value: Option<f64>,
    /// Last text for text signals.
    pub text: Option<String>,
    /// Its quality.
    pub quality: Option<Quality>,
    /// Its source time.
    pub observed_at: Option<Timestamp>,
    /// Status by limits.
    pub status: AssetStatus,
}

/// An asset at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetState {
    /// The asset.
    pub asset_id: AssetId,
    /// The moment.
    pub at: Timestamp,
    /// Condition.
    pub status: AssetStatus,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Age of the newest good value.
    pub data_age_ms: Option<i64>,
    /// Whether the machine runs; `None` where nothing tells.
    pub is_running: Option<bool>,
    /// Health 0–100, or `None` with a reason in the assessment.
    pub health: Option<f64>,
    /// Anomaly 0–100.
    pub anomaly: Option<f64>,
    /// Signals.
    pub signals: Vec<SignalState>,
}
