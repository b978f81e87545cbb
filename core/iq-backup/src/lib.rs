//! Backups of a data folder: one encrypted file holding all of it, made while the appliance runs,
//! proved by restoring it, and put in place so that a crash leaves the old folder or the new one.
//!
//! | File | What it does |
//! |---|---|
//! | `key` | the backup key, its text for a safe, and what a passphrase becomes |
//! | `seal` | the file: a header, then encrypted frames |
//! | `archive` | what is inside: the files, then a list of them |
//! | `snapshot` | databases at one moment, while others write to them |
//! | `make` | a backup of a folder |
//! | `open` | back into a folder, and whether it is what was saved |
//! | `swap` | a prepared folder takes the place of the one in use |
//! | `book` | what is remembered between backups |
//! | `keep` | names of backups, and which of them are kept |

mod archive;
mod book;
mod error;
mod files;
mod keep;
mod key;
mod make;
mod open;
mod seal;
mod snapshot;
mod swap;

pub use archive::{FileEntry, Manifest};
pub use book::{keep_damaged_book, read_book, write_book};
pub use error::BackupError;
pub use files::require_writable;
pub use keep::{Kept, Retention, delete, list, name_of, prune};
pub use key::{BackupKey, Opener};
pub use make::{Made, Request, make};
pub use open::{check, inspect, unpack};
pub use seal::{Header, is_backup};
pub use swap::{RESTORED_MARK, RestoredMark, Stage, finish_pending, has_pending, withdraw_pending};

/// Databases at the top of a data folder, in the order in which their moments are taken: what is derived
/// from samples may be missing in a copy and is derived again, but never stands there without them.
pub const DATABASES: [&str; 2] = ["optria.db", "historian.db"];

/// Where backups go that nobody gave another folder.
pub const DEFAULT_FOLDER: &str = "backups";

/// The file that keeps room back on the disk. It holds nothing, and stays where it is.
pub const RESERVE: &str = "disk.reserve";

/// The file by which windows of the machine know the running service. It is new at every start.
pub const WINDOW_KEY: &str = "window.key";

/// Begin of the name of a folder into which a backup is restored only to prove it.
pub const PROVING: &str = ".backup-proof-";

/// Letters a passphrase has at least.
pub const LEAST_PASSPHRASE: usize = 12;
