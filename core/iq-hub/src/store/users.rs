//! People and, apart from them, what they sign in with.

use iq_domain::{AuthSource, Role, TenantId, Timestamp, User, UserId};
use sqlx::postgres::PgRow;

use super::{Stored, Tx, Uid, flag, get, id, number, text, time, time_or_none, word};

/// What a person signs in with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) password_hash: Option<String>,
    pub(crate) totp_sealed: Option<Vec<u8>>,
    pub(crate) totp_confirmed: bool,
    pub(crate) totp_last_step: i64,
}

fn user_of(row: &PgRow) -> Stored<User> {
    Ok(User {
        id: UserId(id(row, "user_id")?),
        tenant_id: TenantId(id(row, "tenant_id")?),
        username: text(row, "username")?,
        email: get(row, "email")?,
        name: text(row, "name")?,
        role: word::<Role>(row, "role")?,
        is_active: flag(row, "is_active")?,
        auth_source: if text(row, "auth_source")? == "sso" {
            AuthSource::Sso
        } else {
            AuthSource::Local
        },
        must_change_password: flag(row, "must_change_password")?,
        last_sign_in_at: time_or_none(row, "last_sign_in_at_ms")?,
        created_at: time(row, "created_at_ms")?,
    })
}

pub(crate) async fn get_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Stored<Option<User>> {
    let row = sqlx::query("SELECT * FROM users WHERE tenant_id = $1 AND user_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(user.0))
        .fetch_optional(tx.on())
        .await?;
    row.as_ref().map(user_of).transpose()
}

pub(crate) async fn get_by_name(
    tx: &mut Tx,
    tenant: TenantId,
    username: &str,
) -> Stored<Option<User>> {
    let row =
        sqlx::query("SELECT * FROM users WHERE tenant_id = $1 AND lower(username) = lower($2)")
            .bind(Uid(tenant.0))
            .bind(username)
            .fetch_optional(tx.on())
            .await?;
    row.as_ref().map(user_of).transpose()
}

/// The users of a tenant.
pub(crate) async fn list_of(tx: &mut Tx, tenant: TenantId) -> Stored<Vec<User>> {
    let rows = sqlx::query("SELECT * FROM users WHERE tenant_id = $1 ORDER BY lower(username)")
        .bind(Uid(tenant.0))
        .fetch_all(tx.on())
        .await?;
    rows.iter().map(user_of).collect()
}

/// The users of all tenants, or of one, with the codes of these. For a transaction of the platform.
pub(crate) async fn list_all(tx: &mut Tx, only: Option<TenantId>) -> Stored<Vec<(User, String)>> {
    let rows = sqlx::query(
        "SELECT u.*, t.code AS tenant_code FROM users u JOIN tenants t USING (tenant_id)
         WHERE $1 OR u.tenant_id = $2
         ORDER BY t.code, lower(u.username) LIMIT 5000",
    )
    .bind(only.is_none())
    .bind(Uid(only.unwrap_or(super::PLATFORM).0))
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| Ok((user_of(row)?, text(row, "tenant_code")?)))
        .collect()
}

