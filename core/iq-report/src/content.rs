//! What a report is made of.

use iq_domain::Timestamp;
use serde::{Serialize, Serializer};

use crate::chart::Chart;

/// Language of a part; decides direction and font.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Arabic, right to left.
    Ar,
    /// English.
    En,
}

/// A document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Title in the file's metadata.
    pub title: String,
    /// Who made it, in the metadata.
    pub author: String,
    /// When it was made; the only time a document knows of.
    #[serde(skip)]
    pub made_at: Timestamp,
    /// Its parts in order: the same content in each language.
    pub parts: Vec<Part>,
}

/// The document in one language; begins on a new page.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Language.
    pub language: Language,
    /// Line above the title ("Incident report").
    pub kind: String,
    /// Title.
    pub title: Words,
    /// Stands at the top of every page ("INC-2026-0007").
    pub number: Words,
    /// Marks every page of what is no real plant ("DEMO").
    pub mark: Option<String>,
    /// Stands at the foot of every page.
    pub foot: String,
    /// Sections.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// A heading inside a section.
    Heading {
        /// Its words.
        words: Words,
    },
    /// A paragraph.
    Paragraph {
        /// Its words.
        words: Words,
    },
    /// A sentence in small print: what a table or chart leaves out.
    Small {
        /// Its words.
        words: Words,
    },
    /// Names and values, one line each.
    Facts {
        /// Name, value.
        rows: Vec<(String, Words)>,
    },
    /// Items one under the other.
    List {
        /// Its items.
        items: Vec<Words>,
    },
    /// A table; its head is repeated on every page.
    Table {
        /// Its columns.
        columns: Vec<Column>,
        /// Its rows, each with a cell per column.
        rows: Vec<Row>,
    },
    /// A trend.
    Chart {
        /// What is drawn, above it.
        title: Words,
        /// What the lines mean, below it.
        caption: Words,
        /// The drawing.
        #[serde(rename = "svg", serialize_with = "drawn")]
        chart: Chart,
    },
}

fn drawn<S: Serializer>(chart: &Chart, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&chart.svg().map_err(serde::ser::Error::custom)?)
}

/// A column of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Share of the width that is left; 0 takes what the cells need.
    pub share: u8,
}

/// A row of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<Words>,
    /// Stands out.
    pub is_strong: bool,
}

/// Text with what it needs to keep its direction inside the other language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// A sentence or a word in the language of the part.
    Prose(String),
    /// What somebody wrote or named, in whatever language: direction by its first letter.
    Free(String),
    /// A number with its unit, a range: left to right.
    Number(String),
    /// A tag, a moment, a digest, a command: left to right, every character of one width.
    Code(String),
    /// One after the other, with a space between.
    Line(Vec<Words>),
}

const LEFT_TO_RIGHT: char = '\u{2066}';
const RIGHT_TO_LEFT: char = '\u{2067}';
const END: char = '\u{2069}';
/// Code longer than this may break behind its punctuation.
const UNBROKEN: usize = 18;

impl Words {
    /// What follows begins on the next line.
    #[must_use]
    pub fn new_line() -> Self {
        Self::Prose("\n".to_owned())
    }

    fn isolated(&self) -> String {
        match self {
            Self::Prose(text) => text.clone(),
            // An isolate ends with its line.
            Self::Free(text) => bare(text)
                .split('\n')
                .map(|line| format!("{}{line}{END}", first_strong(line)))
                .collect::<Vec<_>>()
                .join("\n"),
            Self::Number(text) => {
                let unbroken = bare(text).replace(' ', "\u{a0}");
                format!("{LEFT_TO_RIGHT}{unbroken}{END}")
            }
            Self::Code(text) => format!("{LEFT_TO_RIGHT}{}{END}", breakable(&bare(text))),
            Self::Line(_) => String::new(),
        }
    }
}

/// The direction of a text is that of its first letter.
fn first_strong(text: &str) -> char {
    let first = text.chars().find(|c| c.is_alphabetic());
    match first {
        Some('\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FEFC}') => RIGHT_TO_LEFT,
        _ => LEFT_TO_RIGHT,
    }
}

/// Without characters that would turn the text around them.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{FFFD}',
            c => c,
        })
        .collect()
}

fn breakable(code: &str) -> String {
    if code.chars().count() <= UNBROKEN {
        return code.to_owned();
    }
    let mut text = String::with_capacity(code.len());
    for c in code.chars() {
        text.push(c);
        if matches!(c, '.' | '_' | '/' | ';' | '|') {
            text.push('\u{200B}');
        }
    }
    text
}

impl Serialize for Words {
    /// `{form, text}`, or an array of them.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Run {
            form: &'static str,
            text: String,
        }
        let form = match self {
            Self::Prose(_) | Self::Free(_) => "text",
            Self::Number(_) => "number",
            Self::Code(_) => "code",
            Self::Line(all) => return all.serialize(to),
        };
        Run {
            form,
            text: self.isolated(),
        }
        .serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_wrote_cannot_turn_the_words_around_it() {
        let words = Words::Free("a\u{202E}b\u{2067}c\u{7}".to_owned());
        assert_eq!(words.isolated(), "\u{2066}abc\u{FFFD}\u{2069}");
        assert_eq!(
            Words::Code("P-102A".to_owned()).isolated(),
            "\u{2066}P-102A\u{2069}"
        );
    }

    #[test]
    fn only_a_long_tag_may_break_and_only_behind_its_punctuation() {
        assert_eq!(breakable("ns=2;s=P102A"), "ns=2;s=P102A");
        assert_eq!(
            breakable("Plant.Area_1/P102A.VIB"),
            "Plant.\u{200B}Area_\u{200B}1/\u{200B}P102A.\u{200B}VIB"
        );
    }
}
