//! People of any tenant, managed by the platform owner. Every change also goes down to the tenant's
//! appliances, without any password.

use iq_api_types::{HubCreatedUser, HubUser, HubUserChange, HubUserInput, TenantUser};
use iq_auth::temporary_password;
use iq_domain::{
    AuthSource, CodedError, Role, TenantId, Timestamp, User, UserId, is_email_address, is_username,
};
use iq_secrets::SecretString;
use serde_json::json;

use super::{both, line, session, sign_in_rules::refuse_for_emergencies};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        PLATFORM, StoreError, Stored, Tx, identity_providers, sessions,
        tenants::{self, Tenant},
        user_identities, users,
    },
};

fn shown(user: User, tenant_code: &str) -> HubUser {
    HubUser {
        tenant_id: user.tenant_id,
        tenant_code: tenant_code.to_owned(),
        id: user.id,
        username: user.username,
        email: user.email,
        name: user.name,
        role: user.role,
        is_active: user.is_active,
        auth_source: user.auth_source,
        must_change_password: user.must_change_password,
        last_sign_in_at: user.last_sign_in_at,
        created_at: user.created_at,
    }
}

/// All of them, or those of one tenant.
pub(crate) async fn list(hub: &Hub, tenant: Option<TenantId>) -> Answer<Vec<HubUser>> {
    let mut tx = hub.store.platform().await?;
    let all = users::list_all(&mut tx, tenant).await?;
    Ok(all
        .into_iter()
        .map(|(user, code)| shown(user, &code))
        .collect())
}

/// The users of the own tenant.
pub(crate) async fn list_own(hub: &Hub, tenant: TenantId) -> Answer<Vec<TenantUser>> {
    let mut tx = hub.store.tenant(tenant).await?;
    let rows = users::list_of(&mut tx, tenant).await?.into_iter();
    Ok(rows
        .map(|user| TenantUser {
            id: user.id,
            username: user.username,
            email: user.email,
            name: user.name,
            role: user.role,
            is_active: user.is_active,
            auth_source: user.auth_source,
            provider: None,
            owned_by_provider: Vec::new(),
            must_change_password: user.must_change_password,
            last_sign_in_at: user.last_sign_in_at,
            created_at: user.created_at,
        })
        .collect())
}

/// A user with a temporary password, not stored yet.
pub(crate) async fn new_user(
    hub: &Hub,
    tenant_id: TenantId,
    username: &str,
    name: &str,
    role: Role,
) -> Answer<(User, SecretString, String)> {
    let password = temporary_password().map_err(CodedError::from)?;
    let hash = session::hash(hub, password.clone()).await?;
    let user = User {
        id: UserId::new(),
        tenant_id,
        username: username.to_owned(),
        email: None,
        name: name.to_owned(),
        role,
        is_active: true,
        auth_source: AuthSource::Local,
        must_change_password: true,
        last_sign_in_at: None,
        created_at: hub.now(),
    };
    Ok((user, password, hash))
}

pub(crate) async fn create(hub: &Hub, input: HubUserInput) -> Answer<HubCreatedUser> {
    let tenant = tenant_of(hub, input.tenant_id).await?;
    let username = free_username(hub, tenant.id, &input.username).await;
    let called = both(username, line("name", &input.name, 200));
    let role = check_role(tenant.id, input.role);
    let rest = both(role, email(input.email.as_deref(), None));
    let ((username, name), ((), email)) = both(called, rest)?;
    let (mut user, password, hash) = new_user(hub, tenant.id, &username, &name, input.role).await?;
    user.email = email;
    let mut tx = hub.store.tenant(tenant.id).await?;
    match users::create(&mut tx, &user, &hash).await {
        Err(StoreError::Taken(_)) => {
            return Err(Failure::field("username", "hub.username_taken"));
        }
        other => other?,
    }
    record(&mut tx, &user, hub.now()).await?;
    tx.commit().await?;
    Ok(HubCreatedUser {
        user: shown(user, &tenant.code),
        temporary_password: password.expose().to_owned(),
    })
}

/// A name that an appliance takes too, for it goes down to it, and nobody's in this tenant. That is
/// looked at once more when it is stored.
async fn free_username(hub: &Hub, tenant: TenantId, text: &str) -> Answer<String> {
    let username = line("username", text, 120)?;
    if !is_username(&username) {
        return Err(Failure::field("username", "users.username_wrong"));
    }
    let mut tx = hub.store.tenant(tenant).await?;
    let known = users::get_by_name(&mut tx, tenant, &username).await?;
    tx.commit().await?;
    if known.is_some() {
        return Err(Failure::field("username", "hub.username_taken"));
    }
    Ok(username)
}

/// A platform owner belongs to the platform, everybody else to a customer.
fn check_role(tenant: TenantId, role: Role) -> Answer<()> {
    if (tenant == PLATFORM) != (role == Role::PlatformOwner) {
        return Err(Failure::field("role", "hub.role_elsewhere"));
    }
    Ok(())
}

