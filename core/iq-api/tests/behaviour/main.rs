//! What the API promises beyond its table: guards, sessions, refusal of bad input, answers as of T.

#[path = "../support/mod.rs"]
mod support;

mod guards;
mod input;
mod sessions;
mod values;
