//! Reads a file with a layout: rows become samples and events, what can't be read is named row by row.
//! Memory stays flat: what was read is handed on in chunks.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use iq_domain::{CodedError, RawSample, SourceEvent, StatusCode, Timestamp, Value, neutralise};

use crate::{
    cell,
    journal::JournalReader,
    layout::{FileFormat, FileKind, ImportLayout, Role, Shape},
    number::NumberFormat,
    source::FileSource,
    split::Cells,
    table::{self, Position, TableRow},
    tags::{TagFound, TagTable, Wanted},
    time::{TimeReader, zone},
    unknown::Unknown,
};

/// Samples of a chunk.
const CHUNK_SAMPLES: usize = 8_192;
/// Events of a chunk.
const CHUNK_EVENTS: usize = 1_024;
/// Rejects of a chunk.
const CHUNK_REJECTS: usize = 1_024;
/// Rows after which a chunk is handed on even when nothing in them is wanted.
const CHUNK_ROWS: u64 = 65_536;
/// Longest piece of a rejected row that is kept.
const MAX_REJECT_CHARS: usize = 300;
/// How far after "now" a time may lie.
const MAX_FUTURE_MS: i64 = 24 * 3_600_000;

/// A row or cell that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Row, counted from 1.
    pub row: u64,
    /// Title of the column, where it is one cell.
    pub column: Option<String>,
    /// Code of the sentence.
    pub code: &'static str,
    /// The text that stands there.
    pub text: String,
}

/// What was read together.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Values of wanted tags.
    pub samples: Vec<RawSample>,
    /// Events.
    pub events: Vec<SourceEvent>,
    /// What can't be read.
    pub rejects: Vec<Reject>,
    /// Rows of data.
    pub rows: u64,
    /// Of them rows of a journal that repeat another in every cell: both are one event.
    pub repeats: u64,
    /// Values of tags that are not wanted.
    pub unwanted: u64,
    /// Words that are not known.
    pub unknown: Unknown,
    /// Where to go on: everything before this has been handed on with this chunk.
    pub position: Position,
    /// What of the chunks handed on so far lies behind that place, and is read again from there.
    pub again: Again,
}

/// What is read a second time by going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Rows of data.
    pub rows: u64,
    /// Of them rows that repeat another.
    pub repeats: u64,
    /// Events; they have the ids they had.
    pub events: u64,
    /// Rows that can't be read.
    pub rejects: u64,
    /// Rows whose state is not known.
    pub unknown_states: u64,
    /// Rows whose priority is not known.
    pub unknown_priorities: u64,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Where to go on; the default is the start.
    pub from: Position,
    /// Which tags are handed on.
    pub wanted: Wanted,
    /// The unit of the catalogue a tag is handed on in where its rows name units; for other tags it is
    /// the first one named.
    pub units: HashMap<Arc<str>, String>,
    /// The present moment: arrival of what is read.
    pub now: Timestamp,
}

/// Reads a file to its end, or until the visitor breaks off. Returns the tags that occurred.
pub fn read_file(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
    mut options: ReadOptions,
    on_chunk: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
) -> Result<Vec<TagFound>, CodedError> {
    let from = options.from;
    if from.row > 0 && layout.column(Role::Unit).is_some() {
        options.units = units_before(source, format, layout, &options)?;
    }
    let mut reader = RowReader::new(layout, options)?;
    let mut is_stopped = false;
    table::for_each_row(source, format, layout, from, &mut |row| {
        reader.row(&row);
        if reader.is_chunk_full() {
            let flow = on_chunk(reader.take_chunk());
            is_stopped = flow.is_break();
            return flow;
        }
        ControlFlow::Continue(())
    })?;
    if !is_stopped {
        // The last chunk is the end whether it is taken or not.
        match on_chunk(reader.take_chunk()) {
            ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
        }
    }
    Ok(reader.tags.all().to_vec())
}

