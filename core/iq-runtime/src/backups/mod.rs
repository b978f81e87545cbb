//! Backups of the appliance: when they run, what became of them, and a restore that waits for the next
//! start. They belong to the whole folder, hence to the platform's owner and to no tenant.
//!
//! One thing at a time: a backup, a proof, or the preparing of a restore.

mod book;
mod prove;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use iq_backup::{
    BackupError, BackupKey, Kept, Made, Opener, Request, RestoredMark, Stage, has_pending,
    withdraw_pending,
};
use iq_domain::{CodedError, ErrorKind, Message, Timestamp};
use iq_evidence::hex;
use iq_secrets::SecretString;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{error, info};

use crate::{Inner, Runtime, schedules::next_after};

pub(crate) use book::BackupNews;
pub use book::{BackupOutcome, BackupSettings, Proof};
pub use prove::{ProvedBackup, prove_backup};

use book::Book;

/// How often the clock is looked at.
const EVERY: Duration = Duration::from_secs(20);

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupWork {
    /// A backup is being made.
    Making,
    /// A backup is being restored to prove it.
    Proving(String),
    /// A restore is being prepared.
    Preparing(String),
}

/// A backup in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was made, as it says itself.
    pub made_at: Option<Timestamp>,
    /// The key in use opens it.
    pub is_ours: bool,
    /// What its last proof found.
    pub proof: Option<Proof>,
}

/// How the backups stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupStatus {
    /// When and where.
    pub settings: BackupSettings,
    /// When the settings were found damaged, as long as nobody has entered them again.
    pub settings_lost_at: Option<Timestamp>,
    /// The folder in use.
    pub folder: PathBuf,
    /// Names the key.
    pub key: String,
    /// When somebody said that the key is in a safe.
    pub key_noted_at: Option<Timestamp>,
    /// When the next one runs by itself.
    pub next_at: Option<Timestamp>,
    /// What is being done now.
    pub work: Option<BackupWork>,
    /// The last attempt.
    pub last: Option<BackupOutcome>,
    /// The folder can't be read.
    pub trouble: Option<Message>,
    /// The newest first.
    pub files: Vec<BackupFile>,
    /// A restore is done at the next start.
    pub is_restore_pending: bool,
}

/// What is at work, and the bell of the task that looks at the clock.
#[derive(Default)]
pub(crate) struct Backups {
    work: Mutex<Option<BackupWork>>,
    /// Held while the book is read and written. In it what became of an attempt while it can't be written
    /// into the book: the disk that keeps a backup from being made may be the book's own.
    book: Mutex<Option<BackupOutcome>>,
    changed: Notify,
}

/// Ends the work when it is dropped, whatever became of it.
struct Working(Arc<Inner>);

impl Drop for Working {
    fn drop(&mut self) {
        *self.0.backups.work.lock() = None;
    }
}

/// The task that looks at the clock.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        let runtime = Runtime(Arc::clone(&inner));
        if let Err(error) = runtime.back_up_if_due().await {
            error!(%error, "Backups could not be looked at; it is tried again in a moment.");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.backups.changed.notified() => {}
            () = inner.cancel.cancelled() => return,
        }
    }
}

/// A folder that can't be used is for the person to correct, unless its disk is full.
fn wrong_folder(error: BackupError) -> CodedError {
    let coded = CodedError::from(error);
    if coded.code == "backup.disk_full" {
        return coded;
    }
    CodedError {
        kind: ErrorKind::Invalid,
        ..coded
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodedError> + Send + 'static,
) -> Result<T, CodedError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))?
}

impl Inner {
    pub(crate) fn data(&self) -> &Path {
        self.store.path().parent().unwrap_or(Path::new("."))
    }

    fn appliance_text(&self) -> String {
        hex(&self.evidence.appliance())
    }

    fn backup_key(&self) -> Result<BackupKey, CodedError> {
        Ok(BackupKey::load_or_create(
            &self.data().join(BackupKey::FILE),
        )?)
    }

