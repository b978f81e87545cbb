//! The certificate in force. It follows its files: whoever renews it puts new files in the place of the
//! old ones and restarts nothing. Files that can't be served with leave the old certificate in force.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use iq_config::Tls;
use iq_domain::{Clock, CodedError};
use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    Certificate, Facts,
    certificate::{provider, read_certificate, read_key},
    own,
};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A certificate that follows its files.
pub struct LiveCertificate {
    certificate: PathBuf,
    key: PathBuf,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

struct State {
    current: Certificate,
    /// What was read last, good or not.
    seen: Option<[u8; 32]>,
    problem: Option<CodedError>,
}

impl std::fmt::Debug for LiveCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCertificate")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl LiveCertificate {
    /// The certificate of a configuration; `None` where pages are served without one. A self-signed
    /// one is made where there is none yet, for these names.
    ///
    /// # Errors
    /// As [`Certificate::read`], and when none can be made.
    pub fn open(
        tls: &Tls,
        data: &Path,
        names: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Arc<Self>>, CodedError> {
        let (certificate, key) = match tls {
            Tls::Off => return Ok(None),
            Tls::SelfSigned => {
                let path = own::ensure(data, names, clock.now())?;
                (path.clone(), path)
            }
            Tls::Files { certificate, key } => (certificate.clone(), key.clone()),
        };
        let (current, seen) = read(&certificate, &key, &*clock);
        let current = current?;
        Ok(Some(Arc::new(Self {
            certificate,
            key,
            clock,
            state: RwLock::new(State {
                current,
                seen,
                problem: None,
            }),
        })))
    }

    /// What people compare and watch.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.state.read().current.facts().clone()
    }

    /// Why the files that lie there now are not in force.
    #[must_use]
    pub fn problem(&self) -> Option<CodedError> {
        self.state.read().problem.clone()
    }

    /// Takes changed files up; whether there was a change, good or not.
    pub fn look_again(&self) -> bool {
        let (found, seen) = read(&self.certificate, &self.key, &*self.clock);
        let mut state = self.state.write();
        let code = |problem: Option<&CodedError>| problem.map(|error| error.code);
        // Files that can't be read have no contents to compare; a certificate that is served may expire.
        let is_new = seen.is_some() && seen != state.seen;
        let has_changed = is_new || code(found.as_ref().err()) != code(state.problem.as_ref());
        if !has_changed {
            return false;
        }
        if seen.is_some() {
            state.seen = seen;
        }
        match found {
            Ok(certificate) => {
                let fingerprint = &certificate.facts().fingerprint;
                info!(fingerprint, "A new certificate is in force.");
                state.current = certificate;
                state.problem = None;
            }
            Err(error) => {
                error!(%error, "The files of the certificate changed and can't be used; the one before stays in force.");
                state.problem = Some(error);
            }
        }
        true
    }

    /// Follows the files until `stop`.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let own = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || own.look_again()).await;
            if let Err(error) = looked {
                error!(%error, "The files of the certificate could not be looked at.");
            }
        }
    }

    /// What the port is served with: TLS 1.2 or later.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, CodedError> {
        let resolver: Arc<dyn ResolvesServerCert> = self.clone();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                CodedError::new(iq_domain::ErrorKind::Internal, "tls.not_made")
                    .with("detail", error)
            })?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.state.read().current.key))
    }
}

/// The certificate of two files, and a digest of what was read.
fn read(
    certificate: &Path,
    key: &Path,
    clock: &dyn Clock,
) -> (Result<Certificate, CodedError>, Option<[u8; 32]>) {
    let pem = read_certificate(certificate).and_then(|pem| Ok((pem, read_key(key)?)));
    let (pem, key_pem) = match pem {
        Ok(both) => both,
        Err(error) => return (Err(error), None),
    };
    let digest = Sha256::new()
        .chain_update(&pem)
        .chain_update(&*key_pem)
        .finalize();
    let found = Certificate::from_pem((certificate, &pem), (key, &key_pem), clock.now());
    (found, Some(digest.into()))
}
