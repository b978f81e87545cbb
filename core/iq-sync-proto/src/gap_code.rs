//! A gap as a short code: what a receiver behind a data diode is missing, so that an operator can read
//! it out and type it in on the other side. Letters and digits of the enrolment code; the last two
//! are a check.

use crate::{
    enrol::{letter, letter_value},
    sign::sha256,
    wire::Line,
};

/// Records that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first 20 bits of the SHA-256 of the epoch: enough to tell an appliance's epochs apart.
    pub epoch_tag: u32,
    /// The stream.
    pub stream: u8,
    /// The first missing record.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Gap {
    /// The gap from `first` to `last` of a log.
    #[must_use]
    pub fn new(line: Line, first: u64, last: u64) -> Self {
        Self {
            epoch_tag: epoch_tag(line),
            stream: line.stream,
            first,
            count: last.saturating_sub(first) + 1,
        }
    }

    /// Whether it is of this log.
    #[must_use]
    pub fn is_of(&self, line: Line) -> bool {
        self.stream == line.stream && self.epoch_tag == epoch_tag(line)
    }

    /// The number of the last missing record.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.first.saturating_add(self.count.saturating_sub(1))
    }

    /// As a person reads it: the epoch in four letters, the stream, two numbers with the length of the
    /// first before it, two letters of check.
    #[must_use]
    pub fn text(&self) -> String {
        let mut body = digits(u64::from(self.epoch_tag), 4);
        body.push(letter(self.stream));
        let first = digits(self.first, 1);
        body.push(letter(u8::try_from(first.len()).unwrap_or_default()));
        body.push_str(&first);
        body.push_str(&digits(self.count, 1));
        let check = check(&body);
        let letters: Vec<char> = body.chars().chain(check).collect();
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|group| group.iter().collect())
            .collect();
        groups.join("-")
    }

    /// Reads what a person typed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let values: Vec<u8> = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(letter_value)
            .collect::<Option<_>>()?;
        if !(9..=40).contains(&values.len()) {
            return None;
        }
        let (body, given) = values.split_at(values.len() - 2);
        let written: String = body.iter().map(|value| letter(*value)).collect();
        if check(&written).map(letter_value) != [Some(given[0]), Some(given[1])] {
            return None;
        }
        let (epoch, rest) = body.split_at(4);
        let (stream, rest) = rest.split_first()?;
        let (length, rest) = rest.split_first()?;
        let (first, count) = rest.split_at_checked(usize::from(*length))?;
        let gap = Self {
            epoch_tag: u32::try_from(number(epoch)?).ok()?,
            stream: *stream,
            first: number(first)?,
            count: number(count)?,
        };
        let is_range = gap.first >= 1 && gap.count >= 1 && (1..=5).contains(&gap.stream);
        is_range.then_some(gap)
    }
}

fn epoch_tag(line: Line) -> u32 {
    let hash = sha256(&line.epoch);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) >> 12
}

fn digits(number: u64, least: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = number;
    while rest > 0 || letters.len() < least {
        letters.push(letter((rest & 31) as u8));
        rest >>= 5;
    }
    letters.iter().rev().collect()
}

fn number(values: &[u8]) -> Option<u64> {
    if values.is_empty() || values.len() > 12 {
        return None;
    }
    Some(
        values
            .iter()
            .fold(0, |number, value| number << 5 | u64::from(*value)),
    )
}

fn check(body: &str) -> [char; 2] {
    let hash = sha256(body.as_bytes());
    [letter(hash[0]), letter(hash[1])]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_short_and_a_slip_is_noticed() {
        let line = Line {
            epoch: [3; 16],
            stream: 1,
        };
        let gap = Gap::new(line, 1_204_511, 1_209_510);
        let text = gap.text();
        assert!(text.len() <= 20, "{text}");
        assert_eq!(Gap::parse(&text.to_lowercase()), Some(gap));
        assert_eq!((gap.is_of(line), gap.last()), (true, 1_209_510));
        let slips = text
            .char_indices()
            .filter(|(_, c)| *c != '-')
            .filter(|(at, c)| {
                let other = if *c == '7' { '8' } else { '7' };
                let mut slip = text.clone();
                slip.replace_range(*at..=*at, &other.to_string());
                Gap::parse(&slip).is_some()
            });
        assert_eq!(slips.count(), 0);
        assert_eq!(Gap::parse(""), None);
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(epoch: [u8; 16], stream in 1_u8..=5, first in 1_u64..1 << 50, count in 1_u64..1 << 50) {
            let gap = Gap::new(Line { epoch, stream }, first, first + count - 1);
            prop_assert_eq!(Gap::parse(&gap.text()), Some(gap));
        }

        #[test]
        fn anything_typed_is_read_or_refused(text in ".{0,60}") {
            let read = Gap::parse(&text);
            prop_assert!(read.is_none_or(|gap| gap.first >= 1));
        }
    }
}
