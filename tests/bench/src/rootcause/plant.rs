//! Rule packs on the demo plant: seeded runs, the confusion of what was named with what was done.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
};

use iq_analytics::ShiftConfig;
use iq_blackbox::rca::{
    self, Analysis, Case, CaseAsset, CaseEvent, Grade, Pack, RcaConfig, Trace, Verdict,
};
use iq_domain::{
    AssetId, Point, Provenance, RawPoints, SignalId, StatusCode, TimeRange, Timestamp, Value,
};
use iq_plant::{SoeKind, catalogue::catalogue};
use iq_runtime::root_cause::prepare;

use super::{
    Options,
    runs::{self, Kind, Length, Record},
};

/// How far along the flow assets belong to a case.
const REACH: i32 = 2;

/// Ids of the plant's catalogue: the same in every run.
fn asset_id(index: usize) -> AssetId {
    AssetId(
        format!("00000000-0000-7000-8000-{index:012x}")
            .parse()
            .expect("a well-formed id"),
    )
}

fn signal_id(index: usize) -> SignalId {
    SignalId(
        format!("00000000-0000-7000-9000-{index:012x}")
            .parse()
            .expect("a well-formed id"),
    )
}

/// What stands beside what: upstream -1, downstream 1.
fn neighbours() -> BTreeMap<(usize, i32), BTreeSet<usize>> {
    // A connection may be written down at either end.
    let mut beside: BTreeMap<(usize, i32), BTreeSet<usize>> = BTreeMap::new();
    for (i, asset) in catalogue().assets.iter().enumerate() {
        for (sign, codes) in [(-1, &asset.upstream), (1, &asset.downstream)] {
            for other in codes.iter().filter_map(|c| catalogue().asset_of(c)) {
                beside.entry((i, sign)).or_default().insert(other);
                beside.entry((other, -sign)).or_default().insert(i);
            }
        }
    }
    beside
}

/// Steps along the flow from an asset: upstream negative.
fn distances(of: usize) -> BTreeMap<usize, i32> {
    let beside = neighbours();
    let mut found = BTreeMap::from([(of, 0)]);
    for sign in [-1, 1] {
        let mut queue = VecDeque::from([(of, 0)]);
        let mut seen = BTreeSet::from([of]);
        while let Some((at, steps)) = queue.pop_front() {
            if steps == REACH {
                continue;
            }
            for &i in beside.get(&(at, sign)).into_iter().flatten() {
                if seen.insert(i) {
                    found.entry(i).or_insert(sign * (steps + 1));
                    queue.push_back((i, steps + 1));
                }
            }
        }
    }
    found
}

/// The asset an incident would open on, and when: that of the first alarm or trip. Without one there is
/// no incident.
fn incident_begins(record: &Record) -> Option<(usize, Timestamp)> {
    let first = record
        .events
        .iter()
        .find(|e| matches!(e.kind, SoeKind::Trip | SoeKind::Alarm | SoeKind::Dropped))?;
    Some((catalogue().asset_of(&first.asset)?, first.time))
}

fn ranges(record: &Record) -> (TimeRange, TimeRange) {
    let range = |(from, to)| TimeRange { from, to };
    (range(record.quiet), range(record.window))
}

fn traces(record: &Record, belongs: impl Fn(usize) -> bool) -> Vec<Trace> {
    catalogue()
        .tags
        .iter()
        .enumerate()
        .filter_map(|(i, tag)| {
            let asset = catalogue().asset_of(&tag.asset).filter(|a| belongs(*a))?;
            let samples = &record.samples[i];
            (!samples.is_empty()).then(|| Trace {
                signal: signal_id(i),
                asset: asset_id(asset),
                metric: tag.metric.clone(),
                unit: tag.eu.clone(),
                points: RawPoints::take(samples.iter().map(|(t, v)| {
                    let point = Point {
                        t: *t,
                        value: Some(Value::Number(*v)),
                        status: StatusCode::GOOD,
                    };
                    (point, Provenance::Raw)
                })),
                usual: None,
                shift: None,
                cut_short: None,
            })
        })
        .collect()
}

