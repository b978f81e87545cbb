//! `optria logs`: the log files of a data folder in one archive, for support, whether or not the
//! appliance runs.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use iq_config::{Config, Overrides};
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
    let count = crate::export_logs(&config.data_dir, &out)?;
    let params = Params::from([
        ("count".to_owned(), count.to_string()),
        ("file".to_owned(), out.display().to_string()),
    ]);
    if let Some(text) = iq_locale::plain(language, "cli", "logs_exported", &params) {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}
