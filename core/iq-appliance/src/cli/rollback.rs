//! `optria rollback`: the way back from an upgrade.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anyhow::{Context as _, Result};
use iq_backup::{DATABASES, RestoredMark, Stage};
use iq_domain::{Clock as _, CodedError, Timestamp, WallClock};
use iq_locale::Language;
use iq_store::{Connection, StoreError};

use super::FolderArgs;
use crate::lock::{self, Claim};

/// Puts the copy that was made before the last upgrade in the place of the store.
#[allow(clippy::print_stdout)]
pub(super) fn rollback(args: &FolderArgs, language: Language) -> Result<ExitCode> {
    let data = super::existing_data(args.data_dir.as_deref())?;
    let store = data.join(DATABASES[0]);
    let Claim::Ours(_lock) = lock::claim(&data)? else {
        let running = CodedError::conflict("backup.running");
        return Err(running.with("folder", data.display()).into());
    };
    let (schema, _) = schema_of(&store)?;
    let copies = iq_store::copies_before_upgrades(&store).map_err(CodedError::from)?;
    let copy = copies.into_iter().find(|(number, _)| *number < schema);
    let (number, copy) = copy.ok_or(CodedError::not_found("backup.nothing_to_roll_back"))?;
    let (found, program) = schema_of(&copy)?;
    anyhow::ensure!(found == number, "{} is of another schema", copy.display());
    let made_at = made_at(&copy)?;
    let stage = Stage::begin(&data).map_err(CodedError::from)?;
    let target = stage.folder().join(DATABASES[0]);
    std::fs::copy(&copy, &target)
        .and_then(|_| std::fs::File::open(&target)?.sync_all())
        .with_context(|| format!("{} can't be copied", copy.display()))?;
    let mark = RestoredMark {
        source: format!("before the upgrade from schema {number}"),
        made_at,
        restored_at: WallClock.now(),
    };
    let only = Some(vec![DATABASES[0].to_owned()]);
    stage.commit(&mark, only).map_err(CodedError::from)?;
    let old = iq_backup::finish_pending(&data).map_err(CodedError::from)?;
    let params = BTreeMap::from([
        ("program".to_owned(), program),
        ("made_at".to_owned(), made_at.to_string()),
        (
            "old".to_owned(),
            old.map_or_else(String::new, |old| old.display().to_string()),
        ),
    ]);
    if let Some(text) = iq_locale::plain(language, "cli", "rolled_back", &params) {
        println!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The schema of a store, and the program that brought it there.
fn schema_of(path: &Path) -> Result<(u32, String)> {
    let open = |path: &Path| -> Result<(u32, String), StoreError> {
        let conn = Connection::open(path)?;
        Ok((
            iq_store::schema_version(&conn)?,
            iq_store::schema_program(&conn)?,
        ))
    };
    Ok(open(path).map_err(CodedError::from)?)
}

/// When a file was written last.
fn made_at(path: &Path) -> Result<Timestamp> {
    let modified = std::fs::metadata(path)?.modified()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp(i64::try_from(since.as_millis())?))
}
