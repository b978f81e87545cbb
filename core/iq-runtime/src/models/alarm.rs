//! The alert of an asset's score: raised where the score of the model in force stands over its limit,
//! cleared when it no longer does. One alarm is what the budget of false alarms was counted by, and no
//! more are told than the budget allows.

use std::sync::Arc;

use iq_analytics::lab::{self, Episode, ScoreStanding};
use iq_domain::{Alert, AssetId, CodedError, TenantId, TimeRange, Timestamp};
use iq_store::{
    alerts::{self, AlertFilter},
    all_rows,
};

use super::{
    gather,
    live::{InForce, Judge},
};
use crate::{
    AssetEntry, Inner, TenantIndex,
    alerts::{Occurrence, SCORE_STANDS, StandingScore, record},
    made_up::is_signal_made_up,
};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// How far back the end of the alert before is looked for.
const LOOK_BACK_MS: i64 = 60 * 24 * 3_600_000;

/// Longest time over which a budget below one a week is counted.
const MOST_WEEKS: f64 = 52.0;

/// The alert of an asset's score among those that are open.
pub(crate) fn is_of_score(alert: &Alert) -> bool {
    alert.code == SCORE_STANDS
}

/// Raises or clears the alert of an asset's score. `worked` are the times of work on the asset, `open` is
/// its alert that stands.
pub(crate) async fn keep(
    inner: &Inner,
    (plant, entry): (&Arc<TenantIndex>, &AssetEntry),
    judge: Option<&mut Judge>,
    worked: &[TimeRange],
    open: Option<&Alert>,
) -> Result<(), CodedError> {
    let now = inner.clock.now();
    let standing = judge.as_ref().and_then(|j| j.alarm.standing().cloned());
    match (judge, standing, open) {
        (Some(judge), Some(standing), None) => {
            // Each row is asked about once.
            if judge.held_back_at == Some(standing.last) {
                return Ok(());
            }
            let is_masked = worked.iter().any(|range| range.contains(now));
            let is_allowed = !is_masked
                && speaks(&judge.in_force, plant, entry)
                && has_room((inner, plant), &judge.in_force, entry, &standing, now).await?;
            if !is_allowed {
                judge.held_back_at = Some(standing.last);
                return Ok(());
            }
            let score = told(entry.asset.id, judge, standing);
            judge.held_back_at = None;
            record(inner, plant, Occurrence::ScoreStands { score }).await
        }
        (judge, None, open) => {
            if let Some(judge) = judge {
                judge.held_back_at = None;
            }
            let Some(alert) = open else { return Ok(()) };
            let settled = Occurrence::ScoreSettled {
                alert_id: alert.id,
                at: now,
            };
            record(inner, plant, settled).await
        }
        _ => Ok(()),
    }
}

/// What people are told. A score that was held back is told as of now, not as of then.
fn told(asset_id: AssetId, judge: &Judge, standing: ScoreStanding) -> StandingScore {
    let row_ms = judge.in_force.row_ms;
    let row = if judge.held_back_at.is_some() {
        standing.last
    } else {
        standing.since
    };
    StandingScore {
        asset_id,
        at: row.plus_ms(row_ms),
        level: lab::level(standing.peak).round(),
        signals: standing.named,
        model: judge.in_force.name.clone(),
        row_ms,
    }
}

/// In a plant of one's own neither a model of a demonstration nor values of one raise anything.
fn speaks(in_force: &InForce, plant: &TenantIndex, entry: &AssetEntry) -> bool {
    if plant.tenant.is_demo {
        return true;
    }
    let inputs = &in_force.model.card.inputs;
    let is_input_made_up = entry
        .signals
        .iter()
        .filter_map(|id| plant.signals.get(id))
        .filter(|s| inputs.contains(&s.signal.metric))
        .any(|s| is_signal_made_up(plant, s));
    !in_force.is_demo && !is_input_made_up
}

/// Whether the budget of false alarms has room for one more, and this one is not the one before read again
/// after a restart. An alert that a failure followed was true and uses nothing up.
async fn has_room(
    (inner, plant): (&Inner, &TenantIndex),
    in_force: &InForce,
    entry: &AssetEntry,
    standing: &ScoreStanding,
    now: Timestamp,
) -> Result<bool, CodedError> {
    let Some((window_ms, allowed)) = budget(in_force.alarms_per_week) else {
        return Ok(false);
    };
    let (tenant, asset) = (entry.asset.tenant_id, entry.asset.id);
    let since = now.plus_ms(-window_ms.max(LOOK_BACK_MS));
    let before = alerts_of_score(inner, tenant, asset, since).await?;
    let newest_end = before.iter().filter_map(|a| a.cleared_at).max();
    if newest_end.is_some_and(|end| standing.last < end) {
        return Ok(false);
    }
    let (alarmed, _, failures) = gather::known(inner, plant, asset).await?;
    let told: Vec<Episode> = before
        .iter()
        .filter(|alert| now.since_ms(alert.activated_at) < window_ms)
        .map(|alert| Episode {
            from: alert.activated_at,
            to: alert.cleared_at.unwrap_or(now),
            peak: 0.0,
            named: Vec::new(),
            is_suspect: alarmed.iter().any(|r| r.contains(alert.activated_at)),
        })
        .collect();
    Ok(lab::false_alarms(&failures, &told) < allowed)
}

/// The time over which a budget is counted, and how many it allows in it: one in ten weeks is not a tenth
/// of one each week. None where it allows none.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "some weeks, some alarms"
)]
fn budget(per_week: f64) -> Option<(i64, usize)> {
    if per_week >= 1.0 {
        return Some((WEEK_MS, per_week.floor() as usize));
    }
    let weeks = (per_week > 0.0).then(|| (1.0 / per_week).min(MOST_WEEKS))?;
    Some(((weeks * WEEK_MS as f64) as i64, 1))
}

async fn alerts_of_score(
    inner: &Inner,
    tenant: TenantId,
    asset: AssetId,
    from: Timestamp,
) -> Result<Vec<Alert>, CodedError> {
    let filter = AlertFilter {
        asset_ids: vec![asset],
        from: Some(from),
        ..AlertFilter::default()
    };
    let found = inner
        .store
        .read(move |conn| all_rows(|page| alerts::list_alerts(conn, tenant, &filter, page)))
        .await?;
    Ok(found.into_iter().filter(is_of_score).collect())
}

#[cfg(test)]
mod tests;
