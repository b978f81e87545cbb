//! The state of assets now and at any past moment, put together from historian, alerts and scores.

use std::{collections::HashMap, sync::Arc};

use iq_domain::{
    Alert, Assessment, AssetId, AssetState, CodedError, Connectivity, ErrorKind, Incident,
    IncidentId, IncidentStatus, Integration, IntegrationId, IntegrationStatus, Point, Severity,
    SignalId, TenantId, Timestamp,
};
use iq_historian::Historian;
use iq_store::{
    alerts, all_rows, assessments, incidents, incidents::IncidentFilter, late_values,
    late_values::LateStretch,
};
use iq_twin::{ActiveAlert, SignalView, SourceView, StateInput};

use crate::{Inner, RunningSource, Runtime, SignalEntry, TenantIndex, imports::is_upload_only};

/// Age up to which a value counts as fresh, when its source reports changes only.
pub(crate) const FRESH_FOR_MS: i64 = 60_000;

/// A maintenance system is asked every few minutes, not every second.
const RECORDS_FRESH_FOR_MS: i64 = 20 * 60_000;

/// How often a source that delivers is expected to deliver something.
const EXPECTED_INTERVAL_MS: i64 = 10_000;

/// Which assets, and when.
#[derive(Clone, Copy, Debug)]
pub struct TwinQuery {
    /// The tenant.
    pub tenant_id: TenantId,
    /// One asset, or all.
    pub asset_id: Option<AssetId>,
    /// A past moment, or now.
    pub at: Option<Timestamp>,
    /// With a past moment: alerts, scores and incidents only as far as they had been written down by
    /// then. Values count by their source time all the same.
    pub known_at: Option<Timestamp>,
}

/// An asset at a moment.
#[derive(Clone, Debug)]
pub struct AssetSnapshot {
    /// Its state; signals in template order.
    pub state: AssetState,
    /// The score that was valid, with what it is made of.
    pub assessment: Option<Assessment>,
    /// Alerts that were active.
    pub alerts: Vec<Alert>,
    /// The worst incident that was open, the newest of them.
    pub open_incident: Option<OpenIncident>,
    /// When a signal's value arrived, where that was after the moment asked for.
    pub late: HashMap<SignalId, Timestamp>,
}

/// An incident that was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// Which.
    pub id: IncidentId,
    /// How bad.
    pub severity: Severity,
    /// Whether it was still going on; one that has ended may wait to be closed.
    pub is_running: bool,
}

impl OpenIncident {
    fn rank(&self) -> (Severity, bool) {
        (self.severity, self.is_running)
    }
}

impl Runtime {
    /// States as of now or of a past moment.
    pub async fn twin(&self, query: TwinQuery) -> Result<Vec<AssetSnapshot>, CodedError> {
        let tenant = self.tenant(query.tenant_id)?;
        let now = self.0.clock.now();
        let at = query.at.unwrap_or(now);
        let wanted: Vec<AssetId> = match query.asset_id {
            Some(id) if tenant.assets.contains_key(&id) => vec![id],
            Some(_) => return Err(CodedError::not_found("assets.not_found")),
            None => tenant.assets.keys().copied().collect(),
        };
        let known = self.0.known_at(&tenant, &wanted, query, now).await?;
        Ok(wanted
            .into_iter()
            .map(|id| snapshot(&self.0, &tenant, id, at, &known))
            .collect())
    }
}

/// What was known at the moment.
struct Known {
    points: HashMap<SignalId, Point>,
    /// Newest good source time per integration. A source that reports changes only confirms with any
    /// value that its unchanged ones still hold.
    delivered: HashMap<IntegrationId, Timestamp>,
    alerts: HashMap<AssetId, Vec<Alert>>,
    assessments: HashMap<AssetId, Assessment>,
    incidents: HashMap<AssetId, OpenIncident>,
    late: HashMap<SignalId, Vec<LateStretch>>,
    is_past: bool,
}

