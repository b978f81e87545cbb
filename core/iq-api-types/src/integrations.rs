//! Connections, their tests, trust, browsing.

use std::collections::BTreeMap;

use iq_domain::{
    ActionStatus, CertificateId, Connectivity, IntegrationId, IntegrationStatus, Quality,
    Timestamp, TrustState,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of connector with the schema its form is drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectorType {
    /// Key.
    pub kind: String,
    /// Names.
    pub names: iq_domain::Names,
    /// What it connects to.
    pub descriptions: iq_domain::Names,
    /// JSON schema with x-secret, x-show-when, x-env, x-order, x-group; labels are `connector.<kind>.<field>` and help `connector.<kind>.<field>.help` in the locales.
    pub schema: serde_json::Value,
    /// Offers a tag tree.
    pub can_browse: bool,
    /// Uses certificates that a person trusts.
    pub has_trust: bool,
    /// Offers an endpoint list.
    pub has_endpoints: bool,
    /// Reads the past.
    pub has_back_fill: bool,
    /// Shows its first rows before a column is chosen.
    pub has_sample_rows: bool,
    /// Reads work orders and equipment.
    pub has_maintenance: bool,
    /// Takes files.
    pub has_files: bool,
    /// An external database that the operator of this installation may switch off.
    pub is_external_db: bool,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Integration {
    /// Id.
    pub id: IntegrationId,
    /// Kind.
    pub kind: String,
    /// Same as kind; name of the mission.
    pub system_type: String,
    /// Name.
    pub name: String,
    /// Tenant's values; secrets read as "***".
    pub config: serde_json::Value,
    /// Value in force per field and where it comes from.
    pub effective: BTreeMap<String, EffectiveValue>,
    /// Should run.
    pub is_enabled: bool,
    /// Values of the demo plant.
    pub is_demo_origin: bool,
    /// State.
    pub status: IntegrationStatus,
    /// From receipts and data age.
    pub connectivity: Connectivity,
    /// Why it is in error.
    pub message: Option<StatusMessage>,
    /// Since when.
    pub status_at: Option<Timestamp>,
    /// Last good value.
    pub last_value_at: Option<Timestamp>,
    /// Source clock − ours.
    pub clock_offset_ms: Option<i64>,
    /// Active mappings.
    pub mapped_tags: u64,
    /// Certificates waiting for a decision.
    pub pending_certificates: u64,
    /// Load on the source.
    pub load: OtLoad,
    /// Samples stored over the last minute.
    pub samples_per_min: u64,
    /// Batches that wait for the disk.
    pub backlog: u64,
    /// Tags being delivered.
    pub items: u64,
    /// Tags the source refuses.
    pub failed_items: u64,
    /// The first of them, with the reasons.
    pub problems: Vec<TagTrouble>,
    /// Set while the past is being read.
    pub back_fill: Option<BackFill>,
    /// Demo stream runs.
    pub demo_stream_active: bool,
    /// Creation.
    pub created_at: Timestamp,
}

/// A value in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveValue {
    /// The value; secrets as "***" or null.
    pub value: serde_json::Value,
    /// Where from.
    pub source: ValueSource,
}

/// A code with its sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusMessage {
    /// Code.
    pub code: String,
    /// Sentence with remedy.
    pub message: String,
    /// Arguments.
    pub params: BTreeMap<String, String>,
}

/// What we ask of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OtLoad {
    /// Requests per second, last minute.
    pub requests_per_s: f64,
    /// Largest batch.
    pub items_per_request: u32,
    /// Monitored items.
    pub monitored_items: u32,
    /// Sessions.
    pub sessions: u32,
}

/// Create or change a connection. A secret "***" means unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationInput {
    /// Kind; can't change later.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Values after the connector's schema, secrets included.
    pub config: serde_json::Value,
    /// Should run.
    #[serde(default)]
    pub is_enabled: bool,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestStage {
    /// dns, tcp, hello, security, session, read.
    pub key: String,
    /// How it went.
    pub status: StageStatus,
    /// How long it took.
    pub ms: u64,
    /// Cause and remedy, or what was found.
    pub message: Option<StatusMessage>,
}

/// The result of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestReport {
    /// True only after a value was read.
    pub success: bool,
    /// One sentence in the caller's language.
    pub message: String,
    /// Its code.
    pub code: String,
    /// All steps.
    pub stages: Vec<TestStage>,
}

/// Ask a server for its endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointsRequest {
    /// Kind.
    pub kind: String,
    /// Address.
    pub endpoint_url: String,
}

/// An endpoint the server offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointOffer {
    /// Address as the server writes it.
    pub url: String,
    /// None, Sign, SignAndEncrypt.
    pub security_mode: String,
    /// Policy name.
    pub security_policy: String,
    /// The server's own rank.
    pub security_level: u8,
    /// Anonymous, UsernamePassword, Certificate.
    pub user_tokens: Vec<String>,
    /// Fingerprint.
    pub certificate_sha256: Option<String>,
}