    fn read_book(&self) -> Result<Book, CodedError> {
        let unwritten = self.backups.book.lock();
        let mut book = Book::read(self.data(), self.clock.now())?;
        if let Some(outcome) = &*unwritten {
            book.ended(outcome.clone());
        }
        Ok(book)
    }

    /// What people have to be told about backups.
    pub(crate) fn backup_news(&self) -> Result<Vec<BackupNews>, CodedError> {
        let book = self.read_book()?;
        let lost = book.lost_at.map(|since| BackupNews::Lost { since });
        Ok(book.news().into_iter().chain(lost).collect())
    }

    fn change_book(&self, change: impl FnOnce(&mut Book)) -> Result<Book, CodedError> {
        let mut unwritten = self.backups.book.lock();
        let mut book = Book::read(self.data(), self.clock.now())?;
        let before = book.clone();
        if let Some(outcome) = &*unwritten {
            book.ended(outcome.clone());
        }
        change(&mut book);
        if book != before {
            book.write(self.data())?;
        }
        *unwritten = None;
        Ok(book)
    }

    fn backups_in(&self, book: &Book) -> Result<Vec<Kept>, CodedError> {
        let folder = book.settings.folder_in(self.data());
        Ok(iq_backup::list(&folder, &self.appliance_text())?)
    }

    /// A backup by its name: one that lies in the folder, never a path.
    fn backup_named(&self, name: &str) -> Result<Kept, CodedError> {
        let all = self.backups_in(&self.read_book()?)?;
        let found = all.into_iter().find(|kept| kept.name == name);
        found.ok_or_else(|| CodedError::not_found("backup.not_found").with("file", name))
    }
}

