//! Real servers written by others, which the connector tests talk to: an OPC UA server from PyPI in
//! a virtual environment and one from npm, both at the versions their lists pin.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    shell::{command, root, run, target_dir},
    ui,
};

const PYTHON_LIST: &str = "tests/peers/requirements.txt";

/// Installs the peers and returns the environment's interpreter.
pub(crate) fn install() -> Result<PathBuf> {
    let list = root().join(PYTHON_LIST);
    let wanted = fs::read_to_string(&list).with_context(|| {
        format!("{PYTHON_LIST} is missing, so the Python peer can't be installed")
    })?;
    let venv = venv();
    let python = venv.join("bin/python");
    let stamp = venv.join("installed.txt");
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|then| then == wanted) {
        println!("   the Python peer is unchanged");
    } else {
        run(command("python3").args(["-m", "venv"]).arg(&venv))?;
        run(command(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&list))?;
        fs::write(&stamp, wanted)?;
    }
    if !root().join("tests/peers/package.json").is_file() {
        bail!("tests/peers/package.json is missing, so the Node peer can't be installed");
    }
    ui::install_packages("tests/peers")?;
    Ok(python)
}

fn venv() -> PathBuf {
    target_dir().join("peers-venv")
}