/// The units of tags as they were where reading goes on: the rest of a file is handed on in the units
/// of its beginning.
fn units_before(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
    options: &ReadOptions,
) -> Result<HashMap<Arc<str>, String>, CodedError> {
    let end = options.from.row;
    let start = Position::default();
    let whole = ReadOptions {
        from: start,
        wanted: Wanted::None,
        ..options.clone()
    };
    let mut reader = RowReader::new(layout, whole)?;
    table::for_each_row(source, format, layout, start, &mut |row| {
        if row.number > end {
            return ControlFlow::Break(());
        }
        reader.row(&row);
        drop(reader.take_chunk());
        ControlFlow::Continue(())
    })?;
    let mut units = reader.tags.units();
    units.extend(options.units.clone());
    Ok(units)
}

/// The columns of a long table.
#[derive(Clone, Copy, Debug)]
struct LongColumns {
    tag: usize,
    value: usize,
    quality: Option<usize>,
    unit: Option<usize>,
}

/// A value column of a wide table.
#[derive(Clone, Copy, Debug)]
struct WideColumn {
    column: usize,
    tag: usize,
    quality: Option<usize>,
}

enum Plan {
    Long(LongColumns),
    Wide(Vec<WideColumn>),
    Journal(Box<JournalReader>),
}

/// Where the time stands.
#[derive(Clone, Copy)]
enum TimeColumns {
    One(usize),
    Two(usize, usize),
}

/// Turns the rows of one file into chunks.
pub(crate) struct RowReader<'a> {
    layout: &'a ImportLayout,
    time: TimeReader,
    time_columns: TimeColumns,
    numbers: NumberFormat,
    plan: Plan,
    tags: TagTable,
    now: Timestamp,
    latest: i64,
    position: Position,
    chunk: Chunk,
    /// Time of the last event, and where the rows of that time begin.
    last_moment: Option<(Timestamp, Position)>,
    /// What was read from there on, in the present chunk and the ones before.
    since_moment: Again,
}

impl<'a> RowReader<'a> {
    /// A reader for a checked layout.
    pub(crate) fn new(layout: &'a ImportLayout, options: ReadOptions) -> Result<Self, CodedError> {
        if let Some(problem) = layout.problems().first() {
            return Err(CodedError::invalid(problem.code));
        }
        let numbers = NumberFormat {
            decimal: table::ascii(layout.decimal),
            thousands: layout.thousands.map(table::ascii),
        };
        let unknown = || CodedError::invalid("file.time_zone_unknown");
        let zone = zone(&layout.time_zone).ok_or_else(unknown)?;
        let incomplete = || CodedError::invalid("file.roles_incomplete");
        let time_columns = match (layout.column(Role::Timestamp), layout.column(Role::Date)) {
            (Some(one), _) => TimeColumns::One(one),
            (None, Some(date)) => {
                let time = layout.column(Role::TimeOfDay).ok_or_else(incomplete)?;
                TimeColumns::Two(date, time)
            }
            (None, None) => return Err(CodedError::invalid("file.time_column_wrong")),
        };
        let mut tags = TagTable::new(options.wanted, options.units);
        let plan = match (layout.kind, layout.shape) {
            (FileKind::Journal, _) => Plan::Journal(Box::new(JournalReader::new(layout))),
            (FileKind::Trend, Shape::Long) => Plan::Long(LongColumns {
                tag: layout.column(Role::Tag).ok_or_else(incomplete)?,
                value: layout.column(Role::Value).ok_or_else(incomplete)?,
                quality: layout.column(Role::Quality),
                unit: layout.column(Role::Unit),
            }),
            (FileKind::Trend, Shape::Wide) => Plan::Wide(wide_columns(layout, &mut tags)),
        };
        Ok(Self {
            layout,
            time: TimeReader::new(layout.date_format, zone, numbers),
            time_columns,
            numbers,
            plan,
            tags,
            now: options.now,
            latest: options.now.plus_ms(MAX_FUTURE_MS).0,
            position: options.from,
            chunk: Chunk::default(),
            last_moment: None,
            since_moment: Again::default(),
        })
    }

