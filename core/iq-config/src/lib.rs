//! Configuration: the only place that reads the process environment.
//!
//! A value comes from a flag, else from an environment variable, else from the configuration file, else
//! from its default, and remembers which of these it was. [`VARIABLES`] is the list of all there are;
//! `docs/guides/environment.md` is its description.

mod database;
mod fail_point;
mod load;
mod network;
mod parse;
mod variables;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use iq_domain::{CodedError, ErrorKind};
use iq_secrets::SecretString;

pub use database::Database;
pub use fail_point::FailPoint;
pub use load::{Inputs, Overrides};
pub use network::Network;
pub use variables::{VARIABLES, ValueKind, Variable};

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// On a developer's machine.
    Development,
    /// At a customer's.
    Production,
    /// In an automated test.
    Test,
}

impl AppEnv {
    /// The word used in APP_ENV.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The built-in default, or nothing.
    Default,
    /// The configuration file.
    File,
    /// An environment variable.
    Environment,
    /// A command-line flag.
    Flag,
}

/// How the pages are served: OPTRIA_TLS with its two files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Without encryption.
    #[default]
    Off,
    /// With a certificate this installation makes for itself.
    SelfSigned,
    /// With a certificate of somebody else's making.
    Files {
        /// OPTRIA_TLS_CERT: the certificate and those between it and its authority, as PEM.
        certificate: PathBuf,
        /// OPTRIA_TLS_KEY: its private key, as PEM.
        key: PathBuf,
    },
}

impl Tls {
    /// The word used in OPTRIA_TLS.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::SelfSigned => "self_signed",
            Self::Files { .. } => "files",
        }
    }
}

/// A default a connector takes where the tenant set none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalDefault {
    /// May be shown.
    Public(String),
    /// May not.
    Secret(SecretString),
}

/// The configuration of a process. Printing it shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// APP_ENV.
    pub app_env: AppEnv,
    /// DEMO_MODE.
    pub demo_mode: bool,
    /// OPTIMIZATION_ENGINE_ENABLED.
    pub optimization_engine_enabled: bool,
    /// EXTERNAL_DB_ENABLE.
    pub external_db_enable: bool,
    /// SESSION_SECRET; an appliance without one derives its own from the master key.
    pub session_secret: Option<SecretString>,
    /// OPTRIA_HUB_KEY: what the hub seals its own secrets with; the same on every instance.
    pub hub_key: Option<SecretString>,
    /// OPENAI_API_KEY.
    pub openai_api_key: Option<SecretString>,
    /// OPTRIA_PUBLIC_URL: the address people use, where it is not the one listened on.
    pub public_url: Option<String>,
    /// OPENAI_BASE_URL.
    pub openai_base_url: Option<String>,
    /// OPENAI_MODEL.
    pub openai_model: String,
    /// PI_BASE_URL.
    pub pi_base_url: Option<String>,
    /// SAP_BASE_URL.
    pub sap_base_url: Option<String>,
    /// OPCUA_ENDPOINT_URL.
    pub opcua_endpoint_url: Option<String>,
    /// OPCUA_USERNAME.
    pub opcua_username: Option<String>,
    /// OPCUA_PASSWORD.
    pub opcua_password: Option<SecretString>,
    /// SMTP_URL; secret because it may carry a password.
    pub smtp_url: Option<SecretString>,
    /// EMAIL_PROVIDER_API_KEY: the password of SMTP_URL where that has none.
    pub email_provider_api_key: Option<SecretString>,
    /// The hub's Postgres, from DATABASE_URL or the PG variables.
    pub database: Option<Database>,
    /// OPTRIA_DATA_DIR.
    pub data_dir: PathBuf,
    /// OPTRIA_LISTEN.
    pub listen: SocketAddr,
    /// OPTRIA_TLS, OPTRIA_TLS_CERT, OPTRIA_TLS_KEY.
    pub tls: Tls,
    /// OPTRIA_ALLOW_FROM: where connections may come from besides this machine; empty for anywhere.
    pub allow_from: Vec<Network>,
    /// OPTRIA_SSO_NETWORKS: networks that are not public where identity providers of a hub may be.
    pub sso_networks: Vec<Network>,
    /// OPTRIA_SERIES_DAYS: how many days of the series of plants a hub keeps; 0 for all.
    pub series_days: u32,
    /// OPTRIA_APPLIANCE_MAX_GB in bytes: what the records of one appliance may take up at a hub; 0 for any.
    pub appliance_max_bytes: u64,
    /// OPTRIA_APPLIANCE_MAX_EPOCHS: how many epochs its logs may have there; 0 for any number.
    pub appliance_max_epochs: u64,
    /// OPTRIA_SESSION_IDLE in milliseconds: a session ends this long after its last request.
    pub session_idle_ms: i64,
    /// OPTRIA_SESSION_MAX in milliseconds: it ends this long after its sign-in, whatever happens.
    pub session_max_ms: i64,
    /// OPTRIA_REQUESTS_PER_SECOND: how many a session or token may send on and on; 0 for any number.
    pub requests_per_second: u32,
    /// OPTRIA_LOG_MAX_MB in bytes: what one file of the log may hold; 0 for no files.
    pub log_max_bytes: u64,
    /// OPTRIA_LOG_FILES: how many of them there are at most.
    pub log_files: usize,
    /// OPTRIA_DISK_RESERVE_MB in bytes: room kept back on the disk of the data folder; 0 for none.
    pub disk_reserve_bytes: u64,
    /// OPTRIA_IMPORT_MAX_FILES: uploaded files that a tenant may keep.
    pub import_max_files: u64,
    /// OPTRIA_IMPORT_MAX_GB in bytes: what they may hold together.
    pub import_max_bytes: u64,
    /// OPTRIA_LOG: a filter of the tracing library.
    pub log: String,
    /// OPTRIA_LOG_FORMAT is "json".
    pub log_json: bool,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    sources: BTreeMap<&'static str, Source>,
}

