//! Samples in memory: a block is a sorted run of one signal's samples, the unit that is buffered,
//! sealed, decoded and merged.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;

use iq_domain::{Point, StatusCode, Timestamp, Value};

/// Class of a sample that holds a number.
pub const NUMBER: u32 = 0;
/// Class of a sample without a value.
pub const NONE: u32 = 1;
/// Class of a sample that holds the first text of the dictionary; the next texts follow.
pub const TEXT: u32 = 2;

/// One sample; truth values have become 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Unix milliseconds.
    pub t: i64,
    /// Its value.
    pub value: Option<Value>,
    /// Status code.
    pub status: u32,
}

impl Sample {
    /// As the rest of the program knows it.
    #[must_use]
    pub fn point(&self) -> Point {
        Point {
            t: Timestamp(self.t),
            value: self.value.clone(),
            status: StatusCode(self.status),
        }
    }

    /// Whether its value may stand for "the last good value": good status, a text or a finite number.
    pub fn is_usable(&self) -> bool {
        StatusCode(self.status).is_good()
            && match &self.value {
                None => false,
                Some(Value::Text(_)) => true,
                Some(value) => value.as_f64().is_some_and(f64::is_finite),
            }
    }

    /// Equality that compares numbers by their bits.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let bits = |v: &Option<Value>| v.as_ref().and_then(Value::as_f64).map(f64::to_bits);
        let text = |v: &Option<Value>| match v {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        self.t == other.t
            && self.status == other.status
            && bits(&self.value) == bits(&other.value)
            && text(&self.value) == text(&other.value)
            && self.value.is_none() == other.value.is_none()
    }
}

/// What an [`Block::upsert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// A new time.
    Added,
    /// The time was there: the newer sample replaced it.
    Replaced,
}

/// A sorted run of samples, columns apart. Columns that are uniform stay empty: `statuses` while all
/// are zero, `classes` while all are numbers.
#[derive(Clone, Debug, Default)]
pub struct Block {
    times: Vec<i64>,
    numbers: Vec<f64>,
    statuses: Vec<u32>,
    classes: Vec<u32>,
    dictionary: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u32>,
    text_bytes: usize,
}

impl Block {
    /// A block of its columns.
    #[must_use]
    pub fn from_parts(
        times: Vec<i64>,
        numbers: Vec<f64>,
        statuses: Vec<u32>,
        classes: Vec<u32>,
        dictionary: Vec<Arc<str>>,
    ) -> Self {
        Self {
            times,
            numbers,
            statuses,
            classes,
            dictionary,
            index: HashMap::new(),
            text_bytes: 0,
        }
    }

    /// Samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Times, rising.
    #[must_use]
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Numbers; 0 where there is none.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// Status codes; empty while all are zero.
    #[must_use]
    pub fn statuses(&self) -> &[u32] {
        &self.statuses
    }

    /// Classes; empty while all are numbers.
    #[must_use]
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// Texts.
    #[must_use]
    pub fn dictionary(&self) -> &[Arc<str>] {
        &self.dictionary
    }

    /// Time of the first sample.
    #[must_use]
    pub fn first_time(&self) -> Option<i64> {
        self.times.first().copied()
    }

    /// Time of the last sample.
    #[must_use]
    pub fn last_time(&self) -> Option<i64> {
        self.times.last().copied()
    }

    /// Bytes it occupies, by capacity.
    pub fn bytes(&self) -> usize {
        self.times.capacity() * size_of::<i64>()
            + self.numbers.capacity() * size_of::<f64>()
            + (self.statuses.capacity() + self.classes.capacity()) * size_of::<u32>()
            + self.text_bytes
    }

    /// The number at `i` if it counts in aggregates: good status and finite.
    #[inline]
    pub fn usable_number(&self, i: usize) -> Option<f64> {
        let number = self.numbers[i];
        let good = self.statuses.get(i).is_none_or(|s| s >> 30 == 0)
            && self.classes.get(i).is_none_or(|c| *c == NUMBER);
        (good && number.is_finite()).then_some(number)
    }

    /// Status code of a sample.
    #[must_use]
    pub fn status(&self, i: usize) -> u32 {
        self.statuses.get(i).copied().unwrap_or(0)
    }

    fn class(&self, i: usize) -> u32 {
        self.classes.get(i).copied().unwrap_or(NUMBER)
    }

    /// A sample.
    #[must_use]
    pub fn sample(&self, i: usize) -> Sample {
        let value = match self.class(i) {
            NUMBER => Some(Value::Number(self.numbers[i])),
            NONE => None,
            text => Some(Value::Text(self.dictionary[(text - TEXT) as usize].clone())),
        };
        Sample {
            t: self.times[i],
            value,
            status: self.status(i),
        }
    }

    /// Index range of the samples with `from <= t < to`.
    pub fn span(&self, from: i64, to: i64) -> std::ops::Range<usize> {
        let low = self.times.partition_point(|t| *t < from);
        let high = self.times.partition_point(|t| *t < to);
        low..high.max(low)
    }

    /// Puts a sample at its place; the same time once more replaces what was there.
    #[inline]
    pub fn upsert(&mut self, sample: &Sample) -> Placed {
        self.put(sample.t, sample.value.as_ref(), sample.status)
    }

    /// The same from its parts.
    #[inline]
    pub fn put(&mut self, t: i64, value: Option<&Value>, status: u32) -> Placed {
        let (class, number) = match value {
            Some(Value::Number(number)) => (NUMBER, *number),
            Some(Value::Bool(truth)) => (NUMBER, f64::from(u8::from(*truth))),
            Some(Value::Text(text)) => (self.intern(text), 0.0),
            None => (NONE, 0.0),
        };
        self.put_raw(t, number, status, class)
    }

