//! `optria logs`: the log files of a data folder in one archive, for support, whether or not the
//! appliance runs.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Subcommand;
use iq_config::{Config, Overrides};
use iq_domain::CodedError;
use iq_locale::{Language, Params};

#[derive(Debug, Subcommand)]
pub(super) enum LogsCommand {
    /// Writes all log files into an archive. Secrets of the configuration that this command sees are
    /// taken out, should a line hold one.
    Export {
        /// The archive (.zip).
        out: PathBuf,
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
    },
}

#[allow(clippy::print_stdout)]
pub(super) fn run(command: LogsCommand, language: Language) -> Result<ExitCode> {
    let LogsCommand::Export { out, data_dir } = command;
    let dir = data_dir.map(|d| d.display().to_string());
    let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
    let folder = config.data_dir.join(iq_api::LOG_FOLDER);
    if !folder.is_dir() {
        return Err(CodedError::not_found("logs.none")
            .with("folder", folder.display())
            .into());
    }
    let told = || format!("{} can't be written", out.display());
    let file = File::create(&out).with_context(told)?;
    let count =
        iq_api::export_logs(&config.data_dir, &config.secrets(), &file).with_context(told)?;
    file.sync_all().with_context(told)?;
    let params = Params::from([
        ("count".to_owned(), count.to_string()),
        ("file".to_owned(), out.display().to_string()),
    ]);
    if let Some(text) = iq_locale::plain(language, "cli", "logs_exported", &params) {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}
