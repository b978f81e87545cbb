//! The shape of a signal: frozen, spiking, drifting, creeping.

use iq_domain::{Shift, Timestamp, Usual, fast_noise};

/// Equal samples that make a frozen reading.
const FROZEN_SAMPLES: usize = 20;
/// How many times as long as ever before they must last.
const FROZEN_TIMES: i64 = 5;
/// How much faster or slower the second half of an even drift may be.
const EVEN_PACE: f64 = 1.8;
/// Samples that show how a signal varies.
const ENOUGH: usize = 90;
/// Shortest drift.
const DRIFT_MS: i64 = 20 * 60_000;

/// Whether the last samples repeat one value for far longer than they ever did before, in number and
/// in time: a source that reports changes only sends the same value a few times anyway.
pub(super) fn is_frozen(
    inside: &[(Timestamp, f64)],
    before: &[(Timestamp, f64)],
    usual: &Usual,
) -> bool {
    let Some((_, last)) = inside.last() else {
        return false;
    };
    let same = inside.iter().rev().take_while(|(_, v)| v == last).count();
    let (samples, ms) = longest_run(before);
    usual.noise > 0.0
        && same >= FROZEN_SAMPLES.max(2 * samples)
        && lasted(&inside[inside.len() - same..]) >= FROZEN_TIMES * ms
}

/// The longest repetition of one value, in samples and in milliseconds.
fn longest_run(points: &[(Timestamp, f64)]) -> (usize, i64) {
    let runs = points.chunk_by(|a, b| a.1 == b.1);
    runs.fold((0, 0), |(samples, ms), run| {
        (samples.max(run.len()), ms.max(lasted(run)))
    })
}

fn lasted(run: &[(Timestamp, f64)]) -> i64 {
    match (run.first(), run.last()) {
        (Some((first, _)), Some((last, _))) => last.since_ms(*first),
        _ => 0,
    }
}

/// Where a signal ended: the middle one of its last three samples, as a change of level has it.
pub(super) fn level(inside: &[(Timestamp, f64)]) -> Option<(Timestamp, f64)> {
    let mut last: Vec<f64> = inside.iter().rev().take(3).map(|(_, v)| *v).collect();
    last.sort_by(f64::total_cmp);
    Some((inside.last()?.0, *last.get(last.len() / 2)?))
}

/// The last third of the window.
pub(super) fn latest(inside: &[(Timestamp, f64)]) -> &[(Timestamp, f64)] {
    &inside[inside.len() * 2 / 3..]
}

/// How much a signal varies at the end of the window: in its last third, or in a shorter part of it that holds
/// [`ENOUGH`] samples. What began to swing ten minutes before a stop swings, however quiet the hours before were.
pub(super) fn latest_noise(inside: &[(Timestamp, f64)]) -> f64 {
    let shorter = [6, 12, 24].map(|part| inside.len() / part);
    shorter
        .iter()
        .filter(|count| **count >= ENOUGH)
        .map(|count| fast_noise(&inside[inside.len() - count..]))
        .fold(fast_noise(latest(inside)), f64::max)
}

/// Single samples far from both neighbours, which agree with each other.
pub(super) fn spikes(inside: &[(Timestamp, f64)], usual: &Usual) -> usize {
    let step = usual.noise.max(usual.sigma * 0.2);
    inside
        .windows(3)
        .filter(|w| {
            let near = f64::midpoint(w[0].1, w[2].1);
            (w[1].1 - near).abs() > 8.0 * step && (w[0].1 - w[2].1).abs() < 4.0 * step
        })
        .count()
}

/// Whether the level went one way through four equal parts of the time since the change, and in the end
/// at least half as far again as in the beginning: a step is no drift.
pub(super) fn drifts(inside: &[(Timestamp, f64)], usual: &Usual, shift: &Shift) -> bool {
    match quarters(inside, usual, shift) {
        Some(means) => means.windows(2).all(|w| w[1] > w[0]) && means[3] >= 1.5 * means[0],
        None => false,
    }
}

/// Whether it drifts at an even pace, the second half about as fast as the first. Wear speeds up, dirt
/// and heat slow down; an instrument that loses its calibration does neither.
pub(super) fn creeps(inside: &[(Timestamp, f64)], usual: &Usual, shift: &Shift) -> bool {
    let Some(means) = quarters(inside, usual, shift) else {
        return false;
    };
    let (first, second) = (means[1] - means[0], means[3] - means[2]);
    drifts(inside, usual, shift)
        && first > 0.0
        && (1.0 / EVEN_PACE..=EVEN_PACE).contains(&(second / first))
}

/// Means of four equal parts of the samples since a change that lasts long enough for a drift.
fn quarters(inside: &[(Timestamp, f64)], usual: &Usual, shift: &Shift) -> Option<[f64; 4]> {
    let since: Vec<f64> = inside
        .iter()
        .filter(|(t, _)| *t >= shift.at)
        .map(|(_, v)| (*v - usual.center) * shift.effect.signum())
        .collect();
    let lasts = inside.last()?.0.since_ms(shift.at) >= DRIFT_MS;
    let part = since.len() / 4;
    if !lasts || part < 3 {
        return None;
    }
    let mean = |n: usize| {
        let of = &since[n * part..(n + 1) * part];
        of.iter().sum::<f64>() / f64::from(u32::try_from(of.len()).unwrap_or(1))
    };
    Some([mean(0), mean(1), mean(2), mean(3)])
}

/// A sample at which a held signal jumped.
pub(super) type Sample = (Timestamp, f64);
