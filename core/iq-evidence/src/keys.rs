//! Keys: what signs, what verifies, whose a key is, and the list of keys that a verifier trusts. That
//! list is the verifier's own file and never comes out of the evidence.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer};

use crate::{
    note::is_name,
    record::{Id, Record, hex, kind},
    tree::sha256,
};

/// Which kind of signature a key makes; part of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// The log's own, by Ed25519.
    Log,
    /// cosignature/v1.
    Cosignature,
}

/// A private key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public().fingerprint())
    }
}

impl SigningKey {
    /// The key of 32 secret random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// A signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key of these bytes, if they are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .ok()
            .map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The id that a signature line carries: SHA-256(name ‖ newline ‖ kind ‖ key), four bytes.
    #[must_use]
    pub fn id(&self, name: &str, kind: SignatureKind) -> [u8; 4] {
        let byte = match kind {
            SignatureKind::Log => 1,
            SignatureKind::Cosignature => 4,
        };
        let hash = sha256(&[name.as_bytes(), &[b'\n', byte], self.0.as_bytes()].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// What two people compare by voice: the first 16 hex digits of SHA-256 of the key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&sha256(self.0.as_bytes())[..8])
    }

    /// Whether the signature is this key's, with the strict rules: no weak keys, one form only.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// The message that old and new key sign when one takes over from the other.
#[must_use]
pub fn rotation_message(tenant: &Id, appliance: &Id, old: &[u8; 32], new: &[u8; 32]) -> Vec<u8> {
    [
        &b"optria-key-rotation-v1\0"[..],
        tenant,
        appliance,
        old,
        new,
    ]
    .concat()
}

/// The keys of a rotation record, if both have signed it; `None` when one signature is not theirs.
#[must_use]
pub fn rotation(record: &Record<'_>) -> Option<(PublicKey, PublicKey)> {
    if record.kind != kind::KEY_ROTATION {
        return None;
    }
    let bytes = |key| record.body(key)?.bytes();
    let (old, new) = (bytes(1)?.try_into().ok()?, bytes(2)?.try_into().ok()?);
    let message = rotation_message(&record.log.tenant, &record.log.appliance, &old, &new);
    let (old, new) = (PublicKey::from_bytes(&old)?, PublicKey::from_bytes(&new)?);
    (old.verifies(&message, bytes(3)?) && new.verifies(&message, bytes(4)?)).then_some((old, new))
}

/// A key and whom the verifier takes it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedKey {
    /// Signs the checkpoints of one appliance of one tenant.
    Appliance {
        /// The tenant.
        tenant: Id,
        /// The appliance.
        appliance: Id,
        /// Its key.
        key: PublicKey,
    },
    /// Signs checkpoints of others after having checked that they only grew.
    Cosigner {
        /// Its name in signature lines.
        name: String,
        /// Its key.
        key: PublicKey,
    },
}

/// All keys a verifier trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustStore(pub Vec<TrustedKey>);

/// The first line of a list of keys that can't be read, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustSyntaxError(pub usize);

impl TrustStore {
    /// Reads a list of keys: `appliance <tenant id> <appliance id> <key, base64> [words]` or
    /// `cosigner <name> <key, base64> [words]`, one per line; `#` begins a comment.
    ///
    /// # Errors
    /// The number of the first line that is neither.
    pub fn parse(text: &str) -> Result<Self, TrustSyntaxError> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            keys.push(trusted(&words).ok_or(TrustSyntaxError(number + 1))?);
        }
        Ok(Self(keys))
    }
}

fn trusted(words: &[&str]) -> Option<TrustedKey> {
    match words {
        ["appliance", tenant, appliance, key, ..] => Some(TrustedKey::Appliance {
            tenant: uuid(tenant)?,
            appliance: uuid(appliance)?,
            key: public(key)?,
        }),
        ["cosigner", name, key, ..] if is_name(name) => Some(TrustedKey::Cosigner {
            name: (*name).to_owned(),
            key: public(key)?,
        }),
        _ => None,
    }
}

fn public(text: &str) -> Option<PublicKey> {
    PublicKey::from_bytes(&STANDARD.decode(text).ok()?.try_into().ok()?)
}

/// A UUID with or without its dashes.
fn uuid(text: &str) -> Option<Id> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(&digits, 16).ok()?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_of_keys_with_comments() {
        let key = SigningKey::from_seed(&[1; 32]).public();
        let text = format!(
            "# ours\n\nappliance 00000000-0000-0000-0000-000000000001 \
             00000000000000000000000000000002 {0} Refinery 4\ncosigner hub.example {0} # the hub\n",
            STANDARD.encode(key.to_bytes())
        );
        let mut tenant = Id::default();
        let mut appliance = Id::default();
        (tenant[15], appliance[15]) = (1, 2);
        let expected = vec![
            TrustedKey::Appliance {
                tenant,
                appliance,
                key,
            },
            TrustedKey::Cosigner {
                name: "hub.example".to_owned(),
                key,
            },
        ];
        assert_eq!(TrustStore::parse(&text), Ok(TrustStore(expected)));
        for (wrong, line) in [
            ("cosigner only", 1),
            ("\nappliance 1 2 AA==", 2),
            ("someone x AA==", 1),
        ] {
            assert_eq!(TrustStore::parse(wrong), Err(TrustSyntaxError(line)));
        }
    }

    #[test]
    fn a_private_key_does_not_print_itself() {
        let key = SigningKey::from_seed(&[7; 32]);
        let text = format!("{key:?}");
        assert!(text.contains(&key.public().fingerprint()) && text.len() < 40);
    }
}
