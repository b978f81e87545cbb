//! The configuration of an OPC UA integration. The field docs are the help texts of the form.

use std::collections::BTreeMap;

use iq_connector::{ConnectorContext, ExposeSecret, FieldError, SecretString, is_blank};
use iq_domain::CodedError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How messages are protected on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SecurityMode {
    /// Not protected: anyone on the network can read and alter the values.
    None,
    /// Signed: values can be read on the way but not altered.
    Sign,
    /// Signed and encrypted.
    SignAndEncrypt,
}

/// The set of cryptographic algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(non_camel_case_types)]
pub enum SecurityPolicy {
    /// AES-256-CBC, SHA-256, RSA-OAEP. Offered by nearly every server.
    Basic256Sha256,
    /// AES-128-CBC, SHA-256, RSA-OAEP.
    Aes128_Sha256_RsaOaep,
    /// AES-256-CBC, SHA-256, RSA-PSS. The strongest of the three.
    Aes256_Sha256_RsaPss,
}

/// How this program signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthType {
    /// Without a user.
    Anonymous,
    /// With a user name and a password.
    UsernamePassword,
    /// With a user certificate and its private key.
    Certificate,
}

/// Which events of the server are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Alarms {
    /// None.
    Off,
    /// Alarms and conditions.
    Conditions,
    /// Also what is no condition: messages of the system, actions of operators.
    AllEvents,
}

/// Configuration of an OPC UA integration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpcUaConfig {
    /// Address of the server, such as opc.tcp://server:4840/path.
    #[schemars(extend("x-order" = 10, "x-group" = "connection", "x-widget" = "url", "x-required" = true,
        "x-env" = "OPCUA_ENDPOINT_URL", "maxLength" = 500))]
    pub endpoint_url: Option<String>,

    /// How messages are protected. None needs a reason and never carries a user name.
    #[schemars(extend("x-order" = 20, "x-group" = "security", "x-widget" = "select", "default" = "SignAndEncrypt"))]
    pub security_mode: Option<SecurityMode>,

    /// The set of algorithms. The list of endpoints shows which ones the server offers.
    #[schemars(extend("x-order" = 30, "x-group" = "security", "x-widget" = "select", "default" = "Basic256Sha256",
        "x-show-when" = {"security_mode": ["Sign", "SignAndEncrypt"]}))]
    pub security_policy: Option<SecurityPolicy>,

    /// Why values without protection are accepted here. The reason is kept in the audit log.
    #[schemars(extend("x-order" = 35, "x-group" = "security", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"security_mode": ["None"]}, "maxLength" = 300))]
    pub none_accepted_reason: Option<String>,

    /// How this program signs in. An account that can only read is best.
    #[schemars(extend("x-order" = 40, "x-group" = "identity", "x-widget" = "select", "default" = "Anonymous"))]
    pub auth_type: Option<AuthType>,

    /// User name.
    #[schemars(extend("x-order" = 50, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-env" = "OPCUA_USERNAME", "x-show-when" = {"auth_type": ["UsernamePassword"]}, "maxLength" = 200))]
    pub username: Option<String>,

    /// Password. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 60, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-env" = "OPCUA_PASSWORD", "x-show-when" = {"auth_type": ["UsernamePassword"]}, "maxLength" = 500))]
    pub password: Option<String>,

    /// User certificate in PEM form. This is the user's, not this program's own certificate.
    #[schemars(extend("x-order" = 70, "x-group" = "identity", "x-widget" = "pem", "x-required" = true,
        "x-show-when" = {"auth_type": ["Certificate"]}, "maxLength" = 20_000))]
    pub certificate: Option<String>,

    /// Private key of the user certificate in PEM form, without a pass phrase. It is stored sealed.
    #[schemars(extend("x-order" = 80, "x-group" = "identity", "x-widget" = "pem", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["Certificate"]}, "maxLength" = 20_000))]
    pub private_key: Option<String>,

    /// Only tags of these namespaces are listed: namespace addresses separated by commas. Empty for all.
    #[schemars(extend("x-order" = 90, "x-group" = "tags", "x-widget" = "text", "maxLength" = 1_000))]
    pub namespace_filter: Option<String>,

    /// Only tags whose identifier begins with this text are listed. Empty for all.
    #[schemars(extend("x-order" = 100, "x-group" = "tags", "x-widget" = "text", "maxLength" = 200))]
    pub tag_prefix: Option<String>,

    /// Which events of the server are read into the Black Box. Nothing is acknowledged or changed there.
    #[schemars(extend("x-order" = 105, "x-group" = "tags", "x-widget" = "select", "default" = "Conditions"))]
    pub alarms: Option<Alarms>,

    /// How often the server samples a tag, in milliseconds.
    #[schemars(range(min = 50, max = 3_600_000), extend("x-order" = 110, "x-group" = "load", "x-widget" = "number", "default" = 1_000))]
    pub sampling_interval_ms: Option<u32>,

    /// Largest number of tags in one request. Lower limits of the server are respected as well.
    #[schemars(range(min = 1, max = 1_000), extend("x-order" = 120, "x-group" = "load", "x-widget" = "number", "default" = 1_000))]
    pub max_tags_per_scan: Option<u32>,

    /// Time zone of the server's time stamps. The standard asks for UTC; change it only for a server that sends local time.
    #[schemars(extend("x-order" = 130, "x-group" = "load", "x-widget" = "time_zone", "default" = "UTC", "maxLength" = 60))]
    pub time_zone: Option<String>,
}

