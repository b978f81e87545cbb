//! Sessions, and the attempts that failed.

use iq_auth::TokenHash;
use iq_domain::{SessionId, TenantId, Timestamp, UserId};

use super::{Stored, Tx, Uid, get, id, number, time, time_or_none};

/// A session as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// It ends then, however much it is used.
    pub(crate) ends_by: Option<Timestamp>,
    pub(crate) address: Option<String>,
    pub(crate) user_agent: Option<String>,
}

pub(crate) async fn create(tx: &mut Tx, session: &Session, token_hash: &TokenHash) -> Stored<()> {
    sqlx::query(
        "INSERT INTO sessions (tenant_id, session_id, user_id, token_hash, created_at_ms,
           last_seen_at_ms, expires_at_ms, address, user_agent, ends_by_ms)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)",
    )
    .bind(Uid(session.tenant_id.0))
    .bind(Uid(session.id.0))
    .bind(Uid(session.user_id.0))
    .bind(token_hash.as_slice())
    .bind(session.created_at.0)
    .bind(session.expires_at.0)
    .bind(&session.address)
    .bind(&session.user_agent)
    .bind(session.ends_by.map(|by| by.0))
    .execute(tx.on())
    .await?;
    // What ended long ago says nothing to anybody.
    sqlx::query("DELETE FROM sessions WHERE tenant_id = $1 AND expires_at_ms < $2")
        .bind(Uid(session.tenant_id.0))
        .bind(session.created_at.0 - 30 * 86_400_000)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// By how much the clocks of two instances may differ.
const CLOCKS_DIFFER_MS: i64 = 5 * 60_000;

/// The open session of a token. One that was used at a time that is still to come was used before the clock was
/// put back, and nobody knows how long ago: it is not open until that time has come.
pub(crate) async fn get_open(
    tx: &mut Tx,
    tenant: TenantId,
    token_hash: &TokenHash,
    now: Timestamp,
) -> Stored<Option<Session>> {
    let row = sqlx::query(
        "SELECT * FROM sessions WHERE tenant_id = $1 AND token_hash = $2
           AND revoked_at_ms IS NULL AND expires_at_ms > $3 AND last_seen_at_ms <= $4",
    )
    .bind(Uid(tenant.0))
    .bind(token_hash.as_slice())
    .bind(now.0)
    .bind(now.plus_ms(CLOCKS_DIFFER_MS).0)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Session {
        id: SessionId(id(&row, "session_id")?),
        tenant_id: TenantId(id(&row, "tenant_id")?),
        user_id: UserId(id(&row, "user_id")?),
        created_at: time(&row, "created_at_ms")?,
        last_seen_at: time(&row, "last_seen_at_ms")?,
        expires_at: time(&row, "expires_at_ms")?,
        ends_by: time_or_none(&row, "ends_by_ms")?,
        address: get(&row, "address")?,
        user_agent: get(&row, "user_agent")?,
    }))
}

/// How a session that is not open any more came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its time.
    Expired,
    /// Somebody or something ended it.
    Revoked,
}

/// How the session of a token ended; `None` for one nobody knows, or of which that can't be said.
pub(crate) async fn get_end(
    tx: &mut Tx,
    tenant: TenantId,
    token_hash: &TokenHash,
    now: Timestamp,
) -> Stored<Option<End>> {
    let row = sqlx::query(
        "SELECT revoked_at_ms, expires_at_ms FROM sessions
         WHERE tenant_id = $1 AND token_hash = $2",
    )
    .bind(Uid(tenant.0))
    .bind(token_hash.as_slice())
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (revoked, expires) = (
        time_or_none(&row, "revoked_at_ms")?,
        time(&row, "expires_at_ms")?,
    );
    // One that was over before it was revoked ended by its time.
    Ok(match revoked {
        Some(at) if at < expires => Some(End::Revoked),
        _ if expires <= now => Some(End::Expired),
        _ => None,
    })
}

