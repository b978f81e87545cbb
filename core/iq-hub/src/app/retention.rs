//! Pieces of series past the days that this hub keeps: taken out in small parts, in turn by whichever
//! instance comes first. What plants were told of them stays with the cursors of their logs.

use std::time::Duration;

use iq_domain::{CodedError, TenantId, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bootstrap::note;
use crate::{
    state::Hub,
    store::{
        Stored,
        raw::{self, Removed},
        tenants,
    },
};

const DAY_MS: i64 = 86_400_000;
/// Records of one transaction: some ten megabytes, gone within a second.
const PART: u16 = 500;
/// Between two parts, so that plants and people come first.
const BREATH: Duration = Duration::from_millis(200);
/// After the start of an instance, which has other things to do.
const FIRST_AFTER: Duration = Duration::from_secs(5 * 60);
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// Looks again and again, until the instance ends.
pub(crate) async fn run(hub: Hub, stop: CancellationToken) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = EVERY,
        }
        if let Err(error) = remove(&hub, &stop).await {
            tracing::warn!(%error, "Old series could not be removed; it is tried again later.");
        }
    }
}

/// From before the beginning of the day that is the last one kept: so that what was looked through today
/// is empty until tomorrow.
fn limit(hub: &Hub) -> Option<Timestamp> {
    let days = i64::from(hub.config.series_days);
    let now = hub.now().0;
    let today = now - now.rem_euclid(DAY_MS);
    (days > 0).then(|| Timestamp(today - days * DAY_MS))
}

/// Takes out what is older than the days kept, of every tenant; how many records went. Any number of
/// instances may do so at once.
///
/// # Errors
/// When the database can't be used; what went until then is gone, and told.
pub async fn remove_old_series(hub: &Hub) -> Result<u64, CodedError> {
    remove(hub, &CancellationToken::new()).await
}

async fn remove(hub: &Hub, stop: &CancellationToken) -> Result<u64, CodedError> {
    let Some(before) = limit(hub) else {
        return Ok(0);
    };
    let mut tx = hub.store.platform().await?;
    let all = tenants::list_ids(&mut tx).await?;
    tx.commit().await?;
    let mut records = 0;
    for tenant in all {
        let mut removed = Removed::default();
        let done = remove_of(hub, (tenant, before), stop, &mut removed).await;
        if removed.records > 0 {
            tell(hub, tenant, before, removed).await?;
        }
        records += removed.records;
        done?;
    }
    Ok(records)
}

/// Part by part, each in a transaction of its own: it holds no lock that a batch waits for.
async fn remove_of(
    hub: &Hub,
    (tenant, before): (TenantId, Timestamp),
    stop: &CancellationToken,
    sum: &mut Removed,
) -> Stored<()> {
    while !stop.is_cancelled() {
        let mut tx = hub.store.tenant(tenant).await?;
        let part = raw::remove_before(&mut tx, tenant, before, i64::from(PART)).await?;
        tx.commit().await?;
        let part = part.unwrap_or_default();
        sum.records += part.records;
        sum.bytes += part.bytes;
        if part.records < u64::from(PART) {
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

/// Into the log and the audit of the tenant.
async fn tell(hub: &Hub, tenant: TenantId, before: Timestamp, removed: Removed) -> Stored<()> {
    let Removed { records, bytes } = removed;
    tracing::info!(%tenant, records, bytes, "Removed old series.");
    let details = json!({
        "older_than_days": hub.config.series_days, "before": before, "records": records, "bytes": bytes,
    });
    let mut tx = hub.store.tenant(tenant).await?;
    note(
        hub,
        &mut tx,
        tenant,
        ("series.remove", "series".to_owned(), details),
    )
    .await?;
    tx.commit().await
}
