//! The dashboard in one answer, as of now or of a past moment.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use iq_api_types::{
    AttentionRow, IncidentRow, Overview, SourceFreshness, StatusCounts, WorstAsset,
};
use iq_domain::{
    AssetStatus, Connectivity, Integration, IntegrationId, Permission, Quality, Severity,
    SignalKind, TimeRange, Timestamp,
};
use iq_historian::Historian;
use iq_runtime::{AssetSnapshot, TenantIndex, imports::is_upload_only, mean_health};
use iq_store::alerts::{self, AlertFilter};

use crate::{
    http::{Answer, AsOf, Caller, Failure, Query, Route, get},
    incidents, signals,
    state::ApiState,
    twin,
};

const ATTENTION_ROWS: usize = 20;
const INCIDENT_ROWS: usize = 10;
const WORST_ASSETS: usize = 10;
const HOUR_MS: i64 = 3_600_000;
const HOURS: i64 = 24;
const STRIP_BINS: i64 = 48;
const BIN_MS: i64 = HOUR_MS / 2;
/// Signals of a source that stand for all of it in the strip; reading every one would not tell more.
const STRIP_SIGNALS: usize = 8;
/// Age up to which a source counted as live at a past moment.
const FRESH_MS: i64 = 60_000;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/overview", Permission::TwinRead, get_overview)
            .query::<AsOf>()
            .answer::<Overview>()
            .says("The dashboard"),
    ]
}

async fn get_overview(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<AsOf>,
) -> Answer<Json<Overview>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let now = state.now();
    let then = query.then(now)?;
    let past = then.past;
    let at = past.unwrap_or(now);
    let snapshots = twin::sorted(&plant, twin::snapshots(&state, &caller, None, then).await?);
    let by_hour = alerts_by_hour(&state, &caller, at, then.known_at).await?;
    let mut open = incidents::open_at(&state, &caller, &plant, then).await?;
    open.sort_by_key(|i| (Reverse(i.severity), Reverse(i.started_at)));
    let (health_mean, health_coverage) = mean_health(&plant, &snapshots);
    let mapped = plant
        .signals
        .values()
        .filter(|s| s.mapping.is_some())
        .filter(|s| s.signal.kind == SignalKind::Measured);
    let overview = Overview {
        at,
        counts: counts(&snapshots),
        health_mean,
        health_coverage,
        open_incidents: open.len() as u64,
        oldest_open_incident_at: open.iter().map(|i| i.started_at).min(),
        #[allow(clippy::cast_precision_loss, reason = "a count of an hour's alerts")]
        alerts_per_hour: by_hour.last().copied().unwrap_or(0) as f64,
        alerts_by_hour: by_hour,
        signals_live: signals_live(&snapshots),
        signals_total: mapped.count() as u64,
        attention: attention(&state, &plant, &snapshots, &caller, past),
        worst_assets: worst(&plant, &snapshots, &caller),
        sources: sources(&state, &plant, &caller, &snapshots, past, at).await?,
        incidents: first(open, INCIDENT_ROWS),
    };
    Ok(Json(overview))
}

fn first(mut rows: Vec<IncidentRow>, most: usize) -> Vec<IncidentRow> {
    rows.truncate(most);
    rows
}

fn counts(snapshots: &[AssetSnapshot]) -> StatusCounts {
    let sum = iq_twin::summarise(snapshots.iter().map(|s| &s.state));
    StatusCounts {
        critical: sum.critical as u64,
        warning: sum.warning as u64,
        normal: sum.normal as u64,
        unknown: sum.unknown as u64,
    }
}

fn signals_live(snapshots: &[AssetSnapshot]) -> u64 {
    let live = snapshots
        .iter()
        .filter(|s| twin::is_connected(s.state.connectivity))
        .flat_map(|s| &s.state.signals)
        .filter(|s| s.quality == Some(Quality::Good));
    live.count() as u64
}

/// Activations in each of the 24 hours before the moment, oldest first.
async fn alerts_by_hour(
    state: &ApiState,
    caller: &Caller,
    at: Timestamp,
    known_at: Option<Timestamp>,
) -> Answer<Vec<u64>> {
    let tenant = caller.tenant_id;
    let counts = state
        .runtime
        .store()
        .read(move |conn| {
            (0..HOURS)
                .rev()
                .map(|hours_ago| {
                    let to = at.plus_ms(1 - hours_ago * HOUR_MS);
                    let filter = AlertFilter {
                        from: Some(to.plus_ms(-HOUR_MS)),
                        to: Some(to),
                        known_at,
                        ..AlertFilter::default()
                    };
                    alerts::count_alerts(conn, tenant, &filter)
                })
                .collect()
        })
        .await?;
    Ok(counts)
}

