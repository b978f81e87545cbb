//! Scores assets on a schedule: learns baselines from the asset's own history, assesses, writes the
//! numbers as derived signals and the explanation as a row, and notices signals that leave their
//! baseline.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use iq_analytics::{
    AssessInput, Baseline, BaselineConfig, OnsetConfig, OnsetState, OpenAlert, Regime, ScoreConfig,
    ScoreMemory, SignalEdge, SignalInput, Standing,
};
use iq_domain::{
    Alert, Assessment, AssessmentId, AssetId, CodedError, Severity, SignalId, SignalKind,
    StatusCode, TenantId, TimeRange, Timestamp, Value,
};
use iq_historian::{Historian, Row};
use iq_store::{
    alerts::{self, AlertFilter},
    all_rows, assessments, settings, signals,
    signals::NewSignal,
    work_orders::{self, OrdersVersion},
};
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use crate::{
    AssetEntry, Inner, SignalEntry, TenantIndex,
    alerts::Occurrence,
    models::{
        Histories, alarm,
        live::{self, Circumstances, InForce, Judge},
    },
};

/// How often every asset is assessed.
const EVERY: Duration = Duration::from_secs(10);

/// How long to wait for further alerts of a burst.
const SETTLE_AFTER_ALERT: Duration = Duration::from_millis(700);

/// How often an unchanged assessment is written down all the same.
const WRITE_UNCHANGED_MS: i64 = 10 * 60_000;

/// How often a baseline is learned again.
const RELEARN_MS: i64 = 15 * 60_000;

/// How often a baseline that lacked history is tried again.
const RETRY_LEARN_MS: i64 = 60_000;

/// The window a baseline is learned from.
const TRAINING_MS: i64 = 7 * 24 * 3_600_000;

/// The newest stretch is never trained on: a fault that develops now must not become normal.
const QUARANTINE_MS: i64 = 10 * 60_000;

const MINUTE_MS: i64 = 60_000;

/// How often ages and waiting defects are looked up.
const STANDINGS_MS: i64 = 60_000;
/// … and read again after this long even where none seems to have changed.
const REREAD_MS: i64 = 600_000;

const SETTING: &str = "baselines";

/// Numbers that become derived signals.
pub(crate) const DERIVED: [&str; 2] = ["health", "anomaly"];

/// What is known about baselines and the last assessments; read by the twin and the pages.
#[derive(Default)]
pub(crate) struct Scores {
    baselines: RwLock<HashMap<SignalId, Learned>>,
    latest: RwLock<HashMap<AssetId, Assessment>>,
    /// Trained models in force.
    pub(crate) models: RwLock<HashMap<AssetId, Arc<InForce>>>,
}

#[derive(Clone, Copy)]
struct Learned {
    baseline: Option<Baseline>,
    history_buckets: u32,
    next_at: Timestamp,
}

impl Scores {
    /// The baseline of a signal, once there is one.
    pub(crate) fn baseline(&self, signal: SignalId) -> Option<Baseline> {
        self.baselines.read().get(&signal)?.baseline
    }

    /// The last assessment of an asset since the start.
    pub(crate) fn latest(&self, asset: AssetId) -> Option<Assessment> {
        self.latest.read().get(&asset).cloned()
    }
}

/// What a job asks of the scorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScoreStep {
    /// Learn all baselines again.
    Baselines,
    /// Assess all assets.
    Scores,
}

/// A request to the scorer, with where to tell how far it is.
pub(crate) struct ScoreNow {
    pub(crate) tenant: TenantId,
    pub(crate) step: ScoreStep,
    pub(crate) progress: watch::Sender<(usize, usize)>,
    pub(crate) done: oneshot::Sender<Result<(), CodedError>>,
}

/// The scoring task.
pub(crate) async fn run(inner: Arc<Inner>, mut requests: mpsc::Receiver<ScoreNow>) {
    let mut scorer = Scorer {
        inner: Arc::clone(&inner),
        machines: HashMap::new(),
        standings: HashMap::new(),
    };
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = inner.rescore.notified() => {
                // Alerts come in bursts; one score for all of them.
                tokio::time::sleep(SETTLE_AFTER_ALERT).await;
            }
            Some(request) = requests.recv() => {
                scorer.serve(request).await;
                continue;
            }
            () = inner.cancel.cancelled() => return,
        }
        let tenants: Vec<Arc<TenantIndex>> = inner.index.load().tenants.values().cloned().collect();
        for tenant in tenants {
            if let Err(error) = scorer.score(&tenant).await {
                error!(%error, "Assets could not be scored.");
            }
        }
    }
}

