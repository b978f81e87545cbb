//! From raw samples to a case: what was usual, where machines stopped, when levels changed. The same
//! steps for a stored incident and for the bench.

use iq_analytics::{ShiftConfig, shift, usual};
use iq_blackbox::rca::{Trace, stops};
use iq_domain::{AssetId, TimeRange, Timestamp};

/// Samples that belong to the window once machines have stopped: a little before the stop, because the
/// scan of one signal lags behind another's.
const BEFORE_STOP_MS: i64 = 2_000;

/// Fills in what was usual and when levels changed. What follows the first stop is the stop's doing:
/// the window that can be evidence ends there. `trigger` is the asset and the moment the incident began
/// with. Gives that window and the stops.
#[must_use]
pub fn prepare(
    traces: &mut [Trace],
    reference: TimeRange,
    window: TimeRange,
    trigger: (AssetId, Timestamp),
    config: &ShiftConfig,
) -> (TimeRange, Vec<(AssetId, Timestamp)>) {
    let stopped = stops(traces, window, trigger.0, trigger.1);
    let to = stopped.first().map_or(window.to, |(_, at)| {
        at.plus_ms(-BEFORE_STOP_MS).max(window.from.plus_ms(1))
    });
    let evidence = TimeRange {
        from: window.from,
        to,
    };
    for trace in traces {
        trace.usual = usual(trace.points.within(reference), config);
        trace.shift = trace
            .usual
            .and_then(|u| shift(trace.points.within(evidence), &u, config));
    }
    (evidence, stopped)
}
