//! Where the table begins in a file, and what its columns are.

use iq_domain::{Message, is_clean_line, neutralise};

use crate::{
    formats::{Looks, is_date},
    layout::{FileKind, ImportColumn, MAX_COLUMNS, MAX_TAG_CHARS, Role, Shape},
    words::{ends_in_quality, ends_in_status, names, rank, without_unit},
};

/// Columns that may hold the time.
const TIME_COLUMNS: usize = 64;
/// Rows above the data that may hold titles.
const TITLE_ROWS: usize = 3;

/// Where the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) width: usize,
    /// Index of the titles.
    pub(crate) header: Option<usize>,
    /// Index of a row of units below them.
    pub(crate) units: Option<usize>,
    /// Index of the first row of data.
    pub(crate) first: usize,
    /// Column of the time.
    pub(crate) time: Option<usize>,
}

/// The number of cells most rows have.
pub(crate) fn usual_width(rows: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|r| !is_blank(r)) {
        *counts.entry(row.len()).or_insert(0_usize) += 1;
    }
    // Of two widths that occur equally often the larger is the table's.
    counts
        .into_iter()
        .max_by_key(|(width, count)| (*count, *width))
        .map_or(0, |(width, _)| width)
}

fn is_blank(row: &[String]) -> bool {
    row.iter().all(|c| c.trim().is_empty())
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", |c| c.trim())
}

/// Finds the table in the first rows of a file.
pub(crate) fn find_table(rows: &[Vec<String>], header_row: Option<u32>) -> Table {
    let width = usual_width(rows).min(MAX_COLUMNS);
    let given = header_row.map(|row| (row as usize).checked_sub(1));
    let above = match given {
        Some(Some(header)) => header + 1,
        _ => 0,
    };
    let body = &rows[above.min(rows.len())..];
    // What stands above the table has another width.
    let table_rows: Vec<&Vec<String>> = body.iter().filter(|r| r.len() == width).collect();
    let time = time_column(&table_rows, width);
    let is_data = |row: &Vec<String>| match time {
        Some(_) if row.len() * 2 <= width => false,
        Some(column) => {
            let time = cell(row, column);
            is_date(time) || crate::formats::is_number(time)
        }
        None => row.iter().any(|c| crate::formats::is_number(c)),
    };
    let first = above + body.iter().position(is_data).unwrap_or(0);
    let mut table = Table {
        width,
        header: None,
        units: None,
        first,
        time,
    };
    match given {
        Some(header) => table.header = header,
        None => find_titles(rows, &mut table),
    }
    if let Some(header) = table.header
        && table.units.is_none()
        && table.first > header + 1
        && !is_blank(&rows[header + 1])
        && given.is_some()
    {
        table.units = Some(header + 1);
    }
    table
}

/// The titles stand right above the data; a row of units may stand between.
fn find_titles(rows: &[Vec<String>], table: &mut Table) {
    let mut block = Vec::new();
    let filled_rows = (0..table.first).rev().filter(|i| !is_blank(&rows[*i]));
    for index in filled_rows.take(TITLE_ROWS) {
        let row = &rows[index];
        let filled = row.iter().filter(|c| !c.trim().is_empty()).count();
        let needed = (table.width / 2).max(2).min(table.width);
        if row.len() * 2 < table.width || filled < needed.min(2) {
            break;
        }
        block.push(index);
    }
    let Some(nearest) = block.first().copied() else {
        return;
    };
    table.header = Some(nearest);
    let time = table.time.unwrap_or(0);
    let is_time_title = |index: usize| {
        let title = cell(&rows[index], time);
        [Role::Timestamp, Role::Date]
            .iter()
            .any(|r| names(title, *r))
    };
    if let Some(above) = block.get(1).copied()
        && !is_time_title(nearest)
        && (is_time_title(above) || cell(&rows[nearest], time).is_empty())
    {
        table.header = Some(above);
        table.units = Some(nearest);
    }
}

