//! The command line of `optria-hub`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use iq_config::{Config, Overrides};
use iq_domain::{CodedError, ErrorKind, WallClock};
use iq_listen::Listening;
use iq_locale::{Language, Params};

use crate::{
    app::bootstrap::{bootstrap, demo, enrolment_code},
    bundle::{self, BundleCommand},
    serve::{self, ServeOptions},
    state::Hub,
    store::migrate,
};

/// The hub of OPTRIA IQ: tenants, people and appliances of many plants on one Postgres.
#[derive(Debug, Parser)]
#[command(name = "optria-hub", version, about)]
struct Cli {
    /// Language of messages: ar or en.
    #[arg(long, global = true, value_parser = language)]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs an instance. DATABASE_URL names the serving role, which owns nothing.
    Serve {
        /// Address people and appliances reach the hub by, such as https://hub.example.
        #[arg(long)]
        public_url: Option<String>,
        /// Where to listen, such as 127.0.0.1:8091; 0 as the port takes a free one.
        #[arg(long)]
        listen: Option<String>,
    },
    /// Brings the database up to date. DATABASE_URL names the role that owns the tables.
    Migrate,
    /// Makes the first platform owner and prints the one-time password.
    Bootstrap {
        /// Sign-in name: 2 to 64 Latin letters, digits or . _ - @ +
        #[arg(long, default_value = "admin@optria.io")]
        username: String,
    },
    /// Makes a demo organisation and prints the one-time password of its administrator.
    Demo,
    /// Prints a code by which an appliance enrols: once, within 15 minutes.
    EnrolmentCode {
        /// Code of the organisation.
        #[arg(long)]
        tenant: String,
        /// Name of the appliance.
        #[arg(long)]
        name: String,
    },
    /// Courier files.
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints which role may call which route.
    Permissions,
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes the manual pages.
    #[command(hide = true)]
    Man {
        /// Where the pages are written, one for each command.
        dir: PathBuf,
    },
}

fn language(text: &str) -> Result<Language, String> {
    Language::from_tag(text).ok_or_else(|| "ar or en".to_owned())
}

/// Runs the program with what it was called with, its own name first.
#[must_use]
pub fn main(called_with: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(called_with);
    let language = cli.lang.unwrap_or_else(|| {
        match iq_config::system_locale().is_some_and(|locale| locale.starts_with("ar")) {
            true => Language::Ar,
            false => Language::En,
        }
    });
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli.command, language)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", explain(&error, language));
            ExitCode::FAILURE
        }
    }
}

/// The sentence of a coded error, else the chain of causes.
fn explain(error: &anyhow::Error, language: Language) -> String {
    for cause in error.chain() {
        if let Some(coded) = cause.downcast_ref::<CodedError>() {
            let sentence = iq_locale::plain(language, "errors", coded.code, &coded.params);
            return sentence.map_or_else(|| coded.to_string(), |s| format!("{s} [{}]", coded.code));
        }
    }
    format!("{error:#}")
}

async fn run(command: Command, language: Language) -> anyhow::Result<()> {
    match command {
        Command::Serve { public_url, listen } => {
            let config = config(listen)?;
            let options = ServeOptions {
                public_url,
                ..ServeOptions::default()
            };
            let running = serve::start(config, options).await?;
            let end = iq_listen::listen_for_the_end()?;
            announce(&running, language)?;
            end.await;
            running.stop().await
        }
        Command::Migrate => {
            let config = config(None)?;
            let Some(database) = &config.database else {
                let error = CodedError::new(ErrorKind::Invalid, "config.missing");
                return Err(error.with("names", "DATABASE_URL").into());
            };
            let steps = migrate::migrate(database, &WallClock).await?;
            let count = steps.len().to_string();
            say(language, "hub_migrated", &[("count", &count)])
        }
        Command::Bootstrap { username } => {
            let hub = opened().await?;
            let password = bootstrap(&hub, &username).await?;
            say(
                language,
                "hub_owner",
                &[("username", &username), ("password", password.expose())],
            )
        }
        Command::Demo => {
            let hub = opened().await?;
            let (tenant, username, password) = demo(&hub).await?;
            let (username, password) = (username, password.expose());
            say(
                language,
                "hub_demo",
                &[
                    ("tenant", &tenant),
                    ("username", username),
                    ("password", password),
                ],
            )
        }
        Command::EnrolmentCode { tenant, name } => {
            let hub = opened().await?;
            let code = enrolment_code(&hub, &tenant, &name).await?;
            print(&format!("{code}\n"))
        }
        Command::Bundle(command) => {
            let hub = opened().await?;
            bundle::run(command, language, &hub).await
        }
        Command::Openapi => print(&crate::openapi_json()),
        Command::Permissions => print(&crate::permission_matrix()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "optria-hub", &mut script);
            print(&String::from_utf8(script)?)
        }
        Command::Man { dir } => manual(&dir),
    }
}

/// A hub that serves nobody: one command works on it.
async fn opened() -> anyhow::Result<Hub> {
    let nowhere = Listening::nowhere();
    Ok(serve::open(config(None)?, &ServeOptions::default(), nowhere).await?)
}

/// The pages, made from the command line itself, so that they can't tell of an option that is not there.
fn manual(dir: &Path) -> anyhow::Result<()> {
    let write = || {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Cli::command(), dir)
    };
    write().with_context(|| format!("{} can't be written", dir.display()))
}

fn config(listen: Option<String>) -> anyhow::Result<Config> {
    let config = Config::from_process(Overrides::new().set("OPTRIA_LISTEN", listen))?;
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log).map_err(|_| {
        CodedError::invalid("config.bad_value")
            .with("name", "OPTRIA_LOG")
            .with("value", &config.log)
            .with(
                "allowed",
                "error, warn, info, debug, trace, off, info,iq_hub=debug",
            )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if config.log_json {
        log.json().try_init()
    } else {
        log.try_init()
    };
    started.map_err(|error| anyhow::anyhow!(error))?;
    Ok(config)
}

/// What the person at the terminal and the script that started it wait for.
fn announce(running: &serve::Running, language: Language) -> anyhow::Result<()> {
    let (address, listening) = (running.address.to_string(), &running.listening);
    if listening.is_open_without_tls() {
        warn_in_both(&address);
    }
    if let Some(facts) = listening.certificate() {
        say(language, "tls_fingerprint", &[])?;
        print(&format!("  {}\n", facts.fingerprint))?;
    }
    let scheme = if listening.is_tls() { "https" } else { "http" };
    let facts = [("address", address.as_str()), ("scheme", scheme)];
    say(language, "hub_ready", &facts)
}

/// What an administrator must not miss, whatever the language of the machine.
fn warn_in_both(address: &str) {
    let params = Params::from([("address".to_owned(), address.to_owned())]);
    for language in [Language::En, Language::Ar] {
        if let Some(text) = iq_locale::plain(language, "cli", "tls_open_plain", &params) {
            eprintln!("{text}");
        }
    }
}

pub(crate) fn say(language: Language, key: &str, params: &[(&str, &str)]) -> anyhow::Result<()> {
    let params: Params = params
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let text = iq_locale::plain(language, "cli", key, &params).unwrap_or_else(|| key.to_owned());
    print(&format!("{text}\n"))
}

fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_a_guide_shows_is_one() {
        iq_testkit::check_shown_commands(&Cli::command(), 13).unwrap();
    }
}
