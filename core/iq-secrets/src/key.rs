//! The master key and its file.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{SecretsError, random_bytes};

const LENGTH: usize = 32;
const HEADER: &str = "optria master key 1\n";

/// The key that seals stored secrets and from which other keys of the appliance are derived. It is
/// wiped from memory when it is dropped.
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

impl MasterKey {
    /// Reads the key file, or creates it with a new key when there is none.
    ///
    /// # Errors
    /// When the file can't be read or written, is damaged, or may be read by other users.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretsError> {
        match Self::load(path) {
            Err(SecretsError::KeyFile { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Self::create(path)
            }
            other => other,
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// As [`MasterKey::load_or_create`], and when there is no file.
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        let failed = |source| SecretsError::KeyFile {
            path: shown(path),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        refuse_open_to_others(path, &file)?;
        let mut text = Zeroizing::new(String::with_capacity(256));
        let read = file.take(256).read_to_string(&mut text);
        read.map_err(failed)?;
        let damaged = || SecretsError::KeyFileDamaged { path: shown(path) };
        let encoded = text.strip_prefix(HEADER).ok_or_else(damaged)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded.trim_end()).map_err(|_| damaged())?);
        let mut key = Zeroizing::new([0; LENGTH]);
        if bytes.len() != LENGTH {
            return Err(damaged());
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// The file appears complete or not at all: a half-written key would lock every secret away.
    fn create(path: &Path) -> Result<Self, SecretsError> {
        let failed = |source| SecretsError::KeyFile {
            path: shown(path),
            source,
        };
        let key = Self(Zeroizing::new(random_bytes()?));
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        match std::fs::remove_file(&partial) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let text = Zeroizing::new(format!("{HEADER}{}\n", STANDARD.encode(key.0.as_slice())));
        let mut file = create_for_owner(&partial).map_err(failed)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        drop(file);
        if path.exists() {
            return Self::load(path);
        }
        std::fs::rename(&partial, path).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(key)
    }

    /// The key of a secret text, for programs without a folder of their own: several instances are
    /// given the same text. The text must be long and random; nothing here makes guessing slow.
    #[must_use]
    pub fn from_text(text: &crate::SecretString) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(text.expose().as_bytes())
            .expect("any key length will do");
        mac.update(b"optria master key of a text 1");
        Self(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    /// Names the key without telling anything about it.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let derived = self.derive("key id");
        let mut id = [0; 8];
        id.copy_from_slice(&derived[..8]);
        id
    }

    /// A key for one purpose ("session"); the same purpose always gives the same key.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; LENGTH]> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any key length will do");
        mac.update(b"optria derive 1\0");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn create_for_owner(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path, file: &File) -> Result<(), SecretsError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|source| SecretsError::KeyFile {
        path: shown(path),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretsError::KeyFileOpenToOthers {
            path: shown(path),
            mode,
        });
    }
    Ok(())
}

/// Elsewhere the folder's access list decides; the installer sets it.
#[cfg(not(unix))]
fn refuse_open_to_others(_path: &Path, _file: &File) -> Result<(), SecretsError> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_one_key_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = MasterKey::load_or_create(&path).unwrap();
        let second = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(first.id(), second.id());
        assert_eq!(*first.derive("session"), *second.derive("session"));
        assert_ne!(*first.derive("session"), *first.derive("seal"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 8]).unwrap();
        let refused = MasterKey::load_or_create(&path);
        assert!(matches!(refused, Err(SecretsError::KeyFileDamaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), &whole[..whole.len() - 8]);
    }

    #[test]
    fn a_creation_cut_short_leaves_no_half_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        std::fs::write(folder.path().join("master.key.partial"), "optria mas").unwrap();
        let key = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(MasterKey::load(&path).unwrap().id(), key.id());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_for_its_owner_only_and_refused_otherwise() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = MasterKey::load_or_create(&path);
        assert!(matches!(
            refused,
            Err(SecretsError::KeyFileOpenToOthers { mode: 0o640, .. })
        ));
    }

    #[test]
    fn shows_nothing_of_itself_in_debug() {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(***)");
    }
}
