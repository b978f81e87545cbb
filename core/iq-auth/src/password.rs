//! Argon2id: hashing, verifying, and passwords handed out for the first sign-in.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier, Version,
    password_hash::{Error as HashError, phc::PasswordHash},
};
use iq_secrets::{SecretString, random_bytes};

use crate::AuthError;

/// What one hash costs. The default takes about a sixth of a second of one core and 64 MiB; the caller
/// bounds how many run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl HashCost {
    /// As little as Argon2 allows: for tests, never for people.
    pub const FOR_TESTS: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
}

/// What verifying found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The password is the one that was hashed.
    pub is_match: bool,
    /// The hash was made at a lower cost than today's; hash again now that the password is at hand.
    pub needs_rehash: bool,
}

/// Hashes and verifies passwords at one cost.
#[derive(Clone)]
pub struct PasswordHasher {
    cost: HashCost,
    params: Params,
    /// The hash of no password, verified for unknown users so that they take as long as known ones.
    nobody: String,
}

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl PasswordHasher {
    /// A hasher; makes one hash, so it takes as long as one.
    ///
    /// # Errors
    /// When the cost is outside what Argon2 allows, or memory or random numbers are missing.
    pub fn new(cost: HashCost) -> Result<Self, AuthError> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
            .map_err(|error| AuthError::Hashing(error.to_string()))?;
        let mut hasher = Self {
            cost,
            params,
            nobody: String::new(),
        };
        hasher.nobody = hasher.hash(&temporary_password()?)?;
        Ok(hasher)
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    /// The hash in its text form, with salt and cost in it. Blocks for the time of one hash.
    ///
    /// # Errors
    /// When memory or random numbers are missing.
    pub fn hash(&self, password: &SecretString) -> Result<String, AuthError> {
        let salt: [u8; 16] = random_bytes()?;
        let hash = self
            .argon2()
            .hash_password_with_salt(password.expose().as_bytes(), &salt)
            .map_err(|error| AuthError::Hashing(error.to_string()))?;
        Ok(hash.to_string())
    }

    /// Compares a password with a hash, whatever cost it was made at. Blocks for the time of one hash.
    ///
    /// # Errors
    /// [`AuthError::UnreadableHash`] when the text is no hash; a wrong password is no error.
    pub fn verify(&self, password: &SecretString, hash: &str) -> Result<Verdict, AuthError> {
        let parsed = PasswordHash::new(hash).map_err(|_| AuthError::UnreadableHash)?;
        if parsed.salt.is_none() || parsed.hash.is_none() {
            return Err(AuthError::UnreadableHash);
        }
        let found = Params::try_from(&parsed).map_err(|_| AuthError::UnreadableHash)?;
        match self
            .argon2()
            .verify_password(password.expose().as_bytes(), hash)
        {
            Ok(()) => Ok(Verdict {
                is_match: true,
                needs_rehash: self.is_cheaper(&parsed, &found),
            }),
            Err(HashError::PasswordInvalid) => Ok(Verdict {
                is_match: false,
                needs_rehash: false,
            }),
            Err(_) => Err(AuthError::UnreadableHash),
        }
    }

    /// Spends the time of a verification when there is no such user, and finds no match.
    ///
    /// # Errors
    /// As [`PasswordHasher::verify`].
    pub fn verify_nobody(&self, password: &SecretString) -> Result<Verdict, AuthError> {
        self.verify(password, &self.nobody)?;
        Ok(Verdict {
            is_match: false,
            needs_rehash: false,
        })
    }

    fn is_cheaper(&self, hash: &PasswordHash, found: &Params) -> bool {
        hash.algorithm.as_str() != "argon2id"
            || found.m_cost() < self.cost.memory_kib
            || found.t_cost() < self.cost.passes
            || found.p_cost() < self.cost.lanes
    }
}

/// Letters and digits that can't be taken for one another when read from paper or aloud.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 5;

