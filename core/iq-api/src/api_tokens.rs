//! Tokens of programs: made by the person they act for, shown once, ended by them or an administrator.
//! A token holds some of its owner's permissions, never those over users and sign-in.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{ApiTokenInput, ApiTokenRow, ApiTokens, CreatedApiToken};
use iq_domain::{
    ApiToken, ApiTokenId, CodedError, Permission, Role, SessionId, TenantId, Timestamp, UserId,
};
use iq_store::api_tokens;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Id, Route, check::NAME_CHARS,
        delete, get, post,
    },
    state::ApiState,
    users,
};

/// Tokens a person may have at once.
const MAX_TOKENS: usize = 50;
/// Longest life of a token.
const MAX_DAYS: u32 = 365;
const DAY_MS: i64 = 86_400_000;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{OwnProfile, UsersRead, UsersWrite};
    vec![
        get("/api/session/tokens", OwnProfile, list_tokens)
            .answer::<ApiTokens>()
            .says("The own tokens for programs, and what a token may hold"),
        post("/api/session/tokens", OwnProfile, create_token)
            .body::<ApiTokenInput>()
            .answer::<CreatedApiToken>()
            .status(201)
            .audits("tokens.create")
            .says("Create a token for a program; it is shown once"),
        delete("/api/session/tokens/{id}", OwnProfile, delete_token)
            .status(204)
            .audits("tokens.revoke")
            .says("End one of the own tokens"),
        get("/api/tenant-users/{id}/tokens", UsersRead, list_user_tokens)
            .list::<ApiTokenRow>()
            .says("Tokens of a user"),
        delete(
            "/api/tenant-users/{id}/tokens/{token_id}",
            UsersWrite,
            delete_user_token,
        )
        .status(204)
        .audits("tokens.revoke")
        .says("End a token of a user"),
    ]
}

async fn list_tokens(State(state): State<ApiState>, caller: Caller) -> Answer<Json<ApiTokens>> {
    let tokens = rows_of(&state, caller.home_tenant_id, caller.user_id).await?;
    let permissions = lendable(caller.role).map(|p| p.as_str().to_owned());
    Ok(Json(ApiTokens {
        tokens,
        permissions: permissions.collect(),
    }))
}

fn lendable(role: Role) -> impl Iterator<Item = Permission> {
    Permission::ALL
        .iter()
        .copied()
        .filter(move |p| role.may(*p) && p.may_be_lent())
}

async fn create_token(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<ApiTokenInput>,
) -> Answer<(StatusCode, Json<CreatedApiToken>)> {
    check_input(&caller, &input)?;
    let new = state.keys.new_api_token().map_err(CodedError::from)?;
    let now = state.now();
    let token = ApiToken {
        id: ApiTokenId::new(),
        tenant_id: caller.home_tenant_id,
        user_id: caller.user_id,
        name: input.name.trim().to_owned(),
        permissions: input.permissions,
        created_at: now,
        expires_at: now.plus_ms(i64::from(input.days) * DAY_MS),
        last_used_at: None,
        last_used_by: None,
        revoked_at: None,
    };
    audit
        .object("token", token.id)
        .detail("name", token.name.clone())
        .detail("permissions", token.permissions.clone())
        .detail("expires_at", token.expires_at.0);
    let (tenant, row, hash) = (caller.home_tenant_id, token.clone(), new.token_hash);
    state
        .runtime
        .store()
        .write(move |tx| {
            if api_tokens::list_tokens_of_user(tx, tenant, row.user_id)?.len() >= MAX_TOKENS {
                let many = CodedError::conflict("tokens.too_many").with("max", MAX_TOKENS);
                return Err(many.into());
            }
            api_tokens::create_token(tx, tenant, &row, &hash)
        })
        .await?;
    let created = CreatedApiToken {
        row: dto(token, now),
        token: new.token.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

fn check_input(caller: &Caller, input: &ApiTokenInput) -> Answer<()> {
    let mut check = Check::new();
    check.line("name", &input.name, NAME_CHARS).number(
        "days",
        f64::from(input.days),
        1.0,
        f64::from(MAX_DAYS),
    );
    check.require(
        !input.permissions.is_empty(),
        "permissions",
        "tokens.no_permission",
    );
    for wanted in &input.permissions {
        if !lendable(caller.role).any(|p| p.as_str() == wanted) {
            let problem = FieldFailure::new("permissions", "tokens.permission_refused");
            check.problem(problem.with("permission", wanted));
            break;
        }
    }
    check.done()
}

async fn delete_token(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ApiTokenId>,
) -> Answer<StatusCode> {
    revoke(&state, caller.home_tenant_id, caller.user_id, id).await
}

async fn list_user_tokens(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Answer<Json<Vec<ApiTokenRow>>> {
    users::own(&state, &caller, id).await?;
    Ok(Json(rows_of(&state, caller.tenant_id, id).await?))
}

async fn delete_user_token(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(user): Id<UserId>,
    Id(token): Id<ApiTokenId, 1>,
) -> Answer<StatusCode> {
    let found = users::own(&state, &caller, user).await?;
    audit.detail("username", found.username);
    users::refuse_above(&caller, found.role)?;
    revoke(&state, caller.tenant_id, user, token).await
}

async fn rows_of(state: &ApiState, tenant: TenantId, user: UserId) -> Answer<Vec<ApiTokenRow>> {
    let now = state.now();
    let tokens = state
        .runtime
        .store()
        .read(move |conn| api_tokens::list_tokens_of_user(conn, tenant, user))
        .await?;
    Ok(tokens.into_iter().map(|token| dto(token, now)).collect())
}

async fn revoke(
    state: &ApiState,
    tenant: TenantId,
    user: UserId,
    id: ApiTokenId,
) -> Answer<StatusCode> {
    let now = state.now();
    let was_there = state
        .runtime
        .store()
        .write(move |tx| api_tokens::revoke_token(tx, tenant, user, id, now))
        .await?;
    if !was_there {
        return Err(Failure::not_found());
    }
    state.session_ended(SessionId(id.0));
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all tokens of a user and their event streams.
pub(crate) async fn revoke_all(state: &ApiState, tenant: TenantId, user: UserId) -> Answer<()> {
    let now = state.now();
    let ended = state
        .runtime
        .store()
        .write(move |tx| {
            let open = api_tokens::list_tokens_of_user(tx, tenant, user)?;
            api_tokens::revoke_tokens_of_user(tx, tenant, user, now)?;
            Ok(open)
        })
        .await?;
    for token in ended {
        state.session_ended(SessionId(token.id.0));
    }
    Ok(())
}

fn dto(token: ApiToken, now: Timestamp) -> ApiTokenRow {
    ApiTokenRow {
        id: token.id,
        name: token.name,
        permissions: token.permissions,
        created_at: token.created_at,
        is_expired: token.expires_at <= now,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        last_used_by: token.last_used_by,
    }
}
