//! The configuration schema: made from a commented struct, flat, with our extensions, and the checks
//! that follow from it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::{EffectiveConfig, FieldError};

/// Names of the schema extensions.
pub mod ext {
    /// `true`: the value is a secret; it is sealed, never shown, and lives outside the public config.
    pub const SECRET: &str = "x-secret";
    /// `{field: [values]}`: shown (and required) only when every named field has one of the values.
    pub const SHOW_WHEN: &str = "x-show-when";
    /// Name of the environment variable that gives a global default.
    pub const ENV: &str = "x-env";
    /// Position in the form.
    pub const ORDER: &str = "x-order";
    /// Group of the form the field belongs to.
    pub const GROUP: &str = "x-group";
    /// `true`: needed, from the tenant, the environment or a default, whenever it is shown.
    pub const REQUIRED: &str = "x-required";
    /// `true`: the form offers what [`crate::Connector::choices`] finds in the source; other text may
    /// still be written.
    pub const CHOICES: &str = "x-choices";
    /// How the form edits it: "text", "multiline", "pem", "url", "number", "select", "time_zone".
    pub const WIDGET: &str = "x-widget";
}

/// The schema of a configuration struct: one flat object without references, nullable fields reduced
/// to their type, unit enums to a plain list of options.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    if let Some(root) = schema.as_object_mut() {
        root.remove("required");
        root.insert("additionalProperties".to_owned(), json!(false));
        if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
            properties
                .values_mut()
                .filter_map(Value::as_object_mut)
                .for_each(flatten);
        }
    }
    schema
}

