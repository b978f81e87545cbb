//! Freezing raw windows: when an incident opens, is resolved or closed, the samples around it become
//! bytes beside the log, where neither retention nor compaction reaches them, and their hashes records
//! of it. The machine comes first, then what it is connected to, then the rest of its unit. A later
//! freeze takes what came since the one before; an export freezes up to its own moment. What the root cause
//! cites from before all that is frozen with its neighbourhood.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use iq_blackbox::Relation;
use iq_domain::{
    CodedError, ErrorKind, Incident, IncidentId, Point, Quality, SignalId, SignalKind, TenantId,
    TimeRange, Timestamp,
};
use iq_evidence::{sha256, window::Window};
use iq_historian::Historian;
use iq_store::{
    evidence::{self, Entry},
    incident_heads, incidents,
    root_causes::{self, RootCauseRow},
};
use serde::Deserialize as _;
use serde_json::json;
use tracing::error;
use uuid::Uuid;

use crate::{
    Inner, SignalEntry, TenantIndex, made_up::is_signal_made_up, root_cause::KeptAnalysis,
};

/// What is frozen before the beginning of an incident,
const BEFORE_MS: i64 = 3_600_000;
/// and after its end.
const AFTER_MS: i64 = 300_000;
/// What is frozen around a sample that the root cause cites from before that.
const BESIDE_MS: i64 = 60_000;
/// An incident that never ends does not make a window without end.
const LONGEST_MS: i64 = 12 * 3_600_000;
/// Samples of one signal.
const MAX_ROWS: usize = 60_000;
/// Bytes of one freeze.
const MAX_BYTES: usize = 4 << 20;

/// Freezes whatever has not been frozen.
pub(super) async fn all(inner: &Arc<Inner>) {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        if let Err(error) = of_tenant(inner, tenant).await {
            error!(%error, "Raw windows of an incident could not be frozen; it is tried again.");
        }
    }
}

/// Freezes what a tenant's incidents ask for.
pub(super) async fn of_tenant(inner: &Arc<Inner>, tenant: TenantId) -> Result<(), CodedError> {
    let _turn = inner.evidence.0.freezing.lock().await;
    let asked = inner
        .store
        .read(move |conn| evidence::list_unfrozen(conn, tenant))
        .await?;
    for entry in asked {
        if inner.cancel.is_cancelled() {
            break;
        }
        freeze(inner, &entry).await?;
    }
    Ok(())
}

/// Freezes what came since the last freeze of an incident, up to now: an incident that is still open
/// leaves the house with what is known of it.
pub(super) async fn up_to_now(
    inner: &Arc<Inner>,
    tenant: TenantId,
    id: IncidentId,
) -> Result<(), CodedError> {
    let _turn = inner.evidence.0.freezing.lock().await;
    let (incident, known, analysis) = inner
        .store
        .read(move |conn| {
            let incident = incidents::get_incident(conn, tenant, id)?;
            let analysis = root_causes::get_last_root_cause(conn, tenant, id)?;
            Ok((
                incident,
                evidence::list_entries(conn, tenant, id)?,
                analysis,
            ))
        })
        .await?;
    let wanted = incident.and_then(|incident| range_of(&incident, inner.clock.now()));
    let is_held = |range: TimeRange| {
        frozen_to(&known) >= Some(range.to.0) && cited(analysis.as_ref(), range, &known).is_empty()
    };
    if wanted.is_none_or(is_held) {
        return Ok(());
    }
    let asked = Entry {
        tenant_id: tenant,
        id: format!("export {}", Uuid::now_v7()),
        kind: "incident".to_owned(),
        incident_id: id,
        at: None,
        hash: None,
        detail: json!({ "status": "export" }).to_string(),
    };
    freeze(inner, &asked).await
}

/// How far the freezes of an incident have come, Unix milliseconds.
fn frozen_to(entries: &[Entry]) -> Option<i64> {
    let marks = entries.iter().filter(|entry| entry.kind == "freeze");
    let ends = marks.filter_map(|mark| {
        let said: serde_json::Value = serde_json::from_str(&mark.detail).ok()?;
        said["to"].as_i64()
    });
    ends.max()
}

