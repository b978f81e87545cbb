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
    /// Assets directly beside it along the flow.
    pub beside: Vec<AssetId>,
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
    /// That it left what is usual just before a stop ended the evidence: too briefly to be a change, too
    /// plainly to be nothing.
    pub cut_short: Option<Shift>,
}

/// Metrics that a controller or a person sets: they stand still, jump and saturate by their nature.
const COMMANDED: [&str; 2] = ["controller_output", "setpoint"];

impl Trace {
    /// Whether an instrument measures it; a set-point, an output or a state can't fail as one.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        let metric = self.metric.as_str();
        !COMMANDED.contains(&metric) && !RUN_STATES.contains(&metric)
    }
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
    /// When machines stopped.
    pub stops: Stops,
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

/// Machines that fall with one another do so within this time; what stopped earlier had its own reason.
const CASCADE_MS: i64 = 120_000;

/// When the machines of a case stopped, first stop first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stops {
    /// Stops of the incident. What signals do after the first one is its doing and no evidence of its cause.
    pub together: Vec<(AssetId, Timestamp)>,
    /// Machines that stopped for a reason of their own: a changeover, other work, another trouble. They end the
    /// evidence of themselves and of what stands beside them, never that of the incident's machine.
    pub apart: Vec<(AssetId, Timestamp)>,
    /// Machines that stood before the window began, other than the incident's own: they say nothing in it.
    pub stood: Vec<AssetId>,
}

impl Stops {
    /// The stops around `at`, the moment the incident on `asset` began: those that run states tell, and the
    /// trips on record of machines whose run state is not known. A machine that ran again before `at` is in
    /// no list.
    #[must_use]
    pub fn of(
        traces: &[Trace],
        assets: &[CaseAsset],
        trips: &[(AssetId, Timestamp)],
        window: TimeRange,
        (asset, at): (AssetId, Timestamp),
    ) -> Self {
        let states = || {
            traces
                .iter()
                .filter(|t| RUN_STATES.contains(&t.metric.as_str()))
        };
        let mut all: Vec<(AssetId, Timestamp)> = states()
            .filter_map(|t| Some((t.asset, stop_around(t, window, at)?)))
            .collect();
        for trip in trips {
            let is_told = all.iter().any(|(known, _)| *known == trip.0);
            if !is_told && window.contains(trip.1) && trip.1 >= at {
                all.push(*trip);
            }
        }
        all.sort_by_key(|(asset, at)| (*at, *asset));
        let is_told = |id| id == asset || all.iter().any(|(known, _)| *known == id);
        let stood = states().filter(|t| !is_told(t.asset) && stands(t, window, at));
        let stood = stood.map(|t| t.asset).collect();
        let is_along = |id| assets.iter().any(|a| a.id == id && a.distance.is_some());
        let (together, apart) = all.into_iter().partition(|(id, stop)| {
            let after = stop.since_ms(at);
            *id == asset || after.abs() <= CASCADE_MS || (after > CASCADE_MS && is_along(*id))
        });
        Self {
            together,
            apart,
            stood,
        }
    }
}

/// Whether a machine stood from before the window until that moment.
fn stands(run_state: &Trace, window: TimeRange, at: Timestamp) -> bool {
    let points = run_state.points.as_slice();
    let before = points.partition_point(|(t, _)| *t < window.from);
    let until = points.partition_point(|(t, _)| *t <= at);
    let known = &points[before.saturating_sub(1)..until];
    !known.is_empty() && before > 0 && known.iter().all(|(_, v)| *v <= 0.5)
}

/// The stop a machine stood in at that moment, else its first one afterwards.
fn stop_around(run_state: &Trace, window: TimeRange, at: Timestamp) -> Option<Timestamp> {
    let mut standing = None;
    for pair in run_state.points.as_slice().windows(2) {
        let [(_, before), (t, now)] = *pair else {
            continue;
        };
        if t > at && standing.is_some() {
            break;
        }
        if now > 0.5 {
            standing = None;
        } else if before > 0.5 && window.contains(t) {
            standing = Some(t);
        }
    }
    standing
}
