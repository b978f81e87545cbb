//! States in which a power cut may leave a disk.
//!
//! What was written before the last flush of its file is there. Of what was written since, each write is
//! there, or not, or with some of its sectors only, each file for itself; so the state also stands for
//! writes that reached the disk in another order. A file that grew holds zeros or anything at all where
//! nothing arrived. Names that were made or removed since the last flush of the folder are as they were
//! at some moment since then: file systems with a journal keep that order.

use std::collections::BTreeMap;

use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::log::{Event, FileId};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// Files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The disk at a point of the record.
pub struct Disk<'a> {
    events: &'a [Event],
    at: usize,
    files: Vec<File>,
    names: BTreeMap<String, FileId>,
    /// Events that changed names since the folder was flushed.
    unsure_names: Vec<usize>,
    begun: Option<usize>,
    done: Option<usize>,
}

#[derive(Default)]
struct File {
    sure: Vec<u8>,
    /// Events since the last flush.
    unsure: Vec<usize>,
}

/// How much of what was not flushed is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// All of it.
    All,
    /// Nothing of it.
    Nothing,
    /// What falls so.
    Any,
}

impl<'a> Disk<'a> {
    /// The disk before the record begins.
    #[must_use]
    pub fn new(events: &'a [Event]) -> Self {
        Self {
            events,
            at: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            unsure_names: Vec::new(),
            begun: None,
            done: None,
        }
    }

    /// Goes on to behind the event before `at`. Time does not go back.
    pub fn advance(&mut self, at: usize) {
        while self.at < at.min(self.events.len()) {
            self.step();
            self.at += 1;
        }
    }

    fn step(&mut self) {
        let events = self.events;
        match &events[self.at] {
            Event::Created { file, .. } => {
                self.file(*file);
                self.unsure_names.push(self.at);
            }
            Event::Found { name, file, bytes } => {
                self.file(*file).sure.clone_from(bytes);
                self.names.insert(name.clone(), *file);
            }
            Event::Deleted(_) => self.unsure_names.push(self.at),
            Event::FolderFlushed => {
                for at in std::mem::take(&mut self.unsure_names) {
                    rename(&mut self.names, &events[at]);
                }
            }
            Event::Written { file, .. } | Event::Truncated { file, .. } => {
                let at = self.at;
                self.file(*file).unsure.push(at);
            }
            Event::Flushed(file) => {
                let file = self.file(*file);
                for at in std::mem::take(&mut file.unsure) {
                    apply(&mut file.sure, &events[at]);
                }
            }
            Event::Begun(step) => self.begun = Some(*step),
            Event::Done(step) => self.done = Some(*step),
        }
    }

    fn file(&mut self, file: FileId) -> &mut File {
        while self.files.len() <= file {
            self.files.push(File::default());
        }
        &mut self.files[file]
    }

    /// The last step that was begun by now.
    #[must_use]
    pub const fn begun(&self) -> Option<usize> {
        self.begun
    }

    /// The last step that was acknowledged by now.
    #[must_use]
    pub const fn done(&self) -> Option<usize> {
        self.done
    }

    /// Without a cut: all that was written is there.
    #[must_use]
    pub fn whole(&self) -> Files {
        self.after_a_cut(Choices::All, &mut StdRng::seed_from_u64(0))
    }

    /// A state the power cut may leave.
    pub fn after_a_cut(&self, choices: Choices, random: &mut impl Rng) -> Files {
        let mut names = self.names.clone();
        let count = self.unsure_names.len();
        let kept = match choices {
            Choices::All => count,
            Choices::Nothing => 0,
            Choices::Any => random.random_range(0..=count),
        };
        for at in &self.unsure_names[..kept] {
            rename(&mut names, &self.events[*at]);
        }
        names
            .into_iter()
            .map(|(name, file)| (name, self.content(&self.files[file], choices, random)))
            .collect()
    }

