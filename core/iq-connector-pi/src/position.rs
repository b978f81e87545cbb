//! How far a tag was read. Pure bookkeeping: what of a page is new, and where to read on.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::time::Ticks;

/// Most values remembered ahead of the position; a channel that runs further ahead than this has lost
/// its archive.
const MAX_AHEAD: usize = 20_000;

/// Everything before `at` is delivered, and `seen` of the values exactly at it. PI keeps several
/// values of the same moment, so a page may end between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) at: Ticks,
    seen: u32,
    /// Delivered already although later: values a channel pushed, and ones dated in the future.
    ahead: BTreeMap<Ticks, u32>,
}

impl Position {
    /// Nothing at or after `at` is delivered yet.
    pub(crate) fn at(at: Ticks) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    /// Takes a page read from [`Position::at`] on, sorted by time: for each of its values whether it
    /// is new. The position moves to the last value, though never beyond `limit`: a value of a
    /// clock that runs ahead must not hide the ones that come after it.
    pub(crate) fn take(&mut self, page: &[Ticks], limit: Ticks) -> Vec<bool> {
        let mut fresh = Vec::with_capacity(page.len());
        let mut counted: BTreeMap<Ticks, u32> = BTreeMap::new();
        for time in page {
            let nth = counted.entry(*time).or_default();
            *nth += 1;
            let delivered = match time.cmp(&self.at) {
                std::cmp::Ordering::Less => u32::MAX,
                std::cmp::Ordering::Equal => self.seen.max(self.ahead_at(*time)),
                std::cmp::Ordering::Greater => self.ahead_at(*time),
            };
            fresh.push(*nth > delivered);
        }
        for (time, count) in counted {
            if time < self.at {
                continue;
            }
            if time > limit {
                self.note(time, count);
            } else if time == self.at {
                self.seen = self.seen.max(count);
            } else {
                (self.at, self.seen) = (time, count.max(self.ahead_at(time)));
            }
        }
        self.ahead = self.ahead.split_off(&self.at.next());
        fresh
    }

    /// A value that was pushed: whether it is new. One from before the position is new: it was
    /// written late.
    pub(crate) fn push(&mut self, time: Ticks) -> bool {
        if time < self.at {
            return true;
        }
        if time == self.at && self.seen > 0 || self.ahead_at(time) > 0 {
            return false;
        }
        self.note(time, 1);
        true
    }

    /// Goes past a moment that holds more values than can be fetched.
    pub(crate) fn skip(&mut self) {
        self.at = self.at.next();
        self.seen = 0;
    }

    fn ahead_at(&self, time: Ticks) -> u32 {
        self.ahead.get(&time).copied().unwrap_or_default()
    }

    fn note(&mut self, time: Ticks, count: u32) {
        if self.ahead.len() >= MAX_AHEAD {
            self.ahead.pop_first();
        }
        let known = self.ahead.entry(time).or_default();
        *known = count.max(*known);
    }

    /// As it is written down. What was delivered ahead is read again after a restart.
    pub(crate) fn cursor(&self) -> Value {
        json!({"t": self.at.to_string(), "n": self.seen})
    }

    /// From what was written down; `None` when that is no position.
    pub(crate) fn from_cursor(cursor: &Value) -> Option<Self> {
        let at = Ticks::parse(cursor.get("t")?.as_str()?, &TimeZone::UTC)?;
        let seen = u32::try_from(cursor.get("n")?.as_u64()?).ok()?;
        Some(Self {
            at,
            seen,
            ahead: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Ticks = Ticks(i64::MAX);

    fn take(position: &mut Position, page: &[i64], limit: Ticks) -> Vec<i64> {
        let page: Vec<Ticks> = page.iter().copied().map(Ticks).collect();
        let fresh = position.take(&page, limit);
        let kept = page.iter().zip(fresh).filter(|(_, fresh)| *fresh);
        kept.map(|(t, _)| t.0).collect()
    }

    #[test]
    fn pages_that_overlap_deliver_every_value_once() {
        let mut position = Position::at(Ticks(10));
        assert_eq!(
            take(&mut position, &[5, 10, 20, 30, 30], FAR),
            [10, 20, 30, 30]
        );
        // The page ended between values of the same moment: the third one is new.
        assert_eq!(take(&mut position, &[30, 30, 30, 40], FAR), [30, 40]);
        assert_eq!(take(&mut position, &[40], FAR), [0_i64; 0]);
        assert_eq!(take(&mut position, &[], FAR), [0_i64; 0]);
        assert_eq!(position.at, Ticks(40));
    }

    #[test]
    fn a_position_survives_being_written_down() {
        let mut position = Position::at(Ticks(0));
        take(
            &mut position,
            &[17_000_000_000_000_001, 17_000_000_000_000_001],
            FAR,
        );
        let again = Position::from_cursor(&position.cursor()).unwrap();
        assert_eq!(again, position);
        for bad in [
            json!(null),
            json!({"t": "x", "n": 1}),
            json!({"t": "2026-01-01T00:00:00Z", "n": -1}),
        ] {
            assert_eq!(Position::from_cursor(&bad), None);
        }
    }

    #[test]
    fn what_a_channel_pushed_is_not_delivered_again_by_the_archive() {
        let mut position = Position::at(Ticks(100));
        assert!(position.push(Ticks(110)));
        assert!(!position.push(Ticks(110)));
        assert!(position.push(Ticks(130)));
        assert!(position.push(Ticks(90)), "written late");
        // The channel lost 120; the archive has it.
        assert_eq!(take(&mut position, &[100, 110, 120, 130], FAR), [100, 120]);
        assert_eq!(position.at, Ticks(130));
        assert!(!position.push(Ticks(130)));
    }

    #[test]
    fn a_value_dated_in_the_future_does_not_hide_the_ones_after_it() {
        let mut position = Position::at(Ticks(0));
        assert_eq!(take(&mut position, &[10, 9_000], Ticks(50)), [10, 9_000]);
        assert_eq!(position.at, Ticks(10));
        assert_eq!(take(&mut position, &[10, 60, 9_000], Ticks(100)), [60]);
        assert_eq!(take(&mut position, &[60, 9_000], Ticks(9_500)), [0_i64; 0]);
        assert_eq!(position.at, Ticks(9_000));
    }

    #[test]
    fn a_moment_with_too_many_values_can_be_left_behind() {
        let mut position = Position::at(Ticks(7));
        assert_eq!(take(&mut position, &[7, 7, 7], FAR).len(), 3);
        position.skip();
        assert_eq!(position.at, Ticks(8));
        assert_eq!(take(&mut position, &[8], FAR), [8]);
    }
}
