//! How often the machines of a plant fail and how long they are away, from its work orders and from
//! whether they ran. What the orders tell is read by `failures`; what follows from it is counted by
//! `iq_analytics::reliability`. Nothing is counted from before the first known order.

use std::{collections::HashMap, sync::Arc};

use iq_analytics::reliability::{Figures, History, Tally};
use iq_domain::{
    AssetId, CodedError, Criticality, ErrorKind, Point, TenantId, TimeRange, Timestamp,
};
use iq_historian::{Historian, HistorianError};
use iq_store::{
    settings,
    work_orders::{self, OrdersVersion, WorkOrderFilter},
};
use parking_lot::Mutex;

use crate::{
    Runtime, TenantIndex,
    failures::{self, SETTING},
    made_up::{Fed, fed, is_signal_made_up},
};

/// Types one tenant may name.
pub const MAX_FAILURE_TYPES: usize = 20;
const HOUR_MS: i64 = 3_600_000;
/// What a plant is told of itself again and again: a year.
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
/// A year takes some reading: the same answer stands for an hour.
const GOOD_FOR_MS: i64 = HOUR_MS;
/// Longer periods are worked out one at a time, and stand for a minute while no order changes.
const LONG_MS: i64 = YEAR_MS + 24 * HOUR_MS;
const MINUTE_MS: i64 = 60_000;
/// Points of an hour in which a machine started or stopped.
const MOST_POINTS: usize = 40_000;

/// Figures of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// The period that was asked for.
    pub period: TimeRange,
    /// Since when failures are known; `None` where there is no work order at all.
    pub known_since: Option<Timestamp>,
    /// Order types that stand for a failure.
    pub failure_types: Vec<String>,
    /// All assets together.
    pub total: Figures,
    /// Per site, family and criticality.
    pub groups: Vec<ReliabilityGroup>,
    /// Per asset, by its code.
    pub assets: Vec<(AssetId, Figures)>,
    /// Assets whose every value comes from a demonstration: they are not in it.
    pub made_up: u32,
}

/// What assets are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReliabilityBy {
    /// Code of the site.
    Site,
    /// Family key.
    Family,
    /// Criticality.
    Criticality,
}

/// Figures of several assets.
#[derive(Clone, Debug, PartialEq)]
pub struct ReliabilityGroup {
    /// What they have in common.
    pub by: ReliabilityBy,
    /// Its word.
    pub key: String,
    /// Their figures.
    pub figures: Figures,
}

/// Answers that stand for a while.
pub(crate) type Remembered = Mutex<HashMap<TenantId, (Timestamp, Arc<Reliability>)>>;

/// An answer about a long period, and what it was worked out from.
pub(crate) struct Kept {
    /// Begin and end to the minute, and the asset.
    key: (i64, i64, Option<AssetId>),
    version: OrdersVersion,
    at: Timestamp,
    found: Reliability,
}

/// The last answer of each tenant about a long period. Who holds the lock works one out: years of running
/// hours are read for one caller at a time.
pub(crate) type LongRemembered = tokio::sync::Mutex<HashMap<TenantId, Kept>>;

/// The signal that tells whether a machine runs.
#[derive(Clone, Copy)]
struct Source {
    number: u32,
    runs_at: f64,
    is_state: bool,
}

/// Hours a machine ran, and the share of the time for which that is known.
#[allow(clippy::cast_precision_loss, reason = "hours of a machine's life")]
fn ran(
    historian: &Historian,
    source: Source,
    range: TimeRange,
) -> Result<(f64, f64), HistorianError> {
    let runs = |value: f64| value >= source.runs_at;
    let mut state = historian
        .last_at(source.number, range.from)?
        .filter(|_| source.is_state)
        .and_then(|point| on(&point, source.runs_at));
    let (mut at, mut ran_ms, mut known_ms) = (range.from.0, 0, 0);
    // A state is often sent only when it changes; of a current, silence says nothing.
    let silent = |state: Option<bool>, ms: i64| match state {
        Some(is_on) if source.is_state => (if is_on { ms } else { 0 }, ms),
        _ => (0, 0),
    };
    for bucket in historian.buckets(source.number, range, HOUR_MS)? {
        let from = bucket.t.0.max(range.from.0);
        let to = (bucket.t.0 + HOUR_MS).min(range.to.0);
        if from > at {
            let (on_ms, seen_ms) = silent(state, from - at);
            (ran_ms, known_ms) = (ran_ms + on_ms, known_ms + seen_ms);
            state = state.filter(|_| source.is_state);
        }
        let (all_on, all_off) = (runs(bucket.min), !runs(bucket.max));
        ran_ms += match state {
            Some(true) | None if all_on => to - from,
            Some(false) | None if all_off => 0,
            _ => {
                let hour = TimeRange {
                    from: Timestamp(from),
                    to: Timestamp(to),
                };
                let points = historian.raw(source.number, hour, MOST_POINTS)?;
                walked(&points, state, source.runs_at, hour)
            }
        };
        known_ms += to - from;
        state = Some(runs(bucket.last));
        at = to;
    }
    if range.to.0 > at {
        let (on_ms, seen_ms) = silent(state, range.to.0 - at);
        (ran_ms, known_ms) = (ran_ms + on_ms, known_ms + seen_ms);
    }
    let share = known_ms as f64 / range.length_ms().max(1) as f64;
    Ok((ran_ms as f64 / HOUR_MS as f64, share))
}

