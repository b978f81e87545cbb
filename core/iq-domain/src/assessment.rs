//! The result of scoring an asset, with what it is made of.

use serde::{Deserialize, Serialize};

use crate::{AssessmentId, AssetId, TenantId, Timestamp};

/// What one metric contributes to the loss of health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Contributor {
    /// Metric key, or "open_alert".
    pub metric: String,
    /// Last value.
    pub value: Option<f64>,
    /// Centre of the baseline.
    pub baseline: Option<f64>,
    /// Robust deviation from the baseline, signed.
    pub z: Option<f64>,
    /// Health points it costs (0–100).
    pub points: f64,
}

/// One assessment of an asset. An absent score means "not enough data", with the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// Id.
    pub id: AssessmentId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// Time it stands for.
    pub at: Timestamp,
    /// Health 0–100.
    pub health: Option<f64>,
    /// Anomaly score 0–100.
    pub anomaly: Option<f64>,
    /// Share of expected inputs with fresh, good values, 0–1.
    pub coverage: f64,
    /// Age of the oldest input that counted, in ms.
    pub input_age_ms: Option<i64>,
    /// Contributors, largest first.
    pub contributors: Vec<Contributor>,
    /// Name and version of the method with its training window.
    pub model: String,
    /// Why a score is withheld ("score.not_enough_history", …).
    pub withheld_code: Option<String>,
    /// Arguments of that sentence.
    pub withheld_params: serde_json::Value,
}
