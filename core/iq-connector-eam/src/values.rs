//! Reading the fields of rows that a foreign system sent: bounded, cleaned, never guessed.

use iq_domain::{Timestamp, is_clean_line, neutralise};
use jiff::{civil, tz::TimeZone};
use serde_json::{Map, Value};

/// A row as it came, freed of links and nested parts.
pub(crate) type Row = Map<String, Value>;

/// Most rows of one answer that are looked at; a page never asks for more.
pub(crate) const MAX_ROWS: usize = 5_000;
/// Most fields of a row that are kept.
const MAX_FIELDS: usize = 300;
/// Longest text of a field that is kept.
const MAX_TEXT: usize = 4_000;
/// Longest key of an object there.
const MAX_KEY: usize = 60;
/// Systems write "for ever" as the last day of the year 9999.
const FOR_EVER_MS: i64 = 253_370_764_800_000;

/// What is kept of an object of the source: scalars only, so that neither links nor depth remain.
pub(crate) fn flat(row: &Map<String, Value>) -> Row {
    row.iter()
        .filter(|(name, _)| !name.starts_with("__") && name.len() <= 100)
        .filter_map(|(name, value)| {
            let kept = match value {
                Value::String(text) => Value::String(neutralise(text, MAX_TEXT)),
                Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
                Value::Array(_) | Value::Object(_) => return None,
            };
            Some((name.clone(), kept))
        })
        .take(MAX_FIELDS)
        .collect()
}

