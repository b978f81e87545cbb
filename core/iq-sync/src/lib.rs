//! The appliance's side of sync: enrols with a hub, sends the evidence log as the tenant allows, takes
//! the hub's signed word on what it holds, applies changes from above, and does the same by files.
//!
//! The log is the outbox. What is kept beside it is how far the hub is known to hold it; that moves
//! on nothing but the hub's signature over a leaf that is ours.

mod changes;
mod client;
mod courier;
mod enrol;
mod figures;
mod keys;
mod raw;
mod status;
mod tracks;
mod work;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Instant};

use iq_domain::{Clock, CodedError, ErrorKind, TenantId, Timestamp};
use iq_historian::Historian;
use iq_secrets::MasterKey;
use iq_store::{Store, sync as rows};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use courier::{ExportFrom, Exported};
pub use enrol::EnrolInput;
pub use figures::Figures;
pub use iq_store::sync::{Choice, Question, Way};
pub use raw::{MAX_BACK_FILL_HOURS, RawEstimate, RawStatus};
pub use status::{LineStatus, SyncStatus};

/// The highest level that is sent: status, incidents and events, key figures, pieces of series.
pub const MAX_LEVEL: u8 = 4;

/// What a host supplies.
pub struct SyncParts {
    /// The store with its evidence log.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The key that seals ours.
    pub master_key: Arc<MasterKey>,
    /// Id of this installation.
    pub appliance: [u8; 16],
    /// The program's version.
    pub version: String,
    /// Where the store lies, for the free room that is reported.
    pub folder: PathBuf,
    /// What is told at the third level; nothing where there is no source.
    pub figures: Option<Arc<dyn Figures>>,
    /// What is taken from at the fourth level; nothing where there is none.
    pub historian: Option<Historian>,
}

/// Sync of all tenants of an appliance. Clones share it.
#[derive(Clone)]
pub struct Sync(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: SyncParts,
    pub(crate) lives: Mutex<HashMap<TenantId, Arc<work::Live>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) cancel: CancellationToken,
    /// One change of links, cursors by file, or enrolment at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
    pub(crate) told: tokio::sync::Mutex<figures::Told>,
    /// This run, in what it writes itself.
    pub(crate) boot: [u8; 16],
    pub(crate) started: Instant,
}

