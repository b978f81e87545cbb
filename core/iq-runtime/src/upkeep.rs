//! Upkeep, once an hour: late samples are merged into their chunks, values beyond their retention are
//! removed, and rows nobody needs any more are forgotten. What an incident covers stays for as long as
//! the incident does.

use std::{sync::Arc, time::Duration};

use iq_domain::{CodedError, ErrorKind, SignalKind, TimeRange, Timestamp};
use iq_store::{
    all_rows, assessments, attempts, incidents, incidents::IncidentFilter, integration_actions,
    late_values, sessions, settings,
};
use serde::Deserialize;
use tracing::{error, info};

use crate::{Inner, TenantIndex};

const EVERY: Duration = Duration::from_secs(3_600);

const DAY_MS: i64 = 86_400_000;

/// What an inquiry looks at before and after an incident.
const PIN_BEFORE_MS: i64 = 30 * DAY_MS;
const PIN_AFTER_MS: i64 = DAY_MS;

const SETTING: &str = "retention";

/// How long values of each class are kept. Reports of an inquiry are asked for after five years; at
/// about two bytes a sample, keeping is cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Retention {
    /// Days for measured signals.
    measured_days: u32,
    /// Days for scores and other computed signals.
    derived_days: u32,
    /// Days for assessments and action logs.
    log_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            measured_days: 5 * 366,
            derived_days: 5 * 366,
            log_days: 366,
        }
    }
}

/// The upkeep task.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.cancel.cancelled() => return,
        }
        if let Err(error) = keep_up(&inner).await {
            error!(%error, "Upkeep could not be finished; it is tried again in an hour.");
        }
    }
}

async fn keep_up(inner: &Arc<Inner>) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let tenants: Vec<Arc<TenantIndex>> = inner.index.load().tenants.values().cloned().collect();
    for tenant in tenants {
        let removed = retain(inner, &tenant, now).await?;
        if removed > 0 {
            info!(removed, "Values beyond their retention were removed.");
        }
    }
    let historian = inner.historian.clone();
    tokio::task::spawn_blocking(move || historian.compact())
        .await
        .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))??;
    inner
        .store
        .write(move |tx| {
            sessions::delete_ended_sessions(tx, now.plus_ms(-30 * DAY_MS))?;
            attempts::delete_attempts_before(tx, now.plus_ms(-DAY_MS)).map(drop)
        })
        .await?;
    Ok(())
}

async fn retain(
    inner: &Inner,
    tenant: &Arc<TenantIndex>,
    now: Timestamp,
) -> Result<u64, CodedError> {
    let id = tenant.tenant.id;
    let (stored, pinned) = inner
        .store
        .read(move |conn| {
            let stored = settings::get_tenant_setting(conn, id, SETTING)?;
            let any = IncidentFilter::default();
            let pinned = all_rows(|page| incidents::list_incidents(conn, id, &any, page))?;
            Ok((stored, pinned))
        })
        .await?;
    let retention: Retention = stored
        .and_then(|v| serde_json::from_value(v).ok())
        .unwrap_or_default();
    let pins: Vec<TimeRange> = pinned
        .iter()
        .filter_map(|incident| {
            let end = incident.ended_at.unwrap_or(now);
            TimeRange::new(
                incident.started_at.plus_ms(-PIN_BEFORE_MS),
                end.plus_ms(PIN_AFTER_MS),
            )
        })
        .collect();
    let before = |days: u32| now.plus_ms(-i64::from(days) * DAY_MS);
    let limits: Vec<(u32, Timestamp)> = tenant
        .signals
        .values()
        .map(|entry| {
            let days = match entry.signal.kind {
                SignalKind::Measured => retention.measured_days,
                SignalKind::Derived => retention.derived_days,
            };
            (entry.signal.signal_no, before(days))
        })
        .collect();
    let historian = inner.historian.clone();
    let removed = tokio::task::spawn_blocking(move || {
        limits.iter().try_fold(0_u64, |sum, (number, limit)| {
            historian
                .retain(*number, *limit, &pins)
                .map(|removed| sum + removed)
        })
    })
    .await
    .map_err(|_| CodedError::new(ErrorKind::Internal, "internal.error"))??;
    let logs_before = before(retention.log_days);
    inner
        .store
        .write(move |tx| {
            let pins = (PIN_BEFORE_MS, PIN_AFTER_MS);
            assessments::delete_assessments_before(tx, id, logs_before, pins)?;
            late_values::delete_late_before(tx, id, logs_before, pins)?;
            integration_actions::delete_integration_actions_before(tx, id, logs_before).map(drop)
        })
        .await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_retention_may_name_only_what_it_changes() {
        let stored = serde_json::json!({ "measured_days": 90 });
        let retention: Retention = serde_json::from_value(stored).unwrap();
        assert_eq!(retention.measured_days, 90);
        assert_eq!(retention.log_days, Retention::default().log_days);
    }
}
