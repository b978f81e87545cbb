//! Running state of a machine: limits and scores apply only in steady running.

use iq_domain::{Point, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

/// What the machine is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Nothing tells whether it runs (a vessel, or the signal isn't mapped): everything applies.
    #[default]
    Unknown,
    /// Stands still.
    Stopped,
    /// Has started and is not yet settled.
    Settling,
    /// Runs and has settled.
    Steady,
}

impl Regime {
    /// Whether limits and scores apply.
    #[must_use]
    pub const fn is_steady(self) -> bool {
        matches!(self, Self::Unknown | Self::Steady)
    }

    /// Whether the machine runs; `None` where nothing tells.
    #[must_use]
    pub const fn is_running(self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Stopped => Some(false),
            Self::Settling | Self::Steady => Some(true),
        }
    }
}

/// A change of the running state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEdge {
    /// The machine started.
    Started(Timestamp),
    /// The machine stopped.
    Stopped(Timestamp),
}

/// Where a state signal ("running") changes from no to yes.
pub const STATE_THRESHOLD: f64 = 0.5;

/// Follows the running signal of one machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTracker {
    is_running: Option<bool>,
    /// Last observed start or stop; `None` while the first state still holds.
    changed_at: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl RunTracker {
    /// Takes a sample of the running signal; the machine runs where its value is at least `runs_at`
    /// ([`STATE_THRESHOLD`] of a state signal, a share of the full load of a current). Bad, empty,
    /// NaN and older samples change nothing.
    pub fn step(&mut self, point: &Point, runs_at: f64) -> Option<RunEdge> {
        if self.last.is_some_and(|last| point.t <= last) || !point.status.is_good() {
            return None;
        }
        let value = point.value.as_ref()?.as_f64().filter(|v| v.is_finite())?;
        self.last = Some(point.t);
        let runs = value >= runs_at;
        let before = self.is_running.replace(runs)?;
        if before == runs {
            return None;
        }
        self.changed_at = Some(point.t);
        Some(if runs {
            RunEdge::Started(point.t)
        } else {
            RunEdge::Stopped(point.t)
        })
    }

    /// The regime at `t`. A machine that was running when it was first seen counts as settled: its
    /// start was not observed, and making it wait again after every restart of this program would
    /// blind the rules.
    #[must_use]
    pub fn regime(&self, t: Timestamp, settle_ms: i64) -> Regime {
        match (self.is_running, self.changed_at) {
            (None, _) => Regime::Unknown,
            (Some(false), _) => Regime::Stopped,
            (Some(true), Some(start)) if t.since_ms(start) < settle_ms => Regime::Settling,
            (Some(true), _) => Regime::Steady,
        }
    }
}

/// The windows inside `range` in which the machine stood still or was settling, from the points of its
/// running signal in time order. They are left out of training.
#[must_use]
pub fn unsteady_ranges(
    running: &[Point],
    runs_at: f64,
    range: TimeRange,
    settle_ms: i64,
) -> Vec<TimeRange> {
    let mut tracker = RunTracker::default();
    let mut found = Vec::new();
    let mut stopped_since: Option<Timestamp> = None;
    for point in running {
        let was_known = tracker.is_running.is_some();
        let edge = tracker.step(point, runs_at);
        if !was_known && tracker.is_running == Some(false) {
            stopped_since = Some(range.from);
        }
        match edge {
            Some(RunEdge::Stopped(t)) => stopped_since = stopped_since.or(Some(t)),
            Some(RunEdge::Started(t)) => {
                let from = stopped_since.take().unwrap_or(t);
                found.extend(clip(from, t.plus_ms(settle_ms), range));
            }
            None => {}
        }
    }
    if let Some(from) = stopped_since {
        found.extend(clip(from, range.to, range));
    }
    found
}

fn clip(from: Timestamp, to: Timestamp, range: TimeRange) -> Option<TimeRange> {
    TimeRange::new(from.max(range.from), to.min(range.to))
}

#[cfg(test)]
mod tests {
    use iq_domain::{StatusCode, Value};

    use super::*;

    fn p(t: i64, v: f64) -> Point {
        Point {
            t: Timestamp(t),
            value: Some(Value::Number(v)),
            status: StatusCode::GOOD,
        }
    }

    #[test]
    fn a_start_settles_and_a_first_sight_is_settled() {
        let mut tracker = RunTracker::default();
        assert_eq!(tracker.regime(Timestamp(0), 100), Regime::Unknown);
        assert_eq!(tracker.step(&p(0, 1.0), STATE_THRESHOLD), None);
        assert_eq!(tracker.regime(Timestamp(0), 100), Regime::Steady);
        assert_eq!(
            tracker.step(&p(10, 0.0), STATE_THRESHOLD),
            Some(RunEdge::Stopped(Timestamp(10)))
        );
        assert_eq!(tracker.regime(Timestamp(11), 100), Regime::Stopped);
        assert_eq!(
            tracker.step(&p(20, 1.0), STATE_THRESHOLD),
            Some(RunEdge::Started(Timestamp(20)))
        );
        assert_eq!(tracker.regime(Timestamp(119), 100), Regime::Settling);
        assert_eq!(tracker.regime(Timestamp(120), 100), Regime::Steady);
    }

    #[test]
    fn bad_and_late_samples_change_nothing() {
        let mut tracker = RunTracker::default();
        tracker.step(&p(100, 1.0), STATE_THRESHOLD);
        assert_eq!(tracker.step(&p(50, 0.0), STATE_THRESHOLD), None);
        let bad = Point {
            status: StatusCode::BAD,
            ..p(200, 0.0)
        };
        assert_eq!(tracker.step(&bad, STATE_THRESHOLD), None);
        assert_eq!(tracker.step(&p(300, f64::NAN), STATE_THRESHOLD), None);
        assert_eq!(tracker.regime(Timestamp(300), 0), Regime::Steady);
    }

    #[test]
    fn names_the_windows_without_steady_running() {
        let range = TimeRange {
            from: Timestamp(0),
            to: Timestamp(1000),
        };
        let points = [
            p(50, 0.0),
            p(100, 1.0),
            p(500, 0.0),
            p(600, 1.0),
            p(950, 0.0),
        ];
        let got: Vec<_> = unsteady_ranges(&points, STATE_THRESHOLD, range, 30)
            .iter()
            .map(|r| (r.from.0, r.to.0))
            .collect();
        assert_eq!(got, [(0, 130), (500, 630), (950, 1000)]);
        assert!(unsteady_ranges(&[p(5, 1.0)], STATE_THRESHOLD, range, 30).is_empty());
    }

    #[test]
    fn a_current_tells_a_standby_motor_from_a_running_one() {
        let full_load_share = 12.0;
        let mut tracker = RunTracker::default();
        // The zero noise of a current transformer is no running.
        assert_eq!(tracker.step(&p(0, 0.8), full_load_share), None);
        assert_eq!(tracker.regime(Timestamp(1), 30), Regime::Stopped);
        assert_eq!(
            tracker.step(&p(10, 94.0), full_load_share),
            Some(RunEdge::Started(Timestamp(10)))
        );
        assert_eq!(tracker.regime(Timestamp(20), 30), Regime::Settling);
        let range = TimeRange {
            from: Timestamp(0),
            to: Timestamp(100),
        };
        let points = [p(0, 0.8), p(10, 94.0)];
        let left_out = unsteady_ranges(&points, full_load_share, range, 30);
        assert_eq!(left_out.len(), 1);
        assert_eq!((left_out[0].from.0, left_out[0].to.0), (0, 40));
    }
}
