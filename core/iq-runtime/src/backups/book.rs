//! What is remembered about backups, in the data folder and so in every backup.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use iq_backup::{BackupError, DEFAULT_FOLDER, Retention};
use iq_domain::{Cadence, CodedError, Message, Timestamp};
use serde::{Deserialize, Serialize};

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
    /// By the name of the backup.
    pub(super) proofs: BTreeMap<String, Proof>,
    pub(super) key_noted_at: Option<Timestamp>,
}

impl Book {
    pub(super) fn read(data: &Path) -> Result<Self, CodedError> {
        let Some(text) = iq_backup::read_book(data)? else {
            return Ok(Self::default());
        };
        // A book that can't be read would stop all backups; the default makes them.
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    pub(super) fn write(&self, data: &Path) -> Result<(), CodedError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| BackupError::Content(error.to_string()))?;
        Ok(iq_backup::write_book(data, &text)?)
    }
}
