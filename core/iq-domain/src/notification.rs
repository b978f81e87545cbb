//! What a user is told, and when jobs run by themselves.

use serde::{Deserialize, Serialize};

use crate::{NotificationId, TenantId, Timestamp, UserId};

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// A work order was given to this person.
    Assignment,
    /// A work order of this person is overdue.
    Overdue,
    /// A critical incident was opened.
    CriticalIncident,
    /// A background job failed.
    JobFailed,
    /// A certificate ends soon or has ended.
    CertificateExpiring,
    /// No good backup was made, or backups are good again.
    BackupFailed,
}

impl NotificationKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Assignment,
        Self::Overdue,
        Self::CriticalIncident,
        Self::JobFailed,
        Self::CertificateExpiring,
        Self::BackupFailed,
    ];
}

/// What another system can be told. The words are part of what it reads: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookKind {
    /// A work order was given to somebody.
    Assignment,
    /// A work order is overdue.
    Overdue,
    /// A critical incident was opened.
    CriticalIncident,
}

impl WebhookKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Assignment, Self::Overdue, Self::CriticalIncident];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assignment => "assignment",
            Self::Overdue => "overdue",
            Self::CriticalIncident => "critical_incident",
        }
    }
}

/// A notification of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Id.
    pub id: NotificationId,
    /// Owner.
    pub tenant_id: TenantId,
    /// Whom it tells.
    pub user_id: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// What happened, in one word of its own: a person is told once.
    pub cause: String,
    /// Code of the sentence.
    pub code: String,
    /// Its arguments.
    pub params: serde_json::Value,
    /// Page of the object.
    pub link: String,
    /// Whether it is shown in the program.
    pub in_app: bool,
    /// When.
    pub at: Timestamp,
    /// When it was read.
    pub read_at: Option<Timestamp>,
}

/// How often a schedule runs, in the local time of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "every", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cadence {
    /// Every so many hours, counted from midnight UTC.
    Hours {
        /// 1 to 24.
        hours: u8,
    },
    /// Every day.
    Day {
        /// Minute of the local day.
        minute: u16,
    },
    /// Every week.
    Week {
        /// 1 Monday … 7 Sunday (ISO 8601).
        weekday: u8,
        /// Minute of the local day.
        minute: u16,
    },
}

impl Cadence {
    /// Whether such a cadence can be.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        match self {
            Self::Hours { hours } => matches!(hours, 1..=24),
            Self::Day { minute } => minute < 1_440,
            Self::Week { weekday, minute } => matches!(weekday, 1..=7) && minute < 1_440,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cadence_is_kept_as_people_say_it() {
        let text = r#"{"every":"week","weekday":7,"minute":120}"#;
        let cadence: Cadence = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&cadence).unwrap(), text);
        assert!(cadence.is_valid());
        for wrong in [
            Cadence::Hours { hours: 0 },
            Cadence::Hours { hours: 25 },
            Cadence::Day { minute: 1_440 },
            Cadence::Week {
                weekday: 0,
                minute: 0,
            },
        ] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
    }
}
