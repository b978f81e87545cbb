//! How far a tag was read. Pure bookkeeping: what of a page is new, and where to read on.
//!
//! An archive takes values late: an interface that was cut off sends what it kept after newer values
//! have come by another way. So what is read as new is read again for [`OVERLAP`] before the newest
//! value, and what was delivered of that stretch is remembered, so that it is not delivered twice.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::time::Ticks;

/// How late a value may reach the archive, after a newer one, and still be found: two minutes.
pub(crate) const OVERLAP: i64 = 120 * 10_000_000;

/// Most moments remembered of a tag; a channel that runs further ahead than this has lost its archive.
const MAX_KNOWN: usize = 20_000;

/// How far a tag was read. PI keeps several values of the same moment, so they are counted: a page may
/// end between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The newest moment read. It is what is written down.
    pub(crate) at: Ticks,
    /// Where the next page begins.
    pub(crate) from: Ticks,
    /// What lies before is no concern any more.
    floor: Ticks,
    /// How far before `at` is read again.
    overlap: i64,
    /// How many values of each moment were delivered, from the floor on: those read, those a channel
    /// pushed, and those dated in the future.
    delivered: BTreeMap<Ticks, u32>,
}

impl Position {
    /// Nothing at or after `at` is delivered yet.
    pub(crate) fn at(at: Ticks) -> Self {
        Self {
            at,
            from: at,
            floor: at,
            ..Self::default()
        }
    }

    /// From now on the overlap is read again each time.
    pub(crate) fn with_overlap(mut self) -> Self {
        self.overlap = OVERLAP;
        self
    }

    /// Reading goes on after a pause: the overlap is read again once, and delivered again, for nobody
    /// remembers what was delivered of it.
    pub(crate) fn resumed(mut self) -> Self {
        self.floor = Ticks(self.at.0.saturating_sub(OVERLAP));
        self.from = self.floor;
        self
    }

    /// Takes a page read from [`Position::from`] on, sorted by time: for each of its values whether it
    /// is new. The position moves to the last value, though never beyond `limit`: a value of a
    /// clock that runs ahead must not hide the ones that come after it. After a full page the next one
    /// begins at its end, else a new reading begins before the position by the overlap.
    pub(crate) fn take(&mut self, page: &[Ticks], is_full: bool, limit: Ticks) -> Vec<bool> {
        let mut fresh = Vec::with_capacity(page.len());
        let mut counted: BTreeMap<Ticks, u32> = BTreeMap::new();
        for time in page {
            let nth = counted.entry(*time).or_default();
            *nth += 1;
            fresh.push(*time >= self.floor && *nth > self.delivered_at(*time));
        }
        for (time, count) in counted {
            if time < self.floor {
                continue;
            }
            self.note(time, count);
            if time <= limit {
                self.at = self.at.max(time);
            }
        }
        let again = Ticks(self.at.0.saturating_sub(self.overlap));
        if is_full {
            self.from = page.last().map_or(self.from, |last| self.from.max(*last));
            self.floor = self.floor.max(again.min(self.from));
        } else {
            self.floor = self.floor.max(again);
            self.from = self.floor;
        }
        self.delivered = self.delivered.split_off(&self.floor);
        fresh
    }

    /// A value that was pushed: whether it is new. One from before the position is new: it was
    /// written late.
    pub(crate) fn push(&mut self, time: Ticks) -> bool {
        if time >= self.at && self.delivered_at(time) > 0 {
            return false;
        }
        if time >= self.floor {
            self.note(time, 1);
        }
        true
    }

    /// Goes past a moment that holds more values than can be fetched.
    pub(crate) fn skip(&mut self) {
        self.from = self.from.next();
        self.floor = self.floor.max(self.from);
        self.at = self.at.max(self.from);
        self.delivered = self.delivered.split_off(&self.floor);
    }

    fn delivered_at(&self, time: Ticks) -> u32 {
        self.delivered.get(&time).copied().unwrap_or_default()
    }

    fn note(&mut self, time: Ticks, count: u32) {
        if self.delivered.len() >= MAX_KNOWN {
            self.delivered.pop_first();
        }
        let known = self.delivered.entry(time).or_default();
        *known = count.max(*known);
    }

    /// As it is written down. What was delivered ahead is read again after a restart.
    pub(crate) fn cursor(&self) -> Value {
        json!({"t": self.at.to_string(), "n": self.delivered_at(self.at)})
    }

    /// From what was written down; `None` when that is no position.
    pub(crate) fn from_cursor(cursor: &Value) -> Option<Self> {
        let at = Ticks::parse(cursor.get("t")?.as_str()?, &TimeZone::UTC)?;
        let seen = u32::try_from(cursor.get("n")?.as_u64()?).ok()?;
        let mut position = Self::at(at);
        if seen > 0 {
            position.note(at, seen);
        }
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Ticks = Ticks(i64::MAX);

    fn take(position: &mut Position, page: &[i64], limit: Ticks) -> Vec<i64> {
        let page: Vec<Ticks> = page.iter().copied().map(Ticks).collect();
        let fresh = position.take(&page, false, limit);
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
    fn values_that_reach_the_archive_late_are_found_once() {
        let second = OVERLAP / 120;
        let mut position = Position::at(Ticks(0)).with_overlap();
        assert_eq!(take(&mut position, &[0, 300 * second], FAR).len(), 2);
        assert_eq!(position.from, Ticks(180 * second));
        let late = [200 * second, 300 * second];
        assert_eq!(take(&mut position, &late, FAR), [200 * second]);
        assert_eq!(take(&mut position, &late, FAR), [0_i64; 0]);
        assert_eq!(position.at, Ticks(300 * second), "no step back");
        // What a channel has pushed of it is not delivered again by the archive.
        assert!(position.push(Ticks(250 * second)), "written late");
        let both = [200 * second, 250 * second, 300 * second];
        assert_eq!(take(&mut position, &both, FAR), [0_i64; 0]);
        // Later than the overlap is too late, whatever a server hands out.
        assert_eq!(take(&mut position, &[100 * second], FAR), [0_i64; 0]);
    }

    #[test]
    fn an_overlap_that_fills_pages_is_read_to_its_end() {
        let mut position = Position::at(Ticks(0)).with_overlap();
        let mut read = |page: &[i64], is_full| {
            let page: Vec<Ticks> = page.iter().copied().map(Ticks).collect();
            let fresh = position.take(&page, is_full, FAR);
            (
                fresh.iter().filter(|fresh| **fresh).count(),
                position.from.0,
            )
        };
        assert_eq!(read(&[1, 2, 2], true), (3, 2));
        assert_eq!(read(&[2, 2, 2], true), (1, 2));
        assert_eq!(read(&[2, 2, 2, 3], false), (1, 0));
        // The next round begins with the overlap again, page by page, and finds what is late.
        assert_eq!(read(&[1, 2, 2], true), (0, 2));
        assert_eq!(read(&[2, 2, 2, 3, 4], false), (1, 0));
        assert_eq!(position.at, Ticks(4));
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
