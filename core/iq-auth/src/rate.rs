//! How fast requests may come. Each asker has a bucket of them that fills again as time passes: many at once
//! after a rest, so many a second for as long as they keep coming. Nothing here reads a clock; the time that is
//! passed in should be one that nobody sets.

use std::{collections::HashMap, hash::Hash};

/// Askers remembered; of more, those who asked longest ago are forgotten, as if they had rested.
const MAX_KEPT: usize = 4_096;
/// A bucket counts in thousandths: at one request a second, one comes back each millisecond.
const PARTS: i64 = 1_000;

/// How a bucket fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests of a second that may come on and on.
    pub per_second: u32,
    /// Requests at once after a rest.
    pub burst: u32,
}

impl Rate {
    fn full(self) -> i64 {
        i64::from(self.burst) * PARTS
    }

    /// Parts that come back in a millisecond.
    fn per_ms(self) -> i64 {
        i64::from(self.per_second.max(1))
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    parts: i64,
    at_ms: i64,
}

impl Bucket {
    /// What is in it by now.
    fn parts_at(self, now_ms: i64, rate: Rate) -> i64 {
        let passed = now_ms.saturating_sub(self.at_ms).max(0);
        let back = passed.saturating_mul(rate.per_ms());
        self.parts.saturating_add(back).min(rate.full())
    }
}

/// The buckets of many askers.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    kept: HashMap<K, Bucket>,
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    /// Buckets that fill so.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            kept: HashMap::new(),
        }
    }

    /// Takes one request out of a bucket.
    ///
    /// # Errors
    /// When it is empty: the milliseconds until there is one in it again.
    pub fn take(&mut self, key: K, now_ms: i64) -> Result<(), u64> {
        let rate = self.rate;
        let parts = match self.kept.get(&key) {
            Some(bucket) => bucket.parts_at(now_ms, rate),
            None => {
                self.make_room(now_ms);
                rate.full()
            }
        };
        let left = parts - PARTS;
        let bucket = Bucket {
            parts: if left < 0 { parts } else { left },
            at_ms: now_ms,
        };
        self.kept.insert(key, bucket);
        if left >= 0 {
            return Ok(());
        }
        let missing = left.unsigned_abs();
        Err(missing.div_ceil(rate.per_ms().unsigned_abs()))
    }

    fn make_room(&mut self, now_ms: i64) {
        if self.kept.len() < MAX_KEPT {
            return;
        }
        let rate = self.rate;
        // A full bucket says no more than none.
        self.kept
            .retain(|_, bucket| bucket.parts_at(now_ms, rate) < rate.full());
        if self.kept.len() < MAX_KEPT {
            return;
        }
        let oldest = self.kept.iter().min_by_key(|(_, bucket)| bucket.at_ms);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.kept.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 2,
        burst: 4,
    };

    #[test]
    fn a_burst_is_let_through_and_then_so_many_a_second() {
        let mut buckets = Buckets::new(RATE);
        for _ in 0..4 {
            assert_eq!(buckets.take("one", 0), Ok(()));
        }
        assert_eq!(buckets.take("one", 0), Err(500));
        assert_eq!(buckets.take("one", 200), Err(300));
        assert_eq!(buckets.take("one", 500), Ok(()));
        assert_eq!(buckets.take("one", 500), Err(500));
        // Asking in vain costs nothing, and nobody else.
        assert_eq!(buckets.take("one", 999), Err(1));
        assert_eq!(buckets.take("other", 999), Ok(()));
        assert_eq!(buckets.take("one", 1_000), Ok(()));
    }

    #[test]
    fn a_rest_fills_a_bucket_and_no_more_than_that() {
        let mut buckets = Buckets::new(RATE);
        for at in [0, i64::MAX - 1] {
            for _ in 0..4 {
                assert_eq!(buckets.take(1, at), Ok(()), "{at}");
            }
            assert_eq!(buckets.take(1, at), Err(500), "{at}");
        }
    }

    #[test]
    fn a_time_that_goes_back_gives_nothing() {
        let mut buckets = Buckets::new(RATE);
        for _ in 0..4 {
            assert_eq!(buckets.take(1, 10_000), Ok(()));
        }
        assert_eq!(buckets.take(1, 0), Err(500));
        assert_eq!(buckets.take(1, 500), Ok(()));
    }

    #[test]
    fn a_crowd_is_remembered_up_to_a_bound_and_who_asked_last_stays() {
        let mut buckets = Buckets::new(RATE);
        for _ in 0..4 {
            assert_eq!(buckets.take(usize::MAX, 1), Ok(()));
        }
        for key in 0..2 * MAX_KEPT {
            assert_eq!(buckets.take(key, 0), Ok(()));
        }
        assert_eq!(buckets.kept.len(), MAX_KEPT);
        assert_eq!(buckets.take(usize::MAX, 1), Err(500));
        // All have rested: there is room without forgetting anybody who has not.
        assert_eq!(buckets.take(usize::MAX - 1, 10_000), Ok(()));
        assert_eq!(buckets.kept.len(), 1);
    }
}
