//! Benches that compare the product's parts with what they could be replaced by, in the same run, on
//! the same machine, with the same durability, and print ratios.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program that prints its figures"
)]

use clap::{Parser, Subcommand};

mod historian;

#[derive(Parser)]
#[command(about = "Compares parts of OPTRIA IQ with their alternatives")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Historian beside SQLite rows and DuckDB.
    Historian(historian::Options),
    /// A process of the historian bench that only ingests: for memory and kills.
    #[command(hide = true)]
    HistorianChild(historian::child::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Historian(options) => historian::run(&options),
        Bench::HistorianChild(options) => historian::child::run(&options),
    }
}
