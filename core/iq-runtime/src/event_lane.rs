//! The way of events beside the values of a source. A plant in upset tells of thousands of alarms at once;
//! storing them may take its time, and no value waits for it. The lane holds a bounded number; what does
//! not fit is counted, and the count becomes an event.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use iq_domain::SourceRecord;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tracing::warn;

use crate::{
    alerts::{Occurrence, record},
    ingest::Ingest,
};

/// Events that may wait for the store.
const CAPACITY: usize = 10_000;

/// Events stored together.
const TOGETHER: usize = 200;

/// Events that are lost for good and that nobody was told of yet.
#[derive(Default)]
struct Lost {
    count: AtomicU64,
    more: Notify,
}

/// The lane of one integration.
pub(crate) struct EventLane {
    sender: mpsc::Sender<SourceRecord>,
    lost: Arc<Lost>,
    worker: JoinHandle<()>,
}

impl EventLane {
    /// Starts it.
    pub(crate) fn start(ingest: Ingest) -> Self {
        let (sender, waiting) = mpsc::channel(CAPACITY);
        let lost = Arc::new(Lost::default());
        let worker = tokio::spawn(work(ingest, waiting, Arc::clone(&lost)));
        Self {
            sender,
            lost,
            worker,
        }
    }

    /// Takes events without waiting; what has no room is lost, and counted.
    pub(crate) fn offer(&self, events: impl IntoIterator<Item = SourceRecord>) {
        for event in events {
            if self.sender.try_send(event).is_err() {
                self.lost(1);
            }
        }
    }

    /// Events that are lost for good, here or in the source.
    pub(crate) fn lost(&self, count: u64) {
        self.lost.count.fetch_add(count, Ordering::Relaxed);
        self.lost.more.notify_one();
    }

    /// Stores what waits, tells what was lost, and ends.
    pub(crate) async fn close(self) {
        drop(self.sender);
        drop(self.worker.await);
    }
}

async fn work(ingest: Ingest, mut waiting: mpsc::Receiver<SourceRecord>, lost: Arc<Lost>) {
    let mut taken = Vec::with_capacity(TOGETHER);
    loop {
        // A source that lost its last events may be quiet for long: the loss waits for no event after it.
        let taken_in = tokio::select! {
            biased;
            count = waiting.recv_many(&mut taken, TOGETHER) => Some(count),
            () = lost.more.notified() => None,
        };
        if taken_in.is_some_and(|count| count > 0)
            && !ingest.store_records(std::mem::take(&mut taken)).await
        {
            return;
        }
        let count = lost.count.swap(0, Ordering::Relaxed);
        if count > 0 && !tell(&ingest, count).await {
            lost.count.fetch_add(count, Ordering::Relaxed);
        }
        if taken_in == Some(0) {
            return;
        }
    }
}

/// Makes the loss an event; false when it could not be stored.
async fn tell(ingest: &Ingest, count: u64) -> bool {
    let inner = &ingest.inner;
    let Some(tenant) = inner.index.load().tenant(ingest.tenant_id) else {
        return true;
    };
    let Some(integration) = tenant.integrations.get(&ingest.integration_id) else {
        return true;
    };
    warn!(integration = %integration.id, count, "Events were lost.");
    let occurrence = Occurrence::EventsLost {
        integration_id: integration.id,
        name: integration.name.clone(),
        count,
        at: inner.clock.now(),
    };
    record(inner, &tenant, occurrence).await.is_ok()
}
