//! Trust in servers: their certificates and the decisions of people; and our own certificate.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{OwnCertificate, ServerCertificate, TrustRequest};
use iq_domain::{self as domain, CertificateId, IntegrationId, Permission, Timestamp, TrustState};
use iq_store::certificates;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, der::Decode};

use crate::{
    http::{Answer, Audit, Body, Caller, Failure, Id, Route, get, post},
    integrations::own,
    state::ApiState,
};

/// Hex digits a person types to show that the fingerprint was compared.
const TAIL_DIGITS: usize = 8;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{IntegrationsRead, IntegrationsTrust};
    vec![
        get(
            "/api/integrations/own-certificate",
            IntegrationsRead,
            get_own_certificate,
        )
        .answer::<OwnCertificate>()
        .says("The certificate this program shows to servers"),
        get(
            "/api/integrations/own-certificate.der",
            IntegrationsRead,
            export_own_certificate,
        )
        .text_answer("application/pkix-cert")
        .says("The same as a file"),
        get(
            "/api/integrations/{id}/certificates",
            IntegrationsRead,
            list_certificates,
        )
        .list::<ServerCertificate>()
        .says("Certificates the server of a connection presented"),
        post(
            "/api/integrations/{id}/certificates/{cert_id}/trust",
            IntegrationsTrust,
            trust_certificate,
        )
        .body::<TrustRequest>()
        .answer::<ServerCertificate>()
        .audits("certificates.trust")
        .says("Trust exactly this certificate"),
        post(
            "/api/integrations/{id}/certificates/{cert_id}/reject",
            IntegrationsTrust,
            reject_certificate,
        )
        .answer::<ServerCertificate>()
        .audits("certificates.reject")
        .says("Refuse exactly this certificate"),
    ]
}

async fn list_certificates(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IntegrationId>,
) -> Answer<Json<Vec<ServerCertificate>>> {
    own(&state, &caller, id)?;
    let tenant = caller.tenant_id;
    let all = state
        .runtime
        .store()
        .read(move |conn| certificates::list_certificates(conn, tenant, Some(id), None))
        .await?;
    Ok(Json(all.into_iter().map(dto).collect()))
}

async fn trust_certificate(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
    Id(certificate): Id<CertificateId, 1>,
    Body(request): Body<TrustRequest>,
) -> Answer<Json<ServerCertificate>> {
    let found = own_certificate_of(&state, &caller, id, certificate).await?;
    audit.detail("sha256", found.sha256.clone());
    was_compared(&request, &found.sha256)?;
    decide(&state, &caller, id, certificate, TrustState::Trusted).await
}

/// Refuses a decision of somebody who did not type the end of the fingerprint.
pub(crate) fn was_compared(request: &TrustRequest, sha256: &str) -> Answer<()> {
    let typed: String = request
        .fingerprint_tail
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    let tail = sha256.get(sha256.len().saturating_sub(TAIL_DIGITS)..);
    if tail.is_none_or(|tail| tail != typed) {
        return Err(Failure::field(
            "fingerprint_tail",
            "certificates.fingerprint_differs",
        ));
    }
    Ok(())
}

async fn reject_certificate(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IntegrationId>,
    Id(certificate): Id<CertificateId, 1>,
) -> Answer<Json<ServerCertificate>> {
    let found = own_certificate_of(&state, &caller, id, certificate).await?;
    audit.detail("sha256", found.sha256);
    decide(&state, &caller, id, certificate, TrustState::Rejected).await
}

async fn own_certificate_of(
    state: &ApiState,
    caller: &Caller,
    integration: IntegrationId,
    id: CertificateId,
) -> Answer<domain::ServerCertificate> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| certificates::get_certificate(conn, tenant, id))
        .await?
        .filter(|c| c.integration_id == integration)
        .ok_or_else(Failure::not_found)
}

async fn decide(
    state: &ApiState,
    caller: &Caller,
    integration: IntegrationId,
    id: CertificateId,
    decision: TrustState,
) -> Answer<Json<ServerCertificate>> {
    let decided = state
        .runtime
        .decide_certificate(
            caller.tenant_id,
            integration,
            id,
            decision,
            &caller.username,
        )
        .await?;
    Ok(Json(dto(decided)))
}

fn dto(certificate: domain::ServerCertificate) -> ServerCertificate {
    ServerCertificate {
        id: certificate.id,
        state: certificate.state,
        sha256: certificate.sha256,
        sha1: certificate.sha1,
        subject: certificate.subject,
        issuer: certificate.issuer,
        application_uri: certificate.application_uri,
        hosts: certificate.hosts,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        first_seen_at: certificate.first_seen_at,
        last_seen_at: certificate.last_seen_at,
        authority: certificate.authority,
        decided_by: certificate.decided_by,
        decided_at: certificate.decided_at,
    }
}

async fn get_own_certificate(
    State(state): State<ApiState>,
    _: Caller,
) -> Answer<Json<OwnCertificate>> {
    let identity = state.runtime.identity();
    let der = &identity.certificate_der;
    let certificate = Certificate::from_der(der).map_err(|error| {
        tracing::error!(%error, "Our own certificate can't be read.");
        Failure::internal()
    })?;
    let body = &certificate.tbs_certificate;
    let at = |time: x509_cert::time::Time| {
        let ms = time.to_unix_duration().as_millis();
        Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
    };
    Ok(Json(OwnCertificate {
        sha256: hex(&Sha256::digest(der)),
        sha1: hex(&Sha1::digest(der)),
        subject: body.subject.to_string(),
        application_uri: identity.application_uri.clone(),
        not_before: at(body.validity.not_before),
        not_after: at(body.validity.not_after),
    }))
}

async fn export_own_certificate(State(state): State<ApiState>, _: Caller) -> Response {
    let mut response = state
        .runtime
        .identity()
        .certificate_der
        .clone()
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/pkix-cert"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"optria-iq.der\""),
    );
    response
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes any text");
            text
        })
}
