//! Help for tests: servers written by others, installed once, started per test, stopped with it.

mod database;
mod guides;
mod install;
mod oidc;
mod peer;

pub use database::{MariaDb, Postgres, TestCa};
pub use guides::check_shown_commands;
pub use install::{node_project, python_venv};
pub use oidc::{OidcProvider, walk};
pub use peer::{Peer, free_port};
