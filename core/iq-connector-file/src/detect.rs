//! Finds out how a file is written: encoding, delimiter, titles, roles of the columns, dates, numbers.
//! What it can't be sure of it says, so that a person can look.

use std::{
    io::{Read, Seek, SeekFrom},
    ops::ControlFlow,
};

use iq_domain::{CodedError, Message};

use crate::{
    cell,
    encoding::{self, Utf8Reader, mark_len},
    formats::{self, Looks},
    layout::{
        DateFormat, Encoding, FileFormat, FileKind, ImportColumn, ImportLayout, QualityFormat,
        Role, Shape,
    },
    profile::{self, FileProfile},
    roles, sheet,
    source::{FileSource, unreadable},
    split::{Found, Splitter},
    table::{self, HEAD_BYTES},
};

/// Rows looked at.
const SAMPLE_ROWS: usize = 400;
/// Bytes looked at further inside the file.
const PROBE_BYTES: u64 = 32 * 1024;
/// Columns looked at when the delimiter is searched.
const MAX_SAMPLED_COLUMNS: usize = 2_048;

/// Code of the warning that each row is but a time and one text nobody gave a name: more likely a delimiter
/// was missed than that these are alarms, and events are stored for good. A person has to confirm it.
pub const BARE_JOURNAL: &str = "file.journal_bare";

/// What is known before looking; the rest is found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    /// Time zone of times that name none.
    pub time_zone: Option<String>,
    /// Letters.
    pub encoding: Option<Encoding>,
    /// Delimiter.
    pub delimiter: Option<char>,
    /// Quote.
    pub quote: Option<char>,
    /// Decimal sign.
    pub decimal: Option<char>,
    /// Group sign; `Some(None)` for none.
    pub thousands: Option<Option<char>>,
    /// Dates.
    pub date_format: Option<DateFormat>,
    /// Sheet.
    pub sheet: Option<String>,
    /// Row of the titles.
    pub header_row: Option<u32>,
}

/// The rows a decision rests on.
pub(crate) struct Sample {
    /// The first rows.
    pub(crate) rows: Vec<Vec<String>>,
    /// Rows from further inside.
    pub(crate) later: Vec<Vec<String>>,
}

/// Finds out how a file is written.
pub fn detect(source: &FileSource, hints: &Hints) -> Result<FileProfile, CodedError> {
    let head = table::read_head(source)?;
    match table::sniff(&head)? {
        FileFormat::Csv => detect_text(source, &head, hints),
        FileFormat::Xlsx => detect_sheet(source, hints),
    }
}

pub(crate) fn warning(code: &str, params: &[(&str, &str)]) -> Message {
    Message {
        code: code.to_owned(),
        params: params
            .iter()
            .map(|(k, v)| ((*k).to_owned(), iq_domain::neutralise(v, 200)))
            .collect(),
    }
}

fn detect_text(source: &FileSource, head: &[u8], hints: &Hints) -> Result<FileProfile, CodedError> {
    let found = encoding::detect(head);
    let encoding = hints.encoding.unwrap_or(found.encoding);
    let is_whole = head.len() < HEAD_BYTES;
    let text = decoded(&head[mark_len(encoding, head)..], encoding, is_whole);
    if !text.contains('\n') && text.contains('\r') {
        return Err(CodedError::invalid("file.old_line_ends"));
    }
    let quote = hints.quote.unwrap_or_else(|| guess_quote(&text));
    let delimiter = hints
        .delimiter
        .unwrap_or_else(|| guess_delimiter(&text, quote));
    let rows = split(&text, delimiter, quote);
    let later = probe(source, encoding, delimiter, quote).map_err(unreadable)?;
    let sample = Sample { rows, later };
    let mut warnings = Vec::new();
    if found.is_guess && hints.encoding.is_none() {
        let name = serde_json::to_value(encoding).ok();
        let name = name.as_ref().and_then(|n| n.as_str()).unwrap_or_default();
        warnings.push(warning("file.encoding_guessed", &[("encoding", name)]));
    }
    let basics = Basics {
        encoding,
        delimiter,
        quote,
        sheet: None,
    };
    let (layout, names_zone) = lay_out(&sample, basics, hints, &mut warnings);
    Ok(FileProfile {
        sample: profile::sample_rows(source, FileFormat::Csv, &layout)?,
        format: FileFormat::Csv,
        sheets: Vec::new(),
        layout,
        names_zone,
        warnings,
    })
}

