//! Signing in through an identity provider. The tenant is the one of the provider's row; the state is
//! used once, by the browser that began; the verifier and the nonce never leave this program.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iq_api_types::{SignInProvider, SsoOutcome};
use iq_auth::TokenHash;
use iq_domain::{CodedError, IdentityProviderId, SessionId};
use iq_oidc::{
    AWAY_MS, Answered, Claims, Documents, Provider, Shown, encoded, local_path, problem,
};
use iq_secrets::SecretString;
use iq_store::{identity_providers as providers, sessions, tenants};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use utoipa::IntoParams;

use crate::{
    auth,
    http::{
        Answer, Audit, Failure, Id, Query, RequestInfo, Route, get, identify::cookie, route::Access,
    },
    identity_providers::{is_sso_only, opened},
    sso_people,
    sso_waiting::{Away, Purpose},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/session/providers",
            Access::Public,
            list_sign_in_providers,
        )
        .list::<SignInProvider>()
        .says("Identity providers to sign in with"),
        get("/auth/sso/{id}/start", Access::Public, start)
            .query::<StartQuery>()
            .status(303)
            .says("Go to the identity provider"),
        get("/auth/sso/callback", Access::Public, come_back)
            .query::<CallbackQuery>()
            .status(303)
            .audits("session.sso")
            .says("Come back from the identity provider"),
        get("/auth/sso/outcome", Access::Public, get_outcome)
            .answer::<SsoOutcome>()
            .says("Why the last sign-in of this browser through a provider failed"),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
