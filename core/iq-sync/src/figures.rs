//! What is told at the third level. Nobody is asked for it below that, and nothing of it is written;
//! from then on it stands in a log of its own beside the evidence and waits as long as that.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use iq_domain::{CodedError, TenantId};
use iq_evidence::{LogId, Origin, Record};
use iq_store::{
    Connection, StoreError,
    evidence::{self, LogKey, NewRecord, Source},
    sync::Link,
    tenants,
};
use iq_sync_proto::{
    figures::{Figure, Kind, LEVEL, STREAM},
    leaf_hash,
};

use crate::{Inner, work::Live};

/// How often it is looked whether there is something to tell.
const TELL_EVERY: Duration = Duration::from_secs(5 * 60);
/// What is unchanged is told again after so long, so that its age can be seen.
const AGAIN_AFTER_MS: i64 = 60 * 60_000;

/// Where the figures come from.
#[async_trait]
pub trait Figures: Send + std::marker::Sync {
    /// Everything there is to tell of a tenant now; days are those of the time zone.
    async fn figures(&self, tenant: TenantId, time_zone: &str) -> Result<Vec<Figure>, CodedError>;
}

/// What was told last: its gist, and when.
#[derive(Default)]
pub(crate) struct Told(HashMap<(TenantId, Kind, String), (String, i64)>);

impl Told {
    fn is_news(&self, tenant: TenantId, figure: &Figure) -> bool {
        let key = (tenant, figure.kind, figure.key.clone());
        self.0.get(&key).is_none_or(|(gist, at)| {
            let is_old = figure.at_ms.saturating_sub(*at) >= AGAIN_AFTER_MS;
            *gist != figure.gist || (figure.kind == Kind::Asset && is_old)
        })
    }

    fn note(&mut self, tenant: TenantId, figure: Figure) {
        let key = (tenant, figure.kind, figure.key);
        self.0.insert(key, (figure.gist, figure.at_ms));
    }
}

/// Tells what is new when it is time, also while the hub can't be reached. What goes wrong here is not
/// in the way of the evidence.
pub(crate) async fn tell_when_due(inner: &Inner, tenant: TenantId, live: &Live) {
    let is_due = {
        let mut state = live.state.lock();
        let is_due = state.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if is_due {
            // Before the look: whoever wants another one in the meantime gets it.
            state.told_at = Some(Instant::now());
        }
        is_due
    };
    if !is_due {
        return;
    }
    let told = match inner.link(tenant).await {
        Ok(Some(link)) => tell(inner, &link).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::warn!(%tenant, code = error.code, "What is told to the hub could not be put together.");
    }
}

/// Writes what is new to the log.
pub(crate) async fn tell(inner: &Inner, link: &Link) -> Result<(), CodedError> {
    let Some(source) = &inner.parts.figures else {
        return Ok(());
    };
    if link.hub.is_none() || link.choice.level < LEVEL {
        return Ok(());
    }
    // One after another: two would tell the same twice.
    let mut told = inner.told.lock().await;
    let tenant = link.tenant_id;
    let all = source.figures(tenant, &link.choice.time_zone).await?;
    let news: Vec<Figure> = all
        .into_iter()
        .filter(|figure| told.is_news(tenant, figure))
        .collect();
    if news.is_empty() {
        return Ok(());
    }
    let (kept, appliance) = (news.clone(), link.appliance);
    let (boot, since) = (inner.boot, inner.started.elapsed());
    let written = inner.parts.store.write(move |tx| {
        let place = Place {
            tenant,
            appliance,
            boot,
            mono_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        };
        append(tx, &place, &kept)
    });
    if written.await? {
        news.into_iter()
            .for_each(|figure| told.note(tenant, figure));
    }
    Ok(())
}

/// Who writes, and in which run.
struct Place {
    tenant: TenantId,
    appliance: [u8; 16],
    boot: [u8; 16],
    mono_us: u64,
}

/// Appends to the newest epoch; `false` where there is none of this installation yet.
fn append(conn: &Connection, place: &Place, news: &[Figure]) -> Result<bool, StoreError> {
    let tenant = place.tenant;
    let epoch = evidence::get_epoch(conn, tenant)?;
    let Some(epoch) = epoch.filter(|epoch| epoch.appliance == place.appliance) else {
        return Ok(false);
    };
    let is_demo = tenants::get_tenant(conn, tenant)?.is_some_and(|row| row.is_demo);
    let log = LogKey {
        tenant,
        epoch_no: epoch.epoch_no,
        stream: STREAM,
    };
    let (mut seq, mut prev_leaf) = evidence::get_head(conn, log)?.unwrap_or_default();
    for figure in news {
        seq += 1;
        let record = Record {
            log: LogId {
                tenant: *tenant.0.as_bytes(),
                appliance: place.appliance,
                epoch: epoch.epoch,
                stream: STREAM,
            },
            seq,
            prev_leaf,
            kind: figure.kind.as_str(),
            schema_version: 1,
            event_ms: figure.at_ms,
            received_ms: figure.at_ms,
            boot: place.boot,
            mono_us: place.mono_us,
            source: "optria",
            quality: 0,
            actor: None,
            origin: if is_demo { Origin::Demo } else { Origin::Live },
            body: vec![
                (1, iq_evidence::cbor::Value::Text(&figure.key)),
                (2, iq_evidence::cbor::Value::Text(&figure.body)),
            ],
        }
        .encode();
        let leaf = leaf_hash(&record);
        let new = NewRecord {
            seq,
            source: Source::Log,
            source_row: None,
            leaf: &leaf,
            record: &record,
            // Nothing in it is personal.
            salt: &[0; 16],
        };
        evidence::append_record(conn, &tenant.to_string(), log, &new)?;
        prev_leaf = leaf;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unchanged_is_told_again_only_where_its_age_counts() {
        let (mut told, tenant) = (Told::default(), TenantId::new());
        let figure = |kind, at_ms, gist: &str| Figure {
            kind,
            key: "7".to_owned(),
            at_ms,
            gist: gist.to_owned(),
            body: "{}".to_owned(),
        };
        for kind in Kind::ALL {
            assert!(told.is_news(tenant, &figure(kind, 0, "a")));
            told.note(tenant, figure(kind, 0, "a"));
            assert!(!told.is_news(tenant, &figure(kind, AGAIN_AFTER_MS - 1, "a")));
            assert!(told.is_news(tenant, &figure(kind, 1, "b")));
            let is_again = told.is_news(tenant, &figure(kind, AGAIN_AFTER_MS, "a"));
            assert_eq!(is_again, kind == Kind::Asset);
        }
        assert!(told.is_news(TenantId::new(), &figure(Kind::Plan, 0, "a")));
    }
}