/// Reduces one property to the form the UI and the checks understand.
fn flatten(property: &mut Map<String, Value>) {
    if let Some(Value::Array(options)) = property.remove("anyOf") {
        let kept = options
            .into_iter()
            .find(|o| o.get("type").and_then(Value::as_str) != Some("null"));
        if let Some(Value::Object(kept)) = kept {
            for (key, value) in kept {
                property.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = property.get("type").cloned()
        && let Some(kept) = types.into_iter().find(|t| t != "null")
    {
        property.insert("type".to_owned(), kept);
    }
    if let Some(Value::Array(options)) = property.remove("oneOf") {
        let mut names = Vec::new();
        for option in options {
            match (
                option.get("const"),
                option.get("enum").and_then(Value::as_array),
            ) {
                (Some(name), _) => names.push(name.clone()),
                (None, Some(several)) => names.extend(several.iter().cloned()),
                (None, None) => {}
            }
        }
        property.insert("enum".to_owned(), Value::Array(names));
        property.entry("type").or_insert(json!("string"));
    }
    if let Some(Value::Array(names)) = property.get_mut("enum") {
        names.retain(|name| !name.is_null());
    }
    if property.get("default").is_some_and(Value::is_null) {
        property.remove("default");
    }
}

/// The properties of a schema.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
    let map = schema.get("properties").and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(name, p)| Some((name.as_str(), p.as_object()?)))
}

/// Whether the schema marks this property as a secret.
#[must_use]
pub fn is_secret(property: &Map<String, Value>) -> bool {
    property.get(ext::SECRET).and_then(Value::as_bool) == Some(true)
}

/// Whether a value counts as "not given".
#[must_use]
pub fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Checks a public configuration against its schema. Secrets in it are refused: they belong apart.
pub fn check_config(schema: &Value, config: &Value) -> Result<(), Vec<FieldError>> {
    let Some(config) = config.as_object() else {
        return Err(vec![FieldError::new("", "connector.config_not_object")]);
    };
    let known: BTreeMap<&str, &Map<String, Value>> = properties(schema).collect();
    let mut errors = Vec::new();
    for (name, value) in config {
        match known.get(name.as_str()) {
            None => errors.push(FieldError::new(name, "connector.field_unknown")),
            Some(property) if is_secret(property) => {
                errors.push(FieldError::new(name, "connector.field_is_secret"));
            }
            Some(_) if is_blank(value) => {}
            Some(property) => errors.extend(check_value(name, property, value).err()),
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Checks secrets against the schema: known, marked as secret, of bounded length.
pub fn check_secrets(
    schema: &Value,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<(), Vec<FieldError>> {
    let known: BTreeMap<&str, &Map<String, Value>> = properties(schema).collect();
    let mut errors = Vec::new();
    for (name, secret) in secrets {
        let Some(property) = known.get(name.as_str()).filter(|p| is_secret(p)) else {
            errors.push(FieldError::new(name, "connector.field_unknown"));
            continue;
        };
        let length = secret.expose_secret().chars().count();
        if let Some(max) = limit(property, "maxLength").filter(|max| length > *max) {
            errors.push(FieldError::new(name, "connector.field_too_long").with("max", max));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Fields that are shown and required, and that neither the tenant nor the environment nor a default
/// supplies.
#[must_use]
pub fn missing_fields(schema: &Value, effective: &EffectiveConfig) -> Vec<FieldError> {
    properties(schema)
        .filter(|(_, p)| p.get(ext::REQUIRED).and_then(Value::as_bool) == Some(true))
        .filter(|(_, p)| is_shown(p, &effective.config))
        .filter(|(name, p)| match is_secret(p) {
            true => effective
                .secrets
                .get(*name)
                .is_none_or(|s| s.expose_secret().is_empty()),
            false => effective.config.get(*name).is_none_or(is_blank),
        })
        .map(|(name, _)| FieldError::new(name, "connector.field_required"))
        .collect()
}

/// Whether the form shows the property, given the values of the fields it depends on.
#[must_use]
pub fn is_shown(property: &Map<String, Value>, config: &Value) -> bool {
    let Some(conditions) = property.get(ext::SHOW_WHEN).and_then(Value::as_object) else {
        return true;
    };
    conditions.iter().all(|(field, allowed)| {
        let actual = config.get(field).unwrap_or(&Value::Null);
        allowed
            .as_array()
            .is_some_and(|values| values.contains(actual))
    })
}

fn limit(property: &Map<String, Value>, key: &str) -> Option<usize> {
    property
        .get(key)
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok())
}

fn check_value(name: &str, property: &Map<String, Value>, value: &Value) -> Result<(), FieldError> {
    let kind = property
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("string");
    let fits = match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.as_f64().is_some_and(f64::is_finite),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    if !fits {
        return Err(FieldError::new(name, "connector.field_wrong_type").with("expected", kind));
    }
    if let Some(options) = property.get("enum").and_then(Value::as_array)
        && !options.contains(value)
    {
        let names: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
        return Err(FieldError::new(name, "connector.field_not_an_option")
            .with("options", names.join(", ")));
    }
    if let Some(text) = value.as_str() {
        check_text(name, property, text)?;
    }
    check_number(name, property, value)
}

fn check_text(name: &str, property: &Map<String, Value>, text: &str) -> Result<(), FieldError> {
    let max = limit(property, "maxLength").unwrap_or(500);
    if text.chars().count() > max {
        return Err(FieldError::new(name, "connector.field_too_long").with("max", max));
    }
    let is_multiline = matches!(
        property.get(ext::WIDGET).and_then(Value::as_str),
        Some("multiline" | "pem")
    );
    let is_clean = text.chars().all(|c| match c {
        '\n' | '\r' | '\t' => is_multiline,
        c => iq_domain::is_clean_char(c),
    });
    if is_clean {
        Ok(())
    } else {
        Err(FieldError::new(name, "connector.field_bad_characters"))
    }
}

fn check_number(
    name: &str,
    property: &Map<String, Value>,
    value: &Value,
) -> Result<(), FieldError> {
    let Some(number) = value.as_f64() else {
        return Ok(());
    };
    let bound = |key: &str| property.get(key).and_then(Value::as_f64);
    let (min, max) = (bound("minimum"), bound("maximum"));
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let shown = |b: Option<f64>| b.map_or_else(|| "…".to_owned(), |b| b.to_string());
        return Err(FieldError::new(name, "connector.field_out_of_range")
            .with("min", shown(min))
            .with("max", shown(max)));
    }
    Ok(())
}
