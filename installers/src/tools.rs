//! Starting the programs that build and install packages; a failure says what was run.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs to the end; its output is shown only when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    capture(command).map(drop)
}

/// Runs to the end and returns what it printed on stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = ended(command)?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}\n{}{}",
            show(command),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("no UTF-8 was printed")
}

/// Runs to the end, with whatever outcome.
pub(crate) fn ended(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| {
        format!(
            "`{}` could not be started. Is the program installed?",
            show(command)
        )
    })
}

/// Packs a text as the manual and the change log are kept: without name and time, so that the same
/// input gives the same bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new("gzip")
        .args(["-9", "-n", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("`gzip` could not be started")?;
    let mut stdin = child.stdin.take().context("gzip has no input")?;
    std::thread::scope(|scope| {
        let fed = scope.spawn(move || stdin.write_all(bytes));
        let output = child.wait_with_output()?;
        let fed = fed
            .join()
            .map_err(|_| anyhow::anyhow!("gzip was not fed"))?;
        fed.context("gzip stopped reading")?;
        if !output.status.success() {
            bail!("gzip ended with {}", output.status);
        }
        Ok(output.stdout)
    })
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}
