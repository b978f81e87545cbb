//! Whom a provider vouches for: issuer and subject lead to a user.

use iq_domain::{IdentityProviderId, Role, SessionId, TenantId, Timestamp, UserId, UserIdentity};

use super::{Stored, Tx, Uid, flag, id, text, time};

pub(crate) async fn get_identity(
    tx: &mut Tx,
    tenant: TenantId,
    (issuer, subject): (&str, &str),
) -> Stored<Option<UserIdentity>> {
    let row = sqlx::query(
        "SELECT * FROM user_identities WHERE tenant_id = $1 AND issuer = $2 AND subject = $3",
    )
    .bind(Uid(tenant.0))
    .bind(issuer)
    .bind(subject)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(UserIdentity {
        issuer: text(&row, "issuer")?,
        subject: text(&row, "subject")?,
        user_id: UserId(id(&row, "user_id")?),
        provider_id: IdentityProviderId(id(&row, "provider_id")?),
        created_at: time(&row, "created_at_ms")?,
    }))
}

/// The provider that last vouched for a user.
pub(crate) async fn provider_of(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
) -> Stored<Option<IdentityProviderId>> {
    let row = sqlx::query(
        "SELECT provider_id FROM user_identities WHERE tenant_id = $1 AND user_id = $2 LIMIT 1",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(user.0))
    .fetch_optional(tx.on())
    .await?;
    row.map(|row| Ok(IdentityProviderId(id(&row, "provider_id")?)))
        .transpose()
}

pub(crate) async fn create(tx: &mut Tx, tenant: TenantId, identity: &UserIdentity) -> Stored<()> {
    sqlx::query(
        "INSERT INTO user_identities (tenant_id, issuer, subject, user_id, provider_id, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(Uid(tenant.0))
    .bind(&identity.issuer)
    .bind(&identity.subject)
    .bind(Uid(identity.user_id.0))
    .bind(Uid(identity.provider_id.0))
    .bind(identity.created_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Another provider of the same issuer vouches now.
pub(crate) async fn move_to(
    tx: &mut Tx,
    tenant: TenantId,
    identity: &UserIdentity,
    provider: IdentityProviderId,
) -> Stored<()> {
    sqlx::query(
        "UPDATE user_identities SET provider_id = $4
         WHERE tenant_id = $1 AND issuer = $2 AND subject = $3",
    )
    .bind(Uid(tenant.0))
    .bind(&identity.issuer)
    .bind(&identity.subject)
    .bind(Uid(provider.0))
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Whether a provider that is enabled vouches for somebody of this role.
pub(crate) async fn vouches_for_role(tx: &mut Tx, tenant: TenantId, role: Role) -> Stored<bool> {
    let row = sqlx::query(
        "SELECT EXISTS (
           SELECT FROM user_identities i
           JOIN users u ON u.tenant_id = i.tenant_id AND u.user_id = i.user_id
           JOIN identity_providers p
             ON p.tenant_id = i.tenant_id AND p.provider_id = i.provider_id
           WHERE i.tenant_id = $1 AND u.role = $2 AND u.is_active AND p.is_enabled) AS has",
    )
    .bind(Uid(tenant.0))
    .bind(role.as_str())
    .fetch_one(tx.on())
    .await?;
    flag(&row, "has")
}

/// Ends the sessions of everybody a provider vouches for, but the one named; of one subject alone where
/// it is given. Says how many.
pub(crate) async fn end_sessions(
    tx: &mut Tx,
    (tenant, provider): (TenantId, IdentityProviderId),
    (subject, keep): (Option<&str>, Option<SessionId>),
    now: Timestamp,
) -> Stored<u64> {
    let done = sqlx::query(
        "UPDATE sessions SET revoked_at_ms = $4
         WHERE tenant_id = $1 AND revoked_at_ms IS NULL AND expires_at_ms > $4
           AND session_id IS DISTINCT FROM $5 AND user_id IN (
           SELECT user_id FROM user_identities
           WHERE tenant_id = $1 AND provider_id = $2 AND ($3::text IS NULL OR subject = $3))",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(provider.0))
    .bind(subject)
    .bind(now.0)
    .bind(keep.map(|session| Uid(session.0)))
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected())
}
