//! `/api/admin/courier`: files that were carried by hand.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use iq_api_types::CourierAnswer;
use iq_domain::{ApplianceId, Permission, TenantId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    body::{Id, Query},
    guard::Audit,
    route::{Access, Route, get, post},
};
use crate::{app::courier, failure::Answer, state::Hub};

/// Largest file that comes by this way; larger ones are read by `optria-hub bundle import`.
const MOST: usize = 68 << 20;

pub(super) fn routes() -> Vec<Route> {
    let manage = Access::May(Permission::AppliancesManage);
    vec![
        post("/api/admin/courier", manage, import_file)
            .other_body("application/octet-stream")
            .answer::<CourierAnswer>()
            .audits("courier.import")
            .takes(MOST)
            .says("Reads a courier file of an appliance"),
        get(
            "/api/admin/courier/{tenant_id}/{appliance_id}",
            manage,
            export_changes,
        )
        .query::<ExportQuery>()
        .other_answer("application/octet-stream")
        .audits("courier.export")
        .says("People and flags as a file for one appliance"),
    ]
}

async fn import_file(
    State(hub): State<Hub>,
    audit: Audit,
    body: Bytes,
) -> Answer<Json<CourierAnswer>> {
    let taken = courier::import(&hub, body.to_vec()).await?;
    audit.of(taken.report.tenant_id);
    audit.object("courier_file", taken.report.number);
    Ok(Json(CourierAnswer {
        receipts: STANDARD.encode(&taken.receipts),
        texts: taken.texts,
        report: taken.report,
    }))
}

#[derive(Deserialize, IntoParams)]
struct ExportQuery {
    /// The change the appliance applied last.
    #[serde(default)]
    after: u64,
}

async fn export_changes(
    State(hub): State<Hub>,
    audit: Audit,
    Id(tenant): Id<TenantId>,
    Id(appliance): Id<ApplianceId, 1>,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let file = courier::export_changes(&hub, (tenant, appliance), query.after).await?;
    audit.of(tenant);
    audit.object("appliance", appliance);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"optria.oqc\"",
        ),
    ];
    Ok((headers, file).into_response())
}
