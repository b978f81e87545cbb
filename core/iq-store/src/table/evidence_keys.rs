//! The keys that sign the evidence log, and where a log says that one took over from the other. All of it
//! is appended, never changed.

use iq_domain::{TenantId, Timestamp};
use rusqlite::{Connection, params};

use super::evidence::{list, number};
use crate::{StoreError, query, row};

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// From 1; the highest signs.
    pub key_no: i64,
    /// The public half.
    pub public: [u8; 32],
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a log says that a key took over from the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHandover {
    /// The epoch of the log.
    pub epoch_no: i64,
    /// The new key.
    pub key_no: i64,
    /// The record.
    pub seq: u64,
    /// The signatures of the old and of the new key.
    pub signatures: [u8; 128],
}

/// The tenant's keys, oldest first.
pub fn list_keys(conn: &Connection, tenant: TenantId) -> Result<Vec<StoredKey>, StoreError> {
    let sql = "SELECT key_no, public, sealed, created_at FROM evidence_keys
               WHERE tenant_id = ? ORDER BY key_no";
    list(conn, sql, params![tenant.to_string()], |r| {
        Ok(StoredKey {
            key_no: r.get("key_no")?,
            public: r.get("public")?,
            sealed: r.get("sealed")?,
            created_at: row::time(r, "created_at")?,
        })
    })
}

/// Adds a key.
pub fn create_key(conn: &Connection, tenant: TenantId, key: &StoredKey) -> Result<(), StoreError> {
    let sql = "INSERT INTO evidence_keys (tenant_id, key_no, public, sealed, created_at)
               VALUES (?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        key.key_no,
        key.public,
        key.sealed,
        key.created_at.0
    ];
    query::change_one(conn, sql, args)
}

/// Where the logs of a tenant say that a key took over, oldest epoch first.
pub fn list_handovers(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<StoredHandover>, StoreError> {
    let sql = "SELECT epoch_no, key_no, seq, signatures FROM evidence_handovers
               WHERE tenant_id = ? ORDER BY epoch_no, key_no";
    list(conn, sql, params![tenant.to_string()], |r| {
        Ok(StoredHandover {
            epoch_no: r.get("epoch_no")?,
            key_no: r.get("key_no")?,
            seq: r.get::<_, i64>("seq")?.unsigned_abs(),
            signatures: r.get("signatures")?,
        })
    })
}

/// Keeps where a log says that a key took over.
pub fn create_handover(
    conn: &Connection,
    tenant: TenantId,
    handover: &StoredHandover,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO evidence_handovers (tenant_id, epoch_no, key_no, seq, signatures)
               VALUES (?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        handover.epoch_no,
        handover.key_no,
        number(handover.seq),
        handover.signatures
    ];
    query::change_one(conn, sql, args)
}