struct StartQuery {
    /// Page of the program to go on to.
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

async fn list_sign_in_providers(
    State(state): State<ApiState>,
) -> Answer<Json<Vec<SignInProvider>>> {
    let found = state
        .runtime
        .store()
        .read(|conn| {
            let tenants = tenants::list_tenants(conn)?;
            let are_many = tenants.len() > 1;
            let mut found = Vec::new();
            for tenant in tenants {
                let sso_only = is_sso_only(conn, tenant.id)?;
                let rows = providers::list_providers(conn, tenant.id)?;
                let enabled = rows.into_iter().filter(|row| row.is_enabled);
                found.extend(enabled.map(|row| SignInProvider {
                    id: row.id,
                    provider_type: row.provider_type,
                    display_name: row.display_name,
                    tenant: are_many.then(|| tenant.names.clone()),
                    sso_only,
                }));
            }
            Ok(found)
        })
        .await?;
    Ok(Json(found))
}

/// A person on the way, as the browser is told.
pub(crate) struct Beginning {
    pub(crate) url: String,
    pub(crate) cookie: HeaderMap,
}

/// Begins an attempt. Its cookie is a new one: what a browser already has may be of somebody else's making.
pub(crate) async fn begin(
    state: &ApiState,
    info: &RequestInfo,
    provider: &Provider,
    purpose: Purpose,
) -> Answer<Beginning> {
    let documents = documents(state, provider).await?;
    let (asked, browser) = (random()?, random()?);
    let (url, attempt) = iq_oidc::begin(provider, &documents, &asked)?;
    let away = Away {
        provider: provider.row.id,
        attempt,
        browser: browser_hash(state, &browser),
        purpose,
    };
    let kept = state_hash(state, &asked);
    state.sso.begin(kept, away, state.now());
    Ok(Beginning {
        url,
        cookie: sso_cookie(state, info, &browser, AWAY_MS / 1_000),
    })
}

/// The documents of a provider, read within the hour.
async fn documents(state: &ApiState, provider: &Provider) -> Answer<Arc<Documents>> {
    if let Some(known) = state.sso.documents(&provider.row, state.now()) {
        return Ok(known);
    }
    let read = Arc::new(Documents::read(provider).await?);
    state
        .sso
        .put_documents(&provider.row, Arc::clone(&read), state.now());
    Ok(read)
}

async fn start(
    State(state): State<ApiState>,
    Id(id): Id<IdentityProviderId>,
    Query(query): Query<StartQuery>,
    info: RequestInfo,
    headers: HeaderMap,
) -> Answer<Response> {
    let next = local_path(query.next.as_deref().unwrap_or("/"));
    if !is_public_host(&state, &headers) {
        // The way back leads to the configured address; cookies of another name would be lost.
        let query = encoded(&next);
        let there = format!("{}/auth/sso/{id}/start?next={query}", state.public_url());
        return Ok(redirect(&there, HeaderMap::new()));
    }
    let row = state
        .runtime
        .store()
        .read(move |conn| providers::find_enabled_provider(conn, id))
        .await?
        .ok_or_else(Failure::not_found)?;
    let provider = opened(&state, row).await?;
    let begun = begin(&state, &info, &provider, Purpose::SignIn { next }).await;
    Ok(match begun {
        Ok(Beginning { url, cookie }) => redirect(&url, cookie),
        Err(failure) => refuse(&state, &info, None, &failure.error)?,
    })
}

/// Whether a request came to the address people are sent back to.
pub(crate) fn is_public_host(state: &ApiState, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let public = state.public_url();
    let public = public.split_once("://").map_or("", |(_, host)| host);
    host.is_some_and(|host| host.eq_ignore_ascii_case(public))
}

async fn come_back(
    State(state): State<ApiState>,
    info: RequestInfo,
    audit: Audit,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Answer<Response> {
    let browser = cookie(&headers, &cookie_name(&state)).filter(|value| value.len() == 43);
    let away = match find(&state, &query, browser.as_deref()) {
        Ok(away) => away,
        Err(error) => {
            tracing::info!(
                code = error.code,
                "An answer of a provider belongs to nothing."
            );
            return refuse(&state, &info, browser.as_deref(), &error);
        }
    };
    match away.purpose.clone() {
        Purpose::SignIn { next } => {
            let signed_in = sign_in(&state, &info, &audit, &headers, &away, &query).await;
            match signed_in {
                Ok(session) => {
                    let mut cookies = auth::cookie_header(&state, &info, session.expose());
                    append(&mut cookies, sso_cookie(&state, &info, "", 0));
                    Ok(redirect(&next, cookies))
                }
                Err(failure) => {
                    audit.failed(failure.error.code);
                    refuse(&state, &info, browser.as_deref(), &failure.error)
                }
            }
        }
        Purpose::Preview { session } => {
            preview(&state, &info, (&audit, session), &headers, &away, &query).await
        }
    }
}

/// The attempt an answer belongs to. Whatever is wrong with the answer, its state is used up.
fn find(
    state: &ApiState,
    query: &CallbackQuery,
    browser: Option<&str>,
) -> Result<Away, CodedError> {
    let unknown = || CodedError::invalid("sso.state_unknown");
    let sent = query.state.as_deref().ok_or_else(unknown)?;
    let away = state
        .sso
        .take(&state_hash(state, sent), state.now())
        .ok_or_else(unknown)?;
    let is_same = browser
        .map(|value| browser_hash(state, value))
        .is_some_and(|hash| bool::from(hash.ct_eq(&away.browser)));
    if is_same {
        Ok(away)
    } else {
        Err(CodedError::invalid("sso.other_browser"))
    }
}

/// The verified claims of an answer.
async fn claims_of(
    state: &ApiState,
    provider: &Provider,
    away: &Away,
    query: &CallbackQuery,
) -> Answer<Claims> {
    let documents = documents(state, provider).await?;
    let answered = Answered {
        code: query.code.clone(),
        issuer: query.iss.clone(),
        error: query.error.clone(),
    };
    let now = state.now();
    let (claims, newer) =
        iq_oidc::answer(provider, &documents, &away.attempt, answered, now).await?;
    if let Some(newer) = newer {
        state.sso.put_documents(&provider.row, newer, now);
    }
    Ok(claims)
}

async fn sign_in(
    state: &ApiState,
    info: &RequestInfo,
    audit: &Audit,
    headers: &HeaderMap,
    away: &Away,
    query: &CallbackQuery,
) -> Answer<SecretString> {
    // As it is now: it may have been switched off while the person was away.
    let id = away.provider;
    let row = state
        .runtime
        .store()
        .read(move |conn| providers::find_enabled_provider(conn, id))
        .await?
        .ok_or_else(|| Failure::conflict("sso.provider_off"))?;
    audit
        .by(row.tenant_id, "?")
        .object("identity_provider", row.id)
        .detail("provider", row.display_name.clone());
    let provider = opened(state, row.clone()).await?;
    let claims = claims_of(state, &provider, away, query).await?;
    let person = claims.person(&row)?;
    audit.detail("subject", person.subject.clone());
    let (role, _) = claims.role(&row)?;
    let replaced = cookie(headers, &state.cookie_name(info.is_secure))
        .and_then(|token| state.keys.token_hash(&token));
    let new = state.keys.new_session().map_err(CodedError::from)?;
    let (hash, now, about) = (new.token_hash, state.now(), info.clone());
    let inner = state.clone();
    let signed_in = state
        .runtime
        .store()
        .write(move |tx| {
            // As it is by now: it may have been changed while it was asked.
            let current = providers::find_enabled_provider(tx, id)?
                .ok_or_else(|| CodedError::conflict("sso.provider_off"))?;
            if iq_oidc::vouches_otherwise(&row, &current) {
                return Err(CodedError::conflict("sso.provider_changed").into());
            }
            auth::end_replaced(tx, replaced, now)?;
            let signed_in = sso_people::sign_in(tx, &row, &person, role, now)?;
            let who = (signed_in.user.tenant_id, signed_in.user.id);
            let session = auth::session_of(&inner, who, &about, now);
            auth::store_session(tx, &session, &hash)?;
            Ok(signed_in)
        })
        .await?;
    let user = &signed_in.user;
    audit
        .by(user.tenant_id, &user.username)
        .detail("role", user.role.as_str())
        .detail("is_new", signed_in.is_new);
    if let Some(before) = signed_in.role_before {
        audit.detail("role_before", before.as_str());
    }
    Ok(new.token)
}

/// A test sign-in shows and signs nobody in. The session that asked must still be the browser's.
async fn preview(
    state: &ApiState,
    info: &RequestInfo,
    (audit, asked): (&Audit, SessionId),
    headers: &HeaderMap,
    away: &Away,
    query: &CallbackQuery,
) -> Answer<Response> {
    let token = cookie(headers, &state.cookie_name(info.is_secure));
    let hash = token.and_then(|token| state.keys.token_hash(&token));
    let (id, now) = (away.provider, state.now());
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let Some(hash) = hash else { return Ok(None) };
            let session = sessions::get_session_by_token_hash(conn, &hash, now)?;
            let Some(session) = session.filter(|s| s.id == asked) else {
                return Ok(None);
            };
            let row = providers::get_provider(conn, session.effective_tenant(), id)?;
            let user = iq_store::users::get_user(conn, session.tenant_id, session.user_id)?;
            Ok(row.zip(user))
        })
        .await?;
    let Some((row, user)) = found else {
        let error = CodedError::invalid("sso.state_unknown");
        return refuse(state, info, None, &error);
    };
    audit
        .by(row.tenant_id, &user.username)
        .object("identity_provider", row.id)
        .detail("purpose", "preview");
    let provider = opened(state, row).await?;
    let (shown, failed) = match claims_of(state, &provider, away, query).await {
        Ok(claims) => {
            let (person, role) = (claims.person(&provider.row), claims.role(&provider.row));
            let failed = person.as_ref().err().or(role.as_ref().err());
            let failed = failed.map(|error| error.code);
            (Shown::of(now, &claims, person, role), failed)
        }
        Err(failure) => (Shown::failed(now, &failure.error), Some(failure.error.code)),
    };
    if let Some(code) = failed {
        audit.failed(code);
    }
    state.sso.show((asked, id), shown, now);
    let there = format!("/integrations?tab=sso&provider={id}&preview=1");
    Ok(redirect(&there, sso_cookie(state, info, "", 0)))
}

