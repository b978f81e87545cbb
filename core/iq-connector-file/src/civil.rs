//! The words of dates and times: year, month and day in the three orders, names of months, halves of
//! the day, offsets. No zone and no clock here.

use jiff::civil::{Date, DateTime, Time};

use crate::number::ascii_digit;

/// A time as it stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Civil {
    /// The reading of the clock on the wall.
    pub local: DateTime,
    /// Offset from UTC, where the cell names one.
    pub offset_s: Option<i32>,
    /// Where in the cell the seconds begin, and where they end, fraction included; `None` where there
    /// are none or the cell is not plain ASCII.
    pub seconds_at: Option<(usize, usize)>,
}

/// Longest cell looked at as a time.
const MAX_BYTES: usize = 80;

const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "يناير", "كانون الثاني"],
    &["february", "feb", "فبراير", "شباط"],
    &["march", "mar", "مارس", "آذار"],
    &["april", "apr", "أبريل", "ابريل", "إبريل", "نيسان"],
    &["may", "مايو", "أيار"],
    &["june", "jun", "يونيو", "حزيران"],
    &["july", "jul", "يوليو", "تموز"],
    &["august", "aug", "أغسطس", "آب"],
    &["september", "sept", "sep", "سبتمبر", "أيلول"],
    &["october", "oct", "أكتوبر", "اكتوبر", "تشرين الأول"],
    &["november", "nov", "نوفمبر", "تشرين الثاني"],
    &["december", "dec", "ديسمبر", "كانون الأول"],
];

/// Whether the cell begins with a year.
#[must_use]
pub(crate) fn is_year_first(cell: &[u8]) -> bool {
    let digits = |cell: &[u8]| cell.iter().take_while(|b| b.is_ascii_digit()).count();
    if cell.is_ascii() {
        return matches!(digits(cell), 4 | 8 | 14);
    }
    normalised(cell).is_some_and(|plain| matches!(digits(plain.as_bytes()), 4 | 8 | 14))
}

/// Reads a cell.
#[must_use]
pub(crate) fn parse(cell: &[u8], is_day_first: bool) -> Option<Civil> {
    if cell.len() > MAX_BYTES {
        return None;
    }
    if cell.is_ascii() && !cell.iter().any(u8::is_ascii_uppercase) {
        return Scan::new(cell).run(is_day_first);
    }
    let plain = normalised(cell)?;
    let mut civil = Scan::new(plain.as_bytes()).run(is_day_first)?;
    if !cell.is_ascii() {
        civil.seconds_at = None;
    }
    Some(civil)
}

/// Lower case, European digits, AM and PM for ص and م, without marks of direction.
fn normalised(cell: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(cell).ok()?;
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => plain.push(c.to_ascii_lowercase()),
            '\u{200e}' | '\u{200f}' | '\u{61c}' => {}
            '\u{a0}' | '\u{202f}' | '\u{60c}' => plain.push(' '),
            c => plain.push(ascii_digit(c).unwrap_or(c)),
        }
    }
    let trimmed = plain.trim();
    for (mark, half) in [("صباحا", "am"), ("مساء", "pm"), ("ص", "am"), ("م", "pm")] {
        if let Some(rest) = trimmed.strip_suffix(mark) {
            let is_after_time = rest.trim_end().ends_with(|c: char| c.is_ascii_digit());
            if is_after_time {
                return Some(format!("{}{half}", rest.trim_end()));
            }
        }
    }
    Some(trimmed.to_owned())
}

/// Seconds since midnight of "13:45", "13:45:00.5" or "1:45 pm".
#[must_use]
pub(crate) fn time_of_day(cell: &[u8]) -> Option<f64> {
    let plain = normalised(time_part(cell))?;
    let mut scan = Scan::new(plain.as_bytes());
    let (time, days) = scan.time()?;
    scan.blanks();
    (scan.is_done() && days == 0).then(|| {
        f64::from(time.hour()) * 3_600.0
            + f64::from(time.minute()) * 60.0
            + f64::from(time.second())
            + f64::from(time.subsec_nanosecond()) / 1e9
    })
}

