//! Times in which nothing could be recorded because the disk was full or gone. They can't be written
//! down while they last, so each becomes an event when it is over: who reads the Black Box later has to
//! know that silence meant "not recorded" and not "nothing happened".

use std::{sync::Arc, time::Duration};

use iq_blackbox::{ClockInfo, EventContext, events::recording_interrupted};
use iq_domain::{CodedError, Timestamp};
use iq_historian::HistorianState;
use iq_store::{HealthState, events};
use tracing::error;

use crate::Inner;

const EVERY: Duration = Duration::from_secs(1);

/// The task that watches both files.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut since: Option<Timestamp> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.cancel.cancelled() => return,
        }
        match (interrupted_since(&inner), since) {
            (Some(now), before) => since = Some(before.map_or(now, |before| before.min(now))),
            (None, Some(from)) => match write_down(&inner, from).await {
                Ok(()) => since = None,
                Err(error) => {
                    error!(%error, "An interruption of the recording is not written down yet.")
                }
            },
            (None, None) => {}
        }
    }
}

/// Since when one of the two files takes nothing.
fn interrupted_since(inner: &Inner) -> Option<Timestamp> {
    let health = inner.store.health();
    if matches!(health.state, HealthState::WritesFail(_)) {
        return Some(health.since);
    }
    match inner.historian.state() {
        HistorianState::Ok => None,
        HistorianState::DiskFull { since } => Some(since),
    }
}

async fn write_down(inner: &Inner, from: Timestamp) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let tenants: Vec<_> = inner.index.load().tenants.keys().copied().collect();
    let write = move |tx: &iq_store::Transaction<'_>| {
        for tenant_id in tenants {
            let context = EventContext {
                tenant_id,
                now,
                clock: ClockInfo::default(),
            };
            let event = recording_interrupted(&context, from, now);
            events::insert_ignore_duplicate(tx, tenant_id, &event)?;
        }
        Ok(())
    };
    Ok(inner.store.write(write).await?)
}