async fn get_outcome(
    State(state): State<ApiState>,
    info: RequestInfo,
    headers: HeaderMap,
) -> Json<SsoOutcome> {
    let error = cookie(&headers, &cookie_name(&state))
        .map(|value| browser_hash(&state, &value))
        .and_then(|hash| state.sso.outcome(&hash, state.now()));
    Json(SsoOutcome {
        problem: error.map(|error| problem(info.language, &error)),
    })
}

/// Leads back to the page of signing in, which asks for the reason; nothing of it is in the address.
fn refuse(
    state: &ApiState,
    info: &RequestInfo,
    browser: Option<&str>,
    error: &CodedError,
) -> Answer<Response> {
    tracing::info!(code = error.code, "A sign-in through a provider failed.");
    let browser = browser.map_or_else(random, |value| Ok(value.to_owned()))?;
    let hash = browser_hash(state, &browser);
    state.sso.failed(hash, error.clone(), state.now());
    let cookie = sso_cookie(state, info, &browser, AWAY_MS / 1_000);
    Ok(redirect("/login?sso=failed", cookie))
}

/// 43 characters nobody guesses.
fn random() -> Answer<String> {
    let bytes = iq_secrets::random_bytes::<32>().map_err(CodedError::from)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn state_hash(state: &ApiState, value: &str) -> TokenHash {
    state.keys.binding_hash("sso state", value)
}

fn browser_hash(state: &ApiState, value: &str) -> TokenHash {
    state.keys.binding_hash("sso browser", value)
}

fn cookie_name(state: &ApiState) -> String {
    format!("optria_sso_{}", state.options.port)
}

/// The cookie that binds an attempt to its browser. Lax: the way back comes from the provider's page.
fn sso_cookie(state: &ApiState, info: &RequestInfo, value: &str, seconds: i64) -> HeaderMap {
    let secure = if info.is_secure { "; Secure" } else { "" };
    let name = cookie_name(state);
    auth::set_cookie(&format!(
        "{name}={value}; Path=/auth/sso; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    ))
}

fn append(headers: &mut HeaderMap, more: HeaderMap) {
    for value in more.get_all(header::SET_COOKIE) {
        headers.append(header::SET_COOKIE, value.clone());
    }
}

fn redirect(to: &str, cookies: HeaderMap) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    append(response.headers_mut(), cookies);
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
    response
}
