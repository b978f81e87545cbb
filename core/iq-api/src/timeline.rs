//! The timeline of an incident: its events in order, and the signals worth a line under them.

use std::collections::HashMap;

use axum::{Json, extract::State};
use iq_analytics::OnsetConfig;
use iq_api_types::{Event, Timeline, TimelineEvent, TimelineTrend};
use iq_domain::{
    self as domain, EventRelation, Incident, IncidentId, IndustrialEvent, Permission, SignalId,
    TimeRange, Timestamp,
};
use iq_runtime::{TenantIndex, root_cause::KeptAnalysis};
use iq_store::{Connection, alerts, incidents, root_causes};

use crate::{
    events,
    http::{Answer, Caller, Id, Route, get},
    incidents::{Whole, whole, window},
    signals::blocking,
    state::ApiState,
    texts,
};

/// Events of one timeline.
const MAX_EVENTS: u32 = 50_000;
/// Lines under the lanes.
const MAX_TRENDS: usize = 12;
/// Trends where nothing says which are worth a line.
const FEW_TRENDS: usize = 4;
/// Signals to choose from beside them.
const MAX_MORE_TRENDS: usize = 200;
/// Values per signal that are searched for a departure.
const MAX_POINTS: usize = 200_000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/incidents/{id}/timeline",
            Permission::BlackboxRead,
            get_timeline,
        )
        .answer::<Timeline>()
        .says("Its events in order, with how sure the order is"),
    ]
}

async fn get_timeline(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Answer<Json<Timeline>> {
    Ok(Json(timeline_of(&state, &caller, id).await?))
}

/// The events of an incident in order, in the caller's language.
pub(crate) async fn timeline_of(
    state: &ApiState,
    caller: &Caller,
    id: IncidentId,
) -> Answer<Timeline> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let whole = whole(state, caller, id).await?;
    let (from, to) = window(&whole.incident, &whole.events, state.now());
    let tenant = caller.tenant_id;
    let read =
        move |conn: &Connection| incidents::first_incident_events(conn, tenant, id, MAX_EVENTS + 1);
    let mut found = state.runtime.store().read(read).await?;
    let truncated = found.len() > MAX_EVENTS as usize;
    found.truncate(MAX_EVENTS as usize);
    let ordered = iq_blackbox::timeline(&whole.incident, &found);
    let events = ordered
        .entries
        .iter()
        .map(|entry| TimelineEvent {
            event: Event {
                // 50,000 events are read at once: what each came with is read when it is looked at.
                payload: serde_json::Value::Null,
                ..events::dto(caller.language, &plant, found[entry.index].0.clone())
            },
            relation: entry.relation,
            order: from_one(entry.group),
            first_place: from_one(entry.places.0),
            last_place: from_one(entry.places.1),
            order_confidence: entry.confidence,
            is_correction: found[entry.index].0.payload["corrects"].is_string(),
        })
        .collect();
    let mut alerted = alerted_signals(state, caller, &whole.incident, (from, to)).await?;
    let mut moved = moved_signals(state, &plant, &whole.incident, from).await?;
    // What a cause rests on is for those who work on incidents.
    if caller.may(Permission::BlackboxWrite) {
        let (origins, cited) = of_root_cause(state, tenant, id).await?;
        moved.extend(origins);
        alerted.extend(cited);
    }
    let shown = trends(&plant, &whole.incident, &found, moved, alerted);
    let more = more_trends(&plant, &whole, &shown);
    let corrected = |trend: TimelineTrend| TimelineTrend {
        time_offset_ms: offset_of(state, &plant, &found, trend.signal_id),
        ..trend
    };
    Ok(Timeline {
        from,
        to,
        events,
        trends: shown.into_iter().map(corrected).collect(),
        more_trends: more.into_iter().map(corrected).collect(),
        truncated,
    })
}

/// A number as people count.
fn from_one(number: usize) -> u32 {
    u32::try_from(number + 1).unwrap_or(u32::MAX)
}

