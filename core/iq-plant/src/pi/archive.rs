//! The archive behind the PI-compatible endpoint: per point the latest value (the snapshot) and a
//! bounded past, thinned by exception reporting as a data archive does. Pure: events go in, ranges
//! come out.

use std::collections::VecDeque;

use crate::pi::params::{TICKS_PER_MS, Ticks};

/// Events of one chunk; the oldest chunk leaves as a whole.
const CHUNK: usize = 1_024;
/// Chunks kept per point.
const CHUNKS: usize = 24;
/// Events older than this leave.
const KEPT_MS: i64 = 7 * 86_400_000;
/// A value that stands still is archived again after this long.
const FORCED_MS: i64 = 60_000;
/// Marks an event as questionable; the rest of the field is the distance to the chunk's base.
const QUESTIONABLE: u32 = 1 << 31;
/// Quiet not-a-number; its low bits carry the code of a system state.
const STATE: u32 = 0x7fc0_0000;

/// What a point had at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A number, the code of a digital state, or the place of a text.
    Number(f32),
    /// A system digital state in place of a value: the value is bad.
    System(u16),
}

/// System digital states the plant knows.
pub(crate) const SYSTEM_STATES: [(u16, &str); 4] = [
    (246, "I/O Timeout"),
    (248, "No Data"),
    (253, "Pt Created"),
    (255, "Bad Input"),
];
/// Code of "I/O Timeout".
pub(crate) const IO_TIMEOUT: u16 = 246;
/// Code of "No Data".
pub(crate) const NO_DATA: u16 = 248;
/// Code of "Pt Created".
pub(crate) const PT_CREATED: u16 = 253;
/// Code of "Bad Input".
pub(crate) const BAD_INPUT: u16 = 255;

/// An event of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) time: Ticks,
    pub(crate) cell: Cell,
    pub(crate) questionable: bool,
}

#[derive(Clone, Copy, Debug)]
struct Packed {
    after_base: u32,
    bits: u32,
}

#[derive(Clone, Debug)]
struct Chunk {
    base_ms: i64,
    rows: Vec<Packed>,
}

/// The events of one point.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    chunks: VecDeque<Chunk>,
    /// Fraction of a millisecond every event of the point carries, in ticks.
    fraction: Ticks,
    /// Changes up to this are not archived.
    deviation: f32,
    /// Values do not lead into each other: the last one holds.
    pub(crate) step: bool,
    archived: Option<(i64, Cell, bool)>,
    snapshot: Option<(i64, Cell, bool)>,
    texts: Vec<String>,
}

impl Series {
    pub(crate) fn new(fraction: Ticks, deviation: f32, step: bool) -> Self {
        Self {
            chunks: VecDeque::new(),
            fraction: fraction.rem_euclid(TICKS_PER_MS),
            deviation,
            step,
            archived: None,
            snapshot: None,
            texts: Vec::new(),
        }
    }

    /// Place of a text, for points that carry one.
    pub(crate) fn intern(&mut self, text: &str) -> f32 {
        let known = self.texts.iter().position(|t| t == text);
        let at = known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        at as f32
    }

    /// The text at a place.
    pub(crate) fn text(&self, at: f32) -> &str {
        self.texts.get(at as usize).map_or("", String::as_str)
    }

    /// Takes an event; one that is not later than the last is refused.
    pub(crate) fn push(&mut self, time_ms: i64, cell: Cell, questionable: bool) -> Option<Event> {
        if self.snapshot.is_some_and(|(t, ..)| time_ms <= t) {
            return None;
        }
        let now = (time_ms, cell, questionable);
        if self.is_exception(now) {
            // The value before a jump is kept too, so that the jump is not drawn as a ramp.
            if let (Some(before), Some(archived)) = (self.snapshot, self.archived)
                && before.0 > archived.0
                && self.jumps(archived.1, cell)
            {
                self.archive(before);
            }
            self.archive(now);
        }
        self.snapshot = Some(now);
        Some(self.event(now))
    }

    fn is_exception(&self, (time, cell, questionable): (i64, Cell, bool)) -> bool {
        let Some((at, last, doubted)) = self.archived else {
            return true;
        };
        let moved = match (last, cell) {
            (Cell::Number(a), Cell::Number(b)) => (a - b).abs() > self.deviation,
            _ => last != cell,
        };
        moved || doubted != questionable || time - at >= FORCED_MS
    }

