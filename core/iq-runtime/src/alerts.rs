//! Records what rules, machines and connectors did: alert rows, canonical events and incidents, each
//! occurrence in one transaction. Recording the same occurrence again changes nothing: an event's
//! source id is made from what happened and when.

mod parts;
mod score;

use std::{collections::HashSet, sync::Arc};

use iq_analytics::{Baseline, Direction, Onset, RuleEdge};
use iq_blackbox::{
    ClockInfo, EventContext, IncidentConfig, IncidentDecision, OpenIncident, SignalDeparture,
    decide, events, incident_end, relation_of,
};
use iq_connector::GapMark;
use iq_domain::{
    ActionStatus, Alert, AlertId, AlertRecord, AlertRule, AlertState, AssetId, BeforeWorse,
    CodedError, EventRelation, Incident, IncidentId, IncidentStatus, IndustrialEvent,
    IntegrationAction, IntegrationId, Message, RuleId, SignalId, TenantId, Timestamp,
};
use iq_store::{
    Page, StoreError, Transaction, alerts,
    events::{EventFilter, insert_ignore_duplicate, list_events},
    incident_changes,
    incidents::{self, IncidentFilter},
    integration_actions,
};
use serde_json::json;

use self::parts::add_parts;
pub(crate) use self::score::{SCORE_STANDS, StandingScore};
use crate::{Inner, LiveEvent, Runtime, TenantIndex};

/// How sure we are of an event time whose source's clock was never compared with ours.
pub(crate) const UNKNOWN_CLOCK_MS: i64 = 2_000;

/// Half of the usual scan: a value may have changed since the scan before.
const HALF_SCAN_MS: i64 = 500;

/// Events before a trigger that are taken into a new incident.
const MAX_PRIOR_EVENTS: u32 = 5_000;

/// Something to record.
#[derive(Clone, Debug)]
pub(crate) enum Occurrence {
    /// A rule raised, worsened or cleared its alert.
    Rule {
        rule: Arc<AlertRule>,
        edge: RuleEdge,
    },
    /// A rule with an active alert was deleted or changed.
    RuleEnded { rule_id: RuleId, at: Timestamp },
    /// The score of an asset stands over its model's limit.
    ScoreStands { score: StandingScore },
    /// It does so no longer.
    ScoreSettled { alert_id: AlertId, at: Timestamp },
    /// A machine started or stopped.
    Machine {
        asset_id: AssetId,
        is_running: bool,
        at: Timestamp,
    },
    /// A signal left its baseline.
    SignalLeft {
        asset_id: AssetId,
        signal_id: SignalId,
        onset: Onset,
        baseline: Baseline,
    },
    /// A signal found its baseline again.
    SignalReturned {
        asset_id: AssetId,
        signal_id: SignalId,
        at: Timestamp,
        value: f64,
    },
    /// A connector came up or went down.
    Connector {
        integration_id: IntegrationId,
        name: String,
        is_up: bool,
        cause: Option<Message>,
        at: Timestamp,
    },
    /// Events of a source were lost: they came faster than they could be stored.
    EventsLost {
        integration_id: IntegrationId,
        name: String,
        count: u64,
        at: Timestamp,
    },
    /// Values of a source may be missing.
    Gap {
        integration_id: IntegrationId,
        gap: GapMark,
    },
}

/// What a transaction changed, for pages that are open.
#[derive(Default)]
pub(crate) struct Changed {
    alerts: Vec<Alert>,
    incidents: Vec<Incident>,
}

impl Changed {
    /// An incident that was opened or changed.
    pub(crate) fn incident(&mut self, incident: Incident) {
        self.incidents.push(incident);
    }
}

/// Records an occurrence and tells open pages.
pub(crate) async fn record(
    inner: &Inner,
    tenant: &Arc<TenantIndex>,
    occurrence: Occurrence,
) -> Result<(), CodedError> {
    let work = Work {
        tenant: Arc::clone(tenant),
        context: EventContext {
            tenant_id: tenant.tenant.id,
            now: inner.clock.now(),
            clock: clock_of(inner, tenant, &occurrence),
        },
    };
    let changed = inner
        .store
        .write(move |tx| work.record(tx, occurrence))
        .await?;
    publish(inner, tenant.tenant.id, changed);
    Ok(())
}