fn detect_sheet(source: &FileSource, hints: &Hints) -> Result<FileProfile, CodedError> {
    sheet::weigh(source)?;
    let sheets = sheet::sheet_names(source)?;
    let mut best: Option<(String, Sample)> = None;
    for name in &sheets {
        if hints.sheet.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        // A sheet of charts has no rows; the table is the first that has some.
        let Ok(rows) = sheet_rows(source, name) else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|(_, b)| b.rows.len() < 2 && rows.len() > b.rows.len())
        {
            let later = Vec::new();
            best = Some((name.clone(), Sample { rows, later }));
        }
        if best.as_ref().is_some_and(|(_, b)| b.rows.len() >= 2) {
            break;
        }
    }
    let Some((name, sample)) = best.filter(|(_, s)| !s.rows.is_empty()) else {
        return Err(CodedError::invalid("file.empty"));
    };
    let mut warnings = Vec::new();
    if sheets.len() > 1 && hints.sheet.is_none() {
        let count = sheets.len().to_string();
        let params = [("count", count.as_str()), ("sheet", name.as_str())];
        warnings.push(warning("file.other_sheets", &params));
    }
    let basics = Basics {
        encoding: Encoding::Utf8,
        delimiter: ',',
        quote: '"',
        sheet: Some(name),
    };
    let (layout, names_zone) = lay_out(&sample, basics, hints, &mut warnings);
    Ok(FileProfile {
        sample: profile::sample_rows(source, FileFormat::Xlsx, &layout)?,
        format: FileFormat::Xlsx,
        sheets,
        layout,
        names_zone,
        warnings,
    })
}

/// The rows a file is judged by, cut as a layout says.
pub(crate) fn sample(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
) -> Result<Sample, CodedError> {
    if format == FileFormat::Xlsx {
        let name = layout.sheet.as_deref().unwrap_or_default();
        return Ok(Sample {
            rows: sheet_rows(source, name)?,
            later: Vec::new(),
        });
    }
    let (encoding, delimiter, quote) = (layout.encoding, layout.delimiter, layout.quote);
    let head = table::read_head(source)?;
    let is_whole = head.len() < HEAD_BYTES;
    let text = decoded(&head[mark_len(encoding, &head)..], encoding, is_whole);
    Ok(Sample {
        rows: split(&text, delimiter, quote),
        later: probe(source, encoding, delimiter, quote).map_err(unreadable)?,
    })
}

/// The cells of the columns with these roles, in the rows looked at.
pub(crate) fn cells_of<'a>(
    sample: &'a Sample,
    columns: &[ImportColumn],
    first: usize,
    wanted: &[Role],
) -> Vec<&'a str> {
    let indexes: Vec<usize> = (0..columns.len())
        .filter(|i| wanted.contains(&columns[*i].role))
        .take(256)
        .collect();
    let mut cells = Vec::new();
    for row in sample.rows.iter().skip(first).chain(&sample.later) {
        cells.extend(
            indexes
                .iter()
                .filter_map(|i| row.get(*i))
                .map(String::as_str),
        );
    }
    cells
}

fn sheet_rows(source: &FileSource, name: &str) -> Result<Vec<Vec<String>>, CodedError> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    sheet::for_each_row(source, name, 0, &mut |number, cells| {
        // Rows that are not there count, so that numbers stay those of the sheet.
        while (rows.len() as u64) + 1 < number && rows.len() < SAMPLE_ROWS {
            rows.push(Vec::new());
        }
        rows.push(cells.map_or_else(|_| Vec::new(), |cells| texts(&cells)));
        if rows.len() < SAMPLE_ROWS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    rows.truncate(SAMPLE_ROWS);
    Ok(rows)
}

fn texts(cells: &crate::split::Cells<'_>) -> Vec<String> {
    (0..cells.len())
        .map(|i| {
            let cell = cells.get(i).unwrap_or_default();
            String::from_utf8_lossy(&cell[..cell.len().min(2_000)]).into_owned()
        })
        .collect()
}

/// A sample of the text, without the row that is cut off at its end.
fn decoded(bytes: &[u8], encoding: Encoding, is_whole: bool) -> String {
    let mut text = Vec::new();
    // A slice can't fail to be read.
    drop(Utf8Reader::new(bytes, encoding).read_to_end(&mut text));
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if !is_whole && let Some(end) = text.rfind('\n') {
        text.truncate(end + 1);
    }
    text
}

fn split(text: &str, delimiter: char, quote: char) -> Vec<Vec<String>> {
    let mut splitter = Splitter::new(
        text.as_bytes(),
        table::ascii(delimiter),
        table::ascii(quote),
        0,
    );
    let mut rows = Vec::new();
    while rows.len() < SAMPLE_ROWS {
        match splitter.advance() {
            Ok(Found::Row) => rows.push(texts(&splitter.cells())),
            Ok(Found::Unreadable(_)) => rows.push(Vec::new()),
            Ok(Found::End) | Err(_) => break,
        }
    }
    rows
}

/// Rows from the middle and the end: a month of data shows its days only further on.
fn probe(
    source: &FileSource,
    encoding: Encoding,
    delimiter: char,
    quote: char,
) -> std::io::Result<Vec<Vec<String>>> {
    let mut file = source.rewound()?;
    let size = file.metadata()?.len();
    let mut rows = Vec::new();
    if size <= HEAD_BYTES as u64 {
        return Ok(rows);
    }
    for eighth in [2, 3, 4, 5, 6, 7, 8] {
        // An even offset keeps the halves of UTF-16 together.
        let at = (size / 8 * eighth).saturating_sub(PROBE_BYTES) & !1;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&mut file).take(PROBE_BYTES).read_to_end(&mut bytes)?;
        let text = decoded(&bytes, encoding, false);
        let Some((_, whole)) = text.split_once('\n') else {
            continue;
        };
        rows.extend(split(whole, delimiter, quote));
    }
    Ok(rows)
}

