//! An asset's history on one clock: a row every so often, one value per signal.

use iq_domain::{Bucket, TimeRange, Timestamp};

use crate::{
    modes::{Modes, ModesConfig},
    multi::Sample,
    num::robust_sigma,
};

/// Rows for which the last value of a signal stands when nothing new is reported.
pub const HOLD_ROWS: i64 = 5;

/// What a model is learned from and judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Names of the signals.
    pub inputs: Vec<String>,
    /// Rows in order of time, one value per signal, NaN where there is none.
    pub samples: Vec<Sample>,
    /// Stops and maintenance: nothing is learned and nothing is judged.
    pub stopped: Vec<TimeRange>,
    /// Critical alerts and the time before failures: judged, never learned.
    pub suspect: Vec<TimeRange>,
    /// Known failures.
    pub failures: Vec<Timestamp>,
    /// Positions of the signals that tell how the machine is run, with the smallest difference that
    /// matters.
    pub operating: Vec<(usize, f64)>,
    /// Smallest deviation of each signal, in its unit.
    pub min_sigma: Vec<f64>,
    /// Time between rows.
    pub row_ms: i64,
}

/// Rows from aggregates per `row_ms`: the mean of a row's time, or the value that stood before, for
/// [`HOLD_ROWS`] at most. Rows without any value are left out.
#[must_use]
pub fn rows(series: &[Vec<Bucket>], range: TimeRange, row_ms: i64) -> Vec<Sample> {
    let step = row_ms.max(1);
    let mut places = vec![0_usize; series.len()];
    let mut last: Vec<Option<(Timestamp, f64)>> = vec![None; series.len()];
    let mut out = Vec::new();
    let mut at = Timestamp(range.from.0.div_euclid(step) * step);
    while at < range.to {
        let mut values = vec![f64::NAN; series.len()];
        for (j, buckets) in series.iter().enumerate() {
            while let Some(bucket) = buckets.get(places[j]).filter(|b| b.t <= at) {
                if let Some(mean) = bucket.mean().filter(|m| m.is_finite()) {
                    last[j] = Some((bucket.t, mean));
                }
                places[j] += 1;
            }
            if let Some((since, value)) = last[j]
                && at.since_ms(since) <= HOLD_ROWS * step
            {
                values[j] = value;
            }
        }
        if at >= range.from && values.iter().any(|v| v.is_finite()) {
            out.push(Sample { at, values });
        }
        at = at.plus_ms(step);
    }
    out
}

impl History {
    /// Whether nothing is judged at a moment.
    pub(super) fn is_stopped(&self, at: Timestamp) -> bool {
        self.stopped.iter().any(|r| r.contains(at))
    }

    /// Whether a moment teaches nothing.
    pub(super) fn is_suspect(&self, at: Timestamp) -> bool {
        self.suspect.iter().any(|r| r.contains(at))
    }

    /// The values of one signal while the machine ran, outside of maintenance.
    #[must_use]
    pub fn running(&self, place: usize) -> Vec<(Timestamp, f64)> {
        self.samples
            .iter()
            .filter(|s| !self.is_stopped(s.at))
            .filter_map(|s| Some((s.at, *s.values.get(place)?)))
            .filter(|(_, value)| value.is_finite())
            .collect()
    }

