//! The log as files of the data folder, for those who look after the machine: `logs/optria.log` and the
//! ones before it, each up to a size, so many and no more. Whatever befalls the disk, the appliance goes
//! on: lines that find no room are lost, and the next one that does says how many.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use iq_secrets::SecretString;
use parking_lot::Mutex;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::diagnostics::without;

/// Folder in the data folder.
pub const LOG_FOLDER: &str = "logs";
/// The file that is written to.
const NAME: &str = "optria.log";
/// Longest line kept in a file.
const MAX_LINE: usize = 64 << 10;
/// What is kept of the log before it is known where it goes.
const MAX_WAITING: usize = 256 << 10;
/// How long a disk that took nothing is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// How much the files may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Bytes of one file; 0 for no files at all.
    pub bytes: u64,
    /// Files, the one that is written to among them.
    pub files: usize,
    /// Lines are JSON.
    pub is_json: bool,
}

/// The files of the log. Clones write to the same ones.
#[derive(Clone, Default)]
pub struct LogFiles(Arc<Mutex<State>>);

enum State {
    /// The first lines come before the data folder is ours.
    Waiting(Vec<u8>),
    Off,
    On(Files),
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl std::fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogFiles")
    }
}

struct Files {
    folder: PathBuf,
    limits: LogLimits,
    file: Option<File>,
    size: u64,
    /// Lines that found no room, why, and when to try again.
    lost: u64,
    reason: String,
    retry: Duration,
    retry_at: Option<Instant>,
}

impl LogFiles {
    /// Files that nothing is written to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on lines go into this data folder, which is the caller's; those that came before too.
    pub fn open(&self, data: &Path, limits: LogLimits) {
        self.open_with(data, limits, RETRY);
    }

    fn open_with(&self, data: &Path, limits: LogLimits, retry: Duration) {
        let mut state = self.0.lock();
        let waiting = match std::mem::replace(&mut *state, State::Off) {
            State::Waiting(lines) => lines,
            _ => Vec::new(),
        };
        if limits.bytes == 0 {
            return;
        }
        let mut files = Files {
            folder: data.join(LOG_FOLDER),
            limits,
            file: None,
            size: 0,
            lost: 0,
            reason: String::new(),
            retry,
            retry_at: None,
        };
        for line in waiting.split_inclusive(|byte| *byte == b'\n') {
            files.take(line);
        }
        *state = State::On(files);
    }
}

