//! The wire of OData version 2: literals, queries, lists, single entities, errors. Pure.

use iq_domain::{Timestamp, neutralise};
use serde_json::{Map, Value};

use crate::values::{MAX_ROWS, Row, flat};

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// How many there are altogether, where the answer tells.
    pub(crate) total: Option<u64>,
    /// Whether the source says that more follows. The link itself is never followed: the next page
    /// is asked for by the position of the last row, at our own address.
    pub(crate) is_continued: bool,
}

impl Page {
    /// Whether rows remain after this page, which began at `offset` and was asked for `limit` rows.
    pub(crate) fn has_more(&self, offset: usize, limit: usize) -> bool {
        let read = u64::try_from(offset + self.rows.len()).unwrap_or(u64::MAX);
        !self.rows.is_empty()
            && (self.is_continued
                || self.total.is_some_and(|total| total > read)
                || (self.total.is_none() && self.rows.len() >= limit))
    }
}

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its code ("CM/123").
    pub(crate) code: String,
    /// Its words, details included, fit to be shown.
    pub(crate) words: String,
}

/// A text literal: in single quotes, a quote inside doubled.
pub(crate) fn quoted(written: &str) -> String {
    format!("'{}'", written.replace('\'', "''"))
}

/// A literal of Edm.DateTimeOffset, to the second before.
pub(crate) fn moment_literal(at: Timestamp) -> String {
    let whole = Timestamp(at.0.div_euclid(1_000) * 1_000).to_string();
    format!("datetimeoffset'{}Z'", whole.trim_end_matches(".000Z"))
}

/// A moment as Edm.DateTimeOffset has it in JSON.
pub(crate) fn json_moment(at: Timestamp) -> String {
    format!("/Date({}+0000)/", at.0)
}

/// A day (midnight UTC) as Edm.DateTime has it in JSON.
pub(crate) fn json_day(midnight_ms: i64) -> String {
    format!("/Date({midnight_ms})/")
}

/// Seconds of the day as Edm.Time has them in JSON.
pub(crate) fn json_time(seconds: i64) -> String {
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("PT{h:02}H{m:02}M{s:02}S")
}

/// A query string, values percent-encoded; spaces as %20, which every server reads alike.
pub(crate) fn query(parts: &[(&str, &str)]) -> String {
    let mut written = String::new();
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        written.push(if written.is_empty() { '?' } else { '&' });
        written.push_str(name);
        written.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                written.push(char::from(byte));
            } else {
                written.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    written
}

/// The rows of a list answer; `None` when it is not one.
pub(crate) fn page(body: &Value) -> Option<Page> {
    let d = body.get("d")?;
    let (rows, envelope) = match d {
        Value::Array(rows) => (rows, None),
        Value::Object(envelope) => (envelope.get("results")?.as_array()?, Some(envelope)),
        _ => return None,
    };
    let field = |name: &str| envelope.and_then(|e| e.get(name));
    let total = match field("__count") {
        Some(Value::String(count)) => count.trim().parse().ok(),
        Some(count) => count.as_u64(),
        None => None,
    };
    let rows: Option<Vec<Row>> = rows
        .iter()
        .take(MAX_ROWS)
        .map(|row| row.as_object().map(flat))
        .collect();
    Some(Page {
        rows: rows?,
        total,
        is_continued: field("__next")
            .and_then(Value::as_str)
            .is_some_and(|n| !n.is_empty()),
    })
}

/// The entity of an answer and its version (ETag).
pub(crate) fn entity(body: &Value) -> Option<(Row, Option<String>)> {
    let d = body.get("d")?.as_object()?;
    // Some gateways answer a creation with the entity wrapped once more.
    let found = match d.get("results") {
        Some(Value::Object(inner)) => inner,
        Some(_) => return None,
        None => d,
    };
    Some((flat(found), etag(found)))
}

fn etag(row: &Map<String, Value>) -> Option<String> {
    let found = row.get("__metadata")?.get("etag")?.as_str()?;
    (found.len() <= 200 && found.bytes().all(|b| (0x20..0x7f).contains(&b)))
        .then(|| found.to_owned())
}

/// What an error body says, in any of the notations gateways use; `None` when it is none of them.
pub(crate) fn said(body: &[u8]) -> Option<Said> {
    match serde_json::from_slice::<Value>(body) {
        Ok(json) => said_json(json.get("error")?),
        Err(_) => said_xml(std::str::from_utf8(body).ok()?),
    }
}

fn said_json(error: &Value) -> Option<Said> {
    let message_of = |node: &Value| -> Option<String> {
        let message = node.get("message")?;
        let words = message
            .as_str()
            .or_else(|| message.get("value")?.as_str())?;
        Some(words.trim().to_owned()).filter(|w| !w.is_empty())
    };
    let mut words: Vec<String> = message_of(error).into_iter().collect();
    let inner = error.get("innererror");
    let details = inner
        .and_then(|i| i.get("errordetails"))
        .or_else(|| error.get("details"))
        .and_then(Value::as_array);
    for detail in details.into_iter().flatten().take(20) {
        if let Some(more) = message_of(detail)
            && !words.contains(&more)
            && words.len() < 5
        {
            words.push(more);
        }
    }
    let transaction = inner
        .and_then(|i| i.get("transactionid"))
        .and_then(Value::as_str);
    if words.is_empty() {
        words.extend(transaction.map(|id| format!("transaction {id}")));
    }
    let code = error
        .get("code")
        .map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned));
    Some(Said {
        code: neutralise(&code.unwrap_or_default(), 60),
        words: neutralise(&words.join("; "), 400),
    })
}

fn said_xml(written: &str) -> Option<Said> {
    if !written.contains("<error") {
        return None;
    }
    let inside = |tag: &str| -> Option<String> {
        let from = written.find(&format!("<{tag}"))?;
        let rest = &written[from..];
        let rest = &rest[rest.find('>')? + 1..];
        let found = rest.split("</").next()?;
        let plain = found
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&");
        Some(plain.trim().to_owned()).filter(|f| !f.is_empty())
    };
    Some(Said {
        code: neutralise(&inside("code").unwrap_or_default(), 60),
        words: neutralise(&inside("message")?, 400),
    })
}

/// Warnings and notes of the `sap-message` header: severity and words.
pub(crate) fn notes(header: &str) -> Vec<(String, String)> {
    let Ok(json) = serde_json::from_str::<Value>(header) else {
        return Vec::new();
    };
    let details = json
        .get("details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    std::iter::once(&json)
        .chain(details)
        .filter_map(|note| {
            let words = note.get("message")?.as_str()?;
            let severity = note
                .get("severity")
                .and_then(Value::as_str)
                .unwrap_or("info");
            Some((neutralise(severity, 20), neutralise(words, 200)))
        })
        .take(10)
        .collect()
}

#[cfg(test)]
#[path = "odata_tests.rs"]
mod tests;
