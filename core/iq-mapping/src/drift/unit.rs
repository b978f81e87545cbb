//! Values as another unit of the same kind, or another reference of pressure, would give them.

use iq_domain::Dimension;

use super::{Drift, DriftKind, Proposal, SignalSummary, has_moved, level_moved, message, number};
use crate::units::{conversion, units};

/// A scale is what a screen draws for the family; a large machine may exceed it, but not this often.
const IMPOSSIBLE_TIMES: f64 = 5.0;
/// Standard atmosphere.
const ATMOSPHERE_BAR: f64 = 1.013_25;

/// Values as another unit of the same kind would give them.
pub(super) fn unit_changed(signal: &SignalSummary) -> Option<Drift> {
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
        signal
            .scale
            .is_some_and(|(_, high)| high > 0.0 && now.median > IMPOSSIBLE_TIMES * high)
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
