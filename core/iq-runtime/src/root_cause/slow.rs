//! Reads how the signals of an incident's asset were long before it.

use iq_blackbox::rca;
use iq_domain::{CodedError, Message, Provenance, RawPoints, TimeRange};
use iq_historian::Historian;

use super::gather::{Gathered, MAX_READ};
use crate::TenantIndex;

/// How far back.
const BACK_MS: i64 = 7 * 24 * 3_600_000;
/// Samples kept of a signal.
const MAX_KEPT: usize = 2_000;

/// What changed more slowly than the hours the rules look at.
pub(super) fn slow_changes(
    plant: &TenantIndex,
    historian: &Historian,
    gathered: &Gathered,
) -> Result<Vec<Message>, CodedError> {
    let case = &gathered.case;
    let range = TimeRange {
        from: case.window.to.plus_ms(-BACK_MS),
        to: gathered.reference.from,
    };
    let mut histories = Vec::new();
    for trace in case.traces_of(case.asset) {
        let Some(known) = plant.signals.get(&trace.signal) else {
            continue;
        };
        let read = historian.raw(known.signal.signal_no, range, MAX_READ);
        let points = read.map_err(|error| {
            tracing::error!(%error, "The history before an incident could not be read.");
            CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
        })?;
        let every = points.len().div_ceil(MAX_KEPT).max(1);
        let kept = points.into_iter().step_by(every);
        let kept = RawPoints::take(kept.map(|point| (point, Provenance::Raw)));
        histories.push((trace.signal, kept.as_slice().to_vec()));
    }
    let said = rca::slow_changes(case, &histories);
    Ok(said.iter().map(super::kept::message).collect())
}
