//! What one integration's ingest is doing: samples per minute, batches that wait for the disk, when
//! something last arrived, and what keeps records from being stored.

use std::collections::VecDeque;

use iq_domain::{CodedError, Timestamp};
use parking_lot::Mutex;

/// The rate is taken over this window.
const WINDOW_MS: i64 = 60_000;

/// What is shown of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throughput {
    /// Samples stored over the last minute, back-fill included.
    pub samples_per_min: u64,
    /// Batches handed over and not yet durable.
    pub backlog: u64,
    /// When a batch last became durable.
    pub last_batch_at: Option<Timestamp>,
    /// Events read since the connection was started.
    pub events: u64,
    /// When the newest of them was stored.
    pub last_event_at: Option<Timestamp>,
}

/// Counts of one running integration.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Samples per second of arrival, newest last.
    seconds: VecDeque<(i64, u64)>,
    in_hand: usize,
    waiting: usize,
    last_batch_at: Option<Timestamp>,
    events: u64,
    last_event_at: Option<Timestamp>,
    records_wait: Option<CodedError>,
}

impl Meter {
    /// Batches were taken out of the channel.
    pub(crate) fn took(&self, in_hand: usize, waiting: usize) {
        let mut counts = self.0.lock();
        counts.in_hand = in_hand;
        counts.waiting = waiting;
    }

    /// What was in hand is durable.
    pub(crate) fn stored(&self, waiting: usize) {
        self.took(0, waiting);
    }

    /// Samples became durable.
    pub(crate) fn count(&self, samples: usize, now: Timestamp) {
        let mut counts = self.0.lock();
        counts.last_batch_at = counts.last_batch_at.max(Some(now));
        let second = now.0.div_euclid(1_000);
        match counts.seconds.back_mut() {
            Some((last, n)) if *last == second => *n += samples as u64,
            _ => counts.seconds.push_back((second, samples as u64)),
        }
        forget_old(&mut counts.seconds, now);
    }

    /// Events became durable.
    pub(crate) fn count_events(&self, events: usize, now: Timestamp) {
        if events > 0 {
            let mut counts = self.0.lock();
            counts.events += events as u64;
            counts.last_event_at = Some(now);
        }
    }

    /// Records can't be stored, or can again.
    pub(crate) fn records_wait(&self, why: Option<CodedError>) {
        self.0.lock().records_wait = why;
    }

    /// Why records wait.
    pub(crate) fn why_records_wait(&self) -> Option<CodedError> {
        self.0.lock().records_wait.clone()
    }

    /// As of now.
    pub(crate) fn look(&self, now: Timestamp) -> Throughput {
        let mut counts = self.0.lock();
        forget_old(&mut counts.seconds, now);
        Throughput {
            samples_per_min: counts.seconds.iter().map(|(_, n)| n).sum(),
            backlog: (counts.in_hand + counts.waiting) as u64,
            last_batch_at: counts.last_batch_at,
            events: counts.events,
            last_event_at: counts.last_event_at,
        }
    }
}

fn forget_old(seconds: &mut VecDeque<(i64, u64)>, now: Timestamp) {
    let oldest = now.plus_ms(-WINDOW_MS).0.div_euclid(1_000);
    while seconds.front().is_some_and(|(second, _)| *second <= oldest) {
        seconds.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_one_minute_and_forgets_what_is_older() {
        let meter = Meter::default();
        meter.count(10, Timestamp(1_000));
        meter.count(5, Timestamp(1_500));
        meter.count(7, Timestamp(50_000));
        assert_eq!(meter.look(Timestamp(60_000)).samples_per_min, 22);
        assert_eq!(meter.look(Timestamp(61_500)).samples_per_min, 7);
        assert_eq!(meter.look(Timestamp(200_000)).samples_per_min, 0);
    }

    #[test]
    fn the_backlog_is_what_is_in_hand_and_what_waits() {
        let meter = Meter::default();
        meter.took(4, 60);
        assert_eq!(meter.look(Timestamp(0)).backlog, 64);
        meter.stored(3);
        assert_eq!(meter.look(Timestamp(0)).backlog, 3);
    }
}
