//! What an analysis is given, from the stores: raw samples of the incident's asset and its neighbours
//! along the flow, the incident's events, and nothing of a demo stream in a real tenant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use iq_analytics::ShiftConfig;
use iq_blackbox::{
    IncidentConfig, is_trip,
    rca::{Case, CaseAsset, CaseEvent, Pack, Trace},
};
use iq_domain::{
    AssetId, CodedError, EventCategory, Incident, IncidentId, IndustrialEvent, Provenance,
    RawPoints, SignalKind, TenantId, TimeRange, Timestamp,
};
use iq_historian::Historian;
use iq_store::{
    Connection, Page, StoreError,
    events::{self, EventFilter},
    incidents,
};
use sha2::{Digest as _, Sha256};

use super::prepare;
use crate::{TenantIndex, made_up::is_signal_made_up};

/// Steps along the flow that belong to a case.
const REACH: i32 = 2;
/// Quiet time before an incident's window.
const QUIET_MS: i64 = 6 * 3_600_000;
/// How far back work on the machine may matter.
const WORK_MS: i64 = 30 * 24 * 3_600_000;
/// Samples of a signal that are read, and that are kept: every k-th of them, still raw. The history
/// gives the oldest first, so too few of them would leave the incident itself unread: two days of a
/// signal that is sampled ten times a second fit.
pub(super) const MAX_READ: usize = 2_000_000;
const MAX_KEPT: usize = 20_000;
/// Steps of a work order in which somebody was at the machine.
const TOUCHED: [&str; 3] = [
    "event.work_order_status.in_progress",
    "event.work_order_status.completed",
    "event.work_order_status.closed",
];
/// Most assets and signals of a case.
const MAX_ASSETS: usize = 40;
const MAX_SIGNALS: usize = 400;

/// A case with what it was made of.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The case, judged up to the first stop.
    pub case: Case,
    /// The window before that cut.
    pub window: TimeRange,
    /// Quiet time.
    pub reference: TimeRange,
    /// Raw samples that were read.
    pub samples_read: u64,
    /// Points that were refused as evidence.
    pub samples_refused: u64,
}

/// An incident with its events, and the work on its asset in the weeks before.
///
/// # Errors
/// When the store can't be read.
pub fn read_incident(
    conn: &Connection,
    tenant: TenantId,
    id: IncidentId,
) -> Result<Option<(Incident, Vec<IndustrialEvent>)>, StoreError> {
    let Some(incident) = incidents::get_incident(conn, tenant, id)? else {
        return Ok(None);
    };
    let filter = EventFilter {
        from: Some(incident.started_at.plus_ms(-WORK_MS)),
        to: Some(incident.started_at),
        asset_ids: vec![incident.asset_id],
        categories: vec![EventCategory::Maintenance],
        ..EventFilter::default()
    };
    let mut found = events::list_events(conn, tenant, &filter, Page::MAX)?.rows;
    found.extend(
        incidents::list_incident_events(conn, tenant, id)?
            .into_iter()
            .map(|(event, _)| event),
    );
    // Work inside the window is in both lists.
    found.sort_by_key(|e| (e.event_time, e.id));
    found.dedup_by_key(|e| e.id);
    Ok(Some((incident, found)))
}

/// Gathers the case of an incident.
///
/// # Errors
/// When the historian can't be read.
pub fn gather(
    plant: &TenantIndex,
    historian: &Historian,
    incident: &Incident,
    events: &[IndustrialEvent],
    now: Timestamp,
) -> Result<Gathered, CodedError> {
    gather_with(plant, incident, events, now, &|no, range| {
        historian.raw(no, range, MAX_READ).map_err(|error| {
            tracing::error!(%error, "Samples of an incident could not be read.");
            CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
        })
    })
}

/// Reads the stored samples of a signal number.
type Reader<'a> = &'a dyn Fn(u32, TimeRange) -> Result<Vec<iq_domain::Point>, CodedError>;

