//! The signal mapping.

use iq_domain::{AssetId, IntegrationId, MappingId, Names, Quality, SignalId, Timestamp};

use crate::FieldProblem;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A mapped tag with its live value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mapping {
    /// Id.
    pub id: MappingId,
    /// Source.
    pub integration_id: IntegrationId,
    /// Its name.
    pub integration_name: String,
    /// Tag.
    pub external_tag: String,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Metric key.
    pub metric_name: String,
    /// Names of the metric.
    pub metric_names: Names,
    /// Signal.
    pub signal_id: SignalId,
    /// Unit the source delivers.
    pub unit: String,
    /// Unit of the signal.
    pub signal_unit: String,
    /// Factor.
    pub scaling_factor: f64,
    /// Offset.
    pub offset_value: f64,
    /// Values are taken.
    pub is_active: bool,
    /// Last value in the signal's unit.
    pub value: Option<f64>,
    /// Last text.
    pub text: Option<String>,
    /// Its quality.
    pub quality: Option<Quality>,
    /// Its source time.
    pub observed_at: Option<Timestamp>,
}

/// Create or change a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingInput {
    /// Source.
    pub integration_id: IntegrationId,
    /// Tag, ≤ 1,024 characters.
    pub external_tag: String,
    /// Asset.
    pub asset_id: AssetId,
    /// Metric key of the family, or a new one with its unit.
    pub metric_name: String,
    /// Unit the source delivers.
    pub unit: String,
    /// Factor.
    #[serde(default = "super::one")]
    pub scaling_factor: f64,
    /// Offset.
    #[serde(default)]
    pub offset_value: f64,
    /// Free metadata, ≤ 8 KiB.
    #[serde(default)]
    pub metadata_json: serde_json::Value,
    /// Values are taken.
    #[serde(default = "super::yes")]
    pub is_active: bool,
}

/// What a mapping would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingPreview {
    /// Empty = can be saved.
    pub problems: Vec<FieldProblem>,
    /// Unit of the signal.
    pub signal_unit: Option<String>,
    /// Value as the source sent it.
    pub raw_value: serde_json::Value,
    /// Its quality.
    pub raw_quality: Option<Quality>,
    /// Value after scale, offset and conversion.
    pub value: Option<f64>,
    /// Why no value could be read, as a sentence.
    pub read_error: Option<String>,
}

/// Ask for suggestions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestRequest {
    /// Source.
    pub integration_id: IntegrationId,
    /// Tags, ≤ 500.
    pub tags: Vec<SuggestTag>,
}

/// A tag to place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuggestTag {
    /// External tag.
    pub tag: String,
    /// Shown name.
    pub name: String,
    /// Unit, if known.
    #[serde(default)]
    pub unit: Option<String>,
}

/// Suggestions for a tag, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TagSuggestion {
    /// Tag.
    pub tag: String,
    /// Candidates.
    pub candidates: Vec<Candidate>,
}

/// A possible place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Metric.
    pub metric_name: String,
    /// 0–1.
    pub score: f64,
    /// Why, as sentences.
    pub reasons: Vec<String>,
}
