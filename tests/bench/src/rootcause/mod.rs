//! Root cause, measured: which signal moved first on the Tennessee Eastman data, and which failure mode
//! the rule packs name on the demo plant. Every parameter is global and printed.

use std::path::PathBuf;

mod flood;
mod plant;
mod runs;
mod tep;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder with d00.dat.gz … d21_te.dat.gz of the Tennessee Eastman set.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Runs of the demo plant with faults instead.
    #[arg(long)]
    plant: bool,
    /// How many.
    #[arg(long, default_value_t = 200)]
    runs: u32,
    /// Master seed of the runs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of pack files instead of the program's own.
    #[arg(long)]
    packs: Option<PathBuf>,
    /// Prints every run.
    #[arg(long)]
    verbose: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.plant {
        return plant::run(options);
    }
    let Some(data) = &options.data else {
        anyhow::bail!("`rootcause` needs --data DIR (the Tennessee Eastman set) or --plant");
    };
    tep::run(data)
}