/// What the scorer remembers of a machine.
#[derive(Default)]
struct Machine {
    memory: ScoreMemory,
    onsets: HashMap<SignalId, Followed>,
    judge: Option<Judge>,
    written: Option<(Timestamp, Assessment)>,
}

#[derive(Default)]
struct Followed {
    state: OnsetState,
    to: Option<Timestamp>,
}

struct Scorer {
    inner: Arc<Inner>,
    machines: HashMap<AssetId, Machine>,
    /// What orders tell of a tenant's assets.
    standings: HashMap<TenantId, LookedUp>,
}

/// What orders tell of assets, and when they were looked up.
struct LookedUp {
    at: Timestamp,
    /// Age and defects.
    standings: HashMap<AssetId, Standing>,
    histories: Histories,
    /// What the histories were read from, and when.
    plant: Arc<TenantIndex>,
    version: OrdersVersion,
    types: Vec<String>,
    read_at: Timestamp,
}

impl Scorer {
    /// Does one step of a job. The one who asked may be gone by the end; the scores stay.
    async fn serve(&mut self, request: ScoreNow) {
        let tenant = self.inner.index.load().tenant(request.tenant);
        let result = match (tenant, request.step) {
            (None, _) => Err(CodedError::not_found("tenants.not_found")),
            (Some(tenant), ScoreStep::Baselines) => self.relearn(&tenant, &request).await,
            (Some(tenant), ScoreStep::Scores) => self.score(&tenant).await,
        };
        drop(request.done.send(result));
    }

    /// Learns every baseline of the tenant again, whatever its age.
    async fn relearn(
        &mut self,
        tenant: &Arc<TenantIndex>,
        request: &ScoreNow,
    ) -> Result<(), CodedError> {
        let now = self.inner.clock.now();
        let total = tenant.assets.len();
        for (n, entry) in tenant.assets.values().enumerate() {
            if request.done.is_closed() {
                break;
            }
            let mapped: Vec<&SignalEntry> = entry
                .signals
                .iter()
                .filter_map(|s| tenant.signals.get(s))
                .filter(|s| s.mapping.is_some())
                .collect();
            {
                let mut learned = self.inner.scores.baselines.write();
                for signal in &mapped {
                    if let Some(known) = learned.get_mut(&signal.signal.id) {
                        known.next_at = now;
                    }
                }
            }
            if !mapped.is_empty() {
                self.learn(entry, &mapped, now).await?;
            }
            request.progress.send_replace((n + 1, total));
        }
        self.remember(tenant).await
    }

    async fn score(&mut self, tenant: &Arc<TenantIndex>) -> Result<(), CodedError> {
        let now = self.inner.clock.now();
        let id = tenant.tenant.id;
        let open = self
            .inner
            .store
            .read(move |conn| alerts::list_open_alerts(conn, id))
            .await?;
        let mut open_by_asset: HashMap<AssetId, Vec<OpenAlert>> = HashMap::new();
        let mut of_score: HashMap<AssetId, Alert> = HashMap::new();
        for alert in open.into_iter().filter(|a| a.cleared_at.is_none()) {
            if alarm::is_of_score(&alert) {
                // It says nothing that the score doesn't say; one thing costs once.
                of_score.insert(alert.asset_id, alert);
                continue;
            }
            let metric = alert.signal_id.and_then(|s| tenant.signals.get(&s));
            open_by_asset
                .entry(alert.asset_id)
                .or_default()
                .push(OpenAlert {
                    metric: metric.map(|s| s.signal.metric.clone()),
                    severity: alert.severity,
                });
        }
        self.look_up_standings(tenant, now).await?;
        let mut made = Vec::new();
        let mut has_learned = false;
        for entry in tenant.assets.values() {
            let mapped: Vec<&SignalEntry> = entry
                .signals
                .iter()
                .filter_map(|s| tenant.signals.get(s))
                .filter(|s| s.mapping.is_some())
                .collect();
            let standing = of_score.get(&entry.asset.id);
            if mapped.is_empty() {
                alarm::keep(&self.inner, (tenant, entry), None, &[], standing).await?;
                continue;
            }
            has_learned |= self.learn(entry, &mapped, now).await?;
            let found = self.follow_onsets(entry, &mapped, now).await?;
            for occurrence in found {
                crate::alerts::record(&self.inner, tenant, occurrence).await?;
            }
            self.judge(tenant, entry, standing, now).await?;
            let open = open_by_asset.remove(&entry.asset.id).unwrap_or_default();
            made.push(self.assess(entry, &mapped, &open, now));
        }
        if has_learned {
            self.remember(tenant).await?;
        }
        self.write(tenant, made, now).await
    }