pub(crate) fn publish(inner: &Inner, tenant: TenantId, changed: Changed) {
    if !changed.alerts.is_empty() {
        inner.rescore.notify_one();
    }
    for alert in changed.alerts {
        inner.bus.publish(tenant, LiveEvent::Alert(alert));
    }
    if !changed.incidents.is_empty() {
        inner.notices.wake();
    }
    for incident in changed.incidents {
        inner.bus.publish(tenant, LiveEvent::Incident(incident));
    }
}

/// The clock behind the times of an occurrence: that of the source of its signal.
fn clock_of(inner: &Inner, tenant: &TenantIndex, occurrence: &Occurrence) -> ClockInfo {
    let signal = match occurrence {
        Occurrence::Rule { rule, .. } => Some(rule.signal_id),
        Occurrence::SignalLeft { signal_id, .. } | Occurrence::SignalReturned { signal_id, .. } => {
            Some(*signal_id)
        }
        Occurrence::Machine { asset_id, .. } => tenant
            .assets
            .get(asset_id)
            .and_then(|a| a.running)
            .map(|r| r.signal_id),
        // Rows are as exact as they are long, and made of several sources.
        Occurrence::ScoreStands { score } => {
            return ClockInfo {
                offset_ms: 0,
                uncertainty_ms: score.row_ms.max(UNKNOWN_CLOCK_MS),
            };
        }
        // Stamped by our own clock.
        Occurrence::RuleEnded { .. }
        | Occurrence::ScoreSettled { .. }
        | Occurrence::Connector { .. }
        | Occurrence::EventsLost { .. }
        | Occurrence::Gap { .. } => {
            return ClockInfo::default();
        }
    };
    let state = signal
        .and_then(|id| tenant.signals.get(&id)?.mapping.as_ref())
        .and_then(|route| inner.supervisor.state(route.mapping.integration_id));
    let known = state.and_then(|s| s.clock_offset_ms.zip(s.clock_uncertainty_ms));
    match known {
        Some((offset_ms, uncertainty)) => ClockInfo {
            offset_ms,
            uncertainty_ms: uncertainty + HALF_SCAN_MS,
        },
        None => ClockInfo {
            offset_ms: 0,
            uncertainty_ms: UNKNOWN_CLOCK_MS,
        },
    }
}

/// The work inside one transaction.
pub(crate) struct Work {
    pub(crate) tenant: Arc<TenantIndex>,
    pub(crate) context: EventContext,
}

impl Work {
    fn id(&self) -> TenantId {
        self.tenant.tenant.id
    }

    fn record(&self, tx: &Transaction<'_>, occurrence: Occurrence) -> Result<Changed, StoreError> {
        let ctx = &self.context;
        let event = match occurrence {
            Occurrence::Rule { rule, edge } => return self.rule(tx, &rule, edge),
            Occurrence::RuleEnded { rule_id, at } => return self.clear(tx, rule_id, at),
            Occurrence::ScoreStands { score } => return self.score_stands(tx, &score),
            Occurrence::ScoreSettled { alert_id, at } => {
                return self.score_settled(tx, alert_id, at);
            }
            Occurrence::Gap {
                integration_id,
                gap,
            } => return self.gap(tx, integration_id, &gap),
            Occurrence::Machine {
                asset_id,
                is_running,
                at,
            } => events::run_changed(ctx, asset_id, self.code(asset_id), at, is_running),
            Occurrence::SignalLeft {
                asset_id,
                signal_id,
                onset,
                baseline,
            } => {
                let (metric, unit) = self.metric(signal_id);
                let departure = SignalDeparture {
                    asset_id,
                    signal_id,
                    metric,
                    unit,
                    at: onset.at,
                    is_rise: onset.direction == Direction::Rise,
                    value: onset.value,
                    baseline: baseline.center,
                    z: onset.z,
                };
                events::signal_left_baseline(ctx, &departure)
            }
            Occurrence::SignalReturned {
                asset_id,
                signal_id,
                at,
                value,
            } => {
                let (metric, unit) = self.metric(signal_id);
                let departure = SignalDeparture {
                    asset_id,
                    signal_id,
                    metric,
                    unit,
                    at,
                    is_rise: false,
                    value,
                    baseline: value,
                    z: 0.0,
                };
                events::signal_returned(ctx, &departure)
            }
            Occurrence::EventsLost {
                integration_id,
                name,
                count,
                at,
            } => events::events_lost(ctx, integration_id, &name, count, at),
            Occurrence::Connector {
                integration_id,
                name,
                is_up,
                cause,
                at,
            } => {
                let reason = cause.as_ref().map(|c| c.code.as_str());
                events::connector_changed(ctx, integration_id, &name, at, is_up, reason)
            }
        };
        let mut changed = Changed::default();
        self.append(tx, &event, &mut changed)?;
        Ok(changed)
    }

