//! What users were told, and what they want to be told.

use iq_domain::{Notification, NotificationId, NotificationKind, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, user_id, kind, cause, code, params, link, in_app, at, \
    read_at FROM notifications";

fn read(r: &Row<'_>) -> rusqlite::Result<Notification> {
    Ok(Notification {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        user_id: row::id(r, "user_id")?,
        kind: row::word(r, "kind")?,
        cause: r.get("cause")?,
        code: r.get("code")?,
        params: row::json(r, "params")?,
        link: r.get("link")?,
        in_app: r.get("in_app")?,
        at: row::time(r, "at")?,
        read_at: row::time_opt(r, "read_at")?,
    })
}

/// Tells a user something. Says whether they had not been told before.
pub fn create_notification(
    conn: &Connection,
    tenant: TenantId,
    n: &Notification,
) -> Result<bool, StoreError> {
    row::same_tenant(tenant, n.tenant_id)?;
    let sql = "INSERT INTO notifications (tenant_id, id, user_id, kind, cause, code, params, link,
               in_app, at, read_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (tenant_id, user_id, cause) DO NOTHING";
    let args = params![
        tenant.to_string(),
        n.id.to_string(),
        n.user_id.to_string(),
        row::to_word(&n.kind)?,
        n.cause,
        n.code,
        row::to_json(&n.params)?,
        n.link,
        n.in_app,
        n.at.0,
        n.read_at.map(|t| t.0)
    ];
    Ok(query::change(conn, sql, args)? > 0)
}

/// Whether a user was told about this cause.
pub fn has_notification(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    cause: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notifications
               WHERE tenant_id = ? AND user_id = ? AND cause = ?)";
    let args = params![tenant.to_string(), user.to_string(), cause];
    Ok(conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?)
}

fn of_user(tenant: TenantId, user: UserId, unread: bool) -> Where {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("user_id = ?", Some(user.to_string()))
        .and("in_app = 1", []);
    if unread {
        wanted.and("read_at IS NULL", []);
    }
    wanted
}

/// A page of a user's notifications, newest first.
pub fn list_notifications(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    unread: bool,
    page: Page,
) -> Result<Paged<Notification>, StoreError> {
    let order = (SELECT, "at DESC, id DESC");
    of_user(tenant, user, unread).page(conn, "notifications", order, page, read)
}

/// How many a user has not read.
pub fn count_unread(conn: &Connection, tenant: TenantId, user: UserId) -> Result<u64, StoreError> {
    of_user(tenant, user, true).count(conn, "notifications")
}

/// A user has read these, or all without a list. Says how many were unread.
pub fn update_read(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    ids: Option<&[NotificationId]>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let ids = match ids {
        Some(ids) => Some(row::to_json(&ids)?),
        None => None,
    };
    let sql = "UPDATE notifications SET read_at = ?3
               WHERE tenant_id = ?1 AND user_id = ?2 AND read_at IS NULL
                 AND (?4 IS NULL OR id IN (SELECT value FROM json_each(?4)))";
    let args = params![tenant.to_string(), user.to_string(), at.0, ids];
    query::change(conn, sql, args)
}

/// Whether somebody has not read what they were told of causes that begin so.
pub fn has_unread_of(conn: &Connection, tenant: TenantId, begin: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notifications
               WHERE tenant_id = ?1 AND read_at IS NULL AND substr(cause, 1, length(?2)) = ?2)";
    let args = params![tenant.to_string(), begin];
    Ok(conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?)
}

/// What was told of causes that begin so is over: everybody has read it. Says how many had not.
pub fn update_read_of(
    conn: &Connection,
    tenant: TenantId,
    begin: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "UPDATE notifications SET read_at = ?3
               WHERE tenant_id = ?1 AND read_at IS NULL AND substr(cause, 1, length(?2)) = ?2";
    query::change(conn, sql, params![tenant.to_string(), begin, at.0])
}

/// Forgets what was said before a moment.
pub fn delete_notifications_before(
    conn: &Connection,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM notifications WHERE tenant_id = ? AND at < ?";
    query::change(conn, sql, params![tenant.to_string(), before.0])
}

/// How a user wants to be told about one kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationChoice {
    /// What it is about.
    pub kind: NotificationKind,
    /// Shown in the program.
    pub in_app: bool,
    /// Sent by mail, where mail is on.
    pub by_mail: bool,
}

/// What a user chose; what they did not choose is not among it.
pub fn list_notification_choices(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Vec<NotificationChoice>, StoreError> {
    let select = "SELECT kind, in_app, by_mail FROM notification_choices";
    Where::tenant(tenant)
        .maybe("user_id = ?", Some(user.to_string()))
        .list(conn, select, "kind", |r| {
            Ok(NotificationChoice {
                kind: row::word(r, "kind")?,
                in_app: r.get("in_app")?,
                by_mail: r.get("by_mail")?,
            })
        })
}

/// Keeps a choice of a user.
pub fn put_notification_choice(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    choice: NotificationChoice,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO notification_choices (tenant_id, user_id, kind, in_app, by_mail)
               VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (tenant_id, user_id, kind) DO UPDATE SET in_app = ?4, by_mail = ?5";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            user.to_string(),
            row::to_word(&choice.kind)?,
            choice.in_app,
            choice.by_mail
        ],
    )
}
