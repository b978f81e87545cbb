//! Session and CSRF tokens. A session is a random value the browser keeps; we keep a keyed hash of it,
//! so that a copy of the store opens no session.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use iq_secrets::{SecretString, random_bytes};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::AuthError;

/// Keyed hash of a session token: what the store keeps.
pub type TokenHash = [u8; 32];

const TOKEN_BYTES: usize = 32;
/// 32 bytes in base64url without padding.
const TOKEN_CHARS: usize = 43;

/// How the token of a program begins, so that it is known for what it is where it was left lying.
const API_TOKEN_PREFIX: &str = "oiq_";

/// A session, or a token of a program, just made.
#[derive(Debug)]
pub struct NewSession {
    /// For the cookie or the eyes of its owner, and for nothing else.
    pub token: SecretString,
    /// For the store.
    pub token_hash: TokenHash,
}

/// The key of SESSION_SECRET, or the one derived from the master key where it is unset.
pub struct SessionKeys(Hmac<Sha256>);

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKeys(***)")
    }
}

impl SessionKeys {
    /// Keys from secret bytes; another secret ends all sessions.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("any key length will do"))
    }

    /// A new session.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn new_session(&self) -> Result<NewSession, AuthError> {
        let token = URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>()?);
        let token_hash = self.mac(b"session", token.as_bytes());
        Ok(NewSession {
            token: SecretString::new(token),
            token_hash,
        })
    }

    /// The hash of a token a browser sent; `None` for what can't be one of ours.
    #[must_use]
    pub fn token_hash(&self, token: &str) -> Option<TokenHash> {
        is_token(token).then(|| self.mac(b"session", token.as_bytes()))
    }

    /// A new token of a program.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn new_api_token(&self) -> Result<NewSession, AuthError> {
        let random = URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>()?);
        let token_hash = self.mac(b"api token", random.as_bytes());
        Ok(NewSession {
            token: SecretString::new(format!("{API_TOKEN_PREFIX}{random}")),
            token_hash,
        })
    }

    /// The hash of a token a program sent; `None` for what can't be one of ours.
    #[must_use]
    pub fn api_token_hash(&self, token: &str) -> Option<TokenHash> {
        let random = token.strip_prefix(API_TOKEN_PREFIX)?;
        is_token(random).then(|| self.mac(b"api token", random.as_bytes()))
    }

    /// The hash under which something a browser must bring back is kept meanwhile.
    #[must_use]
    pub fn binding_hash(&self, purpose: &str, value: &str) -> TokenHash {
        self.mac(purpose.as_bytes(), value.as_bytes())
    }

    /// The CSRF token of a session, which pages send back in a header.
    #[must_use]
    pub fn csrf_token(&self, session: &TokenHash) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(b"csrf", session))
    }

    /// Whether `sent` is the session's CSRF token; takes the same time wherever they differ.
    #[must_use]
    pub fn is_csrf_token(&self, session: &TokenHash, sent: &str) -> bool {
        self.csrf_token(session)
            .as_bytes()
            .ct_eq(sent.as_bytes())
            .into()
    }

    fn mac(&self, purpose: &[u8], data: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

/// Whether a text has the form of 32 random bytes.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_256_random_bits_and_found_again_by_its_hash() {
        let keys = SessionKeys::new(b"a secret of this appliance");
        let (one, other) = (keys.new_session().unwrap(), keys.new_session().unwrap());
        assert_ne!(one.token, other.token);
        assert_eq!(
            URL_SAFE_NO_PAD.decode(one.token.expose()).unwrap().len(),
            32
        );
        assert_eq!(keys.token_hash(one.token.expose()), Some(one.token_hash));
        assert_ne!(one.token_hash, other.token_hash);
        assert!(!format!("{one:?}").contains(one.token.expose()));
    }

    #[test]
    fn what_can_not_be_a_token_is_not_even_looked_up() {
        let keys = SessionKeys::new(b"a secret of this appliance");
        for sent in [
            "",
            "x",
            &"a".repeat(44),
            &"ü".repeat(43),
            &format!("{}'", "a".repeat(42)),
        ] {
            assert_eq!(keys.token_hash(sent), None, "{sent}");
        }
    }

    #[test]
    fn the_token_of_a_program_is_no_session_and_the_other_way_round() {
        let keys = SessionKeys::new(b"a secret of this appliance");
        let (session, token) = (keys.new_session().unwrap(), keys.new_api_token().unwrap());
        let shown = token.token.expose();
        assert_eq!(keys.api_token_hash(shown), Some(token.token_hash));
        assert_eq!(keys.token_hash(shown), None);
        assert_eq!(keys.api_token_hash(session.token.expose()), None);
        assert_ne!(keys.token_hash(&shown[4..]), Some(token.token_hash));
        assert!(!format!("{token:?}").contains(&shown[4..]));
    }

    #[test]
    fn another_secret_knows_none_of_the_sessions() {
        let session = SessionKeys::new(b"one").new_session().unwrap();
        let found = SessionKeys::new(b"two").token_hash(session.token.expose());
        assert_ne!(found, Some(session.token_hash));
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        let keys = SessionKeys::new(b"a secret of this appliance");
        let (one, other) = (keys.new_session().unwrap(), keys.new_session().unwrap());
        let csrf = keys.csrf_token(&one.token_hash);
        assert!(keys.is_csrf_token(&one.token_hash, &csrf));
        assert!(!keys.is_csrf_token(&other.token_hash, &csrf));
        assert!(!keys.is_csrf_token(&one.token_hash, &csrf[..42]));
        assert!(!keys.is_csrf_token(&one.token_hash, ""));
        assert_ne!(csrf.as_str(), one.token.expose());
    }
}
