//! A provider as it was set up, and its way out over HTTP.

use std::{fmt, time::Duration};

use iq_domain::{CodedError, IdentityProvider, ProviderType};
use iq_http::{HttpClient, HttpOptions, Origin, Reach, Request, Response};
use iq_secrets::SecretString;
use url::Url;

/// Largest document of a provider.
pub(crate) const MAX_DOCUMENT: usize = 1 << 20;
const TOTAL: Duration = Duration::from_secs(15);

/// What talking to a provider needs.
#[derive(Clone)]
pub struct Provider {
    /// Its row.
    pub row: IdentityProvider,
    /// The client's secret, where there is one.
    pub secret: Option<SecretString>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// Which addresses it may be at.
    pub reach: Reach,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("id", &self.row.id)
            .finish_non_exhaustive()
    }
}

/// Whether the settings can lead anywhere.
///
/// # Errors
/// `sso.directory_not_a_guid`, `sso.issuer_missing`, or what is wrong with the address.
pub fn check_settings(row: &IdentityProvider) -> Result<(), CodedError> {
    let issuer = issuer_of(row)?;
    Origin::parse(&issuer, row.accept_plain_http).map(drop)
}

/// Whether a text holds certificates that can be trusted.
#[must_use]
pub fn are_certificates(text: &str) -> bool {
    iq_http::check_certificates(text).is_ok()
}

fn issuer_of(row: &IdentityProvider) -> Result<String, CodedError> {
    let given = row.issuer_url.as_deref().map(str::trim);
    let given = given.filter(|url| !url.is_empty()).map(str::to_owned);
    match row.provider_type {
        ProviderType::AzureAd => {
            // "common" and its like give tokens of any organisation in the world.
            let directory = row.directory_id.as_deref().unwrap_or_default();
            if !is_guid(directory) {
                return Err(CodedError::invalid("sso.directory_not_a_guid"));
            }
            let usual = || format!("https://login.microsoftonline.com/{directory}/v2.0");
            Ok(given.unwrap_or_else(usual))
        }
        ProviderType::Google => {
            Ok(given.unwrap_or_else(|| "https://accounts.google.com".to_owned()))
        }
        ProviderType::Okta => given.ok_or_else(|| CodedError::invalid("sso.issuer_missing")),
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

impl Provider {
    /// The issuer that every document and token must name, to the letter.
    ///
    /// # Errors
    /// As [`check_settings`].
    pub fn issuer(&self) -> Result<String, CodedError> {
        issuer_of(&self.row)
    }

    /// A client for the place of an address.
    pub(crate) fn client(&self, address: &str) -> Result<HttpClient, CodedError> {
        let mut base = self.address(address)?;
        base.set_path("/");
        base.set_query(None);
        base.set_fragment(None);
        let mut options = HttpOptions::new(base.as_str());
        options.allow_plain_http = self.row.accept_plain_http;
        options.tls_ca.clone_from(&self.row.tls_ca);
        options.total_timeout = TOTAL;
        options.max_body = MAX_DOCUMENT;
        options.reach = self.reach.clone();
        HttpClient::new(options)
    }

    /// An address a document names; without encryption only where a person accepted that.
    pub(crate) fn address(&self, address: &str) -> Result<Url, CodedError> {
        let unusable = || crate::upstream("sso.address_unusable").with("address", address);
        let url = Url::parse(address).map_err(|_| unusable())?;
        let is_usable = url.host_str().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        match url.scheme() {
            "https" if is_usable => Ok(url),
            "http" if is_usable && self.row.accept_plain_http => Ok(url),
            "http" if is_usable => Err(CodedError::invalid("http.plain_refused")),
            _ => Err(unusable()),
        }
    }

    pub(crate) async fn get(&self, address: &str) -> Result<Response, CodedError> {
        self.client(address)?
            .send(Request::get(address))
            .await?
            .check()
    }
}
