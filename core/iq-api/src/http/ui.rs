//! The embedded interface: hashed assets cached for a year, every page path answered with the one page.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

use super::failure::Failure;

#[derive(Embed)]
#[folder = "../../ui/dist"]
struct UiFiles;

/// Answers everything that is no route of the API.
pub(crate) async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if ["api/", "auth/", "internal/", "health/"]
        .into_iter()
        .any(|area| path.starts_with(area))
    {
        return super::outer::unknown_route().await.into_response();
    }
    if let Some(response) = file(path) {
        return response;
    }
    // A missing asset must not come back as a page: the browser would run HTML as a script.
    if path.starts_with("static/") || path.rsplit('/').next().is_some_and(|n| n.contains('.')) {
        return Failure::not_found().into_response();
    }
    file("index.html").unwrap_or_else(|| Failure::not_found().into_response())
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
