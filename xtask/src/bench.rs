//! Measurements, always in release mode.

use anyhow::{Result, bail};

use crate::shell::{cargo, run};

pub(crate) fn bench(args: &[String]) -> Result<()> {
    if args.is_empty() {
        bail!("`bench` needs a name; `cargo xtask bench --list` shows them");
    }
    let mut bench = cargo();
    bench.arg("run");
    if args == ["--list"] {
        // Only names are printed: no need for an optimised build.
        bench.args(["--quiet", "--bin", "iq-bench", "--", "help"]);
    } else {
        bench
            .args(["--release", "--bin", "iq-bench", "--"])
            .args(args);
    }
    run(&mut bench)
}
