//! How a service proves itself to a window of the same machine. Both can read one key; whoever answers
//! a fresh challenge rightly holds it, and whoever merely took the service's port does not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use iq_secrets::{SecretString, random_bytes};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{AuthError, session::is_token};

const BYTES: usize = 32;

/// The key of one run of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowKey(SecretString);

impl WindowKey {
    /// A key that nobody had before.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn random() -> Result<Self, AuthError> {
        Ok(Self(SecretString::new(random_text()?)))
    }

    /// A key as it was written down; `None` for what can't be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(SecretString::new(text)))
    }

    /// The key, to be written where windows of this machine read it.
    #[must_use]
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    /// A question that was never asked before.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn challenge() -> Result<String, AuthError> {
        random_text()
    }

    /// The answer of the holder who listens at `address`; `None` for what is no challenge. The address
    /// is part of it, so that nobody can have another one asked and pass the answer on.
    #[must_use]
    pub fn answer(&self, address: &str, challenge: &str) -> Option<String> {
        if !is_token(challenge) {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes())
            .expect("any key length will do");
        for part in ["window", address] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(challenge.as_bytes());
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// Whether `sent` is the answer; takes the same time wherever they differ.
    #[must_use]
    pub fn is_answer(&self, address: &str, challenge: &str, sent: &str) -> bool {
        self.answer(address, challenge)
            .is_some_and(|right| right.as_bytes().ct_eq(sent.as_bytes()).into())
    }
}

fn random_text() -> Result<String, AuthError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "http://127.0.0.1:8090";

    #[test]
    fn only_the_holder_of_the_key_answers_and_only_for_its_own_address() {
        let key = WindowKey::random().unwrap();
        let challenge = WindowKey::challenge().unwrap();
        let answer = key.answer(HERE, &challenge).unwrap();
        assert!(key.is_answer(HERE, &challenge, &answer));
        assert!(!key.is_answer("http://127.0.0.1:8091", &challenge, &answer));
        assert!(!key.is_answer(HERE, &WindowKey::challenge().unwrap(), &answer));
        assert!(!key.is_answer(HERE, &challenge, &answer[..42]));
        assert!(!key.is_answer(HERE, &challenge, ""));
        let other = WindowKey::random().unwrap();
        assert!(!other.is_answer(HERE, &challenge, &answer));
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_shown_to_nobody() {
        let key = WindowKey::random().unwrap();
        assert_eq!(WindowKey::parse(key.text().expose()), Some(key.clone()));
        assert!(!format!("{key:?}").contains(key.text().expose()));
        for text in ["", "x", &"a".repeat(44), &"ü".repeat(43)] {
            assert_eq!(WindowKey::parse(text), None, "{text}");
            assert_eq!(key.answer(HERE, text), None, "{text}");
        }
    }
}
