//! Spreadsheets (XLSX), row by row: the file is weighed before it is opened, because what unpacks to a
//! thousand times its size is no plant data.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    ops::ControlFlow,
};

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use iq_domain::{CodedError, ErrorKind};
use zip::ZipArchive;

use crate::{
    layout::MAX_COLUMNS,
    source::{FileSource, unreadable},
    split::{Cells, MAX_ROW_BYTES, RowBuffer},
};

/// Largest spreadsheet.
pub const MAX_XLSX_BYTES: u64 = 256 * 1024 * 1024;
/// Entries of the archive.
const MAX_ENTRIES: usize = 2_000;
/// A sheet, unpacked.
const MAX_SHEET_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The table of texts, unpacked: it is the one part that is held in memory.
const MAX_STRINGS_BYTES: u64 = 48 * 1024 * 1024;
/// Any other part.
const MAX_PART_BYTES: u64 = 8 * 1024 * 1024;
/// Longest piece between two tags.
const MAX_PIECE_BYTES: usize = MAX_ROW_BYTES;

fn damaged(detail: impl std::fmt::Display) -> CodedError {
    CodedError::invalid("file.sheet_damaged").with("detail", detail)
}

fn too_large(what: &str, max: u64) -> CodedError {
    CodedError::new(ErrorKind::TooMuch, "file.sheet_too_large")
        .with("part", what)
        .with("max_mb", max / 1024 / 1024)
}

/// Unpacks every part once, counting, before anything is believed: the sizes an archive claims may lie.
pub fn weigh(source: &FileSource) -> Result<(), CodedError> {
    let file = source.rewound().map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_XLSX_BYTES {
        return Err(too_large("file", MAX_XLSX_BYTES));
    }
    refuse_many_entries(&file, size)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut has_workbook = false;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(damaged)?;
        let name = part.name().to_ascii_lowercase().replace('\\', "/");
        has_workbook |= name.ends_with("xl/workbook.xml");
        let is_read = name.ends_with(".xml") || name.ends_with(".rels") || name.ends_with(".bin");
        if !is_read {
            continue;
        }
        let max = if name.contains("worksheets/sheet") {
            MAX_SHEET_BYTES
        } else if name.contains("sharedstrings") {
            MAX_STRINGS_BYTES
        } else {
            MAX_PART_BYTES
        };
        count_part(&mut part, &name, max)?;
    }
    if has_workbook {
        Ok(())
    } else {
        Err(CodedError::invalid("file.archive_no_sheet"))
    }
}

/// The directory of an archive is read as a whole; its length stands at the end of the file.
fn refuse_many_entries(mut file: &File, size: u64) -> Result<(), CodedError> {
    let tail = size.min(66_000);
    file.seek(SeekFrom::Start(size - tail))
        .map_err(unreadable)?;
    let mut end = Vec::new();
    file.take(tail).read_to_end(&mut end).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let at = memchr::memmem::rfind(&end, b"PK\x05\x06");
    let Some(record) = at.and_then(|at| end.get(at..at + 22)) else {
        return Err(damaged("no directory"));
    };
    let entries = usize::from(u16::from_le_bytes([record[10], record[11]]));
    // 65,535 says "more than that"; no spreadsheet has so many parts.
    if entries > MAX_ENTRIES {
        return Err(too_large("directory", 0));
    }
    Ok(())
}

fn count_part(part: &mut impl Read, name: &str, max: u64) -> Result<(), CodedError> {
    let mut chunk = vec![0; 64 * 1024];
    let (mut total, mut piece) = (0_u64, 0_usize);
    loop {
        let n = part.read(&mut chunk).map_err(damaged)?;
        if n == 0 {
            return Ok(());
        }
        total += n as u64;
        let text = &chunk[..n];
        match (memchr::memchr(b'>', text), memchr::memrchr(b'>', text)) {
            (Some(first), Some(last)) => {
                if piece + first > MAX_PIECE_BYTES {
                    return Err(too_large(name, MAX_PIECE_BYTES as u64));
                }
                piece = n - last;
            }
            _ => piece += n,
        }
        if total > max || piece > MAX_PIECE_BYTES {
            return Err(too_large(name, max));
        }
    }
}

