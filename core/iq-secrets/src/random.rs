//! Random bytes from the operating system.

use crate::SecretsError;

/// `N` random bytes.
///
/// # Errors
/// When the operating system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SecretsError::NoRandom)?;
    Ok(bytes)
}
