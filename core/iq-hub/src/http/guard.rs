//! The guard of a route: session, CSRF token, permission, the audit record.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    RequestExt,
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use iq_domain::{AuditId, AuditRecord, Permission, TenantId, neutralise};
use iq_locale::Language;
use parking_lot::Mutex;

use super::{
    outer::from_status,
    route::{Access, Route},
};
use crate::{
    app::session::{self, Caller, Origin},
    failure::{Answer, Failure},
    state::Hub,
    store::audit,
};

/// Facts of a request that hold with and without a session.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) id: String,
    pub(crate) language: Language,
    pub(crate) origin: Origin,
}

/// The audit record of this request while it is being made; the guard writes it once, whatever the
/// outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Arc<Mutex<Draft>>);

#[derive(Clone, Debug, Default)]
struct Draft {
    tenant: Option<TenantId>,
    actor: Option<String>,
    object: Option<String>,
    details: serde_json::Map<String, serde_json::Value>,
    failed: Option<&'static str>,
}

impl Audit {
    /// Whose audit it belongs to and who did it.
    pub(crate) fn by(&self, tenant: TenantId, actor: &str) {
        let mut draft = self.0.lock();
        draft.tenant = Some(tenant);
        draft.actor = Some(actor.to_owned());
    }

    /// Whose audit it belongs to: the tenant it was done to.
    pub(crate) fn of(&self, tenant: TenantId) {
        self.0.lock().tenant = Some(tenant);
    }

    /// On what, where the path does not say it.
    pub(crate) fn object(&self, kind: &str, id: impl std::fmt::Display) {
        self.0.lock().object = Some(format!("{kind} {id}"));
    }

    /// It failed, though the answer is none of an error: a page to go on to.
    pub(crate) fn failed(&self, code: &'static str) {
        self.0.lock().failed = Some(code);
    }

    /// A detail; never a secret.
    pub(crate) fn detail(&self, key: &str, value: impl Into<serde_json::Value>) {
        self.0.lock().details.insert(key.to_owned(), value.into());
    }
}

macro_rules! from_extension {
    ($name:ident) => {
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Failure;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
                // Absent only when a handler asks for more than its route declares.
                parts
                    .extensions
                    .get::<Self>()
                    .cloned()
                    .ok_or_else(Failure::internal)
            }
        }
    };
}

from_extension!(RequestInfo);
from_extension!(Audit);
from_extension!(Caller);

/// What the guard knows about its route.
pub(crate) struct Guard {
    hub: Hub,
    path: &'static str,
    access: Access,
    audit: Option<&'static str>,
    before_ready: bool,
}

impl Guard {
    pub(crate) fn new(hub: &Hub, route: &Route) -> Arc<Self> {
        Arc::new(Self {
            hub: hub.clone(),
            path: route.path,
            access: route.access,
            audit: route.audit,
            before_ready: route.before_ready,
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
        Access::Public | Access::Signed => Ok(()),
        Access::May(permission) => match caller_of(&guard.hub, request.headers()).await {
            Err(failure) => return failure.into_response(),
            Ok(caller) => {
                audit.by(caller.user.tenant_id, &caller.user.username);
                let verdict = admit(&guard, &caller, permission, &request);
                request.extensions_mut().insert(caller);
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
    let hub = guard.hub.clone();
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
        record(&hub, action, object, &audit, &info, outcome).await;
        response
    });
    work.await
        .unwrap_or_else(|_| Failure::internal().into_response())
}

async fn caller_of(hub: &Hub, headers: &HeaderMap) -> Answer<Caller> {
    match cookie(headers, &hub.cookie_name()) {
        Some(cookie) => session::identify(hub, &cookie).await,
        None => Err(Failure::unauthenticated("session.required")),
    }
}

fn admit(guard: &Guard, caller: &Caller, permission: Permission, request: &Request) -> Answer<()> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let token = request
            .headers()
            .get("x-csrf-token")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !guard.hub.keys.is_csrf_token(&caller.token_hash, token) {
            return Err(Failure::forbidden("session.csrf_wrong"));
        }
    }
    if !guard.before_ready && caller.user.must_change_password {
        return Err(Failure::forbidden("session.password_change_required"));
    }
    if !guard.before_ready && caller.must_set_up_totp {
        return Err(Failure::forbidden("hub.totp_setup_required"));
    }
    if !caller.user.role.may(permission) {
        let mut failure = Failure::forbidden("request.forbidden");
        failure.error = failure
            .error
            .with("permission", permission.as_str())
            .with("role", caller.user.role);
        return Err(failure);
    }
    Ok(())
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
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
    let words = path
        .split('/')
        .filter(|word| !word.is_empty() && !word.starts_with('{'));
    let mut object = words.skip(1).collect::<Vec<_>>().join(".");
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

async fn record(
    hub: &Hub,
    action: &'static str,
    object: String,
    audit: &Audit,
    info: &RequestInfo,
    outcome: &'static str,
) {
    let draft = std::mem::take(&mut *audit.0.lock());
    let (Some(tenant_id), Some(actor)) = (draft.tenant, draft.actor) else {
        tracing::info!(action, outcome, address = ?info.origin.address, "An action without a tenant.");
        return;
    };
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id,
        at: hub.now(),
        actor,
        action: action.to_owned(),
        object: draft.object.unwrap_or(object),
        outcome: draft.failed.unwrap_or(outcome).to_owned(),
        details: serde_json::Value::Object(draft.details),
        address: info.origin.address.map(|a| a.to_string()),
    };
    let written = async {
        let mut tx = hub.store.tenant(tenant_id).await?;
        audit::append(&mut tx, &record).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
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
