//! The drift sentinel: looks for mapped tags that are no longer what they were when they were mapped.
//! It compares what a signal did before with what it does now and what the source lists, and proposes;
//! a person decides.

mod level;
mod listed;

use std::collections::{BTreeMap, HashMap};

use iq_domain::{AssetId, Dimension, IntegrationId, MappingId, Message, sentence_number};
use serde::{Deserialize, Serialize};

use crate::units::{conversion, units};
pub use level::Level;
use listed::similarity;

/// A gap is silence when it is this many times the usual one …
const SILENT_TIMES: i64 = 20;
/// … and at least this long.
const SILENT_MS: i64 = 30 * 60_000;
/// A level has moved when it is this many spreads away from where it was.
const MOVED_SPREADS: f64 = 6.0;
/// Moves below this share of the level are wear, weather or load.
const MOVED_SHARE: f64 = 0.05;
/// A level is where another one was within this share of the distance of the two.
const SWAP_SHARE: f64 = 0.25;
/// Samples a signal must have had to be called flat.
const FLAT_SAMPLES: u64 = 20;
/// Share of calm stretches above which standing still is nothing new.
const FLAT_BEFORE: f64 = 0.05;
/// Likeness from which a new tag may be the old one renamed.
const RENAMED_LIKENESS: f64 = 0.6;
/// Standard atmosphere.
const ATMOSPHERE_BAR: f64 = 1.013_25;
/// What moves with a machine and is all but nothing while it stands.
const OF_MOTION: [&str; 4] = ["vibration", "acceleration", "current", "speed"];
/// A running machine shows at least this many times what a standing one does.
const MOTION_TIMES: f64 = 4.0;
/// Samples without any change from which an analogue value has never lived.
const DEAD_SAMPLES: u64 = 500;
/// More pairs than this between two machines are a change of duty, not crossed wires.
const SWAPS_PER_PAIR: usize = 2;

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
    /// Whether other tags of the source have fresh values.
    pub is_source_live: bool,
    /// What a single read said: good with a value, or not. `None` when nobody asked.
    pub read: Option<Option<f64>>,
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
    let mut swapped = swaps(signals);
    swapped.extend(crossed(signals));
    let mut found = Vec::new();
    for signal in signals {
        let is_in_swap = swapped
            .iter()
            .any(|s| s.mapping == signal.mapping || s.proposal == swap_with(signal.mapping));
        if is_in_swap {
            continue;
        }
        let drift = silence(signal, free)
            .or_else(|| unit_changed(signal))
            .or_else(|| reused(signal))
            .or_else(|| flat(signal));
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

fn minutes(ms: i64) -> String {
    (ms / 60_000).to_string()
}

/// No values although the source is alive: renamed, vanished, or standing still on a source that only
/// reports changes.
fn silence(signal: &SignalSummary, free: &[FreeTag]) -> Option<Drift> {
    let silent_ms = match signal.silent_ms {
        Some(age) => age,
        None if signal.is_listed == Some(false) || signal.read == Some(None) => i64::MAX,
        None => return None,
    };
    let usual = signal.usual_gap_ms.unwrap_or(SILENT_MS / SILENT_TIMES);
    let is_silent = silent_ms > SILENT_MS.max(usual.saturating_mul(SILENT_TIMES));
    if !is_silent || !signal.is_source_live {
        return None;
    }
    let mut evidence = vec![if silent_ms == i64::MAX {
        message("drift.never", [])
    } else {
        message("drift.silent", [("minutes", minutes(silent_ms))])
    }];
    let drift = |kind, evidence, proposal, confidence| {
        Some(Drift {
            kind,
            mapping: signal.mapping,
            evidence,
            proposal,
            confidence,
            before: signal.before,
        })
    };
    // It answers: it is there, and reports no change because there is none.
    if let Some(Some(value)) = signal.read {
        let was_calm = signal.before.is_none_or(|b| b.flat_share > FLAT_BEFORE);
        if signal.is_state || was_calm {
            return None;
        }
        evidence.push(message("drift.still_reads", [("value", number(value))]));
        return drift(DriftKind::FlatLined, evidence, Proposal::Deactivate, 0.6);
    }
    if signal.is_listed != Some(false) && signal.read != Some(None) {
        return None;
    }
    if signal.is_listed == Some(false) {
        evidence.push(message("drift.not_listed", []));
    } else {
        evidence.push(message("drift.read_fails", []));
    }
    if let Some((new, likeness)) = successor(signal, free) {
        let share = format!("{:.0}", likeness * 100.0);
        evidence.push(message(
            "drift.similar_name",
            [("tag", new.name.clone()), ("percent", share)],
        ));
        if let (Some(value), true) = (new.value, is_like_before(signal, new)) {
            evidence.push(message("drift.similar_value", [("value", number(value))]));
        }
        let tag = new.tag.clone();
        return drift(
            DriftKind::Renamed,
            evidence,
            Proposal::Retag { tag },
            likeness,
        );
    }
    drift(DriftKind::Vanished, evidence, Proposal::Deactivate, 0.8)
}

/// The one free tag that is likely the old one under a new name.
fn successor<'a>(signal: &SignalSummary, free: &'a [FreeTag]) -> Option<(&'a FreeTag, f64)> {
    let mut ranked: Vec<(&FreeTag, f64)> = free
        .iter()
        .filter(|tag| tag.integration == signal.integration && has_fitting_unit(signal, tag))
        .map(|tag| {
            let by_name = similarity(&signal.tag, &tag.tag).max(similarity(&signal.tag, &tag.name));
            let by_value = match (tag.value, signal.before) {
                (Some(_), Some(_)) if is_like_before(signal, tag) => 0.15,
                (Some(_), Some(_)) => -0.2,
                _ => 0.0,
            };
            (tag, (by_name + by_value).clamp(0.0, 1.0))
        })
        .filter(|(_, likeness)| *likeness >= RENAMED_LIKENESS)
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    match ranked.as_slice() {
        [best] => Some(*best),
        [best, second, ..] if best.1 - second.1 > 0.05 => Some(*best),
        _ => None,
    }
}

