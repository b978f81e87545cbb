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

/// Whether a text is non-blank, at most `max_chars` long, of one line and free of hidden controls.
#[must_use]
pub fn is_clean_line(text: &str, max_chars: usize) -> bool {
    !text.trim().is_empty()
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
