//! When values last arrived, per signal: what freshness and connectivity are judged by.

use std::collections::HashMap;

use iq_domain::{Measurement, SignalId, Timestamp};
use parking_lot::RwLock;

/// Arrival of a signal's last values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Arrival of the last value of any quality.
    pub any_at: Option<Timestamp>,
    /// Arrival of the last good value.
    pub good_at: Option<Timestamp>,
    /// Source time of the last good value.
    pub good_observed_at: Option<Timestamp>,
}

/// Arrivals since the program started.
#[derive(Debug, Default)]
pub struct Recent(RwLock<HashMap<SignalId, Arrival>>);

impl Recent {
    pub(crate) fn note(&self, signal: SignalId, measurement: &Measurement) {
        let mut arrivals = self.0.write();
        let arrival = arrivals.entry(signal).or_default();
        arrival.any_at = Some(measurement.received_at);
        if measurement.status.is_good() && measurement.value.is_some() {
            arrival.good_at = Some(measurement.received_at);
            arrival.good_observed_at = arrival.good_observed_at.max(Some(measurement.observed_at));
        }
    }

    /// A value from the past: it counts only where nothing newer is known.
    pub(crate) fn note_past(&self, signal: SignalId, measurement: &Measurement) {
        let is_older = self
            .0
            .read()
            .get(&signal)
            .and_then(|a| a.good_observed_at)
            .is_some_and(|known| measurement.observed_at <= known);
        if !is_older {
            self.note(signal, measurement);
        }
    }

    /// The arrivals of a signal.
    #[must_use]
    pub fn of(&self, signal: SignalId) -> Arrival {
        self.0.read().get(&signal).copied().unwrap_or_default()
    }
}
