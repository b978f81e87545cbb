//! What is done at the machine of the hub without a session: the first platform owner, the key receipts
//! are signed with, a demo tenant, an enrolment code.

use iq_domain::{AuditId, AuditRecord, CodedError, Role, TenantId, is_username};
use iq_secrets::{MasterKey, SealContext, SecretString, random_bytes};
use iq_sync_proto::SigningKey;
use serde_json::json;
use uuid::Uuid;

use super::{appliances, line, tenants::create_demo, users::new_user};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Lookup, PLATFORM, Stored, Tx, audit,
        signing_keys::{self, SealedKey},
        tenants, users,
    },
};

/// Who did it, in the audit and on a code.
const AT_THE_MACHINE: &str = "system";

/// Makes the first platform owner and the signing key; returns the owner's temporary password.
///
/// # Errors
/// `hub.already_bootstrapped`, what is wrong with the name, and when the database can't be used.
pub async fn bootstrap(hub: &Hub, username: &str) -> Result<SecretString, CodedError> {
    let made = async {
        let password = first_owner(hub, username).await?;
        signing_seed(hub).await.map(|_| password)
    };
    made.await.map_err(problem)
}

async fn first_owner(hub: &Hub, username: &str) -> Answer<SecretString> {
    let username = line("username", username, 120)?;
    // The rule for people who are made on a page.
    if !is_username(&username) {
        return Err(Failure::field("username", "users.username_wrong"));
    }
    let (user, password, hash) =
        new_user(hub, PLATFORM, &username, &username, Role::PlatformOwner).await?;
    let mut tx = hub.store.tenant(PLATFORM).await?;
    let owners = users::lock_active_of_role(&mut tx, PLATFORM, Role::PlatformOwner).await?;
    if !owners.is_empty() {
        return Err(Failure::conflict("hub.already_bootstrapped"));
    }
    users::create(&mut tx, &user, &hash).await?;
    let object = format!("user {}", user.id);
    let done = ("hub.bootstrap", object, json!({"username": username}));
    note(hub, &mut tx, PLATFORM, done).await?;
    tx.commit().await?;
    Ok(password)
}

/// Writes what was done here into the audit of a tenant.
pub(super) async fn note(
    hub: &Hub,
    tx: &mut Tx,
    tenant_id: TenantId,
    (action, object, details): (&str, String, serde_json::Value),
) -> Stored<()> {
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id,
        at: hub.now(),
        actor: AT_THE_MACHINE.to_owned(),
        action: action.to_owned(),
        object,
        outcome: "success".to_owned(),
        details,
        address: None,
    };
    audit::append(tx, &record).await
}

/// A demo tenant, by its code, with the name and temporary password of its administrator.
///
/// # Errors
/// When the database can't be used.
pub async fn demo(hub: &Hub) -> Result<(String, &'static str, SecretString), CodedError> {
    let made = async {
        let (tenant, username, password) = create_demo(hub).await?;
        let mut tx = hub.store.tenant(tenant).await?;
        let done = ("tenants.create_demo", format!("tenant {tenant}"), json!({}));
        note(hub, &mut tx, tenant, done).await?;
        let found = tenants::get_visible(&mut tx).await?;
        tx.commit().await?;
        let code = found.ok_or_else(Failure::not_found)?.code;
        Ok((code, username, SecretString::new(password)))
    };
    made.await.map_err(|failure: Failure| failure.error)
}

/// A one-time code by which an appliance of a tenant enrols.
///
/// # Errors
/// `request.not_found` for an unknown tenant, what is wrong with the name, and when the database can't
/// be used.
pub async fn enrolment_code(hub: &Hub, tenant: &str, name: &str) -> Result<String, CodedError> {
    let made = async {
        let mut tx = hub.store.lookup(&Lookup::Tenant(tenant)).await?;
        let found = tenants::get_visible(&mut tx).await?;
        tx.commit().await?;
        let tenant_id = found.ok_or_else(Failure::not_found)?.id;
        let request = iq_api_types::EnrolmentCodeRequest {
            tenant_id,
            name: name.to_owned(),
        };
        let made = appliances::create_code(hub, request, AT_THE_MACHINE).await?;
        let mut tx = hub.store.tenant(tenant_id).await?;
        let object = format!("enrolment_code {}", made.row.id);
        let done = ("appliances.create_code", object, json!({}));
        note(hub, &mut tx, tenant_id, done).await?;
        tx.commit().await?;
        Ok(made.code)
    };
    made.await.map_err(problem)
}

/// A failure of a field says less than what is wrong with the field.
fn problem(failure: Failure) -> CodedError {
    let field = failure.fields.into_iter().next();
    field.map_or(failure.error, |(_, problem)| problem)
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
