//! How much of a fault's lead time is left when the model of its asset first flags it, and how often a
//! model flags nothing, on the demo plant over months with planned stops and failed sensors; and how often
//! the remaining life of a drifting signal lies in the interval that was said. All settings stand here and
//! are the program's own; seeds change only what happens in the plant.

use std::collections::{BTreeMap, BTreeSet};

use iq_analytics::{
    Wear, WearConfig,
    lab::{self, History, LabConfig},
    num::{Random, median},
    wear,
};
use iq_domain::{Bucket, Limits, TimeRange, Timestamp};
use iq_plant::{FaultKind, Plant, SoeKind, catalogue::catalogue};

const ROW_MS: i64 = 10 * 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Days learned from before any fault begins.
const LEARN_DAYS: i64 = 30;
/// Days after that within which the faults begin.
const BEGIN_WITHIN: usize = 20;
/// Longest development of a fault, in days: natural ones of months are squeezed into the window.
const LONGEST_DAYS: f64 = 30.0;
/// Alarms per week put up with: one a month.
const BUDGET: f64 = 7.0 / 30.0;
/// Hours after a start in which nothing is judged.
const SETTLE_MS: i64 = HOUR_MS;

/// Seasons after which the figures so far are printed.
const TELL_EVERY: u64 = 5;

/// Faults that develop in a machine over hours and more.
const FAULTS: [FaultKind; 9] = [
    FaultKind::BearingWear,
    FaultKind::LubeStarvation,
    FaultKind::Cavitation,
    FaultKind::ImpellerWear,
    FaultKind::SealLeak,
    FaultKind::Fouling,
    FaultKind::Stiction,
    FaultKind::ElectricalUnbalance,
    FaultKind::LubeOilLoss,
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Simulated days.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Only remaining lives: no model is trained.
    #[arg(long)]
    lives: bool,
}

/// A fault as it was put on an asset, and how it ended.
struct Put {
    kind: FaultKind,
    asset: String,
    at: Timestamp,
    /// Trip of the asset, or the end of the development.
    failed_at: Timestamp,
}

/// What a seed did to the plant, and what its instruments said.
struct Record {
    start: Timestamp,
    end: Timestamp,
    /// Means by tag.
    means: Vec<Vec<Bucket>>,
    faults: Vec<Put>,
    /// Assets with a failed sensor.
    failed_sensors: BTreeSet<String>,
}

/// Figures over all seeds.
#[derive(Default)]
struct Figures {
    /// Per fault: share of the lead time left at the first flag; none where it was never flagged.
    left: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// Per fault: hours of it.
    hours: BTreeMap<&'static str, Vec<f64>>,
    alarms: u32,
    alarms_beside_sensors: u32,
    months: f64,
    trained: u32,
    withheld: u32,
    lives: Lives,
}

/// What was said of remaining lives: a question per day, asset and signal with a limit that trips or is
/// critical.
#[derive(Default)]
struct Lives {
    /// On machines with a fault: asked, and answered.
    asked: u32,
    /// Answers whose signal reached its limit: all, those inside the interval, those with an open end.
    reached: u32,
    inside: u32,
    open: u32,
    /// Off by this share of the truth, and width as a share of it.
    off: Vec<f64>,
    width: Vec<f64>,
    /// Answers whose signal had not reached it when the machine stopped or the season was over, and those
    /// that said it would have.
    beyond: u32,
    too_early: u32,
    /// On sound machines at the end of the season: asked, and answered.
    sound: u32,
    sound_answered: u32,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.days <= LEARN_DAYS {
        anyhow::bail!("the first {LEARN_DAYS} days are learned from; give more than that");
    }
    let mut figures = Figures::default();
    for seed in options.first_seed..options.first_seed + options.seeds {
        let begun = std::time::Instant::now();
        let record = record(seed, options.days)?;
        if !options.lives {
            judge(&record, &mut figures);
        }
        judge_lives(&record, &mut figures.lives);
        eprintln!("seed {seed}: {:.0} s", begun.elapsed().as_secs_f64());
        let done = seed + 1 - options.first_seed;
        // A season takes minutes: what is known so far is told now and then.
        if done.is_multiple_of(TELL_EVERY) || done == options.seeds {
            print(options, done, &figures);
        }
    }
    Ok(())
}

