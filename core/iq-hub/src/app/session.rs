//! Signing in with a password and, for a platform owner always, a second factor.

use std::{net::IpAddr, time::Duration};

use iq_api_types::{HubSession, HubSignInRequest, TotpSetup};
use iq_auth::{AuthError, BackOff, TokenHash, Verdict, check_password};
use iq_domain::{
    AuthSource, CodedError, ErrorKind, Permission, Role, SessionId, TenantId, Timestamp, User,
    UserId,
};
use iq_secrets::{SealContext, SecretString, random_bytes};

use super::{
    sign_in_rules::{self, EMERGENCY_MS},
    sso::Note,
};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Lookup, PLATFORM, Tx,
        sessions::{self, Session},
        tenants::{self, Tenant},
        users::{self, Credentials},
    },
    totp,
};

/// How exactly the last request is kept.
const TOUCH_EVERY_MS: i64 = 60_000;
/// How long a sign-in waits for its turn to hash.
const HASHING_TURN: Duration = Duration::from_secs(15);

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
}

/// The person behind a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) tenant: Tenant,
    pub(crate) session_id: SessionId,
    pub(crate) token_hash: TokenHash,
    pub(crate) must_set_up_totp: bool,
    /// When the session ends, used or not: of an emergency.
    pub(crate) ends_by: Option<Timestamp>,
}

/// A session just opened: what goes into the cookie, and what the page learns.
pub(crate) struct Opened {
    pub(crate) cookie: String,
    pub(crate) session: HubSession,
}

/// A cookie names the tenant of its session, so that the session is looked for in that tenant's rows
/// alone; whose it is, only the hash decides.
pub(super) fn cookie_of(tenant: TenantId, token: &str) -> String {
    format!("{}.{token}", tenant.0.simple())
}

pub(super) fn parts_of(cookie: &str) -> Option<(TenantId, &str)> {
    let (tenant, token) = cookie.split_once('.')?;
    Some((tenant.parse().ok()?, token))
}

fn wrong() -> Failure {
    Failure::unauthenticated("session.bad_credentials")
}

/// Signs in.
pub(crate) async fn sign_in(
    hub: &Hub,
    request: HubSignInRequest,
    origin: &Origin,
    note: &dyn Note,
) -> Answer<Opened> {
    let username = request.username.trim().to_owned();
    let password = SecretString::new(request.password);
    let code = request.tenant.trim().to_lowercase();
    let code = if code.is_empty() { "platform" } else { &code };
    let tenant = tenants::get_visible(&mut hub.store.lookup(&Lookup::Tenant(code)).await?).await?;
    // Guesses at a tenant that is not there count too, under the platform.
    let home = tenant.as_ref().map_or(PLATFORM, |tenant| tenant.id);
    check_back_off(hub, home, &username, origin).await?;
    let mut tx = hub.store.tenant(home).await?;
    let user = match &tenant {
        Some(_) => users::get_by_name(&mut tx, home, &username).await?,
        None => None,
    };
    let usable = user.filter(|user| user.is_active && user.auth_source == AuthSource::Local);
    let kept = match &usable {
        Some(user) => users::get_credentials(&mut tx, home, user.id).await?,
        None => Credentials::default(),
    };
    tx.commit().await?;
    // A name that belongs to nobody may be a password typed into the wrong field: it is not kept.
    note.by(home, usable.as_ref().map_or("?", |user| &user.username));
    let verdict = verify(hub, password.clone(), kept.password_hash.clone()).await?;
    // Again: guesses sent at once must not all slip past the first look.
    check_back_off(hub, home, &username, origin).await?;
    let (Some(user), Some(tenant)) = (usable.filter(|_| verdict.is_match), tenant) else {
        record_failure(hub, home, &username, origin).await?;
        return Err(wrong());
    };
    if tenant.is_suspended {
        return Err(Failure::forbidden("hub.tenant_suspended"));
    }
    let reason = request.emergency_reason.as_deref();
    let emergency = sign_in_rules::emergency_of(hub, &user, reason).await?;
    if let Some(reason) = &emergency {
        note.detail("break_glass", true.into());
        note.detail("reason", reason.clone().into());
        let user = &user.username;
        tracing::warn!(user, "An emergency sign-in with a password.");
    }
    let step = second_factor(hub, &user, &kept, request.code.as_deref(), origin).await?;
    let rehashed = match verdict.needs_rehash {
        true => Some(hash(hub, password).await?),
        false => None,
    };
    let mut tx = hub.store.tenant(home).await?;
    if let Some(step) = step
        && !users::use_totp_step(&mut tx, (home, user.id), step).await?
    {
        return Err(Failure::unauthenticated("hub.totp_wrong"));
    }
    if let Some(hash) = rehashed {
        let id = (home, user.id);
        users::set_password(&mut tx, id, &hash, user.must_change_password).await?;
    }
    sessions::clear_failures(&mut tx, home, &account_key(&username)).await?;
    users::note_sign_in(&mut tx, (home, user.id), hub.now()).await?;
    // The user is locked now: rules that changed meanwhile are seen here, or their change sees this session.
    if emergency.is_none() {
        sign_in_rules::emergency_in(&mut tx, &user, None).await?;
    }
    let ends_by = emergency.map(|_| hub.now().plus_ms(EMERGENCY_MS));
    let kind = (kept.totp_confirmed, ends_by);
    let opened = open(hub, &mut tx, &user, &tenant, kind, origin).await?;
    tx.commit().await?;
    Ok(opened)
}