/// Single quotes surround cells only where they do so from the first lines on.
fn guess_quote(text: &str) -> char {
    let lines = text.lines().take(50);
    let (mut single, mut double) = (0, 0);
    for line in lines {
        let count = |quote: char| {
            let is_edge = |c: char| matches!(c, ',' | ';' | '\t' | '|');
            let pieces = line.split(is_edge).map(str::trim);
            pieces
                .filter(|p| p.len() >= 2 && p.starts_with(quote) && p.ends_with(quote))
                .count()
        };
        single += count('\'');
        double += count('"');
    }
    if single > double { '\'' } else { '"' }
}

/// The delimiter that cuts the rows into the same number of cells that mean something.
fn guess_delimiter(text: &str, quote: char) -> char {
    let score = |delimiter: char| -> f64 {
        let rows = split(text, delimiter, quote);
        let filled: Vec<&Vec<String>> = rows
            .iter()
            .filter(|r| r.iter().any(|c| !c.trim().is_empty()))
            .collect();
        let width = roles::usual_width(&rows);
        if width < 2 || filled.is_empty() || cuts_seconds(&filled) {
            return 0.0;
        }
        let fitting: Vec<&&Vec<String>> = filled.iter().filter(|r| r.len() == width).collect();
        let cells = fitting
            .iter()
            .skip(1)
            .take(60)
            .flat_map(|r| r.iter().take(MAX_SAMPLED_COLUMNS));
        let (mut meaning, mut total) = (0_u32, 0_u32);
        for cell in cells.map(|c| c.trim()).filter(|c| !c.is_empty()) {
            total += 1;
            meaning += u32::from(formats::is_date(cell) || formats::is_number(cell));
        }
        #[allow(clippy::cast_precision_loss)]
        let (fit, sense) = (
            fitting.len() as f64 / filled.len() as f64,
            f64::from(meaning) / f64::from(total.max(1)),
        );
        fit * (0.4 + 0.6 * sense)
    };
    let mut best = (',', 0.0);
    for delimiter in [',', ';', '\t', '|'] {
        let score = score(delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

/// Whether cutting here separates seconds from their fraction in most rows: "10:56:10" and
/// "449;K-310", where the columns lie between other signs.
fn cuts_seconds(rows: &[&Vec<String>]) -> bool {
    let ends_in_seconds = |cell: &str| {
        let has_seconds = cell.matches(':').count() >= 2;
        has_seconds && cell.ends_with(|c: char| c.is_numeric())
    };
    let is_fraction_of_more = |cell: &str| {
        let rest = cell.trim_start_matches(char::is_numeric);
        let digits = cell.chars().count() - rest.chars().count();
        (1..=9).contains(&digits) && rest.starts_with([';', '\t', '|'])
    };
    let is_cut = |row: &&&Vec<String>| {
        row.windows(2)
            .any(|pair| ends_in_seconds(pair[0].trim()) && is_fraction_of_more(pair[1].trim()))
    };
    rows.iter().filter(is_cut).count() * 2 > rows.len()
}

struct Basics {
    encoding: Encoding,
    delimiter: char,
    quote: char,
    sheet: Option<String>,
}

/// Finds titles, roles and formats in a sample, and whether the file names the zone of its times.
fn lay_out(
    sample: &Sample,
    basics: Basics,
    hints: &Hints,
    warnings: &mut Vec<Message>,
) -> (ImportLayout, bool) {
    let table = roles::find_table(&sample.rows, hints.header_row);
    let columns = roles::columns(&sample.rows, &table, warnings);
    let (kind, shape) = roles::kind_of(&columns);
    if roles::is_bare_journal(&columns) {
        warnings.push(warning(BARE_JOURNAL, &[]));
    }
    let first = table.first;
    let times = cells_of(sample, &columns, first, &[Role::Timestamp, Role::Date]);
    let dates = formats::date_format(times.iter().copied());
    let date_format = hints.date_format.unwrap_or(dates.format);
    if hints.date_format.is_none() {
        if let Some(example) = &dates.ambiguous {
            warnings.push(warning("file.date_ambiguous", &[("example", example)]));
        }
        if dates.is_mixed {
            warnings.push(warning("file.date_mixed", &[]));
        }
    }
    let values = cells_of(sample, &columns, first, &[Role::Value]);
    let numbers = formats::number_format(values.iter().copied(), basics.delimiter);
    if let Some(example) = numbers
        .ambiguous
        .as_ref()
        .filter(|_| hints.decimal.is_none())
    {
        warnings.push(warning("file.decimal_ambiguous", &[("example", example)]));
    }
    let decimal = hints.decimal.unwrap_or(numbers.decimal);
    let thousands = match hints.thousands {
        Some(given) => given,
        None => numbers.thousands.filter(|t| *t != decimal),
    };
    let by = zone_by(&columns, &times, date_format);
    let given = || hints.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
    let time_zone = match &by {
        ZoneBy::Title(zone) => zone.clone(),
        ZoneBy::Cells | ZoneBy::Nobody => given(),
    };
    if by == ZoneBy::Nobody && !times.is_empty() {
        warnings.push(warning("file.zone_assumed", &[("zone", &time_zone)]));
    }
    let qualities = cells_of(sample, &columns, first, &[Role::Quality]);
    let quality = quality_format(&qualities, warnings);
    let layout = ImportLayout {
        encoding: basics.encoding,
        delimiter: basics.delimiter,
        quote: basics.quote,
        decimal,
        thousands,
        date_format,
        time_zone,
        kind,
        shape,
        quality,
        sheet: basics.sheet,
        header_row: table.header.map_or(0, row_number),
        first_row: row_number(first),
        columns,
    };
    (layout, by != ZoneBy::Nobody)
}

fn row_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// What names the zone of a file's times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ZoneBy {
    /// The title of their column.
    Title(String),
    /// Each of them, or they need none.
    Cells,
    /// Nothing does: a person has to.
    Nobody,
}

/// Finds what names the zone.
pub(crate) fn zone_by(columns: &[ImportColumn], times: &[&str], format: DateFormat) -> ZoneBy {
    let is_time =
        |c: &&ImportColumn| matches!(c.role, Role::Timestamp | Role::Date | Role::TimeOfDay);
    let titled = columns
        .iter()
        .filter(is_time)
        .find_map(|c| crate::words::zone_in_title(&c.name));
    if let Some(zone) = titled {
        return ZoneBy::Title(zone);
    }
    let has_offset = |cell: &&str| {
        crate::civil::parse(cell.trim().as_bytes(), true).is_some_and(|c| c.offset_s.is_some())
    };
    let is_absolute = matches!(format, DateFormat::EpochS | DateFormat::EpochMs)
        || (!times.is_empty()
            && times
                .iter()
                .filter(|c| !c.trim().is_empty())
                .all(has_offset));
    if is_absolute {
        ZoneBy::Cells
    } else {
        ZoneBy::Nobody
    }
}

/// How qualities are written. 0 is good in one standard and bad in the other: the other codes decide.
pub(crate) fn quality_format(cells: &[&str], warnings: &mut Vec<Message>) -> QualityFormat {
    let looks = Looks::at(cells.iter().copied());
    let is_hex = |cell: &str| cell.trim().starts_with("0x");
    let codes: Vec<u32> = cells
        .iter()
        .filter_map(|c| match c.trim().strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => c.trim().parse().ok(),
        })
        .collect();
    if codes.is_empty() || (!looks.mostly(looks.numbers) && !cells.iter().any(|c| is_hex(c))) {
        // Taken as uncertain, such a value is no evidence: whoever imports it has to know.
        let unknown = |c: &&&str| !c.trim().is_empty() && cell::known_word(c).is_none();
        if let Some(word) = cells.iter().find(unknown) {
            let word = iq_domain::neutralise(word.trim(), 40);
            warnings.push(warning("file.quality_unknown", &[("word", &word)]));
        }
        return QualityFormat::Words;
    }
    if codes.iter().any(|c| (64..=255).contains(c)) {
        QualityFormat::OpcDa
    } else if codes.iter().any(|c| *c > 0xFFFF) {
        QualityFormat::OpcUa
    } else if codes.contains(&1) {
        QualityFormat::Flag
    } else {
        warnings.push(warning("file.quality_zero", &[]));
        QualityFormat::OpcUa
    }
}

/// Kind and shape that a person's roles make, for layouts whose columns were detected anew.
#[must_use]
pub fn kind_of(columns: &[ImportColumn]) -> (FileKind, Shape) {
    roles::kind_of(columns)
}
