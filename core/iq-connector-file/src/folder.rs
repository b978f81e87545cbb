//! The watched folder: where it may lie, which of its files are complete, and where they go when they
//! were read. Nothing here leaves the inbox of the tenant.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    time::UNIX_EPOCH,
};

use iq_domain::{CodedError, ErrorKind, is_clean_line};
use serde::{Deserialize, Serialize};

/// Files that are looked at in one round.
const MAX_FILES: usize = 10_000;
/// Where read files go.
const DONE: &str = "done";
/// Where files go that are no tables.
const REFUSED: &str = "refused";

/// A file as it lay in the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Last change, in milliseconds.
    pub modified_ms: i64,
    /// Name.
    pub name: String,
    /// Size.
    pub size: u64,
}

/// A folder that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pattern: String,
}

fn unusable(error: io::Error) -> CodedError {
    CodedError::new(ErrorKind::Unavailable, "file.folder_unusable").with("detail", error)
}

impl Folder {
    /// The folder of that name inside the tenant's inbox; it is made if it is not there.
    pub(crate) fn open(inbox: &Path, name: &str, pattern: &str) -> Result<Self, CodedError> {
        let outside = || CodedError::invalid("file.folder_outside").with("folder", name);
        fs::create_dir_all(inbox).map_err(unusable)?;
        let mut path = inbox.canonicalize().map_err(unusable)?;
        for part in Path::new(name).components() {
            let Component::Normal(part) = part else {
                return Err(outside());
            };
            let text = part.to_str().ok_or_else(outside)?;
            // Windows reads "name:stream" and a name in its old devices as something else.
            if !is_clean_line(text, 100) || text.starts_with('.') || text.contains(['\\', ':']) {
                return Err(outside());
            }
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(about) if about.is_dir() => {}
                Ok(_) => return Err(outside()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&path).map_err(unusable)?;
                }
                Err(error) => return Err(unusable(error)),
            }
        }
        Ok(Self {
            path,
            pattern: pattern.to_lowercase(),
        })
    }

    /// Where it lies.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its files that fit the pattern, oldest first. Links, folders and hidden files are none.
    pub(crate) fn files(&self) -> Result<Vec<Stamp>, CodedError> {
        let about = fs::symlink_metadata(&self.path).map_err(unusable)?;
        if !about.is_dir() {
            return Err(
                CodedError::invalid("file.folder_outside").with("folder", self.path.display())
            );
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unusable)?.take(MAX_FILES) {
            let entry = entry.map_err(unusable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // What an uploader writes under a name of its own is not complete.
            let is_partial = [".tmp", ".part", ".partial", ".crdownload", "~"]
                .iter()
                .any(|end| name.to_lowercase().ends_with(end));
            if name.starts_with(['.', '~']) || is_partial || !fits(&self.pattern, &name) {
                continue;
            }
            let Ok(about) = fs::symlink_metadata(entry.path()) else {
                continue;
            };
            if about.is_file() && about.len() > 0 {
                files.push(stamp(name, &about));
            }
        }
        files.sort();
        Ok(files)
    }

    /// The path of one of its files.
    #[must_use]
    pub(crate) fn file(&self, stamp: &Stamp) -> PathBuf {
        self.path.join(&stamp.name)
    }

    /// Whether a file is still as it was seen.
    #[must_use]
    pub(crate) fn is_unchanged(&self, seen: &Stamp) -> bool {
        fs::symlink_metadata(self.file(seen))
            .is_ok_and(|about| about.is_file() && stamp(seen.name.clone(), &about) == *seen)
    }

    /// Moves a file that was read into "done".
    pub(crate) fn finish(&self, seen: &Stamp) -> Result<(), CodedError> {
        self.put_away(seen, DONE)
    }

    /// Moves a file that is no table into "refused".
    pub(crate) fn refuse(&self, seen: &Stamp) -> Result<(), CodedError> {
        self.put_away(seen, REFUSED)
    }

    fn put_away(&self, seen: &Stamp, place: &str) -> Result<(), CodedError> {
        let target = self.path.join(place);
        match fs::symlink_metadata(&target) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => {
                return Err(
                    CodedError::invalid("file.folder_outside").with("folder", target.display())
                );
            }
            Err(_) => fs::create_dir(&target).map_err(unusable)?,
        }
        let mut to = target.join(&seen.name);
        let mut n = 2;
        // An earlier file of the same name stays.
        while fs::symlink_metadata(&to).is_ok() && n < 10_000 {
            to = target.join(format!("{n}-{}", seen.name));
            n += 1;
        }
        fs::rename(self.file(seen), to).map_err(unusable)
    }
}

