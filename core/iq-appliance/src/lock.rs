//! One owner per data folder: a lock held while the appliance runs, with a note for those who come
//! second (the desktop window) saying where the first one listens.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use iq_domain::{CodedError, ErrorKind};
use serde_json::json;

const FILE: &str = "appliance.lock";

/// The lock of a data folder.
#[derive(Debug)]
pub struct DataLock {
    file: File,
    path: PathBuf,
}

/// Where the owner of a data folder listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Address of its pages.
    pub url: String,
    /// Address that binds a desktop window once.
    pub entry: String,
}

/// The answer to the wish to own a folder.
#[derive(Debug)]
pub enum Claim {
    /// It is ours.
    Ours(DataLock),
    /// Another process has it; it may not have said yet where it listens.
    Taken(Option<Owner>),
}

/// Makes the folder if it is not there, and closes it to other users of the machine.
pub(crate) fn prepare(data_dir: &Path) -> Result<()> {
    std::fs::create_dir_all(data_dir).map_err(|error| unusable(data_dir, error))?;
    restrict(data_dir)
}

/// Why a folder or a file in it can't be used, as the person is told who started the program: mostly
/// it belongs to another account.
pub(crate) fn unusable(path: &Path, error: std::io::Error) -> anyhow::Error {
    use std::io::ErrorKind::{
        AlreadyExists, NotADirectory, PermissionDenied, ReadOnlyFilesystem, StorageFull,
    };
    let coded = match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => {
            CodedError::new(ErrorKind::Unavailable, "data.no_access")
        }
        AlreadyExists | NotADirectory => CodedError::invalid("data.not_a_folder"),
        StorageFull => CodedError::new(ErrorKind::Unavailable, "store.disk_full"),
        _ => {
            let told = format!("{} can't be used", path.display());
            return anyhow::Error::new(error).context(told);
        }
    };
    coded
        .with("path", path.display())
        .with("reason", error)
        .into()
}

/// Claims the folder; creates it if it is not there. A restore that was decided is done first.
pub fn claim(data_dir: &Path) -> Result<Claim> {
    prepare(data_dir)?;
    let path = data_dir.join(FILE);
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| unusable(&path, error))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            iq_backup::finish_pending(data_dir).map_err(iq_domain::CodedError::from)?;
            Ok(Claim::Ours(DataLock { file, path }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(Claim::Taken(parse(&text)))
        }
        Err(TryLockError::Error(error)) => Err(error).context("the data folder can't be locked"),
    }
}

fn parse(text: &str) -> Option<Owner> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(Owner {
        pid: u32::try_from(value["pid"].as_u64()?).ok()?,
        url: value["url"].as_str()?.to_owned(),
        entry: value["entry"].as_str()?.to_owned(),
    })
}

impl DataLock {
    /// Says where we listen.
    ///
    /// `entry` is the address that binds the next desktop window once; the file is readable by its
    /// owner only.
    pub fn announce(&mut self, url: &str, entry: &str) -> Result<()> {
        let note = json!({ "pid": std::process::id(), "url": url, "entry": entry }).to_string();
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(note.as_bytes())?;
        self.file
            .sync_all()
            .context("the lock file can't be written")
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Keeps other users of the machine out of the folder.
#[cfg(unix)]
fn restrict(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(dir)?.permissions().mode();
    if mode & 0o007 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode & 0o770))
            .context("the data folder can't be closed to other users")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_dir: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_not_be_used_is_refused_by_a_code() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = claim(&path).unwrap_err();
            let coded = error.downcast_ref::<CodedError>().unwrap();
            assert_eq!(coded.code, "data.not_a_folder", "{}", path.display());
        }
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = unusable(&file, denied);
        assert_eq!(
            error.downcast_ref::<CodedError>().unwrap().code,
            "data.no_access"
        );
    }

    #[test]
    fn a_second_claim_learns_where_the_owner_listens() {
        let dir = tempfile::tempdir().unwrap();
        let Claim::Ours(mut lock) = claim(dir.path()).unwrap() else {
            panic!("not ours")
        };
        lock.announce("http://127.0.0.1:4100", "http://127.0.0.1:4100/x")
            .unwrap();
        let Claim::Taken(Some(owner)) = claim(dir.path()).unwrap() else {
            panic!("not taken")
        };
        assert_eq!(owner.url, "http://127.0.0.1:4100");
        assert_eq!(owner.pid, std::process::id());
        drop(lock);
        assert!(matches!(claim(dir.path()).unwrap(), Claim::Ours(_)));
    }
}
