//! The watch list of near misses.

use axum::{Json, extract::State};
use iq_api_types::{LimitSide, NearMiss, NearMissKind, NearMissStay, WatchList};
use iq_blackbox::near_miss::{Excursion, NearMissKind as Kind, Side};
use iq_domain::{AssetId, Permission};
use iq_runtime::{TenantIndex, near_misses::WatchedSignal};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    assets::refuse_foreign,
    http::{Answer, Caller, Check, Query, Route, Window, get},
    state::ApiState,
    texts,
};

const DAY_MS: i64 = 86_400_000;
/// Looked through when no start is given.
const DEFAULT_MS: i64 = 30 * DAY_MS;
const MAX_PERIOD_MS: i64 = 366 * DAY_MS;
const MAX_STAYS: usize = 20;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/blackbox/near-misses",
            Permission::BlackboxRead,
            list_near_misses,
        )
        .query::<WatchQuery>()
        .answer::<WatchList>()
        .says("Signals that came near a trip and returned, nearest first"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct WatchQuery {
    /// Start in UTC milliseconds; 30 days before the end if absent.
    from: Option<i64>,
    /// End in UTC milliseconds; now if absent.
    to: Option<i64>,
    /// Only this asset.
    asset_id: Option<AssetId>,
}

async fn list_near_misses(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<WatchQuery>,
) -> Answer<Json<WatchList>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    refuse_foreign(&plant, query.asset_id)?;
    let range = Window::range(query.from, query.to, state.now(), DEFAULT_MS)?;
    Check::new()
        .require(
            range.to.since_ms(range.from) <= MAX_PERIOD_MS,
            "from",
            "near_misses.period_too_long",
        )
        .done()?;
    let found = state
        .runtime
        .watch_list(caller.tenant_id, range, query.asset_id)
        .await?;
    Ok(Json(WatchList {
        from: range.from,
        to: range.to,
        signals: found
            .signals
            .into_iter()
            .filter_map(|signal| dto(&plant, signal))
            .collect(),
        looked_at: found.looked_at,
        is_cut: found.is_cut,
    }))
}

fn dto(plant: &TenantIndex, watched: WatchedSignal) -> Option<NearMiss> {
    let signal = &plant.signals.get(&watched.signal)?.signal;
    let asset = &plant.assets.get(&signal.asset_id)?.asset;
    let (limits, miss) = (watched.limits, watched.miss);
    let (side, warning, trip) = match miss.side {
        Side::High => (LimitSide::High, limits.high?, limits.high_high?),
        Side::Low => (LimitSide::Low, limits.low?, limits.low_low?),
    };
    Some(NearMiss {
        signal_id: signal.id,
        asset_id: asset.id,
        asset_code: asset.code.clone(),
        asset_names: asset.names.clone(),
        metric: signal.metric.clone(),
        names: texts::metric_names(&asset.family, &signal.metric),
        unit: signal.unit.clone(),
        side,
        kind: match miss.kind {
            Kind::Close => NearMissKind::Close,
            Kind::Repeated => NearMissKind::Repeated,
        },
        warning,
        trip,
        closest: stay(&miss.closest),
        count: miss.excursions.len() as u64,
        stays: miss
            .excursions
            .iter()
            .rev()
            .take(MAX_STAYS)
            .map(stay)
            .collect(),
    })
}

fn stay(stay: &Excursion) -> NearMissStay {
    NearMissStay {
        from: stay.from,
        to: stay.to,
        peak: stay.peak,
        peak_at: stay.peak_at,
        used: stay.used,
    }
}