/// A page of the tag tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrowsePage {
    /// Items.
    pub items: Vec<BrowseItem>,
    /// More.
    pub next_cursor: Option<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrowseItem {
    /// External tag, or the parent to browse into.
    pub id: String,
    /// Shown name.
    pub display: String,
    /// Path from the root, for search results.
    pub path: String,
    /// Can be opened.
    pub has_children: bool,
    /// Has a value.
    pub is_variable: bool,
    /// Data type.
    pub data_type: Option<String>,
    /// Unit given by the source.
    pub unit: Option<String>,
    /// Description given by the source.
    pub description: Option<String>,
    /// `asset · metric` if mapped.
    pub mapped_to: Option<String>,
}

/// Read values once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// Tags, ≤ 100.
    pub tags: Vec<String>,
}

/// A value read once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewValue {
    /// Tag.
    pub tag: String,
    /// Number, text, truth value or null.
    pub value: serde_json::Value,
    /// Quality.
    pub quality: Quality,
    /// Full status code.
    pub status_code: u32,
    /// Source time.
    pub source_time: Option<Timestamp>,
    /// Server time.
    pub server_time: Option<Timestamp>,
}

/// A row of the action log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionLogRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action_type: String,
    /// How it went.
    pub status: ActionStatus,
    /// Sentence.
    pub message: String,
    /// Details.
    pub details: serde_json::Value,
    /// Who did it; absent for what the program did by itself.
    pub actor: Option<String>,
    /// How long it took.
    pub ms: Option<u64>,
}

/// A certificate a server presented.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServerCertificate {
    /// Id.
    pub id: CertificateId,
    /// Decision.
    pub state: TrustState,
    /// Fingerprint.
    pub sha256: String,
    /// Older fingerprint many tools show.
    pub sha1: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Application URI.
    pub application_uri: Option<String>,
    /// Host names and addresses.
    pub hosts: Vec<String>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// First seen.
    pub first_seen_at: Timestamp,
    /// Last seen.
    pub last_seen_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

/// Decision on a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustRequest {
    /// Last 8 hex digits of the SHA-256, typed by the person.
    pub fingerprint_tail: String,
}

/// Our application certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnCertificate {
    /// Fingerprint.
    pub sha256: String,
    /// Older fingerprint.
    pub sha1: String,
    /// Subject.
    pub subject: String,
    /// Application URI.
    pub application_uri: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
}

/// Where a value in force comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueSource {
    /// Entered by the tenant.
    Tenant,
    /// Global default from the environment.
    Environment,
    /// The field's default.
    Default,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Running.
    Running,
    /// Passed.
    Ok,
    /// Passed, but something should be changed.
    Warning,
    /// Failed.
    Failed,
    /// Not tried.
    Skipped,
}

/// A tag the source refuses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TagTrouble {
    /// The tag.
    pub tag: String,
    /// Why.
    pub problem: StatusMessage,
}

/// How far the reading of the past has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackFill {
    /// Start of the stretch.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Everything before this is there.
    pub reached: Timestamp,
    /// Samples so far.
    pub samples: u64,
}

/// Ask what a source offers for a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoicesRequest {
    /// Kind.
    pub kind: String,
    /// Values so far; a secret "***" is that of `integration_id`.
    pub config: serde_json::Value,
    /// The field.
    pub field: String,
    /// The stored connection, where there is one.
    #[serde(default)]
    pub integration_id: Option<IntegrationId>,
}

/// Something a source offers for a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// What is written into the field.
    pub value: String,
    /// What a person reads.
    pub label: String,
    /// A word about it, as the source says it.
    pub detail: Option<String>,
}

/// Ask for the first rows of a stored connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRowsRequest {
    /// Rows, at most 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Ask for the first rows of values that may not be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftRowsRequest {
    /// Kind.
    pub kind: String,
    /// Values; a secret "***" is that of `integration_id`.
    pub config: serde_json::Value,
    /// The stored connection, where there is one.
    #[serde(default)]
    pub integration_id: Option<IntegrationId>,
    /// Rows, at most 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A column of the first rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleColumn {
    /// Name.
    pub name: String,
    /// Type as the source names it.
    pub source_type: String,
    /// time, number, bool, text, other.
    pub kind: String,
    /// timestamp, value, tag, quality, none.
    pub role: String,
}

/// The first rows of a source as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleRows {
    /// Columns.
    pub columns: Vec<SampleColumn>,
    /// Rows; numbers, truth values and null as such, everything else as text.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// The source has more.
    pub has_more: bool,
    /// Tags these rows would deliver.
    pub tags: Vec<String>,
    /// What the configuration still lacks.
    pub problems: Vec<crate::FieldProblem>,
}

/// What a deletion takes along.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletionPreview {
    /// Mappings that go.
    pub mappings: u64,
    /// Signals that lose their source; their history stays.
    pub signals: u64,
    /// Rows of the action log that go.
    pub actions: u64,
}

/// Global defaults of one kind of connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GlobalDefaults {
    /// Kind.
    pub kind: String,
    /// Fields that take a value from the environment.
    pub fields: Vec<GlobalDefaultField>,
}

/// A field with its global default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GlobalDefaultField {
    /// Field.
    pub field: String,
    /// Name of the environment variable.
    pub variable: String,
    /// Its value; secrets as "***", null where it is not set.
    pub value: Option<String>,
}
