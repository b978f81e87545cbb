//! Measurements, always in release mode.

use anyhow::{Result, bail};

use crate::shell::{cargo, run};

pub(crate) fn bench(args: &[String]) -> Result<()> {
    if args.is_empty() {
        bail!("`bench` needs a name; `cargo xtask bench --list` shows them");
    }
    run(cargo()
        .args(["run", "--release", "--package", "iq-bench", "--"])
        .args(args))
}
