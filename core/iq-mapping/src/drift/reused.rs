//! Tags that are there and alive, but measure something else.

use super::{Drift, DriftKind, Proposal, SignalSummary, has_moved, level_moved, message, number};
use crate::units::conversion;

/// The tag is there and alive, but measures something else.
pub(super) fn reused(signal: &SignalSummary) -> Option<Drift> {
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
    (!evidence.is_empty()).then_some(Drift {
        kind: DriftKind::Reused,
        mapping: signal.mapping,
        evidence,
        proposal: Proposal::Deactivate,
        confidence: 0.6,
        before: signal.before,
    })
}