#[allow(clippy::too_many_lines, reason = "one season of a plant, step by step")]
fn record(seed: u64, days: i64) -> anyhow::Result<Record> {
    let start = Timestamp(1_767_225_600_000);
    let end = start.plus_ms(days * DAY_MS);
    let mut random = Random::new(seed);
    let mut plant = Plant::new(seed, start);
    plant.set_imperfections(true);
    plant.set_scan_floor_s(60.0);
    let mut taken = BTreeSet::new();
    let mut waiting: Vec<(Timestamp, FaultKind, String, f64)> = Vec::new();
    for kind in FAULTS {
        let fitting: Vec<&str> = catalogue()
            .assets
            .iter()
            .filter(|a| kind.fits(&a.family) && !taken.contains(&a.code))
            .map(|a| a.code.as_str())
            .collect();
        if fitting.is_empty() {
            continue;
        }
        let asset = fitting[random.below(fitting.len())].to_owned();
        taken.insert(asset.clone());
        let day = LEARN_DAYS + i64::try_from(random.below(BEGIN_WITHIN))?;
        let over_s = kind.natural_s().min(LONGEST_DAYS * 86_400.0);
        waiting.push((start.plus_ms(day * DAY_MS), kind, asset, over_s));
    }
    let sound: Vec<&str> = catalogue()
        .assets
        .iter()
        .map(|a| a.code.as_str())
        .filter(|code| !taken.contains(*code))
        .collect();
    // Two sensors fail for good; an asset has one that some family limits.
    let mut failed_sensors = BTreeSet::new();
    let mut broken = Vec::new();
    for kind in [FaultKind::SensorFreeze, FaultKind::SensorSpike] {
        let asset = sound[random.below(sound.len())].to_owned();
        let day = LEARN_DAYS + i64::try_from(random.below(BEGIN_WITHIN))?;
        broken.push((start.plus_ms(day * DAY_MS), kind, asset));
    }
    // Each of five machines without a fault is stopped for six hours twice.
    let mut stops: Vec<(Timestamp, Timestamp, String)> = Vec::new();
    for _ in 0..10 {
        let asset = sound[random.below(sound.len())].to_owned();
        let hour = i64::try_from(random.below(usize::try_from(days * 24 - 12)?))?;
        let from = start.plus_ms(hour * HOUR_MS);
        stops.push((from, from.plus_ms(6 * HOUR_MS), asset));
    }
    let mut sums: Vec<Option<Bucket>> = vec![None; catalogue().tags.len()];
    let mut means: Vec<Vec<Bucket>> = vec![Vec::new(); catalogue().tags.len()];
    let mut faults: Vec<Put> = Vec::new();
    let mut trips: Vec<(Timestamp, String)> = Vec::new();
    let mut seen = 0;
    let mut at = start;
    while at < end {
        for (when, kind, asset, over_s) in &waiting {
            if *when == at && plant.inject(asset, *kind, *over_s, 1.0, None).is_ok() {
                #[allow(clippy::cast_possible_truncation, reason = "days in milliseconds")]
                let failed_at = at.plus_ms((over_s * 1_000.0) as i64);
                let (kind, asset) = (*kind, asset.clone());
                faults.push(Put {
                    kind,
                    asset,
                    at,
                    failed_at,
                });
            }
        }
        for (when, kind, asset) in &broken {
            if *when == at && plant.inject(asset, *kind, 1.0, 1.0, None).is_ok() {
                failed_sensors.insert(asset.clone());
            }
        }
        for (from, to, asset) in &stops {
            // What is no machine of its own can't be stopped, and stays as it is.
            if *from == at {
                drop(plant.stop_machine(asset));
            }
            if *to == at && !failed_sensors.contains(asset) {
                drop(plant.reset(Some(asset)));
            }
        }
        for scan in plant.step(ROW_MS) {
            for reading in &scan.readings {
                let Some(value) = reading.value.filter(|v| v.is_finite()) else {
                    continue;
                };
                if reading.status.is_good() {
                    add(&mut sums[reading.tag], at, value);
                }
            }
        }
        for (tag, sum) in sums.iter_mut().enumerate() {
            means[tag].extend(sum.take());
        }
        for event in plant.events_after(seen) {
            if matches!(event.kind, SoeKind::Trip | SoeKind::Dropped) {
                trips.push((event.time, event.asset.clone()));
            }
        }
        seen = plant.events_after(seen).last().map_or(seen, |e| e.seq);
        at = at.plus_ms(ROW_MS);
    }
    for fault in &mut faults {
        let first = trips
            .iter()
            .filter(|(t, asset)| *asset == fault.asset && *t > fault.at)
            .map(|(t, _)| *t)
            .min();
        fault.failed_at = first.unwrap_or(fault.failed_at).min(fault.failed_at);
    }
    Ok(Record {
        start,
        end,
        means,
        faults,
        failed_sensors,
    })
}

fn add(sum: &mut Option<Bucket>, t: Timestamp, value: f64) {
    let bucket = sum.get_or_insert(Bucket {
        t,
        count: 0,
        min: value,
        max: value,
        sum: 0.0,
        first: value,
        last: value,
    });
    bucket.count += 1;
    bucket.sum += value;
    bucket.min = bucket.min.min(value);
    bucket.max = bucket.max.max(value);
    bucket.last = value;
}

