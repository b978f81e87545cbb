//! The audit: of the own tenant, and for the platform owner of all.

use axum::{Json, extract::State};
use iq_api_types::{HubAuditRow, Page};
use iq_domain::Permission;

use super::{
    body::{PageQuery, Query, TenantQuery},
    route::{Access, Route, get},
};
use crate::{
    app::{
        audit::{self, AuditFilter},
        session::Caller,
    },
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/audit",
            Access::May(Permission::AuditRead),
            list_own_audit,
        )
        .query::<PageQuery>()
        .query::<AuditFilter>()
        .page::<HubAuditRow>()
        .says("The audit of the own tenant"),
        get(
            "/api/admin/audit",
            Access::May(Permission::TenantsManage),
            list_audit,
        )
        .query::<PageQuery>()
        .query::<AuditFilter>()
        .query::<TenantQuery>()
        .page::<HubAuditRow>()
        .says("The audit of all tenants"),
    ]
}

async fn list_own_audit(
    State(hub): State<Hub>,
    caller: Caller,
    Query(query): Query<PageQuery>,
    Query(filter): Query<AuditFilter>,
) -> Answer<Json<Page<HubAuditRow>>> {
    let rows = audit::list_own(&hub, caller.user.tenant_id, filter, query.page()).await?;
    Ok(Json(rows))
}

async fn list_audit(
    State(hub): State<Hub>,
    Query(query): Query<PageQuery>,
    Query(filter): Query<AuditFilter>,
    Query(of): Query<TenantQuery>,
) -> Answer<Json<Page<HubAuditRow>>> {
    let rows = audit::list_all(&hub, of.tenant, filter, query.page()).await?;
    Ok(Json(rows))
}
