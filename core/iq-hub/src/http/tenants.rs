//! `/api/admin/tenants`.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{HubDemoTenant, HubTenant, HubTenantInput};
use iq_domain::{Permission, TenantId};

use super::{
    body::{Body, Id},
    guard::Audit,
    route::{Access, Route, get, post, put},
};
use crate::{app::tenants, failure::Answer, state::Hub};

pub(super) fn routes() -> Vec<Route> {
    let manage = Access::May(Permission::TenantsManage);
    vec![
        get("/api/admin/tenants", manage, list),
        post("/api/admin/tenants", manage, create).audits("tenants.create"),
        post("/api/admin/tenants/demo", manage, create_demo).audits("tenants.create_demo"),
        get("/api/admin/tenants/{tenant_id}", manage, get_one),
        put("/api/admin/tenants/{tenant_id}", manage, update).audits("tenants.update"),
        post("/api/admin/tenants/{tenant_id}/suspend", manage, suspend).audits("tenants.suspend"),
        post("/api/admin/tenants/{tenant_id}/resume", manage, resume).audits("tenants.resume"),
    ]
}

async fn list(State(hub): State<Hub>) -> Answer<Json<Vec<HubTenant>>> {
    Ok(Json(tenants::list(&hub).await?))
}

async fn get_one(State(hub): State<Hub>, Id(id): Id<TenantId>) -> Answer<Json<HubTenant>> {
    Ok(Json(tenants::get(&hub, id).await?))
}

async fn create(
    State(hub): State<Hub>,
    audit: Audit,
    Body(input): Body<HubTenantInput>,
) -> Answer<(StatusCode, Json<HubTenant>)> {
    audit.detail("code", input.code.chars().take(64).collect::<String>());
    let tenant = tenants::create(&hub, input).await?;
    audit.of(tenant.id);
    audit.object("tenant", tenant.id);
    Ok((StatusCode::CREATED, Json(tenant)))
}

async fn create_demo(
    State(hub): State<Hub>,
    audit: Audit,
) -> Answer<(StatusCode, Json<HubDemoTenant>)> {
    let (id, username, temporary_password) = tenants::create_demo(&hub).await?;
    audit.of(id);
    audit.object("tenant", id);
    let made = HubDemoTenant {
        tenant: tenants::get(&hub, id).await?,
        username: username.to_owned(),
        temporary_password,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn update(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
    Body(input): Body<HubTenantInput>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::update(&hub, id, input).await?;
    audit.of(id);
    Ok(Json(tenant))
}

async fn suspend(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::set_suspended(&hub, id, true).await?;
    audit.of(id);
    Ok(Json(tenant))
}

async fn resume(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::set_suspended(&hub, id, false).await?;
    audit.of(id);
    Ok(Json(tenant))
}
