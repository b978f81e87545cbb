//! Times as databases write them, and what they mean: with an offset, or on a wall clock whose zone
//! the configuration tells, where one hour a year does not exist and another comes twice.

use iq_domain::Timestamp;
use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

use crate::dialect::Class;

/// Why a time can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// There is none.
    Missing,
    /// `0000-00-00`, or a month or day of zero.
    Zero,
    /// Infinity, before the common era, or after the year 9999.
    OutOfRange,
    /// Not a time.
    Unreadable,
}

impl TimeFault {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Missing => "sql.time_missing",
            Self::Zero => "sql.time_zero",
            Self::OutOfRange => "sql.time_out_of_range",
            Self::Unreadable => "sql.time_unreadable",
        }
    }
}

/// Whether a moment is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    None,
    /// The clock was put forward over it; it never was.
    Gap,
    /// The clock was put back; it was twice, the second time at `later`.
    Fold {
        later: Timestamp,
    },
}

/// A time as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) doubt: Doubt,
    /// As written, for asking the source to go on from there.
    pub(crate) written: DateTime,
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Seconds of "+03", "+03:30", "-0500" or "Z".
fn offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let pair = |at: usize| digits.get(at..at + 2).and_then(number);
    let (hours, minutes) = (pair(0)?, if digits.len() >= 4 { pair(2)? } else { 0 });
    let seconds = if digits.len() >= 6 { pair(4)? } else { 0 };
    i32::try_from(hours * 3_600 + minutes * 60 + seconds)
        .ok()
        .map(|s| sign * s)
}

/// Takes "2026-03-01 12:00:00.123456+00" apart.
fn parse(text: &str) -> Result<(DateTime, Option<i32>), TimeFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TimeFault::Missing);
    }
    if text.ends_with("BC") || text.to_lowercase().contains("infinity") {
        return Err(TimeFault::OutOfRange);
    }
    let (date, rest) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let mut parts = date.splitn(3, '-').map(number);
    let (Some(Some(year)), Some(Some(month)), Some(Some(day))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Err(TimeFault::Unreadable);
    };
    if month == 0 || day == 0 {
        return Err(TimeFault::Zero);
    }
    if year == 0 || year > 9_999 {
        return Err(TimeFault::OutOfRange);
    }
    let zone_at = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (clock, zone) = (rest[..zone_at].trim(), rest[zone_at..].trim());
    let zone = match zone {
        "" => None,
        zone => Some(offset(zone).ok_or(TimeFault::Unreadable)?),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock_parts = clock.split(':').map(number);
    let mut next = || match clock_parts.next() {
        None => Ok(0),
        Some(n) => n.ok_or(TimeFault::Unreadable),
    };
    let (hour, minute, second) = match clock {
        "" => (0, 0, 0),
        _ => (next()?, next()?, next()?),
    };
    // By letters: what a damaged answer brings instead of digits may take several bytes each.
    let nanos: String = fraction.chars().take(9).collect();
    let nanos = match nanos.as_str() {
        "" => 0,
        digits => number(&format!("{digits:0<9}")).ok_or(TimeFault::Unreadable)?,
    };
    let small = |n: i64| i8::try_from(n).map_err(|_| TimeFault::Unreadable);
    let written = DateTime::new(
        i16::try_from(year).map_err(|_| TimeFault::OutOfRange)?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        i32::try_from(nanos).map_err(|_| TimeFault::Unreadable)?,
    )
    .map_err(|_| TimeFault::Unreadable)?;
    Ok((written, zone))
}

fn at(written: DateTime, offset: Offset) -> Result<Timestamp, TimeFault> {
    offset
        .to_timestamp(written)
        .map(|t| Timestamp(t.as_millisecond()))
        .map_err(|_| TimeFault::OutOfRange)
}

/// The moment a text of a time column means.
pub(crate) fn moment(
    text: Option<&str>,
    class: Class,
    zone: &TimeZone,
) -> Result<Moment, TimeFault> {
    let (written, shift) = parse(text.ok_or(TimeFault::Missing)?)?;
    let certain = |offset: Offset| {
        Ok(Moment {
            at: at(written, offset)?,
            doubt: Doubt::None,
            written,
        })
    };
    if let Some(seconds) = shift {
        return certain(Offset::from_seconds(seconds).map_err(|_| TimeFault::Unreadable)?);
    }
    if class == Class::Zoned {
        return certain(Offset::UTC);
    }
    match zone.to_ambiguous_timestamp(written).offset() {
        AmbiguousOffset::Unambiguous { offset } => certain(offset),
        AmbiguousOffset::Gap { before, .. } => Ok(Moment {
            // As a clock that was not put forward would show it.
            at: at(written, before)?,
            doubt: Doubt::Gap,
            written,
        }),
        AmbiguousOffset::Fold { before, after } => Ok(Moment {
            at: at(written, before)?,
            doubt: Doubt::Fold {
                later: at(written, after)?,
            },
            written,
        }),
    }
}

/// A moment as the argument of a condition on a time column.
pub(crate) fn argument(t: Timestamp, class: Class, zone: &TimeZone) -> String {
    let moment = jiff::Timestamp::from_millisecond(t.millis().clamp(0, 253_370_000_000_000))
        .expect("within the range of the calendar");
    let zone = match class {
        Class::Zoned => &TimeZone::UTC,
        _ => zone,
    };
    written(zone.to_datetime(moment))
}

/// A written time as an argument.
pub(crate) fn written(t: DateTime) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.subsec_nanosecond() / 1_000
    )
}