/// The case of a record as the appliance would make it. Without an incident somebody who asks looks at
/// the whole plant: no asset is nearer than another.
pub(super) fn case_of(record: &Record) -> Case {
    let began = incident_begins(record);
    let near = began.map(|(root, _)| distances(root));
    let unit = began.map(|(root, _)| &catalogue().assets[root].unit);
    let distance = |i: usize| near.as_ref().map_or(Some(0), |n| n.get(&i).copied());
    let belongs = |i: usize| distance(i).is_some() || unit == Some(&catalogue().assets[i].unit);
    let mut traces = traces(record, belongs);
    let (quiet, window) = ranges(record);
    let (root, at) = began.unwrap_or((0, window.from));
    let trigger = (asset_id(root), at);
    let config = ShiftConfig::default();
    let events = events(record);
    let trips: Vec<_> = events
        .iter()
        .filter(|e| e.kind == "trip")
        .filter_map(|e| Some((e.asset?, e.at)))
        .collect();
    let beside = neighbours();
    let beside_of = |i: usize| {
        let ids = [-1, 1]
            .into_iter()
            .filter_map(|sign| beside.get(&(i, sign)));
        ids.flatten().map(|n| asset_id(*n)).collect()
    };
    let assets: Vec<CaseAsset> = catalogue()
        .assets
        .iter()
        .enumerate()
        .filter(|(i, _)| belongs(*i))
        .map(|(i, a)| CaseAsset {
            id: asset_id(i),
            code: a.code.clone(),
            family: a.family.clone(),
            distance: distance(i),
            beside: beside_of(i),
        })
        .collect();
    let ranges = (quiet, window);
    let (window, stops) = prepare(&mut traces, &assets, ranges, trigger, &trips, &config);
    Case {
        asset: asset_id(root),
        window,
        assets,
        traces,
        events,
        stops,
    }
}

fn events(record: &Record) -> Vec<CaseEvent> {
    let at = |code: &str| catalogue().asset_of(code).map(asset_id);
    let event = |asset: &str, at_time: Timestamp, kind| CaseEvent {
        id: None,
        asset: at(asset),
        at: at_time,
        kind,
    };
    let mut found: Vec<CaseEvent> = record
        .work
        .iter()
        .map(|(asset, t)| event(asset, *t, "maintenance"))
        .collect();
    for e in &record.events {
        match e.kind {
            SoeKind::Trip => {
                found.push(event(&e.asset, e.time, "trip"));
                if e.text.starts_with("surge") {
                    found.push(event(&e.asset, e.time, "surge_trip"));
                }
            }
            SoeKind::SetPoint => found.push(event(&e.asset, e.time, "operator")),
            SoeKind::StartCommand => found.push(event(&e.asset, e.time, "standby_start")),
            _ => {}
        }
    }
    found.sort_by_key(|e| e.at);
    found
}

/// What the packs said about a run.
pub(super) struct Said {
    pub(super) named: bool,
    /// Modes in order, with the code of the asset.
    pub(super) modes: Vec<(String, String, f64)>,
}

pub(super) fn judge(record: &Record, packs: &[Pack]) -> Said {
    let case = case_of(record);
    let analysis: Analysis<'_> = rca::analyse(&case, packs, &RcaConfig::default());
    let code = |id| case.asset(id).map_or_else(String::new, |a| a.code.clone());
    Said {
        named: analysis.verdict == Verdict::Named
            || analysis
                .hypotheses
                .first()
                .is_some_and(|h| h.grade == Grade::Likely),
        modes: analysis
            .hypotheses
            .iter()
            .map(|h| (h.rule.text.id.clone(), code(h.asset), h.confidence))
            .collect(),
    }
}

#[derive(Default)]
struct Tally {
    runs: u32,
    first: u32,
    first_three: u32,
    named: u32,
}

