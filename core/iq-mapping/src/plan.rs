//! Plans many changes of the mapping at once: what a list of rows would add, change and remove, and
//! which rows can't be. What counts is the state after all of them, so that two tags may change places.

use std::collections::{HashMap, HashSet};

use iq_domain::{AssetId, CodedError, IntegrationId, MappingId, SignalMapping};
use serde::{Deserialize, Serialize};

use crate::{FieldError, Known, MappingDraft, ValidMapping, validate};

/// Rounds of leaving out rows that other rows depended on. Each round costs a pass over all rows.
const MAX_ROUNDS: usize = 64;

/// What rows of a list mean for mappings that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// Only new tags; one that is mapped is refused.
    Create,
    /// New tags are added; of mapped ones only what the row states changes.
    Merge,
    /// New tags are added; mapped ones become what the row says, defaults included.
    Overwrite,
    /// The mappings of the listed tags are removed.
    Delete,
}

/// A row of a list. What is `None` was not stated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedMapping {
    /// The tag.
    pub external_tag: String,
    /// The asset.
    pub asset_id: Option<AssetId>,
    /// Metric.
    pub metric_name: Option<String>,
    /// Unit of the source.
    pub unit: Option<String>,
    /// Factor.
    pub scaling_factor: Option<f64>,
    /// Offset.
    pub offset_value: Option<f64>,
    /// Whether values are taken.
    pub is_active: Option<bool>,
    /// Free metadata, JSON.
    pub metadata_json: Option<String>,
}

/// A row with its place and source, or what is wrong with its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRow {
    /// Line of the file, header = 1.
    pub line: u64,
    /// The tag, for the message.
    pub tag: String,
    /// What it says.
    pub row: Result<(IntegrationId, ListedMapping), Vec<FieldError>>,
}

/// What is wanted for one mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Line of the list, for messages.
    pub line: u64,
    /// The mapping's id; one that comes back keeps the id it had.
    pub id: MappingId,
    /// The mapping that changes or goes; `None` for a new one.
    pub before: Option<SignalMapping>,
    /// What it becomes; `None` removes it.
    pub after: Option<MappingDraft>,
}

/// A change that may be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Line of the list.
    pub line: u64,
    /// The mapping.
    pub id: MappingId,
    /// As it is.
    pub before: Option<SignalMapping>,
    /// As it becomes.
    pub after: Option<ValidMapping>,
}

/// A row that can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Line of the list.
    pub line: u64,
    /// The tag.
    pub tag: String,
    /// Column and reason.
    pub error: FieldError,
}

/// What a list would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappingPlan {
    /// Changes that may be made, in the order of the list.
    pub changes: Vec<Change>,
    /// Rows equal to what is stored.
    pub unchanged: u64,
    /// Rows that can't be; the changes are made without them.
    pub errors: Vec<RowError>,
}

/// What is stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Assets, and signals whose unit is fixed; without mappings.
    pub plant: Known,
    /// All mappings, also those not in use.
    pub mappings: Vec<SignalMapping>,
}

/// Plans a list.
#[must_use]
pub fn plan_list(mode: ImportMode, rows: Vec<ListedRow>, stored: &Stored) -> MappingPlan {
    let by_tag: HashMap<(IntegrationId, &str), &SignalMapping> = stored
        .mappings
        .iter()
        .map(|m| ((m.integration_id, m.external_tag.as_str()), m))
        .collect();
    let mut seen: HashMap<(IntegrationId, String), u64> = HashMap::new();
    let (mut wishes, mut errors, mut unchanged) = (Vec::new(), Vec::new(), 0);
    for listed in rows {
        let ListedRow { line, tag, row } = listed;
        let mut refuse = |error: FieldError| {
            errors.push(RowError {
                line,
                tag: tag.clone(),
                error,
            });
        };
        let (integration, mapping) = match row {
            Ok(row) => row,
            Err(wrong) => {
                wrong.into_iter().for_each(refuse);
                continue;
            }
        };
        let name = mapping.external_tag.trim().to_owned();
        if let Some(first) = seen.insert((integration, name.clone()), line) {
            let error = CodedError::conflict("mapping.row_twice").with("row", first);
            refuse(field("external_tag", error));
            continue;
        }
        let before = by_tag.get(&(integration, name.as_str())).copied();
        match wish(mode, (integration, mapping), before) {
            Ok(Some(after)) if before.is_some_and(|b| is_same(b, &after)) => unchanged += 1,
            Ok(after) => wishes.push(Wish {
                line,
                id: before.map_or_else(MappingId::new, |b| b.id),
                before: before.cloned(),
                after,
            }),
            Err(error) => refuse(error),
        }
    }
    let mut plan = settle(wishes, stored);
    let found = plan.changes.len();
    plan.changes.retain(|change| !is_idle(change));
    plan.unchanged = unchanged + (found - plan.changes.len()) as u64;
    plan.errors.extend(errors);
    plan.errors.sort_by_key(|e| e.line);
    plan
}

