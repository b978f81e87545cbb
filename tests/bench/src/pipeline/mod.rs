//! The pipeline: OPC UA notification → durable → server-sent event in a client, with the real parts. The
//! plant, the appliance and the reading client are three processes, so that each shows its own CPU.

pub(crate) mod appliance;
mod browser;
pub(crate) mod footprint;
pub(crate) mod plant;
mod process;
mod report;
mod setup;
mod wire;

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use browser::{Browser, Seen};
use process::{Process, own_cpu};
use wire::{
    ApplianceReady, Mapped, Order, Percentiles, PlantOrder, PlantReady, SignIn, Source, Stored,
};

/// 95 of 100 values are in the client within this.
const GOAL_P95_MS: i64 = 250;
/// How often a load tag of the first run changes.
const PERIOD: Duration = Duration::from_secs(1);
/// A page sends its values in a beat of its own. One page would show only how its beat happens to lie
/// to that of the notifications, so pages are opened one after the other, each shifted.
const PAGE: Duration = Duration::from_secs(3);
/// Tags of the run with many monitored items, and how often they change.
const MANY: u32 = 10_000;
const MANY_PERIOD: Duration = Duration::from_secs(5);
const MANY_SAMPLING_MS: u32 = 1_000;
/// How long a value may take into the historian before it counts as lost.
const SETTLE: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A short run: checks that everything works, figures mean little.
    #[arg(long)]
    quick: bool,
    /// Seconds of measurement.
    #[arg(long)]
    seconds: Option<u64>,
    /// Tags that change each second.
    #[arg(long, default_value_t = 2_000)]
    tags: u32,
    /// How often the server samples them. Half the time between two changes by default: a longer time
    /// than that between changes must show as lost values.
    #[arg(long, default_value_t = 500)]
    sampling_ms: u32,
}

