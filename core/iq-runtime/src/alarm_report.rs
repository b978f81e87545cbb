//! How the alarm system behaved in a period: the program's own alerts, or the alarms a journal or a
//! control system reported.

use std::collections::HashMap;

use iq_blackbox::{
    alarms::{Activation, AlarmConfig, AlarmReport, JournalRow, activations, analyse_alarms},
    events::OWN_SYSTEM,
};
use iq_domain::{
    AlarmPhase, Alert, AssetId, CodedError, ErrorKind, EventCategory, IndustrialEvent, TenantId,
    TimeRange, Timestamp,
};
use iq_store::{
    Connection, Page, StoreError,
    alerts::{self, AlertFilter},
    events::{self, AlarmSource, EventFilter},
};

use crate::Runtime;

/// An alarm that was active before the period is looked for this far back in a journal.
const LOOK_BACK_MS: i64 = 30 * 86_400_000;
/// How far ahead of UTC the clock of a source may run: the error of a time zone at most.
const MOST_AHEAD_MS: i64 = 86_400_000;
/// Rows of a journal that one report reads.
const MAX_ROWS: usize = 500_000;
/// Rows read at a time.
const ROWS_PER_READ: u32 = 5_000;

/// Which report.
#[derive(Clone, Debug)]
pub struct AlarmQuery {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The period.
    pub period: TimeRange,
    /// The system that reported the alarms; the program's own alerts if absent.
    pub source: Option<String>,
    /// Of these assets; empty for all.
    pub asset_ids: Vec<AssetId>,
}

/// A report with what its alarms are called.
#[derive(Clone, Debug)]
pub struct AlarmPerformance {
    /// The report.
    pub report: AlarmReport,
    /// Per alarm of the program, the alert it was last; empty for a journal, whose alarms name
    /// themselves.
    pub alerts: HashMap<String, Alert>,
    /// Systems that reported alarms in the period.
    pub sources: Vec<AlarmSource>,
}

impl Runtime {
    /// Reads and counts the alarms of a period, from when they were watched: for the program's own, since its
    /// first source; for another system, since the first alarm known of it. Time of which nothing is known had
    /// no alarms to count, and would make every rate look better.
    ///
    /// # Errors
    /// `alerts.source_unknown` where no alarm of that system is known; `alerts.report_too_long`.
    pub async fn alarm_performance(
        &self,
        mut query: AlarmQuery,
    ) -> Result<AlarmPerformance, CodedError> {
        let read = self
            .store()
            .read(move |conn| {
                let first = match query.source.as_deref() {
                    Some(system) if system != OWN_SYSTEM => {
                        let first = events::get_first_alarm_time(conn, query.tenant_id, system)?;
                        let unknown = || CodedError::not_found("alerts.source_unknown");
                        Some(first.ok_or_else(|| unknown().with("source", system))?)
                    }
                    _ => alerts::get_watched_since(conn, query.tenant_id)?,
                };
                if let Some(first) = first.filter(|first| query.period.contains(*first)) {
                    query.period.from = first;
                }
                let sources = events::list_alarm_sources(conn, query.tenant_id, query.period)?;
                let (found, alerts) = match &query.source {
                    Some(system) if system != OWN_SYSTEM => {
                        (from_journal(conn, &query, system)?, HashMap::new())
                    }
                    _ => own(conn, &query)?,
                };
                let report = analyse_alarms(&found, query.period, &AlarmConfig::default());
                Ok(AlarmPerformance {
                    report,
                    alerts,
                    sources,
                })
            })
            .await?;
        Ok(read)
    }
}

