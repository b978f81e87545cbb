//! The rule packs in force: those of the program, and in the place of one with the same id, or beside them, the
//! plant's own from a folder among its data. They are read at the start: an incident is never judged half by old
//! rules and half by new ones.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use iq_blackbox::rca::{MAX_PACK_BYTES, Pack, PackError, Signals, built_in, read_pack};
use iq_domain::CodedError;
use tracing::error;

/// Folder of the plant's own packs, in the data folder.
pub const PACKS_FOLDER: &str = "packs";
/// Most files that are read from it.
const MAX_FILES: usize = 100;

/// The rule packs in force.
#[derive(Clone, Debug)]
pub struct RulePacks {
    /// In the order of their ids.
    pub packs: Vec<Pack>,
    /// Ids of those that are the plant's own.
    pub own: BTreeSet<String>,
    /// Files that could not be used, with their mistakes; what they replace stays in force.
    pub refused: Vec<(PathBuf, Vec<PackError>)>,
}

impl RulePacks {
    /// Reads what is in force in a data folder.
    #[must_use]
    pub fn read(data_dir: &Path) -> Self {
        let mut packs = Self {
            packs: built_in().to_vec(),
            own: BTreeSet::new(),
            refused: Vec::new(),
        };
        for path in files(&data_dir.join(PACKS_FOLDER)) {
            match read_pack_file(&path) {
                Ok(Ok(pack)) => packs.put(pack),
                Ok(Err(errors)) => packs.refused.push((path, errors)),
                Err(error) => {
                    let word = iq_domain::neutralise(&error.to_string(), 160);
                    packs.refused.push((path, vec![unreadable(word)]));
                }
            }
        }
        for (path, errors) in &packs.refused {
            let codes: Vec<_> = errors.iter().map(|e| (e.code, e.line)).collect();
            error!(path = %path.display(), ?codes, "A rule pack can't be used; it is left out.");
        }
        packs.packs.sort_by(|a, b| a.id.cmp(&b.id));
        packs
    }

    /// Why a pack must not come into force: answers and evidence files cite packs by id and version and rules by
    /// their ids, so neither may stand for two things.
    ///
    /// # Errors
    /// `rules.version_not_higher` and `rules.rule_known`.
    pub fn admits(&self, pack: &Pack) -> Result<(), CodedError> {
        let known = self.packs.iter().find(|known| known.id == pack.id);
        if let Some(known) = known.filter(|known| known.version >= pack.version) {
            return Err(CodedError::invalid("rules.version_not_higher")
                .with("id", &pack.id)
                .with("version", pack.version)
                .with("known", known.version));
        }
        let others = || self.packs.iter().filter(|known| known.id != pack.id);
        for rule in &pack.rules {
            let id = &rule.text.id;
            let owner = others().find(|p| p.rules.iter().any(|r| r.text.id == *id));
            if let Some(owner) = owner {
                return Err(CodedError::invalid("rules.rule_known")
                    .with("rule", id)
                    .with("pack", &owner.id));
            }
        }
        Ok(())
    }

    /// Puts a pack of the plant's own in force.
    pub fn put(&mut self, pack: Pack) {
        self.packs.retain(|known| known.id != pack.id);
        self.own.insert(pack.id.clone());
        self.packs.push(pack);
    }
}

fn unreadable(word: String) -> PackError {
    PackError {
        code: "pack.not_readable",
        line: 1,
        word,
    }
}

/// The files of the folder in the order of their names; none where there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json") && path.is_file())
        .collect();
    found.sort();
    found.truncate(MAX_FILES);
    found
}

/// Reads a pack with the families and metrics the program knows.
///
/// # Errors
/// When the file can't be read.
pub fn read_pack_file(path: &Path) -> io::Result<Result<Pack, Vec<PackError>>> {
    let size = fs::metadata(path)?.len();
    if size > MAX_PACK_BYTES as u64 {
        return Ok(Err(vec![PackError {
            code: "pack.too_large",
            line: 1,
            word: size.to_string(),
        }]));
    }
    let text = match String::from_utf8(fs::read(path)?) {
        Ok(text) => text,
        Err(error) => return Ok(Err(vec![unreadable(error.to_string())])),
    };
    Ok(read_pack(&text, &|family, pattern| {
        let template = iq_mapping::catalogue().family(family);
        template.is_some_and(|t| {
            t.metrics
                .iter()
                .any(|m| Signals::Metric(pattern.to_owned()).matches(&m.metric))
        })
    }))
}

/// Where the pack of an id lies once it is the plant's own; `None` for an id that is no name of a file.
#[must_use]
pub fn own_pack_file(data_dir: &Path, id: &str) -> Option<PathBuf> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let is_name = !id.is_empty() && id.len() <= 64 && id.chars().all(is_plain);
    is_name.then(|| data_dir.join(PACKS_FOLDER).join(format!("{id}.json")))
}

/// Puts a file in the place of the plant's own pack, whole or not at all.
///
/// # Errors
/// When the folder can't be written.
pub fn keep_own_pack(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = target.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, target)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUMP: &str = "centrifugal_pump";

    fn pump_pack(version: u32) -> String {
        let file = iq_blackbox::rca::BUILT_IN_FILES
            .into_iter()
            .find(|file| file.contains("\"pack\": \"centrifugal_pump\""))
            .unwrap();
        let known = built_in().iter().find(|p| p.id == PUMP).unwrap().version;
        file.replacen(
            &format!("\"version\": {known}"),
            &format!("\"version\": {version}"),
            1,
        )
    }

    #[test]
    fn an_own_pack_stands_in_the_place_of_the_programs_and_a_wrong_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let before = RulePacks::read(folder.path());
        assert_eq!(before.packs.len(), built_in().len());
        assert!(before.own.is_empty());

        let target = own_pack_file(folder.path(), PUMP).unwrap();
        keep_own_pack(&target, pump_pack(977).as_bytes()).unwrap();
        fs::write(target.with_file_name("wrong.json"), "{ \"pack\": 1 }").unwrap();
        let after = RulePacks::read(folder.path());
        let pumps: Vec<u32> = after
            .packs
            .iter()
            .filter(|p| p.id == PUMP)
            .map(|p| p.version)
            .collect();
        assert_eq!(pumps, [977]);
        assert_eq!(after.packs.len(), built_in().len());
        assert_eq!(after.own.iter().collect::<Vec<_>>(), [PUMP]);
        assert_eq!(after.refused.len(), 1);

        fs::remove_file(&target).unwrap();
        assert!(RulePacks::read(folder.path()).own.is_empty());
    }

    #[test]
    fn an_id_and_a_version_stand_for_one_pack_and_a_rule_for_one_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let known = RulePacks::read(folder.path());
        let of = |text: &str| {
            let path = folder.path().join("pack.json");
            fs::write(&path, text).unwrap();
            let pack = read_pack_file(&path).unwrap().unwrap();
            known.admits(&pack).map_err(|error| error.code)
        };
        assert_eq!(of(&pump_pack(977)), Ok(()));
        assert_eq!(of(&pump_pack(1)), Err("rules.version_not_higher"));
        let other = pump_pack(977).replace("\"pack\": \"centrifugal_pump\"", "\"pack\": \"mine\"");
        assert_eq!(of(&other), Err("rules.rule_known"));
    }

    #[test]
    fn an_id_is_never_a_way_out_of_the_folder() {
        for id in ["", "../x", "a/b", "A", "x.y", "\u{0}"] {
            assert_eq!(own_pack_file(Path::new("d"), id), None, "{id}");
        }
        assert!(own_pack_file(Path::new("d"), "fan_blower").is_some());
    }
}
