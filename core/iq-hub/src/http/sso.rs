//! Going to an identity provider and coming back.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{HubSignInProvider, SsoOutcome};
use iq_domain::{IdentityProviderId, TenantId};
use iq_oidc::{AWAY_MS, Answered, encoded, local_path};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{
    body::{Id, Query},
    guard::{Audit, RequestInfo, cookie},
    route::{Access, Route, get},
    session::{cookie_header, named_cookie},
};
use crate::{
    app::{
        session::end_replaced,
        sso::{self, Back, Brought, Note},
    },
    failure::{Answer, Failure},
    state::{Hub, host_of},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/api/session/providers", Access::Public, list_providers)
            .query::<CodeQuery>()
            .list::<HubSignInProvider>()
            .says("Identity providers that people of a tenant sign in through"),
        get(
            "/auth/sso/{tenant_id}/{provider_id}/start",
            Access::Public,
            start,
        )
        .query::<StartQuery>()
        .status(StatusCode::SEE_OTHER)
        .says("Goes to the identity provider"),
        get("/auth/sso/callback", Access::Public, come_back)
            .query::<CallbackQuery>()
            .status(StatusCode::SEE_OTHER)
            .audits("session.sso")
            .says("Comes back from the identity provider"),
        get("/auth/sso/outcome", Access::Public, get_outcome)
            .answer::<SsoOutcome>()
            .says("Why the last sign-in of this browser through a provider failed"),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
struct CodeQuery {
    /// Code of the tenant; empty for the platform itself.
    #[serde(default)]
    tenant: String,
}

#[derive(Debug, Deserialize, IntoParams)]
struct StartQuery {
    /// Page of the console to go on to.
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct CallbackQuery {
    /// What the provider gives for a sign-in.
    code: Option<String>,
    /// What was sent along.
    state: Option<String>,
    /// Who issued the answer (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// The audit of this request as the layer below sees it.
impl Note for Audit {
    fn by(&self, tenant: TenantId, actor: &str) {
        Self::by(self, tenant, actor);
    }

    fn detail(&self, key: &str, value: Value) {
        Self::detail(self, key, value);
    }

    fn failed(&self, code: &'static str) {
        Self::failed(self, code);
    }
}

async fn list_providers(
    State(hub): State<Hub>,
    Query(query): Query<CodeQuery>,
) -> Answer<Json<Vec<HubSignInProvider>>> {
    Ok(Json(sso::list(&hub, &query.tenant).await?))
}

/// Whether a request came to the address people are sent back to.
pub(super) fn is_public_host(hub: &Hub, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let public = host_of(&hub.public_url());
    host.zip(public)
        .is_some_and(|(host, public)| host.eq_ignore_ascii_case(&public))
}

async fn start(
    State(hub): State<Hub>,
    Id(tenant): Id<TenantId>,
    Id(provider): Id<IdentityProviderId, 1>,
    Query(query): Query<StartQuery>,
    info: RequestInfo,
    headers: HeaderMap,
) -> Answer<Response> {
    let next = local_path(query.next.as_deref().unwrap_or("/"));
    if !is_public_host(&hub, &headers) {
        // The way back leads to the configured address; cookies of another name would be lost.
        let (public, next) = (hub.public_url(), encoded(&next));
        let there = format!("{public}/auth/sso/{tenant}/{provider}/start?next={next}");
        return Ok(redirect(&there, &[]));
    }
    match sso::start(&hub, (tenant, provider), next, &info.origin).await {
        Ok(begun) => Ok(redirect(&begun.url, &[away_cookie(&hub, &begun.browser)])),
        // Not there, or not offered: the same as for any other address that is not there.
        Err(failure) if failure.status == StatusCode::NOT_FOUND => Err(failure),
        Err(failure) => refuse(&hub, &failure),
    }
}

async fn come_back(
    State(hub): State<Hub>,
    info: RequestInfo,
    audit: Audit,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Answer<Response> {
    let browser = cookie(&headers, &hub.away_cookie_name("sso"));
    let session = cookie(&headers, &hub.cookie_name());
    let brought = Brought {
        state: query.state.as_deref(),
        browser: browser.as_deref(),
        session: session.as_deref(),
        answered: Answered {
            code: query.code,
            issuer: query.iss,
            error: query.error,
        },
    };
    match sso::come_back(&hub, brought, &info.origin, &audit).await {
        Ok(Back::SignedIn(opened, next)) => {
            end_replaced(&hub, session.as_deref()).await?;
            let cookies = [cookie_header(&hub, &opened.cookie, ""), ended(&hub, "sso")];
            Ok(redirect(&next, &cookies))
        }
        Ok(Back::Shown(provider)) => {
            let there = format!("/sso?provider={provider}");
            Ok(redirect(&there, &[ended(&hub, "sso")]))
        }
        Err(failure) => refuse(&hub, &failure),
    }
}

async fn get_outcome(
    State(hub): State<Hub>,
    info: RequestInfo,
    headers: HeaderMap,
) -> Json<SsoOutcome> {
    let problem = cookie(&headers, &hub.away_cookie_name("reason"))
        .and_then(|value| sso::reason_of(&hub, &value, info.language));
    Json(SsoOutcome { problem })
}

/// Leads back to the page of signing in, which asks for the reason; nothing of it is in the address.
fn refuse(hub: &Hub, failure: &Failure) -> Answer<Response> {
    tracing::info!(
        code = failure.error.code,
        "A sign-in through a provider failed."
    );
    let value = sso::reason_cookie(hub, &failure.error)?;
    let reason = named_cookie(hub, &hub.away_cookie_name("reason"), &value, &for_a_while());
    Ok(redirect("/?sso=failed", &[reason, ended(hub, "sso")]))
}

fn for_a_while() -> String {
    format!("; Max-Age={}", AWAY_MS / 1_000)
}

/// The cookie that binds an attempt to its browser.
pub(super) fn away_cookie(hub: &Hub, value: &str) -> HeaderMap {
    named_cookie(hub, &hub.away_cookie_name("sso"), value, &for_a_while())
}

fn ended(hub: &Hub, what: &str) -> HeaderMap {
    named_cookie(hub, &hub.away_cookie_name(what), "", "; Max-Age=0")
}

fn redirect(to: &str, cookies: &[HeaderMap]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    for cookie in cookies.iter().flat_map(|c| c.get_all(header::SET_COOKIE)) {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, to);
    response
}
