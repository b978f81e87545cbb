//! Signing in and out, the own sessions, the own password, the hand-off of the desktop window.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{ChangePasswordRequest, SessionInfo, SessionRow, SignInRequest, WindowProof};
use iq_auth::check_password;
use iq_domain::{AuthSource, CodedError, ErrorKind, Permission, Role, TenantId, User, UserId};
use iq_secrets::SecretString;
use iq_store::{
    StoreError, Transaction,
    attempts::{self, AttemptKey},
    sessions, tenants, users,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::{self, Opening},
    http::{
        Answer, Audit, Body, Caller, Check, Failure, FieldFailure, Query, RequestInfo, Route,
        check::NOTE_CHARS, delete, get, identify::cookie, post, route::Access,
    },
    identity_providers, settings,
    state::ApiState,
};

/// An emergency sign-in ends after an hour, whatever is done with it.
pub(crate) const EMERGENCY_MS: i64 = 3_600_000;

pub(crate) fn routes() -> Vec<Route> {
    let own = Permission::OwnProfile;
    vec![
        get("/auth/handoff", Access::Public, take_handoff)
            .query::<HandoffQuery>()
            .status(303)
            .says("One-time token of the desktop window"),
        get("/auth/window", Access::Public, prove_to_window)
            .query::<ChallengeQuery>()
            .answer::<WindowProof>()
            .says("Proof that this is the service whose key a window of its machine has read"),
        post("/api/session", Access::Public, sign_in)
            .body::<SignInRequest>()
            .answer::<SessionInfo>()
            .audits("session.create")
            .says("Sign in with a local password"),
        get("/api/session", own, get_session)
            .answer::<SessionInfo>()
            .before_password_change()
            .says("Who is signed in"),
        delete("/api/session", own, sign_out)
            .status(204)
            .before_password_change()
            .audits("session.delete")
            .says("Sign out"),
        get("/api/session/all", own, list_sessions)
            .list::<SessionRow>()
            .says("The own sessions"),
        delete("/api/session/all", own, sign_out_elsewhere)
            .status(204)
            .audits("session.delete_others")
            .says("Sign out everywhere else"),
        post("/api/session/password", own, change_password)
            .body::<ChangePasswordRequest>()
            .answer::<SessionInfo>()
            .before_password_change()
            .audits("session.change_password")
            .says("Change the own password; all other sessions end"),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
struct HandoffQuery {
    /// The token.
    t: String,
}

async fn take_handoff(
    State(state): State<ApiState>,
    Query(query): Query<HandoffQuery>,
) -> Answer<Response> {
    if !state.take_handoff(&query.t) {
        return Err(Failure::forbidden("session.handoff_wrong"));
    }
    let home = [(header::LOCATION, HeaderValue::from_static("/"))];
    Ok((StatusCode::SEE_OTHER, home).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
struct ChallengeQuery {
    /// 32 random bytes in base64url.
    challenge: String,
}

async fn prove_to_window(
    State(state): State<ApiState>,
    Query(query): Query<ChallengeQuery>,
) -> Answer<Json<WindowProof>> {
    let proof = state.window_proof(&query.challenge);
    let proof = proof.ok_or_else(Failure::not_found)?;
    Ok(Json(WindowProof { proof }))
}

fn bad_credentials() -> Failure {
    Failure::new(CodedError::new(
        ErrorKind::Unauthenticated,
        "session.bad_credentials",
    ))
}

fn note_emergency(audit: &Audit, user: &str, reason: &str) {
    audit.detail("break_glass", true).detail("reason", reason);
    tracing::warn!(user, "An emergency sign-in with a password.");
}

async fn sign_in(
    State(state): State<ApiState>,
    info: RequestInfo,
    audit: Audit,
    headers: HeaderMap,
    Body(request): Body<SignInRequest>,
) -> Answer<(HeaderMap, Json<SessionInfo>)> {
    let username = request.username.trim().to_owned();
    let password = SecretString::new(request.password);
    auth::check_back_off(&state, &username, &info).await?;
    let name = username.clone();
    let (found, home) = state
        .runtime
        .store()
        .read(move |conn| {
            let found = users::get_credentials(conn, &name)?;
            Ok((found, tenants::list_tenants(conn)?.first().map(|t| t.id)))
        })
        .await?;
    // A name that belongs to nobody may be a password typed into the wrong field: it is not kept.
    match (&found, home) {
        (Some(found), _) => drop(audit.by(found.user.tenant_id, &found.user.username)),
        (None, Some(home)) => drop(audit.by(home, "?")),
        (None, None) => {}
    }
    let usable = found.filter(|c| c.user.is_active && c.user.auth_source == AuthSource::Local);
    let hash = usable.as_ref().and_then(|c| c.password_hash.clone());
    state.emergency.wait_turn(state.runtime.store()).await;
    let verdict = auth::verify_password(&state, password.clone(), hash).await?;
    // Again: guesses sent at once must not all slip past the first look.
    auth::check_back_off(&state, &username, &info).await?;
    let Some(user) = usable.filter(|_| verdict.is_match).map(|c| c.user) else {
        auth::record_failure(&state, &username, &info).await?;
        return Err(bad_credentials());
    };
    let emergency = emergency_of(&state, &user, request.emergency_reason.as_deref()).await?;
    if let Some(reason) = &emergency {
        note_emergency(&audit, &user.username, reason);
    }
    let rehashed = if verdict.needs_rehash {
        Some(auth::hash_password(&state, password).await?)
    } else {
        None
    };
    let replaced = cookie(&headers, &state.cookie_name(info.is_secure))
        .and_then(|token| state.keys.token_hash(&token));
    let mut opening = Opening::new(&state, (user.tenant_id, user.id), &info)?;
    let is_emergency = emergency.is_some();
    if is_emergency {
        opening = opening.bounded(EMERGENCY_MS);
    }
    let (session, token_hash) = (opening.session.clone(), opening.new.token_hash);
    let (tenant, id, now) = (user.tenant_id, user.id, state.now());
    let must_change = user.must_change_password;
    let stored = state
        .runtime
        .store()
        .write(move |tx| {
            refuse_ordinary(tx, tenant, is_emergency)?;
            auth::end_replaced(tx, replaced, now)?;
            if let Some(hash) = &rehashed {
                users::update_password_hash(tx, tenant, id, hash, must_change)?;
            }
            attempts::clear_attempts(tx, AttemptKey::Account(&username))?;
            users::update_last_sign_in(tx, tenant, id, now)?;
            auth::store_session(tx, &session, &token_hash)
        })
        .await;
    match stored {
        Ok(()) => {}
        // Reading works with a full disk, also for someone who comes only now.
        Err(StoreError::DiskFull)
            if state
                .emergency
                .keep(token_hash, opening.session.clone(), now) =>
        {
            tracing::warn!(user = user.username, "Signed in while the disk is full.");
        }
        Err(error) => return Err(error.into()),
    }
    let csrf = state.keys.csrf_token(&opening.new.token_hash);
    let body = info_of(&state, &user, user.tenant_id, csrf).await?;
    Ok((
        auth::cookie_header(&state, &info, opening.new.token.expose()),
        Json(body),
    ))
}

/// Again inside the write: the rules may have changed while the password was checked.
fn refuse_ordinary(
    tx: &Transaction<'_>,
    tenant: TenantId,
    is_emergency: bool,
) -> Result<(), StoreError> {
    if !is_emergency && identity_providers::is_sso_only(tx, tenant)? {
        return Err(CodedError::new(ErrorKind::Forbidden, "session.sso_only").into());
    }
    Ok(())
}

/// The reason of an emergency sign-in; `None` where passwords are an ordinary way in. Asked only of
/// who knows the password, so that nobody learns of accounts from the answer.
async fn emergency_of(
    state: &ApiState,
    user: &User,
    reason: Option<&str>,
) -> Answer<Option<String>> {
    let tenant = user.tenant_id;
    let is_sso_only = state
        .runtime
        .store()
        .read(move |conn| identity_providers::is_sso_only(conn, tenant))
        .await?;
    if !is_sso_only {
        return Ok(None);
    }
    if user.role < Role::TenantAdmin {
        return Err(Failure::forbidden("session.sso_only"));
    }
    let Some(reason) = reason.map(str::trim).filter(|r| !r.is_empty()) else {
        return Err(Failure::forbidden("session.emergency_reason_missing"));
    };
    let mut check = Check::new();
    check.line("emergency_reason", reason, NOTE_CHARS).done()?;
    Ok(Some(reason.to_owned()))
}

async fn get_session(State(state): State<ApiState>, caller: Caller) -> Answer<Json<SessionInfo>> {
    let user = own_user(&state, &caller).await?;
    let csrf = state.keys.csrf_token(&caller.token_hash);
    Ok(Json(info_of(&state, &user, caller.tenant_id, csrf).await?))
}

pub(crate) async fn own_user(state: &ApiState, caller: &Caller) -> Answer<User> {
    let (tenant, id) = (caller.home_tenant_id, caller.user_id);
    state
        .runtime
        .store()
        .read(move |conn| users::get_user(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)
}

async fn sign_out(
    State(state): State<ApiState>,
    caller: Caller,
    info: RequestInfo,
) -> Answer<(StatusCode, HeaderMap)> {
    let (tenant, id, now) = (caller.home_tenant_id, caller.session_id, state.now());
    if !state.emergency.end(&caller.token_hash) {
        state
            .runtime
            .store()
            .write(move |tx| sessions::revoke_session(tx, tenant, id, now))
            .await?;
    }
    state.session_ended(id);
    Ok((
        StatusCode::NO_CONTENT,
        auth::clear_cookie_header(&state, &info),
    ))
}

async fn list_sessions(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<SessionRow>>> {
    let (tenant, id) = (caller.home_tenant_id, caller.user_id);
    Ok(Json(rows_of(&state, &caller, tenant, id).await?))
}

/// The sessions of a user, as the caller sees them.
pub(crate) async fn rows_of(
    state: &ApiState,
    caller: &Caller,
    tenant: TenantId,
    user: UserId,
) -> Answer<Vec<SessionRow>> {
    let now = state.now();
    let all = state
        .runtime
        .store()
        .read(move |conn| sessions::list_sessions_of_user(conn, tenant, user, now))
        .await?;
    let rows = all.into_iter().map(|s| SessionRow {
        created_at: s.created_at,
        last_seen_at: s.last_seen_at,
        address: s.address,
        user_agent: s.user_agent,
        is_current: s.id == caller.session_id,
    });
    Ok(rows.collect())
}

async fn sign_out_elsewhere(State(state): State<ApiState>, caller: Caller) -> Answer<StatusCode> {
    end_sessions(&state, caller.home_tenant_id, caller.user_id, Some(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of a user, but the caller's own when it is named, and their event streams.
pub(crate) async fn end_sessions(
    state: &ApiState,
    tenant: TenantId,
    user: UserId,
    keep: Option<&Caller>,
) -> Answer<()> {
    let (now, except) = (state.now(), keep.map(|c| c.session_id));
    let ended = state
        .runtime
        .store()
        .write(move |tx| {
            let open = sessions::list_sessions_of_user(tx, tenant, user, now)?;
            sessions::revoke_sessions_of_user(tx, tenant, user, except, now)?;
            Ok(open)
        })
        .await?;
    for session in ended.into_iter().filter(|s| Some(s.id) != except) {
        state.session_ended(session.id);
    }
    Ok(())
}

async fn change_password(
    State(state): State<ApiState>,
    caller: Caller,
    info: RequestInfo,
    Body(request): Body<ChangePasswordRequest>,
) -> Answer<(HeaderMap, Json<SessionInfo>)> {
    let mut user = own_user(&state, &caller).await?;
    if user.auth_source != AuthSource::Local {
        return Err(Failure::conflict("users.password_elsewhere"));
    }
    let current = SecretString::new(request.current_password);
    let chosen = SecretString::new(request.new_password);
    auth::check_back_off(&state, &user.username, &info).await?;
    let (tenant, id) = (user.tenant_id, user.id);
    let hash = state
        .runtime
        .store()
        .read(move |conn| users::get_password_hash(conn, tenant, id))
        .await?;
    let verdict = auth::verify_password(&state, current.clone(), hash).await?;
    if !verdict.is_match {
        auth::record_failure(&state, &user.username, &info).await?;
        return Err(Failure::field("current_password", "session.password_wrong"));
    }
    refuse_weak("new_password", &chosen, &user.username)?;
    if chosen.expose() == current.expose() {
        return Err(Failure::field("new_password", "session.password_same"));
    }
    let hash = auth::hash_password(&state, chosen).await?;
    let opening = Opening::new(&state, (tenant, id), &info)?;
    let (session, token_hash) = (opening.session.clone(), opening.new.token_hash);
    state
        .runtime
        .store()
        .write(move |tx| users::update_password_hash(tx, tenant, id, &hash, false))
        .await?;
    // Rotation: the session that knew the old password ends too.
    end_sessions(&state, tenant, id, None).await?;
    state
        .runtime
        .store()
        .write(move |tx| auth::store_session(tx, &session, &token_hash))
        .await?;
    user.must_change_password = false;
    let csrf = state.keys.csrf_token(&opening.new.token_hash);
    let body = info_of(&state, &user, caller.tenant_id, csrf).await?;
    Ok((
        auth::cookie_header(&state, &info, opening.new.token.expose()),
        Json(body),
    ))
}

/// Refuses a password that is too short, too common or the user's name.
pub(crate) fn refuse_weak(field: &str, password: &SecretString, username: &str) -> Answer<()> {
    check_password(password, username).map_err(|error| {
        let mut problem = FieldFailure::new(field, error.code);
        problem.params.extend(error.params);
        Failure::fields(vec![problem])
    })
}

/// What a page needs to know about its session.
pub(crate) async fn info_of(
    state: &ApiState,
    user: &User,
    tenant_id: TenantId,
    csrf_token: String,
) -> Answer<SessionInfo> {
    let (home, id) = (user.tenant_id, user.id);
    let (tenant, settings) = state
        .runtime
        .store()
        .read(move |conn| {
            Ok((
                tenants::get_tenant(conn, tenant_id)?,
                settings::read(conn, home, id)?,
            ))
        })
        .await?;
    let tenant = tenant.ok_or_else(Failure::not_found)?;
    Ok(SessionInfo {
        user_id: user.id,
        username: user.username.clone(),
        name: user.name.clone(),
        email: user.email.clone(),
        auth_source: user.auth_source,
        role: user.role,
        permissions: permissions_of(user.role),
        must_change_password: user.must_change_password,
        tenant_id,
        tenant: tenant.names,
        is_demo: tenant.is_demo,
        demo_mode: state.runtime.config().demo_mode,
        csrf_token,
        settings,
        server_time: state.now(),
        version: state.options.version.clone(),
        appliance: state.appliance(),
    })
}

fn permissions_of(role: Role) -> Vec<String> {
    Permission::ALL
        .iter()
        .filter(|p| role.may(**p))
        .map(|p| p.as_str().to_owned())
        .collect()
}
