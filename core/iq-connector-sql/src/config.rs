//! The configuration of a database integration. The field docs are the help texts of the form.

use std::net::IpAddr;

use iq_connector::{ConnectorContext, ExposeSecret, FieldError, SecretString, is_blank};
use iq_domain::CodedError;
use iq_http::is_forbidden;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::guard;

/// Which database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DbType {
    /// PostgreSQL and what speaks its protocol.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Microsoft SQL Server.
    SqlServer,
    /// Oracle Database.
    Oracle,
}

impl DbType {
    /// The engine's name as a person knows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL / MariaDB",
            Self::SqlServer => "SQL Server",
            Self::Oracle => "Oracle Database",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
            Self::SqlServer => 1433,
            Self::Oracle => 1521,
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SslMode {
    /// Not protected.
    Disable,
    /// Protected where the server offers it; the certificate is not checked.
    Prefer,
    /// Protected; the certificate is not checked.
    Require,
    /// Protected; the certificate is checked, the host name in it is not.
    VerifyCa,
    /// Protected; certificate and host name are checked.
    VerifyFull,
}

/// Where the rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataMode {
    /// From a table or view.
    RawTable,
    /// From a query of one's own.
    CustomQuery,
}

/// How much of the past is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncMode {
    /// One day.
    #[serde(rename = "last_24h")]
    Last24h,
    /// One week.
    #[serde(rename = "last_7d")]
    Last7d,
    /// Everything there is.
    #[serde(rename = "full")]
    Full,
}

