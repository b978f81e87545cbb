//! What a maintenance plan is bound to beside people and money: when machines stand anyway, and which
//! parts are in store.

use crate::{AssetId, OutageId, SiteId, SparePartId, TenantId, Timestamp, UnitId};

/// A planned outage: for so long a site, a unit or an asset stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Id.
    pub id: OutageId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The site.
    pub site_id: SiteId,
    /// Only this unit of it.
    pub unit_id: Option<UnitId>,
    /// Only this asset of it; then no unit is named.
    pub asset_id: Option<AssetId>,
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

impl Outage {
    /// The longest there is: two years.
    pub const LONGEST_MS: i64 = 2 * 366 * 86_400_000;

    /// Whether something of this place stands in it.
    #[must_use]
    pub fn covers(&self, site: SiteId, unit: UnitId, asset: AssetId) -> bool {
        match (self.asset_id, self.unit_id) {
            (Some(only), _) => only == asset,
            (None, Some(only)) => only == unit,
            (None, None) => self.site_id == site,
        }
    }
}

/// A spare part in the store of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct SparePart {
    /// Id.
    pub id: SparePartId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Whose store.
    pub site_id: SiteId,
    /// Material number, unique in the store; parts of work orders name it.
    pub code: String,
    /// What it is.
    pub title: String,
    /// Pieces that can be taken now.
    pub on_hand: f64,
    /// What has been ordered.
    pub expected: Option<PartArrival>,
    /// Days from an order to its arrival, where they are known.
    pub lead_time_days: Option<u32>,
    /// Remark.
    pub note: String,
    /// Last change.
    pub changed_at: Timestamp,
}

/// Pieces that arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartArrival {
    /// When they can be taken.
    pub at: Timestamp,
    /// How many.
    pub quantity: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_place_that_is_named_counts() {
        let (site, unit, asset) = (SiteId::new(), UnitId::new(), AssetId::new());
        let mut outage = Outage {
            id: OutageId::new(),
            tenant_id: TenantId::new(),
            site_id: site,
            unit_id: None,
            asset_id: None,
            title: "x".to_owned(),
            from: Timestamp(0),
            to: Timestamp(1),
            note: String::new(),
            changed_at: Timestamp(0),
        };
        assert!(outage.covers(site, unit, asset));
        assert!(!outage.covers(SiteId::new(), unit, asset));
        outage.unit_id = Some(unit);
        assert!(outage.covers(site, unit, AssetId::new()));
        assert!(!outage.covers(site, UnitId::new(), asset));
        (outage.unit_id, outage.asset_id) = (None, Some(asset));
        assert!(outage.covers(site, unit, asset));
        assert!(!outage.covers(site, unit, AssetId::new()));
    }
}
