//! The historian through a power cut: samples of several signals with corrections of older ones, what is
//! sealed into chunks, compaction, retention, and restarts.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use iq_domain::{StatusCode, TimeRange, Timestamp, Value};
use iq_historian::{Historian, HistorianConfig, Row};
use rusqlite::Connection;

use crate::{log::Recording, search::Scenario};

const BASE: i64 = 1_700_000_000_000;
const SIGNALS: u32 = 6;
/// How far back a correction reaches.
const BACK: usize = 150;
const FILE: &str = "historian.db";

/// The work: so many steps on a historian that is made first.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    steps: usize,
}

impl Work {
    /// Work of so many steps.
    #[must_use]
    pub const fn new(steps: usize) -> Self {
        Self { steps }
    }
}

/// What a step does; the number decides, so that a check knows it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The historian is made.
    Make,
    /// A batch of samples.
    Append,
    /// Late samples are merged, small chunks joined.
    Compact,
    /// The oldest samples of a signal go.
    Retain,
    /// All is sealed, and the log copied into the file.
    Checkpoint,
    /// The program ends and starts again.
    Restart,
    /// The same without a farewell.
    Crash,
}

const fn kind(step: usize) -> Kind {
    match step {
        0 => Kind::Make,
        _ if step % 97 == 40 => Kind::Compact,
        _ if step % 61 == 30 => Kind::Retain,
        _ if step % 83 == 50 => Kind::Checkpoint,
        _ if step % 131 == 70 => Kind::Restart,
        _ if step % 149 == 90 => Kind::Crash,
        _ => Kind::Append,
    }
}

fn time_of(step: usize) -> i64 {
    BASE + i64::try_from(step).unwrap_or(0) * 1_000
}

/// A batch: each signal at the second of the step, and now and then a correction of an older one.
fn batch_of(step: usize) -> Vec<(u32, i64, f64)> {
    let number = |signal: u32| step as f64 + f64::from(signal) / 10.0;
    let mut batch: Vec<_> = (0..SIGNALS)
        .map(|s| (s, time_of(step), number(s)))
        .collect();
    if step > BACK && step.is_multiple_of(3) {
        let signal = (step / 3) as u32 % SIGNALS;
        batch.push((signal, time_of(step - BACK), -1.0 - step as f64));
        // A time nothing was ever sent for.
        batch.push((signal, time_of(step - BACK) + 500, step as f64));
    }
    batch
}

/// What a retention takes: of which signal, up to when, and what is pinned.
fn retention_of(step: usize) -> (u32, i64, TimeRange) {
    let limit = time_of(step / 2);
    let pin = TimeRange {
        from: Timestamp(time_of(step / 4)),
        to: Timestamp(time_of(step / 4 + 20)),
    };
    ((step % SIGNALS as usize) as u32, limit, pin)
}

fn goes(step: usize, signal: u32, t: i64) -> bool {
    let (of, limit, pin) = retention_of(step);
    signal == of && t < limit && !pin.contains(Timestamp(t))
}

/// What must be there, by signal and time.
type Model = BTreeMap<(u32, i64), f64>;

fn model(steps: usize) -> Model {
    let mut model = Model::new();
    for step in 0..=steps {
        change(&mut model, step);
    }
    model
}

fn change(model: &mut Model, step: usize) {
    match kind(step) {
        Kind::Append => {
            for (signal, t, value) in batch_of(step) {
                model.insert((signal, t), value);
            }
        }
        Kind::Retain => model.retain(|(signal, t), _| !goes(step, *signal, *t)),
        _ => {}
    }
}

fn open(folder: &Path) -> Result<Historian> {
    let config = HistorianConfig {
        chunk_samples: 48,
        journal_budget_bytes: 6_000,
        commit_window: Duration::ZERO,
        ..HistorianConfig::default()
    };
    Ok(Historian::open(&folder.join(FILE), config)?)
}

fn append(historian: &Historian, batch: &[(u32, i64, f64)]) -> Result<()> {
    let rows = batch.iter().map(|(signal_no, t, value)| Row {
        signal_no: *signal_no,
        t: Timestamp(*t),
        value: Some(Value::Number(*value)),
        status: StatusCode::GOOD,
    });
    historian.append_blocking(rows.collect())?;
    Ok(())
}

