//! The historian beside SQLite rows and DuckDB: same samples, same durability, same machine, same run.

pub(crate) mod child;
mod data;
mod duck;
mod hard;
mod live;
mod ours;
mod proc;
mod rows;

use std::path::Path;
use std::time::{Duration, Instant};

use data::{Data, START};
use iq_historian::{Historian, HistorianConfig};

/// Tags of the raw query.
pub(crate) const RAW_TAGS: [u32; 8] = [3, 18, 47, 77, 104, 123, 144, 190];

/// Samples per batch of the bulk load, for every engine that commits batches.
const BULK: usize = 10_000;

/// The hour in the middle of the data.
pub(crate) const fn raw_window(seconds: usize) -> (i64, i64) {
    let from = START + seconds as i64 / 2 * 1_000;
    (from, from + 3_600_000)
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A small data set: checks that everything works, figures mean little.
    #[arg(long)]
    quick: bool,
    /// Seconds of data for the 200 tags.
    #[arg(long)]
    seconds: Option<usize>,
    /// Processes killed while they acknowledge.
    #[arg(long)]
    kills: Option<usize>,
    /// Where the files go; a temporary folder by default.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
}

/// Sums over the answers of the queries: every engine must return the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) c: f64,
    pub(crate) d: f64,
    pub(crate) c_count: u64,
    pub(crate) d_count: u64,
}

impl Answers {
    /// Whether both say the same, up to the order of summation.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        near(self.a, other.a)
            && near(self.b, other.b)
            && near(self.c, other.c)
            && near(self.d, other.d)
            && (self.c_count, self.d_count) == (other.c_count, other.d_count)
    }
}

/// Median milliseconds of the queries a to d, and their answers.
pub(crate) struct Queries {
    pub(crate) ms: [f64; 4],
    pub(crate) answers: Answers,
}

impl Queries {
    pub(crate) fn new(times: [Vec<Duration>; 4], answers: Answers) -> Self {
        let ms =
            times.map(|t| proc::median(t.into_iter().map(|d| d.as_secs_f64() * 1e3).collect()));
        Self { ms, answers }
    }
}

/// One checked condition.
struct Verdict {
    name: &'static str,
    met: bool,
    /// Why this run cannot tell, if it cannot.
    undecided: Option<String>,
}

