//! The list of all variables. A name that is not here is not read.

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// true or false.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// An address and a port.
    Listen,
    /// A port.
    Port,
    /// A folder or file.
    Path,
    /// Any text.
    Text,
    /// A text of at least so many characters.
    LongText(usize),
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// Networks and addresses, with commas between them.
    Networks,
    /// A time from the first to the second, in minutes; written as `30m`, `12h` or `7d`.
    Span(u64, u64),
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment; in the file the same in lower case.
    pub name: &'static str,
    /// What it holds.
    pub kind: ValueKind,
    /// Whether its value may not be shown.
    pub is_secret: bool,
    /// What holds when it is unset, as the guide shows it; empty for nothing.
    pub default: &'static str,
}

const fn public(name: &'static str, kind: ValueKind, default: &'static str) -> Variable {
    Variable {
        name,
        kind,
        is_secret: false,
        default,
    }
}

const fn secret(name: &'static str, kind: ValueKind) -> Variable {
    Variable {
        name,
        kind,
        is_secret: true,
        default: "",
    }
}

use ValueKind::{Listen, LongText, Networks, Number, Path, Port, Span, Switch, Text, Url, Word};

/// All variables, in the order of the guide.
pub const VARIABLES: &[Variable] = &[
    public(
        "APP_ENV",
        Word(&["development", "production", "test"]),
        "production",
    ),
    public("DEMO_MODE", Switch, "false"),
    public("OPTIMIZATION_ENGINE_ENABLED", Switch, "true"),
    public("EXTERNAL_DB_ENABLE", Switch, "true"),
    public("OPTRIA_DATA_DIR", Path, ""),
    public("OPTRIA_CONFIG", Path, ""),
    public("OPTRIA_LISTEN", Listen, "127.0.0.1:8090"),
    public("OPTRIA_PUBLIC_URL", Url(&["https", "http"]), ""),
    public("OPTRIA_TLS", Word(&["off", "self_signed", "files"]), "off"),
    public("OPTRIA_TLS_CERT", Path, ""),
    public("OPTRIA_TLS_KEY", Path, ""),
    public("OPTRIA_ALLOW_FROM", Networks, ""),
    public("OPTRIA_SSO_NETWORKS", Networks, ""),
    public("OPTRIA_SERIES_DAYS", Number(0, 36_500), "400"),
    public("OPTRIA_APPLIANCE_MAX_GB", Number(0, 1_000_000), "500"),
    public("OPTRIA_APPLIANCE_MAX_EPOCHS", Number(0, 1_000_000), "1000"),
    public("OPTRIA_SESSION_IDLE", Span(1, 24 * 60), "30m"),
    public("OPTRIA_SESSION_MAX", Span(5, 30 * 24 * 60), "12h"),
    public("OPTRIA_REQUESTS_PER_SECOND", Number(0, 10_000), "100"),
    public("OPTRIA_LOG", Text, "info"),
    public("OPTRIA_LOG_FORMAT", Word(&["text", "json"]), "text"),
    public("OPTRIA_LOG_MAX_MB", Number(0, 1_000), "10"),
    public("OPTRIA_LOG_FILES", Number(1, 100), "5"),
    public("OPTRIA_DISK_RESERVE_MB", Number(0, 100_000), "64"),
    public("OPTRIA_IMPORT_MAX_FILES", Number(1, 10_000), "500"),
    public("OPTRIA_IMPORT_MAX_GB", Number(1, 100_000), "50"),
    secret("SESSION_SECRET", LongText(32)),
    secret("OPTRIA_HUB_KEY", LongText(32)),
    public("OPCUA_ENDPOINT_URL", Url(&["opc.tcp"]), ""),
    public("OPCUA_USERNAME", Text, ""),
    secret("OPCUA_PASSWORD", Text),
    public("PI_BASE_URL", Url(&["https", "http"]), ""),
    public("SAP_BASE_URL", Url(&["https", "http"]), ""),
    secret("OPENAI_API_KEY", Text),
    public("OPENAI_BASE_URL", Url(&["https", "http"]), ""),
    public("OPENAI_MODEL", Text, "gpt-4o-mini"),
    secret("SMTP_URL", Url(&["smtps", "smtp"])),
    secret("EMAIL_PROVIDER_API_KEY", Text),
    secret("DATABASE_URL", Url(&["postgres", "postgresql"])),
    public("PGHOST", Text, ""),
    public("PGPORT", Port, "5432"),
    public("PGUSER", Text, ""),
    secret("PGPASSWORD", Text),
    public("PGDATABASE", Text, ""),
];
