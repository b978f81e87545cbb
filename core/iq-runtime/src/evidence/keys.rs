//! The keys that sign a tenant's logs: made when they are first needed, sealed with the master key.
//! Each tenant has its own, so that a demo's says nothing about a plant's.

use iq_domain::{TenantId, Timestamp};
use iq_evidence::{Id, PublicKey, SigningKey, rotation_message};
use iq_secrets::{MasterKey, SealContext, SecretString, random_bytes};
use iq_store::{
    Connection, StoreError,
    evidence_keys::{self, StoredKey},
};

const OWNER: &str = "evidence";
const FIELD: &str = "signing_key";

/// The key that signs now. One that does not open, because the store came from elsewhere, is followed
/// by a new one.
pub(super) fn current(
    conn: &Connection,
    tenant: TenantId,
    master: &MasterKey,
    now: Timestamp,
) -> Result<SigningKey, StoreError> {
    let last = evidence_keys::list_keys(conn, tenant)?.pop();
    if let Some(key) = last.as_ref().and_then(|row| open(tenant, master, row)) {
        return Ok(key);
    }
    create(
        conn,
        tenant,
        master,
        now,
        last.map_or(1, |row| row.key_no + 1),
    )
}

fn context(tenant: TenantId, key_no: i64) -> SealContext<'static> {
    SealContext {
        tenant,
        owner: OWNER,
        field: FIELD,
        version: u32::try_from(key_no).unwrap_or(u32::MAX),
    }
}

fn open(tenant: TenantId, master: &MasterKey, row: &StoredKey) -> Option<SigningKey> {
    let seed = match master.unseal(&context(tenant, row.key_no), &row.sealed) {
        Ok(seed) => seed,
        Err(error) => {
            tracing::warn!(%error, "The key of the evidence log does not open; a new one is made.");
            return None;
        }
    };
    let key = SigningKey::from_seed(&seed_of(seed.expose())?);
    (key.public().to_bytes() == row.public).then_some(key)
}

fn create(
    conn: &Connection,
    tenant: TenantId,
    master: &MasterKey,
    now: Timestamp,
    key_no: i64,
) -> Result<SigningKey, StoreError> {
    let coded = |error: iq_secrets::SecretsError| StoreError::Coded(error.into());
    let seed: [u8; 32] = random_bytes().map_err(coded)?;
    let key = SigningKey::from_seed(&seed);
    let secret = SecretString::from(iq_evidence::hex(&seed));
    let row = StoredKey {
        key_no,
        public: key.public().to_bytes(),
        sealed: master
            .seal(&context(tenant, key_no), &secret)
            .map_err(coded)?,
        created_at: now,
    };
    evidence_keys::create_key(conn, tenant, &row)?;
    Ok(key)
}

/// A key that takes over from another one, signed by both.
pub(super) struct Handover {
    pub(super) key_no: i64,
    pub(super) key: SigningKey,
    pub(super) signatures: [u8; 128],
}

/// Makes the key that signs from now on, for the logs of an appliance.
pub(super) fn replace(
    conn: &Connection,
    tenant: TenantId,
    appliance: &Id,
    master: &MasterKey,
    now: Timestamp,
) -> Result<Handover, StoreError> {
    let old = current(conn, tenant, master, now)?;
    let last = evidence_keys::list_keys(conn, tenant)?.pop();
    let key_no = last.map_or(1, |row| row.key_no) + 1;
    let key = create(conn, tenant, master, now, key_no)?;
    let [before, after] = [&old, &key].map(|key| key.public().to_bytes());
    let message = rotation_message(tenant.0.as_bytes(), appliance, &before, &after);
    let mut signatures = [0; 128];
    signatures[..64].copy_from_slice(&old.sign(&message));
    signatures[64..].copy_from_slice(&key.sign(&message));
    Ok(Handover {
        key_no,
        key,
        signatures,
    })
}

/// The public halves of a tenant's keys, oldest first.
pub(super) fn public(conn: &Connection, tenant: TenantId) -> Result<Vec<PublicKey>, StoreError> {
    let rows = evidence_keys::list_keys(conn, tenant)?;
    let keys = rows
        .iter()
        .filter_map(|row| PublicKey::from_bytes(&row.public));
    Ok(keys.collect())
}

fn seed_of(text: &str) -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(seed)
}