    /// What the orders tell of the assets. They are all read again only when one of them has changed.
    async fn look_up_standings(
        &mut self,
        tenant: &Arc<TenantIndex>,
        now: Timestamp,
    ) -> Result<(), CodedError> {
        let id = tenant.tenant.id;
        let known = self.standings.get(&id);
        if known.is_some_and(|known| now.since_ms(known.at).abs() < STANDINGS_MS) {
            return Ok(());
        }
        // Asked before the reading: what is written meanwhile is read the next time.
        let version = self
            .inner
            .store
            .read(move |conn| work_orders::orders_version(conn, id))
            .await?;
        let types = crate::failures::types(&self.inner, id).await?;
        if let Some(known) = self.standings.get_mut(&id)
            && known.version == version
            && known.types == types
            && Arc::ptr_eq(&known.plant, tenant)
            && now.since_ms(known.read_at).abs() < REREAD_MS
        {
            known.standings = known.histories.standings(tenant, now);
            known.at = now;
            return Ok(());
        }
        let histories = Histories::read(&self.inner, tenant).await?;
        let looked_up = LookedUp {
            at: now,
            standings: histories.standings(tenant, now),
            histories,
            plant: Arc::clone(tenant),
            version,
            types,
            read_at: now,
        };
        self.standings.insert(id, looked_up);
        Ok(())
    }

    /// Brings the trained model of an asset up to now, where one is in force, and the alert of its score.
    async fn judge(
        &mut self,
        tenant: &Arc<TenantIndex>,
        entry: &AssetEntry,
        open: Option<&Alert>,
        now: Timestamp,
    ) -> Result<(), CodedError> {
        let regime = self.regime(entry, now);
        let known = self.standings.get(&tenant.tenant.id);
        let worked = known.and_then(|known| known.histories.worked.get(&entry.asset.id));
        let known = Circumstances {
            is_steady: matches!(regime, Regime::Steady | Regime::Unknown),
            worked: worked.map_or(&[], Vec::as_slice),
            open,
        };
        let machine = self.machines.entry(entry.asset.id).or_default();
        let what = (tenant.as_ref(), entry);
        live::judge(&self.inner, &mut machine.judge, what, &known, now).await?;
        let judge = machine.judge.as_mut();
        alarm::keep(&self.inner, (tenant, entry), judge, known.worked, open).await
    }

    /// Writes the tenant's baselines down.
    async fn remember(&self, tenant: &TenantIndex) -> Result<(), CodedError> {
        let known: HashMap<SignalId, Baseline> = {
            let learned = self.inner.scores.baselines.read();
            let own = tenant.signals.keys();
            own.filter_map(|id| Some((*id, learned.get(id)?.baseline?)))
                .collect()
        };
        let value = serde_json::to_value(known)
            .map_err(|_| CodedError::new(iq_domain::ErrorKind::Internal, "internal.error"))?;
        let id = tenant.tenant.id;
        self.inner
            .store
            .write(move |tx| settings::put_tenant_setting(tx, id, SETTING, &value))
            .await?;
        Ok(())
    }

