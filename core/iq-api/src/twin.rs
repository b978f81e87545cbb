//! The digital twin: all assets as of now or of a past moment.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use iq_api_types::{StatusMessage, Twin, TwinAsset, TwinSite, TwinUnit};
use iq_domain::{
    Alert, AssetId, AssetStatus, Connectivity, Criticality, Message, Permission, Severity,
    SignalState, SiteId, Timestamp,
};
use iq_locale::Language;
use iq_runtime::{AssetSnapshot, TenantIndex, TwinQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    http::{Answer, AsOf, Caller, Failure, Id, Query, Route, Then, get},
    signals,
    state::ApiState,
    texts,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/twin", Permission::TwinRead, get_twin)
            .query::<TwinParams>()
            .answer::<Twin>()
            .says("All assets, worst first"),
        get("/api/twin/{asset_id}", Permission::TwinRead, get_twin_asset)
            .query::<AsOf>()
            .answer::<TwinAsset>()
            .says("One asset with all its signals"),
    ]
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct TwinParams {
    /// Moment in UTC milliseconds; now if absent.
    t: Option<i64>,
    /// With a past moment: alerts, scores and incidents only as far as they had been recorded by then,
    /// UTC milliseconds. Values count by their source time.
    known_at: Option<i64>,
    /// Only this site.
    site_id: Option<SiteId>,
}

async fn get_twin(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<TwinParams>,
) -> Answer<Json<Twin>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    if query
        .site_id
        .is_some_and(|id| !plant.sites.contains_key(&id))
    {
        return Err(Failure::not_found());
    }
    let now = state.now();
    let asked = AsOf {
        t: query.t,
        known_at: query.known_at,
    };
    let then = asked.then(now)?;
    let past = then.past;
    let snapshots = snapshots(&state, &caller, None, then).await?;
    let is_wanted = |id: SiteId| query.site_id.is_none_or(|wanted| wanted == id);
    let mut assets: Vec<TwinAsset> = sorted(&plant, snapshots)
        .iter()
        .filter_map(|s| asset_dto(&state, &plant, s, &caller, past))
        .filter(|asset| is_wanted(asset.site_id))
        .collect();
    for asset in &mut assets {
        asset.signals.clear();
    }
    Ok(Json(Twin {
        at: past.unwrap_or(now),
        is_past: past.is_some(),
        sites: sites(&plant, is_wanted),
        assets,
    }))
}

async fn get_twin_asset(
    State(state): State<ApiState>,
    caller: Caller,
    Id(id): Id<AssetId>,
    Query(query): Query<AsOf>,
) -> Answer<Json<TwinAsset>> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let then = query.then(state.now())?;
    let past = then.past;
    let found = snapshots(&state, &caller, Some(id), then).await?;
    let mut asset = found
        .first()
        .and_then(|s| asset_dto(&state, &plant, s, &caller, past))
        .ok_or_else(Failure::not_found)?;
    asset.signals = signals::of_asset(&state, &plant, id, then).await?;
    Ok(Json(asset))
}

/// States of the tenant's assets.
pub(crate) async fn snapshots(
    state: &ApiState,
    caller: &Caller,
    asset_id: Option<AssetId>,
    then: Then,
) -> Answer<Vec<AssetSnapshot>> {
    let query = TwinQuery {
        tenant_id: caller.tenant_id,
        asset_id,
        at: then.past,
        known_at: then.known_at,
    };
    Ok(state.runtime.twin(query).await?)
}

/// Worst first.
pub(crate) fn sorted(plant: &TenantIndex, snapshots: Vec<AssetSnapshot>) -> Vec<AssetSnapshot> {
    let mut snapshots = snapshots;
    snapshots.sort_by_cached_key(|s| {
        let asset = plant.assets.get(&s.state.asset_id).map(|e| &e.asset);
        let criticality = asset.map_or(Criticality::Low, |a| a.criticality);
        iq_twin::worst_first(&s.state, criticality, asset.map_or("", |a| a.code.as_str()))
    });
    snapshots
}

fn sites(plant: &TenantIndex, is_wanted: impl Fn(SiteId) -> bool) -> Vec<TwinSite> {
    let mut by_code: BTreeMap<&str, TwinSite> = BTreeMap::new();
    for site in plant.sites.values().filter(|s| is_wanted(s.id)) {
        let mut units: Vec<TwinUnit> = plant
            .units
            .values()
            .filter(|u| u.site_id == site.id)
            .map(|u| TwinUnit {
                id: u.id,
                code: u.code.clone(),
                names: u.names.clone(),
            })
            .collect();
        units.sort_by(|a, b| a.code.cmp(&b.code));
        let dto = TwinSite {
            id: site.id,
            code: site.code.clone(),
            names: site.names.clone(),
            units,
        };
        by_code.insert(&site.code, dto);
    }
    by_code.into_values().collect()
}

