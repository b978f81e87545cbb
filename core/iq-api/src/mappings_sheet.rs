//! The mapping as a file: CSV for every spreadsheet in every language, XLSX for the one most people
//! have. What comes in is a stranger's file: its size unpacked, its rows and its columns are bounded.

use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};
use iq_domain::{CodedError, ErrorKind};
use iq_locale::Language;
use iq_mapping::{Cell, Column, MAX_SHEET_ROWS, csv_text, of_csv_text};
use rust_xlsxwriter::{Format, Workbook};

/// A workbook may unpack to this much.
const MAX_UNPACKED: u64 = 64 * 1024 * 1024;
/// Most columns of a file; more belong to something else.
const MAX_COLUMNS: usize = 64;
/// Longest text of a cell.
const MAX_CELL_CHARS: usize = 20_000;

/// A file taken apart.
pub(crate) struct Sheet {
    pub(crate) headings: Vec<String>,
    /// Rows with their line; line 1 are the headings.
    pub(crate) rows: Vec<(u64, Vec<String>)>,
    /// Numbers are written with a comma.
    pub(crate) decimal_comma: bool,
}

fn heading(column: Column, language: Language) -> &'static str {
    match language {
        Language::Ar => column.arabic(),
        Language::En => column.id(),
    }
}

/// A CSV file with the mark Excel needs to read it as UTF-8.
pub(crate) fn to_csv(rows: &[Vec<Cell>], language: Language) -> Result<Vec<u8>, CodedError> {
    let broken = |_| CodedError::new(ErrorKind::Internal, "internal.error");
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    writer
        .write_record(Column::ALL.map(|c| heading(c, language)))
        .map_err(broken)?;
    for row in rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => csv_text(text),
            Cell::Number(number) => number.to_string(),
        });
        writer.write_record(cells).map_err(broken)?;
    }
    writer
        .into_inner()
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))
}

/// A workbook with one sheet, in the reader's direction. Its cells are texts and numbers, no formulas.
pub(crate) fn to_xlsx(rows: &[Vec<Cell>], language: Language) -> Result<Vec<u8>, CodedError> {
    let broken = |_| CodedError::new(ErrorKind::Internal, "internal.error");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_right_to_left(language == Language::Ar);
    let bold = Format::new().set_bold();
    // As text, so that the tag "1-2" does not become a day.
    let text_format = Format::new().set_num_format("@");
    for (at, column) in (0_u16..).zip(Column::ALL) {
        sheet
            .write_string_with_format(0, at, heading(column, language), &bold)
            .map_err(broken)?;
        let width = if column == Column::Tag { 40 } else { 16 };
        sheet.set_column_width(at, width).map_err(broken)?;
    }
    for (line, row) in (1_u32..).zip(rows) {
        for (at, cell) in (0_u16..).zip(row) {
            match cell {
                Cell::Text(text) => sheet.write_string_with_format(line, at, text, &text_format),
                Cell::Number(number) => sheet.write_number(line, at, *number),
            }
            .map_err(broken)?;
        }
    }
    sheet.set_freeze_panes(1, 0).map_err(broken)?;
    workbook.save_to_buffer().map_err(broken)
}

/// Takes a file apart, whichever of the two it is.
pub(crate) fn read(bytes: &[u8]) -> Result<Sheet, CodedError> {
    if bytes.starts_with(b"PK\x03\x04") {
        read_xlsx(bytes)
    } else {
        read_csv(bytes)
    }
}

fn read_csv(bytes: &[u8]) -> Result<Sheet, CodedError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| CodedError::invalid("mapping.file_unreadable"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(CodedError::invalid("mapping.file_unreadable"));
    }
    let first_line = text.lines().next().unwrap_or_default();
    let delimiter = [';', '\t', ',']
        .into_iter()
        .max_by_key(|d| first_line.matches(*d).count())
        .unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .flexible(true)
        .from_reader(text.as_bytes());
    let malformed = |error: &csv::Error| {
        let at = error.position().map_or(0, csv::Position::byte);
        let line = Lines::new(text).at(at);
        CodedError::invalid("mapping.file_csv").with("row", line)
    };
    let headings: Vec<String> = reader
        .headers()
        .map_err(|e| malformed(&e))?
        .iter()
        .map(|h| h.trim().to_owned())
        .collect();
    let (mut rows, mut lines) = (Vec::new(), Lines::new(text));
    for record in reader.records() {
        let record = record.map_err(|e| malformed(&e))?;
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        let cells = record
            .iter()
            .map(|cell| of_csv_text(cell.trim()).to_owned());
        push(&mut rows, line, cells.collect())?;
    }
    bounded(Sheet {
        headings,
        rows,
        decimal_comma: delimiter == ';',
    })
}