/// The step of the code, where the account has a second factor.
async fn second_factor(
    hub: &Hub,
    user: &User,
    kept: &Credentials,
    code: Option<&str>,
    origin: &Origin,
) -> Answer<Option<i64>> {
    let Some(sealed) = kept.totp_sealed.as_ref().filter(|_| kept.totp_confirmed) else {
        return Ok(None);
    };
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return Err(Failure::unauthenticated("hub.totp_required"));
    };
    let secret = unseal(hub, user.tenant_id, user.id, sealed)?;
    match totp::accepted_step(&secret, code, hub.now(), kept.totp_last_step) {
        Some(step) => Ok(Some(step)),
        None => {
            record_failure(hub, user.tenant_id, &user.username, origin).await?;
            Err(Failure::unauthenticated("hub.totp_wrong"))
        }
    }
}

/// Whether a person must prove a second factor here. Who comes through a provider does so there.
fn needs_totp(user: &User) -> bool {
    user.role == Role::PlatformOwner && user.auth_source == AuthSource::Local
}

/// Stores a new session: of somebody with a second factor or without, which may have to end by a moment.
pub(super) async fn open(
    hub: &Hub,
    tx: &mut Tx,
    user: &User,
    tenant: &Tenant,
    (has_totp, ends_by): (bool, Option<Timestamp>),
    origin: &Origin,
) -> Answer<Opened> {
    let now = hub.now();
    let new = hub.keys.new_session().map_err(CodedError::from)?;
    let session = Session {
        id: SessionId::new(),
        tenant_id: user.tenant_id,
        user_id: user.id,
        created_at: now,
        last_seen_at: now,
        expires_at: end_of(hub, now, now, ends_by),
        ends_by,
        address: origin.address.map(|a| a.to_string()),
        user_agent: origin.user_agent.clone(),
    };
    sessions::create(tx, &session, &new.token_hash).await?;
    let caller = Caller {
        user: user.clone(),
        tenant: tenant.clone(),
        session_id: session.id,
        token_hash: new.token_hash,
        must_set_up_totp: needs_totp(user) && !has_totp,
        ends_by,
    };
    Ok(Opened {
        cookie: cookie_of(user.tenant_id, new.token.expose()),
        session: describe(hub, &caller),
    })
}

fn end_of(hub: &Hub, created: Timestamp, seen: Timestamp, ends_by: Option<Timestamp>) -> Timestamp {
    let (idle, most) = (hub.config.session_idle_ms, hub.config.session_max_ms);
    let end = created.plus_ms(most).min(seen.plus_ms(idle));
    ends_by.map_or(end, |by| by.min(end))
}

