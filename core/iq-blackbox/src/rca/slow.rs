//! Changes slower than the hours the rules look at: an exchanger that fouls for days has left its usual values
//! long before the hours that stand for "usual". They name no cause; they are told, so that nobody reads that
//! nothing changed.

use iq_domain::{SignalId, Timestamp};

use super::{Case, Said, Trace, shape::level};

/// Changes that are told.
const MAX_TOLD: usize = 3;
/// Shortest time that stands for what was usual, a third of the history.
const LEAST_MS: i64 = 3 * 3_600_000;
/// Samples in it.
const LEAST_SAMPLES: usize = 60;
/// How far beyond the middle a level must lie, in spans between the first and the last hundredth of the samples.
const SPANS: f64 = 1.5;
/// And in parts of the middle: an instrument that never moves has no span.
const PART: f64 = 0.03;

/// What happened to the signals of the incident's own asset over the whole history before it, the largest first.
#[must_use]
pub fn slow_changes(case: &Case, histories: &[(SignalId, Vec<(Timestamp, f64)>)]) -> Vec<Said> {
    let mut found: Vec<(f64, Said)> = case
        .traces_of(case.asset)
        .filter_map(|trace| {
            let (_, history) = histories.iter().find(|(id, _)| *id == trace.signal)?;
            slow_change(case, trace, history)
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told = found.into_iter().take(MAX_TOLD);
    told.map(|(_, said)| said).collect()
}

/// How far a signal went, in spans of what it was in the first third of its history.
fn slow_change(case: &Case, trace: &Trace, history: &[(Timestamp, f64)]) -> Option<(f64, Said)> {
    let (_, now) = level(trace.points.within(case.window))?;
    let first = history.first()?.0;
    let third = case.window.to.since_ms(first) / 3;
    let usual = &history[..history.partition_point(|(t, _)| t.since_ms(first) < third)];
    if third < LEAST_MS || usual.len() < LEAST_SAMPLES {
        return None;
    }
    let mut values: Vec<f64> = usual.iter().map(|(_, v)| *v).collect();
    values.sort_by(f64::total_cmp);
    let at = |part: usize| values[(values.len() - 1) * part / 100];
    let (middle, span) = (at(50), at(99) - at(1));
    let far = (now - middle).abs();
    if far <= SPANS * span || far <= PART * middle.abs() || far == 0.0 {
        return None;
    }
    let code = if now > middle {
        "rca.explain.slow_rise"
    } else {
        "rca.explain.slow_fall"
    };
    let hours = case.window.to.since_ms(first) / 3_600_000;
    let said = Said::new(code)
        .with("metric", &trace.metric)
        .with("unit", &trace.unit)
        .with("asset", case.asset(case.asset).map_or("", |a| &a.code))
        .number("value", now)
        .number("usual", middle)
        .with("hours", hours);
    Some((far / span.max(PART * middle.abs()), said))
}
