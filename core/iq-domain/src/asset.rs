//! The plant's hierarchy after ISA-95: site, unit, asset, signal.

use serde::{Deserialize, Serialize};

use crate::{AssetId, Names, SignalId, SiteId, TenantId, Timestamp, UnitId};

/// A site of the tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Id.
    pub id: SiteId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Short code, unique in the tenant ("RAS").
    pub code: String,
    /// Names.
    pub names: Names,
    /// IANA time zone shown for the site.
    pub time_zone: String,
}

/// A production unit of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Id.
    pub id: UnitId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The site it belongs to.
    pub site_id: SiteId,
    /// Short code, unique in the site ("U100").
    pub code: String,
    /// Names.
    pub names: Names,
}

/// How much the loss of an asset hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Weight 0.5 in the documented priority score.
    Low,
    /// Weight 1.0.
    Medium,
    /// Weight 1.5.
    High,
    /// Weight 2.0.
    Critical,
}

/// An asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Id.
    pub id: AssetId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The unit it stands in.
    pub unit_id: UnitId,
    /// Code, unique in the tenant ("P-102A").
    pub code: String,
    /// Names.
    pub names: Names,
    /// Family key of the template catalogue ("centrifugal_pump").
    pub family: String,
    /// Criticality.
    pub criticality: Criticality,
    /// Number in the maintenance system.
    pub equipment_number: Option<String>,
    /// Functional location in the maintenance system.
    pub functional_location: Option<String>,
    /// The asset it is part of.
    pub parent_id: Option<AssetId>,
    /// Codes of the assets that feed it.
    pub upstream: Vec<String>,
    /// Codes of the assets it feeds.
    pub downstream: Vec<String>,
    /// Free remark (rating, service).
    pub note: String,
    /// In service since.
    pub effective_from: Option<Timestamp>,
    /// Out of service since.
    pub effective_to: Option<Timestamp>,
}

/// Whether a signal is measured or computed by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Read from a source.
    Measured,
    /// Computed (health, anomaly …).
    Derived,
}

/// A series of an asset: one metric in one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Id.
    pub id: SignalId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// Metric key ("vibration_de"); unique per asset.
    pub metric: String,
    /// Unit symbol of the catalogue ("mm/s").
    pub unit: String,
    /// Measured or derived.
    pub kind: SignalKind,
    /// Dense number of the series in the historian (below 2^19).
    pub signal_no: u32,
}
