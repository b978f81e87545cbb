//! Tenants: created, edited, suspended by the platform owner.

use iq_api_types::{HubTenant, HubTenantInput};
use iq_domain::{Names, Role, TenantId};
use serde_json::json;

use super::{both, demo, names, users::new_user};
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Lookup, PLATFORM, sessions,
        tenants::{self, ListedTenant, Tenant},
        users,
    },
};

/// The administrator a demo tenant comes with.
const DEMO_ADMIN: &str = "demo-admin";

fn shown(listed: ListedTenant) -> HubTenant {
    HubTenant {
        id: listed.tenant.id,
        code: listed.tenant.code,
        names: listed.tenant.names,
        is_demo: listed.tenant.kind == "demo",
        is_suspended: listed.tenant.is_suspended,
        users: listed.users,
        appliances: listed.appliances,
        last_receipt_at: listed.last_receipt_at,
        created_at: listed.tenant.created_at,
    }
}

pub(crate) async fn list(hub: &Hub) -> Answer<Vec<HubTenant>> {
    let mut tx = hub.store.platform().await?;
    Ok(tenants::list(&mut tx, None)
        .await?
        .into_iter()
        .map(shown)
        .collect())
}

pub(crate) async fn get(hub: &Hub, tenant: TenantId) -> Answer<HubTenant> {
    let mut tx = hub.store.platform().await?;
    let found = tenants::list(&mut tx, Some(tenant)).await?;
    found
        .into_iter()
        .next()
        .map(shown)
        .ok_or_else(Failure::not_found)
}

pub(crate) async fn create(hub: &Hub, input: HubTenantInput) -> Answer<HubTenant> {
    let code = free_code(hub, &input.code).await;
    let (code, names) = both(code, names("names", &input.names))?;
    let id = insert(hub, code, names, "customer").await?;
    get(hub, id).await
}

/// A code as codes are, and nobody's.
async fn free_code(hub: &Hub, code: &str) -> Answer<String> {
    let code = code.trim();
    let mut chars = code.chars();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_code = (2..=32).contains(&code.len())
        && chars.next().is_some_and(is_plain)
        && chars.all(|c| is_plain(c) || c == '-');
    if !is_code {
        return Err(Failure::field("code", "hub.tenant_code_wrong"));
    }
    let mut tx = hub.store.lookup(&Lookup::Tenant(code)).await?;
    let is_taken = tenants::get_visible(&mut tx).await?.is_some();
    tx.commit().await?;
    if is_taken {
        return Err(Failure::field("code", "hub.tenant_code_taken"));
    }
    Ok(code.to_owned())
}

/// Creates a tenant under a code nobody has; that is looked at once more, with all others held off.
async fn insert(hub: &Hub, code: String, names: Names, kind: &str) -> Answer<TenantId> {
    let now = hub.now();
    let tenant = Tenant {
        id: TenantId::new(),
        code,
        names,
        kind: kind.to_owned(),
        is_suspended: false,
        created_at: now,
    };
    let mut tx = hub.store.lookup(&Lookup::Tenant(&tenant.code)).await?;
    tenants::lock_names(&mut tx).await?;
    if tenants::get_visible(&mut tx).await?.is_some() {
        return Err(Failure::field("code", "hub.tenant_code_taken"));
    }
    tenants::turn_to(&mut tx, tenant.id).await?;
    tenants::create(&mut tx, &tenant).await?;
    let body =
        json!({"name_en": tenant.names.en, "name_ar": tenant.names.ar, "is_suspended": false});
    tenants::record_change(&mut tx, tenant.id, ("tenant", tenant.id.0), &body, now).await?;
    tx.commit().await?;
    Ok(tenant.id)
}

pub(crate) async fn update(hub: &Hub, id: TenantId, input: HubTenantInput) -> Answer<HubTenant> {
    let found = get(hub, id).await?;
    let code = if input.code.trim() == found.code {
        Ok(())
    } else {
        Err(Failure::field("code", "hub.tenant_code_fixed"))
    };
    let ((), names) = both(code, names("names", &input.names))?;
    let mut tx = hub.store.tenant(id).await?;
    tenants::update_names(&mut tx, id, &names).await?;
    let body =
        json!({"name_en": names.en, "name_ar": names.ar, "is_suspended": found.is_suspended});
    tenants::record_change(&mut tx, id, ("tenant", id.0), &body, hub.now()).await?;
    tx.commit().await?;
    get(hub, id).await
}

/// Suspends a tenant or ends its suspension. A suspended tenant's sessions end at once.
pub(crate) async fn set_suspended(hub: &Hub, id: TenantId, suspend: bool) -> Answer<HubTenant> {
    let found = get(hub, id).await?;
    let now = hub.now();
    let mut tx = hub.store.tenant(id).await?;
    tenants::set_suspended(&mut tx, id, suspend).await?;
    if suspend {
        sessions::revoke_all(&mut tx, id, None, now).await?;
    }
    let body = json!({
        "name_en": found.names.en, "name_ar": found.names.ar, "is_suspended": suspend,
    });
    tenants::record_change(&mut tx, id, ("tenant", id.0), &body, now).await?;
    tx.commit().await?;
    get(hub, id).await
}

/// A demo tenant with an administrator, an appliance and a day of its log.
pub(crate) async fn create_demo(hub: &Hub) -> Answer<(TenantId, &'static str, String)> {
    let names = Names {
        en: "Demo ARAMCO".to_owned(),
        ar: "أرامكو التجريبية".to_owned(),
    };
    let id = TenantId::new();
    // The end of a version-7 id is random: enough of it makes codes that don't meet.
    let tail: String = id.0.simple().to_string().chars().skip(24).collect();
    let tenant = insert(hub, format!("demo-{tail}"), names, "demo").await?;
    let (user, password, hash) = new_user(
        hub,
        tenant,
        DEMO_ADMIN,
        "Demo administrator",
        Role::TenantAdmin,
    )
    .await?;
    let mut tx = hub.store.tenant(tenant).await?;
    users::create(&mut tx, &user, &hash).await?;
    super::users::record(&mut tx, &user, hub.now()).await?;
    tx.commit().await?;
    demo::fill(hub, tenant).await?;
    Ok((tenant, DEMO_ADMIN, password.expose().to_owned()))
}

/// Refuses the platform's own tenant where only a customer's will do.
pub(crate) fn refuse_platform(tenant: TenantId) -> Answer<()> {
    if tenant == PLATFORM {
        return Err(Failure::not_found());
    }
    Ok(())
}
