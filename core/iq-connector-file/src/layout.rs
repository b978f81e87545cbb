//! How a file is to be read: what was detected, as a person may correct it.

use serde::{Deserialize, Serialize};

/// Longest text of a tag.
pub const MAX_TAG_CHARS: usize = 200;
/// Most columns of a table; the width of a spreadsheet.
pub const MAX_COLUMNS: usize = 16_384;

/// What kind of file it is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Text with delimiters.
    Csv,
    /// A spreadsheet.
    Xlsx,
}

/// How letters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Arabic Windows.
    #[serde(rename = "windows-1256")]
    Windows1256,
    /// Western Windows.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// How points in time are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// Year first: 2024-01-31.
    Iso,
    /// Day first: 31/01/2024.
    DayFirst,
    /// Month first: 01/31/2024.
    MonthFirst,
    /// Days since 1899-12-30, as spreadsheets count.
    ExcelSerial,
    /// Seconds since 1970.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Values over time.
    Trend,
    /// Alarms and events.
    Journal,
}

/// How a table holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One value per row, with its tag.
    Long,
    /// One column per tag.
    Wide,
}

/// How a quality is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityFormat {
    /// Words, such as "Good" and "Bad".
    Words,
    /// OPC DA: 192 is good.
    OpcDa,
    /// OPC UA status codes: 0 is good.
    OpcUa,
    /// 1 is good, 0 is bad.
    Flag,
}

/// What a column is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Date and time.
    Timestamp,
    /// The date alone; the time stands in another column.
    Date,
    /// The time of day alone.
    TimeOfDay,
    /// The tag or source.
    Tag,
    /// A value.
    Value,
    /// Its quality; in a wide table that of the value column before it.
    Quality,
    /// The unit of the row's value; of long tables.
    Unit,
    /// Text of an alarm.
    Message,
    /// State of an alarm.
    State,
    /// Priority of an alarm.
    Priority,
    /// Who did it.
    Operator,
    /// Not read.
    Ignore,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportColumn {
    /// Its title, as it stands in the file.
    pub name: String,
    /// What it is read as.
    pub role: Role,
    /// The tag its values belong to; of value columns of wide tables.
    #[serde(default)]
    pub tag: Option<String>,
    /// Unit as the file names it.
    #[serde(default)]
    pub unit: Option<String>,
}

/// How a file is to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportLayout {
    /// Letters; of CSV.
    pub encoding: Encoding,
    /// What separates columns: `,` `;` `|` or a tab; of CSV.
    pub delimiter: char,
    /// What surrounds a cell that contains the delimiter: `"` or `'`; of CSV.
    pub quote: char,
    /// What separates whole from fraction: `.` or `,`.
    pub decimal: char,
    /// What groups thousands, if anything: `,` `.` `'` or a space.
    #[serde(default)]
    pub thousands: Option<char>,
    /// How times are written.
    pub date_format: DateFormat,
    /// Time zone of times that name none.
    pub time_zone: String,
    /// Trends or alarms.
    pub kind: FileKind,
    /// One value per row, or one column per tag.
    pub shape: Shape,
    /// How qualities are written.
    pub quality: QualityFormat,
    /// The sheet; of a spreadsheet.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Row of the titles, counted from 1; 0 when there are none.
    pub header_row: u32,
    /// First row of data, counted from 1.
    pub first_row: u32,
    /// The columns, in order.
    pub columns: Vec<ImportColumn>,
}

/// A field of a layout that can't be read with, with the code of the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutProblem {
    /// Field of [`ImportLayout`].
    pub field: &'static str,
    /// Code of the sentence.
    pub code: &'static str,
}

impl ImportLayout {
    /// Positions of the columns with a role.
    pub fn columns_with(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        self.columns
            .iter()
            .enumerate()
            .filter(move |(_, c)| c.role == role)
            .map(|(i, _)| i)
    }

    /// The first column with a role.
    #[must_use]
    pub fn column(&self, role: Role) -> Option<usize> {
        self.columns_with(role).next()
    }

    /// What a person's correction gets wrong; empty when a file can be read with it.
    #[must_use]
    pub fn problems(&self) -> Vec<LayoutProblem> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, field, code| {
            if !holds {
                problems.push(LayoutProblem { field, code });
            }
        };
        require(
            matches!(self.delimiter, ',' | ';' | '\t' | '|'),
            "delimiter",
            "file.delimiter_wrong",
        );
        require(
            matches!(self.quote, '"' | '\''),
            "quote",
            "file.quote_wrong",
        );
        require(
            matches!(self.decimal, '.' | ','),
            "decimal",
            "file.decimal_wrong",
        );
        require(
            self.thousands
                .is_none_or(|c| matches!(c, ',' | '.' | '\'' | ' ') && c != self.decimal),
            "thousands",
            "file.thousands_wrong",
        );
        require(
            crate::time::zone(&self.time_zone).is_some(),
            "time_zone",
            "file.time_zone_unknown",
        );
        require(
            self.first_row > self.header_row && self.first_row <= 10_000,
            "first_row",
            "file.first_row_wrong",
        );
        require(
            !self.columns.is_empty() && self.columns.len() <= MAX_COLUMNS,
            "columns",
            "file.columns_count_wrong",
        );
        let count = |role| self.columns_with(role).count();
        let has_time = (
            count(Role::Timestamp),
            count(Role::Date),
            count(Role::TimeOfDay),
        );
        require(
            matches!(has_time, (1, 0, 0) | (0, 1, 1)),
            "columns",
            "file.time_column_wrong",
        );
        let is_complete = match (self.kind, self.shape) {
            (FileKind::Journal, _) => count(Role::Message) >= 1 && count(Role::Tag) <= 1,
            (FileKind::Trend, Shape::Long) => count(Role::Tag) == 1 && count(Role::Value) == 1,
            (FileKind::Trend, Shape::Wide) => count(Role::Value) >= 1 && count(Role::Tag) == 0,
        };
        require(is_complete, "columns", "file.roles_incomplete");
        if self.kind == FileKind::Trend && self.shape == Shape::Wide {
            let mut seen = std::collections::HashSet::new();
            let tags = self.columns_with(Role::Value).map(|i| &self.columns[i]);
            let mut are_named = true;
            let mut are_unique = true;
            for column in tags {
                let tag = column.tag.as_deref().unwrap_or_default();
                are_named &= iq_domain::is_clean_line(tag, MAX_TAG_CHARS);
                are_unique &= seen.insert(tag);
            }
            require(are_named, "columns", "file.tag_name_wrong");
            require(are_unique, "columns", "file.tag_twice");
        }
        problems
    }
}
