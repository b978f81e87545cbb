//! `/api/admin/users`, and the own tenant's users.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{HubCreatedUser, HubUser, HubUserChange, HubUserInput, TenantUser};
use iq_domain::{Permission, TenantId, UserId};

use super::{
    body::{Body, Id, ListQuery, Query},
    guard::Audit,
    route::{Access, Route, get, post, put},
};
use crate::{
    app::{session::Caller, users},
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let manage = Access::May(Permission::TenantsManage);
    vec![
        get(
            "/api/tenant-users",
            Access::May(Permission::UsersRead),
            list_own,
        ),
        get("/api/admin/users", manage, list),
        post("/api/admin/users", manage, create).audits("users.create"),
        put("/api/admin/users/{tenant_id}/{user_id}", manage, update).audits("users.update"),
        post(
            "/api/admin/users/{tenant_id}/{user_id}/reset-password",
            manage,
            reset_password,
        )
        .audits("users.reset_password"),
    ]
}

async fn list_own(State(hub): State<Hub>, caller: Caller) -> Answer<Json<Vec<TenantUser>>> {
    Ok(Json(users::list_own(&hub, caller.user.tenant_id).await?))
}

async fn list(
    State(hub): State<Hub>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Vec<HubUser>>> {
    Ok(Json(users::list(&hub, query.tenant).await?))
}

async fn create(
    State(hub): State<Hub>,
    audit: Audit,
    Body(input): Body<HubUserInput>,
) -> Answer<(StatusCode, Json<HubCreatedUser>)> {
    let made = users::create(&hub, input).await?;
    audit.of(made.user.tenant_id);
    audit.object("user", made.user.id);
    audit.detail("role", made.user.role.as_str());
    Ok((StatusCode::CREATED, Json(made)))
}

async fn update(
    State(hub): State<Hub>,
    audit: Audit,
    Id(tenant): Id<TenantId>,
    Id(user): Id<UserId, 1>,
    Body(change): Body<HubUserChange>,
) -> Answer<Json<HubUser>> {
    audit.detail("role", change.role.as_str());
    audit.detail("is_active", change.is_active);
    let user = users::update(&hub, (tenant, user), change).await?;
    audit.of(tenant);
    Ok(Json(user))
}

async fn reset_password(
    State(hub): State<Hub>,
    audit: Audit,
    Id(tenant): Id<TenantId>,
    Id(user): Id<UserId, 1>,
) -> Answer<Json<HubCreatedUser>> {
    let made = users::reset_password(&hub, (tenant, user)).await?;
    audit.of(tenant);
    Ok(Json(made))
}
