//! A JSON body read by its type. What does not fit is named by its field and a code: the parser's own words are
//! English and never shown.

use iq_domain::neutralise;
use serde::de::DeserializeOwned;

use crate::strict::Strict;

/// Why a body is not what its route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is not UTF-8.
    NotUtf8,
    /// It is not JSON.
    NotJson {
        /// The line where it stops being so.
        line: usize,
        /// The place in that line.
        column: usize,
    },
    /// A field is unknown, missing or wrong.
    Field {
        /// Its path; empty for the whole.
        field: String,
        /// What is wrong with it.
        code: &'static str,
    },
}

/// Reads a body, an object where an object is documented.
///
/// # Errors
/// When it is no JSON, or not that of the type.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Misfit> {
    let text = std::str::from_utf8(bytes).map_err(|_| Misfit::NotUtf8)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Strict(&mut reader)).map_err(|error| {
        let path = error.path().to_string();
        misfit(&path, error.inner())
    })?;
    reader.end().map_err(|error| misfit("", &error))?;
    Ok(value)
}

/// Turns the parser's complaint into a code and the field it is about.
fn misfit(path: &str, error: &serde_json::Error) -> Misfit {
    if !error.is_data() {
        return Misfit::NotJson {
            line: error.line(),
            column: error.column(),
        };
    }
    let text = error.to_string();
    let quoted = text.split('`').nth(1).unwrap_or_default();
    let path = if path == "." { "" } else { path };
    let (field, code) = if text.starts_with("unknown field") {
        (joined(path, quoted), "request.field_unknown")
    } else if text.starts_with("missing field") {
        (joined(path, quoted), "request.field_missing")
    } else if text.starts_with("unknown variant") {
        (path.to_owned(), "request.field_unknown_option")
    } else {
        (path.to_owned(), "request.field_wrong_type")
    };
    Misfit::Field {
        field: neutralise(&field, 120),
        code,
    }
}

/// The path with the field's name at its end, once.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() || path == name || path.ends_with(&format!(".{name}")) {
        if path.is_empty() {
            name.to_owned()
        } else {
            path.to_owned()
        }
    } else {
        format!("{path}.{name}")
    }
}
