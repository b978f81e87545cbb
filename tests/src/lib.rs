//! Tests that cross crates, and what they share.

mod rig;

pub use rig::{Collected, Rig, Stream, peers_dir, user_certificate};
