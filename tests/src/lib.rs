//! Tests that cross crates, and what they share.

mod cable;
mod rig;

pub use cable::Cable;
pub use rig::{Collected, Rig, Stream, peers_dir, user_certificate};
