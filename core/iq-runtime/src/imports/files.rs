//! The files themselves: one folder per upload below the data folder, with the file as it came and the
//! rows that could not be read.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use iq_connector_file::Reject;
use iq_domain::{CodedError, ErrorKind, ImportId, IntegrationId, TenantId, neutralise};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::quota::Room;

/// Largest upload.
pub const MAX_UPLOAD_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Room on the disk that uploads leave to everything else.
const RESERVE_BYTES: u64 = 256 * 1024 * 1024;
/// How often the room is looked at while a file comes in.
const CHECK_EVERY_BYTES: u64 = 64 * 1024 * 1024;
/// Rejected rows that are kept; more help nobody.
pub(crate) const MAX_REJECTS: u64 = 100_000;
/// Longest name.
const MAX_NAME_CHARS: usize = 200;

pub(crate) fn root(data_dir: &Path) -> PathBuf {
    data_dir.join("imports")
}

pub(crate) fn folder_of(data_dir: &Path, tenant: TenantId, id: ImportId) -> PathBuf {
    root(data_dir).join(tenant.to_string()).join(id.to_string())
}

pub(crate) fn upload_path(data_dir: &Path, tenant: TenantId, id: ImportId) -> PathBuf {
    folder_of(data_dir, tenant, id).join("upload")
}

pub(crate) fn rejects_path(data_dir: &Path, tenant: TenantId, id: ImportId) -> PathBuf {
    folder_of(data_dir, tenant, id).join("rejected")
}

fn unwritable(error: std::io::Error) -> CodedError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return no_room(0);
    }
    tracing::error!(%error, "An uploaded file could not be written.");
    CodedError::new(ErrorKind::Unavailable, "imports.unwritable")
}

fn no_room(needed: u64) -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "imports.no_room")
        .with("needed_mb", (needed + RESERVE_BYTES) / 1024 / 1024)
}

fn too_large() -> CodedError {
    CodedError::new(ErrorKind::TooMuch, "imports.too_large")
        .with("max_mb", MAX_UPLOAD_BYTES / 1024 / 1024)
}

/// Whether `bytes` more leave enough room on the disk of a folder.
#[cfg(unix)]
fn has_room(folder: &Path, bytes: u64) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| {
        // A twentieth of a small disk is enough.
        let reserve = RESERVE_BYTES.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20);
        disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes + reserve
    })
}

/// Where the system does not tell, a full disk shows while writing.
#[cfg(not(unix))]
fn has_room(_: &Path, _: u64) -> bool {
    true
}

/// A file that is coming in. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    id: ImportId,
    integration_id: IntegrationId,
    name: String,
    folder: PathBuf,
    file: Option<tokio::fs::File>,
    hash: Sha256,
    size: u64,
    checked: u64,
    room: Room,
}

/// A file that came in.
pub(crate) struct Received {
    pub(crate) id: ImportId,
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

impl Upload {
    pub(crate) async fn begin(
        id: ImportId,
        integration_id: IntegrationId,
        name: &str,
        folder: PathBuf,
        declared: Option<u64>,
        room: Room,
    ) -> Result<Self, CodedError> {
        if declared.is_some_and(|size| size > MAX_UPLOAD_BYTES) {
            return Err(too_large());
        }
        room.take(declared.unwrap_or(0))?;
        // The name is shown, never opened; what stands before its last separator is somebody's folder.
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        let name = neutralise(name, MAX_NAME_CHARS);
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(unwritable)?;
        let mut upload = Self {
            id,
            integration_id,
            name: if name.is_empty() {
                "upload".to_owned()
            } else {
                name
            },
            folder,
            file: None,
            hash: Sha256::new(),
            size: 0,
            checked: 0,
            room,
        };
        let needed = declared.unwrap_or(0);
        if !has_room(&upload.folder, needed) {
            return Err(no_room(needed));
        }
        let file = tokio::fs::File::create(upload.folder.join("upload")).await;
        upload.file = Some(file.map_err(unwritable)?);
        Ok(upload)
    }

    pub(crate) fn integration_id(&self) -> IntegrationId {
        self.integration_id
    }

