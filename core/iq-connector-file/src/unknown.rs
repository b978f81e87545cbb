//! Words a file uses that are not known: of qualities, whose values are then uncertain, of states of alarms,
//! which are then new alarms, and of their priorities, which are then warnings. Whoever imports them has to
//! know how many rows they decide.

use iq_domain::{Message, neutralise};
use serde::{Deserialize, Serialize};

use crate::{detect::warning, read::Again};

/// Words that are named.
const MAX_WORDS: usize = 5;
/// Longest of them.
const MAX_WORD_CHARS: usize = 40;
/// Warnings about such words: that of the first rows, and those of all rows.
pub(crate) const CODES: [&str; 4] = [
    "file.quality_unknown",
    "file.quality_words",
    "file.state_words",
    "file.priority_words",
];

/// Words of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownWords {
    /// Rows that have one.
    pub rows: u64,
    /// A few of them.
    pub words: Vec<String>,
    /// The row counted last: a wide row may have many.
    #[serde(skip)]
    last: u64,
}

impl UnknownWords {
    /// Takes in a word of a row.
    pub(crate) fn note(&mut self, row: u64, word: &[u8]) {
        if self.last != row {
            self.last = row;
            self.rows += 1;
        }
        if self.words.len() < MAX_WORDS {
            // Cut before decoding: a cell may be a megabyte long.
            let word = word.trim_ascii();
            let word = String::from_utf8_lossy(&word[..word.len().min(MAX_WORD_CHARS * 4)]);
            self.name(neutralise(&word, MAX_WORD_CHARS));
        }
    }

    fn name(&mut self, word: String) {
        if self.words.len() < MAX_WORDS && !self.words.contains(&word) {
            self.words.push(word);
        }
    }

    fn add(&mut self, more: &Self) {
        self.rows += more.rows;
        for word in &more.words {
            self.name(word.clone());
        }
    }
}

/// The words of a file that are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Of qualities.
    pub qualities: UnknownWords,
    /// Of states of alarms.
    pub states: UnknownWords,
    /// Of their priorities.
    #[serde(default)]
    pub priorities: UnknownWords,
}

impl Unknown {
    /// Adds those of the next rows.
    pub fn add(&mut self, more: &Self) {
        self.qualities.add(&more.qualities);
        self.states.add(&more.states);
        self.priorities.add(&more.priorities);
    }

    /// Those of before the place where reading would go on: what is read again is counted again.
    #[must_use]
    pub fn without(&self, again: &Again) -> Self {
        let mut rest = self.clone();
        let (states, priorities) = (&mut rest.states, &mut rest.priorities);
        states.rows = states.rows.saturating_sub(again.unknown_states);
        priorities.rows = priorities.rows.saturating_sub(again.unknown_priorities);
        rest
    }

    /// Puts what all rows have in the place of what the first ones showed.
    pub fn tell(&self, warnings: &mut Vec<Message>) {
        warnings.retain(|w| !CODES.contains(&w.code.as_str()));
        for (code, found) in [
            ("file.quality_words", &self.qualities),
            ("file.state_words", &self.states),
            ("file.priority_words", &self.priorities),
        ] {
            if found.rows > 0 {
                let (count, words) = (found.rows.to_string(), found.words.join(" · "));
                warnings.push(warning(code, &[("count", &count), ("words", &words)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_once_and_a_few_words_named() {
        let mut first = UnknownWords::default();
        first.note(2, b"Gut");
        first.note(2, b"Gut");
        first.note(3, " طيّب ".as_bytes());
        assert_eq!((first.rows, first.words.len()), (2, 2));
        let mut all = Unknown::default();
        let more = Unknown {
            qualities: first,
            ..Unknown::default()
        };
        all.add(&more);
        all.add(&more);
        let mut warnings = vec![warning("file.quality_unknown", &[("word", "Gut")])];
        all.tell(&mut warnings);
        let told: Vec<_> = warnings.iter().map(|w| w.code.as_str()).collect();
        assert_eq!(told, ["file.quality_words"]);
        assert_eq!(warnings[0].params["count"], "4");
        assert_eq!(all.qualities.words.len(), 2);
    }

    #[test]
    fn rows_that_are_read_again_are_taken_off() {
        let mut read = Unknown::default();
        read.states.note(1, b"Weg");
        read.states.note(2, b"Weg");
        read.priorities.note(2, b"Hoch");
        let again = Again {
            unknown_states: 1,
            unknown_priorities: 3,
            ..Again::default()
        };
        let rest = read.without(&again);
        assert_eq!((rest.states.rows, rest.priorities.rows), (1, 0));
        assert_eq!(rest.states.words, ["Weg"]);
    }
}