/// The date of a cell that may carry midnight with it.
#[must_use]
pub(crate) fn date_part(cell: &[u8]) -> &[u8] {
    match cell.iter().position(|b| *b == b' ' || *b == b'T') {
        Some(at) if cell[at + 1..].contains(&b':') => &cell[..at],
        _ => cell,
    }
}

/// The time of a cell that may carry a date with it.
#[must_use]
pub(crate) fn time_part(cell: &[u8]) -> &[u8] {
    match cell.iter().position(|b| *b == b' ' || *b == b'T') {
        Some(at) if cell[..at].len() >= 8 && !cell[..at].contains(&b':') => &cell[at + 1..],
        _ => cell,
    }
}

/// Seconds of "+03:00", "+0300", "+03", "-5".
#[must_use]
pub(crate) fn offset_seconds(text: &[u8]) -> Option<i32> {
    let mut scan = Scan::new(text);
    let offset = scan.signed_offset()?;
    scan.is_done().then_some(offset)
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    seconds_at: Option<(usize, usize)>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            seconds_at: None,
        }
    }

    fn run(mut self, is_day_first: bool) -> Option<Civil> {
        self.blanks();
        let date = self.date(is_day_first)?;
        let mut local = date.at(0, 0, 0, 0);
        let mut offset_s = None;
        let between = self.separator();
        if !self.is_done() {
            if !between {
                return None;
            }
            let (time, days) = self.time()?;
            local = date.to_datetime(time);
            if days > 0 {
                local = local.checked_add(jiff::Span::new().days(days)).ok()?;
            }
            self.blanks();
            offset_s = self.offset()?;
            self.blanks();
        }
        self.is_done().then_some(Civil {
            local,
            offset_s,
            seconds_at: self.seconds_at,
        })
    }

    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(wanted.as_bytes());
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    fn blanks(&mut self) {
        while self.take(b' ') {}
    }

    /// What stands between date and time; true when there is something.
    fn separator(&mut self) -> bool {
        let start = self.at;
        self.take(b',');
        self.blanks();
        if self.at == start {
            // "31-jan-24_13:00" and ISO's T; a normalised cell is in lower case.
            return self.take(b't') || self.take(b'T') || self.take(b'_') || self.is_compact();
        }
        self.take(b'-');
        self.blanks();
        true
    }

    /// "20240131235959": the time follows the date directly.
    fn is_compact(&self) -> bool {
        self.at == 8 && self.text.iter().take(8).all(u8::is_ascii_digit)
    }

    /// Up to `max` digits as a number, with their count.
    fn digits(&mut self, max: usize) -> Option<(u32, usize)> {
        let start = self.at;
        let mut number = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            if self.at - start == max {
                break;
            }
            number = number * 10 + u32::from(byte - b'0');
            self.at += 1;
        }
        (self.at > start).then_some((number, self.at - start))
    }

    fn date(&mut self, is_day_first: bool) -> Option<Date> {
        if !self.peek()?.is_ascii_digit() {
            // "Jan 5, 2024"
            let month = self.month_name()?;
            self.between_dates();
            let (day, _) = self.digits(2)?;
            self.take(b',');
            self.between_dates();
            let year = self.year()?;
            return make_date(year, month, day);
        }
        let run = self.text[self.at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if run == 8 || run == 14 {
            let (year, _) = self.digits(4)?;
            let (month, _) = self.digits(2)?;
            let (day, _) = self.digits(2)?;
            return make_date(year, month, day);
        }
        if run == 4 {
            let (year, _) = self.digits(4)?;
            let first = self.between_dates()?;
            let month = self.month()?;
            if self.between_dates()? != first {
                return None;
            }
            let (day, _) = self.digits(2)?;
            return make_date(year, month, day);
        }
        let (first, _) = self.digits(2)?;
        self.between_dates()?;
        if let Some(month) = self.month_name() {
            self.between_dates();
            let year = self.year()?;
            return make_date(year, month, first);
        }
        let (second, _) = self.digits(2)?;
        self.between_dates()?;
        let year = self.year()?;
        if is_day_first {
            make_date(year, second, first)
        } else {
            make_date(year, first, second)
        }
    }

    fn between_dates(&mut self) -> Option<u8> {
        let sign = self
            .peek()
            .filter(|b| matches!(b, b'-' | b'/' | b'.' | b' '))?;
        self.at += 1;
        self.blanks();
        Some(sign)
    }

    fn month(&mut self) -> Option<u32> {
        self.month_name()
            .or_else(|| self.digits(2).map(|(month, _)| month))
    }

    fn month_name(&mut self) -> Option<u32> {
        for (number, names) in (1..).zip(MONTHS) {
            for name in names {
                if self.word(name) {
                    self.take(b'.');
                    return Some(number);
                }
            }
        }
        None
    }

    fn year(&mut self) -> Option<u32> {
        match self.digits(4)? {
            (year, 4) => Some(year),
            (year, 2) if year < 70 => Some(2_000 + year),
            (year, 2) => Some(1_900 + year),
            _ => None,
        }
    }

    /// The time, and a day more for 24:00.
    fn time(&mut self) -> Option<(Time, i32)> {
        let (mut hour, _) = self.digits(2)?;
        let is_compact = self.peek().is_some_and(|b| b.is_ascii_digit());
        let (minute, mut second, mut nanos) = if is_compact {
            let (minute, _) = self.digits(2)?;
            let second = self.digits(2).map_or(0, |(s, _)| s);
            (minute, second, 0)
        } else {
            if !self.take(b':') && !self.take(b'.') {
                return None;
            }
            let (minute, width) = self.digits(2)?;
            if width != 2 {
                return None;
            }
            (minute, 0, 0)
        };
        if !is_compact && (self.take(b':') || self.take(b'.')) {
            let start = self.at;
            let (number, width) = self.digits(2)?;
            if width != 2 {
                return None;
            }
            second = number;
            nanos = self.fraction()?;
            self.seconds_at = Some((start, self.at));
        }
        self.blanks();
        let half = if self.word("am") || self.word("a.m.") {
            Some(0)
        } else if self.word("pm") || self.word("p.m.") {
            Some(12)
        } else {
            None
        };
        if let Some(half) = half {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + half;
        }
        let days = i32::from((hour, minute, second, nanos) == (24, 0, 0, 0));
        if days == 1 {
            hour = 0;
        }
        let part = |n: u32| i8::try_from(n).ok();
        let time = Time::new(part(hour)?, part(minute)?, part(second)?, nanos).ok()?;
        Some((time, days))
    }

    /// Nanoseconds of ".123", ",123" or ":123" (three digits), or none.
    fn fraction(&mut self) -> Option<i32> {
        let sign = self.peek();
        if !matches!(sign, Some(b'.' | b',' | b':')) {
            return Some(0);
        }
        self.at += 1;
        let (number, width) = self.digits(9)?;
        if sign == Some(b':') && width != 3 {
            return None;
        }
        let scale = 10_u32.pow(u32::try_from(9 - width).ok()?);
        i32::try_from(number * scale).ok()
    }

    /// `Some(None)` where there is none.
    #[allow(clippy::option_option)]
    fn offset(&mut self) -> Option<Option<i32>> {
        if self.is_done() {
            return Some(None);
        }
        if self.take(b'z') || self.take(b'Z') {
            return Some(Some(0));
        }
        let is_named = self.word("utc") || self.word("gmt");
        match self.peek() {
            Some(b'+' | b'-') => self.signed_offset().map(Some),
            _ if is_named => Some(Some(0)),
            _ => None,
        }
    }

    fn signed_offset(&mut self) -> Option<i32> {
        let sign = if self.take(b'-') {
            -1
        } else if self.take(b'+') {
            1
        } else {
            return None;
        };
        let (hours, _) = self.digits(2)?;
        let has_colon = self.take(b':');
        let minutes = match self.digits(2) {
            Some((minutes, 2)) => minutes,
            None if !has_colon => 0,
            _ => return None,
        };
        if hours > 15 || minutes > 59 {
            return None;
        }
        i32::try_from(hours * 3_600 + minutes * 60)
            .ok()
            .map(|s| s * sign)
    }
}

fn make_date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}
