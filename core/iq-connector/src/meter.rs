//! Counts the requests sent to a source, for the read-only statement ([`crate::OtLoad`]).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(60);

/// Requests of one connection.
#[derive(Debug)]
pub struct RequestMeter {
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Requests per second of the last minute: (second since the start, count).
    seconds: VecDeque<(u64, u32)>,
    largest: u32,
}

impl Default for RequestMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestMeter {
    /// A meter that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// One request about `items` tags.
    pub fn count(&self, items: usize) {
        let second = self.started.elapsed().as_secs();
        let mut inner = self.inner.lock();
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

    /// Requests per second over the last minute (or since the start) and the largest request.
    #[must_use]
    pub fn rate(&self) -> (f64, u32) {
        let elapsed = self.started.elapsed();
        let second = elapsed.as_secs();
        let inner = self.inner.lock();
        let recent = inner
            .seconds
            .iter()
            .filter(|(s, _)| s + WINDOW.as_secs() > second);
        let total: u32 = recent.map(|(_, count)| count).sum();
        (
            f64::from(total) / elapsed.min(WINDOW).as_secs_f64().max(1.0),
            inner.largest,
        )
    }
}
