//! Things with an end, in memory, not more than a bound.

use std::{collections::HashMap, hash::Hash};

use iq_domain::Timestamp;
use parking_lot::Mutex;

/// Things of a kind that are kept; more push out those that end first.
const MAX_KEPT: usize = 4_096;

/// Things with an end, not more than a bound.
pub struct Kept<K, V>(Mutex<HashMap<K, (V, Timestamp)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash + Copy, V> Kept<K, V> {
    /// Keeps a thing until its end.
    pub fn put(&self, key: K, value: V, ends: Timestamp, now: Timestamp) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, ends)| *ends > now);
        }
        if kept.len() >= MAX_KEPT {
            let first = kept.iter().min_by_key(|(_, (_, ends))| *ends);
            if let Some(key) = first.map(|(key, _)| *key) {
                kept.remove(&key);
            }
        }
        kept.insert(key, (value, ends));
    }

    /// Gives a thing away, once.
    pub fn take(&self, key: &K, now: Timestamp) -> Option<V> {
        let found = self.0.lock().remove(key);
        found.filter(|(_, ends)| now < *ends).map(|(v, _)| v)
    }

    /// A thing before its end.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<V>
    where
        V: Clone,
    {
        let kept = self.0.lock();
        kept.get(key)
            .filter(|(_, ends)| now < *ends)
            .map(|(v, _)| v.clone())
    }

    /// Throws a thing away.
    pub fn forget(&self, key: &K) {
        self.0.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_thing_is_taken_once_and_only_before_its_end() {
        let kept = Kept::default();
        kept.put(1, "one", NOW.plus_ms(10), NOW);
        assert_eq!(kept.take(&1, NOW.plus_ms(9)), Some("one"));
        assert_eq!(kept.take(&1, NOW), None);
        kept.put(2, "two", NOW.plus_ms(10), NOW);
        assert_eq!(kept.take(&2, NOW.plus_ms(10)), None);
        kept.put(3, "three", NOW.plus_ms(10), NOW);
        kept.forget(&3);
        assert_eq!(kept.get(&3, NOW), None);
    }

    #[test]
    fn a_flood_pushes_out_what_would_end_first() {
        let kept = Kept::default();
        for key in 0..=MAX_KEPT {
            let age = i64::try_from(key).unwrap();
            kept.put(key, key, NOW.plus_ms(1_000 + age), NOW);
        }
        assert_eq!(kept.0.lock().len(), MAX_KEPT);
        assert_eq!(kept.get(&0, NOW), None);
        assert_eq!(kept.get(&MAX_KEPT, NOW), Some(MAX_KEPT));
    }
}