/// A user without a password.
pub(crate) async fn create_alone(tx: &mut Tx, user: &User) -> Stored<()> {
    let source = match user.auth_source {
        AuthSource::Sso => "sso",
        AuthSource::Local => "local",
    };
    sqlx::query(
        "INSERT INTO users (tenant_id, user_id, username, email, name, role, is_active,
           auth_source, must_change_password, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(Uid(user.tenant_id.0))
    .bind(Uid(user.id.0))
    .bind(&user.username)
    .bind(&user.email)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(user.is_active)
    .bind(source)
    .bind(user.must_change_password)
    .bind(user.created_at.0)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn create(tx: &mut Tx, user: &User, password_hash: &str) -> Stored<()> {
    create_alone(tx, user).await?;
    sqlx::query(
        "INSERT INTO user_credentials (tenant_id, user_id, password_hash) VALUES ($1, $2, $3)",
    )
    .bind(Uid(user.tenant_id.0))
    .bind(Uid(user.id.0))
    .bind(password_hash)
    .execute(tx.on())
    .await?;
    Ok(())
}

pub(crate) async fn update(tx: &mut Tx, user: &User) -> Stored<()> {
    sqlx::query(
        "UPDATE users SET email = $3, name = $4, role = $5, is_active = $6
         WHERE tenant_id = $1 AND user_id = $2",
    )
    .bind(Uid(user.tenant_id.0))
    .bind(Uid(user.id.0))
    .bind(&user.email)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(user.is_active)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Active users of a role, locked: two administrators can't put each other out at the same moment. Of
/// platform owners those with a password here: no provider may become the only way in.
pub(crate) async fn lock_active_of_role(
    tx: &mut Tx,
    tenant: TenantId,
    role: Role,
) -> Stored<Vec<UserId>> {
    let rows = sqlx::query(
        "SELECT user_id FROM users WHERE tenant_id = $1 AND role = $2 AND is_active
           AND (role <> 'platform_owner' OR auth_source = 'local') FOR UPDATE",
    )
    .bind(Uid(tenant.0))
    .bind(role.as_str())
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| Ok(UserId(id(row, "user_id")?)))
        .collect()
}

/// Whether somebody of this role can come in with a password.
pub(crate) async fn has_local(tx: &mut Tx, tenant: TenantId, role: Role) -> Stored<bool> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND role = $2 AND is_active
           AND auth_source = 'local') AS has",
    )
    .bind(Uid(tenant.0))
    .bind(role.as_str())
    .fetch_one(tx.on())
    .await?;
    flag(&row, "has")
}

pub(crate) async fn get_credentials(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
) -> Stored<Credentials> {
    let row = sqlx::query("SELECT * FROM user_credentials WHERE tenant_id = $1 AND user_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(user.0))
        .fetch_optional(tx.on())
        .await?;
    let Some(row) = row else {
        return Ok(Credentials::default());
    };
    Ok(Credentials {
        password_hash: get(&row, "password_hash")?,
        totp_sealed: get(&row, "totp_sealed")?,
        totp_confirmed: flag(&row, "totp_confirmed")?,
        totp_last_step: number(&row, "totp_last_step")?,
    })
}

/// Sets a password; `is_temporary` asks for another one at the next sign-in.
pub(crate) async fn set_password(
    tx: &mut Tx,
    (tenant, user): (TenantId, UserId),
    hash: &str,
    is_temporary: bool,
) -> Stored<()> {
    sqlx::query(
        "UPDATE user_credentials SET password_hash = $3 WHERE tenant_id = $1 AND user_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(user.0))
    .bind(hash)
    .execute(tx.on())
    .await?;
    sqlx::query("UPDATE users SET must_change_password = $3 WHERE tenant_id = $1 AND user_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(user.0))
        .bind(is_temporary)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Keeps a second factor that is not confirmed yet, or takes it away.
pub(crate) async fn set_totp(
    tx: &mut Tx,
    (tenant, user): (TenantId, UserId),
    sealed: Option<&[u8]>,
) -> Stored<()> {
    sqlx::query(
        "UPDATE user_credentials
         SET totp_sealed = $3, totp_confirmed = false, totp_last_step = 0
         WHERE tenant_id = $1 AND user_id = $2",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(user.0))
    .bind(sealed)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Notes that the code of a step was used; false when it had been used already, by another request
/// or at another instance.
pub(crate) async fn use_totp_step(
    tx: &mut Tx,
    (tenant, user): (TenantId, UserId),
    step: i64,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE user_credentials SET totp_confirmed = true, totp_last_step = $3
         WHERE tenant_id = $1 AND user_id = $2 AND totp_last_step < $3",
    )
    .bind(Uid(tenant.0))
    .bind(Uid(user.0))
    .bind(step)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn note_sign_in(
    tx: &mut Tx,
    (tenant, user): (TenantId, UserId),
    now: Timestamp,
) -> Stored<()> {
    sqlx::query("UPDATE users SET last_sign_in_at_ms = $3 WHERE tenant_id = $1 AND user_id = $2")
        .bind(Uid(tenant.0))
        .bind(Uid(user.0))
        .bind(now.0)
        .execute(tx.on())
        .await?;
    Ok(())
}
