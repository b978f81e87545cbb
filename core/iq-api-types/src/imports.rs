//! Uploaded files of trends and alarm journals.

use iq_domain::{ImportId, IntegrationId, Quality, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StatusMessage;

/// Where an uploaded file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// A person has to say what its columns are.
    NeedsLayout,
    /// It is looked through.
    Scanning,
    /// It may be imported.
    Ready,
    /// It is being imported.
    Running,
    /// It was imported.
    Done,
    /// Reading it failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    /// Text with delimiters.
    Csv,
    /// A spreadsheet.
    Xlsx,
}

/// How letters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ImportEncoding {
    /// UTF-8.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportDateFormat {
    /// 2024-01-31.
    Iso,
    /// 31/01/2024.
    DayFirst,
    /// 01/31/2024.
    MonthFirst,
    /// Days as spreadsheets count.
    ExcelSerial,
    /// Seconds since 1970.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Values over time.
    Trend,
    /// Alarms and events.
    Journal,
}

/// How a table holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportShape {
    /// One value per row, with its tag.
    Long,
    /// One column per tag.
    Wide,
}

/// How a quality is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportQuality {
    /// Words.
    Words,
    /// 192 is good.
    OpcDa,
    /// 0 is good.
    OpcUa,
    /// 1 is good, 0 is bad.
    Flag,
}

/// What a column is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportRole {
    /// Date and time.
    Timestamp,
    /// The date alone.
    Date,
    /// The time of day alone.
    TimeOfDay,
    /// The tag or source.
    Tag,
    /// A value.
    Value,
    /// Its quality.
    Quality,
    /// The unit of the row's value.
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

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportColumn {
    /// Title as it stands in the file.
    pub name: String,
    /// What it is read as.
    pub role: ImportRole,
    /// The tag its values belong to; of value columns of wide tables.
    #[serde(default)]
    pub tag: Option<String>,
    /// Unit as the file names it.
    #[serde(default)]
    pub unit: Option<String>,
}

/// How a file is to be read: found out, and corrected by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportLayout {
    /// Letters.
    pub encoding: ImportEncoding,
    /// `,` `;` `|` or a tab.
    pub delimiter: char,
    /// `"` or `'`.
    pub quote: char,
    /// `.` or `,`.
    pub decimal: char,
    /// Groups thousands, if anything.
    #[serde(default)]
    pub thousands: Option<char>,
    /// Dates.
    pub date_format: ImportDateFormat,
    /// Time zone of times that name none.
    pub time_zone: String,
    /// Trends or alarms.
    pub kind: ImportKind,
    /// Long or wide.
    pub shape: ImportShape,
    /// Qualities.
    pub quality: ImportQuality,
    /// Sheet of a spreadsheet.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Row of the titles, counted from 1; 0 for none.
    pub header_row: u32,
    /// First row of data, counted from 1.
    pub first_row: u32,
    /// The columns, in order.
    pub columns: Vec<ImportColumn>,
}

/// What one of the first cells means, or why it means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportReading {
    /// Row, counted from 1.
    pub row: u64,
    /// When.
    pub at: Option<Timestamp>,
    /// Tag or source.
    pub tag: Option<String>,
    /// Value, where it is a number; truth values are 0 and 1.
    pub value: Option<f64>,
    /// Its quality.
    pub quality: Option<Quality>,
    /// State, text of an alarm, or the text that can't be read.
    pub text: Option<String>,
    /// Why it can't be read.
    pub problem: Option<StatusMessage>,
}

/// What was counted while a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportCounts {
    /// Bytes behind the present position; 0 for spreadsheets until the end.
    pub bytes: u64,
    /// Rows of data.
    pub rows: u64,
    /// Of them rows of a journal that repeat another in every cell: both are one event.
    pub repeats: u64,
    /// Values (found while looking through, stored while importing).
    pub samples: u64,
    /// Events.
    pub events: u64,
    /// Rows or cells that can't be read.
    pub rejected: u64,
    /// Values of tags without a mapping; they can be imported later by running again.
    pub unmapped: u64,
    /// Milliseconds it took.
    pub ms: u64,
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportFile {
    /// Id.
    pub id: ImportId,
    /// The integration its values belong to.
    pub integration_id: IntegrationId,
    /// Name as it was uploaded.
    pub name: String,
    /// Size.
    pub size_bytes: u64,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Where it stands.
    pub state: ImportState,
    /// What it is.
    pub format: ImportFormat,
    /// Sheets of a spreadsheet.
    pub sheets: Vec<String>,
    /// How it is read.
    pub layout: ImportLayout,
    /// It names the zone of its times itself; another zone moves nothing in it.
    pub names_zone: bool,
    /// What a person should look at.
    pub warnings: Vec<StatusMessage>,
    /// Its first rows as they are.
    pub sample: Vec<Vec<String>>,
    /// What they mean; empty in lists.
    pub readings: Vec<ImportReading>,
    /// Different tags.
    pub tags: u64,
    /// Those that have a mapping.
    pub mapped_tags: u64,
    /// Time of the earliest value.
    pub first_at: Option<Timestamp>,
    /// Time of the latest.
    pub last_at: Option<Timestamp>,
    /// What looking through it found.
    pub scan: ImportCounts,
    /// What the last import did.
    pub run: ImportCounts,
    /// Rows per second at this moment.
    pub rows_per_s: f64,
    /// The same content had been imported before in the same way: nothing was read.
    pub already_imported: bool,
    /// Why it failed.
    pub error: Option<StatusMessage>,
    /// Who uploaded it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When the last import began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}
