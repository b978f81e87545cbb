//! The connection to a maintenance system: signed in, bounded, within the budget of requests.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_connector::{ConnectorContext, ExposeSecret};
use iq_domain::CodedError;
use iq_http::{Budget, HttpClient, HttpOptions, Request, Response};
use serde_json::Value;

use crate::{
    config::{Credentials, Settings},
    dialect::{Dialect, Set},
    error::{of_status, upstream},
    odata, sap,
    token::{Tokens, repeats_any},
};

/// Requests per second; a maintenance system serves people first.
pub(crate) const REQUESTS_PER_SECOND: f64 = 5.0;

/// The token for changing requests, with the cookies of its session.
pub(crate) struct Csrf {
    token: String,
    cookies: String,
}

/// A connection. It holds no session of its own; every request signs in.
pub(crate) struct Link {
    pub(crate) dialect: Dialect,
    pub(crate) settings: Settings,
    pub(crate) ctx: ConnectorContext,
    http: HttpClient,
    tokens: Tokens,
}

/// A document with what its answer tells about the source's clock.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) date_ms: Option<i64>,
    pub(crate) took: Duration,
}

impl Link {
    /// A connection; nothing is sent yet.
    pub(crate) fn new(
        ctx: &ConnectorContext,
        dialect: Dialect,
        tokens: &Tokens,
        budget: Budget,
    ) -> Result<Self, CodedError> {
        let settings = Settings::from_context(ctx)?;
        let mut options = HttpOptions::new(settings.base_url.clone());
        options.tls_ca.clone_from(&settings.tls_ca);
        options.allow_plain_http = settings.allow_plain_http;
        options.budget = budget;
        Ok(Self {
            dialect,
            http: HttpClient::new(options)?,
            settings,
            ctx: ctx.clone(),
            tokens: tokens.clone(),
        })
    }

    /// The client beneath.
    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Host name.
    pub(crate) fn host(&self) -> &str {
        self.http.origin().host()
    }

    /// Whether the sign-in is by a token, which can be renewed.
    pub(crate) fn is_token(&self) -> bool {
        matches!(self.settings.credentials, Credentials::Client { .. })
    }

    /// Signs in anew and forgets the token in use.
    pub(crate) async fn sign_in(&self, is_fresh: bool) -> Result<String, CodedError> {
        match &self.settings.credentials {
            Credentials::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                Ok(format!("Basic {}", STANDARD.encode(pair)))
            }
            Credentials::Client { .. } => {
                let token = self
                    .tokens
                    .token(&self.ctx, &self.settings, is_fresh)
                    .await?;
                Ok(format!("Bearer {}", token.expose_secret()))
            }
        }
    }

    /// A request with everything that goes along with each.
    fn dressed(&self, request: Request) -> Request {
        let headers = self.dialect.headers().iter();
        headers.fold(request, |r, (name, value)| r.header(*name, *value))
    }

    /// Asks without credentials.
    pub(crate) async fn knock(&self) -> Result<Response, CodedError> {
        let root = self.dialect.root(&self.settings);
        self.http.send(self.dressed(Request::get(root))).await
    }

    /// Sends a request signed in; a refused token is renewed once.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, CodedError> {
        let request = self.dressed(request);
        let signed = request
            .clone()
            .header("Authorization", self.sign_in(false).await?);
        let answer = self.http.send(signed).await?;
        if answer.status != 401 || !self.is_token() {
            return Ok(answer);
        }
        let signed = request.header("Authorization", self.sign_in(true).await?);
        self.http.send(signed).await
    }

    /// The coded error of an answer that is no success. What it says is left out where it repeats what
    /// we signed in with.
    pub(crate) fn error_of(&self, answer: &Response) -> CodedError {
        let said = self.dialect.said(&answer.body);
        let (host, fallback) = (self.host(), answer.error());
        let mut error = of_status(answer.status, said, host, self.is_token(), fallback);
        let sent = self.tokens.sent(&self.ctx, &self.settings);
        let told = error.params.iter_mut().filter(|(name, _)| *name != "host");
        for (_, words) in told.filter(|(_, words)| repeats_any(words, &sent)) {
            "-".clone_into(words);
        }
        error
    }

    /// A document.
    pub(crate) async fn get(&self, target: String, rows: usize) -> Result<Answer, CodedError> {
        let answer = self.send(Request::get(target).items(rows)).await?;
        if !answer.is_success() {
            return Err(self.error_of(&answer));
        }
        self.note(&answer);
        Ok(Answer {
            body: answer.json()?,
            date_ms: answer.date_ms(),
            took: answer.first_byte,
        })
    }

    /// The description of a service, if it gives one.
    pub(crate) async fn metadata(&self, set: Set) -> Option<String> {
        let request =
            Request::get(sap::metadata(&self.settings, set)).header("Accept", "application/xml");
        let answer = self.send_as_is(request).await.ok()?;
        answer.is_success().then(|| answer.text())
    }

    /// Sends a request signed in, without the headers that go along with the others.
    async fn send_as_is(&self, request: Request) -> Result<Response, CodedError> {
        let request = request.header("Authorization", self.sign_in(false).await?);
        self.http.send(request).await
    }

    /// Fetches the token for changing requests of a service. Nothing is changed by that.
    pub(crate) async fn csrf(&self, set: Set) -> Result<Csrf, CodedError> {
        let root = sap::service_root(&self.settings, set);
        let answer = self
            .send(Request::get(root).header("X-CSRF-Token", "Fetch"))
            .await?;
        if !answer.is_success() {
            return Err(self.error_of(&answer));
        }
        let token = answer.header("x-csrf-token").unwrap_or_default();
        let is_token =
            !token.is_empty() && token.len() <= 1_000 && !token.eq_ignore_ascii_case("required");
        if !is_token {
            return Err(upstream("eam.no_csrf_token", self.host()));
        }
        let cookies: Vec<String> = answer.cookies().into_iter().take(20).collect();
        let cookies = cookies.join("; ");
        Ok(Csrf {
            token: token.to_owned(),
            cookies: if cookies.len() <= 8_000 {
                cookies
            } else {
                String::new()
            },
        })
    }

    /// Creates something, once. A refused sign-in is not tried again here.
    pub(crate) async fn create(
        &self,
        path: &str,
        payload: &Value,
        csrf: Option<&Csrf>,
        authorization: &str,
    ) -> Result<Response, CodedError> {
        let mut request = self
            .dressed(Request::post(path).json(payload))
            .header("Authorization", authorization);
        if let Some(csrf) = csrf {
            request = request.header("X-CSRF-Token", &csrf.token);
            if !csrf.cookies.is_empty() {
                request = request.header("Cookie", &csrf.cookies);
            }
        }
        let answer = self.http.send(request).await?;
        self.note(&answer);
        Ok(answer)
    }

    /// What the source remarks beside its answer goes to the log.
    fn note(&self, answer: &Response) {
        for (severity, words) in answer
            .header("sap-message")
            .map(odata::notes)
            .unwrap_or_default()
        {
            let sent = self.tokens.sent(&self.ctx, &self.settings);
            if severity != "info" && !repeats_any(&words, &sent) {
                tracing::info!(integration = %self.ctx.integration_id, severity, words, "remark of the source");
            }
        }
    }
}
