//! A text that leaves the process only towards the system it opens.

use std::fmt;

use secrecy::{ExposeSecret, SecretString as Inner};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// What a secret reads as, wherever it is written out.
const MASK: &str = "***";

/// A secret text: `Debug` and `Serialize` give `***`, there is no `Display`, and the memory is wiped
/// when it is dropped.
#[derive(Clone)]
pub struct SecretString(Inner);

impl SecretString {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Inner::from(text.into()))
    }

    /// The text itself. Call it where it is handed to the system it opens, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl PartialEq for SecretString {
    /// In constant time for texts of equal length.
    fn eq(&self, other: &Self) -> bool {
        self.expose()
            .as_bytes()
            .ct_eq(other.expose().as_bytes())
            .into()
    }
}

impl Eq for SecretString {}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for SecretString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself_in_debug_and_json() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Holder {
            password: SecretString,
        }
        let holder: Holder = serde_json::from_str(r#"{"password":"Kanarienvogel-7"}"#).unwrap();
        assert_eq!(holder.password.expose(), "Kanarienvogel-7");
        for shown in [
            format!("{holder:?}"),
            format!("{holder:#?}"),
            serde_json::to_string(&holder).unwrap(),
            format!("{:?}", Some(holder.password.clone())),
        ] {
            assert!(!shown.contains("Kanarien"), "{shown}");
            assert!(shown.contains("***"), "{shown}");
        }
    }

    #[test]
    fn compares_by_content() {
        assert_eq!(SecretString::from("a"), SecretString::from("a"));
        assert_ne!(SecretString::from("a"), SecretString::from("b"));
        assert_ne!(SecretString::from("a"), SecretString::from("ab"));
    }
}
