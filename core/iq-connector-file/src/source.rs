//! An opened file: a regular file and no link, so that nobody can put another one in its place while it
//! is read.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom},
    path::Path,
};

use iq_domain::{CodedError, ErrorKind};

/// An opened file.
#[derive(Debug)]
pub struct FileSource(File);

/// A file that can't be read.
pub(crate) fn unreadable(error: io::Error) -> CodedError {
    match error.kind() {
        io::ErrorKind::NotFound => CodedError::not_found("file.gone"),
        _ => CodedError::new(ErrorKind::Unavailable, "file.unreadable").with("detail", error),
    }
}

impl FileSource {
    /// Opens a file. Links, pipes and devices are refused.
    pub fn open(path: &Path) -> Result<Self, CodedError> {
        let refused = || CodedError::invalid("file.not_regular");
        let about = std::fs::symlink_metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err(refused());
        }
        let file = options().open(path).map_err(|error| {
            // What was a file a moment ago is a link now.
            if std::fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
                refused()
            } else {
                unreadable(error)
            }
        })?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(refused());
        }
        Ok(Self(file))
    }

    /// The file from its start. All readers of one source share a position: use one at a time.
    pub(crate) fn rewound(&self) -> io::Result<File> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Its size.
    pub fn len(&self) -> Result<u64, CodedError> {
        Ok(self.0.metadata().map_err(unreadable)?.len())
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> Result<bool, CodedError> {
        Ok(self.len()? == 0)
    }
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    // Without NONBLOCK a pipe that was put there would be waited for.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
    options
}

#[cfg(windows)]
fn options() -> OpenOptions {
    use std::os::windows::fs::OpenOptionsExt;

    /// Opens a link itself instead of what it points to.
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    options
}
