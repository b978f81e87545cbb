//! Mails on their way out.

use iq_domain::{MailId, Message, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{StoreError, query, query::Where, row};

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Goes out at `next_at`.
    Queued,
    /// The server took it.
    Sent,
    /// Given up.
    Failed,
}

/// A mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// Id.
    pub id: MailId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Whom it is for.
    pub user_id: UserId,
    /// Where it goes.
    pub address: String,
    /// Code of the sentence.
    pub code: String,
    /// Its arguments.
    pub params: serde_json::Value,
    /// Page of the object.
    pub link: String,
    /// Where it stands.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: u32,
    /// The next attempt.
    pub next_at: Timestamp,
    /// What went wrong last.
    pub error: Option<Message>,
    /// Written.
    pub created_at: Timestamp,
    /// Taken by the server.
    pub sent_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT tenant_id, id, user_id, address, code, params, link, state, attempts, \
    next_at, error_code, error_params, created_at, sent_at FROM mails";

fn read(r: &Row<'_>) -> rusqlite::Result<Mail> {
    let code: Option<String> = r.get("error_code")?;
    let params = row::json(r, "error_params")?;
    Ok(Mail {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        user_id: row::id(r, "user_id")?,
        address: r.get("address")?,
        code: r.get("code")?,
        params: row::json(r, "params")?,
        link: r.get("link")?,
        state: row::word(r, "state")?,
        attempts: r.get("attempts")?,
        next_at: row::time(r, "next_at")?,
        error: code.map(|code| Message { code, params }),
        created_at: row::time(r, "created_at")?,
        sent_at: row::time_opt(r, "sent_at")?,
    })
}

/// Writes a mail, or where it stands now.
pub fn put_mail(conn: &Connection, tenant: TenantId, mail: &Mail) -> Result<(), StoreError> {
    row::same_tenant(tenant, mail.tenant_id)?;
    let sql = "INSERT INTO mails (tenant_id, id, user_id, address, code, params, link, state,
               attempts, next_at, error_code, error_params, created_at, sent_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (tenant_id, id) DO UPDATE SET state = ?8, attempts = ?9, next_at = ?10,
               error_code = ?11, error_params = ?12, sent_at = ?14";
    let params = mail.error.as_ref().map(|e| e.params.clone());
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            mail.id.to_string(),
            mail.user_id.to_string(),
            mail.address,
            mail.code,
            row::to_json(&mail.params)?,
            mail.link,
            row::to_word(&mail.state)?,
            mail.attempts,
            mail.next_at.0,
            mail.error.as_ref().map(|e| &e.code),
            row::to_json(&params.unwrap_or_default())?,
            mail.created_at.0,
            mail.sent_at.map(|t| t.0)
        ],
    )
}

/// Mails that go out by `now`, those that waited longest first.
pub fn list_due_mails(
    conn: &Connection,
    tenant: TenantId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Mail>, StoreError> {
    Where::tenant(tenant)
        .and(
            "state = 'queued' AND next_at <= ?",
            [rusqlite::types::Value::Integer(now.0)],
        )
        .first(conn, (SELECT, "next_at, id"), limit, read)
}

/// The newest mails.
pub fn list_mails(
    conn: &Connection,
    tenant: TenantId,
    limit: u32,
) -> Result<Vec<Mail>, StoreError> {
    Where::tenant(tenant).first(conn, (SELECT, "created_at DESC, id DESC"), limit, read)
}

/// How many mails stand so.
pub fn count_mails(
    conn: &Connection,
    tenant: TenantId,
    state: MailState,
) -> Result<u64, StoreError> {
    Where::tenant(tenant)
        .any("state", vec![row::to_word(&state)?])
        .count(conn, "mails")
}

/// Forgets mails that are over and were written before a moment.
pub fn delete_mails_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mails WHERE tenant_id = ? AND state <> 'queued' AND created_at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}
