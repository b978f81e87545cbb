//! Cuts delimited text into rows and cells without copying, at the speed of memory, within fixed bounds
//! whatever the text is.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2};

use crate::layout::MAX_COLUMNS;

/// Longest row; more is no table.
pub(crate) const MAX_ROW_BYTES: usize = 1024 * 1024;

const CHUNK: usize = 256 * 1024;

/// What the splitter found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A row; see [`Splitter::cells`].
    Row,
    /// A row that can't be read, with the code of the reason. It is skipped.
    Unreadable(&'static str),
    /// The end.
    End,
}

/// Where a cell lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
    /// In the buffer of unquoted cells instead of the input's.
    is_unquoted: bool,
}

/// Splits a reader's text into rows.
pub(crate) struct Splitter<R> {
    input: R,
    delimiter: u8,
    quote: u8,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_input_done: bool,
    /// Offset of `buffer[start]` in the text.
    offset: u64,
    cells: Vec<Span>,
    unquoted: Vec<u8>,
    row: std::ops::Range<usize>,
}

impl<R: Read> Splitter<R> {
    /// A splitter of text that begins at `offset` of the whole.
    pub(crate) fn new(input: R, delimiter: u8, quote: u8, offset: u64) -> Self {
        Self {
            input,
            delimiter,
            quote,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            is_input_done: false,
            offset,
            cells: Vec::with_capacity(64),
            unquoted: Vec::new(),
            row: 0..0,
        }
    }

    /// Offset of the next row in the text.
    #[must_use]
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The present row's cells.
    #[must_use]
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells {
            spans: &self.cells,
            raw: &self.buffer,
            unquoted: &self.unquoted,
        }
    }

    /// The present row as it stands in the file.
    #[must_use]
    pub(crate) fn raw(&self) -> &[u8] {
        &self.buffer[self.row.clone()]
    }

    /// Goes to the next row.
    pub(crate) fn advance(&mut self) -> io::Result<Found> {
        self.cells.clear();
        self.unquoted.clear();
        let mut searched = 0;
        loop {
            let text = &self.buffer[self.start + searched..self.end];
            match memchr2(b'\n', self.quote, text) {
                Some(at) if text[at] == b'\n' => {
                    let line_end = self.start + searched + at;
                    return Ok(self.plain_row(line_end, line_end + 1));
                }
                Some(_) => return self.quoted_row(),
                None if self.is_input_done => {
                    if self.start == self.end {
                        return Ok(Found::End);
                    }
                    return Ok(self.plain_row(self.end, self.end));
                }
                None => {
                    searched = self.end - self.start;
                    if searched > MAX_ROW_BYTES {
                        return self.skip_line();
                    }
                    self.fill()?;
                }
            }
        }
    }

    /// Reads more; what is not yet consumed moves to the front, or the buffer grows.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_input_done = true,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    fn consume(&mut self, to: usize) {
        self.offset += (to - self.start) as u64;
        self.start = to;
    }

    /// A row without quotes.
    fn plain_row(&mut self, line_end: usize, next: usize) -> Found {
        let begin = self.start;
        self.consume(next);
        let mut end = line_end;
        if end > begin && self.buffer[end - 1] == b'\r' {
            end -= 1;
        }
        self.row = begin..end;
        if end - begin > MAX_ROW_BYTES {
            return Found::Unreadable("file.row_too_long");
        }
        let line = &self.buffer[begin..end];
        let mut from = begin;
        for at in memchr_iter(self.delimiter, line) {
            self.cells.push(span(from, begin + at, false));
            from = begin + at + 1;
        }
        self.cells.push(span(from, end, false));
        self.checked(begin, end)
    }

    fn checked(&mut self, begin: usize, end: usize) -> Found {
        if self.cells.len() > MAX_COLUMNS {
            // A row of many millions of empty cells must not keep the memory it took.
            self.cells = Vec::with_capacity(64);
            return Found::Unreadable("file.row_too_many_columns");
        }
        if memchr(0, &self.buffer[begin..end]).is_some() {
            return Found::Unreadable("file.row_has_nul");
        }
        Found::Row
    }

    /// A row with a quote somewhere. Cells may contain line ends; a quote that is never closed costs its
    /// own line only.
    fn quoted_row(&mut self) -> io::Result<Found> {
        loop {
            self.cells.clear();
            self.unquoted.clear();
            if let Some((end, next)) = self.scan_quoted() {
                let begin = self.start;
                self.consume(next);
                self.row = begin..end;
                if end - begin > MAX_ROW_BYTES {
                    return Ok(Found::Unreadable("file.row_too_long"));
                }
                return Ok(self.checked(begin, end));
            }
            let is_hopeless = self.is_input_done || self.end - self.start > MAX_ROW_BYTES;
            if is_hopeless {
                return self.skip_open_quote();
            }
            self.fill()?;
        }
    }

    /// Skips the first line of a row whose quote is never closed.
    fn skip_open_quote(&mut self) -> io::Result<Found> {
        self.cells.clear();
        match memchr(b'\n', &self.buffer[self.start..self.end]) {
            Some(at) => {
                let begin = self.start;
                self.consume(begin + at + 1);
                self.row = begin..begin + at;
                Ok(Found::Unreadable("file.quote_open"))
            }
            None if self.is_input_done => {
                let begin = self.start;
                self.consume(self.end);
                self.row = begin..self.end;
                Ok(Found::Unreadable("file.quote_open"))
            }
            None => self.skip_line(),
        }
    }

    /// Skips a line that is too long to be held.
    fn skip_line(&mut self) -> io::Result<Found> {
        self.cells.clear();
        let shown = 200.min(self.end - self.start);
        let kept = self.buffer[self.start..self.start + shown].to_vec();
        loop {
            match memchr(b'\n', &self.buffer[self.start..self.end]) {
                Some(at) => {
                    self.consume(self.start + at + 1);
                    break;
                }
                None => {
                    self.consume(self.end);
                    if self.is_input_done {
                        break;
                    }
                    self.fill()?;
                }
            }
        }
        // The start of the line is shown; put it where nothing is read any more, or make room.
        self.row = self.keep(&kept);
        Ok(Found::Unreadable("file.row_too_long"))
    }

    fn keep(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        if self.start < text.len() {
            let rest = self.buffer[self.start..self.end].to_vec();
            self.buffer.resize((text.len() + rest.len()).max(CHUNK), 0);
            self.buffer[text.len()..text.len() + rest.len()].copy_from_slice(&rest);
            self.start = text.len();
            self.end = self.start + rest.len();
        }
        self.buffer[..text.len()].copy_from_slice(text);
        0..text.len()
    }

    /// Cuts a row with quotes; `None` when its end is not in the buffer yet.
    fn scan_quoted(&mut self) -> Option<(usize, usize)> {
        let (delimiter, quote) = (self.delimiter, self.quote);
        let mut at = self.start;
        loop {
            if self.cells.len() > MAX_COLUMNS {
                // Enough to refuse the row; its end is what matters now.
                self.cells.truncate(MAX_COLUMNS + 1);
            }
            if at < self.end && self.buffer[at] == quote {
                let kept = self.unquoted.len();
                at += 1;
                loop {
                    let close = at + memchr(quote, &self.buffer[at..self.end])?;
                    self.unquoted.extend_from_slice(&self.buffer[at..close]);
                    at = close + 1;
                    if at < self.end && self.buffer[at] == quote {
                        self.unquoted.push(quote);
                        at += 1;
                    } else if at == self.end && !self.is_input_done {
                        return None;
                    } else {
                        break;
                    }
                }
                // What stands between a closing quote and the delimiter belongs to the cell.
                let tail = self.cell_end(at)?;
                let text = trim_return(&self.buffer[at..tail], self.is_row_end(tail));
                self.unquoted.extend_from_slice(text);
                self.cells.push(span(kept, self.unquoted.len(), true));
                at = tail;
            } else {
                let tail = self.cell_end(at)?;
                let text = trim_return(&self.buffer[at..tail], self.is_row_end(tail));
                self.cells.push(span(at, at + text.len(), false));
                at = tail;
            }
            if self.is_row_end(at) {
                let next = (at + 1).min(self.end);
                let has_return = at > self.start && self.buffer[at - 1] == b'\r';
                return Some((at - usize::from(has_return), next));
            }
            debug_assert_eq!(self.buffer[at], delimiter);
            at += 1;
        }
    }

    /// Where the cell that begins at `at` ends: at a delimiter, a line end or the end of the text.
    fn cell_end(&self, at: usize) -> Option<usize> {
        match memchr2(self.delimiter, b'\n', &self.buffer[at..self.end]) {
            Some(found) => Some(at + found),
            None if self.is_input_done => Some(self.end),
            None => None,
        }
    }

    fn is_row_end(&self, at: usize) -> bool {
        at >= self.end || self.buffer[at] == b'\n'
    }
}