/// Configuration of a database integration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// Which database engine.
    #[schemars(extend("x-order" = 10, "x-group" = "connection", "x-widget" = "select", "x-required" = true, "default" = "postgres"))]
    pub db_type: Option<DbType>,

    /// Name or address of the database server, without a port.
    #[schemars(extend("x-order" = 20, "x-group" = "connection", "x-widget" = "text", "x-required" = true, "maxLength" = 253))]
    pub host: Option<String>,

    /// Port. Empty for the usual one of the engine: 5432, 3306, 1433 or 1521.
    #[schemars(range(min = 1, max = 65_535), extend("x-order" = 30, "x-group" = "connection", "x-widget" = "number"))]
    pub port: Option<u32>,

    /// Name of the database.
    #[schemars(extend("x-order" = 40, "x-group" = "connection", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"db_type": ["postgres", "mysql", "sqlserver"]}, "maxLength" = 128))]
    pub database_name: Option<String>,

    /// Service name of the Oracle database, as in host:1521/service.
    #[schemars(extend("x-order" = 50, "x-group" = "connection", "x-widget" = "text", "x-required" = true,
        "x-show-when" = {"db_type": ["oracle"]}, "maxLength" = 128))]
    pub service_name: Option<String>,

    /// User name. A login that can only read is best; one with administrator rights is refused.
    #[schemars(extend("x-order" = 60, "x-group" = "identity", "x-widget" = "text", "x-required" = true, "maxLength" = 128))]
    pub username: Option<String>,

    /// Password. It is stored sealed and never shown.
    #[schemars(extend("x-order" = 70, "x-group" = "identity", "x-widget" = "text", "x-secret" = true, "x-required" = true, "maxLength" = 500))]
    pub password: Option<String>,

    /// How the connection is protected. Only verify_full notices a server that pretends to be another one.
    #[schemars(extend("x-order" = 80, "x-group" = "security", "x-widget" = "select", "default" = "verify_full"))]
    pub ssl_mode: Option<SslMode>,

    /// Certificate of the authority that issued the server's certificate, in PEM form. Empty for the public authorities.
    #[schemars(extend("x-order" = 90, "x-group" = "security", "x-widget" = "pem",
        "x-show-when" = {"ssl_mode": ["verify_ca", "verify_full"]}, "maxLength" = 50_000))]
    pub tls_ca: Option<String>,

    /// Where the rows come from: a table or view, or a query of your own.
    #[schemars(extend("x-order" = 100, "x-group" = "tags", "x-widget" = "select", "default" = "raw_table"))]
    pub data_mode: Option<DataMode>,

    /// Schema the table lies in. Empty for the usual one of the login.
    #[schemars(extend("x-order" = 110, "x-group" = "tags", "x-widget" = "text", "maxLength" = 128))]
    pub schema: Option<String>,

    /// Table or view with the values.
    #[schemars(extend("x-order" = 120, "x-group" = "tags", "x-widget" = "text", "x-required" = true, "x-choices" = true,
        "x-show-when" = {"data_mode": ["raw_table"]}, "maxLength" = 260))]
    pub table_name: Option<String>,

    /// One SELECT that returns the time, the value and, where there is one, the tag. It is checked, runs read-only and under a time limit.
    #[schemars(extend("x-order" = 130, "x-group" = "tags", "x-widget" = "multiline", "x-required" = true,
        "x-show-when" = {"data_mode": ["custom_query"]}, "maxLength" = 20_000))]
    pub custom_query: Option<String>,

    /// Column with the time of the value.
    #[schemars(extend("x-order" = 140, "x-group" = "tags", "x-widget" = "text", "x-required" = true, "x-choices" = true, "maxLength" = 128))]
    pub timestamp_column: Option<String>,

    /// Column with the tag's name. Empty when each column is a tag of its own.
    #[schemars(extend("x-order" = 150, "x-group" = "tags", "x-widget" = "text", "x-choices" = true, "maxLength" = 128))]
    pub tag_column: Option<String>,

    /// Column with the value. Without a tag column: the value columns, separated by commas, or empty for all of them.
    #[schemars(extend("x-order" = 160, "x-group" = "tags", "x-widget" = "text", "x-choices" = true, "maxLength" = 4_000))]
    pub value_column: Option<String>,

    /// Column that says whether the value is good. Numbers are read as OPC quality (192 is good), texts as good, uncertain or bad.
    #[schemars(extend("x-order" = 170, "x-group" = "tags", "x-widget" = "text", "x-choices" = true, "maxLength" = 128))]
    pub quality_column: Option<String>,

    /// Time zone of a time column that carries none of its own.
    #[schemars(extend("x-order" = 180, "x-group" = "tags", "x-widget" = "time_zone", "default" = "UTC", "maxLength" = 60))]
    pub time_zone: Option<String>,

    /// How often new rows are asked for, in milliseconds.
    #[schemars(range(min = 500, max = 3_600_000), extend("x-order" = 190, "x-group" = "load", "x-widget" = "number", "default" = 5_000))]
    pub polling_interval_ms: Option<u32>,

    /// How long after its time a row may still arrive, in seconds. That much is read again each time.
    #[schemars(range(min = 0, max = 86_400), extend("x-order" = 200, "x-group" = "load", "x-widget" = "number", "default" = 120))]
    pub overlap_s: Option<u32>,

    /// How much of the past is read once.
    #[schemars(extend("x-order" = 210, "x-group" = "load", "x-widget" = "select", "default" = "last_24h"))]
    pub sync_mode: Option<SyncMode>,
}

/// The connection part of a configuration.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) db: DbType,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Database, or the service of Oracle.
    pub(crate) database: String,
    pub(crate) schema: Option<String>,
    pub(crate) username: String,
    pub(crate) password: SecretString,
    pub(crate) ssl_mode: SslMode,
    pub(crate) tls_ca: Option<String>,
    /// For working files a driver insists on.
    #[cfg_attr(
        not(feature = "oracle"),
        expect(dead_code, reason = "one driver alone needs it")
    )]
    pub(crate) scratch_dir: std::path::PathBuf,
}

impl Target {
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowsFrom {
    Table(String),
    Query(String),
}

/// Names of the columns as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnNames {
    pub(crate) timestamp: String,
    pub(crate) values: Vec<String>,
    pub(crate) tag: Option<String>,
    pub(crate) quality: Option<String>,
}

/// A complete, consistent configuration.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) target: Target,
    pub(crate) rows: RowsFrom,
    pub(crate) columns: ColumnNames,
    pub(crate) zone: TimeZone,
    pub(crate) poll_ms: u32,
    pub(crate) overlap_ms: i64,
    pub(crate) sync_mode: SyncMode,
}

