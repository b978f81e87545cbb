//! Many states of one record, each opened and looked at.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use crate::{
    disk::{Choices, Disk, Files},
    log::{Event, Flushes, Recording},
};

/// Violations that are told with their words; the others are counted.
const TOLD: usize = 5;

/// A program whose files are recorded, and what must be true of them after a power cut.
pub trait Scenario: Sync {
    /// Files of the folder that the program appends to without SQLite.
    fn appended(&self) -> &[&'static str] {
        &[]
    }

    /// Does the work in `folder`; says of each step when it began and when it was acknowledged.
    ///
    /// # Errors
    /// When the work itself fails.
    fn work(&self, folder: &Path, recording: &Recording) -> Result<()>;

    /// Opens what a power cut left, as the program does, and holds it against what it owes: everything up
    /// to the step `done`, all or nothing of a step that was only begun, and nothing else.
    ///
    /// # Errors
    /// What is not as it must be.
    fn check(&self, folder: &Path, done: Option<usize>, begun: Option<usize>) -> Result<()>;
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Case {
    /// States.
    pub states: usize,
    /// Decides where the power goes and what arrives; the same seed chooses alike in the same record.
    pub seed: u64,
    /// What becomes of flushes.
    pub flushes: Flushes,
    /// States at a time.
    pub threads: usize,
    /// Where the files of a violation are kept.
    pub keep: Option<PathBuf>,
}

/// A state that is not as it must be.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Events before the power went.
    pub point: usize,
    /// Number of the state.
    pub state: usize,
    /// What is wrong.
    pub what: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events recorded.
    pub events: usize,
    /// Writes among them.
    pub writes: usize,
    /// Flushes among them.
    pub flushes: usize,
    /// States that were opened.
    pub states: usize,
    /// Of them, different from each other.
    pub distinct: usize,
    /// How many were not as they must be.
    pub violations: usize,
    /// The first of them.
    pub told: Vec<Violation>,
}

/// Records the work of a scenario and goes through states that a power cut may leave of it.
///
/// # Errors
/// When the work fails; what is wrong with a state stands in the report.
pub fn search(scenario: &dyn Scenario, case: &Case) -> Result<Report> {
    let room = room()?;
    let folder = room.path().join("work");
    std::fs::create_dir(&folder)?;
    let recording = Recording::start(&folder, case.flushes, scenario.appended())?;
    scenario
        .work(&folder, &recording)
        .context("the work itself failed")?;
    let events = recording.finish();
    let points = points(&events, case);
    let found = Mutex::new((Report::default(), HashSet::new()));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..case.threads.max(1))
            .map(|worker| {
                let (events, points, found, room) = (&events, &points, &found, room.path());
                scope.spawn(move || worker_of(scenario, case, events, points, worker, room, found))
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let (mut report, distinct) = found.into_inner();
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    report.events = events.len();
    report.writes = count(|e| matches!(e, Event::Written { .. } | Event::Truncated { .. }));
    report.flushes = count(|e| matches!(e, Event::Flushed(_) | Event::FolderFlushed));
    report.distinct = distinct.len();
    report.told.sort_by_key(|violation| violation.state);
    report.told.truncate(TOLD);
    Ok(report)
}

/// In memory where the system has such a folder: what is searched are the writes, not the disk below.
fn room() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = tempfile::Builder::new().prefix("powercut-").to_owned();
    let made = match memory.is_dir() {
        true => made.tempdir_in(memory).or_else(|_| made.tempdir()),
        false => made.tempdir(),
    };
    Ok(made?)
}

/// Where the power goes, in order: anywhere, before flushes, where most is unsure, and behind
/// acknowledgements, where most is owed.
fn points(events: &[Event], case: &Case) -> Vec<usize> {
    let of = |is: fn(&Event) -> bool| -> Vec<usize> {
        let all = events.iter().enumerate();
        all.filter(|(_, event)| is(event))
            .map(|(at, _)| at)
            .collect()
    };
    let flushes = of(|event| matches!(event, Event::Flushed(_) | Event::FolderFlushed));
    let acknowledged = of(|event| matches!(event, Event::Done(_)));
    let mut random = StdRng::seed_from_u64(case.seed);
    let mut points: Vec<usize> = (0..case.states)
        .map(|_| match random.random_range(0..10) {
            0..3 if !flushes.is_empty() => flushes[random.random_range(0..flushes.len())],
            3 if !acknowledged.is_empty() => {
                acknowledged[random.random_range(0..acknowledged.len())] + 1
            }
            _ => random.random_range(0..=events.len()),
        })
        .collect();
    points.sort_unstable();
    points
}

fn worker_of(
    scenario: &dyn Scenario,
    case: &Case,
    events: &[Event],
    points: &[usize],
    worker: usize,
    room: &Path,
    found: &Mutex<(Report, HashSet<u64>)>,
) -> Result<()> {
    let mut disk = Disk::new(events);
    for (state, point) in points.iter().enumerate() {
        if state % case.threads.max(1) != worker {
            continue;
        }
        disk.advance(*point);
        let mut random =
            StdRng::seed_from_u64(case.seed ^ (state as u64).wrapping_mul(0x9E37_79B9));
        let choices = match random.random_range(0..20) {
            0 => Choices::All,
            1 => Choices::Nothing,
            _ => Choices::Any,
        };
        let files = disk.after_a_cut(choices, &mut random);
        let folder = room.join(format!("state-{state}"));
        put(&folder, &files, random.random_bool(0.25))?;
        let (done, begun) = (disk.done(), disk.begun());
        let what = catch_unwind(AssertUnwindSafe(|| scenario.check(&folder, done, begun)));
        let wrong = match what {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("the program panicked".to_owned()),
        };
        std::fs::remove_dir_all(&folder)?;
        let mut found = found.lock();
        found.0.states += 1;
        found.1.insert(digest(&files, done));
        if let Some(what) = wrong {
            found.0.violations += 1;
            if found.0.told.len() < TOLD
                && let Some(keep) = &case.keep
            {
                put(&keep.join(format!("state-{state}")), &files, false)?;
            }
            let point = *point;
            found.0.told.push(Violation { point, state, what });
        }
    }
    Ok(())
}

/// Lays out a state. The index of a write-ahead log is shared memory, so nothing of it is sure: it may be
/// there with anything in it.
fn put(folder: &Path, files: &Files, with_index: bool) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes)?;
        if with_index && files.contains_key(&format!("{name}-wal")) {
            std::fs::write(folder.join(format!("{name}-shm")), [0xA5; 32_768])?;
        }
    }
    Ok(())
}

/// Different acknowledgements over the same bytes are different states: more is owed.
fn digest(files: &Files, done: Option<usize>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (files, done).hash(&mut hasher);
    hasher.finish()
}
