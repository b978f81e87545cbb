//! Authorities that vouch for the certificates of servers, and what they revoked.

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use iq_api_types::{AuthorityFile, CertificateAuthority, RevocationList, TrustRequest};
use iq_domain::{self as domain, CertificateId, Permission};

use crate::{
    certificates::was_compared,
    http::{Answer, Audit, Body, Caller, Failure, Id, Route, delete, get, post, put},
    state::ApiState,
};

/// A list of revoked certificates in Base64, with the JSON around it.
const MAX_FILE_BODY: usize = 1_500_000;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsRead, IntegrationsTrust};
    vec![
        get(
            "/api/integrations/authorities",
            IntegrationsRead,
            list_authorities,
        )
        .list::<CertificateAuthority>()
        .says("Authorities that issue certificates to servers"),
        post(
            "/api/integrations/authorities",
            IntegrationsTrust,
            add_authority,
        )
        .body::<AuthorityFile>()
        .answer::<CertificateAuthority>()
        .status(201)
        .audits("authorities.add")
        .says("Add an authority; it vouches for nothing until it is trusted"),
        post(
            "/api/integrations/authorities/{id}/trust",
            IntegrationsTrust,
            trust_authority,
        )
        .body::<TrustRequest>()
        .answer::<CertificateAuthority>()
        .audits("authorities.trust")
        .says("Accept each certificate this authority issues for its host"),
        put(
            "/api/integrations/authorities/{id}/revocations",
            IntegrationsTrust,
            put_revocations,
        )
        .body::<AuthorityFile>()
        .cap(MAX_FILE_BODY)
        .answer::<CertificateAuthority>()
        .audits("authorities.put_revocations")
        .says("Take its latest list of revoked certificates"),
        delete(
            "/api/integrations/authorities/{id}",
            IntegrationsTrust,
            remove_authority,
        )
        .status(204)
        .audits("authorities.remove")
        .says("Forget an authority; what it vouched for is unknown again"),
    ]
}

async fn list_authorities(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<CertificateAuthority>>> {
    let all = state.runtime.authorities(caller.tenant_id).await?;
    Ok(Json(all.into_iter().map(dto).collect()))
}

async fn add_authority(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<AuthorityFile>,
) -> Answer<(StatusCode, Json<CertificateAuthority>)> {
    let file = bytes_of(&request)?;
    let added = state
        .runtime
        .add_authority(caller.tenant_id, &file, &caller.username)
        .await?;
    audit.object("authority", added.id);
    audit.detail("sha256", added.sha256.clone());
    Ok((StatusCode::CREATED, Json(dto(added))))
}

async fn trust_authority(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<CertificateId>,
    Body(request): Body<TrustRequest>,
) -> Answer<Json<CertificateAuthority>> {
    let found = own(&state, &caller, id).await?;
    audit.detail("sha256", found.sha256.clone());
    was_compared(&request, &found.sha256)?;
    let trusted = state
        .runtime
        .trust_authority(caller.tenant_id, id, &caller.username)
        .await?;
    Ok(Json(dto(trusted)))
}

async fn put_revocations(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<CertificateId>,
    Body(request): Body<AuthorityFile>,
) -> Answer<Json<CertificateAuthority>> {
    let found = own(&state, &caller, id).await?;
    audit.detail("sha256", found.sha256);
    let file = bytes_of(&request)?;
    let changed = state
        .runtime
        .put_revocations(caller.tenant_id, id, &file, &caller.username)
        .await?;
    Ok(Json(dto(changed)))
}

async fn remove_authority(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<CertificateId>,
) -> Answer<StatusCode> {
    let found = own(&state, &caller, id).await?;
    audit.detail("sha256", found.sha256);
    state.runtime.remove_authority(caller.tenant_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own(
    state: &ApiState,
    caller: &Caller,
    id: CertificateId,
) -> Answer<domain::CertificateAuthority> {
    Ok(state.runtime.authority(caller.tenant_id, id).await?)
}

/// The bytes of a file: PEM is passed on as it is, everything else is Base64.
fn bytes_of(request: &AuthorityFile) -> Answer<Vec<u8>> {
    let text = request.file.trim();
    if text.starts_with("-----BEGIN") {
        return Ok(text.as_bytes().to_vec());
    }
    BASE64_STANDARD
        .decode(text)
        .map_err(|_| Failure::field("file", "authorities.file_unreadable"))
}

fn dto(authority: domain::CertificateAuthority) -> CertificateAuthority {
    CertificateAuthority {
        id: authority.id,
        is_trusted: authority.is_trusted,
        sha256: authority.sha256,
        subject: authority.subject,
        issuer: authority.issuer,
        not_before: authority.not_before,
        not_after: authority.not_after,
        added_by: authority.added_by,
        added_at: authority.added_at,
        decided_by: authority.decided_by,
        decided_at: authority.decided_at,
        revocations: authority.revocations.map(|list| RevocationList {
            issued_at: list.issued_at,
            next_at: list.next_at,
            revoked: list.revoked,
            added_by: list.added_by,
            added_at: list.added_at,
        }),
    }
}