/// The samples that belong to an incident, as far as they can be there by now.
fn range_of(incident: &Incident, now: Timestamp) -> Option<TimeRange> {
    let from = incident.started_at.plus_ms(-BEFORE_MS);
    let end = incident.ended_at.unwrap_or(now).plus_ms(AFTER_MS).min(now);
    let last = incident.started_at.plus_ms(LONGEST_MS);
    TimeRange::new(from, end.min(last))
}

/// Whether an incident is longer than what is frozen of it.
pub(super) fn is_longer(incident: &Incident, now: Timestamp) -> bool {
    let last = incident.started_at.plus_ms(LONGEST_MS);
    incident.ended_at.unwrap_or(now) > last
}

async fn freeze(inner: &Arc<Inner>, asked: &Entry) -> Result<(), CodedError> {
    let (tenant, id, now) = (asked.tenant_id, asked.incident_id, inner.clock.now());
    let (incident, known, analysis, is_as_recorded) = inner
        .store
        .read(move |conn| {
            let incident = incidents::get_incident(conn, tenant, id)?;
            let known = evidence::list_entries(conn, tenant, id)?;
            let analysis = root_causes::get_last_root_cause(conn, tenant, id)?;
            let is_as_recorded = incident_heads::is_as_recorded(conn, tenant, id)?;
            Ok((incident, known, analysis, is_as_recorded))
        })
        .await?;
    let plant = inner.index.load().tenant(tenant);
    let mut frozen = Frozen::default();
    let there = plant.as_ref().and(incident.as_ref());
    let is_there = there.is_some();
    let range = there.and_then(|incident| range_of(incident, now));
    if let (Some(incident), Some(plant), Some(range)) = (incident, plant, range) {
        let cited = cited(analysis.as_ref(), range, &known);
        let known = Known::of(&known, range);
        let historian = inner.historian.clone();
        frozen = tokio::task::spawn_blocking(move || {
            let mut frozen = take(&historian, &plant, &incident, &known, range)?;
            take_cited(&historian, &plant, &known, &cited, &mut frozen)?;
            Ok::<_, CodedError>(frozen)
        })
        .await
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))??;
    }
    let status: serde_json::Value = serde_json::from_str(&asked.detail).unwrap_or_default();
    let mark = Entry {
        tenant_id: tenant,
        id: format!("freeze {}", asked.id),
        kind: "freeze".to_owned(),
        incident_id: id,
        at: Some(now),
        hash: None,
        detail: json!({
            "status": status["status"], "windows": frozen.windows.len(), "known": frozen.known,
            "too_large": frozen.too_large, "demo_source": frozen.demo_source,
            "to": range.map(|range| range.to.0),
        })
        .to_string(),
    };
    inner
        .store
        .write(move |tx| {
            for (detail, bytes) in &frozen.windows {
                let entry = Entry {
                    tenant_id: tenant,
                    id: format!("window {}", Uuid::now_v7()),
                    kind: "window".to_owned(),
                    incident_id: id,
                    at: Some(now),
                    hash: Some(sha256(bytes)),
                    detail: detail.clone(),
                };
                evidence::create_entry(tx, tenant, &entry)?;
                evidence::create_window(tx, tenant, &entry.id, bytes)?;
            }
            evidence::create_entry(tx, tenant, &mark)?;
            // What came to the incident since it opened is in its head from here on. What somebody edited
            // never becomes what is recorded.
            if is_there && is_as_recorded {
                incident_heads::mark_head(tx, tenant, id)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

#[derive(Default)]
struct Frozen {
    /// Details and bytes.
    windows: Vec<(String, Vec<u8>)>,
    /// Windows that an earlier freeze holds already.
    known: u64,
    /// Left out: too many samples.
    too_large: u64,
    /// Left out: from a demo source, which may not enter the evidence of a plant.
    demo_source: u64,
}

impl Frozen {
    /// Freezes samples of a signal; how many bytes that made.
    fn add(
        &mut self,
        plant: &TenantIndex,
        known: &Known,
        entry: &SignalEntry,
        (range, points): (TimeRange, &[Point]),
        is_cited: bool,
    ) -> usize {
        let bytes = bytes_of(entry, range, points);
        if known.hashes.contains(&sha256(&bytes)) {
            self.known += 1;
            return 0;
        }
        let size = bytes.len();
        let asset = plant.assets.get(&entry.signal.asset_id);
        let detail = json!({
            "asset": asset.map(|a| a.asset.code.as_str()), "metric": entry.signal.metric,
            "samples": points.len(), "signal": entry.signal.id.to_string(), "from": range.from.0,
            "to": points.last().map(|last| last.t.plus_ms(1).0), "cited": is_cited,
        });
        self.windows.push((detail.to_string(), bytes));
        size
    }
}

fn bytes_of(entry: &SignalEntry, range: TimeRange, points: &[Point]) -> Vec<u8> {
    let tag = entry
        .mapping
        .as_ref()
        .map_or("", |m| m.mapping.external_tag.as_str());
    Window {
        signal: *entry.signal.id.0.as_bytes(),
        tag,
        metric: &entry.signal.metric,
        unit: &entry.signal.unit,
        range_ms: (range.from.0, range.to.0),
        rows: points
            .iter()
            .map(|p| {
                let value = p.value.as_ref().and_then(iq_domain::Value::as_f64);
                let quality = match p.status.quality() {
                    Quality::Good => 0,
                    Quality::Uncertain => 1,
                    Quality::Bad => 2,
                };
                (p.t.0, value.unwrap_or(f64::NAN), quality)
            })
            .collect(),
    }
    .encode()
}

fn take(
    historian: &Historian,
    plant: &TenantIndex,
    incident: &Incident,
    known: &Known,
    whole: TimeRange,
) -> Result<Frozen, CodedError> {
    let mut frozen = Frozen::default();
    let mut size = 0;
    for entry in signals(plant, incident) {
        if is_signal_made_up(plant, entry) {
            frozen.demo_source += 1;
            continue;
        }
        let before = known.signals.get(&entry.signal.id.to_string()).copied();
        let (range, points) = samples(historian, entry.signal.signal_no, whole, before)?;
        if points.is_empty() {
            frozen.known += u64::from(before.is_some());
            continue;
        }
        if points.len() > MAX_ROWS || size >= MAX_BYTES {
            frozen.too_large += 1;
            continue;
        }
        size += frozen.add(plant, known, entry, (range, &points), false);
    }
    Ok(frozen)
}

/// Freezes the stretches that hold what the root cause cites.
fn take_cited(
    historian: &Historian,
    plant: &TenantIndex,
    known: &Known,
    cited: &[(SignalId, TimeRange)],
    frozen: &mut Frozen,
) -> Result<(), CodedError> {
    for (signal, range) in cited {
        let Some(entry) = plant.signals.get(signal) else {
            continue;
        };
        if is_signal_made_up(plant, entry) {
            continue;
        }
        let points = historian.raw(entry.signal.signal_no, *range, MAX_ROWS + 1)?;
        if points.len() > MAX_ROWS {
            frozen.too_large += 1;
        } else if !points.is_empty() {
            frozen.add(plant, known, entry, (*range, &points), true);
        }
    }
    Ok(())
}

/// Stretches around the samples that the newest root cause cites from outside of what is frozen anyway, without
/// those that are frozen already.
fn cited(
    analysis: Option<&RootCauseRow>,
    whole: TimeRange,
    entries: &[Entry],
) -> Vec<(SignalId, TimeRange)> {
    let kept = analysis.and_then(|row| KeptAnalysis::deserialize(&row.result).ok());
    let Some(kept) = kept else {
        return Vec::new();
    };
    let found = kept.hypotheses.iter().flat_map(|h| &h.findings);
    let samples = found.flat_map(|f| &f.samples).map(|s| (s.signal, s.t));
    let moments = samples.chain(kept.movers.iter().map(|m| (m.signal, m.onset_at)));
    let mut wanted: BTreeMap<SignalId, Vec<Timestamp>> = BTreeMap::new();
    for (signal, t) in moments.filter(|(_, t)| !whole.contains(*t)) {
        wanted.entry(signal).or_default().push(t);
    }
    let held: Vec<serde_json::Value> = entries
        .iter()
        .filter(|entry| entry.kind == "window")
        .filter_map(|entry| serde_json::from_str(&entry.detail).ok())
        .collect();
    let is_held = |signal: SignalId, t: Timestamp| {
        held.iter().any(|said| {
            said["signal"].as_str() == Some(signal.to_string().as_str())
                && said["from"].as_i64().is_some_and(|from| from <= t.0)
                && said["to"].as_i64().is_some_and(|to| t.0 < to)
        })
    };
    let mut stretches: Vec<(SignalId, TimeRange)> = Vec::new();
    for (signal, mut moments) in wanted {
        moments.sort_unstable();
        for t in moments.into_iter().filter(|t| !is_held(signal, *t)) {
            let range = TimeRange {
                from: t.plus_ms(-BESIDE_MS),
                to: t.plus_ms(BESIDE_MS),
            };
            match stretches.last_mut() {
                Some((last, before)) if *last == signal && range.from <= before.to => {
                    before.to = range.to;
                }
                _ => stretches.push((signal, range)),
            }
        }
    }
    stretches
}

/// How far a signal is frozen: up to its last sample, for those of the last seconds come after it.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    to: i64,
    samples: usize,
}

/// What earlier freezes of an incident hold.
#[derive(Default)]
struct Known {
    hashes: HashSet<[u8; 32]>,
    /// By id of the signal.
    signals: HashMap<String, Before>,
}

impl Known {
    fn of(entries: &[Entry], whole: TimeRange) -> Self {
        let mut known = Self {
            hashes: entries.iter().filter_map(|e| e.hash).collect(),
            signals: HashMap::new(),
        };
        for entry in entries.iter().filter(|e| e.kind == "window") {
            let said: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
            let samples = said["samples"]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok());
            // A stretch from before is none of the way from freeze to freeze.
            if said["cited"].as_bool() == Some(true) {
                continue;
            }
            let (Some(signal), Some(to), Some(samples)) =
                (said["signal"].as_str(), said["to"].as_i64(), samples)
            else {
                continue;
            };
            let before = known.signals.entry(signal.to_owned()).or_default();
            // A window from the beginning holds what those before it hold.
            let is_whole = said["from"].as_i64() == Some(whole.from.0);
            before.samples = samples + if is_whole { 0 } else { before.samples };
            before.to = before.to.max(to);
        }
        known
    }
}

/// What is to be frozen of a signal: what came since the freeze before, or all where samples arrived
/// late and are not in it.
fn samples(
    historian: &Historian,
    signal_no: u32,
    whole: TimeRange,
    before: Option<Before>,
) -> Result<(TimeRange, Vec<Point>), CodedError> {
    let points = historian.raw(signal_no, whole, MAX_ROWS + 1)?;
    let Some(before) = before else {
        return Ok((whole, points));
    };
    let since = Timestamp(before.to);
    let old = points.iter().filter(|point| point.t < since).count();
    if points.len() <= MAX_ROWS && old > before.samples {
        return Ok((whole, points));
    }
    match TimeRange::new(since, whole.to) {
        Some(newer) => Ok((newer, historian.raw(signal_no, newer, MAX_ROWS + 1)?)),
        None => Ok((whole, Vec::new())),
    }
}

/// Measured signals of the machine, of those it is connected to, and of its unit; nearest first.
fn signals<'a>(plant: &'a TenantIndex, incident: &Incident) -> Vec<&'a SignalEntry> {
    let mut found: Vec<(u8, &SignalEntry)> = plant
        .signals
        .values()
        .filter(|entry| entry.signal.kind == SignalKind::Measured)
        .filter_map(|entry| {
            let distance = match plant
                .topology
                .relation(incident.asset_id, entry.signal.asset_id)?
            {
                Relation::Same => 0,
                Relation::Direct => 1,
                Relation::SameUnit | Relation::Unplaced => 2,
            };
            Some((distance, entry))
        })
        .collect();
    found.sort_by_key(|(distance, entry)| (*distance, entry.signal.signal_no));
    found.into_iter().map(|(_, entry)| entry).collect()
}