/// Gathers with a reader of one's own.
///
/// # Errors
/// Those of the reader.
pub fn gather_with(
    plant: &TenantIndex,
    incident: &Incident,
    events: &[IndustrialEvent],
    now: Timestamp,
    read: Reader<'_>,
) -> Result<Gathered, CodedError> {
    let window = window(incident, events, now);
    let beside = neighbours(plant);
    let members = members(plant, incident.asset_id, &beside);
    let all = TimeRange {
        from: window.from.plus_ms(-QUIET_MS),
        to: window.to,
    };
    let mut traces = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for (asset, _) in &members {
        let Some(entry) = plant.assets.get(asset) else {
            continue;
        };
        for signal in entry.signals.iter().filter_map(|id| plant.signals.get(id)) {
            if traces.len() >= MAX_SIGNALS
                || signal.signal.kind != SignalKind::Measured
                || is_signal_made_up(plant, signal)
            {
                continue;
            }
            let points = read(signal.signal.signal_no, all)?;
            if points.is_empty() {
                continue;
            }
            let every = points.len().div_ceil(MAX_KEPT);
            let points = RawPoints::take(
                points
                    .into_iter()
                    .step_by(every)
                    .map(|point| (point, Provenance::Raw)),
            );
            taken += points.as_slice().len() as u64;
            refused += points.refused();
            traces.push(Trace {
                signal: signal.signal.id,
                asset: *asset,
                metric: signal.signal.metric.clone(),
                unit: signal.signal.unit.clone(),
                points,
                usual: None,
                shift: None,
                cut_short: None,
            });
        }
    }
    let (reference, window) = quiet_and_window(&traces, window, incident.started_at);
    let known = case_events(events, incident.asset_id);
    let trigger = (incident.asset_id, incident.started_at);
    let assets = case_assets(plant, &members, &beside);
    let (evidence, stops) = prepare(
        &mut traces,
        &assets,
        (reference, window),
        trigger,
        &trips(&known),
        &ShiftConfig::default(),
    );
    Ok(Gathered {
        case: Case {
            asset: incident.asset_id,
            window: evidence,
            assets,
            traces,
            events: known,
            stops,
        },
        window,
        reference,
        samples_read: taken,
        samples_refused: refused,
    })
}

fn case_assets(
    plant: &TenantIndex,
    members: &[(AssetId, Option<i32>)],
    beside: &Neighbours,
) -> Vec<CaseAsset> {
    members
        .iter()
        .filter_map(|(id, distance)| {
            let asset = &plant.assets.get(id)?.asset;
            let next = [-1, 1]
                .into_iter()
                .filter_map(|sign| beside.get(&(*id, sign)));
            Some(CaseAsset {
                id: *id,
                code: asset.code.clone(),
                family: asset.family.clone(),
                distance: *distance,
                beside: next.flatten().copied().collect(),
            })
        })
        .collect()
}

/// Assets of a case with their steps along the flow, the nearest first; then the rest of the unit, where
/// the sisters of a machine stand.
fn members(plant: &TenantIndex, of: AssetId, beside: &Neighbours) -> Vec<(AssetId, Option<i32>)> {
    let near = distances(beside, of);
    let mut found: Vec<_> = near.iter().map(|(id, d)| (*id, Some(*d))).collect();
    found.sort_by_key(|(id, distance)| (distance.map(i32::abs), *id));
    let unit = plant.assets.get(&of).map(|entry| entry.asset.unit_id);
    let rest = plant
        .assets
        .iter()
        .filter(|(id, entry)| Some(entry.asset.unit_id) == unit && !near.contains_key(id))
        .map(|(id, _)| (*id, None));
    let mut rest: Vec<_> = rest.collect();
    rest.sort_unstable();
    found.extend(rest);
    found.truncate(MAX_ASSETS);
    found
}

fn window(incident: &Incident, events: &[IndustrialEvent], now: Timestamp) -> TimeRange {
    let last = events
        .iter()
        .map(|e| e.event_time)
        .filter(|t| *t >= incident.started_at)
        .max();
    let to = incident
        .ended_at
        .or(last)
        .unwrap_or(now)
        .min(now)
        .max(incident.started_at.plus_ms(1));
    // What led to the trigger lies before it.
    TimeRange {
        from: incident
            .started_at
            .plus_ms(-IncidentConfig::default().before_ms),
        to,
    }
}

/// Where less history lies before the window than the first third of the time up to the trigger, that third
/// stands in for the quiet time: slow signals have too few samples in a short one. The trigger stays where it is
/// however long the incident goes on.
fn quiet_and_window(
    traces: &[Trace],
    window: TimeRange,
    trigger: Timestamp,
) -> (TimeRange, TimeRange) {
    let range = |from, to| TimeRange { from, to };
    let first = traces
        .iter()
        .filter_map(|t| t.points.as_slice().first().map(|(t, _)| *t))
        .min();
    let quiet = window.from.plus_ms(-QUIET_MS);
    match first {
        Some(first) if window.from.since_ms(first) < trigger.since_ms(first) / 3 => {
            let third = trigger.since_ms(first).max(3) / 3;
            let split = first.plus_ms(third);
            (range(first, split), range(split, window.to))
        }
        _ => (range(quiet, window.from), window),
    }
}

/// What stands beside what: upstream -1, downstream 1.
type Neighbours = BTreeMap<(AssetId, i32), BTreeSet<AssetId>>;

fn neighbours(plant: &TenantIndex) -> Neighbours {
    // A connection may be written down at either end.
    let mut beside = Neighbours::new();
    for (id, entry) in &plant.assets {
        for (sign, codes) in [(-1, &entry.asset.upstream), (1, &entry.asset.downstream)] {
            for other in codes.iter().filter_map(|c| plant.asset_by_code.get(c)) {
                beside.entry((*id, sign)).or_default().insert(*other);
                beside.entry((*other, -sign)).or_default().insert(*id);
            }
        }
    }
    beside
}

