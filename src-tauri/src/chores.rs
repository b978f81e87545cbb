//! What a person asks of the program itself, besides its pages: where the data are, and the log files
//! for support.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use iq_domain::{CodedError, ErrorKind};

use crate::appliance;

/// The data folder, where this person may look into it.
pub(crate) fn to_open(data_dir: &Path) -> Result<&Path> {
    if data_dir.read_dir().is_err() {
        let error = CodedError::new(ErrorKind::Forbidden, "desktop.data_closed");
        return Err(error.with("folder", data_dir.display()).into());
    }
    Ok(data_dir)
}

/// Puts all log files into one archive in the folder `into`; what is there is not overwritten.
pub(crate) fn export_logs(data_dir: &Path, into: &Path) -> Result<PathBuf> {
    fs::create_dir_all(into).with_context(|| format!("{} can't be created", into.display()))?;
    let archive = unused(&into.join("optria-logs.zip"));
    appliance::export_logs(data_dir, &archive)?;
    Ok(archive)
}

/// The path, or the first of `name (1)`, `name (2)`, … that is not there: nothing is overwritten.
pub(crate) fn unused(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .map(|ending| format!(".{}", ending.to_string_lossy()));
    let ending = ending.unwrap_or_default();
    std::iter::once(path.to_owned())
        .chain((1..1000).map(|n| path.with_file_name(format!("{stem} ({n}){ending}"))))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: &anyhow::Error) -> &'static str {
        error
            .downcast_ref::<CodedError>()
            .map_or("", |error| error.code)
    }

    #[test]
    fn a_download_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("alerts.csv");
        assert_eq!(unused(&wanted), wanted);
        fs::write(&wanted, "").unwrap();
        let second = folder.path().join("alerts (1).csv");
        assert_eq!(unused(&wanted), second);
        fs::write(&second, "").unwrap();
        assert_eq!(unused(&wanted), folder.path().join("alerts (2).csv"));
    }

    #[test]
    fn a_folder_that_is_closed_or_not_there_is_said_to_be() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(to_open(data.path()).unwrap(), data.path());
        let closed = to_open(&data.path().join("none")).unwrap_err();
        assert_eq!(code(&closed), "desktop.data_closed");
    }
}