    fn jumps(&self, from: Cell, to: Cell) -> bool {
        match (from, to) {
            (Cell::Number(a), Cell::Number(b)) => (a - b).abs() > 3.0 * self.deviation,
            _ => true,
        }
    }

    fn archive(&mut self, (time, cell, questionable): (i64, Cell, bool)) {
        let old =
            |c: &Chunk| c.base_ms + i64::from(c.rows.last().map_or(0, after)) < time - KEPT_MS;
        let full = self.chunks.back().is_none_or(|c| {
            c.rows.len() >= CHUNK || time - c.base_ms >= i64::from(QUESTIONABLE) || old(c)
        });
        if full {
            self.chunks.push_back(Chunk {
                base_ms: time,
                rows: Vec::with_capacity(CHUNK / 8),
            });
        }
        while self.chunks.len() > CHUNKS || self.chunks.front().is_some_and(old) {
            self.chunks.pop_front();
        }
        if let Some(chunk) = self.chunks.back_mut() {
            let mark = if questionable { QUESTIONABLE } else { 0 };
            chunk.rows.push(Packed {
                after_base: (time - chunk.base_ms) as u32 | mark,
                bits: match cell {
                    Cell::Number(number) if number.is_nan() => STATE | u32::from(BAD_INPUT),
                    Cell::Number(number) => number.to_bits(),
                    Cell::System(code) => STATE | u32::from(code),
                },
            });
        }
        self.archived = Some((time, cell, questionable));
    }

    fn event(&self, (time, cell, questionable): (i64, Cell, bool)) -> Event {
        Event {
            time: time * TICKS_PER_MS + self.fraction,
            cell,
            questionable,
        }
    }

    /// The latest value.
    pub(crate) fn snapshot(&self) -> Option<Event> {
        self.snapshot.map(|s| self.event(s))
    }

    fn unpack(&self, chunk: &Chunk, row: Packed) -> Event {
        let cell = if f32::from_bits(row.bits).is_nan() {
            Cell::System((row.bits & 0xffff) as u16)
        } else {
            Cell::Number(f32::from_bits(row.bits))
        };
        let time = chunk.base_ms + i64::from(after(&row));
        self.event((time, cell, row.after_base & QUESTIONABLE != 0))
    }

    /// The snapshot when it isn't archived itself.
    fn unarchived(&self) -> Option<Event> {
        let archived = self.archived.map_or(i64::MIN, |(t, ..)| t);
        self.snapshot
            .filter(|(t, ..)| *t > archived)
            .map(|s| self.event(s))
    }

    /// Events from `from` to `to`, both included, oldest first, the snapshot last.
    pub(crate) fn between(&self, from: Ticks, to: Ticks) -> impl DoubleEndedIterator<Item = Event> {
        self.chunks
            .iter()
            .filter(move |c| {
                let last = c.base_ms + i64::from(c.rows.last().map_or(0, after));
                // A millisecond more on both sides, for the fraction.
                c.base_ms.saturating_mul(TICKS_PER_MS) <= to
                    && (last + 1).saturating_mul(TICKS_PER_MS) >= from
            })
            .flat_map(move |c| c.rows.iter().map(move |row| self.unpack(c, *row)))
            .chain(self.unarchived())
            .filter(move |e| (from..=to).contains(&e.time))
    }

    /// The last event before `time`.
    pub(crate) fn before(&self, time: Ticks) -> Option<Event> {
        if let Some(event) = self.unarchived().filter(|e| e.time < time) {
            return Some(event);
        }
        self.chunks
            .iter()
            .rev()
            .filter(|c| c.base_ms.saturating_mul(TICKS_PER_MS) < time)
            .flat_map(|c| c.rows.iter().rev().map(move |row| self.unpack(c, *row)))
            .find(|e| e.time < time)
    }

    /// The first event after `time`.
    pub(crate) fn after(&self, time: Ticks) -> Option<Event> {
        self.between(time.saturating_add(1), Ticks::MAX).next()
    }

    /// The value at a moment: on the line between two numbers, else what held.
    pub(crate) fn at(&self, time: Ticks) -> Event {
        let none = Event {
            time,
            cell: Cell::System(NO_DATA),
            questionable: false,
        };
        let Some(before) = self.before(time.saturating_add(1)) else {
            return none;
        };
        let held = Event { time, ..before };
        if self.step || before.time == time {
            return held;
        }
        let (Cell::Number(a), Some(next)) = (before.cell, self.after(time)) else {
            return held;
        };
        let Cell::Number(b) = next.cell else {
            return held;
        };
        let share = (time - before.time) as f64 / (next.time - before.time) as f64;
        Event {
            cell: Cell::Number((f64::from(a) + share * f64::from(b - a)) as f32),
            ..held
        }
    }
}

