//! The documents of PI Web API, as far as they are read. Unknown members are ignored, absent ones
//! are absent: versions differ in what they send.

use std::collections::BTreeMap;

use iq_domain::{CodedError, ErrorKind, neutralise};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A member that may be `null` where a list or an object is meant.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// An error in the middle of an answer that began well.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct WebException {
    pub(crate) status_code: Option<u16>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<String>,
}

impl WebException {
    /// As a coded error.
    pub(crate) fn coded(&self, host: &str) -> CodedError {
        CodedError::new(ErrorKind::Upstream, "pi.answer_broke")
            .with("host", host)
            .with("status", self.status_code.unwrap_or_default())
            .with("detail", self.errors.first().map_or("-", String::as_str))
    }
}

/// A document that may say that it is none, in spite of its status.
pub(crate) trait Fallible {
    fn exception(&self) -> Option<&WebException>;

    /// The first error that stands in place of content.
    fn error(&self) -> Option<String> {
        None
    }
}

/// An error in place of content: a text, or one that names a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Problem {
    Text(String),
    Field(FieldProblem),
    /// Something else; that it stands there is enough.
    Other(serde::de::IgnoredAny),
}

/// The first of some errors in words.
pub(crate) fn first_error(problems: &[Problem]) -> Option<String> {
    let first = problems.first()?;
    Some(match first {
        Problem::Text(text) => text.clone(),
        Problem::Field(field) => field.message.first().cloned().unwrap_or_default(),
        Problem::Other(_) => "-".to_owned(),
    })
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Links {
    pub(crate) next: Option<String>,
    pub(crate) last: Option<String>,
    pub(crate) data_servers: Option<String>,
    pub(crate) asset_servers: Option<String>,
    pub(crate) system: Option<String>,
}

/// A list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
pub(crate) struct List<T> {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) links: Links,
    #[serde(default = "Vec::new", deserialize_with = "or_default")]
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) web_exception: Option<WebException>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) errors: Vec<Problem>,
}

impl<T> Fallible for List<T> {
    fn exception(&self) -> Option<&WebException> {
        self.web_exception.as_ref()
    }

    fn error(&self) -> Option<String> {
        first_error(&self.errors)
    }
}

/// The root document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Home {
    #[serde(deserialize_with = "or_default")]
    pub(crate) links: Links,
}

impl Fallible for Home {
    fn exception(&self) -> Option<&WebException> {
        None
    }
}

/// Who we are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UserInfo {
    pub(crate) name: Option<String>,
    pub(crate) is_authenticated: Option<bool>,
    pub(crate) web_exception: Option<WebException>,
}

impl Fallible for UserInfo {
    fn exception(&self) -> Option<&WebException> {
        self.web_exception.as_ref()
    }
}

/// A server, database, element, point or attribute: the members they share, and some they don't.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Object {
    pub(crate) web_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) is_connected: Option<bool>,
    pub(crate) has_children: Option<bool>,
    pub(crate) is_hidden: Option<bool>,
    pub(crate) descriptor: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) point_type: Option<String>,
    #[serde(rename = "Type")]
    pub(crate) attribute_type: Option<String>,
    pub(crate) engineering_units: Option<String>,
    pub(crate) default_units_name: Option<String>,
    pub(crate) web_exception: Option<WebException>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<Problem>,
}

impl Fallible for Object {
    fn exception(&self) -> Option<&WebException> {
        self.web_exception.as_ref()
    }

    fn error(&self) -> Option<String> {
        first_error(&self.errors)
    }
}

/// An event frame.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EventFrame {
    pub(crate) web_id: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) template_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) category_names: Vec<String>,
    pub(crate) start_time: Option<String>,
    pub(crate) end_time: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) is_acknowledged: Option<bool>,
    pub(crate) acknowledged_by: Option<String>,
    pub(crate) acknowledged_date: Option<String>,
    /// The elements it refers to, the primary one first.
    #[serde(deserialize_with = "or_default")]
    pub(crate) ref_element_web_ids: Vec<String>,
}

impl EventFrame {
    /// What names it: its id, which is the same in every form of web id.
    pub(crate) fn key(&self) -> Option<&str> {
        self.id
            .as_deref()
            .or(self.web_id.as_deref())
            .filter(|id| !id.is_empty() && id.len() <= 300)
    }

    /// The primary element it refers to.
    pub(crate) fn element(&self) -> Option<&str> {
        self.ref_element_web_ids.first().map(String::as_str)
    }
}

