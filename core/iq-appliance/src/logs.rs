//! The log of a program that is an appliance, and its files for those who ask for them.

use std::{fs::File, io::IsTerminal as _, path::Path};

use anyhow::{Context, Result};
use iq_api::{LogFiles, LogTee};
use iq_config::{Config, Overrides};
use iq_domain::CodedError;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// Writes all log files of a data folder into an archive, whether or not its appliance runs, and says
/// how many they are. Secrets of the configuration that this process sees are taken out.
///
/// # Errors
/// `logs.none` when there are none that this person may read; when the archive can't be written.
pub fn export_logs(data_dir: &Path, out: &Path) -> Result<usize> {
    let folder = data_dir.join(iq_api::LOG_FOLDER);
    if folder.read_dir().is_err() {
        return Err(CodedError::not_found("logs.none")
            .with("folder", folder.display())
            .into());
    }
    let dir = Some(data_dir.display().to_string());
    let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
    let told = || format!("{} can't be written", out.display());
    let file = File::create(out).map_err(|error| crate::lock::unusable(out, error))?;
    let count = iq_api::export_logs(data_dir, &config.secrets(), &file).with_context(told)?;
    file.sync_all().with_context(told)?;
    Ok(count)
}

/// From here on this process has a log: on the terminal or with the service manager, and in files of
/// the data folder once an appliance was started with what this returns.
///
/// # Errors
/// When the configuration is wrong, or the process has a log already.
pub fn start_log(data_dir: Option<&Path>) -> Result<LogFiles> {
    let dir = data_dir.map(|dir| dir.display().to_string());
    let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
    // The demo plant's OPC UA library calls it an error when a caller hangs up before it has said
    // anything, as every look at a server's certificate does. Naming the target again shows it.
    let filter = EnvFilter::try_new(format!(
        "opcua_server::session::controller=off,{}",
        config.log
    ))
    .map_err(|_| {
        CodedError::invalid("config.bad_value")
            .with("name", "OPTRIA_LOG")
            .with("value", &config.log)
            .with(
                "allowed",
                "error, warn, info, debug, trace, off, info,iq_connector_opcua=debug",
            )
    })?;
    let files = LogFiles::new();
    let kept = files.clone();
    let stderr = lines(
        config.log_json,
        std::io::stderr().is_terminal(),
        std::io::stderr,
    );
    let file = lines(config.log_json, false, move || LogTee(kept.clone()));
    tracing_subscriber::registry()
        .with(vec![stderr, file])
        .with(filter)
        .try_init()?;
    Ok(files)
}

/// A layer that writes lines: text, in colours where somebody sees them, or JSON.
fn lines<W>(is_json: bool, has_colours: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(has_colours)
        .with_writer(writer);
    if is_json {
        layer.json().boxed()
    } else {
        layer.boxed()
    }
}
