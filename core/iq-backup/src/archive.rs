//! What is inside: each file as its name and its content in blocks, then the list of all of them with
//! their digests, compressed as one stream.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{BackupError, files};

const FILE: u8 = 1;
const END: u8 = 2;
const BLOCK: usize = 128 * 1024;
const MAX_NAME: usize = 4_096;
const MAX_MANIFEST: usize = 256 << 20;

/// What a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its files, in their order.
    pub files: Vec<FileEntry>,
    /// Rows of each table of each database when it was copied.
    pub rows: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Manifest {
    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path within the data folder, with `/`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex digits.
    pub sha256: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an archive.
pub(crate) struct Writer<W> {
    to: W,
    manifest: Manifest,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            manifest: Manifest::default(),
        }
    }

    /// Adds a file as it is now; what is appended to it meanwhile is left out.
    pub(crate) fn add(&mut self, name: &str, path: &Path) -> Result<(), BackupError> {
        let file = File::open(path).map_err(BackupError::file(path))?;
        let length = file.metadata().map_err(BackupError::file(path))?.len();
        self.put(name, file.take(length))
            .map_err(BackupError::file(path))
    }

    fn put(&mut self, name: &str, mut from: impl Read) -> std::io::Result<()> {
        let length = u16::try_from(name.len()).map_err(std::io::Error::other)?;
        self.to.write_all(&[FILE])?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(name.as_bytes())?;
        let (mut digest, mut total, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
        loop {
            let count = match from.read(&mut block) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let length = u32::try_from(count).map_err(std::io::Error::other)?;
            self.to.write_all(&length.to_be_bytes())?;
            if count == 0 {
                break;
            }
            self.to.write_all(&block[..count])?;
            digest.update(&block[..count]);
            total += count as u64;
        }
        self.manifest.files.push(FileEntry {
            name: name.to_owned(),
            bytes: total,
            sha256: hex(&digest.finalize()),
        });
        Ok(())
    }

    /// Rows of a database that was added.
    pub(crate) fn rows(&mut self, database: &str, rows: BTreeMap<String, u64>) {
        self.manifest.rows.insert(database.to_owned(), rows);
    }

    /// Writes the list, and gives it and the stream back.
    pub(crate) fn finish(mut self) -> std::io::Result<(W, Manifest)> {
        let list = serde_json::to_vec(&self.manifest)?;
        let length = u32::try_from(list.len()).map_err(std::io::Error::other)?;
        self.to.write_all(&[END])?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(&list)?;
        Ok((self.to, self.manifest))
    }
}

/// Why an archive did not come out.
pub(crate) enum Failure {
    /// The stream gives nothing more, or nothing sensible.
    Stream,
    /// The folder does not take it.
    Folder(BackupError),
}

impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Self::Stream
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Self::Folder(error)
    }
}

fn array<const N: usize>(from: &mut impl Read) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes the files of an archive into a folder that is empty. Each is on the disk when this returns.
pub(crate) fn extract(from: &mut impl Read, into: &Path) -> Result<Manifest, Failure> {
    let mut found = Vec::new();
    let manifest: Manifest = loop {
        let [tag] = array(from)?;
        match tag {
            FILE => found.push(extract_one(from, into)?),
            END => {
                let length = u32::from_be_bytes(array(from)?) as usize;
                if length > MAX_MANIFEST {
                    return Err(Failure::Stream);
                }
                let mut list = Vec::new();
                from.by_ref().take(length as u64).read_to_end(&mut list)?;
                break serde_json::from_slice(&list).map_err(|_| Failure::Stream)?;
            }
            _ => return Err(Failure::Stream),
        }
    };
    if manifest.files != found || from.read(&mut [0])? != 0 {
        return Err(Failure::Stream);
    }
    Ok(manifest)
}

fn extract_one(from: &mut impl Read, into: &Path) -> Result<FileEntry, Failure> {
    let length = usize::from(u16::from_be_bytes(array(from)?));
    let mut name = vec![0; length.min(MAX_NAME)];
    from.read_exact(&mut name)?;
    let name = String::from_utf8(name).map_err(|_| Failure::Stream)?;
    let path = into.join(inside(&name).ok_or(Failure::Stream)?);
    if let Some(folder) = path.parent() {
        files::create_folder(folder)?;
    }
    let mut file = files::create(&path)?;
    let (mut digest, mut total, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let count = u32::from_be_bytes(array(from)?) as usize;
        if count == 0 {
            break;
        }
        let block = block.get_mut(..count).ok_or(Failure::Stream)?;
        from.read_exact(block)?;
        file.write_all(block).map_err(BackupError::file(&path))?;
        digest.update(&*block);
        total += count as u64;
    }
    file.sync_all().map_err(BackupError::file(&path))?;
    Ok(FileEntry {
        name,
        bytes: total,
        sha256: hex(&digest.finalize()),
    })
}

/// A path that stays within the folder it is joined to.
fn inside(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let is_inside = !name.is_empty() && !name.contains('\\') && path.components().all(is_plain);
    is_inside.then_some(path)
}
