//! DuckDB, driven through its Python package; a machine without it skips this peer, loudly.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::data::{Data, START};

const SCRIPT: &str = include_str!("../../peers/duckdb_bench.py");

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) s: f64,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

#[derive(Deserialize)]
pub(crate) struct Duck {
    pub(crate) version: String,
    pub(crate) load_s: f64,
    pub(crate) bytes: f64,
    pub(crate) sorted_bytes: f64,
    pub(crate) a: Answer,
    pub(crate) b: Answer,
    pub(crate) c: Answer,
    pub(crate) d: Answer,
}

/// Runs DuckDB on the data; the error says why it could not.
pub(crate) fn run(dir: &Path, data: &Data, seconds: usize, rounds: usize) -> anyhow::Result<Duck> {
    let python = crate::python::interpreter()?;
    let folder = dir.join("duck");
    if folder.exists() {
        // Left over from a run before in the same place.
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    write_column(
        &folder.join("tags"),
        data.tags.iter().map(|v| v.to_le_bytes()),
    )?;
    write_column(
        &folder.join("times"),
        data.times.iter().map(|v| v.to_le_bytes()),
    )?;
    write_column(
        &folder.join("values"),
        data.values.iter().map(|v| v.to_le_bytes()),
    )?;
    write_column(
        &folder.join("statuses"),
        data.statuses.iter().map(|v| v.to_le_bytes()),
    )?;
    let script = folder.join("duckdb_bench.py");
    std::fs::write(&script, SCRIPT)?;
    let (raw_from, raw_to) = super::raw_window(seconds);
    let output = Command::new(python)
        .arg(&script)
        .arg(&folder)
        .args([START, seconds as i64, rounds as i64, raw_from, raw_to].map(|n| n.to_string()))
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
            .trim()
            .lines()
            .last()
            .unwrap_or("no output")
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn write_column<const N: usize>(
    path: &Path,
    values: impl Iterator<Item = [u8; N]>,
) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    for value in values {
        file.write_all(&value)?;
    }
    file.flush()
}
