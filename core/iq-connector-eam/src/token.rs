//! Tokens for the sign-in with client id and secret: fetched, kept until shortly before they end,
//! fetched once more when the source no longer takes them.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_connector::{ConnectorContext, ExposeSecret, SecretString};
use iq_domain::{CodedError, IntegrationId, Timestamp};
use iq_http::{HttpClient, HttpOptions, JsonLimits, Request, parse_json};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    config::{Credentials, Settings},
    error::upstream,
};

/// Longest token taken; beyond it no header would carry it.
const MAX_TOKEN: usize = 16_384;
/// Largest answer of a token server.
const MAX_ANSWER: usize = 256 << 10;
/// Most integrations whose tokens are kept.
const MAX_KEPT: usize = 500;

struct Kept {
    made_from: [u8; 32],
    token: SecretString,
    until: Timestamp,
}

/// The tokens in use, by integration. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<HashMap<IntegrationId, Kept>>>);

fn fingerprint(id: &str, secret: &SecretString, url: &str, scope: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [id, secret.expose_secret(), url, scope] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

impl Tokens {
    /// The token in use, if any.
    fn in_use(&self, id: IntegrationId) -> Option<SecretString> {
        self.0.lock().get(&id).map(|kept| kept.token.clone())
    }

    /// Everything secret that a sign-in sends, as it was given and as it goes over the line. Whoever
    /// answers must not be able to make us print any of it.
    pub(crate) fn sent(&self, ctx: &ConnectorContext, settings: &Settings) -> Vec<String> {
        match &settings.credentials {
            Credentials::Basic { user, password } => {
                let password = password.expose_secret();
                vec![password.to_owned(), basic(user, password)]
            }
            Credentials::Client { id, secret, .. } => {
                let token = self.in_use(ctx.integration_id);
                let mut sent = sent_by_client(id, secret.expose_secret());
                sent.extend(token.map(|token| token.expose_secret().to_owned()));
                sent
            }
        }
    }

    /// A token that is still good, fetched if need be. `is_fresh` asks for a new one: the last was
    /// refused, or a test wants to see the sign-in itself.
    pub(crate) async fn token(
        &self,
        ctx: &ConnectorContext,
        settings: &Settings,
        is_fresh: bool,
    ) -> Result<SecretString, CodedError> {
        let Credentials::Client {
            id,
            secret,
            token_url,
            scope,
        } = &settings.credentials
        else {
            return Err(CodedError::invalid("connector.field_required").with("field", "client_id"));
        };
        let made_from = fingerprint(id, secret, token_url, scope);
        let now = ctx.clock.now();
        if !is_fresh {
            let kept = self.0.lock();
            let found = kept.get(&ctx.integration_id);
            if let Some(found) = found.filter(|k| k.made_from == made_from && now < k.until) {
                return Ok(found.token.clone());
            }
        }
        let (token, seconds) = fetch(settings, id, secret, token_url, scope).await?;
        let until = now.plus_ms(seconds.saturating_mul(900));
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, k| now < k.until);
        }
        kept.insert(
            ctx.integration_id,
            Kept {
                made_from,
                token: token.clone(),
                until,
            },
        );
        Ok(token)
    }
}

/// What a client sends a token server: the secret, and both ways of signing in with it.
fn sent_by_client(id: &str, secret: &str) -> Vec<String> {
    let encoded = basic(&form_encoded(id), &form_encoded(secret));
    vec![secret.to_owned(), basic(id, secret), encoded]
}

async fn fetch(
    settings: &Settings,
    id: &str,
    secret: &SecretString,
    url: &str,
    scope: &str,
) -> Result<(SecretString, i64), CodedError> {
    let mut options = HttpOptions::new(url);
    options.tls_ca.clone_from(&settings.tls_ca);
    options.allow_plain_http = settings.allow_plain_http;
    options.max_body = MAX_ANSWER;
    let client = HttpClient::new(options)?;
    let mut form = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        form.push(("scope", scope));
    }
    let request = Request::post(url.trim()).form(&form);
    // The standard wants both form-encoded before they are joined (RFC 6749, 2.3.1); SAP's own token
    // servers and many others take them as they are. Where the two differ, the second way is tried.
    let plain = basic(id, secret.expose_secret());
    let encoded = basic(&form_encoded(id), &form_encoded(secret.expose_secret()));
    let signed = |header: &str| request.clone().header("Authorization", header);
    let mut answer = client.send(signed(&plain)).await?;
    if matches!(answer.status, 400 | 401) && encoded != plain {
        answer = client.send(signed(&encoded)).await?;
    }
    let host = client.origin().host();
    if matches!(answer.status, 400 | 401 | 403) {
        let mut detail = answer.detail();
        if repeats_any(&detail, &sent_by_client(id, secret.expose_secret())) {
            "-".clone_into(&mut detail);
        }
        return Err(upstream("eam.client_refused", host).with("detail", detail));
    }
    let body = answer.check()?.body;
    read(&body, host)
}

