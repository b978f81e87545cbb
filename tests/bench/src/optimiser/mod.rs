//! The optimiser beside published optima and beside other solvers on the same problems: value, bound and the
//! time to each, every plan judged by the independent checker first.

use std::{
    path::PathBuf,
    sync::{Mutex, atomic::AtomicBool},
    time::Instant,
};

use iq_optimiser::{Progress, Run};

mod dzn;
mod made;
mod peers;
mod roadef;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder with ROADEF 2020 instances (A_10.json.gz …) and multi-skill project scheduling (*.dzn), in it or
    /// in its folders `roadef2020` and `mspsp`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Only `roadef`, `mspsp`, `dispatch` or `selection`.
    #[arg(long)]
    only: Option<String>,
    /// Only the made problems of so many jobs; may be given more than once.
    #[arg(long)]
    jobs: Vec<usize>,
    /// Other solvers from PyPI on the same made problems.
    #[arg(long)]
    peers: bool,
    /// Seconds each of them gets.
    #[arg(long, default_value_t = 60)]
    peer_seconds: u32,
    /// Iterations of the search; each bench has its own where absent.
    #[arg(long)]
    iterations: Option<u64>,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let wants = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    if wants("roadef") {
        roadef::run(options)?;
    }
    if wants("mspsp") {
        dzn::run(options)?;
    }
    if wants("dispatch") {
        made::dispatch(options)?;
    }
    if wants("selection") {
        made::selection(options)?;
    }
    Ok(())
}

impl Options {
    fn wants_jobs(&self, jobs: usize) -> bool {
        self.jobs.is_empty() || self.jobs.contains(&jobs)
    }
}

/// Files of the data folder with one of the endings.
fn files(options: &Options, folder: &str, endings: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let Some(data) = &options.data else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for folder in [data.clone(), data.join(folder)] {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy().into_owned();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

static NEVER: AtomicBool = AtomicBool::new(false);

/// The incumbents of a run with the seconds at which they came.
#[derive(Default)]
struct Trace(Mutex<Vec<(f64, f64)>>);

impl Trace {
    /// Runs with a listener that notes each better value.
    fn of<T>(
        (seed, iterations, nodes): (u64, u64, u32),
        work: impl FnOnce(&Run<'_>) -> T,
    ) -> (T, f64, Self) {
        let trace = Self::default();
        let clock = Instant::now();
        let progress = |p: Progress| {
            if let (Some(value), Ok(mut seen)) = (p.incumbent, trace.0.lock())
                && seen.last().is_none_or(|(_, last)| value < *last)
            {
                seen.push((clock.elapsed().as_secs_f64(), value));
            }
        };
        let run = Run {
            seed,
            iterations,
            threads: 2,
            exact_nodes: nodes,
            exact_seconds: (nodes > 0).then_some(120.0),
            cancel: &NEVER,
            progress: &progress,
        };
        let done = work(&run);
        let seconds = clock.elapsed().as_secs_f64();
        (done, seconds, trace)
    }

    /// Seconds until the value was no worse than this.
    fn until(&self, value: f64) -> Option<f64> {
        let seen = self.0.lock().ok()?;
        seen.iter().find(|(_, v)| *v <= value).map(|(at, _)| *at)
    }

    /// First value and when it stood.
    fn first(&self) -> Option<(f64, f64)> {
        self.0.lock().ok()?.first().copied()
    }
}

/// Distance as a share, in percent.
fn percent(value: f64, bound: f64) -> f64 {
    (value - bound) / value.abs().max(1e-9) * 100.0
}

fn seconds(at: Option<f64>) -> String {
    at.map_or_else(|| "never".to_owned(), |s| format!("{s:.3} s"))
}
