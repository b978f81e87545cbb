//! How the fourth level stands: how much there is, how much of it waits, how long that takes, and why
//! nothing of it leaves.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use iq_domain::{CodedError, TenantId, Timestamp};
use iq_historian::{Historian, HistorianError};
use iq_store::{
    raw::{self as rows, RawLog},
    sync::Link,
};
use iq_sync_proto::raw::LEVEL;

use super::{HOUR_MS, broken};
use crate::{Inner, internal, work::Live};

/// How long an estimate is good for.
const ESTIMATE_FOR: Duration = Duration::from_secs(60);
const DAY_MS: f64 = 86_400_000.0;

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawEstimate {
    /// Signals of the plant's own.
    pub signals: u64,
    /// Bytes that come to be in a day.
    pub bytes_per_day: f64,
    /// Bytes of all that is stored of them.
    pub bytes_stored: u64,
    /// Bytes that wait: laid out, or sealed and not laid out yet.
    pub bytes_waiting: u64,
}

/// How the fourth level stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RawStatus {
    /// What there is.
    pub estimate: RawEstimate,
    /// Values from then on may leave.
    pub begins_at: Option<Timestamp>,
    /// Pieces laid out.
    pub records: u64,
    /// Pieces the hub has confirmed.
    pub confirmed: u64,
    /// When that was heard.
    pub confirmed_at: Option<Timestamp>,
    /// How long what waits takes: at the cap, else at the speed of the last minutes; milliseconds.
    pub drain_ms: Option<u64>,
    /// At the cap less leaves than comes to be.
    pub is_falling_behind: bool,
    /// Why nothing of it leaves.
    pub held: Option<CodedError>,
}

/// How the fourth level stands, chosen or not: what it would bring is known before it is chosen.
pub(crate) async fn status(
    inner: &Inner,
    link: &Link,
    live: Option<&Live>,
) -> Result<Option<RawStatus>, CodedError> {
    let Some(historian) = &inner.parts.historian else {
        return Ok(None);
    };
    let (tenant, appliance) = (link.tenant_id, link.appliance);
    let found = inner.parts.store.read(move |conn| {
        let mut logs = rows::list_raw_logs(conn, tenant)?;
        logs.retain(|log| log.appliance == appliance);
        let (mut records, mut laid_out) = (0, 0);
        for log in &logs {
            records += rows::get_raw_head(conn, tenant, log.epoch_no)?.map_or(0, |(seq, _)| seq);
            laid_out += rows::get_raw_backlog(conn, tenant, log.epoch_no, log.acked_seq)?.1;
        }
        Ok((logs, records, laid_out))
    });
    let (logs, records, laid_out) = found.await?;
    let is_chosen = link.choice.level >= LEVEL;
    let open = logs
        .last()
        .filter(|log| log.closed_at.is_none() && is_chosen);
    let known = live.and_then(|live| live.state.lock().raw.estimate);
    let estimate = match known.filter(|(at, _)| at.elapsed() < ESTIMATE_FOR) {
        Some((_, estimate)) => estimate,
        None => {
            let estimate = estimate(inner, historian, tenant, open.cloned()).await?;
            if let Some(live) = live {
                live.state.lock().raw.estimate = Some((Instant::now(), estimate));
            }
            estimate
        }
    };
    let estimate = RawEstimate {
        bytes_waiting: estimate.bytes_waiting + laid_out,
        ..estimate
    };
    let state = live.map(|live| live.state.lock());
    let refused = state.as_ref().and_then(|state| state.raw.refused.as_ref());
    let is_old = state
        .as_ref()
        .is_some_and(|s| s.raw.is_known_there == Some(false));
    let held = if !is_chosen {
        None
    } else if link.choice.way.is_by_file() {
        Some(CodedError::conflict("sync.raw_by_line_only"))
    } else if is_old {
        Some(CodedError::conflict("sync.raw_hub_too_old"))
    } else {
        refused.map(|(error, _)| error.clone())
    };
    let per_ms = link
        .choice
        .cap_kbit
        .map(|cap| f64::from(cap) / 8.0)
        .or_else(|| state.as_ref().and_then(|state| state.raw.speed()));
    Ok(Some(RawStatus {
        estimate,
        begins_at: open.map(|log| log.begins_at),
        records,
        confirmed: logs.iter().map(|log| log.acked_seq).sum(),
        confirmed_at: logs.iter().filter_map(|log| log.acked_at).max(),
        drain_ms: per_ms.and_then(|per_ms| drain_ms(estimate.bytes_waiting, per_ms)),
        is_falling_behind: is_falling_behind(link, estimate.bytes_per_day),
        held,
    }))
}

/// Less may leave in a day's hours at the cap than comes to be in a day.
fn is_falling_behind(link: &Link, bytes_per_day: f64) -> bool {
    let choice = &link.choice;
    let open = (i32::from(choice.hours_to) - i32::from(choice.hours_from)).rem_euclid(1_440);
    let minutes = if open == 0 { 1_440 } else { open };
    choice
        .cap_kbit
        .is_some_and(|cap| f64::from(cap) * 125.0 * 60.0 * f64::from(minutes) < bytes_per_day)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn drain_ms(bytes: u64, per_ms: f64) -> Option<u64> {
    (per_ms > 0.0 && bytes > 0).then(|| (bytes as f64 / per_ms) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
async fn estimate(
    inner: &Inner,
    historian: &Historian,
    tenant: TenantId,
    open: Option<RawLog>,
) -> Result<RawEstimate, CodedError> {
    let found = inner.parts.store.read(move |conn| {
        let places = match &open {
            Some(log) => rows::list_raw_places(conn, tenant, log.epoch_no)?,
            None => Vec::new(),
        };
        Ok((rows::list_real_signals(conn, tenant)?, places, open))
    });
    let (signals, places, open) = found.await?;
    let historian = historian.clone();
    let counted = tokio::task::spawn_blocking(move || {
        let places: HashMap<u32, i64> = places.into_iter().collect();
        let mut sum = RawEstimate {
            signals: signals.len() as u64,
            ..RawEstimate::default()
        };
        for signal in signals {
            let number = signal.signal_no;
            let all = historian.sealed_size(number, None, Timestamp(0))?;
            sum.bytes_stored += all.bytes;
            if let Some((from, to)) = all.span {
                let long = to.since_ms(from).max(HOUR_MS) as f64;
                sum.bytes_per_day += all.bytes as f64 / long * DAY_MS;
            }
            if let Some(log) = &open {
                let after = places.get(&number).copied();
                sum.bytes_waiting += historian.sealed_size(number, after, log.begins_at)?.bytes;
            }
        }
        Ok::<_, HistorianError>(sum)
    });
    counted.await.map_err(|_| internal())?.map_err(broken)
}
