//! From a backup back to a folder.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use crate::{
    BackupError, Header, Manifest, Opener,
    archive::{self, Failure},
    files,
    seal::{self, SealedReader},
    snapshot,
};

/// What a backup says of itself without a key. Nothing of it is proved before it is opened.
///
/// # Errors
/// When the file is no backup or can't be read.
pub fn inspect(file: &Path) -> Result<Header, BackupError> {
    let mut from = File::open(file).map_err(BackupError::file(file))?;
    let name = file.display().to_string();
    seal::read_header(&mut from, &name).map(|(header, _)| header)
}

/// Unpacks a backup into a folder, which is made. A folder in which this failed holds nothing to rely
/// on.
///
/// # Errors
/// When the key is another, a byte of the file is not as it was written, or there is no room.
pub fn unpack(
    file: &Path,
    opener: &Opener,
    into: &Path,
) -> Result<(Header, Manifest), BackupError> {
    let from = File::open(file).map_err(BackupError::file(file))?;
    let length = from.metadata().map_err(BackupError::file(file))?.len();
    let from = BufReader::with_capacity(1 << 20, from);
    let name = file.display().to_string();
    let (mut sealed, header) = SealedReader::begin(from, &name, opener)?;
    files::create_folder(into)?;
    files::require_room(into, length)?;
    let mut stream = zstd::stream::read::Decoder::new(sealed.by_ref())
        .map_err(BackupError::file(file))?
        .single_frame();
    let extracted = archive::extract(&mut stream, into);
    drop(stream);
    let damaged = |sealed: &SealedReader<_>| BackupError::Damaged(sealed.at());
    let manifest = match extracted {
        Ok(manifest) => manifest,
        Err(Failure::Folder(error)) => return Err(error),
        Err(Failure::Stream) => return Err(damaged(&sealed)),
    };
    // Through to the last frame: what follows the archive would not have been looked at.
    match std::io::copy(&mut sealed, &mut std::io::sink()) {
        Ok(0) => {}
        _ => return Err(damaged(&sealed)),
    }
    sync_folders(into, &manifest)?;
    Ok((header, manifest))
}

fn sync_folders(into: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let folders: std::collections::BTreeSet<_> = manifest
        .files
        .iter()
        .flat_map(|file| Path::new(&file.name).ancestors().skip(1))
        .collect();
    for folder in folders {
        files::sync_folder(&into.join(folder))?;
    }
    Ok(())
}

/// Looks through the databases of an unpacked backup: whole, and with the rows that were there when it
/// was made.
///
/// # Errors
/// [`BackupError::Content`] with the reason.
pub fn check(folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    for (name, rows) in &manifest.rows {
        let path = folder.join(name);
        let wrong = |reason: String| BackupError::Content(format!("{name}: {reason}"));
        let conn = snapshot::read_only(&path).map_err(BackupError::database(&path))?;
        let word: String = conn
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| wrong(error.to_string()))?;
        if word != "ok" {
            return Err(wrong(word));
        }
        let found = snapshot::rows(&conn).map_err(|error| wrong(error.to_string()))?;
        for (table, count) in rows {
            let has = found.get(table).copied();
            if has != Some(*count) {
                let has = has.map_or_else(|| "no table".to_owned(), |has| has.to_string());
                return Err(wrong(format!("{table} has {has} instead of {count}")));
            }
        }
    }
    Ok(())
}