pub(crate) async fn touch(
    tx: &mut Tx,
    (tenant, session): (TenantId, SessionId),
    now: Timestamp,
    ends: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "UPDATE sessions SET last_seen_at_ms = $3, expires_at_ms = $4
         WHERE tenant_id = $1 AND session_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(session.0))
    .bind(now.0)
    .bind(ends.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    (tenant, session): (TenantId, SessionId),
    now: Timestamp,
) -> Stored<()> {
    sqlx::query("UPDATE sessions SET revoked_at_ms = $3 WHERE tenant_id = $1 AND session_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(session.0))
        .bind(now.0)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Ends all sessions of a user; of everybody in the tenant when none is named.
pub(crate) async fn revoke_all(
    tx: &mut Tx,
    tenant: TenantId,
    user: Option<UserId>,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "UPDATE sessions SET revoked_at_ms = $3
         WHERE tenant_id = $1 AND revoked_at_ms IS NULL AND ($4 OR user_id = $2)",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(user.map_or(tenant.0, |user| user.0)))
    .bind(now.0)
    .bind(user.is_none())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Ends what people of a tenant opened with a password: all but the emergencies of the account kept for
/// them, and the session named. They are locked first: who signs in meanwhile is seen, or waits and finds
/// the new rules. Says how many ended.
pub(crate) async fn revoke_local(
    tx: &mut Tx,
    tenant: TenantId,
    (emergency, keep): (Option<UserId>, Option<SessionId>),
    now: Timestamp,
) -> Stored<u64> {
    sqlx::query(
        "SELECT user_id FROM users WHERE tenant_id = $1 AND auth_source = 'local'
         ORDER BY user_id FOR UPDATE",
    )
    .bind(Uid(tenant.0))
    .execute(tx.on())
    .await?;
    let done = sqlx::query(
        "UPDATE sessions SET revoked_at_ms = $4
         WHERE tenant_id = $1 AND revoked_at_ms IS NULL AND expires_at_ms > $4
           AND session_id IS DISTINCT FROM $3
           AND NOT (ends_by_ms IS NOT NULL AND user_id IS NOT DISTINCT FROM $2)
           AND user_id IN (
             SELECT user_id FROM users WHERE tenant_id = $1 AND auth_source = 'local')",
    )
    .bind(Uid(tenant.0))
    .bind(emergency.map(|user| Uid(user.0)))
    .bind(keep.map(|session| Uid(session.0)))
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected())
}

/// A session ends by then, however much it is used.
pub(crate) async fn bound(
    tx: &mut Tx,
    (tenant, session): (TenantId, SessionId),
    by: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "UPDATE sessions SET ends_by_ms = least(ends_by_ms, $3),
           expires_at_ms = least(expires_at_ms, $3)
         WHERE tenant_id = $1 AND session_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(session.0))
    .bind(by.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Failures of a key and the last of them.
pub(crate) async fn attempts(
    tx: &mut Tx,
    tenant: TenantId,
    key: &str,
) -> Stored<(u32, Option<Timestamp>)> {
    let row = sqlx::query(
        "SELECT failures::bigint AS failures, last_failure_at_ms FROM sign_in_attempts
         WHERE tenant_id = $1 AND attempt_key = $2",
    )
    .bind(Uid(tenant.0))
    .bind(key)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok((0, None)) };
    let failures = u32::try_from(number(&row, "failures")?).unwrap_or(u32::MAX);
    Ok((failures, time_or_none(&row, "last_failure_at_ms")?))
}

/// How long a failure counts.
const REMEMBERED_MS: i64 = 86_400_000;

/// Counts a failure; those of more than a day ago are forgotten, also of names that nobody came with again:
/// anybody can make names up. What another transaction holds is left to the next one, so that no two wait
/// for each other.
pub(crate) async fn record_failure(
    tx: &mut Tx,
    tenant: TenantId,
    key: &str,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO sign_in_attempts AS a (tenant_id, attempt_key, failures, last_failure_at_ms)
         VALUES ($1, $2, 1, $3)
         ON CONFLICT (tenant_id, attempt_key) DO UPDATE SET
           failures = CASE WHEN a.last_failure_at_ms < $3 - 86400000 THEN 1
                           ELSE least(a.failures + 1, 1000000) END,
           last_failure_at_ms = $3",
    )
    .bind(Uid(tenant.0))
    .bind(key)
    .bind(now.0)
    .execute(tx.on())
    .await?;
    sqlx::query(
        "DELETE FROM sign_in_attempts WHERE tenant_id = $1 AND attempt_key IN (
           SELECT attempt_key FROM sign_in_attempts
           WHERE tenant_id = $1 AND last_failure_at_ms < $2 LIMIT 100 FOR UPDATE SKIP LOCKED)",
    )
    .bind(Uid(tenant.0))
    .bind(now.0 - REMEMBERED_MS)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn clear_failures(tx: &mut Tx, tenant: TenantId, key: &str) -> Stored<()> {
    sqlx::query("DELETE FROM sign_in_attempts WHERE tenant_id = $1 AND attempt_key = $2")
        .bind(Uid(tenant.0))
        .bind(key)
        .execute(tx.on())
        .await?;
    Ok(())
}