    fn content(&self, file: &File, choices: Choices, random: &mut impl Rng) -> Vec<u8> {
        let mut bytes = file.sure.clone();
        let unsure = file.unsure.iter().map(|at| &self.events[*at]);
        match choices {
            Choices::Nothing => {}
            Choices::All => unsure.for_each(|event| apply(&mut bytes, event)),
            Choices::Any => {
                // Files differ in how much of them arrived, or nothing would ever be missing from all.
                let share = [0.0, 0.2, 0.5, 0.8, 1.0][random.random_range(0..5)];
                let is_torn = random.random_bool(0.5);
                let filler = random.random_bool(0.5).then(|| random.random());
                for event in unsure {
                    if random.random_bool(share) {
                        apply(&mut bytes, event);
                    } else if is_torn && random.random_bool(0.5) {
                        tear(&mut bytes, event, filler, random);
                    }
                }
            }
        }
        bytes
    }
}

fn rename(names: &mut BTreeMap<String, FileId>, event: &Event) {
    match event {
        Event::Created { name, file } => drop(names.insert(name.clone(), *file)),
        Event::Deleted(name) => drop(names.remove(name)),
        _ => {}
    }
}

fn apply(content: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Written { at, bytes, .. } => {
            let at = index(*at);
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[at..end].copy_from_slice(bytes);
        }
        Event::Truncated { size, .. } => content.resize(index(*size), 0),
        _ => {}
    }
}

/// Some sectors of a write, each for itself. Where the file grew by it, what did not arrive is zeros or
/// some other byte.
fn tear(content: &mut Vec<u8>, event: &Event, filler: Option<u8>, random: &mut impl Rng) {
    let Event::Written { at, bytes, .. } = event else {
        return;
    };
    let at = index(*at);
    let end = at + bytes.len();
    let mut from = at;
    while from < end {
        let to = ((from / SECTOR + 1) * SECTOR).min(end);
        if random.random_bool(0.5) {
            if content.len() < to {
                content.resize(to, filler.unwrap_or(0));
            }
            content[from..to].copy_from_slice(&bytes[from - at..to - at]);
        }
        from = to;
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a file of a test fits into memory")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn written(file: FileId, at: u64, byte: u8, count: usize) -> Event {
        Event::Written {
            file,
            at,
            bytes: vec![byte; count],
        }
    }

    fn created(name: &str, file: FileId) -> Event {
        Event::Created {
            name: name.to_owned(),
            file,
        }
    }

    fn states(events: &[Event]) -> BTreeSet<Option<Vec<u8>>> {
        let mut disk = Disk::new(events);
        disk.advance(events.len());
        let mut random = StdRng::seed_from_u64(1);
        let mut found = BTreeSet::new();
        for _ in 0..2_000 {
            let files = disk.after_a_cut(Choices::Any, &mut random);
            found.insert(files.get("a").cloned());
        }
        found
    }

    #[test]
    fn what_was_flushed_is_there_and_what_was_not_may_be_there_in_part() {
        let found = states(&[
            created("a", 0),
            written(0, 0, 1, 1_024),
            Event::Flushed(0),
            Event::FolderFlushed,
            written(0, 0, 2, 1_024),
        ]);
        let sectors: BTreeSet<[u8; 2]> = found
            .iter()
            .map(|content| {
                let content = content.as_ref().expect("the name was flushed");
                assert_eq!(content.len(), 1_024);
                assert!(content[..512].iter().all(|b| *b == content[0]), "a sector");
                [content[0], content[512]]
            })
            .collect();
        assert_eq!(sectors, BTreeSet::from([[1, 1], [1, 2], [2, 1], [2, 2]]));
    }

    #[test]
    fn a_flush_of_one_file_makes_no_other_sure_and_no_name() {
        let found = states(&[
            created("b", 1),
            created("a", 0),
            written(0, 0, 1, 8),
            written(1, 0, 1, 8),
            Event::Flushed(1),
        ]);
        let expected = [None, Some(Vec::new()), Some(vec![1; 8])];
        assert_eq!(found, BTreeSet::from(expected));
    }

    #[test]
    fn writes_may_arrive_in_another_order() {
        let found = states(&[
            created("a", 0),
            Event::FolderFlushed,
            written(0, 0, 1, 512),
            Event::Flushed(0),
            written(0, 0, 2, 512),
            written(0, 512, 3, 512),
        ]);
        let later_alone = [vec![1; 512], vec![3; 512]].concat();
        assert!(found.contains(&Some(later_alone)));
    }
}
