//! What the appliance remembers about its backups: a file of its own, since it belongs to the whole
//! folder and to none of the tenants in it.

use std::path::{Path, PathBuf};

use crate::{BackupError, files};

const FILE: &str = "backups.json";

/// The text that was kept last, if there is one.
///
/// # Errors
/// When the file can't be read.
pub fn read_book(data: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    let path = data.join(FILE);
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(BackupError::file(&path)),
    }
}

/// Keeps a text in the place of the last one.
///
/// # Errors
/// When the file can't be written.
pub fn write_book(data: &Path, text: &[u8]) -> Result<(), BackupError> {
    files::write_whole(&data.join(FILE), text)
}

/// Keeps a text that can't be read beside it, for whoever wants to see what it said. Says where.
///
/// # Errors
/// When the file can't be written.
pub fn keep_damaged_book(data: &Path, text: &[u8]) -> Result<PathBuf, BackupError> {
    let path = data.join(format!("{FILE}.damaged"));
    files::write_whole(&path, text)?;
    Ok(path)
}
