//! Texts made comparable: letter case, the forms of alef, yaa and taa marbuta, vowel signs, the
//! stretching tatweel, and Arabic-Indic digits don't matter. "مضخّة ١٠٢" and "مضخه 102" are one text.

/// The folded text.
#[must_use]
pub fn folded(text: &str) -> String {
    text.chars()
        .filter_map(folded_char)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The folded letter; `None` for signs that are left out.
#[must_use]
pub fn folded_char(c: char) -> Option<char> {
    match c {
        // Marks of reading direction come along when a cell is copied out of a mixed text.
        '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{0640}' | '\u{061C}' | 'ء' => None,
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