    /// Learns baselines that are due. Reading the history is disk work and goes to another thread.
    async fn learn(
        &self,
        entry: &AssetEntry,
        mapped: &[&SignalEntry],
        now: Timestamp,
    ) -> Result<bool, CodedError> {
        let due: Vec<Due> = {
            let learned = self.inner.scores.baselines.read();
            mapped
                .iter()
                .filter(|s| learned.get(&s.signal.id).is_none_or(|l| l.next_at <= now))
                .map(|s| Due {
                    signal: s.signal.id,
                    number: s.signal.signal_no,
                    min_sigma: smallest_sigma(s),
                    old: learned.get(&s.signal.id).and_then(|l| l.baseline),
                })
                .collect()
        };
        if due.is_empty() {
            return Ok(false);
        }
        let alarmed = self.alarmed(entry, now).await?;
        let settle_ms = entry.settle_ms();
        let running = entry
            .running
            .and_then(|r| {
                Some((
                    mapped.iter().find(|s| s.signal.id == r.signal_id)?,
                    r.runs_at,
                ))
            })
            .map(|(s, runs_at)| (s.signal.signal_no, runs_at));
        let historian = self.inner.historian.clone();
        let learned = tokio::task::spawn_blocking(move || {
            learn_from_history(&historian, &due, &alarmed, running, settle_ms, now)
        })
        .await
        .map_err(|_| CodedError::new(iq_domain::ErrorKind::Internal, "internal.error"))??;
        let has_learned = learned.iter().any(|(_, l)| l.baseline.is_some());
        self.inner.scores.baselines.write().extend(learned);
        Ok(has_learned)
    }

    /// Windows of the training time in which a critical alert of the asset was active: what protection
    /// complains about must not become the usual.
    async fn alarmed(
        &self,
        entry: &AssetEntry,
        now: Timestamp,
    ) -> Result<Vec<TimeRange>, CodedError> {
        let (tenant, asset) = (entry.asset.tenant_id, entry.asset.id);
        let filter = AlertFilter {
            severities: vec![Severity::Critical],
            asset_ids: vec![asset],
            from: Some(now.plus_ms(-TRAINING_MS)),
            ..AlertFilter::default()
        };
        let found = self
            .inner
            .store
            .read(move |conn| all_rows(|page| alerts::list_alerts(conn, tenant, &filter, page)))
            .await?;
        let window = |a: iq_domain::Alert| {
            TimeRange::new(a.activated_at, a.cleared_at.unwrap_or(now).plus_ms(1))
        };
        Ok(found.into_iter().filter_map(window).collect())
    }

    /// Reads the values since the last look and tells which signals left their baseline.
    async fn follow_onsets(
        &mut self,
        entry: &AssetEntry,
        mapped: &[&SignalEntry],
        now: Timestamp,
    ) -> Result<Vec<Occurrence>, CodedError> {
        let regime = self.regime(entry, now);
        let machine = self.machines.entry(entry.asset.id).or_default();
        let mut found = Vec::new();
        for signal in mapped {
            let Some(baseline) = self.inner.scores.baseline(signal.signal.id) else {
                continue;
            };
            if signal.metric.is_none_or(|m| m.health_weight <= 0.0) {
                continue;
            }
            let followed = machine.onsets.entry(signal.signal.id).or_default();
            if !regime.is_steady() {
                // A machine that stops leaves all its baselines; that says nothing new.
                followed.state.reset();
                followed.to = Some(now);
                continue;
            }
            let from = followed
                .to
                .map_or(now.plus_ms(-2 * MINUTE_MS), |t| t.plus_ms(1));
            let Some(range) = TimeRange::new(from, now.plus_ms(MINUTE_MS)) else {
                continue;
            };
            let (historian, number) = (self.inner.historian.clone(), signal.signal.signal_no);
            let points = tokio::task::spawn_blocking(move || historian.raw(number, range, 100_000))
                .await
                .map_err(|_| CodedError::new(iq_domain::ErrorKind::Internal, "internal.error"))??;
            for point in &points {
                followed.to = followed.to.max(Some(point.t));
                let edge = followed
                    .state
                    .step(point, &baseline, &OnsetConfig::default());
                let (asset_id, signal_id) = (entry.asset.id, signal.signal.id);
                match edge {
                    Some(SignalEdge::Left(onset)) => found.push(Occurrence::SignalLeft {
                        asset_id,
                        signal_id,
                        onset,
                        baseline,
                    }),
                    Some(SignalEdge::Returned { at, value }) => {
                        found.push(Occurrence::SignalReturned {
                            asset_id,
                            signal_id,
                            at,
                            value,
                        });
                    }
                    None => {}
                }
            }
        }
        Ok(found)
    }

    fn regime(&self, entry: &AssetEntry, now: Timestamp) -> Regime {
        let machines = self.inner.machines.read();
        let tracker = machines.get(&entry.asset.id);
        tracker.map_or(Regime::Unknown, |t| t.regime(now, entry.settle_ms()))
    }