impl Runtime {
    /// How the backups stand.
    pub async fn backup_status(&self) -> Result<BackupStatus, CodedError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let key = inner.backup_key()?.id();
            let book = inner.read_book()?;
            let (kept, trouble) = match inner.backups_in(&book) {
                Ok(kept) => (kept, None),
                Err(error) => (Vec::new(), Some(Message::from(&error))),
            };
            let file = |kept: Kept| {
                let header = iq_backup::inspect(&kept.path).ok();
                let is_ours = header.as_ref().and_then(|h| h.key_id()) == Some(key.as_str());
                BackupFile {
                    proof: book.proofs.get(&kept.name).cloned(),
                    made_at: header.map(|h| h.made_at),
                    is_ours,
                    name: kept.name,
                    bytes: kept.bytes,
                }
            };
            Ok(BackupStatus {
                folder: book.settings.folder_in(inner.data()),
                files: kept.into_iter().map(file).collect(),
                key_noted_at: book.key_noted_at,
                next_at: book.next_at,
                last: book.last.clone(),
                work: inner.backups.work.lock().clone(),
                is_restore_pending: has_pending(inner.data()),
                settings_lost_at: book.lost_at,
                settings: book.settings,
                trouble,
                key,
            })
        })
        .await
    }

    /// Changes when and where backups are made; the next one is counted from now.
    pub async fn change_backup_settings(&self, settings: BackupSettings) -> Result<(), CodedError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            // Found out now, not at night.
            iq_backup::require_writable(&settings.folder_in(inner.data())).map_err(wrong_folder)?;
            inner.change_book(|book| {
                book.settings = settings;
                book.next_at = None;
                book.lost_at = None;
            })
        })
        .await?;
        self.0.backups.changed.notify_one();
        Ok(())
    }

    /// The key that opens the backups, for a safe.
    pub async fn backup_key_text(&self) -> Result<SecretString, CodedError> {
        let inner = Arc::clone(&self.0);
        blocking(move || Ok(inner.backup_key()?.text())).await
    }

    /// Somebody says that the key is in a safe.
    pub async fn note_backup_key(&self) -> Result<(), CodedError> {
        let (inner, now) = (Arc::clone(&self.0), self.0.clock.now());
        blocking(move || inner.change_book(|book| book.key_noted_at = Some(now))).await?;
        Ok(())
    }

    /// Begins a backup; it goes on by itself.
    ///
    /// # Errors
    /// `backup.busy` when one is being made, proved or prepared.
    pub fn start_backup(&self) -> Result<(), CodedError> {
        let working = self.begin(BackupWork::Making)?;
        let runtime = self.clone();
        self.spawn(async move { runtime.back_up(working).await });
        Ok(())
    }

    /// Begins the proof of a backup.
    ///
    /// # Errors
    /// As [`Runtime::start_backup`]; `backup.not_found`.
    pub async fn start_backup_proof(&self, name: &str) -> Result<(), CodedError> {
        let (inner, wanted) = (Arc::clone(&self.0), name.to_owned());
        let kept = blocking(move || inner.backup_named(&wanted)).await?;
        let working = self.begin(BackupWork::Proving(kept.name.clone()))?;
        self.spawn(async move {
            let inner = Arc::clone(&working.0);
            let proved = blocking(move || {
                let _working = working;
                inner.prove(&kept)
            });
            if let Err(error) = proved.await {
                error!(%error, "A backup could not be proved.");
            }
        });
        Ok(())
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// `backup.busy` while one is being made, proved or prepared; `backup.not_found`; `backup.newest_good`
    /// for the newest of those that were proved, which is the way back.
    pub async fn delete_backup(&self, name: &str) -> Result<(), CodedError> {
        let (inner, wanted) = (Arc::clone(&self.0), name.to_owned());
        blocking(move || {
            let work = inner.backups.work.lock();
            if work.is_some() {
                return Err(CodedError::conflict("backup.busy"));
            }
            let kept = inner.backup_named(&wanted)?;
            let book = inner.read_book()?;
            let is_good = |kept: &&Kept| {
                let proof = book.proofs.get(&kept.name);
                proof.is_some_and(|proof| proof.error.is_none())
            };
            let all = inner.backups_in(&book)?;
            if all.iter().find(is_good).is_some_and(|good| *good == kept) {
                return Err(CodedError::conflict("backup.newest_good"));
            }
            iq_backup::delete(&kept)?;
            inner.change_book(|book| drop(book.proofs.remove(&kept.name)))?;
            Ok(())
        })
        .await
    }

    /// Unpacks a backup beside the data and checks it. It takes the place of the data at the next start.
    ///
    /// # Errors
    /// As [`Runtime::start_backup`], and when the backup is not good.
    pub async fn prepare_restore(&self, name: &str) -> Result<(), CodedError> {
        let (inner, wanted) = (Arc::clone(&self.0), name.to_owned());
        let kept = blocking(move || inner.backup_named(&wanted)).await?;
        let working = self.begin(BackupWork::Preparing(kept.name.clone()))?;
        blocking(move || {
            let inner = Arc::clone(&working.0);
            let opener = Opener::Key(inner.backup_key()?);
            let stage = Stage::begin(inner.data())?;
            let unpacked = iq_backup::unpack(&kept.path, &opener, stage.folder());
            let (header, manifest) = unpacked?;
            iq_backup::check(stage.folder(), &manifest)?;
            let mark = RestoredMark {
                source: header.id,
                made_at: header.made_at,
                restored_at: inner.clock.now(),
            };
            Ok(stage.commit(&mark, None)?)
        })
        .await
    }

    /// Takes back a restore that waits for the next start. Says whether one did.
    pub async fn withdraw_restore(&self) -> Result<bool, CodedError> {
        let inner = Arc::clone(&self.0);
        blocking(move || Ok(withdraw_pending(inner.data())?)).await
    }

    /// Makes a backup now if it is time.
    pub async fn back_up_if_due(&self) -> Result<(), CodedError> {
        let (inner, now) = (Arc::clone(&self.0), self.0.clock.now());
        let is_due = blocking(move || {
            let mut is_due = false;
            inner.change_book(|book| is_due = book.tick(now))?;
            Ok(is_due)
        });
        if is_due.await? {
            match self.begin(BackupWork::Making) {
                Ok(working) => self.back_up(working).await,
                Err(_) => {
                    info!("A backup was due while another was at work; the next one is made.")
                }
            }
        }
        Ok(())
    }

    fn begin(&self, work: BackupWork) -> Result<Working, CodedError> {
        let mut current = self.0.backups.work.lock();
        if current.is_some() {
            return Err(CodedError::conflict("backup.busy"));
        }
        *current = Some(work);
        Ok(Working(Arc::clone(&self.0)))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.lock().push(tokio::spawn(work));
    }

    async fn back_up(&self, working: Working) {
        let done = blocking(move || working.0.back_up());
        if let Err(error) = done.await {
            error!(%error, "What became of a backup could not be kept.");
        }
        self.0.notices.wake();
    }
}

