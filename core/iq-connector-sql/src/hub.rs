//! At most one session per integration, whoever asks: the stream, a page being browsed, a preview.

use std::{collections::HashMap, sync::Arc, time::Duration};

use iq_connector::{CancellationToken, ConnectorContext, ExposeSecret};
use iq_domain::{CodedError, IntegrationId};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::{
    config::Target,
    error::{about, ends_session},
    session::{Link, Powers, cancelled},
};

/// How long a person waits for the session while the stream uses it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session that is kept open between uses.
struct Held {
    link: Link,
    target: Target,
    powers: Powers,
}

type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

/// The sessions of all integrations.
#[derive(Default)]
pub(crate) struct Hub(Mutex<HashMap<IntegrationId, Slot>>);

/// A session in use. Nobody else has one of this integration until it is given back.
pub(crate) struct Visit {
    slot: OwnedMutexGuard<Option<Held>>,
    held: Held,
    is_new: bool,
}

fn is_same(a: &Target, b: &Target) -> bool {
    (a.db, a.port, a.ssl_mode) == (b.db, b.port, b.ssl_mode)
        && a.host == b.host
        && a.database == b.database
        && a.username == b.username
        && a.tls_ca == b.tls_ca
        && a.password.expose_secret() == b.password.expose_secret()
}

impl Hub {
    fn slot(&self, id: IntegrationId) -> Slot {
        let mut slots = self.0.lock();
        // Tests of unsaved integrations have ids of their own; what nobody holds is forgotten.
        slots.retain(|key, slot| {
            *key == id
                || Arc::strong_count(slot) > 1
                || slot.try_lock().is_ok_and(|slot| slot.is_some())
        });
        slots.entry(id).or_default().clone()
    }

    /// Waits for the integration's session and opens one where there is none.
    pub(crate) async fn visit(
        &self,
        ctx: &ConnectorContext,
        target: &Target,
    ) -> Result<Visit, CodedError> {
        let waiting = self.slot(ctx.integration_id).lock_owned();
        let mut slot = tokio::select! {
            slot = tokio::time::timeout(PATIENCE, waiting) => {
                slot.map_err(|_| about(target, "sql.busy"))?
            }
            () = ctx.cancel.cancelled() => return Err(cancelled()),
        };
        if let Some(mut held) = slot.take() {
            if is_same(&held.target, target) {
                held.link.obey(&ctx.cancel);
                return Ok(Visit {
                    slot,
                    held,
                    is_new: false,
                });
            }
            held.link.close().await;
        }
        let (link, powers) = Link::open(target, &ctx.cancel).await?;
        Ok(Visit {
            slot,
            held: Held {
                link,
                target: target.clone(),
                powers,
            },
            is_new: true,
        })
    }

    /// Closes what the integration holds.
    pub(crate) async fn clear(&self, id: IntegrationId) {
        let slot = self.slot(id);
        let held = match tokio::time::timeout(Duration::from_secs(2), slot.lock()).await {
            Ok(mut slot) => slot.take(),
            Err(_) => None,
        };
        if let Some(held) = held {
            held.link.close().await;
        }
        drop(slot);
        self.0
            .lock()
            .retain(|key, slot| *key != id || Arc::strong_count(slot) > 1);
    }
}

impl Visit {
    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.held.link
    }

    pub(crate) fn powers(&self) -> &Powers {
        &self.held.powers
    }

    /// Whether the session was opened for this visit.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Gives the session back. It stays open where it was found open, or where `keep` is wished, and
    /// never after an error that may have broken it.
    pub(crate) async fn end<T>(
        mut self,
        keep: bool,
        outcome: Result<T, CodedError>,
    ) -> Result<T, CodedError> {
        let is_sound = outcome.as_ref().err().is_none_or(|e| !ends_session(e));
        if is_sound && (keep || !self.is_new) {
            // The visitor's wish to stop ends with the visit.
            self.held.link.obey(&CancellationToken::new());
            *self.slot = Some(self.held);
        } else if is_sound {
            self.held.link.close().await;
        }
        outcome
    }
}
