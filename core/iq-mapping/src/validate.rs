//! Checks a mapping before it is stored and says per field what is wrong.

use std::collections::HashMap;

use iq_domain::{AssetId, CodedError, Dimension, IntegrationId, MappingId, is_clean_line};

use crate::{catalogue, find_unit, units::conversion};

/// Longest external tag or metric name.
const MAX_TAG_CHARS: usize = 1024;
const MAX_METRIC_CHARS: usize = 64;
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// What a person or an import asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingDraft {
    /// The source.
    pub integration_id: IntegrationId,
    /// The tag in the source's notation.
    pub external_tag: String,
    /// The asset.
    pub asset_id: AssetId,
    /// Metric key of the template, or an own one.
    pub metric_name: String,
    /// Unit the source delivers; empty for the unit of the metric.
    pub unit: String,
    /// Factor.
    pub scaling_factor: f64,
    /// Offset.
    pub offset_value: f64,
    /// Free metadata, JSON.
    pub metadata_json: String,
    /// Whether values are taken.
    pub is_active: bool,
}

/// An asset a mapping may point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAsset {
    /// Id.
    pub id: AssetId,
    /// Code, for messages.
    pub code: String,
    /// Family key.
    pub family: String,
}

/// What is stored already. Build it once for an import of many rows and add each accepted row.
#[derive(Clone, Debug, Default)]
pub struct Known {
    assets: HashMap<AssetId, KnownAsset>,
    /// (asset, metric) → (mapping, source, tag).
    taken: HashMap<(AssetId, String), (MappingId, IntegrationId, String)>,
    signal_units: HashMap<(AssetId, String), String>,
}

impl Known {
    /// The tenant's assets.
    #[must_use]
    pub fn new(assets: impl IntoIterator<Item = KnownAsset>) -> Self {
        Self {
            assets: assets.into_iter().map(|a| (a.id, a)).collect(),
            ..Self::default()
        }
    }

    /// Adds a stored mapping.
    pub fn add_mapping(
        &mut self,
        id: MappingId,
        integration: IntegrationId,
        tag: &str,
        asset: AssetId,
        metric: &str,
    ) {
        self.taken.insert(
            (asset, metric.to_owned()),
            (id, integration, tag.to_owned()),
        );
    }

    /// Adds a signal that has history: its unit can't change any more.
    pub fn add_signal(&mut self, asset: AssetId, metric: &str, unit: &str) {
        self.signal_units
            .insert((asset, metric.to_owned()), unit.to_owned());
    }
}

/// A mapping that may be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidMapping {
    /// The draft with texts trimmed and `unit` turned into the catalogue's symbol.
    pub draft: MappingDraft,
    /// Unit the signal is stored in.
    pub signal_unit: String,
    /// Whether the metric is not part of the family's template.
    pub is_custom: bool,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field in the draft.
    pub field: &'static str,
    /// Why.
    pub error: CodedError,
}

fn wrong(field: &'static str, error: CodedError) -> FieldError {
    FieldError { field, error }
}

/// Checks a draft. `editing` is the mapping it would replace, so that it doesn't collide with itself.
///
/// # Errors
/// Every field that is wrong, in the order of the form.
pub fn validate(
    draft: MappingDraft,
    known: &Known,
    editing: Option<MappingId>,
) -> Result<ValidMapping, Vec<FieldError>> {
    let draft = MappingDraft {
        external_tag: draft.external_tag.trim().to_owned(),
        metric_name: draft.metric_name.trim().to_owned(),
        unit: draft.unit.trim().to_owned(),
        ..draft
    };
    let mut errors = check_texts(&draft);
    let asset = known.assets.get(&draft.asset_id);
    if asset.is_none() {
        errors.push(wrong(
            "asset_id",
            CodedError::invalid("mapping.unknown_asset"),
        ));
    }
    errors.extend(check_duplicate(&draft, known, asset, editing));
    errors.extend(check_numbers(&draft));
    let units = asset.map(|asset| resolve_unit(&draft, known, asset));
    match units {
        Some(Ok((unit, signal_unit, is_custom))) if errors.is_empty() => Ok(ValidMapping {
            draft: MappingDraft { unit, ..draft },
            signal_unit,
            is_custom,
        }),
        Some(Err(error)) => {
            errors.push(error);
            Err(errors)
        }
        _ => Err(errors),
    }
}

