//! The desktop window: whether there is a display for it, and its test under a virtual one.

use anyhow::Result;

use crate::shell::{built_program, command, root, run};

/// Whether this session can show a window.
pub(crate) fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|key| std::env::var_os(key).is_some_and(|value| !value.is_empty()))
}

/// Opens the window under a virtual display with a bare locale and walks through it.
pub(crate) fn smoke() -> Result<()> {
    run(command("python3")
        .arg(root().join("tests/e2e/desktop_smoke.py"))
        .env("OPTRIA_BIN", built_program("optria")?)
        .env("OPTRIA_DESKTOP_BIN", built_program("optria-desktop")?))
}
