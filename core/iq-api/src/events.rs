//! Canonical events: the list and how many there were when.

use axum::{Json, extract::State};
use iq_api_types::{Event, HistogramBin, Page};
use iq_domain::{AssetId, EventCategory, IndustrialEvent, Permission, Severity, Timestamp};
use iq_locale::Language;
use iq_runtime::TenantIndex;
use iq_store::{
    StoreError,
    events::{self, EventFilter},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, Caller, PageQuery, Query, Route, Window, get, page::answer_page},
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
        .page::<Event>()
        .says("Events, newest first"),
        get(
            "/api/blackbox/histogram",
            Permission::BlackboxRead,
            get_histogram,
        )
        .query::<HistogramQuery>()
        .list::<HistogramBin>()
        .says("How many events there were when"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct EventQuery {
    /// At or after, UTC milliseconds; a day before the end if absent.
    from: Option<i64>,
    /// Before, UTC milliseconds; now if absent.
    to: Option<i64>,
    /// Only this asset.
    asset_id: Option<AssetId>,
    /// One or more categories, with commas.
    category: Option<String>,
    /// One or more severities, with commas.
    severity: Option<String>,
    /// Part of the event's code, source or payload.
    q: Option<String>,
    /// Items per page, at most 500.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
}

async fn list_events(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<EventQuery>,
) -> Answer<Json<Page<Event>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    crate::assets::refuse_foreign(&plant, query.asset_id)?;
    let range = Window::range(query.from, query.to, state.now(), DAY_MS)?;
    let categories: Vec<EventCategory> = words::list("category", query.category.as_deref())?;
    let filter = EventFilter {
        from: Some(range.from),
        to: Some(range.to),
        asset_ids: query.asset_id.into_iter().collect(),
        categories,
        severities: words::list("severity", query.severity.as_deref())?,
        text: query.q,
        ..EventFilter::default()
    };
    let page = PageQuery::page(query.limit, query.offset);
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
        tag,
        payload: event.payload,
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct HistogramQuery {
    /// Start in UTC milliseconds; a day before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; now if absent.
    to: Option<i64>,
    /// Number of slices, at most 400.
    bins: Option<u32>,
}

async fn get_histogram(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<HistogramQuery>,
) -> Answer<Json<Vec<HistogramBin>>> {
    let range = Window::range(query.from, query.to, state.now(), DAY_MS)?;
    let bins = i64::from(query.bins.unwrap_or(96).clamp(1, MAX_BINS));
    let tenant = caller.tenant_id;
    let edge = move |i: i64| {
        // In 128 bits: years of milliseconds times the number of slices.
        let offset = i128::from(range.length_ms()) * i128::from(i) / i128::from(bins);
        range
            .from
            .plus_ms(i64::try_from(offset).unwrap_or(i64::MAX))
    };
    let counted = state
        .runtime
        .store()
        .read(move |conn| {
            (0..bins)
                .map(|i| {
                    let (from, to) = (edge(i), edge(i + 1));
                    let count = |severities: Vec<Severity>| {
                        let filter = EventFilter {
                            from: Some(from),
                            to: Some(to),
                            severities,
                            ..EventFilter::default()
                        };
                        events::count_events(conn, tenant, &filter)
                    };
                    bin(from, count)
                })
                .collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
    Ok(Json(counted))
}

fn bin(
    t: Timestamp,
    count: impl Fn(Vec<Severity>) -> Result<u64, StoreError>,
) -> Result<HistogramBin, StoreError> {
    let total = count(Vec::new())?;
    // Most slices of a quiet plant are empty: one look is enough for them.
    let (warning, critical) = if total == 0 {
        (0, 0)
    } else {
        (
            count(vec![Severity::Warning])?,
            count(vec![Severity::Critical])?,
        )
    };
    Ok(HistogramBin {
        t,
        total,
        warning,
        critical,
    })
}
