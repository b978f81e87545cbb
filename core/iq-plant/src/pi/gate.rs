//! The door of the endpoint: limits, disturbances, who is calling, the header against forged
//! requests, and how answers look on the wire.

use std::{sync::Arc, time::Duration, time::Instant};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, FromRequestParts, Request, State, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use iq_domain::{Clock, WallClock};
use serde_json::{Value, json};

use crate::{
    pi::{
        Inner,
        api::Call,
        channel::Channel,
        params::{Params, Refusal, TICKS_PER_MS, select},
    },
    web::{Disturbance, Peer, basic, bearer, decoded, same},
};

/// Largest body of a request.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// How late a slow answer is.
const LATE: Duration = Duration::from_secs(10);

pub(crate) fn router(inner: Arc<Inner>) -> Router {
    Router::new().fallback(handle).with_state(inner)
}

async fn handle(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if !inner.admits(&peer, Instant::now()) {
        return errors(429, &["Too many requests."]);
    }
    if let Some(response) = before(&inner, &path).await {
        return response;
    }
    let Some(path) = below_base(&path) else {
        return html(404, "404 - File or directory not found.");
    };
    let Some(caller) = inner.caller(&parts.headers) else {
        return inner.challenge();
    };
    let params = Params::parse(parts.uri.query().unwrap_or(""));
    let is_channel = path
        .last()
        .is_some_and(|p| p.eq_ignore_ascii_case("channel"));
    if is_channel && path.len() > 1 {
        return channel(inner, parts, &path, &params).await;
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return errors(413, &["The request is too large."]);
    };
    let outcome = inner.outcome(&parts, &path, &params, &body, &caller);
    after(&inner, &peer, parts.uri.path(), outcome)
}

impl Inner {
    /// Counts a request; whether the caller is within the limit.
    fn admits(&self, peer: &Peer, now: Instant) -> bool {
        let mut callers = self
            .callers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if callers.len() > 10_000 {
            callers.clear();
        }
        let (since, count) = callers.entry(peer.ip).or_insert((now, 0));
        if now.duration_since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.config.requests_per_second
    }

    /// Name of the caller; `None` when the credentials are missing or wrong.
    fn caller(&self, headers: &HeaderMap) -> Option<String> {
        let config = &self.config;
        if config.anonymous {
            return Some("anonymous".to_owned());
        }
        let header = headers
            .get(header::AUTHORIZATION)
            .and_then(|h| h.to_str().ok());
        if let (Some(expected), Some(token)) = (&config.bearer, bearer(header))
            && same(expected, token)
        {
            return Some("service".to_owned());
        }
        let (user, password) = basic(header)?;
        let expected = config.password.as_deref()?;
        let plain = user.rsplit('\\').next().unwrap_or(&user);
        let plain = plain.split('@').next().unwrap_or(plain);
        (plain.eq_ignore_ascii_case(&config.user) && same(&password, expected))
            .then(|| plain.to_owned())
    }

