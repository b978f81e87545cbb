//! `optria tls`: the certificate the pages are served with, for whoever looks after the machine.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};
use iq_config::{Config, Overrides, Tls};
use iq_domain::{Clock, CodedError, WallClock};
use iq_listen::{Facts, LiveCertificate, REQUEST_KEY, TLS_FOLDER, check_pair};
use iq_locale::{Language, Params};

use crate::{lock, serve};

#[derive(Debug, Subcommand)]
pub(super) enum TlsCommand {
    /// Prints the fingerprint of the certificate that OPTRIA_TLS asks for; makes a self-signed one where
    /// there is none yet.
    Fingerprint(Whose),
    /// Writes a request for a certificate to the authority of the plant; its key stays in the data
    /// folder.
    Request {
        #[command(flatten)]
        whose: Whose,
        /// Where the request goes; printed when absent.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Says whether a certificate and its key can be served with, before they are entered.
    Check {
        /// The certificate, and behind it those between it and its authority (PEM).
        certificate: PathBuf,
        /// Its key (PEM); that of the last request when absent.
        key: Option<PathBuf>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Makes a new self-signed certificate in the place of the old one.
    Renew(Whose),
}

#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The data folder.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Another name or address the pages are reached by; may be repeated.
    #[arg(long = "name")]
    names: Vec<String>,
}

impl Whose {
    fn config(&self) -> Result<Config> {
        let dir = self.data_dir.as_ref().map(|d| d.display().to_string());
        Ok(Config::from_process(
            Overrides::new().set("OPTRIA_DATA_DIR", dir),
        )?)
    }

    /// The names given. One that no browser asks for is refused: left as it is it would spoil the
    /// certificate, and made to fit it would be another name.
    fn names(&self) -> Result<&[String]> {
        match self.names.iter().find(|name| !iq_listen::is_name(name)) {
            None => Ok(&self.names),
            Some(name) => Err(CodedError::invalid("tls.name_wrong")
                .with("name", name)
                .into()),
        }
    }
}

pub(super) fn run(command: TlsCommand, language: Language) -> Result<ExitCode> {
    match command {
        TlsCommand::Fingerprint(whose) => {
            let config = whose.config()?;
            lock::prepare(&config.data_dir)?;
            let names = serve::names(&config, whose.names()?);
            let clock = std::sync::Arc::new(WallClock);
            let live = LiveCertificate::open(&config.tls, &config.data_dir, &names, clock)?;
            let live = live.ok_or(CodedError::conflict("tls.none"))?;
            tell(language, &live.facts());
        }
        TlsCommand::Request { whose, out } => request(&whose, out, language)?,
        TlsCommand::Check {
            certificate,
            key,
            whose,
        } => {
            let key = match key {
                Some(key) => key,
                None => whose.config()?.data_dir.join(TLS_FOLDER).join(REQUEST_KEY),
            };
            let names = whose.names()?;
            let facts = check_pair(&certificate, &key, WallClock.now())?;
            if let Some(name) = names.iter().find(|name| !stands_for(&facts, name)) {
                return Err(CodedError::invalid("tls.name_missing")
                    .with("name", name)
                    .with("names", facts.names.join(", "))
                    .into());
            }
            tell(language, &facts);
        }
        TlsCommand::Renew(whose) => {
            let config = whose.config()?;
            lock::prepare(&config.data_dir)?;
            let names = serve::names(&config, whose.names()?);
            let made = iq_listen::renew(&config.data_dir, &names, WallClock.now())?;
            tell(language, made.facts());
            if config.tls == Tls::SelfSigned {
                say(language, "tls_renewed", &Params::new());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a certificate stands for a name or an address, by itself or by a star before its first dot.
fn stands_for(facts: &Facts, name: &str) -> bool {
    let name = iq_listen::without_port(name.trim());
    let parent = name.split_once('.').map(|(_, parent)| parent);
    facts.names.iter().any(|own| {
        own.eq_ignore_ascii_case(name)
            || own
                .strip_prefix("*.")
                .is_some_and(|own| parent.is_some_and(|parent| parent.eq_ignore_ascii_case(own)))
    })
}

fn request(whose: &Whose, out: Option<PathBuf>, language: Language) -> Result<()> {
    let config = whose.config()?;
    lock::prepare(&config.data_dir)?;
    let names = serve::names(&config, whose.names()?);
    let pem = iq_listen::request(&config.data_dir, &names)?;
    match &out {
        Some(path) => std::fs::write(path, pem).map_err(|error| lock::unusable(path, error))?,
        None => drop(super::print(&pem)?),
    }
    let key = config.data_dir.join(TLS_FOLDER).join(REQUEST_KEY);
    let params = Params::from([("key".to_owned(), key.display().to_string())]);
    // The request alone goes where output goes, so that it can be piped into a file.
    if let Some(text) = iq_locale::plain(language, "cli", "tls_requested", &params) {
        eprintln!("{text}");
    }
    Ok(())
}

#[allow(clippy::print_stdout)]
fn tell(language: Language, facts: &Facts) {
    println!("{}", facts.fingerprint);
    let params = Params::from([
        ("names".to_owned(), facts.names.join(", ")),
        ("until".to_owned(), facts.not_after.to_string()),
    ]);
    say(language, "tls_facts", &params);
}

#[allow(clippy::print_stdout)]
fn say(language: Language, key: &str, params: &Params) {
    if let Some(text) = iq_locale::plain(language, "cli", key, params) {
        println!("{text}");
    }
}
