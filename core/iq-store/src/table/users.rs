//! Users. The password hash is a column that no [`User`] carries; only sign-in reads it.

use iq_domain::{CodedError, Role, TenantId, Timestamp, User, UserId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, username, email, name, role, is_active, auth_source, \
    must_change_password, last_sign_in_at, created_at FROM users";

/// Which users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserFilter {
    /// With this role.
    pub role: Option<Role>,
    /// May sign in or not.
    pub is_active: Option<bool>,
    /// Occurs in user name, name or e-mail.
    pub text: Option<String>,
}

/// What sign-in needs: the user and the hash, if one is set.
#[derive(Clone, PartialEq)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// Argon2id hash in its text form; `None` for users of an identity provider.
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

fn read(r: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        username: r.get("username")?,
        email: r.get("email")?,
        name: r.get("name")?,
        role: row::word(r, "role")?,
        is_active: r.get("is_active")?,
        auth_source: row::word(r, "auth_source")?,
        must_change_password: r.get("must_change_password")?,
        last_sign_in_at: row::time_opt(r, "last_sign_in_at")?,
        created_at: row::time(r, "created_at")?,
    })
}

/// The form in which user names are compared: without surrounding space and without case.
#[must_use]
pub fn username_key(username: &str) -> String {
    username.trim().to_lowercase()
}

fn taken(error: StoreError, user: &User) -> StoreError {
    error.or_taken(CodedError::conflict("users.username_taken").with("username", &user.username))
}

/// Creates a user; `password_hash` only for local ones.
pub fn create_user(
    conn: &Connection,
    tenant: TenantId,
    user: &User,
    password_hash: Option<&str>,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, user.tenant_id)?;
    let sql = "INSERT INTO users (tenant_id, id, username, username_key, email, name, role,
               is_active, auth_source, must_change_password, last_sign_in_at, created_at,
               password_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            user.id.to_string(),
            user.username.trim(),
            username_key(&user.username),
            user.email,
            user.name,
            user.role.as_str(),
            user.is_active,
            row::to_word(&user.auth_source)?,
            user.must_change_password,
            user.last_sign_in_at.map(|t| t.0),
            user.created_at.0,
            password_hash
        ],
    )
    .map_err(|e| taken(e, user))
}

/// The user, if this tenant has it.
pub fn get_user(
    conn: &Connection,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The user of this tenant with that name, without regard to case.
pub fn get_user_by_username(
    conn: &Connection,
    tenant: TenantId,
    username: &str,
) -> Result<Option<User>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND username_key = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), username_key(username)],
        read,
    )
}

/// The user with that name of any tenant, with the hash: only for signing in, where the name is what
/// tells the tenant.
pub fn get_credentials(
    conn: &Connection,
    username: &str,
) -> Result<Option<Credentials>, StoreError> {
    let sql = SELECT.replace(" FROM ", ", password_hash FROM ");
    let sql = format!("{sql} WHERE username_key = ?");
    query::find(conn, &sql, params![username_key(username)], |r| {
        Ok(Credentials {
            user: read(r)?,
            password_hash: r.get("password_hash")?,
        })
    })
}

/// The hash of a user, for checking the present password before it is changed.
pub fn get_password_hash(
    conn: &Connection,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT password_hash FROM users WHERE tenant_id = ? AND id = ?";
    let args = params![tenant.to_string(), id.to_string()];
    Ok(query::find(conn, sql, args, |r| {
        r.get::<_, Option<String>>("password_hash")
    })?
    .flatten())
}

/// A page of users by name.
pub fn list_users(
    conn: &Connection,
    tenant: TenantId,
    filter: &UserFilter,
    page: Page,
) -> Result<Paged<User>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("role = ?", filter.role.map(|role| role.as_str().to_owned()))
        .maybe("is_active = ?", filter.is_active)
        .contains(&["username", "name", "email"], filter.text.as_deref());
    wanted.page(conn, "users", (SELECT, "username_key"), page, read)
}

/// How many active users hold a role: the last administrator must not be locked out.
pub fn count_active_users(
    conn: &Connection,
    tenant: TenantId,
    role: Role,
) -> Result<u64, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted.and(
        "is_active = 1 AND role = ?",
        [role.as_str().to_owned().into()],
    );
    wanted.count(conn, "users")
}

/// Whether the appliance has any user yet.
pub fn has_any_user(conn: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users)";
    Ok(conn.prepare_cached(sql)?.query_row([], |r| r.get(0))?)
}

/// Changes a user; the hash and the last sign-in have functions of their own.
pub fn update_user(conn: &Connection, tenant: TenantId, user: &User) -> Result<(), StoreError> {
    row::same_tenant(tenant, user.tenant_id)?;
    let sql = "UPDATE users SET username = ?, username_key = ?, email = ?, name = ?, role = ?,
               is_active = ?, auth_source = ?, must_change_password = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            user.username.trim(),
            username_key(&user.username),
            user.email,
            user.name,
            user.role.as_str(),
            user.is_active,
            row::to_word(&user.auth_source)?,
            user.must_change_password,
            tenant.to_string(),
            user.id.to_string()
        ],
    )
    .map_err(|e| taken(e, user))
}

/// Sets the hash and whether the password is temporary.
pub fn update_password_hash(
    conn: &Connection,
    tenant: TenantId,
    id: UserId,
    hash: &str,
    must_change: bool,
) -> Result<(), StoreError> {
    let sql = "UPDATE users SET password_hash = ?, must_change_password = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![hash, must_change, tenant.to_string(), id.to_string()],
    )
}

/// Records a sign-in.
pub fn update_last_sign_in(
    conn: &Connection,
    tenant: TenantId,
    id: UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE users SET last_sign_in_at = ? WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![at.0, tenant.to_string(), id.to_string()])
}

/// Deletes a user with sessions and settings; what the user did stays in the audit log by name.
pub fn delete_user(conn: &Connection, tenant: TenantId, id: UserId) -> Result<(), StoreError> {
    let sql = "DELETE FROM users WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
