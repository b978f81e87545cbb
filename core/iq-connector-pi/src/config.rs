//! The configuration of a PI integration. The field docs are the help texts of the form.

use iq_connector::{ConnectorContext, ExposeSecret, FieldError, SecretString, is_blank};
use iq_domain::CodedError;
use iq_http::{Auth, Budget, HttpOptions, JsonLimits, Origin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tag::Wildcard;

/// How this program signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthType {
    /// With a user name and a password.
    Basic,
    /// With a token (Bearer).
    Token,
    /// With the ticket the operating system holds for the account of this program.
    Kerberos,
}

/// How much of the past is read at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// One day.
    #[serde(rename = "last_24h")]
    Last24h,
    /// One week.
    #[serde(rename = "last_7d")]
    Last7d,
    /// Everything the archive holds.
    Full,
}

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum YesNo {
    /// No.
    No,
    /// Yes.
    Yes,
}

/// Configuration of a PI integration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PiConfig {
    /// Address of the PI Web API, such as https://server/piwebapi.
    #[schemars(extend("x-order" = 10, "x-group" = "connection", "x-widget" = "url", "x-required" = true,
        "x-env" = "PI_BASE_URL", "maxLength" = 500))]
    pub pi_webapi_url: Option<String>,

    /// Whether an address without encryption (http) is accepted. Anyone on the network could then read the password and the values.
    #[schemars(extend("x-order" = 20, "x-group" = "security", "x-widget" = "select", "default" = "No"))]
    pub allow_plain_http: Option<YesNo>,

    /// Why an unencrypted address is accepted here. The reason is kept in the audit log.
    #[schemars(extend("x-order" = 25, "x-group" = "security", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"allow_plain_http": ["Yes"]}, "maxLength" = 300))]
    pub plain_http_reason: Option<String>,

    /// Certificate of the server, or of the authority that issued it, in PEM form. Empty: the list of the operating system.
    #[schemars(extend("x-order" = 30, "x-group" = "security", "x-widget" = "pem", "maxLength" = 60_000))]
    pub tls_ca: Option<String>,

    /// How this program signs in. An account that can only read is best.
    #[schemars(extend("x-order" = 40, "x-group" = "identity", "x-widget" = "select", "default" = "Basic"))]
    pub auth_type: Option<AuthType>,

    /// User name, such as PLANT\reader or reader@plant.example.
    #[schemars(extend("x-order" = 50, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 200))]
    pub username: Option<String>,

    /// Password. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 60, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 500))]
    pub password: Option<String>,

    /// Token. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 70, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["Token"]}, "maxLength" = 8_000))]
    pub token: Option<String>,

    /// Only this asset database is listed, such as \\AFSERVER\Database. Empty for all.
    #[schemars(extend("x-order" = 80, "x-group" = "tags", "x-widget" = "text", "maxLength" = 500))]
    pub af_database_path: Option<String>,

    /// Only points whose name fits are listed, such as U100*. Empty for all.
    #[schemars(extend("x-order" = 90, "x-group" = "tags", "x-widget" = "text", "maxLength" = 200))]
    pub tag_filter: Option<String>,

    /// Whether event frames of the asset databases are read into the Black Box.
    #[schemars(extend("x-order" = 95, "x-group" = "tags", "x-widget" = "select", "default" = "Yes"))]
    pub event_frames: Option<YesNo>,

    /// How much of the past is read when a tag is new here.
    #[schemars(extend("x-order" = 100, "x-group" = "load", "x-widget" = "select", "default" = "last_24h"))]
    pub sync_mode: Option<SyncMode>,

    /// How often new values are asked for where the server does not push them, in milliseconds. Values that reach the archive up to two minutes after a newer one are found, too.
    #[schemars(range(min = 1_000, max = 3_600_000), extend("x-order" = 110, "x-group" = "load", "x-widget" = "number", "default" = 5_000))]
    pub polling_interval_ms: Option<u32>,

    /// Time zone of time stamps that name none. PI sends UTC; change it only for a server in between that does not.
    #[schemars(extend("x-order" = 120, "x-group" = "load", "x-widget" = "time_zone", "default" = "UTC", "maxLength" = 60))]
    pub time_zone: Option<String>,
}

/// A complete, consistent configuration.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) http: HttpOptions,
    /// Whether the unencrypted way was accepted for a machine other than this one.
    pub(crate) is_plain: bool,
    pub(crate) database: Option<String>,
    pub(crate) filter: String,
    pub(crate) event_frames: bool,
    pub(crate) mode: SyncMode,
    pub(crate) interval_ms: u32,
    pub(crate) zone: jiff::tz::TimeZone,
}

/// Requests per second a source is asked at most.
const REQUESTS_PER_S: f64 = 10.0;
/// Largest answer; pages are asked for so that they stay far below.
const MAX_BODY: usize = 16 << 20;

