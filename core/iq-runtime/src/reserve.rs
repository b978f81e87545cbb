//! Room kept back on the disk of the data: a file that holds nothing but its place. When the disk is
//! full, it is emptied, so that the people who come to make room can sign in, delete and be recorded;
//! values of sources wait meanwhile, or they would use up the room at once. Alarms and other events of
//! sources are small and what people look for then: half of the room is theirs, the other half never.
//! It is filled again when there is room for it twice.
//!
//! Released, the file stays as an empty one: whoever starts next knows that the reserve was used.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use iq_blackbox::{ClockInfo, EventContext, events::disk_reserve_changed};
use iq_domain::{CodedError, Message, Timestamp};
use iq_historian::HistorianState;
use iq_store::{HealthState, events};
use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::{Inner, Runtime};

const EVERY: Duration = Duration::from_secs(1);
/// After an attempt to fill it that failed.
const AGAIN: Duration = Duration::from_secs(60);
/// It is given up before the last bytes are gone: below a sixteenth of its size, at most so much.
const MOST_LEFT: u64 = 4_000_000;
const BLOCK: usize = 1 << 20;
const MEGABYTE: u64 = 1_000_000;

/// How the reserve stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveState {
    /// None is wanted.
    Off,
    /// It lies on the disk.
    Held,
    /// It could not be put there yet.
    Waiting,
    /// The disk is full, and it was given up.
    Released,
}

impl ReserveState {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Released => "released",
        }
    }
}

/// The reserve, as diagnostics show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveStatus {
    /// How it stands.
    pub state: ReserveState,
    /// Bytes it takes, or would take.
    pub bytes: u64,
    /// Since when it stands so.
    pub since: Timestamp,
    /// What is wrong and what helps; nothing while all is well.
    pub trouble: Option<Message>,
}

/// What the task keeps for everybody else.
pub(crate) struct Reserve {
    status: Mutex<Option<ReserveStatus>>,
    /// Of the room that was given back, less than half is left.
    is_half_used: AtomicBool,
}

impl Reserve {
    pub(crate) const fn new() -> Self {
        Self {
            status: Mutex::new(None),
            is_half_used: AtomicBool::new(false),
        }
    }

    /// Whether alarms, other events and work orders of sources may be stored. They may use half of the
    /// room that was kept back: a flood of alarms must not shut people out either.
    pub(crate) fn takes_records(&self) -> bool {
        self.takes_values() || !self.is_half_used.load(Ordering::Relaxed)
    }

    /// Whether values of sources may be stored. They wait while the room that was kept back is all there
    /// is: it is for people.
    pub(crate) fn takes_values(&self) -> bool {
        let status = self.status.lock();
        status
            .as_ref()
            .is_none_or(|status| status.state != ReserveState::Released)
    }
}

impl Runtime {
    /// How the room kept back on the disk stands; nothing before it was first looked at.
    #[must_use]
    pub fn reserve_status(&self) -> Option<ReserveStatus> {
        self.0.reserve.status.lock().clone()
    }
}

/// What is seen of the disk.
#[derive(Clone, Copy, Debug)]
struct Look {
    state: ReserveState,
    /// Bytes of the reserve.
    bytes: u64,
    /// Bytes that are free beside it, where that can be told.
    free: Option<u64>,
    /// A write failed because there was no room.
    is_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Release,
    Fill,
}

impl Look {
    fn step(self) -> Step {
        let least = (self.bytes / 16).min(MOST_LEFT);
        let has_room = self.free.is_some_and(|free| free >= needed(self.bytes));
        match self.state {
            ReserveState::Held if self.is_full => Step::Release,
            ReserveState::Held if self.free.is_some_and(|free| free < least) => Step::Release,
            ReserveState::Waiting | ReserveState::Released if has_room && !self.is_full => {
                Step::Fill
            }
            _ => Step::Stay,
        }
    }

    /// Where nobody can tell how much is free, none of it is spent.
    fn is_half_used(self) -> bool {
        self.free.is_none_or(|free| free < for_people(self.bytes))
    }
}

