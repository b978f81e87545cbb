//! The door of the maintenance system: who is calling, the token dance, addresses, and how answers look
//! on the wire.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use iq_domain::{Clock, Timestamp, WallClock};
use serde_json::{Value, json};

use crate::{
    sap::{
        CLIENT, Inner,
        book::etag,
        change,
        filter::keys,
        query::{Fault, atom, metadata, service_document},
        schema::{Set, set, set_of},
        value::Row,
    },
    web::{Disturbance, Peer, basic, bearer, decoded, pairs, same},
};

/// Largest body of a request.
const MAX_BODY: usize = 2 * 1024 * 1024;
/// How late a slow answer is.
const LATE: Duration = Duration::from_secs(10);
const ROOT: &str = "/sap/opu/odata/sap/";

pub(crate) fn router(inner: Arc<Inner>) -> Router {
    Router::new().fallback(handle).with_state(inner)
}

/// A request whose caller is known.
struct Call {
    method: String,
    service: String,
    /// Segments after the service, decoded.
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    user: String,
    now: Timestamp,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or("")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    fn wants_json(&self) -> bool {
        match self.parameter("$format") {
            Some(format) => format == "json",
            None => self.header("accept").contains("application/json"),
        }
    }

    fn is_read(&self) -> bool {
        self.method == "GET" || self.method == "HEAD"
    }

    /// Set and keys of an address like `MaintenanceOrder('000004000123')`.
    fn entity(&self) -> Result<(&'static Set, Option<Row>), Fault> {
        let segment = self.path.first().map_or("", String::as_str);
        let (name, inside) = match segment.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (segment, None),
        };
        let of = set_of(&self.service, name).ok_or_else(Fault::missing)?;
        if !segment.contains('(') {
            return Ok((of, None));
        }
        let found = inside.and_then(|text| keys(text, of));
        let found = found.ok_or_else(|| Fault::bad("The key of the address is not valid."))?;
        Ok((of, Some(found)))
    }
}

async fn handle(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if let Some(response) = before(&inner, &path).await {
        return response;
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return fault(&Fault::new(413, "ICM/413", "The request is too large."));
    };
    if path == "/oauth/token" {
        return inner.token(&parts, &body);
    }
    let Some(below) = path.strip_prefix(ROOT) else {
        return page(404, "Not found");
    };
    let call = match inner.call(&parts, below, body) {
        Ok(call) => call,
        Err(response) => return *response,
    };
    if let Some(refused) = inner.forged(&call, &path) {
        return refused;
    }
    let mut response = inner.answer(&call, &path).await;
    inner.hand_out_token(&call, &mut response);
    let kinds = [Disturbance::LostReply, Disturbance::Garbage];
    match inner.disturbances.take(&path, &kinds) {
        Some(Disturbance::LostReply) => peer.hang_up(),
        Some(_) => return json_response(200, "{\"d\":{\"results\":[".to_owned()),
        None => {}
    }
    response
}

/// Disturbances that answer in place of the system.
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
    let found = inner.disturbances.take(path, &kinds)?;
    Some(match found {
        Slow => {
            tokio::time::sleep(LATE).await;
            return None;
        }
        Html => page(502, "Bad Gateway"),
        Unavailable => page(503, "Service cannot be reached"),
        TooManyRequests => page(429, "Too many requests"),
        TooLarge => page(413, "Request Entity Too Large"),
        Unauthorized => inner.challenge(),
        Forbidden => fault(&Fault::new(
            403,
            "/IWFND/CM_BEC/026",
            "No authorization to access the service.",
        )),
        _ => fault(&Fault::new(
            500,
            "SY/530",
            "An internal error occurred. Contact your system administrator.",
        )),
    })
}

impl Inner {
    /// The caller and what is asked, or the refusal.
    fn call(&self, parts: &Parts, below: &str, body: Bytes) -> Result<Call, Box<Response>> {
        let now = WallClock.now();
        let user = self
            .caller(&parts.headers, now)
            .ok_or_else(|| Box::new(self.challenge()))?;
        let mut segments = below.split('/').filter(|s| !s.is_empty());
        let service = segments.next().unwrap_or("");
        let query = pairs(parts.uri.query().unwrap_or(""));
        let tunnelled = parts.headers.get("x-http-method");
        let method = match tunnelled.and_then(|m| m.to_str().ok()) {
            Some(method) if parts.method == "POST" => method.to_owned(),
            _ => parts.method.to_string(),
        };
        let call = Call {
            method,
            // A version may follow the name.
            service: service.split(';').next().unwrap_or("").to_owned(),
            path: segments.map(decoded).collect(),
            query,
            headers: parts.headers.clone(),
            body,
            user,
            now,
        };
        let client = call.parameter("sap-client").unwrap_or(CLIENT);
        if client != CLIENT {
            let text = format!("Client {client} is not available in this system.");
            return Err(Box::new(page(401, &text)));
        }
        Ok(call)
    }