impl Sync {
    /// Takes up what is enrolled.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn start(parts: SyncParts) -> Result<Self, CodedError> {
        let links = parts.store.read(rows::list_links).await?;
        let sync = Self::by_hand(parts);
        for link in links {
            sync.spawn(link.tenant_id);
        }
        Ok(sync)
    }

    /// For files only: nothing goes over the network.
    #[must_use]
    pub fn by_hand(parts: SyncParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            lives: Mutex::default(),
            tasks: Mutex::default(),
            cancel: CancellationToken::new(),
            changing: tokio::sync::Mutex::default(),
            told: tokio::sync::Mutex::default(),
            boot: *uuid::Uuid::now_v7().as_bytes(),
            started: Instant::now(),
        }))
    }

    /// Tenants that have a hub.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, CodedError> {
        let links = self.0.parts.store.read(rows::list_links).await?;
        Ok(links
            .into_iter()
            .filter(|link| link.hub.is_some())
            .map(|link| link.tenant_id)
            .collect())
    }

    /// Id of this installation.
    #[must_use]
    pub fn appliance(&self) -> [u8; 16] {
        self.0.parts.appliance
    }

    /// Stops; what was under way is sent again at the next start.
    pub async fn stop(&self) {
        self.0.cancel.cancel();
        let tasks: Vec<JoinHandle<()>> = self.0.tasks.lock().drain(..).collect();
        for task in tasks {
            drop(task.await);
        }
    }

    /// Begins to work for a tenant; once is enough.
    pub(crate) fn spawn(&self, tenant: TenantId) {
        let mut lives = self.0.lives.lock();
        if lives.contains_key(&tenant) {
            return;
        }
        let live = Arc::new(work::Live::default());
        lives.insert(tenant, Arc::clone(&live));
        let task = tokio::spawn(work::run(Arc::clone(&self.0), tenant, live));
        self.0.tasks.lock().push(task);
    }

    /// Tries now.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn try_now(&self, tenant: TenantId) -> Result<(), CodedError> {
        self.link(tenant).await?;
        if let Some(live) = self.0.live(tenant) {
            let mut state = live.state.lock();
            (state.session, state.told_at) = (None, None);
            state.raw.look_again();
            drop(state);
            live.wake.notify_one();
        }
        Ok(())
    }

    /// Changes what may leave, when and how.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn change(&self, tenant: TenantId, choice: Choice) -> Result<(), CodedError> {
        self.change_from(tenant, choice, 0).await
    }

    /// The same; where the fourth level is chosen now, values of so many hours before leave too.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn change_from(
        &self,
        tenant: TenantId,
        choice: Choice,
        back_fill_hours: u32,
    ) -> Result<(), CodedError> {
        let link = self.link(tenant).await?;
        let now = self.0.now();
        self.0
            .parts
            .store
            .write(move |tx| {
                rows::update_choice(tx, tenant, &choice)?;
                raw::chosen(tx, tenant, &link, choice.level, (now, back_fill_hours))
            })
            .await?;
        if let Some(live) = self.0.live(tenant) {
            let mut state = live.state.lock();
            state.told_at = None;
            state.raw.look_again();
        }
        self.wake(tenant);
        Ok(())
    }

    /// Holds or goes on.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn pause(&self, tenant: TenantId, is_paused: bool) -> Result<(), CodedError> {
        let mut choice = self.link(tenant).await?.choice;
        choice.is_paused = is_paused;
        self.change(tenant, choice).await
    }

    /// Forgets the hub: nothing is sent any more, and its keys here are gone. Whether the appliance is
    /// revoked there is the hub's matter.
    ///
    /// # Errors
    /// When the tenant has no hub.
    pub async fn unenrol(&self, tenant: TenantId) -> Result<(), CodedError> {
        let _one = self.0.changing.lock().await;
        self.link(tenant).await?;
        let now = self.0.now();
        self.0
            .parts
            .store
            .write(move |tx| {
                // Another hub holds nothing of it, and whoever chooses the level there chooses anew.
                iq_store::raw::close_raw_logs(tx, tenant, now)?;
                for log in iq_store::raw::list_raw_logs(tx, tenant)? {
                    iq_store::raw::drop_raw_records(tx, tenant, log.epoch_no)?;
                }
                rows::delete_link(tx, tenant)
            })
            .await?;
        if let Some(live) = self.0.live(tenant) {
            *live.state.lock() = work::State::default();
        }
        Ok(())
    }

    pub(crate) fn wake(&self, tenant: TenantId) {
        if let Some(live) = self.0.live(tenant) {
            live.wake.notify_one();
        }
    }

    /// The link of a tenant, answered or not.
    pub(crate) async fn link(&self, tenant: TenantId) -> Result<rows::Link, CodedError> {
        self.0.link(tenant).await?.ok_or(not_enrolled())
    }
}

impl Inner {
    pub(crate) fn live(&self, tenant: TenantId) -> Option<Arc<work::Live>> {
        self.lives.lock().get(&tenant).cloned()
    }

    pub(crate) async fn link(&self, tenant: TenantId) -> Result<Option<rows::Link>, CodedError> {
        Ok(self
            .parts
            .store
            .read(move |conn| rows::get_link(conn, tenant))
            .await?)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

pub(crate) fn not_enrolled() -> CodedError {
    CodedError::conflict("sync.not_enrolled")
}

pub(crate) fn internal() -> CodedError {
    CodedError::new(ErrorKind::Internal, "internal.error")
}

/// The short name of a key that two people compare by voice.
#[must_use]
pub fn fingerprint(key: &[u8; 32]) -> String {
    iq_sync_proto::PublicKey::from_bytes(key).map_or_else(String::new, |key| client::hex(&key.id()))
}

/// Wakes the work of a tenant.
pub(crate) type Wake = Notify;