fn check_texts(draft: &MappingDraft) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !is_clean_line(&draft.external_tag, MAX_TAG_CHARS) {
        errors.push(wrong(
            "external_tag",
            CodedError::invalid("mapping.bad_tag").with("max", MAX_TAG_CHARS),
        ));
    }
    let is_key = !draft.metric_name.is_empty()
        && draft.metric_name.len() <= MAX_METRIC_CHARS
        && draft
            .metric_name
            .starts_with(|c: char| c.is_ascii_lowercase())
        && draft
            .metric_name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_key {
        errors.push(wrong(
            "metric_name",
            CodedError::invalid("mapping.bad_metric").with("max", MAX_METRIC_CHARS),
        ));
    }
    let is_json_object = draft.metadata_json.is_empty()
        || serde_json::from_str::<serde_json::Map<_, _>>(&draft.metadata_json).is_ok();
    if draft.metadata_json.len() > MAX_METADATA_BYTES || !is_json_object {
        errors.push(wrong(
            "metadata_json",
            CodedError::invalid("mapping.bad_metadata").with("max", MAX_METADATA_BYTES),
        ));
    }
    errors
}

fn check_duplicate(
    draft: &MappingDraft,
    known: &Known,
    asset: Option<&KnownAsset>,
    editing: Option<MappingId>,
) -> Option<FieldError> {
    let key = (draft.asset_id, draft.metric_name.clone());
    let (id, integration, tag) = known.taken.get(&key)?;
    // One that is not in use may wait beside the one that is.
    if Some(*id) == editing || !draft.is_active {
        return None;
    }
    let is_same_tag = *integration == draft.integration_id && *tag == draft.external_tag;
    let (field, code) = if is_same_tag {
        ("external_tag", "mapping.duplicate")
    } else {
        // Two sources on one series would interleave two instruments into one history.
        ("metric_name", "mapping.metric_taken")
    };
    let error = CodedError::conflict(code)
        .with("tag", tag)
        .with("metric", &draft.metric_name)
        .with("asset", asset.map_or("", |a| &a.code));
    Some(wrong(field, error))
}

fn check_numbers(draft: &MappingDraft) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !draft.scaling_factor.is_finite() || draft.scaling_factor == 0.0 {
        errors.push(wrong(
            "scaling_factor",
            CodedError::invalid("mapping.bad_scale"),
        ));
    }
    if !draft.offset_value.is_finite() {
        errors.push(wrong(
            "offset_value",
            CodedError::invalid("mapping.bad_offset"),
        ));
    }
    errors
}

/// (unit of the source, unit of the signal, is custom).
fn resolve_unit(
    draft: &MappingDraft,
    known: &Known,
    asset: &KnownAsset,
) -> Result<(String, String, bool), FieldError> {
    let template = catalogue().metric(&asset.family, &draft.metric_name);
    let stored = known
        .signal_units
        .get(&(draft.asset_id, draft.metric_name.clone()));
    let target = stored
        .map(String::as_str)
        .or(template.map(|t| t.unit.as_str()))
        .filter(|unit| !unit.is_empty());
    let source = match (draft.unit.as_str(), target) {
        ("", Some(target)) => target,
        ("", None) => {
            let error = CodedError::invalid("mapping.unit_required")
                .with("metric", &draft.metric_name)
                .with("family", &asset.family);
            return Err(wrong("unit", error));
        }
        (unit, _) => unit,
    };
    let source = find_unit(source).ok_or_else(|| {
        wrong(
            "unit",
            CodedError::invalid("mapping.unknown_unit").with("unit", source),
        )
    })?;
    let target = target.unwrap_or(&source.symbol).to_owned();
    // A text signal takes whatever comes, as text.
    let is_text = find_unit(&target).is_some_and(|u| u.dimension == Dimension::Text);
    if !is_text {
        conversion(&source.symbol, &target).map_err(|error| wrong("unit", error))?;
    }
    Ok((source.symbol.clone(), target, template.is_none()))
}

#[cfg(test)]
mod tests;
