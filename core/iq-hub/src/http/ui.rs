//! The embedded interface: hashed files cached for a year, every page path answered with the console's
//! one page.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_domain::CodedError;
use rust_embed::Embed;

use crate::failure::Failure;

#[derive(Embed)]
#[folder = "../../ui/dist"]
struct UiFiles;

/// The console's entry of the front end; the other one is the appliance's.
const ENTRY: &str = "hub.html";

/// Answers everything that is no route.
pub(super) async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if ["api/", "internal/", "health/", "sync/"]
        .into_iter()
        .any(|area| path.starts_with(area))
    {
        return Failure::new(CodedError::not_found("request.route_unknown")).into_response();
    }
    if let Some(response) = file(path).filter(|_| path != "index.html") {
        return response;
    }
    // A missing file must not come back as a page: the browser would run HTML as a script.
    if path.starts_with("static/") || path.rsplit('/').next().is_some_and(|n| n.contains('.')) {
        return Failure::not_found().into_response();
    }
    file(ENTRY)
        .or_else(|| file("index.html"))
        .unwrap_or_else(|| Failure::not_found().into_response())
}

fn file(path: &str) -> Option<Response> {
    let file = UiFiles::get(path)?;
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    let media_type = match file.metadata.mimetype() {
        "text/html" => "text/html; charset=utf-8",
        "text/javascript" => "text/javascript; charset=utf-8",
        "text/css" => "text/css; charset=utf-8",
        other => other,
    };
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let caching = if path.starts_with("static/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Some(response)
}