    fn rule(
        &self,
        tx: &Transaction<'_>,
        rule: &AlertRule,
        edge: RuleEdge,
    ) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        let active = alerts::get_active_alert_of_rule(tx, self.id(), rule.id)?;
        match (edge, active) {
            (
                RuleEdge::Activated {
                    at,
                    severity,
                    code,
                    params,
                },
                None,
            ) => {
                let mut alert = Alert {
                    id: AlertId::new(),
                    tenant_id: self.id(),
                    asset_id: rule.asset_id,
                    signal_id: Some(rule.signal_id),
                    rule_id: Some(rule.id),
                    severity,
                    state: AlertState::ActiveUnacknowledged,
                    code: code.to_owned(),
                    params,
                    activated_at: at,
                    acknowledged_at: None,
                    acknowledged_by: None,
                    comment: None,
                    cleared_at: None,
                    incident_id: None,
                    record: AlertRecord {
                        raised_at: Some(self.context.now),
                        ..AlertRecord::default()
                    },
                };
                let event = events::alert_activated(&self.context, &alert);
                let Some(incident) = self.append(tx, &event, &mut changed)? else {
                    // Recorded before, read again after a restart.
                    return Ok(Changed::default());
                };
                alert.incident_id = incident;
                alerts::create_alert(tx, self.id(), &alert)?;
                changed.alerts.push(alert);
            }
            (
                RuleEdge::Escalated {
                    at,
                    severity,
                    code,
                    params,
                },
                Some(mut alert),
            ) => {
                let before = BeforeWorse {
                    severity: alert.severity,
                    code: std::mem::replace(&mut alert.code, code.to_owned()),
                    params: std::mem::replace(&mut alert.params, params),
                    until: at,
                    recorded_at: self.context.now,
                };
                // An alert gets worse once: from a warning to critical.
                alert.record.before.get_or_insert(before);
                alert.severity = severity;
                let event = events::alert_escalated(&self.context, &alert, at);
                let Some(incident) = self.append(tx, &event, &mut changed)? else {
                    return Ok(Changed::default());
                };
                alert.incident_id = alert.incident_id.or(incident);
                alerts::update_alert(tx, self.id(), &alert)?;
                changed.alerts.push(alert);
            }
            (RuleEdge::Cleared { at }, Some(alert)) => {
                self.clear_alert(tx, alert, at, &mut changed)?;
            }
            // The alert stands as the edge wants it: read again after a restart.
            _ => {}
        }
        Ok(changed)
    }

    fn clear(
        &self,
        tx: &Transaction<'_>,
        rule: RuleId,
        at: Timestamp,
    ) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        if let Some(alert) = alerts::get_active_alert_of_rule(tx, self.id(), rule)? {
            self.clear_alert(tx, alert, at, &mut changed)?;
        }
        Ok(changed)
    }

    fn clear_alert(
        &self,
        tx: &Transaction<'_>,
        mut alert: Alert,
        at: Timestamp,
        changed: &mut Changed,
    ) -> Result<(), StoreError> {
        let at = at.max(alert.activated_at);
        alert.cleared_at = Some(at);
        alert.record.cleared_at = Some(self.context.now);
        alert.state = match alert.state {
            AlertState::ActiveAcknowledged | AlertState::Cleared => AlertState::Cleared,
            _ => AlertState::ClearedUnacknowledged,
        };
        let event = events::alert_cleared(&self.context, &alert, at);
        self.append(tx, &event, changed)?;
        alerts::update_alert(tx, self.id(), &alert)?;
        changed.alerts.push(alert);
        Ok(())
    }

    fn gap(
        &self,
        tx: &Transaction<'_>,
        integration_id: IntegrationId,
        gap: &GapMark,
    ) -> Result<Changed, StoreError> {
        let action = IntegrationAction {
            tenant_id: self.id(),
            integration_id,
            action_type: "data_gap".to_owned(),
            status: ActionStatus::Failure,
            message_code: "connector.data_gap".to_owned(),
            details: json!({
                "from": gap.from, "to": gap.to, "reason": format!("{:?}", gap.reason),
            }),
            actor: "system".to_owned(),
            ms: None,
            at: self.context.now,
        };
        integration_actions::create_integration_action(tx, self.id(), &action)?;
        Ok(Changed::default())
    }

    /// Appends an event and lets it open or join incidents. `None`: it was recorded before.
    pub(crate) fn append(
        &self,
        tx: &Transaction<'_>,
        event: &IndustrialEvent,
        changed: &mut Changed,
    ) -> Result<Option<Option<IncidentId>>, StoreError> {
        if !insert_ignore_duplicate(tx, self.id(), event)? {
            return Ok(None);
        }
        let code = event.asset_id.map_or("", |id| self.code(id));
        let (open, rows) = open_incidents(tx, self.id())?;
        let config = IncidentConfig::default();
        let decision = decide(event, code, &open, &self.tenant.topology, &config);
        let incident = match decision {
            IncidentDecision::Ignore => None,
            IncidentDecision::Attach { links } => {
                for (incident, relation) in &links {
                    incidents::create_incident_event(
                        tx,
                        self.id(),
                        *incident,
                        event.id,
                        *relation,
                    )?;
                }
                links.first().map(|(incident, _)| *incident)
            }
            IncidentDecision::Join {
                incident,
                relation,
                upgrade,
                began,
            } => {
                incidents::create_incident_event(tx, self.id(), incident, event.id, relation)?;
                if let Some(mut row) = rows.into_iter().find(|i| i.id == incident) {
                    let before = row.clone();
                    if let Some(better) = upgrade {
                        row.incident_type = better;
                        row.title_code = "incident.trip".to_owned();
                        row.title_params = json!({ "asset": code });
                    }
                    row.severity = row.severity.max(iq_blackbox::gravity_of(event));
                    if let Some(began) = began {
                        row.started_at = began;
                        self.take_in_prior(tx, &row)?;
                    }
                    row.ended_at = None;
                    if row != before {
                        incidents::update_incident(tx, self.id(), &row)?;
                    }
                    changed.incidents.push(row);
                }
                Some(incident)
            }
            opening @ IncidentDecision::Open { .. } => {
                let row = self.open(tx, event, opening)?;
                let id = row.id;
                changed.incidents.push(row);
                Some(id)
            }
        };
        Ok(Some(incident))
    }

    /// Opens an incident and takes in what led to it.
    fn open(
        &self,
        tx: &Transaction<'_>,
        event: &IndustrialEvent,
        opening: IncidentDecision,
    ) -> Result<Incident, StoreError> {
        let (
            IncidentDecision::Open {
                incident_type,
                severity,
                title_code,
                title_params,
                ..
            },
            Some(asset_id),
        ) = (opening, event.asset_id)
        else {
            return Err(StoreError::Internal(
                "an incident needs an asset".to_owned(),
            ));
        };
        let incident = Incident {
            id: IncidentId::new(),
            tenant_id: self.id(),
            number: incidents::next_incident_number(tx, self.id(), year_of(event.event_time))?,
            asset_id,
            incident_type,
            severity,
            title_code: title_code.to_owned(),
            title_params,
            status: IncidentStatus::Open,
            assignee: None,
            started_at: event.event_time,
            ended_at: None,
            created_at: self.context.now,
        };
        incidents::create_incident(tx, self.id(), &incident)?;
        let trigger = EventRelation::Trigger;
        incidents::create_incident_event(tx, self.id(), incident.id, event.id, trigger)?;
        self.take_in_prior(tx, &incident)?;
        Ok(incident)
    }

    /// What led to an incident belongs to it.
    fn take_in_prior(&self, tx: &Transaction<'_>, incident: &Incident) -> Result<(), StoreError> {
        let config = IncidentConfig::default();
        let of = (incident.asset_id, incident.started_at);
        let asset = self.tenant.assets.get(&incident.asset_id);
        let mut asset_ids = vec![incident.asset_id];
        asset_ids.extend(asset.into_iter().flat_map(|a| &a.neighbours));
        let filter = EventFilter {
            from: Some(incident.started_at.plus_ms(-config.before_ms)),
            to: Some(incident.started_at.plus_ms(1)),
            asset_ids,
            ..EventFilter::default()
        };
        let prior = list_events(tx, self.id(), &filter, Page::first(MAX_PRIOR_EVENTS))?;
        for earlier in &prior.rows {
            if let Some(relation) = relation_of(earlier, of, &self.tenant.topology, &config) {
                incidents::create_incident_event(tx, self.id(), incident.id, earlier.id, relation)?;
            }
        }
        Ok(())
    }

    fn code(&self, asset: AssetId) -> &str {
        self.tenant
            .assets
            .get(&asset)
            .map_or("", |a| a.asset.code.as_str())
    }

    fn metric(&self, signal: SignalId) -> (&str, &str) {
        let signal = self.tenant.signals.get(&signal).map(|s| &s.signal);
        signal.map_or(("", ""), |s| (s.metric.as_str(), s.unit.as_str()))
    }
}

