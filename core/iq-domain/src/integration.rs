//! A connection to a source system and what is known about its state.

use serde::{Deserialize, Serialize};

use crate::{CertificateId, IntegrationId, TenantId, Timestamp};

/// State of an integration, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IntegrationStatus {
    /// Enabled, not yet delivering.
    Active,
    /// Disabled by a user.
    Inactive,
    /// Enabled but failing.
    Error,
    /// Delivering values.
    Streaming,
}

/// Connectivity, derived from receipts and data age, never from an open socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// A fresh good value.
    Live,
    /// Values exist but are older than allowed.
    Stale,
    /// The source can't be reached.
    Disconnected,
    /// Values of the demo plant.
    Demo,
    /// Values come from uploaded files alone: there is no live source that could be lost.
    Imported,
    /// Nothing is mapped.
    None,
}

/// A configured connection. The public configuration is JSON after the connector's schema; secrets
/// live apart, sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Id.
    pub id: IntegrationId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Connector kind ("opcua").
    pub kind: String,
    /// Name, unique in the tenant.
    pub name: String,
    /// Public configuration as JSON (no secret).
    pub config: serde_json::Value,
    /// Whether it should run.
    pub is_enabled: bool,
    /// Whether its values come from a demo source; refused by evidence and training in real tenants.
    pub is_demo_origin: bool,
    /// Last known state.
    pub status: IntegrationStatus,
    /// Error code of the last failure, if the state is `Error`.
    pub status_code: Option<String>,
    /// Arguments of the sentence for that code, as JSON.
    pub status_params: serde_json::Value,
    /// When the state last changed.
    pub status_at: Option<Timestamp>,
    /// When the last good value arrived.
    pub last_value_at: Option<Timestamp>,
    /// Creation time.
    pub created_at: Timestamp,
}

/// Result of an action on an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionStatus {
    /// Done.
    Success,
    /// Failed.
    Failure,
    /// Still running.
    Pending,
}

/// A row of the action log of an integration.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegrationAction {
    /// Owner.
    pub tenant_id: TenantId,
    /// The integration.
    pub integration_id: IntegrationId,
    /// What was done ("test_connection", "demo_stream_start", …).
    pub action_type: String,
    /// How it went.
    pub status: ActionStatus,
    /// Error code or empty.
    pub message_code: String,
    /// Details as JSON (for a test: its stages).
    pub details: serde_json::Value,
    /// User name, or "system".
    pub actor: String,
    /// How long it took.
    pub ms: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// What we decided about a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrustState {
    /// Seen, not decided; nothing is sent to its owner.
    Pending,
    /// Compared and accepted by a person.
    Trusted,
    /// Refused by a person.
    Rejected,
}

/// A certificate a server presented.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerCertificate {
    /// Id.
    pub id: CertificateId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The integration it was presented to.
    pub integration_id: IntegrationId,
    /// The exact DER bytes.
    pub der: Vec<u8>,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// SHA-1 of the DER, lower-case hex (what many OPC UA tools show).
    pub sha1: String,
    /// Subject as text.
    pub subject: String,
    /// Issuer as text.
    pub issuer: String,
    /// Application URI from the subject alternative name.
    pub application_uri: Option<String>,
    /// Host names and addresses of the subject alternative name.
    pub hosts: Vec<String>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Decision.
    pub state: TrustState,
    /// First seen.
    pub first_seen_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
    /// Subject of the authority that vouched for it when it was presented last.
    pub authority: Option<String>,
    /// Who decided (user name).
    pub decided_by: Option<String>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

/// An authority that issues certificates to the plant's servers. Trusted, it vouches for each of
/// them but those on its list of revoked ones.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateAuthority {
    /// Id.
    pub id: CertificateId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The exact DER bytes.
    pub der: Vec<u8>,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// Subject as text.
    pub subject: String,
    /// Issuer as text.
    pub issuer: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Whether a person compared and accepted it. Until then it vouches for nothing.
    pub is_trusted: bool,
    /// Who added it (user name).
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// Who accepted it (user name).
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Its latest list of revoked certificates.
    pub revocations: Option<RevocationList>,
}

/// What an authority has revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// The exact DER bytes, signed by the authority.
    pub der: Vec<u8>,
    /// When the authority issued it.
    pub issued_at: Timestamp,
    /// When the authority means to issue the next one.
    pub next_at: Option<Timestamp>,
    /// How many certificates stand on it.
    pub revoked: u64,
    /// Who added it (user name).
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
}
