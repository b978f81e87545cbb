//! The way there and back: the address people are sent to, and the code they bring turned into tokens.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iq_domain::{CodedError, ProviderType};
use iq_http::Request;
use iq_secrets::{SecretString, random_bytes};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, TokenResponse, TokenUrl,
};
use serde_json::{Map, Value};

use crate::{Claims, Documents, Provider, missing, upstream, verify::unreadable};

/// What must stay here while a person is away at the provider.
pub struct Attempt {
    nonce: SecretString,
    verifier: SecretString,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(***)")
    }
}

impl Attempt {
    /// One whose nonce is known.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn with(nonce: &str) -> Self {
        let secret = |text: &str| SecretString::from(text.to_owned());
        Self {
            nonce: secret(nonce),
            verifier: secret("verifier"),
        }
    }

    pub(crate) fn nonce(&self) -> Nonce {
        Nonce::new(self.nonce.expose().to_owned())
    }

    /// As one secret text, for a place that is shared: to be sealed there.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        SecretString::new(format!(
            "{} {}",
            self.nonce.expose(),
            self.verifier.expose()
        ))
    }

    /// What [`Attempt::to_secret`] wrote.
    #[must_use]
    pub fn from_secret(text: &SecretString) -> Option<Self> {
        let (nonce, verifier) = text.expose().split_once(' ')?;
        let secret = |text: &str| SecretString::new(text.to_owned());
        (nonce.len() == 43 && verifier.len() == 43).then(|| Self {
            nonce: secret(nonce),
            verifier: secret(verifier),
        })
    }
}

/// What a person brings back.
#[derive(Clone)]
pub struct Callback {
    /// The code.
    pub code: SecretString,
    /// Who says to have issued it (RFC 9207).
    pub issuer: Option<String>,
}

/// What a code was exchanged for.
pub struct Tokens {
    pub(crate) id_token: SecretString,
    pub(crate) access_token: SecretString,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(***)")
    }
}

fn random() -> Result<String, CodedError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

fn unusable(address: &str) -> CodedError {
    upstream("sso.address_unusable").with("address", address)
}

/// The address a person signs in at, and what to keep until they are back with `state`.
///
/// # Errors
/// When an address of the metadata is none, or there is no randomness.
pub fn begin(
    provider: &Provider,
    documents: &Documents,
    state: &str,
) -> Result<(String, Attempt), CodedError> {
    let row = &provider.row;
    let metadata = &documents.metadata;
    let attempt = Attempt {
        nonce: SecretString::new(random()?),
        verifier: SecretString::new(random()?),
    };
    let verifier = PkceCodeVerifier::new(attempt.verifier.expose().to_owned());
    let address = &metadata.authorization_endpoint;
    let client = CoreClient::new(
        ClientId::new(row.client_id.clone()),
        issuer(metadata.issuer.clone())?,
        documents.keys.clone(),
    )
    .set_auth_uri(AuthUrl::new(address.clone()).map_err(|_| unusable(address))?)
    .set_redirect_uri(redirect(provider)?);
    let (state, nonce) = (state.to_owned(), attempt.nonce());
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(state),
            || nonce,
        )
        .add_scopes(
            row.scopes
                .iter()
                .filter(|s| *s != "openid")
                .cloned()
                .map(Scope::new),
        )
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    // At a machine many share, the person before may still be signed in at the provider.
    if row.provider_type != ProviderType::Okta {
        request = request.add_extra_param("prompt", "select_account");
    }
    // A hint for its page; the claim is what counts.
    if let Some(domain) = row.hosted_domain.as_deref().filter(|d| !d.is_empty()) {
        request = request.add_extra_param("hd", domain);
    }
    let (url, _, _) = request.url();
    Ok((url.into(), attempt))
}

fn issuer(text: String) -> Result<IssuerUrl, CodedError> {
    IssuerUrl::new(text.clone()).map_err(|_| unusable(&text))
}

fn redirect(provider: &Provider) -> Result<RedirectUrl, CodedError> {
    let uri = &provider.redirect_uri;
    RedirectUrl::new(uri.clone()).map_err(|_| unusable(uri))
}