/// How to sign in, with what is needed for it.
pub(crate) enum Identity {
    Anonymous,
    User {
        name: String,
        password: SecretString,
    },
    Certificate {
        certificate_pem: String,
        key_pem: SecretString,
    },
}

/// A complete, consistent configuration.
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) mode: SecurityMode,
    pub(crate) policy: SecurityPolicy,
    pub(crate) identity: Identity,
    pub(crate) namespaces: Vec<String>,
    pub(crate) tag_prefix: String,
    pub(crate) alarms: Alarms,
    pub(crate) sampling_ms: u32,
    pub(crate) max_per_request: usize,
    pub(crate) zone: Option<jiff::tz::TimeZone>,
}

impl SecurityMode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Sign => "Sign",
            Self::SignAndEncrypt => "SignAndEncrypt",
        }
    }
}

impl SecurityPolicy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic256Sha256 => "Basic256Sha256",
            Self::Aes128_Sha256_RsaOaep => "Aes128_Sha256_RsaOaep",
            Self::Aes256_Sha256_RsaPss => "Aes256_Sha256_RsaPss",
        }
    }
}

/// Host and port of an `opc.tcp` address; `None` when it is not one.
pub(crate) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let rest = url.trim().strip_prefix("opc.tcp://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, tail) = v6.split_once(']')?;
            (
                host,
                tail.strip_prefix(':')
                    .map_or(Some(""), Some)
                    .filter(|_| tail.is_empty() || tail.starts_with(':'))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = if port.is_empty() {
        4840
    } else {
        port.parse().ok().filter(|p| *p != 0)?
    };
    let fits = !host.is_empty()
        && host.len() <= 253
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%'));
    fits.then(|| (host.to_owned(), port))
}

/// Checks that go beyond single fields.
pub(crate) fn check_consistency(config: &Value) -> Vec<FieldError> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut errors = Vec::new();
    if !is_blank(config.get("endpoint_url").unwrap_or(&Value::Null))
        && host_and_port(text("endpoint_url")).is_none()
    {
        errors.push(FieldError::new("endpoint_url", "opcua.address_invalid"));
    }
    if text("security_mode") == "None" {
        match text("auth_type") {
            "UsernamePassword" => {
                errors.push(FieldError::new("auth_type", "opcua.username_over_none"));
            }
            "Certificate" => {
                errors.push(FieldError::new("auth_type", "opcua.certificate_over_none"))
            }
            _ => {}
        }
        if text("none_accepted_reason").trim().is_empty() {
            errors.push(FieldError::new(
                "none_accepted_reason",
                "opcua.none_needs_reason",
            ));
        }
    }
    let zone = text("time_zone");
    if !zone.is_empty() && jiff::tz::TimeZone::get(zone).is_err() {
        errors.push(FieldError::new("time_zone", "opcua.time_zone_unknown").with("zone", zone));
    }
    let certificate = text("certificate");
    if !certificate.trim().is_empty() && crate::trust::leaf_from_pem(certificate).is_none() {
        errors.push(FieldError::new(
            "certificate",
            "opcua.user_certificate_unreadable",
        ));
    }
    errors
}

