//! Looking at the rows of a table before it is mapped.

use serde::Serialize;
use serde_json::Value;

/// Most rows one look hands out.
pub const MAX_SAMPLE_ROWS: usize = 100;

/// Something the source offers for a field of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What is written into the field.
    pub value: String,
    /// What a person reads; equals the value where there is nothing better.
    pub label: String,
    /// A word about it (type of the column, number of rows), as the source says it.
    pub detail: Option<String>,
}

/// What a column seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Points in time.
    Time,
    /// Numbers.
    Number,
    /// Truth values.
    Bool,
    /// Text.
    Text,
    /// Bytes or something we do not read.
    Other,
}

/// What a column is used for, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnRole {
    /// When.
    Timestamp,
    /// How much.
    Value,
    /// Which tag.
    Tag,
    /// Good or bad.
    Quality,
    /// Not read.
    None,
}

/// A column of the sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleColumn {
    /// Name.
    pub name: String,
    /// Type as the source names it.
    pub source_type: String,
    /// What it seems to hold.
    pub kind: ColumnKind,
    /// What it is used for with the present configuration.
    pub role: ColumnRole,
}

/// The first rows of a source, as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SampleRows {
    /// The columns.
    pub columns: Vec<SampleColumn>,
    /// The rows; numbers, truth values and null as such, everything else as text.
    pub rows: Vec<Vec<Value>>,
    /// Whether the source has more.
    pub has_more: bool,
    /// Tags these rows would deliver with the present configuration.
    pub tags: Vec<String>,
    /// What the present configuration still lacks or gets wrong, field by field.
    pub problems: Vec<crate::FieldError>,
}
