//! Points in time as files write them, to UTC milliseconds.
//!
//! Rows of one file differ mostly in the seconds: what was found for "2024-01-31 23:59:" is kept and
//! used for every row of that minute, zone included (zones change on whole minutes).

use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use crate::{civil, layout::DateFormat, number::NumberFormat};

/// Earliest time that is believed: spreadsheets and loggers write 1900 or 1970 for "none".
const EARLIEST_MS: i64 = 315_532_800_000;
/// Latest: the historian's keys end later.
const LATEST_MS: i64 = 7_258_118_400_000;

/// Days between the spreadsheets' day 0 and 1970.
const SERIAL_1970: f64 = 25_569.0;

/// Why a time could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeProblem {
    /// Nothing there.
    Empty,
    /// Not of this form.
    Unreadable,
    /// A local time that was skipped when clocks went forward.
    Skipped,
    /// Before 1980 or after 2200.
    OutOfRange,
}

impl TimeProblem {
    /// Code of the sentence.
    #[must_use]
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Empty => "file.time_missing",
            Self::Unreadable => "file.time_unreadable",
            Self::Skipped => "file.time_skipped",
            Self::OutOfRange => "file.time_out_of_range",
        }
    }
}

/// The time zone of a name; fixed offsets such as "+03:00" are understood too.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.len() > 64 {
        return None;
    }
    if matches!(name, "UTC" | "GMT" | "Z") {
        return Some(TimeZone::UTC);
    }
    if name.starts_with(['+', '-']) {
        let seconds = civil::offset_seconds(name.as_bytes())?;
        return Some(TimeZone::fixed(
            jiff::tz::Offset::from_seconds(seconds).ok()?,
        ));
    }
    TimeZone::get(name).ok()
}

/// What the last row's minute was.
#[derive(Clone, Debug, Default)]
struct Minute {
    /// Everything before the seconds.
    prefix: Vec<u8>,
    /// Everything after them.
    suffix: Vec<u8>,
    /// The minute in UTC.
    ms: i64,
}

/// Reads the times of one file.
#[derive(Clone, Debug)]
pub(crate) struct TimeReader {
    format: DateFormat,
    zone: TimeZone,
    numbers: NumberFormat,
    minute: Option<Minute>,
    /// The last local time that occurs twice, and whether it was taken for its second pass.
    fold: Option<(DateTime, bool)>,
    /// How many times occurred twice when clocks went back.
    pub folded: u64,
    /// Date of the last row and its cell, for files that keep the date apart.
    joined: Vec<u8>,
}

impl TimeReader {
    /// A reader for one file.
    #[must_use]
    pub(crate) fn new(format: DateFormat, zone: TimeZone, numbers: NumberFormat) -> Self {
        Self {
            format,
            zone,
            numbers,
            minute: None,
            fold: None,
            folded: 0,
            joined: Vec::with_capacity(40),
        }
    }

    /// The time in UTC milliseconds.
    pub(crate) fn read(&mut self, cell: &[u8]) -> Result<i64, TimeProblem> {
        if let Some(ms) = self.same_minute(cell) {
            return Ok(ms);
        }
        let cell = trim(cell);
        if cell.is_empty() {
            return Err(TimeProblem::Empty);
        }
        let ms = match self.format {
            DateFormat::EpochS => self.epoch(cell, 1_000.0)?,
            DateFormat::EpochMs => self.epoch(cell, 1.0)?,
            DateFormat::ExcelSerial => self.serial(cell)?,
            DateFormat::Iso | DateFormat::DayFirst | DateFormat::MonthFirst => self.text(cell)?,
        };
        if (EARLIEST_MS..LATEST_MS).contains(&ms) {
            Ok(ms)
        } else {
            self.minute = None;
            Err(TimeProblem::OutOfRange)
        }
    }

    /// The time of a date and a time of day that stand in two cells.
    pub(crate) fn read_joined(&mut self, date: &[u8], time: &[u8]) -> Result<i64, TimeProblem> {
        let (date, time) = (trim(date), trim(time));
        if date.is_empty() || time.is_empty() || date.len() + time.len() > 64 {
            return Err(TimeProblem::Empty);
        }
        if self.format == DateFormat::ExcelSerial {
            let day = self.numbers.parse(date).ok_or(TimeProblem::Unreadable)?;
            let part = match self.numbers.parse(time) {
                Some(part) if (0.0..1.0).contains(&part) => part,
                _ => civil::time_of_day(time).ok_or(TimeProblem::Unreadable)? / 86_400.0,
            };
            return self.at_serial(day.floor() + part);
        }
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        // Spreadsheets write a date as midnight and a time as a time of 1899-12-31.
        joined.extend_from_slice(civil::date_part(date));
        joined.push(b' ');
        joined.extend_from_slice(civil::time_part(time));
        let ms = self.read(&joined);
        self.joined = joined;
        ms
    }

