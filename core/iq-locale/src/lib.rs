//! The sentences people read, in Arabic and English, for every program that writes text: the API, the
//! command line, reports. The catalogue is `locales/{ar,en}.json`, built into the binary.
//!
//! Only texts live here. Which code stands for which situation is decided where it happens.

mod format;
mod language;
mod plural;

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

pub use format::{MessageSyntaxError, arguments_of, check};
pub use language::Language;

type Catalogue = HashMap<String, HashMap<String, String>>;

/// Arguments of a sentence.
pub type Params = BTreeMap<String, String>;

/// The pattern of a message, as it stands in the catalogue.
#[must_use]
pub fn pattern(language: Language, section: &str, key: &str) -> Option<&'static str> {
    catalogue(language)
        .get(section)?
        .get(key)
        .map(String::as_str)
}

/// The sentence of a message; `None` when the catalogue has none. Each argument is isolated
/// (U+2068 … U+2069), so that a tag or an address can't turn the Arabic around it; use [`plain`]
/// where the text goes into a file or a terminal.
#[must_use]
pub fn sentence(language: Language, section: &str, key: &str, params: &Params) -> Option<String> {
    pattern(language, section, key).map(|p| format::format(language, p, params, true))
}

/// Like [`sentence`], without isolation marks.
#[must_use]
pub fn plain(language: Language, section: &str, key: &str, params: &Params) -> Option<String> {
    pattern(language, section, key).map(|p| format::format(language, p, params, false))
}

/// The sentence of an error code. A code without a sentence reads as itself: the catalogue check
/// finds it, and a person still has something to quote.
#[must_use]
pub fn error(language: Language, code: &str, params: &Params) -> String {
    sentence(language, "errors", code, params).unwrap_or_else(|| code.to_owned())
}

/// The sentence of a code that is shown, not thrown: looked up in the given sections in order, then
/// among the errors.
#[must_use]
pub fn message(language: Language, sections: &[&str], code: &str, params: &Params) -> String {
    sections
        .iter()
        .find_map(|section| sentence(language, section, code, params))
        .unwrap_or_else(|| error(language, code, params))
}

/// The keys of a section, sorted.
#[must_use]
pub fn keys(language: Language, section: &str) -> Vec<&'static str> {
    let mut keys: Vec<&str> = catalogue(language)
        .get(section)
        .map(|messages| messages.keys().map(String::as_str).collect())
        .unwrap_or_default();
    keys.sort_unstable();
    keys
}

/// The sections of the catalogue, sorted.
#[must_use]
pub fn sections(language: Language) -> Vec<&'static str> {
    let mut sections: Vec<&str> = catalogue(language).keys().map(String::as_str).collect();
    sections.sort_unstable();
    sections
}

/// The arguments of a message kept as JSON: strings as they are, other values in their JSON form.
#[must_use]
pub fn params_of(value: &serde_json::Value) -> Params {
    let Some(object) = value.as_object() else {
        return Params::new();
    };
    object
        .iter()
        .map(|(key, value)| {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => "—".to_owned(),
                other => other.to_string(),
            };
            (key.clone(), text)
        })
        .collect()
}

fn catalogue(language: Language) -> &'static Catalogue {
    static ARABIC: OnceLock<Catalogue> = OnceLock::new();
    static ENGLISH: OnceLock<Catalogue> = OnceLock::new();
    let (cell, text) = match language {
        Language::Ar => (&ARABIC, include_str!(concat!(env!("OUT_DIR"), "/ar.json"))),
        Language::En => (&ENGLISH, include_str!(concat!(env!("OUT_DIR"), "/en.json"))),
    };
    cell.get_or_init(|| {
        serde_json::from_str(text).expect("the build writes sections of texts or fails")
    })
}