impl Inner {
    async fn known_at(
        &self,
        tenant: &Arc<TenantIndex>,
        wanted: &[AssetId],
        query: TwinQuery,
        now: Timestamp,
    ) -> Result<Known, CodedError> {
        let id = tenant.tenant.id;
        let past = query.at;
        let at = past.unwrap_or(now);
        let known_at = query.known_at.filter(|_| past.is_some());
        let (active, scored, open, arrived) = self
            .store
            .read(move |conn| {
                let active = match past {
                    Some(t) => alerts::list_alerts_active_at(conn, id, t, known_at)?,
                    None => alerts::list_open_alerts(conn, id)?
                        .into_iter()
                        .filter(|a| a.cleared_at.is_none())
                        .collect(),
                };
                // All of them: detection over the past may leave hundreds for people to look at.
                let filter = opened_by(at, past.is_some(), known_at);
                let open = all_rows(|page| incidents::list_incidents(conn, id, &filter, page))?;
                let late = match past {
                    Some(t) => late_values::list_late_at(conn, id, t)?,
                    None => Vec::new(),
                };
                Ok((
                    active,
                    assessments::list_assessments_at(conn, id, at, known_at)?,
                    open,
                    late,
                ))
            })
            .await?;
        let numbers = numbers_of(tenant, wanted, past.is_some());
        let historian = self.historian.clone();
        let points = match past {
            None => last_of(&historian, &numbers),
            Some(t) => tokio::task::spawn_blocking(move || last_at(&historian, &numbers, t))
                .await
                .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))??,
        };
        let delivered = match past {
            None => self.delivered_now(tenant),
            Some(_) => delivered_by(tenant, &points),
        };
        let mut alerts: HashMap<AssetId, Vec<Alert>> = HashMap::new();
        for alert in active {
            alerts.entry(alert.asset_id).or_default().push(alert);
        }
        let incidents = worst_open(open, at, past.is_some());
        let mut late: HashMap<SignalId, Vec<LateStretch>> = HashMap::new();
        for stretch in arrived {
            late.entry(stretch.signal_id).or_default().push(stretch);
        }
        let assessments = scored.into_iter().map(|a| (a.asset_id, a)).collect();
        Ok(Known {
            points,
            delivered,
            alerts,
            assessments,
            incidents,
            late,
            is_past: past.is_some(),
        })
    }

    /// A source of work orders has no tags: what counts is when it last answered.
    fn connectivity_without_tags(&self, integration: &Integration) -> Connectivity {
        let reads_records = self
            .connectors
            .get(&integration.kind)
            .is_ok_and(|c| c.spec().capabilities.maintenance);
        if !reads_records {
            return Connectivity::None;
        }
        if is_down(integration.is_enabled, integration.status) {
            return Connectivity::Disconnected;
        }
        let now = self.clock.now();
        let stored = self.supervisor.throughput(integration.id, now);
        let told = self.supervisor.state(integration.id);
        let last = stored
            .and_then(|t| t.last_batch_at)
            .max(told.and_then(|s| s.last_receipt_at()));
        match last {
            Some(t) if now.since_ms(t) <= RECORDS_FRESH_FOR_MS => {
                if integration.is_demo_origin {
                    Connectivity::Demo
                } else {
                    Connectivity::Live
                }
            }
            _ => Connectivity::Stale,
        }
    }

    /// Newest good source time per integration since the start.
    fn delivered_now(&self, tenant: &TenantIndex) -> HashMap<IntegrationId, Timestamp> {
        let mut newest = HashMap::new();
        for signal in tenant.signals.values() {
            let Some(route) = &signal.mapping else {
                continue;
            };
            let Some(t) = self.recent.of(signal.signal.id).good_observed_at else {
                continue;
            };
            let entry = newest.entry(route.mapping.integration_id).or_insert(t);
            *entry = t.max(*entry);
        }
        newest
    }

    /// Connectivity of an integration: from what it delivered, never from its socket.
    pub(crate) async fn connectivity_of(
        &self,
        tenant_id: TenantId,
        id: IntegrationId,
    ) -> Connectivity {
        let Some(tenant) = self.index.load().tenant(tenant_id) else {
            return Connectivity::None;
        };
        let Some(integration) = tenant.integrations.get(&id) else {
            return Connectivity::None;
        };
        if tenant.routes.get(&id).is_none_or(HashMap::is_empty) {
            return self.connectivity_without_tags(integration);
        }
        let is_import = is_upload_only(integration);
        if !is_import && is_down(integration.is_enabled, integration.status) {
            return Connectivity::Disconnected;
        }
        let newest = self.delivered_now(&tenant).get(&id).copied();
        match newest {
            Some(t) if self.clock.now().since_ms(t) <= FRESH_FOR_MS => {
                if integration.is_demo_origin {
                    Connectivity::Demo
                } else {
                    Connectivity::Live
                }
            }
            _ if is_import => Connectivity::Imported,
            _ => Connectivity::Stale,
        }
    }
}

impl Runtime {
    /// Connectivity of an integration.
    pub async fn connectivity_of(&self, tenant: TenantId, id: IntegrationId) -> Connectivity {
        self.0.connectivity_of(tenant, id).await
    }

    /// The baseline of a signal, once there is enough history.
    #[must_use]
    pub fn baseline(&self, signal: SignalId) -> Option<iq_analytics::Baseline> {
        self.0.scores.baseline(signal)
    }
}

fn is_down(is_enabled: bool, status: IntegrationStatus) -> bool {
    !is_enabled
        || matches!(
            status,
            IntegrationStatus::Error | IntegrationStatus::Inactive
        )
}

