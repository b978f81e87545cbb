//! The measures of ISA-18.2 and IEC 62682 beside what they should be.

use super::AlarmReport;

/// Activations from which on it says something how few alarms make most of them.
const JUDGED_FROM: usize = 100;

/// Which measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Mean activations per day.
    PerDay,
    /// Mean per hour.
    PerHour,
    /// Mean per ten minutes.
    PerTenMinutes,
    /// Most in one ten-minute period.
    Worst,
    /// Share of ten-minute periods with more than ten.
    ShareOver,
    /// Share of hours with more than thirty.
    ShareHoursOver,
    /// Share of the time in flood.
    ShareInFlood,
    /// Share of the load made by the ten most frequent alarms.
    TopShare,
    /// Chattering and fleeting alarms.
    Nuisance,
    /// Alarms that stood for longer than a day.
    Stale,
    /// Share of critical alarms acknowledged in time.
    AnsweredInTime,
}

/// How a measure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Good,
    /// Over the target, below the mark to act.
    Watch,
    /// Something has to be done.
    Act,
}

/// A measure with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kpi {
    /// Which.
    pub measure: Measure,
    /// As it is.
    pub value: f64,
    /// As it should be: at most this (at least, for [`Measure::AnsweredInTime`]).
    pub target: f64,
    /// From here on something has to be done.
    pub act: f64,
    /// How it stands.
    pub standing: Standing,
}

/// The measures of a report; one that nothing can be said about is left out.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn kpis(report: &AlarmReport) -> Vec<Kpi> {
    let load = &report.load;
    let at_most = |measure, value: f64, target: f64, act: f64| Kpi {
        measure,
        value,
        target,
        act,
        standing: if value <= target {
            Standing::Good
        } else if value <= act {
            Standing::Watch
        } else {
            Standing::Act
        },
    };
    let nuisance = report.chattering.len() + report.fleeting.len();
    let mut kpis = vec![
        at_most(Measure::PerDay, load.per_day, 144.0, 300.0),
        at_most(Measure::PerHour, load.per_hour, 6.0, 12.0),
        at_most(Measure::PerTenMinutes, load.per_ten_minutes, 1.0, 2.0),
        at_most(Measure::Worst, f64::from(load.worst), 10.0, 100.0),
        at_most(Measure::ShareOver, load.share_over, 0.01, 0.05),
        at_most(Measure::ShareHoursOver, load.share_hours_over, 0.01, 0.05),
        at_most(Measure::ShareInFlood, load.share_in_flood, 0.01, 0.05),
        at_most(Measure::TopShare, load.top_share, 0.05, 0.20),
        at_most(Measure::Nuisance, nuisance as f64, 0.0, 0.0),
        at_most(Measure::Stale, report.stale.len() as f64, 5.0, 20.0),
    ];
    // Of a few activations ten alarms always make most: no share of them can be judged.
    if report.activations < JUDGED_FROM {
        kpis.retain(|k| k.measure != Measure::TopShare);
    }
    let critical = &report.responses[0];
    let judged = critical.count - critical.pending;
    if judged > 0 {
        let value = critical.in_time as f64 / judged as f64;
        kpis.push(Kpi {
            measure: Measure::AnsweredInTime,
            value,
            target: 0.95,
            act: 0.80,
            standing: if value >= 0.95 {
                Standing::Good
            } else if value >= 0.80 {
                Standing::Watch
            } else {
                Standing::Act
            },
        });
    }
    kpis
}
