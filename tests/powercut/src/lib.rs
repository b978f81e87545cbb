//! Power cuts, simulated. A recording file system under SQLite notes every write, truncation, flush,
//! creation and removal that a workload of the store or the historian makes. From that record come the
//! states a disk may be left in when the power goes at any point: what was flushed is there, and of what
//! was written since, any part may be missing, down to single sectors. Each state is opened by the
//! ordinary program and held against what had been acknowledged by then.
//!
//! | File | What it does |
//! |---|---|
//! | `vfs` | the recording file system; the only unsafe code of the house |
//! | `log` | what was recorded, in its order |
//! | `disk` | states of a disk at a point of the record |
//! | `search` | many states, what each of them showed, and a report |
//! | `store` | events, audit, incidents and the evidence log |
//! | `historian` | samples, compaction and retention |
//!
//! Left to others: a process that is killed (its writes are all in the system's hands) and bits that turn
//! over by themselves.

mod disk;
pub mod historian;
mod log;
mod search;
pub mod store;
mod vfs;

pub use disk::{Choices, Disk, Files};
pub use log::{Event, FileId, Flushes, Recording};
pub use search::{Case, Report, Scenario, Violation, search};