    /// Takes the next piece.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), CodedError> {
        self.size += piece.len() as u64;
        if self.size > MAX_UPLOAD_BYTES {
            return Err(too_large());
        }
        self.room.take(self.size)?;
        if self.size - self.checked >= CHECK_EVERY_BYTES {
            self.checked = self.size;
            if !has_room(&self.folder, CHECK_EVERY_BYTES) {
                return Err(no_room(CHECK_EVERY_BYTES));
            }
        }
        self.hash.update(piece);
        match &mut self.file {
            Some(file) => file.write_all(piece).await.map_err(unwritable),
            None => Err(CodedError::new(ErrorKind::Internal, "internal.error")),
        }
    }

    /// Ends it: what was taken is on the disk.
    pub(crate) async fn close(mut self) -> Result<Received, CodedError> {
        if let Some(file) = &mut self.file {
            file.flush().await.map_err(unwritable)?;
            file.sync_all().await.map_err(unwritable)?;
        }
        self.file = None;
        let digest = std::mem::take(&mut self.hash).finalize();
        let folder = std::mem::take(&mut self.folder);
        Ok(Received {
            id: self.id,
            name: std::mem::take(&mut self.name),
            path: folder.join("upload"),
            folder,
            size: self.size,
            sha256: digest.iter().map(|b| format!("{b:02x}")).collect(),
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            // What can't be removed now is removed at the next start.
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

/// Removes a folder. What can't be removed now is removed at the next start.
pub(crate) async fn remove(folder: PathBuf) {
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "An uploaded file could not be removed.");
    }
}

/// Removes what belongs to no known file.
pub(crate) fn sweep(data_dir: &Path, is_known: impl Fn(&str, &str) -> bool) {
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.collect::<Vec<_>>()
    };
    for tenant in folders(&root(data_dir)) {
        let tenant_name = tenant.file_name().to_string_lossy().into_owned();
        for import in folders(&tenant.path()) {
            let name = import.file_name().to_string_lossy().into_owned();
            if !is_known(&tenant_name, &name) {
                drop(std::fs::remove_dir_all(import.path()));
            }
        }
    }
}

/// A rejected row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectLine {
    /// Row, counted from 1.
    pub row: u64,
    /// Title of the column, where it is one cell.
    pub column: Option<String>,
    /// Code of the sentence.
    pub code: String,
    /// The text that stands there.
    pub text: String,
}

/// Writes rejected rows.
pub(crate) struct Rejects {
    file: BufWriter<File>,
    kept: u64,
}

impl Rejects {
    /// Goes on after the first `keep` lines of an earlier attempt.
    pub(crate) fn open(path: &Path, keep: u64) -> Result<Self, CodedError> {
        let kept = keep.min(MAX_REJECTS);
        let mut head = Vec::new();
        if kept > 0
            && let Ok(file) = File::open(path)
        {
            let mut reader = BufReader::new(file);
            for _ in 0..kept {
                let n = reader.read_until(b'\n', &mut head).map_err(unwritable)?;
                if n == 0 {
                    break;
                }
            }
        }
        let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
        file.write_all(&head).map_err(unwritable)?;
        Ok(Self { file, kept })
    }

    pub(crate) fn add(&mut self, rejects: Vec<Reject>) -> Result<(), CodedError> {
        for reject in rejects {
            if self.kept >= MAX_REJECTS {
                break;
            }
            self.kept += 1;
            let line = RejectLine {
                row: reject.row,
                column: reject.column,
                code: reject.code.to_owned(),
                text: reject.text,
            };
            serde_json::to_writer(&mut self.file, &line)
                .map_err(|e| unwritable(std::io::Error::other(e)))?;
            self.file.write_all(b"\n").map_err(unwritable)?;
        }
        self.file.flush().map_err(unwritable)
    }
}

/// The rejected rows of a file.
pub(crate) fn read_rejects(path: &Path) -> Result<Vec<RejectLine>, CodedError> {
    let mut text = String::new();
    match File::open(path) {
        Ok(mut file) => {
            file.read_to_string(&mut text).map_err(unwritable)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unwritable(error)),
    }
    // The last line may be half written while the file is worked on.
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
