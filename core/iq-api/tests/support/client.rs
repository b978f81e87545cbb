//! A client that behaves like the interface: own Host and Origin, cookie, CSRF token.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::HOST;

/// A client. Fields may be changed to misbehave.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    pub(crate) host: String,
    pub(crate) origin: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: Option<String>,
    pub(crate) language: &'static str,
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
    asked: String,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| panic!("{}: {e}: {}", self.asked, self.text()))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    #[track_caller]
    pub(crate) fn expect_code(self, status: u16, code: &str) -> Self {
        let reply = self.expect_status(status);
        assert_eq!(reply.code(), code, "{}: {}", reply.asked, reply.text());
        reply
    }

    /// The code of the one wrong field.
    #[track_caller]
    pub(crate) fn expect_field(self, field: &str, code: &str) -> Self {
        let reply = self.expect_status(422);
        let fields = reply.json()["fields"].clone();
        let has = fields
            .as_array()
            .is_some_and(|all| all.iter().any(|f| f["field"] == field && f["code"] == code));
        assert!(has, "{field} {code} in {}", reply.text());
        reply
    }
}

impl Client {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            host: HOST.to_owned(),
            origin: Some(format!("http://{HOST}")),
            cookie: None,
            csrf: None,
            language: "en",
        }
    }

    pub(crate) async fn sign_in(&mut self, username: &str, password: &str) -> Reply {
        let body = json!({ "username": username, "password": password });
        let reply = self.post("/api/session", body).await;
        self.adopt(&reply);
        reply
    }

    /// Takes the session of an answer over.
    pub(crate) fn adopt(&mut self, reply: &Reply) {
        if let Some(cookie) = reply.headers.get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
            self.csrf = reply.json()["csrf_token"].as_str().map(str::to_owned);
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        match body {
            Some(body) => {
                self.send(method, path, "application/json", body.to_string())
                    .await
            }
            None => self.send(method, path, "", Vec::new()).await,
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: impl Into<Body>,
    ) -> Reply {
        let asked = format!("{method} {path}");
        let response = self.open(method, path, media_type, body).await;
        let (parts, body) = response.into_parts();
        let is_stream = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        // A stream that ends only with its session is judged by its head.
        let bytes = if is_stream && path.starts_with("/api/live") {
            Vec::new()
        } else {
            to_bytes(body, usize::MAX).await.unwrap().to_vec()
        };
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes,
            asked,
        }
    }

    /// Sends a request and leaves the body of the answer unread.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: impl Into<Body>,
    ) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT_LANGUAGE, self.language);
        for (name, value) in [
            ("origin", &self.origin),
            ("cookie", &self.cookie),
            ("x-csrf-token", &self.csrf),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if !media_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_ne!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{path}"
        );
        response
    }
}
