//! Incidents of the Black Box: list, detail, work on them, their timeline.

use std::collections::{BTreeMap, HashMap};

use axum::{Json, extract::State, http::StatusCode};
use iq_analytics::OnsetConfig;
use iq_api_types::{
    Event, IncidentDetail, IncidentNote, IncidentPatch, IncidentRef, IncidentRow, NoteInput, Page,
    RelatedAsset, Timeline, TimelineEvent, TimelineTrend,
};
use iq_domain::{
    self as domain, AssetId, EventRelation, Incident, IncidentId, IncidentStatus, IndustrialEvent,
    NoteId, Permission, Role, SignalId, SiteId, TimeRange, Timestamp,
};
use iq_locale::Language;
use iq_runtime::{LiveEvent, TenantIndex, root_cause::KeptAnalysis};
use iq_store::{
    Connection, StoreError, alerts,
    incidents::{self, EventsAtAsset, IncidentFilter},
    root_causes,
    users::{self, UserFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    events,
    http::{
        Answer, AsOf, Audit, Body, Caller, Check, Failure, Id, PageQuery, Query, Route, Then,
        check, get, page::answer_page, patch, post,
    },
    incident_changes,
    signals::blocking,
    state::ApiState,
    texts, words,
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
/// What is shown before and after the events of an incident.
const MARGIN_MS: i64 = 2 * 60_000;

pub(crate) fn routes() -> Vec<Route> {
    use Permission::{BlackboxRead, BlackboxWrite};
    vec![
        get("/api/blackbox/incidents", BlackboxRead, list_incidents)
            .query::<IncidentQuery>()
            .query::<PageQuery>()
            .page::<IncidentRow>()
            .says("Incidents, newest first"),
        get("/api/blackbox/incidents/{id}", BlackboxRead, get_incident)
            .answer::<IncidentDetail>()
            .says("One incident with its notes"),
        patch(
            "/api/blackbox/incidents/{id}",
            BlackboxWrite,
            update_incident,
        )
        .body::<IncidentPatch>()
        .answer::<IncidentDetail>()
        .audits("incidents.update")
        .says("Change status or assignee"),
        get(
            "/api/blackbox/incidents/{id}/timeline",
            BlackboxRead,
            get_timeline,
        )
        .answer::<Timeline>()
        .says("Its events in order, with how sure the order is"),
        post(
            "/api/blackbox/incidents/{id}/notes",
            BlackboxWrite,
            create_note,
        )
        .body::<NoteInput>()
        .answer::<IncidentNote>()
        .status(201)
        .audits("incidents.create_note")
        .says("Add a note; notes are never edited"),
    ]
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct IncidentQuery {
    /// Moment in UTC milliseconds: only what had begun by then.
    t: Option<i64>,
    /// With a past moment: only those that had been opened by then, UTC milliseconds.
    known_at: Option<i64>,
    /// Began at or after, UTC milliseconds.
    from: Option<i64>,
    /// Began before, UTC milliseconds.
    to: Option<i64>,
    /// One or more statuses, with commas.
    status: Option<String>,
    /// One or more severities, with commas.
    severity: Option<String>,
    /// One or more types, with commas.
    incident_type: Option<String>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// Only assets of this site.
    site_id: Option<SiteId>,
    /// Part of the number, the title, or the asset's code or name.
    q: Option<String>,
}

impl IncidentQuery {
    /// The moment it looks back from; nothing is now.
    pub(crate) fn past(&self, now: Timestamp) -> Answer<Option<Timestamp>> {
        AsOf::past(self.t, now)
    }

    fn filter(&self, plant: &TenantIndex, past: Option<Timestamp>) -> Answer<IncidentFilter> {
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            return Err(Failure::field("to", "request.window_empty"));
        }
        let end = past.map(|t| t.plus_ms(1));
        Ok(IncidentFilter {
            statuses: words::list("status", self.status.as_deref())?,
            severities: words::list("severity", self.severity.as_deref())?,
            types: words::list("incident_type", self.incident_type.as_deref())?,
            asset_ids: events::assets_in(plant, self.asset_id, self.site_id)?,
            from: self.from.map(Timestamp),
            to: self.to.map(Timestamp).into_iter().chain(end).min(),
            known_at: self.known_at.filter(|_| past.is_some()).map(Timestamp),
            ..IncidentFilter::default()
        })
    }
}

async fn list_incidents(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<IncidentQuery>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<IncidentRow>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let page = page.get();
    let found = found_rows(&state, &caller, &plant, &query, page).await?;
    Ok(Json(answer_page(found, page, |row| row)))
}

/// Incidents a query finds, as they are shown.
pub(crate) async fn found_rows(
    state: &ApiState,
    caller: &Caller,
    plant: &TenantIndex,
    query: &IncidentQuery,
    page: iq_store::Page,
) -> Answer<iq_store::Paged<IncidentRow>> {
    let past = query.past(state.now())?;
    let filter = query.filter(plant, past)?;
    let search = query.q.as_deref().filter(|q| !q.trim().is_empty());
    let tenant = caller.tenant_id;
    let is_search = search.is_some();
    let asked = if is_search { iq_store::Page::MAX } else { page };
    let mut found = state
        .runtime
        .store()
        .read(move |conn| {
            let mut found = incidents::list_incidents(conn, tenant, &filter, asked)?;
            while is_search && (found.rows.len() as u64) < found.total {
                let offset = u32::try_from(found.rows.len()).unwrap_or(u32::MAX);
                let page = iq_store::Page { offset, ..asked };
                let next = incidents::list_incidents(conn, tenant, &filter, page)?.rows;
                if next.is_empty() {
                    break;
                }
                found.rows.extend(next);
            }
            Ok(found)
        })
        .await?;
    if let Some(search) = search {
        // Names of assets stand in another table, and are folded for searching.
        found
            .rows
            .retain(|i| is_match(plant, i, search, caller.language));
        found.total = found.rows.len() as u64;
        let (skip, take) = (page.offset as usize, page.limit as usize);
        found.rows = found.rows.into_iter().skip(skip).take(take).collect();
    }
    let ids: Vec<IncidentId> = found.rows.iter().map(|i| i.id).collect();
    let counts = event_counts(state, caller, ids).await?;
    let rows = found.rows.into_iter().map(|incident| {
        let count = counts.get(&incident.id).copied().unwrap_or(0);
        row(caller.language, plant, incident, count, past)
    });
    Ok(iq_store::Paged {
        rows: rows.collect(),
        total: found.total,
    })
}

fn is_match(plant: &TenantIndex, incident: &Incident, search: &str, language: Language) -> bool {
    let asset = plant.assets.get(&incident.asset_id).map(|e| &e.asset);
    let title = texts::of_json(language, &incident.title_code, &incident.title_params);
    texts::matches(
        search,
        &[
            &incident.number,
            &title,
            asset.map_or("", |a| &a.code),
            asset.map_or("", |a| &a.names.en),
            asset.map_or("", |a| &a.names.ar),
        ],
    )
}

async fn event_counts(
    state: &ApiState,
    caller: &Caller,
    ids: Vec<IncidentId>,
) -> Answer<HashMap<IncidentId, u64>> {
    let tenant = caller.tenant_id;
    let counts = state
        .runtime
        .store()
        .read(move |conn| {
            ids.into_iter()
                .map(|id| Ok((id, incidents::count_incident_events(conn, tenant, id)?)))
                .collect::<Result<_, StoreError>>()
        })
        .await?;
    Ok(counts)
}

/// Incidents that were open at a moment, newest first.
pub(crate) async fn open_at(
    state: &ApiState,
    caller: &Caller,
    plant: &TenantIndex,
    then: Then,
) -> Answer<Vec<IncidentRow>> {
    let past = then.past;
    let filter = IncidentFilter {
        statuses: match past {
            None => vec![IncidentStatus::Open, IncidentStatus::Investigating],
            // What became of it since does not matter then.
            Some(_) => Vec::new(),
        },
        to: past.map(|t| t.plus_ms(1)),
        known_at: then.known_at,
        ..IncidentFilter::default()
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            incidents::list_incidents(conn, tenant, &filter, iq_store::Page::MAX)?
                .rows
                .into_iter()
                .filter(|i| past.is_none_or(|t| i.ended_at.is_none_or(|end| end >= t)))
                .map(|i| Ok((incidents::count_incident_events(conn, tenant, i.id)?, i)))
                .collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
    let rows = found
        .into_iter()
        .map(|(count, i)| row(caller.language, plant, i, count, past));
    Ok(rows.collect())
}

/// An incident in a list; of a past moment without what came later.
pub(crate) fn row(
    language: Language,
    plant: &TenantIndex,
    incident: Incident,
    event_count: u64,
    past: Option<Timestamp>,
) -> IncidentRow {
    let asset = plant.assets.get(&incident.asset_id).map(|e| &e.asset);
    IncidentRow {
        id: incident.id,
        title: texts::of_json(language, &incident.title_code, &incident.title_params),
        number: incident.number,
        asset_id: incident.asset_id,
        asset_code: asset.map_or_else(String::new, |a| a.code.clone()),
        asset_names: asset.map_or_else(Default::default, |a| a.names.clone()),
        incident_type: incident.incident_type,
        severity: incident.severity,
        status: incident.status,
        assignee: incident.assignee,
        started_at: incident.started_at,
        ended_at: incident
            .ended_at
            .filter(|end| past.is_none_or(|t| *end <= t)),
        event_count,
    }
}

/// An incident with all that belongs to it; its events only counted, since there may be very many.
struct Whole {
    incident: Incident,
    events: Vec<EventsAtAsset>,
    notes: Vec<domain::IncidentNote>,
    assignable: Vec<String>,
    merged_into: Option<IncidentRef>,
}

async fn whole(state: &ApiState, caller: &Caller, id: IncidentId) -> Answer<Whole> {
    let tenant = caller.tenant_id;
    state
        .runtime
        .store()
        .read(move |conn| {
            let Some(incident) = incidents::get_incident(conn, tenant, id)? else {
                return Ok(None);
            };
            Ok(Some(Whole {
                events: incidents::count_incident_events_by_asset(conn, tenant, id)?,
                notes: incidents::list_incident_notes(conn, tenant, id)?,
                assignable: assignable(conn, tenant)?,
                merged_into: incident_changes::survivor(conn, tenant, id)?,
                incident,
            }))
        })
        .await?
        .ok_or_else(Failure::not_found)
}

/// Names of the people who may work on incidents.
fn assignable(conn: &Connection, tenant: domain::TenantId) -> Result<Vec<String>, StoreError> {
    let filter = UserFilter {
        is_active: Some(true),
        ..UserFilter::default()
    };
    let all = users::list_users(conn, tenant, &filter, iq_store::Page::MAX)?;
    let may = |role: Role| role.may(Permission::BlackboxWrite);
    Ok(all
        .rows
        .into_iter()
        .filter(|u| may(u.role))
        .map(|u| u.username)
        .collect())
}

async fn get_incident(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<IncidentId>,
) -> Answer<Json<IncidentDetail>> {
    Ok(Json(detail_of(&state, &caller, id).await?))
}

/// One incident in the caller's language.
pub(crate) async fn detail_of(
    state: &ApiState,
    caller: &Caller,
    id: IncidentId,
) -> Answer<IncidentDetail> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let whole = whole(state, caller, id).await?;
    Ok(detail(state, caller, &plant, whole))
}

fn detail(state: &ApiState, caller: &Caller, plant: &TenantIndex, whole: Whole) -> IncidentDetail {
    let (window_from, window_to) = window(&whole.incident, &whole.events, state.now());
    let mut related: BTreeMap<AssetId, u64> = BTreeMap::new();
    for found in &whole.events {
        if let Some(asset) = found.asset_id.filter(|id| *id != whole.incident.asset_id) {
            related.insert(asset, found.count);
        }
    }
    let related_assets = related
        .into_iter()
        .filter_map(|(id, event_count)| {
            let asset = &plant.assets.get(&id)?.asset;
            Some(RelatedAsset {
                asset_id: id,
                code: asset.code.clone(),
                names: asset.names.clone(),
                event_count,
            })
        })
        .collect();
    let count = whole.events.iter().map(|found| found.count).sum();
    IncidentDetail {
        incident: row(caller.language, plant, whole.incident, count, None),
        window_from,
        window_to,
        related_assets,
        notes: whole.notes.into_iter().map(note_dto).collect(),
        assignable: whole.assignable,
        merged_into: whole.merged_into,
    }
}

/// What the timeline shows: all its events with a margin, never the future.
fn window(incident: &Incident, events: &[EventsAtAsset], now: Timestamp) -> (Timestamp, Timestamp) {
    let first = events.iter().map(|found| found.first_at).min();
    let from = first
        .unwrap_or(incident.started_at)
        .min(incident.started_at);
    let last = events.iter().map(|found| found.last_at).max();
    let last = last.unwrap_or(incident.started_at);
    let to = incident.ended_at.unwrap_or(last).max(last);
    let to = to.plus_ms(MARGIN_MS).min(now).max(from.plus_ms(1));
    (from.plus_ms(-MARGIN_MS), to)
}

async fn update_incident(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(patch): Body<IncidentPatch>,
) -> Answer<Json<IncidentDetail>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let tenant = caller.tenant_id;
    if let Some(status) = patch.status {
        audit.detail("status", serde_json::json!(status));
    }
    if let Some(assignee) = &patch.assignee {
        audit.detail("assignee", iq_domain::neutralise(assignee, 120));
    }
    let changed = state
        .runtime
        .store()
        .write(move |tx| {
            let Some(mut incident) = incidents::get_incident(tx, tenant, id)? else {
                return Ok(None);
            };
            if let Some(status) = patch.status {
                incident.status = status;
            }
            match patch.assignee.as_deref().map(str::trim) {
                None => {}
                Some("") => incident.assignee = None,
                Some(name) if assignable(tx, tenant)?.iter().any(|u| u == name) => {
                    incident.assignee = Some(name.to_owned());
                }
                Some(_) => return Ok(Some(Err("incident.assignee_unknown"))),
            }
            incidents::update_incident(tx, tenant, &incident)?;
            Ok(Some(Ok(incident)))
        })
        .await?
        .ok_or_else(Failure::not_found)?
        .map_err(|code| Failure::field("assignee", code))?;
    audit.asset(changed.asset_id);
    state
        .runtime
        .live()
        .publish(tenant, LiveEvent::Incident(changed));
    Ok(Json(detail(
        &state,
        &caller,
        &plant,
        whole(&state, &caller, id).await?,
    )))
}

async fn create_note(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Id(id): Id<IncidentId>,
    Body(input): Body<NoteInput>,
) -> Answer<(StatusCode, Json<IncidentNote>)> {
    Check::new()
        .require(!input.text.trim().is_empty(), "text", "request.text_empty")
        .text("text", &input.text, check::NOTE_CHARS)
        .done()?;
    let note = domain::IncidentNote {
        id: NoteId::new(),
        tenant_id: caller.tenant_id,
        incident_id: id,
        author: caller.username.clone(),
        text: input.text,
        at: state.now(),
    };
    let (tenant, row) = (caller.tenant_id, note.clone());
    let incident = state
        .runtime
        .store()
        .write(move |tx| {
            let found = incidents::get_incident(tx, tenant, id)?;
            if found.is_some() {
                incidents::create_incident_note(tx, tenant, &row)?;
            }
            Ok(found)
        })
        .await?
        .ok_or_else(Failure::not_found)?;
    audit
        .asset(incident.asset_id)
        .detail("note_id", note.id.to_string());
    Ok((StatusCode::CREATED, Json(note_dto(note))))
}

fn note_dto(note: domain::IncidentNote) -> IncidentNote {
    IncidentNote {
        id: note.id,
        author: note.author,
        text: note.text,
        at: note.at,
    }
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
            order: u32::try_from(entry.group + 1).unwrap_or(u32::MAX),
            order_confidence: entry.confidence,
        })
        .collect();
    let mut alerted = alerted_signals(state, caller, &whole.incident, (from, to)).await?;
    let mut moved = moved_signals(state, &plant, &whole.incident, from).await?;
    let (origins, cited) = of_root_cause(state, tenant, id).await?;
    moved.extend(origins);
    alerted.extend(cited);
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