/// The column of the time: the first with dates in most rows, else one with numbers that can only be
/// times by their size, their order and their title.
fn time_column(rows: &[&Vec<String>], width: usize) -> Option<usize> {
    let looks: Vec<Looks> = (0..width.min(TIME_COLUMNS))
        .map(|column| Looks::at(rows.iter().map(|r| cell(r, column))))
        .collect();
    let by_date = looks
        .iter()
        .position(|l| l.dates > 0 && l.dates * 2 >= l.filled);
    if by_date.is_some() {
        return by_date;
    }
    let title_of = |column: usize| {
        let titles = rows.iter().take(10).map(move |r| cell(r, column));
        titles
            .into_iter()
            .any(|t| names(t, Role::Timestamp) || names(t, Role::Date))
    };
    looks.iter().enumerate().position(|(column, l)| {
        let is_time = |count: usize| count > 0 && count * 10 >= l.numbers * 9;
        (is_time(l.epochs) || is_time(l.serials))
            && (title_of(column) || (column == 0 && l.is_rising && is_time(l.epochs)))
    })
}

/// The columns with their roles.
pub(crate) fn columns(
    rows: &[Vec<String>],
    table: &Table,
    warnings: &mut Vec<Message>,
) -> Vec<ImportColumn> {
    let header = table.header.map(|i| rows[i].as_slice()).unwrap_or_default();
    let units = table.units.map(|i| rows[i].as_slice()).unwrap_or_default();
    let width = table.width.max(header.len()).min(MAX_COLUMNS);
    let data = &rows[table.first.min(rows.len())..];
    let looks: Vec<Looks> = (0..width)
        .map(|c| Looks::at(data.iter().take(200).map(|r| cell(r, c))))
        .collect();
    let mut columns: Vec<ImportColumn> = (0..width)
        .map(|index| {
            let title = neutralise(cell(header, index), MAX_TAG_CHARS);
            let unit = without_unit(&title).1.map(str::to_owned);
            let below = cell(units, index);
            ImportColumn {
                name: if title.is_empty() {
                    format!("#{}", index + 1)
                } else {
                    title
                },
                role: Role::Ignore,
                tag: None,
                unit: unit.or_else(|| (!below.is_empty()).then(|| neutralise(below, 20))),
            }
        })
        .collect();
    let note = |code: &str| Message {
        code: code.to_owned(),
        ..Message::default()
    };
    if table.header.is_none() {
        warnings.push(note("file.no_titles"));
    }
    let Some(time) = table.time else {
        warnings.push(note("file.no_time_column"));
        return columns;
    };
    assign_time(&mut columns, &looks, time);
    let roles = if is_journal(&columns, &looks) {
        assign_journal(&mut columns, &looks);
        true
    } else {
        assign_long(&mut columns, &looks)
    };
    if !roles {
        assign_wide(&mut columns, &looks);
    }
    columns
}

/// A date without times beside a column of times makes one moment.
fn assign_time(columns: &mut [ImportColumn], looks: &[Looks], time: usize) {
    let is_bare = looks[time].bare_dates * 10 >= looks[time].filled * 8
        // Spreadsheets write a bare date as midnight.
        || looks[time].dates > 0 && names(&columns[time].name, Role::Date);
    let partner = (0..columns.len())
        .filter(|i| *i != time && i.abs_diff(time) <= 2)
        .find(|i| looks[*i].mostly(looks[*i].times));
    match partner.filter(|_| is_bare) {
        Some(partner) => {
            columns[time].role = Role::Date;
            columns[partner].role = Role::TimeOfDay;
        }
        None => columns[time].role = Role::Timestamp,
    }
}

fn open<'a>(columns: &'a [ImportColumn]) -> impl Iterator<Item = usize> + 'a {
    (0..columns.len()).filter(|i| columns[*i].role == Role::Ignore)
}

fn titled(columns: &[ImportColumn], role: Role) -> Option<usize> {
    open(columns).find(|i| names(&columns[*i].name, role))
}