/// The history of an asset as the program would gather it.
fn history(record: &Record, asset: &str, (from, to): (Timestamp, Timestamp)) -> History {
    let family = catalogue()
        .asset_of(asset)
        .map_or("", |i| catalogue().assets[i].family.as_str());
    let range = TimeRange { from, to };
    let mut series = Vec::new();
    let mut out = History {
        row_ms: ROW_MS,
        ..History::default()
    };
    for (tag, info) in catalogue().tags.iter().enumerate() {
        let Some(metric) = iq_mapping::catalogue().metric(family, &info.metric) else {
            continue;
        };
        if info.asset != asset {
            continue;
        }
        let own: Vec<Bucket> = record.means[tag]
            .iter()
            .filter(|b| range.contains(b.t))
            .copied()
            .collect();
        if metric.is_running_state {
            let points: Vec<iq_domain::Point> = own
                .iter()
                .map(|b| iq_domain::Point {
                    t: b.t,
                    value: Some(iq_domain::Value::Number(b.min)),
                    status: iq_domain::StatusCode::GOOD,
                })
                .collect();
            let state = iq_analytics::STATE_THRESHOLD;
            out.stopped = iq_analytics::unsteady_ranges(&points, state, range, SETTLE_MS);
            continue;
        }
        let tells = matches!(
            info.metric.as_str(),
            "speed" | "load" | "setpoint" | "igv_position"
        );
        if !tells && metric.health_weight <= 0.0 {
            continue;
        }
        let span = iq_mapping::span_of(metric, &Limits::default()).unwrap_or(2e-4);
        if tells {
            out.operating.push((out.inputs.len(), span * 0.02));
        }
        out.inputs.push(info.metric.clone());
        out.min_sigma.push(span * 0.005);
        series.push(own);
    }
    out.samples = lab::rows(&series, range, ROW_MS);
    out
}

fn judge(record: &Record, figures: &mut Figures) {
    let learned = record.start.plus_ms(LEARN_DAYS * DAY_MS);
    let config = LabConfig {
        alarms_per_week: BUDGET,
        ..LabConfig::default()
    };
    for asset in &catalogue().assets {
        let past = history(record, &asset.code, (record.start, learned));
        let Ok(trained) = lab::train(&past, None, &config) else {
            figures.withheld += 1;
            continue;
        };
        figures.trained += 1;
        let put = record.faults.iter().find(|f| f.asset == asset.code);
        let later = history(record, &asset.code, (learned, record.end));
        let found = lab::back_test(&trained.model.multi, trained.limit, &later);
        let quiet_to = put.map_or(record.end, |f| f.at);
        let before = found.alarms.iter().filter(|a| a.from < quiet_to).count();
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        if record.failed_sensors.contains(&asset.code) {
            figures.alarms_beside_sensors += before;
        } else {
            figures.alarms += before;
            #[allow(clippy::cast_precision_loss, reason = "days")]
            let days = quiet_to.since_ms(learned) as f64 / DAY_MS as f64;
            figures.months += days / 30.0;
        }
        let Some(put) = put else { continue };
        #[allow(clippy::cast_precision_loss, reason = "hours")]
        let hours = |from: Timestamp, to: Timestamp| to.since_ms(from) as f64 / HOUR_MS as f64;
        let whole = hours(put.at, put.failed_at);
        let flag = found
            .alarms
            .iter()
            .filter(|a| a.to >= put.at && a.from <= put.failed_at)
            .map(|a| a.from.max(put.at))
            .min();
        let left = flag.map(|at| hours(at, put.failed_at) / whole);
        let key = put.kind.as_str();
        figures.left.entry(key).or_default().push(left);
        figures.hours.entry(key).or_default().push(whole);
    }
}

/// A signal of an asset on its way to a limit.
struct Way<'a> {
    rows: Vec<(Timestamp, f64)>,
    limit: f64,
    is_high: bool,
    fault: Option<&'a Put>,
}

impl Way<'_> {
    /// When a row first lies beyond the limit.
    fn reached_at(&self, from: Timestamp) -> Option<Timestamp> {
        let beyond = |v: f64| {
            if self.is_high {
                v >= self.limit
            } else {
                v <= self.limit
            }
        };
        let mut rows = self.rows.iter();
        rows.find(|(t, v)| *t > from && beyond(*v)).map(|(t, _)| *t)
    }

    fn asked_at(&self, at: Timestamp) -> Option<Wear> {
        let known = self.rows.partition_point(|(t, _)| *t <= at);
        wear(&self.rows[..known], self.limit, &WearConfig::default()).ok()
    }
}

