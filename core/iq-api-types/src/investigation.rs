//! Investigation from exported files.

use iq_domain::{ImportId, IntegrationId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::MappingRowError;

/// Where files of an investigation are uploaded to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvestigationSource {
    /// The integration.
    pub integration_id: IntegrationId,
}

/// Which files are looked at together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvestigationFiles {
    /// Uploaded files that were looked through, ≤ 50.
    pub imports: Vec<ImportId>,
}

/// What the tags of files speak of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvestigationProposal {
    /// The integration of the files.
    pub integration_id: IntegrationId,
    /// Assets.
    pub assets: Vec<InvestigationAsset>,
    /// Signals of tags without a mapping, ≤ 2,000.
    pub signals: Vec<InvestigationSignal>,
    /// Tags that have a mapping already.
    pub mapped: u64,
    /// There are more tags than are shown.
    pub is_cut: bool,
}

/// An asset the tags speak of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvestigationAsset {
    /// Code.
    pub code: String,
    /// Family key.
    pub family: String,
    /// It exists and stays as it is.
    pub is_known: bool,
    /// The family is more than a guess.
    pub is_sure: bool,
    /// Tags that speak of it.
    pub tags: u64,
}

/// Where the values of a tag would go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvestigationSignal {
    /// Tag.
    pub tag: String,
    /// Code of the asset; none where the tag names nothing that looks like one.
    pub asset_code: Option<String>,
    /// Metric key; none for a tag that is only a source of alarms.
    pub metric: Option<String>,
    /// Unit of the file.
    pub unit: String,
    /// 0–1; 0 for a metric made of the tag's own words.
    pub score: f64,
    /// Why, as sentences.
    pub reasons: Vec<String>,
}

/// What a person agreed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvestigationPlan {
    /// The integration of the files.
    pub integration_id: IntegrationId,
    /// IANA time zone of the site that new assets stand in.
    pub time_zone: String,
    /// Assets, ≤ 500; those that exist stay as they are.
    pub assets: Vec<PlannedAsset>,
    /// Signals, ≤ 2,000; tags that have a mapping keep it.
    pub signals: Vec<PlannedSignal>,
}

/// An asset to create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedAsset {
    /// Code.
    pub code: String,
    /// Family key.
    pub family: String,
}

/// A signal to create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedSignal {
    /// Tag.
    pub tag: String,
    /// Code of its asset.
    pub asset_code: String,
    /// Metric key of the family, or a new one with its unit.
    pub metric: String,
    /// Unit of the file; empty for the metric's own.
    #[serde(default)]
    pub unit: String,
}

/// What was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvestigationPrepared {
    /// Assets.
    pub assets: u64,
    /// Mappings.
    pub mappings: u64,
    /// Tags whose mapping was refused, with the reason.
    pub refused: Vec<MappingRowError>,
}
