//! The past, read once per tag in steps, and the positions that are remembered of it. Pure: what to
//! read next is decided here, the reading happens elsewhere.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use iq_connector::{BackFillProgress, CursorMark};
use iq_domain::Timestamp;
use serde_json::{Value, json};

use crate::config::SyncMode;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Name of the position up to which new rows were read.
pub(crate) const LIVE: &str = "live";

/// Rows in one step beyond which the next ones are made shorter.
const MANY_ROWS: u64 = 40_000;

/// Rows in one step below which the next ones are made longer.
const FEW_ROWS: u64 = 10_000;

const fn rank(mode: SyncMode) -> i64 {
    match mode {
        SyncMode::Last24h => 1,
        SyncMode::Last7d => 2,
        SyncMode::Full => 3,
    }
}

/// Where the past begins; `None` for the oldest row there is.
pub(crate) fn beginning(mode: SyncMode, now: Timestamp) -> Option<Timestamp> {
    match mode {
        SyncMode::Last24h => Some(now.plus_ms(-DAY)),
        SyncMode::Last7d => Some(now.plus_ms(-7 * DAY)),
        SyncMode::Full => None,
    }
}

/// What is remembered of a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    /// How much of its past was read.
    rank: i64,
    /// Set while nobody wants the tag: everything of it before this was read.
    left: Option<Timestamp>,
}

/// What is remembered from earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Up to where new rows were read.
    pub(crate) live: Option<Timestamp>,
    /// Where the reading of new rows begins, as long as none were read: the past ends there, however
    /// long its beginning is looked for.
    live_from: Option<Timestamp>,
    tags: HashMap<Arc<str>, Known>,
    /// Unfinished readings: what is read, and where it stands.
    unfinished: HashMap<String, (Timestamp, Timestamp)>,
}

fn moment(position: &Value, field: &str) -> Option<Timestamp> {
    position.get(field).and_then(Value::as_i64).map(Timestamp)
}

impl Memory {
    pub(crate) fn new(cursors: &BTreeMap<String, Value>) -> Self {
        let mut memory = Self::default();
        for (name, position) in cursors {
            if name == LIVE {
                memory.live = moment(position, "reached");
            } else if let Some(tag) = name.strip_prefix("tag/") {
                let rank = position.get("mode").and_then(Value::as_i64).unwrap_or(0);
                let left = moment(position, "left");
                memory.tags.insert(Arc::from(tag), Known { rank, left });
            } else if name.starts_with("fill/")
                && let (Some(from), Some(reached)) =
                    (moment(position, "from"), moment(position, "reached"))
            {
                memory.unfinished.insert(name.clone(), (from, reached));
            }
        }
        memory
    }

    /// Up to where new rows were read, or from where they will be. The first wish for rows settles it.
    pub(crate) fn reached(&mut self, start: Timestamp) -> Timestamp {
        self.live
            .unwrap_or_else(|| *self.live_from.get_or_insert(start))
    }

    /// Takes note of the wanted tags. `read_to` is up to where new rows were read until now: tags that
    /// are no longer wanted miss what comes after it. Returns their positions.
    pub(crate) fn want(
        &mut self,
        wanted: &HashSet<Arc<str>>,
        read_to: Timestamp,
    ) -> Vec<CursorMark> {
        let mut marks = Vec::new();
        for (tag, known) in &mut self.tags {
            if known.left.is_none() && !wanted.contains(tag) {
                known.left = Some(read_to);
                marks.push(tag_mark(tag, *known));
            }
        }
        for tag in wanted {
            self.tags.entry(tag.clone()).or_default();
        }
        marks
    }

