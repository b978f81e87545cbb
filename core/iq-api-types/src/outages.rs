//! Planned outages and spare parts: what a maintenance plan is bound to beside people and money.

use iq_domain::{AssetId, OutageId, SiteId, SparePartId, Timestamp, UnitId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A planned outage: for so long a site, a unit or an asset stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outage {
    /// Id.
    pub id: OutageId,
    /// The site.
    pub site_id: SiteId,
    /// Its code.
    pub site_code: String,
    /// IANA zone of the site.
    pub time_zone: String,
    /// Only this unit.
    pub unit_id: Option<UnitId>,
    /// Its code.
    pub unit_code: Option<String>,
    /// Only this asset.
    pub asset_id: Option<AssetId>,
    /// Its code.
    pub asset_code: Option<String>,
    /// What it is called.
    pub title: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub to: Timestamp,
    /// Remark.
    pub note: String,
    /// Last change.
    pub changed_at: Timestamp,
}

/// Create or change a planned outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutageInput {
    /// The site.
    pub site_id: SiteId,
    /// Only this unit of it.
    #[serde(default)]
    pub unit_id: Option<UnitId>,
    /// Only this asset of it; then no unit is named.
    #[serde(default)]
    pub asset_id: Option<AssetId>,
    /// What it is called.
    pub title: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub to: Timestamp,
    /// Remark.
    #[serde(default)]
    pub note: String,
}

/// A spare part in the store of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SparePart {
    /// Id.
    pub id: SparePartId,
    /// Whose store.
    pub site_id: SiteId,
    /// Its code.
    pub site_code: String,
    /// Material number, as parts of work orders name it.
    pub code: String,
    /// What it is.
    pub title: String,
    /// Pieces that can be taken now.
    pub on_hand: f64,
    /// Pieces that have been ordered.
    pub expected_quantity: Option<f64>,
    /// When they can be taken.
    pub expected_at: Option<Timestamp>,
    /// They should be here and are not booked in; plans don't count on them.
    pub is_overdue: bool,
    /// Days from an order to its arrival.
    pub lead_time_days: Option<u32>,
    /// Remark.
    pub note: String,
    /// Last change.
    pub changed_at: Timestamp,
}

/// Create or change a spare part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SparePartInput {
    /// Whose store.
    pub site_id: SiteId,
    /// Material number, unique in the store.
    pub code: String,
    /// What it is.
    pub title: String,
    /// Pieces that can be taken now.
    pub on_hand: f64,
    /// Pieces that have been ordered; with `expected_at`.
    #[serde(default)]
    pub expected_quantity: Option<f64>,
    /// When they can be taken; with `expected_quantity`.
    #[serde(default)]
    pub expected_at: Option<Timestamp>,
    /// Days from an order to its arrival.
    #[serde(default)]
    pub lead_time_days: Option<u32>,
    /// Remark.
    #[serde(default)]
    pub note: String,
}
