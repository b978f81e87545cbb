//! The trends of a report: stored samples of the signals that moved, drawn on the clock of the events.

use std::sync::Arc;

use iq_api_types::{Timeline, TimelineTrend};
use iq_domain::{Limits, Provenance, Severity, TimeRange, Timestamp, Value};
use iq_historian::HistorianError;
use iq_report::{Limit, Mark, MarkKind};
use iq_runtime::TenantIndex;

use crate::{http::Answer, signals::blocking, state::ApiState};

/// Charts of one report.
pub(crate) const MAX_CHARTS: usize = 6;
/// Columns of a chart, each with its first, lowest, highest and last sample.
const WIDTH: usize = 450;
/// Marks of one chart; an alarm flood is not a picket fence.
const MAX_MARKS: usize = 40;

/// A trend with what its legend says.
pub(crate) struct Drawn {
    pub(crate) trend: TimelineTrend,
    pub(crate) points: Vec<(Timestamp, Option<f64>)>,
    pub(crate) is_raw: bool,
    pub(crate) band: Option<(f64, f64)>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) marks: Vec<Mark>,
}

/// Reads what is drawn.
pub(crate) async fn drawn(
    state: &ApiState,
    plant: &Arc<TenantIndex>,
    timeline: &Timeline,
) -> Answer<Vec<Drawn>> {
    let mut critical: Vec<Timestamp> = timeline
        .events
        .iter()
        .map(|e| &e.event)
        .filter(|e| e.severity == Severity::Critical)
        .map(|e| e.event_time.plus_ms(-e.time_offset_ms))
        .collect();
    critical.sort();
    critical.dedup();
    critical.truncate(MAX_MARKS);
    let mut asked = Vec::new();
    for trend in timeline.trends.iter().take(MAX_CHARTS) {
        let Some(entry) = plant.signals.get(&trend.signal_id) else {
            continue;
        };
        let offset = trend.time_offset_ms;
        // Samples carry the time of their source: the window is moved to its clock.
        let (from, to) = (timeline.from.plus_ms(offset), timeline.to.plus_ms(offset));
        let Some(range) = TimeRange::new(from, to) else {
            continue;
        };
        let band = crate::signals::band(state, trend.signal_id, None);
        let onset = trend.onset_at.map(|at| Mark {
            at: at.plus_ms(-offset),
            kind: MarkKind::Onset,
        });
        let events = critical.iter().map(|at| Mark {
            at: *at,
            kind: MarkKind::Critical,
        });
        let drawn = Drawn {
            trend: trend.clone(),
            points: Vec::new(),
            is_raw: true,
            band: band.map(|b| (b.low, b.high)),
            limits: limits(&entry.limits),
            marks: events.chain(onset).collect(),
        };
        asked.push((drawn, entry.signal.signal_no, range));
    }
    let historian = state.runtime.historian().clone();
    blocking(move || {
        asked
            .into_iter()
            .map(|(mut drawn, number, range)| {
                let found = historian.decimate(number, range, WIDTH)?;
                let offset = drawn.trend.time_offset_ms;
                drawn.is_raw = found.provenance == Provenance::Raw;
                drawn.points = found
                    .points
                    .iter()
                    .map(|p| {
                        let value = p.value.as_ref().and_then(Value::as_f64);
                        let good = value.filter(|v| v.is_finite() && p.status.is_good());
                        (p.t.plus_ms(-offset), good)
                    })
                    .collect();
                Ok::<_, HistorianError>(drawn)
            })
            .collect()
    })
    .await
}

fn limits(limits: &Limits) -> Vec<Limit> {
    let pairs = [
        (limits.low_low, true),
        (limits.low, false),
        (limits.high, false),
        (limits.high_high, true),
    ];
    pairs
        .into_iter()
        .filter_map(|(value, is_critical)| value.map(|value| Limit { value, is_critical }))
        .collect()
}
