//! Users of the tenant. Nobody gives more than the own role, and nobody changes who stands above.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    CreatedUser, ProfileInput, SessionInfo, SessionRow, TenantUser, TenantUserInput,
};
use iq_auth::temporary_password;
use iq_domain::{
    AuthSource, CodedError, IdentityProvider, Permission, Role, TenantId, User, UserId,
    UserIdentity, is_email_address, is_username,
};
use iq_store::{
    Connection, StoreError, identity_providers, user_identities,
    users::{self, UserFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api_tokens, auth,
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, Query, Route, check::NAME_CHARS, delete,
        get, post, put,
    },
    session::{self, end_sessions},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{OwnProfile, UsersRead, UsersWrite};
    vec![
        get("/api/tenant-users", UsersRead, list_users)
            .query::<UserQuery>()
            .list::<TenantUser>()
            .says("Users of the tenant"),
        post("/api/tenant-users", UsersWrite, create_user)
            .body::<TenantUserInput>()
            .answer::<CreatedUser>()
            .status(201)
            .audits("users.create")
            .says("Create a user with a temporary password"),
        get("/api/tenant-users/{id}", UsersRead, get_user)
            .answer::<TenantUser>()
            .says("One user"),
        put("/api/tenant-users/{id}", UsersWrite, update_user)
            .body::<TenantUserInput>()
            .answer::<TenantUser>()
            .audits("users.update")
            .says("Change name, role or switch; sessions end when role or switch change"),
        post(
            "/api/tenant-users/{id}/reset-password",
            UsersWrite,
            reset_password,
        )
        .answer::<CreatedUser>()
        .audits("users.reset_password")
        .says("A new temporary password; all sessions and tokens of the user end"),
        get(
            "/api/tenant-users/{id}/sessions",
            UsersRead,
            list_user_sessions,
        )
        .list::<SessionRow>()
        .says("Where a user is signed in"),
        delete(
            "/api/tenant-users/{id}/sessions",
            UsersWrite,
            end_user_sessions,
        )
        .status(204)
        .audits("users.end_sessions")
        .says("Sign a user out everywhere"),
        put("/api/session/profile", OwnProfile, update_profile)
            .body::<ProfileInput>()
            .answer::<SessionInfo>()
            .audits("users.update_profile")
            .says("Change the own name and e-mail"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct UserQuery {
    /// Only this role.
    role: Option<Role>,
    /// Only active or only disabled users.
    is_active: Option<bool>,
    /// Part of user name, name or e-mail.
    q: Option<String>,
}

async fn list_users(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<UserQuery>,
) -> Answer<Json<Vec<TenantUser>>> {
    let filter = UserFilter {
        role: query.role,
        is_active: query.is_active,
        text: query.q,
    };
    let tenant = caller.tenant_id;
    let (rows, vouching) = state
        .runtime
        .store()
        .read(move |conn| {
            let rows = users::list_users(conn, tenant, &filter, iq_store::Page::MAX)?;
            Ok((rows.rows, Vouching::read(conn, tenant)?))
        })
        .await?;
    Ok(Json(
        rows.into_iter().map(|user| vouching.dto(user)).collect(),
    ))
}

async fn get_user(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Answer<Json<TenantUser>> {
    let user = own(&state, &caller, id).await?;
    Ok(Json(one(&state, user).await?))
}

async fn create_user(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<TenantUserInput>,
) -> Answer<(StatusCode, Json<CreatedUser>)> {
    let username = input.username.trim().to_owned();
    check_input(&caller, &username, &input)?;
    let password = temporary_password().map_err(CodedError::from)?;
    let hash = auth::hash_password(&state, password.clone()).await?;
    let user = User {
        id: UserId::new(),
        tenant_id: caller.tenant_id,
        username,
        email: input.email.filter(|e| !e.is_empty()),
        name: input.name,
        role: input.role,
        is_active: input.is_active,
        auth_source: AuthSource::Local,
        must_change_password: true,
        last_sign_in_at: None,
        created_at: state.now(),
    };
    audit
        .object("user", user.id)
        .detail("username", user.username.clone())
        .detail("role", user.role.as_str());
    let (tenant, row) = (caller.tenant_id, user.clone());
    state
        .runtime
        .store()
        .write(move |tx| users::create_user(tx, tenant, &row, Some(&hash)))
        .await?;
    let created = CreatedUser {
        user: one(&state, user).await?,
        temporary_password: password.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

async fn update_user(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<UserId>,
    Body(input): Body<TenantUserInput>,
) -> Answer<Json<TenantUser>> {
    let old = own(&state, &caller, id).await?;
    refuse_above(&caller, old.role)?;
    check_change(&caller, &old, &input)?;
    if users::username_key(&input.username) != users::username_key(&old.username) {
        return Err(Failure::field("username", "users.username_fixed"));
    }
    let mut user = old.clone();
    user.name = input.name;
    user.email = input.email.filter(|e| !e.is_empty());
    user.role = input.role;
    user.is_active = input.is_active;
    refuse_owned(&one(&state, old.clone()).await?, &user)?;
    let is_access_changed = user.role != old.role || user.is_active != old.is_active;
    if is_access_changed && id == caller.user_id {
        return Err(Failure::conflict("users.own_account"));
    }
    audit
        .detail("username", user.username.clone())
        .detail("role", user.role.as_str())
        .detail("role_before", old.role.as_str())
        .detail("is_active", user.is_active);
    let (tenant, row) = (caller.tenant_id, user.clone());
    state
        .runtime
        .store()
        .write(move |tx| {
            let was_admin = old.role == Role::TenantAdmin && old.is_active;
            let stays_admin = row.role == Role::TenantAdmin && row.is_active;
            if was_admin
                && !stays_admin
                && users::count_active_users(tx, tenant, Role::TenantAdmin)? <= 1
            {
                return Err(CodedError::conflict("users.last_admin").into());
            }
            users::update_user(tx, tenant, &row)
        })
        .await?;
    if is_access_changed {
        end_sessions(&state, tenant, id, None).await?;
    }
    if !user.is_active {
        api_tokens::revoke_all(&state, tenant, id).await?;
    }
    Ok(Json(one(&state, user).await?))
}

async fn reset_password(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<UserId>,
) -> Answer<Json<CreatedUser>> {
    let mut user = own(&state, &caller, id).await?;
    audit.detail("username", user.username.clone());
    refuse_above(&caller, user.role)?;
    if id == caller.user_id {
        return Err(Failure::conflict("users.own_password"));
    }
    if user.auth_source != AuthSource::Local {
        return Err(Failure::conflict("users.password_elsewhere"));
    }
    let password = temporary_password().map_err(CodedError::from)?;
    let hash = auth::hash_password(&state, password.clone()).await?;
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .write(move |tx| users::update_password_hash(tx, tenant, id, &hash, true))
        .await?;
    // Whoever knew the old password may have made a token with it.
    end_sessions(&state, tenant, id, None).await?;
    api_tokens::revoke_all(&state, tenant, id).await?;
    user.must_change_password = true;
    Ok(Json(CreatedUser {
        user: one(&state, user).await?,
        temporary_password: password.expose().to_owned(),
    }))
}

async fn list_user_sessions(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Answer<Json<Vec<SessionRow>>> {
    own(&state, &caller, id).await?;
    Ok(Json(
        session::rows_of(&state, &caller, caller.tenant_id, id).await?,
    ))
}

async fn end_user_sessions(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<UserId>,
) -> Answer<StatusCode> {
    let user = own(&state, &caller, id).await?;
    audit.detail("username", user.username.clone());
    refuse_above(&caller, user.role)?;
    if id == caller.user_id {
        return Err(Failure::conflict("users.own_sessions"));
    }
    end_sessions(&state, caller.tenant_id, id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn update_profile(
    State(state): State<ApiState>,
    caller: Caller,
    Body(input): Body<ProfileInput>,
) -> Answer<Json<SessionInfo>> {
    let mut check = Check::new();
    check.line("name", &input.name, NAME_CHARS);
    check_email(&mut check, input.email.as_deref());
    check.done()?;
    let old = session::own_user(&state, &caller).await?;
    let mut user = old.clone();
    user.name = input.name;
    user.email = input.email.filter(|e| !e.is_empty());
    refuse_owned(&one(&state, old).await?, &user)?;
    let (tenant, row) = (user.tenant_id, user.clone());
    state
        .runtime
        .store()
        .write(move |tx| users::update_user(tx, tenant, &row))
        .await?;
    let csrf = state.keys.csrf_token(&caller.token_hash);
    let body = session::info_of(&state, &user, caller.tenant_id, csrf).await?;
    Ok(Json(body))
}

/// Refuses a change of what the identity provider decides.
fn refuse_owned(before: &TenantUser, after: &User) -> Answer<()> {
    let changed = [
        ("name", before.name != after.name),
        ("email", before.email != after.email),
        ("role", before.role != after.role),
    ];
    let mut check = Check::new();
    for (field, is_changed) in changed {
        let is_owned = before.owned_by_provider.iter().any(|f| f == field);
        check.require(!(is_changed && is_owned), field, "users.owned_by_provider");
    }
    check.done()
}

pub(crate) async fn own(state: &ApiState, caller: &Caller, id: UserId) -> Answer<User> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| users::get_user(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

pub(crate) fn refuse_above(caller: &Caller, role: Role) -> Answer<()> {
    if role > caller.role {
        Err(Failure::forbidden("users.role_above_own"))
    } else {
        Ok(())
    }
}

fn check_input(caller: &Caller, username: &str, input: &TenantUserInput) -> Answer<()> {
    let mut check = Check::new();
    check_username(&mut check, username);
    check.line("name", &input.name, NAME_CHARS);
    check_email(&mut check, input.email.as_deref());
    check.done()?;
    refuse_above(caller, input.role)
}

/// What stays as it is came in by other rules, from a hub or a provider: it must not keep anybody from
/// taking a role away.
fn check_change(caller: &Caller, old: &User, input: &TenantUserInput) -> Answer<()> {
    let mut check = Check::new();
    if input.name != old.name {
        check.line("name", &input.name, NAME_CHARS);
    }
    if input.email != old.email {
        check_email(&mut check, input.email.as_deref());
    }
    check.done()?;
    refuse_above(caller, input.role)
}

pub(crate) fn check_username(check: &mut Check, username: &str) {
    check.require(is_username(username), "username", "users.username_wrong");
}

pub(crate) fn check_email(check: &mut Check, email: Option<&str>) {
    let Some(email) = email.filter(|e| !e.is_empty()) else {
        return;
    };
    check.line("email", email, NAME_CHARS * 2);
    check.require(is_email_address(email), "email", "users.email_wrong");
}

/// Who vouches for whom in a tenant.
struct Vouching {
    identities: Vec<UserIdentity>,
    providers: Vec<IdentityProvider>,
}

impl Vouching {
    fn read(conn: &Connection, tenant: TenantId) -> Result<Self, StoreError> {
        Ok(Self {
            identities: user_identities::list_identities(conn, tenant)?,
            providers: identity_providers::list_providers(conn, tenant)?,
        })
    }

    fn dto(&self, user: User) -> TenantUser {
        let identity = self.identities.iter().find(|i| i.user_id == user.id);
        let provider = identity.and_then(|i| self.providers.iter().find(|p| p.id == i.provider_id));
        let mut owned = Vec::new();
        if user.auth_source == AuthSource::Sso {
            owned.extend(["name", "email"]);
            if provider.is_some_and(IdentityProvider::owns_role) {
                owned.push("role");
            }
        }
        TenantUser {
            id: user.id,
            username: user.username,
            email: user.email,
            name: user.name,
            role: user.role,
            is_active: user.is_active,
            auth_source: user.auth_source,
            provider: provider.map(|p| p.display_name.clone()),
            owned_by_provider: owned.into_iter().map(str::to_owned).collect(),
            must_change_password: user.must_change_password,
            last_sign_in_at: user.last_sign_in_at,
            created_at: user.created_at,
        }
    }
}

/// One user with who vouches for it.
async fn one(state: &ApiState, user: User) -> Answer<TenantUser> {
    let tenant = user.tenant_id;
    let vouching = state
        .runtime
        .store()
        .read(move |conn| Vouching::read(conn, tenant))
        .await?;
    Ok(vouching.dto(user))
}