    /// What is to be read next of the past of the wanted tags, and of which: the past of those that
    /// lack it first, then what those missed that nobody wanted for a while.
    pub(crate) fn unread(
        &self,
        wanted: impl IntoIterator<Item = Arc<str>>,
        mode: SyncMode,
    ) -> Option<(Part, Vec<Arc<str>>)> {
        let (mut new, mut back) = (Vec::new(), Vec::new());
        let (mut new_left, mut back_left) = (None, None);
        for tag in wanted {
            let known = self.tags.get(&tag).copied().unwrap_or_default();
            let earliest = |found: Option<Timestamp>| match (found, known.left) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if known.rank < rank(mode) {
                new_left = earliest(new_left);
                new.push(tag);
            } else if known.left.is_some() {
                back_left = earliest(back_left);
                back.push(tag);
            }
        }
        let (part, mut tags) = match (new.is_empty(), back_left) {
            (false, _) => (
                Part::Past {
                    mode,
                    left: new_left,
                },
                new,
            ),
            (true, Some(left)) => (Part::Missed { left }, back),
            (true, None) => return None,
        };
        tags.sort();
        tags.dedup();
        Some((part, tags))
    }

    /// Where a reading stood when it was left: its beginning, and up to where it came.
    pub(crate) fn resume(&self, name: &str) -> Option<(Timestamp, Timestamp)> {
        self.unfinished.get(name).copied()
    }

    /// A reading came to its end. Returns the positions of its tags.
    pub(crate) fn remember(&mut self, fill: &Fill) -> Vec<CursorMark> {
        self.unfinished.remove(&fill.name);
        let mut marks = Vec::new();
        for tag in &fill.tags {
            let known = self.tags.entry(tag.clone()).or_default();
            if let Part::Past { mode, .. } = fill.part {
                known.rank = known.rank.max(rank(mode));
            }
            known.left = None;
            marks.push(tag_mark(tag, *known));
        }
        marks
    }

    pub(crate) fn leave(&mut self, fill: &Fill) {
        self.unfinished
            .insert(fill.name.clone(), (fill.from, fill.reached));
    }
}

fn tag_mark(tag: &str, known: Known) -> CursorMark {
    let mut position = json!({"mode": known.rank});
    if let Some(left) = known.left {
        position["left"] = json!(left.millis());
    }
    CursorMark {
        name: format!("tag/{tag}"),
        position,
    }
}

/// What of the past is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As much as is configured, and at least from where one of the tags was left.
    Past {
        mode: SyncMode,
        left: Option<Timestamp>,
    },
    /// What came while nobody wanted the tags.
    Missed { left: Timestamp },
}

/// The position of new rows as a mark.
pub(crate) fn live_mark(reached: Timestamp) -> CursorMark {
    CursorMark {
        name: LIVE.to_owned(),
        position: json!({"reached": reached.millis()}),
    }
}

/// Name of the position of one reading of some tags.
pub(crate) fn fill_name(tags: &[Arc<str>], part: Part) -> String {
    let mut hasher = DefaultHasher::new();
    match part {
        Part::Past { mode, left: None } => (tags, rank(mode)).hash(&mut hasher),
        Part::Past { mode, left } => (tags, rank(mode), left).hash(&mut hasher),
        Part::Missed { left } => (tags, left).hash(&mut hasher),
    }
    format!("fill/{:016x}", hasher.finish())
}

/// A reading of the past of some tags.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) name: String,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) part: Part,
    from: Timestamp,
    to: Timestamp,
    /// Everything before this is delivered.
    reached: Timestamp,
    step_ms: i64,
    samples: u64,
}

impl Fill {
    pub(crate) fn new(
        tags: Vec<Arc<str>>,
        part: Part,
        (from, to, reached): (Timestamp, Timestamp, Timestamp),
    ) -> Self {
        Self {
            name: fill_name(&tags, part),
            tags,
            part,
            from,
            to,
            reached: reached.max(from),
            step_ms: HOUR,
            samples: 0,
        }
    }

    /// The next stretch; `None` when there is none left.
    pub(crate) fn step(&self) -> Option<(Timestamp, Timestamp)> {
        (self.reached < self.to).then(|| {
            let end = self.reached.plus_ms(self.step_ms).min(self.to);
            (self.reached, end)
        })
    }

