//! What was found out about a file, and what its first rows mean with a layout.

use std::{collections::HashMap, ops::ControlFlow};

use iq_domain::{CodedError, Message, Quality, Timestamp, Value, neutralise};
use serde::{Deserialize, Serialize};

use crate::{
    layout::{FileFormat, ImportLayout},
    read::{ReadOptions, RowReader},
    source::FileSource,
    table::{self, Position},
    tags::Wanted,
};

/// Rows shown as they are.
pub(crate) const SAMPLE_ROWS: usize = 20;
/// Columns of those.
pub(crate) const SAMPLE_COLUMNS: usize = 100;
/// Longest cell shown.
const SAMPLE_CHARS: usize = 120;
/// Readings shown.
const PREVIEW_READINGS: usize = 40;
/// Rows looked at for them.
const PREVIEW_ROWS: u64 = 200;

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileProfile {
    /// What it is.
    pub format: FileFormat,
    /// Sheets of a spreadsheet.
    pub sheets: Vec<String>,
    /// How it seems to be written; a person may correct it.
    pub layout: ImportLayout,
    /// Its first rows, as they are.
    pub sample: Vec<Vec<String>>,
    /// The file itself names the zone of its times: in a title or in each cell, or by counting from 1970.
    #[serde(default)]
    pub names_zone: bool,
    /// What a person should look at.
    pub warnings: Vec<Message>,
}

/// A row of the preview: what one cell means, or why it means nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Row, counted from 1.
    pub row: u64,
    /// When.
    pub at: Option<Timestamp>,
    /// Which tag or source.
    pub tag: Option<String>,
    /// Value of a trend.
    pub value: Option<Value>,
    /// Its quality.
    pub quality: Option<Quality>,
    /// Text of an alarm.
    pub message: Option<String>,
    /// Why it can't be read.
    pub problem: Option<Message>,
}

/// The first rows as they stand in the file.
pub fn sample_rows(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
) -> Result<Vec<Vec<String>>, CodedError> {
    let mut rows = Vec::new();
    table::for_each_row(source, format, layout, Position::default(), &mut |row| {
        let cells = row.cells.map_or_else(
            |_| vec![shown(row.raw)],
            |cells| {
                (0..cells.len().min(SAMPLE_COLUMNS))
                    .map(|i| shown(cells.get(i).unwrap_or_default()))
                    .collect()
            },
        );
        rows.push(cells);
        if rows.len() < SAMPLE_ROWS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(rows)
}

fn shown(cell: &[u8]) -> String {
    let cell = &cell[..cell.len().min(SAMPLE_CHARS * 4)];
    neutralise(&String::from_utf8_lossy(cell), SAMPLE_CHARS)
}

/// What the first rows mean.
pub fn preview(
    source: &FileSource,
    format: FileFormat,
    layout: &ImportLayout,
    now: Timestamp,
) -> Result<Vec<Reading>, CodedError> {
    let options = ReadOptions {
        from: Position::default(),
        wanted: Wanted::All,
        units: HashMap::new(),
        now,
    };
    let mut reader = RowReader::new(layout, options)?;
    let mut readings = Vec::new();
    table::for_each_row(source, format, layout, Position::default(), &mut |row| {
        reader.row(&row);
        let chunk = reader.take_chunk();
        let empty = |row| Reading {
            row,
            at: None,
            tag: None,
            value: None,
            quality: None,
            message: None,
            problem: None,
        };
        readings.extend(chunk.samples.into_iter().map(|sample| Reading {
            at: sample.source_time,
            tag: Some(sample.external_tag.to_string()),
            value: sample.value,
            quality: Some(sample.status.quality()),
            ..empty(row.number)
        }));
        readings.extend(chunk.events.into_iter().map(|event| Reading {
            at: Some(event.at),
            tag: event.subject,
            message: Some(event.summary),
            ..empty(row.number)
        }));
        readings.extend(chunk.rejects.into_iter().map(|reject| Reading {
            tag: reject.column,
            message: Some(reject.text),
            problem: Some(Message {
                code: reject.code.to_owned(),
                ..Message::default()
            }),
            ..empty(row.number)
        }));
        let is_enough = readings.len() >= PREVIEW_READINGS
            || row.number >= u64::from(layout.first_row) + PREVIEW_ROWS;
        if is_enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    readings.truncate(PREVIEW_READINGS);
    Ok(readings)
}