/// The ways of all assets whose sensors are sound.
fn ways(record: &Record) -> Vec<Way<'_>> {
    let mut found = Vec::new();
    for asset in &catalogue().assets {
        if record.failed_sensors.contains(&asset.code) {
            continue;
        }
        let history = history(record, &asset.code, (record.start, record.end));
        let fault = record.faults.iter().find(|f| f.asset == asset.code);
        for (place, metric) in history.inputs.iter().enumerate() {
            let info = catalogue().tags.iter();
            let Some(info) = info
                .filter(|t| t.asset == asset.code)
                .find(|t| t.metric == *metric)
            else {
                continue;
            };
            let rows: Vec<(Timestamp, f64)> = history.running(place);
            for (limit, is_high) in [(info.limits.high_high, true), (info.limits.low_low, false)] {
                found.extend(limit.map(|limit| Way {
                    rows: rows.clone(),
                    limit,
                    is_high,
                    fault,
                }));
            }
        }
    }
    found
}

#[allow(clippy::cast_precision_loss, reason = "hours")]
fn judge_lives(record: &Record, lives: &mut Lives) {
    for way in ways(record) {
        let Some(fault) = way.fault else {
            lives.sound += 1;
            lives.sound_answered += u32::from(way.asked_at(record.end).is_some());
            continue;
        };
        let reached = way
            .reached_at(fault.at)
            .filter(|t| *t <= fault.failed_at.plus_ms(DAY_MS));
        let until = reached.unwrap_or(fault.failed_at);
        let mut at = fault.at.plus_ms(DAY_MS);
        while at < until {
            lives.asked += 1;
            if let Some(said) = way.asked_at(at) {
                lives.note(
                    &said,
                    until.since_ms(at) as f64 / HOUR_MS as f64,
                    reached.is_some(),
                );
            }
            at = at.plus_ms(DAY_MS);
        }
    }
}

impl Lives {
    fn note(&mut self, said: &Wear, hours: f64, is_reached: bool) {
        if !is_reached {
            self.beyond += 1;
            self.too_early += u32::from(said.high_h.is_some_and(|high| high < hours));
            return;
        }
        self.reached += 1;
        self.inside +=
            u32::from(said.low_h <= hours && said.high_h.is_none_or(|high| hours <= high));
        self.open += u32::from(said.high_h.is_none());
        self.off.push((said.expected_h - hours).abs() / hours);
        self.width
            .extend(said.high_h.map(|high| (high - said.low_h) / hours));
    }

    fn print(&self) {
        let share = |part: u32, of: u32| 100.0 * f64::from(part) / f64::from(of.max(1));
        println!(
            "  remaining life to a critical limit: asked {} times, answered {:.0} %",
            self.asked,
            share(self.reached + self.beyond, self.asked)
        );
        println!(
            "    the limit was reached ({}): {:.0} % inside the 90 % interval; open end {:.0} %; median off by {:.0} % of the truth, median width {:.0} %",
            self.reached,
            share(self.inside, self.reached),
            share(self.open, self.reached),
            100.0 * median(&self.off),
            100.0 * median(&self.width)
        );
        println!(
            "    not reached when the machine stopped or the fault was full ({}): said to be reached before in {:.0} %",
            self.beyond,
            share(self.too_early, self.beyond)
        );
        println!(
            "    machines without a fault: answered {} of {}",
            self.sound_answered, self.sound
        );
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn print(options: &Options, seeds: u64, figures: &Figures) {
    println!(
        "demo plant: {} days, seeds {} to {}; the first {LEARN_DAYS} days are learned; budget one alarm a month",
        options.days,
        options.first_seed,
        options.first_seed + seeds - 1
    );
    println!(
        "  models {} · withheld {}",
        figures.trained, figures.withheld
    );
    println!(
        "  {:<22} {:>4} {:>8} {:>10} {:>22}",
        "fault", "n", "flagged", "hours", "lead left at 1st flag"
    );
    for (kind, all) in &figures.left {
        let flagged: Vec<f64> = all.iter().flatten().copied().collect();
        // One that was never flagged left nothing.
        let left: Vec<f64> = all.iter().map(|l| l.unwrap_or(0.0)).collect();
        let hours = figures.hours.get(kind).map_or(f64::NAN, |h| median(h));
        println!(
            "  {kind:<22} {:>4} {:>7.0}% {hours:>10.0} {:>21.0}%",
            all.len(),
            100.0 * flagged.len() as f64 / all.len().max(1) as f64,
            100.0 * median(&left)
        );
    }
    println!(
        "  false alarms per asset and month: {:.2} over {:.0} asset-months; on assets with a failed sensor: {}",
        f64::from(figures.alarms) / figures.months.max(1e-9),
        figures.months,
        figures.alarms_beside_sensors
    );
    figures.lives.print();
}