impl Scenario for Work {
    fn work(&self, folder: &Path, recording: &Recording) -> Result<()> {
        recording.begun(0);
        let mut historian = open(folder)?;
        recording.done(0);
        for step in 1..self.steps {
            recording.begun(step);
            match kind(step) {
                Kind::Make => {}
                Kind::Append => append(&historian, &batch_of(step))?,
                Kind::Compact => drop(historian.compact()?),
                Kind::Retain => {
                    let (signal, limit, pin) = retention_of(step);
                    historian.retain(signal, Timestamp(limit), &[pin])?;
                }
                Kind::Checkpoint => historian.checkpoint()?,
                Kind::Restart => {
                    historian.close()?;
                    drop(historian);
                    historian = open(folder)?;
                }
                Kind::Crash => {
                    drop(historian);
                    historian = open(folder)?;
                }
            }
            recording.done(step);
        }
        recording.begun(self.steps);
        historian.close()?;
        recording.done(self.steps);
        Ok(())
    }

    fn check(&self, folder: &Path, done: Option<usize>, begun: Option<usize>) -> Result<()> {
        let historian = open(folder)?;
        let conn = Connection::open(folder.join(FILE))?;
        let word: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(word == "ok", "integrity_check: {word}");
        drop(conn);
        let damaged = historian.stats()?.damaged_journal_rows;
        ensure!(damaged == 0, "{damaged} damaged rows of the journal");

        // The farewell at the end leaves all as it is.
        let last = |step: Option<usize>| step.unwrap_or(0).min(self.steps - 1);
        let owed = model(last(done));
        let mut possible = owed.clone();
        change(&mut possible, last(begun));
        let found = contents(&historian)?;
        if kind(last(begun)) == Kind::Retain {
            between(&found, &owed, &possible)?;
        } else if found != possible {
            same(&found, &owed)?;
        }
        // It works as before, also after the next start.
        let later = time_of(1_000_000);
        append(&historian, &[(0, later, 7.0)])?;
        historian.compact()?;
        historian.close()?;
        drop(historian);
        let historian = open(folder)?;
        let mut expected = found;
        expected.insert((0, later), 7.0);
        same(&contents(&historian)?, &expected).context("after the next start")?;
        historian.close()?;
        Ok(())
    }
}

/// All samples; the rollups must count them too.
fn contents(historian: &Historian) -> Result<Model> {
    let range = TimeRange {
        from: Timestamp(0),
        to: Timestamp(1 << 44),
    };
    let mut model = Model::new();
    for signal in 0..SIGNALS {
        let points = historian.raw(signal, range, usize::MAX)?;
        let count = points.len();
        for point in points {
            let Some(Value::Number(value)) = point.value else {
                anyhow::bail!("signal {signal} at {}: no number", point.t);
            };
            let before = model.insert((signal, point.t.0), value);
            ensure!(
                before.is_none(),
                "signal {signal} at {} is there twice",
                point.t
            );
        }
        let buckets = historian.buckets(signal, range, 60_000)?;
        let counted: u64 = buckets.iter().map(|bucket| bucket.count).sum();
        ensure!(
            counted == count as u64,
            "signal {signal}: rollups count {counted} of {count}"
        );
    }
    Ok(model)
}

fn same(found: &Model, owed: &Model) -> Result<()> {
    for ((signal, t), value) in owed {
        let there = found.get(&(*signal, *t));
        ensure!(
            there == Some(value),
            "signal {signal} at {t} is {there:?}, {value} was acknowledged"
        );
    }
    let stranger = found.keys().find(|key| !owed.contains_key(key));
    ensure!(
        stranger.is_none(),
        "{stranger:?} was never sent, or only in part"
    );
    Ok(())
}

/// While samples are being removed: what stays is there, and nothing that never was.
fn between(found: &Model, before: &Model, after: &Model) -> Result<()> {
    for (key, value) in after {
        ensure!(found.get(key) == Some(value), "{key:?} should have stayed");
    }
    for (key, value) in found {
        ensure!(before.get(key) == Some(value), "{key:?} was never sent");
    }
    Ok(())
}
