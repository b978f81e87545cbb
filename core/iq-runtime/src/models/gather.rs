//! The history of an asset as a model sees it: which signals may teach, on which clock, and which times
//! teach nothing.

use iq_analytics::lab::{self, History};
use iq_domain::{
    AssetId, CodedError, Limits, Message, Severity, SignalKind, StatusCode, TimeRange, Timestamp,
    Value, WorkOrderStatus,
};
use iq_historian::Historian;
use iq_store::{
    alerts::{self, AlertFilter},
    all_rows,
    work_orders::{WorkOrder, WorkOrderFilter},
};

use super::say;
use crate::{
    AssetEntry, Inner, SignalEntry, TenantIndex, failures, made_up::is_signal_made_up, scoring,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Clocks of rows with the window each looks back; the first on which a source reports often enough is
/// taken.
pub(super) const CLOCKS: [(i64, i64); 3] = [
    (MINUTE_MS, 7 * DAY_MS),
    (10 * MINUTE_MS, 60 * DAY_MS),
    (HOUR_MS, 365 * DAY_MS),
];

/// Complete rows that make a clock good enough without looking at a slower one.
const ENOUGH_ROWS: usize = 600;

/// What comes so shortly before a critical alert may be its cause and must not be learned.
const BEFORE_ALERT_MS: i64 = 6 * HOUR_MS;

/// Critical alerts closer together are one failure.
const SAME_FAILURE_MS: i64 = 6 * HOUR_MS;

/// Metrics that tell how a machine is run.
const OPERATING: [&str; 4] = ["speed", "load", "setpoint", "igv_position"];

/// Smallest difference of such a metric that matters, as a share of its drawn scale.
const OPERATING_STEP: f64 = 0.02;

/// A signal that may teach.
pub(super) struct Source {
    number: u32,
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) limits: Limits,
    min_sigma: f64,
    /// Smallest difference that matters, where it tells how the machine is run.
    step: Option<f64>,
}

/// What is gathered for an asset, and how.
pub(super) struct Plan {
    pub(super) sources: Vec<Source>,
    running: Option<(u32, f64)>,
    settle_ms: i64,
    maintenance: Vec<TimeRange>,
    /// Critical alerts, from when they came until they were over.
    alarmed: Vec<TimeRange>,
    failures: Vec<Timestamp>,
    has_demo_only: bool,
}

/// Whether a signal's values are told by a machine, not by its protection.
fn teaches(signal: &SignalEntry) -> bool {
    signal.signal.kind == SignalKind::Measured
        && signal.mapping.is_some()
        && !matches!(signal.signal.metric.as_str(), "trip" | "first_out")
        && signal.metric.is_none_or(|m| {
            !m.is_running_state && (m.health_weight > 0.0 || OPERATING.contains(&m.metric.as_str()))
        })
}

pub(super) async fn plan(
    inner: &Inner,
    plant: &TenantIndex,
    entry: &AssetEntry,
) -> Result<Plan, CodedError> {
    let all: Vec<&SignalEntry> = entry
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|s| teaches(s))
        .collect();
    // A plant of one's own never learns from made-up values.
    let real: Vec<&SignalEntry> = all
        .iter()
        .copied()
        .filter(|s| !is_signal_made_up(plant, s))
        .collect();
    let source = |signal: &&SignalEntry| {
        let min_sigma = scoring::smallest_sigma(signal);
        let metric = signal.signal.metric.clone();
        let tells = OPERATING.contains(&metric.as_str());
        Source {
            number: signal.signal.signal_no,
            // Half a per cent of the scale is the smallest deviation.
            step: tells.then_some(min_sigma * OPERATING_STEP / 0.005),
            metric,
            unit: signal.signal.unit.clone(),
            limits: signal.limits,
            min_sigma,
        }
    };
    let running = entry.running.and_then(|r| {
        let signal = plant.signals.get(&r.signal_id)?;
        Some((signal.signal.signal_no, r.runs_at))
    });
    let (alarmed, maintenance, failures) = known(inner, plant, entry.asset.id).await?;
    Ok(Plan {
        sources: real.iter().map(source).collect(),
        running,
        settle_ms: entry.settle_ms(),
        maintenance,
        alarmed,
        failures,
        has_demo_only: real.is_empty() && !all.is_empty(),
    })
}

/// The time in which an order was or is worked on. One that is over without a time of its end ended with
/// its last change at the latest.
pub(super) fn worked(order: &WorkOrder, now: Timestamp) -> Option<TimeRange> {
    use WorkOrderStatus::{Cancelled, Closed, Completed};
    let is_over = matches!(order.status, Completed | Closed | Cancelled);
    let end = order.actual_end.unwrap_or(if is_over {
        order.changed_at.min(now)
    } else {
        now
    });
    TimeRange::new(order.actual_start?, end)
}

