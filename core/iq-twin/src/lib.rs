//! The state of an asset at a moment, computed from what was known at that moment, and the counts of a
//! unit or site. Nothing known is shown as unknown, never as normal.

mod state;
mod summary;
#[cfg(test)]
mod tests;

pub use state::{ActiveAlert, SignalView, SourceView, StateInput, asset_state};
pub use summary::{Summary, WorstFirst, summarise, worst_first};
