//! The appliance is a program of its own, `optria`, which lies beside this one. It finds the appliance
//! that the window is to show, or is that appliance, for as long as its standard input is open.

use std::{
    ffi::OsStr,
    fmt,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result};
use iq_domain::CodedError;
use serde_json::Value;
use tauri::Url;

use crate::options::Options;

/// An appliance that the window shows.
pub(crate) struct Appliance {
    entry: Url,
    data_dir: PathBuf,
    own: Option<Own>,
}

/// One that runs for this window.
struct Own {
    process: Child,
    /// It ends when this is closed.
    stdin: ChildStdin,
}

/// Tells when what was started has ended.
pub(crate) struct Watch(BufReader<ChildStdout>);

/// Why something was not done, in both languages.
#[derive(Debug)]
pub(crate) struct Said(pub(crate) [String; 2]);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[1])
    }
}

impl std::error::Error for Said {}

impl Appliance {
    /// The service of this machine or the appliance of the data folder; starts one where there is none,
    /// and then also tells when it ends.
    pub(crate) fn open(options: &Options) -> Result<(Self, Option<Watch>)> {
        Self::ask(beside_this_program("open").args(options.arguments()))
    }

    fn ask(command: &mut Command) -> Result<(Self, Option<Watch>)> {
        let mut process = start(command.stdin(Stdio::piped()))?;
        let stdin = process.stdin.take().context("no standard input")?;
        let stdout = process.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(stdout);
        let answer = match read_answer(&mut lines) {
            Ok(answer) => answer,
            Err(error) => {
                drop(stdin);
                let status = process.wait()?;
                return Err(error.context(format!("`optria` ended with {status}")));
            }
        };
        let text = |key: &str| answer[key].as_str().with_context(|| format!("no {key}"));
        let mut appliance = Self {
            entry: Url::parse(text("entry")?)?,
            data_dir: text("data_dir")?.into(),
            own: None,
        };
        if answer["own"] == true {
            appliance.own = Some(Own { process, stdin });
            return Ok((appliance, Some(Watch(lines))));
        }
        process.wait()?;
        Ok((appliance, None))
    }

    /// The address that lets this window in, once; it signs nobody in.
    pub(crate) fn entry(&self) -> Url {
        self.entry.clone()
    }

    /// The folder with the data that it shows.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Stops what was started for this window and waits for its end; an appliance that was there already
    /// runs on.
    pub(crate) fn stop(self) {
        let Some(Own { mut process, stdin }) = self.own else {
            return;
        };
        drop(stdin);
        match process.wait() {
            Ok(status) if !status.success() => eprintln!("The appliance ended with {status}."),
            Ok(_) => {}
            Err(error) => eprintln!("The appliance did not stop cleanly: {error}"),
        }
    }
}

impl Watch {
    /// Returns when the appliance has ended.
    pub(crate) fn wait(mut self) {
        let mut rest = [0; 256];
        while matches!(self.0.read(&mut rest), Ok(1..)) {}
    }
}

/// Puts all log files into the archive.
pub(crate) fn export_logs(data_dir: &Path, archive: &Path) -> Result<()> {
    let mut command = beside_this_program("export-logs");
    let mut process = start(command.arg(data_dir).arg(archive).stdin(Stdio::null()))?;
    let stdout = process.stdout.take().context("no standard output")?;
    let answer = read_answer(&mut BufReader::new(stdout));
    process.wait()?;
    answer.map(drop)
}

fn beside_this_program(what: impl AsRef<OsStr>) -> Command {
    let this = std::env::current_exe().unwrap_or_default();
    let program = this.with_file_name(format!("optria{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    command.arg("window").arg(what);
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        /// A program of the command line opens a terminal otherwise.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    command
}

fn start(command: &mut Command) -> Result<Child> {
    command.stdout(Stdio::piped()).spawn().map_err(|error| {
        let program = Path::new(command.get_program()).display();
        let coded = CodedError::not_found("desktop.incomplete").with("program", program);
        anyhow::Error::new(error).context(coded)
    })
}

/// The one line that `optria window` prints.
fn read_answer(lines: &mut BufReader<ChildStdout>) -> Result<Value> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let answer: Value = serde_json::from_str(&line).context("it gave no answer")?;
    match (&answer["failure"]["ar"], &answer["failure"]["en"]) {
        (Value::String(ar), Value::String(en)) => Err(Said([ar.clone(), en.clone()]).into()),
        _ => Ok(answer),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::window::explain;

    /// The other end, as a script: what it prints and does is in the place of `optria window`.
    fn script(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    const ANSWER: &str =
        r#"{"entry":"http://127.0.0.1:9/auth/handoff?t=x","data_dir":"/data","own":"#;

    #[test]
    fn one_of_its_own_ends_with_the_window() {
        let folder = tempfile::tempdir().unwrap();
        let ended = folder.path().join("ended");
        let text = format!("echo '{ANSWER}true}}'; cat; touch {}", ended.display());
        let (appliance, watch) = Appliance::ask(&mut script(&text)).unwrap();
        assert_eq!(appliance.entry().path(), "/auth/handoff");
        assert_eq!(appliance.data_dir(), Path::new("/data"));
        assert!(!ended.exists());
        appliance.stop();
        assert!(ended.exists(), "it was waited for");
        watch.unwrap().wait();
    }

    #[test]
    fn one_that_was_there_already_is_not_watched() {
        let text = format!("echo '{ANSWER}false}}'");
        let (appliance, watch) = Appliance::ask(&mut script(&text)).unwrap();
        assert!(appliance.own.is_none() && watch.is_none());
    }

    #[test]
    fn the_end_of_one_is_seen() {
        let text = format!("echo '{ANSWER}true}}'; exit 3");
        let (appliance, watch) = Appliance::ask(&mut script(&text)).unwrap();
        watch.unwrap().wait();
        appliance.stop();
    }

    #[test]
    fn a_failure_is_said_in_its_own_words() {
        let text = r#"echo '{"failure":{"ar":"مشغول","en":"in use"}}'"#;
        let error = Appliance::ask(&mut script(text)).map(drop).unwrap_err();
        assert_eq!(explain(&error, "desktop.not_started"), ["مشغول", "in use"]);
        let error = Appliance::ask(&mut script("exit 7")).map(drop).unwrap_err();
        let [_, english] = explain(&error, "desktop.not_started");
        assert!(english.contains("exit status: 7"), "{english}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let mut command = Command::new("/nowhere/optria");
        let error = Appliance::ask(&mut command).map(drop).unwrap_err();
        for sentence in explain(&error, "desktop.not_started") {
            assert!(sentence.contains("/nowhere/optria"), "{sentence}");
        }
    }
}
