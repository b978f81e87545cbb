//! The shape of an asset-family template; the templates are data files in `iq-mapping`.

use serde::{Deserialize, Serialize};

use crate::Names;

/// Limits of a metric, in the metric's unit. A limit nobody confirmed is shown as "default".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Low-low: critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_low: Option<f64>,
    /// Low: warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// High: warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// High-high: critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_high: Option<f64>,
}

impl Limits {
    /// Whether no limit is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One expected metric of a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MetricTemplate {
    /// Metric key ("vibration_de").
    pub metric: String,
    /// Names.
    pub names: Names,
    /// Unit symbol.
    pub unit: String,
    /// Weight in the health score, 0 where the metric says nothing about condition.
    #[serde(default)]
    pub health_weight: f64,
    /// Whether the metric tells that the machine runs ("run_status"); at most one per family.
    #[serde(default)]
    pub is_running_state: bool,
    /// Whether the metric tells it where no state signal is mapped (a motor's current): a machine
    /// runs while it is above a fifth of its high limit.
    #[serde(default)]
    pub is_running_proxy: bool,
    /// Default limits with their source.
    #[serde(default)]
    pub limits: Limits,
    /// Standard or practice the limits come from.
    #[serde(default)]
    pub limits_source: String,
    /// Lower end of the scale a screen draws.
    #[serde(default)]
    pub scale_low: Option<f64>,
    /// Upper end of the scale a screen draws.
    #[serde(default)]
    pub scale_high: Option<f64>,
}

/// An asset family: what is expected of its members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FamilyTemplate {
    /// Key ("centrifugal_pump").
    pub family: String,
    /// Names.
    pub names: Names,
    /// Version of the template data.
    pub version: u32,
    /// Time a machine needs to settle after a start before limits and scores apply.
    pub settle_s: u32,
    /// Expected metrics.
    pub metrics: Vec<MetricTemplate>,
}
