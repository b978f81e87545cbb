//! What a data folder holds before anything is made in it: the identity of the installation, and
//! whether the store is there that the rest of the folder belongs to.

use std::{fs::File, io, path::Path};

use anyhow::{Context, Result};
use iq_domain::{CodedError, ErrorKind};

use crate::lock;

/// Files that are only made when there is a store: the samples, and the signed notes of its log.
const AFTER_THE_STORE: [&str; 2] = ["historian.db", "checkpoints"];

/// Refuses a folder whose store is gone while its other files show that there was one: the start would
/// make a new store, and whoever comes first would be its administrator. A first start that was cut off
/// has not come to those files.
pub(crate) fn require_store(data_dir: &Path) -> Result<()> {
    let store = data_dir.join(iq_backup::DATABASES[0]);
    let is_gone = match std::fs::metadata(&store) {
        Ok(file) => file.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_gone {
        return Ok(());
    }
    let holds = |name: &&str| std::fs::metadata(data_dir.join(name)).is_ok_and(|f| f.len() > 0);
    let Some(found) = AFTER_THE_STORE.into_iter().find(holds) else {
        return Ok(());
    };
    let lost = CodedError::new(ErrorKind::Unavailable, "data.store_lost")
        .with("path", store.display())
        .with("found", found)
        .with("folder", data_dir.display());
    Err(lost.into())
}

/// The id of this installation, made at the first start. One that is there and can't be read is never
/// replaced: the evidence log and the hub would take this for another appliance.
pub(crate) fn appliance_id(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("appliance.id");
    match std::fs::read_to_string(&path) {
        Ok(text) if appliance_bytes(text.trim()).is_ok() => return Ok(text.trim().to_owned()),
        // A first start that was cut off before there was a store.
        Ok(text) if text.trim().is_empty() && !data_dir.join("optria.db").exists() => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => {
            let damaged = CodedError::new(ErrorKind::Unavailable, "data.identity_damaged");
            return Err(damaged.with("path", path.display()).into());
        }
    }
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    let id = hex(&bytes);
    write_id(&path, &id).map_err(|error| lock::unusable(&path, error))?;
    Ok(id)
}

/// A power cut leaves the whole id or none.
fn write_id(path: &Path, id: &str) -> io::Result<()> {
    let part = path.with_extension("id.partial");
    std::fs::write(&part, id)?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, path)
}

/// The id as it stands in evidence records.
pub(crate) fn appliance_bytes(id: &str) -> Result<[u8; 16]> {
    let number = u128::from_str_radix(id, 16).ok().filter(|_| id.len() == 32);
    let number = number.context("appliance.id does not hold 32 hex digits")?;
    Ok(number.to_be_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(data_dir: &Path) -> Option<&'static str> {
        let error = require_store(data_dir).err()?;
        Some(error.downcast::<CodedError>().unwrap().code)
    }

    #[test]
    fn a_store_that_is_gone_beside_what_belongs_to_it_is_not_made_anew() {
        for left in AFTER_THE_STORE {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            std::fs::write(path(left), "content").unwrap();
            assert_eq!(refusal(folder.path()), Some("data.store_lost"), "{left}");
            std::fs::write(path("optria.db"), "").unwrap();
            assert_eq!(refusal(folder.path()), Some("data.store_lost"), "{left}");
            std::fs::write(path("optria.db"), "content").unwrap();
            assert_eq!(refusal(folder.path()), None);
        }
    }

    #[test]
    fn a_first_start_goes_on_where_it_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refusal(folder.path()), None);
        for name in ["appliance.id", "master.key", "disk.reserve"] {
            std::fs::write(folder.path().join(name), "content").unwrap();
        }
        for name in ["optria.db", "historian.db", "checkpoints"] {
            std::fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(refusal(folder.path()), None, "{name}");
        }
    }
}