/// A value in whatever shape it comes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum PiValue {
    Bool(bool),
    Number(f64),
    Text(String),
    State(State),
    /// `null`, a list or an object that is no state.
    #[default]
    Other,
}

fn any_value<'de, D: Deserializer<'de>>(from: D) -> Result<PiValue, D::Error> {
    let raw: Option<Box<RawValue>> = Option::deserialize(from)?;
    Ok(raw
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default())
}

/// A digital state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) name: String,
    /// Its number in the set of states.
    #[serde(default)]
    pub(crate) value: Option<f64>,
    #[serde(default)]
    pub(crate) is_system: bool,
}

/// A value with its time and quality.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TimedValue {
    pub(crate) timestamp: Option<String>,
    #[serde(deserialize_with = "any_value")]
    pub(crate) value: PiValue,
    pub(crate) good: Option<bool>,
    pub(crate) questionable: Option<bool>,
    pub(crate) substituted: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<Problem>,
    pub(crate) web_exception: Option<WebException>,
}

impl Fallible for TimedValue {
    fn exception(&self) -> Option<&WebException> {
        self.web_exception.as_ref()
    }
}

/// Why a single value failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FieldProblem {
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: Vec<String>,
}

/// The values of one stream within a set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StreamValues {
    pub(crate) web_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) items: Vec<TimedValue>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<Problem>,
}

/// The present value of one stream within a set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StreamValue {
    pub(crate) web_id: Option<String>,
    pub(crate) value: Option<TimedValue>,
}

/// One answer within a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchPart {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) content: Option<Box<RawValue>>,
}

/// All answers of a batch.
pub(crate) type BatchAnswer = BTreeMap<String, BatchPart>;

/// The errors of a failed request, as one text.
pub(crate) fn error_text(content: &str) -> String {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Errors {
        #[serde(deserialize_with = "or_default")]
        errors: Vec<String>,
        message: Option<String>,
    }
    let parsed: Errors = serde_json::from_str(content).unwrap_or_default();
    let first = parsed.errors.into_iter().next().or(parsed.message);
    first.map_or_else(|| "-".to_owned(), |text| neutralise(text.trim(), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_every_shape() {
        let read = |text: &str| {
            let text =
                format!(r#"{{"Timestamp":"2026-01-01T00:00:00Z","Value":{text},"New":[1]}}"#);
            serde_json::from_str::<TimedValue>(&text).unwrap().value
        };
        assert_eq!(read("1"), PiValue::Number(1.0));
        assert_eq!(read("-2.5e3"), PiValue::Number(-2_500.0));
        assert_eq!(read("true"), PiValue::Bool(true));
        assert_eq!(read("\"أ\""), PiValue::Text("أ".into()));
        assert_eq!(read("null"), PiValue::Other);
        assert_eq!(read("[1,2]"), PiValue::Other);
        assert_eq!(read("{}"), PiValue::Other);
        assert_eq!(
            read(r#"{"Name":"No Data","Value":248,"IsSystem":true}"#),
            PiValue::State(State {
                name: "No Data".into(),
                value: Some(248.0),
                is_system: true
            })
        );
    }

    #[test]
    fn absent_and_null_members_are_absent() {
        let list: List<Object> = serde_json::from_str(r#"{"Items":null,"Links":null}"#).unwrap();
        assert!(list.items.is_empty() && list.exception().is_none());
        let text = r#"{"Items":[],"WebException":{"StatusCode":500,"Errors":["cut"]}}"#;
        let broken: List<Object> = serde_json::from_str(text).unwrap();
        let error = broken.exception().unwrap().coded("pi");
        assert_eq!(error.code, "pi.answer_broke");
        assert_eq!(error.params["detail"], "cut");
        for (text, first) in [
            (r#"{"Errors":["gone"]}"#, "gone"),
            (
                r#"{"Errors":[{"FieldName":"Value","Message":["off"]}]}"#,
                "off",
            ),
            (r#"{"Errors":[7],"Items":[]}"#, "-"),
        ] {
            let list: List<Object> = serde_json::from_str(text).unwrap();
            assert_eq!(list.error().as_deref(), Some(first));
        }
        assert_eq!(error_text(r#"{"Errors":["a","b"]}"#), "a");
        assert_eq!(error_text(r#"{"Message":"m"}"#), "m");
        assert_eq!(error_text("<html>"), "-");
    }
}
