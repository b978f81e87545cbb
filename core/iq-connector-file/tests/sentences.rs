//! Every code this connector can answer, and every field of its form, has its words in both languages.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use iq_connector::Connector;
use iq_connector_file::{FileConnector, NoUploads};
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Literals in the program's own source files that look like codes.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with("_tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for literal in code.split('"') {
            let (area, reason) = literal.split_once('.').unwrap_or_default();
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
            let is_area = ["file", "connector", "stage", "test"].contains(&area);
            if is_area && !reason.is_empty() && reason.chars().all(is_word) {
                codes.insert(literal.to_owned());
            }
        }
    }
    codes
}

#[test]
fn every_code_and_every_field_has_its_words_in_both_languages() {
    let codes = codes();
    assert!(codes.len() > 50, "{codes:?}");
    let schema = FileConnector::new(PathBuf::new(), Arc::new(NoUploads))
        .spec()
        .schema;
    for language in ["ar", "en"] {
        let parts = ["imports", "connector"].map(|part| {
            let path = root().join(format!("../../locales/parts/{part}.{language}.json"));
            serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap()
        });
        let has = |code: &str| {
            let sections = ["errors", "stage", "ui"];
            parts
                .iter()
                .any(|p| sections.iter().any(|s| p[s][code].is_string()))
        };
        let missing: Vec<_> = codes.iter().filter(|code| !has(code)).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
        for (field, property) in schema["properties"].as_object().unwrap() {
            let group = property["x-group"].as_str().unwrap();
            let mut keys = vec![
                format!("connector.file.field.{field}"),
                format!("connector.file.help.{field}"),
                format!("connector.group.{group}"),
            ];
            for option in property["enum"].as_array().into_iter().flatten() {
                keys.push(format!(
                    "connector.file.option.{field}.{}",
                    option.as_str().unwrap()
                ));
            }
            for key in keys {
                assert!(has(&key), "{language}: {key}");
            }
        }
    }
}