/// Whether a free tag is alike enough to be worth a reading.
#[must_use]
pub fn may_follow(signal: &SignalSummary, tag: &FreeTag) -> bool {
    let likeness = similarity(&signal.tag, &tag.tag).max(similarity(&signal.tag, &tag.name));
    tag.integration == signal.integration
        && likeness >= RENAMED_LIKENESS - 0.15
        && has_fitting_unit(signal, tag)
}

fn has_fitting_unit(signal: &SignalSummary, tag: &FreeTag) -> bool {
    tag.unit
        .as_deref()
        .filter(|unit| crate::find_unit(unit).is_some())
        .is_none_or(|unit| conversion(unit, &signal.signal_unit).is_ok())
}

fn is_like_before(signal: &SignalSummary, tag: &FreeTag) -> bool {
    let (Some(value), Some(before)) = (tag.value, signal.before) else {
        return false;
    };
    conversion(&signal.unit, &signal.signal_unit)
        .is_ok_and(|unit| before.holds(unit.of(value), signal.scale))
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

/// Values as another unit of the same kind would give them.
fn unit_changed(signal: &SignalSummary) -> Option<Drift> {
    if signal.is_state {
        return None;
    }
    stated_unit(signal)
        .or_else(|| atmosphere(signal))
        .or_else(|| level_in_other_unit(signal))
}

/// A gauge pressure that rose or fell by one atmosphere now counts from vacuum, or no longer does.
fn atmosphere(signal: &SignalSummary) -> Option<Drift> {
    let (before, now) = (signal.before?, signal.now?);
    let bar = conversion("bar", &signal.signal_unit).ok()?;
    let is_gauge = crate::find_unit(&signal.signal_unit)?.dimension == Dimension::PressureGauge;
    let one = ATMOSPHERE_BAR * bar.gain;
    let shift = now.median - before.median;
    let is_calm = before.spread.max(now.spread) < 0.02 * one;
    if !is_gauge || !is_calm || (shift.abs() - one).abs() > 0.03 * one {
        return None;
    }
    // The offset is added in the unit of the source.
    let back = conversion(&signal.signal_unit, &signal.unit).ok()?;
    let offset = signal.offset - shift.signum() * one * back.gain;
    Some(Drift {
        kind: DriftKind::UnitChanged,
        mapping: signal.mapping,
        evidence: vec![
            level_moved(signal, &before, &now),
            message(
                "drift.atmosphere",
                [
                    ("shift", number(shift)),
                    ("unit", signal.signal_unit.clone()),
                ],
            ),
        ],
        proposal: Proposal::Offset {
            offset: (offset * 1e5).round() / 1e5,
        },
        confidence: 0.6,
        before: Some(before),
    })
}

/// The source itself states another unit than the mapping.
fn stated_unit(signal: &SignalSummary) -> Option<Drift> {
    let stated = crate::find_unit(
        signal
            .stated_unit
            .as_deref()
            .filter(|u| !u.trim().is_empty())?,
    )?;
    let mapped = crate::find_unit(&signal.unit)?;
    if stated.symbol == mapped.symbol || conversion(&stated.symbol, &signal.signal_unit).is_err() {
        return None;
    }
    // A number and a share are often used for one another; a difference is labelled like a level.
    if (stated.factor - mapped.factor).abs() < 1e-12 && stated.offset == mapped.offset {
        return None;
    }
    Some(Drift {
        kind: DriftKind::UnitChanged,
        mapping: signal.mapping,
        evidence: vec![message(
            "drift.stated_unit",
            [
                ("stated", stated.symbol.clone()),
                ("mapped", mapped.symbol.clone()),
            ],
        )],
        proposal: Proposal::Unit {
            unit: stated.symbol.clone(),
        },
        confidence: 0.9,
        before: signal.before,
    })
}

fn level_in_other_unit(signal: &SignalSummary) -> Option<Drift> {
    let now = signal.now?;
    let moved = signal
        .before
        .filter(|before| has_moved(signal, before, &now));
    // Without a move a wrong unit shows only by values no such machine can have.
    let is_impossible = || {
        signal.scale.is_some_and(|(low, high)| {
            let margin = high - low;
            now.median > high + margin || now.median < low - margin
        })
    };
    if moved.is_none() && !is_impossible() {
        return None;
    }
    let mapped = crate::find_unit(&signal.unit)?;
    let back = conversion(&signal.signal_unit, &signal.unit).ok()?;
    let mut best: Option<(f64, &str, f64)> = None;
    for unit in units().iter().filter(|u| u.dimension == mapped.dimension) {
        if unit.symbol == mapped.symbol {
            continue;
        }
        let Ok(forth) = conversion(&unit.symbol, &signal.signal_unit) else {
            continue;
        };
        let level = forth.of(back.of(now.median));
        let gain = (forth.gain * back.gain).abs();
        let (fits, miss) = match &moved {
            Some(before) => {
                let miss = (level - before.median).abs();
                // The restlessness must shrink or grow with the level.
                let spread = now.spread * gain;
                let is_alike =
                    spread < before.spread * 6.0 + 1e-9 && spread * 6.0 + 1e-9 > before.spread;
                let room = (3.0 * before.spread).max(0.03 * before.median.abs());
                (miss <= room && is_alike, miss)
            }
            None => {
                let (low, high) = signal.scale?;
                let middle = f64::midpoint(low, high);
                (level >= low && level <= high, (level - middle).abs())
            }
        };
        if fits && best.is_none_or(|(least, ..)| miss < least) {
            best = Some((miss, &unit.symbol, level));
        }
    }
    let (_, unit, level) = best?;
    let mut evidence = Vec::new();
    if let Some(before) = &moved {
        evidence.push(level_moved(signal, before, &now));
    } else if let Some((low, high)) = signal.scale {
        evidence.push(message(
            "drift.outside_scale",
            [
                ("now", number(now.median)),
                ("low", number(low)),
                ("high", number(high)),
                ("unit", signal.signal_unit.clone()),
            ],
        ));
    }
    evidence.push(message(
        "drift.fits_unit",
        [
            ("unit", unit.to_owned()),
            ("level", number(level)),
            ("signal_unit", signal.signal_unit.clone()),
        ],
    ));
    Some(Drift {
        kind: DriftKind::UnitChanged,
        mapping: signal.mapping,
        evidence,
        proposal: Proposal::Unit {
            unit: unit.to_owned(),
        },
        confidence: if moved.is_some() { 0.8 } else { 0.6 },
        before: moved,
    })
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

/// The tag is there and alive, but measures something else.
fn reused(signal: &SignalSummary) -> Option<Drift> {
    let mut evidence = Vec::new();
    let stated = signal.stated_unit.as_deref().and_then(crate::find_unit);
    if let Some(stated) = stated.filter(|u| !u.symbol.is_empty() && u.symbol != "1")
        && conversion(&stated.symbol, &signal.signal_unit).is_err()
        && crate::find_unit(&signal.unit).is_some_and(|mapped| mapped.dimension != stated.dimension)
    {
        evidence.push(message(
            "drift.stated_unit",
            [
                ("stated", stated.symbol.clone()),
                ("mapped", signal.unit.clone()),
            ],
        ));
    }
    if let (Some(before), Some(now), Some((low, high)), false) =
        (signal.before, signal.now, signal.scale, signal.is_state)
    {
        let margin = 0.1 * (high - low);
        let was_inside = before.low >= low - margin && before.high <= high + margin;
        let is_outside = now.low > high + margin || now.high < low - margin;
        let has_changed_character = now.spread > 10.0 * before.spread.max(1e-9)
            || before.spread > 10.0 * now.spread.max(1e-9);
        let is_far = (now.median - before.median).abs() > 0.25 * (high - low);
        if has_moved(signal, &before, &now)
            && was_inside
            && (is_outside || (has_changed_character && is_far && now.spread > 0.0))
        {
            evidence.push(level_moved(signal, &before, &now));
            evidence.push(message(
                "drift.no_unit_fits",
                [
                    ("low", number(low)),
                    ("high", number(high)),
                    ("unit", signal.signal_unit.clone()),
                ],
            ));
        }
    }
    (!evidence.is_empty()).then(|| Drift {
        kind: DriftKind::Reused,
        mapping: signal.mapping,
        evidence,
        proposal: Proposal::Deactivate,
        confidence: 0.6,
        before: signal.before,
    })
}

/// Values keep coming and are always the same.
fn flat(signal: &SignalSummary) -> Option<Drift> {
    let (before, now) = (signal.before?, signal.now?);
    let stands = (now.high - now.low).abs() <= 1e-9 * now.median.abs().max(1e-9);
    if signal.is_state || !stands {
        return None;
    }
    let is_new = before.flat_share <= FLAT_BEFORE && before.spread > 0.0;
    if !is_new {
        return dead(signal, &before, &now);
    }
    if now.samples < FLAT_SAMPLES {
        return None;
    }
    Some(Drift {
        kind: DriftKind::FlatLined,
        mapping: signal.mapping,
        evidence: vec![
            message(
                "drift.flat",
                [
                    ("count", now.samples.to_string()),
                    ("value", number(now.median)),
                    ("unit", signal.signal_unit.clone()),
                ],
            ),
            message(
                "drift.moved_before",
                [
                    ("spread", number(before.spread)),
                    ("unit", signal.signal_unit.clone()),
                ],
            ),
        ],
        proposal: Proposal::Deactivate,
        confidence: 0.7,
        before: Some(before),
    })
}

/// The value has never changed since it is known: a simulated or disconnected transmitter. A closed
/// valve and an empty vessel stand at an end of their scale, which is no sign of death.
fn dead(signal: &SignalSummary, before: &Level, now: &Level) -> Option<Drift> {
    let value = now.median;
    let never_moved = before.low >= before.high && (before.low - value).abs() <= 1e-9 * value.abs();
    let is_end = value == 0.0
        || signal.scale.is_some_and(|(low, high)| {
            (value - low).abs() < 1e-3 * (high - low) || (value - high).abs() < 1e-3 * (high - low)
        });
    let is_told = before.samples + now.samples >= DEAD_SAMPLES;
    (never_moved && !is_end && is_told).then(|| Drift {
        kind: DriftKind::FlatLined,
        mapping: signal.mapping,
        evidence: vec![message(
            "drift.dead",
            [
                ("count", (before.samples + now.samples).to_string()),
                ("value", number(value)),
                ("unit", signal.signal_unit.clone()),
            ],
        )],
        proposal: Proposal::Deactivate,
        confidence: 0.5,
        before: Some(*before),
    })
}

/// Two machines of a kind, one running and one standing, whose signs of motion are the wrong way
/// round: their cables were crossed before the first value came.
fn crossed(signals: &[SignalSummary]) -> Vec<Drift> {
    let of_motion: Vec<(&SignalSummary, Level)> = signals
        .iter()
        .filter(|s| OF_MOTION.iter().any(|word| s.metric.contains(word)))
        .filter_map(|s| Some((s, s.always?)))
        .collect();
    let mut found: Vec<Drift> = Vec::new();
    for (a, a_now) in of_motion.iter().filter(|(s, _)| s.is_running == Some(true)) {
        let mut partners = of_motion.iter().filter(|(b, b_now)| {
            b.is_running == Some(false)
                && (a.integration, &a.metric, &a.family) == (b.integration, &b.metric, &b.family)
                && b_now.median > MOTION_TIMES * a_now.median.abs()
                && is_substantial(b, b_now.median)
        });
        // With two standing machines that seem to move nobody knows which cable is whose.
        if let (Some((b, b_now)), None) = (partners.next(), partners.next()) {
            let (a_still, b_still) = (*a_now, *b_now);
            found.push(swap(&(*a, b_still, a_still), &(*b, a_still, b_still)));
            if let Some(last) = found.last_mut() {
                last.evidence = vec![
                    motion("drift.runs_still", a, a_now.median),
                    motion("drift.stands_moving", b, b_now.median),
                ];
                last.before = None;
            }
        }
    }
    found
}

fn is_substantial(signal: &SignalSummary, value: f64) -> bool {
    signal
        .scale
        .is_none_or(|(low, high)| value > low + 0.05 * (high - low))
}

fn motion(code: &str, signal: &SignalSummary, value: f64) -> Message {
    message(
        code,
        [
            ("tag", signal.tag.clone()),
            ("value", number(value)),
            ("unit", signal.signal_unit.clone()),
        ],
    )
}

/// Two signals of one source that stand where the other one stood.
fn swaps(signals: &[SignalSummary]) -> Vec<Drift> {
    let moved: Vec<(&SignalSummary, Level, Level)> = signals
        .iter()
        .filter(|s| !s.is_state)
        .filter_map(|s| Some((s, s.before?, s.now?)))
        .filter(|(_, before, now)| {
            (now.median - before.median).abs() > 2.0 * before.spread.min(now.spread)
        })
        .collect();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, (a, a_before, a_now)) in moved.iter().enumerate() {
        for (j, (b, b_before, b_now)) in moved.iter().enumerate().skip(i + 1) {
            if a.integration != b.integration || a.signal_unit != b.signal_unit {
                continue;
            }
            let apart = (a_before.median - b_before.median).abs();
            let is_apart = apart > 4.0 * a_before.spread.max(b_before.spread)
                && apart > MOVED_SHARE * a_before.median.abs().max(b_before.median.abs());
            let miss = (a_now.median - b_before.median)
                .abs()
                .max((b_now.median - a_before.median).abs());
            if is_apart && miss < SWAP_SHARE * apart {
                pairs.push((miss / apart, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut taken = vec![false; moved.len()];
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    for (_, i, j) in pairs {
        if !taken[i] && !taken[j] {
            (taken[i], taken[j]) = (true, true);
            chosen.push((i, j));
        }
    }
    let mut between: HashMap<(AssetId, AssetId), usize> = HashMap::new();
    let machines = |i: usize, j: usize| {
        let (a, b) = (moved[i].0.asset, moved[j].0.asset);
        (a.min(b), a.max(b))
    };
    for (i, j) in &chosen {
        *between.entry(machines(*i, *j)).or_default() += 1;
    }
    chosen
        .into_iter()
        .filter(|(i, j)| {
            let pair = machines(*i, *j);
            pair.0 == pair.1 || between[&pair] <= SWAPS_PER_PAIR
        })
        .map(|(i, j)| swap(&moved[i], &moved[j]))
        .collect()
}

type Moved<'a> = (&'a SignalSummary, Level, Level);

fn swap(a: &Moved<'_>, b: &Moved<'_>) -> Drift {
    // The same pair must get the same name whichever comes first.
    let (a, b) = if a.0.mapping <= b.0.mapping {
        (a, b)
    } else {
        (b, a)
    };
    let told = |(signal, before, now): &Moved<'_>| {
        message(
            "drift.took_level",
            [
                ("tag", signal.tag.clone()),
                ("before", number(before.median)),
                ("now", number(now.median)),
                ("unit", signal.signal_unit.clone()),
            ],
        )
    };
    Drift {
        kind: DriftKind::Swapped,
        mapping: a.0.mapping,
        evidence: vec![told(a), told(b)],
        proposal: Proposal::Swap { other: b.0.mapping },
        confidence: 0.75,
        before: Some(a.1),
    }
}

#[cfg(test)]
mod tests;
