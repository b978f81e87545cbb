//! Bringing flags, environment, file and defaults together.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use iq_domain::CodedError;
use iq_secrets::SecretString;

use crate::{
    AppEnv, Config, Database, Network, Source, Tls, VARIABLES, ValueKind, Variable, parse,
};

/// Values from flags, by the variable's name. They win over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides(BTreeMap<&'static str, SecretString>);

impl Overrides {
    /// No flags.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a flag's value; `None` and an unknown name change nothing.
    #[must_use]
    pub fn set(mut self, name: &str, value: Option<impl Into<String>>) -> Self {
        if let (Some(variable), Some(value)) = (find(name), value) {
            self.0.insert(variable.name, SecretString::new(value));
        }
        self
    }
}

/// What a configuration is made from.
pub struct Inputs<'a> {
    /// Flags.
    pub overrides: Overrides,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The data folder where none is given.
    pub default_data_dir: PathBuf,
}

/// Checked texts with their origin; all of them treated as secrets, because some are.
struct Values(BTreeMap<&'static str, (SecretString, Source)>);

const FILE_NAME: &str = "optria.toml";

fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

pub(crate) fn load(inputs: &Inputs<'_>) -> Result<Config, CodedError> {
    let mut values = Values(BTreeMap::new());
    for variable in VARIABLES {
        if let Some(text) = inputs.overrides.0.get(variable.name) {
            values.put(variable, text.clone(), Source::Flag)?;
        } else if let Some(text) = from_environment(inputs, variable)? {
            values.put(variable, text, Source::Environment)?;
        }
    }
    // These two say where the file is, so they can't stand in it.
    let data_dir = values.path("OPTRIA_DATA_DIR");
    let data_dir = data_dir.unwrap_or_else(|| inputs.default_data_dir.clone());
    let file = match values.path("OPTRIA_CONFIG") {
        Some(path) => Some(path),
        None => Some(data_dir.join(FILE_NAME)).filter(|path| path.is_file()),
    };
    if let Some(path) = &file {
        values.fill_from_file(path)?;
    }
    values.build(data_dir, file)
}

/// An empty variable counts as unset: that is how service files and shells switch one off.
fn from_environment(
    inputs: &Inputs<'_>,
    variable: &Variable,
) -> Result<Option<SecretString>, CodedError> {
    let Some(raw) = (inputs.environment)(variable.name).filter(|raw| !raw.is_empty()) else {
        return Ok(None);
    };
    let text = raw
        .into_string()
        .map_err(|_| CodedError::invalid("config.not_unicode").with("name", variable.name))?;
    Ok(Some(SecretString::new(text)))
}

impl Values {
    fn put(
        &mut self,
        variable: &Variable,
        text: SecretString,
        source: Source,
    ) -> Result<(), CodedError> {
        if text.is_empty() {
            return Ok(());
        }
        parse::check(variable, text.expose())?;
        self.0.insert(variable.name, (text, source));
        Ok(())
    }

    fn fill_from_file(&mut self, path: &Path) -> Result<(), CodedError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|_| CodedError::invalid("config.file_unreadable").with("path", &shown))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| {
            // The parser's own message would quote the line, which may hold a secret.
            let before = error
                .span()
                .map_or("", |span| text.get(..span.start).unwrap_or(""));
            CodedError::invalid("config.file_syntax")
                .with("path", &shown)
                .with("line", before.matches('\n').count() + 1)
        })?;
        for (key, value) in table {
            let variable = find(&key.to_ascii_uppercase())
                .filter(|v| key == v.name.to_ascii_lowercase())
                .filter(|v| !matches!(v.name, "OPTRIA_CONFIG" | "OPTRIA_DATA_DIR"))
                .ok_or_else(|| {
                    CodedError::invalid("config.unknown_key")
                        .with("path", &shown)
                        .with("name", &key)
                })?;
            if variable.is_secret {
                refuse_open_to_all(path, variable)?;
            }
            if self.0.contains_key(variable.name) {
                continue;
            }
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Boolean(switch) => switch.to_string(),
                toml::Value::Integer(number) => number.to_string(),
                _ => {
                    return Err(CodedError::invalid("config.bad_value")
                        .with("name", variable.name)
                        .with("value", "***")
                        .with("allowed", parse::allowed(variable.kind)));
                }
            };
            self.put(variable, SecretString::new(text), Source::File)?;
        }
        Ok(())
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.0.get(name).map(|(text, _)| text.clone())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|(text, _)| text.expose().to_owned())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// The text, or the default of the list.
    fn or_default(&self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            find(name)
                .map(|variable| variable.default.to_owned())
                .unwrap_or_default()
        })
    }

    fn switch(&self, name: &str) -> bool {
        parse::switch(&self.or_default(name)).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.or_default(name).parse().unwrap_or_default()
    }

    fn span_ms(&self, name: &str) -> i64 {
        let minutes = parse::minutes(&self.or_default(name)).unwrap_or_default();
        i64::try_from(minutes)
            .unwrap_or(i64::MAX)
            .saturating_mul(60_000)
    }

    fn networks(&self, name: &str) -> Vec<Network> {
        let text = self.text(name);
        text.as_deref()
            .and_then(parse::networks)
            .unwrap_or_default()
    }

    /// Files without the word, or the word without files, would be served otherwise than was meant.
    fn tls(&self) -> Result<Tls, CodedError> {
        const NAMES: [&str; 2] = ["OPTRIA_TLS_CERT", "OPTRIA_TLS_KEY"];
        let [certificate, key] = NAMES.map(|name| self.path(name));
        let word = self.or_default("OPTRIA_TLS");
        match (word.as_str(), certificate, key) {
            ("off", None, None) => Ok(Tls::Off),
            ("self_signed", None, None) => Ok(Tls::SelfSigned),
            ("files", Some(certificate), Some(key)) => Ok(Tls::Files { certificate, key }),
            ("files", certificate, _) => Err(CodedError::invalid("config.tls_files_missing")
                .with("name", NAMES[usize::from(certificate.is_some())])),
            _ => Err(CodedError::invalid("config.tls_files_unused").with("value", word)),
        }
    }

    fn database(&self) -> Option<Database> {
        if let Some(url) = self.secret("DATABASE_URL") {
            return Some(Database {
                url,
                source: "DATABASE_URL",
            });
        }
        let host = self.text("PGHOST")?;
        Some(Database::from_parts(
            &host,
            &self.or_default("PGPORT"),
            self.text("PGUSER").as_deref(),
            self.secret("PGPASSWORD").as_ref(),
            self.text("PGDATABASE").as_deref(),
        ))
    }

    fn build(self, data_dir: PathBuf, file: Option<PathBuf>) -> Result<Config, CodedError> {
        let app_env = match self.or_default("APP_ENV").as_str() {
            "development" => AppEnv::Development,
            "test" => AppEnv::Test,
            _ => AppEnv::Production,
        };
        let listen = self.or_default("OPTRIA_LISTEN");
        let listen = listen.parse().map_err(|_| {
            CodedError::invalid("config.bad_value")
                .with("name", "OPTRIA_LISTEN")
                .with("value", &listen)
                .with("allowed", parse::allowed(ValueKind::Listen))
        })?;
        Ok(Config {
            app_env,
            demo_mode: self.switch("DEMO_MODE"),
            optimization_engine_enabled: self.switch("OPTIMIZATION_ENGINE_ENABLED"),
            external_db_enable: self.switch("EXTERNAL_DB_ENABLE"),
            session_secret: self.secret("SESSION_SECRET"),
            hub_key: self.secret("OPTRIA_HUB_KEY"),
            openai_api_key: self.secret("OPENAI_API_KEY"),
            public_url: self.text("OPTRIA_PUBLIC_URL"),
            openai_base_url: self.text("OPENAI_BASE_URL"),
            openai_model: self.text("OPENAI_MODEL").unwrap_or_default(),
            pi_base_url: self.text("PI_BASE_URL"),
            sap_base_url: self.text("SAP_BASE_URL"),
            opcua_endpoint_url: self.text("OPCUA_ENDPOINT_URL"),
            opcua_username: self.text("OPCUA_USERNAME"),
            opcua_password: self.secret("OPCUA_PASSWORD"),
            smtp_url: self.secret("SMTP_URL"),
            email_provider_api_key: self.secret("EMAIL_PROVIDER_API_KEY"),
            database: self.database(),
            data_dir,
            listen,
            tls: self.tls()?,
            allow_from: self.networks("OPTRIA_ALLOW_FROM"),
            sso_networks: self.networks("OPTRIA_SSO_NETWORKS"),
            series_days: u32::try_from(self.number("OPTRIA_SERIES_DAYS")).unwrap_or(0),
            appliance_max_bytes: self.number("OPTRIA_APPLIANCE_MAX_GB") * 1_000_000_000,
            appliance_max_epochs: self.number("OPTRIA_APPLIANCE_MAX_EPOCHS"),
            session_idle_ms: self.span_ms("OPTRIA_SESSION_IDLE"),
            session_max_ms: self.span_ms("OPTRIA_SESSION_MAX"),
            requests_per_second: u32::try_from(self.number("OPTRIA_REQUESTS_PER_SECOND"))
                .unwrap_or(0),
            log_max_bytes: self.number("OPTRIA_LOG_MAX_MB") * 1_000_000,
            log_files: usize::try_from(self.number("OPTRIA_LOG_FILES")).unwrap_or(1),
            disk_reserve_bytes: self.number("OPTRIA_DISK_RESERVE_MB") * 1_000_000,
            import_max_files: self.number("OPTRIA_IMPORT_MAX_FILES"),
            import_max_bytes: self.number("OPTRIA_IMPORT_MAX_GB") * 1_000_000_000,
            log: self.or_default("OPTRIA_LOG"),
            log_json: self.or_default("OPTRIA_LOG_FORMAT") == "json",
            file,
            sources: self
                .0
                .into_iter()
                .map(|(name, (_, source))| (name, source))
                .collect(),
        })
    }
}

/// A file that holds a secret must not be readable by every user of the machine; a service's group may.
#[cfg(unix)]
fn refuse_open_to_all(path: &Path, variable: &Variable) -> Result<(), CodedError> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display().to_string();
    let metadata = std::fs::metadata(path)
        .map_err(|_| CodedError::invalid("config.file_unreadable").with("path", &shown))?;
    if metadata.permissions().mode() & 0o007 == 0 {
        return Ok(());
    }
    Err(CodedError::invalid("config.file_open_to_all")
        .with("path", &shown)
        .with("name", variable.name))
}

#[cfg(not(unix))]
fn refuse_open_to_all(_path: &Path, _variable: &Variable) -> Result<(), CodedError> {
    Ok(())
}