/// What the newest root cause says: signals where it may have begun with their moments, and the signals its
/// first hypothesis cites.
async fn of_root_cause(
    state: &ApiState,
    tenant: domain::TenantId,
    id: IncidentId,
) -> Answer<(Vec<(SignalId, Timestamp)>, Vec<SignalId>)> {
    let read = move |conn: &Connection| root_causes::get_last_root_cause(conn, tenant, id);
    let last = state.runtime.store().read(read).await?;
    let kept = last.and_then(|row| serde_json::from_value::<KeptAnalysis>(row.result).ok());
    let Some(kept) = kept else {
        return Ok((Vec::new(), Vec::new()));
    };
    let origins = kept.movers.iter().map(|m| (m.signal, m.onset_at));
    let first = kept.hypotheses.iter().take(1).flat_map(|h| &h.findings);
    let cited = first.flat_map(|f| &f.samples).map(|s| s.signal);
    Ok((origins.collect(), cited.collect()))
}

/// Signals of the assets it is about that a reader may lay beside those shown.
fn more_trends(plant: &TenantIndex, whole: &Whole, shown: &[TimelineTrend]) -> Vec<TimelineTrend> {
    let others = whole.events.iter().filter_map(|found| found.asset_id);
    let mut assets = vec![whole.incident.asset_id];
    for asset in others {
        if !assets.contains(&asset) {
            assets.push(asset);
        }
    }
    assets
        .iter()
        .filter_map(|id| plant.assets.get(id))
        .flat_map(|entry| &entry.signals)
        .filter(|id| plant.signals.get(id).is_some_and(|s| s.mapping.is_some()))
        .filter(|id| shown.iter().all(|trend| trend.signal_id != **id))
        .filter_map(|id| trend(plant, *id, None))
        .take(MAX_MORE_TRENDS)
        .collect()
}

/// Signals with an alert of the incident, and those whose alert on its asset came and went in the window:
/// the warning before the trip is often over when the incident opens, and it is what moved first.
async fn alerted_signals(
    state: &ApiState,
    caller: &Caller,
    incident: &Incident,
    (from, to): (Timestamp, Timestamp),
) -> Answer<Vec<SignalId>> {
    let tenant = caller.tenant_id;
    let of_it = alerts::AlertFilter {
        incident_id: Some(incident.id),
        ..alerts::AlertFilter::default()
    };
    let around = alerts::AlertFilter {
        asset_ids: vec![incident.asset_id],
        from: Some(from),
        to: Some(to),
        ..alerts::AlertFilter::default()
    };
    let read = move |conn: &Connection| {
        let mut signals = Vec::new();
        for filter in [&of_it, &around] {
            let found = alerts::list_alerts(conn, tenant, filter, iq_store::Page::first(200))?;
            for signal in found.rows.into_iter().filter_map(|a| a.signal_id) {
                if !signals.contains(&signal) {
                    signals.push(signal);
                }
            }
        }
        Ok(signals)
    };
    Ok(state.runtime.store().read(read).await?)
}

/// Departures of the root asset's own signals before and around the trigger, found in the stored values.
/// The live watch waits a minute to be sure; here the outcome is known, and a fault that took seconds
/// must show what moved first too.
async fn moved_signals(
    state: &ApiState,
    plant: &TenantIndex,
    incident: &Incident,
    from: Timestamp,
) -> Answer<Vec<(SignalId, Timestamp)>> {
    let Some(asset) = plant.assets.get(&incident.asset_id) else {
        return Ok(Vec::new());
    };
    let watched: Vec<(SignalId, u32, iq_analytics::Baseline)> = asset
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|s| s.metric.is_some_and(|m| m.health_weight > 0.0))
        .filter_map(|s| {
            let baseline = state.runtime.baseline(s.signal.id)?;
            Some((s.signal.id, s.signal.signal_no, baseline))
        })
        .collect();
    let Some(range) = TimeRange::new(from, incident.started_at.plus_ms(1)) else {
        return Ok(Vec::new());
    };
    let historian = state.runtime.historian().clone();
    blocking(move || {
        let config = OnsetConfig {
            hold_ms: 5_000,
            min_samples: 2,
            ..OnsetConfig::default()
        };
        let mut moved = Vec::new();
        for (id, number, baseline) in watched {
            let points = historian.raw(number, range, MAX_POINTS)?;
            if let Some(onset) = iq_analytics::onset(&points, &baseline, &config) {
                moved.push((id, onset.at));
            }
        }
        Ok::<_, iq_historian::HistorianError>(moved)
    })
    .await
}