    /// Takes a row in.
    pub(crate) fn row(&mut self, row: &TableRow<'_>) {
        let before = self.position;
        self.position = row.next;
        if row.number < u64::from(self.layout.first_row) {
            return;
        }
        let cells = match &row.cells {
            Ok(cells) if cells.is_blank() => return,
            Ok(cells) => cells,
            Err(code) => {
                self.count_row();
                return self.reject(row.number, None, code, row.raw);
            }
        };
        self.count_row();
        let at = match self.time_of(cells) {
            Ok(at) => at,
            Err((code, column)) => {
                let cell = cells.get(column).unwrap_or_default();
                return self.reject(row.number, Some(column), code, cell);
            }
        };
        match &mut self.plan {
            Plan::Long(columns) => {
                let columns = *columns;
                self.long_row(row.number, at, cells, columns);
            }
            Plan::Wide(_) => self.wide_row(row.number, at, cells),
            Plan::Journal(journal) => match journal.event(at, cells) {
                Ok(None) => {
                    self.chunk.repeats += 1;
                    self.since_moment.repeats += 1;
                }
                Ok(Some(event)) => {
                    if self.last_moment.is_none_or(|(last, _)| last != at) {
                        self.last_moment = Some((at, before));
                        self.since_moment = Again {
                            rows: 1,
                            ..Again::default()
                        };
                    }
                    self.since_moment.events += 1;
                    if let Some(word) = journal.unknown_state.take() {
                        let states = &mut self.chunk.unknown.states;
                        states.note(row.number, word.as_bytes());
                        self.since_moment.unknown_states += 1;
                    }
                    if let Some(word) = journal.unknown_priority.take() {
                        let priorities = &mut self.chunk.unknown.priorities;
                        priorities.note(row.number, word.as_bytes());
                        self.since_moment.unknown_priorities += 1;
                    }
                    if let Some(subject) = event.subject.as_deref()
                        && let Ok(tag) = self.tags.find(subject.as_bytes())
                    {
                        self.tags.get(tag).note(at, None);
                    }
                    self.chunk.events.push(event);
                }
                Err(code) => self.reject(row.number, None, code, row.raw),
            },
        }
    }

    /// Whether a chunk should be handed on.
    #[must_use]
    pub(crate) fn is_chunk_full(&self) -> bool {
        let chunk = &self.chunk;
        chunk.samples.len() >= CHUNK_SAMPLES
            || chunk.rejects.len() >= CHUNK_REJECTS
            || chunk.events.len() >= CHUNK_EVENTS
            || chunk.rows >= CHUNK_ROWS
    }

    /// Hands out what was read.
    pub(crate) fn take_chunk(&mut self) -> Chunk {
        // The ids of a journal count equal events of one moment: reading goes on where the moment began,
        // and the events handed on already get the ids they have.
        if let Some((_, start)) = self.last_moment {
            self.chunk.position = start;
            self.chunk.again = self.since_moment;
        } else {
            self.chunk.position = self.position;
        }
        std::mem::take(&mut self.chunk)
    }

    fn count_row(&mut self) {
        self.chunk.rows += 1;
        self.since_moment.rows += 1;
    }

    fn time_of(&mut self, cells: &Cells<'_>) -> Result<Timestamp, (&'static str, usize)> {
        let (found, column) = match self.time_columns {
            TimeColumns::One(column) => (
                self.time.read(cells.get(column).unwrap_or_default()),
                column,
            ),
            TimeColumns::Two(date, time) => {
                let cell = |c| cells.get(c).unwrap_or_default();
                (self.time.read_joined(cell(date), cell(time)), date)
            }
        };
        match found {
            Ok(ms) if ms > self.latest => Err(("file.time_in_future", column)),
            Ok(ms) => Ok(Timestamp(ms)),
            Err(problem) => Err((problem.code(), column)),
        }
    }