/// An address a person typed. The one that is kept came in by other rules, from a provider: it stays.
fn email(text: Option<&str>, kept: Option<&str>) -> Answer<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let email = line("email", text, 200)?;
    if kept != Some(text) && !is_email_address(&email) {
        return Err(Failure::field("email", "users.email_wrong"));
    }
    Ok(Some(email))
}

async fn tenant_of(hub: &Hub, id: TenantId) -> Answer<Tenant> {
    let mut tx = hub.store.tenant(id).await?;
    tenants::get_visible(&mut tx)
        .await?
        .ok_or_else(Failure::not_found)
}

pub(crate) async fn update(
    hub: &Hub,
    (tenant_id, id): (TenantId, UserId),
    change: HubUserChange,
) -> Answer<HubUser> {
    let tenant = tenant_of(hub, tenant_id).await?;
    let mut tx = hub.store.tenant(tenant_id).await?;
    let found = users::get_user(&mut tx, tenant_id, id)
        .await?
        .ok_or_else(Failure::not_found)?;
    let role = if found.role != change.role && owns_role(&mut tx, &found).await? {
        Err(Failure::field("role", "users.owned_by_provider"))
    } else {
        check_role(tenant_id, change.role)
    };
    let named = both(line("name", &change.name, 200), role);
    let email = email(change.email.as_deref(), found.email.as_deref());
    let ((name, ()), email) = both(named, email)?;
    let user = User {
        email,
        name,
        role: change.role,
        is_active: change.is_active,
        ..found.clone()
    };
    let loses =
        |role| found.role == role && found.is_active && (user.role != role || !user.is_active);
    for role in [Role::TenantAdmin, Role::PlatformOwner] {
        if loses(role) && users::lock_active_of_role(&mut tx, tenant_id, role).await? == [id] {
            return Err(Failure::conflict("hub.last_admin"));
        }
    }
    refuse_for_emergencies(&mut tx, &found, &user).await?;
    users::update(&mut tx, &user).await?;
    // What somebody may no longer do must not live on in an open session.
    if !user.is_active || user.role < found.role {
        sessions::revoke_all(&mut tx, tenant_id, Some(id), hub.now()).await?;
    }
    record(&mut tx, &user, hub.now()).await?;
    tx.commit().await?;
    Ok(shown(user, &tenant.code))
}

/// Whether the role of a user comes from a provider, at every sign-in anew.
async fn owns_role(tx: &mut Tx, user: &User) -> Answer<bool> {
    if user.auth_source == AuthSource::Local {
        return Ok(false);
    }
    let tenant = user.tenant_id;
    let Some(provider) = user_identities::provider_of(tx, tenant, user.id).await? else {
        return Ok(false);
    };
    let found = identity_providers::get_provider(tx, (tenant, provider)).await?;
    Ok(found.is_some_and(|kept| kept.row.owns_role()))
}

/// A new temporary password; the second factor and all sessions end with the old one.
pub(crate) async fn reset_password(
    hub: &Hub,
    (tenant_id, id): (TenantId, UserId),
) -> Answer<HubCreatedUser> {
    let tenant = tenant_of(hub, tenant_id).await?;
    let password = temporary_password().map_err(CodedError::from)?;
    let hash = session::hash(hub, password.clone()).await?;
    let mut tx = hub.store.tenant(tenant_id).await?;
    let mut user = users::get_user(&mut tx, tenant_id, id)
        .await?
        .ok_or_else(Failure::not_found)?;
    if user.auth_source != AuthSource::Local {
        return Err(Failure::conflict("users.password_elsewhere"));
    }
    users::set_password(&mut tx, (tenant_id, id), &hash, true).await?;
    users::set_totp(&mut tx, (tenant_id, id), None).await?;
    sessions::revoke_all(&mut tx, tenant_id, Some(id), hub.now()).await?;
    tx.commit().await?;
    user.must_change_password = true;
    Ok(HubCreatedUser {
        user: shown(user, &tenant.code),
        temporary_password: password.expose().to_owned(),
    })
}

/// What appliances learn of a user. No platform owner ever comes from above, and nobody whom a provider
/// of this hub vouches for: an appliance knows such people by a provider of its own.
pub(crate) async fn record(tx: &mut Tx, user: &User, now: Timestamp) -> Stored<()> {
    if user.role == Role::PlatformOwner || user.auth_source == AuthSource::Sso {
        return Ok(());
    }
    let body = json!({
        "username": user.username, "email": user.email, "name": user.name,
        "role": user.role.as_str(), "is_active": user.is_active, "auth_source": user.auth_source,
    });
    tenants::record_change(tx, user.tenant_id, ("user", user.id.0), &body, now).await
}
