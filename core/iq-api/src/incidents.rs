//! Incidents of the Black Box: list, detail, work on them.

use std::collections::{BTreeMap, HashMap};

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{
    IncidentDetail, IncidentHandling, IncidentNote, IncidentPatch, IncidentRef, IncidentRow,
    NoteInput, Page, RelatedAsset,
};
use iq_domain::{
    self as domain, AssetId, CodedError, Incident, IncidentId, IncidentStatus, NoteId, Permission,
    Role, SiteId, Timestamp,
};
use iq_locale::Language;
use iq_runtime::{LiveEvent, TenantIndex};
use iq_store::{
    Connection, StoreError,
    incidents::{self, EventsAtAsset, IncidentFilter},
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
    state::ApiState,
    texts, words,
};

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
        not_ended_before: past,
        to: past.map(|t| t.plus_ms(1)),
        known_at: then.known_at,
        ..IncidentFilter::default()
    };
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            iq_store::all_rows(|page| incidents::list_incidents(conn, tenant, &filter, page))?
                .into_iter()
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
pub(crate) struct Whole {
    pub(crate) incident: Incident,
    pub(crate) events: Vec<EventsAtAsset>,
    notes: Vec<domain::IncidentNote>,
    assignable: Vec<String>,
    merged_into: Option<IncidentRef>,
}

pub(crate) async fn whole(state: &ApiState, caller: &Caller, id: IncidentId) -> Answer<Whole> {
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
pub(crate) fn window(
    incident: &Incident,
    events: &[EventsAtAsset],
    now: Timestamp,
) -> (Timestamp, Timestamp) {
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
    let is_change = patch.status.is_some() || patch.assignee.is_some();
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
            if iq_store::incident_changes::get_survivor(tx, tenant, id)?.is_some() {
                let error = CodedError::conflict("incidents.merged_already");
                return Err(error.with("number", &incident.number).into());
            }
            // Two people at once: the later one must not undo what they have not seen.
            let is_other = |base: &IncidentHandling| {
                (base.status, base.assignee.as_deref())
                    != (incident.status, incident.assignee.as_deref())
            };
            if patch.base.as_ref().is_some_and(is_other) {
                let error = CodedError::conflict("incidents.changed_meanwhile");
                return Err(error.with("number", &incident.number).into());
            }
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
    // What changes nothing is no event of the machine.
    if is_change {
        audit.asset(changed.asset_id).called(&changed.number);
    }
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
        .called(&incident.number)
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
