//! Attachments of incidents: statements, photos, documents.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{Attachment, AttachmentRemoval, RemovalInput, StatementInput};
use iq_domain::{AttachmentId, IncidentId, Permission};
use iq_runtime::attachments::MAX_BYTES;
use iq_store::{attachments as stored, incidents};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{
        Answer, Audit, Body, Caller, Check, Failure, Id, Query, Route, body::bytes_of, check, get,
        post,
    },
    state::ApiState,
};

/// Longest statement.
const STATEMENT_CHARS: usize = 20_000;
/// The cap of the route; the runtime counts and refuses with a sentence.
const FILE_CAP: usize = MAX_BYTES + 64 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{BlackboxRead, BlackboxWrite};
    vec![
        get(
            "/api/blackbox/incidents/{id}/attachments",
            BlackboxRead,
            list_attachments,
        )
        .list::<Attachment>()
        .says("Its statements, photos and documents, oldest first; the removed ones among them"),
        post(
            "/api/blackbox/incidents/{id}/attachments",
            BlackboxWrite,
            create_attachment,
        )
        .query::<FileQuery>()
        .text_body("application/octet-stream")
        .cap(FILE_CAP)
        .answer::<Attachment>()
        .status(201)
        .audits("incidents.attach")
        .says("Add a photo or a PDF, at most 10 MiB; its content says what it is"),
        post(
            "/api/blackbox/incidents/{id}/statements",
            BlackboxWrite,
            create_statement,
        )
        .body::<StatementInput>()
        .answer::<Attachment>()
        .status(201)
        .audits("incidents.attach")
        .says("Add what somebody said"),
        get(
            "/api/blackbox/incidents/{id}/attachments/{attachment}",
            BlackboxRead,
            download_attachment,
        )
        .text_answer("application/pdf")
        .or_as("image/heic")
        .or_as("image/jpeg")
        .or_as("image/png")
        .or_as("image/webp")
        .or_as("text/plain")
        .says("The content of one, as it was added"),
        post(
            "/api/blackbox/incidents/{id}/attachments/{attachment}/remove",
            BlackboxWrite,
            remove_attachment,
        )
        .body::<RemovalInput>()
        .answer::<Attachment>()
        .audits("incidents.remove_attachment")
        .says("Record that one is removed; its content stays for those who work on incidents"),
    ]
}

#[derive(Deserialize, IntoParams)]
struct FileQuery {
    /// Name of the file.
    #[serde(default)]
    name: String,
}

fn dto(row: stored::Attachment) -> Attachment {
    Attachment {
        id: row.id,
        statement: row.statement,
        name: row.name,
        media_type: row.media_type,
        size_bytes: row.size_bytes,
        sha256: row.sha256,
        author: row.author,
        at: row.at,
        removal: row.removal.map(|r| AttachmentRemoval {
            reason: r.reason,
            actor: r.actor,
            at: r.at,
        }),
    }
}

async fn list_attachments(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Answer<Json<Vec<Attachment>>> {
    Ok(Json(of_incident(&state, &caller, id).await?))
}

/// The attachments of an incident, as much as the caller may see.
pub(crate) async fn of_incident(
    state: &ApiState,
    caller: &Caller,
    id: IncidentId,
) -> Answer<Vec<Attachment>> {
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            if incidents::get_incident(conn, tenant, id)?.is_none() {
                return Ok(None);
            }
            let family = incidents::with_merged(conn, tenant, id)?;
            stored::list_attachments(conn, tenant, &family).map(Some)
        })
        .await?
        .ok_or_else(Failure::not_found)?;
    let is_full = caller.may(Permission::BlackboxWrite);
    let rows = found.into_iter().map(|mut row| {
        // What was said and taken back is for those who work on it.
        if row.removal.is_some() && !is_full {
            row.statement = row.statement.map(|_| String::new());
        }
        dto(row)
    });
    Ok(rows.collect())
}

