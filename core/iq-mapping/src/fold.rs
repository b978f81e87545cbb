//! What a folded text needs besides to be compared with names of tags.

pub use iq_domain::folded;
pub(crate) use iq_domain::folded_char as fold_char;

/// A folded Arabic word without its article.
pub(crate) fn without_article(word: &str) -> &str {
    let is_long_enough = |rest: &&str| rest.chars().count() >= 2;
    ["وال", "بال", "لل", "ال"]
        .iter()
        .find_map(|article| word.strip_prefix(article).filter(is_long_enough))
        .unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_become_one_text() {
        for (a, b) in [
            ("مضخّة ١٠٢أ", "مضخه 102ا"),
            ("الـمـنسوب الأعلى", "المنسوب الاعلي"),
            ("P-102A", "p-102a"),
            ("\u{202B}ضغط\u{202C}", "ضغط"),
            ("٣٫٥", "3.5"),
        ] {
            assert_eq!(folded(a), folded(b), "{a}");
        }
    }

    #[test]
    fn an_article_goes_but_a_short_word_stays() {
        assert_eq!(without_article("الضغط"), "ضغط");
        assert_eq!(without_article("للمضخه"), "مضخه");
        assert_eq!(without_article("الا"), "الا");
        assert_eq!(without_article("pressure"), "pressure");
    }
}
