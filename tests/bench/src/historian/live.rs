//! The live shape: one durable commit per second of all tags, beside the disk's own commit time.

use std::path::Path;
use std::time::{Duration, Instant};

use iq_historian::{Historian, HistorianConfig};

use super::data::{Data, TAGS};
use super::proc::{RawFile, bytes_written, median, percentiles};
use super::rows::RowStore;
use super::{Verdict, fresh};

/// Ticks in a row before the next engine has its turn: the machine's load falls on all alike.
const TURN: usize = 50;

/// Figures of one engine in one round.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    written: f64,
}

/// What one engine has been measured at so far.
#[derive(Default)]
struct Meter {
    times: Vec<Duration>,
    written: u64,
}

impl Meter {
    fn turn(
        &mut self,
        ticks: std::ops::Range<usize>,
        mut commit: impl FnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let written = bytes_written();
        for tick in ticks {
            let clock = Instant::now();
            commit(tick)?;
            self.times.push(clock.elapsed());
        }
        self.written += bytes_written() - written;
        Ok(())
    }

    fn round(mut self) -> Round {
        let all: Duration = self.times.iter().sum();
        let samples = (self.times.len() * TAGS as usize) as f64;
        let (p50, p99) = percentiles(&mut self.times);
        let us = |d: Duration| d.as_secs_f64() * 1e6;
        Round {
            rate: samples / all.as_secs_f64(),
            p50: us(p50),
            p99: us(p99),
            written: self.written as f64 / samples,
        }
    }
}

pub(crate) fn run(
    dir: &Path,
    data: &Data,
    ticks: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Verdict>> {
    let (mut ours, mut rows, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    let mut lost = 0_u64;
    let span = |tick: usize| tick * TAGS as usize..(tick + 1) * TAGS as usize;
    for _ in 0..rounds {
        let mut meters: [Meter; 3] = Default::default();
        let [raw_meter, our_meter, row_meter] = &mut meters;
        let raw = RawFile::create(dir)?;
        let path = fresh(dir, "live.db");
        let h = Historian::open(&path, HistorianConfig::default())?;
        let mut store = RowStore::open(&fresh(dir, "live-rows.db"))?;
        for at in (0..ticks).step_by(TURN) {
            let turn = at..(at + TURN).min(ticks);
            // Rows are made before the clock starts: both engines get the samples in memory.
            let mut batches = turn
                .clone()
                .map(|t| data.rows(span(t)))
                .collect::<Vec<_>>()
                .into_iter();
            raw_meter.turn(turn.clone(), |tick| Ok(raw.sync(tick as u64)?))?;
            our_meter.turn(turn.clone(), |_| {
                h.append_blocking(batches.next().unwrap_or_default())?;
                Ok(())
            })?;
            row_meter.turn(turn, |tick| Ok(store.commit(data, span(tick))?))?;
        }
        drop(h);
        let h = Historian::open(&path, HistorianConfig::default())?;
        lost += (ticks as u64 * u64::from(TAGS)).abs_diff(h.stats()?.samples);
        drop(h);
        let [a, b, c] = meters.map(Meter::round);
        floor.push(a);
        ours.push(b);
        rows.push(c);
    }
    let pick = |rounds: &[Round], f: fn(&Round) -> f64| median(rounds.iter().map(f).collect());
    let floor50 = pick(&floor, |r| r.p50);
    let floor99 = pick(&floor, |r| r.p99);
    println!(
        "\nlive: {ticks} durable commits of {TAGS} samples, median of {rounds} rounds, engines taking turns of {TURN}"
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
