//! What the caller was told, mail, and when jobs run by themselves.

use iq_domain::{Cadence, JobId, NotificationId, NotificationKind, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{StatusMessage, TestStage};

/// A notification of the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Id.
    pub id: NotificationId,
    /// What it is about.
    pub kind: NotificationKind,
    /// One sentence in the caller's language.
    pub message: String,
    /// Its code.
    pub code: String,
    /// Page of the object.
    pub link: String,
    /// When.
    pub at: Timestamp,
    /// When the caller read it.
    pub read_at: Option<Timestamp>,
}

/// The caller's notifications, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationPage {
    /// Items of this page.
    pub items: Vec<Notification>,
    /// Items in all.
    pub total: u64,
    /// Offset of the next page, if there is one.
    pub next_offset: Option<u64>,
    /// How many are unread.
    pub unread: u64,
}

/// The caller has read notifications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadNotifications {
    /// Which; all if absent.
    #[serde(default)]
    pub ids: Option<Vec<NotificationId>>,
}

/// How many are unread now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadCount {
    /// Unread notifications.
    pub unread: u64,
}

/// How the caller wants to be told about one kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationChoice {
    /// What it is about.
    pub kind: NotificationKind,
    /// Shown in the program.
    pub in_app: bool,
    /// Sent by mail, where mail is on and the account has an address.
    pub by_mail: bool,
}

/// All of the caller's choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationChoices {
    /// One per kind.
    pub choices: Vec<NotificationChoice>,
}

/// Whether mail is sent, and how it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MailStatus {
    /// It is.
    pub is_on: bool,
    /// Host and port of the mail server.
    pub server: Option<String>,
    /// How the way there is protected: tls, start_tls, plain.
    pub security: Option<String>,
    /// Sender.
    pub from: Option<String>,
    /// Why it is off although it is configured.
    pub problem: Option<StatusMessage>,
    /// Mails that wait.
    pub queued: u64,
    /// Mails that were sent.
    pub sent: u64,
    /// Mails that were given up.
    pub failed: u64,
    /// The newest mails.
    pub newest: Vec<MailRow>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MailRow {
    /// Where it goes.
    pub address: String,
    /// What it says, in the caller's language.
    pub message: String,
    /// queued, sent or failed.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The next attempt, while it waits.
    pub next_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<StatusMessage>,
    /// Written.
    pub created_at: Timestamp,
    /// Taken by the server.
    pub sent_at: Option<Timestamp>,
}

/// Send a mail now, to see whether it arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailTestRequest {
    /// Where to; the caller's own address if absent.
    #[serde(default)]
    pub address: Option<String>,
}

/// How a test mail went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MailTestReport {
    /// The server took it.
    pub success: bool,
    /// Steps: settings, tcp, session, send.
    pub stages: Vec<TestStage>,
}

/// When a job runs by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// What runs: run (reading, baselines, scores), drift.
    pub kind: String,
    /// Whether it runs by itself.
    pub is_enabled: bool,
    /// How often.
    pub cadence: Cadence,
    /// IANA zone whose clock it follows.
    pub time_zone: String,
    /// The next run; absent while it is off.
    pub next_at: Option<Timestamp>,
    /// The last run it started.
    pub last_at: Option<Timestamp>,
    /// The job of that run.
    pub job_id: Option<JobId>,
    /// Why the last run could not be started.
    pub error: Option<StatusMessage>,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

/// Change a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleInput {
    /// What runs.
    pub kind: String,
    /// Whether it runs by itself.
    pub is_enabled: bool,
    /// How often.
    pub cadence: Cadence,
    /// IANA zone whose clock it follows.
    pub time_zone: String,
}