fn text(value: Option<String>) -> Option<String> {
    value.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

fn required(field: &'static str, value: Option<String>) -> Result<String, CodedError> {
    text(value).ok_or_else(|| CodedError::invalid("connector.field_required").with("field", field))
}

/// A host without the brackets some write around an address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}

/// A service of Oracle is a name. Whatever else could stand in its place would be read as a part of the
/// connect string: another server, another address, options.
fn is_service(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '$' | '#'))
}

/// A host is a bare name or address: no scheme, no port, no path (a path would be a local socket).
fn is_host(host: &str) -> bool {
    let host = bare(host);
    !host.is_empty()
        && (host.parse::<IpAddr>().is_ok()
            || host
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
}

/// What contradicts itself in a configuration whose fields are each in order.
pub(crate) fn check_consistency(config: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let get = |name: &str| {
        config
            .get(name)
            .filter(|v| !is_blank(v))
            .and_then(Value::as_str)
    };
    if let Some(host) = get("host").filter(|host| !is_host(host.trim())) {
        errors.push(FieldError::new("host", "sql.host_invalid").with("host", host));
    }
    let address = get("host").and_then(|host| bare(host.trim()).parse::<IpAddr>().ok());
    if let Some(address) = address.filter(|address| is_forbidden(*address)) {
        errors.push(
            FieldError::new("host", "http.address_refused")
                .with("host", address)
                .with("address", address),
        );
    }
    let is_oracle = get("db_type") == Some("oracle");
    if let Some(name) = get("service_name").filter(|name| is_oracle && !is_service(name.trim())) {
        errors.push(FieldError::new("service_name", "sql.service_invalid").with("service", name));
    }
    if let Some(zone) = get("time_zone").filter(|zone| TimeZone::get(zone).is_err()) {
        errors.push(FieldError::new("time_zone", "sql.time_zone_unknown").with("zone", zone));
    }
    if let Some(pem) = get("tls_ca")
        && !is_ca(pem)
    {
        errors.push(FieldError::new("tls_ca", "sql.ca_unreadable"));
    }
    if get("data_mode") == Some("custom_query")
        && let Some(query) = get("custom_query")
    {
        let db = config
            .get("db_type")
            .and_then(|v| serde_json::from_value(v.clone()).ok())
            .unwrap_or(DbType::Postgres);
        if let Err(error) = guard::check(db, query) {
            let mut refused = FieldError::new("custom_query", error.code);
            for (key, value) in &error.params {
                refused = refused.with(key, value);
            }
            errors.push(refused);
        }
    }
    errors
}

fn is_ca(text: &str) -> bool {
    pem::parse_many(text)
        .is_ok_and(|parts| !parts.is_empty() && parts.iter().all(|p| p.tag() == "CERTIFICATE"))
}

fn parse(ctx: &ConnectorContext) -> Result<SqlConfig, CodedError> {
    if let Some(first) = check_consistency(&ctx.config).into_iter().next() {
        let error = CodedError::invalid(first.code);
        return Err(first
            .params
            .iter()
            .fold(error, |e, (key, value)| e.with(key, value)));
    }
    serde_json::from_value(ctx.config.clone())
        .map_err(|e| CodedError::invalid("connector.config_unreadable").with("detail", e))
}

impl Target {
    /// The connection alone, for looking at tables before any is chosen.
    pub(crate) fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        Self::from_config(ctx, parse(ctx)?)
    }

    fn from_config(ctx: &ConnectorContext, config: SqlConfig) -> Result<Self, CodedError> {
        let db = config.db_type.unwrap_or(DbType::Postgres);
        let password = ctx
            .secrets
            .get("password")
            .filter(|s| !s.expose_secret().is_empty())
            .cloned()
            .ok_or_else(|| {
                CodedError::invalid("connector.field_required").with("field", "password")
            })?;
        let database = match db {
            DbType::Oracle => required("service_name", config.service_name)?,
            _ => required("database_name", config.database_name)?,
        };
        let host = required("host", config.host)?;
        Ok(Self {
            db,
            host: bare(&host).to_owned(),
            port: config
                .port
                .and_then(|p| u16::try_from(p).ok())
                .unwrap_or(db.default_port()),
            database,
            schema: text(config.schema),
            username: required("username", config.username)?,
            password,
            ssl_mode: config.ssl_mode.unwrap_or(SslMode::VerifyFull),
            tls_ca: text(config.tls_ca),
            scratch_dir: ctx.identity.scratch_dir.clone(),
        })
    }
}

