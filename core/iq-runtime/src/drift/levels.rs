//! What the historian tells about every mapped signal: where it stood over the last days, where it
//! stands now, and when it was last heard of.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use iq_domain::{Bucket, CodedError, Dimension, MappingId, SignalMapping, TimeRange, Timestamp};
use iq_historian::Historian;
use iq_mapping::{
    Conversion,
    drift::{Level, SignalSummary},
};

use crate::{Recent, SignalEntry, TenantIndex};

/// Stretch whose mean is one number: long enough to smooth noise, short enough to see a shift.
const BUCKET_MS: i64 = 600_000;
/// How long "now" is.
pub(super) const NOW_MS: i64 = 3_600_000;
/// How far back "before" reaches.
pub(super) const BEFORE_MS: i64 = 3 * 86_400_000;
/// Stretches a level needs.
const NOW_LEAST: usize = 3;
const BEFORE_LEAST: usize = 12;
/// Stretches that tell a signal that never moves.
const STANDING_LEAST: usize = 6;

/// A mapped signal with what was found out about it.
pub(super) struct Gathered {
    pub(super) mapping: SignalMapping,
    pub(super) conversion: Conversion,
    pub(super) summary: SignalSummary,
}

/// Gathers all mapped signals of a tenant. `changed` says when mappings were last changed: values from
/// before are of another mapping. `kept` are the levels that open findings were judged by.
pub(super) fn gather(
    historian: &Historian,
    index: &TenantIndex,
    recent: &Recent,
    changed: &HashMap<MappingId, Timestamp>,
    kept: &HashMap<MappingId, (Level, Timestamp)>,
    at: Timestamp,
) -> Result<Vec<Gathered>, CodedError> {
    let mut running: HashMap<u32, HashSet<Timestamp>> = HashMap::new();
    let mut found = Vec::new();
    for entry in index.signals.values() {
        let Some(route) = &entry.mapping else {
            continue;
        };
        let mapping = &route.mapping;
        let Some(asset) = index.assets.get(&mapping.asset_id) else {
            continue;
        };
        let changed_at = changed.get(&mapping.id).copied();
        let windows = Windows::of(at, changed_at);
        let buckets = read(historian, route.signal_no, windows.all)?;
        let runs = asset
            .running
            .and_then(|source| Some((index.signals.get(&source.signal_id)?, source.runs_at)));
        let (is_running, buckets_running) = match runs {
            Some((signal, runs_at)) => {
                let number = signal.signal.signal_no;
                let on = match running.entry(number) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(free) => {
                        let window = Windows::of(at, None).all;
                        free.insert(running_stretches(historian, number, window, runs_at)?)
                    }
                };
                let last = buckets.last().map(|b| on.contains(&b.t));
                let only: Vec<Bucket> = buckets
                    .iter()
                    .filter(|b| on.contains(&b.t))
                    .copied()
                    .collect();
                (last, only)
            }
            None => (None, buckets.clone()),
        };
        let judged_by = kept
            .get(&mapping.id)
            .filter(|(_, since)| changed_at.is_none_or(|changed| changed < *since));
        let before = match judged_by {
            Some((level, _)) => Some(*level),
            None => level_before(&until(&buckets_running, windows.split)),
        };
        let summary = SignalSummary {
            mapping: mapping.id,
            integration: mapping.integration_id,
            tag: mapping.external_tag.clone(),
            asset: mapping.asset_id,
            metric: mapping.metric_name.clone(),
            unit: mapping.unit.clone(),
            signal_unit: entry.signal.unit.clone(),
            is_state: is_state(entry),
            scale: scale(entry),
            before,
            now: Level::of(&since(&buckets_running, windows.split), NOW_LEAST),
            always: Level::of(&since(&buckets, windows.split), NOW_LEAST),
            is_running,
            family: asset.asset.family.clone(),
            offset: mapping.offset_value,
            silent_ms: silence(historian, recent, entry, at),
            usual_gap_ms: usual_gap(&until(&buckets, windows.split)),
            quiet_ms: quiet(&until(&buckets, windows.split)),
            last_value: last_value(historian, entry),
            is_source_live: false,
            read: None,
            is_listed: None,
            stated_unit: None,
        };
        found.push(Gathered {
            mapping: mapping.clone(),
            conversion: route.conversion.clone(),
            summary,
        });
    }
    found.sort_by_key(|g| g.mapping.id);
    Ok(found)
}

fn level_before(buckets: &[Bucket]) -> Option<Level> {
    Level::of(buckets, BEFORE_LEAST).or_else(|| Level::standing(buckets, STANDING_LEAST))
}

fn last_value(historian: &Historian, entry: &SignalEntry) -> Option<f64> {
    let last = historian.last_good(entry.signal.signal_no)?;
    last.value?.as_f64()
}

struct Windows {
    all: TimeRange,
    split: Timestamp,
}

