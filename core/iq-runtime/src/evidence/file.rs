//! The file `checkpoints` beside the store: every signed note, only ever appended.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use iq_evidence::{
    Note,
    history::{entry, read_after_a_start},
};

/// Its name.
pub(super) const NAME: &str = "checkpoints";

pub(super) struct CheckpointFile {
    path: PathBuf,
    /// Notes that could not be written yet.
    waiting: Vec<String>,
}

/// What the file said at the start.
pub(super) struct Found {
    pub(super) notes: Vec<Note>,
    /// The entry at which it stopped to be a history; the file was put aside.
    pub(super) broken_at: Option<usize>,
}

impl CheckpointFile {
    /// Reads the file. A last entry that a power cut left unfinished is taken away; a file that was
    /// changed is put aside, and a new one begun.
    pub(super) fn open(folder: &Path, now_ms: i64) -> std::io::Result<(Self, Found)> {
        let path = folder.join(NAME);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        use iq_evidence::history::HistoryError::{Broken, Prev, Shrunk};
        let (notes, broken_at) = match read_after_a_start(&bytes) {
            Ok(history) => {
                if history.length < bytes.len() {
                    let file = OpenOptions::new().write(true).open(&path)?;
                    file.set_len(history.length as u64)?;
                    file.sync_all()?;
                }
                (history.notes, None)
            }
            Err(Broken(at) | Prev(at) | Shrunk(at)) => {
                std::fs::rename(&path, folder.join(format!("{NAME}.{now_ms}.broken")))?;
                (Vec::new(), Some(at))
            }
        };
        let file = Self {
            path,
            waiting: Vec::new(),
        };
        Ok((file, Found { notes, broken_at }))
    }

    /// Appends notes and waits for the disk. What can't be written now is written with the next.
    pub(super) fn append(&mut self, notes: impl IntoIterator<Item = String>) {
        self.waiting.extend(notes);
        if self.waiting.is_empty() {
            return;
        }
        match self.write() {
            Ok(()) => self.waiting.clear(),
            Err(error) => {
                tracing::error!(%error, "The file of checkpoints could not be written; it is tried again.");
            }
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let is_new = !self.path.exists();
        let mut file: File = options.open(&self.path)?;
        let length = file.metadata()?.len();
        let bytes: Vec<u8> = self.waiting.iter().flat_map(|note| entry(note)).collect();
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_all()) {
            // Half an entry in the middle would make the rest unreadable.
            file.set_len(length)?;
            return Err(error);
        }
        // A file that a power cut takes away whole would look like one that somebody removed.
        if is_new && cfg!(unix) {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}