/// Turns the code into tokens. The verifier leaves this program only here, towards the provider.
///
/// # Errors
/// `sso.answer_issuer_wrong`, `sso.client_refused`, `sso.code_refused`, and what fails on the way.
pub async fn exchange(
    provider: &Provider,
    documents: &Documents,
    attempt: &Attempt,
    callback: &Callback,
) -> Result<Tokens, CodedError> {
    check_answer_issuer(documents, callback)?;
    let metadata = &documents.metadata;
    let address = &metadata.token_endpoint;
    let mut client = CoreClient::new(
        ClientId::new(provider.row.client_id.clone()),
        issuer(metadata.issuer.clone())?,
        documents.keys.clone(),
    )
    .set_token_uri(TokenUrl::new(address.clone()).map_err(|_| unusable(address))?)
    .set_redirect_uri(redirect(provider)?)
    .set_auth_type(auth_type(
        metadata.token_endpoint_auth_methods_supported.as_deref(),
    ));
    if let Some(secret) = &provider.secret {
        client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
    }
    let http = |request: HttpRequest| send(provider.clone(), request);
    let answer: CoreTokenResponse = client
        .exchange_code(AuthorizationCode::new(callback.code.expose().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.expose().to_owned()))
        .request_async(&http)
        .await
        .map_err(refused)?;
    let id_token = answer.id_token().ok_or_else(|| missing("id_token"))?;
    Ok(Tokens {
        id_token: SecretString::new(id_token.to_string()),
        access_token: SecretString::new(answer.access_token().secret().clone()),
    })
}

/// An answer that names its issuer must name the right one: else a code of one provider could be
/// handed to another.
fn check_answer_issuer(documents: &Documents, callback: &Callback) -> Result<(), CodedError> {
    let metadata = &documents.metadata;
    match &callback.issuer {
        Some(found) if *found == metadata.issuer => Ok(()),
        Some(found) => Err(upstream("sso.answer_issuer_wrong")
            .with("expected", &metadata.issuer)
            .with("found", found)),
        None if metadata.authorization_response_iss_parameter_supported => Err(missing("iss")),
        None => Ok(()),
    }
}

fn auth_type(methods: Option<&[String]>) -> AuthType {
    let offers = |method: &str| methods.is_some_and(|all| all.iter().any(|m| m == method));
    if offers("client_secret_post") && !offers("client_secret_basic") {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

fn refused(
    error: RequestTokenError<CodedError, StandardErrorResponse<CoreErrorResponseType>>,
) -> CodedError {
    match error {
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => {
                upstream("sso.client_refused")
            }
            other => upstream("sso.code_refused").with("answer", other.as_ref()),
        },
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(_, answer) => unreadable(&answer),
        RequestTokenError::Other(_) => upstream("sso.answer_unreadable"),
    }
}

/// Carries a request of the protocol's library over our own client.
async fn send(provider: Provider, request: HttpRequest) -> Result<HttpResponse, CodedError> {
    let (parts, body) = request.into_parts();
    let address = parts.uri.to_string();
    let client = provider.client(&address)?;
    let mut out = Request::new(parts.method, address);
    let mut content_type = "application/x-www-form-urlencoded".to_owned();
    for (name, value) in &parts.headers {
        let Ok(value) = value.to_str() else { continue };
        match name.as_str() {
            "content-type" => content_type = value.to_owned(),
            // Set by the client itself.
            "accept" => {}
            _ => out = out.header(name.as_str(), value),
        }
    }
    let answer = client.send(out.body(&content_type, body)).await?;
    let unreadable = || upstream("sso.answer_unreadable");
    let mut response = openidconnect::http::Response::builder().status(answer.status);
    if let Some(kind) = answer.header("content-type") {
        response = response.header("content-type", kind);
    }
    response.body(answer.body).map_err(|_| unreadable())
}

/// Adds what the provider says of the person beyond the token: one that keeps strictly to the
/// standard puts the subject alone into it. What the token says stays.
///
/// # Errors
/// `sso.userinfo_other_person`. That nothing more can be learned is none: the missing claim is named
/// where it is needed.
pub async fn with_user_info(
    provider: &Provider,
    documents: &Documents,
    tokens: &Tokens,
    mut claims: Claims,
) -> Result<Claims, CodedError> {
    let group_claim = &provider.row.group_claim;
    let wants_groups = provider.row.owns_role() && !claims.has(group_claim);
    let is_complete = claims.has("email") && claims.has("name") && !wants_groups;
    let Some(address) = documents
        .metadata
        .userinfo_endpoint
        .as_deref()
        .filter(|_| !is_complete)
    else {
        return Ok(claims);
    };
    let header = format!("Bearer {}", tokens.access_token.expose());
    let answer = async {
        let request = Request::get(address).header("authorization", header);
        let answer = provider.client(address)?.send(request).await?.check()?;
        answer.json::<Map<String, Value>>()
    };
    match answer.await {
        Ok(more) => claims.add(more)?,
        Err(error) => {
            tracing::warn!(provider = %provider.row.id, code = error.code, "The provider says nothing more of a person.");
        }
    }
    Ok(claims)
}
