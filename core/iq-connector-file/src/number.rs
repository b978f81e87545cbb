//! Numbers as files write them: decimal comma, grouped thousands, Arabic-Indic digits.

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    /// Separates whole from fraction.
    pub decimal: u8,
    /// Groups thousands.
    pub thousands: Option<u8>,
}

/// Longest text that is looked at as a number.
const MAX_CHARS: usize = 64;

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl NumberFormat {
    /// The number, if the whole text is one. Exactly the nearest double, as the standard parser finds it.
    #[must_use]
    pub(crate) fn parse(self, text: &[u8]) -> Option<f64> {
        self.parse_plain(text).or_else(|| self.parse_any(text))
    }

    /// Sign, digits and one decimal sign, small enough to be exact in one division: nearly all cells.
    fn parse_plain(self, text: &[u8]) -> Option<f64> {
        let (is_negative, digits) = match text.first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.is_empty() || digits.len() > 17 {
            return None;
        }
        let mut mantissa: u64 = 0;
        let mut point = None;
        for (i, byte) in digits.iter().enumerate() {
            if byte.is_ascii_digit() {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
            } else if *byte == self.decimal && point.is_none() {
                point = Some(i);
            } else {
                return None;
            }
        }
        let decimals = point.map_or(0, |p| digits.len() - p - 1);
        // A lone sign or point is no number; above 2^53 the mantissa itself would be rounded.
        if (point.is_some() && digits.len() == 1) || mantissa > (1 << 53) {
            return None;
        }
        #[allow(clippy::cast_precision_loss)]
        let value = mantissa as f64 / POWERS[decimals];
        Some(if is_negative { -value } else { value })
    }

    /// Everything else: exponents, groups, other digits, many places.
    fn parse_any(self, text: &[u8]) -> Option<f64> {
        let text = std::str::from_utf8(text).ok()?.trim();
        if text.len() > MAX_CHARS * 2 || text.is_empty() {
            return None;
        }
        let mut plain = String::with_capacity(text.len());
        let mut digits_since_group: Option<usize> = None;
        let mut has_digit = false;
        for c in text.chars() {
            let is_whole = !plain.contains(['.', 'e']);
            match ascii_digit(c) {
                Some(digit) => {
                    plain.push(digit);
                    has_digit = true;
                    if is_whole {
                        digits_since_group = digits_since_group.map(|n| n + 1);
                    }
                    continue;
                }
                None if self.is_group(c) => {
                    if !is_whole || !has_digit || digits_since_group.is_some_and(|n| n != 3) {
                        return None;
                    }
                    digits_since_group = Some(0);
                    continue;
                }
                None => {}
            }
            if digits_since_group.is_some_and(|n| n != 3) {
                return None;
            }
            let is_start = plain.is_empty() || plain.ends_with('e');
            match c {
                '-' | '\u{2212}' if is_start => plain.push('-'),
                '+' if is_start => {}
                'e' | 'E' if has_digit && !plain.contains('e') => {
                    digits_since_group = None;
                    plain.push('e');
                }
                '\u{66B}' if is_whole => plain.push('.'),
                c if c.is_ascii() && c as u32 == u32::from(self.decimal) && is_whole => {
                    digits_since_group = None;
                    plain.push('.');
                }
                _ => return None,
            }
        }
        if !has_digit || digits_since_group.is_some_and(|n| n != 3) {
            return None;
        }
        plain.parse().ok().filter(|n: &f64| n.is_finite())
    }

    fn is_group(self, c: char) -> bool {
        match self.thousands {
            _ if c == '\u{66C}' => true,
            // Spreadsheets group with blanks that do not break.
            Some(b' ') => matches!(c, ' ' | '\u{a0}' | '\u{202f}'),
            Some(b'\'') => matches!(c, '\'' | '\u{2019}'),
            Some(group) => c.is_ascii() && c as u32 == u32::from(group),
            None => false,
        }
    }
}

/// The ASCII digit of a digit in European, Arabic-Indic or Persian form.
#[must_use]
pub(crate) fn ascii_digit(c: char) -> Option<char> {
    let offset = match c {
        '0'..='9' => return Some(c),
        '\u{660}'..='\u{669}' => c as u32 - 0x660,
        '\u{6F0}'..='\u{6F9}' => c as u32 - 0x6F0,
        _ => return None,
    };
    char::from_digit(offset, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(decimal: char, thousands: Option<char>, text: &str, expected: Option<f64>) {
        let format = NumberFormat {
            decimal: decimal as u8,
            thousands: thousands.map(|c| c as u8),
        };
        assert_eq!(format.parse(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn reads_numbers_as_the_world_writes_them() {
        check('.', None, "12.5", Some(12.5));
        check('.', None, "-0.001", Some(-0.001));
        check('.', None, "+7", Some(7.0));
        check(',', None, "12,5", Some(12.5));
        check('.', Some(','), "1,234,567.25", Some(1_234_567.25));
        check(',', Some('.'), "1.234,5", Some(1234.5));
        check(',', Some(' '), "1\u{202f}234,5", Some(1234.5));
        check('.', Some('\''), "1'234.5", Some(1234.5));
        check('.', None, "6.02e23", Some(6.02e23));
        check('.', None, "1E-3", Some(0.001));
        check('.', None, "١٢٫٥", Some(12.5));
        check('.', None, "١٬٢٣٤٫٥", Some(1234.5));
        check(',', None, "۱۲,۵", Some(12.5));
        check(
            '.',
            None,
            "0.1234567890123456789",
            Some(0.123_456_789_012_345_68),
        );
        check('.', None, "\u{2212}3", Some(-3.0));
    }

    #[test]
    fn what_is_not_wholly_a_number_is_none() {
        for text in [
            "",
            "-",
            ".",
            "1,5",
            "1.2.3",
            "12 5",
            "1e",
            "e5",
            "0x1F",
            "1-2",
            "12,34,5.6",
            "abc",
            "--1",
            "1e999",
        ] {
            check('.', None, text, None);
        }
        check('.', Some(','), "12,34", None);
        check('.', Some(','), "1,2345", None);
        check('.', Some(','), ",123", None);
    }
}
