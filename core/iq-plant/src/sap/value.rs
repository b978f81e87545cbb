//! Values of fields, how they look on the wire, and how they are read from it.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sap::schema::{Field, Kind};

/// A value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Val {
    /// Nothing.
    Null,
    /// Text, or a decimal number as text.
    Text(String),
    /// A moment, in milliseconds.
    Ms(i64),
    /// A time of day, in seconds.
    Seconds(u32),
    /// Yes or no.
    Flag(bool),
}

/// A row by field name; a field that isn't there is empty.
pub(crate) type Row = BTreeMap<String, Val>;

pub(crate) fn text(value: impl Into<String>) -> Val {
    Val::Text(value.into())
}

/// Text of a field; empty when it isn't there.
pub(crate) fn text_of<'a>(row: &'a Row, name: &str) -> &'a str {
    match row.get(name) {
        Some(Val::Text(text)) => text,
        _ => "",
    }
}

/// A moment of a field.
pub(crate) fn ms_of(row: &Row, name: &str) -> Option<i64> {
    match row.get(name) {
        Some(Val::Ms(ms)) => Some(*ms),
        _ => None,
    }
}

impl Val {
    /// As JSON carries it.
    pub(crate) fn wire(&self, kind: Kind) -> Value {
        match (self, kind) {
            (Self::Ms(ms), Kind::Offset) => json!(format!("/Date({ms}+0000)/")),
            (Self::Ms(ms), _) => json!(format!("/Date({ms})/")),
            (Self::Seconds(s), _) => json!(duration(*s)),
            (Self::Text(text), _) => json!(text),
            (Self::Flag(flag), _) => json!(flag),
            (Self::Null, Kind::Text(_)) => json!(""),
            (Self::Null, Kind::Decimal) => json!("0.00"),
            (Self::Null, Kind::Flag) => json!(false),
            (Self::Null, Kind::Time) => json!("PT00H00M00S"),
            (Self::Null, _) => Value::Null,
        }
    }

    /// From the JSON of a create or an update.
    pub(crate) fn read(value: &Value, field: &Field) -> Result<Self, String> {
        let wrong = || format!("Property {} has an invalid value.", field.name);
        match (value, field.kind) {
            (Value::Null, _) => Ok(Self::Null),
            (Value::String(s), Kind::Text(length)) => {
                if s.chars().count() > length {
                    return Err(format!(
                        "Property {} is longer than {length} characters.",
                        field.name
                    ));
                }
                Ok(text(s))
            }
            (Value::String(s), Kind::Decimal) => {
                s.parse::<f64>().map_err(|_| wrong())?;
                Ok(text(s))
            }
            (Value::String(s), Kind::DateTime | Kind::Offset) => {
                let ms = slash_date(s).or_else(|| iso(s, field.kind == Kind::Offset));
                ms.map(Self::Ms).ok_or_else(wrong)
            }
            (Value::String(s), Kind::Time) => seconds(s).map(Self::Seconds).ok_or_else(wrong),
            (Value::Bool(flag), Kind::Flag) => Ok(Self::Flag(*flag)),
            _ => Err(wrong()),
        }
    }

    /// Order among values of a kind; nothing comes first, as an empty text does.
    pub(crate) fn order(&self, other: &Self, kind: Kind) -> Ordering {
        let number = |v: &Self| match v {
            Self::Text(t) => t.parse::<f64>().unwrap_or(0.0),
            _ => 0.0,
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) if kind != Kind::Decimal => a.cmp(b),
            (Self::Ms(a), Self::Ms(b)) => a.cmp(b),
            (Self::Seconds(a), Self::Seconds(b)) => a.cmp(b),
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            _ if kind == Kind::Decimal => number(self).total_cmp(&number(other)),
            (a, b) => a.rank(kind).cmp(&b.rank(kind)),
        }
    }

    fn rank(&self, kind: Kind) -> u8 {
        match (self, kind) {
            (Self::Null, _) | (Self::Flag(false), Kind::Flag) | (Self::Seconds(0), _) => 0,
            (Self::Text(t), _) if t.is_empty() => 0,
            _ => 1,
        }
    }
}

/// `/Date(1767254400000)/`, with or without minutes of an offset, which do not change the moment.
fn slash_date(s: &str) -> Option<i64> {
    let inner = s.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inner
        .get(1..)?
        .find(['+', '-'])
        .map_or(inner.len(), |i| i + 1);
    inner.get(..end)?.parse().ok()
}

/// ISO 8601; a moment of a `DateTimeOffset` needs a zone.
pub(crate) fn iso(s: &str, with_zone: bool) -> Option<i64> {
    if with_zone {
        return Some(s.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    }
    // Counted by hand: the end of validity, 9999-12-31, is no moment the library can name in UTC.
    let civil: jiff::civil::DateTime = s.parse().ok()?;
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    i64::try_from(epoch.duration_until(civil).as_millis()).ok()
}

/// `PT08H00M00S` or a part of it.
pub(crate) fn seconds(s: &str) -> Option<u32> {
    let mut rest = s.strip_prefix("PT")?;
    let mut total = 0_u32;
    for (unit, factor) in [('H', 3_600), ('M', 60), ('S', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            let number: u32 = number.split('.').next()?.parse().ok()?;
            total = total.checked_add(number.checked_mul(factor)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && total < 86_400).then_some(total)
}

fn duration(s: u32) -> String {
    format!("PT{:02}H{:02}M{:02}S", s / 3_600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sap::schema::{ORDER, set};

    #[test]
    fn writes_and_reads_the_dates_of_the_second_version() {
        let at = Val::Ms(1_767_254_400_000);
        assert_eq!(at.wire(Kind::DateTime), json!("/Date(1767254400000)/"));
        assert_eq!(at.wire(Kind::Offset), json!("/Date(1767254400000+0000)/"));
        let field = set(ORDER).field("MaintOrdBasicStartDateTime").unwrap();
        for form in [
            "/Date(1767254400000+0000)/",
            "/Date(1767254400000)/",
            "2026-01-01T08:00:00Z",
            "2026-01-01T11:00:00+03:00",
        ] {
            assert_eq!(Val::read(&json!(form), field), Ok(at.clone()), "{form}");
        }
        assert!(Val::read(&json!("2026-01-01T08:00:00"), field).is_err());
        assert!(Val::read(&json!("/Date(x)/"), field).is_err());
        assert_eq!(slash_date("/Date()/"), None);
        assert_eq!(slash_date("/Date(-86400000)/"), Some(-86_400_000));
    }

    #[test]
    fn writes_and_reads_times_of_day() {
        assert_eq!(seconds("PT08H30M05S"), Some(30_605));
        assert_eq!(Val::Seconds(30_605).wire(Kind::Time), json!("PT08H30M05S"));
        assert_eq!(seconds("08:30"), None);
    }
}