/// Finds the person behind a cookie.
pub(crate) async fn identify(hub: &Hub, cookie: &str) -> Answer<Caller> {
    let required = || Failure::unauthenticated("session.required");
    let (tenant_id, token) = parts_of(cookie).ok_or_else(required)?;
    let token_hash = hub.keys.token_hash(token).ok_or_else(required)?;
    let now = hub.now();
    let mut tx = hub.store.tenant(tenant_id).await?;
    let Some(session) = sessions::get_open(&mut tx, tenant_id, &token_hash, now).await? else {
        // Who brings the token of a session may know how it ended.
        let end = sessions::get_end(&mut tx, tenant_id, &token_hash, now).await?;
        return Err(Failure::unauthenticated(match end {
            Some(sessions::End::Expired) => "session.expired",
            Some(sessions::End::Revoked) => "session.ended",
            None => "session.required",
        }));
    };
    let user = users::get_user(&mut tx, tenant_id, session.user_id)
        .await?
        .filter(|user| user.is_active)
        .ok_or_else(required)?;
    let tenant = tenants::get_visible(&mut tx)
        .await?
        .filter(|tenant| !tenant.is_suspended)
        .ok_or_else(required)?;
    let must_set_up_totp = needs_totp(&user)
        && !users::get_credentials(&mut tx, tenant_id, user.id)
            .await?
            .totp_confirmed;
    if now.since_ms(session.last_seen_at) >= TOUCH_EVERY_MS {
        let ends = end_of(hub, session.created_at, now, session.ends_by);
        sessions::touch(&mut tx, (tenant_id, session.id), now, ends).await?;
    }
    tx.commit().await?;
    Ok(Caller {
        user,
        tenant,
        session_id: session.id,
        token_hash,
        must_set_up_totp,
        ends_by: session.ends_by,
    })
}