/// Signals worth a line under the lanes: those of the root asset first, then the neighbours', each in
/// the order in which they left their baseline, then the others an alert was raised on or the cause rests on.
/// Where nothing is known of any, the asset's own in the order of its template.
fn trends(
    plant: &TenantIndex,
    incident: &Incident,
    events: &[(IndustrialEvent, EventRelation)],
    moved: Vec<(SignalId, Timestamp)>,
    alerted: Vec<SignalId>,
) -> Vec<TimelineTrend> {
    let mut onsets: HashMap<SignalId, Timestamp> = moved.into_iter().collect();
    for (event, _) in events {
        if event.source_type != "signal" || !event.summary.starts_with("event.signal_left") {
            continue;
        }
        let id = event.payload["detail"]["signal_id"]
            .as_str()
            .and_then(|s| s.parse().ok());
        if let Some(id) = id {
            let first = onsets.entry(id).or_insert(event.event_time);
            *first = event.event_time.min(*first);
        }
    }
    let is_neighbour = |id: &SignalId| {
        plant
            .signals
            .get(id)
            .is_none_or(|s| s.signal.asset_id != incident.asset_id)
    };
    let mut found: Vec<(bool, i64, SignalId)> = onsets
        .iter()
        .map(|(id, at)| (is_neighbour(id), at.millis(), *id))
        .collect();
    for id in alerted {
        if !onsets.contains_key(&id) {
            found.push((is_neighbour(&id), i64::MAX, id));
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let entry = plant.assets.get(&incident.asset_id);
        let own = entry.map(|e| e.signals.as_slice()).unwrap_or_default();
        let measured = own.iter().filter(|id| {
            let signal = plant.signals.get(id);
            signal.is_some_and(|s| s.metric.is_some_and(|m| m.health_weight > 0.0))
        });
        found.extend(measured.take(FEW_TRENDS).map(|id| (false, i64::MAX, *id)));
    }
    found
        .into_iter()
        .filter_map(|(_, _, id)| trend(plant, id, onsets.get(&id).copied()))
        .take(MAX_TRENDS)
        .collect()
}

/// How far the clock behind a signal's samples was ahead: as its events were corrected then, else as
/// is known of its source now.
fn offset_of(
    state: &ApiState,
    plant: &TenantIndex,
    events: &[(IndustrialEvent, EventRelation)],
    id: SignalId,
) -> i64 {
    let text = id.to_string();
    let told = events
        .iter()
        .find(|(event, _)| event.payload["detail"]["signal_id"].as_str() == Some(text.as_str()));
    told.map_or_else(
        || state.runtime.clock_offset_of(plant, id),
        |(event, _)| event.time_offset_ms,
    )
}

fn trend(plant: &TenantIndex, id: SignalId, onset_at: Option<Timestamp>) -> Option<TimelineTrend> {
    let entry = plant.signals.get(&id)?;
    let asset = &plant.assets.get(&entry.signal.asset_id)?.asset;
    Some(TimelineTrend {
        signal_id: id,
        asset_id: asset.id,
        asset_code: asset.code.clone(),
        metric: entry.signal.metric.clone(),
        names: texts::metric_names(&asset.family, &entry.signal.metric),
        unit: entry.signal.unit.clone(),
        tag: entry
            .mapping
            .as_ref()
            .map(|r| r.mapping.external_tag.clone()),
        onset_at,
        time_offset_ms: 0,
    })
}
