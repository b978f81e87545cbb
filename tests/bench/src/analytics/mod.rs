//! Condition analytics on public data, with the official metric of each set: ours beside trivial
//! baselines, the published best and the goal. Splits, metrics and one configuration per set are fixed;
//! the metric code first repeats rows that were published or reproduced, and the bench fails where it
//! can't. Whatever part of a set stands in the folder is scored, and said.

use std::path::{Path, PathBuf};

mod ai4i;
mod cmapss;
mod nab;
mod read;
mod report;
mod skab;
mod tep;
mod windows;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder with the sets, or with one of them: skab, cmapss, tep, ai4i2020, nab.
    #[arg(long)]
    data: PathBuf,
    /// Only `skab`, `cmapss`, `tep`, `ai4i` or `nab`.
    #[arg(long)]
    only: Option<String>,
    /// Seeds of the trained models.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Threads of the training.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Trains on shuffled answers instead: no skill must be left.
    #[arg(long)]
    leakage: bool,
}

type Run = fn(&Options, &Path) -> anyhow::Result<()>;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sets: [(&str, &str, Run); 5] = [
        ("skab", "skab", skab::run),
        ("tep", "tep", tep::run),
        ("cmapss", "cmapss", cmapss::run),
        ("ai4i", "ai4i2020", ai4i::run),
        ("nab", "nab", nab::run),
    ];
    for (name, folder, run) in sets {
        if options.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        match read::folder(&options.data, folder) {
            Some(found) => run(options, &found)?,
            None => println!("{name}: not in {}", options.data.display()),
        }
    }
    Ok(())
}
