//! The committed documents are what the code says, and every route is fully declared.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use iq_api::{Access, openapi_json, permission_matrix, route_list};
use serde_json::{Value, json};

fn committed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_committed_openapi_document_is_fresh() {
    assert!(
        committed("openapi.json") == openapi_json(),
        "openapi.json is stale: run `cargo xtask codegen`"
    );
}

#[test]
fn the_committed_permission_matrix_is_fresh() {
    assert_eq!(committed("permissions.txt"), permission_matrix());
}

#[test]
fn every_reference_of_the_document_leads_to_a_schema() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut stack = vec![&document];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let name = reference.rsplit('/').next().unwrap();
                    assert!(schemas.contains_key(name), "{reference} leads nowhere");
                }
                stack.extend(map.values());
            }
            Value::Array(items) => stack.extend(items),
            _ => {}
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_sentence() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let here = format!("{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|s| !s.is_empty()),
                "{here}"
            );
            if let Some(there) = seen.insert(name.clone(), here.clone()) {
                panic!("{name} names {there} and {here}");
            }
        }
    }
    assert_eq!(seen.len(), route_list().len());
}

#[test]
fn every_operation_says_how_a_caller_shows_who_it_is() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["session"]["in"], "cookie");
    assert_eq!(schemes["csrf"]["name"], "X-CSRF-Token");
    assert_eq!(schemes["token"]["scheme"], "bearer");
    for route in route_list() {
        let method = route.method.as_str().to_lowercase();
        let said = &document["paths"][route.path][&method]["security"];
        let expected = match (route.access, method.as_str()) {
            (Access::Public, _) => Value::Null,
            (Access::May(_), "get") => json!([{"session": []}, {"token": []}]),
            (Access::May(_), _) => json!([{"session": [], "csrf": []}, {"token": []}]),
        };
        assert_eq!(*said, expected, "{method} {}", route.path);
    }
}

#[test]
fn a_number_that_can_t_be_negative_is_not_called_signed() {
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    let mut stack = vec![&document];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(map) => {
                let spelling = map.get("format").and_then(Value::as_str);
                assert!(
                    !spelling.is_some_and(|name| name.starts_with("u-")),
                    "{value}"
                );
                let is_signed =
                    matches!(map.get("format"), Some(f) if f == "int32" || f == "int64");
                // The largest value of a signed format is half of what the program takes.
                assert!(
                    !(is_signed && map.get("minimum") == Some(&json!(0))),
                    "{value}"
                );
                stack.extend(map.values());
            }
            Value::Array(items) => stack.extend(items),
            _ => {}
        }
    }
}

#[test]
fn an_export_names_every_form_it_comes_in() {
    const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let document: Value = serde_json::from_str(&openapi_json()).unwrap();
    for (path, forms) in [
        (
            "/api/blackbox/events/export",
            &["application/json", XLSX, "text/csv"][..],
        ),
        (
            "/api/blackbox/incidents/export",
            &["application/json", XLSX, "text/csv"],
        ),
        (
            "/api/work-orders/export",
            &["application/json", XLSX, "text/csv"],
        ),
        ("/api/integrations/mappings/export", &[XLSX, "text/csv"]),
        (
            "/api/optimization/scenarios/{id}/export",
            &["application/json", XLSX],
        ),
    ] {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
        let found: BTreeSet<&str> = content
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(found, BTreeSet::from_iter(forms.iter().copied()), "{path}");
    }
}

/// Routes that take a body but change nothing.
const LOOKING_ONLY: [&str; 6] = [
    "/api/investigations/proposal",
    "/api/integrations/mappings/select",
    "/api/integrations/{id}/sample-rows",
    "/api/integrations/{id}/preview",
    "/api/integrations/mappings/validate",
    "/api/integrations/mappings/suggest",
];

/// Routes that are read, and recorded all the same: data leaves the house, or a person comes in.
const RECORDED_READS: [&str; 8] = [
    "/api/diagnostics/bundle",
    "/api/blackbox/events/export",
    "/api/blackbox/incidents/export",
    "/api/blackbox/incidents/{id}/evidence.oqe",
    "/api/blackbox/incidents/{id}/report.pdf",
    "/api/optimization/scenarios/{id}/report.pdf",
    "/api/work-orders/export",
    "/auth/sso/callback",
];

#[test]
fn every_changing_route_names_its_audit_action_in_both_languages() {
    for route in route_list() {
        let changes = (route.method != "GET" && !LOOKING_ONLY.contains(&route.path))
            || RECORDED_READS.contains(&route.path);
        assert_eq!(
            route.audit.is_some(),
            changes,
            "{} {}",
            route.method,
            route.path
        );
        if let Some(action) = route.audit {
            for language in [iq_locale::Language::Ar, iq_locale::Language::En] {
                assert!(
                    iq_locale::pattern(language, "action", action).is_some(),
                    "{action} has no words in {language:?}"
                );
            }
        }
    }
}
