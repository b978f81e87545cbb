//! The digital twin.

use iq_domain::{
    AssetId, AssetStatus, Connectivity, Criticality, IncidentId, Names, SiteId, Timestamp, UnitId,
};

use crate::{Assessment, SignalDetail};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All assets as of T.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Twin {
    /// The moment.
    pub at: Timestamp,
    /// T was given.
    pub is_past: bool,
    /// Sites with their units.
    pub sites: Vec<TwinSite>,
    /// Worst first.
    pub assets: Vec<TwinAsset>,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TwinSite {
    /// Id.
    pub id: SiteId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Units.
    pub units: Vec<TwinUnit>,
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TwinUnit {
    /// Id.
    pub id: UnitId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
}

/// An asset as of T.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TwinAsset {
    /// Id.
    pub id: AssetId,
    /// Site.
    pub site_id: SiteId,
    /// Unit.
    pub unit_id: UnitId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Family key.
    pub family: String,
    /// Criticality.
    pub criticality: Criticality,
    /// Fed by.
    pub upstream: Vec<String>,
    /// Feeds.
    pub downstream: Vec<String>,
    /// Status.
    pub status: AssetStatus,
    /// Why, as a sentence.
    pub status_reason: Option<String>,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Live or demo values arrive.
    pub is_data_connected: bool,
    /// Age of the newest good value.
    pub data_age_ms: Option<i64>,
    /// Runs.
    pub is_running: Option<bool>,
    /// 0–100.
    pub health: Option<f64>,
    /// 0–100.
    pub anomaly: Option<f64>,
    /// Score with contributors.
    pub assessment: Option<Assessment>,
    /// The signal the card shows: the worst, else the family's first.
    pub key_signal: Option<SignalDetail>,
    /// All signals; only in `/api/twin/{asset_id}`.
    pub signals: Vec<SignalDetail>,
    /// Open incident.
    pub open_incident_id: Option<IncidentId>,
    /// Active alerts.
    pub active_alerts: u64,
}

/// Where somebody put an asset on the map, in pixels at full size; y grows downwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetPlace {
    /// Asset.
    pub asset_id: AssetId,
    /// Across.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// The assets somebody has moved; the others are placed by the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TwinLayout {
    /// Places.
    pub places: Vec<AssetPlace>,
}

/// A change of the map; what it does not name stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TwinLayoutChange {
    /// Moved there.
    #[serde(default)]
    pub places: Vec<AssetPlace>,
    /// To be placed by the page again.
    #[serde(default)]
    pub cleared: Vec<AssetId>,
}