fn field(field: &'static str, error: CodedError) -> FieldError {
    FieldError { field, error }
}

/// What a row wants; `None` removes.
fn wish(
    mode: ImportMode,
    (integration_id, row): (IntegrationId, ListedMapping),
    before: Option<&SignalMapping>,
) -> Result<Option<MappingDraft>, FieldError> {
    if mode == ImportMode::Delete {
        let missing = || field("external_tag", CodedError::not_found("mapping.row_unknown"));
        return before.map(|_| None).ok_or_else(missing);
    }
    if let (ImportMode::Create, Some(known)) = (mode, before) {
        let error = CodedError::conflict("mapping.row_exists").with("metric", &known.metric_name);
        return Err(field("external_tag", error));
    }
    // Overwriting forgets what the row does not state; the target it must state anyway.
    let kept = before.filter(|_| mode == ImportMode::Merge);
    let asset_id = row.asset_id.or(kept.map(|m| m.asset_id));
    let metric_name = row.metric_name.or(kept.map(|m| m.metric_name.clone()));
    let required = |name| field(name, CodedError::invalid("mapping.cell_missing"));
    Ok(Some(MappingDraft {
        integration_id,
        external_tag: row.external_tag.trim().to_owned(),
        asset_id: asset_id.ok_or_else(|| required("asset_id"))?,
        metric_name: metric_name.ok_or_else(|| required("metric_name"))?,
        unit: row
            .unit
            .or(kept.map(|m| m.unit.clone()))
            .unwrap_or_default(),
        scaling_factor: row
            .scaling_factor
            .or(kept.map(|m| m.scaling_factor))
            .unwrap_or(1.0),
        offset_value: row
            .offset_value
            .or(kept.map(|m| m.offset_value))
            .unwrap_or(0.0),
        // What a file has no column for is not forgotten by overwriting either.
        metadata_json: row
            .metadata_json
            .or(before.map(|m| m.metadata_json.clone()))
            .unwrap_or_else(|| "{}".to_owned()),
        is_active: row.is_active.or(kept.map(|m| m.is_active)).unwrap_or(true),
    }))
}

/// Whether a draft says what is stored.
fn is_same(stored: &SignalMapping, draft: &MappingDraft) -> bool {
    let unit = |text: &str| crate::find_unit(text).map_or(text.to_owned(), |u| u.symbol.clone());
    let is_same_number = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a == b);
    stored.integration_id == draft.integration_id
        && stored.external_tag == draft.external_tag
        && stored.asset_id == draft.asset_id
        && stored.metric_name == draft.metric_name.trim()
        && unit(&stored.unit) == unit(draft.unit.trim())
        && is_same_number(stored.scaling_factor, draft.scaling_factor)
        && is_same_number(stored.offset_value, draft.offset_value)
        && stored.metadata_json == draft.metadata_json
        && stored.is_active == draft.is_active
}

/// Whether a change ends where it began: a unit left out may be the one that is stored.
fn is_idle(change: &Change) -> bool {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => draft_of(before) == after.draft,
        _ => false,
    }
}

