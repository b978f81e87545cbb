//! Whether an id token is what it says: signature, issuer, audience, times, nonce.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use iq_domain::{CodedError, Timestamp};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm as Alg};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError as Wrong, ClientId, IssuerUrl,
    SignatureVerificationError as Signature,
};
use serde_json::{Map, Value};

use crate::{Attempt, CLOCK_LEEWAY_MS, Claims, Documents, Provider, Tokens, missing, upstream};

/// Signatures that are accepted: those with a key only the provider has.
const ALGORITHMS: [Alg; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

/// Why a token is not taken.
#[derive(Debug)]
pub struct Refused {
    /// The reason.
    pub error: CodedError,
    /// Newer keys may say otherwise: the provider changes them without notice.
    pub may_be_new_key: bool,
}

impl From<CodedError> for Refused {
    fn from(error: CodedError) -> Self {
        Self {
            error,
            may_be_new_key: false,
        }
    }
}

/// The claims of the token, once everything about it holds.
///
/// # Errors
/// The first thing that does not hold; a claim that is missing is named.
pub fn verify(
    provider: &Provider,
    documents: &Documents,
    attempt: &Attempt,
    tokens: &Tokens,
    now: Timestamp,
) -> Result<Claims, Refused> {
    let payload = payload_of(tokens.id_token.expose())?;
    all_there(&payload)?;
    let token = CoreIdToken::from_str(tokens.id_token.expose())
        .map_err(|_| upstream("sso.token_unreadable"))?;
    let issuer = documents.metadata.issuer.clone();
    let verifier = verifier(provider, documents, now)?;
    let nonce = attempt.nonce();
    let found = token.claims(&verifier, &nonce).map_err(|wrong| {
        let found = payload.get("iss").and_then(Value::as_str).unwrap_or("-");
        refused(&wrong, &issuer, found)
    })?;
    if let Some(expected) = found.access_token_hash() {
        let access = AccessToken::new(tokens.access_token.expose().to_owned());
        let unsigned = |_| upstream("sso.signature_wrong");
        let algorithm = token.signing_alg().map_err(unsigned)?;
        let key = token.signing_key(&verifier).map_err(unsigned)?;
        let actual = AccessTokenHash::from_token(&access, algorithm, key)
            .map_err(|_| upstream("sso.signature_wrong"))?;
        if actual != *expected {
            return Err(upstream("sso.token_belongs_elsewhere").into());
        }
    }
    check_rest(provider, &payload, now)?;
    let subject = found.subject().as_str().to_owned();
    Ok(Claims::new(issuer, subject, payload))
}

/// The claims every token needs.
fn all_there(payload: &Map<String, Value>) -> Result<(), CodedError> {
    let lost = ["iss", "sub", "aud", "exp", "iat", "nonce"]
        .into_iter()
        .find(|claim| !payload.contains_key(*claim));
    lost.map_or(Ok(()), |claim| Err(missing(claim)))
}

/// What an answer lacks that the library could not read: it takes a token apart at once and does not
/// say which claim it looked for.
pub(crate) fn unreadable(answer: &[u8]) -> CodedError {
    let other = || upstream("sso.answer_unreadable");
    let Ok(answer) = serde_json::from_slice::<Map<String, Value>>(answer) else {
        return other();
    };
    let token = answer.get("id_token").and_then(Value::as_str);
    let payload = token.and_then(|token| payload_of(token).ok());
    payload
        .and_then(|payload| all_there(&payload).err())
        .unwrap_or_else(other)
}

fn verifier<'a>(
    provider: &Provider,
    documents: &Documents,
    now: Timestamp,
) -> Result<CoreIdTokenVerifier<'a>, CodedError> {
    let issuer = IssuerUrl::new(documents.metadata.issuer.clone())
        .map_err(|_| upstream("sso.token_unreadable"))?;
    // An end a minute ago still counts: no two clocks are the same.
    let lenient = chrono::DateTime::from_timestamp_millis(now.0 - CLOCK_LEEWAY_MS)
        .unwrap_or(chrono::DateTime::UNIX_EPOCH);
    Ok(CoreIdTokenVerifier::new_public_client(
        ClientId::new(provider.row.client_id.clone()),
        issuer,
        documents.keys.clone(),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_time_fn(move || lenient))
}

/// What the token says, not yet believed.
fn payload_of(token: &str) -> Result<Map<String, Value>, CodedError> {
    let unreadable = || upstream("sso.token_unreadable");
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unreadable());
    };
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| unreadable())?;
    serde_json::from_slice(&bytes).map_err(|_| unreadable())
}

/// What the library leaves to its user: issued and valid from before now, and meant for us.
fn check_rest(
    provider: &Provider,
    payload: &Map<String, Value>,
    now: Timestamp,
) -> Result<(), CodedError> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
    let latest_s = (now.0 + CLOCK_LEEWAY_MS) as f64 / 1_000.0;
    for claim in ["iat", "nbf"] {
        let Some(at) = payload.get(claim) else {
            continue;
        };
        if at.as_f64().is_none_or(|at| at > latest_s) {
            return Err(upstream("sso.token_from_the_future").with("claim", claim));
        }
    }
    match payload.get("azp").and_then(Value::as_str) {
        Some(party) if party != provider.row.client_id => Err(upstream("sso.audience_wrong")),
        _ => Ok(()),
    }
}

fn refused(wrong: &Wrong, expected: &str, found: &str) -> Refused {
    let mut may_be_new_key = false;
    let error = match wrong {
        Wrong::Expired(_) => upstream("sso.token_expired"),
        Wrong::InvalidAudience(_) => upstream("sso.audience_wrong"),
        Wrong::InvalidIssuer(_) => upstream("sso.token_issuer_wrong")
            .with("expected", expected)
            .with("found", found),
        Wrong::InvalidNonce(_) => upstream("sso.nonce_wrong"),
        Wrong::SignatureVerification(
            Signature::DisallowedAlg(_) | Signature::NoSignature | Signature::UnsupportedAlg(_),
        ) => upstream("sso.algorithm_refused"),
        Wrong::SignatureVerification(Signature::NoMatchingKey) => {
            may_be_new_key = true;
            upstream("sso.key_unknown")
        }
        Wrong::SignatureVerification(_) => {
            may_be_new_key = true;
            upstream("sso.signature_wrong")
        }
        _ => upstream("sso.token_unreadable"),
    };
    Refused {
        error,
        may_be_new_key,
    }
}