/// Critical alerts, times of work on the asset, and its known failures.
pub(super) async fn known(
    inner: &Inner,
    plant: &TenantIndex,
    asset: AssetId,
) -> Result<(Vec<TimeRange>, Vec<TimeRange>, Vec<Timestamp>), CodedError> {
    let (now, tenant) = (inner.clock.now(), plant.tenant.id);
    let since = now.plus_ms(-CLOCKS[CLOCKS.len() - 1].1);
    let filter = AlertFilter {
        severities: vec![Severity::Critical],
        asset_ids: vec![asset],
        from: Some(since),
        ..AlertFilter::default()
    };
    let orders = WorkOrderFilter {
        asset_ids: vec![asset],
        ..WorkOrderFilter::default()
    };
    let critical = inner
        .store
        .read(move |conn| all_rows(|page| alerts::list_alerts(conn, tenant, &filter, page)))
        .await?;
    let orders = failures::read(inner, plant, orders).await?;
    let alarmed = critical.iter().filter_map(|a| {
        let end = a.cleared_at.unwrap_or(now).plus_ms(1);
        TimeRange::new(a.activated_at, end)
    });
    let worked = orders.rows.iter().filter_map(|o| worked(o, now));
    let mut failures: Vec<Timestamp> = critical
        .iter()
        .map(|a| a.activated_at)
        .chain(orders.reports(now).iter().map(|r| r.failure.at))
        .collect();
    failures.sort_unstable();
    failures.dedup_by(|later, first| later.since_ms(*first) < SAME_FAILURE_MS);
    Ok((alarmed.collect(), worked.collect(), failures))
}

impl Plan {
    /// Why nothing can be learned at all, before any history is read.
    pub(super) fn refused(&self) -> Option<Message> {
        if self.has_demo_only {
            Some(say("models.withheld.demo_data"))
        } else {
            (self.sources.is_empty()).then(|| say("models.withheld.no_inputs"))
        }
    }

    /// The newest history, on the fastest clock that the sources keep up with.
    pub(super) fn newest(
        &self,
        historian: &Historian,
        now: Timestamp,
    ) -> Result<History, CodedError> {
        let mut best: Option<History> = None;
        for (row_ms, _) in CLOCKS {
            let history = self.history(historian, row_ms, now)?;
            let usable = history.usable();
            if usable >= ENOUGH_ROWS {
                return Ok(history);
            }
            if best.as_ref().is_none_or(|b| b.usable() < usable) {
                best = Some(history);
            }
        }
        Ok(best.unwrap_or_default())
    }

    /// The history on a clock. Disk work.
    pub(super) fn history(
        &self,
        historian: &Historian,
        row_ms: i64,
        now: Timestamp,
    ) -> Result<History, CodedError> {
        let back = CLOCKS.iter().find(|(ms, _)| *ms == row_ms);
        let to = Timestamp(now.0.div_euclid(row_ms) * row_ms);
        let range = TimeRange {
            from: to.plus_ms(-back.map_or(CLOCKS[0].1, |(_, back)| *back)),
            to,
        };
        let mut series = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            series.push(historian.buckets(source.number, range, row_ms)?);
        }
        let mut stopped = self.maintenance.clone();
        if let Some((number, runs_at)) = self.running {
            let points: Vec<iq_domain::Point> = historian
                .buckets(number, range, row_ms)?
                .iter()
                .map(|b| iq_domain::Point {
                    t: b.t,
                    // Running for a part of a row only is no steady running.
                    value: Some(Value::Number(b.min)),
                    status: StatusCode::GOOD,
                })
                .collect();
            let unsteady = iq_analytics::unsteady_ranges(&points, runs_at, range, self.settle_ms);
            stopped.extend(unsteady);
        }
        let suspect = self
            .alarmed
            .iter()
            .map(|r| (r.from.plus_ms(-BEFORE_ALERT_MS), r.to))
            .chain(
                self.failures
                    .iter()
                    .map(|at| (at.plus_ms(-BEFORE_ALERT_MS), at.plus_ms(1))),
            )
            .filter_map(|(from, to)| TimeRange::new(from, to));
        let operating = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(j, s)| Some((j, s.step?)));
        Ok(History {
            inputs: self.sources.iter().map(|s| s.metric.clone()).collect(),
            samples: lab::rows(&series, range, row_ms),
            stopped,
            suspect: suspect.collect(),
            failures: self
                .failures
                .iter()
                .filter(|at| range.contains(**at))
                .copied()
                .collect(),
            operating: operating.collect(),
            min_sigma: self.sources.iter().map(|s| s.min_sigma).collect(),
            row_ms,
        })
    }
}