/// What a page needs to know about its session.
pub(crate) fn describe(hub: &Hub, caller: &Caller) -> HubSession {
    let user = &caller.user;
    HubSession {
        user_id: user.id,
        username: user.username.clone(),
        name: user.name.clone(),
        role: user.role,
        permissions: Permission::ALL
            .iter()
            .filter(|p| user.role.may(**p))
            .map(|p| p.as_str().to_owned())
            .collect(),
        tenant_id: user.tenant_id,
        tenant: caller.tenant.names.clone(),
        must_change_password: user.must_change_password,
        must_set_up_totp: caller.must_set_up_totp,
        csrf_token: hub.keys.csrf_token(&caller.token_hash),
        server_time: hub.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Ends the session a browser had before it signed in anew: nobody there can sign out of it any more.
pub(crate) async fn end_replaced(hub: &Hub, cookie: Option<&str>) -> Answer<()> {
    let Some(cookie) = cookie else { return Ok(()) };
    match identify(hub, cookie).await {
        Ok(caller) => sign_out(hub, &caller).await,
        Err(_) => Ok(()),
    }
}

pub(crate) async fn sign_out(hub: &Hub, caller: &Caller) -> Answer<()> {
    let tenant = caller.user.tenant_id;
    let mut tx = hub.store.tenant(tenant).await?;
    sessions::revoke(&mut tx, (tenant, caller.session_id), hub.now()).await?;
    Ok(tx.commit().await?)
}

/// Changes the own password; all sessions end and a new one opens.
pub(crate) async fn change_password(
    hub: &Hub,
    caller: &Caller,
    (current, chosen): (SecretString, SecretString),
    origin: &Origin,
) -> Answer<Opened> {
    let (tenant, id) = (caller.user.tenant_id, caller.user.id);
    refuse_elsewhere(&caller.user)?;
    let username = &caller.user.username;
    check_back_off(hub, tenant, username, origin).await?;
    let mut tx = hub.store.tenant(tenant).await?;
    let kept = users::get_credentials(&mut tx, tenant, id).await?;
    tx.commit().await?;
    if !verify(hub, current.clone(), kept.password_hash)
        .await?
        .is_match
    {
        record_failure(hub, tenant, username, origin).await?;
        return Err(Failure::field("current_password", "session.password_wrong"));
    }
    check_password(&chosen, username)
        .map_err(|problem| Failure::of_field("new_password", problem))?;
    if chosen == current {
        return Err(Failure::field("new_password", "session.password_same"));
    }
    let hash = hash(hub, chosen).await?;
    let mut tx = hub.store.tenant(tenant).await?;
    users::set_password(&mut tx, (tenant, id), &hash, false).await?;
    // It may have been ended meanwhile: what has ended opens nothing.
    sessions::get_open(&mut tx, tenant, &caller.token_hash, hub.now())
        .await?
        .ok_or_else(|| Failure::unauthenticated("session.required"))?;
    sessions::revoke_all(&mut tx, tenant, Some(id), hub.now()).await?;
    let user = User {
        must_change_password: false,
        ..caller.user.clone()
    };
    let kind = (kept.totp_confirmed, caller.ends_by);
    let opened = open(hub, &mut tx, &user, &caller.tenant, kind, origin).await?;
    tx.commit().await?;
    Ok(opened)
}

/// Who comes through a provider has neither password nor second factor here.
fn refuse_elsewhere(user: &User) -> Answer<()> {
    match user.auth_source {
        AuthSource::Local => Ok(()),
        AuthSource::Sso => Err(Failure::conflict("users.password_elsewhere")),
    }
}

/// Makes the secret of a second factor; it counts once a code of it was confirmed.
pub(crate) async fn begin_totp(hub: &Hub, caller: &Caller) -> Answer<TotpSetup> {
    let (tenant, id) = (caller.user.tenant_id, caller.user.id);
    refuse_elsewhere(&caller.user)?;
    let secret = random_bytes::<{ totp::SECRET_BYTES }>().map_err(CodedError::from)?;
    let text = SecretString::new(totp::base32(&secret));
    let sealed = hub
        .seal
        .seal(&seal_context(tenant, &id.to_string()), &text)
        .map_err(CodedError::from)?;
    let mut tx = hub.store.tenant(tenant).await?;
    if users::get_credentials(&mut tx, tenant, id)
        .await?
        .totp_confirmed
    {
        return Err(Failure::conflict("hub.totp_already"));
    }
    users::set_totp(&mut tx, (tenant, id), Some(&sealed)).await?;
    tx.commit().await?;
    let (secret, name) = (text.expose().to_owned(), &caller.user.username);
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_graphic() && *c != '&')
        .collect();
    Ok(TotpSetup {
        address: format!("otpauth://totp/OPTRIA%20IQ:{name}?secret={secret}&issuer=OPTRIA%20IQ"),
        secret,
    })
}

/// Confirms it by a code.
pub(crate) async fn confirm_totp(
    hub: &Hub,
    caller: &Caller,
    code: &str,
    origin: &Origin,
) -> Answer<HubSession> {
    let (tenant, id) = (caller.user.tenant_id, caller.user.id);
    check_back_off(hub, tenant, &caller.user.username, origin).await?;
    let mut tx = hub.store.tenant(tenant).await?;
    let kept = users::get_credentials(&mut tx, tenant, id).await?;
    let Some(sealed) = kept.totp_sealed else {
        return Err(Failure::conflict("hub.totp_not_begun"));
    };
    let secret = unseal(hub, tenant, id, &sealed)?;
    let step = totp::accepted_step(&secret, code.trim(), hub.now(), kept.totp_last_step);
    let Some(step) = step else {
        drop(tx);
        record_failure(hub, tenant, &caller.user.username, origin).await?;
        return Err(Failure::field("code", "hub.totp_wrong"));
    };
    users::use_totp_step(&mut tx, (tenant, id), step).await?;
    tx.commit().await?;
    let mut caller = caller.clone();
    caller.must_set_up_totp = false;
    Ok(describe(hub, &caller))
}

fn seal_context<'a>(tenant: TenantId, owner: &'a str) -> SealContext<'a> {
    SealContext {
        tenant,
        owner,
        field: "totp",
        version: 1,
    }
}