/// An asset as it is shown, without its list of signals.
fn asset_dto(
    state: &ApiState,
    plant: &TenantIndex,
    snapshot: &AssetSnapshot,
    caller: &Caller,
    past: Option<Timestamp>,
) -> Option<TwinAsset> {
    let entry = plant.assets.get(&snapshot.state.asset_id)?;
    let asset = &entry.asset;
    let known = &snapshot.state;
    let key_signal = key_signal(known.signals.as_slice()).and_then(|signal| {
        let entry = plant.signals.get(&signal.signal_id)?;
        Some(signals::detail(
            state,
            plant,
            entry,
            signal,
            past,
            &snapshot.late,
        ))
    });
    Some(TwinAsset {
        id: asset.id,
        site_id: entry.site_id,
        unit_id: asset.unit_id,
        code: asset.code.clone(),
        names: asset.names.clone(),
        family: asset.family.clone(),
        criticality: asset.criticality,
        upstream: asset.upstream.clone(),
        downstream: asset.downstream.clone(),
        status: known.status,
        status_reason: reason(caller.language, snapshot).map(|r| r.message),
        connectivity: known.connectivity,
        is_data_connected: is_connected(known.connectivity),
        data_age_ms: known.data_age_ms,
        is_running: known.is_running,
        health: known.health,
        anomaly: known.anomaly,
        assessment: snapshot
            .assessment
            .as_ref()
            .map(|a| signals::assessment_dto(caller.language, a)),
        key_signal,
        signals: Vec::new(),
        open_incident_id: snapshot.open_incident.map(|i| i.id),
        active_alerts: snapshot.alerts.len() as u64,
    })
}

/// Whether values arrive.
pub(crate) const fn is_connected(connectivity: Connectivity) -> bool {
    matches!(connectivity, Connectivity::Live | Connectivity::Demo)
}

/// The signal a card shows: the worst one, else the family's first that has a value.
pub(crate) fn key_signal(signals: &[SignalState]) -> Option<&SignalState> {
    let has_value = |s: &&SignalState| s.value.is_some() || s.text.is_some();
    [AssetStatus::Critical, AssetStatus::Warning]
        .into_iter()
        .find_map(|status| signals.iter().find(|s| s.status == status))
        .or_else(|| signals.iter().find(has_value))
        .or_else(|| signals.first())
}

/// The alert that explains the status: the most severe, of those the oldest.
pub(crate) fn leading_alert(snapshot: &AssetSnapshot) -> Option<&Alert> {
    snapshot
        .alerts
        .iter()
        .min_by_key(|a| (std::cmp::Reverse(a.severity), a.activated_at))
}

/// Whether a critical incident is open, also one that has ended and waits for a person.
pub(crate) fn has_critical_incident(snapshot: &AssetSnapshot) -> bool {
    let incident = snapshot.open_incident;
    incident.is_some_and(|i| i.severity == Severity::Critical)
}

/// Whether a signal says that the machine's protection tripped it.
fn is_tripped(signal: &SignalState) -> bool {
    signal.metric == "trip" && signal.status == AssetStatus::Critical
}

/// Why an asset has its status, as a sentence.
pub(crate) fn reason(language: Language, snapshot: &AssetSnapshot) -> Option<StatusMessage> {
    let say = |code: &str, params: iq_locale::Params| {
        let message = Message {
            code: code.to_owned(),
            params,
        };
        texts::status(language, &message)
    };
    let none = iq_locale::Params::new;
    let known = &snapshot.state;
    let alert = leading_alert(snapshot);
    let is_explained = alert.is_some_and(|a| a.severity == Severity::Critical);
    if !is_explained && known.signals.iter().any(is_tripped) {
        return Some(say("twin.tripped", none()));
    }
    if !is_explained && has_critical_incident(snapshot) {
        return Some(say("twin.incident_open", none()));
    }
    if let Some(alert) = alert {
        return Some(say(&alert.code, texts::params_of(&alert.params)));
    }
    match (known.status, known.connectivity) {
        (AssetStatus::Normal, _) => None,
        (AssetStatus::Unknown, Connectivity::None) => Some(say("twin.nothing_mapped", none())),
        (AssetStatus::Unknown, Connectivity::Imported) => Some(say("twin.imported", none())),
        (AssetStatus::Unknown, Connectivity::Disconnected) => {
            Some(say("twin.disconnected", none()))
        }
        (AssetStatus::Unknown, _) => Some(say("twin.no_fresh_value", none())),
        (AssetStatus::Warning | AssetStatus::Critical, _) => {
            let beyond = key_signal(&known.signals)
                .filter(|s| s.status >= AssetStatus::Warning)
                .and_then(|s| Some((s, s.value?)));
            match (beyond, known.health) {
                (Some((signal, value)), _) => Some(say(
                    "twin.beyond_limit",
                    iq_locale::Params::from([
                        ("metric".to_owned(), signal.metric.clone()),
                        ("value".to_owned(), texts::number(value)),
                        ("unit".to_owned(), signal.unit.clone()),
                    ]),
                )),
                (None, Some(health)) => Some(say(
                    "twin.health_low",
                    iq_locale::Params::from([("health".to_owned(), format!("{health:.0}"))]),
                )),
                (None, None) => None,
            }
        }
    }
}
