//! The maintenance side of the flow: what work orders and technical objects of the plant's systems
//! mean for our assets, work orders of our own, and the one way out of the program, the outbox.
//!
//! - `incoming` takes in what connectors deliver, `matching` finds the assets, `rematch` finds them
//!   again after assets or objects changed;
//! - `local` and `plan` hold the use cases of work orders written here and of what is planned about
//!   all of them, `push` those of sending them;
//! - `outbox` says what may happen to a row on its way out, `sender` does it;
//! - `about` says which, where and when a work order is, for those who are told of it.

mod about;
mod events;
mod incoming;
mod local;
mod lookup;
mod matching;
mod outbox;
mod plan;
mod push;
mod rematch;
mod sender;

use std::{collections::HashSet, sync::Arc};

use iq_blackbox::{ClockInfo, EventContext};
use iq_domain::{IntegrationId, TenantId, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use incoming::store_records;
pub use local::{NewWorkOrder, WorkOrderChange};
pub(crate) use local::{reschedule, write as write_order};
pub use plan::{PlanChange, Set};
pub(crate) use plan::{assign, tell_crew, tell_moved};
pub use push::{OpenThere, PayloadDifference, PushEdit, PushPreview, PushTarget};
pub use rematch::Settlement;
pub(crate) use sender::run;

use crate::{
    Inner, TenantIndex,
    alerts::{UNKNOWN_CLOCK_MS, Work},
};

/// Who asks for something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Their id.
    pub user_id: UserId,
    /// Their user name.
    pub username: String,
}

/// What the tasks of this side share.
#[derive(Default)]
pub(crate) struct Maintenance {
    /// Tenants whose objects have to be matched again.
    dirty: Mutex<HashSet<TenantId>>,
    /// Rung when something may be sent at once.
    wake: Notify,
}

impl Maintenance {
    /// Objects of this tenant changed: others may belong elsewhere now.
    pub(crate) fn match_again(&self, tenant: TenantId) {
        self.dirty.lock().insert(tenant);
    }

    fn take_dirty(&self) -> Vec<TenantId> {
        self.dirty.lock().drain().collect()
    }

    fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Work {
    /// Work on what a source says, by its clock.
    pub(crate) fn of_source(
        inner: &Inner,
        tenant: &Arc<TenantIndex>,
        integration: IntegrationId,
    ) -> Self {
        let state = inner.supervisor.state(integration);
        let known = state.and_then(|s| s.clock_offset_ms.zip(s.clock_uncertainty_ms));
        let (offset_ms, uncertainty_ms) = known.unwrap_or((0, UNKNOWN_CLOCK_MS));
        Self {
            tenant: Arc::clone(tenant),
            context: EventContext {
                tenant_id: tenant.tenant.id,
                now: inner.clock.now(),
                clock: ClockInfo {
                    offset_ms,
                    uncertainty_ms,
                },
            },
        }
    }
}
