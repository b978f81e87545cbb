//! What was recorded, in the order in which it happened.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::ffi::SQLITE_OK;

use crate::vfs;

/// A file, also after its name is gone or belongs to another.
pub type FileId = usize;

/// One thing that happened to a recorded folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file was made.
    Created {
        /// Its name in the folder.
        name: String,
        /// The file.
        file: FileId,
    },
    /// A file was there before the recording.
    Found {
        /// Its name.
        name: String,
        /// The file.
        file: FileId,
        /// What it held.
        bytes: Vec<u8>,
    },
    /// A name went.
    Deleted(String),
    /// The folder was flushed: names are as they were at this moment.
    FolderFlushed,
    /// Bytes were written.
    Written {
        /// Where to.
        file: FileId,
        /// Offset.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file got a new size.
    Truncated {
        /// Which.
        file: FileId,
        /// The size.
        size: u64,
    },
    /// A file was flushed.
    Flushed(FileId),
    /// The workload began its step of this number.
    Begun(usize),
    /// The step was acknowledged: from here on it must be there.
    Done(usize),
}

/// What becomes of flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushes {
    /// They are recorded.
    Kept,
    /// They are not: as with `synchronous = OFF`, nothing that was written is ever sure to be there. For
    /// the proof that the search finds what it is looking for.
    Ignored,
}

/// The recorder of a folder.
pub(crate) struct Recorder {
    folder: PathBuf,
    flushes: Flushes,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    files: FileId,
    names: HashMap<String, FileId>,
    appended: Vec<Appended>,
}

/// A file that the program appends to without SQLite, flushing each time.
struct Appended {
    name: String,
    file: Option<FileId>,
    length: u64,
}

static RECORDERS: Mutex<Vec<Arc<Recorder>>> = Mutex::new(Vec::new());

/// The recorder of the folder that a file lies in.
pub(crate) fn recorder_of(path: &Path) -> Option<Arc<Recorder>> {
    let folder = path.parent()?;
    let all = RECORDERS.lock();
    all.iter().find(|r| r.folder == folder).cloned()
}

/// A folder being recorded; it ends when it is dropped.
pub struct Recording(Arc<Recorder>);

impl Recording {
    /// Records a folder from now on. The files of `appended` are not SQLite's: a program appends to them
    /// and flushes before it goes on.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn start(folder: &Path, flushes: Flushes, appended: &[&str]) -> std::io::Result<Self> {
        vfs::install();
        let appended = appended.iter().map(|name| Appended {
            name: (*name).to_owned(),
            file: None,
            length: 0,
        });
        let recorder = Arc::new(Recorder {
            folder: folder.canonicalize()?,
            flushes,
            state: Mutex::new(State {
                appended: appended.collect(),
                ..State::default()
            }),
        });
        RECORDERS.lock().push(Arc::clone(&recorder));
        Ok(Self(recorder))
    }

    /// The workload begins a step.
    pub fn begun(&self, step: usize) {
        self.mark(Event::Begun(step));
    }

    /// The program acknowledged a step.
    pub fn done(&self, step: usize) {
        self.mark(Event::Done(step));
    }

    fn mark(&self, event: Event) {
        let mut state = self.0.state.lock();
        self.0.look_at_appended(&mut state);
        state.events.push(event);
    }

    /// Ends the recording and hands over what happened.
    #[must_use]
    pub fn finish(self) -> Vec<Event> {
        let mut state = self.0.state.lock();
        self.0.look_at_appended(&mut state);
        std::mem::take(&mut state.events)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDERS.lock().retain(|r| !Arc::ptr_eq(r, &self.0));
    }
}

impl Recorder {
    pub(crate) fn opened(&self, path: &Path, is_new: bool) -> FileId {
        let name = name_of(path);
        let mut state = self.state.lock();
        self.look_at_appended(&mut state);
        if let Some(file) = state.names.get(&name).filter(|_| !is_new) {
            return *file;
        }
        let file = state.new_file(&name);
        state.events.push(if is_new {
            Event::Created { name, file }
        } else {
            let bytes = std::fs::read(path).unwrap_or_default();
            Event::Found { name, file, bytes }
        });
        file
    }

    pub(crate) fn deleted(&self, path: &Path, flush: bool, delete: impl FnOnce() -> i32) -> i32 {
        let name = name_of(path);
        let mut state = self.state.lock();
        self.look_at_appended(&mut state);
        let code = delete();
        if code == SQLITE_OK && state.names.remove(&name).is_some() {
            state.events.push(Event::Deleted(name));
        }
        if code == SQLITE_OK && flush && self.flushes == Flushes::Kept {
            state.events.push(Event::FolderFlushed);
        }
        code
    }

    pub(crate) fn written(
        &self,
        file: FileId,
        at: u64,
        bytes: &[u8],
        write: impl FnOnce() -> i32,
    ) -> i32 {
        let bytes = bytes.to_vec();
        self.change(Event::Written { file, at, bytes }, write)
    }

    pub(crate) fn truncated(&self, file: FileId, size: u64, truncate: impl FnOnce() -> i32) -> i32 {
        self.change(Event::Truncated { file, size }, truncate)
    }

    pub(crate) fn flushed(
        &self,
        file: FileId,
        with_folder: bool,
        flush: impl FnOnce() -> i32,
    ) -> i32 {
        if self.flushes == Flushes::Ignored {
            return flush();
        }
        let code = self.change(Event::Flushed(file), flush);
        if code == SQLITE_OK && with_folder {
            self.state.lock().events.push(Event::FolderFlushed);
        }
        code
    }

    /// Under one lock, so that the record has the order in which it happened.
    fn change(&self, event: Event, change: impl FnOnce() -> i32) -> i32 {
        let mut state = self.state.lock();
        self.look_at_appended(&mut state);
        let code = change();
        if code == SQLITE_OK {
            state.events.push(event);
        }
        code
    }

    /// Notes what was appended since the last look. Between two events of SQLite only the workload's own
    /// thread appends, so the place in the record is the right one.
    fn look_at_appended(&self, state: &mut State) {
        for at in 0..state.appended.len() {
            let path = self.folder.join(&state.appended[at].name);
            let Ok(length) = std::fs::metadata(&path).map(|m| m.len()) else {
                continue;
            };
            let before = state.appended[at].length;
            if length == before {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            let name = state.appended[at].name.clone();
            let is_new = state.appended[at].file.is_none();
            let file = match state.appended[at].file {
                Some(file) => file,
                None => state.new_file(&name),
            };
            state.appended[at].file = Some(file);
            state.appended[at].length = length;
            if is_new {
                state.events.push(Event::Created { name, file });
            }
            if length < before {
                state.events.push(Event::Truncated { file, size: length });
            } else {
                let from = usize::try_from(before).unwrap_or(usize::MAX);
                let bytes = bytes.get(from..).unwrap_or_default().to_vec();
                let at = before;
                state.events.push(Event::Written { file, at, bytes });
            }
            if self.flushes == Flushes::Kept {
                state.events.push(Event::Flushed(file));
                if is_new {
                    state.events.push(Event::FolderFlushed);
                }
            }
        }
    }
}

impl State {
    fn new_file(&mut self, name: &str) -> FileId {
        let file = self.files;
        self.files += 1;
        self.names.insert(name.to_owned(), file);
        file
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
