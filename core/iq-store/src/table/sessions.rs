//! Server-side sessions. The token is never here, only its keyed hash.

use iq_domain::{CodedError, IdentityProviderId, SessionId, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, user_id, acting_tenant_id, created_at, last_seen_at, \
    expires_at, revoked_at, address, user_agent, ends_by FROM sessions";

/// A session without its token hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id.
    pub id: SessionId,
    /// Tenant of the user.
    pub tenant_id: TenantId,
    /// The user.
    pub user_id: UserId,
    /// The tenant a platform owner switched to, if another.
    pub acting_tenant_id: Option<TenantId>,
    /// Signed in at.
    pub created_at: Timestamp,
    /// Last request.
    pub last_seen_at: Timestamp,
    /// Ends at, whatever happens.
    pub expires_at: Timestamp,
    /// Ended early at.
    pub revoked_at: Option<Timestamp>,
    /// Remote address at sign-in.
    pub address: Option<String>,
    /// Browser at sign-in.
    pub user_agent: Option<String>,
    /// Ends by then whatever is done with it: a session of an emergency.
    pub ends_by: Option<Timestamp>,
}

impl Session {
    /// The tenant requests of this session act in.
    #[must_use]
    pub fn effective_tenant(&self) -> TenantId {
        self.acting_tenant_id.unwrap_or(self.tenant_id)
    }

    /// Whether it may still be used.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// How a session that is not valid any more came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its time.
    Expired,
    /// Somebody or something ended it.
    Revoked,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        user_id: row::id(r, "user_id")?,
        acting_tenant_id: row::id_opt(r, "acting_tenant_id")?,
        created_at: row::time(r, "created_at")?,
        last_seen_at: row::time(r, "last_seen_at")?,
        expires_at: row::time(r, "expires_at")?,
        revoked_at: row::time_opt(r, "revoked_at")?,
        address: r.get("address")?,
        user_agent: r.get("user_agent")?,
        ends_by: row::time_opt(r, "ends_by")?,
    })
}

/// Creates a session under the hash of its token.
pub fn create_session(
    conn: &Connection,
    tenant: TenantId,
    session: &Session,
    token_hash: &[u8; 32],
) -> Result<(), StoreError> {
    row::same_tenant(tenant, session.tenant_id)?;
    let sql = "INSERT INTO sessions (tenant_id, id, user_id, token_hash, acting_tenant_id,
               created_at, last_seen_at, expires_at, revoked_at, address, user_agent,
               ends_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            session.id.to_string(),
            session.user_id.to_string(),
            token_hash.as_slice(),
            session.acting_tenant_id.map(|id| id.to_string()),
            session.created_at.0,
            session.last_seen_at.0,
            session.expires_at.0,
            session.revoked_at.map(|t| t.0),
            session.address,
            session.user_agent,
            session.ends_by.map(|t| t.0)
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("users.not_found")))
}

/// The valid session of a token: not revoked, not expired, of a user that may sign in. It tells the
/// tenant, so it takes none.
pub fn get_session_by_token_hash(
    conn: &Connection,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > ? AND EXISTS (
         SELECT 1 FROM users u WHERE u.tenant_id = sessions.tenant_id
         AND u.id = sessions.user_id AND u.is_active = 1)"
    );
    query::find(conn, &sql, params![token_hash.as_slice(), now.0], read)
}

/// How the session of a token ended; `None` for one nobody knows, or of which that can't be said. Only
/// who holds the token can ask, and it tells the tenant, so it takes none.
pub fn get_end(
    conn: &Connection,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<End>, StoreError> {
    let sql = format!("{SELECT} WHERE token_hash = ?");
    let found = query::find(conn, &sql, params![token_hash.as_slice()], read)?;
    Ok(found.and_then(|session| match session.revoked_at {
        // One that was over before it was revoked ended by its time.
        Some(at) if at < session.expires_at => Some(End::Revoked),
        _ if session.expires_at <= now => Some(End::Expired),
        _ => None,
    }))
}

/// The valid sessions of a user, last used first.
pub fn list_sessions_of_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    Where::tenant(tenant)
        .and("user_id = ?", [user.to_string().into()])
        .and("revoked_at IS NULL AND expires_at > ?", [now.0.into()])
        .list(conn, SELECT, "last_seen_at DESC, id", read)
}

