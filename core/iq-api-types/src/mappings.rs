//! The signal mapping.

use iq_domain::{
    AssetId, DriftFindingId, IntegrationId, MappingChangeId, MappingId, Names, Quality, SignalId,
    SiteId, Timestamp,
};

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
    /// What the source says about it, if known.
    #[serde(default)]
    pub description: Option<String>,
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

/// A suggestion a person refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectSuggestion {
    /// Source.
    pub integration_id: IntegrationId,
    /// Tag.
    pub tag: String,
    /// Shown name.
    pub name: String,
    /// Asset that was suggested.
    pub asset_id: AssetId,
    /// Metric that was suggested.
    pub metric_name: String,
}

/// How a pattern is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatternSyntax {
    /// `*` any text, `?` one character, `[abc]` one of them; `{asset}` and `{metric}` name parts.
    Glob,
    /// Regular expression without look-around; groups named `asset` and `metric` name parts.
    Regex,
}

/// Choose tags of a source by a pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectRequest {
    /// Source.
    pub integration_id: IntegrationId,
    /// Pattern; empty takes all.
    #[serde(default)]
    pub pattern: String,
    /// How it is written.
    pub syntax: PatternSyntax,
    /// Tags to choose from, ≤ 20,000; empty looks through the source itself.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Only tags whose name, description or what was taught about them says this asset.
    #[serde(default)]
    pub asset_id: Option<AssetId>,
}

/// A tag that was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SelectedTag {
    /// External tag.
    pub tag: String,
    /// Shown name.
    pub name: String,
    /// Unit the source states.
    pub unit: Option<String>,
    /// What the source says about it.
    pub description: Option<String>,
    /// The mapping that exists for it.
    pub mapping_id: Option<MappingId>,
    /// Asset the pattern names.
    pub asset_id: Option<AssetId>,
    /// Metric the pattern names.
    pub metric_name: Option<String>,
}

/// The tags a pattern chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SelectedTags {
    /// The tags, ≤ 5,000.
    pub tags: Vec<SelectedTag>,
    /// Tags that were looked at.
    pub looked_at: u64,
    /// False when the source has more than could be looked at, or more matched than is shown.
    pub is_complete: bool,
}

/// Map many tags at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// Source.
    pub integration_id: IntegrationId,
    /// Rows, ≤ 20,000.
    pub rows: Vec<BulkRow>,
    /// What a row means for a tag that is mapped.
    #[serde(default)]
    pub mode: ImportMode,
}

/// A tag with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRow {
    /// External tag.
    pub tag: String,
    /// Asset; may be left out where the mode keeps it.
    #[serde(default)]
    pub asset_id: Option<AssetId>,
    /// Metric.
    #[serde(default)]
    pub metric: Option<String>,
    /// Unit the source delivers.
    #[serde(default)]
    pub unit: Option<String>,
    /// Factor.
    #[serde(default)]
    pub scaling_factor: Option<f64>,
    /// Offset.
    #[serde(default)]
    pub offset_value: Option<f64>,
    /// Values are taken.
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// What a row means for a tag that is mapped already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// It is refused.
    Create,
    /// Only what the row states changes.
    #[default]
    Merge,
    /// It becomes what the row says, defaults included.
    Overwrite,
    /// Its mapping is removed.
    Delete,
}

/// What a list would change, or did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingDiff {
    /// The changes were made. False for a dry run, and when rows were refused.
    pub is_applied: bool,
    /// The set of changes, for undoing.
    pub change_id: Option<MappingChangeId>,
    /// Mappings added.
    pub added: u64,
    /// Mappings changed.
    pub changed: u64,
    /// Mappings removed.
    pub removed: u64,
    /// Rows equal to what is stored.
    pub unchanged: u64,
    /// Rows that are refused.
    pub refused: u64,
    /// The changes, ≤ 1,000 of them.
    pub rows: Vec<MappingDiffRow>,
    /// Why rows are refused, ≤ 500 reasons.
    pub errors: Vec<MappingRowError>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingDiffRow {
    /// Line of the list, header = 1.
    pub row: u64,
    /// What happens.
    pub action: DiffAction,
    /// Name of the source.
    pub integration_name: String,
    /// Tag.
    pub external_tag: String,
    /// Asset code.
    pub asset_code: String,
    /// Metric.
    pub metric_name: String,
    /// What differs, for a change.
    pub fields: Vec<MappingDiffField>,
}

/// What happens to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiffAction {
    /// It is new.
    Add,
    /// It becomes another.
    Change,
    /// It goes.
    Remove,
}

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingDiffField {
    /// Name of the field.
    pub field: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingRowError {
    /// Line of the list, header = 1.
    pub row: u64,
    /// Tag.
    pub tag: String,
    /// Column.
    pub column: String,
    /// Code.
    pub code: String,
    /// Sentence with the remedy, in the reader's language.
    pub message: String,
}

/// A set of changes that was made in one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingChange {
    /// Id.
    pub id: MappingChangeId,
    /// When.
    pub at: Timestamp,
    /// User name.
    pub actor: String,
    /// What made it: form, bulk, import, drift or undo.
    pub origin: String,
    /// Mappings added.
    pub added: u64,
    /// Mappings changed.
    pub changed: u64,
    /// Mappings removed.
    pub removed: u64,
    /// The set it took back.
    pub undo_of: Option<MappingChangeId>,
    /// The set that took it back.
    pub undone_by: Option<MappingChangeId>,
}

/// What is mapped of what an asset's family expects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingCoverage {
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: Names,
    /// Site.
    pub site_id: SiteId,
    /// Family key.
    pub family: String,
    /// Metrics the family expects.
    pub expected: u64,
    /// How many of them are mapped.
    pub mapped: u64,
    /// Share of the weight for the health score that is mapped, 0–1.
    pub health_share: f64,
    /// Metrics that are not mapped, the most important first.
    pub missing: Vec<MissingMetric>,
    /// Mapped metrics the family does not know.
    pub custom: Vec<String>,
    /// Mapped metrics without a good value in the last day.
    pub silent: Vec<String>,
}

/// A metric nothing is mapped to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MissingMetric {
    /// Metric key.
    pub metric: String,
    /// Names.
    pub names: Names,
    /// Unit.
    pub unit: String,
    /// Weight in the health score.
    pub health_weight: f64,
}

/// Something a mapped tag does that it did not do when it was mapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftFinding {
    /// Id.
    pub id: DriftFindingId,
    /// renamed, vanished, flat_lined, swapped, unit_changed or reused.
    pub kind: String,
    /// open, accepted, dismissed or gone.
    pub state: String,
    /// The mapping; `None` once it is deleted.
    pub mapping: Option<Mapping>,
    /// The other mapping of a swap.
    pub other: Option<Mapping>,
    /// What was seen, as sentences.
    pub evidence: Vec<String>,
    /// What accepting does.
    pub proposal: DriftProposal,
    /// 0–1.
    pub confidence: f64,
    /// First seen.
    pub first_seen_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// The set of changes that applied it.
    pub change_id: Option<MappingChangeId>,
}

/// What accepting a finding does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftProposal {
    /// retag, swap, unit, offset or deactivate.
    pub action: String,
    /// The new tag, unit or offset.
    pub value: Option<String>,
}

/// What a look for drift came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftRun {
    /// When.
    pub at: Timestamp,
    /// Mappings that were looked at.
    pub checked: u64,
    /// Mappings with too little history to compare.
    pub too_new: u64,
    /// Findings that are open.
    pub open: u64,
    /// Sources whose tag list could not be read, with the reason.
    pub unread: Vec<String>,
}
