//! The key of a link: made here, sealed with the master key, and never leaving the appliance.

use iq_domain::{CodedError, TenantId};
use iq_secrets::{FileKey, MasterKey, SealContext, SecretString, random_bytes};
use iq_store::sync::Link;
use iq_sync_proto::SigningKey;

/// A new key, sealed.
pub(crate) struct Made {
    pub(crate) public_key: [u8; 32],
    pub(crate) sealed_key: Vec<u8>,
}

const fn context(tenant: TenantId, field: &'static str) -> SealContext<'static> {
    SealContext {
        tenant,
        owner: "sync",
        field,
        version: 1,
    }
}

const KEY: &str = "signing_key";

pub(crate) fn make(master: &MasterKey, tenant: TenantId) -> Result<Made, CodedError> {
    let seed: [u8; 32] = random_bytes()?;
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Made {
        public_key: SigningKey::from_seed(&seed).public().to_bytes(),
        sealed_key: master.seal(&context(tenant, KEY), &SecretString::from(hex))?,
    })
}

/// The key that signs.
pub(crate) fn signing(master: &MasterKey, link: &Link) -> Result<SigningKey, CodedError> {
    let lost = || CodedError::conflict("sync.key_lost");
    let opened = master.unseal(&context(link.tenant_id, KEY), &link.sealed_key);
    let hex = opened.map_err(|_| lost())?;
    let mut seed = [0; 32];
    let text = hex.expose();
    if text.len() != 64 || !text.is_ascii() {
        return Err(lost());
    }
    for (at, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| lost())?;
    }
    let key = SigningKey::from_seed(&seed);
    if key.public().to_bytes() == link.public_key {
        Ok(key)
    } else {
        Err(lost())
    }
}

/// What opens files from the hub: always the same for a tenant of this installation.
pub(crate) fn file_key(master: &MasterKey, tenant: TenantId) -> FileKey {
    FileKey::from_bytes(&master.derive(&format!("courier files {tenant}")))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], CodedError> {
    Ok(random_bytes()?)
}
