//! The past, read once per tag in steps, and the positions that are remembered of it. Pure: what to
//! read next is decided here, the reading happens elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
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

/// What is remembered from earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Up to where new rows were read.
    pub(crate) live: Option<Timestamp>,
    /// Tags whose past was read, and how much of it.
    filled: HashMap<Arc<str>, i64>,
    /// Unfinished readings of the past: the set of tags, and where it stands.
    unfinished: HashMap<String, (Timestamp, Timestamp, Timestamp)>,
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
                let mode = position.get("mode").and_then(Value::as_i64).unwrap_or(0);
                memory.filled.insert(Arc::from(tag), mode);
            } else if name.starts_with("fill/")
                && let (Some(from), Some(to), Some(reached)) = (
                    moment(position, "from"),
                    moment(position, "to"),
                    moment(position, "reached"),
                )
            {
                memory.unfinished.insert(name.clone(), (from, to, reached));
            }
        }
        memory
    }

    /// The tags whose past is still missing.
    pub(crate) fn unfilled(&self, wanted: &[Arc<str>], mode: SyncMode) -> Vec<Arc<str>> {
        let mut missing: Vec<Arc<str>> = wanted
            .iter()
            .filter(|tag| self.filled.get(*tag).is_none_or(|done| *done < rank(mode)))
            .cloned()
            .collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Where a reading of the past of these tags stood when it was left.
    pub(crate) fn resume(&self, name: &str) -> Option<(Timestamp, Timestamp, Timestamp)> {
        self.unfinished.get(name).copied()
    }

    pub(crate) fn remember(&mut self, fill: &Fill) {
        for tag in &fill.tags {
            self.filled.insert(tag.clone(), rank(fill.mode));
        }
        self.unfinished.remove(&fill.name);
    }

    pub(crate) fn leave(&mut self, fill: &Fill) {
        self.unfinished
            .insert(fill.name.clone(), (fill.from, fill.to, fill.reached));
    }
}

/// The position of new rows as a mark.
pub(crate) fn live_mark(reached: Timestamp) -> CursorMark {
    CursorMark {
        name: LIVE.to_owned(),
        position: json!({"reached": reached.millis()}),
    }
}

/// Name of the position of one set of tags.
pub(crate) fn fill_name(tags: &[Arc<str>], mode: SyncMode) -> String {
    let mut hasher = DefaultHasher::new();
    (tags, rank(mode)).hash(&mut hasher);
    format!("fill/{:016x}", hasher.finish())
}

/// A reading of the past of some tags.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) name: String,
    pub(crate) tags: Vec<Arc<str>>,
    mode: SyncMode,
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
        mode: SyncMode,
        (from, to, reached): (Timestamp, Timestamp, Timestamp),
    ) -> Self {
        Self {
            name: fill_name(&tags, mode),
            tags,
            mode,
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

    /// The positions reached: of the whole while it lasts, of each tag at the end.
    pub(crate) fn marks(&self) -> Vec<CursorMark> {
        let mut marks = vec![CursorMark {
            name: self.name.clone(),
            position: json!({
                "from": self.from.millis(), "to": self.to.millis(), "reached": self.reached.millis(),
            }),
        }];
        if self.step().is_none() {
            marks.extend(self.tags.iter().map(|tag| CursorMark {
                name: format!("tag/{tag}"),
                position: json!({"from": self.from.millis(), "mode": rank(self.mode)}),
            }));
        }
        marks
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
        let mut fill = Fill::new(tags(&["a"]), SyncMode::Full, (from, to, from));
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

    #[test]
    fn a_finished_tag_is_not_read_again_and_a_new_one_gets_its_past() {
        let mut fill = Fill::new(
            tags(&["a", "b"]),
            SyncMode::Last24h,
            (Timestamp(0), Timestamp(HOUR), Timestamp(0)),
        );
        fill.delivered(Timestamp(HOUR), 1);
        let memory = stored(fill.marks());
        assert!(
            memory
                .unfilled(&tags(&["a", "b"]), SyncMode::Last24h)
                .is_empty()
        );
        assert_eq!(
            memory.unfilled(&tags(&["c", "a"]), SyncMode::Last24h),
            tags(&["c"])
        );
        assert_eq!(
            memory.unfilled(&tags(&["a"]), SyncMode::Full),
            tags(&["a"]),
            "more of the past was asked for"
        );
    }

    #[test]
    fn an_unfinished_reading_goes_on_where_it_stood() {
        let whole = (Timestamp(0), Timestamp(10 * HOUR), Timestamp(0));
        let mut fill = Fill::new(tags(&["a", "b"]), SyncMode::Last24h, whole);
        fill.delivered(Timestamp(HOUR), 1);
        let memory = stored(fill.marks());
        assert_eq!(
            memory.unfilled(&tags(&["b", "a"]), SyncMode::Last24h),
            tags(&["a", "b"])
        );
        let name = fill_name(&tags(&["a", "b"]), SyncMode::Last24h);
        assert_eq!(
            memory.resume(&name),
            Some((Timestamp(0), Timestamp(10 * HOUR), Timestamp(HOUR)))
        );
        assert_eq!(
            memory.resume(&fill_name(&tags(&["a"]), SyncMode::Last24h)),
            None
        );
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
