//! When a signal left its baseline: the first sample of the first departure that lasted. The first
//! abnormal change, not the first alarm, is what an investigation looks for.

use iq_domain::{Point, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Baseline;

/// What counts as a departure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnsetConfig {
    /// Deviations from the baseline that begin a departure.
    pub leave_z: f64,
    /// Deviations below which the signal has returned.
    pub return_z: f64,
    /// How long it must last.
    pub hold_ms: i64,
    /// How many samples must show it.
    pub min_samples: u32,
    /// Share of samples inside that may interrupt it.
    pub tolerance: f64,
}

impl Default for OnsetConfig {
    fn default() -> Self {
        Self {
            leave_z: 4.0,
            return_z: 2.5,
            hold_ms: 60_000,
            min_samples: 5,
            tolerance: 0.2,
        }
    }
}

/// Which way a signal went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above its baseline.
    Rise,
    /// Below it.
    Fall,
}

/// A departure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// First sample of it.
    pub at: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// Value when it was confirmed.
    pub value: f64,
    /// Deviation when it was confirmed.
    pub z: f64,
}

/// What a sample told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SignalEdge {
    /// The signal left its baseline.
    Left(Onset),
    /// It returned.
    Returned {
        /// First sample inside again.
        at: Timestamp,
        /// Its value.
        value: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    direction: Direction,
    value: f64,
    hits: u32,
    misses: u32,
}

/// Follows one signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OnsetState {
    departed: Option<Direction>,
    run: Option<Run>,
    last: Option<Timestamp>,
}

impl OnsetState {
    /// Whether the signal is away from its baseline.
    #[must_use]
    pub fn departed(&self) -> Option<Direction> {
        self.departed
    }

    /// Forgets a departure that is being counted or lasts, after a stop of the machine.
    pub fn reset(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }

    /// Takes a sample. Bad, empty, NaN and older samples change nothing.
    pub fn step(
        &mut self,
        point: &Point,
        baseline: &Baseline,
        config: &OnsetConfig,
    ) -> Option<SignalEdge> {
        if self.last.is_some_and(|last| point.t <= last) || !point.status.is_good() {
            return None;
        }
        let value = point.value.as_ref()?.as_f64().filter(|v| v.is_finite())?;
        self.last = Some(point.t);
        let z = baseline.z(value);
        match self.departed {
            None => self.leaving(point.t, value, z, config),
            Some(direction) => self.returning(point.t, value, z, direction, config),
        }
    }

    fn leaving(
        &mut self,
        at: Timestamp,
        value: f64,
        z: f64,
        config: &OnsetConfig,
    ) -> Option<SignalEdge> {
        let direction = if z > 0.0 {
            Direction::Rise
        } else {
            Direction::Fall
        };
        let is_hit = z.abs() >= config.leave_z;
        let run = self.count(at, value, is_hit.then_some(direction), config)?;
        self.departed = Some(run.direction);
        self.run = None;
        Some(SignalEdge::Left(Onset {
            at: run.since,
            direction: run.direction,
            value,
            z,
        }))
    }

    fn returning(
        &mut self,
        at: Timestamp,
        value: f64,
        z: f64,
        away: Direction,
        config: &OnsetConfig,
    ) -> Option<SignalEdge> {
        let signed = if away == Direction::Rise { z } else { -z };
        let run = self.count(
            at,
            value,
            (signed <= config.return_z).then_some(away),
            config,
        )?;
        self.departed = None;
        self.run = None;
        Some(SignalEdge::Returned {
            at: run.since,
            value: run.value,
        })
    }

    /// Counts samples of one kind; `None` as direction is a miss. Gives the run once it is long enough.
    fn count(
        &mut self,
        at: Timestamp,
        value: f64,
        hit: Option<Direction>,
        config: &OnsetConfig,
    ) -> Option<Run> {
        let run = match (self.run, hit) {
            (None, None) => return None,
            (Some(run), Some(d)) if run.direction == d => Run {
                hits: run.hits + 1,
                ..run
            },
            (_, Some(d)) => Run {
                since: at,
                direction: d,
                value,
                hits: 1,
                misses: 0,
            },
            (Some(run), None) => Run {
                misses: run.misses + 1,
                ..run
            },
        };
        // One slip is forgiven as soon as there is something to interrupt.
        let slip = if run.hits >= 3 { 1.0 } else { 0.0 };
        let allowed = (f64::from(run.hits + run.misses) * config.tolerance).max(slip);
        self.run = (f64::from(run.misses) <= allowed).then_some(run);
        self.run.filter(|run| {
            hit.is_some()
                && run.hits >= config.min_samples
                && at.since_ms(run.since) >= config.hold_ms
        })
    }
}

