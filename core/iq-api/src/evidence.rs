//! Tamper evidence: how far the log is protected, an incident as a file that verifies anywhere, and
//! what its reader needs.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_api_types::{EvidenceFinding, EvidenceKey, EvidenceStatus};
use iq_domain::{IncidentId, Permission, TenantId};
use sha2::{Digest as _, Sha256};

use crate::{
    http::{Answer, Audit, Caller, Id, Route, get, post},
    state::ApiState,
};

/// The page that verifies without a network; the same that stands beside `optria-verify`.
const VERIFIER: &str = include_str!("../../iq-verify/page/verify.html");

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{BlackboxRead, BlackboxWrite, EvidenceManage};
    vec![
        get("/api/blackbox/evidence/status", BlackboxRead, get_status)
            .answer::<EvidenceStatus>()
            .says("How far the evidence log is protected"),
        get(
            "/api/blackbox/incidents/{id}/evidence.oqe",
            BlackboxWrite,
            export_incident,
        )
        .text_answer("application/octet-stream")
        .audits("blackbox.export_evidence")
        .says("One incident as a signed file that verifies anywhere"),
        get("/api/evidence/keys", BlackboxRead, list_keys)
            .list::<EvidenceKey>()
            .says("Public keys for whoever verifies, the one that signs last"),
        post("/api/evidence/keys", EvidenceManage, replace_key)
            .answer::<EvidenceKey>()
            .status(201)
            .audits("evidence.replace_key")
            .says("Put a new signing key into force; the log says so, signed by the old one and the new one"),
        get("/api/evidence/verifier", BlackboxRead, get_verifier)
            .text_answer("text/html")
            .says("A page that verifies evidence files in any browser, without a network"),
    ]
}

async fn get_status(State(state): State<ApiState>, caller: Caller) -> Answer<Json<EvidenceStatus>> {
    Ok(Json(status_of(&state, caller.tenant_id).await?.0))
}

/// How far a tenant's log is protected, and the root of its last checkpoint.
pub(crate) async fn status_of(
    state: &ApiState,
    tenant: TenantId,
) -> Answer<(EvidenceStatus, Option<String>)> {
    let found = state.runtime.evidence_status(tenant).await?;
    let status = EvidenceStatus {
        records: found.records,
        protected_records: found.protected,
        newer_records: found.records - found.protected,
        protected_at: found.protected_at,
        audit_records: found.audit.0,
        protected_audit_records: found.audit.1,
        key_fingerprint: found.key,
        epoch: found.epoch,
        epoch_number: found.epoch_no,
        epoch_reason: found.epoch_reason,
        epoch_opened_at: found.epoch_opened_at,
        is_demo: found.is_demo,
        findings: found
            .troubles
            .into_iter()
            .map(|trouble| EvidenceFinding {
                reason: trouble.reason,
                had: trouble.had,
                has: trouble.has,
                record: trouble.seq,
                row: trouble.row,
                found_at: trouble.found_at,
            })
            .collect(),
    };
    Ok((status, found.root))
}

async fn export_incident(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    // Judged anew: what the store says the cause was is not taken along unchecked. Where it can't be judged, a row
    // is not what it was, and the export tells that.
    if let Err(error) = state.runtime.root_cause(caller.tenant_id, id).await {
        tracing::warn!(
            code = error.code,
            "The cause of an exported incident can't be judged."
        );
    }
    let file = state.runtime.export_evidence(caller.tenant_id, id).await?;
    let digest = hex_of(&file.bytes);
    audit
        .detail("sha256", digest.as_str())
        .detail("records", file.records)
        .detail("windows", file.windows);
    let mut headers = HeaderMap::new();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    let mark = if plant.tenant.is_demo { "DEMO-" } else { "" };
    attach(&mut headers, &format!("{mark}{}", file.name));
    if let Ok(value) = HeaderValue::from_str(&digest) {
        headers.insert("x-optria-sha256", value);
    }
    headers.insert("x-optria-records", HeaderValue::from(file.records));
    headers.insert("x-optria-windows", HeaderValue::from(file.windows));
    let left: Vec<String> = file
        .omitted
        .iter()
        .map(|o| format!("{}:{}:{}", o.what, o.why, o.count))
        .collect();
    if let Ok(value) = HeaderValue::from_str(&left.join(",")) {
        headers.insert("x-optria-left-out", value);
    }
    Ok((headers, file.bytes).into_response())
}

/// SHA-256 of a file, as two people compare it.
fn hex_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

pub(crate) fn attach(headers: &mut HeaderMap, name: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
}

async fn list_keys(
    State(state): State<ApiState>,
    caller: Caller,
) -> Answer<Json<Vec<EvidenceKey>>> {
    Ok(Json(trust_lines(&state, caller.tenant_id).await?))
}

async fn replace_key(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
) -> Answer<(StatusCode, Json<EvidenceKey>)> {
    let tenant = caller.tenant_id;
    let key = state.runtime.replace_evidence_key(tenant).await?;
    audit.detail("fingerprint", key.fingerprint.as_str());
    Ok((StatusCode::CREATED, Json(trust_line(&state, tenant, key)?)))
}

/// The public keys of a tenant as a reader writes them down.
pub(crate) async fn trust_lines(state: &ApiState, tenant: TenantId) -> Answer<Vec<EvidenceKey>> {
    let keys = state.runtime.evidence_keys(tenant).await?;
    let lines = keys.into_iter().map(|key| trust_line(state, tenant, key));
    lines.collect()
}

fn trust_line(
    state: &ApiState,
    tenant: TenantId,
    key: iq_runtime::EvidenceKey,
) -> Answer<EvidenceKey> {
    let is_demo = state.runtime.tenant(tenant)?.tenant.is_demo;
    let appliance = u128::from_be_bytes(state.runtime.appliance());
    let public = STANDARD.encode(key.public);
    let label = if is_demo { " DEMO" } else { "" };
    Ok(EvidenceKey {
        fingerprint: key.fingerprint,
        trust_line: format!("appliance {tenant} {appliance:032x} {public}{label}"),
        created_at: key.created_at,
        is_current: key.is_current,
        is_demo,
    })
}

async fn get_verifier() -> Response {
    let mut headers = HeaderMap::new();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    // Its script is inside it, which pages of this server may not have: it is for the disk.
    attach(&mut headers, "optria-verify.html");
    (headers, VERIFIER).into_response()
}
