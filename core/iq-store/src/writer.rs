//! The one thread that writes. It takes what is waiting, runs each closure in a savepoint, commits
//! once, and only then tells the callers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use iq_domain::Clock;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{HealthState, StoreError, health::HealthCell};

/// A group ends after so many writes or so much time, so that the first in it doesn't wait long.
const GROUP_WRITES: usize = 512;
const GROUP_TIME: Duration = Duration::from_millis(25);
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Work that belongs into every commit. An error keeps the whole group from being committed: what it
/// would have sealed must not be acknowledged without it.
pub type BeforeCommit = Box<dyn FnMut(&Transaction<'_>) -> Result<(), StoreError> + Send>;

/// A write on its way through the thread.
pub(crate) trait Write: Send {
    /// Runs the closure; the result is kept until `finish`.
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError>;
    /// Hands the caller its result, or what happened to the commit.
    fn finish(self: Box<Self>, commit: Result<(), StoreError>);
}

/// A closure with the way back to its caller.
pub(crate) struct Pending<T, F, R> {
    pub(crate) closure: Option<F>,
    pub(crate) result: Option<Result<T, StoreError>>,
    pub(crate) reply: R,
    pub(crate) permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl<T, F, R> Write for Pending<T, F, R>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let Some(closure) = self.closure.take() else {
            return Ok(());
        };
        let result = catch_unwind(AssertUnwindSafe(|| closure(tx))).unwrap_or_else(|_| {
            Err(StoreError::Internal(
                "a write panicked; see the log".to_owned(),
            ))
        });
        let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        outcome
    }

    fn finish(self: Box<Self>, commit: Result<(), StoreError>) {
        let Self {
            result,
            reply,
            permit,
            ..
        } = *self;
        drop(permit);
        let own = result.unwrap_or(Err(StoreError::Closed));
        // A closure's own error says more than the failed commit of the group around it.
        reply(match (own, commit) {
            (Ok(_), Err(error)) => Err(error),
            (own, _) => own,
        });
    }
}

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) health: Arc<HealthCell>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) before_commit: Option<BeforeCommit>,
}

impl Writer {
    /// Works until all senders are gone, then leaves the file without a write-ahead log.
    pub(crate) fn work(mut self, queue: &Receiver<Box<dyn Write>>) {
        loop {
            match queue.recv_timeout(PROBE_EVERY) {
                Ok(first) => self.group(first, queue),
                Err(RecvTimeoutError::Timeout) => self.probe(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Err(error) = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "The store could not be checkpointed on closing.");
        }
        self.health.closed(self.clock.now());
    }

    fn group(&mut self, first: Box<dyn Write>, queue: &Receiver<Box<dyn Write>>) {
        let mut done: Vec<Box<dyn Write>> = Vec::new();
        let outcome = self.run_group(first, queue, &mut done);
        match &outcome {
            Ok(false) => self.health.committed(done.len() as u64, self.clock.now()),
            Ok(true) => self.health.failed(&StoreError::DiskFull, self.clock.now()),
            Err(error) => self.health.failed(error, self.clock.now()),
        }
        let commit = outcome.map(|_| ());
        for write in done {
            write.finish(commit.clone());
        }
    }

    /// Says, after the commit, whether one of the writes found the disk full.
    fn run_group(
        &mut self,
        first: Box<dyn Write>,
        queue: &Receiver<Box<dyn Write>>,
        done: &mut Vec<Box<dyn Write>>,
    ) -> Result<bool, StoreError> {
        let started = Instant::now();
        let mut is_full = false;
        let tx = match self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
        {
            Ok(tx) => tx,
            Err(error) => {
                done.push(first);
                return Err(error.into());
            }
        };
        let mut has_changes = false;
        let mut next = Some(first);
        while let Some(mut write) = next {
            let outcome = run_in_savepoint(&tx, write.as_mut());
            done.push(write);
            let own = outcome?;
            is_full |= matches!(own, Err(StoreError::DiskFull));
            has_changes |= own.is_ok();
            let is_over = done.len() >= GROUP_WRITES || started.elapsed() >= GROUP_TIME;
            next = if is_over { None } else { queue.try_recv().ok() };
        }
        if let Some(seal) = self.before_commit.as_mut().filter(|_| has_changes) {
            catch_unwind(AssertUnwindSafe(|| seal(&tx))).unwrap_or_else(|_| {
                Err(StoreError::Internal(
                    "sealing panicked; see the log".to_owned(),
                ))
            })?;
        }
        tx.commit()?;
        Ok(is_full)
    }

    /// While writes fail, finds out whether they would succeed again, so that recovery is noticed
    /// without waiting for somebody's write.
    fn probe(&mut self) {
        if !matches!(self.health.get().state, HealthState::WritesFail(_)) {
            return;
        }
        let sql = "UPDATE write_probe SET counter = counter + 1 WHERE id = 1";
        match self.conn.execute(sql, []) {
            Ok(_) => self.health.committed(0, self.clock.now()),
            Err(error) => self.health.failed(&error.into(), self.clock.now()),
        }
    }
}

/// Returns the write's own error. The outer error dooms the whole group: SQLite has rolled the
/// transaction back.
fn run_in_savepoint(
    tx: &Transaction<'_>,
    write: &mut dyn Write,
) -> Result<Result<(), StoreError>, StoreError> {
    tx.execute_batch("SAVEPOINT one_write")?;
    let own = write.run(tx);
    if tx.is_autocommit() {
        return Err(own.err().unwrap_or_else(|| {
            StoreError::Internal("a write ended the transaction of its group".to_owned())
        }));
    }
    match own {
        Ok(()) => tx.execute_batch("RELEASE one_write")?,
        Err(_) => tx.execute_batch("ROLLBACK TO one_write; RELEASE one_write")?,
    }
    Ok(own)
}