/// Counts lines as a person does. The reader's own count stands between the two characters of a
/// Windows line end, one line short.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    /// The line of the first character at or after a place; places must not go back.
    fn at(&mut self, place: u64) -> u64 {
        let mut place = usize::try_from(place).map_or(self.text.len(), |p| p.min(self.text.len()));
        while self
            .text
            .get(place)
            .is_some_and(|b| matches!(b, b'\r' | b'\n'))
        {
            place += 1;
        }
        let passed = self.text.get(self.at..place).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.at = self.at.max(place);
        self.line
    }
}

fn read_xlsx(bytes: &[u8]) -> Result<Sheet, CodedError> {
    refuse_bombs(bytes)?;
    let broken = || CodedError::invalid("mapping.file_sheet");
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let name = book.sheet_names().first().cloned().ok_or_else(broken)?;
    // Cell by cell: a range would reserve room for every cell up to the last one a stranger names.
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| broken())?;
    let mut headings: Vec<String> = Vec::new();
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|_| broken())? {
        let (line, at) = cell.get_position();
        let (line, at) = (u64::from(line) + 1, at as usize);
        let text = text_of(&Data::from(cell.get_value().clone()));
        if text.is_empty() || at >= MAX_COLUMNS {
            continue;
        }
        let row = if line == 1 {
            &mut headings
        } else {
            if rows.last().is_none_or(|(last, _)| *last != line) {
                push(&mut rows, line, Vec::new())?;
            }
            let Some((_, row)) = rows.last_mut() else {
                continue;
            };
            row
        };
        if row.len() <= at {
            row.resize(at + 1, String::new());
        }
        row[at] = text;
    }
    bounded(Sheet {
        headings,
        rows,
        decimal_comma: false,
    })
}

fn text_of(data: &Data) -> String {
    match data {
        Data::String(text) => text.trim().to_owned(),
        Data::Bool(is_true) => if *is_true { "yes" } else { "no" }.to_owned(),
        Data::Empty | Data::Error(_) => String::new(),
        other => other.to_string(),
    }
}

/// Unpacks every part once, counting: what a part says about its own size is a stranger's word.
fn refuse_bombs(bytes: &[u8]) -> Result<(), CodedError> {
    let broken = || CodedError::invalid("mapping.file_sheet");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let mut left = MAX_UNPACKED;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|_| broken())?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let size = read.map_err(|_| broken())?;
        left = left.checked_sub(size).ok_or_else(|| {
            CodedError::new(ErrorKind::TooMuch, "mapping.file_too_large")
                .with("max", MAX_UNPACKED / 1024 / 1024)
        })?;
    }
    Ok(())
}

/// Adds a row; one more than are allowed is enough to refuse the file later.
fn push(
    rows: &mut Vec<(u64, Vec<String>)>,
    line: u64,
    cells: Vec<String>,
) -> Result<(), CodedError> {
    if rows.len() > MAX_SHEET_ROWS {
        return Err(CodedError::new(ErrorKind::TooMuch, "mapping.file_too_long")
            .with("max", MAX_SHEET_ROWS));
    }
    rows.push((line, cells));
    Ok(())
}

/// Without rows that are empty, and within the bounds.
fn bounded(mut sheet: Sheet) -> Result<Sheet, CodedError> {
    sheet
        .rows
        .retain(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
    let is_long = |cell: &String| cell.chars().count() > MAX_CELL_CHARS;
    let is_wide = sheet.headings.len() > MAX_COLUMNS;
    if is_wide
        || sheet
            .rows
            .iter()
            .any(|(_, cells)| cells.iter().any(is_long))
    {
        return Err(CodedError::invalid("mapping.file_unreadable"));
    }
    Ok(sheet)
}

#[cfg(test)]
#[path = "mappings_sheet_tests.rs"]
mod tests;
