//! `/api/identity-providers/rules`: how people of the own tenant sign in; for a platform owner, the owners
//! of the platform.

use axum::{Json, extract::State};
use iq_api_types::HubSignInRules;
use iq_domain::Permission;

use super::{
    body::Body,
    guard::Audit,
    route::{Access, Route, get, put},
};
use crate::{
    app::{session::Caller, sign_in_rules},
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let rules = "/api/identity-providers/rules";
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
    audit.detail("sso_only", input.sso_only);
    audit.detail(
        "emergency_user",
        input.emergency_user_id.map(|id| id.to_string()),
    );
    let tenant = caller.user.tenant_id;
    Ok(Json(sign_in_rules::put(&hub, tenant, input).await?))
}
