//! The historian: one file of compressed time series, durable before it acknowledges.
//!
//! A received batch becomes one journal row (write-ahead log, synchronous to the disk, group commit);
//! per-signal buffers in memory are sealed into checksummed chunks together with their rollups; late
//! and overwriting samples lie beside the chunks, are merged on read and compacted later. The same
//! (signal, time) twice keeps the last, so a batch may be sent again after a lost answer.
//!
//! All calls but [`Historian::append`] block; call them from a blocking thread.

mod commit;
mod compact;
mod config;
mod decimate;
mod error;
#[cfg(feature = "test-hooks")]
pub mod hooks;
mod hot;
mod journal;
mod leave;
mod query;
mod replay;
mod retention;
mod rollup;
mod seal;
mod stats;
mod store;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use iq_domain::Timestamp;
use parking_lot::{Condvar, Mutex, RwLock};

pub use compact::CompactReport;
pub use config::HistorianConfig;
pub use decimate::Decimated;
pub use error::HistorianError;
pub use journal::Row;
pub use leave::{SealedPiece, SealedSize};
pub use stats::HistorianStats;

use hot::Hot;
use seal::Sealer;
use store::Readers;
use writer::{Batch, Core, Queue, Reply, Writer};

/// What became of a batch; all of it but `refused` is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppendReport {
    /// Samples at new times after everything sealed.
    pub added: u64,
    /// Samples that replaced one not yet sealed.
    pub replaced: u64,
    /// Samples before the end of what is sealed: late, or overwriting.
    pub late: u64,
    /// Samples whose time no key can hold (before 1970 or after 2527); they were left out.
    pub refused: u64,
}

/// Whether the historian takes samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistorianState {
    /// It does.
    Ok,
    /// The volume or the size limit is exhausted; the next batch after space is back ends this.
    DiskFull {
        /// When the first commit failed.
        since: Timestamp,
    },
}

/// The historian of one tenant. Clones share the same file.
#[derive(Clone)]
pub struct Historian {
    running: Arc<Running>,
}

/// Threads and the lock on the file; the last clone to go stops them.
struct Running {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: File,
}

impl Historian {
    /// Opens or creates a historian file and brings its journal back into memory.
    ///
    /// # Errors
    /// `historian.newer` for a file of a newer program, which is left untouched; `historian.in_use`
    /// when another process has it; `historian.foreign` for a file that is none of ours.
    pub fn open(path: &Path, config: HistorianConfig) -> Result<Self, HistorianError> {
        let lock = lock(path)?;
        let conn = store::open(path, config.max_file_bytes)?;
        let mut writer = Writer::new(conn);
        let mut hot = Hot::new(config.chunk_samples.max(1));
        writer.replay(&mut hot)?;
        let workers = std::thread::available_parallelism().map_or(1, |n| n.get().min(2));
        let chunk_samples = config.chunk_samples.max(1);
        let core = Arc::new(Core {
            hot: RwLock::new(hot),
            gate: RwLock::new(()),
            queue: Mutex::new(Queue::default()),
            wake: Condvar::new(),
            writer: Mutex::new(writer),
            sealer: Sealer::new(workers, chunk_samples, config.compression_level.min(12)),
            readers: Readers::new(path),
            state: Mutex::new(HistorianState::Ok),
            maintenance: Mutex::new(()),
            path: path.to_owned(),
            config,
        });
        let mut threads = Vec::new();
        let shared = core.clone();
        threads.push(spawn("historian-writer", move || shared.run_writer())?);
        for worker in 0..core.sealer.workers() {
            let shared = core.clone();
            let body = move || {
                shared.sealer.run(worker, &|| {
                    shared.wake.notify_one();
                });
            };
            threads.push(spawn("historian-seal", body)?);
        }
        Ok(Self {
            running: Arc::new(Running {
                core,
                threads: Mutex::new(threads),
                _lock: lock,
            }),
        })
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.running.core
    }

    /// Stores a batch; returns after it is durable.
    ///
    /// # Errors
    /// `store.disk_full` when the volume is exhausted: nothing of the batch was stored, it may be sent
    /// again. Sending it again after any error is safe.
    pub async fn append(&self, rows: Vec<Row>) -> Result<AppendReport, HistorianError> {
        writer::check(&rows)?;
        let (sender, answer) = tokio::sync::oneshot::channel();
        self.core().enqueue(Batch {
            rows,
            reply: Reply::Task(sender),
        })?;
        self.core().wake.notify_one();
        answer.await.map_err(|_| HistorianError::Closed)?
    }

