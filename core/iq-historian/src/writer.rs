//! The single writer: group commit of received batches, sealed blocks and the journal's trimming, all
//! in one transaction, acknowledged after it is durable.
//!
//! Whoever holds the [`Writer`] leads: a blocking caller that finds it free commits its own batch and
//! those waiting, so an uncontended commit costs no thread switch; otherwise the writer thread does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::buffer::Sample;
use crate::chunk::{SIGNAL_END, TIME_END};
use crate::config::HistorianConfig;
use crate::error::HistorianError;
use crate::hot::{Applied, Frozen, Hot, LastGood};
use crate::journal::{Packer, Row, pack_one, unpack, unpack_one};
use crate::seal::Sealer;
use crate::store::{self, Readers};
use crate::{AppendReport, HistorianState};

/// Samples per journal row.
const ROW_SAMPLES: usize = 65_536;
/// Journal rows that must have become free before they are deleted: few deletes, few page writes.
const TRIM_ROWS: usize = 16;
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
    fn send(self, answer: Result<AppendReport, HistorianError>) {
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
    journal: VecDeque<(i64, u64)>,
    pub(crate) journal_bytes: u64,
    pages_since_checkpoint: u64,
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

    /// Fills the memory from the table of signals and the journal.
    pub(crate) fn replay(&mut self, hot: &mut Hot) -> Result<(), HistorianError> {
        let mut statement = self
            .conn
            .prepare("SELECT no, mark, sealed_to, last, last_good, good_known FROM signal")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let signal = hot.entry(row.get(0)?);
            signal.mark = row.get(1)?;
            signal.sealed_to = row.get::<_, Option<i64>>(2)?.unwrap_or(i64::MIN);
            let sample = |blob: Option<Vec<u8>>| blob.and_then(|b| unpack_one(&b));
            signal.last = sample(row.get(3)?);
            signal.last_good = if row.get::<_, bool>(5)? {
                LastGood::Known(sample(row.get(4)?))
            } else {
                LastGood::Unknown
            };
        }
        drop(rows);
        drop(statement);
        let mut damaged = Vec::new();
        let mut statement = self
            .conn
            .prepare("SELECT id, blob FROM journal ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let blob = row.get_ref(1)?.as_blob().unwrap_or(&[]);
            self.next_id = id + 1;
            self.journal.push_back((id, blob.len() as u64));
            self.journal_bytes += blob.len() as u64;
            let Some(samples) = unpack(blob) else {
                damaged.push(id);
                continue;
            };
            for (signal_no, s) in samples {
                if hot.get(signal_no).is_none_or(|signal| signal.mark < id) {
                    hot.apply(signal_no, s.t, s.value.as_ref(), s.status, id);
                }
            }
        }
        drop(rows);
        drop(statement);
        let newest_mark: i64 =
            self.conn
                .query_row("SELECT coalesce(max(mark), 0) FROM signal", [], |r| {
                    r.get(0)
                })?;
        self.next_id = self.next_id.max(newest_mark + 1);
        self.set_damaged_aside(&damaged)
    }

    /// Journal rows that fail their checksum are kept for inspection, outside the replay.
    fn set_damaged_aside(&mut self, ids: &[i64]) -> Result<(), HistorianError> {
        if !ids.is_empty() {
            let tx = self.conn.transaction()?;
            for id in ids {
                tracing::error!(journal_row = id, "journal row is damaged and was set aside");
                tx.execute(
                    "INSERT OR REPLACE INTO journal_damaged SELECT id, blob FROM journal WHERE id = ?1",
                    [id],
                )?;
                tx.execute("DELETE FROM journal WHERE id = ?1", [id])?;
            }
            tx.commit()?;
            self.journal.retain(|(id, _)| !ids.contains(id));
        }
        let count: i64 = self
            .conn
            .query_row("SELECT count(*) FROM journal_damaged", [], |r| r.get(0))?;
        self.damaged_rows = count.unsigned_abs();
        Ok(())
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

/// What a transaction wrote, to be applied to the memory once it is durable.
struct Written {
    batch_id: i64,
    carried: Vec<(u32, i64)>,
    journal: Vec<(i64, u64)>,
    trimmed_below: i64,
    pages: u64,
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

    fn write(
        &self,
        writer: &mut Writer,
        batches: &[Batch],
        sealed: &[crate::seal::Sealed],
    ) -> Result<Written, HistorianError> {
        let overdue = self.overdue(writer);
        let Writer {
            conn,
            next_id,
            journal,
            ..
        } = &mut *writer;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut out = Journaler {
            tx: &tx,
            next_id: *next_id,
            rows: Vec::new(),
        };
        let mut pages = 1;
        let mut carry: Vec<u32> = overdue;
        for seal in sealed {
            pages += self.write_seal(&tx, seal)?;
            if seal.frozen.carries {
                carry.push(seal.signal_no);
            }
        }
        let carried = self.write_carried(&mut out, &carry)?;
        let batch_id = self.write_batches(&mut out, batches)?;
        let rows = out.rows;
        let mut trimmed_below = 0;
        if !sealed.is_empty() || !carried.is_empty() {
            let keep = self.low_water(sealed, &carried, &rows, batch_id);
            let free = journal.iter().take_while(|(id, _)| *id < keep).count();
            if free >= TRIM_ROWS || self.sealer.is_flushing() {
                tx.prepare_cached("DELETE FROM journal WHERE id < ?1")?
                    .execute([keep])?;
                trimmed_below = keep;
                pages += 4;
            }
        }
        pages += rows
            .iter()
            .map(|(_, bytes)| 1 + bytes / store::PAGE_SIZE)
            .sum::<u64>();
        if sealed.is_empty() {
            tx.commit()?;
        } else {
            let gate = self.gate.write();
            tx.commit()?;
            let mut hot = self.hot.write();
            for seal in sealed {
                hot.stored(seal.signal_no, seal.frozen.seal);
            }
            drop(hot);
            drop(gate);
        }
        Ok(Written {
            batch_id,
            carried,
            journal: rows,
            trimmed_below,
            pages,
        })
    }

    fn write_seal(
        &self,
        tx: &Transaction<'_>,
        seal: &crate::seal::Sealed,
    ) -> Result<u64, HistorianError> {
        let signal_no = seal.signal_no;
        let mut pages = 2;
        for part in &seal.main {
            store::insert_main(tx, signal_no, part)?;
            pages += 3 + part.blob.len() as u64 / store::PAGE_SIZE;
        }
        for part in &seal.late {
            if store::overlaps(tx, signal_no, part.t0, part.t1)? {
                store::insert_side(tx, signal_no, part)?;
            } else {
                store::insert_main(tx, signal_no, part)?;
            }
            pages += 3 + part.blob.len() as u64 / store::PAGE_SIZE;
        }
        let hot = self.hot.read();
        let Some(signal) = hot.get(signal_no) else {
            return Ok(pages);
        };
        let last = signal.last.as_ref().map(pack_one);
        let (good, known) = match &signal.last_good {
            LastGood::Known(good) => (good.as_ref().map(pack_one), true),
            LastGood::Unknown => (None, false),
        };
        drop(hot);
        let sealed_to = seal.main.iter().map(|part| part.t1).max();
        tx.prepare_cached(
            "INSERT INTO signal (no, mark, sealed_to, last, last_good, good_known)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (no) DO UPDATE SET mark = excluded.mark,
               sealed_to = coalesce(excluded.sealed_to, sealed_to),
               last = excluded.last, last_good = excluded.last_good,
               good_known = excluded.good_known",
        )?
        .execute(params![
            signal_no,
            seal.frozen.mark,
            sealed_to,
            last,
            good,
            known
        ])?;
        Ok(pages)
    }

    /// Signals whose unsealed samples hold the journal above its budget; the larger ones are frozen
    /// here, the smaller ones are returned to be written again at the journal's end.
    fn overdue(&self, writer: &Writer) -> Vec<u32> {
        if writer.journal_bytes <= self.config.journal_budget_bytes {
            return Vec::new();
        }
        let mut over = writer.journal_bytes - self.config.journal_budget_bytes / 2;
        let limit = writer.journal.iter().find(|(_, bytes)| {
            over = over.saturating_sub(*bytes);
            over == 0
        });
        let Some((limit, _)) = limit else {
            return Vec::new();
        };
        let old: Vec<(u32, usize)> = self
            .hot
            .read()
            .iter()
            .filter(|(_, s)| s.open_first.min(s.late_first) < *limit)
            .map(|(no, s)| (no, s.open.len() + s.late.len()))
            .collect();
        let (full, slow): (Vec<_>, Vec<_>) = old
            .into_iter()
            .partition(|(_, n)| *n >= self.config.chunk_samples / 8);
        let mark = writer.next_id - 1;
        self.freeze(full.into_iter().map(|(no, _)| no), mark);
        slow.into_iter().map(|(no, _)| no).collect()
    }

    /// Hands signals to the sealer.
    pub(crate) fn freeze(&self, signals: impl Iterator<Item = u32>, mark: i64) {
        let mut tasks: Vec<(u32, Frozen)> = Vec::new();
        let mut hot = self.hot.write();
        for signal_no in signals {
            tasks.extend(
                hot.freeze(signal_no, mark)
                    .map(|frozen| (signal_no, frozen)),
            );
        }
        drop(hot);
        self.sealer.push(tasks);
    }

    fn write_carried(
        &self,
        out: &mut Journaler<'_, '_>,
        signals: &[u32],
    ) -> Result<Vec<(u32, i64)>, HistorianError> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        let hot = self.hot.read();
        let mut carried = Vec::with_capacity(signals.len());
        let mut packer = Packer::new();
        for signal_no in signals {
            let Some(signal) = hot.get(*signal_no) else {
                continue;
            };
            for block in [&signal.open, &signal.late] {
                for i in 0..block.len() {
                    let s: Sample = block.sample(i);
                    packer.push(*signal_no, s.t, s.value.as_ref(), s.status);
                }
            }
            carried.push((*signal_no, out.next_id));
            if packer.count >= ROW_SAMPLES {
                out.write(std::mem::replace(&mut packer, Packer::new()))?;
            }
        }
        out.write(packer)?;
        Ok(carried)
    }

    /// Writes the batches and returns the first journal row used.
    fn write_batches(
        &self,
        out: &mut Journaler<'_, '_>,
        batches: &[Batch],
    ) -> Result<i64, HistorianError> {
        let first = out.next_id;
        let mut packer = Packer::new();
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            if !storable(row) {
                continue;
            }
            packer.push(row.signal_no, row.t.0, row.value.as_ref(), row.status.0);
            if packer.count >= ROW_SAMPLES {
                out.write(std::mem::replace(&mut packer, Packer::new()))?;
            }
        }
        out.write(packer)?;
        Ok(first)
    }

    /// First journal row that must stay once this transaction is durable.
    fn low_water(
        &self,
        sealed: &[crate::seal::Sealed],
        carried: &[(u32, i64)],
        rows: &[(i64, u64)],
        batch_id: i64,
    ) -> i64 {
        let seals: std::collections::HashSet<u64> = sealed.iter().map(|s| s.frozen.seal).collect();
        let carried: std::collections::HashMap<u32, i64> = carried.iter().copied().collect();
        let hot = self.hot.read();
        let mut low = rows.first().map_or(batch_id, |(id, _)| *id);
        for (signal_no, signal) in hot.iter() {
            let first = match carried.get(&signal_no) {
                // Its buffers are in this transaction; what is being sealed is not.
                Some(id) => signal
                    .frozen
                    .iter()
                    .filter(|f| !seals.contains(&f.seal))
                    .map(|f| f.first_id)
                    .fold(*id, i64::min),
                None => signal.first_id(&|seal| seals.contains(&seal)),
            };
            low = low.min(first);
        }
        low
    }

    fn after_commit(&self, writer: &mut Writer, batches: Vec<Batch>, written: &Written) {
        for (id, bytes) in &written.journal {
            writer.journal.push_back((*id, *bytes));
            writer.journal_bytes += bytes;
            writer.next_id = id + 1;
        }
        while let Some((id, bytes)) = writer.journal.front().copied()
            && id < written.trimmed_below
        {
            writer.journal.pop_front();
            writer.journal_bytes -= bytes;
        }
        writer.pages_since_checkpoint += written.pages;
        let mark = writer.next_id - 1;
        let mut due = Vec::new();
        let mut answers = Vec::with_capacity(batches.len());
        let mut hot = self.hot.write();
        for (signal_no, id) in &written.carried {
            if let Some(signal) = hot.get_mut(*signal_no) {
                signal.open_first = if signal.open.is_empty() {
                    i64::MAX
                } else {
                    *id
                };
                signal.late_first = if signal.late.is_empty() {
                    i64::MAX
                } else {
                    *id
                };
            }
        }
        for batch in batches {
            let mut report = AppendReport::default();
            for row in &batch.rows {
                if !storable(row) {
                    report.refused += 1;
                    continue;
                }
                let (t, value) = (row.t.0, row.value.as_ref());
                let (applied, is_due) =
                    hot.apply(row.signal_no, t, value, row.status.0, written.batch_id);
                match applied {
                    Applied::Added => report.added += 1,
                    Applied::Replaced => report.replaced += 1,
                    Applied::Late => report.late += 1,
                }
                if is_due && due.last() != Some(&row.signal_no) {
                    due.push(row.signal_no);
                }
            }
            answers.push((batch, report));
        }
        due.sort_unstable();
        due.dedup();
        due.extend(hot.over_budget(self.config.buffer_budget_bytes));
        drop(hot);
        if !due.is_empty() {
            self.freeze(due.into_iter(), mark);
        }
        for (batch, report) in answers {
            batch.reply.send(Ok(report));
        }
    }
}

/// Whether a key can hold the row's time; anything else is counted as refused, so that one absurd
/// time stamp does not block the batch behind it.
fn storable(row: &Row) -> bool {
    (0..TIME_END).contains(&row.t.0)
}

/// Checks what must not enter the queue.
pub(crate) fn check(rows: &[Row]) -> Result<(), HistorianError> {
    match rows.iter().find(|row| row.signal_no >= SIGNAL_END) {
        Some(row) => Err(HistorianError::SignalNumber(row.signal_no)),
        None => Ok(()),
    }
}

/// Writes journal rows with ascending ids.
struct Journaler<'t, 'c> {
    tx: &'t Transaction<'c>,
    next_id: i64,
    rows: Vec<(i64, u64)>,
}

impl Journaler<'_, '_> {
    fn write(&mut self, packer: Packer) -> Result<(), HistorianError> {
        if packer.count == 0 {
            return Ok(());
        }
        let blob = packer.finish();
        self.tx
            .prepare_cached("INSERT INTO journal (id, blob) VALUES (?1, ?2)")?
            .execute(params![self.next_id, blob])?;
        self.rows.push((self.next_id, blob.len() as u64));
        self.next_id += 1;
        Ok(())
    }
}
