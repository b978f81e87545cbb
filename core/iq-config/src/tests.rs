//! What wins over what, what is refused, and that the guide lists every variable.

use std::{ffi::OsString, path::Path};

use super::*;

fn load_with(
    folder: &Path,
    environment: &[(&str, &str)],
    overrides: Overrides,
) -> Result<Config, CodedError> {
    let lookup = |name: &str| {
        let found = environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Config::load(&Inputs {
        overrides,
        environment: &lookup,
        default_data_dir: folder.to_owned(),
    })
}

fn load(environment: &[(&str, &str)]) -> Result<Config, CodedError> {
    let folder = tempfile::tempdir().unwrap();
    load_with(folder.path(), environment, Overrides::new())
}

fn refuses(environment: &[(&str, &str)], code: &str, parameters: &[(&str, &str)]) {
    let error = load(environment).unwrap_err();
    assert_eq!(error.code, code, "{error}");
    for (key, value) in parameters {
        assert_eq!(
            error.params.get(*key).map(String::as_str),
            Some(*value),
            "{error}"
        );
    }
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let config = load(&[]).unwrap();
    assert_eq!(config.app_env, AppEnv::Production);
    assert!(!config.demo_mode);
    assert!(config.optimization_engine_enabled);
    assert!(config.external_db_enable);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8090");
    assert!(config.listen.ip().is_loopback());
    assert!(config.session_secret.is_none() && config.database.is_none());
    assert_eq!(config.source("DEMO_MODE"), Source::Default);
    for variable in VARIABLES.iter().filter(|v| !v.default.is_empty()) {
        parse::check(variable, variable.default).unwrap();
    }
}

#[test]
fn a_flag_wins_over_the_environment_the_environment_over_the_file_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("optria.toml");
    std::fs::write(
        &file,
        "demo_mode = true\noptria_log = \"debug\"\napp_env = \"test\"\n",
    )
    .unwrap();
    let environment = [("OPTRIA_LOG", "warn"), ("APP_ENV", "development")];
    let overrides = Overrides::new()
        .set("APP_ENV", Some("production"))
        .set("DEMO_MODE", None::<String>);
    let config = load_with(folder.path(), &environment, overrides).unwrap();
    assert_eq!(
        (config.app_env, config.source("APP_ENV")),
        (AppEnv::Production, Source::Flag)
    );
    assert_eq!(
        (config.log.as_str(), config.source("OPTRIA_LOG")),
        ("warn", Source::Environment)
    );
    assert_eq!(
        (config.demo_mode, config.source("DEMO_MODE")),
        (true, Source::File)
    );
    assert_eq!(config.source("OPTRIA_LISTEN"), Source::Default);
    assert_eq!(config.file, Some(file));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let config = load(&[("OPCUA_ENDPOINT_URL", ""), ("DEMO_MODE", "")]).unwrap();
    assert_eq!(config.opcua_endpoint_url, None);
    assert_eq!(config.source("DEMO_MODE"), Source::Default);
}

#[test]
fn a_bad_value_is_refused_with_the_name_and_what_is_allowed() {
    refuses(
        &[("DEMO_MODE", "maybe")],
        "config.bad_value",
        &[
            ("name", "DEMO_MODE"),
            ("value", "maybe"),
            ("allowed", "true, false"),
        ],
    );
    refuses(
        &[("APP_ENV", "prod")],
        "config.bad_value",
        &[
            ("name", "APP_ENV"),
            ("allowed", "development, production, test"),
        ],
    );
    for (name, value) in [
        ("OPTRIA_LISTEN", "8090"),
        ("PGPORT", "0"),
        ("OPCUA_ENDPOINT_URL", "http://plant:4840"),
        ("OPCUA_ENDPOINT_URL", "opc.tcp://"),
        ("PI_BASE_URL", "pi.example/piwebapi"),
        ("SAP_BASE_URL", "https://a b/"),
    ] {
        refuses(&[(name, value)], "config.bad_value", &[("name", name)]);
    }
}

#[test]
fn tls_files_come_with_the_word_and_both_of_them() {
    let files = [
        ("OPTRIA_TLS", "files"),
        ("OPTRIA_TLS_CERT", "/tls/server.crt"),
        ("OPTRIA_TLS_KEY", "/tls/server.key"),
    ];
    assert_eq!(load(&[]).unwrap().tls, Tls::Off);
    assert_eq!(
        load(&[("OPTRIA_TLS", "self_signed")]).unwrap().tls,
        Tls::SelfSigned
    );
    assert_eq!(
        load(&files).unwrap().tls,
        Tls::Files {
            certificate: "/tls/server.crt".into(),
            key: "/tls/server.key".into(),
        }
    );
    let missing = "config.tls_files_missing";
    refuses(&files[..2], missing, &[("name", "OPTRIA_TLS_KEY")]);
    refuses(&files[..1], missing, &[("name", "OPTRIA_TLS_CERT")]);
    // Whoever names files believes that they are used.
    refuses(&files[1..], "config.tls_files_unused", &[("value", "off")]);
}