fn unseal(hub: &Hub, tenant: TenantId, user: UserId, sealed: &[u8]) -> Answer<Vec<u8>> {
    let text = hub
        .seal
        .unseal(&seal_context(tenant, &user.to_string()), sealed)
        .map_err(CodedError::from)?;
    totp::from_base32(text.expose()).ok_or_else(Failure::internal)
}

/// Runs one hash computation in its turn, off the async threads.
async fn in_turn<T: Send + 'static>(
    hub: &Hub,
    work: impl FnOnce(&Hub) -> Result<T, AuthError> + Send + 'static,
) -> Answer<T> {
    let turn = tokio::time::timeout(HASHING_TURN, hub.hashing.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        let busy = CodedError::new(ErrorKind::TooMuch, "session.busy");
        return Err(Failure::wait(busy, HASHING_TURN.as_secs()));
    };
    let inner = hub.clone();
    let done = tokio::task::spawn_blocking(move || work(&inner)).await;
    done.map_err(|_| Failure::internal())?
        .map_err(|error| Failure::new(error.into()))
}

pub(crate) async fn hash(hub: &Hub, password: SecretString) -> Answer<String> {
    in_turn(hub, move |hub| hub.hasher.hash(&password)).await
}

async fn verify(hub: &Hub, password: SecretString, hash: Option<String>) -> Answer<Verdict> {
    in_turn(hub, move |hub| match hash {
        Some(hash) => hub.hasher.verify(&password, &hash),
        None => hub.hasher.verify_nobody(&password),
    })
    .await
}

fn account_key(username: &str) -> String {
    format!(
        "account:{}",
        username
            .to_lowercase()
            .chars()
            .take(200)
            .collect::<String>()
    )
}

/// Refuses while an account or an address has to wait.
async fn check_back_off(
    hub: &Hub,
    tenant: TenantId,
    username: &str,
    origin: &Origin,
) -> Answer<()> {
    let now = hub.now();
    let mut tx = hub.store.tenant(tenant).await?;
    let (failures, last) = sessions::attempts(&mut tx, tenant, &account_key(username)).await?;
    tx.commit().await?;
    let wait = BackOff::ACCOUNT.wait_ms(failures, last, now);
    refuse_for(wait.max(wait_of_address(hub, origin).await?))
}

async fn wait_of_address(hub: &Hub, origin: &Origin) -> Answer<i64> {
    let Some(address) = origin.address else {
        return Ok(0);
    };
    let key = format!("address:{address}");
    let mut tx = hub.store.tenant(PLATFORM).await?;
    let (failures, last) = sessions::attempts(&mut tx, PLATFORM, &key).await?;
    tx.commit().await?;
    Ok(BackOff::ADDRESS.wait_ms(failures, last, hub.now()))
}

/// Refuses while an address has to wait, whoever comes from it.
pub(super) async fn check_address(hub: &Hub, origin: &Origin) -> Answer<()> {
    refuse_for(wait_of_address(hub, origin).await?)
}

fn refuse_for(wait: i64) -> Answer<()> {
    if wait == 0 {
        return Ok(());
    }
    let wait_s = u64::try_from(wait).unwrap_or(0).div_ceil(1_000);
    let error = CodedError::new(ErrorKind::TooMuch, "session.back_off").with("wait_s", wait_s);
    Err(Failure::wait(error, wait_s))
}

/// Keeps a failed attempt, under the account's tenant and under the address.
async fn record_failure(
    hub: &Hub,
    tenant: TenantId,
    username: &str,
    origin: &Origin,
) -> Answer<()> {
    let now = hub.now();
    let mut tx = hub.store.tenant(tenant).await?;
    sessions::record_failure(&mut tx, tenant, &account_key(username), now).await?;
    tx.commit().await?;
    record_failure_of_address(hub, origin).await
}

/// Keeps a failed attempt under the address alone.
pub(super) async fn record_failure_of_address(hub: &Hub, origin: &Origin) -> Answer<()> {
    if let Some(address) = origin.address {
        let mut tx = hub.store.tenant(PLATFORM).await?;
        let key = format!("address:{address}");
        sessions::record_failure(&mut tx, PLATFORM, &key, hub.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}
