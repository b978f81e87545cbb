//! What an appliance takes of a machine: its packages, the start to the sign-in page, and memory and
//! processor with few tags. Each figure stands beside what the product promises; one beyond it fails.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Idle, Line, PERIOD, measure_idle, report, wire::Order};

/// Tags that change once a second.
const TAGS: u32 = 200;
const SAMPLING_MS: u32 = 1_000;
/// Baselines and first reads are no everyday work.
const SETTLE: Duration = Duration::from_secs(30);

const MOST_START_MS: f64 = 1_000.0;
const MOST_MIB: f64 = 120.0;
const MOST_PERCENT: f64 = 1.0;
const MOST_PACKAGE_MB: f64 = 30.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A short run: checks that everything works, figures mean little and are not judged.
    #[arg(long)]
    quick: bool,
    /// Seconds of measurement.
    #[arg(long)]
    seconds: Option<u64>,
    /// Folder with the packages that `cargo xtask dist --out` made.
    #[arg(long)]
    packages: Option<PathBuf>,
}

/// A figure and the most it may be.
struct Figure {
    name: String,
    value: f64,
    most: f64,
    unit: &'static str,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, most: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            most,
            unit,
        }
    }

    /// A figure that could not be read is none that was kept.
    fn is_kept(&self) -> bool {
        self.value <= self.most
    }

    fn line(&self) -> String {
        let verdict = if self.is_kept() { "ok" } else { "BEYOND" };
        let (name, value, most, unit) = (&self.name, self.value, self.most, self.unit);
        format!("  {name:<44} {value:>9.2} {unit:<4} at most {most:>6} {unit:<4} {verdict}")
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let seconds = options
        .seconds
        .unwrap_or(if options.quick { 5 } else { 120 });
    ensure!(seconds > 0, "no time, nothing to measure");
    if cfg!(debug_assertions) {
        println!("NOTE: not a release build, the figures mean nothing");
    }
    println!("load average before {}", report::load_average());
    let dir = tempfile::tempdir()?;
    let window = Duration::from_secs(seconds);
    let mut figures = started(&measure_idle(&dir.path().join("idle"), window)?);
    let settle = if options.quick {
        Duration::ZERO
    } else {
        SETTLE
    };
    figures.extend(working(&dir.path().join("load"), settle, window)?);
    match &options.packages {
        Some(folder) => figures.extend(packages(folder)?),
        None => println!("NOT CHECKED: the sizes of packages; --packages names their folder"),
    }
    for figure in &figures {
        println!("{}", figure.line());
    }
    println!("load average after {}", report::load_average());
    judge(&figures, options.quick)
}

fn judge(figures: &[Figure], is_quick: bool) -> Result<()> {
    let beyond = figures.iter().filter(|figure| !figure.is_kept()).count();
    if beyond > 0 && !is_quick {
        bail!(
            "{beyond} of {} figures are beyond their limit",
            figures.len()
        );
    }
    Ok(())
}

/// From the start of the process until the sign-in page is there.
fn started(idle: &Idle) -> Vec<Figure> {
    let start = |name: &str, ms: u128| Figure::new(name, ms as f64, MOST_START_MS, "ms");
    vec![
        start("sign-in page, first start of a folder", idle.first_ms),
        start("sign-in page, later start", idle.again_ms),
        Figure::new("memory without tags", idle.rss, MOST_MIB, "MiB"),
        Figure::new(
            "processor without tags",
            idle.cpu * 100.0,
            MOST_PERCENT,
            "%",
        ),
    ]
}

/// With tags that change every second, and nobody who looks.
fn working(dir: &Path, settle: Duration, window: Duration) -> Result<Vec<Figure>> {
    let mut line = Line::start(dir, TAGS, PERIOD, SAMPLING_MS)?;
    sleep(settle);
    let first = line.rounds()? + 1;
    line.appliance.ask::<()>(&Order::Mark)?;
    let (cpu, begun) = (line.appliance.cpu(), Instant::now());
    sleep(window);
    let cpu = (line.appliance.cpu() - cpu) / begun.elapsed().as_secs_f64();
    let rss = line.appliance.memory().0;
    let last = line.rounds()?;
    // Little is taken where little is done: every value has to be there.
    let stored = line.compare(first, last)?;
    ensure!(
        stored.missing == 0,
        "{} of {} values were not stored",
        stored.missing,
        stored.expected
    );
    line.stop()?;
    Ok(vec![
        Figure::new(format!("memory, {TAGS} tags at 1 s"), rss, MOST_MIB, "MiB"),
        Figure::new(
            format!("processor, {TAGS} tags at 1 s"),
            cpu * 100.0,
            MOST_PERCENT,
            "%",
        ),
    ])
}

fn packages(folder: &Path) -> Result<Vec<Figure>> {
    let told = || format!("{} can't be listed", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(told)? {
        let path = entry?.path();
        let is_package = path.extension().is_some_and(|e| e == "deb" || e == "rpm");
        if is_package {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let size = fs::metadata(&path)?.len() as f64 / 1e6;
            found.push(Figure::new(name, size, MOST_PACKAGE_MB, "MB"));
        }
    }
    ensure!(!found.is_empty(), "no package in {}", folder.display());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_its_limit_is_kept_and_one_that_nobody_could_read_is_not() {
        for (value, is_kept) in [(120.0, true), (120.01, false), (f64::NAN, false)] {
            let figures = [Figure::new("memory", value, MOST_MIB, "MiB")];
            assert_eq!(judge(&figures, false).is_ok(), is_kept, "{value}");
            assert_eq!(figures[0].line().ends_with("ok"), is_kept, "{value}");
            assert!(judge(&figures, true).is_ok(), "a quick run judges nothing");
        }
    }

    #[test]
    fn packages_are_weighed_each_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        assert!(packages(folder.path()).is_err(), "nothing to weigh");
        fs::write(folder.path().join("b.rpm"), vec![0_u8; 31_000_000]).unwrap();
        fs::write(folder.path().join("a.deb"), "small").unwrap();
        fs::write(folder.path().join("a.deb.minisig"), "signed").unwrap();
        let found = packages(folder.path()).unwrap();
        let kept: Vec<(&str, bool)> = found
            .iter()
            .map(|figure| (figure.name.as_str(), figure.is_kept()))
            .collect();
        assert_eq!(kept, [("a.deb", true), ("b.rpm", false)]);
    }
}
