//! Cells as values with a status: numbers of any size, truth values, names of states, nothing at all.

use iq_domain::{StatusCode, Value};

use crate::dialect::Class;

/// The row is there, the value is not.
pub(crate) const NO_DATA: StatusCode = StatusCode(0x809B_0000);
/// The number does not fit a double.
pub(crate) const OUT_OF_RANGE: StatusCode = StatusCode(0x803C_0000);
/// The source does not know the tag.
pub(crate) const UNKNOWN_TAG: StatusCode = StatusCode(0x8034_0000);
/// There was no time to ask.
pub(crate) const NOT_ASKED: StatusCode = StatusCode(0x800A_0000);

/// A cell of a value column.
pub(crate) fn value(text: Option<&str>, class: Class) -> (Option<Value>, StatusCode) {
    let Some(text) = text else {
        return (None, NO_DATA);
    };
    let trimmed = text.trim();
    if class == Class::Bool
        && let Some(state) = truth(trimmed)
    {
        return (Some(Value::Bool(state)), StatusCode::GOOD);
    }
    let is_number = matches!(
        class,
        Class::Integer | Class::Decimal | Class::Float | Class::Bool
    );
    if is_number && let Some(special) = special(trimmed) {
        return (Some(Value::Number(special)), StatusCode::GOOD);
    }
    if is_plain_number(trimmed)
        && let Ok(number) = trimmed.parse::<f64>()
    {
        return if number.is_finite() {
            (Some(Value::Number(number)), StatusCode::GOOD)
        } else {
            (None, OUT_OF_RANGE)
        };
    }
    if trimmed.is_empty() {
        return (None, NO_DATA);
    }
    (Some(Value::Text(trimmed.into())), StatusCode::GOOD)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "t" | "true" | "1" | "TRUE" | "True" => Some(true),
        "f" | "false" | "0" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn special(text: &str) -> Option<f64> {
    match text.to_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "infinity" | "inf" => Some(f64::INFINITY),
        "-infinity" | "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Digits with a sign, a point and an exponent; the words that a float also reads as are states.
fn is_plain_number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
}

/// A cell of a quality column: OPC quality or status numbers, truth values, or words.
pub(crate) fn quality(text: Option<&str>, class: Class) -> StatusCode {
    let Some(text) = text.map(str::trim).filter(|t| !t.is_empty()) else {
        return StatusCode::UNCERTAIN;
    };
    if class == Class::Bool {
        return match truth(text) {
            Some(true) => StatusCode::GOOD,
            _ => StatusCode::BAD,
        };
    }
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            // The quality byte of OPC Classic: 11 good, 01 uncertain, else bad.
            n if (192.0..256.0).contains(&n) => StatusCode::GOOD,
            n if (64.0..128.0).contains(&n) => StatusCode::UNCERTAIN,
            n if (0.0..256.0).contains(&n) => StatusCode::BAD,
            // A whole status code.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was just checked"
            )]
            n if n <= f64::from(u32::MAX) && n > 0.0 => StatusCode(n as u32),
            _ => StatusCode::UNCERTAIN,
        };
    }
    match text.to_lowercase().as_str() {
        "good" | "g" | "ok" | "valid" | "true" => StatusCode::GOOD,
        "bad" | "b" | "error" | "invalid" | "false" => StatusCode::BAD,
        _ => StatusCode::UNCERTAIN,
    }
}

/// The worse of two statuses; a value that says more about itself keeps its own code.
pub(crate) fn worse(a: StatusCode, b: StatusCode) -> StatusCode {
    if b.0 >> 30 > a.0 >> 30 { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_values_and_what_does_not_fit_is_bad_not_wrong() {
        let number = |n| Some(Value::Number(n));
        for (text, class, expected) in [
            ("12.5", Class::Decimal, number(12.5)),
            ("-1e3", Class::Float, number(-1000.0)),
            (" 7 ", Class::Text, number(7.0)),
            ("Infinity", Class::Float, number(f64::INFINITY)),
            ("true", Class::Bool, Some(Value::Bool(true))),
            ("0", Class::Bool, Some(Value::Bool(false))),
            ("5", Class::Bool, number(5.0)),
            ("RUNNING", Class::Text, Some(Value::Text("RUNNING".into()))),
            ("تعمل", Class::Text, Some(Value::Text("تعمل".into()))),
            ("nan", Class::Text, Some(Value::Text("nan".into()))),
            ("inf", Class::Text, Some(Value::Text("inf".into()))),
        ] {
            assert_eq!(
                value(Some(text), class),
                (expected, StatusCode::GOOD),
                "{text}"
            );
        }
        let nan = value(Some("NaN"), Class::Decimal).0;
        assert!(matches!(nan, Some(Value::Number(n)) if n.is_nan()));
        assert_eq!(
            value(Some(&"9".repeat(400)), Class::Decimal),
            (None, OUT_OF_RANGE)
        );
        assert_eq!(value(None, Class::Float), (None, NO_DATA));
        assert_eq!(value(Some(" "), Class::Text), (None, NO_DATA));
    }

    #[test]
    fn quality_is_read_as_opc_numbers_words_and_truth_values() {
        for (text, class, expected) in [
            (Some("192"), Class::Integer, StatusCode::GOOD),
            (Some("216"), Class::Integer, StatusCode::GOOD),
            (Some("64"), Class::Integer, StatusCode::UNCERTAIN),
            (Some("0"), Class::Integer, StatusCode::BAD),
            (Some("2147483648"), Class::Decimal, StatusCode(0x8000_0000)),
            (Some("GOOD"), Class::Text, StatusCode::GOOD),
            (Some("Bad"), Class::Text, StatusCode::BAD),
            (Some("?"), Class::Text, StatusCode::UNCERTAIN),
            (Some("true"), Class::Bool, StatusCode::GOOD),
            (None, Class::Integer, StatusCode::UNCERTAIN),
        ] {
            assert_eq!(quality(text, class), expected, "{text:?}");
        }
    }
}