/// The incidents that may have been open at a moment.
fn opened_by(at: Timestamp, is_past: bool, known_at: Option<Timestamp>) -> IncidentFilter {
    let of_now = if is_past {
        Vec::new()
    } else {
        vec![IncidentStatus::Open, IncidentStatus::Investigating]
    };
    IncidentFilter {
        statuses: of_now,
        not_ended_before: is_past.then_some(at),
        // The very moment of a trip shows the trip.
        to: Some(at.plus_ms(1)),
        known_at,
        ..IncidentFilter::default()
    }
}

/// The worst incident of each asset that was open at the moment, of those that come newest first.
fn worst_open(
    incidents: Vec<Incident>,
    at: Timestamp,
    is_past: bool,
) -> HashMap<AssetId, OpenIncident> {
    let mut all: HashMap<AssetId, OpenIncident> = HashMap::new();
    for incident in incidents {
        let is_running = incident.ended_at.is_none_or(|end| end >= at);
        let is_in_hand = matches!(
            incident.status,
            IncidentStatus::Open | IncidentStatus::Investigating
        );
        // Of the past the window says whether it ran then; how far the work has come since does not.
        let was_open = if is_past { is_running } else { is_in_hand };
        if !was_open {
            continue;
        }
        let open = OpenIncident {
            id: incident.id,
            severity: incident.severity,
            is_running,
        };
        let worst = all.entry(incident.asset_id).or_insert(open);
        if open.rank() > worst.rank() {
            *worst = open;
        }
    }
    all
}

/// The signals to look up. For the past, all of the tenant: which source delivered is told by all its
/// signals together.
fn numbers_of(tenant: &TenantIndex, wanted: &[AssetId], all: bool) -> Vec<(SignalId, u32)> {
    let entry = |s: &SignalEntry| (s.signal.id, s.signal.signal_no);
    if all {
        return tenant.signals.values().map(entry).collect();
    }
    let signals = wanted
        .iter()
        .filter_map(|a| tenant.assets.get(a))
        .flat_map(|a| &a.signals);
    signals
        .filter_map(|id| tenant.signals.get(id))
        .map(entry)
        .collect()
}

fn last_of(historian: &Historian, numbers: &[(SignalId, u32)]) -> HashMap<SignalId, Point> {
    numbers
        .iter()
        .filter_map(|(id, no)| Some((*id, historian.last(*no)?)))
        .collect()
}

fn last_at(
    historian: &Historian,
    numbers: &[(SignalId, u32)],
    t: Timestamp,
) -> Result<HashMap<SignalId, Point>, CodedError> {
    let mut points = HashMap::with_capacity(numbers.len());
    for (id, number) in numbers {
        if let Some(point) = historian.last_at(*number, t)? {
            points.insert(*id, point);
        }
    }
    Ok(points)
}

fn delivered_by(
    tenant: &TenantIndex,
    points: &HashMap<SignalId, Point>,
) -> HashMap<IntegrationId, Timestamp> {
    let mut newest = HashMap::new();
    for (id, point) in points.iter().filter(|(_, p)| p.status.is_good()) {
        let Some(route) = tenant.signals.get(id).and_then(|s| s.mapping.as_ref()) else {
            continue;
        };
        let entry = newest
            .entry(route.mapping.integration_id)
            .or_insert(point.t);
        *entry = point.t.max(*entry);
    }
    newest
}

fn snapshot(
    inner: &Inner,
    tenant: &TenantIndex,
    asset_id: AssetId,
    at: Timestamp,
    known: &Known,
) -> AssetSnapshot {
    let entry = &tenant.assets[&asset_id];
    let views: Vec<SignalView> = entry
        .signals
        .iter()
        .filter_map(|id| tenant.signals.get(id))
        .filter_map(|signal| view(tenant, entry.running, signal, known))
        .collect();
    let alerts = known.alerts.get(&asset_id).cloned().unwrap_or_default();
    let active: Vec<ActiveAlert> = alerts
        .iter()
        .map(|a| ActiveAlert {
            severity: a.severity,
            signal_id: a.signal_id,
        })
        .collect();
    let assessment = if known.is_past {
        None
    } else {
        inner.scores.latest(asset_id)
    }
    .or_else(|| known.assessments.get(&asset_id).cloned());
    let open_incident = known.incidents.get(&asset_id).copied();
    let state = iq_twin::asset_state(&StateInput {
        asset_id,
        at,
        signals: &views,
        alerts: &active,
        in_critical_incident: open_incident
            .is_some_and(|i| i.is_running && i.severity == Severity::Critical),
        health: assessment.as_ref().and_then(|a| a.health),
        anomaly: assessment.as_ref().and_then(|a| a.anomaly),
    });
    let late = state
        .signals
        .iter()
        .filter_map(|s| {
            Some((
                s.signal_id,
                arrived_late(known, s.signal_id, s.observed_at?)?,
            ))
        })
        .collect();
    AssetSnapshot {
        late,
        state,
        assessment,
        alerts,
        open_incident,
    }
}

