//! The rule engine: follows durable values, keeps the memory of every rule, and hands what happened to
//! [`crate::alerts`]. One task for all tenants: rules are cheap, order matters.
//!
//! Its memory is written down now and then together with how far it has read; after a kill it takes
//! that up and reads the historian again from there. What was recorded already is recognised by its
//! source id, so reading twice changes nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use iq_analytics::{Regime, RuleContext, RuleEdge, RuleState, RunEdge, RunTracker};
use iq_connector::GapMark;
use iq_domain::{
    AlertRule, AssetId, CodedError, IntegrationId, Measurement, Message, Point, RuleId, TenantId,
    TimeRange, Timestamp,
};
use iq_store::settings;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::{AssetEntry, Inner, TenantIndex, alerts::Occurrence};

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum FlowMessage {
    /// Values that are durable now.
    Measured {
        tenant_id: TenantId,
        measurements: Vec<Measurement>,
    },
    /// Values of a source may be missing.
    Gap {
        tenant_id: TenantId,
        integration_id: IntegrationId,
        gap: GapMark,
    },
    /// A connector came up or went down.
    Connector {
        tenant_id: TenantId,
        integration_id: IntegrationId,
        name: String,
        is_up: bool,
        cause: Option<Message>,
        at: Timestamp,
    },
    /// Rules were created, changed or deleted.
    RulesChanged { tenant_id: TenantId },
}

/// How often time passes for rules whose signal is silent.
const TICK: Duration = Duration::from_secs(1);

/// How often the memory is written down.
const REMEMBER_EVERY: Duration = Duration::from_secs(20);

/// How far back a start reads at most; older values were followed by somebody or are history.
const MAX_REPLAY_MS: i64 = 6 * 3_600_000;

const SETTING: &str = "rule_engine";

/// The memory of one tenant's rules.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Present at the last write.
    at: Option<Timestamp>,
    /// Source time up to which each signal was followed, where a rule listens.
    #[serde(default)]
    rules: HashMap<RuleId, Kept>,
    #[serde(default)]
    machines: HashMap<AssetId, RunTracker>,
}

/// A rule's state with the rule it belongs to: a changed rule starts anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    state: RuleState,
    fingerprint: String,
    #[serde(default)]
    followed_to: Option<Timestamp>,
}

/// The engine.
pub(crate) struct Flow {
    inner: Arc<Inner>,
    memory: HashMap<TenantId, Memory>,
}

impl Flow {
    /// Takes up the stored memory and reads what came after it.
    pub(crate) async fn resume(inner: Arc<Inner>) -> Result<Self, CodedError> {
        let mut flow = Self {
            inner,
            memory: HashMap::new(),
        };
        let tenants: Vec<Arc<TenantIndex>> =
            flow.inner.index.load().tenants.values().cloned().collect();
        for tenant in tenants {
            let id = tenant.tenant.id;
            let stored = flow
                .inner
                .store
                .read(move |conn| settings::get_tenant_setting(conn, id, SETTING))
                .await?;
            // A memory of another version is worth less than a fresh one with a replay.
            let memory = stored
                .and_then(|v| serde_json::from_value(v).ok())
                .unwrap_or_default();
            flow.memory.insert(id, memory);
            // A rule may have been changed after the memory was written down.
            flow.forget_old_rules(&tenant).await;
            flow.replay(&tenant).await?;
        }
        Ok(flow)
    }

