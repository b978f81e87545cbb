//! A prepared folder takes the place of what is in a data folder. The data folder itself is not renamed:
//! it may be a disk of its own, or belong to a parent nobody may write to.
//!
//! 1. `.restore/new` is filled and checked. Until the next step nothing has happened.
//! 2. It becomes `.restore/ready`. From here on the restore will be done, by this process or by the next
//!    one that claims the folder.
//! 3. What is replaced moves to `before-restore-…`; then `ready` becomes `placing`.
//! 4. What is in `placing` moves up; then `.restore` goes.
//!
//! Each step is a rename and may be done again. Whoever opens a data folder finishes this first, so a
//! store never opens on half of it.

use std::path::{Path, PathBuf};

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BackupError, DEFAULT_FOLDER, PROVING, RESERVE, files};

const ROOM: &str = ".restore";
const NEW: &str = "new";
const READY: &str = "ready";
const PLACING: &str = "placing";
const PLAN: &str = "plan.json";
const ASIDE: &str = "before-restore-";

/// Stands in a restored folder until the appliance has taken note of it.
pub const RESTORED_MARK: &str = "restored";

/// What that file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredMark {
    /// Id of the backup, or what else the data came from.
    pub source: String,
    /// When that was made.
    pub made_at: Timestamp,
    /// When it was restored.
    pub restored_at: Timestamp,
}

impl RestoredMark {
    /// The mark of a folder that was restored and not opened since.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let text = std::fs::read(data.join(RESTORED_MARK)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Takes the mark away.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn clear(data: &Path) -> Result<(), BackupError> {
        files::remove(&data.join(RESTORED_MARK))?;
        files::sync_folder(data)
    }
}

/// What the swap has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    /// Where the old goes.
    aside: String,
    /// Names that are replaced; everything when absent.
    only: Option<Vec<String>>,
}

/// A folder being prepared.
pub struct Stage {
    data: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// Begins; what an earlier one left unfinished is thrown away.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn begin(data: &Path) -> Result<Self, BackupError> {
        let room = data.join(ROOM);
        let folder = room.join(NEW);
        withdraw_pending(data)?;
        files::remove(&room)?;
        files::create_folder(&folder)?;
        Ok(Self {
            data: data.to_owned(),
            folder,
        })
    }

    /// Where the new content is put.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Decides: from now on the content takes the place of everything, or of `only` these names, as
    /// soon as [`finish_pending`] runs. Everything in it must be on the disk already.
    ///
    /// # Errors
    /// When the folder can't be written; then nothing is decided.
    pub fn commit(self, mark: &RestoredMark, only: Option<Vec<String>>) -> Result<(), BackupError> {
        let text = serde_json::to_vec(mark).expect("texts and numbers");
        files::write_whole(&self.folder.join(RESTORED_MARK), &text)?;
        let moment = mark.restored_at.to_string();
        let plan = Plan {
            aside: format!("{ASIDE}{}", moment.replace([':', '.'], "-")),
            only,
        };
        let room = self.data.join(ROOM);
        let text = serde_json::to_vec(&plan).expect("texts");
        files::write_whole(&room.join(PLAN), &text)?;
        files::sync_folder(&self.folder)?;
        files::rename(&self.folder, &room.join(READY))?;
        files::sync_folder(&self.data)
    }
}

/// Whether a restore has been decided and not been done.
#[must_use]
pub fn has_pending(data: &Path) -> bool {
    let room = data.join(ROOM);
    room.join(READY).is_dir() || room.join(PLACING).is_dir()
}

/// Takes back a restore of which nothing was done yet. Says whether there was one.
///
/// # Errors
/// When the folder can't be written.
pub fn withdraw_pending(data: &Path) -> Result<bool, BackupError> {
    let room = data.join(ROOM);
    if room.join(PLACING).is_dir() || !room.join(READY).is_dir() {
        return Ok(false);
    }
    // In one step, so that no half of it is ever placed.
    files::rename(&room.join(READY), &room.join(NEW))?;
    files::remove(&room)?;
    Ok(true)
}

/// Finishes what a restore has decided, and clears what was never decided. Only for whoever has the
/// lock of the data folder. Says where the old content went.
///
/// # Errors
/// When the folder can't be written; it is gone on with at the next call.
pub fn finish_pending(data: &Path) -> Result<Option<PathBuf>, BackupError> {
    for name in files::names(data)? {
        if name.starts_with(PROVING) {
            files::remove(&data.join(name))?;
        }
    }
    let room = data.join(ROOM);
    let (ready, placing) = (room.join(READY), room.join(PLACING));
    if !ready.is_dir() && !placing.is_dir() {
        files::remove(&room)?;
        return Ok(None);
    }
    let path = room.join(PLAN);
    let text = std::fs::read(&path).map_err(BackupError::file(&path))?;
    let plan: Plan = serde_json::from_slice(&text)
        .map_err(|_| BackupError::Content("the plan of the restore can't be read".to_owned()))?;
    let aside = data.join(&plan.aside);
    if ready.is_dir() {
        files::create_folder(&aside)?;
        for name in files::names(data)? {
            if plan.moves(&name) {
                files::rename(&data.join(&name), &aside.join(&name))?;
            }
        }
        files::rename(&ready, &placing)?;
    }
    for name in files::names(&placing)? {
        files::rename(&placing.join(&name), &data.join(&name))?;
    }
    // Before the plan: a folder that waits to be placed never stands there without it.
    files::remove(&placing)?;
    files::sync_folder(&room)?;
    files::remove(&room)?;
    files::sync_folder(data)?;
    tracing::warn!(old = %aside.display(), "A restored copy took the place of the data.");
    Ok(Some(aside))
}

impl Plan {
    fn moves(&self, name: &str) -> bool {
        // The lock is held, backups outlive what they were made of, and the room kept back is the disk's.
        let stays = [DEFAULT_FOLDER, RESERVE, "appliance.lock"];
        if is_ours(name) || stays.contains(&name) {
            return false;
        }
        let Some(only) = &self.only else {
            return true;
        };
        // A database goes with its journals: one that stayed would be played into the other file.
        only.iter().any(|wanted| {
            name.strip_prefix(wanted.as_str())
                .is_some_and(|rest| matches!(rest, "" | "-wal" | "-shm" | "-journal"))
        })
    }
}

/// Names that belong to restoring itself.
pub(crate) fn is_ours(name: &str) -> bool {
    name == ROOM || name.starts_with(ASIDE)
}
