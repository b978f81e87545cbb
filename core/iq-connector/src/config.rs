//! Where the values of a configuration come from, and how its secrets are kept apart.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{FieldError, ext, is_blank, is_secret, properties};

/// How a stored secret reads, and what written back means "unchanged".
pub const SECRET_MASK: &str = "***";

/// Which source of a value is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueSource {
    /// Written by the tenant.
    Tenant,
    /// The global default of the environment.
    Environment,
    /// The field's own default.
    Default,
    /// Nobody supplies it.
    None,
}

/// A configuration with every value resolved.
#[derive(Clone)]
pub struct EffectiveConfig {
    /// Public values.
    pub config: Value,
    /// Secrets.
    pub secrets: BTreeMap<String, SecretString>,
    /// For each field, where its value comes from.
    pub sources: BTreeMap<String, ValueSource>,
}

impl fmt::Debug for EffectiveConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EffectiveConfig")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

/// Resolves each field: the tenant's value, else the environment's, else the field's default. `env`
/// looks up a variable by name; the hosts pass their configuration, never this crate.
///
/// A user name and a password are taken from the environment only together with the address they
/// were meant for: a tenant who writes an address of its own never receives the global credentials.
#[must_use]
pub fn resolve_effective(
    schema: &Value,
    config: &Value,
    secrets: &BTreeMap<String, SecretString>,
    env: &dyn Fn(&str) -> Option<String>,
) -> EffectiveConfig {
    let mut resolved = EffectiveConfig {
        config: Value::Null,
        secrets: BTreeMap::new(),
        sources: BTreeMap::new(),
    };
    let mut public = Map::new();
    let has_own_address = properties(schema)
        .filter(|(_, p)| p.get(ext::WIDGET).and_then(Value::as_str) == Some("url"))
        .any(|(name, _)| config.get(name).is_some_and(|v| !is_blank(v)));
    for (name, property) in properties(schema) {
        let is_address = property.get(ext::WIDGET).and_then(Value::as_str) == Some("url");
        let from_env = property
            .get(ext::ENV)
            .and_then(Value::as_str)
            .filter(|_| is_address || !has_own_address)
            .and_then(env)
            .filter(|value| !value.trim().is_empty());
        let source = if is_secret(property) {
            match (secrets.get(name), from_env) {
                (Some(secret), _) => {
                    resolved.secrets.insert(name.to_owned(), secret.clone());
                    ValueSource::Tenant
                }
                (None, Some(value)) => {
                    resolved
                        .secrets
                        .insert(name.to_owned(), SecretString::from(value));
                    ValueSource::Environment
                }
                (None, None) => ValueSource::None,
            }
        } else {
            let own = config.get(name).filter(|value| !is_blank(value));
            match (own, from_env, property.get("default")) {
                (Some(value), _, _) => {
                    public.insert(name.to_owned(), value.clone());
                    ValueSource::Tenant
                }
                (None, Some(text), _) => {
                    public.insert(name.to_owned(), Value::String(text));
                    ValueSource::Environment
                }
                (None, None, Some(default)) => {
                    public.insert(name.to_owned(), default.clone());
                    ValueSource::Default
                }
                (None, None, None) => ValueSource::None,
            }
        };
        resolved.sources.insert(name.to_owned(), source);
    }
    resolved.config = Value::Object(public);
    resolved
}

/// Splits a configuration as a person wrote it into its public part and the secrets to store. A
/// secret that reads [`SECRET_MASK`] keeps the stored one, an empty one removes it, an absent one
/// keeps it.
pub fn split_config(
    schema: &Value,
    written: &Value,
    stored: &BTreeMap<String, SecretString>,
) -> Result<(Value, BTreeMap<String, SecretString>), Vec<FieldError>> {
    let Some(written) = written.as_object() else {
        return Err(vec![FieldError::new("", "connector.config_not_object")]);
    };
    let secret_names: Vec<&str> = properties(schema)
        .filter(|(_, p)| is_secret(p))
        .map(|(name, _)| name)
        .collect();
    let mut public = Map::new();
    let mut secrets = stored.clone();
    let mut errors = Vec::new();
    for (name, value) in written {
        if !secret_names.contains(&name.as_str()) {
            public.insert(name.clone(), value.clone());
            continue;
        }
        match value {
            Value::String(text) if text == SECRET_MASK => {}
            Value::String(text) if text.is_empty() => drop(secrets.remove(name)),
            Value::String(text) => {
                secrets.insert(name.clone(), SecretString::from(text.clone()));
            }
            Value::Null => drop(secrets.remove(name)),
            _ => errors.push(
                FieldError::new(name, "connector.field_wrong_type").with("expected", "string"),
            ),
        }
    }
    if errors.is_empty() {
        Ok((Value::Object(public), secrets))
    } else {
        Err(errors)
    }
}

/// The configuration as it may be shown: stored secrets read [`SECRET_MASK`], absent ones are absent.
#[must_use]
pub fn masked_config(
    schema: &Value,
    public: &Value,
    secrets: &BTreeMap<String, SecretString>,
) -> Value {
    let mut shown = public.as_object().cloned().unwrap_or_default();
    for (name, _) in properties(schema).filter(|(_, p)| is_secret(p)) {
        shown.remove(name);
        if secrets.contains_key(name) {
            shown.insert(name.to_owned(), Value::String(SECRET_MASK.to_owned()));
        }
    }
    Value::Object(shown)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
