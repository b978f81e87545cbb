//! Time as PI writes it: seven digits of a second, mostly UTC, sometimes without a zone.

use std::fmt;

use iq_domain::Timestamp;
use jiff::{civil::DateTime, tz::TimeZone};

/// A point in time in units of 100 ns since 1970. Milliseconds would merge values that PI keeps apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticks(pub(crate) i64);

const PER_MS: i64 = 10_000;

impl Ticks {
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(time.millis().saturating_mul(PER_MS))
    }

    /// Cut to milliseconds, towards the past.
    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp(self.0.div_euclid(PER_MS))
    }

    /// The next one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Reads a time; `zone` is the one meant where the text names none.
    pub(crate) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        if text.len() > 40 {
            return None;
        }
        let instant = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => instant,
            Err(_) => {
                let local: DateTime = text.parse().ok()?;
                // An hour that exists twice is taken as the first, one that is left out as the second.
                zone.to_ambiguous_timestamp(local).compatible().ok()?
            }
        };
        i64::try_from(instant.as_nanosecond().div_euclid(100))
            .ok()
            .map(Self)
    }
}

impl fmt::Display for Ticks {
    /// As PI reads it, to the last digit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.timestamp().to_string();
        let (whole, _) = text.split_at(text.len().saturating_sub(5));
        write!(f, "{whole}.{:07}Z", self.0.rem_euclid(1_000 * PER_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_seven_digits_both_ways() {
        let utc = TimeZone::UTC;
        let text = "2026-03-01T06:07:08.1234567Z";
        let ticks = Ticks::parse(text, &utc).unwrap();
        assert_eq!(ticks.to_string(), text);
        assert_eq!(ticks.timestamp().to_string(), "2026-03-01T06:07:08.123Z");
        assert_eq!(
            Ticks::parse("2026-03-01T09:07:08.1234567+03:00", &utc),
            Some(ticks)
        );
        assert_eq!(Ticks(0).to_string(), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(Ticks(-1).to_string(), "1969-12-31T23:59:59.9999999Z");
    }

    #[test]
    fn a_time_without_a_zone_is_meant_in_the_configured_one() {
        let riyadh = TimeZone::get("Asia/Riyadh").unwrap();
        assert_eq!(
            Ticks::parse("2026-03-01T09:00:00", &riyadh),
            Ticks::parse("2026-03-01T06:00:00Z", &riyadh)
        );
        for bad in [
            "",
            "yesterday",
            "*",
            "2026-13-01T00:00:00Z",
            "9".repeat(50).as_str(),
        ] {
            assert_eq!(Ticks::parse(bad, &riyadh), None, "{bad}");
        }
    }
}