/// The part of the room that was given back which is for people alone.
const fn for_people(bytes: u64) -> u64 {
    bytes / 2
}

/// Free bytes before it is filled: filling it must not be what makes the disk full again.
const fn needed(bytes: u64) -> u64 {
    bytes * 2
}

/// The task that watches the disk.
pub(crate) async fn run(inner: Arc<Inner>) {
    let bytes = inner.config.disk_reserve_bytes;
    let path = inner.data().join(iq_backup::RESERVE);
    let mut keeper = Keeper {
        inner: Arc::clone(&inner),
        path,
        bytes,
        retry_at: None,
        excused: None,
        untold: Vec::new(),
    };
    keeper.begin().await;
    if bytes == 0 {
        return;
    }
    loop {
        keeper.look().await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.cancel.cancelled() => return,
        }
    }
}

/// The reserve and what has to be told about it.
struct Keeper {
    inner: Arc<Inner>,
    path: PathBuf,
    bytes: u64,
    retry_at: Option<Instant>,
    /// A full disk that the historian met before there was room again: it says so until it is given the
    /// next values, which wait until then.
    excused: Option<Timestamp>,
    /// Changes that are not in the Black Box yet: when, and whether it is held since.
    untold: Vec<(Timestamp, bool)>,
}

impl Keeper {
    fn stand(&self, state: ReserveState, trouble: Option<Message>) {
        let now = self.inner.clock.now();
        let mut status = self.inner.reserve.status.lock();
        let before = status.as_ref().filter(|before| before.state == state);
        let since = before.map_or(now, |before| before.since);
        *status = Some(ReserveStatus {
            state,
            bytes: self.bytes,
            since,
            trouble,
        });
    }

    fn told(&self, code: &'static str) -> Message {
        let megabytes = |bytes: u64| bytes.div_ceil(MEGABYTE);
        let error = CodedError::invalid(code)
            .with("size", megabytes(self.bytes))
            .with("need", megabytes(needed(self.bytes)));
        Message::from(&error)
    }

    fn state(&self) -> ReserveState {
        let status = self.inner.reserve.status.lock();
        status.as_ref().map_or(ReserveState::Off, |s| s.state)
    }

    /// What the last run left.
    async fn begin(&self) {
        let (path, bytes) = (self.path.clone(), self.bytes);
        let found = tokio::task::spawn_blocking(move || find(&path, bytes)).await;
        match found.unwrap_or(ReserveState::Waiting) {
            ReserveState::Released => {
                self.stand(
                    ReserveState::Released,
                    Some(self.told("disk.reserve_released")),
                );
            }
            ReserveState::Waiting => {
                self.stand(
                    ReserveState::Waiting,
                    Some(self.told("disk.reserve_waiting")),
                );
            }
            state => self.stand(state, None),
        }
    }

    async fn look(&mut self) {
        let look = Look {
            state: self.state(),
            bytes: self.bytes,
            free: self
                .path
                .parent()
                .and_then(|data| fs4::available_space(data).ok()),
            is_full: self.is_full(),
        };
        let reserve = &self.inner.reserve;
        reserve
            .is_half_used
            .store(look.is_half_used(), Ordering::Relaxed);
        match look.step() {
            Step::Stay => {}
            Step::Release => self.release().await,
            Step::Fill => self.fill().await,
        }
        if !self.untold.is_empty() {
            match self.tell().await {
                Ok(()) => self.untold.clear(),
                Err(error) => warn!(%error, "The reserve of the disk is no event yet."),
            }
        }
    }

    /// Whether one of the two files found no room for its last write.
    fn is_full(&self) -> bool {
        let store = match self.inner.store.health().state {
            HealthState::WritesFail(error) => error.code == "store.disk_full",
            HealthState::Ok | HealthState::Closed => false,
        };
        let is_held = self.state() == ReserveState::Held;
        store
            || is_held
                && self
                    .historian()
                    .is_some_and(|since| self.excused != Some(since))
    }

