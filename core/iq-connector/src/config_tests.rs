//! Tests of the schema checks, the resolution order and the secret handling.

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::{check_config, missing_fields, schema_of};

/// A way to sign in.
#[derive(JsonSchema)]
#[allow(dead_code)]
enum Auth {
    /// Nobody.
    Anonymous,
    /// A user.
    UserName,
}

#[derive(JsonSchema)]
#[allow(dead_code)]
struct Sample {
    /// Where.
    #[schemars(extend("x-env" = "SAMPLE_URL", "x-widget" = "url", "x-required" = true))]
    address: Option<String>,
    /// How.
    #[schemars(extend("default" = "Anonymous"))]
    auth: Option<Auth>,
    /// Who.
    #[schemars(extend("x-env" = "SAMPLE_USER", "x-required" = true, "x-show-when" = {"auth": ["UserName"]}))]
    user: Option<String>,
    /// Password.
    #[schemars(extend("x-secret" = true, "x-env" = "SAMPLE_PASSWORD", "maxLength" = 8))]
    password: Option<String>,
    /// Pace.
    #[schemars(range(min = 50, max = 1000), extend("default" = 500))]
    pace: Option<u32>,
}

fn env(name: &str) -> Option<String> {
    match name {
        "SAMPLE_URL" => Some("tcp://global".into()),
        "SAMPLE_USER" => Some("global".into()),
        "SAMPLE_PASSWORD" => Some("hidden".into()),
        _ => None,
    }
}

fn codes(result: Result<(), Vec<FieldError>>) -> Vec<(String, &'static str)> {
    result
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|e| (e.field, e.code))
        .collect()
}

#[test]
fn the_schema_is_flat_and_lists_plain_options() {
    let schema = schema_of::<Sample>();
    let auth = &schema["properties"]["auth"];
    assert_eq!(auth["enum"], json!(["Anonymous", "UserName"]));
    assert_eq!(auth["type"], json!("string"));
    assert_eq!(schema["properties"]["pace"]["type"], json!("integer"));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert!(!schema.to_string().contains("$ref"), "{schema}");
}

#[test]
fn unknown_fields_types_options_bounds_and_hidden_controls_are_refused() {
    let schema = schema_of::<Sample>();
    let check = |config: Value| codes(check_config(&schema, &config));
    assert_eq!(
        check(json!({"adress": "x"})),
        [("adress".into(), "connector.field_unknown")]
    );
    assert_eq!(
        check(json!({"pace": "500"})),
        [("pace".into(), "connector.field_wrong_type")]
    );
    assert_eq!(
        check(json!({"pace": 2_000})),
        [("pace".into(), "connector.field_out_of_range")]
    );
    assert_eq!(
        check(json!({"auth": "Root"})),
        [("auth".into(), "connector.field_not_an_option")]
    );
    assert_eq!(
        check(json!({"user": "a\u{202E}b"})),
        [("user".into(), "connector.field_bad_characters")]
    );
    assert_eq!(
        check(json!({"user": "x".repeat(501)})),
        [("user".into(), "connector.field_too_long")]
    );
    assert_eq!(
        check(json!({"password": "x"})),
        [("password".into(), "connector.field_is_secret")]
    );
    assert_eq!(
        check(json!([1])),
        [(String::new(), "connector.config_not_object")]
    );
    assert_eq!(
        check(json!({"address": "tcp://x", "pace": 50, "user": null})),
        []
    );
}

#[test]
fn the_tenants_value_wins_over_the_environment_and_that_over_the_default() {
    let schema = schema_of::<Sample>();
    let none = BTreeMap::new();
    let blank = resolve_effective(&schema, &json!({"address": " "}), &none, &env);
    assert_eq!(blank.config["address"], "tcp://global");
    assert_eq!(blank.config["pace"], 500);
    assert_eq!(blank.secrets["password"].expose_secret(), "hidden");
    assert_eq!(blank.sources["address"], ValueSource::Environment);
    assert_eq!(blank.sources["pace"], ValueSource::Default);

    let own = resolve_effective(
        &schema,
        &json!({"address": "tcp://own", "pace": 60}),
        &none,
        &env,
    );
    assert_eq!(own.config["address"], "tcp://own");
    assert_eq!(own.sources["pace"], ValueSource::Tenant);
}

#[test]
fn global_credentials_never_go_to_an_address_the_tenant_wrote() {
    let schema = schema_of::<Sample>();
    let own = resolve_effective(
        &schema,
        &json!({"address": "tcp://own"}),
        &BTreeMap::new(),
        &env,
    );
    assert!(own.secrets.is_empty());
    assert_eq!(own.sources["password"], ValueSource::None);
    assert!(own.config.get("user").is_none());
}

#[test]
fn a_required_field_is_missing_only_while_it_is_shown() {
    let schema = schema_of::<Sample>();
    let resolve = |config: Value| resolve_effective(&schema, &config, &BTreeMap::new(), &|_| None);
    let names = |effective: EffectiveConfig| -> Vec<String> {
        missing_fields(&schema, &effective)
            .into_iter()
            .map(|e| e.field)
            .collect()
    };
    assert_eq!(names(resolve(json!({}))), ["address"]);
    assert_eq!(
        names(resolve(json!({"address": "a", "auth": "UserName"}))),
        ["user"]
    );
}

#[test]
fn the_mask_keeps_a_stored_secret_and_an_empty_text_removes_it() {
    let schema = schema_of::<Sample>();
    let stored = BTreeMap::from([("password".to_owned(), SecretString::from("old"))]);
    let write = |value: Value| split_config(&schema, &value, &stored).unwrap();
    let (public, secrets) = write(json!({"pace": 60, "password": SECRET_MASK}));
    assert_eq!(public, json!({"pace": 60}));
    assert_eq!(secrets["password"].expose_secret(), "old");
    assert_eq!(
        write(json!({"password": "new"})).1["password"].expose_secret(),
        "new"
    );
    assert!(write(json!({"password": ""})).1.is_empty());
    assert_eq!(write(json!({})).1["password"].expose_secret(), "old");
    assert_eq!(
        masked_config(&schema, &json!({"pace": 60}), &stored),
        json!({"pace": 60, "password": "***"})
    );
    assert_eq!(
        masked_config(&schema, &json!({}), &BTreeMap::new()),
        json!({})
    );
}

#[test]
fn an_effective_configuration_prints_no_value() {
    let schema = schema_of::<Sample>();
    let effective = resolve_effective(&schema, &json!({}), &BTreeMap::new(), &env);
    let printed = format!("{effective:?}");
    assert!(
        !printed.contains("hidden") && !printed.contains("tcp://"),
        "{printed}"
    );
}
