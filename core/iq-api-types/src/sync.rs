//! Sync with a hub: how it stands and what may leave.

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use crate::StatusMessage;

/// How sync of the tenant stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncStatus {
    /// `not_enrolled`, `registered`, `sending`, `disconnected`, `queue_error`, `fork`, `paused`.
    pub state: String,
    /// The state in words, with its remedy.
    pub remedy: StatusMessage,
    /// What went wrong last, until something goes through.
    pub error: Option<StatusMessage>,
    /// When it is tried again.
    pub next_try_at: Option<Timestamp>,
    /// The hours chosen hold it now.
    pub is_outside_hours: bool,
    /// Address of the hub.
    pub hub_url: Option<String>,
    /// What the hub calls this tenant, in the reader's language where it has a name in it.
    pub hub_tenant: Option<String>,
    /// Short name of the hub's key, to be compared by voice.
    pub hub_key: Option<String>,
    /// Short name of this appliance's key.
    pub own_key: Option<String>,
    /// Since when.
    pub enrolled_at: Option<Timestamp>,
    /// By whom.
    pub enrolled_by: Option<String>,
    /// The way is encrypted.
    pub is_encrypted: bool,
    /// When the hub last confirmed records that it had not confirmed before; a greeting alone is not one.
    pub last_receipt_at: Option<Timestamp>,
    /// Records that no receipt covers.
    pub backlog: u64,
    /// Those of them that were written to files: sent, and not confirmed.
    pub unconfirmed: u64,
    /// Records the hub has confirmed.
    pub confirmed: u64,
    /// When the oldest unsent record came in.
    pub oldest_unsent_at: Option<Timestamp>,
    /// How long the backlog takes at the speed of the last minutes, milliseconds.
    pub drain_ms: Option<u64>,
    /// Records per second of the last minutes.
    pub records_per_second: Option<f64>,
    /// How far the hub's clock is ahead, milliseconds.
    pub hub_clock_ahead_ms: Option<i64>,
    /// The last change from above that is applied.
    pub changes_rev: u64,
    /// Number of the last courier file; 0 before the first.
    pub last_file: u64,
    /// What may leave.
    pub settings: Option<SyncSettings>,
    /// Log by log.
    pub logs: Vec<SyncLog>,
    /// What a person has to look at.
    pub questions: Vec<SyncQuestion>,
    /// Flags the hub has set.
    pub flags: Vec<SyncFlag>,
    /// Series, chosen or not; absent before enrolment.
    pub raw: Option<SyncRaw>,
}

/// Series of signals, which leave at the fourth level after everything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncRaw {
    /// Signals that would leave; none of a demonstration is among them.
    pub signals: u64,
    /// Bytes that come to be in a day, from what is stored.
    pub bytes_per_day: f64,
    /// Bytes of all that is stored of them.
    pub bytes_stored: u64,
    /// Bytes that wait to leave.
    pub bytes_waiting: u64,
    /// Values from then on leave; absent where the level is not chosen.
    pub begins_at: Option<Timestamp>,
    /// Pieces laid out for the hub.
    pub pieces: u64,
    /// Pieces the hub has confirmed.
    pub confirmed: u64,
    /// When that was heard.
    pub confirmed_at: Option<Timestamp>,
    /// How long what waits takes: at the cap, else at the speed of the last minutes, milliseconds.
    pub drain_ms: Option<u64>,
    /// At cap and hours less leaves than comes to be.
    pub is_falling_behind: bool,
    /// Why nothing of it leaves.
    pub held: Option<StatusMessage>,
}

/// What may leave, when and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncSettings {
    /// `line` over the network, `courier` by files with receipts, `one_way` by files without.
    pub way: String,
    /// 1 the status only, 2 incidents and events too, 3 assets, key figures and plans too, 4 series too.
    pub level: u8,
    /// The audit log too.
    pub includes_audit: bool,
    /// Kilobits per second at most.
    pub cap_kbit: Option<u32>,
    /// Minute of the day from which it sends.
    pub hours_from: u16,
    /// Minute at which it stops; the same for the whole day.
    pub hours_to: u16,
    /// IANA time zone of the two.
    pub time_zone: String,
    /// Where the fourth level is chosen now: series of so many hours before leave too. Always 0 in an
    /// answer.
    #[serde(default)]
    pub back_fill_hours: u32,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncLog {
    /// Number of the epoch.
    pub epoch_number: i64,
    /// First eight hex digits of its name.
    pub epoch: String,
    /// `evidence`, `audit` or `figures`.
    pub stream: String,
    /// Records here.
    pub records: u64,
    /// Records written to files.
    pub written: u64,
    /// Records confirmed.
    pub confirmed: u64,
    /// When that was heard.
    pub confirmed_at: Option<Timestamp>,
    /// Since when the hub is known to hold another history.
    pub forked_at: Option<Timestamp>,
    /// Who has looked at that.
    pub fork_seen_by: Option<String>,
}

/// What a file from the hub did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncImported {
    /// `receipts` or `configuration`.
    pub kind: String,
    /// Logs that moved, or changes that were in it.
    pub count: u64,
}

/// Something a person has to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncQuestion {
    /// Id.
    pub id: String,
    /// `confirm`, `conflict`, `taken`, `refused`.
    pub kind: String,
    /// The user's name to sign in with.
    pub username: String,
    /// Role here; none for somebody who is not here.
    pub role_here: Option<String>,
    /// May sign in here.
    pub is_active_here: Option<bool>,
    /// Role the hub wants.
    pub role_wanted: String,
    /// The hub wants that he may sign in.
    pub is_active_wanted: bool,
    /// When.
    pub at: Timestamp,
}

/// A flag the hub has set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SyncFlag {
    /// Name.
    pub key: String,
    /// On.
    pub is_on: bool,
}

/// Enrolment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// Address of the hub.
    pub hub_url: String,
    /// The one-time code.
    pub code: String,
    /// Accepts a way that is not encrypted.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Certificates trusted instead of the machine's list, PEM.
    #[serde(default)]
    pub tls_ca: Option<String>,
    /// Earlier clients sent a name. It has no effect: the hub calls an appliance as its code does.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub name: IgnoredAny,
    /// IANA time zone of the person.
    #[serde(default)]
    pub time_zone: String,
}

/// Holds or goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncPause {
    /// Held.
    pub is_paused: bool,
}

/// A person's decision on a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncDecision {
    /// What the hub wanted is done; otherwise it stays as it is here.
    pub applies: bool,
}
