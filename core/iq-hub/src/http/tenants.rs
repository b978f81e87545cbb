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
        get("/api/admin/tenants", manage, list_tenants)
            .list::<HubTenant>()
            .says("All tenants"),
        post("/api/admin/tenants", manage, create_tenant)
            .body::<HubTenantInput>()
            .status(StatusCode::CREATED)
            .answer::<HubTenant>()
            .audits("tenants.create")
            .says("Creates a tenant"),
        post("/api/admin/tenants/demo", manage, create_demo_tenant)
            .status(StatusCode::CREATED)
            .answer::<HubDemoTenant>()
            .audits("tenants.create_demo")
            .says("Creates a demo tenant with a day of a plant"),
        get("/api/admin/tenants/{tenant_id}", manage, get_tenant)
            .answer::<HubTenant>()
            .says("One tenant"),
        put("/api/admin/tenants/{tenant_id}", manage, update_tenant)
            .body::<HubTenantInput>()
            .answer::<HubTenant>()
            .audits("tenants.update")
            .says("Changes the names of a tenant"),
        post(
            "/api/admin/tenants/{tenant_id}/suspend",
            manage,
            suspend_tenant,
        )
        .answer::<HubTenant>()
        .audits("tenants.suspend")
        .says("Nobody of the tenant signs in and none of its appliances syncs"),
        post(
            "/api/admin/tenants/{tenant_id}/resume",
            manage,
            resume_tenant,
        )
        .answer::<HubTenant>()
        .audits("tenants.resume")
        .says("Ends the suspension of a tenant"),
    ]
}

async fn list_tenants(State(hub): State<Hub>) -> Answer<Json<Vec<HubTenant>>> {
    Ok(Json(tenants::list(&hub).await?))
}

async fn get_tenant(State(hub): State<Hub>, Id(id): Id<TenantId>) -> Answer<Json<HubTenant>> {
    Ok(Json(tenants::get(&hub, id).await?))
}

async fn create_tenant(
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

async fn create_demo_tenant(
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

async fn update_tenant(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
    Body(input): Body<HubTenantInput>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::update(&hub, id, input).await?;
    audit.of(id);
    Ok(Json(tenant))
}

async fn suspend_tenant(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::set_suspended(&hub, id, true).await?;
    audit.of(id);
    Ok(Json(tenant))
}

async fn resume_tenant(
    State(hub): State<Hub>,
    audit: Audit,
    Id(id): Id<TenantId>,
) -> Answer<Json<HubTenant>> {
    let tenant = tenants::set_suspended(&hub, id, false).await?;
    audit.of(id);
    Ok(Json(tenant))
}
