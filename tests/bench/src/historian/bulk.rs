//! Bulk load, size of the files and queries, on the whole data set.

use std::path::Path;
use std::time::Instant;

use iq_historian::{Historian, HistorianConfig};

use super::data::Data;
use super::duck::{self, Duck};
use super::rows::RowStore;
use super::{Answers, Queries, Verdict, fresh, ours, proc};

/// Samples per batch, for every engine that commits batches.
const BULK: usize = 10_000;

/// One engine with the whole data set.
struct Loaded {
    load_s: f64,
    /// Bytes per sample on disk and written to it.
    size: f64,
    written: f64,
    queries: Queries,
}

impl Loaded {
    fn line(&self, name: &str, samples: usize) {
        let [a, b, c, d] = self.queries.ms;
        println!(
            "  {name:<16} {:>9.2} M {:>10.3} {:>8.1} {a:>8.4} {b:>8.3} {c:>8.3} {d:>8.3}",
            samples as f64 / self.load_s / 1e6,
            self.size,
            self.written
        );
    }
}

/// Loads `n` samples in batches and measures time, bytes written and size of the file.
fn load(
    path: &Path,
    n: usize,
    mut body: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<(f64, f64, f64)> {
    let written = proc::bytes_written();
    let clock = Instant::now();
    body()?;
    let seconds = clock.elapsed().as_secs_f64();
    let written = (proc::bytes_written() - written) as f64 / n as f64;
    Ok((seconds, proc::size_on_disk(path) as f64 / n as f64, written))
}

fn historian(
    path: &Path,
    data: &Data,
    seconds: usize,
    rounds: usize,
) -> anyhow::Result<(Historian, Loaded)> {
    let n = data.len();
    let h = Historian::open(path, HistorianConfig::default())?;
    let (load_s, size, written) = load(path, n, || {
        for at in (0..n).step_by(BULK) {
            h.append_blocking(data.rows(at..(at + BULK).min(n)))?;
        }
        Ok(h.checkpoint()?)
    })?;
    let queries = ours::queries(&h, seconds, rounds)?;
    Ok((
        h,
        Loaded {
            load_s,
            size,
            written,
            queries,
        },
    ))
}

fn rows(path: &Path, data: &Data, seconds: usize, rounds: usize) -> anyhow::Result<Loaded> {
    let n = data.len();
    let mut store = RowStore::open(path)?;
    let (load_s, size, written) = load(path, n, || {
        for at in (0..n).step_by(BULK) {
            store.commit(data, at..(at + BULK).min(n))?;
        }
        Ok(store.checkpoint()?)
    })?;
    let queries = store.queries(seconds, rounds)?;
    Ok(Loaded {
        load_s,
        size,
        written,
        queries,
    })
}

fn duckdb(duck: &Duck, n: usize) -> Loaded {
    let answers = Answers {
        a: duck.a.sum,
        b: duck.b.sum,
        c: duck.c.sum,
        d: duck.d.sum,
        c_count: duck.c.count,
        d_count: duck.d.count,
    };
    let ms = [&duck.a, &duck.b, &duck.c, &duck.d].map(|answer| answer.s * 1e3);
    Loaded {
        load_s: duck.load_s,
        size: duck.sorted_bytes / n as f64,
        written: f64::NAN,
        queries: Queries { ms, answers },
    }
}

pub(crate) fn run(
    dir: &Path,
    data: &Data,
    seconds: usize,
    rounds: usize,
    entropy: f64,
) -> anyhow::Result<Vec<Verdict>> {
    let n = data.len();
    let (h, ours) = historian(&fresh(dir, "bulk.db"), data, seconds, rounds)?;
    let scans = (0..5).map(|_| Ok(ours::full_scan(&h, seconds)?.as_secs_f64() * 1e3));
    let scan = proc::median(scans.collect::<anyhow::Result<Vec<f64>>>()?);
    let rows = rows(&fresh(dir, "rows.db"), data, seconds, rounds)?;
    println!(
        "\nbulk load ({BULK} samples per commit, synchronous to the disk), size, queries (median ms)"
    );
    println!("  engine             samples/s   B/sample  written    a        b        c        d");
    ours.line("historian", n);
    rows.line("SQLite rows", n);
    let answers = ours.queries.answers;
    let mut same = answers.agrees(&rows.queries.answers);
    let duck = match duck::run(dir, data, seconds, rounds) {
        Ok(duck) => {
            let loaded = duckdb(&duck, n);
            loaded.line("DuckDB sorted", n);
            println!(
                "  DuckDB {} loads unsorted ({:.2} B/sample), no fsync per batch; queries on the sorted copy",
                duck.version,
                duck.bytes / n as f64
            );
            same &= answers.agrees(&loaded.queries.answers);
            Some(loaded)
        }
        Err(error) => {
            println!("  SKIPPED: DuckDB is not compared, {error}");
            None
        }
    };
    println!(
        "  check sums {}: {answers:?}",
        if same { "equal" } else { "DIFFER" }
    );
    println!("  full scan without rollups, 2 threads: {scan:.1} ms");
    print_ratios(&ours, &rows, duck.as_ref(), entropy, scan);
    let stored = h.stats()?.samples;
    Ok(vec![
        Verdict::of("all engines return the same answers", same),
        Verdict::of(
            "every sample of the bulk load is there once",
            stored == n as u64,
        ),
        Verdict::of("at most 2 B/sample in the whole file", ours.size <= 2.0),
    ])
}

fn print_ratios(ours: &Loaded, rows: &Loaded, duck: Option<&Loaded>, entropy: f64, scan: f64) {
    let than = |other: &Loaded, i: usize| other.queries.ms[i] / ours.queries.ms[i];
    println!("\nratios (goal)");
    println!(
        "  G2 bulk: {:.1}x SQLite rows (15)",
        rows.load_s / ours.load_s
    );
    println!(
        "  G3 size: 1/{:.1} of SQLite rows (1/25), {:.2}x entropy estimate (1.25)",
        rows.size / ours.size,
        ours.size / entropy
    );
    println!(
        "  G5 queries of SQLite rows: a 1/{:.0} (1/100), b 1/{:.0}, c 1/{:.1} (1/3), d 1/{:.0}",
        than(rows, 0),
        than(rows, 1),
        than(rows, 2),
        than(rows, 3)
    );
    if let Some(duck) = duck {
        println!("  G2 bulk: {:.2}x DuckDB (0.9)", duck.load_s / ours.load_s);
        println!(
            "  G3 size: {:.2}x DuckDB sorted (0.48)",
            ours.size / duck.size
        );
        println!(
            "  G5 queries of DuckDB sorted: b 1/{:.0} (1/25), c 1/{:.1} (1/4), d 1/{:.0}",
            than(duck, 1),
            than(duck, 2),
            than(duck, 3)
        );
        println!(
            "  G6 full scan: {:.2}x DuckDB (0.8)",
            scan / duck.queries.ms[3]
        );
    }
}
