//! The Python interpreter of the peers that come from PyPI.

use std::path::{Path, PathBuf};

/// The interpreter named by OPTRIA_BENCH_PYTHON, or an environment with the pinned packages, which is
/// installed once.
pub(crate) fn interpreter() -> anyhow::Result<PathBuf> {
    if let Some(given) = std::env::var_os("OPTRIA_BENCH_PYTHON") {
        return Ok(given.into());
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/requirements.txt");
    iq_testkit::python_venv(&requirements)
}
