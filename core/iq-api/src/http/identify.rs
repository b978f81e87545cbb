//! Who is behind a request: the person of a session cookie, or the program of a token.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use iq_domain::{CodedError, ErrorKind, SessionId, User};
use iq_store::{api_tokens, sessions, users};

use super::{
    caller::{Caller, RequestInfo},
    failure::{Answer, Failure},
};
use crate::{auth, state::ApiState};

/// A caller with what only the guard needs.
pub(super) struct Found {
    pub(super) caller: Caller,
    pub(super) must_change_password: bool,
}

fn unauthenticated(code: &'static str) -> Failure {
    Failure::new(CodedError::new(ErrorKind::Unauthenticated, code))
}

/// Finds the caller. A token and a session together are refused: whose rights would hold?
pub(super) async fn identify(
    state: &ApiState,
    headers: &HeaderMap,
    info: &RequestInfo,
) -> Answer<Found> {
    let session = cookie(headers, &state.cookie_name(info.is_secure));
    match (bearer(headers), session) {
        (Some(_), Some(_)) => Err(unauthenticated("tokens.with_session")),
        (Some(token), None) => program(state, token, info).await,
        (None, Some(token)) => person(state, &token, info).await,
        (None, None) => Err(unauthenticated("session.required")),
    }
}

/// The token of a program. Other ways to sign in over HTTP are none of ours.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

async fn program(state: &ApiState, token: &str, info: &RequestInfo) -> Answer<Found> {
    let unknown = || unauthenticated("tokens.unknown");
    let hash = state.keys.api_token_hash(token).ok_or_else(unknown)?;
    let now = state.now();
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let Some(token) = api_tokens::get_token_by_hash(conn, &hash, now)? else {
                return Ok(None);
            };
            let user = users::get_user(conn, token.tenant_id, token.user_id)?;
            Ok(user.map(|user| (token, user)))
        })
        .await?;
    let (token, user) = found.ok_or_else(unknown)?;
    let is_due = token
        .last_used_at
        .is_none_or(|at| now.since_ms(at) >= auth::TOUCH_EVERY_MS);
    if is_due {
        let (tenant, id) = (token.tenant_id, token.id);
        let address = info.address.map(|a| a.to_string());
        let touched = state
            .runtime
            .store()
            .write(move |tx| api_tokens::touch_token(tx, tenant, id, now, address.as_deref()))
            .await;
        if let Err(error) = touched {
            tracing::warn!(%error, "A token's last use could not be stored.");
        }
    }
    let must_change_password = user.must_change_password;
    Ok(Found {
        must_change_password,
        caller: Caller {
            tenant_id: token.tenant_id,
            home_tenant_id: token.tenant_id,
            user_id: user.id,
            session_id: SessionId(token.id.0),
            token_hash: hash,
            username: user.username,
            role: user.role,
            api_token: Some(Arc::new(token)),
            language: info.language,
        },
    })
}

async fn person(state: &ApiState, token: &str, info: &RequestInfo) -> Answer<Found> {
    let unknown = || unauthenticated("session.required");
    let hash = state.keys.token_hash(token).ok_or_else(unknown)?;
    let now = state.now();
    let in_memory = state.emergency.find(&hash, state.runtime.store(), now);
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let stored = sessions::get_session_by_token_hash(conn, &hash, now)?;
            let Some(session) = stored.or(in_memory) else {
                return Ok(Err(sessions::get_end(conn, &hash, now)?));
            };
            let user = users::get_user(conn, session.tenant_id, session.user_id)?;
            Ok(user
                .filter(|user: &User| user.is_active)
                .map(|user| (session, user))
                .ok_or(None))
        })
        .await?;
    // Who brings the token of a session may know how it ended.
    let (session, user) = found.map_err(|end| match end {
        Some(sessions::End::Expired) => unauthenticated("session.expired"),
        Some(sessions::End::Revoked) => unauthenticated("session.ended"),
        None => unknown(),
    })?;
    if now.since_ms(session.last_seen_at) >= auth::TOUCH_EVERY_MS {
        let (tenant, id) = (session.tenant_id, session.id);
        let ends = auth::session_end(state, &session, now);
        let touched = state
            .runtime
            .store()
            .write(move |tx| sessions::touch_session(tx, tenant, id, now, ends))
            .await;
        // A full disk must not sign people out: they stay in until the session's last known end.
        if let Err(error) = touched {
            tracing::warn!(%error, "A session's last use could not be stored.");
        }
    }
    Ok(Found {
        must_change_password: user.must_change_password,
        caller: Caller {
            tenant_id: session.effective_tenant(),
            home_tenant_id: session.tenant_id,
            user_id: user.id,
            session_id: session.id,
            token_hash: hash,
            username: user.username,
            role: user.role,
            api_token: None,
            language: info.language,
        },
    })
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
