//! Work orders through the whole flow: read from a source and tied to assets, and sent to one that
//! loses answers, comes back late, or is cut off by a kill.
#![allow(
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::unwrap_used,
    unreachable_pub
)]

mod killing;
mod reading;
mod rig;
mod rules;
mod sending;
