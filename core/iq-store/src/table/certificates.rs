//! Certificates servers presented, and what a person decided about them.

use iq_domain::{
    CertificateId, CodedError, IntegrationId, ServerCertificate, TenantId, Timestamp, TrustState,
};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

/// Undecided certificates kept per integration. A server that shows a new one on every connection
/// must not fill the disk.
pub const MAX_PENDING: u32 = 16;

const SELECT: &str = "SELECT tenant_id, id, integration_id, der, sha256, sha1, subject, issuer, \
    application_uri, hosts, not_before, not_after, state, first_seen_at, last_seen_at, authority, \
    decided_by, decided_at FROM trusted_certificates";

fn read(r: &Row<'_>) -> rusqlite::Result<ServerCertificate> {
    Ok(ServerCertificate {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        integration_id: row::id(r, "integration_id")?,
        der: r.get("der")?,
        sha256: r.get("sha256")?,
        sha1: r.get("sha1")?,
        subject: r.get("subject")?,
        issuer: r.get("issuer")?,
        application_uri: r.get("application_uri")?,
        hosts: row::json(r, "hosts")?,
        not_before: row::time(r, "not_before")?,
        not_after: row::time(r, "not_after")?,
        state: row::word(r, "state")?,
        first_seen_at: row::time(r, "first_seen_at")?,
        last_seen_at: row::time(r, "last_seen_at")?,
        authority: r.get("authority")?,
        decided_by: r.get("decided_by")?,
        decided_at: row::time_opt(r, "decided_at")?,
    })
}

/// Records that a server presented a certificate and returns what is known about it. One seen before
/// keeps its id and decision; a new one is pending, and the pending ones seen longest ago give way.
pub fn record_certificate(
    conn: &Connection,
    tenant: TenantId,
    seen: &ServerCertificate,
) -> Result<ServerCertificate, StoreError> {
    row::same_tenant(tenant, seen.tenant_id)?;
    let sql = "INSERT INTO trusted_certificates (tenant_id, id, integration_id, der, sha256, sha1,
               subject, issuer, application_uri, hosts, not_before, not_after, state, first_seen_at,
               last_seen_at, authority)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'pending', ?13, ?13, ?14)
               ON CONFLICT (tenant_id, integration_id, sha256)
               DO UPDATE SET last_seen_at = MAX(last_seen_at, ?13), authority = ?14";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            seen.id.to_string(),
            seen.integration_id.to_string(),
            seen.der,
            seen.sha256,
            seen.sha1,
            seen.subject,
            seen.issuer,
            seen.application_uri,
            row::to_json(&seen.hosts)?,
            seen.not_before.0,
            seen.not_after.0,
            seen.last_seen_at.0,
            seen.authority
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("integrations.not_found")))?;
    let sql = "DELETE FROM trusted_certificates WHERE tenant_id = ?1 AND id IN (
               SELECT id FROM trusted_certificates
               WHERE tenant_id = ?1 AND integration_id = ?2 AND state = 'pending' AND sha256 <> ?3
               ORDER BY last_seen_at DESC, id DESC LIMIT -1 OFFSET ?4)";
    let others = MAX_PENDING - 1;
    let args = params![
        tenant.to_string(),
        seen.integration_id.to_string(),
        seen.sha256,
        others
    ];
    query::change(conn, sql, args)?;
    get_certificate_by_sha256(conn, tenant, seen.integration_id, &seen.sha256)?
        .ok_or(StoreError::NotFound)
}

/// The certificate, if this tenant has it.
pub fn get_certificate(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
) -> Result<Option<ServerCertificate>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The certificate with that fingerprint (lower-case hex) as presented to an integration.
pub fn get_certificate_by_sha256(
    conn: &Connection,
    tenant: TenantId,
    integration: IntegrationId,
    sha256: &str,
) -> Result<Option<ServerCertificate>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND integration_id = ? AND sha256 = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), integration.to_string(), sha256],
        read,
    )
}

/// The certificates of one integration, or of all, newest first.
pub fn list_certificates(
    conn: &Connection,
    tenant: TenantId,
    integration: Option<IntegrationId>,
    state: Option<TrustState>,
) -> Result<Vec<ServerCertificate>, StoreError> {
    Where::tenant(tenant)
        .maybe("integration_id = ?", integration.map(|id| id.to_string()))
        .maybe("state = ?", state.map(|s| row::to_word(&s)).transpose()?)
        .list(conn, SELECT, "last_seen_at DESC, id DESC", read)
}

/// Records a person's decision.
pub fn update_certificate_state(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
    state: TrustState,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE trusted_certificates SET state = ?, decided_by = ?, decided_at = ?
               WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            row::to_word(&state)?,
            by,
            at.0,
            tenant.to_string(),
            id.to_string()
        ],
    )
}

/// Forgets a certificate; presented again it is pending again.
pub fn delete_certificate(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM trusted_certificates WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
