//! What people add to an incident as proof: statements, photos, documents. Rows are appended; a removal
//! is a row of its own, and the content stays.

use iq_domain::{AttachmentId, CodedError, IncidentId, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

/// An attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// Id.
    pub id: AttachmentId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The incident.
    pub incident_id: IncidentId,
    /// What a statement says; `None` for a file.
    pub statement: Option<String>,
    /// Name of the file, or of the person who made the statement.
    pub name: String,
    /// Media type by its content.
    pub media_type: String,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
    /// Who added it.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// Its removal, if it was removed.
    pub removal: Option<Removal>,
}

/// A removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

const SELECT: &str = "SELECT tenant_id, id, incident_id, statement, name, media_type, size_bytes, \
    sha256, author, at, removed_by, removed_at, removed_reason FROM (SELECT a.*, \
    r.actor AS removed_by, r.at AS removed_at, r.reason AS removed_reason \
    FROM incident_attachments a LEFT JOIN incident_attachment_removals r \
    ON r.tenant_id = a.tenant_id AND r.attachment_id = a.id)";

fn read(r: &Row<'_>) -> rusqlite::Result<Attachment> {
    let removed_at = row::time_opt(r, "removed_at")?;
    let removal = match removed_at {
        Some(at) => Some(Removal {
            reason: r.get("removed_reason")?,
            actor: r.get("removed_by")?,
            at,
        }),
        None => None,
    };
    Ok(Attachment {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        incident_id: row::id(r, "incident_id")?,
        statement: r.get("statement")?,
        name: r.get("name")?,
        media_type: r.get("media_type")?,
        size_bytes: r.get::<_, i64>("size_bytes")?.unsigned_abs(),
        sha256: r.get("sha256")?,
        author: r.get("author")?,
        at: row::time(r, "at")?,
        removal,
    })
}

/// Appends an attachment.
pub fn create_attachment(
    conn: &Connection,
    tenant: TenantId,
    attachment: &Attachment,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, attachment.tenant_id)?;
    let sql = "INSERT INTO incident_attachments (tenant_id, id, incident_id, statement, name,
               media_type, size_bytes, sha256, author, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            attachment.id.to_string(),
            attachment.incident_id.to_string(),
            attachment.statement,
            attachment.name,
            attachment.media_type,
            i64::try_from(attachment.size_bytes).unwrap_or(i64::MAX),
            attachment.sha256,
            attachment.author,
            attachment.at.0
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("incidents.not_found")))
}

/// Appends a removal. Says whether it was not removed before.
pub fn create_attachment_removal(
    conn: &Connection,
    tenant: TenantId,
    attachment: AttachmentId,
    removal: &Removal,
) -> Result<bool, StoreError> {
    let sql =
        "INSERT INTO incident_attachment_removals (tenant_id, attachment_id, reason, actor, at)
               VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant_id, attachment_id) DO NOTHING";
    let args = params![
        tenant.to_string(),
        attachment.to_string(),
        removal.reason,
        removal.actor,
        removal.at.0
    ];
    Ok(query::change(conn, sql, args)? > 0)
}

/// The attachments of incidents, oldest first, the removed ones among them.
pub fn list_attachments(
    conn: &Connection,
    tenant: TenantId,
    incidents: &[IncidentId],
) -> Result<Vec<Attachment>, StoreError> {
    if incidents.is_empty() {
        return Ok(Vec::new());
    }
    let ids = incidents.iter().map(ToString::to_string).collect();
    Where::tenant(tenant)
        .any("incident_id", ids)
        .list(conn, SELECT, "at, id", read)
}

/// One attachment.
pub fn get_attachment(
    conn: &Connection,
    tenant: TenantId,
    id: AttachmentId,
) -> Result<Option<Attachment>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}
