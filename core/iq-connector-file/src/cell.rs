//! What a cell of a trend says: a value, its quality, or nothing.

use iq_domain::{StatusCode, Value, is_clean_char};

use crate::{layout::QualityFormat, number::NumberFormat, words::quality_of_word};

/// Longest text of a state.
const MAX_TEXT_CHARS: usize = 200;

/// Words historians write where they have no value, in lower case.
const NO_VALUE: [&str; 30] = [
    "bad",
    "bad input",
    "bad data",
    "bad value",
    "i/o timeout",
    "no data",
    "no result",
    "no value",
    "comm fail",
    "pt created",
    "pt_created",
    "shutdown",
    "scan off",
    "scan timeout",
    "configure",
    "not connect",
    "intf shut",
    "under range",
    "over range",
    "error",
    "null",
    "none",
    "n/a",
    "na",
    "#n/a",
    "-",
    "--",
    "---",
    "لا توجد بيانات",
    "غير متاح",
];

/// The value of a cell with the status it implies. `Ok(None)` where the cell is empty.
pub(crate) fn value(
    cell: &[u8],
    numbers: NumberFormat,
) -> Result<Option<(Option<Value>, StatusCode)>, &'static str> {
    if let Some(number) = numbers.parse(cell) {
        return Ok(Some((Some(Value::Number(number)), StatusCode::GOOD)));
    }
    let text = std::str::from_utf8(cell).map_err(|_| "file.text_undecodable")?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_good = |value| Ok(Some((Some(value), StatusCode::GOOD)));
    let lower = text.to_lowercase();
    match lower.as_str() {
        "true" => return is_good(Value::Bool(true)),
        "false" => return is_good(Value::Bool(false)),
        "nan" | "-nan" | "1.#qnan" | "1.#ind" => {
            return Ok(Some((Some(Value::Number(f64::NAN)), StatusCode::BAD)));
        }
        "inf" | "+inf" | "infinity" | "1.#inf" | "∞" => {
            return is_good(Value::Number(f64::INFINITY));
        }
        "-inf" | "-infinity" | "-1.#inf" | "-∞" => {
            return is_good(Value::Number(f64::NEG_INFINITY));
        }
        _ => {}
    }
    // "#DIV/0!", "#REF!" and their like are what a formula failed with.
    if NO_VALUE.contains(&lower.as_str()) || (lower.starts_with('#') && lower.ends_with('!')) {
        return Ok(Some((None, StatusCode::BAD)));
    }
    let has_letter = text.chars().any(char::is_alphabetic);
    if !has_letter {
        return Err("file.value_unreadable");
    }
    if text.chars().count() > MAX_TEXT_CHARS || !text.chars().all(is_clean_char) {
        return Err("file.value_text_wrong");
    }
    is_good(Value::Text(text.into()))
}

/// The status a quality cell stands for; `None` where it is not known.
#[must_use]
pub(crate) fn quality(cell: &[u8], format: QualityFormat) -> Option<StatusCode> {
    let cell = cell.trim_ascii();
    if cell.is_empty() {
        return Some(StatusCode::GOOD);
    }
    let text = std::str::from_utf8(cell).ok()?;
    let status = match (format, code(text)) {
        (QualityFormat::OpcDa, Some(code)) => match code >> 6 & 3 {
            3 => StatusCode::GOOD,
            1 => StatusCode::UNCERTAIN,
            _ => StatusCode::BAD,
        },
        (QualityFormat::OpcUa, Some(code)) => StatusCode(code),
        (QualityFormat::Flag, Some(flag)) => {
            if flag == 0 {
                StatusCode::BAD
            } else {
                StatusCode::GOOD
            }
        }
        _ => return known_word(text),
    };
    Some(status)
}

/// A code in decimal or hexadecimal form.
fn code(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What a quality in words says, where it is known.
#[must_use]
pub(crate) fn known_word(text: &str) -> Option<StatusCode> {
    // "192 Good": the code and its meaning.
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let is_no_value = || NO_VALUE.contains(&text.trim().to_lowercase().as_str());
    quality_of_word(text).or_else(|| is_no_value().then_some(StatusCode::BAD))
}

#[cfg(test)]
mod tests {
    use iq_domain::Quality;

    use super::*;

    #[test]
    fn words_of_quality_mean_the_same_wherever_they_are_read() {
        let of = |text: &str| {
            let status = quality(text.as_bytes(), QualityFormat::Words);
            status.unwrap_or(StatusCode::UNCERTAIN).quality()
        };
        for good in ["Good", " جيدة ", "صالحة", "192 Good", "Good, annotated", ""] {
            assert_eq!(of(good), Quality::Good, "{good}");
        }
        for bad in [
            "Bad",
            "سيئة",
            "رديئة",
            "I/O Timeout",
            "No Data",
            "Comm Fail",
            "0 Bad",
        ] {
            assert_eq!(of(bad), Quality::Bad, "{bad}");
        }
        for doubtful in ["Questionable", "مشكوك فيها", "goodish", "غير معروف", "7"]
        {
            assert_eq!(of(doubtful), Quality::Uncertain, "{doubtful}");
        }
    }
}