/// Checks of the secrets' content.
pub(crate) fn check_secret_content(secrets: &BTreeMap<String, SecretString>) -> Vec<FieldError> {
    let key = secrets
        .get("private_key")
        .map(ExposeSecret::expose_secret)
        .unwrap_or_default();
    let is_wrong = !key.is_empty() && opcua::crypto::PrivateKey::from_pem(key.as_bytes()).is_err();
    is_wrong
        .then(|| FieldError::new("private_key", "opcua.user_key_unreadable"))
        .into_iter()
        .collect()
}

impl Settings {
    /// Takes the effective configuration apart; what is missing or contradictory is an error here,
    /// before anything is sent.
    pub(crate) fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        if let Some(first) = check_consistency(&ctx.config).into_iter().next() {
            let error = CodedError::invalid(first.code);
            return Err(first
                .params
                .iter()
                .fold(error, |e, (key, value)| e.with(key, value)));
        }
        let config: OpcUaConfig = serde_json::from_value(ctx.config.clone())
            .map_err(|e| CodedError::invalid("connector.config_unreadable").with("detail", e))?;
        let required = |field: &'static str, value: Option<String>| {
            value
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| CodedError::invalid("connector.field_required").with("field", field))
        };
        let secret = |field: &'static str| {
            let found = ctx
                .secrets
                .get(field)
                .filter(|s| !s.expose_secret().is_empty())
                .cloned();
            found
                .ok_or_else(|| CodedError::invalid("connector.field_required").with("field", field))
        };
        let identity = match config.auth_type.unwrap_or(AuthType::Anonymous) {
            AuthType::Anonymous => Identity::Anonymous,
            AuthType::UsernamePassword => Identity::User {
                name: required("username", config.username)?,
                password: secret("password")?,
            },
            AuthType::Certificate => Identity::Certificate {
                certificate_pem: required("certificate", config.certificate)?,
                key_pem: secret("private_key")?,
            },
        };
        let zone_name = config.time_zone.unwrap_or_default();
        let zone = match zone_name.as_str() {
            "" | "UTC" => None,
            name => jiff::tz::TimeZone::get(name).ok(),
        };
        let list = config.namespace_filter.unwrap_or_default();
        Ok(Self {
            url: required("endpoint_url", config.endpoint_url)?
                .trim()
                .to_owned(),
            mode: config.security_mode.unwrap_or(SecurityMode::SignAndEncrypt),
            policy: config
                .security_policy
                .unwrap_or(SecurityPolicy::Basic256Sha256),
            identity,
            namespaces: list
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            alarms: config.alarms.unwrap_or(Alarms::Conditions),
            tag_prefix: config.tag_prefix.unwrap_or_default().trim().to_owned(),
            sampling_ms: config
                .sampling_interval_ms
                .unwrap_or(1_000)
                .clamp(50, 3_600_000),
            max_per_request: usize::try_from(config.max_tags_per_scan.unwrap_or(1_000))
                .unwrap_or(1_000)
                .clamp(1, 1_000),
            zone,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_or_refused() {
        let ok = |url: &str| host_and_port(url).unwrap();
        assert_eq!(ok("opc.tcp://plc7:4841/ua"), ("plc7".into(), 4841));
        assert_eq!(ok(" opc.tcp://10.0.0.1 "), ("10.0.0.1".into(), 4840));
        assert_eq!(ok("opc.tcp://[::1]:48400/x"), ("::1".into(), 48400));
        for bad in [
            "",
            "http://x",
            "opc.tcp://",
            "opc.tcp://:4840",
            "opc.tcp://a:0",
            "opc.tcp://a:99999",
            "opc.tcp://user:pw@host",
            "opc.tcp://[::1",
            "opc.tcp://[::1]x",
            "opc.tcp://a b",
            "opc.tcp://a\\..\\b",
        ] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_user_name_is_refused_without_protection_and_none_needs_a_reason() {
        let codes = |config: Value| -> Vec<&'static str> {
            check_consistency(&config)
                .into_iter()
                .map(|e| e.code)
                .collect()
        };
        assert_eq!(
            codes(serde_json::json!({"security_mode": "None", "auth_type": "UsernamePassword"})),
            ["opcua.username_over_none", "opcua.none_needs_reason"]
        );
        assert!(codes(serde_json::json!({"security_mode": "None", "none_accepted_reason": "isolated cell"})).is_empty());
        assert_eq!(
            codes(serde_json::json!({"time_zone": "Mars/Olympus"})),
            ["opcua.time_zone_unknown"]
        );
        assert!(codes(serde_json::json!({"time_zone": "Asia/Riyadh"})).is_empty());
    }
}
