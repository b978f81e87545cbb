//! Tokens of programs. The token is never here, only its keyed hash.

use iq_domain::{ApiToken, ApiTokenId, CodedError, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, user_id, name, permissions, created_at, expires_at, \
    last_used_at, last_used_by, revoked_at FROM api_tokens";

fn read(r: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        user_id: row::id(r, "user_id")?,
        name: r.get("name")?,
        permissions: row::json(r, "permissions")?,
        created_at: row::time(r, "created_at")?,
        expires_at: row::time(r, "expires_at")?,
        last_used_at: row::time_opt(r, "last_used_at")?,
        last_used_by: r.get("last_used_by")?,
        revoked_at: row::time_opt(r, "revoked_at")?,
    })
}

/// Keeps a token under its hash.
pub fn create_token(
    conn: &Connection,
    tenant: TenantId,
    token: &ApiToken,
    token_hash: &[u8; 32],
) -> Result<(), StoreError> {
    row::same_tenant(tenant, token.tenant_id)?;
    let sql = "INSERT INTO api_tokens (tenant_id, id, user_id, name, token_hash, permissions,
               created_at, expires_at, last_used_at, last_used_by, revoked_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            token.id.to_string(),
            token.user_id.to_string(),
            token.name,
            token_hash.as_slice(),
            row::to_json(&token.permissions)?,
            token.created_at.0,
            token.expires_at.0,
            token.last_used_at.map(|t| t.0),
            token.last_used_by,
            token.revoked_at.map(|t| t.0)
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("users.not_found")))
}

/// The valid token of a hash: neither revoked nor at its end, of a user that may sign in. It tells the
/// tenant, so it takes none.
pub fn get_token_by_hash(
    conn: &Connection,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<ApiToken>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > ? AND EXISTS (
         SELECT 1 FROM users u WHERE u.tenant_id = api_tokens.tenant_id
         AND u.id = api_tokens.user_id AND u.is_active = 1)"
    );
    query::find(conn, &sql, params![token_hash.as_slice(), now.0], read)
}

/// The tokens of a user that were not revoked, newest first; those at their end among them.
pub fn list_tokens_of_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Vec<ApiToken>, StoreError> {
    Where::tenant(tenant)
        .and(
            "user_id = ? AND revoked_at IS NULL",
            [user.to_string().into()],
        )
        .list(conn, SELECT, "created_at DESC, id", read)
}

/// Records a request of the token.
pub fn touch_token(
    conn: &Connection,
    tenant: TenantId,
    id: ApiTokenId,
    at: Timestamp,
    address: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET last_used_at = ?, last_used_by = ?
               WHERE tenant_id = ? AND id = ?";
    let args = params![at.0, address, tenant.to_string(), id.to_string()];
    query::change_one(conn, sql, args)
}

/// Ends a token of a user; says whether there was such a one.
pub fn revoke_token(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    id: ApiTokenId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = ?
               WHERE tenant_id = ? AND user_id = ? AND id = ? AND revoked_at IS NULL";
    let args = params![at.0, tenant.to_string(), user.to_string(), id.to_string()];
    Ok(query::change(conn, sql, args)? > 0)
}

/// Ends all tokens of a user.
pub fn revoke_tokens_of_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = ?
               WHERE tenant_id = ? AND user_id = ? AND revoked_at IS NULL";
    query::change(
        conn,
        sql,
        params![at.0, tenant.to_string(), user.to_string()],
    )
}
