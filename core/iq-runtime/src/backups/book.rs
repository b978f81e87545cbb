//! What is remembered about backups, in the data folder and so in every backup.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use iq_backup::{BackupError, DEFAULT_FOLDER, Retention};
use iq_domain::{Cadence, CodedError, Message, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

/// When and where backups are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupSettings {
    /// They are made by themselves.
    pub is_enabled: bool,
    /// The folder; one in the data folder when absent.
    pub folder: Option<PathBuf>,
    /// How often.
    pub cadence: Cadence,
    /// Zone whose clock it follows.
    pub time_zone: String,
    /// How long they are kept.
    pub retention: Retention,
}

impl Default for BackupSettings {
    /// Every night, for a week: on the disk of the data there is room for little more, and nobody has
    /// said yet where else they could go.
    fn default() -> Self {
        Self {
            is_enabled: true,
            folder: None,
            cadence: Cadence::Day { minute: 60 },
            time_zone: "UTC".to_owned(),
            retention: Retention { days: 7, months: 0 },
        }
    }
}

impl BackupSettings {
    pub(super) fn folder_in(&self, data: &Path) -> PathBuf {
        let own = || data.join(DEFAULT_FOLDER);
        self.folder.clone().unwrap_or_else(own)
    }
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOutcome {
    /// When it began.
    pub at: Timestamp,
    /// Size of the backup.
    pub bytes: u64,
    /// Why there is no good backup.
    pub error: Option<Message>,
}

/// What restoring a backup into a folder of its own has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// Rows of its databases.
    pub rows: u64,
    /// Samples of its historian.
    pub samples: u64,
    /// Why it is not good.
    pub error: Option<Message>,
}

impl Proof {
    pub(super) fn failed(at: Timestamp, error: &CodedError) -> Self {
        Self {
            at,
            rows: 0,
            samples: 0,
            error: Some(Message::from(error)),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Book {
    pub(super) settings: BackupSettings,
    pub(super) next_at: Option<Timestamp>,
    pub(super) last: Option<BackupOutcome>,
    /// When the first of the attempts began that came to nothing since the last good one.
    pub(super) failing_since: Option<Timestamp>,
    /// That moment, of the attempts that the last good one put an end to.
    pub(super) failed_from: Option<Timestamp>,
    /// By the name of the backup.
    pub(super) proofs: BTreeMap<String, Proof>,
    pub(super) key_noted_at: Option<Timestamp>,
    /// When the book was found damaged; until somebody enters the settings again.
    pub(super) lost_at: Option<Timestamp>,
}

/// What people have to be told about backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BackupNews {
    /// There is no good one since then.
    Failing {
        /// When the first failed.
        since: Timestamp,
        /// When the last failed.
        at: Timestamp,
        /// Why the last one did.
        error: Message,
    },
    /// There is one again.
    Good {
        /// When the first had failed.
        since: Timestamp,
    },
    /// Their settings are lost.
    Lost {
        /// When that was found.
        since: Timestamp,
    },
}

impl Book {
    /// Notes what became of an attempt; the same one again changes nothing.
    pub(super) fn ended(&mut self, outcome: BackupOutcome) {
        if self.last.as_ref() == Some(&outcome) {
            return;
        }
        if outcome.error.is_some() {
            self.failing_since.get_or_insert(outcome.at);
        } else if let Some(since) = self.failing_since.take() {
            self.failed_from = Some(since);
        }
        self.last = Some(outcome);
    }

    pub(super) fn news(&self) -> Option<BackupNews> {
        match (self.failing_since, &self.last) {
            (Some(since), Some(last)) => Some(BackupNews::Failing {
                since,
                at: last.at,
                error: last.error.clone()?,
            }),
            _ => self.failed_from.map(|since| BackupNews::Good { since }),
        }
    }

    pub(super) fn read(data: &Path, now: Timestamp) -> Result<Self, CodedError> {
        let Some(text) = iq_backup::read_book(data)? else {
            return Ok(Self::default());
        };
        let damage = match serde_json::from_slice(&text) {
            Ok(book) => return Ok(book),
            Err(damage) => damage,
        };
        // A book that can't be read would stop all backups; the default makes them, and says that it is one.
        let book = Self {
            lost_at: Some(now),
            ..Self::default()
        };
        let kept = iq_backup::keep_damaged_book(data, &text)
            .map_err(CodedError::from)
            .and_then(|aside| book.write(data).map(|()| aside));
        match kept {
            Ok(aside) => {
                warn!(%damage, aside = %aside.display(), "The settings of the backups were damaged and are lost; the file is kept.");
            }
            Err(error) => {
                warn!(%damage, %error, "The settings of the backups are damaged; the file can't be kept aside.");
            }
        }
        Ok(book)
    }

    pub(super) fn write(&self, data: &Path) -> Result<(), CodedError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| BackupError::Content(error.to_string()))?;
        Ok(iq_backup::write_book(data, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(at: i64, error: Option<&str>) -> BackupOutcome {
        BackupOutcome {
            at: Timestamp(at),
            bytes: 1,
            error: error.map(|code| Message {
                code: code.to_owned(),
                ..Message::default()
            }),
        }
    }

    #[test]
    fn a_damaged_book_is_kept_aside_and_its_loss_is_known_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let read = |at| Book::read(folder.path(), Timestamp(at)).unwrap();
        assert_eq!(read(5), Book::default());
        std::fs::write(path("backups.json"), "x").unwrap();
        let found = read(6);
        assert_eq!(found.lost_at, Some(Timestamp(6)));
        assert_eq!(found.settings, BackupSettings::default());
        let aside = std::fs::read_to_string(path("backups.json.damaged")).unwrap();
        assert_eq!(aside, "x");
        assert_eq!(read(7), found, "at the next look and the next start too");
    }

    #[test]
    fn a_failure_is_news_until_the_next_good_one_and_that_is_news_of_its_own() {
        let mut book = Book::default();
        book.ended(outcome(1, None));
        assert_eq!(book.news(), None);
        book.ended(outcome(2, Some("backup.disk_full")));
        book.ended(outcome(3, Some("backup.no_access")));
        let failing = |at, code| {
            Some(BackupNews::Failing {
                since: Timestamp(2),
                at: Timestamp(at),
                error: outcome(at, Some(code)).error.unwrap(),
            })
        };
        assert_eq!(book.news(), failing(3, "backup.no_access"));
        let good = Some(BackupNews::Good {
            since: Timestamp(2),
        });
        book.ended(outcome(4, None));
        assert_eq!(book.news(), good);
        // What is kept twice is one attempt, and good ones after it say nothing new.
        book.ended(outcome(4, None));
        book.ended(outcome(5, None));
        assert_eq!(book.news(), good);
        book.ended(outcome(6, Some("backup.file")));
        let BackupNews::Failing { since, .. } = book.news().unwrap() else {
            panic!("good");
        };
        assert_eq!(since, Timestamp(6));
    }
}
