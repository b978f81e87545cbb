//! The configurations of the two kinds. The field docs are the help texts of the form.

use iq_connector::{ConnectorContext, ExposeSecret, FieldError, SecretString, is_blank};
use iq_domain::CodedError;
use iq_http::Origin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How this program signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthType {
    /// With a user name and a password.
    Basic,
    /// With a client id and a client secret, which give a token for a while.
    OAuth2,
}

/// Whether work orders may be sent as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// Only read.
    PullOnly,
    /// Read, and send what a person has approved.
    PushAndSync,
}

/// By what an asset here and an object there are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MappingMode {
    /// By the number of the equipment.
    ByEquipmentNumber,
    /// By the functional location.
    ByFunctionalLocation,
}

/// Which Oracle system it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Oracle Fusion Maintenance in the cloud.
    Fusion,
    /// Oracle E-Business Suite on premise; read through the SQL connector.
    Ebs,
}

/// Configuration of an SAP PM integration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SapConfig {
    /// Address of the SAP gateway, such as https://sap.plant.local:44300. The path of the services is added by itself.
    #[schemars(extend("x-order" = 10, "x-group" = "connection", "x-widget" = "url", "x-required" = true,
        "x-env" = "SAP_BASE_URL", "maxLength" = 500))]
    pub base_url: Option<String>,

    /// Client (Mandant), three digits. Empty for the system's own default.
    #[schemars(extend("x-order" = 20, "x-group" = "connection", "x-widget" = "text", "maxLength" = 3))]
    pub sap_client: Option<String>,

    /// Certificates of the company's own authority, in PEM form. They hold for the token address too. Empty to trust the list of this machine.
    #[schemars(extend("x-order" = 30, "x-group" = "security", "x-widget" = "pem", "maxLength" = 20_000))]
    pub tls_ca: Option<String>,

    /// Whether an address without encryption is accepted. Anyone on the network can then read the password.
    #[schemars(extend("x-order" = 40, "x-group" = "security", "x-widget" = "select", "default" = false))]
    pub allow_plain_http: Option<bool>,

    /// Why a connection without encryption is accepted here. The reason is kept in the audit log.
    #[schemars(extend("x-order" = 50, "x-group" = "security", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"allow_plain_http": [true]}, "maxLength" = 300))]
    pub plain_http_reason: Option<String>,

    /// How this program signs in. For reading, a user that can only read is best.
    #[schemars(extend("x-order" = 60, "x-group" = "identity", "x-widget" = "select", "default" = "Basic"))]
    pub auth_type: Option<AuthType>,

    /// User name, usually a communication user.
    #[schemars(extend("x-order" = 70, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 200))]
    pub username: Option<String>,

    /// Password. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 80, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 500))]
    pub password: Option<String>,

    /// Client id of the registration for this program.
    #[schemars(extend("x-order" = 90, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 300))]
    pub client_id: Option<String>,

    /// Client secret. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 100, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 2_000))]
    pub client_secret: Option<String>,

    /// Address that gives tokens. The client secret is sent there and nowhere else.
    #[schemars(extend("x-order" = 110, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 500))]
    pub token_url: Option<String>,

    /// Scope to ask for with the token. Empty where the server needs none.
    #[schemars(extend("x-order" = 120, "x-group" = "identity", "x-widget" = "text",
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 500))]
    pub scope: Option<String>,

    /// Maintenance plant, such as 1010. Empty to read all plants the user may see.
    #[schemars(extend("x-order" = 130, "x-group" = "maintenance", "x-widget" = "text", "maxLength" = 10))]
    pub plant_code: Option<String>,

    /// Company code. Empty for all.
    #[schemars(extend("x-order" = 140, "x-group" = "maintenance", "x-widget" = "text", "maxLength" = 10))]
    pub company_code: Option<String>,

    /// How assets here are matched with objects in SAP.
    #[schemars(extend("x-order" = 150, "x-group" = "maintenance", "x-widget" = "select", "default" = "by_equipment_number"))]
    pub asset_mapping_mode: Option<MappingMode>,

    /// Time zone of the plant. SAP keeps the dates of notifications in local time.
    #[schemars(extend("x-order" = 160, "x-group" = "maintenance", "x-widget" = "time_zone", "default" = "UTC", "maxLength" = 60))]
    pub time_zone: Option<String>,

    /// How often changes are read, in seconds.
    #[schemars(range(min = 10, max = 86_400), extend("x-order" = 170, "x-group" = "load", "x-widget" = "number", "default" = 300))]
    pub sync_interval_s: Option<u32>,

    /// How many days back work orders are read at the first start.
    #[schemars(range(min = 1, max = 3_650), extend("x-order" = 180, "x-group" = "load", "x-widget" = "number", "default" = 365))]
    pub history_days: Option<u32>,

    /// Whether work orders are only read, or also sent after approval.
    #[schemars(extend("x-order" = 190, "x-group" = "push", "x-widget" = "select", "default" = "pull_only"))]
    pub work_order_sync_mode: Option<SyncMode>,

    /// Type of the notifications sent, as set up in this SAP system.
    #[schemars(extend("x-order" = 200, "x-group" = "push", "x-widget" = "text", "default" = "M2", "x-required" = true,
        "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 2))]
    pub notification_type: Option<String>,

    /// Type of the orders sent, as set up in this SAP system.
    #[schemars(extend("x-order" = 210, "x-group" = "push", "x-widget" = "text", "default" = "PM01", "x-required" = true,
        "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 4))]
    pub order_type: Option<String>,

    /// Planning plant of what is sent. Empty to use the maintenance plant.
    #[schemars(extend("x-order" = 220, "x-group" = "push", "x-widget" = "text",
        "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 4))]
    pub planning_plant: Option<String>,

    /// Main work centre of what is sent. Empty to let SAP derive it.
    #[schemars(extend("x-order" = 230, "x-group" = "push", "x-widget" = "text",
        "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 8))]
    pub work_center: Option<String>,

    /// Field of the notification that carries our reference. It must be searchable.
    #[schemars(extend("x-order" = 240, "x-group" = "push", "x-widget" = "text", "default" = "MaintNotifExtReferenceNumber",
        "x-required" = true, "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 60))]
    pub notification_reference_field: Option<String>,

    /// Field of the order that carries our reference. It must be searchable; a field of your own (YY1_…) is best.
    #[schemars(extend("x-order" = 250, "x-group" = "push", "x-widget" = "text", "default" = "AdditionalDeviceData",
        "x-required" = true, "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 60))]
    pub reference_field: Option<String>,
}

