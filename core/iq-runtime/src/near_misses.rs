//! The watch list: signals that came near a trip and returned, from what is stored. Hours decide where
//! to look, minutes what happened.

use std::collections::HashMap;

use iq_blackbox::{
    is_trip,
    near_miss::{
        NearMiss, NearMissConfig, Side, calm, excursions, has_band, near_miss, without_stops,
    },
};
use iq_domain::{
    AssetId, Bucket, CodedError, ErrorKind, EventCategory, Limits, RuleCondition, Severity,
    SignalId, TenantId, TimeRange, Timestamp,
};
use iq_historian::{Historian, HistorianError};
use iq_store::{
    Connection, StoreError, all_rows,
    events::{self, EventFilter},
};

use crate::{Runtime, TenantIndex};

/// Signals of one answer.
const MAX_SIGNALS: usize = 2_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// A signal on the watch list.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedSignal {
    /// Signal.
    pub signal: SignalId,
    /// Its limits in force.
    pub limits: Limits,
    /// What it did.
    pub miss: NearMiss,
}

/// The watch list of a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchList {
    /// Nearest to a trip first.
    pub signals: Vec<WatchedSignal>,
    /// Signals with a warning and a trip limit that were looked at.
    pub looked_at: u64,
    /// There are more of them than are looked at in one answer.
    pub is_cut: bool,
}

impl Runtime {
    /// Signals that came near a trip in a stretch of time and returned.
    ///
    /// # Errors
    /// When the historian can't be read.
    pub async fn watch_list(
        &self,
        tenant: TenantId,
        range: TimeRange,
        asset: Option<AssetId>,
    ) -> Result<WatchList, CodedError> {
        let plant = self.tenant(tenant)?;
        let mut wanted: Vec<(SignalId, AssetId, u32, Limits)> = plant
            .signals
            .values()
            .filter(|s| asset.is_none_or(|id| id == s.signal.asset_id))
            .map(|s| {
                (
                    s.signal.id,
                    s.signal.asset_id,
                    s.signal.signal_no,
                    limits_of(&plant, s.signal.id),
                )
            })
            .filter(|(.., limits)| has_band(limits))
            .collect();
        wanted.sort_by_key(|(id, ..)| *id);
        let is_cut = wanted.len() > MAX_SIGNALS;
        wanted.truncate(MAX_SIGNALS);
        let looked_at = wanted.len() as u64;
        let historian = self.historian().clone();
        let stops = self
            .store()
            .read(move |conn| stops_of(conn, tenant, range, asset))
            .await?;
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            for (signal, asset, number, limits) in wanted {
                let stops = stops.get(&asset).map_or(&[][..], Vec::as_slice);
                for miss in misses(&historian, number, range, &limits, stops)? {
                    found.push(WatchedSignal {
                        signal,
                        limits,
                        miss,
                    });
                }
            }
            Ok::<_, HistorianError>(found)
        })
        .await;
        let failed = || CodedError::new(ErrorKind::Internal, "internal.error");
        let mut signals = found.map_err(|_| failed())?.map_err(|error| {
            tracing::error!(%error, "The watch list could not be read.");
            failed()
        })?;
        signals.sort_by(|a, b| b.miss.closest.used.total_cmp(&a.miss.closest.used));
        Ok(WatchList {
            signals,
            looked_at,
            is_cut,
        })
    }
}

/// The limits its enabled rules watch.
fn limits_of(plant: &TenantIndex, signal: SignalId) -> Limits {
    let rules = plant.rules.get(&signal).into_iter().flatten();
    rules
        .filter(|rule| rule.is_enabled)
        .fold(Limits::default(), |known, rule| match &rule.condition {
            RuleCondition::Limit { limits } => Limits {
                low_low: known.low_low.or(limits.low_low),
                low: known.low.or(limits.low),
                high: known.high.or(limits.high),
                high_high: known.high_high.or(limits.high_high),
            },
            _ => known,
        })
}

/// When machines stopped or were tripped, by asset.
fn stops_of(
    conn: &Connection,
    tenant: TenantId,
    range: TimeRange,
    asset: Option<AssetId>,
) -> Result<HashMap<AssetId, Vec<Timestamp>>, StoreError> {
    let within = EventFilter {
        from: Some(range.from),
        to: Some(range.to),
        asset_ids: asset.into_iter().collect(),
        ..EventFilter::default()
    };
    let runs = EventFilter {
        source_type: Some("run".to_owned()),
        ..within.clone()
    };
    let alarms = EventFilter {
        categories: vec![EventCategory::Alert],
        severities: vec![Severity::Warning, Severity::Critical],
        ..within
    };
    let mut stopped = all_rows(|page| events::list_events(conn, tenant, &runs, page))?;
    stopped.retain(|event| event.summary == "event.asset_stopped");
    let mut tripped = all_rows(|page| events::list_events(conn, tenant, &alarms, page))?;
    tripped.retain(is_trip);
    let mut found: HashMap<AssetId, Vec<Timestamp>> = HashMap::new();
    for event in stopped.iter().chain(&tripped) {
        if let Some(asset) = event.asset_id {
            found.entry(asset).or_default().push(event.event_time);
        }
    }
    Ok(found)
}

fn misses(
    historian: &Historian,
    number: u32,
    range: TimeRange,
    limits: &Limits,
    stops: &[Timestamp],
) -> Result<Vec<NearMiss>, HistorianError> {
    let (low, high) = calm(limits);
    let is_restless = |b: &Bucket| b.min <= low || b.max >= high;
    let mut minutes: Vec<Bucket> = Vec::new();
    for hour in historian.buckets(number, range, HOUR_MS)? {
        if !is_restless(&hour) {
            continue;
        }
        // The minute before tells nothing; the hour after tells how it ended.
        let to = hour.t.plus_ms(2 * HOUR_MS).min(range.to);
        let from = minutes
            .last()
            .map_or(hour.t, |last| hour.t.max(last.t.plus_ms(MINUTE_MS)));
        if from < to {
            let part = TimeRange {
                from: from.max(range.from),
                to,
            };
            minutes.extend(historian.buckets(number, part, MINUTE_MS)?);
        }
    }
    let config = NearMissConfig::default();
    let of = |side| {
        let stays = excursions(&minutes, limits, side, &config);
        near_miss(without_stops(stays, stops), &config)
    };
    Ok([of(Side::High), of(Side::Low)]
        .into_iter()
        .flatten()
        .collect())
}
