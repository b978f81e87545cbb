//! How often assets fail and how long they are away.

use iq_domain::{AssetId, Names, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What operating hours are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReliabilityBasis {
    /// Hours in which it was seen to run.
    Running,
    /// Hours in service in which it is not known to have stood.
    Calendar,
    /// Some assets this, some that.
    Mixed,
}

/// Why a figure is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReliabilityReason {
    /// Nothing failed: there is a lower bound only.
    NoFailure,
    /// Too few hours.
    FewHours,
    /// No failure says when it was repaired.
    NoRepair,
    /// No failure that is known to have stopped anything.
    NoStop,
    /// Some failures stopped it for nobody knows how long.
    OpenEnded,
}

/// Mean time between failures, in hours, with its 90 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityMtbf {
    /// Operating hours by failures.
    pub hours: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// It rests on fewer than three failures.
    pub is_few: bool,
}

/// A mean in hours, and how many it is of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityMean {
    /// Hours.
    pub hours: f64,
    /// Of so many.
    pub of: u32,
}

/// Why figures are withheld; absent where they are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityReasons {
    /// Mean time between failures.
    pub mtbf: Option<ReliabilityReason>,
    /// Mean active repair.
    pub mttr: Option<ReliabilityReason>,
    /// Mean down time.
    pub mdt: Option<ReliabilityReason>,
    /// Inherent availability.
    pub inherent: Option<ReliabilityReason>,
    /// Operational availability.
    pub operational: Option<ReliabilityReason>,
}

/// Figures of one asset or several.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityFigures {
    /// Assets.
    pub assets: u32,
    /// Failures that began in the period.
    pub failures: u32,
    /// Operating hours.
    pub operating_h: f64,
    /// What those are; absent without assets.
    pub basis: Option<ReliabilityBasis>,
    /// Hours in service in which failures would be known.
    pub service_h: f64,
    /// Hours it stood for failures.
    pub down_h: f64,
    /// Hours it stood for other work.
    pub planned_h: f64,
    /// Mean time between failures.
    pub mtbf: Option<ReliabilityMtbf>,
    /// What the mean time between failures is at least (95 %, one side), also without a failure.
    pub mtbf_at_least_h: Option<f64>,
    /// Mean active repair (MTTR).
    pub mttr: Option<ReliabilityMean>,
    /// Mean down time of a failure that stopped it.
    pub mdt: Option<ReliabilityMean>,
    /// Inherent availability: MTBF / (MTBF + MTTR), 0–1.
    pub inherent: Option<f64>,
    /// Operational availability: share of the time in service in which it did not stand for a failure or
    /// planned work, 0–1.
    pub operational: Option<f64>,
    /// Why figures are withheld.
    pub withheld: ReliabilityReasons,
}

/// What assets are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReliabilityGrouping {
    /// Code of the site.
    Site,
    /// Family key.
    Family,
    /// Criticality.
    Criticality,
}

/// Figures of several assets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityGroup {
    /// What they have in common.
    pub by: ReliabilityGrouping,
    /// Its word: code of a site, family, criticality.
    pub key: String,
    /// Their figures.
    pub figures: ReliabilityFigures,
}

/// Figures of an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetReliability {
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: Names,
    /// Family.
    pub family: String,
    /// Code of its site.
    pub site_code: String,
    /// Its figures.
    pub figures: ReliabilityFigures,
}

/// Failures and availability of a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityReport {
    /// Start of the period.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Since when failures are known: nothing is counted from before. Absent where there is no work order
    /// at all, and with it everything that could be said.
    pub known_since: Option<Timestamp>,
    /// Order types that stand for a failure.
    pub failure_types: Vec<String>,
    /// How sure the intervals are, 0–1.
    pub confidence: f64,
    /// Operating hours below which nothing is said.
    pub min_hours: f64,
    /// Assets whose every value comes from a demonstration: they are left out.
    pub made_up: u32,
    /// All assets.
    pub total: ReliabilityFigures,
    /// Per site, family and criticality.
    pub groups: Vec<ReliabilityGroup>,
    /// Per asset.
    pub assets: Vec<AssetReliability>,
}

/// What counts as a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliabilitySettings {
    /// Types of orders and notifications that stand for a failure ("M2"), at most 20.
    pub failure_types: Vec<String>,
}
