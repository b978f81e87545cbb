//! What holds for this connector without a server: the contract, that it only reads, and that every
//! code it can answer has its sentence in both languages.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use iq_connector::{Connector, conformance};
use iq_connector_opcua::OpcUaConnector;
use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program's own source files, tests left out.
fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the sources are beside the tests") {
        let path = entry.expect("readable folder").path();
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rs") && !name.ends_with("_tests.rs") {
            let text = fs::read_to_string(&path).expect("readable source");
            let code = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            found.push((path, code));
        }
    }
    assert!(!found.is_empty());
    found
}

/// The words of a text that look like identifiers.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

#[test]
fn the_connector_conforms_to_the_contract_offline() {
    conformance::check_offline(&OpcUaConnector::new());
}

#[test]
fn no_code_here_can_change_anything_on_a_server() {
    let changing = [
        "Write",
        "WriteValue",
        "Call",
        "CallMethodRequest",
        "HistoryUpdate",
        "HistoryUpdateAction",
        "AddNodes",
        "DeleteNodes",
        "AddReferences",
        "DeleteReferences",
        "WriteRequest",
        "CallRequest",
        "call_one",
        "history_update",
        "add_nodes",
        "delete_nodes",
        "add_references",
        "delete_references",
        "write_value",
        "RegisterServer",
        "register_server",
    ];
    // Each of these is a method of the library's session as well as a plain word elsewhere.
    let methods = [
        "session.write(",
        "session.call(",
        "session().write(",
        "session().call(",
    ];
    for (path, code) in sources(&root().join("src")) {
        let code: String = code
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"))
            .collect();
        // The standard library's traits for files are told apart from the service of that name.
        let code = code
            .replace("io::Write", "")
            .replace("    io::{Read, Write}", "")
            .replace("    io::Write", "");
        if path.ends_with("refresh.rs") {
            // Asking which alarms stand changes nothing; it is the only method there is.
            let methods = words(&code).filter(|word| word.contains("Type_"));
            assert!(methods.eq(["ConditionType_ConditionRefresh"]), "{code}");
            continue;
        }
        for word in words(&code) {
            assert!(!changing.contains(&word), "{word} in {}", path.display());
        }
        for method in methods {
            assert!(!code.contains(method), "{method} in {}", path.display());
        }
    }
}

#[test]
fn every_code_has_its_sentence_in_both_languages() {
    let locales = root().join("../../locales/parts");
    let mut codes = BTreeSet::new();
    for dir in [root().join("src"), root().join("../iq-connector/src")] {
        for (_, code) in sources(&dir) {
            for literal in code.split('"').skip(1).step_by(2) {
                let (area, reason) = literal.split_once('.').unwrap_or_default();
                let is_code = ["auth", "connector", "opcua", "stage", "test"].contains(&area)
                    && !reason.is_empty()
                    && reason
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
                if is_code {
                    codes.insert(literal.to_owned());
                }
            }
        }
    }
    assert!(codes.len() > 50, "{codes:?}");
    for language in ["ar", "en"] {
        let text = fs::read_to_string(locales.join(format!("connector.{language}.json"))).unwrap();
        let catalogue: Value = serde_json::from_str(&text).unwrap();
        let has = |code: &str| {
            ["errors", "stage", "ui"]
                .iter()
                .any(|s| catalogue[s][code].is_string())
        };
        let missing: Vec<_> = codes.iter().filter(|code| !has(code)).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
        for (field, property) in OpcUaConnector::new().spec().schema["properties"]
            .as_object()
            .unwrap()
        {
            for key in ["field", "help"] {
                assert!(
                    has(&format!("connector.opcua.{key}.{field}")),
                    "{language}: {key} of {field}"
                );
            }
            for option in property["enum"].as_array().into_iter().flatten() {
                let option = option.as_str().unwrap();
                let key = format!("connector.opcua.option.{field}.{option}");
                assert!(catalogue["ui"][&key].is_string(), "{language}: {key}");
            }
        }
    }
}

#[test]
fn the_fields_have_the_names_of_the_api() {
    let schema = OpcUaConnector::new().spec().schema;
    let fields: Vec<&str> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "alarms",
        "auth_type",
        "certificate",
        "endpoint_url",
        "max_tags_per_scan",
        "namespace_filter",
        "none_accepted_reason",
        "password",
        "private_key",
        "sampling_interval_ms",
        "security_mode",
        "security_policy",
        "tag_prefix",
        "time_zone",
        "username",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        schema["properties"]["security_mode"]["default"],
        json!("SignAndEncrypt")
    );
    assert_eq!(schema["properties"]["password"]["x-secret"], json!(true));
    assert_eq!(
        schema["properties"]["endpoint_url"]["x-env"],
        json!("OPCUA_ENDPOINT_URL")
    );
}
