//! Connectivity from the age of the last good source time, status from alerts, limits and freshness.

use iq_domain::{
    AssetId, AssetState, AssetStatus, Connectivity, Limits, Point, Severity, SignalId, SignalState,
    Timestamp,
};

/// How many expected intervals a value may be missing before it counts as old.
const STALE_INTERVALS: i64 = 3;
/// Never call a value old before this age: publishing and networks need their time.
const MIN_STALE_MS: i64 = 30_000;
/// Health below which an asset needs attention even without an alert ("act this week").
const ATTENTION_HEALTH: f64 = 50.0;

/// Metric of a protection trip: 1 while the machine is tripped.
const TRIP: &str = "trip";
/// A trip signal is on from here.
const TRIPPED_FROM: f64 = 0.5;

/// What is known about the source of a signal at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// Whether the source is known to be unreachable or switched off. For the past, pass what the
    /// connector events say; `false` when nothing is known.
    pub is_down: bool,
    /// Whether its values come from the demo plant.
    pub is_demo: bool,
    /// Whether its values come from uploaded files alone, so that no new one is expected.
    pub is_import: bool,
}

/// One mapped signal with its last value at the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalView {
    /// The signal.
    pub signal_id: SignalId,
    /// Metric key.
    pub metric: String,
    /// Unit symbol.
    pub unit: String,
    /// Last point at or before the moment, of any quality.
    pub last: Option<Point>,
    /// Source time of the last good value at or before the moment.
    pub last_good_at: Option<Timestamp>,
    /// How often a value is expected.
    pub expected_interval_ms: i64,
    /// Its source.
    pub source: SourceView,
    /// Limits in force.
    pub limits: Limits,
    /// Whether an enabled alert rule watches the limits; then the alert decides about the asset.
    pub has_rule: bool,
    /// Set on the signal that tells whether the machine runs: it does from this value on.
    pub runs_at: Option<f64>,
}

/// An alert that is active at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveAlert {
    /// How bad.
    pub severity: Severity,
    /// The signal it is about.
    pub signal_id: Option<SignalId>,
}

/// Everything a state is made from.
#[derive(Clone, Copy, Debug)]
pub struct StateInput<'a> {
    /// The asset.
    pub asset_id: AssetId,
    /// The moment.
    pub at: Timestamp,
    /// Its mapped signals.
    pub signals: &'a [SignalView],
    /// Active alerts.
    pub alerts: &'a [ActiveAlert],
    /// Whether an incident of critical severity is open and has not ended.
    pub in_critical_incident: bool,
    /// Health at the moment.
    pub health: Option<f64>,
    /// Anomaly at the moment.
    pub anomaly: Option<f64>,
}

/// The state of an asset.
#[must_use]
pub fn asset_state(input: &StateInput<'_>) -> AssetState {
    let connectivity = connectivity(input.signals, input.at);
    let is_fresh = matches!(connectivity, Connectivity::Live | Connectivity::Demo);
    let is_running = running(input.signals, input.at);
    let signals: Vec<SignalState> = input
        .signals
        .iter()
        .map(|s| signal_state(s, input, is_running))
        .collect();
    let by_limits = input
        .signals
        .iter()
        .zip(&signals)
        // A trip is no limit that a spike may pass: it counts at once.
        .filter(|(view, _)| !view.has_rule || view.metric == TRIP)
        .map(|(_, state)| state.status)
        .max();
    let by_alerts = input
        .alerts
        .iter()
        .filter_map(|a| status_of(a.severity))
        .max();
    let by_health = (is_fresh && input.health.is_some_and(|h| h < ATTENTION_HEALTH))
        .then_some(AssetStatus::Warning);
    let by_incident = input.in_critical_incident.then_some(AssetStatus::Critical);
    let worst = by_alerts.max(by_limits).max(by_health).max(by_incident);
    let status = match worst {
        // An alert or incident that is open stays visible when the line goes dead; it did not go away.
        Some(status) if status > AssetStatus::Normal => status,
        _ if is_fresh => AssetStatus::Normal,
        _ => AssetStatus::Unknown,
    };
    AssetState {
        asset_id: input.asset_id,
        at: input.at,
        status,
        connectivity,
        data_age_ms: newest_good(input.signals, input.at).map(|t| input.at.since_ms(t).max(0)),
        is_running,
        health: input.health.filter(|_| is_fresh),
        anomaly: input.anomaly.filter(|_| is_fresh),
        signals,
    }
}

fn status_of(severity: Severity) -> Option<AssetStatus> {
    match severity {
        Severity::Critical => Some(AssetStatus::Critical),
        Severity::Warning => Some(AssetStatus::Warning),
        Severity::Info => None,
    }
}

