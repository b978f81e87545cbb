//! A running connector: batches out, state to look at, tags in.

use std::sync::Arc;

use iq_domain::{CodedError, RawSample, SourceRecord, Timestamp};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// The external tags to deliver. Changing the value takes effect without a restart.
pub type TagSet = watch::Receiver<Arc<Vec<Arc<str>>>>;

/// Sender side of a [`TagSet`].
pub type TagSetSender = watch::Sender<Arc<Vec<Arc<str>>>>;

/// Where batches go. The channel is bounded: a connector waits while it is full, so that values
/// queue in the source instead of being dropped here.
pub type BatchSink = mpsc::Sender<Batch>;

/// Why values may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The connection was lost and has come back.
    Reconnected,
    /// The source had to throw away values because they were not fetched in time.
    QueueOverflow,
    /// Numbered notifications are missing and could not be asked for again.
    MissedNotifications,
}

/// A stretch in which values may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapMark {
    /// Last moment known to be complete; `None` when nothing had been delivered before.
    pub from: Option<Timestamp>,
    /// First moment known to be complete again.
    pub to: Timestamp,
    /// Cause.
    pub reason: GapReason,
}

/// Why a batch was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// What happens now: rules look at it, open pages show it.
    #[default]
    Live,
    /// The past, fetched later: it is stored, and raises no alert of today.
    BackFill,
}

/// How far a source was read. It is written down after everything in its batch is durable, and handed
/// back in [`crate::ConnectorContext::cursors`] at the next start: what came after it is read again,
/// nothing before it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorMark {
    /// Which of the connector's positions (a tag, a table, "work_orders").
    pub name: String,
    /// The position, in the connector's own words.
    pub position: serde_json::Value,
}

/// What arrived together, in the order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The samples.
    pub samples: Vec<RawSample>,
    /// What is no sample: work orders, equipment, events.
    pub records: Vec<SourceRecord>,
    /// Set when values before these may be missing.
    pub gap: Option<GapMark>,
    /// Events the source says it threw away before they were fetched; it may not know how many.
    pub lost_events: u64,
    /// Live, or from the past.
    pub purpose: Purpose,
    /// Positions that are reached once this batch is durable.
    pub cursors: Vec<CursorMark>,
}

/// What a running connector is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPhase {
    /// Opening the connection, or waiting for tags.
    Connecting,
    /// The source pushes values.
    Streaming,
    /// Values are asked for on a schedule.
    Polling,
    /// Failing; the connector keeps trying.
    Error(CodedError),
    /// Ended by request.
    Stopped,
}

/// The load put on the source, for the read-only statement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OtLoad {
    /// Requests per second over the last minute.
    pub requests_per_s: f64,
    /// Largest number of items put into one request.
    pub items_per_request: u32,
    /// Monitored items held on the server.
    pub monitored_items: u32,
    /// Sessions held on the server.
    pub sessions: u32,
}

/// How far the reading of the past has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackFillProgress {
    /// Start of the stretch that is read.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Everything before this is delivered.
    pub reached: Timestamp,
    /// Samples delivered so far.
    pub samples: u64,
}

/// A tag the source refuses, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagProblem {
    /// The tag.
    pub tag: Arc<str>,
    /// Why.
    pub error: CodedError,
}

/// State of a running connector.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamState {
    /// What it does.
    pub phase: StreamPhase,
    /// Since when.
    pub since: Timestamp,
    /// Estimated offset of the source's clock (source − ours); `None` while unknown.
    pub clock_offset_ms: Option<i64>,
    /// The offset is surely within ± this (half the shortest round trip seen).
    pub clock_uncertainty_ms: Option<i64>,
    /// Subscriptions held.
    pub subscriptions: u32,
    /// Tags being delivered.
    pub items: u32,
    /// Tags the source refuses; `problems` names the first of them.
    pub failed_items: u32,
    /// The first refused tags.
    pub problems: Vec<TagProblem>,
    /// Arrival of the last value.
    pub last_value_at: Option<Timestamp>,
    /// When a source of records answered last, also where it had nothing new.
    pub last_answer_at: Option<Timestamp>,
    /// Samples handed on since the start.
    pub samples: u64,
    /// Connections established since the start.
    pub connects: u64,
    /// Load on the source.
    pub load: OtLoad,
    /// Set while the past is being read.
    pub back_fill: Option<BackFillProgress>,
}

impl StreamState {
    /// The state a connector starts with.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self {
            phase: StreamPhase::Connecting,
            since: now,
            clock_offset_ms: None,
            clock_uncertainty_ms: None,
            subscriptions: 0,
            items: 0,
            failed_items: 0,
            problems: Vec::new(),
            last_value_at: None,
            last_answer_at: None,
            samples: 0,
            connects: 0,
            load: OtLoad::default(),
            back_fill: None,
        }
    }

    /// The last receipt: of a value, or of an answer without one from a source that is asked.
    #[must_use]
    pub fn last_receipt_at(&self) -> Option<Timestamp> {
        self.last_value_at.max(self.last_answer_at)
    }
}

/// How many refused tags [`StreamState::problems`] names.
pub const MAX_TAG_PROBLEMS: usize = 50;

/// Handle of a running connector. Dropping it asks the connector to stop; [`RunningConnector::stop`]
/// also waits until it has closed its session.
#[derive(Debug)]
pub struct RunningConnector {
    /// Its state; the last value stays readable after the end.
    pub state: watch::Receiver<StreamState>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl RunningConnector {
    /// Wraps a spawned task that ends soon after `cancel` is cancelled.
    #[must_use]
    pub fn new(
        state: watch::Receiver<StreamState>,
        cancel: CancellationToken,
        task: JoinHandle<()>,
    ) -> Self {
        Self {
            state,
            cancel,
            task: Some(task),
        }
    }

    /// Asks the connector to stop and waits until it has.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // A panic of the task has been reported by the runtime already; there is nothing to add.
            drop(task.await);
        }
    }
}

impl Drop for RunningConnector {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
