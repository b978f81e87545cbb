//! Rows of a CSV file by the columns they stand in, known by their headers in both languages.

use std::collections::HashMap;

use iq_store::{Page, Paged, StoreError};

use crate::http::{Answer, Failure};

/// Most rows of one file.
pub(crate) const MAX_ROWS: usize = 20_000;

/// Columns with the headers they are known by, first the stable English id.
pub(crate) type Columns<const N: usize> = [(&'static str, &'static [&'static str]); N];

/// The cells of a row by column.
pub(crate) struct Row {
    pub(crate) line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    /// The cell's text; `None` where the file has no such column, so that the stored value stays.
    pub(crate) fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    pub(crate) fn text(&self, column: &str) -> &str {
        self.get(column).unwrap_or_default()
    }
}

/// Everything a list has, page by page: a row that is not seen would be taken for a new one.
pub(crate) fn all<T>(
    mut list: impl FnMut(Page) -> Result<Paged<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut rows = Vec::new();
    loop {
        let page = Page {
            offset: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            ..Page::MAX
        };
        let found = list(page)?.rows;
        let is_last = found.len() < Page::MAX.limit as usize;
        rows.extend(found);
        if is_last {
            return Ok(rows);
        }
    }
}

/// Reads a file whose headers are among the columns; the required ones must be there.
pub(crate) fn read<const N: usize>(
    text: &str,
    known: &Columns<N>,
    required: &[&'static str],
) -> Answer<Vec<Row>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first_line = text.lines().next().unwrap_or_default();
    let semicolons = first_line.matches(';').count() > first_line.matches(',').count();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = columns_of(
        reader.headers().map_err(|e| malformed(&e))?,
        known,
        required,
    )?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| malformed(&e))?;
        if rows.len() == MAX_ROWS {
            let mut failure = Failure::invalid("import.too_many_rows");
            failure.error = failure.error.with("max", MAX_ROWS);
            return Err(failure);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells = columns
            .iter()
            .zip(record.iter())
            .map(|(column, cell)| (*column, unescaped(cell).to_owned()))
            .collect();
        rows.push(Row { line, cells });
    }
    if rows.is_empty() {
        return Err(Failure::invalid("import.empty"));
    }
    Ok(rows)
}

/// Undoes the apostrophe our own export puts before a cell a spreadsheet would take for a formula.
fn unescaped(cell: &str) -> &str {
    cell.strip_prefix('\'')
        .filter(|rest| rest.starts_with(['=', '+', '-', '@']))
        .unwrap_or(cell)
}

fn malformed(error: &csv::Error) -> Failure {
    let line = error.position().map_or(1, csv::Position::line);
    let mut failure = Failure::invalid("import.csv_malformed");
    failure.error = failure.error.with("row", line);
    failure
}

fn columns_of(
    headers: &csv::StringRecord,
    known: &[(&'static str, &[&str])],
    required: &[&'static str],
) -> Answer<Vec<&'static str>> {
    let mut columns = Vec::new();
    for header in headers {
        let folded = header.to_lowercase().replace(' ', "_");
        let found = known.iter().find(|(id, names)| {
            folded == *id || names.iter().any(|n| *n == folded || *n == header)
        });
        let Some((id, _)) = found else {
            let mut failure = Failure::invalid("import.column_unknown");
            failure.error = failure.error.with("column", header);
            return Err(failure);
        };
        if columns.contains(id) {
            let mut failure = Failure::invalid("import.column_twice");
            failure.error = failure.error.with("column", id);
            return Err(failure);
        }
        columns.push(*id);
    }
    for column in required {
        if !columns.contains(column) {
            let mut failure = Failure::invalid("import.column_missing");
            failure.error = failure.error.with("column", column);
            return Err(failure);
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_longer_than_a_page_is_read_to_its_end() {
        let total = Page::MAX.limit * 2 + 5;
        let read = all(|page| {
            let end = total.min(page.offset + page.limit);
            Ok(Paged {
                rows: (page.offset..end).collect::<Vec<u32>>(),
                total: u64::from(total),
            })
        })
        .unwrap();
        assert!(read.into_iter().eq(0..total));
    }
}
