//! Help for tests: servers written by others, installed once, started per test, stopped with it.

mod install;
mod peer;

pub use install::{node_project, python_venv};
pub use peer::{Peer, free_port};
