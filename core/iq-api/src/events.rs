//! Canonical events: the list and how many there were when.

use axum::{Json, extract::State};
use iq_api_types::{Event, HistogramBin, Page};
use iq_domain::{
    AssetId, EventId, IndustrialEvent, Permission, Severity, SiteId, TimeRange, Timestamp,
};
use iq_locale::Language;
use iq_runtime::TenantIndex;
use iq_store::events::{self, EventFilter, SliceCount};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Caller, Failure, Id, PageQuery, Query, Route, Window, get, page::answer_page},
    search,
    state::ApiState,
    texts, words,
};

const DAY_MS: i64 = 86_400_000;
const MAX_BINS: u32 = 400;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/events",
            Permission::BlackboxRead,
            list_events,
        )
        .query::<EventQuery>()
        .query::<PageQuery>()
        .page::<Event>()
        .says("Events, newest first"),
        get(
            "/api/blackbox/events/{id}",
            Permission::BlackboxRead,
            get_event,
        )
        .answer::<Event>()
        .says("One event with its original payload"),
        get(
            "/api/blackbox/histogram",
            Permission::BlackboxRead,
            get_histogram,
        )
        .query::<EventQuery>()
        .query::<HistogramQuery>()
        .list::<HistogramBin>()
        .says("How many events there were when"),
    ]
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct EventQuery {
    /// At or after, UTC milliseconds; a day before the end if absent.
    pub(crate) from: Option<i64>,
    /// Before, UTC milliseconds; now if absent.
    pub(crate) to: Option<i64>,
    /// Only what had arrived by then, UTC milliseconds: what was known at that moment.
    known_at: Option<i64>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// Only assets of this site.
    site_id: Option<SiteId>,
    /// One or more categories, with commas.
    category: Option<String>,
    /// One or more severities, with commas.
    severity: Option<String>,
    /// Words that all occur in the sentence, the asset, the metric, the source or the payload.
    q: Option<String>,
}

impl EventQuery {
    /// The filter it stands for, without its window.
    pub(crate) fn filter(&self, language: Language, plant: &TenantIndex) -> Answer<EventFilter> {
        Ok(EventFilter {
            asset_ids: assets_in(plant, self.asset_id, self.site_id)?,
            categories: words::list("category", self.category.as_deref())?,
            severities: words::list("severity", self.severity.as_deref())?,
            words: search::words(language, plant, self.q.as_deref().unwrap_or_default()),
            known_at: self.known_at.map(Timestamp),
            ..EventFilter::default()
        })
    }

    /// Its window.
    pub(crate) fn range(&self, now: Timestamp) -> Answer<TimeRange> {
        Window::range(self.from, self.to, now, DAY_MS)
    }
}

/// The assets a query is about; empty for all. Those of another tenant do not exist.
pub(crate) fn assets_in(
    plant: &TenantIndex,
    asset: Option<AssetId>,
    site: Option<SiteId>,
) -> Answer<Vec<AssetId>> {
    crate::assets::refuse_foreign(plant, asset)?;
    let Some(site) = site else {
        return Ok(asset.into_iter().collect());
    };
    if !plant.sites.contains_key(&site) {
        return Err(Failure::not_found());
    }
    let is_wanted = |id: &AssetId| asset.is_none_or(|wanted| wanted == *id);
    let mut found: Vec<AssetId> = plant
        .assets
        .values()
        .filter(|e| e.site_id == site && is_wanted(&e.asset.id))
        .map(|e| e.asset.id)
        .collect();
    if found.is_empty() {
        // An empty list would mean all of them: an id nothing has means none.
        found.push(AssetId::new());
    }
    Ok(found)
}

async fn list_events(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<EventQuery>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Event>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let range = query.range(state.now())?;
    let filter = EventFilter {
        from: Some(range.from),
        to: Some(range.to),
        ..query.filter(caller.language, &plant)?
    };
    let page = page.get();
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| events::list_events(conn, tenant, &filter, page))
        .await?;
    Ok(Json(answer_page(found, page, |event| {
        dto(caller.language, &plant, event)
    })))
}

