//! The guard of a route, made from its declaration: session, permission, CSRF token, the audit record.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    RequestExt,
    extract::{RawPathParams, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use iq_domain::{AuditId, AuditRecord, Permission, neutralise};
use iq_store::audit;

use super::{
    caller::{Audit, AuditDraft, RequestInfo},
    failure::{Answer, Failure},
    identify::{Found, identify},
    openapi::area,
    outer::from_status,
    route::{Access, Route},
};
use crate::state::ApiState;

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
                let (state, session) = (&guard.state, found.caller.session_id);
                if let Err(failure) = state.traffic.session(session, state.steady_ms()) {
                    return failure.into_response();
                }
                audit.by(found.caller.tenant_id, &found.caller.username);
                if let Some(token) = &found.caller.api_token {
                    audit.detail("api_token", token.name.clone());
                }
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
        let draft = audit.take();
        let outcome = draft.failed.unwrap_or(outcome);
        record(&state, action, object, draft, &info, outcome).await;
        response
    });
    work.await
        .unwrap_or_else(|_| Failure::internal().into_response())
}

fn admit(guard: &Guard, found: &Found, permission: Permission, request: &Request) -> Answer<()> {
    let caller = &found.caller;
    // A browser never sends a program's token by itself: what comes with one is no forgery.
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_write && caller.api_token.is_none() {
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
    if !caller.may(permission) {
        let code = if caller.role.may(permission) {
            "tokens.not_for_this"
        } else {
            "request.forbidden"
        };
        let mut failure = Failure::forbidden(code);
        failure.error = failure
            .error
            .with("permission", permission.as_str())
            .with("role", caller.role);
        return Err(failure);
    }
    Ok(())
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

/// `success`, or the code of what went wrong; what the framework itself refused, such as a body that is
/// too large, is no success either.
fn outcome_of(response: &Response) -> &'static str {
    if let Some(failure) = response.extensions().get::<Arc<Failure>>() {
        return failure.error.code;
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return from_status(status).error.code;
    }
    "success"
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
        let called = draft.called.as_deref().unwrap_or(&object);
        let noted = state
            .runtime
            .record_user_action(
                tenant_id,
                Some(asset),
                &actor,
                action,
                called,
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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn what_the_framework_refuses_is_no_success_in_the_audit() {
        let outcome = |status: StatusCode| outcome_of(&status.into_response());
        assert_eq!(outcome(StatusCode::PAYLOAD_TOO_LARGE), "request.too_large");
        assert_eq!(outcome(StatusCode::BAD_REQUEST), "request.body_unreadable");
        assert_eq!(
            outcome_of(&Failure::not_found().into_response()),
            "request.not_found"
        );
        for status in [StatusCode::OK, StatusCode::SEE_OTHER] {
            assert_eq!(outcome(status), "success");
        }
    }
}