/// Whether an address names this very machine; then nothing leaves it unencrypted.
fn is_loopback(origin: &Origin) -> bool {
    origin.host() == "localhost"
        || origin
            .host()
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The origin of an address, if plain http is fine for it.
fn origin_of(url: &str, accepted: bool) -> Result<Origin, CodedError> {
    match Origin::parse(url, accepted) {
        Err(error) if error.code == "http.plain_refused" => Origin::parse(url, true)
            .ok()
            .filter(is_loopback)
            .ok_or(error),
        other => other,
    }
}

/// Checks that go beyond single fields.
pub(crate) fn check_consistency(config: &Value) -> Vec<FieldError> {
    let text = |name: &str| {
        config
            .get(name)
            .filter(|v| !is_blank(v))
            .and_then(Value::as_str)
            .map(str::trim)
    };
    let mut errors = Vec::new();
    let accepted = text("allow_plain_http") == Some("Yes");
    if let Some(error) = text("pi_webapi_url").and_then(|url| origin_of(url, accepted).err()) {
        let found = FieldError::new("pi_webapi_url", error.code);
        let with = |e: FieldError, (k, v): (&String, &String)| e.with(k, v);
        errors.push(error.params.iter().fold(found, with));
    }
    if accepted && text("plain_http_reason").is_none() {
        errors.push(FieldError::new(
            "plain_http_reason",
            "pi.plain_needs_reason",
        ));
    }
    if text("tls_ca").is_some_and(|pem| iq_http::check_certificates(pem).is_err()) {
        errors.push(FieldError::new("tls_ca", "http.ca_unreadable"));
    }
    if let Some(path) = text("af_database_path")
        && !(path.starts_with(r"\\")
            && path[2..].split('\\').filter(|p| !p.is_empty()).count() >= 2)
    {
        errors.push(FieldError::new(
            "af_database_path",
            "pi.database_path_invalid",
        ));
    }
    if let Some(zone) = text("time_zone")
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        errors.push(FieldError::new("time_zone", "pi.time_zone_unknown").with("zone", zone));
    }
    errors
}

impl Settings {
    /// Takes the effective configuration apart; what is missing or contradictory is an error here,
    /// before anything is sent.
    pub(crate) fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        if let Some(first) = check_consistency(&ctx.config).into_iter().next() {
            let error = CodedError::invalid(first.code);
            let with = |e: CodedError, (k, v): (&String, &String)| e.with(k, v);
            return Err(first.params.iter().fold(error, with));
        }
        let config: PiConfig = serde_json::from_value(ctx.config.clone())
            .map_err(|e| CodedError::invalid("connector.config_unreadable").with("detail", e))?;
        let missing =
            |field: &str| CodedError::invalid("connector.field_required").with("field", field);
        let required = |field: &str, value: Option<String>| {
            value
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .ok_or_else(|| missing(field))
        };
        let secret = |field: &str| -> Result<SecretString, CodedError> {
            let found = ctx.secrets.get(field);
            found
                .filter(|s| !s.expose_secret().is_empty())
                .cloned()
                .ok_or_else(|| missing(field))
        };
        let url = required("pi_webapi_url", config.pi_webapi_url)?;
        let accepted = config.allow_plain_http == Some(YesNo::Yes);
        let origin = origin_of(&url, accepted)?;
        let mut http = HttpOptions::new(url);
        http.allow_plain_http = !origin.is_tls();
        http.tls_ca = config.tls_ca;
        http.auth = match config.auth_type.unwrap_or(AuthType::Basic) {
            AuthType::Basic => Auth::Basic {
                user: required("username", config.username)?,
                password: secret("password")?,
            },
            AuthType::Token => Auth::Bearer(secret("token")?),
            AuthType::Kerberos => Auth::operating_system()?,
        };
        http.max_body = MAX_BODY;
        http.json = JsonLimits {
            depth: 32,
            nodes: 1_000_000,
        };
        http.budget = Budget::new(REQUESTS_PER_S);
        let optional = |value: Option<String>| {
            value
                .map(|text| text.trim().trim_end_matches('\\').to_owned())
                .filter(|text| !text.is_empty())
        };
        let zone = optional(config.time_zone).unwrap_or_else(|| "UTC".to_owned());
        Ok(Self {
            is_plain: !origin.is_tls() && !is_loopback(&origin),
            http,
            database: optional(config.af_database_path),
            filter: optional(config.tag_filter).unwrap_or_else(|| "*".to_owned()),
            event_frames: config.event_frames != Some(YesNo::No),
            mode: config.sync_mode.unwrap_or(SyncMode::Last24h),
            interval_ms: config
                .polling_interval_ms
                .unwrap_or(5_000)
                .clamp(1_000, 3_600_000),
            zone: jiff::tz::TimeZone::get(&zone).unwrap_or(jiff::tz::TimeZone::UTC),
        })
    }

    /// The filter of names, to be applied here where the server can't.
    pub(crate) fn wildcard(&self) -> Wildcard {
        Wildcard::new(&self.filter)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(config: Value) -> Vec<&'static str> {
        let errors = check_consistency(&config);
        errors.into_iter().map(|e| e.code).collect()
    }

    #[test]
    fn an_unencrypted_address_needs_a_reason_unless_it_is_this_machine() {
        assert_eq!(
            codes(json!({"pi_webapi_url": "http://pi/piwebapi"})),
            ["http.plain_refused"]
        );
        assert_eq!(
            codes(json!({"pi_webapi_url": "http://pi/piwebapi", "allow_plain_http": "Yes"})),
            ["pi.plain_needs_reason"]
        );
        for fine in [
            json!({"pi_webapi_url": "http://127.0.0.1:81/piwebapi"}),
            json!({"pi_webapi_url": "http://localhost/piwebapi"}),
            json!({"pi_webapi_url": "https://pi/piwebapi", "af_database_path": r"\\AF\DB"}),
            json!({"pi_webapi_url": "http://pi/", "allow_plain_http": "Yes", "plain_http_reason": "cell"}),
            json!({}),
        ] {
            assert!(codes(fine.clone()).is_empty(), "{fine}");
        }
    }

    #[test]
    fn paths_zones_and_certificates_are_checked_before_saving() {
        assert_eq!(
            codes(json!({"af_database_path": r"\\AF", "time_zone": "Mars/Base", "tls_ca": "x"})),
            [
                "http.ca_unreadable",
                "pi.database_path_invalid",
                "pi.time_zone_unknown"
            ]
        );
    }
}
