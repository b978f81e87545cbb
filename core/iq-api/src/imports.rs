//! Uploaded files: taken in, shown with what was found out, corrected, imported, deleted.

use axum::{
    Json,
    body::Body as RawBody,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use iq_api_types::{
    ImportCounts, ImportFile, ImportFormat, ImportLayout, ImportReading, ImportState, Page,
    StatusMessage,
};
use iq_connector_file::{FileFormat, Reading};
use iq_domain::{CodedError, ErrorKind, ImportId, IntegrationId, Message, Permission, Value};
use iq_locale::{Language, Params};
use iq_runtime::imports::{ImportView, RejectLine};
use iq_store::imports as stored;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Failure, FieldFailure, Id, PageQuery, Query, Route, delete,
        get, post, put,
    },
    state::ApiState,
    texts,
};

/// A layout of a table as wide as a spreadsheet.
const LAYOUT_CAP: usize = 8 * 1024 * 1024;
/// The cap of the route; the runtime counts and refuses with a sentence before this is reached.
const UPLOAD_CAP: usize = 3 * 1024 * 1024 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::ImportsWrite;
    vec![
        get("/api/imports", ImportsWrite, list_imports)
            .query::<ImportQuery>()
            .page::<ImportFile>()
            .says("Uploaded files, newest first"),
        post("/api/imports", ImportsWrite, create_import)
            .query::<UploadQuery>()
            .text_body("application/octet-stream")
            .cap(UPLOAD_CAP)
            .answer::<ImportFile>()
            .status(201)
            .audits("imports.create")
            .says("Upload a file of trends or alarms; the answer says what was found out about it"),
        get("/api/imports/{id}", ImportsWrite, get_import)
            .answer::<ImportFile>()
            .says("One uploaded file with what its first rows mean, and its progress"),
        delete("/api/imports/{id}", ImportsWrite, delete_import)
            .status(204)
            .audits("imports.delete")
            .says("Delete an uploaded file; history read from it stays"),
        put(
            "/api/imports/{id}/layout",
            ImportsWrite,
            update_import_layout,
        )
        .body::<ImportLayout>()
        .cap(LAYOUT_CAP)
        .answer::<ImportFile>()
        .audits("imports.layout")
        .says("Correct how a file is read"),
        post("/api/imports/{id}/run", ImportsWrite, run_import)
            .answer::<ImportFile>()
            .status(202)
            .audits("imports.run")
            .says("Import a file; progress is in its GET"),
        post("/api/imports/{id}/cancel", ImportsWrite, cancel_import)
            .answer::<ImportFile>()
            .audits("imports.cancel")
            .says("Stop looking through or importing a file; what was stored stays"),
        get(
            "/api/imports/{id}/rejected.csv",
            ImportsWrite,
            export_rejected,
        )
        .text_answer("text/csv")
        .says("Rows that could not be read, with the reasons"),
    ]
}

/// Which files.
#[derive(Deserialize, IntoParams)]
struct ImportQuery {
    /// Of this integration.
    integration_id: Option<IntegrationId>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

/// What an upload is.
#[derive(Deserialize, IntoParams)]
struct UploadQuery {
    /// The integration its values belong to.
    integration_id: IntegrationId,
    /// Name of the file.
    #[serde(default)]
    name: String,
}

async fn list_imports(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
) -> Answer<Json<Page<ImportFile>>> {
    if let Some(id) = query.integration_id {
        let plant = state.runtime.tenant(caller.tenant_id)?;
        if !plant.integrations.contains_key(&id) {
            return Err(Failure::not_found());
        }
    }
    let page = PageQuery::page(query.limit, query.offset);
    let found = state
        .runtime
        .list_imports(caller.tenant_id, query.integration_id, page)
        .await?;
    let items = found
        .rows
        .into_iter()
        .map(|view| dto(caller.language, view))
        .collect::<Answer<Vec<_>>>()?;
    Ok(Json(Page::new(items, found.total, u64::from(page.offset))))
}

async fn create_import(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    headers: HeaderMap,
    Query(query): Query<UploadQuery>,
    body: RawBody,
) -> Answer<(StatusCode, Json<ImportFile>)> {
    audit
        .detail("integration", query.integration_id.to_string())
        .detail("name", iq_domain::neutralise(&query.name, 200));
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    let tenant = caller.tenant_id;
    let mut upload = state
        .runtime
        .begin_upload(tenant, query.integration_id, &query.name, declared)
        .await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        // A sender that hangs up leaves nothing: the upload is dropped here.
        let piece = piece.map_err(|_| Failure::invalid("request.body_unreadable"))?;
        upload.write(&piece).await?;
    }
    let view = state
        .runtime
        .finish_upload(tenant, upload, &caller.username)
        .await?;
    audit
        .object("imports", view.import.id)
        .detail("sha256", view.import.sha256.clone())
        .detail("size_bytes", view.import.size_bytes);
    Ok((StatusCode::CREATED, Json(dto(caller.language, view)?)))
}

