//! Files for the owner alone that are on the disk when a call returns.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::BackupError;

/// A new file that only its owner reads.
pub(crate) fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(BackupError::file(path))
}

/// A folder that only its owner enters; it may be there.
pub(crate) fn create_folder(path: &Path) -> Result<(), BackupError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(BackupError::file(path))
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let partial = partial_of(path);
    remove(&partial)?;
    let mut file = create(&partial)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(BackupError::file(&partial))?;
    drop(file);
    rename(&partial, path)
}

pub(crate) fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// Moves, and waits until the disk knows.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    std::fs::rename(from, to).map_err(BackupError::file(from))?;
    for path in [from, to] {
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
    }
    Ok(())
}

/// Removes a file or a folder with all in it; it may be gone.
pub(crate) fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackupError::file(path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(BackupError::file(path))
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_path: &Path) -> Result<(), BackupError> {
    Ok(())
}

/// Names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(BackupError::file(folder))? {
        let entry = entry.map_err(BackupError::file(folder))?;
        // A name that is no Unicode is none of ours.
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Refuses to begin what the disk has no room for, with some to spare for the appliance.
pub(crate) fn require_room(folder: &Path, bytes: u64) -> Result<(), BackupError> {
    const SPARE: u64 = 64 << 20;
    let free = fs4::available_space(folder).map_err(BackupError::file(folder))?;
    let need = bytes.saturating_add(SPARE);
    if free < need {
        return Err(BackupError::NoRoom {
            need,
            free,
            folder: folder.display().to_string(),
        });
    }
    Ok(())
}

/// Makes a folder if it is not there, and proves that it can be written to.
///
/// # Errors
/// When it can't.
pub fn require_writable(folder: &Path) -> Result<(), BackupError> {
    create_folder(folder)?;
    let path = folder.join(".optria-write-test");
    remove(&path)?;
    drop(create(&path)?);
    remove(&path)
}
