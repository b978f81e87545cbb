//! From a value, its baseline and its limits to health points.

use iq_domain::{Contributor, Limits};

use super::{Agreed, SignalInput};

/// Points a metric of weight 1 costs when it is as far from its baseline as can be but inside its
/// limits: "plan", not "act now".
const ANOMALY_POINTS: f64 = 30.0;
/// Points at the warning limit, growing to `CRITICAL_POINTS` at the critical one.
const WARNING_POINTS: f64 = 30.0;
const CRITICAL_POINTS: f64 = 55.0;

/// What one metric says.
pub(super) struct Evidence {
    metric: String,
    value: f64,
    center: Option<f64>,
    z: Option<f64>,
    /// 0–1.
    anomaly: f64,
    weight: f64,
    limit_points: f64,
}

impl Evidence {
    /// Share of the combined anomaly, 0–1.
    pub(super) fn anomaly_share(&self) -> f64 {
        self.anomaly * self.weight.clamp(0.0, 1.0)
    }

    /// The contributor, when it costs anything.
    pub(super) fn contributor(&self) -> Option<Contributor> {
        // A value beyond its limit is also unusual; one phenomenon costs once.
        let points = (self.anomaly * self.weight * ANOMALY_POINTS).max(self.limit_points);
        (points >= 0.05).then(|| Contributor {
            metric: self.metric.clone(),
            value: Some(self.value),
            baseline: self.center,
            z: self.z,
            points,
        })
    }
}

pub(super) fn evidence(signal: &SignalInput, value: f64, agreed: Agreed, weight: f64) -> Evidence {
    let z = signal.baseline.map(|b| {
        let (rise, fall) = (b.z(agreed.low), b.z(agreed.high));
        // The last readings agree on a rise if even the lower bound lies above the centre.
        if rise > 0.0 { rise } else { fall.min(0.0) }
    });
    Evidence {
        metric: signal.metric.clone(),
        value,
        center: signal.baseline.map(|b| b.center),
        z,
        anomaly: z.map_or(0.0, anomaly_of),
        weight,
        limit_points: high_points(&signal.limits, agreed.low)
            .max(low_points(&signal.limits, agreed.high)),
    }
}

/// 0 up to 3 deviations (noise of many metrics reaches 2.5 every day), 0.5 near 6, towards 1 beyond 12.
pub(super) fn anomaly_of(z: f64) -> f64 {
    let beyond = (z.abs() - 3.0).max(0.0);
    1.0 - (-beyond / 4.5).exp()
}

/// Several metrics that are off together are worse than the worst of them, and never beyond 100.
pub(super) fn combine(shares: impl Iterator<Item = f64>) -> f64 {
    (1.0 - shares.fold(1.0, |calm, share| calm * (1.0 - share.clamp(0.0, 1.0)))) * 100.0
}

fn high_points(limits: &Limits, value: f64) -> f64 {
    points(value, limits.high, limits.high_high)
}

fn low_points(limits: &Limits, value: f64) -> f64 {
    points(-value, limits.low.map(|l| -l), limits.low_low.map(|l| -l))
}

/// `value`, `warning` and `critical` point upwards.
fn points(value: f64, warning: Option<f64>, critical: Option<f64>) -> f64 {
    if critical.is_some_and(|c| value > c) {
        return CRITICAL_POINTS;
    }
    match (warning, critical) {
        (Some(w), Some(c)) if value > w && c > w => {
            WARNING_POINTS + (CRITICAL_POINTS - WARNING_POINTS) * (value - w) / (c - w)
        }
        (Some(w), _) if value > w => WARNING_POINTS,
        _ => 0.0,
    }
}
