//! Tests that cross crates, and what they share.

mod bad_line;
mod cable;
mod rig;

pub use bad_line::{BadLine, Fault};
pub use cable::Cable;
pub use rig::{Collected, Rig, Stream, peers_dir, user_certificate};
