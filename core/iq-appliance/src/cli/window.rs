//! `optria window`: what the desktop window asks of the appliance, which is a program of its own beside
//! it. The answer is one line of JSON on the standard output: what was asked for, or `failure`, the
//! sentences that a person reads.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use anyhow::Result;
use clap::Subcommand;
use iq_domain::CodedError;
use iq_locale::{Language, Params};
use serde_json::{Value, json};

use crate::{
    LogFiles, SERVICE_FOLDER,
    host::{Host, Wish},
    start_log,
};

#[derive(Debug, Subcommand)]
pub(super) enum WindowCommand {
    /// Finds the appliance to show, or runs one until the standard input ends. Answers with `entry`,
    /// `data_dir`, and `own`: whether it runs here.
    Open {
        /// The data folder.
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// Port of the pages, should they be served here; 0 takes a free one.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Writes all log files of a data folder into an archive. Answers with `count`.
    ExportLogs {
        /// The data folder.
        data_dir: PathBuf,
        /// The archive (.zip).
        out: PathBuf,
    },
}

pub(super) fn run(command: WindowCommand) -> Result<ExitCode> {
    match command {
        WindowCommand::Open { data_dir, port } => open(Wish { data_dir, port }),
        WindowCommand::ExportLogs { data_dir, out } => {
            let exported = export_logs(&data_dir, &out);
            answer(&exported.unwrap_or_else(|error| failure(&error, "desktop.not_done")))
        }
    }
}

fn open(wish: Wish) -> Result<ExitCode> {
    // Without a log the window works all the same.
    let log = start_log(wish.data_dir.as_deref()).unwrap_or_else(|error| {
        eprintln!("There is no log: {error:#}");
        LogFiles::new()
    });
    super::block_on(async {
        let host = match Host::open(wish, Path::new(SERVICE_FOLDER), &log).await {
            Ok(host) => host,
            Err(error) => {
                tracing::error!("The appliance did not start: {error:#}");
                return answer(&failure(&error, "desktop.not_started"));
            }
        };
        let is_own = host.own.is_some();
        let end = iq_listen::listen_for_the_end()?;
        let told =
            answer(&json!({ "entry": host.entry, "data_dir": host.data_dir, "own": is_own }));
        // Where nobody listens any more the window is gone, and what was started for it goes too.
        if is_own && told.is_ok() {
            until_the_window_closes(end).await;
        }
        host.stop().await?;
        told
    })
}

fn export_logs(data_dir: &Path, out: &Path) -> Result<Value> {
    Ok(json!({ "count": crate::export_logs(data_dir, out)? }))
}

/// The sentences of a coded error, else those of `otherwise` with the reason.
fn failure(error: &anyhow::Error, otherwise: &'static str) -> Value {
    let coded = error.chain().find_map(|cause| cause.downcast_ref());
    let (code, params) = match coded {
        Some(CodedError { code, params, .. }) => (*code, params.clone()),
        None => {
            let reason = format!("{error:#}");
            (otherwise, Params::from([("reason".to_owned(), reason)]))
        }
    };
    let say = |language| iq_locale::message(language, &["ui"], code, &params);
    json!({ "failure": { "ar": say(Language::Ar), "en": say(Language::En) } })
}

fn answer(line: &Value) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The window holds the other end of the standard input for as long as it is there, however it ends.
async fn until_the_window_closes(end: impl Future<Output = ()>) {
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        closed.send(())
    });
    tokio::select! {
        _ = is_closed => {}
        () = end => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn log_files_go_into_an_archive() {
        let data = tempfile::tempdir().unwrap();
        let archive = data.path().join("logs.zip");
        let none = export_logs(data.path(), &archive).unwrap_err();
        let said = failure(&none, "desktop.not_done");
        for language in ["ar", "en"] {
            let sentence = said["failure"][language].as_str().unwrap();
            assert!(sentence.contains(data.path().to_str().unwrap()), "{said}");
        }
        fs::create_dir(data.path().join("logs")).unwrap();
        fs::write(data.path().join("logs/optria.log"), "a line\n").unwrap();
        let exported = export_logs(data.path(), &archive).unwrap();
        assert_eq!(exported, json!({ "count": 1 }));
        assert!(fs::read(archive).unwrap().starts_with(b"PK"));
    }

    #[test]
    fn what_has_no_code_is_said_with_its_reason() {
        let error = anyhow!("the door is stuck").context("it can't be opened");
        let said = failure(&error, "desktop.not_started");
        let english = said["failure"]["en"].as_str().unwrap();
        assert!(
            english.contains("it can't be opened: the door is stuck"),
            "{said}"
        );
    }
}
