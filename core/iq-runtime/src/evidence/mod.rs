//! Tamper evidence of the appliance. Every event, audit record and incident becomes a record of its
//! tenant's log in its own transaction; the log is signed every minute, and the signed notes lie in a
//! second file. Whoever changes one has the other against them, and both the copies that left the
//! house. What a reader can check is in `docs/guides/evidence-format.md`.

mod check;
mod earlier;
mod export;
mod file;
mod freeze;
mod keys;
mod rows;
mod sealer;
mod status;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use iq_domain::{Clock, CodedError, ErrorKind, TenantId};
use iq_evidence::{Hash, Id, sha256};
use iq_secrets::MasterKey;
use iq_store::{BeforeCommit, Options, Store, StoreError, incident_heads, incidents, tenants};
use parking_lot::Mutex;
use tracing::error;

use crate::Inner;

pub use export::{EvidenceFile, Omitted};
pub use status::{EvidenceKey, EvidenceStatus, EvidenceTrouble};

/// Rows of one transaction while the log catches up with what an older program left.
const CATCH_UP: u32 = 10_000;
/// How often it is asked whether a checkpoint is due.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// What the log is kept with.
pub struct EvidenceParts {
    /// The folder of the store and of the file of checkpoints.
    pub folder: PathBuf,
    /// Id of this installation.
    pub appliance: Id,
    /// The machine's own id, where it has one; only its digest is kept.
    pub machine: Option<String>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key that seals the signing keys.
    pub master_key: Arc<MasterKey>,
}

/// The evidence log. Clones share it.
#[derive(Clone)]
pub struct Evidence(Arc<Keeper>);

struct Keeper {
    sealer: sealer::Sealer,
    file: Mutex<Option<file::CheckpointFile>>,
    /// What was found wrong since the start.
    troubles: Mutex<Vec<(TenantId, EvidenceTrouble)>>,
    /// One freeze after another.
    freezing: tokio::sync::Mutex<()>,
}

/// Opens the store `optria.db` of a folder with its evidence log: checks the log against the file of
/// checkpoints, seals what is not in it yet, and signs.
///
/// # Errors
/// As [`Store::open`]; or when the file of checkpoints can't be read.
pub fn open_store(parts: EvidenceParts) -> Result<(Store, Evidence), CodedError> {
    let folder = parts.folder.clone();
    let machine: Option<Hash> = parts.machine.map(|id| sha256(id.as_bytes()));
    let clock = Arc::clone(&parts.clock);
    let sealer = sealer::Sealer::new(parts.appliance, machine, parts.clock, parts.master_key)
        .map_err(CodedError::from)?;
    let evidence = Evidence(Arc::new(Keeper {
        sealer,
        file: Mutex::new(None),
        troubles: Mutex::default(),
        freezing: tokio::sync::Mutex::default(),
    }));
    let hook = evidence.hook();
    let path = folder.join("optria.db");
    let store = Store::open_sealed(path, clock, Options::default(), Some(hook))?;
    evidence.begin(&store, &folder)?;
    Ok((store, evidence))
}

impl Evidence {
    fn hook(&self) -> BeforeCommit {
        let evidence = self.clone();
        Box::new(move |tx| evidence.0.sealer.seal(tx).map(drop))
    }

    fn begin(&self, store: &Store, folder: &Path) -> Result<(), CodedError> {
        let (mut file, found) = file::CheckpointFile::open(folder, self.0.sealer.clock.now().0)
            .map_err(StoreError::from)?;
        let mark = iq_backup::RestoredMark::read(folder);
        let checked = check::at_start(&self.0.sealer, store, &found, mark.is_some())?;
        file.append(checked.missing);
        *self.0.file.lock() = Some(file);
        self.0.troubles.lock().extend(checked.troubles);
        self.catch_up(store)?;
        self.checkpoint_blocking(store, true)?;
        if mark.is_some() {
            // Only now: a crash before this ends another epoch, which does no harm.
            iq_backup::RestoredMark::clear(folder)?;
        }
        Ok(())
    }

    /// Id of this installation.
    pub(crate) fn appliance(&self) -> Id {
        self.0.sealer.appliance
    }