    fn put_raw(&mut self, t: i64, number: f64, status: u32, class: u32) -> Placed {
        let n = self.times.len();
        if status != 0 && self.statuses.is_empty() {
            self.statuses = Vec::with_capacity(self.times.capacity());
            self.statuses.resize(n, 0);
        }
        if class != NUMBER && self.classes.is_empty() {
            self.classes = Vec::with_capacity(self.times.capacity());
            self.classes.resize(n, NUMBER);
        }
        let with_status = status != 0 || !self.statuses.is_empty();
        let with_class = class != NUMBER || !self.classes.is_empty();
        if self.times.last().is_none_or(|last| *last < t) {
            self.make_room();
            self.times.push(t);
            self.numbers.push(number);
            if with_status {
                self.statuses.push(status);
            }
            if with_class {
                self.classes.push(class);
            }
            return Placed::Added;
        }
        match self.times.binary_search(&t) {
            Ok(i) => {
                self.numbers[i] = number;
                if with_status {
                    self.statuses[i] = status;
                }
                if with_class {
                    self.classes[i] = class;
                }
                Placed::Replaced
            }
            Err(i) => {
                self.make_room();
                self.times.insert(i, t);
                self.numbers.insert(i, number);
                if with_status {
                    self.statuses.insert(i, status);
                }
                if with_class {
                    self.classes.insert(i, class);
                }
                Placed::Added
            }
        }
    }

    /// Grows by half, not by doubling: ten thousand half-empty buffers would be the whole budget.
    fn make_room(&mut self) {
        let n = self.times.len();
        if n == self.times.capacity() {
            let more = (n / 2).clamp(16, 4_096);
            self.times.reserve_exact(more);
            self.numbers.reserve_exact(more);
        }
    }

    fn intern(&mut self, text: &Arc<str>) -> u32 {
        if self.index.len() != self.dictionary.len() {
            self.index = self.dictionary.iter().cloned().zip(TEXT..).collect();
        }
        if let Some(class) = self.index.get(text) {
            return *class;
        }
        let next = TEXT + self.dictionary.len() as u32;
        self.index.insert(text.clone(), next);
        // The text itself and its places in the dictionary and the index.
        self.text_bytes += text.len() + 96;
        self.dictionary.push(text.clone());
        next
    }

    /// Appends samples of another block; they must lie after the ones here or be meant to replace.
    pub fn extend(&mut self, other: &Self, span: std::ops::Range<usize>) {
        let sorted = match (self.last_time(), other.times.get(span.start)) {
            (Some(last), Some(first)) => last < *first,
            _ => true,
        };
        let plain = self.classes.is_empty() && other.classes.is_empty();
        if sorted && plain {
            let n = self.times.len();
            let statuses = other.statuses.get(span.clone()).unwrap_or(&[]);
            if !self.statuses.is_empty() || statuses.iter().any(|s| *s != 0) {
                self.statuses.resize(n, 0);
                self.statuses.extend_from_slice(statuses);
                self.statuses.resize(n + span.len(), 0);
            }
            self.times.extend_from_slice(&other.times[span.clone()]);
            self.numbers.extend_from_slice(&other.numbers[span]);
            return;
        }
        for i in span {
            self.upsert(&other.sample(i));
        }
    }

    /// A copy of a part.
    pub fn part(&self, span: std::ops::Range<usize>) -> Self {
        let mut part = Self::default();
        part.extend(self, span);
        part
    }

    /// Both blocks as one; where both have a time, `over` wins.
    pub fn merged(&self, over: &Self) -> Self {
        let mut out = Self::default();
        let (mut i, mut j) = (0, 0);
        while i < self.len() && j < over.len() {
            let (a, b) = (self.times[i], over.times[j]);
            if a < b {
                let run = i + self.times[i..].partition_point(|t| *t < b);
                out.extend(self, i..run);
                i = run;
            } else {
                let run = j + over.times[j..].partition_point(|t| *t <= a);
                out.extend(over, j..run);
                j = run;
                if over.times[run - 1] == a {
                    i += 1;
                }
            }
        }
        out.extend(self, i..self.len());
        out.extend(over, j..over.len());
        out
    }

    /// Gives unused room back.
    pub fn shrink(&mut self) {
        self.times.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.statuses.shrink_to_fit();
        self.classes.shrink_to_fit();
        self.index = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sample() -> impl Strategy<Value = Sample> {
        let value = prop_oneof![
            Just(None),
            any::<f64>().prop_map(|n| Some(Value::Number(n))),
            "[a-c]{0,2}".prop_map(|t| Some(Value::Text(t.into()))),
        ];
        (0_i64..60, value, prop_oneof![Just(0), any::<u32>()])
            .prop_map(|(t, value, status)| Sample { t, value, status })
    }

    fn filled(samples: &[Sample]) -> Block {
        let mut block = Block::default();
        for s in samples {
            block.upsert(s);
        }
        block
    }

    proptest! {
        #[test]
        fn merging_keeps_the_newer_sample(
            base in prop::collection::vec(sample(), 0..60),
            over in prop::collection::vec(sample(), 0..60),
        ) {
            let mut model = BTreeMap::new();
            for s in base.iter().chain(&over) {
                model.insert(s.t, s.clone());
            }
            let merged = filled(&base).merged(&filled(&over));
            prop_assert_eq!(merged.len(), model.len());
            for (i, expected) in model.values().enumerate() {
                prop_assert!(merged.sample(i).same(expected));
            }
        }
    }
}
