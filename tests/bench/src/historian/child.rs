//! A process that ingests: its own peak memory is that of the historian, and it can be killed.

use std::io::Write;
use std::path::PathBuf;

use iq_domain::{StatusCode, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, Row};

use super::data::Generator;
use super::proc::peak_memory;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Historian file.
    #[arg(long)]
    path: PathBuf,
    /// Number of tags.
    #[arg(long)]
    tags: u32,
    /// Seconds of data.
    #[arg(long)]
    seconds: usize,
    /// Print every acknowledged second.
    #[arg(long)]
    acknowledge: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let h = Historian::open(&options.path, HistorianConfig::default())?;
    let mut generator = Generator::new(options.tags);
    let mut out = std::io::stdout().lock();
    let mut buckets = 0;
    for second in 0..options.seconds {
        let mut rows = Vec::with_capacity(options.tags as usize);
        generator.tick(|signal_no, t, value, status| {
            let value = Some(Value::Number(value));
            rows.push(Row {
                signal_no,
                t: Timestamp(t),
                value,
                status: StatusCode(status),
            });
        });
        h.append_blocking(rows)?;
        if options.acknowledge {
            // One write per line: the parent must never see half of one.
            out.write_all(format!("{second}\n").as_bytes())?;
            out.flush()?;
        } else if second % 100 == 99 {
            // Reading belongs to the peak as well.
            let range = super::ours::window(0, i64::MAX);
            buckets += h
                .buckets(second as u32 % options.tags, range, 60_000)?
                .len();
        }
    }
    if !options.acknowledge {
        let stats = h.stats()?;
        writeln!(out, "{} {} {buckets}", peak_memory(), stats.samples)?;
    }
    Ok(())
}