/// By how much the clock was put back between two moments: rows of that stretch carry times that were
/// passed before.
pub(crate) fn put_back_ms(from: Timestamp, to: Timestamp, zone: &TimeZone) -> i64 {
    let as_jiff = |t: Timestamp| jiff::Timestamp::from_millisecond(t.millis()).ok();
    let (Some(from), Some(to)) = (as_jiff(from), as_jiff(to)) else {
        return 0;
    };
    let mut before = zone.to_offset(from).seconds();
    let mut worst = 0;
    for transition in zone
        .following(from)
        .take_while(|t| t.timestamp() <= to)
        .take(8)
    {
        let after = transition.offset().seconds();
        worst = worst.max(before - after);
        before = after;
    }
    i64::from(worst) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cairo() -> TimeZone {
        TimeZone::get("Africa/Cairo").unwrap()
    }

    fn read(text: &str, class: Class, zone: &TimeZone) -> Result<(String, Doubt), TimeFault> {
        moment(Some(text), class, zone).map(|m| (m.at.to_string(), m.doubt))
    }

    #[test]
    fn a_damaged_fraction_is_unreadable() {
        for text in [
            "2025-10-26 02:30:00.1\u{fffd}\u{fffd}\u{fffd}23456",
            "2025-10-26 02:30:00.\u{0663}\u{0664}",
        ] {
            assert_eq!(
                read(text, Class::Local, &TimeZone::UTC),
                Err(TimeFault::Unreadable),
                "{text}"
            );
        }
    }

    #[test]
    fn times_of_every_engine_are_read_to_the_millisecond() {
        for (text, class) in [
            ("2026-03-01 12:00:00.123456+00", Class::Zoned),
            ("2026-03-01 15:00:00.123+03", Class::Zoned),
            ("2026-03-01 15:30:00.123 +03:30", Class::Zoned),
            ("2026-03-01T12:00:00.1234567Z", Class::Local),
            ("2026-03-01 12:00:00.123000", Class::Zoned),
            ("2026-03-01 12:00:00.123", Class::Local),
        ] {
            let (at, doubt) = read(text, class, &TimeZone::UTC).unwrap();
            assert_eq!(
                (at.as_str(), doubt),
                ("2026-03-01T12:00:00.123Z", Doubt::None),
                "{text}"
            );
        }
        assert_eq!(
            read("2026-03-01", Class::Day, &TimeZone::UTC).unwrap().0,
            "2026-03-01T00:00:00.000Z"
        );
    }

    #[test]
    fn what_is_no_time_is_named() {
        for (text, fault) in [
            ("0000-00-00 00:00:00", TimeFault::Zero),
            ("2026-00-10 00:00:00", TimeFault::Zero),
            ("infinity", TimeFault::OutOfRange),
            ("-infinity", TimeFault::OutOfRange),
            ("0044-03-15 00:00:00 BC", TimeFault::OutOfRange),
            ("12026-03-15 00:00:00", TimeFault::OutOfRange),
            ("2026-02-30 00:00:00", TimeFault::Unreadable),
            ("yesterday", TimeFault::Unreadable),
            ("", TimeFault::Missing),
            ("2026-01-01 10:00:00+xx", TimeFault::Unreadable),
        ] {
            assert_eq!(
                read(text, Class::Local, &TimeZone::UTC),
                Err(fault),
                "{text}"
            );
        }
        assert_eq!(
            moment(None, Class::Local, &TimeZone::UTC),
            Err(TimeFault::Missing)
        );
    }

    #[test]
    fn a_wall_clock_that_is_put_forward_or_back_leaves_its_doubt() {
        // Egypt, 2025: forward on 25 April at 00:00, back on 31 October at 00:00.
        let (at, doubt) = read("2025-04-25 00:30:00", Class::Local, &cairo()).unwrap();
        assert_eq!(
            (at.as_str(), doubt),
            ("2025-04-24T22:30:00.000Z", Doubt::Gap)
        );
        let (at, doubt) = read("2025-10-30 23:30:00", Class::Local, &cairo()).unwrap();
        assert_eq!(at, "2025-10-30T20:30:00.000Z");
        let Doubt::Fold { later } = doubt else {
            panic!("{doubt:?}")
        };
        assert_eq!(later.to_string(), "2025-10-30T21:30:00.000Z");
        assert_eq!(
            read("2025-07-01 12:00:00", Class::Local, &cairo()).unwrap(),
            ("2025-07-01T09:00:00.000Z".to_owned(), Doubt::None)
        );
    }

    #[test]
    fn an_argument_reads_back_as_the_moment_it_came_from() {
        let t = Timestamp(1_772_366_400_123);
        for (class, zone) in [
            (Class::Zoned, cairo()),
            (Class::Local, cairo()),
            (Class::Local, TimeZone::UTC),
        ] {
            let text = argument(t, class, &zone);
            assert_eq!(moment(Some(&text), class, &zone).unwrap().at, t, "{text}");
        }
    }

    #[test]
    fn a_stretch_in_which_the_clock_was_put_back_is_told_by_how_much() {
        let day = |text: &str| moment(Some(text), Class::Zoned, &TimeZone::UTC).unwrap().at;
        let hour = 3_600_000;
        assert_eq!(
            put_back_ms(
                day("2025-10-30 20:00:00"),
                day("2025-10-30 22:00:00"),
                &cairo()
            ),
            hour
        );
        assert_eq!(
            put_back_ms(
                day("2025-10-29 20:00:00"),
                day("2025-10-30 20:00:00"),
                &cairo()
            ),
            0
        );
        assert_eq!(
            put_back_ms(
                day("2025-01-01 00:00:00"),
                day("2026-01-01 00:00:00"),
                &TimeZone::UTC
            ),
            0
        );
    }
}
