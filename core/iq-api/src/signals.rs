//! Signals of an asset with their values, limits and baselines, and their trends.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use iq_api_types::{Assessment, BaselineBand, Series, SignalDetail};
use iq_domain::{
    self as domain, AssetId, AssetStatus, CodedError, Permission, Point, Signal, SignalId,
    SignalKind, SignalState, Timestamp, Value,
};
use iq_historian::HistorianError;
use iq_locale::Language;
use iq_runtime::{SignalEntry, TenantIndex, TwinQuery};
use iq_store::{Page, assessments};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, AsOf, Caller, Failure, Id, Query, Route, Then, Window, get},
    state::ApiState,
    texts,
};

/// Widest chart.
const MAX_WIDTH: u32 = 4_000;
/// Most rows of a CSV export.
const CSV_ROWS: usize = 1_000_000;
/// Most assessments of one answer; more are thinned.
const MAX_ASSESSMENTS: usize = 1_000;
/// Robust deviations from the centre that still count as normal on a screen.
const BAND_SIGMAS: f64 = 3.0;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

pub(crate) fn routes() -> Vec<Route> {
    let read = Permission::AssetsRead;
    vec![
        get("/api/assets/{id}/signals", read, list_signals)
            .query::<AsOf>()
            .list::<SignalDetail>()
            .says("Signals of an asset with values, limits and baselines"),
        get("/api/assets/{id}/assessments", read, list_assessments)
            .query::<Window>()
            .list::<Assessment>()
            .says("Scores of an asset with what they are made of, thinned"),
        get("/api/signals/{id}/series", read, get_series)
            .query::<SeriesQuery>()
            .answer::<Series>()
            .says("A trend reduced to the width of a chart"),
        get("/api/signals/{id}/series.csv", read, export_series)
            .query::<Window>()
            .text_answer("text/csv")
            .says("The stored samples of a window"),
    ]
}

async fn list_signals(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<AsOf>,
) -> Answer<Json<Vec<SignalDetail>>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let then = query.then(state.now())?;
    Ok(Json(of_asset(&state, &plant, id, then).await?))
}

/// All signals of an asset, mapped or not, as of now or a past moment.
pub(crate) async fn of_asset(
    state: &ApiState,
    plant: &TenantIndex,
    asset: AssetId,
    then: Then,
) -> Answer<Vec<SignalDetail>> {
    let at = then.past;
    let entry = plant.assets.get(&asset).ok_or_else(Failure::not_found)?;
    let query = TwinQuery {
        tenant_id: plant.tenant.id,
        asset_id: Some(asset),
        at,
        known_at: then.known_at,
    };
    let snapshots = state.runtime.twin(query).await?;
    let mut late = HashMap::new();
    let mut known: HashMap<SignalId, SignalState> = snapshots
        .into_iter()
        .flat_map(|s| {
            late.extend(s.late);
            s.state.signals
        })
        .map(|s| (s.signal_id, s))
        .collect();
    let found: Vec<&SignalEntry> = entry
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .collect();
    let unmapped = found
        .iter()
        .map(|s| &s.signal)
        .filter(|s| !known.contains_key(&s.id));
    for (id, state) in last_values(state, unmapped.cloned().collect(), at).await? {
        known.insert(id, state);
    }
    let details = found
        .into_iter()
        .filter_map(|signal| Some((signal, known.get(&signal.signal.id)?)))
        .map(|(signal, known)| detail(state, plant, signal, known, at, &late))
        .collect();
    Ok(details)
}

/// Last values of signals nothing is mapped to any more, or that are computed.
async fn last_values(
    state: &ApiState,
    signals: Vec<Signal>,
    at: Option<Timestamp>,
) -> Answer<Vec<(SignalId, SignalState)>> {
    let historian = state.runtime.historian().clone();
    blocking(move || -> Result<_, HistorianError> {
        signals
            .into_iter()
            .map(|signal| {
                let last = match at {
                    None => historian.last(signal.signal_no),
                    Some(t) => historian.last_at(signal.signal_no, t)?,
                };
                Ok((signal.id, unjudged(signal, last)))
            })
            .collect()
    })
    .await
}

fn unjudged(signal: Signal, last: Option<Point>) -> SignalState {
    let (mut value, mut text) = (None, None);
    match last.as_ref().and_then(|p| p.value.clone()) {
        Some(Value::Text(t)) => text = Some(t.to_string()),
        Some(other) => value = other.as_f64().filter(|v| v.is_finite()),
        None => {}
    }
    SignalState {
        signal_id: signal.id,
        metric: signal.metric,
        unit: signal.unit,
        value,
        text,
        quality: last.as_ref().map(|p| p.status.quality()),
        observed_at: last.map(|p| p.t),
        status: AssetStatus::Unknown,
    }
}

