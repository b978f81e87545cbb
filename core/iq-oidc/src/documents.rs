//! The two documents of a provider: its metadata and its keys, read or pinned.

use iq_domain::CodedError;
use iq_http::Response;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet};
use openidconnect::{JsonWebKey, JsonWebKeyUse};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Provider, upstream};

/// What is used of the metadata.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// Who issues tokens.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where a code becomes tokens.
    pub token_endpoint: String,
    /// Where the keys are.
    pub jwks_uri: String,
    /// Where more is said of a person.
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    /// Ways to protect a code; not every provider says.
    #[serde(default)]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Ways a client signs in; `client_secret_basic` where it is not said.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether answers name their issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Both documents.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Metadata; its issuer is the one of the settings.
    pub metadata: Metadata,
    /// Keys.
    pub keys: CoreJsonWebKeySet,
}

impl Documents {
    /// Reads both documents, or takes those that were pinned.
    ///
    /// # Errors
    /// What failed on the way, and what is wrong with a document.
    pub async fn read(provider: &Provider) -> Result<Self, CodedError> {
        let (metadata, _) = read_metadata(provider).await?;
        check_issuer(provider, &metadata)?;
        check_endpoints(provider, &metadata)?;
        let keys = read_keys(provider, &metadata).await?;
        Ok(Self { metadata, keys })
    }

    /// The same with the keys as they are now.
    ///
    /// # Errors
    /// As [`Documents::read`].
    pub async fn with_new_keys(&self, provider: &Provider) -> Result<Self, CodedError> {
        let keys = read_keys(provider, &self.metadata).await?;
        let metadata = self.metadata.clone();
        Ok(Self { metadata, keys })
    }
}

pub(crate) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    code: &'static str,
) -> Result<T, CodedError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("{}:{}", error.line(), error.column());
        upstream(code).with("place", place)
    })
}

/// The metadata, with the answer they came in unless they are pinned.
pub(crate) async fn read_metadata(
    provider: &Provider,
) -> Result<(Metadata, Option<Response>), CodedError> {
    let code = "sso.metadata_unreadable";
    if let Some(pinned) = &provider.row.pinned_metadata {
        return Ok((parse(pinned.as_bytes(), code)?, None));
    }
    let issuer = provider.issuer()?;
    let address = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let answer = provider.get(&address).await?;
    Ok((parse(&answer.body, code)?, Some(answer)))
}

/// The issuer must be the expected one to the letter, the slash at its end included.
pub(crate) fn check_issuer(provider: &Provider, metadata: &Metadata) -> Result<(), CodedError> {
    let expected = provider.issuer()?;
    if metadata.issuer == expected {
        return Ok(());
    }
    let code = if metadata.issuer.contains("{tenantid}") {
        "sso.issuer_template"
    } else {
        "sso.issuer_differs"
    };
    Err(upstream(code)
        .with("expected", expected)
        .with("found", &metadata.issuer))
}

pub(crate) fn check_endpoints(provider: &Provider, metadata: &Metadata) -> Result<(), CodedError> {
    for address in [
        &metadata.authorization_endpoint,
        &metadata.token_endpoint,
        &metadata.jwks_uri,
    ] {
        provider.address(address)?;
    }
    match &metadata.code_challenge_methods_supported {
        Some(methods) if !methods.iter().any(|m| m == "S256") => Err(upstream("sso.pkce_missing")),
        _ => Ok(()),
    }
}

pub(crate) async fn read_keys(
    provider: &Provider,
    metadata: &Metadata,
) -> Result<CoreJsonWebKeySet, CodedError> {
    let code = "sso.keys_unreadable";
    let keys: CoreJsonWebKeySet = match &provider.row.pinned_keys {
        Some(pinned) => parse(pinned.as_bytes(), code)?,
        None => parse(&provider.get(&metadata.jwks_uri).await?.body, code)?,
    };
    if usable_keys(&keys) == 0 {
        return Err(upstream("sso.no_keys"));
    }
    Ok(keys)
}

/// Keys that may sign; those we can't read are not among them.
pub(crate) fn usable_keys(keys: &CoreJsonWebKeySet) -> usize {
    let may_sign =
        |key: &&CoreJsonWebKey| key.key_use().is_none_or(JsonWebKeyUse::allows_signature);
    keys.keys().iter().filter(may_sign).count()
}
