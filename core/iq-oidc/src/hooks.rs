//! For tests alone: documents and tokens of a provider that is none, read as at a sign-in. The feature
//! that brings this is for tests only.

use iq_domain::Timestamp;
use iq_secrets::SecretString;

use crate::{
    Claims, Documents, Provider, Refused, Tokens, check_settings,
    documents::{check_endpoints, check_issuer, parse, usable_keys},
    flow::Attempt,
    verify,
};

/// Reads the metadata and the keys of a provider; both, where they can be used.
#[must_use]
pub fn read_documents(provider: &Provider, metadata: &[u8], keys: &[u8]) -> Option<Documents> {
    check_settings(&provider.row).ok()?;
    let metadata = parse(metadata, "sso.metadata_unreadable").ok()?;
    let keys = parse(keys, "sso.keys_unreadable").ok()?;
    check_issuer(provider, &metadata).ok()?;
    check_endpoints(provider, &metadata).ok()?;
    (usable_keys(&keys) > 0).then_some(Documents { metadata, keys })
}

/// Checks a token of an attempt whose nonce is `nonce`.
///
/// # Errors
/// As [`verify()`].
pub fn read_token(
    provider: &Provider,
    documents: &Documents,
    token: &str,
    now: Timestamp,
) -> Result<Claims, Refused> {
    let tokens = Tokens {
        id_token: SecretString::from(token.to_owned()),
        access_token: SecretString::from("access".to_owned()),
    };
    verify(provider, documents, &Attempt::with("nonce"), &tokens, now)
}