/// Checks wishes against the state they lead to. A wish that can't be is left out, and so is one that
/// only worked because of it; what remains may be made as a whole.
#[must_use]
pub fn settle(wishes: Vec<Wish>, stored: &Stored) -> MappingPlan {
    let mut refused: HashSet<usize> = HashSet::new();
    let mut errors = Vec::new();
    for round in 0.. {
        let (changes, wrong) = attempt(&wishes, &refused, stored);
        if wrong.is_empty() {
            errors.sort_by_key(|e: &RowError| e.line);
            return MappingPlan {
                changes,
                unchanged: 0,
                errors,
            };
        }
        let is_last = round + 1 >= MAX_ROUNDS;
        refused.extend(wrong.iter().map(|(place, _)| *place));
        errors.extend(wrong.into_iter().map(|(_, error)| error));
        if is_last {
            // Rows that hang on each other in a chain this long are refused together.
            for (place, wish) in wishes.iter().enumerate() {
                if refused.insert(place) {
                    let error = CodedError::conflict("mapping.row_entangled");
                    errors.push(row_error(wish, field("external_tag", error)));
                }
            }
        }
    }
    MappingPlan::default()
}

type Wrong = Vec<(usize, RowError)>;

fn attempt(wishes: &[Wish], refused: &HashSet<usize>, stored: &Stored) -> (Vec<Change>, Wrong) {
    let live = || {
        wishes
            .iter()
            .enumerate()
            .filter(|(place, _)| !refused.contains(place))
    };
    let touched: HashSet<MappingId> = live()
        .filter_map(|(_, w)| w.before.as_ref().map(|b| b.id))
        .collect();
    let mut known = stored.plant.clone();
    let mut tags: HashSet<(IntegrationId, &str)> = HashSet::new();
    for m in stored.mappings.iter().filter(|m| !touched.contains(&m.id)) {
        tags.insert((m.integration_id, m.external_tag.as_str()));
        if m.is_active {
            known.add_mapping(
                m.id,
                m.integration_id,
                &m.external_tag,
                m.asset_id,
                &m.metric_name,
            );
        }
    }
    let (mut changes, mut wrong) = (Vec::new(), Vec::new());
    for (place, wish) in live() {
        let Some(draft) = &wish.after else {
            changes.push(Change {
                line: wish.line,
                id: wish.id,
                before: wish.before.clone(),
                after: None,
            });
            continue;
        };
        if !tags.insert((draft.integration_id, draft.external_tag.trim())) {
            let error = CodedError::conflict("mapping.tag_taken").with("tag", &draft.external_tag);
            wrong.push((place, row_error(wish, field("external_tag", error))));
            continue;
        }
        match validate(draft.clone(), &known, None) {
            Ok(valid) => {
                let d = &valid.draft;
                if d.is_active {
                    known.add_mapping(
                        wish.id,
                        d.integration_id,
                        &d.external_tag,
                        d.asset_id,
                        &d.metric_name,
                    );
                }
                changes.push(Change {
                    line: wish.line,
                    id: wish.id,
                    before: wish.before.clone(),
                    after: Some(valid),
                });
            }
            Err(errors) => {
                let first = errors.into_iter().map(|e| (place, row_error(wish, e)));
                wrong.extend(first);
            }
        }
    }
    (changes, wrong)
}

fn row_error(wish: &Wish, error: FieldError) -> RowError {
    let tag = match (&wish.after, &wish.before) {
        (Some(draft), _) => draft.external_tag.clone(),
        (None, Some(before)) => before.external_tag.clone(),
        (None, None) => String::new(),
    };
    RowError {
        line: wish.line,
        tag,
        error,
    }
}

/// The draft of a stored mapping.
#[must_use]
pub fn draft_of(mapping: &SignalMapping) -> MappingDraft {
    MappingDraft {
        integration_id: mapping.integration_id,
        external_tag: mapping.external_tag.clone(),
        asset_id: mapping.asset_id,
        metric_name: mapping.metric_name.clone(),
        unit: mapping.unit.clone(),
        scaling_factor: mapping.scaling_factor,
        offset_value: mapping.offset_value,
        metadata_json: mapping.metadata_json.clone(),
        is_active: mapping.is_active,
    }
}

#[cfg(test)]
mod tests;