    /// The fast way: only the seconds differ from the row before.
    fn same_minute(&self, cell: &[u8]) -> Option<i64> {
        let minute = self.minute.as_ref()?;
        let rest = cell.strip_prefix(minute.prefix.as_slice())?;
        let rest = rest.strip_suffix(minute.suffix.as_slice())?;
        let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', rest @ ..] = rest else {
            return None;
        };
        let seconds = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        Some(minute.ms + seconds * 1_000 + fraction_ms(rest)?)
    }

    fn epoch(&self, cell: &[u8], scale: f64) -> Result<i64, TimeProblem> {
        let number = self.numbers.parse(cell).ok_or(TimeProblem::Unreadable)?;
        whole(number * scale)
    }

    fn serial(&mut self, cell: &[u8]) -> Result<i64, TimeProblem> {
        match self.numbers.parse(cell) {
            Some(days) => self.at_serial(days),
            // A sheet may hold some of its dates as text.
            None => self.text(cell),
        }
    }

    fn at_serial(&mut self, days: f64) -> Result<i64, TimeProblem> {
        let local = whole((days - SERIAL_1970) * 86_400_000.0)?;
        let local = jiff::Timestamp::from_millisecond(local)
            .map_err(|_| TimeProblem::OutOfRange)?
            .to_zoned(TimeZone::UTC)
            .datetime();
        self.resolve(local)
    }

    fn text(&mut self, cell: &[u8]) -> Result<i64, TimeProblem> {
        let is_day_first = match self.format {
            DateFormat::MonthFirst => false,
            DateFormat::DayFirst => true,
            _ => {
                // With the year in front there is no question; otherwise the format is wrong.
                if !civil::is_year_first(cell) {
                    return Err(TimeProblem::Unreadable);
                }
                true
            }
        };
        let read = civil::parse(cell, is_day_first).ok_or(TimeProblem::Unreadable)?;
        let ms = match read.offset_s {
            Some(offset) => {
                let utc = TimeZone::UTC
                    .to_timestamp(read.local)
                    .map_err(|_| TimeProblem::OutOfRange)?;
                utc.as_millisecond() - i64::from(offset) * 1_000
            }
            None => self.resolve(read.local)?,
        };
        if let Some((at, after)) = read.seconds_at
            && self.fold.is_none()
        {
            let mut minute = self.minute.take().unwrap_or_default();
            minute.prefix.clear();
            minute.prefix.extend_from_slice(&cell[..at]);
            minute.suffix.clear();
            minute.suffix.extend_from_slice(&cell[after..]);
            minute.ms = ms - ms.rem_euclid(60_000);
            // An offset of seconds (before 1900) would make the minute's start another one.
            self.minute = Some(minute).filter(|m| {
                m.ms + i64::from(read.local.second()) * 1_000
                    + i64::from(read.local.subsec_nanosecond() / 1_000_000)
                    == ms
            });
        } else {
            self.minute = None;
        }
        Ok(ms)
    }

    /// The moment of a local time. An hour that occurs twice is its first pass until a time goes back
    /// within it.
    fn resolve(&mut self, local: DateTime) -> Result<i64, TimeProblem> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let found = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                self.fold = None;
                ambiguous.compatible()
            }
            AmbiguousOffset::Gap { .. } => return Err(TimeProblem::Skipped),
            AmbiguousOffset::Fold { .. } => {
                let is_second = match self.fold {
                    Some((last, is_second)) => is_second || local < last,
                    None => false,
                };
                self.fold = Some((local, is_second));
                self.folded += 1;
                if is_second {
                    ambiguous.later()
                } else {
                    ambiguous.earlier()
                }
            }
        };
        found
            .map(|t| t.as_millisecond())
            .map_err(|_| TimeProblem::OutOfRange)
    }
}

/// Milliseconds of ".123" or ",123456" or nothing.
fn fraction_ms(text: &[u8]) -> Option<i64> {
    let [b'.' | b',', digits @ ..] = text else {
        return text.is_empty().then_some(0);
    };
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let mut ms = 0;
    for (i, byte) in digits.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return None;
        }
        if i < 3 {
            ms += i64::from(byte - b'0') * [100, 10, 1][i];
        }
    }
    Some(ms)
}

#[allow(clippy::cast_possible_truncation)]
fn whole(ms: f64) -> Result<i64, TimeProblem> {
    if ms.is_finite() && ms.abs() < 1e15 {
        Ok(ms.round() as i64)
    } else {
        Err(TimeProblem::OutOfRange)
    }
}

fn trim(cell: &[u8]) -> &[u8] {
    cell.trim_ascii()
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
