//! Passwords and sessions as the routes use them: hashing off the async threads and two at a time, the
//! waiting time after failures, the life of a session and its cookie.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use iq_auth::{AuthError, BackOff, NewSession, Verdict};
use iq_domain::{CodedError, ErrorKind, SessionId, TenantId, Timestamp, UserId};
use iq_secrets::SecretString;
use iq_store::{
    Connection, StoreError, Transaction,
    attempts::{self, AttemptKey},
    sessions::{self, Session},
};

use crate::{
    http::{Answer, Failure, RequestInfo},
    state::ApiState,
};

/// How exactly the last request is kept; each note costs a commit.
pub(crate) const TOUCH_EVERY_MS: i64 = 60_000;
/// How long a sign-in waits for its turn to hash.
const HASHING_TURN: Duration = Duration::from_secs(15);

/// When a session ends that was used at `seen`.
pub(crate) fn session_end(state: &ApiState, session: &Session, seen: Timestamp) -> Timestamp {
    let config = state.runtime.config();
    let latest = session.created_at.plus_ms(config.session_max_ms);
    let latest = session.ends_by.map_or(latest, |end| end.min(latest));
    latest.min(seen.plus_ms(config.session_idle_ms))
}

/// Runs one hash computation in its turn, off the async threads.
async fn in_turn<T: Send + 'static>(
    state: &ApiState,
    work: impl FnOnce(&ApiState) -> Result<T, AuthError> + Send + 'static,
) -> Answer<T> {
    let turn = tokio::time::timeout(HASHING_TURN, state.hashing.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        let busy = CodedError::new(ErrorKind::TooMuch, "session.busy");
        let mut failure = Failure::new(busy).with_status(StatusCode::TOO_MANY_REQUESTS);
        failure.retry_after_s = Some(HASHING_TURN.as_secs());
        return Err(failure);
    };
    let inner = state.clone();
    let result = tokio::task::spawn_blocking(move || work(&inner)).await;
    result.map_err(|_| Failure::internal())?.map_err(|error| {
        tracing::error!(%error, "A password could not be hashed or compared.");
        Failure::new(error.into())
    })
}

pub(crate) async fn hash_password(state: &ApiState, password: SecretString) -> Answer<String> {
    in_turn(state, move |state| state.hasher.hash(&password)).await
}

/// Compares a password. Without a hash it takes as long and never matches.
pub(crate) async fn verify_password(
    state: &ApiState,
    password: SecretString,
    hash: Option<String>,
) -> Answer<Verdict> {
    in_turn(state, move |state| match hash {
        Some(hash) => state.hasher.verify(&password, &hash),
        None => state.hasher.verify_nobody(&password),
    })
    .await
}

/// Refuses while an account or an address has to wait.
pub(crate) async fn check_back_off(
    state: &ApiState,
    username: &str,
    info: &RequestInfo,
) -> Answer<()> {
    let now = state.now();
    let (username, address) = (username.to_owned(), info.address.map(|a| a.to_string()));
    let wait_ms = state
        .runtime
        .store()
        .read(move |conn| wait_of(conn, &username, address.as_deref(), now))
        .await?;
    if wait_ms == 0 {
        return Ok(());
    }
    let wait_s = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000);
    let error = CodedError::new(ErrorKind::TooMuch, "session.back_off").with("wait_s", wait_s);
    let mut failure = Failure::new(error).with_status(StatusCode::TOO_MANY_REQUESTS);
    failure.retry_after_s = Some(wait_s);
    Err(failure)
}

fn wait_of(
    conn: &Connection,
    username: &str,
    address: Option<&str>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let account = attempts::get_attempts(conn, AttemptKey::Account(username))?;
    let mut wait = BackOff::ACCOUNT.wait_ms(account.failures, account.last_failure_at, now);
    if let Some(address) = address {
        let from = attempts::get_attempts(conn, AttemptKey::Address(address))?;
        wait = wait.max(BackOff::ADDRESS.wait_ms(from.failures, from.last_failure_at, now));
    }
    Ok(wait)
}

/// Keeps a failed attempt.
pub(crate) async fn record_failure(
    state: &ApiState,
    username: &str,
    info: &RequestInfo,
) -> Answer<()> {
    let now = state.now();
    let (username, address) = (username.to_owned(), info.address.map(|a| a.to_string()));
    state
        .runtime
        .store()
        .write(move |tx| {
            attempts::record_failure(tx, AttemptKey::Account(&username), now)?;
            if let Some(address) = &address {
                attempts::record_failure(tx, AttemptKey::Address(address), now)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

/// A session about to be stored.
pub(crate) struct Opening {
    pub(crate) session: Session,
    pub(crate) new: NewSession,
}

impl Opening {
    pub(crate) fn new(
        state: &ApiState,
        who: (TenantId, UserId),
        info: &RequestInfo,
    ) -> Answer<Self> {
        let new = state.keys.new_session().map_err(CodedError::from)?;
        Ok(Self {
            session: session_of(state, who, info, state.now()),
            new,
        })
    }

    /// Makes it end after a time, whatever is done with it.
    pub(crate) fn bounded(mut self, ms: i64) -> Self {
        self.session.ends_by = Some(self.session.created_at.plus_ms(ms));
        self
    }
}

/// A session of a person that begins now.
pub(crate) fn session_of(
    state: &ApiState,
    (tenant_id, user_id): (TenantId, UserId),
    info: &RequestInfo,
    now: Timestamp,
) -> Session {
    let config = state.runtime.config();
    Session {
        id: SessionId::new(),
        tenant_id,
        user_id,
        acting_tenant_id: None,
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus_ms(config.session_idle_ms.min(config.session_max_ms)),
        revoked_at: None,
        address: info.address.map(|a| a.to_string()),
        user_agent: info.user_agent.clone(),
        ends_by: None,
    }
}

/// Ends the session a browser had before it signed in anew.
pub(crate) fn end_replaced(
    tx: &Transaction<'_>,
    replaced: Option<iq_auth::TokenHash>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(hash) = replaced else { return Ok(()) };
    match sessions::get_session_by_token_hash(tx, &hash, now)? {
        Some(old) => sessions::revoke_session(tx, old.tenant_id, old.id, now),
        None => Ok(()),
    }
}

/// Stores a session within a write.
pub(crate) fn store_session(
    tx: &Transaction<'_>,
    session: &Session,
    token_hash: &iq_auth::TokenHash,
) -> Result<(), StoreError> {
    sessions::create_session(tx, session.tenant_id, session, token_hash)
}

/// The header that hands a session to the browser. It has no lifetime of its own: closing the browser
/// ends it, the server ends it anyway.
pub(crate) fn cookie_header(state: &ApiState, info: &RequestInfo, token: &str) -> HeaderMap {
    session_cookie(state, info, token, "")
}

/// The header that takes the session from the browser.
pub(crate) fn clear_cookie_header(state: &ApiState, info: &RequestInfo) -> HeaderMap {
    session_cookie(state, info, "", "; Max-Age=0")
}

fn session_cookie(state: &ApiState, info: &RequestInfo, token: &str, rest: &str) -> HeaderMap {
    let secure = if info.is_secure { "; Secure" } else { "" };
    let name = state.cookie_name(info.is_secure);
    set_cookie(&format!(
        "{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{rest}"
    ))
}

pub(crate) fn set_cookie(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(header::SET_COOKIE, value);
    }
    headers
}
