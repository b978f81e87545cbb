//! People on their way to a provider and back, and what a test sign-in showed. All of it ends by
//! itself, and any instance can go on where another began.

use iq_auth::TokenHash;
use iq_domain::{IdentityProviderId, SessionId, TenantId, Timestamp};
use serde_json::Value;
use sqlx::postgres::PgRow;

use super::{StoreError, Stored, Tx, Uid, count, get, id, json, time};

/// Attempts of a tenant that are kept; more push out those that end first.
const MOST: i64 = 5_000;

/// A person on the way.
pub(crate) struct Away {
    pub(crate) provider: IdentityProviderId,
    pub(crate) browser: TokenHash,
    pub(crate) secret_sealed: Vec<u8>,
    pub(crate) purpose: Purpose,
    pub(crate) address: Option<String>,
    pub(crate) expires_at: Timestamp,
}

/// What an attempt is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// Signing in; then on to this page.
    SignIn(String),
    /// Showing the session that asked what the provider sends.
    Preview(SessionId),
}

/// How many attempts of an address are on their way.
pub(crate) async fn count_of_address(
    tx: &mut Tx,
    tenant: TenantId,
    address: &str,
    now: Timestamp,
) -> Stored<u64> {
    let row = sqlx::query(
        "SELECT count(*) AS found FROM sso_attempts
         WHERE tenant_id = $1 AND address = $2 AND expires_at_ms > $3",
    )
    .bind(Uid(tenant.0))
    .bind(address)
    .bind(now.0)
    .fetch_one(tx.on())
    .await?;
    count(&row, "found")
}

/// Keeps an attempt under the hash of its state; those that ended go.
pub(crate) async fn begin(
    tx: &mut Tx,
    tenant: TenantId,
    state: &TokenHash,
    away: &Away,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "DELETE FROM sso_attempts WHERE tenant_id = $1 AND (expires_at_ms <= $2 OR state_hash IN (
           SELECT state_hash FROM sso_attempts WHERE tenant_id = $1
           ORDER BY expires_at_ms DESC OFFSET $3))",
    )
    .bind(Uid(tenant.0))
    .bind(now.0)
    .bind(MOST - 1)
    .execute(tx.on())
    .await?;
    let (next, session) = match &away.purpose {
        Purpose::SignIn(next) => (Some(next), None),
        Purpose::Preview(session) => (None, Some(Uid(session.0))),
    };
    sqlx::query(
        "INSERT INTO sso_attempts (tenant_id, state_hash, provider_id, browser_hash, secret_sealed,
           next_page, session_id, address, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(Uid(tenant.0))
    .bind(state.as_slice())
    .bind(Uid(away.provider.0))
    .bind(away.browser.as_slice())
    .bind(&away.secret_sealed)
    .bind(next)
    .bind(session)
    .bind(&away.address)
    .bind(away.expires_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Takes the attempt of a state out: whatever comes of it, the state is used up, for every instance.
pub(crate) async fn take(
    tx: &mut Tx,
    tenant: TenantId,
    state: &TokenHash,
    now: Timestamp,
) -> Stored<Option<Away>> {
    let row = sqlx::query(
        "DELETE FROM sso_attempts WHERE tenant_id = $1 AND state_hash = $2 RETURNING *",
    )
    .bind(Uid(tenant.0))
    .bind(state.as_slice())
    .fetch_optional(tx.on())
    .await?;
    let away = row.as_ref().map(away_of).transpose()?;
    Ok(away.filter(|away| now < away.expires_at))
}

fn away_of(row: &PgRow) -> Stored<Away> {
    let browser: Vec<u8> = get(row, "browser_hash")?;
    let browser = browser.try_into();
    let next: Option<String> = get(row, "next_page")?;
    Ok(Away {
        provider: IdentityProviderId(id(row, "provider_id")?),
        browser: browser.map_err(|_| StoreError::Internal("browser_hash is no hash".to_owned()))?,
        secret_sealed: get(row, "secret_sealed")?,
        purpose: match next {
            Some(next) => Purpose::SignIn(next),
            None => Purpose::Preview(SessionId(id(row, "session_id")?)),
        },
        address: get(row, "address")?,
        expires_at: time(row, "expires_at_ms")?,
    })
}

/// Keeps what a test sign-in showed; what ended goes.
pub(crate) async fn show(
    tx: &mut Tx,
    (tenant, session, provider): (TenantId, SessionId, IdentityProviderId),
    shown: &Value,
    (now, ends): (Timestamp, Timestamp),
) -> Stored<()> {
    sqlx::query("DELETE FROM sso_previews WHERE tenant_id = $1 AND expires_at_ms <= $2")
        .bind(Uid(tenant.0))
        .bind(now.0)
        .execute(tx.on())
        .await?;
    sqlx::query(
        "INSERT INTO sso_previews (tenant_id, session_id, provider_id, shown, expires_at_ms)
         VALUES ($1, $2, $3, $4::jsonb, $5)
         ON CONFLICT (tenant_id, session_id, provider_id) DO UPDATE
           SET shown = $4::jsonb, expires_at_ms = $5",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(session.0))
    .bind(Uid(provider.0))
    .bind(shown.to_string())
    .bind(ends.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// What the last test sign-in of a session showed.
pub(crate) async fn shown(
    tx: &mut Tx,
    (tenant, session, provider): (TenantId, SessionId, IdentityProviderId),
    now: Timestamp,
) -> Stored<Option<Value>> {
    let row = sqlx::query(
        "SELECT shown::text AS shown FROM sso_previews
         WHERE tenant_id = $1 AND session_id = $2 AND provider_id = $3 AND expires_at_ms > $4",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(session.0))
    .bind(Uid(provider.0))
    .bind(now.0)
    .fetch_optional(tx.on())
    .await?;
    row.map(|row| json(&row, "shown")).transpose()
}
