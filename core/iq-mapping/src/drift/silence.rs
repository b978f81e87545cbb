//! Tags that say nothing although their source is alive: renamed, vanished, or standing still on a
//! source that only reports changes.

use super::{
    Drift, DriftKind, FLAT_BEFORE, FreeTag, Proposal, Reading, SignalSummary, listed::similarity,
    message, number,
};
use crate::units::conversion;

/// A gap is silence when it is this many times the usual one …
const SILENT_TIMES: i64 = 20;
/// … and at least this long.
const SILENT_MS: i64 = 30 * 60_000;
/// Likeness from which a new tag may be the old one renamed.
const RENAMED_LIKENESS: f64 = 0.6;

/// No values although the source is alive: renamed, vanished, or standing still on a source that only
/// reports changes.
pub(super) fn silence(signal: &SignalSummary, free: &[FreeTag]) -> Option<Drift> {
    let silent_ms = match signal.silent_ms {
        Some(age) => age,
        None if signal.is_listed == Some(false) || is_without_value(signal) => i64::MAX,
        None => return None,
    };
    let usual = signal.usual_gap_ms.unwrap_or(SILENT_MS / SILENT_TIMES);
    let patience = SILENT_MS.max(usual.saturating_mul(SILENT_TIMES));
    let is_silent = silent_ms > patience.max(signal.quiet_ms.unwrap_or(0));
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
    if let Some(Reading::Value(value)) = signal.read {
        let was_calm = signal.before.is_none_or(|b| b.flat_share > FLAT_BEFORE);
        // A value that moved without being reported lies within what the source leaves out.
        let lives = signal.last_value.is_some_and(|last| differs(last, value));
        // A word is an answer as well: the tag is there.
        if signal.is_state || was_calm || lives || !value.is_finite() {
            return None;
        }
        evidence.push(message("drift.still_reads", [("value", number(value))]));
        return drift(DriftKind::FlatLined, evidence, Proposal::Deactivate, 0.6);
    }
    evidence.push(match &signal.read {
        _ if signal.is_listed == Some(false) => message("drift.not_listed", []),
        Some(Reading::NotFed(state)) => message("drift.not_fed", [("state", state.clone())]),
        Some(Reading::Nothing) => message("drift.read_fails", []),
        _ => return None,
    });
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

fn is_without_value(signal: &SignalSummary) -> bool {
    matches!(signal.read, Some(Reading::Nothing | Reading::NotFed(_)))
}

/// Whether two readings are two values, not one written twice.
fn differs(a: f64, b: f64) -> bool {
    (a - b).abs() > 1e-9 * a.abs().max(b.abs())
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

fn minutes(ms: i64) -> String {
    (ms / 60_000).to_string()
}
