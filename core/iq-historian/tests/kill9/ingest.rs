//! Ingests without end and prints the number of every acknowledged batch; made to be killed.
//!
//! Usage: `historian-kill-target FILE FIRST`. Batch `k` holds samples of eight signals at second `k`, and corrects
//! what batch `k - 700` said about one of them, so that kills also meet late data and seals.

use std::io::Write;
use std::path::Path;

use iq_domain::{StatusCode, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, Row};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which file?")?;
    let first: i64 = args.next().ok_or("which batch first?")?.parse()?;
    let config = HistorianConfig {
        chunk_samples: 256,
        journal_budget_bytes: 100_000,
        commit_window: std::time::Duration::ZERO,
        ..HistorianConfig::default()
    };
    let h = Historian::open(Path::new(&path), config)?;
    let compacting = h.clone();
    std::thread::spawn(move || {
        loop {
            if let Err(error) = compacting.compact() {
                return error.to_string();
            }
        }
    });
    let mut out = std::io::stdout().lock();
    for k in first.. {
        let row = |signal_no: u32, second: i64, value: f64| Row {
            signal_no,
            t: Timestamp(1_700_000_000_000 + second * 1_000),
            value: Some(Value::Number(value)),
            status: StatusCode::GOOD,
        };
        let mut rows: Vec<Row> = (0..8)
            .map(|s| row(s, k, k as f64 + f64::from(s) / 10.0))
            .collect();
        if k >= 700 {
            rows.push(row((k % 8) as u32, k - 700, -1.0));
        }
        h.append_blocking(rows)?;
        // One write per line: the reader must never see half of one.
        out.write_all(format!("{k}\n").as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