async fn get_import(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Answer<Json<ImportFile>> {
    let view = state.runtime.get_import(caller.tenant_id, id).await?;
    Ok(Json(dto(caller.language, view)?))
}

async fn update_import_layout(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ImportId>,
    Body(layout): Body<ImportLayout>,
) -> Answer<Json<ImportFile>> {
    // Another tenant's file is not there, whatever the correction says.
    state.runtime.get_import(caller.tenant_id, id).await?;
    let layout: iq_connector_file::ImportLayout = translated(&layout)?;
    let view = state
        .runtime
        .set_import_layout(caller.tenant_id, id, layout)
        .await
        .map_err(as_field)?;
    Ok(Json(dto(caller.language, view)?))
}

/// A problem of a layout as a problem of its field.
fn as_field(error: CodedError) -> Failure {
    match error.params.get("field") {
        Some(field) if error.kind == ErrorKind::Invalid => {
            Failure::fields(vec![FieldFailure::new(field, error.code)])
        }
        _ => Failure::from(error),
    }
}

async fn run_import(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ImportId>,
) -> Answer<(StatusCode, Json<ImportFile>)> {
    let view = state.runtime.run_import(caller.tenant_id, id).await?;
    audit
        .detail("name", view.import.name.clone())
        .detail("already_imported", view.import.run.already_imported);
    Ok((StatusCode::ACCEPTED, Json(dto(caller.language, view)?)))
}

async fn cancel_import(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Answer<Json<ImportFile>> {
    let view = state.runtime.cancel_import(caller.tenant_id, id).await?;
    Ok(Json(dto(caller.language, view)?))
}

async fn delete_import(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<ImportId>,
) -> Answer<StatusCode> {
    let row = state.runtime.delete_import(caller.tenant_id, id).await?;
    audit
        .detail("name", row.name)
        .detail("integration", row.integration_id.to_string());
    Ok(StatusCode::NO_CONTENT)
}

async fn export_rejected(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Answer<Response> {
    let rejects = state.runtime.import_rejects(caller.tenant_id, id).await?;
    let language = caller.language;
    let csv = tokio::task::spawn_blocking(move || rejected_csv(language, &rejects))
        .await
        .map_err(|_| Failure::internal())?;
    let mut response = csv.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"rejected.csv\""),
    );
    Ok(response)
}

/// UTF-8 with a mark and CRLF; text that a spreadsheet would run is escaped.
fn rejected_csv(language: Language, rejects: &[RejectLine]) -> String {
    let title = |key: &str| {
        iq_locale::pattern(language, "ui", key)
            .unwrap_or(key)
            .to_owned()
    };
    let titles = ["row", "column", "code", "reason", "text"]
        .map(|t| title(&format!("imports.rejected.{t}")));
    let mut csv = String::from("\u{feff}");
    push_row(&mut csv, &titles.each_ref().map(String::as_str));
    for reject in rejects {
        let reason = iq_locale::error(language, &reject.code, &Params::new());
        let row = reject.row.to_string();
        let column = reject.column.as_deref().unwrap_or_default();
        push_row(
            &mut csv,
            &[&row, column, &reject.code, &reason, &reject.text],
        );
    }
    csv
}

fn push_row(csv: &mut String, cells: &[&str]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            csv.push(',');
        }
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let escaped = format!("{}{cell}", if is_formula { "'" } else { "" });
        if escaped.contains([',', '"', '\n', '\r']) {
            csv.push('"');
            csv.push_str(&escaped.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(&escaped);
        }
    }
    csv.push_str("\r\n");
}