    /// A stretch was delivered up to `end`.
    pub(crate) fn delivered(&mut self, end: Timestamp, rows: u64) {
        self.reached = end;
        if rows < FEW_ROWS {
            self.step_ms = (self.step_ms * 2).min(60 * DAY);
        } else if rows > MANY_ROWS {
            self.step_ms = (self.step_ms / 2).max(MINUTE);
        }
    }

    /// The server found a stretch too long; false when it can't be made any shorter.
    pub(crate) fn shorten(&mut self) -> bool {
        let can = self.step_ms > MINUTE;
        self.step_ms = (self.step_ms / 4).max(MINUTE);
        can
    }

    pub(crate) fn count(&mut self, samples: usize) {
        self.samples += samples as u64;
    }

    /// The position reached.
    pub(crate) fn mark(&self) -> CursorMark {
        CursorMark {
            name: self.name.clone(),
            position: json!({"from": self.from.millis(), "reached": self.reached.millis()}),
        }
    }

    pub(crate) fn progress(&self) -> BackFillProgress {
        BackFillProgress {
            from: self.from,
            to: self.to,
            reached: self.reached,
            samples: self.samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|n| Arc::from(*n)).collect()
    }

    fn stored(marks: Vec<CursorMark>) -> Memory {
        Memory::new(&marks.into_iter().map(|m| (m.name, m.position)).collect())
    }

    #[test]
    fn steps_cover_the_past_without_a_hole_and_grow_where_there_is_little() {
        let (from, to) = (Timestamp(0), Timestamp(10 * DAY + 5));
        let mut fill = Fill::new(tags(&["a"]), past(SyncMode::Full), (from, to, from));
        let mut expected = from;
        let mut steps = 0;
        while let Some((start, end)) = fill.step() {
            assert_eq!(start, expected);
            assert!(end > start);
            fill.delivered(end, 0);
            expected = end;
            steps += 1;
        }
        assert_eq!(expected, to);
        assert!(steps < 12, "{steps}");
    }

    fn set(names: &[&str]) -> HashSet<Arc<str>> {
        tags(names).into_iter().collect()
    }

    fn past(mode: SyncMode) -> Part {
        Part::Past { mode, left: None }
    }

    /// A day's past of some tags, read to its end.
    fn read_past(memory: &mut Memory, names: &[&str]) -> Vec<CursorMark> {
        let range = (Timestamp(0), Timestamp(HOUR), Timestamp(HOUR));
        memory.remember(&Fill::new(tags(names), past(SyncMode::Last24h), range))
    }

    #[test]
    fn a_finished_tag_is_not_read_again_and_a_new_one_gets_its_past() {
        let marks = read_past(&mut Memory::default(), &["a", "b"]);
        let memory = stored(marks);
        let unread = |names: &[&str], mode| memory.unread(tags(names), mode);
        assert_eq!(unread(&["a", "b"], SyncMode::Last24h), None);
        assert_eq!(
            unread(&["c", "a"], SyncMode::Last24h),
            Some((past(SyncMode::Last24h), tags(&["c"])))
        );
        assert_eq!(
            unread(&["a"], SyncMode::Full),
            Some((past(SyncMode::Full), tags(&["a"]))),
            "more of the past was asked for"
        );
    }

