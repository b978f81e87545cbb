//! Keys, hashes and the envelope: exact bytes with the signature over them, never encoded a second
//! time to be checked.

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use iq_domain::cbor::Value;
use sha2::{Digest, Sha256};

use crate::{
    Hash,
    wire::{self, Malformed},
};

/// The first eight bytes of the SHA-256 of a public key.
pub type KeyId = [u8; 8];

/// SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The leaf of a record: SHA-256(0x00 ‖ record), as in the evidence log.
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(record)
        .finalize()
        .into()
}

/// A private key; it does not print itself.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([redacted])")
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

    /// A signature over a tag and a message.
    #[must_use]
    pub fn sign(&self, tag: &str, message: &[u8]) -> [u8; 64] {
        self.0.sign(&tagged(tag, message)).to_bytes()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these bytes, if they are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its short name.
    #[must_use]
    pub fn id(self) -> KeyId {
        let hash = sha256(self.0.as_bytes());
        let mut id = KeyId::default();
        id.copy_from_slice(&hash[..8]);
        id
    }

    /// Whether the signature over tag and message is this key's, by the strict rules.
    #[must_use]
    pub fn verifies(self, tag: &str, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0
            .verify_strict(&tagged(tag, message), &signature)
            .is_ok()
    }
}

/// What is signed: the tag, a zero byte, the message. No message of one kind can pass for another.
fn tagged(tag: &str, message: &[u8]) -> Vec<u8> {
    [tag.as_bytes(), &[0], message].concat()
}

/// A message and its signature: `{1: message, 2: signature}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The exact bytes of the message.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

impl Signed {
    /// Signs a message.
    #[must_use]
    pub fn new(tag: &str, message: Vec<u8>, key: &SigningKey) -> Self {
        let signature = key.sign(tag, &message);
        Self { message, signature }
    }

    /// Whether it is the key's.
    #[must_use]
    pub fn is_by(&self, tag: &str, key: PublicKey) -> bool {
        key.verifies(tag, &self.message, &self.signature)
    }

    /// As a value of a larger message.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        Value::map([
            (1, Value::Bytes(&self.message)),
            (2, Value::Bytes(&self.signature)),
        ])
    }

    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.value().encode()
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they are not such an envelope. Nothing is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(&wire::value(bytes)?)
    }

    pub(crate) fn read(value: &Value<'_>) -> Result<Self, Malformed> {
        let [message, signature] = wire::fields(value)?;
        Ok(Self {
            message: message.bytes().ok_or(Malformed)?.to_vec(),
            signature: signature.fixed().ok_or(Malformed)?,
        })
    }
}
