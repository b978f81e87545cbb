//! The desktop window: whether there is a display for it, and its test under a virtual one.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{built_program, cache_dir, cargo, command, root, run};

/// Version of the driver that speaks WebDriver to the window.
const DRIVER_VERSION: &str = "2.1.0";

/// Whether this session can show a window.
pub(crate) fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|key| std::env::var_os(key).is_some_and(|value| !value.is_empty()))
}

/// Opens the window under a virtual display with a bare locale and walks through it.
pub(crate) fn smoke() -> Result<()> {
    let driver = driver()?;
    run(command("python3")
        .arg(root().join("tests/e2e/desktop_smoke.py"))
        .env("OPTRIA_BIN", built_program("optria")?)
        .env("OPTRIA_DESKTOP_BIN", built_program("optria-desktop")?)
        .env("TAURI_DRIVER", driver))
}

/// The driver, built once into the cache (in a target folder of its own, so that it doesn't wait
/// for the lock of the workspace's).
fn driver() -> Result<PathBuf> {
    let home = cache_dir()
        .join("optria-tools")
        .join(format!("tauri-driver-{DRIVER_VERSION}"));
    let program = home.join("bin/tauri-driver");
    if !program.is_file() {
        let mut install = cargo();
        install.args([
            "install",
            "--locked",
            "--version",
            DRIVER_VERSION,
            "tauri-driver",
        ]);
        install.arg("--root").arg(&home);
        install.env("CARGO_TARGET_DIR", home.join("target"));
        run(&mut install)?;
        // Only the program is needed from here on.
        std::fs::remove_dir_all(home.join("target"))?;
    }
    Ok(program)
}
