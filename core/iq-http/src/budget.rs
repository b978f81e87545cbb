//! Requests per second: a budget that is kept, and the count that is shown.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);
/// Longest pause a source may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// A shared budget of requests. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    spacing: Duration,
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    next: Instant,
    /// Requests of the last minute: (second since the start, count).
    seconds: VecDeque<(u64, u32)>,
    largest: u32,
}

impl Budget {
    /// At most `per_second` requests per second, evenly spread; a second's worth may come at once
    /// after a rest.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let now = Instant::now();
        Self(Arc::new(Shared {
            spacing: Duration::from_secs_f64(1.0 / per_second.clamp(0.01, 1_000.0)),
            started: now,
            inner: Mutex::new(Inner {
                next: now,
                seconds: VecDeque::new(),
                largest: 0,
            }),
        }))
    }

    /// Waits for the turn of a request about `items` things and counts it.
    pub async fn acquire(&self, items: usize) {
        let turn = {
            let now = Instant::now();
            let mut inner = self.0.inner.lock();
            // Unused turns are kept for one second, not longer.
            let oldest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
            let turn = inner.next.max(oldest);
            inner.next = turn + self.0.spacing;
            turn
        };
        tokio::time::sleep_until(turn).await;
        self.count(items);
    }

    /// No request before `pause` has passed; for what a busy source asks for.
    pub fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause.min(MAX_PAUSE);
        let mut inner = self.0.inner.lock();
        inner.next = inner.next.max(until);
    }

    fn count(&self, items: usize) {
        let second = self.0.started.elapsed().as_secs();
        let mut inner = self.0.inner.lock();
        inner.largest = inner.largest.max(u32::try_from(items).unwrap_or(u32::MAX));
        match inner.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => inner.seconds.push_back((second, 1)),
        }
        while inner
            .seconds
            .front()
            .is_some_and(|(s, _)| s + WINDOW.as_secs() <= second)
        {
            inner.seconds.pop_front();
        }
    }

    /// Requests per second over the last minute (or since the start), and the largest request.
    #[must_use]
    pub fn load(&self) -> (f64, u32) {
        let elapsed = self.0.started.elapsed();
        let second = elapsed.as_secs();
        let inner = self.0.inner.lock();
        let total: u32 = inner
            .seconds
            .iter()
            .filter(|(s, _)| s + WINDOW.as_secs() > second)
            .map(|(_, count)| count)
            .sum();
        (
            f64::from(total) / elapsed.min(WINDOW).as_secs_f64().max(1.0),
            inner.largest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_spread_and_a_pause_is_kept() {
        let budget = Budget::new(10.0);
        let start = Instant::now();
        for _ in 0..30 {
            budget.acquire(5).await;
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(1_900), "{took:?}");
        assert!(took <= Duration::from_millis(3_000), "{took:?}");
        assert_eq!(budget.load().1, 5);
        budget.pause(Duration::from_secs(20));
        budget.acquire(1).await;
        assert!(start.elapsed() - took >= Duration::from_secs(20));
    }
}
