//! Texts made comparable: letter case, the forms of alef, yaa and taa marbuta, vowel signs, the
//! stretching tatweel, and Arabic-Indic digits don't matter. "مضخّة ١٠٢" and "مضخه 102" are one text.

/// The folded text.
#[must_use]
pub fn folded(text: &str) -> String {
    text.chars()
        .filter_map(fold_char)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The folded letter; `None` for signs that are left out.
pub(crate) fn fold_char(c: char) -> Option<char> {
    match c {
        // Marks of reading direction come along when a cell is copied out of a mixed text.
        '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{0640}' | 'ء' => None,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => None,
        'أ' | 'إ' | 'آ' | 'ٱ' => Some('ا'),
        'ى' | 'ئ' | 'ی' => Some('ي'),
        'ؤ' => Some('و'),
        'ة' => Some('ه'),
        'ک' => Some('ك'),
        '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10),
        '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10),
        '٫' => Some('.'),
        c => Some(c),
    }
}

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
