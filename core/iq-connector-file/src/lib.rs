//! Files of trends and alarm journals: CSV and XLSX.
//!
//! The core is pure over a file: [`detect()`] finds out how it is written, a person may correct the
//! [`ImportLayout`], [`read_file`] turns its rows into samples and events in chunks of bounded size.
//! Files come by upload (the runtime runs those) or from a watched folder (the connector does).

mod cell;
mod civil;
mod config;
mod connector;
mod detect;
mod encoding;
mod folder;
mod formats;
mod journal;
mod layout;
mod number;
mod priority;
mod profile;
mod read;
mod recheck;
mod roles;
mod sheet;
mod source;
mod split;
mod states;
mod stream;
mod table;
mod tags;
mod time;
mod unknown;
mod uploads;
mod waiting;
mod words;

pub use config::FileConfig;
pub use connector::{FileConnector, KIND};
pub use detect::{BARE_JOURNAL, Hints, detect, kind_of};
pub use layout::*;
pub use profile::{FileProfile, Reading, preview, sample_rows};
pub use read::{Again, Chunk, ReadOptions, Reject, read_file};
pub use recheck::{recheck, recut};
pub use sheet::{MAX_XLSX_BYTES, weigh};
pub use source::FileSource;
pub use table::{Position, sniff};
pub use tags::{MAX_TAGS, TagFound, Wanted};
pub use time::zone;
pub use unknown::{Unknown, UnknownWords};
pub use uploads::{NoUploads, UploadedTag, Uploads};
