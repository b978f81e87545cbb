//! The client: one origin, one way to sign in, bounds on everything.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use iq_domain::CodedError;
use reqwest::{
    Client,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    },
    redirect::Policy,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    Auth, Budget, JsonLimits, Origin, Payload, Reach, Request, Response, address, body, error, tls,
};

/// What a client is made from.
#[derive(Clone)]
pub struct HttpOptions {
    /// Base address; its scheme, host and port are the only ones ever talked to.
    pub base_url: String,
    /// Whether an address without encryption is taken. A person must have accepted that.
    pub allow_plain_http: bool,
    /// Certificates in PEM form that are trusted instead of the machine's list.
    pub tls_ca: Option<String>,
    /// How to sign in.
    pub auth: Auth,
    /// Longest time to open a connection, including its handshake.
    pub connect_timeout: Duration,
    /// Longest time of a request, from its first byte to the last one of the answer.
    pub total_timeout: Duration,
    /// Largest body, packed and unpacked.
    pub max_body: usize,
    /// Bounds of documents.
    pub json: JsonLimits,
    /// The budget of requests; clients of the same source share one.
    pub budget: Budget,
    /// Which addresses it may reach.
    pub reach: Reach,
}

impl HttpOptions {
    /// The usual bounds: 5 s, 30 s, 32 MiB, 10 requests per second.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            allow_plain_http: false,
            tls_ca: None,
            auth: Auth::None,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            max_body: 32 << 20,
            json: JsonLimits::default(),
            budget: Budget::new(10.0),
            reach: Reach::default(),
        }
    }
}

/// A client. Clones share connections and budget.
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    client: Client,
    tls: Arc<rustls::ClientConfig>,
    origin: Origin,
    options: HttpOptions,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("host", &self.0.origin.host())
            .field("auth", &self.0.options.auth)
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client for the base address. Nothing is sent yet.
    #[expect(clippy::disallowed_methods, reason = "this is the one factory")]
    pub fn new(options: HttpOptions) -> Result<Self, CodedError> {
        let origin = Origin::parse(&options.base_url, options.allow_plain_http)?;
        let host = options.reach.check_host(origin.host());
        host.map_err(|e| error::from_resolve(&e, origin.host()))?;
        let tls = tls::config(options.tls_ca.as_deref())?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .dns_resolver(Arc::new(address::CheckedResolver(options.reach.clone())))
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(4)
            .tcp_keepalive(Duration::from_secs(30))
            .user_agent(concat!("OPTRIA-IQ/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| CodedError::invalid("http.url_invalid"))?;
        Ok(Self(Arc::new(Inner {
            client,
            tls: Arc::new(tls),
            origin,
            options,
        })))
    }

    /// The one origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The budget of requests.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.0.options.budget
    }

    /// The options it was made from.
    pub(crate) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    /// The TLS configuration, for a protocol that begins as HTTP (a websocket).
    #[must_use]
    pub fn tls_config(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.0.tls)
    }

    /// The header that signs a request in; the value is marked as sensitive.
    pub async fn authorization(&self) -> Result<Option<HeaderValue>, CodedError> {
        self.0.options.auth.header(self.0.origin.host()).await
    }

    /// The allowed addresses of the host.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, CodedError> {
        let (host, port) = (self.0.origin.host(), self.0.origin.port());
        let looked = address::look_up(host, port, &self.0.options.reach);
        match tokio::time::timeout(self.0.options.connect_timeout, looked).await {
            Ok(found) => found.map_err(|e| error::from_resolve(&e, host)),
            Err(_) => Err(error::upstream("http.dns_failed", host)),
        }
    }

    /// A connection to the port, before any byte is sent.
    pub async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, CodedError> {
        let (host, port) = (self.0.origin.host(), self.0.origin.port());
        let limit = self.0.options.connect_timeout;
        match tokio::time::timeout(limit, TcpStream::connect(addresses)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(e)) => Err(error::from_connect(&e, host, port)
                .unwrap_or_else(|| error::upstream("http.unreachable", host).with("port", port))),
            Err(_) => Err(error::tcp_timeout(host, port)),
        }
    }

    /// Sends a request. Every status but a redirect is an answer; [`Response::check`] tells success.
    pub async fn send(&self, request: Request) -> Result<Response, CodedError> {
        let inner = &*self.0;
        let (host, port) = (inner.origin.host(), inner.origin.port());
        let url = inner.origin.target(&request.target, &request.query)?;
        let path = url.path().to_owned();
        let headers = self.headers(&request).await?;
        inner.options.budget.acquire(request.items).await;
        let mut builder = inner.client.request(request.method, url).headers(headers);
        if let Payload::Bytes { bytes, .. } = request.payload {
            builder = builder.body(bytes);
        }
        let exchange = async {
            let started = Instant::now();
            let answer = builder
                .send()
                .await
                .map_err(|e| error::from_reqwest(&e, host, port))?;
            let first_byte = started.elapsed();
            let mut response = Response {
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                body: Vec::new(),
                first_byte,
                host: host.to_owned(),
                path,
                limits: inner.options.json,
            };
            if answer.status().is_redirection() {
                return Err(response.error());
            }
            if !request.status_only {
                response.body = body::read(answer, host, inner.options.max_body).await?;
            }
            Ok(response)
        };
        let total = request.total.unwrap_or(inner.options.total_timeout);
        let outcome = tokio::time::timeout(total, exchange)
            .await
            .unwrap_or_else(|_| Err(error::upstream("http.timeout", host)));
        if let Err(error) = &outcome {
            tracing::debug!(host, code = error.code, "request failed");
        }
        outcome
    }

    async fn headers(&self, request: &Request) -> Result<HeaderMap, CodedError> {
        let unusable = || CodedError::invalid("http.header_unusable");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Payload::Bytes { content_type, .. } = &request.payload {
            let value = HeaderValue::from_str(content_type).map_err(|_| unusable())?;
            headers.insert(CONTENT_TYPE, value);
        }
        if let Some(value) = self.authorization().await? {
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| unusable())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// A document; every status but success is an error.
    pub async fn get_json<T: DeserializeOwned>(&self, request: Request) -> Result<T, CodedError> {
        self.send(request).await?.check()?.json()
    }

    /// A text; every status but success is an error.
    pub async fn get_text(&self, request: Request) -> Result<String, CodedError> {
        Ok(self.send(request).await?.check()?.text())
    }

    /// Sends a document and reads one back.
    pub async fn post_json<T: DeserializeOwned>(
        &self,
        target: &str,
        document: &impl Serialize,
    ) -> Result<T, CodedError> {
        self.get_json(Request::post(target).json(document)).await
    }
}
