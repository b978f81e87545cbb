//! The first platform owner and the key receipts are signed with.

use iq_domain::{AuditId, AuditRecord, CodedError, Role, TenantId};
use iq_secrets::{MasterKey, SealContext, SecretString, random_bytes};
use iq_sync_proto::SigningKey;
use serde_json::json;
use uuid::Uuid;

use super::{line, users::new_user};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        PLATFORM, audit,
        signing_keys::{self, SealedKey},
        users,
    },
};

/// Makes the first platform owner and the signing key; returns the owner's temporary password.
///
/// # Errors
/// `hub.already_bootstrapped`, and when the database can't be used.
pub async fn bootstrap(hub: &Hub, username: &str) -> Result<SecretString, CodedError> {
    let made = async {
        let password = first_owner(hub, username).await?;
        signing_seed(hub).await.map(|_| password)
    };
    made.await.map_err(|failure: Failure| failure.error)
}

async fn first_owner(hub: &Hub, username: &str) -> Answer<SecretString> {
    let username = line("username", username, 120)?;
    let (user, password, hash) =
        new_user(hub, PLATFORM, &username, &username, Role::PlatformOwner).await?;
    let mut tx = hub.store.tenant(PLATFORM).await?;
    let owners = users::lock_active_of_role(&mut tx, PLATFORM, Role::PlatformOwner).await?;
    if !owners.is_empty() {
        return Err(Failure::conflict("hub.already_bootstrapped"));
    }
    users::create(&mut tx, &user, &hash).await?;
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id: PLATFORM,
        at: hub.now(),
        actor: "system".to_owned(),
        action: "hub.bootstrap".to_owned(),
        object: format!("user {}", user.id),
        outcome: "success".to_owned(),
        details: json!({"username": username}),
        address: None,
    };
    audit::append(&mut tx, &record).await?;
    tx.commit().await?;
    Ok(password)
}

fn context(owner: &str) -> SealContext<'_> {
    SealContext {
        tenant: TenantId(PLATFORM.0),
        owner,
        field: "signing_key",
        version: 1,
    }
}

/// The seed of the key in use with its id; made at the first need.
pub(crate) async fn signing_seed(hub: &Hub) -> Answer<(Uuid, [u8; 32])> {
    let mut tx = hub.store.tenant(PLATFORM).await?;
    if let Some(key) = signing_keys::get_current(&mut tx).await? {
        return open(&hub.seal, &key);
    }
    crate::store::tenants::lock_names(&mut tx).await?;
    // Another instance may have been faster.
    if let Some(key) = signing_keys::get_current(&mut tx).await? {
        return open(&hub.seal, &key);
    }
    let seed: [u8; 32] = random_bytes().map_err(CodedError::from)?;
    let id = Uuid::now_v7();
    let text = SecretString::new(hex(&seed));
    let key = SealedKey {
        id,
        public: SigningKey::from_seed(&seed).public().to_bytes().to_vec(),
        sealed: hub
            .seal
            .seal(&context(&id.to_string()), &text)
            .map_err(CodedError::from)?,
    };
    signing_keys::create(&mut tx, &key, hub.now()).await?;
    tx.commit().await?;
    Ok((id, seed))
}

fn open(seal: &MasterKey, key: &SealedKey) -> Answer<(Uuid, [u8; 32])> {
    let text = seal
        .unseal(&context(&key.id.to_string()), &key.sealed)
        .map_err(CodedError::from)?;
    let seed = from_hex(text.expose()).ok_or_else(Failure::internal)?;
    Ok((key.id, seed))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}
