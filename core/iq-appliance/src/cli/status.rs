//! `optria status`.

use std::process::ExitCode;

use anyhow::Result;
use iq_config::{Config, Overrides};
use serde_json::json;

use super::FolderArgs;
use crate::lock::{self, Claim};

/// Prints one JSON object; the exit code says whether an appliance runs.
#[allow(clippy::print_stdout)]
pub(super) fn status(args: &FolderArgs) -> Result<ExitCode> {
    let dir = args.data_dir.as_ref().map(|d| d.display().to_string());
    let config = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", dir))?;
    if !config.data_dir.is_dir() {
        println!(
            "{}",
            json!({ "running": false, "data_dir": config.data_dir })
        );
        return Ok(ExitCode::from(1));
    }
    match lock::claim(&config.data_dir)? {
        Claim::Taken(owner) => {
            let (pid, url) = owner.map_or((None, None), |o| (Some(o.pid), Some(o.url)));
            println!("{}", json!({ "running": true, "pid": pid, "url": url }));
            Ok(ExitCode::SUCCESS)
        }
        Claim::Ours(_) => {
            println!(
                "{}",
                json!({ "running": false, "data_dir": config.data_dir })
            );
            Ok(ExitCode::from(1))
        }
    }
}
