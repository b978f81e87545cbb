//! Plural categories after CLDR for the two languages.

use crate::Language;

/// The CLDR category of a number ("one", "few" …).
pub(crate) fn category(language: Language, number: &str) -> &'static str {
    // A number with a visible fraction (1.5) is "other" in both languages.
    let Ok(n) = number.trim().parse::<i64>() else {
        return "other";
    };
    let n = n.unsigned_abs();
    match language {
        Language::En => {
            if n == 1 {
                "one"
            } else {
                "other"
            }
        }
        Language::Ar => match (n, n % 100) {
            (0, _) => "zero",
            (1, _) => "one",
            (2, _) => "two",
            (_, 3..=10) => "few",
            (_, 11..=99) => "many",
            _ => "other",
        },
    }
}