#[test]
fn networks_and_spans_are_read_or_refused() {
    let config = load(&[
        (
            "OPTRIA_ALLOW_FROM",
            "10.20.0.0/16, fd00:20::/64,192.168.1.7",
        ),
        ("OPTRIA_SESSION_IDLE", "15m"),
        ("OPTRIA_SESSION_MAX", "2d"),
        ("OPTRIA_LOG_MAX_MB", "0"),
    ])
    .unwrap();
    assert_eq!(config.allow_from.len(), 3);
    assert!(config.allow_from[0].contains("10.20.1.1".parse().unwrap()));
    assert_eq!(
        (config.session_idle_ms, config.session_max_ms),
        (900_000, 172_800_000)
    );
    assert_eq!((config.log_max_bytes, config.log_files), (0, 5));
    let default = load(&[]).unwrap();
    assert!(default.allow_from.is_empty());
    assert_eq!(
        (default.session_idle_ms, default.session_max_ms),
        (1_800_000, 43_200_000)
    );
    assert_eq!(default.log_max_bytes, 10_000_000);
    assert_eq!(default.disk_reserve_bytes, 64_000_000);
    let none = load(&[("OPTRIA_DISK_RESERVE_MB", "0")]).unwrap();
    assert_eq!(none.disk_reserve_bytes, 0);
    assert_eq!(default.series_days, 400);
    for (name, value) in [
        ("OPTRIA_ALLOW_FROM", "10.20.0.0/16, plant"),
        ("OPTRIA_ALLOW_FROM", " , "),
        ("OPTRIA_SSO_NETWORKS", "id.company.example"),
        ("OPTRIA_SESSION_IDLE", "30"),
        ("OPTRIA_SESSION_IDLE", "0m"),
        ("OPTRIA_SESSION_IDLE", "2d"),
        ("OPTRIA_SESSION_MAX", "1m"),
        ("OPTRIA_SESSION_MAX", "-1h"),
        ("OPTRIA_LOG_FILES", "0"),
        ("OPTRIA_SERIES_DAYS", "-1"),
        ("OPTRIA_SERIES_DAYS", "36501"),
        ("OPTRIA_APPLIANCE_MAX_GB", "1000001"),
        ("OPTRIA_APPLIANCE_MAX_EPOCHS", "-1"),
        ("OPTRIA_REQUESTS_PER_SECOND", "10001"),
    ] {
        refuses(&[(name, value)], "config.bad_value", &[("name", name)]);
    }
}

#[test]
fn a_refused_value_never_repeats_a_secret() {
    refuses(
        &[("SESSION_SECRET", "short-canary")],
        "config.bad_value",
        &[("name", "SESSION_SECRET"), ("value", "***")],
    );
    // A password in an address that is shown on screens is refused, and not repeated.
    refuses(
        &[("PI_BASE_URL", "https://user:canary@pi.example/piwebapi")],
        "config.bad_value",
        &[("value", "***")],
    );
}

#[test]
fn printing_the_configuration_shows_no_secret() {
    let secrets: Vec<(&str, &str)> = VARIABLES
        .iter()
        .filter(|variable| variable.is_secret)
        .map(|variable| match variable.kind {
            ValueKind::Url(["smtps", ..]) => (variable.name, "smtps://u:canary@mail.example"),
            ValueKind::Url(_) => (variable.name, "postgres://u:canary@db.example/x"),
            _ => (variable.name, "canary canary canary canary canary"),
        })
        .collect();
    let config = load(&secrets).unwrap();
    assert!(
        config
            .smtp_url
            .as_ref()
            .unwrap()
            .expose()
            .contains("canary")
    );
    let shown = format!("{config:?} {:?}", config.global_default("OPCUA_PASSWORD"));
    assert!(!shown.contains("canary"), "{shown}");
}

/// A server that refuses somebody may repeat the password alone, without the address around it.
#[test]
fn a_password_inside_of_an_address_is_a_secret_by_itself() {
    let config = load(&[
        ("SMTP_URL", "smtps://mailer:gate%40keeper@mail.example:465"),
        ("DATABASE_URL", "postgres://hub:canary@db.example/x"),
    ])
    .unwrap();
    let secrets = config.secrets();
    let has = |wanted: &str| secrets.iter().any(|secret| secret.expose() == wanted);
    for wanted in [
        "smtps://mailer:gate%40keeper@mail.example:465",
        "gate%40keeper",
        "gate@keeper",
        "canary",
    ] {
        assert!(has(wanted), "{wanted}");
    }
    assert!(!has("mailer") && !has("hub"), "names are no secrets");
    let without = load(&[("SMTP_URL", "smtps://mailer@mail.example:465")]).unwrap();
    assert_eq!(without.secrets().len(), 1, "no password, none more");
}