fn attention(
    state: &ApiState,
    plant: &TenantIndex,
    snapshots: &[AssetSnapshot],
    caller: &Caller,
    past: Option<Timestamp>,
) -> Vec<AttentionRow> {
    snapshots
        .iter()
        .filter(|s| s.state.status >= AssetStatus::Warning || twin::has_critical_incident(s))
        .filter_map(|s| attention_row(state, plant, s, caller, past))
        .take(ATTENTION_ROWS)
        .collect()
}

fn attention_row(
    state: &ApiState,
    plant: &TenantIndex,
    snapshot: &AssetSnapshot,
    caller: &Caller,
    past: Option<Timestamp>,
) -> Option<AttentionRow> {
    let known = &snapshot.state;
    let asset = &plant.assets.get(&known.asset_id)?.asset;
    let alert = twin::leading_alert(snapshot);
    let signal = alert
        .and_then(|a| a.signal_id)
        .and_then(|id| known.signals.iter().find(|s| s.signal_id == id))
        .or_else(|| twin::key_signal(&known.signals));
    let detail = signal.and_then(|s| {
        let entry = plant.signals.get(&s.signal_id)?;
        Some(signals::detail(
            state,
            plant,
            entry,
            s,
            past,
            &snapshot.late,
        ))
    });
    let since = alert
        .map(|a| a.activated_at)
        .or_else(|| snapshot.assessment.as_ref().map(|a| a.at))
        .or_else(|| signal.and_then(|s| s.observed_at))
        .unwrap_or(known.at);
    let severity = match known.status {
        AssetStatus::Critical => Severity::Critical,
        _ if twin::has_critical_incident(snapshot) => Severity::Critical,
        _ => Severity::Warning,
    };
    let baseline = detail.as_ref().and_then(|d| d.baseline.clone());
    Some(AttentionRow {
        asset_id: asset.id,
        asset_code: asset.code.clone(),
        asset_names: asset.names.clone(),
        status: known.status,
        severity,
        reason: twin::reason(caller.language, snapshot)?,
        signal_id: detail.as_ref().map(|d| d.id),
        metric: detail.as_ref().map(|d| d.metric.clone()),
        tag: detail.as_ref().and_then(|d| d.tag.clone()),
        value: detail.as_ref().and_then(|d| d.value),
        unit: detail.as_ref().map(|d| d.unit.clone()),
        limits: detail.as_ref().map(|d| d.limits),
        scale_low: detail.as_ref().and_then(|d| d.scale_low),
        scale_high: detail.as_ref().and_then(|d| d.scale_high),
        baseline_low: baseline.as_ref().map(|b| b.low),
        baseline_high: baseline.as_ref().map(|b| b.high),
        since,
        incident_id: snapshot.open_incident.map(|i| i.id),
        alert_id: alert.map(|a| a.id),
    })
}

/// Lowest health first.
/// Health from which an asset is no concern: the pages colour nothing above it.
const HEALTHY: f64 = 90.0;

fn worst(plant: &TenantIndex, snapshots: &[AssetSnapshot], caller: &Caller) -> Vec<WorstAsset> {
    let mut scored: Vec<(f64, &AssetSnapshot)> = snapshots
        .iter()
        .filter_map(|s| Some((s.state.health?, s)))
        .filter(|(health, s)| *health < HEALTHY || s.state.status >= AssetStatus::Warning)
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored
        .into_iter()
        .filter_map(|(_, snapshot)| {
            let asset = &plant.assets.get(&snapshot.state.asset_id)?.asset;
            let assessment = snapshot.assessment.as_ref()?;
            Some(WorstAsset {
                asset_id: asset.id,
                asset_code: asset.code.clone(),
                asset_names: asset.names.clone(),
                status: snapshot.state.status,
                assessment: signals::assessment_dto(caller.language, assessment),
            })
        })
        .take(WORST_ASSETS)
        .collect()
}