impl Windows {
    /// Aligned to stretches, so that two signals have the same ones.
    fn of(at: Timestamp, changed: Option<Timestamp>) -> Self {
        let floor = |t: i64| t.div_euclid(BUCKET_MS) * BUCKET_MS;
        let split = floor(at.0 - NOW_MS);
        let from = floor(split - BEFORE_MS);
        let from = changed.map_or(from, |t| from.max(floor(t.0) + BUCKET_MS));
        let to = at.plus_ms(1);
        Self {
            all: TimeRange {
                from: Timestamp(from.min(to.0)),
                to,
            },
            split: Timestamp(split),
        }
    }
}

fn read(
    historian: &Historian,
    signal_no: u32,
    range: TimeRange,
) -> Result<Vec<Bucket>, CodedError> {
    if range.from >= range.to {
        return Ok(Vec::new());
    }
    Ok(historian.buckets(signal_no, range, BUCKET_MS)?)
}

/// Starts of the stretches in which a machine ran all the time.
fn running_stretches(
    historian: &Historian,
    signal_no: u32,
    range: TimeRange,
    runs_at: f64,
) -> Result<HashSet<Timestamp>, CodedError> {
    let on: HashMap<i64, bool> = read(historian, signal_no, range)?
        .iter()
        .map(|b| (b.t.0, b.min >= runs_at))
        .collect();
    // A state is often sent only when it changes: a stretch without a value is like the one before.
    let mut stretches = HashSet::new();
    let mut is_on = historian
        .last_at(signal_no, range.from)?
        .and_then(|p| p.value)
        .and_then(|v| v.as_f64())
        .is_some_and(|v| v >= runs_at);
    let mut t = range.from.0.div_euclid(BUCKET_MS) * BUCKET_MS;
    while t < range.to.0 {
        is_on = on.get(&t).copied().unwrap_or(is_on);
        if is_on {
            stretches.insert(Timestamp(t));
        }
        t += BUCKET_MS;
    }
    Ok(stretches)
}

fn until(buckets: &[Bucket], split: Timestamp) -> Vec<Bucket> {
    buckets.iter().filter(|b| b.t < split).copied().collect()
}

fn since(buckets: &[Bucket], split: Timestamp) -> Vec<Bucket> {
    buckets.iter().filter(|b| b.t >= split).copied().collect()
}

/// Usual time between two values, from the stretches that had any.
fn usual_gap(buckets: &[Bucket]) -> Option<i64> {
    let samples: u64 = buckets.iter().map(|b| b.count).sum();
    let span = i64::try_from(buckets.len()).ok()? * BUCKET_MS;
    (samples > 0).then(|| span / i64::try_from(samples).unwrap_or(i64::MAX))
}

/// The second longest time without a value between two stretches that had some.
fn quiet(buckets: &[Bucket]) -> Option<i64> {
    let mut holes: Vec<i64> = buckets
        .windows(2)
        .map(|pair| pair[1].t.since_ms(pair[0].t) - BUCKET_MS)
        .filter(|hole| *hole > 0)
        .collect();
    holes.sort_unstable();
    // The ends of the stretches are not known closer than a stretch.
    Some(*holes.iter().rev().nth(1)? + 2 * BUCKET_MS)
}

/// Age of the last good value, by arrival or by its own time, whichever is younger.
fn silence(
    historian: &Historian,
    recent: &Recent,
    entry: &SignalEntry,
    at: Timestamp,
) -> Option<i64> {
    let arrived = recent.of(entry.signal.id).good_at;
    let observed = historian.last_good(entry.signal.signal_no).map(|p| p.t);
    arrived.max(observed).map(|t| at.since_ms(t).max(0))
}

/// States, texts and targets may stand still for years.
fn is_state(entry: &SignalEntry) -> bool {
    let dimension = iq_mapping::find_unit(&entry.signal.unit).map(|u| u.dimension);
    let is_plain = entry.signal.unit == "1"
        || entry.signal.unit.is_empty()
        || dimension == Some(Dimension::Text);
    let metric = entry.signal.metric.as_str();
    is_plain
        || entry.metric.is_some_and(|m| m.is_running_state)
        || ["setpoint", "controller_output", "valve_position"].contains(&metric)
}

fn scale(entry: &SignalEntry) -> Option<(f64, f64)> {
    let metric = entry.metric?;
    metric
        .scale_low
        .zip(metric.scale_high)
        .filter(|(low, high)| high > low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_values_is_a_habit_when_it_came_twice() {
        let at = |stretches: &[i64]| -> Vec<Bucket> {
            let bucket = |n: &i64| Bucket {
                t: Timestamp(n * BUCKET_MS),
                count: 1,
                min: 1.0,
                max: 1.0,
                sum: 1.0,
                first: 1.0,
                last: 1.0,
            };
            stretches.iter().map(bucket).collect()
        };
        assert_eq!(quiet(&at(&[0, 1, 2, 3])), None, "never quiet");
        // An outage of a day, and nothing like it.
        assert_eq!(quiet(&at(&[0, 1, 145, 146])), None);
        let twice = quiet(&at(&[0, 12, 24, 25, 200]));
        assert_eq!(twice, Some(13 * BUCKET_MS));
    }
}
