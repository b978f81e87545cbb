//! What an analysis is given: assets with their places, raw samples, events.

use iq_domain::{AssetId, EventId, RawPoints, Shift, SignalId, TimeRange, Timestamp, Usual};

/// An asset of the case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseAsset {
    /// Id.
    pub id: AssetId,
    /// Code.
    pub code: String,
    /// Family key.
    pub family: String,
    /// Steps along the topology from the incident's asset: 0 itself, negative upstream, positive
    /// downstream; `None` for another asset of the unit.
    pub distance: Option<i32>,
}

/// One signal of the case.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Signal.
    pub signal: SignalId,
    /// Its asset.
    pub asset: AssetId,
    /// Metric key.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// Raw samples of the quiet time and of the window.
    pub points: RawPoints,
    /// What was usual; `None` when there is too little history.
    pub usual: Option<Usual>,
    /// When its level changed inside the window.
    pub shift: Option<Shift>,
}

/// An event of the case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEvent {
    /// Id, where it is stored.
    pub id: Option<EventId>,
    /// Asset.
    pub asset: Option<AssetId>,
    /// When.
    pub at: Timestamp,
    /// Kind as conditions name it ("maintenance", "trip", "stop", "start", "operator",
    /// "standby_start", "surge_trip").
    pub kind: &'static str,
}

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The incident's asset.
    pub asset: AssetId,
    /// The time that is judged; its end is the last moment that can be evidence.
    pub window: TimeRange,
    /// The incident's asset and its neighbours.
    pub assets: Vec<CaseAsset>,
    /// Their signals.
    pub traces: Vec<Trace>,
    /// What is known to have happened, oldest first.
    pub events: Vec<CaseEvent>,
    /// When machines stopped, first stop first ([`stops`]).
    pub stops: Vec<(AssetId, Timestamp)>,
}

impl Case {
    /// Signals of an asset.
    pub fn traces_of(&self, asset: AssetId) -> impl Iterator<Item = &Trace> {
        self.traces.iter().filter(move |t| t.asset == asset)
    }

    /// An asset of the case.
    #[must_use]
    pub fn asset(&self, id: AssetId) -> Option<&CaseAsset> {
        self.assets.iter().find(|a| a.id == id)
    }
}

/// Metrics that tell whether a machine runs.
pub const RUN_STATES: [&str; 2] = ["run_status", "flame_status"];

/// When each running machine of the case stopped inside the window, first stop first. What signals do
/// afterwards is the stop's doing and no evidence of its cause.
#[must_use]
pub fn stops(traces: &[Trace], window: TimeRange) -> Vec<(AssetId, Timestamp)> {
    let mut found: Vec<(AssetId, Timestamp)> = traces
        .iter()
        .filter(|t| RUN_STATES.contains(&t.metric.as_str()))
        .filter_map(|t| {
            let points = t.points.as_slice();
            let was_on = |i: usize| i > 0 && points[i - 1].1 > 0.5;
            let stop = (0..points.len())
                .find(|i| window.contains(points[*i].0) && points[*i].1 < 0.5 && was_on(*i))?;
            Some((t.asset, points[stop].0))
        })
        .collect();
    found.sort_by_key(|(asset, at)| (*at, *asset));
    found
}
