//! Backups of the appliance. They hold all tenants, hence they are for the platform's owner alone.

use iq_domain::{Cadence, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::StatusMessage;

/// When and where backups are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSettings {
    /// They are made by themselves.
    pub is_enabled: bool,
    /// Absolute path of the folder, on another disk or a mounted share; the folder `backups` in the data
    /// folder when absent.
    pub folder: Option<String>,
    /// How often.
    pub cadence: Cadence,
    /// Zone whose clock it follows.
    pub time_zone: String,
    /// All backups of so many days are kept; 1 to 366.
    pub keep_days: u32,
    /// The first of each of so many months before is kept too; up to 120.
    pub keep_months: u32,
}

/// How the backups stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupStatus {
    /// When and where.
    pub settings: BackupSettings,
    /// When the settings were found damaged and replaced by those of a first start; absent once somebody
    /// has entered them again.
    pub settings_lost_at: Option<Timestamp>,
    /// The folder in use.
    pub folder: String,
    /// Short name of the key that opens the backups.
    pub key: String,
    /// When somebody said that the key is in a safe; without it no backup opens once the machine is gone.
    pub key_noted_at: Option<Timestamp>,
    /// When the next one is made by itself.
    pub next_at: Option<Timestamp>,
    /// `making`, `proving` or `preparing`, while that is being done.
    pub work: Option<String>,
    /// The backup that is proved or prepared.
    pub work_on: Option<String>,
    /// When the last attempt began.
    pub last_at: Option<Timestamp>,
    /// Why it gave no good backup.
    pub last_error: Option<StatusMessage>,
    /// Why the folder can't be read.
    pub trouble: Option<StatusMessage>,
    /// The newest first.
    pub backups: Vec<Backup>,
    /// A restore is done at the next start of the program.
    pub is_restore_pending: bool,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Its file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was made.
    pub made_at: Option<Timestamp>,
    /// The key in use opens it.
    pub is_ours: bool,
    /// What restoring it into a folder of its own has shown.
    pub proof: Option<BackupProof>,
}

/// What restoring a backup into a folder of its own has shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupProof {
    /// When.
    pub at: Timestamp,
    /// Rows of its databases.
    pub rows: u64,
    /// Samples of its time series.
    pub samples: u64,
    /// Why it is not good.
    pub error: Option<StatusMessage>,
}

/// The key that opens the backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupKeyText {
    /// Its text, to be kept in a safe.
    pub text: String,
}