fn on(point: &Point, runs_at: f64) -> Option<bool> {
    let value = point
        .value
        .as_ref()
        .filter(|_| point.status.is_good())?
        .as_f64();
    value.filter(|v| v.is_finite()).map(|v| v >= runs_at)
}

/// Milliseconds on within a stretch in which it started or stopped.
fn walked(points: &[Point], mut state: Option<bool>, runs_at: f64, range: TimeRange) -> i64 {
    let (mut at, mut sum) = (range.from, 0);
    for point in points {
        let Some(is_on) = on(point, runs_at) else {
            continue;
        };
        if state == Some(true) {
            sum += point.t.since_ms(at);
        }
        (at, state) = (point.t, Some(is_on));
    }
    if state == Some(true) {
        sum += range.to.since_ms(at);
    }
    sum
}

/// An asset to be counted.
struct Wanted {
    id: AssetId,
    code: String,
    site: String,
    family: String,
    criticality: Criticality,
    in_service: TimeRange,
    source: Option<Source>,
}

fn wanted(plant: &TenantIndex, period: TimeRange, asset: Option<AssetId>) -> (Vec<Wanted>, u32) {
    let (mut found, mut made_up) = (Vec::new(), 0);
    for (id, entry) in &plant.assets {
        if asset.is_some_and(|only| only != *id) {
            continue;
        }
        if fed(plant, entry) == Fed::MadeUp {
            made_up += 1;
            continue;
        }
        let from = entry.asset.effective_from.unwrap_or(period.from);
        let to = entry.asset.effective_to.unwrap_or(period.to);
        let in_service = TimeRange::new(from.max(period.from), to.min(period.to));
        let (Some(in_service), Some(site)) = (in_service, plant.sites.get(&entry.site_id)) else {
            continue;
        };
        let source = entry.running.and_then(|running| {
            let signal = plant.signals.get(&running.signal_id)?;
            (!is_signal_made_up(plant, signal)).then_some(Source {
                number: signal.signal.signal_no,
                runs_at: running.runs_at,
                is_state: running.is_state,
            })
        });
        found.push(Wanted {
            id: *id,
            code: entry.asset.code.clone(),
            site: site.code.clone(),
            family: entry.asset.family.clone(),
            criticality: entry.asset.criticality,
            in_service,
            source,
        });
    }
    found.sort_by(|a, b| a.code.cmp(&b.code));
    (found, made_up)
}

const fn criticality(criticality: Criticality) -> &'static str {
    match criticality {
        Criticality::Low => "low",
        Criticality::Medium => "medium",
        Criticality::High => "high",
        Criticality::Critical => "critical",
    }
}

impl Runtime {
    /// How often assets failed in a period and how long they were away.
    ///
    /// # Errors
    /// When there is no such asset, or store or historian can't be read.
    pub async fn reliability(
        &self,
        tenant: TenantId,
        period: TimeRange,
        asset: Option<AssetId>,
    ) -> Result<Reliability, CodedError> {
        let plant = self.tenant(tenant)?;
        if asset.is_some_and(|id| !plant.assets.contains_key(&id)) {
            return Err(CodedError::not_found("assets.not_found"));
        }
        let now = self.clock().now();
        let orders = failures::read(&self.0, &plant, WorkOrderFilter::default()).await?;
        let known_since = orders.rows.iter().map(|o| o.opened_at).min();
        let (mut wanted, made_up) = wanted(&plant, period, asset);
        for one in &mut wanted {
            let since = known_since.unwrap_or(period.to);
            one.in_service.from = one.in_service.from.max(since).min(one.in_service.to);
        }
        let mut told = orders.told(now);
        let historian = self.historian().clone();
        let counted = tokio::task::spawn_blocking(move || {
            let mut counted = Vec::with_capacity(wanted.len());
            for one in wanted {
                let told = told.remove(&one.id).unwrap_or_default();
                let seen = match one.source {
                    Some(source) if one.in_service.length_ms() > 0 => {
                        Some(ran(&historian, source, one.in_service)?)
                    }
                    _ => None,
                };
                let history = History {
                    watched: one.in_service,
                    ran: seen,
                    failures: told.failures,
                    planned: told.planned,
                };
                counted.push((one, Tally::of(&history)));
            }
            Ok::<_, HistorianError>(counted)
        });
        let failed = || CodedError::new(ErrorKind::Internal, "internal.error");
        let counted = counted.await.map_err(|_| failed())??;
        Ok(Reliability {
            period,
            known_since,
            failure_types: orders.types,
            total: sum(counted.iter().map(|(_, tally)| tally)),
            groups: groups(&counted),
            assets: counted
                .iter()
                .map(|(one, tally)| (one.id, tally.figures()))
                .collect(),
            made_up,
        })
    }

