//! Columns to domain types and back: ids as text, enumerations by their names in the API, structures
//! as JSON.

use std::{fmt, str::FromStr};

use iq_domain::{Names, TenantId, Timestamp};
use rusqlite::{Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// A column that does not hold what this program writes into it.
fn unreadable(column: &str, why: impl fmt::Display) -> rusqlite::Error {
    let text = format!("column {column}: {why}");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, text.into())
}

pub(crate) fn id<T: FromStr<Err: fmt::Display>>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

pub(crate) fn id_opt<T: FromStr<Err: fmt::Display>>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(column, error)))
        .transpose()
}

pub(crate) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(crate) fn time_opt(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

pub(crate) fn names(row: &Row<'_>) -> rusqlite::Result<Names> {
    Ok(Names {
        en: row.get("name")?,
        ar: row.get("name_ar")?,
    })
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, error))
}

/// An enumeration without fields, by its name.
pub(crate) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|error| unreadable(column, error))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(error.to_string()))
}

pub(crate) fn to_word(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(other) => Err(StoreError::Internal(format!("{other} is not a word"))),
        Err(error) => Err(StoreError::Internal(error.to_string())),
    }
}

/// Refuses a row of another tenant before it is written under this one.
pub(crate) fn same_tenant(tenant: TenantId, row: TenantId) -> Result<(), StoreError> {
    if tenant == row {
        Ok(())
    } else {
        Err(StoreError::NotFound)
    }
}
