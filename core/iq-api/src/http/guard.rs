//! The guard of a route, made from its declaration: session, permission, CSRF token, the audit record.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    RequestExt,
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use iq_domain::{AuditId, AuditRecord, CodedError, ErrorKind, Permission, neutralise};
use iq_store::{audit, sessions, users};

use super::{
    caller::{Audit, AuditDraft, Caller, RequestInfo},
    failure::{Answer, Failure},
    openapi::area,
    route::{Access, Route},
};
use crate::{auth, state::ApiState};

/// What the guard knows about its route.
pub(crate) struct Guard {
    state: ApiState,
    path: &'static str,
    access: Access,
    audit: Option<&'static str>,
    before_password_change: bool,
}

impl Guard {
    pub(crate) fn new(state: &ApiState, route: &Route) -> Arc<Self> {
        Arc::new(Self {
            state: state.clone(),
            path: route.path,
            access: route.access,
            audit: route.audit,
            before_password_change: route.before_password_change,
        })
    }
}

/// The layer of one route.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(info) = request.extensions().get::<RequestInfo>().cloned() else {
        return Failure::internal().into_response();
    };
    let audit = Audit::default();
    request.extensions_mut().insert(audit.clone());
    let admitted = match guard.access {
        Access::Public => Ok(()),
        Access::May(permission) => match identify(&guard.state, request.headers(), &info).await {
            Err(failure) => return failure.into_response(),
            Ok(found) => {
                audit.by(found.caller.tenant_id, &found.caller.username);
                let verdict = admit(&guard, &found, permission, &request);
                request.extensions_mut().insert(found.caller);
                verdict
            }
        },
    };
    let Some(action) = guard.audit else {
        return match admitted {
            Ok(()) => next.run(request).await,
            Err(failure) => failure.into_response(),
        };
    };
    let object = object_of(guard.path, &mut request).await;
    let state = guard.state.clone();
    // In a task of its own: a client that hangs up must not leave a change without its record.
    let work = tokio::spawn(async move {
        let response = match admitted {
            Err(failure) => failure.into_response(),
            Ok(()) => AssertUnwindSafe(next.run(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    tracing::error!(action, "A handler panicked.");
                    Failure::internal().into_response()
                }),
        };
        let outcome = outcome_of(&response);
        record(&state, action, object, audit.take(), &info, outcome).await;
        response
    });
    work.await
        .unwrap_or_else(|_| Failure::internal().into_response())
}

/// A caller with what only the guard needs.
struct Found {
    caller: Caller,
    must_change_password: bool,
}

/// Finds the person behind the session cookie.
async fn identify(state: &ApiState, headers: &HeaderMap, info: &RequestInfo) -> Answer<Found> {
    let required = || {
        Failure::new(CodedError::new(
            ErrorKind::Unauthenticated,
            "session.required",
        ))
    };
    let token = cookie(headers, &state.cookie_name()).ok_or_else(required)?;
    let hash = state.keys.token_hash(&token).ok_or_else(required)?;
    let now = state.now();
    let in_memory = state.emergency.find(&hash, state.runtime.store(), now);
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let stored = sessions::get_session_by_token_hash(conn, &hash, now)?;
            let Some(session) = stored.or(in_memory) else {
                return Ok(None);
            };
            let user = users::get_user(conn, session.tenant_id, session.user_id)?;
            Ok(user
                .filter(|user| user.is_active)
                .map(|user| (session, user)))
        })
        .await?;
    let (session, user) = found.ok_or_else(required)?;
    if now.since_ms(session.last_seen_at) >= auth::TOUCH_EVERY_MS {
        let (tenant, id) = (session.tenant_id, session.id);
        let ends = auth::session_end(session.created_at, now);
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
            language: info.language,
        },
    })
}

fn admit(guard: &Guard, found: &Found, permission: Permission, request: &Request) -> Answer<()> {
    let caller = &found.caller;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let token = request
            .headers()
            .get("x-csrf-token")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !guard.state.keys.is_csrf_token(&caller.token_hash, token) {
            return Err(Failure::forbidden("session.csrf_wrong"));
        }
    }
    if found.must_change_password && !guard.before_password_change {
        return Err(Failure::forbidden("session.password_change_required"));
    }
    if !caller.role.may(permission) {
        let mut failure = Failure::forbidden("request.forbidden");
        failure.error = failure
            .error
            .with("permission", permission.as_str())
            .with("role", caller.role);
        return Err(failure);
    }
    Ok(())
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

/// What the path says the action is on; handlers that create something say more.
async fn object_of(path: &'static str, request: &mut Request) -> String {
    let mut object = area(path).to_owned();
    if let Ok(params) = request.extract_parts::<RawPathParams>().await {
        for (_, value) in &params {
            object.push(' ');
            object.push_str(&neutralise(value, 64));
        }
    }
    object
}

/// `success`, or the code of what went wrong.
fn outcome_of(response: &Response) -> &'static str {
    response
        .extensions()
        .get::<Arc<Failure>>()
        .map_or("success", |failure| failure.error.code)
}

/// Writes the audit record. Without a tenant there is nobody to show it to: the log has it.
async fn record(
    state: &ApiState,
    action: &'static str,
    object: String,
    draft: AuditDraft,
    info: &RequestInfo,
    outcome: &'static str,
) {
    let (Some(tenant_id), Some(actor)) = (draft.tenant_id, draft.actor) else {
        tracing::info!(action, outcome, address = ?info.address, "An action without a tenant.");
        return;
    };
    let (id, object) = (AuditId::new(), draft.object.unwrap_or(object));
    if let Some(asset) = draft.asset_id.filter(|_| outcome == "success") {
        // What people change on a machine belongs into its Black Box too.
        let noted = state
            .runtime
            .record_user_action(
                tenant_id,
                Some(asset),
                &actor,
                action,
                &object,
                &id.to_string(),
            )
            .await;
        if let Err(error) = noted {
            tracing::error!(%error, action, "An action could not be recorded as an event.");
        }
    }
    let record = AuditRecord {
        id,
        tenant_id,
        at: state.now(),
        actor,
        action: action.to_owned(),
        object,
        outcome: outcome.to_owned(),
        details: serde_json::Value::Object(draft.details),
        address: info.address.map(|a| a.to_string()),
    };
    let written = state
        .runtime
        .store()
        .write(move |tx| audit::append_audit(tx, tenant_id, &record))
        .await;
    if let Err(error) = written {
        tracing::error!(%error, action, "An audit record could not be stored.");
    }
}
