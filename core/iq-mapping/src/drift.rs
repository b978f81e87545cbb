//! The drift sentinel: looks for mapped tags that are no longer what they were when they were mapped.
//! It compares what a signal did before with what it does now and what the source lists, and proposes;
//! a person decides.

mod flat;
mod level;
mod listed;
mod reused;
mod silence;
mod swap;
mod unit;

use std::collections::BTreeMap;

use iq_domain::{AssetId, IntegrationId, MappingId, Message, sentence_number};
use serde::{Deserialize, Serialize};

pub use level::Level;
pub use silence::may_follow;

/// A level has moved when it is this many spreads away from where it was.
const MOVED_SPREADS: f64 = 6.0;
/// Moves below this share of the level are wear, weather or load.
const MOVED_SHARE: f64 = 0.05;
/// Share of calm stretches above which standing still is nothing new.
const FLAT_BEFORE: f64 = 0.05;

/// Kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// The tag is gone and one much like it has come.
    Renamed,
    /// The tag is gone.
    Vanished,
    /// The value stands still.
    FlatLined,
    /// Two tags changed places.
    Swapped,
    /// The source delivers another unit.
    UnitChanged,
    /// The tag means something else.
    Reused,
}

impl DriftKind {
    /// Name in the API and the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Vanished => "vanished",
            Self::FlatLined => "flat_lined",
            Self::Swapped => "swapped",
            Self::UnitChanged => "unit_changed",
            Self::Reused => "reused",
        }
    }
}

/// What a person may accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Proposal {
    /// Read another tag.
    Retag {
        /// The new tag.
        tag: String,
    },
    /// Let the two mappings change tags.
    Swap {
        /// The other mapping.
        other: MappingId,
    },
    /// Read the values in another unit.
    Unit {
        /// Its symbol.
        unit: String,
    },
    /// Add this before the unit is converted.
    Offset {
        /// The new offset of the mapping.
        offset: f64,
    },
    /// Take no more values until somebody has looked.
    Deactivate,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Kind.
    pub kind: DriftKind,
    /// The mapping.
    pub mapping: MappingId,
    /// Sentence codes `drift.*`.
    pub evidence: Vec<Message>,
    /// What could be done.
    pub proposal: Proposal,
    /// 0–1.
    pub confidence: f64,
    /// What the signal did before, so that the finding can be checked again once the past is polluted.
    pub before: Option<Level>,
}

impl Drift {
    /// Names what was found: the same finding has the same name at the next look.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let detail = match &self.proposal {
            Proposal::Retag { tag } => tag.clone(),
            Proposal::Swap { other } => other.to_string(),
            Proposal::Unit { unit } => unit.clone(),
            // The gauge and the atmosphere: one finding, however exactly it was measured.
            Proposal::Offset { .. } => "offset".to_owned(),
            Proposal::Deactivate => String::new(),
        };
        format!("{}:{}:{detail}", self.kind.word(), self.mapping)
    }
}

/// What a source answered when it was asked for a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A good value; a word is not a number, but an answer.
    Value(f64),
    /// It does not know the tag, or says nothing about it.
    Nothing,
    /// It knows the tag, and its word for that nothing was ever written to it ("Pt Created").
    NotFed(String),
    /// It knows the tag, and the instrument is in trouble: a fault, not another tag.
    Trouble,
}

/// What a mapped signal was and is.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalSummary {
    /// The mapping.
    pub mapping: MappingId,
    /// Its source.
    pub integration: IntegrationId,
    /// Its tag.
    pub tag: String,
    /// The asset.
    pub asset: AssetId,
    /// Metric.
    pub metric: String,
    /// Unit the mapping says the source delivers.
    pub unit: String,
    /// Unit of the signal; levels are in it.
    pub signal_unit: String,
    /// A state, a text or a target: it may stand still for years.
    pub is_state: bool,
    /// Scale of the family.
    pub scale: Option<(f64, f64)>,
    /// What it did before.
    pub before: Option<Level>,
    /// What it does now, while its machine runs.
    pub now: Option<Level>,
    /// What it does now, whether its machine runs or not.
    pub always: Option<Level>,
    /// Whether the machine runs; `None` where nothing tells.
    pub is_running: Option<bool>,
    /// Family of the asset.
    pub family: String,
    /// Offset of the mapping.
    pub offset: f64,
    /// Age of the last good value.
    pub silent_ms: Option<i64>,
    /// Usual time between two values.
    pub usual_gap_ms: Option<i64>,
    /// Time it was quiet for at least twice before. An archive that compresses keeps quiet for hours
    /// while the process is calm, and one outage is no habit.
    pub quiet_ms: Option<i64>,
    /// Last good value.
    pub last_value: Option<f64>,
    /// Whether other tags of the source have fresh values.
    pub is_source_live: bool,
    /// What a single read said. `None` when nobody asked.
    pub read: Option<Reading>,
    /// Whether the source lists the tag; `None` when its list is not known to the end.
    pub is_listed: Option<bool>,
    /// Unit the source states today.
    pub stated_unit: Option<String>,
}

/// A tag of a source that nothing is mapped to.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeTag {
    /// Source.
    pub integration: IntegrationId,
    /// Tag.
    pub tag: String,
    /// Name it is shown by.
    pub name: String,
    /// Unit the source states.
    pub unit: Option<String>,
    /// Value of a single read, as the source sent it.
    pub value: Option<f64>,
}

/// Looks at everything at once: whether two tags changed places can't be told from one of them.
#[must_use]
pub fn detect(signals: &[SignalSummary], free: &[FreeTag]) -> Vec<Drift> {
    let mut swapped = swap::swaps(signals);
    swapped.extend(swap::crossed(signals));
    let mut found = Vec::new();
    for signal in signals {
        let is_in_swap = swapped
            .iter()
            .any(|s| s.mapping == signal.mapping || s.proposal == swap_with(signal.mapping));
        if is_in_swap {
            continue;
        }
        let drift = silence::silence(signal, free)
            .or_else(|| unit::unit_changed(signal))
            .or_else(|| reused::reused(signal))
            .or_else(|| flat::flat(signal));
        found.extend(drift);
    }
    found.extend(swapped);
    found
}

fn swap_with(other: MappingId) -> Proposal {
    Proposal::Swap { other }
}

fn message<const N: usize>(code: &str, params: [(&str, String); N]) -> Message {
    let params: BTreeMap<String, String> = params
        .into_iter()
        .map(|(key, value)| (key.to_owned(), iq_domain::neutralise(&value, 200)))
        .collect();
    Message {
        code: code.to_owned(),
        params,
    }
}

/// A number as a sentence shows it.
fn number(value: f64) -> String {
    sentence_number(value).to_string()
}

/// Whether a level left where it was by more than its own restlessness.
fn has_moved(signal: &SignalSummary, before: &Level, now: &Level) -> bool {
    let distance = (now.median - before.median).abs();
    distance > MOVED_SPREADS * before.spread.max(now.spread.min(before.spread * 2.0))
        && distance > MOVED_SHARE * before.median.abs()
        && distance > 0.02 * span(signal.scale)
}

fn span(scale: Option<(f64, f64)>) -> f64 {
    scale.map_or(0.0, |(low, high)| (high - low).abs())
}

fn level_moved(signal: &SignalSummary, before: &Level, now: &Level) -> Message {
    message(
        "drift.level_moved",
        [
            ("before", number(before.median)),
            ("now", number(now.median)),
            ("unit", signal.signal_unit.clone()),
        ],
    )
}

#[cfg(test)]
mod tests;