    fn assess(
        &mut self,
        entry: &AssetEntry,
        mapped: &[&SignalEntry],
        open: &[OpenAlert],
        now: Timestamp,
    ) -> Assessment {
        let inner = &self.inner;
        let inputs: Vec<SignalInput> = mapped
            .iter()
            .filter(|s| s.metric.is_none_or(|m| !m.is_running_state))
            .filter(|s| !matches!(s.signal.metric.as_str(), "trip" | "first_out"))
            .map(|s| input_of(inner, s))
            .collect();
        let regime = self.regime(entry, now);
        let standings = self.standings.get(&entry.asset.tenant_id);
        let standing = standings.and_then(|known| known.standings.get(&entry.asset.id).copied());
        let machine = self.machines.entry(entry.asset.id).or_default();
        let Machine { memory, judge, .. } = machine;
        let input = AssessInput {
            id: AssessmentId::new(),
            tenant_id: entry.asset.tenant_id,
            asset_id: entry.asset.id,
            template: entry.template,
            signals: &inputs,
            regime,
            open_alerts: open,
            verdict: judge.as_ref().and_then(|judge| judge.verdict(now)),
            standing: standing.unwrap_or_default(),
            now,
        };
        iq_analytics::assess(&input, memory, &ScoreConfig::default())
    }

    /// Writes what changed: numbers into the historian, explanations into the store.
    async fn write(
        &mut self,
        tenant: &Arc<TenantIndex>,
        made: Vec<Assessment>,
        now: Timestamp,
    ) -> Result<(), CodedError> {
        let changed: Vec<Assessment> = made
            .iter()
            .filter(|a| {
                let machine = self.machines.entry(a.asset_id).or_default();
                let is_due = machine.written.as_ref().is_none_or(|(at, old)| {
                    now.since_ms(*at) >= WRITE_UNCHANGED_MS || differs(old, a)
                });
                if is_due {
                    machine.written = Some((now, (*a).clone()));
                }
                is_due
            })
            .cloned()
            .collect();
        self.inner
            .scores
            .latest
            .write()
            .extend(made.into_iter().map(|a| (a.asset_id, a)));
        if changed.is_empty() {
            return Ok(());
        }
        let tenant = ensure_derived(&self.inner, tenant, &changed).await?;
        let rows = changed.iter().flat_map(|a| rows_of(&tenant, a)).collect();
        self.inner.historian.append(rows).await?;
        let id = tenant.tenant.id;
        let known_from = self.inner.clock.now();
        self.inner
            .store
            .write(move |tx| {
                changed
                    .iter()
                    .try_for_each(|a| assessments::put_assessment(tx, id, a, known_from))
            })
            .await?;
        Ok(())
    }
}

fn input_of(inner: &Inner, signal: &SignalEntry) -> SignalInput {
    let last = inner.historian.last(signal.signal.signal_no);
    let learned = inner
        .scores
        .baselines
        .read()
        .get(&signal.signal.id)
        .copied();
    SignalInput {
        metric: signal.signal.metric.clone(),
        value: last.as_ref().and_then(|p| p.value.as_ref()?.as_f64()),
        at: last.as_ref().map(|p| p.t),
        status: last.as_ref().map_or(StatusCode::BAD, |p| p.status),
        fresh_for_ms: crate::twin::FRESH_FOR_MS,
        baseline: learned.and_then(|l| l.baseline),
        history_buckets: learned.map_or(0, |l| l.history_buckets),
        limits: signal.limits,
    }
}

/// A baseline that is to be learned.
struct Due {
    signal: SignalId,
    number: u32,
    min_sigma: f64,
    old: Option<Baseline>,
}