/// Columns of numbers in units beside a remark, and nothing an alarm has: trends that somebody wrote on.
fn are_trends_with_remarks(columns: &[ImportColumn], looks: &[Looks]) -> bool {
    let measured = open(columns)
        .filter(|i| columns[*i].unit.is_some() && looks[*i].mostly(looks[*i].numbers))
        .count();
    let of_alarms = [Role::Tag, Role::State, Role::Priority, Role::Operator];
    measured >= 2 && of_alarms.iter().all(|r| titled(columns, *r).is_none())
}

/// A journal has sentences, and no column of values.
fn is_journal(columns: &[ImportColumn], looks: &[Looks]) -> bool {
    if are_trends_with_remarks(columns, looks) {
        return false;
    }
    let message = titled(columns, Role::Message);
    let has_numbers = |i: usize| looks[i].mostly(looks[i].numbers);
    if message.is_some_and(|i| !has_numbers(i)) {
        let has_value = titled(columns, Role::Value).is_some_and(has_numbers);
        let others = [Role::State, Role::Priority];
        return !has_value || others.iter().any(|r| titled(columns, *r).is_some());
    }
    let is_sentence = |i: &usize| {
        let l = &looks[*i];
        l.mostly(l.sentences) && l.mean_chars >= 12 && l.dates == 0 && !has_numbers(*i)
    };
    open(columns).any(|i| is_sentence(&i)) && !open(columns).any(has_numbers)
}

fn assign_journal(columns: &mut [ImportColumn], looks: &[Looks]) {
    let give = |columns: &mut [ImportColumn], index: Option<usize>, role| {
        if let Some(index) = index {
            columns[index].role = role;
        }
    };
    let is_text = |i: usize| looks[i].filled > 0 && !looks[i].mostly(looks[i].numbers);
    let longest = |columns: &[ImportColumn]| {
        open(columns)
            .filter(|i| is_text(*i))
            .max_by_key(|i| looks[*i].mean_chars)
    };
    let message = titled(columns, Role::Message)
        .filter(|i| is_text(*i))
        .or_else(|| longest(columns));
    give(columns, message, Role::Message);
    let found = titled(columns, Role::Priority);
    give(columns, found, Role::Priority);
    let found = titled(columns, Role::Operator).filter(|i| is_text(*i));
    give(columns, found, Role::Operator);
    // Beside a column "State", "Condition" names the limit that was crossed.
    let found = open(columns)
        .filter_map(|i| Some((rank(&columns[i].name, Role::State)?, i)))
        .min()
        .map(|(_, i)| i);
    give(columns, found, Role::State);
    let short = open(columns)
        .filter(|i| is_text(*i) && looks[*i].sentences == 0 && looks[*i].dates == 0)
        .max_by_key(|i| looks[*i].distinct);
    let found = titled(columns, Role::Tag).or(short);
    give(columns, found, Role::Tag);
}

/// A tag and a value per row; false when the columns don't say so.
fn assign_long(columns: &mut [ImportColumn], looks: &[Looks]) -> bool {
    let has_numbers = |i: usize| looks[i].mostly(looks[i].numbers);
    let quality = titled(columns, Role::Quality);
    let (tag, value) = match (titled(columns, Role::Tag), titled(columns, Role::Value)) {
        (Some(tag), Some(value)) => (tag, value),
        // Titles that are no words of ours are the names of tags.
        (None, None) if !is_untitled(columns) => return false,
        (tag, value) => {
            // One column of names, one of numbers, perhaps a quality: nothing else it could be.
            let names_only = |i: &usize| {
                let l = &looks[*i];
                l.filled > 0 && l.numbers * 5 < l.filled && l.dates == 0 && l.times == 0
            };
            let free: Vec<usize> = open(columns).filter(|i| looks[*i].filled > 0).collect();
            let texts: Vec<usize> = free.iter().copied().filter(names_only).collect();
            let numbers: Vec<usize> = free
                .iter()
                .copied()
                .filter(|i| has_numbers(*i) && Some(*i) != quality)
                .collect();
            let is_unit = |i: &usize| names(&columns[*i].name, Role::Unit);
            let is_quality = |i: &usize| Some(*i) == quality || is_quality_word(&looks[*i]);
            let rest: Vec<usize> = texts
                .into_iter()
                .filter(|i| !is_unit(i) && !is_quality(i))
                .collect();
            let Some(tag) = tag.or(rest.first().copied()).filter(|_| free.len() <= 6) else {
                return false;
            };
            let Some(value) = value.or(numbers.first().copied().filter(|_| numbers.len() == 1))
            else {
                return false;
            };
            (tag, value)
        }
    };
    if tag == value || looks[tag].mostly(looks[tag].numbers) && titled(columns, Role::Tag).is_none()
    {
        return false;
    }
    columns[tag].role = Role::Tag;
    columns[value].role = Role::Value;
    // Numbers under that title count units of a plant.
    if let Some(unit) = titled(columns, Role::Unit).filter(|i| !has_numbers(*i)) {
        columns[unit].role = Role::Unit;
    }
    let quality = quality
        .filter(|i| columns[*i].role == Role::Ignore)
        .or_else(|| open(columns).find(|i| *i > value && is_quality_word(&looks[*i])));
    if let Some(quality) = quality {
        columns[quality].role = Role::Quality;
    }
    true
}