/// A signal as it is shown.
pub(crate) fn detail(
    state: &ApiState,
    plant: &TenantIndex,
    entry: &SignalEntry,
    known: &SignalState,
    at: Option<Timestamp>,
    late: &HashMap<SignalId, Timestamp>,
) -> SignalDetail {
    let signal = &entry.signal;
    let family = plant
        .assets
        .get(&signal.asset_id)
        .map_or("", |a| a.asset.family.as_str());
    let mapping = entry.mapping.as_ref().map(|route| &route.mapping);
    let source = mapping.and_then(|m| plant.integrations.get(&m.integration_id));
    SignalDetail {
        id: signal.id,
        asset_id: signal.asset_id,
        metric: signal.metric.clone(),
        names: texts::metric_names(family, &signal.metric),
        unit: signal.unit.clone(),
        is_derived: signal.kind == SignalKind::Derived,
        tag: mapping.map(|m| m.external_tag.clone()),
        integration_name: source.map(|i| i.name.clone()),
        value: known.value.filter(|v| v.is_finite()),
        text: known.text.clone(),
        quality: known.quality,
        observed_at: known.observed_at,
        arrived_late_at: late.get(&signal.id).copied(),
        status: known.status,
        limits: entry.limits,
        limits_confirmed: entry.limits_confirmed,
        limits_source: entry.limits_source.clone(),
        scale_low: entry.metric.and_then(|m| m.scale_low),
        scale_high: entry.metric.and_then(|m| m.scale_high),
        baseline: band(state, signal.id, at),
    }
}

/// The normal band; at a past moment only if it had been learned by then.
pub(crate) fn band(
    state: &ApiState,
    signal: SignalId,
    at: Option<Timestamp>,
) -> Option<BaselineBand> {
    let baseline = state.runtime.baseline(signal)?;
    if at.is_some_and(|t| t < baseline.to) {
        return None;
    }
    let half = BAND_SIGMAS * baseline.sigma;
    Some(BaselineBand {
        low: baseline.center - half,
        high: baseline.center + half,
        centre: baseline.center,
        trained_from: baseline.from,
        trained_to: baseline.to,
        buckets: u64::from(baseline.buckets),
    })
}

async fn list_assessments(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<Window>,
) -> Answer<Json<Vec<Assessment>>> {
    crate::assets::own(&state, &caller, id)?;
    let range = Window::range(query.from, query.to, state.now(), DAY_MS)?;
    let tenant = caller.tenant_id;
    let found = state
        .runtime
        .store()
        .read(move |conn| {
            let window = (Some(range.from), Some(range.to));
            assessments::list_assessments(conn, tenant, id, window, Page::MAX)
        })
        .await?;
    let step = found.rows.len().div_ceil(MAX_ASSESSMENTS).max(1);
    let thinned = found
        .rows
        .iter()
        .step_by(step)
        .map(|assessment| assessment_dto(caller.language, assessment));
    Ok(Json(thinned.collect()))
}