    fn caller(&self, headers: &HeaderMap, now: Timestamp) -> Option<String> {
        let header = headers.get(header::AUTHORIZATION)?.to_str().ok();
        if let Some(token) = bearer(header) {
            return self
                .sessions()
                .admits(token, now)
                .then(|| "OAUTH".to_owned());
        }
        let (user, password) = basic(header)?;
        let expected = self.config.password.as_deref()?;
        let fits = user.eq_ignore_ascii_case(&self.config.user) && same(&password, expected);
        fits.then(|| user.to_uppercase())
    }

    fn challenge(&self) -> Response {
        let mut response = page(401, "Logon failed");
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"SAP NetWeaver Application Server [WHA/100]\""),
        );
        response
    }

    /// Client credentials against a token.
    fn token(&self, parts: &Parts, body: &[u8]) -> Response {
        let refuse =
            |status: u16, error: &str| json_response(status, json!({ "error": error }).to_string());
        if parts.method != "POST" {
            return refuse(405, "invalid_request");
        }
        let Some((id, secret)) = &self.config.oauth else {
            return refuse(400, "unsupported_grant_type");
        };
        let form = pairs(&String::from_utf8_lossy(body));
        let value = |name: &str| {
            form.iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        if value("grant_type") != Some("client_credentials") {
            return refuse(400, "unsupported_grant_type");
        }
        let header = parts.headers.get(header::AUTHORIZATION);
        let given = basic(header.and_then(|h| h.to_str().ok()));
        if !given.is_some_and(|(i, s)| i == *id && same(&s, secret)) {
            return refuse(401, "invalid_client");
        }
        let seconds = self.config.token_seconds;
        let token = self.sessions().issue(WallClock.now(), seconds);
        let answer = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": seconds,
            "scope": value("scope").unwrap_or(""),
        });
        json_response(200, answer.to_string())
    }

    /// The refusal of a change whose token is missing or no longer valid.
    fn forged(&self, call: &Call, path: &str) -> Option<Response> {
        if call.is_read() {
            return None;
        }
        let cookies = call.header("cookie");
        if self
            .disturbances
            .take(path, &[Disturbance::StaleToken])
            .is_some()
        {
            self.sessions().end(cookies);
        }
        let token = call.header("x-csrf-token");
        if self.sessions().is_valid(cookies, token, call.now) {
            return None;
        }
        let mut response = typed(
            403,
            "text/plain;charset=utf-8",
            Body::from("CSRF token validation failed"),
        );
        response
            .headers_mut()
            .insert("x-csrf-token", HeaderValue::from_static("Required"));
        Some(response)
    }

    /// A token for a caller who asked for one with a read.
    fn hand_out_token(&self, call: &Call, response: &mut Response) {
        if !call.is_read() || !call.header("x-csrf-token").eq_ignore_ascii_case("fetch") {
            return;
        }
        let secure = self.config.web.tls;
        let fetched = self
            .sessions()
            .fetch(call.header("cookie"), secure, call.now);
        let headers = response.headers_mut();
        if let Ok(token) = HeaderValue::from_str(&fetched.token) {
            headers.insert("x-csrf-token", token);
        }
        for cookie in fetched.cookies {
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
    }

    async fn answer(self: &Arc<Self>, call: &Call, path: &str) -> Response {
        if call.is_read() {
            return self.read(call, path).unwrap_or_else(|f| fault(&f));
        }
        let done = self.write(call, path);
        // What was promised is on disk before the caller hears of it.
        if done.is_ok() {
            let inner = Arc::clone(self);
            let saved = tokio::task::spawn_blocking(move || {
                let book = inner.book().clone();
                book.save(&inner.file)
            });
            if let Ok(Err(error)) = saved.await {
                tracing::warn!(%error, "the maintenance system can't keep its state");
            }
        }
        done.unwrap_or_else(|f| fault(&f))
    }

    fn read(&self, call: &Call, path: &str) -> Result<Response, Fault> {
        let words: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {
                let document = service_document(&call.service).ok_or_else(Fault::missing)?;
                return Ok(json_response(200, document.to_string()));
            }
            ["$metadata"] => {
                service_document(&call.service).ok_or_else(Fault::missing)?;
                let body = Body::from(metadata(&call.service));
                return Ok(typed(200, "application/xml", body));
            }
            _ => {}
        }
        let (of, keys) = call.entity()?;
        let book = self.book();
        let address = format!("{}{path}", self.origin);
        let mut version = None;
        let mut answer = match (keys, words.as_slice()) {
            (None, [_]) => self.list(&book, of, &Row::new(), &call.query, &address)?,
            (None, [_, "$count"]) => {
                let count = self.count(&book, of, &call.query)?;
                return Ok(typed(200, "text/plain", Body::from(count.to_string())));
            }
            (Some(keys), [_]) => {
                let row = book.find(of, &keys).ok_or_else(Fault::missing)?;
                version = row.contains_key("LastChangeDateTime").then(|| etag(row));
                self.single(&book, of, row, &call.query)?
            }
            (Some(keys), [_, link]) => {
                let target = of.links.iter().find(|(name, _)| name == link);
                let (_, target) = target.ok_or_else(Fault::missing)?;
                book.find(of, &keys).ok_or_else(Fault::missing)?;
                self.list(&book, set(target), &keys, &call.query, &address)?
            }
            _ => return Err(Fault::missing()),
        };
        if self
            .disturbances
            .take(path, &[Disturbance::ForeignNext])
            .is_some()
        {
            answer["d"]["__next"] = json!("https://elsewhere.example/next?$skiptoken=1");
        }
        if self.disturbances.take(path, &[Disturbance::Cut]).is_some() {
            return Ok(cut(&answer.to_string()));
        }
        let mut response = if call.wants_json() {
            json_response(200, answer.to_string())
        } else {
            typed(200, "application/atom+xml", Body::from(atom(&answer)))
        };
        if let Some(version) = version.and_then(|v| HeaderValue::from_str(&v).ok()) {
            response.headers_mut().insert(header::ETAG, version);
        }
        Ok(response)
    }

    fn write(&self, call: &Call, path: &str) -> Result<Response, Fault> {
        let body = || -> Result<Value, Fault> {
            serde_json::from_slice(&call.body)
                .map_err(|e| Fault::bad(format!("The request body could not be read: {e}")))
        };
        let mut book = self.book();
        let action = call.path.first().map_or("", String::as_str);
        let is_action = call.method == "POST" && set_of(&call.service, action).is_none();
        if is_action && !action.contains('(') {
            let argument = |name: &str| call.parameter(name).map(str::to_owned);
            let (of, keys) = change::act(&mut book, action, argument, call.now)?;
            let row = book.find(of, &keys).ok_or_else(Fault::missing)?;
            let answer = self.single(&book, of, row, &[])?;
            return Ok(json_response(200, answer.to_string()));
        }
        let (of, keys) = call.entity()?;
        match (call.method.as_str(), keys) {
            ("POST", None) => {
                let keys = change::create(&mut book, of, &body()?, &call.user, call.now)?;
                let row = book.find(of, &keys).ok_or_else(Fault::missing)?;
                let answer = self.single(&book, of, row, &[])?;
                let mut response = json_response(201, answer.to_string());
                let headers = response.headers_mut();
                let location = HeaderValue::from_str(&self.row_url(of, row));
                if let (Ok(location), Ok(version)) = (location, HeaderValue::from_str(&etag(row))) {
                    headers.insert(header::LOCATION, location);
                    headers.insert(header::ETAG, version);
                }
                if !row.contains_key("MainWorkCenter") {
                    let warning = r#"{"code":"IW/316","message":"No main work center was given.","severity":"warning","details":[]}"#;
                    headers.insert("sap-message", HeaderValue::from_static(warning));
                }
                Ok(response)
            }
            ("PATCH" | "MERGE" | "PUT", Some(keys)) => {
                if self
                    .disturbances
                    .take(path, &[Disturbance::Changed])
                    .is_some()
                {
                    change::touch(&mut book, of, &keys, call.now);
                }
                let version = Some(call.header("if-match")).filter(|v| !v.is_empty());
                change::update(&mut book, of, &keys, &body()?, version, call.now)?;
                Ok(typed(204, "application/json", Body::empty()))
            }
            _ => Err(Fault::new(
                405,
                "/IWBEP/CM_MGW_RT/027",
                "The method is not allowed for this resource.",
            )),
        }
    }
}

fn typed(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("dataserviceversion", HeaderValue::from_static("2.0"));
    response
}

fn json_response(status: u16, body: String) -> Response {
    typed(status, "application/json;charset=utf-8", Body::from(body))
}

fn fault(fault: &Fault) -> Response {
    json_response(fault.status, fault.json().to_string())
}

/// A page of the web server before the system.
fn page(status: u16, title: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    );
    typed(status, "text/html;charset=utf-8", Body::from(page))
}

/// An answer that promises its whole length and breaks off half-way.
fn cut(body: &str) -> Response {
    let kept = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let first = futures::stream::once(async { Ok(kept) });
    let end = futures::stream::once(async {
        // What was written so far goes out while this one waits.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut on order"))
    });
    let stream = Body::from_stream(futures::StreamExt::chain(first, end));
    let mut response = typed(200, "application/json;charset=utf-8", stream);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}