fn is_untitled(columns: &[ImportColumn]) -> bool {
    columns.iter().all(|c| c.name.starts_with('#'))
}

/// A column of few different words, such as "Good" and "Bad".
fn is_quality_word(looks: &Looks) -> bool {
    looks.filled >= 4 && looks.distinct <= 2 && looks.numbers == 0 && looks.mean_chars <= 9
}

/// One column per tag. Columns of sentences and of units are left out.
fn assign_wide(columns: &mut [ImportColumn], looks: &[Looks]) {
    let mut taken = std::collections::HashSet::new();
    let open: Vec<usize> = open(columns).collect();
    for index in open {
        let title = columns[index].name.clone();
        let is_quality = ends_in_quality(&title)
            || (names(&title, Role::Quality) && !taken.is_empty() && !ends_in_status(&title))
            || (ends_in_status(&title) && looks[index].mostly(looks[index].qualities));
        if is_quality && (!taken.is_empty() || !looks[index].mostly(looks[index].numbers)) {
            columns[index].role = Role::Quality;
            continue;
        }
        let l = &looks[index];
        let is_prose = l.mostly(l.sentences) && l.numbers == 0 && l.mean_chars > 12;
        let is_remark = names(&title, Role::Message) && l.numbers == 0;
        if is_prose
            || is_remark
            || names(&title, Role::Unit)
            || l.mostly(l.dates)
            || l.mostly(l.times)
        {
            continue;
        }
        let plain = without_unit(&title).0;
        let mut tag = if is_clean_line(plain, MAX_TAG_CHARS) && !taken.contains(plain) {
            plain.to_owned()
        } else {
            title.clone()
        };
        let mut n = 2;
        while !taken.insert(tag.clone()) {
            tag = format!(
                "{}#{n}",
                title.chars().take(MAX_TAG_CHARS - 8).collect::<String>()
            );
            n += 1;
        }
        columns[index].role = Role::Value;
        columns[index].tag = Some(tag);
    }
}

/// Whether each row of a journal is but a time and one text without a title.
pub(crate) fn is_bare_journal(columns: &[ImportColumn]) -> bool {
    let read: Vec<&ImportColumn> = columns
        .iter()
        .filter(|c| !matches!(c.role, Role::Timestamp | Role::Date | Role::TimeOfDay))
        .filter(|c| c.role != Role::Ignore)
        .collect();
    matches!(read.as_slice(), [only] if only.role == Role::Message && only.name.starts_with('#'))
}

/// What the roles make of the file.
pub(crate) fn kind_of(columns: &[ImportColumn]) -> (FileKind, Shape) {
    let has = |role| columns.iter().any(|c| c.role == role);
    if has(Role::Message) {
        (FileKind::Journal, Shape::Long)
    } else if has(Role::Tag) {
        (FileKind::Trend, Shape::Long)
    } else {
        (FileKind::Trend, Shape::Wide)
    }
}