    /// Runs until the program closes.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<FlowMessage>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut remember = tokio::time::interval(REMEMBER_EVERY);
        let cancel = self.inner.cancel.clone();
        loop {
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(message) => self.take(message).await,
                    None => break,
                },
                _ = tick.tick() => self.tick().await,
                _ = remember.tick() => {
                    self.remember().await;
                    self.end_quiet_incidents().await;
                }
                () = cancel.cancelled() => break,
            }
        }
        // What waits in the channel is durable already; follow it before leaving.
        while let Ok(message) = messages.try_recv() {
            self.take(message).await;
        }
        self.remember().await;
    }

    async fn take(&mut self, message: FlowMessage) {
        match message {
            FlowMessage::Measured {
                tenant_id,
                measurements,
            } => {
                let Some(tenant) = self.inner.index.load().tenant(tenant_id) else {
                    return;
                };
                let mut found = Vec::new();
                for measurement in &measurements {
                    self.follow(&tenant, measurement, &mut found);
                }
                self.record(&tenant, found).await;
            }
            FlowMessage::Connector {
                tenant_id,
                integration_id,
                name,
                is_up,
                cause,
                at,
            } => {
                let Some(tenant) = self.inner.index.load().tenant(tenant_id) else {
                    return;
                };
                let what = Occurrence::Connector {
                    integration_id,
                    name,
                    is_up,
                    cause,
                    at,
                };
                self.record(&tenant, vec![what]).await;
            }
            FlowMessage::Gap {
                tenant_id,
                integration_id,
                gap,
            } => {
                let Some(tenant) = self.inner.index.load().tenant(tenant_id) else {
                    return;
                };
                self.record(
                    &tenant,
                    vec![Occurrence::Gap {
                        integration_id,
                        gap,
                    }],
                )
                .await;
            }
            FlowMessage::RulesChanged { tenant_id } => {
                let Some(tenant) = self.inner.index.load().tenant(tenant_id) else {
                    return;
                };
                self.forget_old_rules(&tenant).await;
            }
        }
    }

    /// Steps everything that listens to a measurement.
    fn follow(
        &mut self,
        tenant: &TenantIndex,
        measurement: &Measurement,
        found: &mut Vec<Occurrence>,
    ) {
        let Some(entry) = tenant.signals.get(&measurement.signal) else {
            return;
        };
        let asset_id = entry.signal.asset_id;
        let Some(asset) = tenant.assets.get(&asset_id) else {
            return;
        };
        let memory = self.memory.entry(tenant.tenant.id).or_default();
        let point = Point {
            t: measurement.observed_at,
            value: measurement.value.clone(),
            status: measurement.status,
        };
        let settle_ms = asset.settle_ms();
        let tracker = memory.machines.entry(asset_id).or_default();
        if let Some(running) = asset.running.filter(|r| r.signal_id == measurement.signal)
            && let Some(edge) = tracker.step(&point, running.runs_at)
        {
            let (is_running, at) = match edge {
                RunEdge::Started(at) => (true, at),
                RunEdge::Stopped(at) => (false, at),
            };
            found.push(Occurrence::Machine {
                asset_id,
                is_running,
                at,
            });
        }
        self.inner.machines.write().insert(asset_id, *tracker);
        let regime = regime_of(asset, tracker, point.t, settle_ms);
        let ctx = RuleContext {
            now: measurement.received_at,
            regime,
            unit: &entry.signal.unit,
        };
        for rule in tenant.rules.get(&measurement.signal).into_iter().flatten() {
            let kept = kept(&mut memory.rules, rule);
            kept.followed_to = kept.followed_to.max(Some(point.t));
            let edges = kept.state.step(rule, &point, &ctx);
            found.extend(edges.into_iter().map(|edge| occurrence(rule, edge)));
        }
    }

    /// Lets a second pass for every rule.
    async fn tick(&mut self) {
        let now = self.inner.clock.now();
        let tenants: Vec<Arc<TenantIndex>> =
            self.inner.index.load().tenants.values().cloned().collect();
        for tenant in tenants {
            let memory = self.memory.entry(tenant.tenant.id).or_default();
            let mut found = Vec::new();
            for (signal, rules) in &tenant.rules {
                let Some(entry) = tenant.signals.get(signal).filter(|s| s.mapping.is_some()) else {
                    continue;
                };
                let asset_id = entry.signal.asset_id;
                let Some(asset) = tenant.assets.get(&asset_id) else {
                    continue;
                };
                let tracker = memory.machines.get(&asset_id).copied().unwrap_or_default();
                let regime = regime_of(asset, &tracker, now, asset.settle_ms());
                let ctx = RuleContext {
                    now,
                    regime,
                    unit: &entry.signal.unit,
                };
                for rule in rules {
                    let edges = kept(&mut memory.rules, rule).state.tick(rule, &ctx);
                    found.extend(edges.into_iter().map(|edge| occurrence(rule, edge)));
                }
            }
            self.record(&tenant, found).await;
        }
    }

    /// A rule that was deleted or switched off leaves no alert behind that nothing could clear.
    async fn forget_old_rules(&mut self, tenant: &Arc<TenantIndex>) {
        let now = self.inner.clock.now();
        let present: HashMap<RuleId, &Arc<AlertRule>> = tenant
            .rules
            .values()
            .flatten()
            .filter(|r| r.is_enabled)
            .map(|r| (r.id, r))
            .collect();
        let memory = self.memory.entry(tenant.tenant.id).or_default();
        let mut ended = Vec::new();
        memory.rules.retain(|id, kept| {
            let stays = present
                .get(id)
                .is_some_and(|rule| fingerprint(rule) == kept.fingerprint);
            if !stays && kept.state.is_active() {
                ended.push(*id);
            }
            stays
        });
        let found = ended
            .into_iter()
            .map(|rule_id| Occurrence::RuleEnded { rule_id, at: now });
        self.record(tenant, found.collect()).await;
    }

    /// Reads again what was stored after the memory was written down.
    async fn replay(&mut self, tenant: &Arc<TenantIndex>) -> Result<(), CodedError> {
        let now = self.inner.clock.now();
        let oldest = now.plus_ms(-MAX_REPLAY_MS);
        let mut points: Vec<Measurement> = Vec::new();
        for (signal, rules) in &tenant.rules {
            let Some(entry) = tenant.signals.get(signal) else {
                continue;
            };
            let memory = self.memory.entry(tenant.tenant.id).or_default();
            let followed = rules
                .iter()
                .filter_map(|r| memory.rules.get(&r.id)?.followed_to)
                .min();
            let Some(from) = followed.map(|t| t.plus_ms(1).max(oldest)) else {
                continue;
            };
            let Some(range) = TimeRange::new(from, now.plus_ms(MAX_REPLAY_MS)) else {
                continue;
            };
            let (historian, number) = (self.inner.historian.clone(), entry.signal.signal_no);
            let stored =
                tokio::task::spawn_blocking(move || historian.raw(number, range, usize::MAX))
                    .await
                    .map_err(|_| {
                        CodedError::new(iq_domain::ErrorKind::Internal, "internal.error")
                    })??;
            points.extend(stored.into_iter().map(|p| Measurement {
                signal: *signal,
                observed_at: p.t,
                received_at: p.t,
                value: p.value,
                status: p.status,
            }));
        }
        points.sort_by_key(|m| m.observed_at);
        if !points.is_empty() {
            info!(
                values = points.len(),
                "Rules read again what came after their last note."
            );
        }
        let mut found = Vec::new();
        for point in &points {
            self.follow(tenant, point, &mut found);
        }
        self.record(tenant, found).await;
        Ok(())
    }

    async fn record(&self, tenant: &Arc<TenantIndex>, found: Vec<Occurrence>) {
        for occurrence in found {
            if let Err(error) = crate::alerts::record(&self.inner, tenant, occurrence).await {
                error!(%error, "What a rule found could not be recorded.");
            }
        }
    }

    async fn end_quiet_incidents(&self) {
        for tenant in self.memory.keys() {
            if let Err(error) = crate::alerts::end_quiet_incidents(&self.inner, *tenant).await {
                error!(%error, "Incidents could not be ended.");
            }
        }
    }

    async fn remember(&mut self) {
        let now = self.inner.clock.now();
        for (id, memory) in &mut self.memory {
            memory.at = Some(now);
            let Ok(value) = serde_json::to_value(&*memory) else {
                continue;
            };
            let id = *id;
            let result = self
                .inner
                .store
                .write(move |tx| settings::put_tenant_setting(tx, id, SETTING, &value))
                .await;
            if let Err(error) = result {
                error!(%error, "The memory of the rules could not be stored.");
            }
        }
    }
}

/// What the machine does. One whose running signal is mapped but not yet seen is not judged: its flow
/// of zero is an alarm only if it runs.
fn regime_of(asset: &AssetEntry, tracker: &RunTracker, t: Timestamp, settle_ms: i64) -> Regime {
    match tracker.regime(t, settle_ms) {
        Regime::Unknown if asset.running.is_some() => Regime::Settling,
        known => known,
    }
}

fn kept<'a>(rules: &'a mut HashMap<RuleId, Kept>, rule: &AlertRule) -> &'a mut Kept {
    rules.entry(rule.id).or_insert_with(|| Kept {
        state: RuleState::default(),
        fingerprint: fingerprint(rule),
        followed_to: None,
    })
}

/// What makes a rule another rule.
fn fingerprint(rule: &AlertRule) -> String {
    format!(
        "{:?}|{}|{}|{}|{}",
        rule.condition, rule.on_delay_s, rule.off_delay_s, rule.deadband, rule.is_enabled
    )
}

fn occurrence(rule: &Arc<AlertRule>, edge: RuleEdge) -> Occurrence {
    Occurrence::Rule {
        rule: Arc::clone(rule),
        edge,
    }
}
