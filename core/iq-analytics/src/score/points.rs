//! From a value, its baseline and its limits to health points.

use iq_domain::{Contributor, ContributorKind, Limits};

use super::{Agreed, Judged, SignalInput, Standing};

/// Points a metric of weight 1 costs when it is as far from its baseline as can be but inside its
/// limits: "plan", not "act now".
const ANOMALY_POINTS: f64 = 30.0;
/// Points at the warning limit, growing to `CRITICAL_POINTS` at the critical one.
const WARNING_POINTS: f64 = 30.0;
const CRITICAL_POINTS: f64 = 55.0;

/// Points of a metric of weight 1 whose usual value has moved by `DRIFT_FULL` spreads and more from where
/// it was first learned; the first spread is a season.
const DRIFT_POINTS: f64 = 10.0;
const DRIFT_FREE: f64 = 1.0;
const DRIFT_FULL: f64 = 4.0;

/// Points at one and a half usual lives of the family; none up to half of one.
const AGE_POINTS: f64 = 10.0;

/// Points of a reported malfunction that waits, of an urgent one, and of all together.
const DEFECT_POINTS: f64 = 3.0;
const URGENT_POINTS: f64 = 8.0;
const MOST_DEFECT_POINTS: f64 = 15.0;

/// What one metric says.
pub(super) struct Evidence {
    metric: String,
    /// None while the signal gives no usable value and only the model still knows it.
    value: Option<f64>,
    center: Option<f64>,
    z: Option<f64>,
    /// 0–1.
    anomaly: f64,
    weight: f64,
    limit_points: f64,
    /// How far what is usual has moved from where it was first learned, in spreads.
    drift: f64,
}

impl Evidence {
    /// Share of the combined anomaly, 0–1.
    pub(super) fn anomaly_share(&self) -> f64 {
        self.anomaly * self.weight.clamp(0.0, 1.0)
    }

    /// What it costs: once for the value, and once for what moves slowly behind it.
    pub(super) fn contributors(&self) -> Vec<Contributor> {
        let unusual = self.anomaly * self.weight * ANOMALY_POINTS;
        // A value beyond its limit is also unusual; one phenomenon costs once.
        let (kind, points) = if self.limit_points >= unusual {
            (ContributorKind::Limit, self.limit_points)
        } else {
            (ContributorKind::Anomaly, unusual)
        };
        let of = |kind, z, points| Contributor {
            kind,
            metric: self.metric.clone(),
            value: self.value,
            baseline: self.center,
            z,
            points,
        };
        let beyond = (self.drift.abs() - DRIFT_FREE) / (DRIFT_FULL - DRIFT_FREE);
        let drift = beyond.clamp(0.0, 1.0) * self.weight.clamp(0.0, 1.0) * DRIFT_POINTS;
        [
            of(kind, self.z, points),
            of(ContributorKind::Drift, Some(self.drift), drift),
        ]
        .into_iter()
        .filter(|c| c.points >= 0.05)
        .collect()
    }
}

/// What age and waiting defects cost.
pub(super) fn standing(standing: Standing) -> impl Iterator<Item = Contributor> {
    let age = standing
        .life_used
        .map_or(0.0, |used| (used - 0.5).clamp(0.0, 1.0) * AGE_POINTS);
    let urgent = standing.urgent_defects.min(standing.open_defects);
    let others = standing.open_defects - urgent;
    let defects = f64::from(urgent) * URGENT_POINTS + f64::from(others) * DEFECT_POINTS;
    [
        (ContributorKind::Age, "age", standing.life_used, age),
        (
            ContributorKind::Defect,
            "open_defect",
            Some(f64::from(standing.open_defects)),
            defects.min(MOST_DEFECT_POINTS),
        ),
    ]
    .into_iter()
    .filter(|(_, _, _, points)| *points >= 0.05)
    .map(|(kind, metric, value, points)| Contributor {
        kind,
        metric: metric.to_owned(),
        value,
        baseline: None,
        z: None,
        points,
    })
}