/// Incidents that still take in events: open or investigated, and their window not ended. Those that have
/// ended are not read: detection over the past leaves many of them for people to look at.
fn open_incidents(
    tx: &Transaction<'_>,
    tenant: TenantId,
) -> Result<(Vec<OpenIncident>, Vec<Incident>), StoreError> {
    let filter = IncidentFilter {
        statuses: vec![IncidentStatus::Open, IncidentStatus::Investigating],
        is_running: true,
        ..IncidentFilter::default()
    };
    let rows = incidents::list_incidents(tx, tenant, &filter, Page::MAX)?.rows;
    let mut open = Vec::new();
    if rows.is_empty() {
        return Ok((open, rows));
    }
    let critical: HashSet<AssetId> = alerts::list_critical_assets(tx, tenant)?
        .into_iter()
        .collect();
    for row in &rows {
        let last = incidents::get_last_event_at(tx, tenant, row.id)?;
        open.push(OpenIncident {
            id: row.id,
            asset_id: row.asset_id,
            incident_type: row.incident_type,
            severity: row.severity,
            // What happened shortly before the trigger belongs to the incident too.
            started_at: row.started_at.plus_ms(-IncidentConfig::default().before_ms),
            triggered_at: row.started_at,
            last_event_at: last.unwrap_or(row.started_at),
            is_standing: critical.contains(&row.asset_id),
        });
    }
    let parts = incident_changes::list_merged(tx, tenant)?;
    add_parts(&mut open, parts, &critical);
    Ok((open, rows))
}

