//! How the dates and numbers of a column are written, by a sample of its cells. What a sample can't
//! tell is said, with the two readings.

use crate::{
    civil,
    layout::DateFormat,
    number::{NumberFormat, ascii_digit},
    words::says_quality,
};

const POINT: NumberFormat = NumberFormat {
    decimal: b'.',
    thousands: None,
};

/// What the cells of a column look like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looks {
    /// Cells that are not blank.
    pub filled: usize,
    /// Date with time, or date alone.
    pub dates: usize,
    /// Time of day alone.
    pub times: usize,
    /// Numbers in any notation.
    pub numbers: usize,
    /// Seconds or milliseconds since 1970 by their size.
    pub epochs: usize,
    /// Days as spreadsheets count them, by their size.
    pub serials: usize,
    /// Different texts.
    pub distinct: usize,
    /// Letters and signs on average.
    pub mean_chars: usize,
    /// Cells with a blank inside.
    pub sentences: usize,
    /// Cells that say how good a value is.
    pub qualities: usize,
    /// Date without a time.
    pub bare_dates: usize,
    /// Numbers that never go down.
    pub is_rising: bool,
}

impl Looks {
    /// Looks at cells.
    pub(crate) fn at<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut looks = Self {
            is_rising: true,
            ..Self::default()
        };
        let mut texts = std::collections::HashSet::new();
        let (mut chars, mut last) = (0, f64::NEG_INFINITY);
        for cell in cells.map(str::trim).filter(|c| !c.is_empty()) {
            looks.filled += 1;
            chars += cell.chars().count();
            texts.insert(cell);
            looks.sentences += usize::from(cell.contains(' '));
            looks.qualities += usize::from(says_quality(cell));
            if is_date(cell) {
                looks.dates += 1;
                looks.bare_dates += usize::from(!cell.contains(':'));
            } else if civil::time_of_day(cell.as_bytes()).is_some() && cell.contains(':') {
                looks.times += 1;
            }
            if is_number(cell) {
                looks.numbers += 1;
                if let Some(number) = POINT.parse(cell.replace(',', ".").as_bytes()) {
                    looks.epochs += usize::from(is_epoch(number));
                    looks.serials += usize::from((29_000.0..73_000.0).contains(&number));
                    looks.is_rising &= number >= last;
                    last = number;
                }
            }
        }
        looks.distinct = texts.len();
        looks.mean_chars = chars.checked_div(looks.filled).unwrap_or(0);
        looks
    }

    /// Whether nearly all of the cells are of a kind.
    #[must_use]
    pub(crate) fn mostly(&self, count: usize) -> bool {
        self.filled > 0 && count * 10 >= self.filled * 8
    }
}

/// Whether a cell is a date in any order.
#[must_use]
pub(crate) fn is_date(cell: &str) -> bool {
    let bytes = cell.trim().as_bytes();
    // "12.5" is no date, and eight digits are one only when they read as one.
    let is_bare = bytes.iter().all(u8::is_ascii_digit);
    if bytes.len() < 6 || (is_bare && !matches!(bytes.len(), 8 | 14)) {
        return false;
    }
    let Some(found) = civil::parse(bytes, true).or_else(|| civil::parse(bytes, false)) else {
        return false;
    };
    (1970..=2100).contains(&found.local.year())
}

/// Whether a cell is a number in any notation.
#[must_use]
pub(crate) fn is_number(cell: &str) -> bool {
    let cell = cell.trim().as_bytes();
    let formats = [
        (b'.', None),
        (b',', None),
        (b'.', Some(b',')),
        (b',', Some(b'.')),
        (b',', Some(b' ')),
        (b'.', Some(b' ')),
        (b'.', Some(b'\'')),
    ];
    formats
        .into_iter()
        .any(|(decimal, thousands)| NumberFormat { decimal, thousands }.parse(cell).is_some())
}

fn is_epoch(number: f64) -> bool {
    // 1990 to 2100, in seconds or milliseconds.
    (631_152_000.0..4_102_444_800.0).contains(&number)
        || (631_152_000_000.0..4_102_444_800_000.0).contains(&number)
}

