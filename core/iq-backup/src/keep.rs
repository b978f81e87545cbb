//! Names of backups, and which of them are kept: all of the last days, then one a month.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BackupError, files};

const BEGIN: &str = "optria-";
const ENDING: &str = ".backup";
/// Letters of the appliance's id in a name.
const SHORT: usize = 8;

/// The name of a backup: whose it is, and when it was made.
#[must_use]
pub fn name_of(appliance: &str, at: Timestamp) -> String {
    let moment = at.to_string();
    let moment = moment.get(..19).unwrap_or(&moment).replace(':', "");
    format!("{BEGIN}{}-{moment}Z{ENDING}", short(appliance))
}

/// Whether a file is named like a backup, of whichever appliance.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(BEGIN) && name.ends_with(ENDING)
}

fn short(appliance: &str) -> &str {
    appliance.get(..SHORT).unwrap_or(appliance)
}

/// A backup in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Backups of an appliance in a folder, the newest first. A folder that is not there holds none.
///
/// # Errors
/// When the folder can't be read.
pub fn list(folder: &Path, appliance: &str) -> Result<Vec<Kept>, BackupError> {
    let begin = format!("{BEGIN}{}-", short(appliance));
    let names = match files::names(folder) {
        Err(BackupError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        names => names?,
    };
    let mut found: Vec<Kept> = names
        .into_iter()
        .filter(|name| name.starts_with(&begin) && name.ends_with(ENDING))
        .filter_map(|name| {
            let path = folder.join(&name);
            let bytes = std::fs::metadata(&path).ok().filter(|m| m.is_file())?.len();
            Some(Kept { name, path, bytes })
        })
        .collect();
    found.reverse();
    Ok(found)
}

/// How long backups are kept. The newest one always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// All of so many days, counted from the newest.
    pub days: u32,
    /// The first of each of so many months before.
    pub months: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            days: 14,
            months: 12,
        }
    }
}

impl Retention {
    /// Which of these backups, the newest first, are no longer kept.
    #[must_use]
    pub fn expired(self, backups: &[Kept]) -> Vec<&Kept> {
        let begin = BEGIN.len() + SHORT + 1;
        let day_of = |kept: &'_ Kept| kept.name.get(begin..begin + 10).map(str::to_owned);
        let days: BTreeSet<String> = backups.iter().filter_map(day_of).collect();
        let first_kept = days.iter().rev().nth(self.days.max(1) as usize - 1);
        let month = |day: String| day.get(..7).map(str::to_owned);
        let mut months: Vec<String> = backups
            .iter()
            .filter_map(day_of)
            .filter_map(month)
            .collect();
        months.dedup();
        months.truncate(self.months as usize + 1);
        backups
            .iter()
            .enumerate()
            .filter(|(at, kept)| {
                let Some(day) = day_of(kept) else {
                    return false;
                };
                let is_recent = first_kept.is_none_or(|first| day >= *first);
                let of_month = month(day);
                let is_first_of_month = !backups[at + 1..]
                    .iter()
                    .any(|older| day_of(older).and_then(month) == of_month);
                let is_monthly = is_first_of_month && of_month.is_some_and(|m| months.contains(&m));
                !(is_recent || is_monthly)
            })
            .map(|(_, kept)| kept)
            .collect()
    }
}

/// Removes what is no longer kept; says what went. Only backups of this appliance are ever touched.
///
/// # Errors
/// When the folder can't be read or written.
pub fn prune(
    folder: &Path,
    appliance: &str,
    retention: Retention,
) -> Result<Vec<String>, BackupError> {
    let backups = list(folder, appliance)?;
    let mut removed = Vec::new();
    for kept in retention.expired(&backups) {
        files::remove(&kept.path)?;
        removed.push(kept.name.clone());
    }
    Ok(removed)
}

/// Deletes a backup that [`list`] found.
///
/// # Errors
/// When the folder can't be written.
pub fn delete(kept: &Kept) -> Result<(), BackupError> {
    files::remove(&kept.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: i64) -> Kept {
        let at = Timestamp(1_790_000_000_000 + number * 86_400_000);
        Kept {
            name: name_of("0123456789abcdef", at),
            path: PathBuf::new(),
            bytes: 1,
        }
    }

    #[test]
    fn a_name_says_whose_and_when() {
        let name = name_of("0123456789abcdef", Timestamp(1_790_000_000_000));
        assert_eq!(name, "optria-01234567-2026-09-21T141320Z.backup");
    }

    #[test]
    fn the_last_days_and_the_first_of_each_month_stay() {
        let backups: Vec<Kept> = (0..400).rev().map(day).collect();
        let retention = Retention {
            days: 14,
            months: 12,
        };
        let expired = retention.expired(&backups);
        let is_kept = |kept: &&Kept| !expired.contains(kept);
        let kept: Vec<&Kept> = backups.iter().filter(is_kept).collect();
        assert!(kept[..14].iter().zip(&backups).all(|(a, b)| **a == *b));
        let monthly = &kept[14..];
        assert!((12..=13).contains(&monthly.len()), "{}", monthly.len());
        assert!(monthly.iter().all(|kept| kept.name.contains("-01T")));
    }

    #[test]
    fn the_newest_stays_whatever_is_asked_for() {
        let backups: Vec<Kept> = (0..3).rev().map(day).collect();
        let retention = Retention { days: 0, months: 0 };
        assert!(!retention.expired(&backups).contains(&&backups[0]));
    }
}