/// Configuration of an Oracle EAM integration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OracleConfig {
    /// Which Oracle system it is. E-Business Suite on premise has no such interface: read its views with the SQL connector instead.
    #[schemars(extend("x-order" = 5, "x-group" = "connection", "x-widget" = "select", "default" = "fusion"))]
    pub profile: Option<Profile>,

    /// Address of the Oracle cloud, such as https://example.fa.em2.oraclecloud.com. The path of the services is added by itself.
    #[schemars(extend("x-order" = 10, "x-group" = "connection", "x-widget" = "url", "x-required" = true, "maxLength" = 500))]
    pub base_url: Option<String>,

    /// Certificates of the company's own authority, in PEM form. They hold for the token address too. Empty to trust the list of this machine.
    #[schemars(extend("x-order" = 30, "x-group" = "security", "x-widget" = "pem", "maxLength" = 20_000))]
    pub tls_ca: Option<String>,

    /// Whether an address without encryption is accepted. Anyone on the network can then read the password.
    #[schemars(extend("x-order" = 40, "x-group" = "security", "x-widget" = "select", "default" = false))]
    pub allow_plain_http: Option<bool>,

    /// Why a connection without encryption is accepted here. The reason is kept in the audit log.
    #[schemars(extend("x-order" = 50, "x-group" = "security", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"allow_plain_http": [true]}, "maxLength" = 300))]
    pub plain_http_reason: Option<String>,

    /// How this program signs in. For reading, a user that can only read is best.
    #[schemars(extend("x-order" = 60, "x-group" = "identity", "x-widget" = "select", "default" = "Basic"))]
    pub auth_type: Option<AuthType>,

    /// User name.
    #[schemars(extend("x-order" = 70, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 200))]
    pub username: Option<String>,

    /// Password. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 80, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["Basic"]}, "maxLength" = 500))]
    pub password: Option<String>,

    /// Client id of the registration for this program.
    #[schemars(extend("x-order" = 90, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 300))]
    pub client_id: Option<String>,

    /// Client secret. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 100, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 2_000))]
    pub client_secret: Option<String>,

    /// Address that gives tokens. The client secret is sent there and nowhere else.
    #[schemars(extend("x-order" = 110, "x-group" = "identity", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 500))]
    pub token_url: Option<String>,

    /// Scope to ask for with the token. Empty where the server needs none.
    #[schemars(extend("x-order" = 120, "x-group" = "identity", "x-widget" = "text",
        "x-show-when" = {"auth_type": ["OAuth2"]}, "maxLength" = 500))]
    pub scope: Option<String>,

    /// Code of the maintenance organization. Empty to read all the user may see; needed to send work orders.
    #[schemars(extend("x-order" = 130, "x-group" = "maintenance", "x-widget" = "text", "maxLength" = 18))]
    pub plant_code: Option<String>,

    /// Company code, kept with the integration for your own reference. Oracle's work orders are selected by the organization alone.
    #[schemars(extend("x-order" = 140, "x-group" = "maintenance", "x-widget" = "text", "maxLength" = 30))]
    pub company_code: Option<String>,

    /// How assets here are matched with objects in Oracle.
    #[schemars(extend("x-order" = 150, "x-group" = "maintenance", "x-widget" = "select", "default" = "by_equipment_number"))]
    pub asset_mapping_mode: Option<MappingMode>,

    /// How often changes are read, in seconds.
    #[schemars(range(min = 10, max = 86_400), extend("x-order" = 170, "x-group" = "load", "x-widget" = "number", "default" = 300))]
    pub sync_interval_s: Option<u32>,

    /// How many days back work orders are read at the first start.
    #[schemars(range(min = 1, max = 3_650), extend("x-order" = 180, "x-group" = "load", "x-widget" = "number", "default" = 365))]
    pub history_days: Option<u32>,

    /// Whether work orders are only read, or also sent after approval.
    #[schemars(extend("x-order" = 190, "x-group" = "push", "x-widget" = "select", "default" = "pull_only"))]
    pub work_order_sync_mode: Option<SyncMode>,

    /// Type of the work orders sent, as set up in this Oracle system.
    #[schemars(extend("x-order" = 210, "x-group" = "push", "x-widget" = "text", "default" = "CORRECTIVE", "x-required" = true,
        "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 30))]
    pub order_type: Option<String>,

    /// Field of the work order that carries our reference. It must be searchable; in the description it stands in brackets at the end.
    #[schemars(extend("x-order" = 250, "x-group" = "push", "x-widget" = "text", "default" = "WorkOrderDescription",
        "x-required" = true, "x-show-when" = {"work_order_sync_mode": ["push_and_sync"]}, "maxLength" = 60))]
    pub reference_field: Option<String>,
}