const fn after(row: &Packed) -> u32 {
    row.after_base & !QUESTIONABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        Series::new(72, 0.5, false)
    }

    fn numbers(events: impl Iterator<Item = Event>) -> Vec<f32> {
        events
            .map(|e| match e.cell {
                Cell::Number(n) => n,
                Cell::System(code) => -f32::from(code),
            })
            .collect()
    }

    #[test]
    fn archives_what_left_the_band_and_keeps_the_latest_as_snapshot() {
        let mut s = series();
        for (t, v) in [
            (0, 10.0),
            (1_000, 10.2),
            (2_000, 10.4),
            (3_000, 14.0),
            (4_000, 14.1),
        ] {
            s.push(t, Cell::Number(v), false);
        }
        // 10.2 is thinned away; 10.4 stands before the jump; 14.1 is only the snapshot.
        assert_eq!(numbers(s.between(0, Ticks::MAX)), [10.0, 10.4, 14.0, 14.1]);
        s.push(5_000, Cell::Number(14.2), false);
        assert_eq!(numbers(s.between(0, Ticks::MAX)), [10.0, 10.4, 14.0, 14.2]);
    }

    #[test]
    fn returns_bad_and_questionable_events_as_they_came() {
        let mut s = series();
        s.push(0, Cell::Number(1.0), false);
        s.push(1_000, Cell::System(IO_TIMEOUT), false);
        s.push(2_000, Cell::Number(1.0), true);
        let events: Vec<_> = s.between(0, Ticks::MAX).collect();
        assert_eq!(events[1].cell, Cell::System(IO_TIMEOUT));
        assert!(events[2].questionable && !events[1].questionable);
        assert_eq!(events[1].time, 1_000 * TICKS_PER_MS + 72);
    }

    #[test]
    fn refuses_an_event_that_is_not_later() {
        let mut s = series();
        assert!(s.push(1_000, Cell::Number(1.0), false).is_some());
        assert!(s.push(1_000, Cell::Number(2.0), false).is_none());
        assert!(s.push(500, Cell::Number(2.0), false).is_none());
    }

    #[test]
    fn keeps_no_more_than_its_bound_and_no_longer_than_a_week() {
        let mut s = series();
        for i in 0..60_000_i64 {
            s.push(i * 1_000, Cell::Number((i % 2) as f32 * 9.0), false);
        }
        let kept = s.between(0, Ticks::MAX).count();
        assert!(
            kept <= CHUNKS * CHUNK && kept > (CHUNKS - 2) * CHUNK,
            "{kept}"
        );
        s.push(60_000_000 + 8 * 86_400_000, Cell::Number(0.0), false);
        assert_eq!(s.between(0, Ticks::MAX).count(), 1);
    }

    #[test]
    fn interpolates_numbers_and_holds_steps_and_the_last_value() {
        let mut s = series();
        s.push(0, Cell::Number(0.0), false);
        s.push(10_000, Cell::Number(10.0), false);
        let at = |s: &Series, ms: i64| s.at(ms * TICKS_PER_MS + 72).cell;
        assert_eq!(at(&s, 4_000), Cell::Number(4.0));
        assert_eq!(at(&s, 99_000), Cell::Number(10.0));
        assert_eq!(at(&s, -1), Cell::System(NO_DATA));
        s.step = true;
        assert_eq!(at(&s, 4_000), Cell::Number(0.0));
    }

    #[test]
    fn finds_the_neighbours_of_a_moment() {
        let mut s = series();
        for i in 0..5_000_i64 {
            s.push(i * 1_000, Cell::Number(i as f32 * 2.0), false);
        }
        let t = 2_500_500 * TICKS_PER_MS;
        assert_eq!(s.before(t).unwrap().cell, Cell::Number(5_000.0));
        assert_eq!(s.after(t).unwrap().cell, Cell::Number(5_002.0));
        let exact = 2_500_000 * TICKS_PER_MS + 72;
        assert_eq!(s.before(exact).unwrap().cell, Cell::Number(4_998.0));
        assert_eq!(s.after(exact).unwrap().cell, Cell::Number(5_002.0));
    }
}
