//! `/api/admin/appliances`: the fleet and its enrolment codes.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{EnrolmentCodeRequest, EnrolmentCodeRow, FleetAppliance, NewEnrolmentCode};
use iq_domain::{ApplianceId, Permission, TenantId};

use super::{
    body::{Body, Id},
    guard::Audit,
    route::{Access, Route, get, post},
};
use crate::{
    app::{appliances, session::Caller},
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let manage = Access::May(Permission::AppliancesManage);
    vec![
        get("/api/admin/appliances", manage, list_fleet)
            .list::<FleetAppliance>()
            .says("Appliances of all tenants by their receipts"),
        post("/api/admin/appliances/codes", manage, create_code)
            .body::<EnrolmentCodeRequest>()
            .status(StatusCode::CREATED)
            .answer::<NewEnrolmentCode>()
            .audits("appliances.create_code")
            .says("Makes an enrolment code, shown once"),
        get(
            "/api/admin/appliances/codes/{tenant_id}",
            manage,
            list_codes,
        )
        .list::<EnrolmentCodeRow>()
        .says("Enrolment codes of a tenant"),
        post(
            "/api/admin/appliances/{tenant_id}/{appliance_id}/revoke",
            manage,
            revoke_appliance,
        )
        .status(StatusCode::NO_CONTENT)
        .audits("appliances.revoke")
        .says("Ends what the key of an appliance is good for"),
    ]
}

async fn list_fleet(State(hub): State<Hub>) -> Answer<Json<Vec<FleetAppliance>>> {
    Ok(Json(appliances::list(&hub).await?))
}

async fn create_code(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Body(request): Body<EnrolmentCodeRequest>,
) -> Answer<(StatusCode, Json<NewEnrolmentCode>)> {
    let tenant = request.tenant_id;
    let made = appliances::create_code(&hub, request, &caller.user.username).await?;
    audit.of(tenant);
    audit.object("enrolment_code", made.row.id);
    Ok((StatusCode::CREATED, Json(made)))
}

async fn list_codes(
    State(hub): State<Hub>,
    Id(tenant): Id<TenantId>,
) -> Answer<Json<Vec<EnrolmentCodeRow>>> {
    Ok(Json(appliances::list_codes(&hub, tenant).await?))
}

async fn revoke_appliance(
    State(hub): State<Hub>,
    audit: Audit,
    Id(tenant): Id<TenantId>,
    Id(appliance): Id<ApplianceId, 1>,
) -> Answer<StatusCode> {
    appliances::revoke(&hub, tenant, appliance).await?;
    audit.of(tenant);
    Ok(StatusCode::NO_CONTENT)
}
