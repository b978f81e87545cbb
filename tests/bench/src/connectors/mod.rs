//! The connectors beside what the source itself gives: the past out of PostgreSQL against `psql \copy`,
//! the past out of PI against a plain fetch of the same pages, files of trends against DuckDB's
//! `read_csv`. What was read is compared with what was written, value by value.

mod csv;
mod pi;
pub(crate) mod reader;
mod sql;
mod table;
mod tally;

use clap::ValueEnum;

/// A part of the bench.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Sql,
    Pi,
    Csv,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Little data and one round: checks that everything works, figures mean little.
    #[arg(long)]
    quick: bool,
    /// Only this part.
    #[arg(long)]
    only: Option<Part>,
}

impl Options {
    /// How often each reading is made, in turn with its peers.
    const fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("NOTE: not a release build, the figures mean nothing");
    }
    let dir = tempfile::tempdir()?;
    let wants = |part| options.only.is_none_or(|only| only == part);
    let mut all = Vec::new();
    if wants(Part::Sql) {
        all.push(sql::run(dir.path(), options)?);
    }
    if wants(Part::Pi) {
        all.push(pi::run(dir.path(), options)?);
    }
    if wants(Part::Csv) {
        all.extend(csv::run(dir.path(), options)?);
    }
    let is_right = table::print(&all);
    anyhow::ensure!(is_right, "what was read is not what was written");
    Ok(())
}
