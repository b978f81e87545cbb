//! The configuration of a file integration. The field docs are the help texts of the form.

use iq_connector::ConnectorContext;
use iq_domain::CodedError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    detect::Hints,
    layout::{DateFormat, Encoding},
};

/// What becomes of a file of the watched folder after it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterImport {
    /// It is moved into the folder "done".
    #[default]
    Move,
    /// It stays where it is and is remembered.
    Keep,
}

/// Letters of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncodingChoice {
    /// Found out per file.
    #[default]
    Auto,
    /// UTF-8.
    Utf8,
    /// UTF-16 as Windows writes it.
    Utf16,
    /// Arabic Windows.
    Windows1256,
    /// Western Windows.
    Windows1252,
}

/// What separates the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DelimiterChoice {
    /// Found out per file.
    #[default]
    Auto,
    /// Comma.
    Comma,
    /// Semicolon.
    Semicolon,
    /// Tab.
    Tab,
    /// Vertical bar.
    Bar,
}

/// The decimal sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecimalChoice {
    /// Found out per file.
    #[default]
    Auto,
    /// Point.
    Point,
    /// Comma.
    Comma,
}

/// The form of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateChoice {
    /// Found out per file.
    #[default]
    Auto,
    /// Year first.
    Iso,
    /// Day first.
    DayFirst,
    /// Month first.
    MonthFirst,
    /// Days as spreadsheets count.
    ExcelSerial,
    /// Seconds since 1970.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
}

/// Configuration of a file integration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// A folder inside the inbox of this installation that is looked into for new files, such as dcs/trends. Empty for uploads only.
    #[schemars(extend("x-order" = 10, "x-group" = "files", "x-widget" = "text", "maxLength" = 200))]
    pub watch_folder: Option<String>,

    /// Only files whose name fits are read, such as *.csv. A star stands for any letters.
    #[schemars(extend("x-order" = 20, "x-group" = "files", "x-widget" = "text", "default" = "*", "maxLength" = 100))]
    pub file_pattern: Option<String>,

    /// What becomes of a file after it was read.
    #[schemars(extend("x-order" = 30, "x-group" = "files", "x-widget" = "select", "default" = "move"))]
    pub after_import: Option<AfterImport>,

    /// How often the folder is looked into, in seconds.
    #[schemars(range(min = 1, max = 3_600), extend("x-order" = 40, "x-group" = "files", "x-widget" = "number", "default" = 15))]
    pub poll_interval_s: Option<u32>,

    /// Time zone of times that name none.
    #[schemars(extend("x-order" = 50, "x-group" = "format", "x-widget" = "time_zone", "default" = "UTC", "maxLength" = 60))]
    pub time_zone: Option<String>,

    /// How letters are written. Choose one only if Arabic text looks wrong.
    #[schemars(extend("x-order" = 60, "x-group" = "format", "x-widget" = "select", "default" = "auto"))]
    pub encoding: Option<EncodingChoice>,

    /// What separates the columns.
    #[schemars(extend("x-order" = 70, "x-group" = "format", "x-widget" = "select", "default" = "auto"))]
    pub delimiter: Option<DelimiterChoice>,

    /// The sign between whole and fraction.
    #[schemars(extend("x-order" = 80, "x-group" = "format", "x-widget" = "select", "default" = "auto"))]
    pub decimal: Option<DecimalChoice>,

    /// The order of day, month and year. Choose it where a file can be read both ways.
    #[schemars(extend("x-order" = 90, "x-group" = "format", "x-widget" = "select", "default" = "auto"))]
    pub date_format: Option<DateChoice>,
}

impl FileConfig {
    /// The configuration in force.
    pub fn from_value(config: &Value) -> Result<Self, CodedError> {
        serde_json::from_value(config.clone()).map_err(|error| {
            CodedError::invalid("connector.config_unreadable").with("detail", error)
        })
    }

    /// The configuration of a context.
    pub fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        let config = Self::from_value(&ctx.config)?;
        if let Some(zone) = &config.time_zone
            && crate::time::zone(zone).is_none()
        {
            return Err(CodedError::invalid("file.time_zone_unknown").with("zone", zone));
        }
        Ok(config)
    }

    /// The watched folder, if there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        let folder = self.watch_folder.as_deref().map(str::trim);
        folder.filter(|f| !f.is_empty())
    }

    /// What the configuration says about all its files.
    #[must_use]
    pub fn hints(&self) -> Hints {
        Hints {
            time_zone: self.time_zone.clone(),
            encoding: match self.encoding.unwrap_or_default() {
                EncodingChoice::Auto => None,
                EncodingChoice::Utf8 => Some(Encoding::Utf8),
                EncodingChoice::Utf16 => Some(Encoding::Utf16Le),
                EncodingChoice::Windows1256 => Some(Encoding::Windows1256),
                EncodingChoice::Windows1252 => Some(Encoding::Windows1252),
            },
            delimiter: match self.delimiter.unwrap_or_default() {
                DelimiterChoice::Auto => None,
                DelimiterChoice::Comma => Some(','),
                DelimiterChoice::Semicolon => Some(';'),
                DelimiterChoice::Tab => Some('\t'),
                DelimiterChoice::Bar => Some('|'),
            },
            decimal: match self.decimal.unwrap_or_default() {
                DecimalChoice::Auto => None,
                DecimalChoice::Point => Some('.'),
                DecimalChoice::Comma => Some(','),
            },
            date_format: match self.date_format.unwrap_or_default() {
                DateChoice::Auto => None,
                DateChoice::Iso => Some(DateFormat::Iso),
                DateChoice::DayFirst => Some(DateFormat::DayFirst),
                DateChoice::MonthFirst => Some(DateFormat::MonthFirst),
                DateChoice::ExcelSerial => Some(DateFormat::ExcelSerial),
                DateChoice::EpochS => Some(DateFormat::EpochS),
                DateChoice::EpochMs => Some(DateFormat::EpochMs),
            },
            ..Hints::default()
        }
    }
}