impl Inner {
    /// Makes a backup, proves it, and only then removes what is no longer kept.
    fn back_up(&self) -> Result<(), CodedError> {
        let at = self.clock.now();
        let book = self.read_book()?;
        let made = self.make_backup(&book, at);
        let proved = made.as_ref().map_err(Clone::clone).and_then(|made| {
            let name = made.path.file_name().unwrap_or_default();
            self.prove(&Kept {
                name: name.to_string_lossy().into_owned(),
                path: made.path.clone(),
                bytes: made.bytes,
            })
        });
        let proof = proved.unwrap_or_else(|error| Proof::failed(at, &error));
        let outcome = BackupOutcome {
            at,
            bytes: made.as_ref().map_or(0, |made| made.bytes),
            error: proof.error.clone(),
        };
        let is_good = outcome.error.is_none();
        if is_good {
            info!(bytes = outcome.bytes, "A backup was made and proved.");
            let folder = book.settings.folder_in(self.data());
            match iq_backup::prune(&folder, &self.appliance_text(), book.settings.retention) {
                Ok(removed) => removed
                    .iter()
                    .for_each(|name| info!(name, "A backup is no longer kept.")),
                Err(error) => error!(%error, "Backups that are no longer kept can't be removed."),
            }
        } else {
            error!(error = ?outcome.error, "No good backup was made.");
        }
        let left = self.backups_in(&book).unwrap_or_default();
        *self.backups.book.lock() = Some(outcome);
        self.change_book(|book| {
            book.proofs
                .retain(|name, _| left.iter().any(|kept| kept.name == *name));
        })?;
        Ok(())
    }

    fn make_backup(&self, book: &Book, now: Timestamp) -> Result<Made, CodedError> {
        let key = self.backup_key()?;
        let made: Result<Made, BackupError> = iq_backup::make(&Request {
            data: self.data(),
            into: &book.settings.folder_in(self.data()),
            now,
            program: env!("CARGO_PKG_VERSION"),
            appliance: &self.appliance_text(),
            key: &key,
            passphrase: None,
        });
        Ok(made?)
    }

    fn prove(&self, kept: &Kept) -> Result<Proof, CodedError> {
        *self.backups.work.lock() = Some(BackupWork::Proving(kept.name.clone()));
        let opener = Opener::Key(self.backup_key()?);
        let at = self.clock.now();
        let proof = match prove_backup(&kept.path, &opener, self.data(), &self.clock) {
            Ok(proved) => Proof {
                at,
                rows: proved.manifest.rows.values().flat_map(|t| t.values()).sum(),
                samples: proved.samples,
                error: None,
            },
            Err(error) => Proof::failed(at, &error),
        };
        let (name, kept) = (kept.name.clone(), proof.clone());
        self.change_book(|book| drop(book.proofs.insert(name, kept)))?;
        Ok(proof)
    }
}

impl Book {
    /// Whether a backup is due; the next time is counted before it runs.
    fn tick(&mut self, now: Timestamp) -> bool {
        if !self.settings.is_enabled {
            self.next_at = None;
            return false;
        }
        let zone = TimeZone::get(&self.settings.time_zone).unwrap_or(TimeZone::UTC);
        let coming = next_after(self.settings.cadence, &zone, now);
        let is_due = self.next_at.is_some_and(|at| at <= now);
        // A clock that was put back: what stands there is further away than a cadence ever is.
        let is_too_far = self
            .next_at
            .zip(coming)
            .is_some_and(|(at, coming)| at > coming);
        if is_due || is_too_far || self.next_at.is_none() {
            self.next_at = coming;
        }
        is_due
    }
}
