//! Secrets: a text that can't be printed, and the appliance's master key that seals what is stored.
//!
//! The key file lies in the data folder, readable by the service user only. Whoever holds the whole
//! disk holds the key: against that, disk encryption is needed.

mod bech32;
mod file_key;
mod key;
mod random;
mod seal;
mod text;

pub use file_key::{FileKey, seal_file};
pub use key::MasterKey;
pub use random::random_bytes;
pub use seal::SealContext;
pub use text::SecretString;

/// What can go wrong with secrets. No variant carries any part of one.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The key file can't be read or written.
    #[error("the key file {path}: {source}")]
    KeyFile {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The key file may be read by others.
    #[error("the key file {path} may be read by other users (mode {mode:o})")]
    KeyFileOpenToOthers {
        /// The file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// The key file does not hold a key.
    #[error("the key file {path} is damaged")]
    KeyFileDamaged {
        /// The file.
        path: String,
    },
    /// The value was sealed with another key.
    #[error("sealed with another key")]
    OtherKey,
    /// The sealed bytes were changed, or belong to another field or version.
    #[error("the sealed value does not open")]
    CannotOpen,
    /// The operating system gives no random numbers.
    #[error("no random numbers from the operating system")]
    NoRandom,
}

impl From<SecretsError> for iq_domain::CodedError {
    fn from(error: SecretsError) -> Self {
        use iq_domain::ErrorKind::{Internal, Unavailable};
        match error {
            SecretsError::KeyFile { path, .. } => {
                Self::new(Unavailable, "secrets.key_file").with("path", path)
            }
            SecretsError::KeyFileOpenToOthers { path, .. } => {
                Self::new(Unavailable, "secrets.key_file_open").with("path", path)
            }
            SecretsError::KeyFileDamaged { path } => {
                Self::new(Unavailable, "secrets.key_file_damaged").with("path", path)
            }
            SecretsError::OtherKey => Self::conflict("secrets.other_key"),
            SecretsError::CannotOpen => Self::conflict("secrets.cannot_open"),
            SecretsError::NoRandom => Self::new(Internal, "secrets.no_random"),
        }
    }
}
