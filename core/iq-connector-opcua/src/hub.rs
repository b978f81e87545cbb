//! Sessions shared per integration: browsing and previews use the stream's session while it stands,
//! else one short-lived session that is closed when nobody uses it for a while.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use iq_connector::{ConnectorContext, ExposeSecret, RequestMeter};
use iq_domain::{CodedError, IntegrationId};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    client::{Core, Link},
    config::Settings,
    trust::sha256_hex,
};

/// How long a browsing session outlives its last use.
const IDLE: Duration = Duration::from_secs(30);

/// A browsing session.
struct Visit {
    link: Link,
    fingerprint: String,
    last_used: Instant,
}

type VisitSlot = Arc<AsyncMutex<Option<Visit>>>;

/// The sessions of this process.
#[derive(Default)]
pub(crate) struct Hub {
    streams: Mutex<HashMap<IntegrationId, Arc<Core>>>,
    visits: Mutex<HashMap<IntegrationId, VisitSlot>>,
}

impl Hub {
    /// Announces the session of a running stream.
    pub(crate) fn announce(&self, id: IntegrationId, core: Arc<Core>) {
        self.streams.lock().insert(id, core);
    }

    /// Withdraws it.
    pub(crate) fn withdraw(&self, id: IntegrationId) {
        self.streams.lock().remove(&id);
    }

    fn slot(&self, id: IntegrationId) -> VisitSlot {
        self.visits.lock().entry(id).or_default().clone()
    }

    /// Ends a browsing session, because a stream is about to open its own.
    pub(crate) async fn end_visit(&self, id: IntegrationId) {
        let slot = self.visits.lock().remove(&id);
        if let Some(slot) = slot
            && let Some(visit) = slot.lock().await.take()
        {
            visit.link.close().await;
        }
    }

    /// A session to look into the server with.
    pub(crate) async fn core(
        self: &Arc<Self>,
        ctx: &ConnectorContext,
        settings: &Settings,
    ) -> Result<Arc<Core>, CodedError> {
        let streaming = self.streams.lock().get(&ctx.integration_id).cloned();
        if let Some(core) = streaming {
            return Ok(core);
        }
        let fingerprint = fingerprint(ctx);
        let slot = self.slot(ctx.integration_id);
        let mut held = slot.lock().await;
        if let Some(visit) = held.as_mut()
            && visit.fingerprint == fingerprint
            && visit.link.is_alive()
            && visit.link.events.is_empty()
        {
            visit.last_used = Instant::now();
            return Ok(visit.link.core.clone());
        }
        if let Some(old) = held.take() {
            old.link.close().await;
        }
        let link = Link::open(ctx, settings, Arc::new(RequestMeter::new())).await?;
        let core = link.core.clone();
        *held = Some(Visit {
            link,
            fingerprint,
            last_used: Instant::now(),
        });
        drop(held);
        let slot = slot.clone();
        tokio::spawn(async move { close_when_idle(slot).await });
        Ok(core)
    }
}

/// A hash of everything the session was opened with.
fn fingerprint(ctx: &ConnectorContext) -> String {
    let mut text = ctx.config.to_string();
    for (name, secret) in ctx.secrets.iter() {
        text.push_str(name);
        text.push_str(secret.expose_secret());
    }
    sha256_hex(text.as_bytes())
}

async fn close_when_idle(slot: VisitSlot) {
    loop {
        let wait = {
            let mut held = slot.lock().await;
            let Some(visit) = held.as_ref() else { return };
            let idle = visit.last_used.elapsed();
            if idle >= IDLE || !visit.link.is_alive() {
                if let Some(visit) = held.take() {
                    visit.link.close().await;
                }
                return;
            }
            IDLE.saturating_sub(idle)
        };
        tokio::time::sleep(wait).await;
    }
}
