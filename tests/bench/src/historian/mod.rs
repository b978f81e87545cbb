//! The historian beside SQLite rows and DuckDB: same samples, same durability, same machine, same run.

mod bulk;
pub(crate) mod child;
mod data;
mod duck;
mod hard;
mod live;
mod ours;
pub(crate) mod proc;
mod rows;

use std::path::Path;
use std::time::Duration;

use data::{Data, START};

/// Tags of the raw query.
pub(crate) const RAW_TAGS: [u32; 8] = [3, 18, 47, 77, 104, 123, 144, 190];

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
    verdicts.extend(bulk::run(dir, &data, seconds, rounds, entropy)?);
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