    fn long_row(&mut self, number: u64, at: Timestamp, cells: &Cells<'_>, columns: LongColumns) {
        let tag_cell = cells.get(columns.tag).unwrap_or_default();
        let tag = match self.tags.find(tag_cell) {
            Ok(tag) => tag,
            Err(code) => return self.reject(number, Some(columns.tag), code, tag_cell),
        };
        let Some(value_cell) = cells.get(columns.value) else {
            return self.reject(number, Some(columns.value), "file.cell_missing", &[]);
        };
        let (mut value, implied) = match cell::value(value_cell, self.numbers) {
            Ok(Some(read)) => read,
            // A row that names a time and a tag says that there was no value.
            Ok(None) => return self.push(at, tag, None, StatusCode::BAD),
            Err(code) => return self.reject(number, Some(columns.value), code, value_cell),
        };
        // Only a number has a unit; what a state or a truth value carries there says nothing.
        if let (Some(Value::Number(read)), Some(column)) = (&mut value, columns.unit) {
            let cell = cells.get(column).unwrap_or_default();
            match self.tags.in_unit_of(tag, *read, cell) {
                Ok(converted) => *read = converted,
                Err(code) => return self.reject(number, Some(column), code, cell),
            }
        }
        let quality = columns.quality.and_then(|c| cells.get(c));
        let status = self.status(number, quality, implied);
        self.push(at, tag, value, status);
    }

    fn wide_row(&mut self, number: u64, at: Timestamp, cells: &Cells<'_>) {
        let Plan::Wide(columns) = &mut self.plan else {
            return;
        };
        let columns = std::mem::take(columns);
        for wide in &columns {
            let Some(cell) = cells.get(wide.column) else {
                continue;
            };
            let quality = wide.quality.and_then(|c| cells.get(c));
            match cell::value(cell, self.numbers) {
                Ok(Some((value, implied))) => {
                    let status = self.status(number, quality, implied);
                    self.push(at, wide.tag, value, status);
                }
                Ok(None) => {}
                Err(code) => self.reject(number, Some(wide.column), code, cell),
            }
        }
        self.plan = Plan::Wide(columns);
    }

    /// The status of a value: what its quality says, unless the value itself says worse.
    /// One that is not known makes it uncertain.
    fn status(&mut self, row: u64, quality: Option<&[u8]>, implied: StatusCode) -> StatusCode {
        let Some(said) = quality.filter(|_| implied.is_good()) else {
            return implied;
        };
        if let Some(status) = cell::quality(said, self.layout.quality) {
            return status;
        }
        self.chunk.unknown.qualities.note(row, said);
        StatusCode::UNCERTAIN
    }

    fn push(&mut self, at: Timestamp, tag: usize, value: Option<Value>, status: StatusCode) {
        let found = self.tags.get(tag);
        found.note(at, value.as_ref());
        if found.is_wanted {
            self.chunk.samples.push(RawSample {
                state_no: None,
                external_tag: Arc::clone(&found.tag),
                value,
                status,
                source_time: Some(at),
                server_time: None,
                received_at: self.now,
            });
        } else {
            self.chunk.unwanted += 1;
        }
    }

    fn reject(&mut self, row: u64, column: Option<usize>, code: &'static str, text: &[u8]) {
        // Cut before decoding: a cell may be a megabyte long.
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_REJECT_CHARS * 4)]);
        let name = column.and_then(|c| self.layout.columns.get(c));
        self.since_moment.rejects += 1;
        self.chunk.rejects.push(Reject {
            row,
            column: name.map(|c| neutralise(&c.name, 80)),
            code,
            text: neutralise(&text, MAX_REJECT_CHARS),
        });
    }
}

/// The value columns of a wide table with the quality column that follows each.
fn wide_columns(layout: &ImportLayout, tags: &mut TagTable) -> Vec<WideColumn> {
    let mut columns: Vec<WideColumn> = Vec::new();
    for (index, column) in layout.columns.iter().enumerate() {
        match column.role {
            Role::Value => {
                let name = column.tag.as_deref().unwrap_or(&column.name);
                let tag = tags.add(name, column.unit.clone());
                columns.push(WideColumn {
                    column: index,
                    tag,
                    quality: None,
                });
            }
            Role::Quality => {
                if let Some(last) = columns.last_mut() {
                    last.quality = Some(index);
                }
            }
            _ => {}
        }
    }
    columns
}
