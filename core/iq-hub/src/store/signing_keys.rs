//! The key the hub signs receipts with, sealed; the newest one that is not retired counts.

use iq_domain::Timestamp;
use uuid::Uuid;

use super::{PLATFORM, Stored, Tx, Uid, get, id};

/// A sealed key.
pub(crate) struct SealedKey {
    pub(crate) id: Uuid,
    pub(crate) public: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
}

/// The key in use. For a transaction of the platform's own tenant.
pub(crate) async fn get_current(tx: &mut Tx) -> Stored<Option<SealedKey>> {
    let row = sqlx::query(
        "SELECT * FROM signing_keys WHERE tenant_id = $1 AND retired_at_ms IS NULL
         ORDER BY created_at_ms DESC, key_id DESC LIMIT 1",
    )
    .bind(Uid(PLATFORM.0))
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SealedKey {
        id: id(&row, "key_id")?,
        public: get(&row, "public_key")?,
        sealed: get(&row, "sealed_key")?,
    }))
}

pub(crate) async fn create(tx: &mut Tx, key: &SealedKey, now: Timestamp) -> Stored<()> {
    sqlx::query(
        "INSERT INTO signing_keys (tenant_id, key_id, public_key, sealed_key, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(Uid(PLATFORM.0))
    .bind(Uid(key.id))
    .bind(&key.public)
    .bind(&key.sealed)
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(())
}
