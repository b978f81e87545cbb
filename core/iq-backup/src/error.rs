//! What can go wrong with a backup, and the code a person sees for it.

use std::path::Path;

use iq_domain::{CodedError, ErrorKind};

/// An error of a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is none of ours.
    #[error("{0} is not a backup")]
    NotABackup(String),
    /// A newer program wrote it.
    #[error("{0} was written by a newer program")]
    Newer(String),
    /// It opens with another key or passphrase.
    #[error("the backup opens with another key")]
    WrongKey,
    /// Bytes were changed, lost, or added.
    #[error("the backup is damaged at byte {0}")]
    Damaged(u64),
    /// It opens, but what is inside is not what was saved.
    #[error("the content of the backup is not right: {0}")]
    Content(String),
    /// The text or file holds no backup key.
    #[error("no backup key")]
    NotAKey,
    /// Nothing was given that could open it.
    #[error("neither key nor passphrase was given")]
    NoKey,
    /// There is not enough room.
    #[error("{free} bytes are free, {need} are needed in {folder}")]
    NoRoom {
        /// Bytes that are needed.
        need: u64,
        /// Bytes that are free.
        free: u64,
        /// Where.
        folder: String,
    },
    /// A file or folder can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A database can't be copied.
    #[error("{file}: {source}")]
    Database {
        /// Which.
        file: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers from the operating system")]
    NoRandom,
}

impl BackupError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }

    pub(crate) fn database(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let file = path.display().to_string();
        move |source| Self::Database { file, source }
    }
}

impl From<iq_secrets::SecretsError> for BackupError {
    fn from(_: iq_secrets::SecretsError) -> Self {
        Self::NoRandom
    }
}

impl From<BackupError> for CodedError {
    fn from(error: BackupError) -> Self {
        use std::io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
        let detail = error.to_string();
        match error {
            BackupError::NotABackup(file) => {
                Self::invalid("backup.not_a_backup").with("file", file)
            }
            BackupError::Newer(file) => Self::conflict("backup.newer").with("file", file),
            BackupError::WrongKey => Self::invalid("backup.wrong_key"),
            BackupError::Damaged(at) => Self::invalid("backup.damaged").with("at", at),
            BackupError::Content(reason) => Self::invalid("backup.content").with("reason", reason),
            BackupError::NotAKey => Self::invalid("backup.not_a_key"),
            BackupError::NoKey => Self::invalid("backup.no_key"),
            BackupError::NoRoom { need, free, folder } => {
                Self::new(ErrorKind::Unavailable, "backup.no_room")
                    .with("need", need.div_ceil(1_000_000))
                    .with("free", free / 1_000_000)
                    .with("folder", folder)
            }
            BackupError::File { path, source } => match source.kind() {
                NotFound => Self::not_found("backup.not_found").with("file", path),
                PermissionDenied | ReadOnlyFilesystem => {
                    Self::new(ErrorKind::Unavailable, "backup.no_access").with("file", path)
                }
                StorageFull => Self::new(ErrorKind::Unavailable, "backup.disk_full"),
                _ => Self::new(ErrorKind::Unavailable, "backup.file")
                    .with("file", path)
                    .with("reason", source),
            },
            BackupError::Database { file, .. } => {
                tracing::error!(detail, "A database could not be copied.");
                Self::new(ErrorKind::Unavailable, "backup.database").with("file", file)
            }
            BackupError::NoRandom => Self::new(ErrorKind::Internal, "secrets.no_random"),
        }
    }
}
