//! The audit log, for reading.

use axum::{Json, extract::State};
use iq_api_types::{AuditRow, Page};
use iq_domain::{Permission, Timestamp};
use iq_store::audit::{self, AuditFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Caller, PageQuery, Query, Route, get, page::answer_page},
    state::ApiState,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/audit", Permission::AuditRead, list_audit)
            .query::<AuditQuery>()
            .page::<AuditRow>()
            .says("Who changed what, newest first"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct AuditQuery {
    /// At or after, UTC milliseconds.
    from: Option<i64>,
    /// Before, UTC milliseconds.
    to: Option<i64>,
    /// Only this user.
    actor: Option<String>,
    /// Part of action, object or actor.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_audit(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Answer<Json<Page<AuditRow>>> {
    let page = PageQuery::page(query.limit, query.offset);
    let filter = AuditFilter {
        from: query.from.map(Timestamp),
        to: query.to.map(Timestamp),
        actor: query.actor.filter(|a| !a.is_empty()),
        text: query.q,
        ..AuditFilter::default()
    };
    let tenant = caller.tenant_id;
    let rows = state
        .runtime
        .store()
        .read(move |conn| audit::list_audit(conn, tenant, &filter, page))
        .await?;
    Ok(Json(answer_page(rows, page, |row| AuditRow {
        at: row.at,
        actor: row.actor,
        action: row.action,
        object: row.object,
        outcome: row.outcome,
        details: row.details,
        address: row.address,
    })))
}
