//! Sites, units, assets, signals, trends, assessments.

use iq_domain::{
    AssetId, AssetStatus, Contributor, Criticality, Limits, Names, Provenance, Quality, SignalId,
    SiteId, Timestamp, UnitId,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Site {
    /// Id.
    pub id: SiteId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// IANA time zone.
    pub time_zone: String,
    /// Assets in it.
    pub asset_count: u64,
}

/// Create or change a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteInput {
    /// Code, unique in the tenant.
    pub code: String,
    /// Names.
    pub names: Names,
    /// IANA time zone.
    pub time_zone: String,
}

/// A production unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    /// Id.
    pub id: UnitId,
    /// Site.
    pub site_id: SiteId,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Assets in it.
    pub asset_count: u64,
}

/// Create or change a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitInput {
    /// Site.
    pub site_id: SiteId,
    /// Code, unique in the site.
    pub code: String,
    /// Names.
    pub names: Names,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// Id.
    pub id: AssetId,
    /// Site.
    pub site_id: SiteId,
    /// Unit.
    pub unit_id: UnitId,
    /// Site code.
    pub site_code: String,
    /// Unit code.
    pub unit_code: String,
    /// Code.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Family key.
    pub family: String,
    /// Criticality.
    pub criticality: Criticality,
    /// Equipment number.
    pub equipment_number: Option<String>,
    /// Functional location.
    pub functional_location: Option<String>,
    /// Part of.
    pub parent_id: Option<AssetId>,
    /// Codes of the assets that feed it.
    pub upstream: Vec<String>,
    /// Codes of the assets it feeds.
    pub downstream: Vec<String>,
    /// Remark.
    pub note: String,
    /// In service since: its age is counted from there.
    pub in_service_since: Option<Timestamp>,
    /// Mapped signals.
    pub mapped_signals: u64,
    /// Signals its family expects.
    pub expected_signals: u64,
}

/// Create or change an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetInput {
    /// Unit.
    pub unit_id: UnitId,
    /// Code, unique in the tenant.
    pub code: String,
    /// Names.
    pub names: Names,
    /// Family key.
    pub family: String,
    /// Criticality.
    pub criticality: Criticality,
    /// Equipment number.
    #[serde(default)]
    pub equipment_number: Option<String>,
    /// Functional location.
    #[serde(default)]
    pub functional_location: Option<String>,
    /// Part of.
    #[serde(default)]
    pub parent_id: Option<AssetId>,
    /// Codes of the assets that feed it.
    #[serde(default)]
    pub upstream: Vec<String>,
    /// Codes of the assets it feeds.
    #[serde(default)]
    pub downstream: Vec<String>,
    /// Remark.
    #[serde(default)]
    pub note: String,
    /// In service since; none where nobody knows.
    #[serde(default)]
    pub in_service_since: Option<Timestamp>,
}

/// What an import did, or would do in a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// Nothing was written.
    pub dry_run: bool,
    /// New rows.
    pub created: u64,
    /// Changed rows.
    pub updated: u64,
    /// Rows equal to what is stored.
    pub unchanged: u64,
    /// Refused rows; with any of them nothing is written.
    pub errors: Vec<ImportRowError>,
}

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportRowError {
    /// Line of the file, header = 1.
    pub row: u64,
    /// Column.
    pub column: String,
    /// Error code.
    pub code: String,
    /// Sentence in the caller's language.
    pub message: String,
}

/// A unit of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnitOfMeasure {
    /// Symbol.
    pub symbol: String,
    /// Dimension key.
    pub dimension: String,
    /// Other spellings.
    pub aliases: Vec<String>,
}

/// A signal with its last value at T and its limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalDetail {
    /// Id.
    pub id: SignalId,
    /// Asset.
    pub asset_id: AssetId,
    /// Metric key.
    pub metric: String,
    /// Names of the metric.
    pub names: Names,
    /// Unit symbol.
    pub unit: String,
    /// Computed by us.
    pub is_derived: bool,
    /// External tag, if mapped.
    pub tag: Option<String>,
    /// Source, if mapped.
    pub integration_name: Option<String>,
    /// Last value at T.
    pub value: Option<f64>,
    /// Last text at T.
    pub text: Option<String>,
    /// Its quality.
    pub quality: Option<Quality>,
    /// Its source time.
    pub observed_at: Option<Timestamp>,
    /// When it arrived, if that was after T: nobody could see it then.
    pub arrived_late_at: Option<Timestamp>,
    /// By limits.
    pub status: AssetStatus,
    /// Limits in force.
    pub limits: Limits,
    /// An engineer confirmed them.
    pub limits_confirmed: bool,
    /// Where they come from.
    pub limits_source: String,
    /// Lower end of the drawn scale.
    pub scale_low: Option<f64>,
    /// Upper end of the drawn scale.
    pub scale_high: Option<f64>,
    /// Learned normal band.
    pub baseline: Option<BaselineBand>,
}

/// The normal band learned from the asset's own history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BaselineBand {
    /// Lower edge.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
    /// Centre.
    pub centre: f64,
    /// Start of the training window.
    pub trained_from: Timestamp,
    /// End of the training window.
    pub trained_to: Timestamp,
    /// One-minute buckets behind it.
    pub buckets: u64,
}

/// A trend reduced to the pixels it will be drawn on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// Signal.
    pub signal_id: SignalId,
    /// Unit symbol.
    pub unit: String,
    /// `raw` when every stored point is in it, else `rolled_up`.
    pub provenance: Provenance,
    /// Start asked for.
    pub from: Timestamp,
    /// End asked for.
    pub to: Timestamp,
    /// Times, rising.
    pub t: Vec<i64>,
    /// Values; null is a gap: bad quality, no value, or nothing recorded.
    pub v: Vec<Option<f64>>,
    /// Positions of points whose quality is not good.
    pub bad: Vec<u32>,
}

/// A score with what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// Asset.
    pub asset_id: AssetId,
    /// Time it stands for.
    pub at: Timestamp,
    /// 0–100.
    pub health: Option<f64>,
    /// 0–100.
    pub anomaly: Option<f64>,
    /// 0–1.
    pub coverage: f64,
    /// Age of the oldest input.
    pub input_age_ms: Option<i64>,
    /// Largest first.
    pub contributors: Vec<Contributor>,
    /// Method, version, training window.
    pub model: String,
    /// Why a score is withheld.
    pub withheld_code: Option<String>,
    /// The sentence.
    pub withheld_message: Option<String>,
}