async fn sources(
    state: &ApiState,
    plant: &Arc<TenantIndex>,
    caller: &Caller,
    snapshots: &[AssetSnapshot],
    past: Option<Timestamp>,
    at: Timestamp,
) -> Answer<Vec<SourceFreshness>> {
    let newest = newest_by_source(plant, snapshots);
    let mut all: Vec<&Integration> = plant.integrations.values().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rows = Vec::with_capacity(all.len());
    for integration in all {
        let numbers = signal_numbers(plant, integration.id);
        let historian = state.runtime.historian().clone();
        let has_tags = !numbers.is_empty();
        let strip = tokio::task::spawn_blocking(move || strip(&historian, &numbers, at))
            .await
            .map_err(|_| Failure::internal())?;
        let last_value_at = match past {
            None => integration
                .last_value_at
                .max(newest.get(&integration.id).copied()),
            Some(_) => newest.get(&integration.id).copied(),
        };
        let connectivity = match past {
            None => {
                state
                    .runtime
                    .connectivity_of(caller.tenant_id, integration.id)
                    .await
            }
            Some(t) => connectivity_then(integration, has_tags, last_value_at, t),
        };
        rows.push(SourceFreshness {
            integration_id: integration.id,
            name: integration.name.clone(),
            kind: integration.kind.clone(),
            connectivity,
            last_value_at,
            strip,
        });
    }
    Ok(rows)
}

/// Connectivity of a source at a past moment: from the age its newest value had then.
fn connectivity_then(
    integration: &Integration,
    has_tags: bool,
    newest: Option<Timestamp>,
    at: Timestamp,
) -> Connectivity {
    match newest {
        _ if !has_tags => Connectivity::None,
        Some(t) if at.since_ms(t) <= FRESH_MS => {
            if integration.is_demo_origin {
                Connectivity::Demo
            } else {
                Connectivity::Live
            }
        }
        _ if is_upload_only(integration) => Connectivity::Imported,
        _ => Connectivity::Stale,
    }
}

fn newest_by_source(
    plant: &TenantIndex,
    snapshots: &[AssetSnapshot],
) -> HashMap<IntegrationId, Timestamp> {
    let mut newest: HashMap<IntegrationId, Timestamp> = HashMap::new();
    for signal in snapshots.iter().flat_map(|s| &s.state.signals) {
        let route = plant
            .signals
            .get(&signal.signal_id)
            .and_then(|s| s.mapping.as_ref());
        if let (Some(route), Some(t), Some(Quality::Good)) =
            (route, signal.observed_at, signal.quality)
        {
            let entry = newest.entry(route.mapping.integration_id).or_insert(t);
            *entry = t.max(*entry);
        }
    }
    newest
}

/// A few signals spread over what the source feeds.
fn signal_numbers(plant: &TenantIndex, integration: IntegrationId) -> Vec<u32> {
    let mut numbers: Vec<u32> = plant
        .routes
        .get(&integration)
        .into_iter()
        .flat_map(HashMap::values)
        .flatten()
        .map(|route| route.signal_no)
        .collect();
    numbers.sort_unstable();
    let step = numbers.len().div_ceil(STRIP_SIGNALS).max(1);
    numbers.into_iter().step_by(step).collect()
}

/// 48 half-hours, oldest first: 0 nothing, 1 some of the signals, 2 all of them.
fn strip(historian: &Historian, numbers: &[u32], at: Timestamp) -> Vec<u8> {
    let end = (at.0.div_euclid(BIN_MS) + 1) * BIN_MS;
    let start = end - STRIP_BINS * BIN_MS;
    let mut filled = vec![0_usize; 48];
    let Some(range) = TimeRange::new(Timestamp(start), Timestamp(end)) else {
        return Vec::new();
    };
    for number in numbers {
        match historian.buckets(*number, range, BIN_MS) {
            Ok(buckets) => {
                for bucket in buckets {
                    let bin = usize::try_from((bucket.t.0 - start) / BIN_MS).ok();
                    if let Some(count) = bin.and_then(|bin| filled.get_mut(bin)) {
                        *count += 1;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, number, "A signal could not be read for the strip.");
            }
        }
    }
    let level = |count: usize| match count {
        0 => 0,
        n if n >= numbers.len() => 2,
        _ => 1,
    };
    filled.into_iter().map(level).collect()
}