fn trim_return(text: &[u8], is_last: bool) -> &[u8] {
    match text {
        [rest @ .., b'\r'] if is_last => rest,
        _ => text,
    }
}

fn span(start: usize, end: usize, is_unquoted: bool) -> Span {
    // Both lie within a buffer of a few megabytes.
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        start: short(start),
        end: short(end),
        is_unquoted,
    }
}

/// A row put together from cells that come one by one.
#[derive(Default)]
pub(crate) struct RowBuffer {
    spans: Vec<Span>,
    text: Vec<u8>,
}

impl RowBuffer {
    /// Empties it.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.text.clear();
    }

    /// How much it holds.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Puts a cell at a column; the columns before it that have none are empty.
    pub(crate) fn put(&mut self, column: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        if self.spans.len() <= column {
            self.spans.resize(column + 1, span(start, start, false));
        }
        self.spans[column] = span(start, self.text.len(), false);
    }

    /// The row.
    #[must_use]
    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells {
            spans: &self.spans,
            raw: &self.text,
            unquoted: &[],
        }
    }
}

/// The cells of a row.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    spans: &'a [Span],
    raw: &'a [u8],
    unquoted: &'a [u8],
}

impl<'a> Cells<'a> {
    /// How many there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the row is blank.
    #[must_use]
    pub(crate) fn is_blank(&self) -> bool {
        (0..self.len()).all(|i| self.get(i).is_some_and(|c| c.trim_ascii().is_empty()))
    }

    /// The cell at a position; `None` after the last.
    #[must_use]
    pub(crate) fn get(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        let text = if span.is_unquoted {
            self.unquoted
        } else {
            self.raw
        };
        text.get(span.start as usize..span.end as usize)
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
