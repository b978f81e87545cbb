//! The benches. The historian is compared with what it could be replaced by, in the same run, on the
//! same machine, with the same durability, in ratios; the pipeline is measured from end to end.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program that prints its figures"
)]

use clap::{Parser, Subcommand};

mod analytics;
mod blackbox;
mod connectors;
mod historian;
mod optimiser;
mod pipeline;
mod plant_lead;
mod python;
mod rootcause;
mod sync;

#[derive(Parser)]
#[command(about = "Measures OPTRIA IQ")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// What an appliance takes: packages, start, memory and processor with 200 tags at 1 s.
    Appliance(pipeline::footprint::Options),
    /// Condition analytics on public data, with the official metric of each set.
    Analytics(analytics::Options),
    /// Events with and without their evidence log, pages of a large table, verification.
    Blackbox(blackbox::Options),
    /// Historian beside SQLite rows and DuckDB.
    Historian(historian::Options),
    /// A process of the historian bench that only ingests: for memory and kills.
    #[command(hide = true)]
    HistorianChild(historian::child::Options),
    /// The past out of SQL and PI and files of trends, beside what the source itself gives.
    Connectors(connectors::Options),
    /// A process of the connectors bench: reads one source and tells what it took.
    #[command(hide = true)]
    ConnectorsReader,
    /// OPC UA notification to durable to server-sent event in a client, with the real parts.
    Pipeline(pipeline::Options),
    /// Maintenance plans: published optima, and other solvers on the same problems.
    Optimiser(optimiser::Options),
    /// Models of assets on the demo plant: lead time left at the first flag, false alarms per month.
    PlantLead(plant_lead::Options),
    /// Root cause: signals that moved first on TEP, and rule packs on the demo plant.
    Rootcause(rootcause::Options),
    /// Records into the hub beside COPY, and a backlog over a long, thin line.
    Sync(sync::Options),
    /// A process of the pipeline bench: the plant.
    #[command(hide = true)]
    PipelinePlant(pipeline::plant::Options),
    /// A process of the pipeline bench: the appliance.
    #[command(hide = true)]
    PipelineAppliance(pipeline::appliance::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Appliance(options) => pipeline::footprint::run(&options),
        Bench::Analytics(options) => analytics::run(&options),
        Bench::Blackbox(options) => blackbox::run(&options),
        Bench::Historian(options) => historian::run(&options),
        Bench::HistorianChild(options) => historian::child::run(&options),
        Bench::Connectors(options) => connectors::run(&options),
        Bench::ConnectorsReader => connectors::reader::run(),
        Bench::Pipeline(options) => pipeline::run(&options),
        Bench::Optimiser(options) => optimiser::run(&options),
        Bench::PlantLead(options) => plant_lead::run(&options),
        Bench::Rootcause(options) => rootcause::run(&options),
        Bench::Sync(options) => sync::run(&options),
        Bench::PipelinePlant(options) => pipeline::plant::run(&options),
        Bench::PipelineAppliance(options) => pipeline::appliance::run(&options),
    }
}
