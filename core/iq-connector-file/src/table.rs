//! A file as rows: what it is by its content, and its rows from any position on.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::ControlFlow,
};

use iq_domain::CodedError;
use serde::{Deserialize, Serialize};

use crate::{
    encoding::{Utf8Reader, mark_len},
    layout::{Encoding, FileFormat, ImportLayout},
    sheet,
    source::{FileSource, unreadable},
    split::{Cells, Found, Splitter},
};

/// Bytes of a file that are looked at to find out what it is.
pub(crate) const HEAD_BYTES: usize = 512 * 1024;

/// Where reading stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Rows behind it.
    pub row: u64,
    /// Offset in the text after decoding; of CSV.
    pub offset: u64,
}

/// A row of a file.
pub(crate) struct TableRow<'a> {
    /// Its number, counted from 1; blank rows count.
    pub number: u64,
    /// Its cells, or the code of why they can't be told apart.
    pub cells: Result<Cells<'a>, &'static str>,
    /// The start of the row as it stands in the file; of CSV.
    pub raw: &'a [u8],
    /// Where the next row begins.
    pub next: Position,
}

/// The first bytes of a file.
pub(crate) fn read_head(source: &FileSource) -> Result<Vec<u8>, CodedError> {
    let mut head = Vec::new();
    source
        .rewound()
        .and_then(|f| f.take(HEAD_BYTES as u64).read_to_end(&mut head))
        .map_err(unreadable)?;
    Ok(head)
}

/// What a file is, by its first bytes; its name is not asked.
pub fn sniff(head: &[u8]) -> Result<FileFormat, CodedError> {
    let refuse = |code| Err(CodedError::invalid(code));
    match head {
        [] => refuse("file.empty"),
        [b'P', b'K', 3, 4, ..] => Ok(FileFormat::Xlsx),
        [0x1F, 0x8B, ..]
        | [b'B', b'Z', b'h', ..]
        | [0xFD, b'7', b'z', b'X', b'Z', ..]
        | [b'7', b'z', 0xBC, 0xAF, ..]
        | [0x28, 0xB5, 0x2F, 0xFD, ..]
        | [b'R', b'a', b'r', b'!', ..] => refuse("file.compressed"),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => refuse("file.old_spreadsheet"),
        [b'P', b'A', b'R', b'1', ..] => refuse("file.parquet"),
        [b'%', b'P', b'D', b'F', ..] => refuse("file.not_a_table"),
        _ => {
            let encoding = crate::encoding::detect(head).encoding;
            let is_wide = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
            let controls = head
                .iter()
                .filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r'))
                .count();
            // A few stray bytes cost their rows; a file full of them is no text.
            if !is_wide && controls * 20 > head.len() {
                return refuse("file.not_a_table");
            }
            if head.trim_ascii().is_empty() {
                return refuse("file.empty");
            }
            Ok(FileFormat::Csv)
        }
    }
}

/// Visits the rows of a file from a position on.
pub(crate) fn for_each_row(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
    from: Position,
    visit: &mut dyn FnMut(TableRow<'_>) -> ControlFlow<()>,
) -> Result<(), CodedError> {
    match format {
        FileFormat::Csv => {
            let file = open_text(source, layout.encoding, from.offset)?;
            let splitter = Splitter::new(
                file,
                ascii(layout.delimiter),
                ascii(layout.quote),
                from.offset,
            );
            visit_text(splitter, from.row, visit).map_err(unreadable)
        }
        FileFormat::Xlsx => {
            let name = layout.sheet.as_deref().unwrap_or_default();
            sheet::for_each_row(source, name, from.row, &mut |number, cells| {
                visit(TableRow {
                    number,
                    cells,
                    raw: &[],
                    next: Position {
                        row: number,
                        offset: 0,
                    },
                })
            })
        }
    }
}

/// A delimiter or quote as a byte; a checked layout has no others.
pub(crate) fn ascii(c: char) -> u8 {
    u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b',')
}

fn visit_text<R: Read>(
    mut splitter: Splitter<R>,
    mut number: u64,
    visit: &mut dyn FnMut(TableRow<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    loop {
        let found = splitter.advance()?;
        let next = Position {
            row: number + 1,
            offset: splitter.offset(),
        };
        let cells = match found {
            Found::End => return Ok(()),
            Found::Row => Ok(splitter.cells()),
            Found::Unreadable(code) => Err(code),
        };
        number += 1;
        let row = TableRow {
            number,
            cells,
            raw: splitter.raw(),
            next,
        };
        if visit(row).is_break() {
            return Ok(());
        }
    }
}

/// A file's text in UTF-8, from an offset of that text on.
fn open_text(
    source: &FileSource,
    encoding: Encoding,
    offset: u64,
) -> Result<Utf8Reader<File>, CodedError> {
    let mut file = source.rewound().map_err(unreadable)?;
    let mut start = [0; 3];
    let n = file.read(&mut start).map_err(unreadable)?;
    let mark = mark_len(encoding, &start[..n]) as u64;
    // UTF-8 goes through as it is, so its offsets are the file's own.
    let skip = if encoding == Encoding::Utf8 {
        offset
    } else {
        0
    };
    file.seek(SeekFrom::Start(mark + skip))
        .map_err(unreadable)?;
    let mut text = Utf8Reader::new(file, encoding);
    if encoding != Encoding::Utf8 {
        io::copy(&mut (&mut text).take(offset), &mut io::sink()).map_err(unreadable)?;
    }
    Ok(text)
}
