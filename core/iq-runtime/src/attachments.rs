//! Attachments of incidents: statements, photos, documents. What a file is, its content says; the file
//! lies in the data folder under its id, its hash in the store, and both are compared when it is read.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use iq_domain::{AttachmentId, CodedError, ErrorKind, IncidentId, TenantId, Timestamp, neutralise};
use iq_store::{
    StoreError, Transaction,
    attachments::{self, Attachment, Removal},
    incidents,
};
use sha2::{Digest, Sha256};

use crate::{Inner, Runtime};

/// Largest file.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Attachments of one incident, the removed ones among them.
pub const MAX_PER_INCIDENT: usize = 50;
const MAX_NAME_CHARS: usize = 200;
/// How a file ends while it is written.
const UNFINISHED: &str = "part";
/// What a statement is, as bytes.
const STATEMENT: &str = "text/plain; charset=utf-8";

/// The media type of a photo or document by its first bytes; `None` for anything else.
#[must_use]
pub fn sniffed(content: &[u8]) -> Option<&'static str> {
    let at = |from: usize, text: &[u8]| content.get(from..from + text.len()) == Some(text);
    if at(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some("image/webp")
    } else if at(4, b"ftypheic") || at(4, b"ftypheix") || at(4, b"ftypmif1") {
        Some("image/heic")
    } else if at(0, b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

impl Runtime {
    /// Keeps a photo or document.
    ///
    /// # Errors
    /// `attachments.type_unknown`, `attachments.name_missing`, `attachments.too_large`,
    /// `attachments.too_many`, `incidents.not_found`, or when it can't be written.
    pub async fn attach_file(
        &self,
        tenant: TenantId,
        incident: IncidentId,
        name: &str,
        content: Vec<u8>,
        author: &str,
    ) -> Result<Attachment, CodedError> {
        let found = self
            .store()
            .read(move |conn| incidents::get_incident(conn, tenant, incident))
            .await?;
        if found.is_none() {
            return Err(CodedError::not_found("incidents.not_found"));
        }
        if content.len() > MAX_BYTES {
            let error = CodedError::new(ErrorKind::TooMuch, "attachments.too_large");
            return Err(error.with("max_mb", MAX_BYTES / 1024 / 1024));
        }
        let media_type =
            sniffed(&content).ok_or(CodedError::invalid("attachments.type_unknown"))?;
        // The name is shown, never opened: one line, as lists show it.
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.replace(['\n', '\r'], " ");
        let name = name.trim();
        if name.is_empty() {
            return Err(CodedError::invalid("attachments.name_missing"));
        }
        let row = Attachment {
            id: AttachmentId::new(),
            tenant_id: tenant,
            incident_id: incident,
            statement: None,
            name: neutralise(name, MAX_NAME_CHARS),
            media_type: media_type.to_owned(),
            size_bytes: content.len() as u64,
            sha256: sha256(&content),
            author: author.to_owned(),
            at: self.clock().now(),
            removal: None,
        };
        let path = path_of(&self.0, tenant, row.id);
        let to = path.clone();
        blocking(move || write(&to, &content)).await?;
        let stored = self.keep_attachment(row).await;
        if stored.is_err() {
            // Nothing points to it; if it can't be removed, it only takes room.
            drop(tokio::fs::remove_file(&path).await);
        }
        stored
    }

    /// Keeps what somebody said.
    ///
    /// # Errors
    /// `attachments.too_many` or `incidents.not_found`.
    pub async fn attach_statement(
        &self,
        tenant: TenantId,
        incident: IncidentId,
        said_by: &str,
        text: &str,
        author: &str,
    ) -> Result<Attachment, CodedError> {
        self.keep_attachment(Attachment {
            id: AttachmentId::new(),
            tenant_id: tenant,
            incident_id: incident,
            statement: Some(text.to_owned()),
            name: neutralise(said_by.trim(), MAX_NAME_CHARS),
            media_type: STATEMENT.to_owned(),
            size_bytes: text.len() as u64,
            sha256: sha256(text.as_bytes()),
            author: author.to_owned(),
            at: self.clock().now(),
            removal: None,
        })
        .await
    }

    async fn keep_attachment(&self, row: Attachment) -> Result<Attachment, CodedError> {
        let kept = self
            .store()
            .write(move |tx| {
                has_room(tx, &row)?;
                attachments::create_attachment(tx, row.tenant_id, &row)?;
                Ok::<_, StoreError>(row)
            })
            .await?;
        Ok(kept)
    }

    /// An attachment with its content.
    ///
    /// # Errors
    /// `attachments.not_found`, or `attachments.damaged` when the content is not what was added.
    pub async fn attachment(
        &self,
        tenant: TenantId,
        id: AttachmentId,
    ) -> Result<(Attachment, Vec<u8>), CodedError> {
        let row = self
            .store()
            .read(move |conn| attachments::get_attachment(conn, tenant, id))
            .await?
            .ok_or(CodedError::not_found("attachments.not_found"))?;
        let path = path_of(&self.0, tenant, id);
        let statement = row.statement.clone();
        let (content, found) = blocking(move || {
            let content = match statement {
                Some(text) => text.into_bytes(),
                None => std::fs::read(&path).map_err(|error| {
                    tracing::error!(%error, "An attachment can't be read.");
                    CodedError::new(ErrorKind::Unavailable, "attachments.damaged")
                })?,
            };
            let found = sha256(&content);
            Ok((content, found))
        })
        .await?;
        if found != row.sha256 {
            tracing::error!(attachment = %id, "An attachment is not what was added.");
            return Err(CodedError::new(
                ErrorKind::Unavailable,
                "attachments.damaged",
            ));
        }
        Ok((row, content))
    }

    /// Records that an attachment is removed; what it was stays.
    ///
    /// # Errors
    /// `attachments.not_found` or `attachments.removed_already`.
    pub async fn remove_attachment(
        &self,
        tenant: TenantId,
        incident: IncidentId,
        id: AttachmentId,
        reason: String,
        actor: String,
    ) -> Result<Attachment, CodedError> {
        let at: Timestamp = self.clock().now();
        let row = self
            .store()
            .write(move |tx| {
                let found = attachments::get_attachment(tx, tenant, id)?;
                let family = incidents::with_merged(tx, tenant, incident)?;
                if found.is_none_or(|a| !family.contains(&a.incident_id)) {
                    return Err(CodedError::not_found("attachments.not_found").into());
                }
                let removal = Removal { reason, actor, at };
                if !attachments::create_attachment_removal(tx, tenant, id, &removal)? {
                    return Err(CodedError::conflict("attachments.removed_already").into());
                }
                let row = attachments::get_attachment(tx, tenant, id)?;
                row.ok_or(StoreError::NotFound)
            })
            .await?;
        Ok(row)
    }
}

fn has_room(tx: &Transaction<'_>, row: &Attachment) -> Result<(), StoreError> {
    let (tenant, incident) = (row.tenant_id, row.incident_id);
    if incidents::get_incident(tx, tenant, incident)?.is_none() {
        return Err(CodedError::not_found("incidents.not_found").into());
    }
    let count = attachments::list_attachments(tx, tenant, &[incident])?.len();
    if count >= MAX_PER_INCIDENT {
        let error = CodedError::new(ErrorKind::TooMuch, "attachments.too_many");
        return Err(error.with("max", MAX_PER_INCIDENT).into());
    }
    Ok(())
}

fn folder_of(data_dir: &Path, tenant: TenantId) -> PathBuf {
    data_dir.join("attachments").join(tenant.to_string())
}

fn path_of(inner: &Inner, tenant: TenantId, id: AttachmentId) -> PathBuf {
    folder_of(&inner.config.data_dir, tenant).join(id.to_string())
}

/// What is acknowledged is on the disk, and whole.
fn write(path: &Path, content: &[u8]) -> Result<(), CodedError> {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        std::fs::create_dir_all(folder)?;
        let part = path.with_extension(UNFINISHED);
        let mut file = std::fs::File::create(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        sync_folder(folder)
    };
    written().map_err(|error| {
        tracing::error!(%error, "An attachment could not be written.");
        let code = if error.kind() == std::io::ErrorKind::StorageFull {
            "store.disk_full"
        } else {
            "attachments.unwritable"
        };
        CodedError::new(ErrorKind::Unavailable, code)
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodedError> + Send + 'static,
) -> Result<T, CodedError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(CodedError::new(ErrorKind::Internal, "internal.error")))
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// Removes what was being written when the program stopped. A whole file stays, also one the store does
/// not know: after an older store was put back it may be the only copy of a photo.
pub(crate) async fn sweep(inner: &Inner) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    let data_dir = inner.config.data_dir.clone();
    blocking(move || {
        for tenant in tenants {
            remove_unfinished(&folder_of(&data_dir, tenant));
        }
        Ok(())
    })
    .await
}

fn remove_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|e| e == UNFINISHED) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Makes a new name in a folder survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_finished_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, part) = (folder.path().join("photo"), folder.path().join("next.part"));
        write(&whole, b"whole").unwrap();
        std::fs::write(&part, b"ha").unwrap();
        remove_unfinished(folder.path());
        assert!(whole.exists() && !part.exists());
    }

    #[test]
    fn a_file_is_what_its_content_says() {
        for (content, expected) in [
            (&b"\xff\xd8\xff\xe0 photo"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"RIFF....WEBPVP8 ", Some("image/webp")),
            (b"....ftypheic", Some("image/heic")),
            (b"%PDF-1.7", Some("application/pdf")),
            (b"<html><script>", None),
            (b"MZ\x90", None),
            (b"", None),
        ] {
            assert_eq!(sniffed(content), expected, "{content:?}");
        }
    }
}
