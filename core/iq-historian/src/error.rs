//! What can go wrong in the historian, and the codes a person sees.

use iq_domain::{CodedError, ErrorKind, Timestamp};

/// A failure of the historian.
#[derive(Debug, thiserror::Error)]
pub enum HistorianError {
    /// The volume or the configured size limit is exhausted; nothing of the batch was stored.
    #[error("no space left for the historian")]
    DiskFull,
    /// Written by a newer program; left untouched.
    #[error("historian format {found} is newer than {supported}")]
    Newer {
        /// Format found.
        found: i64,
        /// Newest format this program reads.
        supported: i64,
    },
    /// The file belongs to something else.
    #[error("not a historian file")]
    Foreign,
    /// Another process has it open.
    #[error("historian file is in use")]
    InUse,
    /// The linked SQLite has the bug that can lose committed writes.
    #[error("SQLite {0} is older than 3.51.3")]
    OldSqlite(&'static str),
    /// A stored chunk does not match its checksum.
    #[error("chunk of signal {signal_no} at {t0} is damaged")]
    ChunkDamaged {
        /// Signal it belongs to.
        signal_no: u32,
        /// First time it covers.
        t0: Timestamp,
    },
    /// The codec refused its input.
    #[error("codec refused a block")]
    Codec,
    /// The historian was closed.
    #[error("historian is closed")]
    Closed,
    /// A signal number outside 0 to 524,287.
    #[error("signal number {0} is too large")]
    SignalNumber(u32),
    /// A bucket length or a width of zero or less.
    #[error("bucket length or width must be positive")]
    Bucket,
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<rusqlite::Error> for HistorianError {
    fn from(error: rusqlite::Error) -> Self {
        // Growing the shared index of the write-ahead log fails with its own code on a full volume.
        const SHM_SIZE: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        match &error {
            rusqlite::Error::SqliteFailure(cause, _)
                if cause.code == rusqlite::ErrorCode::DiskFull
                    || cause.extended_code == SHM_SIZE =>
            {
                Self::DiskFull
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl HistorianError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => "store.disk_full",
            Self::Newer { .. } => "historian.newer",
            Self::Foreign => "historian.foreign",
            Self::InUse => "historian.in_use",
            Self::OldSqlite(_) => "historian.old_sqlite",
            Self::ChunkDamaged { .. } => "historian.chunk_damaged",
            Self::Closed => "historian.closed",
            Self::SignalNumber(_) => "historian.signal_number",
            Self::Bucket => "historian.bucket",
            Self::Codec | Self::Sqlite(_) | Self::Io(_) => "historian.io",
        }
    }
}

impl From<&HistorianError> for CodedError {
    fn from(error: &HistorianError) -> Self {
        let kind = match error {
            HistorianError::DiskFull | HistorianError::Closed | HistorianError::InUse => {
                ErrorKind::Unavailable
            }
            HistorianError::Newer { .. } | HistorianError::Foreign => ErrorKind::Conflict,
            HistorianError::SignalNumber(_) | HistorianError::Bucket => ErrorKind::Invalid,
            _ => ErrorKind::Internal,
        };
        let coded = Self::new(kind, error.code());
        match error {
            HistorianError::Newer { found, supported } => {
                coded.with("found", found).with("supported", supported)
            }
            HistorianError::ChunkDamaged { signal_no, t0 } => {
                coded.with("signal", signal_no).with("time", t0)
            }
            HistorianError::OldSqlite(version) => coded.with("version", version),
            HistorianError::SignalNumber(number) => coded.with("signal", number),
            _ => coded,
        }
    }
}

impl From<HistorianError> for CodedError {
    fn from(error: HistorianError) -> Self {
        Self::from(&error)
    }
}