/// Steps along the flow from an asset: upstream negative.
fn distances(beside: &Neighbours, of: AssetId) -> BTreeMap<AssetId, i32> {
    let mut found = BTreeMap::from([(of, 0)]);
    for sign in [-1, 1] {
        let mut queue = VecDeque::from([(of, 0)]);
        let mut seen = BTreeSet::from([of]);
        while let Some((at, steps)) = queue.pop_front() {
            let Some(next) = beside.get(&(at, sign)).filter(|_| steps < REACH) else {
                continue;
            };
            for id in next {
                if found.len() < MAX_ASSETS && seen.insert(*id) {
                    found.entry(*id).or_insert(sign * (steps + 1));
                    queue.push_back((*id, steps + 1));
                }
            }
        }
    }
    found
}

/// The events of a case, oldest first.
fn case_events(events: &[IndustrialEvent], asset: AssetId) -> Vec<CaseEvent> {
    let known = events.iter().filter_map(|e| case_event(e, asset));
    let mut known: Vec<CaseEvent> = known.collect();
    known.sort_by_key(|e| (e.at, e.id));
    known
}

/// Machines that were tripped, and when.
fn trips(known: &[CaseEvent]) -> Vec<(AssetId, Timestamp)> {
    let trips = known.iter().filter(|e| e.kind.ends_with("trip"));
    trips.filter_map(|e| Some((e.asset?, e.at))).collect()
}

/// Words that are of no compressor although one of them is "surge".
const OTHER_SURGES: [&str; 8] = [
    "power surge",
    "voltage surge",
    "current surge",
    "surge protect",
    "surge arrest",
    "surge tank",
    "surge drum",
    "surge vessel",
];

/// Whether the words of a trip name surge, in English or Arabic.
fn says_surge(words: &str) -> bool {
    let plain = iq_domain::folded(words);
    let is_other = OTHER_SURGES.iter().any(|other| plain.contains(other));
    let names = ["اندفاع ارتدادي", "الاندفاع الارتدادي", "تمور", "سيرج"];
    (plain.contains("surge") && !is_other) || names.iter().any(|name| plain.contains(name))
}

/// The kind a condition may ask for.
fn case_event(event: &IndustrialEvent, asset: AssetId) -> Option<CaseEvent> {
    let kind = match (event.source_type.as_str(), event.event_category) {
        (_, EventCategory::Alert) if is_trip(event) => {
            let words = event.payload["params"]["text"].as_str().unwrap_or("");
            if says_surge(words) {
                "surge_trip"
            } else {
                "trip"
            }
        }
        // Another machine that starts while this one is in trouble stands in for something.
        ("run", _) if event.summary.ends_with("started") && event.asset_id != Some(asset) => {
            "standby_start"
        }
        ("run", _) if event.summary.ends_with("started") => "start",
        ("run", _) => "stop",
        // Planned or asked for is not done: only work that was begun or ended touched the machine.
        ("work_order", _) if !TOUCHED.contains(&event.summary.as_str()) => return None,
        (_, EventCategory::Maintenance) => "maintenance",
        (_, EventCategory::OperatorAction) => "operator",
        _ => return None,
    };
    Some(CaseEvent {
        id: Some(event.id),
        asset: event.asset_id,
        at: event.event_time,
        kind,
    })
}

impl Gathered {
    /// SHA-256 of everything the answer depends on, lower-case hex.
    #[must_use]
    pub fn hash(&self, packs: &[Pack]) -> String {
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        put(b"optria-root-cause-4");
        for range in [self.reference, self.window, self.case.window] {
            put(&range.from.0.to_be_bytes());
            put(&range.to.0.to_be_bytes());
        }
        for pack in packs {
            put(format!("{pack:?}").as_bytes());
        }
        for asset in &self.case.assets {
            put(format!("{asset:?}").as_bytes());
        }
        for trace in &self.case.traces {
            put(trace.signal.0.as_bytes());
            put(trace.metric.as_bytes());
            for (t, value) in trace.points.as_slice() {
                put(&t.0.to_be_bytes());
                put(&value.to_bits().to_be_bytes());
            }
        }
        for event in &self.case.events {
            put(format!("{event:?}").as_bytes());
        }
        hash.finalize()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surge_is_told_from_other_surges_in_both_languages() {
        for words in [
            "K-510 TRIP surge",
            "ANTI-SURGE TRIP",
            "فصل وقائي بسبب التموّر TRIP",
            "تمور الضاغط",
        ] {
            assert!(says_surge(words), "{words}");
        }
        for words in [
            "K-710 TRIP motor power surge protection",
            "Surge drum level HH",
            "اهتزاز مرتفع",
            "",
        ] {
            assert!(!says_surge(words), "{words}");
        }
    }
}