async fn get_event(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<EventId>,
) -> Answer<Json<Event>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let tenant = caller.tenant_id;
    let event = state
        .runtime
        .store()
        .read(move |conn| events::get_event(conn, tenant, id))
        .await?
        .ok_or_else(Failure::not_found)?;
    Ok(Json(dto(caller.language, &plant, event)))
}

/// An event as it is shown.
pub(crate) fn dto(language: Language, plant: &TenantIndex, event: IndustrialEvent) -> Event {
    let asset = event
        .asset_id
        .and_then(|id| plant.assets.get(&id))
        .map(|e| &e.asset);
    let params = event.payload.get("params").unwrap_or(&event.payload);
    let signal = event.payload["detail"]["signal_id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .and_then(|id| plant.signals.get(&id));
    let tag = signal
        .and_then(|s| s.mapping.as_ref())
        .map(|route| route.mapping.external_tag.clone())
        .or_else(|| params.get("metric")?.as_str().map(str::to_owned));
    Event {
        id: event.id,
        asset_id: event.asset_id,
        asset_code: asset.map(|a| a.code.clone()),
        category: event.event_category,
        severity: event.severity,
        message: texts::of_json(language, &event.summary, params),
        source_system: event.source_system,
        source_type: event.source_type,
        source_id: event.source_id,
        event_time: event.event_time,
        ingest_time: event.ingest_time,
        time_offset_ms: event.time_offset_ms,
        time_uncertainty_ms: event.time_uncertainty_ms,
        summary: event.summary,
        signal_id: signal.map(|s| s.signal.id),
        tag,
        payload: event.payload,
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct HistogramQuery {
    /// Number of slices, at most 400.
    bins: Option<u32>,
}

async fn get_histogram(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<EventQuery>,
    Query(wanted): Query<HistogramQuery>,
) -> Answer<Json<Vec<HistogramBin>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let range = query.range(state.now())?;
    let filter = query.filter(caller.language, &plant)?;
    let slices = wanted.bins.unwrap_or(96).clamp(1, MAX_BINS);
    let tenant = caller.tenant_id;
    let counted = state
        .runtime
        .store()
        .read(move |conn| {
            let window = (range.from, range.to);
            events::count_events_by_slice(conn, tenant, &filter, window, slices)
        })
        .await?;
    Ok(Json(bins(range, slices, &counted)))
}

/// All slices of a window, also the empty ones.
fn bins(range: TimeRange, slices: u32, counted: &[SliceCount]) -> Vec<HistogramBin> {
    let mut bins: Vec<HistogramBin> = (0..i64::from(slices))
        .map(|i| HistogramBin {
            // Rounded up, as the store rounds events down: one that stands on an edge is behind it.
            t: range
                .from
                .plus_ms((range.length_ms() * i + i64::from(slices) - 1) / i64::from(slices)),
            total: 0,
            warning: 0,
            critical: 0,
        })
        .collect();
    for found in counted {
        let Some(bin) = bins.get_mut(found.slice as usize) else {
            continue;
        };
        bin.total += found.count;
        match found.severity {
            Severity::Info => {}
            Severity::Warning => bin.warning += found.count,
            Severity::Critical => bin.critical += found.count,
        }
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slice_is_there_and_counts_what_the_store_counted() {
        let range = TimeRange::new(Timestamp(1_000), Timestamp(1_010)).unwrap();
        let counted = [
            SliceCount {
                slice: 1,
                severity: Severity::Critical,
                count: 2,
            },
            SliceCount {
                slice: 1,
                severity: Severity::Info,
                count: 3,
            },
        ];
        let found = bins(range, 3, &counted);
        let starts: Vec<i64> = found.iter().map(|b| b.t.0).collect();
        assert_eq!(starts, [1_000, 1_004, 1_007]);
        assert_eq!((found[1].total, found[1].critical), (5, 2));
        assert_eq!(found[0].total + found[2].total, 0);
    }
}