    /// The same, but only rows in which the machine was run as in the last one: a level of another way of
    /// running is no drift. Nothing where that way is new.
    #[must_use]
    pub fn running_as_now(&self, place: usize) -> Vec<(Timestamp, f64)> {
        let run = |s: &Sample| -> Vec<f64> {
            self.operating
                .iter()
                .map(|(place, _)| s.values[*place])
                .collect()
        };
        let known: Vec<&Sample> = self
            .samples
            .iter()
            .filter(|s| {
                !self.is_stopped(s.at) && s.values.get(place).is_some_and(|v| v.is_finite())
            })
            .filter(|s| run(s).iter().all(|v| v.is_finite()))
            .collect();
        let ways: Vec<Vec<f64>> = known.iter().map(|s| run(s)).collect();
        let steps: Vec<f64> = self.operating.iter().map(|(_, step)| *step).collect();
        let Ok(modes) = Modes::learn(&ways, &steps, &ModesConfig::default()) else {
            return Vec::new();
        };
        let Some(now) = ways.last().and_then(|way| modes.of(way)) else {
            return Vec::new();
        };
        let alike = known
            .iter()
            .zip(&ways)
            .filter(|(_, way)| modes.of(way) == Some(now));
        alike.map(|(s, _)| (s.at, s.values[place])).collect()
    }

    /// Rows that can teach.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.samples.iter().filter(|s| self.teaches(s)).count()
    }

    fn teaches(&self, sample: &Sample) -> bool {
        sample.values.iter().all(|v| v.is_finite())
            && !self.is_stopped(sample.at)
            && !self.is_suspect(sample.at)
    }

    /// The moment before which `share` of the rows that can teach lie.
    pub(super) fn moment(&self, share: f64) -> Option<Timestamp> {
        let all: Vec<Timestamp> = self
            .samples
            .iter()
            .filter(|s| self.teaches(s))
            .map(|s| s.at)
            .collect();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place among rows"
        )]
        let place = (all.len() as f64 * share) as usize;
        all.get(place.min(all.len().checked_sub(1)?)).copied()
    }

    /// Rows of a window.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> &[Sample] {
        let start = self.samples.partition_point(|s| s.at < from);
        let end = self.samples.partition_point(|s| s.at < to);
        self.samples.get(start..end).unwrap_or_default()
    }

    /// Where each of a model's inputs stands here.
    pub(super) fn places(&self, inputs: &[String]) -> Vec<Option<usize>> {
        let place = |name: &String| self.inputs.iter().position(|own| own == name);
        inputs.iter().map(place).collect()
    }

    /// Usual deviation of each signal over some rows.
    pub(super) fn spreads(&self, rows: &[Sample]) -> Vec<f64> {
        (0..self.inputs.len())
            .map(|j| {
                let column: Vec<f64> = rows
                    .iter()
                    .map(|r| r.values[j])
                    .filter(|v| v.is_finite())
                    .collect();
                let floor = self.min_sigma.get(j).copied().unwrap_or(0.0).max(1e-9);
                let sigma = robust_sigma(&column);
                if sigma.is_finite() {
                    sigma.max(floor)
                } else {
                    floor
                }
            })
            .collect()
    }

    /// Only some of the signals, in the order given; one that is not there is NaN throughout.
    #[must_use]
    pub fn only(&self, inputs: &[String]) -> Self {
        let places = self.places(inputs);
        let pick = |values: &[f64]| -> Vec<f64> {
            places
                .iter()
                .map(|p| p.and_then(|p| values.get(p).copied()).unwrap_or(f64::NAN))
                .collect()
        };
        let samples = self.samples.iter().map(|s| Sample {
            at: s.at,
            values: pick(&s.values),
        });
        let operating = self.operating.iter().filter_map(|(place, least)| {
            let at = places.iter().position(|p| *p == Some(*place))?;
            Some((at, *least))
        });
        let sigma = |p: &Option<usize>| p.and_then(|p| self.min_sigma.get(p).copied());
        Self {
            inputs: inputs.to_vec(),
            samples: samples.collect(),
            operating: operating.collect(),
            min_sigma: places.iter().map(|p| sigma(p).unwrap_or(0.0)).collect(),
            ..self.clone_ranges()
        }
    }

    fn clone_ranges(&self) -> Self {
        Self {
            stopped: self.stopped.clone(),
            suspect: self.suspect.clone(),
            failures: self.failures.clone(),
            row_ms: self.row_ms,
            ..Self::default()
        }
    }
}