fn own(
    conn: &Connection,
    query: &AlarmQuery,
) -> Result<(Vec<Activation>, HashMap<String, Alert>), StoreError> {
    let before = AlertFilter {
        asset_ids: query.asset_ids.clone(),
        to: Some(query.period.from),
        active_at: Some(query.period.from),
        ..AlertFilter::default()
    };
    let inside = AlertFilter {
        asset_ids: query.asset_ids.clone(),
        from: Some(query.period.from),
        to: Some(query.period.to),
        ..AlertFilter::default()
    };
    let mut rows = all_alerts(conn, query.tenant_id, &before)?;
    rows.extend(all_alerts(conn, query.tenant_id, &inside)?);
    let found = rows.iter().map(activation).collect();
    let mut newest: HashMap<String, Alert> = HashMap::new();
    for alert in rows {
        let known = newest.entry(alarm_of(&alert));
        known
            .and_modify(|newest| {
                if newest.activated_at < alert.activated_at {
                    newest.clone_from(&alert);
                }
            })
            .or_insert(alert);
    }
    Ok((found, newest))
}

/// Every alert of a filter: a report counts what the store holds.
fn all_alerts(
    conn: &Connection,
    tenant: TenantId,
    filter: &AlertFilter,
) -> Result<Vec<Alert>, StoreError> {
    let mut rows: Vec<Alert> = Vec::new();
    loop {
        let page = Page {
            offset: u32::try_from(rows.len()).map_err(|_| too_long())?,
            ..Page::MAX
        };
        let read = alerts::list_alerts(conn, tenant, filter, page)?;
        let is_last = read.rows.len() < Page::MAX.limit as usize;
        rows.extend(read.rows);
        if rows.len() > MAX_ROWS {
            return Err(too_long());
        }
        if is_last {
            return Ok(rows);
        }
    }
}

fn too_long() -> StoreError {
    CodedError::new(ErrorKind::TooMuch, "alerts.report_too_long")
        .with("max", MAX_ROWS)
        .into()
}

/// The rule is the alarm; an alert without one is known by what it says of which asset.
fn alarm_of(alert: &Alert) -> String {
    alert.rule_id.map_or_else(
        || format!("{}:{}", alert.asset_id, alert.code),
        |rule| rule.to_string(),
    )
}

fn activation(alert: &Alert) -> Activation {
    Activation {
        alarm: alarm_of(alert),
        asset_id: Some(alert.asset_id),
        severity: alert.severity,
        activated_at: alert.activated_at,
        uncertainty_ms: 0,
        acknowledged_at: alert.acknowledged_at,
        cleared_at: alert.cleared_at,
    }
}

fn from_journal(
    conn: &Connection,
    query: &AlarmQuery,
    system: &str,
) -> Result<Vec<Activation>, StoreError> {
    let mut filter = EventFilter {
        from: Some(query.period.from.plus_ms(-LOOK_BACK_MS)),
        // The store knows the time of the source's clock, which may run ahead.
        to: Some(query.period.to.plus_ms(MOST_AHEAD_MS)),
        asset_ids: query.asset_ids.clone(),
        categories: vec![EventCategory::Alert, EventCategory::OperatorAction],
        source_system: Some(system.to_owned()),
        is_ascending: true,
        ..EventFilter::default()
    };
    let mut rows: Vec<JournalRow> = Vec::new();
    loop {
        let read = events::next_events(conn, query.tenant_id, &filter, ROWS_PER_READ)?;
        let Some(last) = read.last() else { break };
        filter.after = Some((last.event_time, last.id));
        rows.extend(read.iter().filter_map(journal_row));
        if rows.len() > MAX_ROWS {
            return Err(too_long());
        }
    }
    rows.sort_by_key(|row| row.at);
    Ok(activations(&rows))
}

/// The row as it was reported; none where it is about no alarm.
fn journal_row(event: &IndustrialEvent) -> Option<JournalRow> {
    let phase: AlarmPhase =
        serde_json::from_value(event.payload["detail"]["phase"].clone()).ok()?;
    let text = |name: &str| event.payload["params"][name].as_str().unwrap_or_default();
    Some(JournalRow {
        tag: text("subject").to_owned(),
        text: text("text").to_owned(),
        asset_id: event.asset_id,
        phase,
        severity: event.severity,
        at: utc(event),
        uncertainty_ms: event.time_uncertainty_ms,
    })
}

fn utc(event: &IndustrialEvent) -> Timestamp {
    event.event_time.plus_ms(-event.time_offset_ms)
}