impl Settings {
    /// The whole configuration, checked.
    pub(crate) fn from_context(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        let config = parse(ctx)?;
        let target = Target::from_config(ctx, config.clone())?;
        let rows = match config.data_mode.unwrap_or(DataMode::RawTable) {
            DataMode::RawTable => RowsFrom::Table(required("table_name", config.table_name)?),
            DataMode::CustomQuery => {
                RowsFrom::Query(required("custom_query", config.custom_query)?)
            }
        };
        let tag = text(config.tag_column);
        let listed = text(config.value_column).unwrap_or_default();
        let values = match &tag {
            Some(_) => vec![required("value_column", Some(listed))?],
            None => listed
                .split(',')
                .filter_map(|name| text(Some(name.to_owned())))
                .collect(),
        };
        let zone = text(config.time_zone).unwrap_or_else(|| "UTC".to_owned());
        Ok(Self {
            target,
            rows,
            columns: ColumnNames {
                timestamp: required("timestamp_column", config.timestamp_column)?,
                values,
                tag,
                quality: text(config.quality_column),
            },
            zone: TimeZone::get(&zone)
                .map_err(|_| CodedError::invalid("sql.time_zone_unknown").with("zone", zone))?,
            poll_ms: config
                .polling_interval_ms
                .unwrap_or(5_000)
                .clamp(500, 3_600_000),
            overlap_ms: i64::from(config.overlap_s.unwrap_or(120).min(86_400)) * 1_000,
            sync_mode: config.sync_mode.unwrap_or(SyncMode::Last24h),
        })
    }
}

#[cfg(test)]
impl Target {
    /// A server nobody connects to.
    pub(crate) fn example() -> Self {
        Self {
            db: DbType::Postgres,
            host: "h".into(),
            port: 1,
            database: "d".into(),
            schema: None,
            username: "u".into(),
            password: "p".to_owned().into(),
            ssl_mode: SslMode::VerifyFull,
            tls_ca: None,
            scratch_dir: std::path::PathBuf::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_is_a_bare_name_and_never_a_path_or_an_address_with_a_port() {
        for good in [
            "db1",
            "db-1.plant.local",
            "10.1.2.3",
            "::1",
            "[::1]",
            "خادم",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "/var/run/postgresql",
            "db:5432",
            "user@db",
            "http://db",
            "db/x",
            "a b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn contradictions_are_named_with_their_field() {
        let fields = |config: Value| -> Vec<(String, &'static str)> {
            check_consistency(&config)
                .into_iter()
                .map(|e| (e.field, e.code))
                .collect()
        };
        assert_eq!(
            fields(json!({"host": "a:1", "time_zone": "Mars/Base", "tls_ca": "no pem"})),
            [
                ("host".to_owned(), "sql.host_invalid"),
                ("time_zone".to_owned(), "sql.time_zone_unknown"),
                ("tls_ca".to_owned(), "sql.ca_unreadable")
            ]
        );
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "::ffff:169.254.1.1",
            "0.0.0.0",
        ] {
            assert_eq!(
                fields(json!({"host": host})),
                [("host".to_owned(), "http.address_refused")]
            );
        }
        let service = |name: &str| fields(json!({"db_type": "oracle", "service_name": name}));
        assert!(service("PLANT_1.prod-x$a#b.example").is_empty());
        for name in [
            "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=10.0.0.9)(PORT=1521)))",
            "plant:dedicated/other",
            "plant?wallet_location=x",
            "plant;x",
            "pla nt",
            "خدمة",
        ] {
            assert_eq!(
                service(name),
                [("service_name".to_owned(), "sql.service_invalid")],
                "{name}"
            );
        }
        assert_eq!(
            fields(json!({"data_mode": "custom_query", "custom_query": "DELETE FROM t"})),
            [("custom_query".to_owned(), "sql.query_not_select")]
        );
        assert!(
            fields(json!({"data_mode": "custom_query", "custom_query": "SELECT 1"})).is_empty()
        );
    }
}
