//! The watch list: signals that came near a trip and returned, from what is stored. Hours decide where
//! to look, minutes what happened.

use iq_blackbox::near_miss::{
    NearMiss, NearMissConfig, Side, calm, excursions, has_band, near_miss,
};
use iq_domain::{
    AssetId, Bucket, CodedError, ErrorKind, Limits, RuleCondition, SignalId, TenantId, TimeRange,
};
use iq_historian::{Historian, HistorianError};

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
        let mut wanted: Vec<(SignalId, u32, Limits)> = plant
            .signals
            .values()
            .filter(|s| asset.is_none_or(|id| id == s.signal.asset_id))
            .map(|s| {
                (
                    s.signal.id,
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
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            for (signal, number, limits) in wanted {
                for miss in misses(&historian, number, range, &limits)? {
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

fn misses(
    historian: &Historian,
    number: u32,
    range: TimeRange,
    limits: &Limits,
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
    let of = |side| near_miss(excursions(&minutes, limits, side, &config), &config);
    Ok([of(Side::High), of(Side::Low)]
        .into_iter()
        .flatten()
        .collect())
}