    /// Since when the historian finds no room.
    fn historian(&self) -> Option<Timestamp> {
        match self.inner.historian.state() {
            HistorianState::Ok => None,
            HistorianState::DiskFull { since } => Some(since),
        }
    }

    async fn release(&mut self) {
        let path = self.path.clone();
        let released = tokio::task::spawn_blocking(move || empty(&path)).await;
        match released.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                error!(
                    bytes = self.bytes,
                    "The disk is full: the room kept back on it was given up."
                );
                self.stand(
                    ReserveState::Released,
                    Some(self.told("disk.reserve_released")),
                );
                self.untold.push((self.inner.clock.now(), false));
            }
            Err(error) => error!(%error, "The room kept back on the disk can't be given up."),
        }
    }

    async fn fill(&mut self) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let was_released = self.state() == ReserveState::Released;
        let (path, bytes) = (self.path.clone(), self.bytes);
        let filled = tokio::task::spawn_blocking(move || fill(&path, bytes)).await;
        match filled.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                info!(bytes, "Room is kept back on the disk of the data.");
                self.stand(ReserveState::Held, None);
                self.retry_at = None;
                self.excused = self.historian();
                if was_released {
                    self.untold.push((self.inner.clock.now(), true));
                }
            }
            Err(error) => {
                error!(%error, "Room can't be kept back on the disk of the data; it is tried again.");
                self.stand(self.state(), Some(self.told("disk.reserve_failed")));
                self.retry_at = Some(Instant::now() + AGAIN);
            }
        }
    }

    /// Puts what is untold into the Black Box of every tenant.
    async fn tell(&self) -> Result<(), CodedError> {
        let (now, untold) = (self.inner.clock.now(), self.untold.clone());
        let megabytes = self.bytes.div_ceil(MEGABYTE);
        let tenants: Vec<_> = self.inner.index.load().tenants.keys().copied().collect();
        let write = move |tx: &iq_store::Transaction<'_>| {
            for tenant_id in tenants {
                let context = EventContext {
                    tenant_id,
                    now,
                    clock: ClockInfo::default(),
                };
                for (at, is_held) in &untold {
                    let event = disk_reserve_changed(&context, *at, *is_held, megabytes);
                    events::insert_ignore_duplicate(tx, tenant_id, &event)?;
                }
            }
            Ok(())
        };
        Ok(self.inner.store.write(write).await?)
    }
}

/// How the file stands. One of another size, or one whose place is not really taken, is removed.
fn find(path: &Path, bytes: u64) -> ReserveState {
    let found = std::fs::metadata(path).ok().filter(|found| found.is_file());
    let state = match &found {
        _ if bytes == 0 => ReserveState::Off,
        Some(found) if found.len() == 0 => ReserveState::Released,
        Some(found) if found.len() == bytes && is_allocated(found) => ReserveState::Held,
        _ => ReserveState::Waiting,
    };
    let is_useless = matches!(state, ReserveState::Off | ReserveState::Waiting);
    let mut old = vec![partial_of(path)];
    old.extend(is_useless.then(|| path.to_owned()));
    for path in old.into_iter().filter(|path| path.exists()) {
        if let Err(error) = std::fs::remove_file(&path) {
            warn!(%error, path = %path.display(), "An old reserve can't be removed.");
        }
    }
    state
}

#[cfg(unix)]
fn is_allocated(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.blocks() * 512 >= found.len()
}

#[cfg(not(unix))]
fn is_allocated(_: &std::fs::Metadata) -> bool {
    true
}

fn partial_of(path: &Path) -> PathBuf {
    path.with_extension("reserve.partial")
}

/// Writes it out, in bytes that no file system makes smaller.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let partial = partial_of(path);
    let filled = write_out(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    if filled.is_err() && partial.exists() {
        std::fs::remove_file(&partial)?;
    }
    filled
}

