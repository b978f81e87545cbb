//! How a report speaks: sentences of the catalogue, numbers as the pages write them, moments by the
//! clock of the plant.

use iq_domain::{Names, Severity, Timestamp};
use iq_locale::{Language, Params};
use iq_report::Words;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::texts;

/// The language and the clock of a part.
pub(crate) struct Voice {
    pub(crate) language: Language,
    zone: TimeZone,
}

impl Voice {
    /// Speaks by the clock of a site; by UTC where its zone is unknown.
    pub(crate) fn new(language: Language, zone: &str) -> Self {
        Self {
            language,
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
        }
    }

    /// A sentence of the report.
    pub(crate) fn say(&self, key: &str, params: &[(&str, String)]) -> String {
        let params: Params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        iq_locale::message(self.language, &["report", "ui"], key, &params)
    }

    /// A label of the report or of the pages.
    pub(crate) fn label(&self, key: &str) -> String {
        self.say(key, &[])
    }

    pub(crate) fn prose(&self, key: &str, params: &[(&str, String)]) -> Words {
        Words::Prose(self.say(key, params))
    }

    /// A word of a closed list, as the pages call it.
    pub(crate) fn word<T: Serialize>(&self, list: &str, value: &T) -> String {
        let value = serde_json::to_value(value).unwrap_or_default();
        let value = value.as_str().unwrap_or_default();
        self.label(&format!("enum.{list}.{value}"))
    }

    pub(crate) fn severity(&self, severity: Severity) -> String {
        self.word("severity", &severity)
    }

    pub(crate) fn name<'n>(&self, names: &'n Names) -> &'n str {
        self.language.name(names)
    }

    /// A moment by the clock of the plant.
    pub(crate) fn moment(&self, at: Timestamp) -> Words {
        Words::Code(plain(at.plus_ms(self.offset_ms(at))))
    }

    /// How far the clock of the plant is ahead of UTC.
    pub(crate) fn offset_ms(&self, at: Timestamp) -> i64 {
        jiff::Timestamp::from_millisecond(at.0)
            .map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()) * 1_000)
    }

    /// `UTC+03:00`, as it was at a moment.
    pub(crate) fn zone(&self, at: Timestamp) -> String {
        let minutes = self.offset_ms(at) / 60_000;
        let sign = if minutes < 0 { '\u{2212}' } else { '+' };
        let minutes = minutes.abs();
        format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// A duration in the two largest units that say something.
    pub(crate) fn span(&self, ms: i64) -> String {
        let of = |key: &str, a: i64, b: i64| {
            self.say(key, &[("a", a.to_string()), ("b", b.to_string())])
        };
        let seconds = ms.max(0) / 1_000;
        let minutes = seconds / 60;
        let hours = minutes / 60;
        match (seconds, minutes, hours) {
            (0, ..) if ms > 0 => of("span.ms", ms, 0),
            (0..60, ..) => of("span.s", seconds, 0),
            (_, 0..60, _) => of("span.min", minutes, 0),
            (_, _, 0..48) => of("span.h_min", hours, minutes % 60),
            _ => of("span.d_h", hours / 24, hours % 24),
        }
    }
}

/// A moment in UTC.
pub(crate) fn utc(at: Timestamp) -> Words {
    Words::Code(plain(at))
}

fn plain(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace('Z', "")
}

/// A measured value with its unit.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    let unit = texts::unit_label(unit).trim_matches('\0');
    let value = number(value, decimals_for(value));
    if unit.is_empty() {
        value
    } else {
        format!("{value} {unit}")
    }
}

/// A whole number.
pub(crate) fn count(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    grouped(&digits)
}

/// Digits a reader can use, by the rule of the pages.
fn decimals_for(value: f64) -> usize {
    match value.abs() {
        size if size >= 1_000.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    }
}

/// A number as the pages write it: thousands apart, no zeros at the end, a real minus.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "\u{2014}".to_owned();
    }
    let power = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let rounded = (value.abs() * power).round() / power;
    let text = format!("{rounded:.decimals$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let least = if value.fract() == 0.0 {
        0
    } else {
        decimals.min(1)
    };
    let trimmed = part.trim_end_matches('0');
    let part = &part[..trimmed.len().max(least).min(part.len())];
    let sign = if value < 0.0 && rounded > 0.0 {
        "\u{2212}"
    } else {
        ""
    };
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{part}", grouped(whole))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_as_on_the_page() {
        for (value, text) in [
            (4.2, "4.2"),
            (4.0, "4"),
            (9.314, "9.31"),
            (4.001, "4.0"),
            (-12.54, "\u{2212}12.5"),
            (1_234_567.8, "1,234,568"),
            (99.96, "100.0"),
            (0.125, "0.13"),
            (f64::NAN, "\u{2014}"),
        ] {
            assert_eq!(number(value, decimals_for(value)), text, "{value}");
        }
        assert_eq!(quantity(3.5, "m3/h"), "3.5 m³/h");
        assert_eq!(quantity(0.8, "1"), "0.8");
        assert_eq!(count(50_000_u64), "50,000");
    }

    #[test]
    fn moments_follow_the_clock_of_the_plant() {
        let voice = Voice::new(Language::En, "Asia/Riyadh");
        let at = Timestamp(1_763_690_000_120);
        assert_eq!(
            voice.moment(at),
            Words::Code("2025-11-21 04:53:20.120".to_owned())
        );
        assert_eq!(utc(at), Words::Code("2025-11-21 01:53:20.120".to_owned()));
        assert_eq!(voice.zone(at), "UTC+03:00");
        assert_eq!(
            Voice::new(Language::En, "America/St_Johns").zone(at),
            "UTC\u{2212}03:30"
        );
    }
}