/// How dates are written, with an example where day and month can't be told apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DateFound {
    /// The format.
    pub format: DateFormat,
    /// A cell that could be read both ways, when nothing decides.
    pub ambiguous: Option<String>,
    /// Whether both orders occur.
    pub is_mixed: bool,
}

/// The format of a column of dates.
#[must_use]
pub(crate) fn date_format<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> DateFound {
    let sure = |format| DateFound {
        format,
        ambiguous: None,
        is_mixed: false,
    };
    let cells = cells.map(str::trim).filter(|c| !c.is_empty());
    let (mut day_only, mut month_only, mut both, mut year_first) = (0, 0, None, 0);
    let mut total = 0;
    for cell in cells.clone() {
        total += 1;
        let bytes = cell.as_bytes();
        if civil::is_year_first(bytes) && civil::parse(bytes, true).is_some() {
            year_first += 1;
            continue;
        }
        let (day, month) = (civil::parse(bytes, true), civil::parse(bytes, false));
        match (day, month) {
            (Some(day), Some(month)) if day.local != month.local => both = Some(cell),
            // The name of the month, or twice the same number.
            (Some(_), Some(_)) | (None, None) => {}
            (Some(_), None) => day_only += 1,
            (None, Some(_)) => month_only += 1,
        }
    }
    if total > 0 && year_first * 2 > total {
        return sure(DateFormat::Iso);
    }
    let by_size = if day_only == 0 && month_only == 0 && both.is_none() {
        numeric_format(cells.clone())
    } else {
        None
    };
    if let Some(format) = by_size {
        return sure(format);
    }
    DateFound {
        format: if month_only > day_only {
            DateFormat::MonthFirst
        } else {
            DateFormat::DayFirst
        },
        ambiguous: both
            .filter(|_| day_only == 0 && month_only == 0)
            .map(str::to_owned),
        is_mixed: day_only > 0 && month_only > 0,
    }
}

fn numeric_format<'a>(cells: impl Iterator<Item = &'a str>) -> Option<DateFormat> {
    let numbers: Vec<f64> = cells
        .filter_map(|c| POINT.parse(c.replace(',', ".").as_bytes()))
        .collect();
    let all = |low: f64, high: f64| {
        !numbers.is_empty() && numbers.iter().all(|n| (low..high).contains(n))
    };
    if all(29_000.0, 73_000.0) {
        Some(DateFormat::ExcelSerial)
    } else if all(315_532_800.0, 7_258_118_400.0) {
        Some(DateFormat::EpochS)
    } else if all(315_532_800_000.0, 7_258_118_400_000.0) {
        Some(DateFormat::EpochMs)
    } else {
        None
    }
}

/// How numbers are written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberFound {
    /// Separates whole from fraction.
    pub decimal: char,
    /// Groups thousands.
    pub thousands: Option<char>,
    /// A cell that could be read both ways, when nothing decides.
    pub ambiguous: Option<String>,
}

/// The notation of the numbers in a sample. With semicolons between the columns a comma is expected
/// to be a decimal sign.
#[must_use]
pub(crate) fn number_format<'a>(
    cells: impl Iterator<Item = &'a str>,
    delimiter: char,
) -> NumberFound {
    let (mut comma_decimal, mut point_decimal) = (0, 0);
    let (mut comma_group, mut point_group) = (0, 0);
    let mut other_group = None;
    let mut unclear: Option<String> = None;
    for cell in cells.map(str::trim).filter(|c| is_number(c)) {
        let plain: String = cell.chars().map(|c| ascii_digit(c).unwrap_or(c)).collect();
        let commas = plain.matches(',').count();
        let points = plain.matches('.').count();
        if let Some(group) = plain
            .chars()
            .find(|c| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}'))
        {
            other_group = Some(if matches!(group, '\'' | '\u{2019}') {
                '\''
            } else {
                ' '
            });
        }
        match (commas, points) {
            (0, 0) => {}
            (c, p) if c > 0 && p > 0 => {
                if plain.rfind(',') > plain.rfind('.') {
                    comma_decimal += 1;
                    point_group += 1;
                } else {
                    point_decimal += 1;
                    comma_group += 1;
                }
            }
            (1, _) if has_group_of_three(&plain, ',') => unclear = Some(cell.to_owned()),
            (1, _) => comma_decimal += 1,
            (_, 1) => point_decimal += 1,
            (0, _) => point_group += 1,
            _ => comma_group += 1,
        }
    }
    let is_comma = if comma_decimal != point_decimal {
        comma_decimal > point_decimal
    } else if comma_group + point_group > 0 {
        point_group > comma_group
    } else {
        delimiter == ';' && unclear.is_some()
    };
    let is_decided = comma_decimal + point_decimal + comma_group + point_group > 0;
    let thousands = if is_comma {
        (point_group > 0).then_some('.')
    } else {
        (comma_group > 0 || unclear.is_some()).then_some(',')
    };
    NumberFound {
        decimal: if is_comma { ',' } else { '.' },
        thousands: thousands.or(other_group),
        ambiguous: unclear.filter(|_| !is_decided),
    }
}