impl Verdict {
    const fn of(name: &'static str, met: bool) -> Self {
        Self {
            name,
            met,
            undecided: None,
        }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let seconds = options
        .seconds
        .unwrap_or(if options.quick { 7_200 } else { 86_400 });
    let kills = options.kills.unwrap_or(if options.quick { 5 } else { 100 });
    let ticks = if options.quick { 1_000 } else { 3_000 };
    let rounds = if options.quick { 5 } else { 11 };
    anyhow::ensure!(seconds >= 7_200, "the raw query needs two hours of data");
    if cfg!(debug_assertions) {
        println!("NOTE: not a release build, the figures mean nothing");
    }
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(dir)?;
    let data = Data::generate(seconds);
    let entropy = data.entropy_bytes();
    println!(
        "data set: {} tags x {seconds} s = {} samples, entropy estimate {entropy:.3} B/sample",
        data::TAGS,
        data.len()
    );
    let mut verdicts = Vec::new();
    verdicts.extend(live::run(dir, &data, ticks.min(seconds), 3)?);
    verdicts.extend(bulk(dir, &data, seconds, rounds, entropy)?);
    verdicts.extend(hard::late_and_retention(dir, &data, seconds)?);
    verdicts.extend(hard::reopen(dir, &data)?);
    verdicts.extend(hard::memory(dir, options.quick)?);
    verdicts.extend(hard::kills(dir, kills)?);
    println!("\nconditions");
    for verdict in &verdicts {
        match (&verdict.undecided, verdict.met) {
            (_, true) => println!("  met       {}", verdict.name),
            (Some(why), false) => println!("  UNDECIDED {}: {why}", verdict.name),
            (None, false) => println!("  NOT MET   {}", verdict.name),
        }
    }
    let missed = verdicts.iter().any(|v| !v.met && v.undecided.is_none());
    anyhow::ensure!(!missed, "a condition is not met");
    Ok(())
}

fn fresh(dir: &Path, name: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    for ending in ["", "-wal", "-shm", ".lock"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        // Absent is what is wanted.
        drop(std::fs::remove_file(file));
    }
    path
}

fn bulk(
    dir: &Path,
    data: &Data,
    seconds: usize,
    rounds: usize,
    entropy: f64,
) -> anyhow::Result<Vec<Verdict>> {
    let n = data.len();
    let path = fresh(dir, "bulk.db");
    let written = proc::bytes_written();
    let clock = Instant::now();
    let h = Historian::open(&path, HistorianConfig::default())?;
    for at in (0..n).step_by(BULK) {
        h.append_blocking(data.rows(at..(at + BULK).min(n)))?;
    }
    h.checkpoint()?;
    let ours_s = clock.elapsed().as_secs_f64();
    let ours_written = (proc::bytes_written() - written) as f64 / n as f64;
    let ours_size = proc::size_on_disk(&path) as f64 / n as f64;
    let ours = ours::queries(&h, seconds, rounds)?;
    let scans = (0..5).map(|_| ours::full_scan(&h, seconds).map(|d| d.as_secs_f64() * 1e3));
    let scan = proc::median(scans.collect::<anyhow::Result<Vec<f64>>>()?);

    let row_path = fresh(dir, "rows.db");
    let written = proc::bytes_written();
    let clock = Instant::now();
    let mut store = rows::RowStore::open(&row_path)?;
    for at in (0..n).step_by(BULK) {
        store.commit(data, at..(at + BULK).min(n))?;
    }
    store.checkpoint()?;
    let rows_s = clock.elapsed().as_secs_f64();
    let rows_written = (proc::bytes_written() - written) as f64 / n as f64;
    let rows_size = proc::size_on_disk(&row_path) as f64 / n as f64;
    let rows = store.queries(seconds, rounds)?;

    println!(
        "\nbulk load ({BULK} samples per commit, synchronous to the disk), size, queries (median ms)"
    );
    println!("  engine             samples/s   B/sample  written    a        b        c        d");
    let line = |name: &str, s: f64, size: f64, written: f64, q: &[f64; 4]| {
        println!(
            "  {name:<16} {:>9.2} M {size:>10.3} {written:>8.1} {:>8.4} {:>8.3} {:>8.3} {:>8.3}",
            n as f64 / s / 1e6,
            q[0],
            q[1],
            q[2],
            q[3]
        );
    };
    line("historian", ours_s, ours_size, ours_written, &ours.ms);
    line("SQLite rows", rows_s, rows_size, rows_written, &rows.ms);
    let mut same = ours.answers.agrees(&rows.answers);
    let duck = match duck::run(dir, data, seconds, rounds) {
        Ok(duck) => {
            let q = [&duck.a, &duck.b, &duck.c, &duck.d].map(|answer| answer.s * 1e3);
            let size = duck.sorted_bytes / n as f64;
            line("DuckDB sorted", duck.load_s, size, f64::NAN, &q);
            println!(
                "  DuckDB {} loads unsorted ({:.2} B/sample), no fsync per batch; queries on the sorted copy",
                duck.version,
                duck.bytes / n as f64
            );
            let answers = Answers {
                a: duck.a.sum,
                b: duck.b.sum,
                c: duck.c.sum,
                d: duck.d.sum,
                c_count: duck.c.count,
                d_count: duck.d.count,
            };
            same &= ours.answers.agrees(&answers);
            Some((duck, q, size))
        }
        Err(error) => {
            println!("  SKIPPED: DuckDB is not compared, {error}");
            None
        }
    };
    println!(
        "  check sums {}: {:?}",
        if same { "equal" } else { "DIFFER" },
        ours.answers
    );
    println!("  full scan without rollups, 2 threads: {scan:.1} ms");
    println!("\nratios (goal)");
    println!("  G2 bulk: {:.1}x SQLite rows (15)", rows_s / ours_s);
    println!(
        "  G3 size: 1/{:.1} of SQLite rows (1/25), {:.2}x entropy estimate (1.25)",
        rows_size / ours_size,
        ours_size / entropy
    );
    let of_rows = |i: usize| rows.ms[i] / ours.ms[i];
    println!(
        "  G5 queries: a 1/{:.0} (1/100), c 1/{:.1} (1/3) of SQLite rows; b 1/{:.0}, d 1/{:.0} of SQLite rows",
        of_rows(0),
        of_rows(2),
        of_rows(1),
        of_rows(3)
    );
    if let Some((duck, q, size)) = &duck {
        println!("  G2 bulk: {:.2}x DuckDB (0.9)", duck.load_s / ours_s);
        println!("  G3 size: {:.2}x DuckDB sorted (0.48)", ours_size / size);
        println!(
            "  G5 queries of DuckDB sorted: b 1/{:.0} (1/25), c 1/{:.1} (1/4), d 1/{:.0}",
            q[1] / ours.ms[1],
            q[2] / ours.ms[2],
            q[3] / ours.ms[3]
        );
        println!("  G6 full scan: {:.2}x DuckDB (0.8)", scan / q[3]);
    }
    let stored = h.stats()?.samples;
    Ok(vec![
        Verdict::of("all engines return the same answers", same),
        Verdict::of(
            "every sample of the bulk load is there once",
            stored == n as u64,
        ),
        Verdict::of("at most 2 B/sample in the whole file", ours_size <= 2.0),
    ])
}
