//! A Python environment with pinned packages, installed once per list of them.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::shell::{command, run, target_dir};

/// The folder of programs of an environment with exactly these packages.
pub(crate) fn environment(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements)
        .with_context(|| format!("{} can't be read", requirements.display()))?;
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    let folder = target_dir().join(format!("python-xtask-{:016x}", hasher.finish()));
    // Written last: an installation that was cut short is done again.
    let stamp = folder.join("complete");
    if !stamp.is_file() {
        run(command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
        run(command(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "-r"])
            .arg(requirements))
        .context("the Python package index must be reachable, or PIP_INDEX_URL name a mirror")?;
        fs::write(&stamp, "").with_context(|| format!("{} can't be written", stamp.display()))?;
    }
    Ok(folder.join("bin"))
}
