//! Certificates given with the configuration, as the drivers want them.

use crate::config::Target;

/// The configured authority, if any.
pub(crate) fn ca(target: &Target) -> Option<Vec<u8>> {
    target.tls_ca.as_ref().map(|pem| pem.as_bytes().to_vec())
}