/// A score as it is shown.
pub(crate) fn assessment_dto(language: Language, found: &domain::Assessment) -> Assessment {
    let params = texts::params_of(&found.withheld_params);
    Assessment {
        asset_id: found.asset_id,
        at: found.at,
        health: found.health,
        anomaly: found.anomaly,
        coverage: found.coverage,
        input_age_ms: found.input_age_ms,
        contributors: found.contributors.clone(),
        model: found.model.clone(),
        withheld_message: found
            .withheld_code
            .as_ref()
            .map(|code| texts::of(language, code, &params)),
        withheld_code: found.withheld_code.clone(),
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct SeriesQuery {
    /// Start in UTC milliseconds; a day before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; now if absent.
    to: Option<i64>,
    /// Width of the chart in pixels, at most 4,000.
    width: Option<u32>,
}

async fn get_series(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<SignalId>,
    Query(query): Query<SeriesQuery>,
) -> Answer<Json<Series>> {
    let signal = own(&state, &caller, id)?;
    let range = Window::range(query.from, query.to, state.now(), DAY_MS)?;
    let width = query.width.unwrap_or(800).clamp(1, MAX_WIDTH) as usize;
    let historian = state.runtime.historian().clone();
    let number = signal.signal_no;
    let found = blocking(move || historian.decimate(number, range, width)).await?;
    let mut series = Series {
        signal_id: id,
        unit: signal.unit,
        provenance: found.provenance,
        from: range.from,
        to: range.to,
        t: Vec::with_capacity(found.points.len()),
        v: Vec::with_capacity(found.points.len()),
        bad: Vec::new(),
    };
    for point in &found.points {
        if !point.status.is_good() {
            series
                .bad
                .push(u32::try_from(series.t.len()).unwrap_or(u32::MAX));
        }
        let number = point.value.as_ref().and_then(Value::as_f64);
        series.t.push(point.t.0);
        series
            .v
            .push(number.filter(|v| v.is_finite() && point.status.is_good()));
    }
    Ok(Json(series))
}

async fn export_series(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<SignalId>,
    Query(query): Query<Window>,
) -> Answer<Response> {
    let signal = own(&state, &caller, id)?;
    let range = Window::range(query.from, query.to, state.now(), DAY_MS)?;
    let historian = state.runtime.historian().clone();
    let number = signal.signal_no;
    let points = blocking(move || historian.raw(number, range, CSV_ROWS + 1)).await?;
    if points.len() > CSV_ROWS {
        let mut failure = Failure::invalid("series.too_many_rows");
        failure.error = failure.error.with("max", CSV_ROWS);
        return Err(failure);
    }
    let unit = signal.unit.clone();
    let csv = tokio::task::spawn_blocking(move || to_csv(&points, &unit))
        .await
        .map_err(|_| Failure::internal())?;
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let code = plant
        .assets
        .get(&signal.asset_id)
        .map_or("asset", |a| a.asset.code.as_str());
    let name = file_name(code, &signal.metric);
    let mut response = csv.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A name every file system takes.
fn file_name(code: &str, metric: &str) -> String {
    format!("{code}_{metric}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// UTF-8 with a mark, CRLF, ISO times, plain numbers; text that a spreadsheet would run is escaped.
fn to_csv(points: &[Point], unit: &str) -> String {
    use std::fmt::Write as _;
    let mut csv = String::with_capacity(64 * points.len() + 64);
    csv.push_str("\u{feff}time_utc,value,unit,quality,status_code\r\n");
    let unit = csv_cell(unit);
    for point in points {
        let value = match &point.value {
            Some(Value::Text(text)) => csv_cell(text),
            Some(value) => value.as_f64().map_or_else(String::new, |v| v.to_string()),
            None => String::new(),
        };
        let quality = match point.status.quality() {
            domain::Quality::Good => "good",
            domain::Quality::Uncertain => "uncertain",
            domain::Quality::Bad => "bad",
        };
        write!(
            csv,
            "{},{value},{unit},{quality},{}\r\n",
            point.t, point.status.0
        )
        .expect("a String takes any text");
    }
    csv
}

fn csv_cell(text: &str) -> String {
    let escaped = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if escaped.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", escaped.replace('"', "\"\""))
    } else {
        escaped
    }
}

fn own(state: &ApiState, caller: &Caller, id: SignalId) -> Answer<Signal> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    plant
        .signals
        .get(&id)
        .map(|s| s.signal.clone())
        .ok_or_else(Failure::not_found)
}

/// Runs a read of the historian off the async threads.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Answer<T>
where
    T: Send + 'static,
    E: Into<CodedError> + Send + 'static,
{
    let result = tokio::task::spawn_blocking(work).await;
    Ok(result
        .map_err(|_| Failure::internal())?
        .map_err(Into::into)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use iq_domain::StatusCode;

    #[test]
    fn csv_keeps_values_and_disarms_formulas() {
        let point = |value, status| Point {
            t: Timestamp(1_000),
            value,
            status,
        };
        let text = |t: &str| Some(Value::Text(t.into()));
        let csv = to_csv(
            &[
                point(Some(Value::Number(-1.5)), StatusCode::GOOD),
                point(text("=cmd|'x'"), StatusCode::UNCERTAIN),
                point(text("a,\"b\""), StatusCode::BAD),
                point(None, StatusCode::BAD),
            ],
            "mm/s",
        );
        assert_eq!(
            csv,
            "\u{feff}time_utc,value,unit,quality,status_code\r\n\
             1970-01-01T00:00:01.000Z,-1.5,mm/s,good,0\r\n\
             1970-01-01T00:00:01.000Z,'=cmd|'x',mm/s,uncertain,1073741824\r\n\
             1970-01-01T00:00:01.000Z,\"a,\"\"b\"\"\",mm/s,bad,2147483648\r\n\
             1970-01-01T00:00:01.000Z,,mm/s,bad,2147483648\r\n"
        );
    }

    #[test]
    fn file_names_carry_no_path() {
        assert_eq!(file_name("../P-1", "a/b"), ".._P-1_a_b");
    }
}
