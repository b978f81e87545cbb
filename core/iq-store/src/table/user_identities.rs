//! Whom identity providers vouch for: issuer and subject, never an e-mail address.

use iq_domain::{CodedError, TenantId, UserId, UserIdentity};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str =
    "SELECT issuer, subject, user_id, provider_id, created_at FROM user_identities";

fn read(r: &Row<'_>) -> rusqlite::Result<UserIdentity> {
    Ok(UserIdentity {
        issuer: r.get("issuer")?,
        subject: r.get("subject")?,
        user_id: row::id(r, "user_id")?,
        provider_id: row::id(r, "provider_id")?,
        created_at: row::time(r, "created_at")?,
    })
}

/// Keeps whom a user is at the provider.
pub fn create_identity(
    conn: &Connection,
    tenant: TenantId,
    new: &UserIdentity,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO user_identities (tenant_id, issuer, subject, user_id, provider_id,
               created_at) VALUES (?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        new.issuer,
        new.subject,
        new.user_id.to_string(),
        new.provider_id.to_string(),
        new.created_at.0
    ];
    query::change_one(conn, sql, args)
        .map_err(|e| e.or_reference(CodedError::not_found("users.not_found")))
}

/// The identity of a person, if this tenant has seen it.
pub fn get_identity(
    conn: &Connection,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<UserIdentity>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND issuer = ? AND subject = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), issuer, subject],
        read,
    )
}

/// The identity behind a user of a provider.
pub fn get_identity_of_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<UserIdentity>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND user_id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), user.to_string()],
        read,
    )
}

/// All identities of a tenant.
pub fn list_identities(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<UserIdentity>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "user_id", read)
}

/// A user signs in through another provider now; it vouches for the same issuer and subject.
pub fn update_provider(
    conn: &Connection,
    tenant: TenantId,
    identity: &UserIdentity,
) -> Result<(), StoreError> {
    let sql = "UPDATE user_identities SET provider_id = ?
               WHERE tenant_id = ? AND issuer = ? AND subject = ?";
    let args = params![
        identity.provider_id.to_string(),
        tenant.to_string(),
        identity.issuer,
        identity.subject
    ];
    query::change_one(conn, sql, args)
}
