//! Counts of a unit or site, and the order that puts the worst asset first.

use std::cmp::Reverse;

use iq_domain::{AssetState, AssetStatus, Connectivity, Criticality};
use serde::Serialize;

/// How many assets are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All assets.
    pub total: usize,
    /// Status critical.
    pub critical: usize,
    /// Status warning.
    pub warning: usize,
    /// Status unknown.
    pub unknown: usize,
    /// Status normal.
    pub normal: usize,
    /// Connectivity live.
    pub live: usize,
    /// Connectivity stale.
    pub stale: usize,
    /// Connectivity disconnected.
    pub disconnected: usize,
    /// Connectivity demo.
    pub demo: usize,
    /// Fed by uploaded files alone.
    pub imported: usize,
    /// Nothing mapped.
    pub unmapped: usize,
    /// Machines that are known to run.
    pub running: usize,
    /// Machines that are known to stand still.
    pub stopped: usize,
}

/// Counts states.
#[must_use]
pub fn summarise<'a>(states: impl IntoIterator<Item = &'a AssetState>) -> Summary {
    let mut sum = Summary::default();
    for state in states {
        sum.total += 1;
        *match state.status {
            AssetStatus::Critical => &mut sum.critical,
            AssetStatus::Warning => &mut sum.warning,
            AssetStatus::Unknown => &mut sum.unknown,
            AssetStatus::Normal => &mut sum.normal,
        } += 1;
        *match state.connectivity {
            Connectivity::Live => &mut sum.live,
            Connectivity::Stale => &mut sum.stale,
            Connectivity::Disconnected => &mut sum.disconnected,
            Connectivity::Demo => &mut sum.demo,
            Connectivity::Imported => &mut sum.imported,
            Connectivity::None => &mut sum.unmapped,
        } += 1;
        sum.running += usize::from(state.is_running == Some(true));
        sum.stopped += usize::from(state.is_running == Some(false));
    }
    sum
}

/// Sort key: ascending order puts the asset to look at first.
pub type WorstFirst = (u8, Reverse<Criticality>, u32, String);

/// Critical, warning, unknown, normal; then the more critical asset; then the lower health; then the code.
#[must_use]
pub fn worst_first(state: &AssetState, criticality: Criticality, code: &str) -> WorstFirst {
    let status = match state.status {
        AssetStatus::Critical => 0,
        AssetStatus::Warning => 1,
        AssetStatus::Unknown => 2,
        AssetStatus::Normal => 3,
    };
    // Hundredths of a point; an unknown health comes after every known one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let health = state
        .health
        .map_or(u32::MAX, |h| (h.clamp(0.0, 100.0) * 100.0) as u32);
    (status, Reverse(criticality), health, code.to_owned())
}
