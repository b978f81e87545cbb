//! What is sent and what comes back.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use iq_domain::{CodedError, neutralise};
use reqwest::{Method, header::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};

use crate::{JsonLimits, error, parse_json};

/// Longest wait a source may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// What is sent along.
#[derive(Clone, Default)]
pub(crate) enum Payload {
    #[default]
    None,
    Bytes {
        content_type: String,
        bytes: Vec<u8>,
    },
}

/// A request below the client's base address.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
    pub(crate) total: Option<Duration>,
    pub(crate) items: usize,
    pub(crate) status_only: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query and headers may hold tokens.
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request; `target` is relative to the base, starts with a slash, or is an absolute address
    /// of the same origin.
    #[must_use]
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            query: Vec::new(),
            headers: Vec::new(),
            payload: Payload::None,
            total: None,
            items: 1,
            status_only: false,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    /// A POST.
    #[must_use]
    pub fn post(target: impl Into<String>) -> Self {
        Self::new(Method::POST, target)
    }

    /// Adds a pair to the query; the same name may come again.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a document.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        // Only maps with keys that are no text can fail, and no connector sends one.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.body("application/json", bytes)
    }

    /// Sends a form.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(pairs);
        let bytes = text.finish().into_bytes();
        self.body("application/x-www-form-urlencoded", bytes)
    }

    /// Sends bytes.
    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        self.payload = Payload::Bytes {
            content_type: content_type.to_owned(),
            bytes,
        };
        self
    }

    /// Ends after this time instead of the client's own.
    #[must_use]
    pub fn total(mut self, total: Duration) -> Self {
        self.total = Some(total);
        self
    }

    /// The status and the headers are all that counts: no byte of a body is waited for or kept, however
    /// large it is.
    #[must_use]
    pub fn status_only(mut self) -> Self {
        self.status_only = true;
        self
    }

    /// How many things (tags, orders) it is about, for the statement of load.
    #[must_use]
    pub fn items(mut self, items: usize) -> Self {
        self.items = items;
        self
    }
}

/// An answer with a bounded body, of any status.
#[derive(Clone)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, unpacked.
    pub body: Vec<u8>,
    /// From sending to the first byte of the answer.
    pub first_byte: Duration,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) limits: JsonLimits,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Whether the status is a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Passes a success on; everything else is the coded error of its status.
    pub fn check(self) -> Result<Self, CodedError> {
        if self.is_success() {
            Ok(self)
        } else {
            Err(self.error())
        }
    }

    /// The coded error of the status.
    #[must_use]
    pub fn error(&self) -> CodedError {
        error::from_status(self, &self.host, &self.path)
    }

    /// The body as a document, within the client's bounds. A web page is named as such.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CodedError> {
        parse_json(&self.body, &self.host, self.limits)
    }

    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The cookies of the answer as `name=value`, ready for a `Cookie` header.
    #[must_use]
    pub fn cookies(&self) -> Vec<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .filter_map(|v| v.split(';').next())
            .map(|pair| pair.trim().to_owned())
            .filter(|pair| pair.contains('='))
            .collect()
    }

    /// How long the source asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            // A date is meant by the source's own clock, which it sends along.
            Err(_) => {
                let until = httpdate::parse_http_date(text).ok()?;
                let now = httpdate::parse_http_date(self.header("date")?).ok()?;
                until.duration_since(now).unwrap_or_default()
            }
        };
        Some(wait.min(MAX_RETRY_AFTER))
    }

    /// The source's clock (header `Date`) in milliseconds since 1970; it counts whole seconds.
    #[must_use]
    pub fn date_ms(&self) -> Option<i64> {
        let date: SystemTime = httpdate::parse_http_date(self.header("date")?).ok()?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    }

    /// The ways to sign in that a 401 offers.
    #[must_use]
    pub fn offered_schemes(&self) -> String {
        let mut schemes: Vec<String> = Vec::new();
        for value in self.headers.get_all("www-authenticate").iter().take(8) {
            let scheme = value
                .to_str()
                .unwrap_or_default()
                .split([' ', ','])
                .next()
                .unwrap_or_default();
            if !scheme.is_empty() && !schemes.iter().any(|s| s == scheme) {
                schemes.push(neutralise(scheme, 20));
            }
        }
        if schemes.is_empty() {
            "-".to_owned()
        } else {
            schemes.join(", ")
        }
    }

    /// What the source says about an error: the usual places of a JSON body, else nothing. A web
    /// page is no sentence.
    #[must_use]
    pub fn detail(&self) -> String {
        let limits = JsonLimits {
            depth: 16,
            nodes: 5_000,
        };
        let Ok(body) = parse_json::<serde_json::Value>(&self.body, "", limits) else {
            return "-".to_owned();
        };
        let places = [
            "/error/message/value",
            "/error/message",
            "/error_description",
            "/Errors/0",
            "/Message",
            "/message",
            "/detail",
            "/title",
        ];
        places
            .iter()
            .find_map(|place| body.pointer(place).and_then(serde_json::Value::as_str))
            .map_or_else(|| "-".to_owned(), |text| neutralise(text.trim(), 200))
    }
}