    #[test]
    fn a_tag_that_nobody_wanted_for_a_while_gets_what_it_missed_also_after_a_restart() {
        let mut memory = Memory::default();
        memory.want(&set(&["a", "b"]), Timestamp(0));
        let mut marks = read_past(&mut memory, &["a", "b"]);
        marks.extend(memory.want(&set(&["a"]), Timestamp(5 * HOUR)));
        assert!(memory.want(&set(&["a"]), Timestamp(6 * HOUR)).is_empty());
        let mut memory = stored(marks);
        assert!(
            memory
                .want(&set(&["a", "b"]), Timestamp(9 * HOUR))
                .is_empty()
        );
        let left = Timestamp(5 * HOUR);
        let (part, missed) = memory.unread(tags(&["a", "b"]), SyncMode::Last24h).unwrap();
        assert_eq!((part, &missed), (Part::Missed { left }, &tags(&["b"])));
        let range = (left, Timestamp(9 * HOUR), Timestamp(9 * HOUR));
        let marks = memory.remember(&Fill::new(missed, part, range));
        assert_eq!(marks[0].position, json!({"mode": 1}));
        assert_eq!(memory.unread(tags(&["a", "b"]), SyncMode::Last24h), None);
    }

    #[test]
    fn a_tag_left_in_the_middle_of_its_past_is_read_from_where_it_was_left_at_least() {
        let mut memory = Memory::default();
        memory.want(&set(&["a", "b"]), Timestamp(0));
        memory.want(&set(&["a"]), Timestamp(HOUR));
        memory.want(&set(&["a", "b"]), Timestamp(DAY));
        let left = Some(Timestamp(HOUR));
        assert_eq!(
            memory.unread(tags(&["b"]), SyncMode::Last7d),
            Some((
                Part::Past {
                    mode: SyncMode::Last7d,
                    left
                },
                tags(&["b"])
            ))
        );
    }

    #[test]
    fn a_stopped_run_and_one_without_a_tag_are_told_apart() {
        let marks = read_past(&mut Memory::default(), &["a", "b"]);
        let mut memory = stored(marks);
        // The new run wants less: what "b" misses begins where the last run stopped.
        let marks = memory.want(&set(&["a"]), Timestamp(3 * HOUR));
        assert_eq!(marks.len(), 1);
        assert_eq!(
            marks[0],
            CursorMark {
                name: "tag/b".into(),
                position: json!({"mode": 1, "left": 3 * HOUR})
            }
        );
    }

    #[test]
    fn new_rows_are_read_from_where_the_past_ends_however_long_its_beginning_is_looked_for() {
        let mut memory = Memory::default();
        assert_eq!(memory.reached(Timestamp(10)), Timestamp(10));
        assert_eq!(memory.reached(Timestamp(99)), Timestamp(10));
        memory.live = Some(Timestamp(50));
        assert_eq!(memory.reached(Timestamp(99)), Timestamp(50));
    }

    #[test]
    fn an_unfinished_reading_goes_on_where_it_stood() {
        let whole = (Timestamp(0), Timestamp(10 * HOUR), Timestamp(0));
        let part = past(SyncMode::Last24h);
        let mut fill = Fill::new(tags(&["a", "b"]), part, whole);
        fill.delivered(Timestamp(HOUR), 1);
        let memory = stored(vec![fill.mark()]);
        let unread = memory.unread(tags(&["b", "a"]), SyncMode::Last24h);
        assert_eq!(unread, Some((part, tags(&["a", "b"]))));
        assert_eq!(
            memory.resume(&fill_name(&tags(&["a", "b"]), part)),
            Some((Timestamp(0), Timestamp(HOUR)))
        );
        assert_eq!(memory.resume(&fill_name(&tags(&["a"]), part)), None);
        let missed = Part::Missed { left: Timestamp(0) };
        assert_eq!(memory.resume(&fill_name(&tags(&["a", "b"]), missed)), None);
    }

    #[test]
    fn foreign_positions_are_passed_over() {
        let memory = stored(vec![
            CursorMark {
                name: "live".into(),
                position: json!("nonsense"),
            },
            CursorMark {
                name: "fill/1".into(),
                position: json!({"from": 1}),
            },
            CursorMark {
                name: "other".into(),
                position: json!(null),
            },
        ]);
        assert_eq!(memory.live, None);
        assert_eq!(memory.resume("fill/1"), None);
    }
}
