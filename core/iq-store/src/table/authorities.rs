//! Authorities that issue certificates to the plant's servers, each with what it revoked.

use iq_domain::{CertificateAuthority, CertificateId, RevocationList, TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, der, sha256, subject, issuer, not_before, not_after, \
    is_trusted, added_by, added_at, decided_by, decided_at, crl, crl_issued_at, crl_next_at, \
    crl_revoked, crl_added_by, crl_added_at FROM certificate_authorities";

fn read(r: &Row<'_>) -> rusqlite::Result<CertificateAuthority> {
    Ok(CertificateAuthority {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        der: r.get("der")?,
        sha256: r.get("sha256")?,
        subject: r.get("subject")?,
        issuer: r.get("issuer")?,
        not_before: row::time(r, "not_before")?,
        not_after: row::time(r, "not_after")?,
        is_trusted: r.get("is_trusted")?,
        added_by: r.get("added_by")?,
        added_at: row::time(r, "added_at")?,
        decided_by: r.get("decided_by")?,
        decided_at: row::time_opt(r, "decided_at")?,
        revocations: match r.get("crl")? {
            None => None,
            Some(der) => Some(RevocationList {
                der,
                issued_at: row::time(r, "crl_issued_at")?,
                next_at: row::time_opt(r, "crl_next_at")?,
                revoked: u64::try_from(r.get::<_, i64>("crl_revoked")?).unwrap_or(0),
                added_by: r.get("crl_added_by")?,
                added_at: row::time(r, "crl_added_at")?,
            }),
        },
    })
}

/// Adds an authority, with its list of revoked certificates if it has one.
pub fn create_authority(
    conn: &Connection,
    tenant: TenantId,
    new: &CertificateAuthority,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, new.tenant_id)?;
    let sql = "INSERT INTO certificate_authorities (tenant_id, id, der, sha256, subject, issuer,
               not_before, not_after, is_trusted, added_by, added_at, decided_by, decided_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            new.id.to_string(),
            new.der,
            new.sha256,
            new.subject,
            new.issuer,
            new.not_before.0,
            new.not_after.0,
            new.is_trusted,
            new.added_by,
            new.added_at.0,
            new.decided_by,
            new.decided_at.map(|t| t.0)
        ],
    )?;
    match &new.revocations {
        Some(list) => update_revocations(conn, tenant, new.id, list),
        None => Ok(()),
    }
}

/// The authority, if this tenant has it.
pub fn get_authority(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
) -> Result<Option<CertificateAuthority>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// All authorities of a tenant, by subject.
pub fn list_authorities(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<CertificateAuthority>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "subject, id", read)
}

/// Records that a person compared and accepted it.
pub fn trust_authority(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE certificate_authorities SET is_trusted = 1, decided_by = ?, decided_at = ?
               WHERE tenant_id = ? AND id = ?";
    let args = params![by, at.0, tenant.to_string(), id.to_string()];
    query::change_one(conn, sql, args)
}

/// Replaces its list of revoked certificates.
pub fn update_revocations(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
    list: &RevocationList,
) -> Result<(), StoreError> {
    let sql = "UPDATE certificate_authorities SET crl = ?, crl_issued_at = ?, crl_next_at = ?,
               crl_revoked = ?, crl_added_by = ?, crl_added_at = ? WHERE tenant_id = ? AND id = ?";
    query::change_one(
        conn,
        sql,
        params![
            list.der,
            list.issued_at.0,
            list.next_at.map(|t| t.0),
            i64::try_from(list.revoked).unwrap_or(i64::MAX),
            list.added_by,
            list.added_at.0,
            tenant.to_string(),
            id.to_string()
        ],
    )
}

/// Forgets an authority; what it vouched for is unknown again.
pub fn delete_authority(
    conn: &Connection,
    tenant: TenantId,
    id: CertificateId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM certificate_authorities WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
