//! Looking for incidents in the past.

use iq_domain::{AssetId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which past is looked through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectionRequest {
    /// From here on; a year before the end if absent.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Until before here; now if absent.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Only incidents that begin at this asset.
    #[serde(default)]
    pub asset_id: Option<AssetId>,
}
