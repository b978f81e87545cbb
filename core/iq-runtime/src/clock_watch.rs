//! Notices that the clock of this machine was set: it then shows more or less than the time that passed.
//! That becomes an event of the Black Box, where the order of what happened is read from numbers and not
//! from times; and what a clock that was put back would make last longer is put back with it. A clock
//! that is put ahead ends sessions early, which is the safe side: a machine that slept looks the same.

use std::{sync::Arc, time::Duration};

use iq_blackbox::{ClockInfo, EventContext, events::clock_jumped};
use iq_domain::{Clock, CodedError, Timestamp};
use iq_store::{events, sessions};
use tracing::{error, warn};

use crate::Inner;

const EVERY: Duration = Duration::from_secs(1);
/// What a clock that is kept right by its network never differs by at once.
const JUMP_MS: i64 = 5_000;
/// By how much a clock may be put back while this program does not run, before sessions end for it.
const UNSEEN_MS: i64 = 5 * 60_000;

/// The clock at the last look.
struct Watch {
    shown: Timestamp,
    steady_ms: i64,
}

impl Watch {
    fn begin(clock: &dyn Clock) -> Self {
        Self {
            shown: clock.now(),
            steady_ms: clock.steady_ms(),
        }
    }

    /// By how much the clock was set since the last look, if it was.
    fn look(&mut self, clock: &dyn Clock) -> Option<(Timestamp, i64)> {
        let now = Self::begin(clock);
        let jump_ms = now.shown.since_ms(self.shown) - (now.steady_ms - self.steady_ms);
        let at = now.shown;
        *self = now;
        (jump_ms.abs() > JUMP_MS).then_some((at, jump_ms))
    }
}

/// The task that looks at the clock.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut watch = Watch::begin(inner.clock.as_ref());
    let mut untold = Vec::new();
    match end_used_later(&inner).await {
        Ok(0) => {}
        Ok(ended) => warn!(ended, "The clock was put back meanwhile: sessions ended."),
        Err(error) => error!(%error, "Sessions used at a time to come could not be ended."),
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.cancel.cancelled() => return,
        }
        if let Some((at, jump_ms)) = watch.look(inner.clock.as_ref()) {
            warn!(jump_ms, "The clock of this machine was set.");
            untold.push((at, jump_ms));
        }
        if !untold.is_empty() {
            match write_down(&inner, untold.clone()).await {
                Ok(()) => untold.clear(),
                Err(error) => error!(%error, "A jump of the clock is not written down yet."),
            }
        }
    }
}

/// Ends sessions that were used at a time that is still to come: the clock was put back while this program did
/// not run, and nobody knows by how much they would live longer.
async fn end_used_later(inner: &Inner) -> Result<u64, CodedError> {
    let now = inner.clock.now();
    let latest = now.plus_ms(UNSEEN_MS);
    let write =
        move |tx: &iq_store::Transaction<'_>| sessions::end_sessions_used_after(tx, latest, now);
    Ok(inner.store.write(write).await?)
}

async fn write_down(inner: &Inner, jumps: Vec<(Timestamp, i64)>) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let tenants: Vec<_> = inner.index.load().tenants.keys().copied().collect();
    let write = move |tx: &iq_store::Transaction<'_>| {
        for (at, jump_ms) in &jumps {
            if *jump_ms < 0 {
                sessions::put_sessions_back(tx, *at, jump_ms.saturating_neg())?;
            }
            for tenant_id in &tenants {
                let context = EventContext {
                    tenant_id: *tenant_id,
                    now,
                    clock: ClockInfo::default(),
                };
                let event = clock_jumped(&context, *at, *jump_ms);
                events::insert_ignore_duplicate(tx, *tenant_id, &event)?;
            }
        }
        Ok(())
    };
    Ok(inner.store.write(write).await?)
}

#[cfg(test)]
mod tests {
    use iq_domain::ManualClock;

    use super::*;

    #[test]
    fn time_that_passes_is_no_jump_and_a_clock_that_is_set_is_one_either_way() {
        let clock = ManualClock::at(Timestamp(1_790_000_000_000));
        let mut watch = Watch::begin(&clock);
        for (passes, jumps, wanted) in [
            (1_000, 0, None),
            (86_400_000, 0, None),
            // A network's clock pulls at this one's.
            (1_000, JUMP_MS, None),
            (1_000, -JUMP_MS, None),
            (1_000, JUMP_MS + 1, Some(JUMP_MS + 1)),
            (0, -3_600_000, Some(-3_600_000)),
            (1_000, 0, None),
            (1_000, 315_360_000_000, Some(315_360_000_000)),
            (1_000, -315_360_000_000, Some(-315_360_000_000)),
        ] {
            clock.advance_ms(passes);
            clock.jump_ms(jumps);
            let found = watch.look(&clock).map(|(at, jump_ms)| {
                assert_eq!(at, clock.now());
                jump_ms
            });
            assert_eq!(found, wanted, "{passes} passed, {jumps} jumped");
        }
    }
}
