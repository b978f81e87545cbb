//! Who asks: the request's own facts, and the signed-in person the guard found.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use iq_auth::TokenHash;
use iq_domain::{ApiToken, Permission, Role, SessionId, TenantId, UserId};
use iq_locale::Language;
use parking_lot::Mutex;

use super::failure::Failure;

/// Facts of a request that hold with and without a session.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) id: String,
    pub(crate) language: Language,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    /// It came encrypted: over TLS, or to the https address of a proxy in front.
    pub(crate) is_secure: bool,
}

/// The person behind a request. Every query takes its tenant from here.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant_id: TenantId,
    /// Tenant of the account; another one while a platform owner acts elsewhere.
    pub(crate) home_tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) token_hash: TokenHash,
    pub(crate) username: String,
    pub(crate) role: Role,
    /// The token of a program, where there is no session; its id stands for the session's.
    pub(crate) api_token: Option<Arc<ApiToken>>,
    pub(crate) language: Language,
}

impl Caller {
    /// Whether the role, and the token where there is one, hold the permission.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.role.may(permission) && self.api_token.as_ref().is_none_or(|t| t.names(permission))
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
from_extension!(Caller);
from_extension!(Audit);

/// The audit record of this request while it is being made. The guard writes it once, whatever the
/// outcome; handlers add what only they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Arc<Mutex<AuditDraft>>);

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditDraft {
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) actor: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) called: Option<String>,
    pub(crate) asset_id: Option<iq_domain::AssetId>,
    pub(crate) details: serde_json::Map<String, serde_json::Value>,
    /// What went wrong, where the answer itself is none of an error.
    pub(crate) failed: Option<&'static str>,
}

impl Audit {
    /// Who did it and where, for routes without a session.
    pub(crate) fn by(&self, tenant_id: TenantId, actor: &str) -> &Self {
        let mut draft = self.0.lock();
        draft.tenant_id = Some(tenant_id);
        draft.actor = Some(actor.to_owned());
        drop(draft);
        self
    }

    /// On what, where the path does not say it.
    pub(crate) fn object(&self, kind: &str, id: impl std::fmt::Display) -> &Self {
        self.0.lock().object = Some(format!("{kind} {id}"));
        self
    }

    /// What people call the object: a number or a reference, never an id. The Black Box tells it.
    pub(crate) fn called(&self, name: impl Into<String>) -> &Self {
        self.0.lock().called = Some(name.into());
        self
    }

    /// The asset it concerns; the Black Box shows such actions.
    pub(crate) fn asset(&self, asset_id: iq_domain::AssetId) -> &Self {
        self.0.lock().asset_id = Some(asset_id);
        self
    }

    /// A detail; never a secret.
    pub(crate) fn detail(&self, key: &str, value: impl Into<serde_json::Value>) -> &Self {
        self.0.lock().details.insert(key.to_owned(), value.into());
        self
    }

    /// It failed, though the answer leads a person on.
    pub(crate) fn failed(&self, code: &'static str) -> &Self {
        self.0.lock().failed = Some(code);
        self
    }

    pub(crate) fn take(&self) -> AuditDraft {
        std::mem::take(&mut *self.0.lock())
    }
}
