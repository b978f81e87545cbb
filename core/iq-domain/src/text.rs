//! Text that came from outside: caps and the characters that could make a screen lie.

/// A name in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Names {
    /// English name.
    pub en: String,
    /// Arabic name; empty when nobody gave one.
    pub ar: String,
}

/// Whether a character may stand in a name, tag or note. Control characters and explicit
/// bidirectional overrides are refused: they can reorder what a reader sees (U+202E and its like).
#[must_use]
pub fn is_clean_char(c: char) -> bool {
    (!c.is_control() || matches!(c, '\n' | '\t'))
        && !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}')
}

/// Whether a reader sees the character; a name of zero-width characters alone would be a blank line.
fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{3164}')
}

/// Whether a text is non-blank, at most `max_chars` long, of one line and free of hidden controls.
#[must_use]
pub fn is_clean_line(text: &str, max_chars: usize) -> bool {
    text.chars().any(is_visible)
        && text.chars().count() <= max_chars
        && text
            .chars()
            .all(|c| is_clean_char(c) && c != '\n' && c != '\t')
}

/// The text with hidden controls replaced by U+FFFD and cut to `max_chars`, for showing what a
/// foreign system sent without letting it reorder the page.
#[must_use]
pub fn neutralise(text: &str, max_chars: usize) -> String {
    text.chars()
        .take(max_chars)
        .map(|c| if is_clean_char(c) { c } else { '\u{FFFD}' })
        .collect()
}

/// A number for a sentence: as many digits as a reader can use, whole numbers without a fraction.
/// The exact value stays in the history; NaN and infinities become null.
#[must_use]
pub fn sentence_number(value: f64) -> serde_json::Value {
    let rounded = if value.abs() >= 1000.0 {
        value.round()
    } else {
        // Four significant digits, by the formatter that does it correctly.
        format!("{value:.3e}").parse().unwrap_or(value)
    };
    #[allow(clippy::cast_possible_truncation)]
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        serde_json::Value::from(rounded as i64)
    } else {
        serde_json::Value::from(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_sentences_have_four_digits_and_no_empty_fraction() {
        for (value, text) in [
            (4.512_345_678, "4.512"),
            (82.0, "82"),
            (-0.000_123_456, "-0.0001235"),
            (12_345.678, "12346"),
            (0.0, "0"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(sentence_number(value).to_string(), text);
        }
    }

    #[test]
    fn a_name_of_invisible_characters_is_blank() {
        assert!(!is_clean_line("\u{200b}\u{200d}", 10));
        assert!(is_clean_line("می\u{200c}شود", 10));
    }
}