fn learn_from_history(
    historian: &Historian,
    due: &[Due],
    alarmed: &[TimeRange],
    running: Option<(u32, f64)>,
    settle_ms: i64,
    now: Timestamp,
) -> Result<Vec<(SignalId, Learned)>, CodedError> {
    let to = Timestamp((now.0 - QUARANTINE_MS).div_euclid(MINUTE_MS) * MINUTE_MS);
    let range = TimeRange {
        from: to.plus_ms(-TRAINING_MS),
        to,
    };
    let mut excluded = alarmed.to_vec();
    if let Some((number, runs_at)) = running {
        let points = historian.raw(number, range, usize::MAX)?;
        excluded.extend(iq_analytics::unsteady_ranges(
            &points, runs_at, range, settle_ms,
        ));
    }
    due.iter()
        .map(|due| {
            let buckets = historian.buckets(due.number, range, MINUTE_MS)?;
            let config = BaselineConfig {
                min_sigma: due.min_sigma,
                ..BaselineConfig::default()
            };
            let learned = match iq_analytics::learn(due.old.as_ref(), &buckets, &excluded, &config)
            {
                Ok(baseline) => Learned {
                    baseline: Some(baseline),
                    history_buckets: baseline.buckets,
                    next_at: now.plus_ms(RELEARN_MS),
                },
                Err(short) => Learned {
                    baseline: due.old,
                    history_buckets: u32::try_from(short.have).unwrap_or(u32::MAX),
                    next_at: now.plus_ms(RETRY_LEARN_MS),
                },
            };
            Ok((due.signal, learned))
        })
        .collect()
}

/// Takes up the baselines as they were last written down: what was usual then is the anchor that a
/// slow fault can't creep away from.
pub(crate) async fn resume(inner: &Inner) -> Result<(), CodedError> {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        let stored = inner
            .store
            .read(move |conn| settings::get_tenant_setting(conn, tenant, SETTING))
            .await?;
        let known: HashMap<SignalId, Baseline> = stored
            .and_then(|v| serde_json::from_value(v).ok())
            .unwrap_or_default();
        let learned = known.into_iter().map(|(signal, baseline)| {
            let learned = Learned {
                baseline: Some(baseline),
                history_buckets: baseline.buckets,
                next_at: Timestamp(0),
            };
            (signal, learned)
        });
        inner.scores.baselines.write().extend(learned);
    }
    Ok(())
}

/// A flat history must not make a hair's breadth look like a thousand deviations: half a per cent of
/// the drawn scale is the least that counts as one.
pub(crate) fn smallest_sigma(signal: &SignalEntry) -> f64 {
    signal
        .metric
        .and_then(|m| iq_mapping::span_of(m, &signal.limits))
        .map_or(1e-6, |span| span * 0.005)
}

fn differs(old: &Assessment, new: &Assessment) -> bool {
    let moved = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() >= 1.0,
        (None, None) => false,
        _ => true,
    };
    moved(old.health, new.health)
        || moved(old.anomaly, new.anomaly)
        || old.withheld_code != new.withheld_code
}

/// Creates the derived signals of assets that are scored for the first time.
async fn ensure_derived(
    inner: &Inner,
    tenant: &Arc<TenantIndex>,
    scored: &[Assessment],
) -> Result<Arc<TenantIndex>, CodedError> {
    let assets: HashSet<AssetId> = scored.iter().map(|a| a.asset_id).collect();
    let missing: Vec<NewSignal> = assets
        .into_iter()
        .flat_map(|asset| DERIVED.map(|metric| (asset, metric)))
        .filter(|(asset, metric)| tenant.derived(*asset, metric).is_none())
        .map(|(asset_id, metric)| NewSignal {
            id: SignalId::new(),
            asset_id,
            metric: metric.to_owned(),
            unit: "1".to_owned(),
            kind: SignalKind::Derived,
        })
        .collect();
    let id = tenant.tenant.id;
    if missing.is_empty() {
        return Ok(Arc::clone(tenant));
    }
    inner
        .store
        .write(move |tx| {
            missing
                .iter()
                .try_for_each(|s| signals::create_signal(tx, id, s).map(drop))
        })
        .await?;
    inner.reload(id).await?;
    inner
        .index
        .load()
        .tenant(id)
        .ok_or(CodedError::not_found("tenants.not_found"))
}

fn rows_of(tenant: &TenantIndex, assessment: &Assessment) -> Vec<Row> {
    let values = [assessment.health, assessment.anomaly];
    DERIVED
        .iter()
        .zip(values)
        .filter_map(|(metric, value)| {
            let signal = tenant.derived(assessment.asset_id, metric)?;
            Some(Row {
                signal_no: signal.signal.signal_no,
                t: assessment.at,
                value: value.map(Value::Number),
                // A withheld score ends the line on a trend: it's a value of bad quality, not a gap
                // that the last score would reach across.
                status: if value.is_some() {
                    StatusCode::GOOD
                } else {
                    StatusCode::BAD
                },
            })
        })
        .collect()
}