    /// Goes through all records of a store that nobody writes to. Says what is wrong with the first log
    /// that is not as it was left.
    pub(crate) fn first_trouble(&self, store: &Store) -> Result<Option<String>, CodedError> {
        let at_start = self
            .0
            .troubles
            .lock()
            .first()
            .map(|(_, t)| t.reason.clone());
        if at_start.is_some() {
            return Ok(at_start);
        }
        let wrong = check::wrong_records(store)?;
        Ok(wrong.first().map(|(_, seq)| format!("record {seq}")))
    }

    /// Seals what an older program left, a part at a time, so that no transaction grows without end.
    fn catch_up(&self, store: &Store) -> Result<(), CodedError> {
        store.write_blocking(|tx| {
            let mut tenants = tenants::list_tenants(tx)?.into_iter();
            tenants.try_for_each(|tenant| {
                incidents::link_earlier_corrections(tx, tenant.id)?;
                incident_heads::mark_headless(tx, tenant.id)?;
                incident_heads::mark_noteless(tx, tenant.id)
            })
        })?;
        self.0.sealer.most.store(CATCH_UP, Ordering::Relaxed);
        let caught = loop {
            let keeper = Arc::clone(&self.0);
            // The hook after this closure adds nothing more when the closure had little left.
            let added = store.write_blocking(move |tx| keeper.sealer.seal(tx));
            match added {
                Ok(added) if added >= u64::from(CATCH_UP) => {}
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.0.sealer.most.store(u32::MAX, Ordering::Relaxed);
        Ok(caught?)
    }

    /// Signs all that has grown and appends the notes to the file, for a host without a runtime.
    ///
    /// # Errors
    /// When the store takes no writes.
    pub fn sign_now(&self, store: &Store) -> Result<(), CodedError> {
        self.checkpoint_blocking(store, true)
    }

    /// Signs what is due, or all that has grown, and appends the notes to the file.
    pub(crate) async fn checkpoint(
        &self,
        store: &Store,
        is_forced: bool,
    ) -> Result<(), CodedError> {
        let (evidence, store) = (self.clone(), store.clone());
        tokio::task::spawn_blocking(move || evidence.checkpoint_blocking(&store, is_forced))
            .await
            .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?
    }

    fn checkpoint_blocking(&self, store: &Store, is_forced: bool) -> Result<(), CodedError> {
        // Held over the commit: notes stand in the file in the order they were made.
        let mut file = self.0.file.lock();
        let keeper = Arc::clone(&self.0);
        let signed = store.write_blocking(move |tx| keeper.sealer.sign(tx, is_forced))?;
        if let Some(file) = file.as_mut() {
            file.append(signed.into_iter().map(|(_, note)| note));
        }
        Ok(())
    }
}

/// Signs the logs whenever it is time, freezes raw windows of incidents, and once after the start goes
/// through all records.
pub(crate) async fn run(inner: Arc<Inner>) {
    let sealer = &inner.evidence.0.sealer;
    let checking = tokio::spawn(check::whole(Arc::clone(&inner)));
    freeze::all(&inner).await;
    // A checkpoint that an incident waits for.
    let mut is_locked = false;
    loop {
        tokio::select! {
            () = inner.cancel.cancelled() => break,
            () = sealer.incident.notified() => {
                // It was rung within the transaction; behind another write, that one is committed.
                drop(inner.store.write(|_| Ok(())).await);
                freeze::all(&inner).await;
                is_locked |= sealer.locked.swap(false, Ordering::Relaxed);
            }
            () = sealer.due.notified() => {}
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
        // Whoever resolves or closes an incident may rely on it from then on: its windows are frozen by
        // now, and a checkpoint covers them without waiting for its minute.
        if !is_locked && !sealer.is_due() {
            continue;
        }
        match inner.evidence.checkpoint(&inner.store, is_locked).await {
            Ok(()) => is_locked = false,
            Err(error) => error!(%error, "A checkpoint could not be made; it is tried again."),
        }
    }
    drop(checking.await);
}

/// The last checkpoint of a run, after everything else was stored.
pub(crate) async fn finish(inner: &Inner) {
    if let Err(error) = inner.evidence.checkpoint(&inner.store, true).await {
        error!(%error, "The last checkpoint could not be made; the next start makes it.");
    }
}
