//! `/api/admin/users`, and the own tenant's users.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{HubCreatedUser, HubUser, HubUserChange, HubUserInput, TenantUser};
use iq_domain::{Permission, TenantId, UserId};

use super::{
    body::{Body, Id, Query, TenantQuery},
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
            list_own_users,
        )
        .list::<TenantUser>()
        .says("People of the own tenant"),
        get("/api/admin/users", manage, list_users)
            .query::<TenantQuery>()
            .list::<HubUser>()
            .says("People of all tenants"),
        post("/api/admin/users", manage, create_user)
            .body::<HubUserInput>()
            .status(StatusCode::CREATED)
            .answer::<HubCreatedUser>()
            .audits("users.create")
            .says("Creates a user of a tenant"),
        put(
            "/api/admin/users/{tenant_id}/{user_id}",
            manage,
            update_user,
        )
        .body::<HubUserChange>()
        .answer::<HubUser>()
        .audits("users.update")
        .says("Changes a user"),
        post(
            "/api/admin/users/{tenant_id}/{user_id}/reset-password",
            manage,
            reset_password,
        )
        .answer::<HubCreatedUser>()
        .audits("users.reset_password")
        .says("Gives a user a temporary password; a second factor is gone"),
    ]
}

async fn list_own_users(State(hub): State<Hub>, caller: Caller) -> Answer<Json<Vec<TenantUser>>> {
    Ok(Json(users::list_own(&hub, caller.user.tenant_id).await?))
}

async fn list_users(
    State(hub): State<Hub>,
    Query(query): Query<TenantQuery>,
) -> Answer<Json<Vec<HubUser>>> {
    Ok(Json(users::list(&hub, query.tenant).await?))
}

async fn create_user(
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

async fn update_user(
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
