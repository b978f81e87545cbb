//! Rows of a CSV file by the columns they stand in, known by their headers in both languages, and what an
//! import of them would change.

use std::collections::HashMap;

use iq_api_types::{ImportReport, ImportRowError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Answer, Audit, Caller, Check, Failure, FieldFailure};

/// Most rows of one file.
pub(crate) const MAX_ROWS: usize = 20_000;

/// Row problems that are listed; more help nobody.
const MAX_PROBLEMS: usize = 500;

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct ImportQuery {
    /// Only tell what would change.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

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

/// A problem of a row.
#[derive(Clone, Debug)]
pub(crate) struct RowProblem {
    pub(crate) row: u64,
    pub(crate) problem: FieldFailure,
}

/// What an import would change.
pub(crate) struct Changes<T> {
    pub(crate) created: Vec<T>,
    pub(crate) updated: Vec<T>,
    pub(crate) unchanged: u64,
    pub(crate) problems: Vec<RowProblem>,
}

impl<T> Changes<T> {
    pub(crate) fn new() -> Self {
        Self {
            created: Vec::new(),
            updated: Vec::new(),
            unchanged: 0,
            problems: Vec::new(),
        }
    }

    /// Takes in what was read of a row, with what is stored of it, where nothing was wrong with it.
    pub(crate) fn take(
        &mut self,
        row: &Row,
        check: Check,
        read: Option<(T, Option<&T>)>,
        is_same: impl FnOnce(&T, &T) -> bool,
    ) {
        let problems = check.into_problems();
        match read {
            Some((new, stored)) if problems.is_empty() => match stored {
                None => self.created.push(new),
                Some(old) if is_same(old, &new) => self.unchanged += 1,
                Some(_) => self.updated.push(new),
            },
            _ => self.refuse(problems.into_iter().map(|problem| RowProblem {
                row: row.line,
                problem,
            })),
        }
    }

    pub(crate) fn refuse(&mut self, problems: impl IntoIterator<Item = RowProblem>) {
        self.problems.extend(problems);
        self.problems.truncate(MAX_PROBLEMS);
    }

    /// What is answered and recorded about the import. With a refused row nothing is written, and the
    /// report must not say otherwise.
    pub(crate) fn report(
        &self,
        caller: &Caller,
        audit: &Audit,
        query: &ImportQuery,
    ) -> ImportReport {
        let is_refused = !query.dry_run && !self.problems.is_empty();
        let counted = |rows: &[T]| if is_refused { 0 } else { rows.len() as u64 };
        let error = |found: &RowProblem| {
            let shown = found.problem.problem(caller.language);
            ImportRowError {
                row: found.row,
                column: shown.field,
                code: shown.code,
                message: shown.message,
            }
        };
        let report = ImportReport {
            dry_run: query.dry_run,
            created: counted(&self.created),
            updated: counted(&self.updated),
            unchanged: self.unchanged,
            errors: self.problems.iter().map(error).collect(),
        };
        audit
            .detail("dry_run", report.dry_run)
            .detail("created", report.created)
            .detail("updated", report.updated)
            .detail("errors", report.errors.len());
        report
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