/// The first lasting departure in a series of points in time order.
#[must_use]
pub fn onset(points: &[Point], baseline: &Baseline, config: &OnsetConfig) -> Option<Onset> {
    let mut state = OnsetState::default();
    points
        .iter()
        .find_map(|point| match state.step(point, baseline, config) {
            Some(SignalEdge::Left(onset)) => Some(onset),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use iq_domain::{StatusCode, Value};

    use super::*;

    const B: Baseline = Baseline {
        center: 10.0,
        sigma: 1.0,
        spread: 1.0,
        anchor: 10.0,
        anchor_spread: 1.0,
        anchored_at: Timestamp(0),
        buckets: 60,
        from: Timestamp(0),
        to: Timestamp(0),
    };

    fn series(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        values
            .into_iter()
            .zip(0i64..)
            .map(|(v, i)| Point {
                t: Timestamp(i * 10_000),
                value: Some(Value::Number(v)),
                status: StatusCode::GOOD,
            })
            .collect()
    }

    #[test]
    fn names_the_first_sample_of_a_lasting_departure() {
        let points = series((0..60).map(|i| if i < 30 { 10.5 } else { 15.0 }));
        let found = onset(&points, &B, &OnsetConfig::default()).unwrap();
        assert_eq!(
            (found.at, found.direction),
            (Timestamp(300_000), Direction::Rise)
        );
        let fall = series((0..60).map(|i| if i < 20 { 9.5 } else { 4.0 }));
        let found = onset(&fall, &B, &OnsetConfig::default()).unwrap();
        assert_eq!(
            (found.at, found.direction),
            (Timestamp(200_000), Direction::Fall)
        );
    }

    #[test]
    fn a_spike_or_a_short_burst_is_no_departure() {
        let spike = series((0..60).map(|i| if i == 30 { 90.0 } else { 10.0 }));
        assert_eq!(onset(&spike, &B, &OnsetConfig::default()), None);
        let burst = series((0..60).map(|i| if (30..34).contains(&i) { 20.0 } else { 10.0 }));
        assert_eq!(onset(&burst, &B, &OnsetConfig::default()), None);
    }

    #[test]
    fn a_few_samples_inside_do_not_restart_it() {
        let points = series((0..60).map(|i| match i {
            0..30 => 10.0,
            33 | 38 => 12.0,
            _ => 16.0,
        }));
        let found = onset(&points, &B, &OnsetConfig::default()).unwrap();
        assert_eq!(found.at, Timestamp(300_000));
    }

    #[test]
    fn bad_values_are_not_looked_at() {
        let mut points = series((0..60).map(|_| 20.0));
        for p in &mut points {
            p.status = StatusCode::BAD;
        }
        assert_eq!(onset(&points, &B, &OnsetConfig::default()), None);
        assert_eq!(
            onset(
                &series((0..60).map(|_| f64::NAN)),
                &B,
                &OnsetConfig::default()
            ),
            None
        );
    }

    #[test]
    fn leaving_and_returning_alternate() {
        let points = series((0..200).map(|i| if (50..100).contains(&i) { 16.0 } else { 10.0 }));
        let mut state = OnsetState::default();
        let config = OnsetConfig::default();
        let edges: Vec<_> = points
            .iter()
            .filter_map(|p| state.step(p, &B, &config))
            .collect();
        assert!(matches!(edges[0], SignalEdge::Left(o) if o.at == Timestamp(500_000)));
        assert!(matches!(edges[1], SignalEdge::Returned { at, .. } if at == Timestamp(1_000_000)));
        assert_eq!(edges.len(), 2);
    }
}