fn open(source: &FileSource) -> Result<Xlsx<BufReader<File>>, CodedError> {
    let file = source.rewound().map_err(unreadable)?;
    Xlsx::new(BufReader::new(file)).map_err(damaged)
}

/// The sheets, in order.
pub(crate) fn sheet_names(source: &FileSource) -> Result<Vec<String>, CodedError> {
    Ok(open(source)?.sheet_names())
}

/// Takes a row with its number; the code of the reason where it can't be read.
pub(crate) type Visit<'v> = dyn FnMut(u64, Result<Cells<'_>, &'static str>) -> ControlFlow<()> + 'v;

/// Visits the rows of a sheet from the one after `skip`, with their numbers counted from 1.
pub(crate) fn for_each_row(
    source: &FileSource,
    sheet: &str,
    skip: u64,
    visit: &mut Visit<'_>,
) -> Result<(), CodedError> {
    let mut book = open(source)?;
    let mut cells = book.worksheet_cells_reader(sheet).map_err(damaged)?;
    let mut row = RowBuffer::default();
    let mut number = 0_u64;
    let mut problem = None;
    loop {
        let cell = cells.next_cell().map_err(damaged)?;
        let at = cell.as_ref().map(|c| u64::from(c.get_position().0) + 1);
        if at != Some(number) {
            if number > skip {
                let read = match problem.take() {
                    Some(code) => Err(code),
                    None => Ok(row.cells()),
                };
                if visit(number, read).is_break() {
                    return Ok(());
                }
            }
            row.clear();
            problem = None;
        }
        let (Some(cell), Some(at)) = (cell, at) else {
            return Ok(());
        };
        number = at;
        let column = cell.get_position().1 as usize;
        if number <= skip {
            continue;
        }
        if column >= MAX_COLUMNS {
            problem = Some("file.row_too_many_columns");
        } else if row.bytes() > MAX_ROW_BYTES {
            problem = Some("file.row_too_long");
        } else {
            row.put(column, |text| write_cell(text, cell.get_value()));
        }
    }
}

/// A cell as text: dates in ISO form, numbers with a point, a formula as its stored result.
fn write_cell(text: &mut Vec<u8>, value: &DataRef<'_>) {
    let written = match value {
        DataRef::Empty => return,
        DataRef::String(s) | DataRef::DateTimeIso(s) | DataRef::DurationIso(s) => {
            return text.extend_from_slice(s.as_bytes());
        }
        DataRef::SharedString(s) => return text.extend_from_slice(s.as_bytes()),
        DataRef::Int(n) => n.to_string(),
        DataRef::Float(n) => n.to_string(),
        DataRef::Bool(b) => b.to_string(),
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTime(at) => date_text(at),
    };
    text.extend_from_slice(written.as_bytes());
}

fn date_text(at: &ExcelDateTime) -> String {
    let days = at.as_f64();
    // Beyond the year 9999 it is a number with a wrong format.
    if !(0.0..2_960_000.0).contains(&days) {
        return days.to_string();
    }
    if at.is_duration() || (0.0..1.0).contains(&days) {
        let ms = (days * 86_400_000.0).round();
        if !(0.0..864_000_000_000.0).contains(&ms) {
            return days.to_string();
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ms = ms as u64;
        let (hours, rest) = (ms / 3_600_000, ms % 3_600_000);
        return format!(
            "{hours:02}:{:02}:{:02}.{:03}",
            rest / 60_000,
            rest / 1_000 % 60,
            rest % 1_000
        );
    }
    // The library knows which of the two epochs the workbook counts from.
    at.as_datetime()
        .map_or_else(|| days.to_string(), |t| t.to_string())
}