#[test]
fn connectors_get_their_defaults_and_nothing_else() {
    let config = load(&[
        ("OPCUA_ENDPOINT_URL", "opc.tcp://127.0.0.1:4840"),
        ("OPCUA_PASSWORD", "canary"),
        ("OPENAI_API_KEY", "canary"),
    ])
    .unwrap();
    assert_eq!(
        config.global_default("OPCUA_ENDPOINT_URL"),
        Some(GlobalDefault::Public("opc.tcp://127.0.0.1:4840".to_owned()))
    );
    assert_eq!(
        config.global_default("OPCUA_PASSWORD"),
        Some(GlobalDefault::Secret("canary".into()))
    );
    assert_eq!(config.global_default("PI_BASE_URL"), None);
    assert_eq!(config.global_default("OPENAI_API_KEY"), None);
}

#[test]
fn the_database_address_is_put_together_from_the_pg_variables() {
    let parts = [
        ("PGHOST", "db.example"),
        ("PGUSER", "hub"),
        ("PGPASSWORD", "a/b@c:d"),
        ("PGDATABASE", "optria"),
    ];
    let database = load(&parts).unwrap().database.unwrap();
    assert_eq!(
        database.url.expose(),
        "postgres://hub:a%2Fb%40c%3Ad@db.example:5432/optria"
    );
    assert_eq!(database.source, "PGHOST");
    let mut both = parts.to_vec();
    both.push(("DATABASE_URL", "postgres://x@y/z"));
    let database = load(&both).unwrap().database.unwrap();
    assert_eq!(
        (database.url.expose(), database.source),
        ("postgres://x@y/z", "DATABASE_URL")
    );
}

#[test]
fn a_hub_in_production_names_the_secrets_it_lacks() {
    let error = load(&[]).unwrap().require_for_hub().unwrap_err();
    assert_eq!(error.code, "config.missing");
    assert_eq!(
        error.params["names"],
        "DATABASE_URL, SESSION_SECRET, OPTRIA_HUB_KEY"
    );
    load(&[("APP_ENV", "development")])
        .unwrap()
        .require_for_hub()
        .unwrap();
}

#[test]
fn the_file_is_refused_with_unknown_keys_bad_syntax_or_when_it_is_missing() {
    let check = |content: &str, code: &str, key: &str, value: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("optria.toml"), content).unwrap();
        let error = load_with(folder.path(), &[], Overrides::new()).unwrap_err();
        assert_eq!(error.code, code, "{content}");
        assert_eq!(error.params[key], value, "{content}");
    };
    check("demo_mod = true", "config.unknown_key", "name", "demo_mod");
    check(
        "DEMO_MODE = true",
        "config.unknown_key",
        "name",
        "DEMO_MODE",
    );
    check(
        "optria_data_dir = \"/x\"",
        "config.unknown_key",
        "name",
        "optria_data_dir",
    );
    check(
        "demo_mode = true\napp_env = \"",
        "config.file_syntax",
        "line",
        "2",
    );
    check(
        "demo_mode = [true]",
        "config.bad_value",
        "name",
        "DEMO_MODE",
    );
    let error = load(&[("OPTRIA_CONFIG", "/nowhere/optria.toml")]).unwrap_err();
    assert_eq!(error.code, "config.file_unreadable");
}

#[cfg(unix)]
#[test]
fn a_file_with_a_secret_must_not_be_readable_by_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("optria.toml");
    std::fs::write(&file, "opcua_password = \"canary\"\n").unwrap();
    let with_mode = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        load_with(folder.path(), &[], Overrides::new())
    };
    let error = with_mode(0o644).unwrap_err();
    assert_eq!(error.code, "config.file_open_to_all");
    assert_eq!(
        with_mode(0o640).unwrap().opcua_password,
        Some("canary".into())
    );
}

#[test]
fn both_guides_list_every_variable_with_its_default_and_no_other() {
    for guide in [
        include_str!("../../../docs/guides/environment.md"),
        include_str!("../../../docs/guides/environment.ar.md"),
    ] {
        let rows: Vec<Vec<&str>> = guide
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let listed: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(listed, known);
        for (row, variable) in rows.iter().zip(VARIABLES) {
            if variable.default.is_empty() {
                assert!(
                    !row[2].is_empty(),
                    "{}: say what holds when it is unset",
                    variable.name
                );
            } else {
                assert_eq!(
                    row[2],
                    format!("`{}`", variable.default),
                    "{}",
                    variable.name
                );
            }
        }
    }
}