/// Ends the windows of incidents in which nothing happens any more; the work on them goes on.
pub(crate) async fn end_quiet_incidents(inner: &Inner, tenant: TenantId) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let changed = inner
        .store
        .write(move |tx| {
            let (open, rows) = open_incidents(tx, tenant)?;
            let mut changed = Changed::default();
            if open.is_empty() {
                return Ok(changed);
            }
            for incident in open {
                let config = IncidentConfig::default();
                let Some(end) = incident_end(&incident, incident.is_standing, now, &config) else {
                    continue;
                };
                if let Some(mut row) = rows.iter().find(|r| r.id == incident.id).cloned() {
                    row.ended_at = Some(end);
                    incidents::update_incident(tx, tenant, &row)?;
                    changed.incidents.push(row);
                }
            }
            Ok(changed)
        })
        .await?;
    publish(inner, tenant, changed);
    Ok(())
}

impl Runtime {
    /// How far the clock of a signal's source is ahead of ours, as it is known now; 0 where nobody
    /// compared them.
    #[must_use]
    pub fn clock_offset_of(&self, plant: &TenantIndex, signal: SignalId) -> i64 {
        let route = plant.signals.get(&signal).and_then(|s| s.mapping.as_ref());
        route
            .and_then(|r| self.0.supervisor.state(r.mapping.integration_id))
            .and_then(|state| state.clock_offset_ms)
            .unwrap_or(0)
    }