/// Whether a text holds any of what was sent, or a telling part of it.
pub(crate) fn repeats_any(text: &str, sent: &[String]) -> bool {
    sent.iter().any(|sent| repeats(text, sent))
}

/// Whether a text holds what was sent, or a telling part of it: answers are cut anywhere.
fn repeats(text: &str, sent: &str) -> bool {
    const TELLING: usize = 8;
    let sent = sent.trim_start_matches("Basic ").as_bytes();
    if sent.len() <= TELLING {
        return !sent.is_empty() && text.as_bytes().windows(sent.len()).any(|w| w == sent);
    }
    sent.windows(TELLING)
        .any(|part| text.as_bytes().windows(TELLING).any(|w| w == part))
}

/// Token and seconds it lives.
fn read(body: &[u8], host: &str) -> Result<(SecretString, i64), CodedError> {
    let limits = JsonLimits {
        depth: 8,
        nodes: 1_000,
    };
    let body: Value = parse_json(body, host, limits)?;
    let unusable = || upstream("eam.token_unusable", host);
    let token = body
        .get("access_token")
        .and_then(Value::as_str)
        .ok_or_else(unusable)?;
    let kind = body
        .get("token_type")
        .and_then(Value::as_str)
        .unwrap_or("bearer");
    let is_usable = !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(|b| b.is_ascii_graphic())
        && kind.eq_ignore_ascii_case("bearer");
    if !is_usable {
        return Err(unusable());
    }
    let seconds = match body.get("expires_in") {
        Some(Value::Number(n)) => n.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    Ok((
        SecretString::from(token),
        seconds.unwrap_or(300).clamp(0, 86_400),
    ))
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn form_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_only_when_a_header_can_carry_it() {
        let read = |body: &str| {
            read(body.as_bytes(), "login").map(|(t, s)| (t.expose_secret().to_owned(), s))
        };
        assert_eq!(
            read(r#"{"access_token":"eyJ.abc","token_type":"Bearer","expires_in":3600}"#).unwrap(),
            ("eyJ.abc".into(), 3_600)
        );
        assert_eq!(
            read(r#"{"access_token":"a","expires_in":"43199"}"#)
                .unwrap()
                .1,
            43_199
        );
        assert_eq!(
            read(r#"{"access_token":"a","expires_in":-5}"#).unwrap().1,
            0
        );
        assert_eq!(
            read(r#"{"access_token":"a","expires_in":9e18}"#).unwrap().1,
            300
        );
        for bad in [
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r"{}",
            r"[]",
        ] {
            assert_eq!(read(bad).unwrap_err().code, "eam.token_unusable", "{bad}");
        }
    }

    #[test]
    fn an_answer_that_repeats_what_was_sent_is_noticed_also_when_it_is_cut() {
        let sent = basic("client", "a long secret of the plant");
        assert!(repeats(&format!("you sent {sent}"), &sent));
        assert!(repeats(&sent[..30], &sent));
        assert!(repeats("secret: s3", "s3"));
        assert!(!repeats("invalid_client: unknown", &sent));
    }

    #[test]
    fn a_changed_secret_does_not_find_the_old_token() {
        let a = fingerprint("id", &"one".into(), "u", "");
        assert_ne!(a, fingerprint("id", &"two".into(), "u", ""));
        assert_ne!(
            fingerprint("ab", &"c".into(), "u", ""),
            fingerprint("a", &"bc".into(), "u", "")
        );
    }

    #[test]
    fn client_names_are_encoded_before_they_are_joined() {
        assert_eq!(form_encoded("sb-client!b1|x:y"), "sb-client%21b1%7Cx%3Ay");
    }
}