/// "1,234": one sign with three digits after it and one to three before.
fn has_group_of_three(plain: &str, sign: char) -> bool {
    let Some((before, after)) = plain.split_once(sign) else {
        return false;
    };
    let before = before.trim_start_matches(['-', '+']);
    after.len() == 3
        && after.bytes().all(|b| b.is_ascii_digit())
        && (1..=3).contains(&before.len())
        && !before.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_numbers(
        cells: &[&str],
        delimiter: char,
        decimal: char,
        thousands: Option<char>,
        is_ambiguous: bool,
    ) {
        let found = number_format(cells.iter().copied(), delimiter);
        assert_eq!(
            (found.decimal, found.thousands, found.ambiguous.is_some()),
            (decimal, thousands, is_ambiguous),
            "{cells:?}"
        );
    }

    #[test]
    fn tells_the_decimal_sign_from_the_group_sign() {
        check_numbers(&["1", "2"], ',', '.', None, false);
        check_numbers(&["1.5", "2"], ',', '.', None, false);
        check_numbers(&["1,5", "2"], ';', ',', None, false);
        check_numbers(&["1.234,5"], ';', ',', Some('.'), false);
        check_numbers(&["1,234.5"], ';', '.', Some(','), false);
        check_numbers(&["1,234", "1,5"], ';', ',', None, false);
        check_numbers(&["1,234", "2.5"], '\t', '.', Some(','), false);
        check_numbers(&["1.234.567"], ';', ',', Some('.'), false);
        check_numbers(&["12 345,6"], ';', ',', Some(' '), false);
        check_numbers(&["1,234"], ';', ',', None, true);
        check_numbers(&["1,234"], '\t', '.', Some(','), true);
        check_numbers(&["0,125"], ';', ',', None, false);
    }

    fn check_dates(cells: &[&str], format: DateFormat, is_ambiguous: bool) {
        let found = date_format(cells.iter().copied());
        assert_eq!(
            (found.format, found.ambiguous.is_some()),
            (format, is_ambiguous),
            "{cells:?}"
        );
    }

    #[test]
    fn tells_the_order_of_dates_and_says_when_it_can_not() {
        check_dates(&["2024-01-05 10:00"], DateFormat::Iso, false);
        check_dates(&["13/01/2024", "05/01/2024"], DateFormat::DayFirst, false);
        check_dates(&["01/13/2024", "01/05/2024"], DateFormat::MonthFirst, false);
        check_dates(
            &["01/02/2024 10:00", "01/02/2024 10:01"],
            DateFormat::DayFirst,
            true,
        );
        check_dates(&["02/02/2024"], DateFormat::DayFirst, false);
        check_dates(&["05-Jan-24 10:00"], DateFormat::DayFirst, false);
        check_dates(&["45322.5"], DateFormat::ExcelSerial, false);
        check_dates(&["1706745598"], DateFormat::EpochS, false);
        check_dates(&["1706745598123"], DateFormat::EpochMs, false);
        assert!(date_format(["13/01/2024", "01/13/2024"].into_iter()).is_mixed);
    }
}