/// How to sign in, with what is needed for it.
#[derive(Clone)]
pub(crate) enum Credentials {
    Basic {
        user: String,
        password: SecretString,
    },
    Client {
        id: String,
        secret: SecretString,
        token_url: String,
        scope: String,
    },
}

/// A complete, consistent configuration of either kind.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) base_url: String,
    pub(crate) tls_ca: Option<String>,
    pub(crate) allow_plain_http: bool,
    pub(crate) credentials: Credentials,
    pub(crate) sap_client: String,
    pub(crate) plant: String,
    pub(crate) company: String,
    pub(crate) mapping: MappingMode,
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) interval_s: u32,
    pub(crate) history_days: u32,
    pub(crate) may_push: bool,
    pub(crate) notification_type: String,
    pub(crate) order_type: String,
    pub(crate) planning_plant: String,
    pub(crate) work_center: String,
    pub(crate) notification_reference_field: String,
    pub(crate) reference_field: String,
}

/// Whether a text can name a field of a service.
fn is_field_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 60
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Checks that go beyond single fields, for both kinds.
pub(crate) fn check_consistency(config: &Value) -> Vec<FieldError> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_given = |name: &str| !is_blank(config.get(name).unwrap_or(&Value::Null));
    let is_plain = config.get("allow_plain_http").and_then(Value::as_bool) == Some(true);
    let mut errors = Vec::new();
    if text("profile") == "ebs" {
        errors.push(FieldError::new("profile", "eam.ebs_through_sql"));
    }
    for name in ["base_url", "token_url"] {
        if is_given(name)
            && let Err(error) = Origin::parse(text(name), is_plain)
        {
            let with = |e: FieldError, (key, value): (&String, &String)| e.with(key, value);
            let start = FieldError::new(name, error.code);
            errors.push(error.params.iter().fold(start, with));
        }
    }
    if is_plain && text("plain_http_reason").trim().is_empty() {
        errors.push(FieldError::new(
            "plain_http_reason",
            "eam.plain_needs_reason",
        ));
    }
    let client = text("sap_client");
    if is_given("sap_client") && !(client.len() == 3 && client.bytes().all(|b| b.is_ascii_digit()))
    {
        errors.push(FieldError::new("sap_client", "eam.sap_client_invalid"));
    }
    let zone = text("time_zone");
    if is_given("time_zone") && jiff::tz::TimeZone::get(zone).is_err() {
        errors.push(FieldError::new("time_zone", "eam.time_zone_unknown").with("zone", zone));
    }
    for name in ["reference_field", "notification_reference_field"] {
        if is_given(name) && !is_field_name(text(name)) {
            errors.push(FieldError::new(name, "eam.field_name_invalid").with("name", text(name)));
        }
    }
    errors
}