fn stamp(name: String, about: &fs::Metadata) -> Stamp {
    let since = about
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Stamp {
        name,
        size: about.len(),
        modified_ms: since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// Whether a name fits a pattern in which `*` stands for any letters and `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (
        pattern.chars().collect(),
        name.to_lowercase().chars().collect(),
    );
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))
        {
            p += 1;
            n += 1;
        } else if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if let Some((at, taken)) = star {
            p = at + 1;
            n = taken + 1;
            star = Some((at, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("*", "a.csv", true),
            ("*.csv", "A.CSV", true),
            ("*.csv", "a.csv.bak", false),
            ("trend_??.csv", "trend_01.csv", true),
            ("trend_??.csv", "trend_1.csv", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    fn opened(inbox: &Path, name: &str) -> Result<Folder, &'static str> {
        Folder::open(inbox, name, "*").map_err(|e| e.code)
    }

    #[test]
    fn a_folder_outside_the_inbox_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let inbox = root.path().join("inbox");
        for name in [
            "..",
            "a/../..",
            "/etc",
            "a/./..",
            ".hidden",
            "a\\b",
            "c:",
            "a/\u{202e}b",
        ] {
            assert_eq!(
                opened(&inbox, name).unwrap_err(),
                "file.folder_outside",
                "{name}"
            );
        }
        let folder = opened(&inbox, "dcs/trends").unwrap();
        assert!(folder.path().starts_with(inbox.canonicalize().unwrap()));
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let inbox = root.path().join("inbox");
        let secret = root.path().join("secret");
        fs::create_dir_all(&inbox).unwrap();
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("a.csv"), "time,tag,value\n").unwrap();
        std::os::unix::fs::symlink(&secret, inbox.join("linked")).unwrap();
        assert_eq!(opened(&inbox, "linked").unwrap_err(), "file.folder_outside");
        let folder = opened(&inbox, "real").unwrap();
        std::os::unix::fs::symlink(secret.join("a.csv"), folder.path().join("a.csv")).unwrap();
        assert_eq!(folder.files().unwrap(), []);
        let refused = crate::FileSource::open(&folder.path().join("a.csv")).unwrap_err();
        assert_eq!(refused.code, "file.not_regular");
        std::os::unix::fs::symlink(&secret, folder.path().join("done")).unwrap();
        fs::write(folder.path().join("b.csv"), "time,tag,value\n").unwrap();
        let seen = folder.files().unwrap().remove(0);
        assert_eq!(
            folder.finish(&seen).unwrap_err().code,
            "file.folder_outside"
        );
        assert!(!secret.join("b.csv").exists());
    }

    #[test]
    fn a_read_file_is_moved_and_replaces_none() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path(), "in").unwrap();
        for _ in 0..2 {
            fs::write(folder.path().join("a.csv"), "x").unwrap();
            let seen = folder.files().unwrap().remove(0);
            assert!(folder.is_unchanged(&seen));
            folder.finish(&seen).unwrap();
        }
        assert!(folder.files().unwrap().is_empty());
        assert!(
            folder.path().join("done/a.csv").exists()
                && folder.path().join("done/2-a.csv").exists()
        );
    }
}