impl Write for LogFiles {
    /// Takes a line. It never fails: there is nobody to tell.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            State::Waiting(lines) if lines.len() + line.len() <= MAX_WAITING => {
                lines.extend_from_slice(line);
            }
            State::Waiting(_) | State::Off => {}
            State::On(files) => files.take(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Files {
    fn take(&mut self, line: &[u8]) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            self.lost += 1;
            return;
        }
        let cut = &line[..line.len().min(MAX_LINE)];
        if let Err(error) = self.write(cut) {
            self.file = None;
            self.lost += 1;
            self.reason = error.to_string();
            self.retry_at = Some(Instant::now() + self.retry);
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let mut text = Vec::with_capacity(line.len() + 80);
        if self.retry_at.is_some() {
            // A line may have ended in the middle when the disk was full.
            text.push(b'\n');
            text.extend_from_slice(self.loss().as_bytes());
        }
        text.extend_from_slice(line);
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        if self.file.is_none() {
            self.open()?;
        }
        let more = text.len() as u64;
        if self.size > 0 && self.size + more > self.limits.bytes {
            self.rotate()?;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(&text);
        // What a full disk took of a line counts too.
        self.size = file.metadata()?.len();
        written?;
        (self.lost, self.retry_at) = (0, None);
        Ok(())
    }

    fn loss(&self) -> String {
        let (lost, reason) = (self.lost, &self.reason);
        if self.limits.is_json {
            let line = serde_json::json!({ "level": "WARN", "lost_lines": lost, "reason": reason });
            format!("{line}\n")
        } else {
            format!("--- {lost} lines were lost: {reason} ---\n")
        }
    }

    fn open(&mut self) -> io::Result<()> {
        create_folder(&self.folder)?;
        let path = self.folder.join(NAME);
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        restrict(&file)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        self.prune()
    }

    /// Moves every file one on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        let numbered = |n: usize| match n {
            0 => self.folder.join(NAME),
            n => self.folder.join(format!("{NAME}.{n}")),
        };
        let last = self.limits.files.saturating_sub(1);
        remove(&numbered(last))?;
        for n in (0..last).rev() {
            match fs::rename(numbered(n), numbered(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.open()
    }

    /// Takes away what is beyond the limits: they may have been wider before.
    fn prune(&self) -> io::Result<()> {
        let most = self.limits.bytes.saturating_mul(self.limits.files as u64);
        let mut total = 0_u64;
        for (n, path) in numbered_files(&self.folder) {
            let size = fs::metadata(&path).map_or(0, |found| found.len());
            total = total.saturating_add(size);
            let is_over = n >= self.limits.files || total > most;
            if n > 0 && is_over {
                remove(&path)?;
                total = total.saturating_sub(size);
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// The service's group may read the log, whatever mask the service runs under.
#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = file.metadata()?;
    if found.is_file() && found.permissions().mode() & 0o777 != 0o640 {
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_file: &File) -> io::Result<()> {
    Ok(())
}

/// The files of a folder with their numbers; the one that is written to is 0.
fn numbered_files(folder: &Path) -> Vec<(usize, PathBuf)> {
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        match name.strip_prefix(NAME)? {
            "" => Some(0),
            rest => rest.strip_prefix('.')?.parse().ok().filter(|n| *n > 0),
        }
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some((number(&entry.path())?, entry.path())))
        .collect();
    found.sort();
    found
}

/// The log files of a data folder with their names, the newest first, as much as `most` bytes; without
/// any of the secrets. They are read while they are written to and moved: what is gone by then is left
/// out.
pub(crate) fn read_log_files(
    data: &Path,
    most: u64,
    secrets: &[SecretString],
) -> Vec<(String, String)> {
    let mut left = most;
    let mut found = Vec::new();
    for (_, path) in numbered_files(&data.join(LOG_FOLDER)) {
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(left).read_to_end(&mut bytes));
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if read.is_err() || bytes.is_empty() {
            continue;
        }
        left -= bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        found.push((format!("{LOG_FOLDER}/{name}"), without(text, secrets)));
    }
    found
}

/// Writes the log files of a data folder into one archive; how many there were.
///
/// # Errors
/// When the archive can't be written.
pub fn export_logs(
    data: &Path,
    secrets: &[SecretString],
    out: impl Write + Seek,
) -> io::Result<usize> {
    let mut archive = ZipWriter::new(out);
    let files = read_log_files(data, u64::MAX, secrets);
    for (name, text) in &files {
        archive.start_file(name.as_str(), SimpleFileOptions::default())?;
        archive.write_all(text.as_bytes())?;
    }
    archive.finish()?;
    Ok(files.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LogLimits = LogLimits {
        bytes: 1_000,
        files: 3,
        is_json: false,
    };

    fn opened(data: &Path, limits: LogLimits) -> LogFiles {
        let files = LogFiles::new();
        files.open_with(data, limits, Duration::ZERO);
        files
    }

    fn names(data: &Path) -> Vec<String> {
        let files = numbered_files(&data.join(LOG_FOLDER));
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        files.into_iter().map(|(_, path)| name(path)).collect()
    }

    fn total(data: &Path) -> u64 {
        let files = numbered_files(&data.join(LOG_FOLDER));
        files
            .iter()
            .map(|(_, path)| fs::metadata(path).unwrap().len())
            .sum()
    }

    fn current(data: &Path) -> String {
        fs::read_to_string(data.join(LOG_FOLDER).join(NAME)).unwrap()
    }

    #[test]
    fn files_are_moved_on_at_the_size_and_never_hold_more_than_the_cap() {
        let data = tempfile::tempdir().unwrap();
        let mut log = opened(data.path(), LIMITS);
        for n in 0..200 {
            log.write_all(format!("line {n:03} {}\n", "x".repeat(90)).as_bytes())
                .unwrap();
            assert!(total(data.path()) <= 3_000, "after line {n}");
        }
        assert_eq!(
            names(data.path()),
            ["optria.log", "optria.log.1", "optria.log.2"]
        );
        assert!(current(data.path()).contains("line 199"));
        let all = read_log_files(data.path(), u64::MAX, &[]);
        let lines: Vec<&str> = all
            .iter()
            .rev()
            .flat_map(|(_, text)| text.lines())
            .collect();
        assert!(lines.len() > 20, "{} lines", lines.len());
        let first = 200 - lines.len();
        for (n, line) in lines.iter().enumerate() {
            assert!(
                line.starts_with(&format!("line {:03}", first + n)),
                "{line}"
            );
        }
    }

    #[test]
    fn a_line_longer_than_a_file_does_not_break_the_cap_by_more_than_itself() {
        let data = tempfile::tempdir().unwrap();
        let mut log = opened(
            data.path(),
            LogLimits {
                files: 1,
                bytes: 100_000,
                ..LIMITS
            },
        );
        for _ in 0..5 {
            log.write_all(&vec![b'y'; 1 << 20]).unwrap();
        }
        assert_eq!(names(data.path()), ["optria.log"]);
        assert!(total(data.path()) <= 100_000);
    }

    #[test]
    fn narrower_limits_take_older_files_away() {
        let data = tempfile::tempdir().unwrap();
        let mut log = opened(data.path(), LogLimits { files: 6, ..LIMITS });
        for _ in 0..100 {
            log.write_all(&[b'z'; 100]).unwrap();
        }
        assert_eq!(names(data.path()).len(), 6);
        drop(log);
        let mut log = opened(data.path(), LogLimits { files: 2, ..LIMITS });
        log.write_all(b"next\n").unwrap();
        assert_eq!(names(data.path()), ["optria.log", "optria.log.1"]);
    }

    #[test]
    fn lines_before_the_folder_is_known_are_kept_and_zero_means_no_files() {
        let data = tempfile::tempdir().unwrap();
        let mut log = LogFiles::new();
        log.write_all(b"early\n").unwrap();
        log.open(data.path(), LIMITS);
        log.write_all(b"late\n").unwrap();
        assert_eq!(current(data.path()), "early\nlate\n");
        let other = tempfile::tempdir().unwrap();
        let mut off = opened(other.path(), LogLimits { bytes: 0, ..LIMITS });
        off.write_all(b"nothing\n").unwrap();
        assert!(!other.path().join(LOG_FOLDER).exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_account_and_its_group_may_read_the_log() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let mut log = opened(data.path(), LIMITS);
        log.write_all(b"line\n").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.path().join(LOG_FOLDER).join(NAME)), 0o640);
        assert_eq!(mode(data.path().join(LOG_FOLDER)) & 0o007, 0);
    }

    /// `/dev/full` is a disk without room.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_lines_and_says_so_when_there_is_room_again() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(LOG_FOLDER);
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.join(NAME)).unwrap();
        let mut log = opened(data.path(), LIMITS);
        for n in 0..3 {
            log.write_all(format!("lost {n}\n").as_bytes()).unwrap();
        }
        fs::remove_file(folder.join(NAME)).unwrap();
        log.write_all(b"kept\n").unwrap();
        log.write_all(b"kept too\n").unwrap();
        let text = current(data.path());
        assert!(
            text.contains("--- 3 lines were lost: No space left"),
            "{text}"
        );
        assert!(text.ends_with("---\nkept\nkept too\n"), "{text}");
    }

    #[test]
    fn an_export_holds_every_file_and_no_secret() {
        let data = tempfile::tempdir().unwrap();
        let mut log = opened(data.path(), LIMITS);
        for n in 0..30 {
            log.write_all(format!("line {n} hunter22 {}\n", "x".repeat(80)).as_bytes())
                .unwrap();
        }
        let mut bytes = io::Cursor::new(Vec::new());
        let secret = [SecretString::new("hunter22")];
        let count = export_logs(data.path(), &secret, &mut bytes).unwrap();
        assert_eq!(count, 3);
        let mut archive = zip::ZipArchive::new(bytes).unwrap();
        let mut text = String::new();
        for n in 0..archive.len() {
            archive
                .by_index(n)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
        }
        assert!(text.contains("line 29 ***") && !text.contains("hunter22"));
    }
}
