//! Checks of what people typed, collected so that a form shows all its problems at once.

use iq_domain::{Names, Timestamp, is_clean_char, is_clean_line};

use super::failure::{Answer, Failure, FieldFailure};

/// Longest name of a thing.
pub(crate) const NAME_CHARS: usize = 120;
/// Longest code of a thing.
pub(crate) const CODE_CHARS: usize = 40;
/// Longest remark.
pub(crate) const NOTE_CHARS: usize = 4_000;

/// Dates that a plan or a person's papers can carry: 1970 to the end of 2199. What lies beyond is a slip
/// of the unit, and no calendar can show it.
const EARLIEST: Timestamp = Timestamp(0);
const BEYOND: Timestamp = Timestamp(7_258_118_400_000);

/// Problems found so far.
#[derive(Default)]
pub(crate) struct Check(Vec<FieldFailure>);

impl Check {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn problem(&mut self, problem: FieldFailure) -> &mut Self {
        self.0.push(problem);
        self
    }

    pub(crate) fn require(&mut self, holds: bool, field: &str, code: &str) -> &mut Self {
        if !holds {
            self.0.push(FieldFailure::new(field, code));
        }
        self
    }

    /// A non-blank line without hidden characters.
    pub(crate) fn line(&mut self, field: &str, text: &str, max: usize) -> &mut Self {
        if !is_clean_line(text, max) {
            self.0.push(text_problem(field, text, max));
        }
        self
    }

    /// A line that may be empty.
    pub(crate) fn optional_line(&mut self, field: &str, text: &str, max: usize) -> &mut Self {
        if text.is_empty() {
            self
        } else {
            self.line(field, text, max)
        }
    }

    /// A line that may be absent.
    pub(crate) fn maybe_line(&mut self, field: &str, text: Option<&str>, max: usize) -> &mut Self {
        self.optional_line(field, text.unwrap_or_default(), max)
    }

    /// A text of several lines that may be empty.
    pub(crate) fn text(&mut self, field: &str, text: &str, max: usize) -> &mut Self {
        if text.chars().count() > max || !text.chars().all(is_clean_char) {
            self.0.push(text_problem(field, text, max));
        }
        self
    }

    /// A short code: no spaces at its ends, no separators of lists, no step up in a path. A slash is
    /// fine: pairs of machines are called "P-102A/B".
    pub(crate) fn code(&mut self, field: &str, code: &str) -> &mut Self {
        if !is_clean_line(code, CODE_CHARS) {
            self.0.push(text_problem(field, code, CODE_CHARS));
        } else if code.trim() != code || code.contains(['\\', ',', ';'])
            || code.contains("..")
            // A spreadsheet would take it for a formula.
            || code.starts_with(['=', '+', '@'])
        {
            self.0.push(FieldFailure::new(field, "request.code_wrong"));
        }
        self
    }

    /// Names in two languages; one may be empty.
    pub(crate) fn names(&mut self, field: &str, names: &Names) -> &mut Self {
        if names.en.trim().is_empty() && names.ar.trim().is_empty() {
            self.0
                .push(FieldFailure::new(field, "request.name_missing"));
            return self;
        }
        self.optional_line(&format!("{field}.en"), &names.en, NAME_CHARS);
        self.optional_line(&format!("{field}.ar"), &names.ar, NAME_CHARS)
    }

    /// A finite number within bounds.
    pub(crate) fn number(&mut self, field: &str, number: f64, low: f64, high: f64) -> &mut Self {
        if !number.is_finite() || number < low || number > high {
            self.0.push(
                FieldFailure::new(field, "request.number_out_of_range")
                    .with("min", low)
                    .with("max", high),
            );
        }
        self
    }

    /// A moment that may be absent.
    pub(crate) fn time(&mut self, field: &str, at: Option<Timestamp>) -> &mut Self {
        let is_plausible = at.is_none_or(|t| (EARLIEST..BEYOND).contains(&t));
        self.require(is_plausible, field, "request.date_out_of_range")
    }

    /// Ends the check.
    pub(crate) fn done(&mut self) -> Answer<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Failure::fields(std::mem::take(&mut self.0)))
        }
    }

    /// What was found.
    pub(crate) fn into_problems(self) -> Vec<FieldFailure> {
        self.0
    }
}

fn text_problem(field: &str, text: &str, max: usize) -> FieldFailure {
    if text.trim().is_empty() {
        FieldFailure::new(field, "request.text_empty")
    } else if text.chars().count() > max {
        FieldFailure::new(field, "request.text_too_long").with("max", max)
    } else {
        FieldFailure::new(field, "request.text_hidden_characters")
    }
}

/// Whether a text names a zone of the IANA data base that is compiled in.
pub(crate) fn is_time_zone(zone: &str) -> bool {
    // The table takes names in any case; the one spelling keeps them comparable.
    jiff::tz::TimeZone::get(zone).is_ok_and(|known| known.iana_name() == Some(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_iana_zones_and_nothing_like_a_path() {
        for zone in [
            "Asia/Riyadh",
            "UTC",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+3",
        ] {
            assert!(is_time_zone(zone), "{zone}");
        }
        for zone in [
            "",
            "riyadh",
            "asia/riyadh",
            "Mars/Phobos",
            "../etc/passwd",
            "Asia/",
            "/Asia",
            "A\u{202e}/B",
            "Asia Riyadh",
        ] {
            assert!(!is_time_zone(zone), "{zone}");
        }
    }

    #[test]
    fn takes_the_dates_a_calendar_can_show() {
        let wrong = |at: Option<i64>| {
            let mut check = Check::new();
            check.time("due_at", at.map(Timestamp));
            check.into_problems().pop().map(|p| p.code)
        };
        for at in [None, Some(0), Some(1_790_000_000_000), Some(BEYOND.0 - 1)] {
            assert_eq!(wrong(at), None, "{at:?}");
        }
        for at in [i64::MIN, -1, BEYOND.0, 1_000_000_000_000_000_000, i64::MAX] {
            let code = wrong(Some(at));
            assert_eq!(code.as_deref(), Some("request.date_out_of_range"), "{at}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_text() {
        let mut check = Check::new();
        check
            .line("a", "  ", 5)
            .line("b", "123456", 5)
            .line("c", "x\u{202e}y", 5)
            .code("d", "../x")
            .code("d", "=cmd()")
            .number("e", f64::NAN, 0.0, 1.0);
        let codes: Vec<_> = check.into_problems().into_iter().map(|p| p.code).collect();
        assert_eq!(
            codes,
            [
                "request.text_empty",
                "request.text_too_long",
                "request.text_hidden_characters",
                "request.code_wrong",
                "request.code_wrong",
                "request.number_out_of_range"
            ]
        );
    }
}
