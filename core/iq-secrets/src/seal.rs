//! Sealing: XChaCha20-Poly1305 under the master key. What the value is and whose it is goes into the
//! seal, so that a sealed value moved to another tenant, field or version does not open.
//!
//! Layout: format (1 byte), key id (8), nonce (24), ciphertext with tag.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use iq_domain::{IntegrationId, TenantId};
use zeroize::Zeroizing;

use crate::{MasterKey, SecretString, SecretsError, random_bytes};

const FORMAT: u8 = 1;
const KEY_ID: std::ops::Range<usize> = 1..9;
const NONCE: std::ops::Range<usize> = 9..33;

/// What a sealed value is and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The object that holds it: an integration's id, or a name of the program's own.
    pub owner: &'a str,
    /// The field.
    pub field: &'a str,
    /// The version; grows with every write.
    pub version: u32,
}

impl MasterKey {
    /// Seals a field of an integration.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn seal_field(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        field: &str,
        version: u32,
        secret: &SecretString,
    ) -> Result<Vec<u8>, SecretsError> {
        let owner = integration.to_string();
        self.seal(
            &SealContext {
                tenant,
                owner: &owner,
                field,
                version,
            },
            secret,
        )
    }

    /// Opens a field of an integration.
    ///
    /// # Errors
    /// As [`MasterKey::unseal`].
    pub fn unseal_field(
        &self,
        tenant: TenantId,
        integration: IntegrationId,
        field: &str,
        version: u32,
        sealed: &[u8],
    ) -> Result<SecretString, SecretsError> {
        let owner = integration.to_string();
        self.unseal(
            &SealContext {
                tenant,
                owner: &owner,
                field,
                version,
            },
            sealed,
        )
    }

    /// Seals a value.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn seal(
        &self,
        context: &SealContext<'_>,
        secret: &SecretString,
    ) -> Result<Vec<u8>, SecretsError> {
        let nonce: [u8; 24] = random_bytes()?;
        let (msg, aad) = (secret.expose().as_bytes(), context.to_bytes());
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg, aad: &aad })
            .map_err(|_| SecretsError::CannotOpen)?;
        let mut sealed = Vec::with_capacity(NONCE.end + ciphertext.len());
        sealed.push(FORMAT);
        sealed.extend(self.id());
        sealed.extend(nonce);
        sealed.extend(ciphertext);
        Ok(sealed)
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`SecretsError::OtherKey`] when another key sealed it, [`SecretsError::CannotOpen`] when the
    /// bytes or the context are not those of the sealing.
    pub fn unseal(
        &self,
        context: &SealContext<'_>,
        sealed: &[u8],
    ) -> Result<SecretString, SecretsError> {
        if sealed.len() < NONCE.end || sealed[0] != FORMAT {
            return Err(SecretsError::CannotOpen);
        }
        if sealed[KEY_ID] != self.id() {
            return Err(SecretsError::OtherKey);
        }
        let nonce = <[u8; 24]>::try_from(&sealed[NONCE]).map_err(|_| SecretsError::CannotOpen)?;
        let (msg, aad) = (&sealed[NONCE.end..], context.to_bytes());
        let opened = self
            .cipher()
            .decrypt(&XNonce::from(nonce), Payload { msg, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SecretsError::CannotOpen)?;
        let text = std::str::from_utf8(&opened).map_err(|_| SecretsError::CannotOpen)?;
        Ok(SecretString::from(text))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.derive("seal").as_slice().try_into().expect("32 bytes"))
    }
}

impl SealContext<'_> {
    /// Lengths before the parts: "ab"+"c" and "a"+"bc" must differ.
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = b"optria seal 1".to_vec();
        for part in [self.tenant.to_string().as_str(), self.owner, self.field] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(self.version.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (tempfile::TempDir, MasterKey) {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::load_or_create(&folder.path().join("master.key")).unwrap();
        (folder, key)
    }

    fn contains(haystack: &[u8], needle: &[u8]) -> bool {
        haystack
            .windows(needle.len())
            .any(|window| window == needle)
    }

    #[test]
    fn sealed_bytes_do_not_contain_the_secret_and_open_again() {
        let (_folder, key) = key();
        let (tenant, integration) = (TenantId::new(), IntegrationId::new());
        let secret = SecretString::from("Kanarienvogel-7-كناري");
        let sealed = key
            .seal_field(tenant, integration, "password", 3, &secret)
            .unwrap();
        assert!(!contains(&sealed, b"Kanarien"));
        assert!(!contains(&sealed, "كناري".as_bytes()));
        let opened = key
            .unseal_field(tenant, integration, "password", 3, &sealed)
            .unwrap();
        assert_eq!(opened, secret);
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let (_folder, key) = key();
        let context = SealContext {
            tenant: TenantId::new(),
            owner: "a",
            field: "password",
            version: 1,
        };
        let secret = SecretString::from("same");
        assert_ne!(
            key.seal(&context, &secret).unwrap(),
            key.seal(&context, &secret).unwrap()
        );
    }

    #[test]
    fn refuses_a_value_of_another_tenant_owner_field_or_version() {
        let (_folder, key) = key();
        let good = SealContext {
            tenant: TenantId::new(),
            owner: "ab",
            field: "cd",
            version: 2,
        };
        let sealed = key.seal(&good, &SecretString::from("x")).unwrap();
        for wrong in [
            SealContext {
                tenant: TenantId::new(),
                ..good
            },
            SealContext {
                owner: "other",
                ..good
            },
            SealContext {
                field: "token",
                ..good
            },
            SealContext { version: 1, ..good },
            SealContext {
                owner: "abc",
                field: "d",
                ..good
            },
        ] {
            let refused = key.unseal(&wrong, &sealed);
            assert!(
                matches!(refused, Err(SecretsError::CannotOpen)),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn refuses_every_flipped_byte_and_every_shortening() {
        let (_folder, key) = key();
        let context = SealContext {
            tenant: TenantId::new(),
            owner: "a",
            field: "b",
            version: 1,
        };
        let sealed = key.seal(&context, &SecretString::from("secret")).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.unseal(&context, &changed).is_err(), "byte {at}");
            assert!(key.unseal(&context, &sealed[..at]).is_err(), "length {at}");
        }
    }

    #[test]
    fn says_when_another_key_sealed_the_value() {
        let ((_a, one), (_b, other)) = (key(), key());
        let context = SealContext {
            tenant: TenantId::new(),
            owner: "a",
            field: "b",
            version: 1,
        };
        let sealed = one.seal(&context, &SecretString::from("secret")).unwrap();
        assert!(matches!(
            other.unseal(&context, &sealed),
            Err(SecretsError::OtherKey)
        ));
    }
}
