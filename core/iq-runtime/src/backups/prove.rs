//! A backup is proved by restoring it: unpacked beside the data, brought to this program's schema, its
//! keys read, its evidence log gone through to the last record, its historian opened.

use std::{path::Path, sync::Arc};

use iq_backup::{BackupError, Header, Manifest, Opener};
use iq_domain::{Clock, CodedError};
use iq_historian::{Historian, HistorianConfig};
use iq_secrets::MasterKey;

use crate::{EvidenceParts, open_store};

/// What a backup was found to hold.
#[derive(Clone, Debug)]
pub struct ProvedBackup {
    /// What it says of itself.
    pub header: Header,
    /// Its files and rows.
    pub manifest: Manifest,
    /// Samples in its historian.
    pub samples: u64,
}

/// Restores a backup into a folder of its own beneath `room`, looks at everything, and throws it away.
///
/// # Errors
/// `backup.damaged`, `backup.content` and their like, with the reason.
pub fn prove_backup(
    file: &Path,
    opener: &Opener,
    room: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<ProvedBackup, CodedError> {
    let folder = tempfile::Builder::new()
        .prefix(iq_backup::PROVING)
        .tempdir_in(room)
        .map_err(|source| BackupError::File {
            path: room.display().to_string(),
            source,
        })?;
    let (header, manifest) = iq_backup::unpack(file, opener, folder.path())?;
    iq_backup::check(folder.path(), &manifest)?;
    let samples = open_all(folder.path(), clock)?;
    Ok(ProvedBackup {
        header,
        manifest,
        samples,
    })
}

/// Opens a restored folder as an appliance would, and returns how many samples are in it.
///
/// # Errors
/// `backup.content` when the evidence log is not whole; else as opening a store does.
fn open_all(folder: &Path, clock: &Arc<dyn Clock>) -> Result<u64, CodedError> {
    let content = |reason: String| CodedError::from(BackupError::Content(reason));
    let id = std::fs::read_to_string(folder.join("appliance.id")).unwrap_or_default();
    let number = u128::from_str_radix(id.trim(), 16);
    let number = number.map_err(|_| content("appliance.id".to_owned()))?;
    let key = MasterKey::load(&folder.join("master.key")).map_err(CodedError::from)?;
    // A folder that was restored and not started since carries its mark into the backup. Here it would
    // begin another epoch, and a restore of this backup leaves a mark of its own.
    iq_backup::RestoredMark::clear(folder)?;
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: number.to_be_bytes(),
        // Which machine this is does not matter for whether the backup is good.
        machine: None,
        clock: Arc::clone(clock),
        master_key: Arc::new(key),
    })?;
    if let Some(trouble) = evidence.first_trouble(&store)? {
        return Err(content(format!("evidence log: {trouble}")));
    }
    store.close();
    let historian = Historian::open(&folder.join("historian.db"), HistorianConfig::default())?;
    let samples = historian.stats()?.samples;
    historian.close()?;
    Ok(samples)
}