/// A text field, trimmed; numbers read as text. `None` when absent or blank.
pub(crate) fn text(row: &Row, name: &str) -> Option<String> {
    let found = match row.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// A short text of one line, cut.
pub(crate) fn line(row: &Row, name: &str, max: usize) -> Option<String> {
    let found = text(row, name)?;
    let one_line: String = found
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .collect();
    Some(neutralise(one_line.trim(), max)).filter(|t| !t.is_empty())
}

/// A number or key of the source, kept as text with its leading zeros; `None` when it could not be
/// a key.
pub(crate) fn key(row: &Row, name: &str) -> Option<String> {
    // The replacement character stands where a hidden one was: such a key is not what it seems.
    text(row, name).filter(|found| is_clean_line(found, MAX_KEY) && !found.contains('\u{FFFD}'))
}

/// A truth value, also where it comes as "X", "Y" or "true".
pub(crate) fn flag(row: &Row, name: &str) -> Option<bool> {
    match row.get(name)? {
        Value::Bool(found) => Some(*found),
        Value::String(found) => match found.trim() {
            "X" | "x" | "Y" | "true" => Some(true),
            "" | "N" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment: `/Date(ms)/`, `/Date(ms+0000)/` or ISO 8601. A date without zone counts as UTC. The far
/// end of the calendar means "never".
pub(crate) fn moment(row: &Row, name: &str) -> Option<Timestamp> {
    instant(row.get(name)?.as_str()?).filter(|t| t.0 < FOR_EVER_MS)
}

/// The moment a date field and a time field of local time give together.
pub(crate) fn local_moment(
    row: &Row,
    date: &str,
    time: &str,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let day = moment(row, date)?;
    let of_day = row
        .get(time)
        .and_then(Value::as_str)
        .and_then(time_of_day)
        .unwrap_or_default();
    let utc = jiff::Timestamp::from_millisecond(day.0).ok()?;
    let date = utc.to_zoned(TimeZone::UTC).date();
    let local = date.to_datetime(civil::Time::midnight());
    let local = local
        .checked_add(jiff::SignedDuration::from_secs(of_day))
        .ok()?;
    let zoned = local.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// Local date (as midnight UTC, as Edm.DateTime has it) and seconds of the day.
pub(crate) fn to_local(at: Timestamp, zone: &TimeZone) -> Option<(i64, i64)> {
    let zoned = jiff::Timestamp::from_millisecond(at.0)
        .ok()?
        .to_zoned(zone.clone());
    let midnight = zoned.date().to_datetime(civil::Time::midnight());
    let date = midnight
        .to_zoned(TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_millisecond();
    let time = zoned.time();
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60;
    Some((date, seconds + i64::from(time.second())))
}

/// A moment in one of the notations sources use.
pub(crate) fn instant(written: &str) -> Option<Timestamp> {
    let written = written.trim();
    if let Some(inner) = written
        .strip_prefix("/Date(")
        .and_then(|w| w.strip_suffix(")/"))
    {
        // The offset tells how the source shows it; the number is UTC already.
        let end = inner
            .char_indices()
            .skip(1)
            .find(|(_, c)| matches!(c, '+' | '-'))
            .map_or(inner.len(), |(at, _)| at);
        let (number, offset) = inner.split_at(end);
        let is_offset = offset.is_empty()
            || (offset.len() <= 5 && offset[1..].bytes().all(|b| b.is_ascii_digit()));
        let ms: i64 = number.parse().ok()?;
        return (is_offset && ms.abs() <= 253_402_300_799_999).then_some(Timestamp(ms));
    }
    if !written.is_ascii() || written.len() > 40 {
        return None;
    }
    if let Ok(found) = written.parse::<jiff::Timestamp>() {
        return Some(Timestamp(found.as_millisecond()));
    }
    let civil: civil::DateTime = written.parse().ok()?;
    let utc = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp(utc.timestamp().as_millisecond()))
}

/// Seconds of the day of an Edm.Time (`PT08H30M00S`) or of `08:30:00`.
pub(crate) fn time_of_day(written: &str) -> Option<i64> {
    let parts: Vec<i64> = if let Some(mut rest) = written.strip_prefix("PT") {
        let mut found = Vec::with_capacity(3);
        for unit in ['H', 'M', 'S'] {
            match rest.split_once(unit) {
                Some((number, tail)) => {
                    let whole = number.split('.').next().unwrap_or_default();
                    found.push(whole.parse().ok()?);
                    rest = tail;
                }
                None => found.push(0),
            }
        }
        if !rest.is_empty() {
            return None;
        }
        found
    } else {
        let numbers = written
            .split(':')
            .map(|p| p.split('.').next()?.parse().ok());
        numbers.collect::<Option<Vec<i64>>>()?
    };
    match parts[..] {
        [h @ 0..=24, m @ 0..=59, s @ 0..=59] if h * 3_600 + m * 60 + s <= 86_400 => {
            Some(h * 3_600 + m * 60 + s)
        }
        _ => None,
    }
}

/// A text cut to `max` characters, the cut marked.
pub(crate) fn cut(written: &str, max: usize) -> String {
    let written = written.trim();
    if written.chars().count() <= max {
        return written.to_owned();
    }
    let kept: String = written.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        flat(value.as_object().expect("an object"))
    }

    #[test]
    fn dates_of_every_notation_are_read_and_nonsense_is_not() {
        let ms = |written: &str| instant(written).map(|t| t.0);
        assert_eq!(ms("/Date(1769904000000)/"), Some(1_769_904_000_000));
        assert_eq!(ms("/Date(1767254400000+0000)/"), Some(1_767_254_400_000));
        assert_eq!(ms("/Date(1767254400000-0180)/"), Some(1_767_254_400_000));
        assert_eq!(ms("/Date(-86400000)/"), Some(-86_400_000));
        assert_eq!(ms("2026-01-01T08:00:00Z"), Some(1_767_254_400_000));
        assert_eq!(ms("2026-01-01T11:00:00+03:00"), Some(1_767_254_400_000));
        assert_eq!(ms("2026-01-01T08:00:00"), Some(1_767_254_400_000));
        assert_eq!(ms("2026-01-01"), Some(1_767_225_600_000));
        for bad in [
            "",
            "/Date()/",
            "/Date(x)/",
            "/Date(1",
            "/Date(99999999999999999)/",
            "/Date(1+abc)/",
            "/Date(9223372036854775807)/",
            "yesterday",
            "2026-13-01",
        ] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_day_of_the_calendar_is_no_moment() {
        let found = row(json!({"ValidityEndDate": "/Date(253402214400000)/"}));
        assert_eq!(moment(&found, "ValidityEndDate"), None);
    }

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(time_of_day("PT08H30M05S"), Some(30_605));
        assert_eq!(time_of_day("PT24H00M00S"), Some(86_400));
        assert_eq!(time_of_day("PT8H"), Some(28_800));
        assert_eq!(time_of_day("08:30:05"), Some(30_605));
        for bad in [
            "PT25H00M00S",
            "PT",
            "8",
            "PT08H61M00S",
            "PT08H00M00Sx",
            "PT-1H0M0S",
        ] {
            assert!(
                time_of_day(bad).is_none_or(|s| bad == "PT" && s == 0),
                "{bad}"
            );
        }
    }

    #[test]
    fn local_times_are_written_and_read_back_in_the_zone_of_the_plant() {
        let zone = TimeZone::get("Asia/Riyadh").unwrap();
        let at = Timestamp(1_767_254_400_000);
        let (date, seconds) = to_local(at, &zone).unwrap();
        assert_eq!((date, seconds), (1_767_225_600_000, 11 * 3_600));
        let found = row(json!({"D": format!("/Date({date})/"), "T": "PT11H00M00S"}));
        assert_eq!(local_moment(&found, "D", "T", &zone), Some(at));
    }

    #[test]
    fn only_scalars_of_a_row_are_kept() {
        let found = row(json!({
            "__metadata": {"uri": "https://elsewhere"}, "to_Partner": {"__deferred": {}},
            "List": [1, 2], "Equipment": "000000000010000001", "Net": "12.50", "Down": true,
            "Hidden": "a\u{202E}b",
        }));
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["Down", "Equipment", "Hidden", "Net"]);
        assert_eq!(
            key(&found, "Equipment").as_deref(),
            Some("000000000010000001")
        );
        assert_eq!(text(&found, "Net").as_deref(), Some("12.50"));
        assert_eq!(line(&found, "Hidden", 10).as_deref(), Some("a\u{FFFD}b"));
        assert_eq!(flag(&found, "Down"), Some(true));
    }

    proptest! {
        #[test]
        fn whatever_is_read_as_a_date_lies_in_the_calendar(written in "\\PC{0,40}") {
            for read in [instant(&written), instant(&format!("/Date({written})/"))] {
                prop_assert!(read.is_none_or(|t| t.0.abs() < 400_000_000_000_000));
            }
            let of_day = time_of_day(&format!("PT{written}"));
            prop_assert!(of_day.is_none_or(|s| (0..=86_400).contains(&s)));
        }

        #[test]
        fn a_cut_text_is_never_longer_than_asked(written in "\\PC{0,120}", max in 1_usize..60) {
            prop_assert!(cut(&written, max).chars().count() <= max);
        }
    }
}
