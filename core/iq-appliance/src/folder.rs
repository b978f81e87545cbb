//! What a data folder holds before anything is made in it: the identity of the installation, and
//! whether the store is there that the rest of the folder belongs to.

use std::{fs::File, io, path::Path};

use anyhow::{Context, Result};
use iq_domain::{CodedError, ErrorKind};
use tracing::warn;

use crate::lock;

/// Files that are only made when there is a store: the samples, and the signed notes of its log.
const AFTER_THE_STORE: [&str; 2] = ["historian.db", "checkpoints"];

/// Whether there is a store in the folder; an empty file is none.
///
/// # Errors
/// When this user may not look into the folder.
pub(crate) fn has_store(data_dir: &Path) -> io::Result<bool> {
    match std::fs::metadata(data_dir.join(iq_backup::DATABASES[0])) {
        Ok(store) => Ok(store.is_file() && store.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(false),
    }
}

/// Refuses a folder whose store is gone while its other files show that there was one: the start would
/// make a new store, and whoever comes first would be its administrator. A first start that was cut off
/// has not come to those files.
pub(crate) fn require_store(data_dir: &Path) -> Result<()> {
    let store = data_dir.join(iq_backup::DATABASES[0]);
    // Where that can't be found out, the start says why as soon as it opens the store.
    if has_store(data_dir).unwrap_or(true) {
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
/// replaced, and one that is gone is taken from the store again: the evidence log and the hub would take
/// this for another appliance.
pub(crate) fn appliance_id(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("appliance.id");
    let store = data_dir.join(iq_backup::DATABASES[0]);
    let damaged = || {
        CodedError::new(ErrorKind::Unavailable, "data.identity_damaged")
            .with("path", path.display())
    };
    match std::fs::read_to_string(&path) {
        Ok(text) if appliance_bytes(text.trim()).is_ok() => return Ok(text.trim().to_owned()),
        // A first start that was cut off before there was a store.
        Ok(text) if text.trim().is_empty() && !store.exists() => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return Err(damaged().into()),
    }
    let known = iq_store::installations(&store).map_err(CodedError::from)?;
    let bytes = match known.as_slice() {
        [] => random_id()?,
        [known] => {
            warn!(path = %path.display(), "The identity of the appliance was missing; it was taken from the store.");
            *known
        }
        _ => return Err(damaged().into()),
    };
    let id = hex(&bytes);
    write_id(&path, &id).map_err(|error| lock::unusable(&path, error))?;
    Ok(id)
}

fn random_id() -> Result<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    Ok(bytes)
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
    use iq_domain::{TenantId, Timestamp};
    use iq_store::evidence::{self, Epoch};

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
    fn an_identity_that_is_gone_is_taken_from_the_store_and_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("appliance.id");
        let clock = std::sync::Arc::new(iq_domain::WallClock);
        let store = iq_store::Store::open(folder.path().join("optria.db"), clock).unwrap();
        let begin = |tenant: TenantId, epoch_no, appliance| {
            let epoch = Epoch {
                tenant_id: tenant,
                epoch_no,
                epoch: [9; 16],
                appliance,
                machine: None,
                reason: "installation".to_owned(),
                opened_at: Timestamp(1_790_000_000_000),
            };
            store
                .write_blocking(move |tx| evidence::create_epoch(tx, tenant, &epoch))
                .unwrap();
        };
        // A store without a log knows none: one is made, and stays.
        let made = appliance_id(folder.path()).unwrap();
        assert_eq!(appliance_id(folder.path()).unwrap(), made);
        let (tenant, other) = (TenantId::new(), TenantId::new());
        begin(tenant, 1, [6; 16]);
        begin(tenant, 2, [7; 16]);
        begin(other, 1, [7; 16]);
        std::fs::remove_file(&file).unwrap();
        let known = "07".repeat(16);
        assert_eq!(appliance_id(folder.path()).unwrap(), known);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), known);
        // Two that differ: only a person knows.
        begin(other, 2, [8; 16]);
        std::fs::remove_file(&file).unwrap();
        let error = appliance_id(folder.path()).unwrap_err();
        let error = error.downcast::<CodedError>().unwrap();
        assert_eq!(error.code, "data.identity_damaged");
        assert!(!file.exists());
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
