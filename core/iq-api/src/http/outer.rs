//! The layer around every request: its id and language, the Host and Origin guard, how fast an address may
//! ask, a net under panics, the body of errors, and the security headers.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::FutureExt;
use iq_domain::{CodedError, ErrorKind, neutralise};
use iq_listen::Peer;
use iq_locale::Language;

use super::{caller::RequestInfo, failure::Failure, identify::bearer};
use crate::state::ApiState;

const CSP: &str = "default-src 'self'; script-src 'self'; worker-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self'; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// A year, for the browser to insist on https. For this name alone: others of the plant are not ours.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// The layer.
pub(crate) async fn outer(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let is_secure = state.is_secure(peer, host_of(&request));
    let is_strict = is_secure && !is_loopback(host_of(&request));
    let info = RequestInfo {
        id: request_id(),
        language: language_of(request.uri(), request.headers()),
        address: peer.map(|peer| peer.address.ip()),
        is_secure,
        user_agent: request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .map(|text| neutralise(text, 200)),
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(info.clone());
    let admitted = admit(&state, &request)
        .and_then(|()| state.traffic.address(info.address, state.steady_ms()));
    let response = match admitted {
        Err(failure) => failure.into_response(),
        Ok(()) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(request_id = info.id, %method, path, "A handler panicked.");
                Failure::internal().into_response()
            }
        },
    };
    let mut response = with_error_body(response, &info);
    if response.status().is_server_error() {
        tracing::error!(
            request_id = info.id, %method, path, status = response.status().as_u16(),
            "A request failed."
        );
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if is_strict {
        let value = HeaderValue::from_static(STRICT_TRANSPORT);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if let Ok(id) = HeaderValue::from_str(&info.id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The name a request is addressed to.
fn host_of(request: &Request) -> &str {
    let header = request.headers().get(header::HOST);
    header
        .and_then(|v| v.to_str().ok())
        .or_else(|| {
            request
                .uri()
                .authority()
                .map(axum::http::uri::Authority::as_str)
        })
        .unwrap_or_default()
}

/// A browser would insist on https for whatever else answers on its own machine.
fn is_loopback(host: &str) -> bool {
    let name = iq_listen::without_port(host);
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback())
}

/// Refuses other names for this server (DNS rebinding) and writes from other pages.
fn admit(state: &ApiState, request: &Request) -> Result<(), Failure> {
    let host = host_of(request);
    if !state.is_allowed_host(host) {
        let mut failure =
            Failure::invalid("request.host_wrong").with_status(StatusCode::MISDIRECTED_REQUEST);
        failure.error = failure.error.with("host", host);
        return Err(failure);
    }
    let is_read = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    match request.headers().get(header::ORIGIN) {
        None if is_read => Ok(()),
        // A program: pages of others can't make a browser send its token.
        None if bearer(request.headers()).is_some() => Ok(()),
        Some(origin) if is_origin_of(origin, host) => Ok(()),
        _ => Err(Failure::forbidden("request.origin_wrong")),
    }
}

fn is_origin_of(origin: &HeaderValue, host: &str) -> bool {
    origin.to_str().is_ok_and(|origin| {
        ["http://", "https://"]
            .into_iter()
            .filter_map(|scheme| origin.strip_prefix(scheme))
            .any(|rest| rest.eq_ignore_ascii_case(host))
    })
}

/// Writes the body of a failed answer, in the reader's language.
fn with_error_body(response: Response, info: &RequestInfo) -> Response {
    let status = response.status();
    let failure = match response.extensions().get::<Arc<Failure>>() {
        Some(failure) => Arc::clone(failure),
        None if status.is_client_error() || status.is_server_error() => {
            if response.headers().contains_key(header::CONTENT_TYPE) && status.as_u16() != 405 {
                // A handler that wrote its own body, such as the readiness answer.
                let is_plain = response.headers()[header::CONTENT_TYPE]
                    .to_str()
                    .is_ok_and(|t| t.starts_with("text/plain"));
                if !is_plain {
                    return response;
                }
            }
            Arc::new(from_status(status))
        }
        None => return response,
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = Json(failure.body(info.language, &info.id)).into_response();
    parts.headers.extend(body.headers().clone());
    Response::from_parts(parts, body.into_body())
}

/// What the framework itself refused.
pub(super) fn from_status(status: StatusCode) -> Failure {
    let (kind, code) = match status {
        StatusCode::METHOD_NOT_ALLOWED => (ErrorKind::Invalid, "request.method_wrong"),
        StatusCode::PAYLOAD_TOO_LARGE => (ErrorKind::TooMuch, "request.too_large"),
        StatusCode::NOT_FOUND => (ErrorKind::NotFound, "request.route_unknown"),
        s if s.is_client_error() => (ErrorKind::Invalid, "request.body_unreadable"),
        _ => (ErrorKind::Internal, "internal.error"),
    };
    Failure::new(CodedError::new(kind, code)).with_status(status)
}

/// The answer for a path of the API that is no route.
pub(crate) async fn unknown_route() -> Failure {
    Failure::new(CodedError::not_found("request.route_unknown"))
}

/// The answer for a wrong method on a route.
pub(crate) async fn wrong_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, Body::empty()).into_response()
}

fn language_of(uri: &Uri, headers: &HeaderMap) -> Language {
    let asked = uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("lang="))
        .and_then(Language::from_tag);
    asked
        .or_else(|| {
            let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            Language::from_accept_language(header)
        })
        .unwrap_or_default()
}

fn request_id() -> String {
    let mut bytes = [0_u8; 9];
    // Without randomness the id is still present, only not unique.
    if getrandom::fill(&mut bytes).is_err() {
        tracing::warn!("No randomness for a request id.");
    }
    URL_SAFE_NO_PAD.encode(bytes)
}
