//! A row of the signal mapping: external tag → asset → metric.

use serde::{Deserialize, Serialize};

use crate::{AssetId, IntegrationId, MappingId, SignalId, TenantId};

/// One mapped tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalMapping {
    /// Id.
    pub id: MappingId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The source.
    pub integration_id: IntegrationId,
    /// The tag in the source's notation.
    pub external_tag: String,
    /// The asset it belongs to.
    pub asset_id: AssetId,
    /// The metric of that asset.
    pub metric_name: String,
    /// The signal the values are written to.
    pub signal_id: SignalId,
    /// Unit the source delivers.
    pub unit: String,
    /// Factor applied to the source's number before unit conversion.
    pub scaling_factor: f64,
    /// Added after the factor, before unit conversion.
    pub offset_value: f64,
    /// Free metadata of the tag (source's own description, unit, range).
    pub metadata_json: String,
    /// Whether values are taken.
    pub is_active: bool,
}
