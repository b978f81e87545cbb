//! The watch list: signals that came near a trip and returned.

use iq_domain::{AssetId, Names, SignalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which trip limit was approached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSide {
    /// The high one.
    High,
    /// The low one.
    Low,
}

/// Why a signal is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NearMissKind {
    /// It used at least 70 % of the band between warning and trip limit once.
    Close,
    /// It entered the band at least three times within seven days.
    Repeated,
}

/// A stay between warning and trip limit that ended without a trip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearMissStay {
    /// First minute in the band.
    pub from: Timestamp,
    /// First minute after it.
    pub to: Timestamp,
    /// The value nearest to the trip limit.
    pub peak: f64,
    /// Its minute.
    pub peak_at: Timestamp,
    /// Share of the band that was used, 0 to below 1.
    pub used: f64,
}

/// A signal on the watch list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearMiss {
    /// Signal.
    pub signal_id: SignalId,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: Names,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// Unit.
    pub unit: String,
    /// Which limit.
    pub side: LimitSide,
    /// Why it is on the list.
    pub kind: NearMissKind,
    /// Warning limit.
    pub warning: f64,
    /// Trip limit.
    pub trip: f64,
    /// The stay nearest to the trip limit.
    pub closest: NearMissStay,
    /// Stays in the stretch of time.
    pub count: u64,
    /// The newest of them, newest first, ≤ 20.
    pub stays: Vec<NearMissStay>,
}

/// The watch list of a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WatchList {
    /// Start.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
    /// Nearest to a trip first.
    pub signals: Vec<NearMiss>,
    /// Signals with a warning and a trip limit that were looked at.
    pub looked_at: u64,
    /// There are more of them than are looked at in one answer.
    pub is_cut: bool,
}
