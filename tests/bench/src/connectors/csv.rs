//! Files of trends, long and wide, beside DuckDB's `read_csv` of the same files. DuckDB parses columns
//! into its own table; the connector finds out how the file is written, checks every cell and makes
//! samples with times and statuses, in one thread.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use iq_domain::Timestamp;
use serde::Deserialize;

use super::{
    Options,
    reader::Order,
    table::{Measured, Round, Runs},
    tally::Tally,
};

const SCRIPT: &str = include_str!("../../peers/duckdb_csv.py");
const TAGS: usize = 50;
/// 2025-01-01, UTC.
const START: i64 = 1_735_689_600_000;

/// What a file holds: for us value by value, for DuckDB in sums.
#[derive(Clone, Copy, Default)]
struct Written {
    tally: Tally,
    times: i64,
    thousandths: i64,
}

#[derive(Deserialize)]
struct Duck {
    version: String,
    seconds: f64,
    growth_bytes: u64,
    count: u64,
    times: i64,
    thousandths: i64,
}

pub(super) fn run(dir: &Path, options: &Options) -> Result<Vec<Measured>> {
    let rows = if options.quick { 10_000 } else { 100_000 };
    let python = crate::python::interpreter();
    if let Err(why) = &python {
        println!("NO PEER: DuckDB does not run here ({why:#}); files are checked without it");
    }
    ["long", "wide"]
        .map(|shape| measure(dir, shape, rows, options, python.as_ref().ok()))
        .into_iter()
        .collect()
}

fn measure(
    dir: &Path,
    shape: &str,
    rows: usize,
    options: &Options,
    python: Option<&PathBuf>,
) -> Result<Measured> {
    let path = dir.join(format!("{shape}.csv"));
    let written = write(&path, shape, rows)?;
    let bytes = std::fs::metadata(&path)?.len();
    let mut measured = Measured {
        what: format!("CSV {shape} ({} MiB)", bytes >> 20),
        written: written.tally.count,
        ours: Runs::new("optria (1 thread)"),
        peers: Vec::new(),
        wrong: Vec::new(),
    };
    let order = Order::File(path.clone());
    let threads = std::thread::available_parallelism()?.get();
    for _ in 0..options.rounds() {
        let reading = order.carry_out()?;
        measured.ours.rounds.push(Round::from(&reading));
        measured.check_ours(reading.tally, written.tally);
        let Some(python) = python else { continue };
        for (at, threads) in [1, threads].into_iter().enumerate() {
            let duck = duck(dir, python, &path, shape, threads)?;
            if measured.peers.len() == at {
                let name = format!("DuckDB {} ({threads} threads)", duck.version);
                measured.peers.push(Runs::new(name));
            }
            measured.peers[at].rounds.push(Round {
                seconds: duck.seconds,
                growth_bytes: Some(duck.growth_bytes),
            });
            measured.check(
                "DuckDB",
                (duck.count, duck.times, duck.thousandths),
                (written.tally.count, written.times, written.thousandths),
            );
        }
    }
    Ok(measured)
}

/// A value of a file, in thousandths: a slow wave with a ripple, different for each tag.
const fn thousandths(tag: usize, row: usize) -> i64 {
    let (tag, row) = (tag as i64, row as i64);
    20_000 + tag * 137 + (row * 31 + tag * 7) % 5_003 - (row / 60) % 977
}

fn write(path: &Path, shape: &str, rows: usize) -> Result<Written> {
    let tags: Vec<String> = (1..=TAGS).map(|n| format!("U100-TI-{n:03}")).collect();
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    match shape {
        "long" => writeln!(file, "time,tag,value")?,
        _ => writeln!(file, "time,{}", tags.join(","))?,
    }
    let mut written = Written::default();
    for row in 0..rows {
        let since = row as i64 * 1_000;
        let iso = Timestamp(START + since).to_string();
        let time = format!("{} {}", &iso[..10], &iso[11..19]);
        if shape == "wide" {
            write!(file, "{time}")?;
        }
        for (n, tag) in tags.iter().enumerate() {
            let value = thousandths(n, row);
            let text = format!("{}.{:03}", value / 1_000, value % 1_000);
            written.tally.add(tag, START + since, text.parse().ok());
            written.times += since;
            written.thousandths += value;
            match shape {
                "long" => writeln!(file, "{time},{tag},{text}")?,
                _ => write!(file, ",{text}")?,
            }
        }
        if shape == "wide" {
            writeln!(file)?;
        }
    }
    file.flush()?;
    Ok(written)
}

fn duck(dir: &Path, python: &Path, path: &Path, shape: &str, threads: usize) -> Result<Duck> {
    let script = dir.join("duckdb_csv.py");
    std::fs::write(&script, SCRIPT)?;
    let output = Command::new(python)
        .arg(&script)
        .arg(path)
        .args([shape, &threads.to_string()])
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.trim().lines().last().unwrap_or("no output");
    ensure!(output.status.success(), "DuckDB: {last}");
    serde_json::from_slice(&output.stdout).context("DuckDB's answer")
}