    /// Acknowledges an alert; a cleared one is over with it.
    pub async fn acknowledge_alert(
        &self,
        tenant_id: TenantId,
        id: AlertId,
        actor: &str,
        comment: Option<String>,
    ) -> Result<Alert, CodedError> {
        let inner = &self.0;
        let work = self.work(tenant_id)?;
        let actor = actor.to_owned();
        let (alert, changed) = inner
            .store
            .write(move |tx| {
                let mut alert = alerts::get_alert(tx, tenant_id, id)?
                    .ok_or(CodedError::not_found("alerts.not_found"))?;
                alert.state = match alert.state {
                    AlertState::ActiveUnacknowledged => AlertState::ActiveAcknowledged,
                    AlertState::ClearedUnacknowledged => AlertState::Cleared,
                    AlertState::ActiveAcknowledged | AlertState::Cleared => {
                        let code = "alerts.already_acknowledged";
                        let by = alert.acknowledged_by.unwrap_or_default();
                        return Err(CodedError::conflict(code).with("by", by).into());
                    }
                };
                let now = work.context.now;
                alert.acknowledged_at = Some(now);
                alert.acknowledged_by = Some(actor.clone());
                alert.comment = comment;
                let event = events::alert_acknowledged(
                    &work.context,
                    &alert,
                    now,
                    &actor,
                    alert.comment.as_deref(),
                );
                let mut changed = Changed::default();
                work.append(tx, &event, &mut changed)?;
                alerts::update_alert(tx, tenant_id, &alert)?;
                changed.alerts.push(alert.clone());
                Ok((alert, changed))
            })
            .await?;
        publish(inner, tenant_id, changed);
        Ok(alert)
    }

    /// Records what a person did to an asset as an event; `action_id` is unique per action.
    pub async fn record_user_action(
        &self,
        tenant_id: TenantId,
        asset: Option<AssetId>,
        actor: &str,
        action: &str,
        object: &str,
        action_id: &str,
    ) -> Result<(), CodedError> {
        let work = self.work(tenant_id)?;
        let event = events::user_action(&work.context, asset, actor, action, object, action_id);
        let changed = self
            .0
            .store
            .write(move |tx| {
                let mut changed = Changed::default();
                work.append(tx, &event, &mut changed)?;
                Ok(changed)
            })
            .await?;
        publish(&self.0, tenant_id, changed);
        Ok(())
    }

    /// Work stamped by our own clock.
    pub(crate) fn work(&self, tenant_id: TenantId) -> Result<Work, CodedError> {
        Ok(Work {
            tenant: self.tenant(tenant_id)?,
            context: EventContext {
                tenant_id,
                now: self.0.clock.now(),
                clock: ClockInfo::default(),
            },
        })
    }
}

/// The year of a moment in UTC, for incident numbers.
pub(crate) fn year_of(t: Timestamp) -> i32 {
    t.to_string()
        .split('-')
        .next()
        .and_then(|y| y.parse().ok())
        .unwrap_or(1970)
}