impl Config {
    /// Reads this process's environment and the configuration file.
    ///
    /// # Errors
    /// A code of the area `config` naming the variable and what it may be.
    pub fn from_process(overrides: Overrides) -> Result<Self, CodedError> {
        load::load(&Inputs {
            overrides,
            environment: &|name| std::env::var_os(name),
            default_data_dir: default_data_dir(),
        })
    }

    /// Reads what it is given; for tests and tools.
    ///
    /// # Errors
    /// As [`Config::from_process`].
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, CodedError> {
        load::load(inputs)
    }

    /// Where a variable's value came from.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.sources.get(name).copied().unwrap_or(Source::Default)
    }

    /// The default a connector takes for a field without a value of the tenant, by the variable's
    /// name; `None` when it is unset or not meant for connectors.
    #[must_use]
    pub fn global_default(&self, name: &str) -> Option<GlobalDefault> {
        let public = |value: &Option<String>| value.clone().map(GlobalDefault::Public);
        match name {
            "OPCUA_ENDPOINT_URL" => public(&self.opcua_endpoint_url),
            "OPCUA_USERNAME" => public(&self.opcua_username),
            "OPCUA_PASSWORD" => self.opcua_password.clone().map(GlobalDefault::Secret),
            "PI_BASE_URL" => public(&self.pi_base_url),
            "SAP_BASE_URL" => public(&self.sap_base_url),
            _ => None,
        }
    }

    /// Every secret it holds, and the passwords inside of addresses, for those who look for them where
    /// they must not be.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let ours = [
            &self.session_secret,
            &self.hub_key,
            &self.openai_api_key,
            &self.opcua_password,
            &self.smtp_url,
            &self.email_provider_api_key,
        ];
        let database = self.database.as_ref().map(|database| database.url.clone());
        let whole: Vec<SecretString> = ours
            .into_iter()
            .flatten()
            .cloned()
            .chain(database)
            .collect();
        let inside: Vec<SecretString> = whole.iter().flat_map(passwords_inside).collect();
        whole.into_iter().chain(inside).collect()
    }

    /// Host and port of OPTRIA_PUBLIC_URL.
    #[must_use]
    pub fn public_host(&self) -> Option<&str> {
        let (_, rest) = self.public_url.as_deref()?.split_once("://")?;
        rest.split(['/', '?', '#']).next()
    }

    /// Refuses a hub in production that lacks a secret it can't do without.
    ///
    /// # Errors
    /// `config.missing` with the names.
    pub fn require_for_hub(&self) -> Result<(), CodedError> {
        let mut missing = Vec::new();
        if self.database.is_none() {
            missing.push("DATABASE_URL");
        }
        if self.session_secret.is_none() {
            missing.push("SESSION_SECRET");
        }
        if self.hub_key.is_none() {
            missing.push("OPTRIA_HUB_KEY");
        }
        if missing.is_empty() || self.app_env != AppEnv::Production {
            return Ok(());
        }
        let error = CodedError::new(ErrorKind::Invalid, "config.missing");
        Err(error.with("names", missing.join(", ")))
    }
}

/// The password inside of an address: as it stands there, and as it is said to the other side.
fn passwords_inside(secret: &SecretString) -> Vec<SecretString> {
    let address = secret.expose().split_once("://").map(|(_, rest)| rest);
    let host_and_person = address.and_then(|rest| rest.split(['/', '?', '#']).next());
    let person = host_and_person.and_then(|both| both.rsplit_once('@'));
    let Some((_, written)) = person.and_then(|(person, _)| person.split_once(':')) else {
        return Vec::new();
    };
    let said = decoded(written).filter(|said| said != written);
    std::iter::once(written.to_owned())
        .chain(said)
        .filter(|password| !password.is_empty())
        .map(SecretString::new)
        .collect()
}

/// The text behind `%40` and its like; nothing where it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The language tag of the person at the terminal ("ar_SA.UTF-8"), as the system states it.
#[must_use]
pub fn system_locale() -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|tag| !tag.is_empty()))
}

/// The folder for the data of the user who runs the program; services are told theirs by their unit.
fn default_data_dir() -> PathBuf {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let base = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    base.unwrap_or_else(|| PathBuf::from(".")).join("optria")
}

#[cfg(test)]
mod tests;