/// When the value of that time arrived, if it came after the moment asked for.
fn arrived_late(known: &Known, signal: SignalId, at: Timestamp) -> Option<Timestamp> {
    let stretches = known.late.get(&signal)?;
    stretches
        .iter()
        .filter(|s| s.from <= at && at <= s.to)
        .map(|s| s.arrived_at)
        .min()
}

/// A mapped signal as it was known; derived signals are scores, not sensors.
fn view(
    tenant: &TenantIndex,
    running: Option<RunningSource>,
    signal: &SignalEntry,
    known: &Known,
) -> Option<SignalView> {
    let route = signal.mapping.as_ref()?;
    let integration = tenant.integrations.get(&route.mapping.integration_id)?;
    let last = known.points.get(&signal.signal.id).cloned();
    let own = last
        .as_ref()
        .filter(|p| p.status.is_good() && p.value.is_some())
        .map(|p| p.t);
    let confirmed = known.delivered.get(&integration.id).copied();
    Some(SignalView {
        signal_id: signal.signal.id,
        metric: signal.signal.metric.clone(),
        unit: signal.signal.unit.clone(),
        last_good_at: own.map(|t| confirmed.map_or(t, |c| c.max(t))),
        last,
        expected_interval_ms: EXPECTED_INTERVAL_MS,
        source: SourceView {
            is_down: !known.is_past && is_down(integration.is_enabled, integration.status),
            is_demo: integration.is_demo_origin,
            is_import: is_upload_only(integration),
        },
        limits: signal.limits,
        has_rule: tenant.rules.get(&signal.signal.id).is_some_and(|rules| {
            rules.iter().any(|r| {
                r.is_enabled && matches!(r.condition, iq_domain::RuleCondition::Limit { .. })
            })
        }),
        runs_at: running
            .filter(|r| r.signal_id == signal.signal.id)
            .map(|r| r.runs_at),
    })
}

#[cfg(test)]
mod tests {
    use iq_domain::IncidentType;

    use super::*;

    fn incident(severity: Severity, status: IncidentStatus, ended_at: Option<i64>) -> Incident {
        Incident {
            id: IncidentId::new(),
            tenant_id: TenantId::new(),
            number: "INC-0001".to_owned(),
            asset_id: AssetId::new(),
            incident_type: IncidentType::Trip,
            severity,
            title_code: "incident.trip".to_owned(),
            title_params: serde_json::json!({}),
            status,
            assignee: None,
            started_at: Timestamp(1_000),
            ended_at: ended_at.map(Timestamp),
            created_at: Timestamp(1_000),
        }
    }

    #[test]
    fn only_uploads_have_no_source_to_be_lost() {
        let of = |kind: &str, config: serde_json::Value| {
            is_upload_only(&Integration {
                id: IntegrationId::new(),
                tenant_id: TenantId::new(),
                kind: kind.to_owned(),
                name: "files".to_owned(),
                config,
                is_enabled: false,
                is_demo_origin: false,
                status: IntegrationStatus::Inactive,
                status_code: None,
                status_params: serde_json::json!({}),
                status_at: None,
                last_value_at: None,
                created_at: Timestamp(1_000),
            })
        };
        assert!(of("file", serde_json::json!({})));
        assert!(of("file", serde_json::json!({ "watch_folder": " " })));
        assert!(!of("file", serde_json::json!({ "watch_folder": "dcs" })));
        assert!(!of("opcua", serde_json::json!({})));
    }

    #[test]
    fn the_worst_open_incident_counts_and_one_that_ended_only_waits() {
        let trip = incident(Severity::Critical, IncidentStatus::Open, None);
        let asset_id = trip.asset_id;
        let newer = Incident {
            asset_id,
            ..incident(Severity::Warning, IncidentStatus::Open, None)
        };
        let all = vec![newer, trip.clone()];
        let open = worst_open(all, Timestamp(9_000), false)[&asset_id];
        assert_eq!((open.id, open.is_running), (trip.id, true));

        let ended = incident(Severity::Critical, IncidentStatus::Open, Some(5_000));
        let now = worst_open(vec![ended.clone()], Timestamp(9_000), false);
        assert!(!now[&ended.asset_id].is_running, "it waits for a person");
        let then = |at| worst_open(vec![ended.clone()], Timestamp(at), true);
        assert!(then(4_000)[&ended.asset_id].is_running);
        assert!(then(9_000).is_empty());
    }
}
