//! The live shape: one durable commit per second of all tags, beside the disk's own commit time.

use std::path::Path;
use std::time::{Duration, Instant};

use iq_historian::{Historian, HistorianConfig};

use super::data::{Data, TAGS};
use super::proc::{bytes_written, median, percentiles, raw_syncs};
use super::rows::RowStore;
use super::{Verdict, fresh};

/// Figures of one engine in one round.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    written: f64,
}

fn measure(
    ticks: usize,
    mut commit: impl FnMut(std::ops::Range<usize>) -> anyhow::Result<()>,
) -> anyhow::Result<Round> {
    let stride = TAGS as usize;
    let mut times = Vec::with_capacity(ticks);
    let written = bytes_written();
    for tick in 0..ticks {
        let clock = Instant::now();
        commit(tick * stride..(tick + 1) * stride)?;
        times.push(clock.elapsed());
    }
    let all: Duration = times.iter().sum();
    let samples = (ticks * stride) as f64;
    let written = (bytes_written() - written) as f64 / samples;
    let (p50, p99) = percentiles(&mut times);
    let us = |d: Duration| d.as_secs_f64() * 1e6;
    Ok(Round {
        rate: samples / all.as_secs_f64(),
        p50: us(p50),
        p99: us(p99),
        written,
    })
}

pub(crate) fn run(
    dir: &Path,
    data: &Data,
    ticks: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Verdict>> {
    let (mut ours, mut rows, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    let mut lost = 0_u64;
    for _ in 0..rounds {
        let mut syncs = raw_syncs(dir, 2_000)?;
        let (p50, p99) = percentiles(&mut syncs);
        floor.push((p50.as_secs_f64() * 1e6, p99.as_secs_f64() * 1e6));
        let path = fresh(dir, "live.db");
        let h = Historian::open(&path, HistorianConfig::default())?;
        // Rows are made before the clock starts: both engines get the samples in memory.
        let mut batches = (0..ticks)
            .map(|tick| data.rows(tick * TAGS as usize..(tick + 1) * TAGS as usize))
            .collect::<Vec<_>>()
            .into_iter();
        ours.push(measure(ticks, |_| {
            h.append_blocking(batches.next().unwrap_or_default())?;
            Ok(())
        })?);
        drop(h);
        let h = Historian::open(&path, HistorianConfig::default())?;
        lost += (ticks as u64 * u64::from(TAGS)).abs_diff(h.stats()?.samples);
        drop(h);
        let mut store = RowStore::open(&fresh(dir, "live-rows.db"))?;
        rows.push(measure(ticks, |span| Ok(store.commit(data, span)?))?);
    }
    let pick = |rounds: &[Round], f: fn(&Round) -> f64| median(rounds.iter().map(f).collect());
    let floor50 = median(floor.iter().map(|f| f.0).collect());
    let floor99 = median(floor.iter().map(|f| f.1).collect());
    println!(
        "\nlive: {ticks} durable commits of {TAGS} samples, median of {rounds} interleaved rounds"
    );
    println!("  raw 8 KiB fdatasync: p50 {floor50:.0} us, p99 {floor99:.0} us");
    let line = |name: &str, rounds: &[Round]| {
        println!(
            "  {name:<12} {:>10.0} samples/s, commit p50 {:>6.0} us, p99 {:>6.0} us, {:>7.1} B written/sample",
            pick(rounds, |r| r.rate),
            pick(rounds, |r| r.p50),
            pick(rounds, |r| r.p99),
            pick(rounds, |r| r.written)
        );
    };
    line("historian", &ours);
    line("SQLite rows", &rows);
    let faster = pick(&ours, |r| r.rate) / pick(&rows, |r| r.rate);
    let p50 = pick(&ours, |r| r.p50) / floor50;
    // The goal counts both percentiles in multiples of the median fdatasync.
    let p99 = pick(&ours, |r| r.p99) / floor50;
    let less = pick(&rows, |r| r.written) / pick(&ours, |r| r.written).max(0.001);
    println!(
        "  G1 {faster:.1}x SQLite rows (15), p50 {p50:.2}x (1.3) and p99 {p99:.2}x (5) of fdatasync"
    );
    println!("  G4 bytes written 1/{less:.0} of SQLite rows (1/100)");
    println!("  samples lost or doubled after reopening: {lost}");
    // Both wait for the same disk once per commit: where that wait alone is more than a fifth of what
    // rows take, nothing durable could be five times faster.
    let room = pick(&rows, |r| r.p50) / floor50;
    let undecided = (room < 5.0).then(|| {
        format!("the disk is busy, one fdatasync alone is 1/{room:.1} of a commit of rows")
    });
    Ok(vec![
        Verdict {
            name: "live durable ingest at least 5x SQLite rows",
            met: faster >= 5.0,
            undecided,
        },
        Verdict::of("no sample lost by reopening after live ingest", lost == 0),
    ])
}
