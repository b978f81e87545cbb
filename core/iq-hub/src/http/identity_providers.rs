//! `/api/identity-providers`: those of the own tenant; for a platform owner, those of the platform.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use iq_api_types::{IdentityProvider, IdentityProviderInput, LastPreview, SsoStart, TestReport};
use iq_domain::{CodedError, IdentityProviderId, Permission, Role};
use serde_json::json;

use super::{
    body::{Body, Id},
    guard::{Audit, RequestInfo},
    route::{Access, Route, delete, get, post, put},
    sign_in_rules::record_ended,
    sso::{away_cookie, is_public_host},
};
use crate::{
    app::{identity_providers, session::Caller, sso},
    failure::Answer,
    state::Hub,
};

/// Two pinned documents and certificates.
const MOST: usize = 512 * 1024;

pub(super) fn routes() -> Vec<Route> {
    let read = Access::May(Permission::IdentityProvidersRead);
    let write = Access::May(Permission::IdentityProvidersWrite);
    let one = "/api/identity-providers/{provider_id}";
    let preview = "/api/identity-providers/{provider_id}/preview";
    vec![
        get("/api/identity-providers", read, list_providers)
            .list::<IdentityProvider>()
            .says("Identity providers, without secrets"),
        post("/api/identity-providers", write, create_provider)
            .body::<IdentityProviderInput>()
            .takes(MOST)
            .status(StatusCode::CREATED)
            .answer::<IdentityProvider>()
            .audits("identity_providers.create")
            .says("Sets up an identity provider"),
        get(one, read, get_provider)
            .answer::<IdentityProvider>()
            .says("One identity provider"),
        put(one, write, update_provider)
            .body::<IdentityProviderInput>()
            .takes(MOST)
            .answer::<IdentityProvider>()
            .audits("identity_providers.update")
            .says("Changes an identity provider; sessions end when it is off or vouches otherwise"),
        delete(one, write, delete_provider)
            .status(StatusCode::NO_CONTENT)
            .audits("identity_providers.delete")
            .says("Removes an identity provider; its users stay and can't sign in"),
        post(
            "/api/identity-providers/{provider_id}/test",
            write,
            test_provider,
        )
        .answer::<TestReport>()
        .audits("identity_providers.test")
        .says("Tests an identity provider step by step, without a person"),
        post(preview, write, start_preview)
            .answer::<SsoStart>()
            .audits("identity_providers.preview")
            .says("Begins a test sign-in that shows what the provider sends"),
        get(preview, write, get_preview)
            .answer::<LastPreview>()
            .says("What the last test sign-in of this session showed"),
    ]
}

async fn list_providers(
    State(hub): State<Hub>,
    caller: Caller,
) -> Answer<Json<Vec<IdentityProvider>>> {
    let tenant = caller.user.tenant_id;
    Ok(Json(identity_providers::list(&hub, tenant).await?))
}

async fn get_provider(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<IdentityProvider>> {
    let key = (caller.user.tenant_id, id);
    Ok(Json(identity_providers::get(&hub, key).await?))
}

async fn create_provider(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<IdentityProviderInput>,
) -> Answer<(StatusCode, Json<IdentityProvider>)> {
    let (made, ended) = identity_providers::create(&hub, &caller, input).await?;
    recorded(&audit, &made);
    record_ended(&audit, ended);
    Ok((StatusCode::CREATED, Json(made)))
}

async fn update_provider(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
    Body(input): Body<IdentityProviderInput>,
) -> Answer<Json<IdentityProvider>> {
    let is_same_secret = input.client_secret.as_deref() == Some(iq_oidc::MASK);
    let (saved, ended) = identity_providers::update(&hub, &caller, id, input).await?;
    recorded(&audit, &saved);
    record_ended(&audit, ended);
    audit.detail("secret_changed", !is_same_secret);
    Ok(Json(saved))
}

fn recorded(audit: &Audit, made: &IdentityProvider) {
    audit.object("identity_provider", made.id);
    audit.detail("display_name", made.display_name.clone());
    audit.detail("is_enabled", made.is_enabled);
    audit.detail("accept_plain_http", made.accept_plain_http);
    audit.detail("issuer_url", made.issuer_url.clone());
    audit.detail("client_id", made.client_id.clone());
    audit.detail("default_role", made.default_role.map(Role::as_str));
    audit.detail("group_roles", json!(made.group_roles));
}

async fn delete_provider(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
) -> Answer<StatusCode> {
    let (name, ended) = identity_providers::delete(&hub, &caller, id).await?;
    record_ended(&audit, ended);
    audit.object("identity_provider", id);
    audit.detail("display_name", name);
    Ok(StatusCode::NO_CONTENT)
}

async fn test_provider(
    State(hub): State<Hub>,
    caller: Caller,
    info: RequestInfo,
    audit: Audit,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<TestReport>> {
    let key = (caller.user.tenant_id, id);
    let (report, code) = identity_providers::test(&hub, key, info.language).await?;
    audit.detail("result", code);
    Ok(Json(report))
}

async fn start_preview(
    State(hub): State<Hub>,
    caller: Caller,
    info: RequestInfo,
    headers: HeaderMap,
    Id(id): Id<IdentityProviderId>,
) -> Answer<(HeaderMap, Json<SsoStart>)> {
    let key = (caller.user.tenant_id, id);
    identity_providers::get(&hub, key).await?;
    // The way back leads to the configured address: elsewhere the browser has none of its cookies.
    if !is_public_host(&hub, &headers) {
        let elsewhere = CodedError::conflict("sso.other_address").with("address", hub.public_url());
        return Err(elsewhere.into());
    }
    let begun = sso::start_preview(&hub, key, &caller, &info.origin).await?;
    let cookie = away_cookie(&hub, &begun.browser);
    Ok((cookie, Json(SsoStart { url: begun.url })))
}

async fn get_preview(
    State(hub): State<Hub>,
    caller: Caller,
    info: RequestInfo,
    Id(id): Id<IdentityProviderId>,
) -> Answer<Json<LastPreview>> {
    let key = (caller.user.tenant_id, id);
    let preview = sso::last_preview(&hub, key, &caller, info.language).await?;
    Ok(Json(LastPreview { preview }))
}
