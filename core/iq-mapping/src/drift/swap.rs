//! Two signals that stand where the other one should: cables crossed at the rack, or tags exchanged.

use std::collections::HashMap;

use iq_domain::{AssetId, Message};

use super::{Drift, DriftKind, Level, MOVED_SHARE, Proposal, SignalSummary, message, number};

/// A level is where another one was within this share of the distance of the two.
const SWAP_SHARE: f64 = 0.25;
/// What moves with a machine and is all but nothing while it stands.
const OF_MOTION: [&str; 4] = ["vibration", "acceleration", "current", "speed"];
/// A running machine shows at least this many times what a standing one does.
const MOTION_TIMES: f64 = 4.0;
/// More pairs than this between two machines are a change of duty, not crossed wires.
const SWAPS_PER_PAIR: usize = 2;

/// Two machines of a kind, one running and one standing, whose signs of motion are the wrong way
/// round: their cables were crossed before the first value came.
pub(super) fn crossed(signals: &[SignalSummary]) -> Vec<Drift> {
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
pub(super) fn swaps(signals: &[SignalSummary]) -> Vec<Drift> {
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