    fn challenge(&self) -> Response {
        let mut offered = self.config.challenges.clone();
        if self.config.password.is_some() {
            offered.push("Basic realm=\"WAHA-PI\"".to_owned());
        }
        if self.config.bearer.is_some() {
            offered.push("Bearer".to_owned());
        }
        let text = json!({ "Message": "Authorization has been denied for this request." });
        let mut response = respond(401, text.to_string());
        for challenge in offered {
            if let Ok(value) = HeaderValue::from_str(&challenge) {
                response
                    .headers_mut()
                    .append(header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }

    fn outcome(
        &self,
        parts: &Parts,
        path: &[String],
        params: &Params,
        body: &Bytes,
        caller: &str,
    ) -> Result<(u16, Value), Refusal> {
        let now = WallClock.now().millis() * TICKS_PER_MS;
        if parts.method == Method::POST {
            if !parts.headers.contains_key("x-requested-with") {
                return Err(Refusal::bad(
                    "The request has no header 'X-Requested-With', which this server requires.",
                ));
            }
            if path.len() == 1 && path[0].eq_ignore_ascii_case("batch") {
                return Ok((207, self.batch(body, now, caller)?));
            }
        }
        if parts.method != Method::GET {
            return Err(Refusal::new(
                405,
                "The requested resource does not support this method.",
            ));
        }
        let call = Call {
            path,
            params,
            now,
            caller,
        };
        let answer = self.answer(&call)?;
        Ok((
            200,
            match params.get("selectedFields") {
                Some(fields) => select(answer, fields),
                None => answer,
            },
        ))
    }
}

/// Disturbances that answer in place of the endpoint.
async fn before(inner: &Inner, path: &str) -> Option<Response> {
    use Disturbance::{
        Forbidden, Html, InternalError, Slow, TooLarge, TooManyRequests, Unauthorized, Unavailable,
    };
    let kinds = [
        Forbidden,
        Html,
        InternalError,
        Slow,
        TooLarge,
        TooManyRequests,
        Unauthorized,
        Unavailable,
    ];
    match inner.disturbances.take(path, &kinds)? {
        Slow => {
            tokio::select! {
                () = tokio::time::sleep(LATE) => {}
                () = inner.stop.cancelled() => {}
            }
            None
        }
        Html => Some(html(502, "502 - Web server received an invalid response.")),
        InternalError => Some(errors(
            500,
            &["An error has occurred.", "Object reference."],
        )),
        Unavailable => Some(errors(503, &["The service is unavailable."])),
        TooManyRequests => Some(errors(429, &["Too many requests."])),
        TooLarge => Some(html(413, "413 - Request Entity Too Large")),
        Forbidden => Some(errors(403, &["The user has no permission."])),
        _ => Some(inner.challenge()),
    }
}

/// Disturbances of the answer itself.
fn after(
    inner: &Inner,
    peer: &Peer,
    path: &str,
    outcome: Result<(u16, Value), Refusal>,
) -> Response {
    use Disturbance::{Cut, ForeignNext, Garbage, ItemErrors, LostReply, WebException};
    let (status, mut answer) = match outcome {
        Ok(answer) => answer,
        Err(refusal) => {
            let texts: Vec<&str> = refusal.errors.iter().map(String::as_str).collect();
            return errors(refusal.status, &texts);
        }
    };
    let kinds = [
        Cut,
        ForeignNext,
        Garbage,
        ItemErrors,
        LostReply,
        WebException,
    ];
    match inner.disturbances.take(path, &kinds) {
        Some(Cut) => return cut(status, &answer.to_string()),
        Some(LostReply) => peer.hang_up(),
        Some(Garbage) => return respond(200, "{\"Items\":[{\"Timest\u{0}".to_owned()),
        Some(ForeignNext) => {
            answer["Links"]["Next"] =
                json!("https://elsewhere.example/piwebapi/points?startIndex=1");
        }
        Some(ItemErrors) => {
            let fault =
                json!([{ "FieldName": "Value", "Message": ["The point is not reachable."] }]);
            match answer["Items"].as_array_mut().and_then(|i| i.first_mut()) {
                Some(item) => {
                    if let Some(item) = item.as_object_mut() {
                        item.remove("Items");
                        item.remove("Value");
                        item.insert("Errors".to_owned(), fault);
                    }
                }
                None => answer["Errors"] = fault,
            }
        }
        Some(WebException) => {
            if let Some(items) = answer["Items"].as_array_mut() {
                items.truncate(items.len() / 2);
            }
            answer["WebException"] = json!({
                "StatusCode": 502, "Errors": ["The archive stopped answering."],
            });
        }
        _ => {}
    }
    respond(status, answer.to_string())
}

async fn channel(
    inner: Arc<Inner>,
    mut parts: Parts,
    path: &[String],
    params: &Params,
) -> Response {
    let channel = match Channel::open(&inner, path, params) {
        Ok(channel) => channel,
        Err(refusal) => {
            let texts: Vec<&str> = refusal.errors.iter().map(String::as_str).collect();
            return errors(refusal.status, &texts);
        }
    };
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| channel.run(inner, socket)),
        Err(_) => errors(400, &["The request is not a websocket request."]),
    }
}

/// Segments below `/piwebapi`, decoded; the base is compared without case.
fn below_base(path: &str) -> Option<Vec<String>> {
    let mut segments = path.split('/').filter(|s| !s.is_empty());
    if !segments.next()?.eq_ignore_ascii_case("piwebapi") {
        return None;
    }
    Some(segments.map(decoded).collect())
}

fn respond(status: u16, body: String) -> Response {
    typed(status, "application/json; charset=utf-8", Body::from(body))
}

fn typed(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn errors(status: u16, texts: &[&str]) -> Response {
    respond(status, json!({ "Errors": texts }).to_string())
}

fn html(status: u16, title: &str) -> Response {
    let page =
        format!("<!DOCTYPE html>\r\n<html><head><title>{title}</title></head><body></body></html>");
    typed(status, "text/html", Body::from(page))
}

/// An answer that promises its whole length and breaks off half-way.
fn cut(status: u16, body: &str) -> Response {
    let kept = body.as_bytes()[..body.len() / 2].to_vec();
    let first = futures::stream::once(async { Ok(Bytes::from(kept)) });
    let end = futures::stream::once(async {
        // What was written so far goes out while this one waits.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut on order"))
    });
    let stream = Body::from_stream(futures::StreamExt::chain(first, end));
    let mut response = typed(status, "application/json; charset=utf-8", stream);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}
