//! Values that keep coming and are always the same.

use super::{
    Drift, DriftKind, FLAT_BEFORE, Level, Proposal, Reading, SignalSummary, message, number,
};

/// Samples a signal must have had to be called flat.
const FLAT_SAMPLES: u64 = 20;
/// Samples without any change from which an analogue value has never lived.
const DEAD_SAMPLES: u64 = 500;
/// Or this many over this long: an archive that compresses writes a value that stands a few times a day,
/// and what is measured is never the same to the last digit for days.
const DEAD_FEW: u64 = 6;
const DEAD_SPAN_MS: i64 = 2 * 86_400_000;

/// Values keep coming and are always the same.
pub(super) fn flat(signal: &SignalSummary) -> Option<Drift> {
    let before = signal.before?;
    let Some(now) = signal.now else {
        return quiet(signal, &before);
    };
    let stands = (now.high - now.low).abs() <= 1e-9 * now.median.abs().max(1e-9);
    if signal.is_state || !stands {
        return None;
    }
    let is_new = before.flat_share <= FLAT_BEFORE && before.spread > 0.0;
    if !is_new {
        return dead(signal, &before, now.median, before.samples + now.samples);
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

/// Nothing was written lately, and what the source answers is what it always was.
fn quiet(signal: &SignalSummary, before: &Level) -> Option<Drift> {
    let Some(Reading::Value(value)) = signal.read else {
        return None;
    };
    let is_told = !signal.is_state && before.samples >= DEAD_FEW;
    is_told
        .then(|| dead(signal, before, value, before.samples))
        .flatten()
}

/// The value has never changed since it is known: a simulated or disconnected transmitter. A closed
/// valve and an empty vessel stand at an end of their scale, which is no sign of death.
fn dead(signal: &SignalSummary, before: &Level, value: f64, samples: u64) -> Option<Drift> {
    let never_moved = before.low >= before.high && (before.low - value).abs() <= 1e-9 * value.abs();
    let is_end = value == 0.0
        || signal.scale.is_some_and(|(low, high)| {
            (value - low).abs() < 1e-3 * (high - low) || (value - high).abs() < 1e-3 * (high - low)
        });
    let is_told =
        samples >= DEAD_SAMPLES || (samples >= DEAD_FEW && before.span_ms >= DEAD_SPAN_MS);
    (never_moved && !is_end && is_told).then(|| Drift {
        kind: DriftKind::FlatLined,
        mapping: signal.mapping,
        evidence: vec![message(
            "drift.dead",
            [
                ("count", samples.to_string()),
                ("value", number(value)),
                ("unit", signal.signal_unit.clone()),
            ],
        )],
        proposal: Proposal::Deactivate,
        confidence: 0.5,
        before: Some(*before),
    })
}