/// Errors and warnings of a part; its answers have the standard output for themselves. The protocol
/// library calls the connector's look at a server's endpoints an error.
fn start_log() {
    let filter = "warn,opcua_client=off,opcua_server=off,opcua_crypto=off";
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

fn start_plant(dir: &Path, tags: u32, period: Duration) -> Result<(Process, PlantReady)> {
    let folder = dir.display().to_string();
    let (tags, period) = (tags.to_string(), period.as_millis().to_string());
    Process::start(
        "pipeline-plant",
        ["--dir", &folder, "--tags", &tags, "--period-ms", &period],
    )
}

fn start_appliance(dir: &Path) -> Result<(Process, ApplianceReady)> {
    Process::start("pipeline-appliance", ["--dir", &dir.display().to_string()])
}

/// Starts until the sign-in page is there, and what an appliance without work takes.
struct Idle {
    /// From the start of the process, on an empty folder.
    first_ms: u128,
    /// The same on the folder of the first time.
    again_ms: u128,
    /// The appliance's own start on an empty folder.
    first_start_ms: u64,
    /// On the folder of the first time.
    again_start_ms: u64,
    rss: f64,
    cpu: f64,
}

fn measure_idle(dir: &Path, watch: Duration) -> Result<Idle> {
    let cold = || -> Result<_> {
        let begun = Instant::now();
        let (process, ready) = start_appliance(dir)?;
        ensure!(browser::shows_sign_in(&ready.url)?, "no sign-in page");
        Ok((begun.elapsed().as_millis(), ready.start_ms, process))
    };
    let (first_ms, first_start_ms, process) = cold()?;
    process.stop()?;
    let (again_ms, again_start_ms, process) = cold()?;
    let (cpu, begun) = (process.cpu(), Instant::now());
    sleep(watch);
    let cpu = (process.cpu() - cpu) / begun.elapsed().as_secs_f64();
    let rss = process.memory().0;
    process.stop()?;
    Ok(Idle {
        first_ms,
        again_ms,
        first_start_ms,
        again_start_ms,
        rss,
        cpu,
    })
}

/// A plant and an appliance that delivers its tags.
struct Line {
    plant: Process,
    appliance: Process,
    url: String,
    sign_in: SignIn,
    mapped: Mapped,
}

impl Line {
    fn start(dir: &Path, tags: u32, period: Duration, sampling_ms: u32) -> Result<Self> {
        let (plant, at) = start_plant(&dir.join("plant"), tags, period)?;
        let (mut appliance, ready) = start_appliance(&dir.join("appliance"))?;
        let sign_in = appliance.ask(&Order::Connect {
            endpoint_url: at.endpoint_url,
            certificate: at.certificate,
            tags,
            sampling_ms,
        })?;
        let mapped = appliance.ask(&Order::Map)?;
        Ok(Self {
            plant,
            appliance,
            url: ready.url,
            sign_in,
            mapped,
        })
    }

    fn rounds(&mut self) -> Result<u64> {
        self.plant.ask(&PlantOrder::Rounds)
    }

    /// Compares the historian with the send log, once what is under way has had time to arrive.
    fn compare(&mut self, from: u64, to: u64) -> Result<Stored> {
        ensure!(to >= from, "the plant completed no round of its load tags");
        let begun = Instant::now();
        loop {
            let stored: Stored = self.appliance.ask(&Order::Stored { from, to })?;
            if stored.missing == 0 || begun.elapsed() > SETTLE {
                return Ok(stored);
            }
            sleep(Duration::from_millis(250));
        }
    }

    fn stop(self) -> Result<()> {
        self.appliance.stop()?;
        self.plant.stop()
    }
}

/// What the pages showed.
#[derive(Default)]
struct Pages {
    opened: u32,
    /// Seconds during which one was open.
    seconds: f64,
    seen: Vec<Seen>,
}

impl Pages {
    /// Opens pages one after the other for as long as the window.
    fn watch(url: &str, cookie: &str, window: Duration, sampling_ms: u32) -> Result<Self> {
        let mut pages = Self::default();
        let begun = Instant::now();
        while begun.elapsed() < window {
            // The golden ratio spreads the shifts evenly, however many they are.
            let shift = (f64::from(pages.opened) * 0.618_034).fract() * f64::from(sampling_ms);
            sleep(Duration::from_secs_f64(shift / 1_000.0));
            let (page, opened) = (Browser::open(url, cookie)?, Instant::now());
            sleep(PAGE.min(window.saturating_sub(begun.elapsed())));
            // Closing waits for one more message, which is not taken: that is no time of reading.
            pages.seconds += opened.elapsed().as_secs_f64();
            pages.seen.extend(page.close()?);
            pages.opened += 1;
        }
        Ok(pages)
    }
}

/// What a window under load showed.
struct Load {
    sampling_ms: u32,
    seconds: f64,
    sent: u64,
    pages: u32,
    live: usize,
    live_per_s: f64,
    to_durable: Option<Percentiles>,
    to_client: Percentiles,
    from_source: Percentiles,
    stored: Stored,
    source: Source,
    cpu: [f64; 3],
    rss: (f64, f64),
    mapped: Mapped,
}

fn measure_load(dir: &Path, options: &Options, window: Duration) -> Result<Load> {
    let sampling_ms = options.sampling_ms;
    let mut line = Line::start(dir, options.tags, PERIOD, sampling_ms)?;
    let cookie = browser::sign_in(&line.url, &line.sign_in)?;
    let page = Browser::open(&line.url, &cookie)?;
    page.wait_for(usize::try_from(options.tags)?, Duration::from_secs(60))?;
    page.close()?;
    let first = line.rounds()? + 1;
    line.appliance.ask::<()>(&Order::Mark)?;
    let cpu = [line.appliance.cpu(), line.plant.cpu(), own_cpu()];
    let begun = Instant::now();
    let pages = Pages::watch(&line.url, &cookie, window, sampling_ms)?;
    let seconds = begun.elapsed().as_secs_f64();
    let used = [line.appliance.cpu(), line.plant.cpu(), own_cpu()];
    let last = line.rounds()?;
    let to_durable = line.appliance.ask(&Order::Durable)?;
    let source = line.appliance.ask(&Order::Source)?;
    let stored = line.compare(first, last)?;
    let rss = line.appliance.memory();
    let delays = |since: fn(&Seen) -> i64| Percentiles::of(pages.seen.iter().map(since).collect());
    let load = Load {
        sampling_ms,
        seconds,
        sent: stored.expected,
        pages: pages.opened,
        live: pages.seen.len(),
        live_per_s: pages.seen.len() as f64 / pages.seconds,
        to_durable,
        to_client: delays(|v| v.at.since_ms(v.received_at)).context("no value was live")?,
        from_source: delays(|v| v.at.since_ms(v.t)).context("no value was live")?,
        stored,
        source,
        cpu: [0, 1, 2].map(|i| (used[i] - cpu[i]) / seconds),
        rss,
        mapped: line.mapped,
    };
    line.stop()?;
    Ok(load)
}

/// The run with more monitored items than the server takes in one call.
struct Many {
    mapped: Mapped,
    source: Source,
    stored: Stored,
    rss: (f64, f64),
}

fn measure_many(dir: &Path, rounds: u32) -> Result<Many> {
    let mut line = Line::start(dir, MANY, MANY_PERIOD, MANY_SAMPLING_MS)?;
    let first = line.rounds()? + 1;
    // One more: the round that is under way does not count.
    sleep(MANY_PERIOD * (rounds + 1));
    let last = line.rounds()?;
    let stored = line.compare(first, last)?;
    let source = line.appliance.ask(&Order::Source)?;
    let many = Many {
        mapped: line.mapped,
        source,
        stored,
        rss: line.appliance.memory(),
    };
    line.stop()?;
    Ok(many)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let quick = options.quick;
    let seconds = options.seconds.unwrap_or(if quick { 10 } else { 60 });
    ensure!(
        seconds >= 3,
        "a window shorter than 3 s shows no round of the tags"
    );
    ensure!(options.tags > 0, "no tags, nothing to measure");
    if cfg!(debug_assertions) {
        println!("NOTE: not a release build, the figures mean nothing");
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores, load average before {}",
        report::load_average()
    );
    let dir = tempfile::tempdir()?;
    let watch = Duration::from_secs(if quick { 3 } else { 10 });
    let idle = measure_idle(&dir.path().join("idle"), watch)?;
    report::print_idle(&idle);
    let window = Duration::from_secs(seconds);
    let load = measure_load(&dir.path().join("load"), options, window)?;
    report::print_load(&load, options.tags);
    let many = measure_many(&dir.path().join("many"), if quick { 1 } else { 3 })?;
    report::print_many(&many);
    println!("\nload average after {}", report::load_average());
    report::judge(options.tags, &load, &many)
}
