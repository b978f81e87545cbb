//! What holds for both kinds without a source: the contract, that nothing but a creation can leave,
//! and that every code they can answer has its sentence in both languages.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use iq_connector::{Connector, conformance};
use iq_connector_eam::EamConnector;
use serde_json::{Value, json};

fn both() -> [EamConnector; 2] {
    [EamConnector::sap_pm(), EamConnector::oracle_eam()]
}

/// The crate's own source files, tests left out.
fn sources(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the sources are beside the tests") {
        let path = entry.expect("readable folder").path();
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rs") && !name.ends_with("_tests.rs") && name != "testing.rs" {
            let text = fs::read_to_string(&path).expect("readable source");
            let code = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            found.push((name, code.to_owned()));
        }
    }
    assert!(!found.is_empty());
    found
}

fn src() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn both_kinds_conform_to_the_contract_offline() {
    for connector in both() {
        conformance::check_offline(&connector);
    }
}

#[test]
fn only_the_creation_of_an_approved_plan_and_the_sign_in_send_anything() {
    for (name, code) in sources(&src()) {
        for changing in [
            "Method::PUT",
            "Method::PATCH",
            "Method::DELETE",
            "Request::new",
            "X-HTTP-Method",
        ] {
            assert!(!code.contains(changing), "{changing} in {name}");
        }
        let posts = code.matches("Request::post").count();
        let allowed = usize::from(matches!(name.as_str(), "link.rs" | "token.rs"));
        assert_eq!(posts, allowed, "{name} sends");
    }
}

#[test]
fn every_code_has_its_sentence_in_both_languages() {
    let locales = src().join("../../../locales/parts");
    let areas = ["auth", "connector", "eam", "http", "stage", "test"];
    let mut codes = BTreeSet::new();
    for (_, code) in sources(&src()) {
        for literal in code.split('"').skip(1).step_by(2) {
            let (area, reason) = literal.split_once('.').unwrap_or_default();
            let is_word = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
            if areas.contains(&area) && !reason.is_empty() && reason.chars().all(is_word) {
                codes.insert(literal.to_owned());
            }
        }
    }
    assert!(codes.len() > 40, "{codes:?}");
    for language in ["ar", "en"] {
        let parts: Vec<Value> = ["connector", "eam", "http"]
            .iter()
            .map(|part| {
                let path = locales.join(format!("{part}.{language}.json"));
                serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
            })
            .collect();
        let has = |code: &str| {
            let sections = ["errors", "stage", "ui"];
            parts
                .iter()
                .any(|p| sections.iter().any(|s| p[*s][code].is_string()))
        };
        let missing: Vec<_> = codes.iter().filter(|code| !has(code)).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
        for connector in both() {
            let spec = connector.spec();
            let kind = spec.kind;
            for (field, property) in spec.schema["properties"].as_object().unwrap() {
                for key in ["field", "help"] {
                    let key = format!("connector.{kind}.{key}.{field}");
                    assert!(has(&key), "{language}: {key}");
                }
                let group = format!("connector.group.{}", property["x-group"].as_str().unwrap());
                assert!(has(&group), "{language}: {group}");
                for option in property["enum"].as_array().into_iter().flatten() {
                    let key = format!(
                        "connector.{kind}.option.{field}.{}",
                        option.as_str().unwrap()
                    );
                    assert!(has(&key), "{language}: {key}");
                }
            }
        }
    }
}

#[test]
fn the_helps_of_the_form_are_the_docs_of_the_fields() {
    let path = src().join("../../../locales/parts/eam.en.json");
    let catalogue: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for connector in both() {
        let spec = connector.spec();
        for (field, property) in spec.schema["properties"].as_object().unwrap() {
            let key = format!("connector.{}.help.{field}", spec.kind);
            assert_eq!(catalogue["ui"][&key], property["description"], "{key}");
        }
    }
}

#[test]
fn the_fields_have_the_names_of_the_api() {
    let names = [
        "base_url",
        "auth_type",
        "username",
        "password",
        "client_id",
        "client_secret",
        "token_url",
        "plant_code",
        "company_code",
        "work_order_sync_mode",
        "asset_mapping_mode",
        "tls_ca",
    ];
    for connector in both() {
        let schema = connector.spec().schema;
        for name in names {
            assert!(schema["properties"][name].is_object(), "{name}");
        }
        for secret in ["password", "client_secret"] {
            assert_eq!(schema["properties"][secret]["x-secret"], json!(true));
        }
        assert_eq!(
            schema["properties"]["work_order_sync_mode"]["default"],
            json!("pull_only")
        );
    }
    let sap = EamConnector::sap_pm().spec().schema;
    assert_eq!(
        sap["properties"]["base_url"]["x-env"],
        json!("SAP_BASE_URL")
    );
    assert!(sap["properties"]["sap_client"].is_object());
}