/// A password for the first sign-in: four groups of five, about 99 bits.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn temporary_password() -> Result<SecretString, AuthError> {
    let mut text = String::with_capacity(GROUPS * (GROUP_CHARS + 1));
    let mut count = 0;
    while count < GROUPS * GROUP_CHARS {
        for byte in random_bytes::<32>()? {
            // 248 = 8 × 31: bytes above would make some letters likelier.
            if byte >= 248 || count == GROUPS * GROUP_CHARS {
                continue;
            }
            if count > 0 && count % GROUP_CHARS == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            count += 1;
        }
    }
    Ok(SecretString::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(HashCost::FOR_TESTS).unwrap()
    }

    #[test]
    fn accepts_the_password_and_no_other() {
        let hasher = hasher();
        let hash = hasher
            .hash(&SecretString::from("ورق البردي أخضر 7"))
            .unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert!(
            hasher
                .verify(&SecretString::from("ورق البردي أخضر 7"), &hash)
                .unwrap()
                .is_match
        );
        assert!(
            !hasher
                .verify(&SecretString::from("ورق البردي أخضر 8"), &hash)
                .unwrap()
                .is_match
        );
        assert!(
            !hasher
                .verify(&SecretString::from(""), &hash)
                .unwrap()
                .is_match
        );
    }

    #[test]
    fn the_same_password_hashes_differently_each_time() {
        let (hasher, password) = (hasher(), SecretString::from("the same password"));
        assert_ne!(
            hasher.hash(&password).unwrap(),
            hasher.hash(&password).unwrap()
        );
    }

    #[test]
    fn asks_for_a_new_hash_only_when_today_costs_more() {
        let password = SecretString::from("a long enough password");
        let (cheap, dear) = (
            hasher(),
            PasswordHasher::new(HashCost {
                memory_kib: 16,
                passes: 1,
                lanes: 1,
            })
            .unwrap(),
        );
        let (cheap_hash, dear_hash) = (
            cheap.hash(&password).unwrap(),
            dear.hash(&password).unwrap(),
        );
        let verdict = dear.verify(&password, &cheap_hash).unwrap();
        assert_eq!(
            verdict,
            Verdict {
                is_match: true,
                needs_rehash: true
            }
        );
        let verdict = cheap.verify(&password, &dear_hash).unwrap();
        assert_eq!(
            verdict,
            Verdict {
                is_match: true,
                needs_rehash: false
            }
        );
        assert!(!dear.verify(&password, &dear_hash).unwrap().needs_rehash);
    }

    #[test]
    fn tells_an_unreadable_hash_from_a_wrong_password() {
        let refused = hasher().verify(&SecretString::from("x"), "plain text");
        assert!(matches!(refused, Err(AuthError::UnreadableHash)));
        let refused = hasher().verify(&SecretString::from("x"), "$argon2id$v=19$m=8,t=1,p=1");
        assert!(matches!(refused, Err(AuthError::UnreadableHash)));
    }

    #[test]
    fn never_lets_nobody_in() {
        assert!(
            !hasher()
                .verify_nobody(&SecretString::from(""))
                .unwrap()
                .is_match
        );
    }

    #[test]
    fn the_default_cost_is_the_documented_one() {
        let hasher = PasswordHasher::new(HashCost::default()).unwrap();
        assert!(hasher.nobody.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
    }

    #[test]
    fn temporary_passwords_are_readable_long_and_different() {
        let (one, other) = (temporary_password().unwrap(), temporary_password().unwrap());
        assert_ne!(one, other);
        let groups: Vec<_> = one.expose().split('-').collect();
        assert_eq!(
            groups.iter().map(|g| g.len()).collect::<Vec<_>>(),
            [5, 5, 5, 5]
        );
        assert!(groups.concat().bytes().all(|b| ALPHABET.contains(&b)));
        crate::check_password(&one, "admin@optria.io").unwrap();
    }
}
