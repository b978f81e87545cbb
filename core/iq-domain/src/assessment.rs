//! The result of scoring an asset, with what it is made of.

use serde::{Deserialize, Serialize};

use crate::{AssessmentId, AssetId, TenantId, Timestamp};

/// Why something lowers the health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContributorKind {
    /// It is not as usual.
    #[default]
    Anomaly,
    /// It lies beyond a limit.
    Limit,
    /// What is usual moves away from where it was.
    Drift,
    /// The asset has used up much of its family's usual life.
    Age,
    /// Reported defects wait.
    Defect,
    /// An alert is active.
    Alert,
}

/// What one metric contributes to the loss of health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Contributor {
    /// Why; absent in what was stored before reasons were told apart.
    #[serde(default)]
    pub kind: ContributorKind,
    /// Metric key, or "open_alert", "open_defect", "age".
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
