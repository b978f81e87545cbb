//! A private folder per connection for the library's certificate files. It holds one accepted
//! certificate at most and goes when the connection goes, so a hostile server can't fill the disk.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use iq_connector::ConnectorContext;
use iq_domain::{CodedError, ErrorKind};
use opcua::crypto::{CertificateStore, X509};

static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(crate) struct ScratchDir(PathBuf);

fn failed(detail: impl std::fmt::Display) -> CodedError {
    CodedError::new(ErrorKind::Internal, "opcua.scratch_failed").with("detail", detail)
}

impl ScratchDir {
    pub(crate) fn new(ctx: &ConnectorContext) -> Result<Self, CodedError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = ctx
            .identity
            .scratch_dir
            .join(format!("{}-{number}", ctx.integration_id));
        std::fs::create_dir_all(path.join("trusted")).map_err(failed)?;
        std::fs::create_dir_all(path.join("rejected")).map_err(failed)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Lets the library accept exactly this certificate.
    pub(crate) fn accept(&self, der: &[u8]) -> Result<(), CodedError> {
        let invalid = || CodedError::new(ErrorKind::Upstream, "opcua.certificate_invalid");
        let certificate = X509::from_der(der).map_err(|_| invalid())?;
        let name = CertificateStore::cert_file_name(&certificate);
        // The name comes from the server and the library insists on it: it must stay one plain file
        // name. Windows takes fewer characters.
        let refused = if cfg!(windows) { "/\\:*?\"<>|" } else { "/" };
        if name.len() > 200 || name.chars().any(|c| c.is_control() || refused.contains(c)) {
            return Err(invalid());
        }
        std::fs::write(self.0.join("trusted").join(name), der).map_err(failed)
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "scratch folder was not removed; the next start empties it");
        }
    }
}