fn newest_good(signals: &[SignalView], at: Timestamp) -> Option<Timestamp> {
    signals
        .iter()
        .filter_map(|s| s.last_good_at)
        .filter(|t| t.since_ms(at) <= AHEAD_MS)
        .max()
}

/// A source clock may run this much ahead; a value from further in the future proves nothing.
const AHEAD_MS: i64 = 300_000;

fn allowed_age(signal: &SignalView) -> i64 {
    signal
        .expected_interval_ms
        .saturating_mul(STALE_INTERVALS)
        .max(MIN_STALE_MS)
}

fn is_fresh(signal: &SignalView, at: Timestamp) -> bool {
    !signal.source.is_down
        && signal.last_good_at.is_some_and(|t| {
            let age = at.since_ms(t);
            (-AHEAD_MS..=allowed_age(signal)).contains(&age)
        })
}

fn connectivity(signals: &[SignalView], at: Timestamp) -> Connectivity {
    if signals.is_empty() {
        return Connectivity::None;
    }
    let fresh: Vec<&SignalView> = signals.iter().filter(|s| is_fresh(s, at)).collect();
    if fresh.is_empty() {
        let mut expected = signals.iter().filter(|s| !s.source.is_import).peekable();
        return if expected.peek().is_none() {
            Connectivity::Imported
        } else if expected.all(|s| s.source.is_down) {
            Connectivity::Disconnected
        } else {
            Connectivity::Stale
        };
    }
    // One real value is a live asset; only an asset that lives on demo values alone is a demo.
    if fresh.iter().all(|s| s.source.is_demo) {
        Connectivity::Demo
    } else {
        Connectivity::Live
    }
}

/// The last known running state; an old one is no knowledge.
fn running(signals: &[SignalView], at: Timestamp) -> Option<bool> {
    let (signal, runs_at) = signals
        .iter()
        .find_map(|s| Some((s, s.runs_at?)).filter(|_| is_fresh(s, at)))?;
    let last = signal.last.as_ref().filter(|p| p.status.is_good())?;
    Some(last.value.as_ref()?.as_f64().filter(|v| v.is_finite())? >= runs_at)
}

fn signal_state(view: &SignalView, input: &StateInput<'_>, running: Option<bool>) -> SignalState {
    let point = view.last.as_ref();
    let value = point.and_then(|p| p.value.as_ref());
    let number = value.and_then(iq_domain::Value::as_f64);
    let text = match value {
        Some(iq_domain::Value::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    SignalState {
        signal_id: view.signal_id,
        metric: view.metric.clone(),
        unit: view.unit.clone(),
        value: number,
        text,
        quality: point.map(|p| p.status.quality()),
        observed_at: point.map(|p| p.t),
        status: signal_status(view, input, number, running),
    }
}

fn signal_status(
    view: &SignalView,
    input: &StateInput<'_>,
    number: Option<f64>,
    running: Option<bool>,
) -> AssetStatus {
    let alert = input
        .alerts
        .iter()
        .filter(|a| a.signal_id == Some(view.signal_id))
        .filter_map(|a| status_of(a.severity))
        .max();
    let is_good = view.last.as_ref().is_some_and(|p| p.status.is_good());
    let by_value = match number.filter(|n| n.is_finite()) {
        _ if !is_good || !is_fresh(view, input.at) => AssetStatus::Unknown,
        // A tripped machine stands still.
        Some(n) if view.metric == TRIP && n >= TRIPPED_FROM => AssetStatus::Critical,
        // Limits are made for running machines.
        Some(n) if running != Some(false) => by_limits(&view.limits, n),
        Some(_) => AssetStatus::Normal,
        // A text or an empty value is judged by nobody; NaN is no knowledge.
        None if number.is_none() && has_value(view) => AssetStatus::Normal,
        None => AssetStatus::Unknown,
    };
    alert.map_or(by_value, |alert| alert.max(by_value))
}

fn has_value(view: &SignalView) -> bool {
    view.last.as_ref().is_some_and(|p| p.value.is_some())
}

fn by_limits(limits: &Limits, value: f64) -> AssetStatus {
    let above = |limit: Option<f64>| limit.is_some_and(|l| value > l);
    let below = |limit: Option<f64>| limit.is_some_and(|l| value < l);
    if above(limits.high_high) || below(limits.low_low) {
        AssetStatus::Critical
    } else if above(limits.high) || below(limits.low) {
        AssetStatus::Warning
    } else {
        AssetStatus::Normal
    }
}
