//! The ticket of the operating system: GSSAPI on Unix, SSPI on Windows. No password passes through
//! this program; the ticket cache is the one of the account it runs under.
//!
//! Proven against MIT Kerberos with Apache on Linux. The Windows path is the same call of the same
//! library and has not been run.

use cross_krb5::{ClientCtx, InitiateFlags};
use iq_domain::{CodedError, ErrorKind};

use crate::NegotiateTokens;

/// Tokens from the ticket cache.
pub(crate) struct OsTicket;

impl NegotiateTokens for OsTicket {
    fn token(&self, host: &str) -> Result<Vec<u8>, CodedError> {
        let service = format!("HTTP/{host}");
        let (_context, token) = ClientCtx::new(InitiateFlags::empty(), None, &service, None)
            .map_err(|error| {
                CodedError::new(ErrorKind::Upstream, "http.ticket_missing")
                    .with("service", &service)
                    .with("detail", error)
            })?;
        Ok(token.to_vec())
    }
}