async fn create_attachment(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Query(query): Query<FileQuery>,
    request: Request,
) -> Answer<(StatusCode, Json<Attachment>)> {
    audit.detail("name", iq_domain::neutralise(&query.name, 200));
    let content = bytes_of(request, &state).await?;
    let row = state
        .runtime
        .attach_file(
            caller.tenant_id,
            id,
            &query.name,
            content.to_vec(),
            &caller.username,
        )
        .await?;
    audit
        .detail("attachment_id", row.id.to_string())
        .detail("sha256", row.sha256.clone());
    Ok((StatusCode::CREATED, Json(dto(row))))
}

async fn create_statement(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(input): Body<StatementInput>,
) -> Answer<(StatusCode, Json<Attachment>)> {
    Check::new()
        .require(!input.text.trim().is_empty(), "text", "request.text_empty")
        .text("text", &input.text, STATEMENT_CHARS)
        .line("said_by", &input.said_by, 120)
        .done()?;
    let row = state
        .runtime
        .attach_statement(
            caller.tenant_id,
            id,
            &input.said_by,
            &input.text,
            &caller.username,
        )
        .await?;
    audit
        .detail("attachment_id", row.id.to_string())
        .detail("sha256", row.sha256.clone());
    Ok((StatusCode::CREATED, Json(dto(row))))
}

async fn download_attachment(
    State(state): State<ApiState>,
    caller: Caller,
    Id(incident): Id<IncidentId>,
    Id(id): Id<AttachmentId, 1>,
) -> Answer<Response> {
    let (row, content) = state.runtime.attachment(caller.tenant_id, id).await?;
    let tenant = caller.tenant_id;
    let family = state
        .runtime
        .store()
        .read(move |conn| incidents::with_merged(conn, tenant, incident))
        .await?;
    let is_hidden = row.removal.is_some() && !caller.may(Permission::BlackboxWrite);
    if !family.contains(&row.incident_id) || is_hidden {
        return Err(Failure::not_found());
    }
    let name = if row.statement.is_some() {
        "statement.txt".to_owned()
    } else {
        row.name
    };
    let mut response = content.into_response();
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_str(&row.media_type);
    headers.insert(
        header::CONTENT_TYPE,
        media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_DISPOSITION, disposition(&name));
    // The browser shows it as nothing but what it is, and runs nothing of it.
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    Ok(response)
}

/// "attachment" with the name in RFC 5987 form: letters of all scripts, nothing that ends the header.
fn disposition(name: &str) -> HeaderValue {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let mut escaped = String::new();
    for byte in name.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{escaped}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

async fn remove_attachment(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(incident): Id<IncidentId>,
    Id(id): Id<AttachmentId, 1>,
    Body(input): Body<RemovalInput>,
) -> Answer<Json<Attachment>> {
    Check::new()
        .require(
            !input.reason.trim().is_empty(),
            "reason",
            "request.text_empty",
        )
        .text("reason", &input.reason, check::NOTE_CHARS)
        .done()?;
    let actor = caller.username.clone();
    let row = state
        .runtime
        .remove_attachment(caller.tenant_id, incident, id, input.reason, actor)
        .await?;
    audit.detail("attachment_id", id.to_string());
    Ok(Json(dto(row)))
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_ends_no_header_and_keeps_its_letters() {
        for (name, expected) in [
            ("a b.jpg", "attachment; filename*=UTF-8''a%20b.jpg"),
            (
                "x\"\r\nSet-Cookie: y",
                "attachment; filename*=UTF-8''x%22%0D%0ASet-Cookie%3A%20y",
            ),
            (
                "صورة.png",
                "attachment; filename*=UTF-8''%D8%B5%D9%88%D8%B1%D8%A9.png",
            ),
        ] {
            assert_eq!(disposition(name).to_str().ok(), Some(expected), "{name}");
        }
    }
}