/// The packs of a folder.
fn read_packs(folder: &Path) -> anyhow::Result<Vec<Pack>> {
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        let pack = rca::read_pack(&text, &|_, _| true);
        packs.push(pack.map_err(|errors| anyhow::anyhow!("{errors:?}"))?);
    }
    packs.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(packs)
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let (count, seed, verbose) = (options.runs, options.seed, options.verbose);
    let own = options.packs.as_deref().map(read_packs).transpose()?;
    let packs = own.as_deref().unwrap_or(rca::built_in());
    println!("{:?}\n{:?}", RcaConfig::default(), ShiftConfig::default());
    println!("master seed {seed}, {count} runs");
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    let mut confusion: BTreeMap<(String, String), u32> = BTreeMap::new();
    for n in 0..count {
        let kind = Kind::of_run(n);
        let record = runs::record(seed, n, kind, Length::WHOLE)?;
        let said = judge(&record, packs);
        let is_true = |m: &(String, String, f64)| {
            record
                .truths
                .iter()
                .any(|t| t.mode == m.0 && t.asset == m.1)
        };
        let tally = tallies.entry(kind).or_default();
        tally.runs += 1;
        let first = said.modes.first().is_some_and(is_true);
        tally.first += u32::from(first);
        tally.first_three += u32::from(said.modes.iter().take(3).any(is_true));
        tally.named += u32::from(said.named);
        let wanted: Vec<&str> = record.truths.iter().map(|t| t.mode).collect();
        let got = match said.modes.first() {
            Some(m) if said.named || !record.truths.is_empty() => m.0.clone(),
            _ => "-".to_owned(),
        };
        let row = if wanted.is_empty() {
            "-".to_owned()
        } else {
            wanted.join("+")
        };
        if kind != Kind::TwoFaults {
            *confusion.entry((row.clone(), got.clone())).or_default() += 1;
        }
        if verbose || (!first && !record.truths.is_empty()) {
            let truths: Vec<String> = record
                .truths
                .iter()
                .map(|t| {
                    format!(
                        "{} {} {}",
                        t.asset,
                        t.fault.as_str(),
                        t.metric.clone().unwrap_or_default()
                    )
                })
                .collect();
            let top: Vec<String> = said
                .modes
                .iter()
                .take(4)
                .map(|m| format!("{} {} {:.2}", m.1, m.0, m.2))
                .collect();
            println!(
                "run {n} {kind:?}: {} [{row}] -> {}",
                truths.join(", "),
                top.join("; ")
            );
        } else if record.truths.is_empty() && said.named {
            println!("run {n} {kind:?}: named {:?}", said.modes.first());
        }
    }
    report(&tallies, &confusion);
    Ok(())
}

fn report(tallies: &BTreeMap<Kind, Tally>, confusion: &BTreeMap<(String, String), u32>) {
    println!(
        "\n{:<14}{:>6}{:>10}{:>14}{:>8}",
        "kind", "runs", "first", "first three", "named"
    );
    let mut all = Tally::default();
    for (kind, t) in tallies {
        println!(
            "{:<14}{:>6}{:>10}{:>14}{:>8}",
            format!("{kind:?}"),
            t.runs,
            t.first,
            t.first_three,
            t.named
        );
        if !matches!(kind, Kind::Nothing | Kind::PlannedStop) {
            all.runs += t.runs;
            all.first += t.first;
            all.first_three += t.first_three;
        }
    }
    let share = |n: u32| 100.0 * f64::from(n) / f64::from(all.runs.max(1));
    println!(
        "with a fault  {:>6}{:>9.1}%{:>13.1}%",
        all.runs,
        share(all.first),
        share(all.first_three)
    );
    println!("\nconfusion (rows: what was done; one fault per run)");
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((truth, got), n) in confusion {
        rows.entry(truth).or_default().push(format!("{got} {n}"));
    }
    for (truth, got) in rows {
        println!("{truth:<10} {}", got.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small piece of the bench: every kind of run, and what must hold for each.
    #[test]
    fn a_few_runs_name_what_was_done_and_nothing_when_nothing_was() {
        let mut right = 0;
        for (n, kind) in [(2, Kind::Fault), (4, Kind::Fault), (39, Kind::Nothing)] {
            let record = runs::record(99, n, kind, Length::WHOLE).unwrap();
            let said = judge(&record, rca::built_in());
            match record.truths.first() {
                Some(truth) => {
                    let first = said.modes.first();
                    right += u32::from(first.is_some_and(|m| m.0 == truth.mode));
                }
                None => assert!(!said.named, "{:?}", said.modes),
            }
        }
        assert_eq!(right, 2);
    }
}