fn write_out(path: &Path, bytes: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let (mut left, mut random, mut block) = (bytes, 0x9e37_79b9_7f4a_7c15_u64, vec![0_u8; BLOCK]);
    while left > 0 {
        for eight in block.chunks_exact_mut(8) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            eight.copy_from_slice(&random.to_le_bytes());
        }
        let part = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        file.write_all(&block[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}

/// Gives its room back; the empty file stays.
fn empty(path: &Path) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).open(path)?;
    file.set_len(0)?;
    // The room is there now; only after a power cut would it be taken again.
    if let Err(error) = file.sync_all() {
        warn!(%error, "The disk does not confirm that room was given back.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 64 * MEGABYTE;

    fn step(state: ReserveState, free: Option<u64>, is_full: bool) -> Step {
        let bytes = SIZE;
        Look {
            state,
            bytes,
            free,
            is_full,
        }
        .step()
    }

    #[test]
    fn it_is_given_up_when_the_disk_is_full_or_nearly_so_and_filled_when_there_is_room_twice() {
        use ReserveState::{Held, Off, Released, Waiting};
        for (state, free, is_full, wanted) in [
            (Held, Some(MOST_LEFT), false, Step::Stay),
            (Held, Some(MOST_LEFT - 1), false, Step::Release),
            // A quota may be full on a disk that is not.
            (Held, Some(SIZE * 9), true, Step::Release),
            (Held, None, false, Step::Stay),
            (Released, Some(SIZE * 2 - 1), false, Step::Stay),
            (Released, Some(SIZE * 2), false, Step::Fill),
            (Released, Some(SIZE * 2), true, Step::Stay),
            (Released, None, false, Step::Stay),
            (Waiting, Some(SIZE * 2), false, Step::Fill),
            (Waiting, Some(0), true, Step::Stay),
            (Off, Some(0), true, Step::Stay),
        ] {
            let found = step(state, free, is_full);
            assert_eq!(found, wanted, "{state:?} {free:?} {is_full}");
        }
    }

    #[test]
    fn events_of_sources_may_use_half_of_it_and_values_nothing() {
        let reserve = Reserve::new();
        assert!(reserve.takes_values() && reserve.takes_records());
        let stand = |state| {
            *reserve.status.lock() = Some(ReserveStatus {
                state,
                bytes: SIZE,
                since: Timestamp(0),
                trouble: None,
            });
        };
        for (state, free, values, records) in [
            (ReserveState::Held, Some(SIZE / 2 - 1), true, true),
            (ReserveState::Waiting, Some(0), true, true),
            (ReserveState::Released, Some(SIZE / 2), false, true),
            (ReserveState::Released, Some(SIZE / 2 - 1), false, false),
            (ReserveState::Released, None, false, false),
        ] {
            stand(state);
            let look = Look {
                state,
                bytes: SIZE,
                free,
                is_full: false,
            };
            let half = look.is_half_used();
            reserve.is_half_used.store(half, Ordering::Relaxed);
            let taken = (reserve.takes_values(), reserve.takes_records());
            assert_eq!(taken, (values, records), "{state:?} {free:?}");
        }
    }

    #[test]
    fn its_place_is_really_taken_and_really_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(iq_backup::RESERVE);
        let bytes = 3 * MEGABYTE + 17;
        assert_eq!(find(&path, bytes), ReserveState::Waiting);
        fill(&path, bytes).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert!(found.len() == bytes && is_allocated(&found));
        assert_eq!(find(&path, bytes), ReserveState::Held);
        empty(&path).unwrap();
        assert_eq!(find(&path, bytes), ReserveState::Released);
        fill(&path, bytes).unwrap();
        // Another size is wanted, then none.
        assert_eq!(find(&path, bytes + 1), ReserveState::Waiting);
        assert!(!path.exists());
        fill(&path, bytes).unwrap();
        assert_eq!(find(&path, 0), ReserveState::Off);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_only_claims_its_size_is_no_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(iq_backup::RESERVE);
        File::create(&path).unwrap().set_len(SIZE).unwrap();
        assert_eq!(find(&path, SIZE), ReserveState::Waiting);
        assert!(!path.exists());
    }
}
