//! The past is read once: what an interruption leaves is taken up where the last durable batch ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use iq_domain::{SourceRecord, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::{Batch, Connector, ConnectorContext, Purpose, StreamState};

/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Positions by name, as the host keeps them.
pub type Cursors = BTreeMap<String, Value>;

/// A past that is read twice, once in one go and once with an interruption.
pub struct PastToRead<'a> {
    /// A context that goes on from these positions.
    pub from: &'a (dyn Fn(Cursors) -> ConnectorContext + Sync),
    /// The tags.
    pub tags: &'a [String],
    /// Whether positions and state say that all of it was read.
    pub is_read: &'a (dyn Fn(&Cursors, &StreamState) -> bool + Sync),
    /// What is later is no past: the source may go on while it is read.
    pub before: Timestamp,
    /// How far before the latest that was durable the connector reads again on purpose, because rows
    /// are stamped before they can be seen.
    pub overlap_ms: i64,
}

/// Something that came: what it belongs to, when it was, and all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    of: String,
    at: Option<Timestamp>,
    all: String,
}

impl Item {
    fn record(record: &SourceRecord) -> Self {
        let (of, at) = match record {
            SourceRecord::WorkOrder(order) => (format!("{:?}", order.kind), order.changed_at),
            SourceRecord::TechnicalObject(object) => {
                (format!("{:?}", object.kind), object.changed_at)
            }
            SourceRecord::Event(_) => ("event".to_owned(), None),
        };
        let all = format!("{record:?}");
        Self { of, at, all }
    }
}

/// What a reading delivered.
#[derive(Default)]
struct Taken {
    items: Vec<Item>,
    /// What a position that came with it, or after it for the same purpose, speaks for: an
    /// interruption may fall between a batch and its position.
    durable: BTreeSet<Item>,
    /// What waits for such a position: of the past, of the present.
    waiting: [Vec<Item>; 2],
    cursors: Cursors,
    /// Whether a part of the past came, and whether its position did.
    has_past: bool,
    has_noted_past: bool,
}

impl Taken {
    fn add(&mut self, batch: Batch, before: Timestamp) {
        let is_past = batch.purpose == Purpose::BackFill;
        let is_something = !batch.samples.is_empty() || !batch.records.is_empty();
        self.has_past |= is_past && is_something;
        self.has_noted_past |= is_past && self.has_past && !batch.cursors.is_empty();
        let mut items: Vec<Item> = batch.records.iter().map(Item::record).collect();
        for sample in batch.samples {
            let at = sample.observed_at();
            if at < before {
                items.push(Item {
                    of: sample.external_tag.to_string(),
                    at: Some(at),
                    all: format!("{:?} {:?}", sample.value, sample.status),
                });
            }
        }
        let waiting = &mut self.waiting[usize::from(!is_past)];
        waiting.extend(items.iter().cloned());
        if !batch.cursors.is_empty() {
            self.durable.extend(waiting.drain(..));
        }
        self.items.extend(items);
        for mark in batch.cursors {
            self.cursors.insert(mark.name, mark.position);
        }
    }
}

/// An interruption and a restart with the noted positions lose nothing, invent nothing, and bring
/// nothing that was durable a second time, but for the overlap.
pub async fn check_resume(connector: &dyn Connector, past: &PastToRead<'_>) {
    let is_read = |taken: &Taken, state: &StreamState| (past.is_read)(&taken.cursors, state);
    let whole = take(connector, past, Cursors::new(), &is_read).await;
    let once: BTreeSet<&Item> = whole.items.iter().collect();
    assert!(!once.is_empty(), "there is no past");
    assert_eq!(
        once.len(),
        whole.items.len(),
        "read in one go, items came twice"
    );

    let is_begun = |taken: &Taken, _: &StreamState| taken.has_noted_past;
    let first = take(connector, past, Cursors::new(), &is_begun).await;
    assert!(
        first.items.len() < once.len(),
        "it was not interrupted: the past came at once"
    );
    let noted = first.cursors.clone();
    let is_rest_read = |taken: &Taken, state: &StreamState| {
        let mut all = noted.clone();
        all.extend(taken.cursors.clone());
        (past.is_read)(&all, state)
    };
    let rest = take(connector, past, first.cursors.clone(), &is_rest_read).await;
    let both: BTreeSet<&Item> = first.items.iter().chain(&rest.items).collect();
    let lost = once.difference(&both).count();
    let invented = both.difference(&once).count();
    assert_eq!(lost, 0, "items of {} were lost", once.len());
    assert_eq!(invented, 0, "items nobody wrote");
    check_nothing_again(&first, &rest, past.overlap_ms);
}

fn check_nothing_again(first: &Taken, rest: &Taken, overlap_ms: i64) {
    let mut latest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for item in &first.items {
        let at = item.at.unwrap_or(Timestamp(i64::MIN));
        let latest = latest.entry(&item.of).or_insert(at);
        *latest = at.max(*latest);
    }
    let is_overlap = |item: &Item| {
        let latest = latest.get(item.of.as_str());
        overlap_ms > 0
            && item
                .at
                .zip(latest)
                .is_some_and(|(at, latest)| at >= latest.plus_ms(-overlap_ms))
    };
    let again = rest
        .items
        .iter()
        .filter(|item| first.durable.contains(item));
    let again: Vec<&Item> = again.filter(|item| !is_overlap(item)).collect();
    assert!(
        again.is_empty(),
        "{} items that were durable came again, such as {:?}",
        again.len(),
        again[0]
    );
}

async fn take(
    connector: &dyn Connector,
    past: &PastToRead<'_>,
    cursors: Cursors,
    is_enough: &(dyn Fn(&Taken, &StreamState) -> bool + Sync),
) -> Taken {
    let list = past.tags.iter().map(|t| Arc::from(t.as_str())).collect();
    let (_tags, tag_set) = watch::channel(Arc::new(list));
    let (sink, mut batches) = mpsc::channel(1);
    let running = connector.start((past.from)(cursors), tag_set, sink);
    let mut state = running.state.clone();
    let mut taken = Taken::default();
    let taking = async {
        loop {
            let now = state.borrow_and_update().clone();
            if is_enough(&taken, &now) && batches.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                batch = batches.recv() => {
                    taken.add(batch.expect("the connector ended by itself"), past.before);
                }
                changed = state.changed() => changed.expect("the connector is gone"),
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, taking).await;
    assert!(
        in_time.is_ok(),
        "not read: {} items, {:?}, {:?}",
        taken.items.len(),
        taken.cursors,
        *state.borrow()
    );
    running.stop().await;
    taken
}
