//! `/api/identity-providers/rules`: how people of the own tenant sign in; for a platform owner, the owners
//! of the platform. A platform owner may require it of any tenant.

use axum::{Json, extract::State};
use iq_api_types::HubSignInRules;
use iq_domain::{Permission, TenantId};

use super::{
    body::{Body, Id},
    guard::Audit,
    route::{Access, Route, get, put},
};
use crate::{
    app::{
        session::Caller,
        sign_in_rules::{self, Ended},
        tenants,
    },
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let rules = "/api/identity-providers/rules";
    let of = "/api/admin/tenants/{tenant_id}/sign-in-rules";
    let manage = Access::May(Permission::TenantsManage);
    vec![
        get(
            rules,
            Access::May(Permission::IdentityProvidersRead),
            get_rules,
        )
        .answer::<HubSignInRules>()
        .says("How people sign in"),
        put(
            rules,
            Access::May(Permission::IdentityProvidersWrite),
            put_rules,
        )
        .body::<HubSignInRules>()
        .answer::<HubSignInRules>()
        .audits("identity_providers.put_rules")
        .says("Keeps passwords for emergencies, or allows them"),
        get(of, manage, get_rules_of)
            .answer::<HubSignInRules>()
            .says("How people of a tenant sign in"),
        put(of, manage, put_rules_of)
            .body::<HubSignInRules>()
            .answer::<HubSignInRules>()
            .audits("tenants.put_sign_in_rules")
            .says("Keeps passwords of a tenant for emergencies, or allows them"),
    ]
}

async fn get_rules(State(hub): State<Hub>, caller: Caller) -> Answer<Json<HubSignInRules>> {
    let tenant = caller.user.tenant_id;
    Ok(Json(sign_in_rules::get(&hub, tenant).await?))
}

async fn put_rules(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Body(input): Body<HubSignInRules>,
) -> Answer<Json<HubSignInRules>> {
    recorded(&audit, input);
    let tenant = caller.user.tenant_id;
    let (rules, ended) = sign_in_rules::put(&hub, &caller, tenant, input).await?;
    record_ended(&audit, ended);
    Ok(Json(rules))
}

/// How many sessions a change of the ways in ended, and whether the one that asked was spared.
pub(super) fn record_ended(audit: &Audit, ended: Ended) {
    audit.detail("sessions_ended", ended.sessions);
    if ended.own_kept {
        audit.detail("own_session_kept", true);
    }
}

fn recorded(audit: &Audit, input: HubSignInRules) {
    let account = input.emergency_user_id.map(|id| id.to_string());
    audit.detail("sso_only", input.sso_only);
    audit.detail("emergency_user", account);
}

async fn get_rules_of(
    State(hub): State<Hub>,
    Id(tenant): Id<TenantId>,
) -> Answer<Json<HubSignInRules>> {
    tenants::get(&hub, tenant).await?;
    Ok(Json(sign_in_rules::get(&hub, tenant).await?))
}

async fn put_rules_of(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Id(tenant): Id<TenantId>,
    Body(input): Body<HubSignInRules>,
) -> Answer<Json<HubSignInRules>> {
    recorded(&audit, input);
    tenants::get(&hub, tenant).await?;
    let (rules, ended) = sign_in_rules::put(&hub, &caller, tenant, input).await?;
    record_ended(&audit, ended);
    audit.of(tenant);
    Ok(Json(rules))
}
