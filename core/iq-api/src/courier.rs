//! Courier files: what leaves by hand, and what comes back.

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_api_types::SyncImported;
use iq_domain::Permission;
use iq_sync::ExportFrom;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Audit, Caller, Failure, Query, Route, body::bytes_of, post},
    state::ApiState,
};

/// Largest file that comes back.
const BACK_CAP: usize = 4 << 20;
/// Mebibytes of a file unless somebody asks for another size.
const FILE_MIB: usize = 64;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        post("/api/sync/courier/export", Permission::SyncWrite, export)
            .query::<ExportQuery>()
            .text_answer("application/octet-stream")
            .audits("sync.export")
            .says("The next file for the hub, sealed to it; headers x-optria-file, -records and -left"),
        post("/api/sync/courier/import", Permission::SyncWrite, import)
            .text_body("application/octet-stream")
            .cap(BACK_CAP)
            .answer::<SyncImported>()
            .audits("sync.import")
            .says("Read receipts (.oqr) or a configuration (.oqc) of the hub"),
    ]
}

#[derive(Deserialize, IntoParams)]
struct ExportQuery {
    /// `due` after the last receipt, `next` after what was last written.
    from: Option<String>,
    /// A gap code instead.
    gap: Option<String>,
    /// Mebibytes at most.
    mib: Option<usize>,
}

async fn export(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<ExportQuery>,
) -> Answer<Response> {
    let from = match (query.gap, query.from.as_deref()) {
        (Some(code), _) if !code.trim().is_empty() => ExportFrom::Gap(code),
        (_, Some("next")) => ExportFrom::Next,
        _ => ExportFrom::Due,
    };
    let most = query.mib.unwrap_or(FILE_MIB).clamp(2, 512) << 20;
    let file = state.sync.export(caller.tenant_id, from, most).await?;
    audit
        .object("courier_file", file.number)
        .detail("records", file.records);
    let name = file.file_name(&state.sync.appliance());
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(|_| Failure::internal())?;
    let number = |name, n: u64| (HeaderName::from_static(name), HeaderValue::from(n));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (header::CONTENT_DISPOSITION, disposition),
        number("x-optria-file", file.number),
        number("x-optria-records", file.records),
        number("x-optria-left", file.left),
    ];
    Ok((headers, Bytes::from(file.bytes)).into_response())
}

async fn import(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    request: Request,
) -> Answer<Json<SyncImported>> {
    let bytes = bytes_of(request, &()).await?;
    let (kind, count) = state.sync.import(caller.tenant_id, bytes.to_vec()).await?;
    audit.detail("kind", kind).detail("count", count);
    Ok(Json(SyncImported {
        kind: kind.to_owned(),
        count,
    }))
}
