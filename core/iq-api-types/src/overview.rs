//! The dashboard in one answer.

use iq_domain::{
    AssetId, AssetStatus, Connectivity, IntegrationId, Names, Severity, SignalId, Timestamp,
};

use crate::{Assessment, IncidentRow, StatusMessage};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything the dashboard shows, as of T.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// The moment.
    pub at: Timestamp,
    /// Assets by status.
    pub counts: StatusCounts,
    /// Criticality-weighted mean of the known health scores.
    pub health_mean: Option<f64>,
    /// Share of assets with a health score, 0–1.
    pub health_coverage: f64,
    /// Open or investigating.
    pub open_incidents: u64,
    /// Start of the oldest.
    pub oldest_open_incident_at: Option<Timestamp>,
    /// Activations in the hour before T.
    pub alerts_per_hour: f64,
    /// Activations per hour, the 24 hours before T, oldest first.
    pub alerts_by_hour: Vec<u64>,
    /// Signals with a fresh good value.
    pub signals_live: u64,
    /// Mapped signals.
    pub signals_total: u64,
    /// Worst first, at most 20.
    pub attention: Vec<AttentionRow>,
    /// Open ones, worst first, at most 10.
    pub incidents: Vec<IncidentRow>,
    /// Lowest health first, at most 10.
    pub worst_assets: Vec<WorstAsset>,
    /// Per integration.
    pub sources: Vec<SourceFreshness>,
}

/// Assets by status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusCounts {
    /// Critical.
    pub critical: u64,
    /// Warning.
    pub warning: u64,
    /// Normal.
    pub normal: u64,
    /// Unknown.
    pub unknown: u64,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttentionRow {
    /// Asset.
    pub asset_id: AssetId,
    /// Code.
    pub asset_code: String,
    /// Names.
    pub asset_names: Names,
    /// Status.
    pub status: AssetStatus,
    /// Severity.
    pub severity: Severity,
    /// Why, as a sentence.
    pub reason: StatusMessage,
    /// Signal it is about.
    pub signal_id: Option<SignalId>,
    /// Its metric.
    pub metric: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Its value.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Option<String>,
    /// Its limits.
    pub limits: Option<iq_domain::Limits>,
    /// Drawn scale.
    pub scale_low: Option<f64>,
    /// Drawn scale.
    pub scale_high: Option<f64>,
    /// Normal band.
    pub baseline_low: Option<f64>,
    /// Normal band.
    pub baseline_high: Option<f64>,
    /// Since when.
    pub since: Timestamp,
    /// Incident.
    pub incident_id: Option<iq_domain::IncidentId>,
    /// Alert.
    pub alert_id: Option<iq_domain::AlertId>,
}

/// An asset with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorstAsset {
    /// Asset.
    pub asset_id: AssetId,
    /// Code.
    pub asset_code: String,
    /// Names.
    pub asset_names: Names,
    /// Status.
    pub status: AssetStatus,
    /// Score with contributors.
    pub assessment: Assessment,
}

/// How fresh a source is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceFreshness {
    /// Source.
    pub integration_id: IntegrationId,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Last good value.
    pub last_value_at: Option<Timestamp>,
    /// 48 half-hours before T, oldest first: 0 nothing, 1 some, 2 full.
    pub strip: Vec<u8>,
}