    /// The same for whoever asks again and again: of a period beyond a year the answer of the last minute
    /// stands while no order has changed, and no two are worked out at once. Its period says what it covers.
    ///
    /// # Errors
    /// Those of [`Self::reliability`].
    pub async fn reliability_asked(
        &self,
        tenant: TenantId,
        period: TimeRange,
        asset: Option<AssetId>,
    ) -> Result<Reliability, CodedError> {
        if period.length_ms() <= LONG_MS {
            return self.reliability(tenant, period, asset).await;
        }
        let minute = |at: Timestamp| at.0.div_euclid(MINUTE_MS);
        let key = (minute(period.from), minute(period.to), asset);
        let mut kept = self.0.long_reliability.lock().await;
        let now = self.clock().now();
        let version = self
            .store()
            .read(move |conn| work_orders::orders_version(conn, tenant))
            .await?;
        if let Some(known) = kept.get(&tenant)
            && known.key == key
            && known.version == version
            && (0..MINUTE_MS).contains(&now.since_ms(known.at))
        {
            return Ok(known.found.clone());
        }
        let found = self.reliability(tenant, period, asset).await?;
        let entry = Kept {
            key,
            version,
            at: now,
            found: found.clone(),
        };
        kept.insert(tenant, entry);
        Ok(found)
    }

    /// The figures of the last year, not older than an hour.
    pub(crate) async fn reliability_of_the_year(
        &self,
        tenant: TenantId,
    ) -> Result<Arc<Reliability>, CodedError> {
        let now = self.clock().now();
        let known = self.0.reliability.lock().get(&tenant).cloned();
        if let Some((at, known)) = known
            && (0..GOOD_FOR_MS).contains(&now.since_ms(at))
        {
            return Ok(known);
        }
        let year = TimeRange {
            from: now.plus_ms(-YEAR_MS),
            to: now,
        };
        let found = Arc::new(self.reliability(tenant, year, None).await?);
        let kept = (now, Arc::clone(&found));
        self.0.reliability.lock().insert(tenant, kept);
        Ok(found)
    }

    /// Order types that stand for a failure.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn failure_types(&self, tenant: TenantId) -> Result<Vec<String>, CodedError> {
        failures::types(&self.0, tenant).await
    }

    /// Names the order types that stand for a failure.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn set_failure_types(
        &self,
        tenant: TenantId,
        types: &[String],
    ) -> Result<(), CodedError> {
        let value = serde_json::json!(types);
        self.store()
            .write(move |tx| settings::put_tenant_setting(tx, tenant, SETTING, &value))
            .await?;
        self.0.reliability.lock().remove(&tenant);
        self.0.long_reliability.lock().await.remove(&tenant);
        Ok(())
    }
}

fn sum<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Figures {
    tallies
        .fold(Tally::default(), |all, one| all.plus(one))
        .figures()
}

fn groups(counted: &[(Wanted, Tally)]) -> Vec<ReliabilityGroup> {
    let mut found: std::collections::BTreeMap<(ReliabilityBy, &str), Tally> =
        std::collections::BTreeMap::new();
    for (one, tally) in counted {
        for key in [
            (ReliabilityBy::Site, one.site.as_str()),
            (ReliabilityBy::Family, one.family.as_str()),
            (ReliabilityBy::Criticality, criticality(one.criticality)),
        ] {
            let known = found.entry(key).or_default();
            *known = known.plus(tally);
        }
    }
    found
        .into_iter()
        .map(|((by, key), tally)| ReliabilityGroup {
            by,
            key: key.to_owned(),
            figures: tally.figures(),
        })
        .collect()
}
