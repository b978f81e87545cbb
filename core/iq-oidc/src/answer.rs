//! The answer a person brings back from a provider, turned into verified claims.

use std::sync::Arc;

use iq_domain::{CodedError, Timestamp};
use iq_secrets::SecretString;

use crate::{
    Attempt, Callback, Claims, Documents, Provider, exchange, missing, upstream, verify,
    with_user_info,
};

/// Longest parameter a provider sends back.
const PARAMETER_CHARS: usize = 8_192;

/// The parameters of an answer, as the browser brings them.
pub struct Answered {
    /// What the provider gives for a sign-in.
    pub code: Option<String>,
    /// Who issued the answer (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// The verified claims of an answer, with the documents where they had to be read again.
///
/// # Errors
/// `sso.access_denied`, `sso.provider_refused`, and whatever about the answer does not hold; a claim
/// that is missing is named.
pub async fn answer(
    provider: &Provider,
    documents: &Documents,
    attempt: &Attempt,
    answered: Answered,
    now: Timestamp,
) -> Result<(Claims, Option<Arc<Documents>>), CodedError> {
    if let Some(error) = &answered.error {
        return Err(refused(error));
    }
    let code = answered.code.filter(|code| code.len() <= PARAMETER_CHARS);
    let callback = Callback {
        code: SecretString::new(code.ok_or_else(|| missing("code"))?),
        issuer: answered.issuer,
    };
    let tokens = exchange(provider, documents, attempt, &callback).await?;
    let mut newer = None;
    let verified = match verify(provider, documents, attempt, &tokens, now) {
        // The provider may have changed its keys since they were read: once more with the present ones.
        Err(refused) if refused.may_be_new_key => {
            let present = Arc::new(documents.with_new_keys(provider).await?);
            let verified = verify(provider, &present, attempt, &tokens, now);
            newer = Some(present);
            verified
        }
        other => other,
    };
    let claims = verified.map_err(|refused| refused.error)?;
    let claims = with_user_info(provider, documents, &tokens, claims).await?;
    Ok((claims, newer))
}

/// The codes of the standard; anything else a provider writes there is not repeated.
fn refused(error: &str) -> CodedError {
    let code = match error {
        "access_denied" => "sso.access_denied",
        _ => "sso.provider_refused",
    };
    let is_word = error.len() <= 60 && error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    upstream(code).with("answer", if is_word { error } else { "-" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_refuses_is_quoted_by_the_words_of_the_standard_alone() {
        let said = |error: &str| refused(error).params["answer"].clone();
        assert_eq!(said("login_required"), "login_required");
        assert_eq!(said("Call 0800-EVIL now"), "-");
        assert_eq!(refused("access_denied").code, "sso.access_denied");
    }
}