/// The same words on both sides of the boundary; a test goes through all of them.
fn translated<T: DeserializeOwned>(from: &impl Serialize) -> Answer<T> {
    serde_json::to_value(from)
        .and_then(serde_json::from_value)
        .map_err(|error| {
            tracing::error!(%error, "A layout has words of one side only.");
            Failure::internal()
        })
}

fn said(language: Language, code: &str, params: Params) -> StatusMessage {
    texts::status(
        language,
        &Message {
            code: code.to_owned(),
            params,
        },
    )
}

fn dto(language: Language, view: ImportView) -> Answer<ImportFile> {
    let ImportView {
        import,
        profile,
        readings,
        mapped_tags,
        rows_per_s,
    } = view;
    let error = import.error_code.as_deref().map(|code| {
        let params = serde_json::from_value(import.error_params.clone()).unwrap_or_default();
        said(language, code, params)
    });
    Ok(ImportFile {
        id: import.id,
        integration_id: import.integration_id,
        name: import.name,
        size_bytes: import.size_bytes,
        sha256: import.sha256,
        state: state_dto(import.state),
        format: match profile.format {
            FileFormat::Csv => ImportFormat::Csv,
            FileFormat::Xlsx => ImportFormat::Xlsx,
        },
        sheets: profile.sheets,
        layout: translated(&profile.layout)?,
        names_zone: profile.names_zone,
        warnings: profile
            .warnings
            .iter()
            .map(|warning| texts::status(language, warning))
            .collect(),
        sample: profile.sample,
        readings: readings
            .into_iter()
            .map(|reading| reading_dto(language, reading))
            .collect(),
        tags: import.scan.tags,
        mapped_tags,
        first_at: import.scan.first_at,
        last_at: import.scan.last_at,
        scan: counts_dto(&import.scan),
        run: counts_dto(&import.run),
        rows_per_s,
        already_imported: import.run.already_imported,
        error,
        created_by: import.created_by,
        created_at: import.created_at,
        started_at: import.started_at,
        finished_at: import.finished_at,
    })
}

const fn state_dto(state: stored::ImportState) -> ImportState {
    match state {
        stored::ImportState::NeedsLayout => ImportState::NeedsLayout,
        stored::ImportState::Scanning => ImportState::Scanning,
        stored::ImportState::Ready => ImportState::Ready,
        stored::ImportState::Running => ImportState::Running,
        stored::ImportState::Done => ImportState::Done,
        stored::ImportState::Failed => ImportState::Failed,
        stored::ImportState::Cancelled => ImportState::Cancelled,
    }
}

const fn counts_dto(counts: &stored::ImportCounts) -> ImportCounts {
    ImportCounts {
        bytes: counts.bytes,
        rows: counts.rows,
        repeats: counts.repeats,
        samples: counts.samples,
        events: counts.events,
        rejected: counts.rejected,
        unmapped: counts.unmapped,
        ms: counts.ms,
    }
}

fn reading_dto(language: Language, reading: Reading) -> ImportReading {
    let text = match &reading.value {
        Some(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    ImportReading {
        row: reading.row,
        at: reading.at,
        tag: reading.tag,
        value: reading.value.as_ref().and_then(Value::as_f64),
        quality: reading.quality,
        text: text.or(reading.message),
        problem: reading.problem.map(|p| texts::status(language, &p)),
    }
}

#[cfg(test)]
#[path = "imports_tests.rs"]
mod tests;
