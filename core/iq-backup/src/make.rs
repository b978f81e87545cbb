//! A backup of a data folder, whether or not its appliance runs.

use std::{
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use iq_domain::Timestamp;
use iq_secrets::{SecretString, random_bytes};

use crate::{
    BackupError, BackupKey, DATABASES, DEFAULT_FOLDER, Manifest, PROVING, RESERVE, WINDOW_KEY,
    archive::Writer,
    files, keep,
    seal::{Label, SealedWriter},
    snapshot, swap,
};

/// Copies of databases on their way into a backup.
const WORK: &str = ".backup-work";
const LEVEL: i32 = 3;

/// What is to be saved.
pub struct Request<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// Where the backup goes; made when it is not there.
    pub into: &'a Path,
    /// When.
    pub now: Timestamp,
    /// Version of this program.
    pub program: &'a str,
    /// Id of the appliance.
    pub appliance: &'a str,
    /// Opens it.
    pub key: &'a BackupKey,
    /// Opens it too.
    pub passphrase: Option<&'a SecretString>,
}

/// A backup that is on the disk.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it holds.
    pub manifest: Manifest,
}

/// Makes a backup. It appears in its folder whole or not at all.
///
/// # Errors
/// When a file can't be read or written, or the disk has no room for the copies.
pub fn make(request: &Request<'_>) -> Result<Made, BackupError> {
    files::create_folder(request.into)?;
    let work = request.data.join(WORK);
    files::remove(&work)?;
    files::create_folder(&work)?;
    let made = write(request, &work);
    let cleared = files::remove(&work);
    let made = made?;
    cleared?;
    Ok(made)
}

fn write(request: &Request<'_>, work: &Path) -> Result<Made, BackupError> {
    let path = free_name(request);
    let partial = files::partial_of(&path);
    files::remove(&partial)?;
    let written = write_to(request, work, &partial);
    let manifest = match written {
        Ok(manifest) => manifest,
        Err(error) => {
            files::remove(&partial)?;
            return Err(error);
        }
    };
    files::rename(&partial, &path)?;
    let bytes = std::fs::metadata(&path).map_err(BackupError::file(&path))?;
    Ok(Made {
        bytes: bytes.len(),
        path,
        manifest,
    })
}

/// A second backup of the same second gets the next one's name.
fn free_name(request: &Request<'_>) -> PathBuf {
    let mut at = request.now;
    loop {
        let path = request.into.join(keep::name_of(request.appliance, at));
        if !path.exists() {
            return path;
        }
        at = at.plus_ms(1_000);
    }
}

fn write_to(request: &Request<'_>, work: &Path, partial: &Path) -> Result<Manifest, BackupError> {
    let id: [u8; 16] = random_bytes()?;
    let label = Label {
        id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        made_at: request.now,
        program: request.program,
        appliance: request.appliance,
    };
    let failed = || BackupError::file(partial);
    let file = BufWriter::with_capacity(1 << 20, files::create(partial)?);
    let sealed = SealedWriter::begin(file, label, request.key, request.passphrase)?;
    let compressed = zstd::stream::write::Encoder::new(sealed, LEVEL).map_err(failed())?;
    let mut archive = Writer::new(compressed);
    // Before the store's moment: the file of checkpoints may lag behind the store, never lead it.
    for name in plain_files(request.data, request.into)? {
        archive.add(&name, &request.data.join(&name))?;
    }
    let snapshots = snapshot::take(request.data)?;
    let sizes = snapshots.iter().map(snapshot::Snapshot::bytes);
    files::require_room(work, sizes.sum::<Result<u64, _>>()?)?;
    for snapshot in snapshots {
        let copy = work.join(snapshot.name);
        archive.rows(snapshot.name, snapshot.rows()?);
        snapshot.copy_to(&copy)?;
        let name = snapshot.name;
        // Its write-ahead log may shrink again.
        drop(snapshot);
        archive.add(name, &copy)?;
        files::remove(&copy)?;
    }
    let (compressed, manifest) = archive.finish().map_err(failed())?;
    let sealed = compressed.finish().map_err(failed())?;
    let mut file = sealed.finish().map_err(failed())?;
    file.flush().map_err(failed())?;
    file.get_ref().sync_all().map_err(failed())?;
    Ok(manifest)
}

/// Everything but the databases and what is not worth keeping, as paths within the folder.
fn plain_files(data: &Path, target: &Path) -> Result<Vec<String>, BackupError> {
    let target = std::fs::canonicalize(target).map_err(BackupError::file(target))?;
    let mut found = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        let is_top = folder.is_empty();
        for name in files::names(&data.join(&folder))? {
            let relative = if is_top {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let path = data.join(&relative);
            // Links lead out of the folder.
            let Ok(kind) = std::fs::symlink_metadata(&path).map(|m| m.file_type()) else {
                continue;
            };
            // Each backup would hold all before it, in whatever folder they were made.
            let is_skipped = is_passing(&name) || keep::is_name(&name);
            if is_skipped || is_top && is_left_out(&name) {
                continue;
            }
            if kind.is_dir() {
                if std::fs::canonicalize(&path).ok().as_ref() != Some(&target) {
                    waiting.push(relative);
                }
            } else if kind.is_file() {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_left_out(name: &str) -> bool {
    DATABASES.contains(&name)
        || name == WORK
        || name == DEFAULT_FOLDER
        || name == RESERVE
        || name == WINDOW_KEY
        || name.starts_with(PROVING)
        || swap::is_ours(name)
}

/// Locks, journals, copies and half-written files.
fn is_passing(name: &str) -> bool {
    [".lock", ".partial", ".bak", "-wal", "-shm", "-journal"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
