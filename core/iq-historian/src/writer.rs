//! The single writer: group commit of received batches, sealed blocks and the journal's trimming, all
//! in one transaction, acknowledged after it is durable.
//!
//! Whoever holds the [`Writer`] leads: a blocking caller that finds it free commits its own batch and
//! those waiting, so an uncontended commit costs no thread switch; otherwise the writer thread does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use rusqlite::Connection;

use crate::config::HistorianConfig;
use crate::error::HistorianError;
use crate::hot::Hot;
use crate::journal::Row;
use crate::seal::Sealer;
use crate::store::Readers;
use crate::{AppendReport, HistorianState};
use iq_chunk::SIGNAL_END;

/// Pages written after which the write-ahead log is copied into the file when nobody waits, and
/// whether or not somebody waits.
const CHECKPOINT_IDLE: u64 = 4_000;
const CHECKPOINT_BUSY: u64 = 16_000;
/// How long sealed blocks wait for a batch to share a commit with.
const SEAL_WAIT: Duration = Duration::from_millis(50);
/// Pause between attempts to store sealed blocks while the disk is full.
const RETRY: Duration = Duration::from_secs(1);

/// Where the answer to a batch goes.
pub(crate) enum Reply {
    Task(tokio::sync::oneshot::Sender<Result<AppendReport, HistorianError>>),
    Thread(std::sync::mpsc::SyncSender<Result<AppendReport, HistorianError>>),
}

impl Reply {
    pub(crate) fn send(self, answer: Result<AppendReport, HistorianError>) {
        // A caller that went away no longer wants the answer.
        match self {
            Self::Task(sender) => drop(sender.send(answer)),
            Self::Thread(sender) => drop(sender.send(answer)),
        }
    }
}

/// A batch waiting for its commit.
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    pub(crate) reply: Reply,
}

/// Batches waiting, and whether the writer thread should stop.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) batches: VecDeque<Batch>,
    pub(crate) closing: bool,
}

/// What all parts share.
pub(crate) struct Core {
    pub(crate) config: HistorianConfig,
    pub(crate) hot: RwLock<Hot>,
    /// Held for writing while sealed blocks move from memory to the file, for reading while a query
    /// takes its view of both: it sees each sample in exactly one of the two.
    pub(crate) gate: RwLock<()>,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) wake: Condvar,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) sealer: Sealer,
    pub(crate) readers: Readers,
    pub(crate) state: Mutex<HistorianState>,
    /// One compaction or retention at a time.
    pub(crate) maintenance: Mutex<()>,
    pub(crate) path: std::path::PathBuf,
}

/// The writing connection and the journal's bookkeeping.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) next_id: i64,
    /// Journal rows in the file: id and size.
    pub(crate) journal: VecDeque<(i64, u64)>,
    pub(crate) journal_bytes: u64,
    pub(crate) pages_since_checkpoint: u64,
    last_commit: Option<Instant>,
    pub(crate) damaged_rows: u64,
}

impl Writer {
    pub(crate) const fn new(conn: Connection) -> Self {
        Self {
            conn,
            next_id: 1,
            journal: VecDeque::new(),
            journal_bytes: 0,
            pages_since_checkpoint: 0,
            last_commit: None,
            damaged_rows: 0,
        }
    }

    /// Copies the write-ahead log into the file.
    pub(crate) fn checkpoint(&mut self, truncate: bool) -> Result<(), HistorianError> {
        let mode = if truncate { "TRUNCATE" } else { "PASSIVE" };
        self.conn
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
        self.pages_since_checkpoint = 0;
        Ok(())
    }
}

impl Core {
    /// Body of the writer thread.
    pub(crate) fn run_writer(self: &Arc<Self>) {
        loop {
            let mut queue = self.queue.lock();
            let waiting = self.sealer.has_sealed();
            if queue.batches.is_empty() && !queue.closing {
                // Sealed blocks alone wait a moment for a batch to share its commit.
                let wait = if waiting && *self.state.lock() == HistorianState::Ok {
                    SEAL_WAIT
                } else {
                    RETRY
                };
                self.wake.wait_for(&mut queue, wait);
            }
            let closing = queue.closing && queue.batches.is_empty();
            let idle = queue.batches.is_empty();
            drop(queue);
            let mut writer = self.writer.lock();
            if closing {
                return;
            }
            self.commit_waiting(&mut writer);
            if idle
                && writer.pages_since_checkpoint > CHECKPOINT_IDLE
                && let Err(error) = writer.checkpoint(false)
            {
                tracing::warn!(%error, "checkpoint failed, it will be tried again");
            }
        }
    }

    /// Commits one group of waiting batches together with the sealed blocks.
    pub(crate) fn commit_waiting(&self, writer: &mut Writer) {
        let batches = self.take_group(writer);
        if batches.is_empty() && !self.sealer.has_sealed() {
            return;
        }
        self.sealer.wait_for_room();
        self.commit(writer, batches);
        if writer.pages_since_checkpoint > CHECKPOINT_BUSY
            && let Err(error) = writer.checkpoint(false)
        {
            tracing::warn!(%error, "checkpoint failed, it will be tried again");
        }
    }

    fn take_group(&self, writer: &Writer) -> Vec<Batch> {
        let mut queue = self.queue.lock();
        let waiting = queue.batches.iter().map(|b| b.rows.len()).sum::<usize>();
        if waiting > 0
            && waiting < self.config.commit_min_samples
            && !queue.closing
            && let Some(last) = writer.last_commit
            && let Some(rest) = self.config.commit_window.checked_sub(last.elapsed())
        {
            drop(queue);
            std::thread::sleep(rest);
            queue = self.queue.lock();
        }
        let mut samples = 0;
        let mut group = Vec::new();
        while let Some(next) = queue.batches.front() {
            samples += next.rows.len();
            if samples > self.config.commit_max_samples && !group.is_empty() {
                break;
            }
            group.extend(queue.batches.pop_front());
        }
        group
    }

    /// Writes, waits until it is durable, applies to memory, answers.
    pub(crate) fn commit(&self, writer: &mut Writer, batches: Vec<Batch>) {
        let sealed = self.sealer.take_sealed();
        let result = self.write(writer, &batches, &sealed);
        writer.last_commit = Some(Instant::now());
        match result {
            Ok(written) => {
                *self.state.lock() = HistorianState::Ok;
                self.after_commit(writer, batches, &written);
            }
            Err(error) => {
                self.sealer.put_back(sealed);
                let full = matches!(error, HistorianError::DiskFull);
                let mut state = self.state.lock();
                if full && *state == HistorianState::Ok {
                    *state = HistorianState::DiskFull {
                        since: self.config.clock.now(),
                    };
                }
                drop(state);
                tracing::error!(%error, "commit failed, nothing of it was stored");
                for batch in batches {
                    batch.reply.send(Err(match &error {
                        HistorianError::DiskFull => HistorianError::DiskFull,
                        HistorianError::SignalNumber(n) => HistorianError::SignalNumber(*n),
                        other => std::io::Error::other(other.to_string()).into(),
                    }));
                }
            }
        }
    }
}

/// Checks what must not enter the queue.
pub(crate) fn check(rows: &[Row]) -> Result<(), HistorianError> {
    match rows.iter().find(|row| row.signal_no >= SIGNAL_END) {
        Some(row) => Err(HistorianError::SignalNumber(row.signal_no)),
        None => Ok(()),
    }
}
