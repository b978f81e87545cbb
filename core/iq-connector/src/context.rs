//! What a connector is given to work with.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use iq_domain::{Clock, IntegrationId, TenantId};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::TrustStore;

/// The identity this installation shows to servers: one application certificate for all of them.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnIdentity {
    /// Application URI; equals the first entry of the certificate's subject alternative name.
    pub application_uri: String,
    /// The certificate, for export.
    pub certificate_der: Vec<u8>,
    /// Where the certificate lies.
    pub certificate_path: PathBuf,
    /// Where its private key lies (owner-readable only).
    pub private_key_path: PathBuf,
    /// A folder connectors may keep scratch files in, one sub-folder per connection.
    pub scratch_dir: PathBuf,
}

impl fmt::Debug for OwnIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnIdentity")
            .field("application_uri", &self.application_uri)
            .finish_non_exhaustive()
    }
}

/// Everything one integration needs, resolved: no connector reads the environment, the store or the
/// wall clock by itself.
#[derive(Clone)]
pub struct ConnectorContext {
    /// Owner.
    pub tenant_id: TenantId,
    /// The integration; a new id for a test before saving.
    pub integration_id: IntegrationId,
    /// Its name.
    pub name: String,
    /// Effective public configuration ([`crate::resolve_effective`]).
    pub config: Value,
    /// Effective secrets.
    pub secrets: Arc<BTreeMap<String, SecretString>>,
    /// Positions up to which everything read is durable, by name ([`crate::CursorMark`]).
    pub cursors: Arc<BTreeMap<String, Value>>,
    /// The integration's trust list.
    pub trust: Arc<dyn TrustStore>,
    /// This installation's own certificate.
    pub identity: Arc<OwnIdentity>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the work is no longer wanted.
    pub cancel: CancellationToken,
}

impl fmt::Debug for ConnectorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorContext")
            .field("tenant_id", &self.tenant_id)
            .field("integration_id", &self.integration_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
