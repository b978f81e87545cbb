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
    /// Reads the past and resumes where it stood.
    pub has_back_fill: bool,
    /// Shows rows before a column is chosen.
    pub has_sample_rows: bool,
    /// Reads work orders and equipment.
    pub has_maintenance: bool,
    /// Takes files.
    pub has_files: bool,
    /// One of the external databases that `EXTERNAL_DB_ENABLE=false` hides and refuses.
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
    /// Samples stored over the last minute, back-fill included.
    pub samples_per_min: u64,
    /// Batches handed over and not yet durable.
    pub backlog: u64,
    /// Alarms and events read since the connection was started.
    pub events_read: u64,
    /// When the newest of them was stored.
    pub last_event_at: Option<Timestamp>,
    /// Tags being delivered.
    pub items: u64,
    /// Tags the source refuses; `problems` names the first of them.
    pub failed_items: u64,
    /// The first refused tags.
    pub problems: Vec<TagTrouble>,
    /// Set while the past is being read.
    pub back_fill: Option<BackFill>,
    /// Demo stream runs.
    pub demo_stream_active: bool,
    /// Creation.
    pub created_at: Timestamp,
}

/// A tag the source refuses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TagTrouble {
    /// The tag.
    pub tag: String,
    /// Why, with what can be done.
    pub problem: StatusMessage,
}

/// How far the reading of the past has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackFill {
    /// Start of the stretch that is read.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Everything before this is delivered.
    pub reached: Timestamp,
    /// Samples delivered so far.
    pub samples: u64,
    /// Share of the stretch, 0–1.
    pub progress: f64,
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
    /// For trials of values that are not saved: the stored connection whose secrets "***" means. They
    /// are lent only while the address is the stored one. Not read when saving.
    #[serde(default)]
    pub integration_id: Option<IntegrationId>,
}

/// What does the source offer for a field of the form?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoicesRequest {
    /// Kind.
    pub kind: String,
    /// Values written so far, secrets included.
    pub config: serde_json::Value,
    /// The field, marked with x-choices in the schema.
    pub field: String,
    /// The stored connection whose secrets "***" means.
    #[serde(default)]
    pub integration_id: Option<IntegrationId>,
}

/// Something the source offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// What is written into the field.
    pub value: String,
    /// What a person reads.
    pub label: String,
    /// A word about it, as the source says it.
    pub detail: Option<String>,
}

/// How many rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRowsRequest {
    /// At most 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// The first rows with values that may not be saved.
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
    /// At most 100.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// The first rows of a source, as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleRows {
    /// Columns.
    pub columns: Vec<SampleColumn>,
    /// Rows: numbers, truth values and null as such, everything else as text.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// The source has more.
    pub has_more: bool,
    /// Tags these rows would deliver.
    pub tags: Vec<String>,
    /// What the configuration lacks, field by field.
    pub problems: Vec<crate::FieldProblem>,
}

/// A column.
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

/// What a deletion takes along and what stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletionPreview {
    /// Name.
    pub name: String,
    /// Goes: mappings.
    pub mappings: u64,
    /// Goes: trusted and rejected certificates.
    pub certificates: u64,
    /// Goes: stored secrets.
    pub secrets: u64,
    /// Goes: rows of the action log.
    pub actions: u64,
    /// Goes: how far the source was read.
    pub cursors: u64,
    /// Goes: equipment and functional locations.
    pub technical_objects: u64,
    /// Stays: signals with their history, without new values.
    pub signals: u64,
    /// Stays: work orders that came through it.
    pub work_orders: u64,
    /// Assets that lose their only source.
    pub assets_left_alone: Vec<String>,
}

/// Global defaults of a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GlobalDefaults {
    /// Kind.
    pub kind: String,
    /// Fields the environment may supply.
    pub fields: Vec<GlobalDefaultField>,
}

/// A field the environment may supply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GlobalDefaultField {
    /// Field of the form.
    pub field: String,
    /// Name of the variable.
    pub variable: String,
    /// Its value; secrets as "***", null where it is not set.
    pub value: Option<String>,
}

/// What the connection doctor found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoctorReport {
    /// The test behind it.
    pub test: TestReport,
    /// Findings, what blocks first; none when all is well.
    pub findings: Vec<DoctorFinding>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoctorFinding {
    /// Stage of the test.
    pub stage: String,
    /// It stops the connection.
    pub is_blocking: bool,
    /// What kind of trouble: config, dns, network, protocol, tls, auth, permission, too_much, clock,
    /// data, load, switched_off, other.
    pub topic: String,
    /// Cause.
    pub cause: StatusMessage,
    /// What to do next.
    pub next_step: String,
    /// Who can fix it: you, network, source_owner, account_owner, platform_owner.
    pub fixer: String,
    /// Who that is, in words.
    pub who: String,
    /// What to send them, ready to copy.
    pub send: String,
    /// What was seen.
    pub evidence: Vec<DoctorEvidence>,
}

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoctorEvidence {
    /// What: code, address, ms, passed, host, fingerprint, detail, status, date, tag, user, field, …
    pub key: String,
    /// Its name in the caller's language.
    pub label: String,
    /// Value.
    pub value: String,
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
    /// Subject of the trusted authority in whose name it is accepted; a person may still decide.
    pub authority: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

/// An authority that issues certificates to servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CertificateAuthority {
    /// Id.
    pub id: CertificateId,
    /// Whether a person accepted it; until then it vouches for nothing.
    pub is_trusted: bool,
    /// Fingerprint.
    pub sha256: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// Who accepted it.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Its latest list of revoked certificates; without one nothing is known to be revoked.
    pub revocations: Option<RevocationList>,
}

/// What an authority has revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevocationList {
    /// When the authority issued it.
    pub issued_at: Timestamp,
    /// When the authority means to issue the next one; past that the list is out of date.
    pub next_at: Option<Timestamp>,
    /// How many certificates stand on it.
    pub revoked: u64,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
}

/// A certificate or a list of revoked certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityFile {
    /// The file: PEM as it is, DER in Base64.
    pub file: String,
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