impl Settings {
    /// Takes the effective configuration apart; what is missing or contradictory is an error here,
    /// before anything is sent.
    pub(crate) fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        let config = &ctx.config;
        if let Some(first) = check_consistency(config).into_iter().next() {
            let error = CodedError::invalid(first.code);
            return Err(first.params.iter().fold(error, |e, (k, v)| e.with(k, v)));
        }
        let text = |name: &str| {
            let found = config.get(name).and_then(Value::as_str).unwrap_or_default();
            found.trim().to_owned()
        };
        let or = |name: &str, default: &str| {
            Some(text(name))
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        let missing =
            |field: &str| CodedError::invalid("connector.field_required").with("field", field);
        let required = |field: &str| {
            Some(text(field))
                .filter(|t| !t.is_empty())
                .ok_or_else(|| missing(field))
        };
        let secret = |field: &str| {
            let found = ctx
                .secrets
                .get(field)
                .filter(|s| !s.expose_secret().is_empty());
            found.cloned().ok_or_else(|| missing(field))
        };
        let number = |name: &str, default: u32| {
            let found = config.get(name).and_then(Value::as_u64);
            found.and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
        };
        let base_url = required("base_url")?;
        let credentials = match text("auth_type").as_str() {
            "OAuth2" => Credentials::Client {
                id: required("client_id")?,
                secret: secret("client_secret")?,
                token_url: required("token_url")?,
                scope: text("scope"),
            },
            _ => Credentials::Basic {
                user: required("username")?,
                password: secret("password")?,
            },
        };
        let zone = or("time_zone", "UTC");
        let plant = text("plant_code");
        Ok(Self {
            base_url,
            tls_ca: Some(text("tls_ca")).filter(|pem| !pem.is_empty()),
            allow_plain_http: config.get("allow_plain_http").and_then(Value::as_bool) == Some(true),
            credentials,
            sap_client: text("sap_client"),
            company: text("company_code"),
            mapping: match text("asset_mapping_mode").as_str() {
                "by_functional_location" => MappingMode::ByFunctionalLocation,
                _ => MappingMode::ByEquipmentNumber,
            },
            zone: jiff::tz::TimeZone::get(&zone).unwrap_or(jiff::tz::TimeZone::UTC),
            interval_s: number("sync_interval_s", 300).clamp(10, 86_400),
            history_days: number("history_days", 365).clamp(1, 3_650),
            may_push: text("work_order_sync_mode") == "push_and_sync",
            notification_type: or("notification_type", "M2"),
            order_type: or("order_type", ""),
            planning_plant: or("planning_plant", &plant),
            work_center: text("work_center"),
            notification_reference_field: or(
                "notification_reference_field",
                "MaintNotifExtReferenceNumber",
            ),
            reference_field: text("reference_field"),
            plant,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(config: Value) -> Vec<&'static str> {
        check_consistency(&config)
            .into_iter()
            .map(|e| e.code)
            .collect()
    }

    #[test]
    fn plain_http_needs_to_be_allowed_with_a_reason() {
        let url = "http://sap.plant.local:8000";
        assert_eq!(codes(json!({"base_url": url})), ["http.plain_refused"]);
        assert_eq!(
            codes(json!({"base_url": url, "allow_plain_http": true})),
            ["eam.plain_needs_reason"]
        );
        let accepted = json!({"base_url": url, "allow_plain_http": true, "plain_http_reason": "isolated cell"});
        assert!(codes(accepted).is_empty());
        assert_eq!(codes(json!({"token_url": "ftp://x"})), ["http.url_invalid"]);
    }

    #[test]
    fn the_on_premise_suite_is_sent_to_the_sql_connector() {
        assert_eq!(codes(json!({"profile": "ebs"})), ["eam.ebs_through_sql"]);
        assert!(codes(json!({"profile": "fusion"})).is_empty());
    }

    #[test]
    fn names_and_numbers_that_would_change_a_request_are_refused() {
        assert_eq!(
            codes(json!({"sap_client": "1&x"})),
            ["eam.sap_client_invalid"]
        );
        assert!(codes(json!({"sap_client": "100"})).is_empty());
        for bad in ["A eq 'x' or B", "1A", "a/b", "a'b"] {
            assert_eq!(
                codes(json!({"reference_field": bad})),
                ["eam.field_name_invalid"],
                "{bad}"
            );
        }
        assert!(codes(json!({"reference_field": "YY1_Optria_ORD"})).is_empty());
        assert_eq!(
            codes(json!({"time_zone": "Mars/Olympus"})),
            ["eam.time_zone_unknown"]
        );
    }
}
