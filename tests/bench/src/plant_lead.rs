//! How much of a fault's lead time is left when the model of its asset first flags it, and how often a
//! model flags nothing, on the demo plant over months with planned stops and failed sensors. All
//! settings stand here and are the program's own; seeds change only what happens in the plant.

use std::collections::{BTreeMap, BTreeSet};

use iq_analytics::{
    lab::{self, History, LabConfig},
    num::{Random, median},
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
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.days <= LEARN_DAYS {
        anyhow::bail!("the first {LEARN_DAYS} days are learned from; give more than that");
    }
    let mut figures = Figures::default();
    for seed in options.first_seed..options.first_seed + options.seeds {
        let begun = std::time::Instant::now();
        let record = record(seed, options.days)?;
        judge(&record, &mut figures);
        eprintln!("seed {seed}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    print(options, &figures);
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

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn print(options: &Options, figures: &Figures) {
    println!(
        "demo plant: {} days, seeds {} to {}; the first {LEARN_DAYS} days are learned; budget one alarm a month",
        options.days,
        options.first_seed,
        options.first_seed + options.seeds - 1
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
}