pub(super) fn evidence(
    signal: &SignalInput,
    value: f64,
    agreed: Agreed,
    weight: f64,
    judged: Option<&Judged>,
) -> Evidence {
    let of_model = judged.map(|j| share_of(j, &signal.metric));
    let z = match &of_model {
        Some((z, _)) => *z,
        None => signal.baseline.map(|b| {
            let (rise, fall) = (b.z(agreed.low), b.z(agreed.high));
            // The last readings agree on a rise if even the lower bound lies above the centre.
            if rise > 0.0 { rise } else { fall.min(0.0) }
        }),
    };
    Evidence {
        metric: signal.metric.clone(),
        value: Some(value),
        center: signal.baseline.map(|b| b.center),
        z,
        anomaly: match &of_model {
            Some((_, anomaly)) => *anomaly,
            None => z.map_or(0.0, anomaly_of),
        },
        drift: drift_of(signal),
        weight,
        limit_points: high_points(&signal.limits, agreed.low)
            .max(low_points(&signal.limits, agreed.high)),
    }
}

/// What the model still says of a signal without a usable value now: its rows hold the last one for a while,
/// and as long as they do, silence heals nothing.
pub(super) fn held(signal: &SignalInput, weight: f64, judged: &Judged) -> Option<Evidence> {
    let (z, anomaly) = share_of(judged, &signal.metric);
    z.is_some().then(|| Evidence {
        metric: signal.metric.clone(),
        value: None,
        center: signal.baseline.map(|b| b.center),
        z,
        anomaly,
        drift: drift_of(signal),
        weight,
        limit_points: 0.0,
    })
}

/// How far what is usual has moved from where it was first learned, in spreads.
fn drift_of(signal: &SignalInput) -> f64 {
    signal
        .baseline
        .filter(|b| b.anchor_spread > 0.0)
        .map_or(0.0, |b| (b.center - b.anchor) / b.anchor_spread)
}

/// Deviation of a metric in the model and its part of the anomaly, 0–1: all of it for the input that
/// departs most, and with the square of the share for the others.
fn share_of(judged: &Judged, metric: &str) -> (Option<f64>, f64) {
    let most = judged
        .signals
        .iter()
        .map(|(_, z)| z.abs())
        .fold(0.0, f64::max);
    let own = judged.signals.iter().find(|(name, _)| name == metric);
    let part = own.map_or(
        0.0,
        |(_, z)| {
            if most > 0.0 { (z / most).powi(2) } else { 0.0 }
        },
    );
    (
        own.map(|(_, z)| *z),
        part * (judged.level / 100.0).clamp(0.0, 1.0),
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures that docs/guides/analytics.md states.
    #[test]
    fn the_guide_can_be_recomputed() {
        let near = |have: f64, want: f64| assert!((have - want).abs() < 0.05, "{have} {want}");
        near(100.0 * anomaly_of(3.0), 0.0);
        near(100.0 * anomaly_of(6.0), 48.7);
        near(100.0 * anomaly_of(-12.0), 86.5);
        near(ANOMALY_POINTS * anomaly_of(9.0), 22.1);
        let (warning, critical) = (Some(4.5), Some(7.1));
        near(points(4.5, warning, critical), 0.0);
        near(points(5.8, warning, critical), 42.5);
        near(points(7.2, warning, critical), 55.0);
        near(points(9.0, warning, None), 30.0);
        near(combine([0.5, 0.5].into_iter()), 75.0);
        let lost = |life_used, open_defects, urgent_defects| -> f64 {
            let of = Standing {
                life_used,
                open_defects,
                urgent_defects,
            };
            standing(of).map(|c| c.points).sum()
        };
        near(lost(Some(1.0), 0, 0), 5.0);
        near(lost(Some(9.0), 3, 1), 10.0 + 14.0);
        near(lost(None, 9, 2), 15.0);
    }
}