/// Records a request of the session and moves its end.
pub fn touch_session(
    conn: &Connection,
    tenant: TenantId,
    id: SessionId,
    seen_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET last_seen_at = ?, expires_at = ?
               WHERE tenant_id = ? AND id = ? AND revoked_at IS NULL";
    query::change_one(
        conn,
        sql,
        params![seen_at.0, expires_at.0, tenant.to_string(), id.to_string()],
    )
}

/// The clock was put back to `now` by so much: what it says of sessions that were used before then is put
/// back as well, so that none of them lives longer for it. Of all tenants; returns how many.
pub fn put_sessions_back(conn: &Connection, now: Timestamp, by_ms: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET created_at = created_at - ?2, last_seen_at = last_seen_at - ?2,
               expires_at = expires_at - ?2, ends_by = ends_by - ?2
               WHERE revoked_at IS NULL AND last_seen_at > ?1";
    query::change(conn, sql, params![now.0, by_ms])
}

/// Ends sessions that were used after a moment, of all tenants; returns how many.
pub fn end_sessions_used_after(
    conn: &Connection,
    moment: Timestamp,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET revoked_at = ?2
               WHERE revoked_at IS NULL AND last_seen_at > ?1";
    query::change(conn, sql, params![moment.0, at.0])
}

/// Switches the tenant a platform owner acts in.
pub fn update_acting_tenant(
    conn: &Connection,
    tenant: TenantId,
    id: SessionId,
    acting: Option<TenantId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET acting_tenant_id = ? WHERE tenant_id = ? AND id = ?";
    let acting = acting.map(|id| id.to_string());
    query::change_one(
        conn,
        sql,
        params![acting, tenant.to_string(), id.to_string()],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Ends a session; ending it twice is no error.
pub fn revoke_session(
    conn: &Connection,
    tenant: TenantId,
    id: SessionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET revoked_at = COALESCE(revoked_at, ?)
               WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![at.0, tenant.to_string(), id.to_string()])
}

/// Ends all sessions of a user but, where given, the one that asks; returns how many.
pub fn revoke_sessions_of_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    except: Option<SessionId>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET revoked_at = ?1
               WHERE tenant_id = ?2 AND user_id = ?3 AND revoked_at IS NULL AND id IS NOT ?4";
    let except = except.map(|id| id.to_string());
    query::change(
        conn,
        sql,
        params![at.0, tenant.to_string(), user.to_string(), except],
    )
}

/// The valid sessions of everybody a provider vouches for.
pub fn list_sessions_of_provider(
    conn: &Connection,
    tenant: TenantId,
    provider: IdentityProviderId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    Where::tenant(tenant)
        .and("revoked_at IS NULL AND expires_at > ?", [now.0.into()])
        .and(
            "user_id IN (SELECT i.user_id FROM user_identities i
             WHERE i.tenant_id = sessions.tenant_id AND i.provider_id = ?)",
            [provider.to_string().into()],
        )
        .list(conn, SELECT, "id", read)
}

/// The valid sessions of everybody of a tenant who comes with a password.
pub fn list_sessions_of_local_users(
    conn: &Connection,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    Where::tenant(tenant)
        .and("revoked_at IS NULL AND expires_at > ?", [now.0.into()])
        .and(
            "user_id IN (SELECT u.id FROM users u
             WHERE u.tenant_id = sessions.tenant_id AND u.auth_source = 'local')",
            [],
        )
        .list(conn, SELECT, "id", read)
}

/// A session ends by then, however much it is used.
pub fn bound_session(
    conn: &Connection,
    tenant: TenantId,
    id: SessionId,
    by: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE sessions SET ends_by = MIN(COALESCE(ends_by, ?1), ?1),
               expires_at = MIN(expires_at, ?1) WHERE tenant_id = ?2 AND id = ?3";
    query::change_one(conn, sql, params![by.0, tenant.to_string(), id.to_string()])
}

/// Deletes sessions of all tenants that ended before a moment; returns how many.
pub fn delete_ended_sessions(conn: &Connection, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM sessions WHERE expires_at < ?1 OR revoked_at < ?1";
    query::change(conn, sql, params![before.0])
}
