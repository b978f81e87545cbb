//! Whether the store can be written, as diagnostics show it.

use iq_domain::{CodedError, Timestamp};
use parking_lot::Mutex;

use crate::StoreError;

/// Whether writes go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// The last commit succeeded.
    Ok,
    /// The last commit failed; reading goes on, writing is tried again every few seconds.
    WritesFail(CodedError),
    /// Closed on purpose.
    Closed,
}

/// The state with its time and the volume of writes since start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// State.
    pub state: HealthState,
    /// Since when.
    pub since: Timestamp,
    /// Commits since start.
    pub commits: u64,
    /// Writes acknowledged since start; together with `commits` it shows how well they are grouped.
    pub writes: u64,
}

pub(crate) struct HealthCell(Mutex<Health>);

impl HealthCell {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Health {
            state: HealthState::Ok,
            since: now,
            commits: 0,
            writes: 0,
        }))
    }

    pub(crate) fn get(&self) -> Health {
        self.0.lock().clone()
    }

    pub(crate) fn committed(&self, writes: u64, now: Timestamp) {
        let mut health = self.0.lock();
        health.commits += 1;
        health.writes += writes;
        if health.state != HealthState::Ok {
            tracing::info!("The store takes writes again.");
            health.state = HealthState::Ok;
            health.since = now;
        }
    }

    pub(crate) fn failed(&self, error: &StoreError, now: Timestamp) {
        let state = HealthState::WritesFail(error.clone().into());
        let mut health = self.0.lock();
        if health.state != state {
            tracing::error!(%error, "The store can't take writes.");
            health.state = state;
            health.since = now;
        }
    }

    pub(crate) fn closed(&self, now: Timestamp) {
        let mut health = self.0.lock();
        health.state = HealthState::Closed;
        health.since = now;
    }
}
