//! Starting other programs: where the repository is, which folder cargo builds into, and commands
//! whose failure says what was run.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

/// The top of the repository: of the checkout that cargo runs this for, which need not be the one
/// that it was compiled in, as checkouts may share a target folder.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        package
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned)
    })
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else a folder in the user's cache, so that a checkout
/// stays small and several checkouts share one build.
pub(crate) fn target_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("CARGO_TARGET_DIR") {
        return root().join(dir);
    }
    cache_dir().join("optria-target")
}

/// The user's cache folder.
pub(crate) fn cache_dir() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_else(|| root().join("target"))
}

/// A program of the debug build.
pub(crate) fn built(program: &str) -> PathBuf {
    target_dir().join("debug").join(program)
}

/// A program of the debug build that must be there.
pub(crate) fn built_program(program: &str) -> Result<PathBuf> {
    let path = built(program);
    if !path.is_file() {
        bail!(
            "{} was not built. Run `cargo xtask run` once, or see the build errors above.",
            path.display()
        );
    }
    Ok(path)
}

/// A command started at the top of the repository.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Cargo, building into [`target_dir`].
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(program);
    command.env("CARGO_TARGET_DIR", target_dir());
    if std::env::var_os("CI").is_some() {
        // A fresh clone never builds twice: what would speed that up only fills the disk.
        command.env("CARGO_INCREMENTAL", "0");
    }
    // What cargo set for this program would make the inner cargo rebuild or misplace things.
    for key in [
        "CARGO_MANIFEST_DIR",
        "CARGO_PKG_NAME",
        "CARGO_PKG_VERSION",
        "CARGO_MANIFEST_PATH",
    ] {
        command.env_remove(key);
    }
    command
}

/// Runs to the end with its output shown; a non-zero exit is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("   $ {shown}");
    let status = command.status().with_context(|| not_started(&shown))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs to the end and returns what it printed on stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| not_started(&shown))?;
    if !output.status.success() {
        bail!("`{shown}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

/// Whether a program can be found on the search path.
pub(crate) fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// A sentence in both languages, for what a first-time user must not miss.
pub(crate) fn say(en: &str, ar: &str) {
    println!("{en}\n{ar}");
}

fn not_started(shown: &str) -> String {
    format!("`{shown}` could not be started. Is the program installed and on the search path?")
}

fn show(command: &Command) -> String {
    let mut words = vec![
        Path::new(command.get_program())
            .file_name()
            .unwrap_or(command.get_program())
            .to_string_lossy()
            .into_owned(),
    ];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