    /// Stores a batch from a thread that may block.
    ///
    /// # Errors
    /// As [`Historian::append`].
    pub fn append_blocking(&self, rows: Vec<Row>) -> Result<AppendReport, HistorianError> {
        writer::check(&rows)?;
        let core = self.core();
        let (sender, answer) = std::sync::mpsc::sync_channel(1);
        core.enqueue(Batch {
            rows,
            reply: Reply::Thread(sender),
        })?;
        if let Some(mut writer) = core.writer.try_lock() {
            loop {
                core.commit_waiting(&mut writer);
                match answer.try_recv() {
                    Ok(report) => {
                        drop(writer);
                        if !core.queue.lock().batches.is_empty() {
                            core.wake.notify_one();
                        }
                        return report;
                    }
                    Err(std::sync::mpsc::TryRecvError::Empty) => {}
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                        return Err(HistorianError::Closed);
                    }
                }
            }
        }
        core.wake.notify_one();
        answer.recv().map_err(|_| HistorianError::Closed)?
    }

    /// Seals everything in memory and copies the write-ahead log into the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self) -> Result<(), HistorianError> {
        let core = self.core();
        let _one_at_a_time = core.maintenance.lock();
        let mut writer = core.writer.lock();
        let signals: Vec<u32> = core.hot.read().iter().map(|(no, _)| no).collect();
        core.flush(&mut writer, &mut signals.into_iter())?;
        let mut vacuum = writer.conn.prepare("PRAGMA incremental_vacuum")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        drop(vacuum);
        writer.checkpoint(true)
    }

    /// Stores what is waiting, seals the larger buffers and stops. Small buffers stay in the journal,
    /// so that restarts do not litter the file with tiny chunks; opening brings them back.
    ///
    /// # Errors
    /// When the file cannot be written; the threads stop all the same.
    pub fn close(&self) -> Result<(), HistorianError> {
        let core = self.core();
        core.queue.lock().closing = true;
        let result = {
            let mut writer = core.writer.lock();
            while !core.queue.lock().batches.is_empty() {
                core.commit_waiting(&mut writer);
            }
            let least = core.config.chunk_samples / 4;
            let signals: Vec<u32> = core
                .hot
                .read()
                .iter()
                .filter(|(_, s)| s.open.len() + s.late.len() >= least)
                .map(|(no, _)| no)
                .collect();
            core.flush(&mut writer, &mut signals.into_iter())
                .and_then(|()| writer.checkpoint(true))
        };
        self.running.stop();
        result
    }
}

impl Core {
    fn enqueue(&self, batch: Batch) -> Result<(), HistorianError> {
        let mut queue = self.queue.lock();
        if queue.closing {
            return Err(HistorianError::Closed);
        }
        queue.batches.push_back(batch);
        Ok(())
    }

    /// Seals the given signals and waits until they are stored.
    pub(crate) fn flush(
        &self,
        writer: &mut Writer,
        signals: &mut dyn Iterator<Item = u32>,
    ) -> Result<(), HistorianError> {
        let signals: Vec<u32> = signals.collect();
        self.sealer.set_flushing(true);
        let result = self.flush_all(writer, &signals);
        self.sealer.set_flushing(false);
        result
    }

    fn flush_all(&self, writer: &mut Writer, signals: &[u32]) -> Result<(), HistorianError> {
        // A block that leaves its open buffer behind takes a second round.
        for _ in 0..3 {
            self.freeze(signals.iter().copied(), writer.next_id - 1);
            self.sealer.wait_until_encoded();
            self.commit(writer, Vec::new());
            if *self.state.lock() != HistorianState::Ok {
                return Err(HistorianError::DiskFull);
            }
            let hot = self.hot.read();
            let left = signals.iter().filter_map(|no| hot.get(*no));
            if left
                .clone()
                .all(|s| s.open.is_empty() && s.late.is_empty() && s.frozen.is_empty())
            {
                return Ok(());
            }
        }
        Err(std::io::Error::other("buffers could not be stored").into())
    }
}

impl Running {
    fn stop(&self) {
        self.core.queue.lock().closing = true;
        self.core.sealer.close();
        self.core.wake.notify_all();
        let me = std::thread::current().id();
        for thread in self.threads.lock().drain(..) {
            if thread.thread().id() != me && thread.join().is_err() {
                tracing::error!("a historian thread had panicked");
            }
        }
        self.core.readers.close();
    }
}

impl std::fmt::Debug for Historian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Historian")
            .field("path", &self.core().path)
            .finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, HistorianError> {
    Ok(std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)?)
}

/// One process, one file: a second one is refused.
fn lock(path: &Path) -> Result<File, HistorianError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(HistorianError::InUse),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}
