//! Subscriptions and their notifications: created in batches within the server's limits, numbered
//! notifications checked for holes, acknowledged only after they were handed on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use iq_connector::{MAX_TAG_PROBLEMS, TagProblem};
use iq_domain::{CodedError, ErrorKind, RawSample, SourceEvent, StatusCode, Timestamp};
use opcua::{
    client::{
        UARequest,
        services::{
            CreateMonitoredItems, CreateSubscription, DeleteMonitoredItems, Publish, Republish,
        },
    },
    types::{
        DataChangeFilter, DataChangeNotification, DataChangeTrigger, EventNotificationList,
        ExtensionObject, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId,
        NotificationMessage, PublishResponse, StatusChangeNotification, StatusCode as Library,
        SubscriptionAcknowledgement, TimestampsToReturn, Variant,
    },
};

use crate::{
    alarms::{self, Conditions, Told},
    client::{Core, value_of},
    config::{Alarms, Settings},
    nodeid::TagError,
    value::{is_overflow, sample},
};

/// Items in one subscription; more go into further ones.
const ITEMS_PER_SUBSCRIPTION: usize = 5_000;

/// Values the server keeps per item while they are not fetched.
const QUEUE_SIZE: u32 = 20;

/// How often a silent subscription says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long the server keeps a subscription nobody fetches from.
const LIFETIME: Duration = Duration::from_secs(600);

/// More holes than this in one go are not asked for one by one.
const MAX_REPUBLISH: u32 = 100;

/// One subscription on the server.
struct Subscription {
    id: u32,
    items: usize,
    /// Number the next notification must have; `None` before the first.
    expected: Option<u32>,
}

/// One monitored item.
struct Item {
    subscription: u32,
    monitored_id: u32,
    handle: u32,
}

/// What a publish answer brought.
#[derive(Default)]
pub(crate) struct Delivery {
    pub(crate) samples: Vec<RawSample>,
    /// What the server told of alarms.
    pub(crate) events: Vec<SourceEvent>,
    /// How many times the server said that it threw events away.
    pub(crate) lost_events: u64,
    /// The server asks to be asked which alarms stand.
    pub(crate) is_refresh_wanted: bool,
    /// Notifications are missing and could not be asked for again.
    pub(crate) is_incomplete: bool,
    /// The server threw values away.
    pub(crate) is_overflow: bool,
    /// The server ended the subscription.
    pub(crate) is_ended: bool,
    /// To be acknowledged once the samples are handed on.
    pub(crate) acknowledgements: Vec<SubscriptionAcknowledgement>,
}

/// All subscriptions of a session.
pub(crate) struct Feed {
    subscriptions: Vec<Subscription>,
    items: HashMap<Arc<str>, Item>,
    by_handle: HashMap<u32, Arc<str>>,
    failed: HashMap<Arc<str>, (CodedError, StatusCode)>,
    next_handle: u32,
    keep_alive: Duration,
    use_filter: bool,
    alarms: AlarmFeed,
}

/// The events of a session.
#[derive(Default)]
struct AlarmFeed {
    /// Their subscription, apart from that of the values.
    subscription: Option<u32>,
    /// Handle of the item that asks for them.
    handle: Option<u32>,
    conditions: Conditions,
    /// What of the event's fields the server agreed to deliver.
    layout: alarms::Layout,
    /// The server has been asked whether it offers events.
    is_settled: bool,
    problem: Option<CodedError>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            subscriptions: Vec::new(),
            items: HashMap::new(),
            by_handle: HashMap::new(),
            failed: HashMap::new(),
            next_handle: 1,
            keep_alive: KEEP_ALIVE,
            use_filter: true,
            alarms: AlarmFeed::default(),
        }
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    pub(crate) fn item_count(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn failed_count(&self) -> usize {
        self.failed.len() + usize::from(self.alarms.problem.is_some())
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    pub(crate) fn problems(&self) -> Vec<TagProblem> {
        let mut problems: Vec<TagProblem> = self
            .failed
            .iter()
            .map(|(tag, (error, _))| TagProblem {
                tag: tag.clone(),
                error: error.clone(),
            })
            .collect();
        problems.extend(self.alarms.problem.iter().map(|error| TagProblem {
            tag: "Server".into(),
            error: error.clone(),
        }));
        problems.sort_by(|a, b| a.tag.cmp(&b.tag));
        problems.truncate(MAX_TAG_PROBLEMS);
        problems
    }

    /// Brings the monitored items in line with the wanted tags. Tags the server refuses are returned
    /// as bad samples once, so that their state is visible; they are tried again at the next call.
    pub(crate) async fn sync(
        &mut self,
        core: &Core,
        settings: &Settings,
        wanted: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Vec<RawSample>, Library> {
        let wanted: HashSet<&Arc<str>> = wanted.iter().collect();
        self.remove_unwanted(core, &wanted).await?;
        let known_bad: HashSet<Arc<str>> = self.failed.keys().cloned().collect();
        self.failed.clear();
        let mut resolved: Vec<(Arc<str>, NodeId)> = Vec::new();
        let mut missing: Vec<&Arc<str>> = wanted
            .into_iter()
            .filter(|tag| !self.items.contains_key(*tag))
            .collect();
        missing.sort();
        for tag in missing {
            match core.namespaces.resolve(tag) {
                Ok(id) => resolved.push((tag.clone(), id)),
                Err(error) => drop(self.failed.insert(tag.clone(), tag_failure(error, tag))),
            }
        }
        for part in resolved.chunks(core.limits.monitor.max(1)) {
            self.add(core, settings, part).await?;
        }
        let bad = self
            .failed
            .iter()
            .filter(|(tag, _)| !known_bad.contains(*tag));
        Ok(bad
            .map(|(tag, (_, status))| RawSample {
                state_no: None,
                external_tag: tag.clone(),
                value: None,
                status: *status,
                source_time: None,
                server_time: None,
                received_at: now,
            })
            .collect())
    }

    async fn remove_unwanted(
        &mut self,
        core: &Core,
        wanted: &HashSet<&Arc<str>>,
    ) -> Result<(), Library> {
        let gone: Vec<Arc<str>> = self
            .items
            .keys()
            .filter(|tag| !wanted.contains(tag))
            .cloned()
            .collect();
        let mut by_subscription: HashMap<u32, Vec<u32>> = HashMap::new();
        for tag in gone {
            if let Some(item) = self.items.remove(&tag) {
                self.by_handle.remove(&item.handle);
                by_subscription
                    .entry(item.subscription)
                    .or_default()
                    .push(item.monitored_id);
            }
        }
        for (subscription, ids) in by_subscription {
            for part in ids.chunks(core.limits.monitor.max(1)) {
                core.meter.count(part.len());
                DeleteMonitoredItems::new(subscription, &core.session)
                    .items_to_delete(part.to_vec())
                    .send(core.session.channel())
                    .await
                    .map_err(|e| e.status())?;
            }
            if let Some(held) = self.subscriptions.iter_mut().find(|s| s.id == subscription) {
                held.items = held.items.saturating_sub(ids.len());
            }
        }
        Ok(())
    }

    /// The subscription the next items go to, created when all are full.
    async fn subscription(
        &mut self,
        core: &Core,
        settings: &Settings,
        count: usize,
    ) -> Result<u32, Library> {
        if let Some(held) = self.subscriptions.iter().find(|s| {
            Some(s.id) != self.alarms.subscription && s.items + count <= ITEMS_PER_SUBSCRIPTION
        }) {
            return Ok(held.id);
        }
        self.new_subscription(core, settings).await
    }

    async fn new_subscription(&mut self, core: &Core, settings: &Settings) -> Result<u32, Library> {
        let interval = Duration::from_millis(u64::from(settings.sampling_ms.clamp(100, 1_000)));
        let counts = |span: Duration| {
            u32::try_from(span.as_millis().div_ceil(interval.as_millis().max(1)))
                .unwrap_or(u32::MAX)
        };
        let keep_alive = counts(KEEP_ALIVE).max(1);
        core.meter.count(1);
        let made = CreateSubscription::new(&core.session)
            .publishing_interval(interval)
            .max_keep_alive_count(keep_alive)
            .max_lifetime_count(counts(LIFETIME).max(keep_alive * 3))
            .max_notifications_per_publish(10_000)
            .publishing_enabled(true)
            .send(core.session.channel())
            .await
            .map_err(|e| e.status())?;
        let revised = Duration::from_secs_f64(
            (made.revised_publishing_interval / 1_000.0).clamp(0.01, 3_600.0),
        );
        self.keep_alive = self
            .keep_alive
            .max(revised.saturating_mul(made.revised_max_keep_alive_count.max(1)));
        self.subscriptions.push(Subscription {
            id: made.subscription_id,
            items: 0,
            expected: None,
        });
        Ok(made.subscription_id)
    }

    /// Subscribes to the server's events once, where it offers them and they are wanted. Answers the
    /// subscription that is new. A server that refuses events still delivers its values.
    pub(crate) async fn listen(
        &mut self,
        core: &Core,
        settings: &Settings,
    ) -> Result<Option<u32>, Library> {
        if self.alarms.is_settled || settings.alarms == Alarms::Off {
            return Ok(None);
        }
        if !alarms::are_offered(core).await {
            self.alarms.is_settled = true;
            return Ok(None);
        }
        let subscription = match self.alarms.subscription {
            Some(id) => id,
            None => self.new_subscription(core, settings).await?,
        };
        self.alarms.subscription = Some(subscription);
        if self.alarms.handle.is_none() {
            self.alarms.handle = Some(self.next_handle);
            self.next_handle += 1;
        }
        let filtered = settings.alarms == Alarms::Conditions;
        let mut status = self.add_events(core, subscription, filtered).await?;
        if filtered && status.is_bad() {
            status = self.add_events(core, subscription, false).await?;
        }
        self.alarms.is_settled = !status.is_bad();
        self.alarms.problem = status.is_bad().then(|| core.coded(status));
        Ok(self.alarms.is_settled.then_some(subscription))
    }

    async fn add_events(
        &mut self,
        core: &Core,
        subscription: u32,
        is_filtered: bool,
    ) -> Result<Library, Library> {
        core.meter.count(1);
        let answer = CreateMonitoredItems::new(subscription, &core.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(vec![alarms::item_request(
                self.alarms.handle.unwrap_or_default(),
                is_filtered,
            )])
            .send(core.session.channel())
            .await
            .map_err(|e| e.status())?;
        let Some(made) = answer.results.first() else {
            return Ok(Library::BadUnknownResponse);
        };
        self.alarms.layout = alarms::Layout::of(&made.result);
        Ok(made.result.status_code)
    }

    /// The subscription of the events, once they are delivered.
    pub(crate) fn event_subscription(&self) -> Option<u32> {
        self.alarms.subscription.filter(|_| self.alarms.is_settled)
    }

    async fn add(
        &mut self,
        core: &Core,
        settings: &Settings,
        part: &[(Arc<str>, NodeId)],
    ) -> Result<(), Library> {
        let subscription = self.subscription(core, settings, part.len()).await?;
        let mut refused = self.create(core, settings, subscription, part).await?;
        if !refused.is_empty() && self.use_filter {
            // Not every server can report on time stamps alone; values and status are enough then.
            self.use_filter = false;
            refused = self.create(core, settings, subscription, &refused).await?;
        }
        for (tag, _) in refused {
            let failure = item_failure(core, Library::BadMonitoredItemFilterUnsupported, &tag);
            self.failed.insert(tag, failure);
        }
        Ok(())
    }

    /// Creates monitored items; returns those refused because of the filter.
    async fn create(
        &mut self,
        core: &Core,
        settings: &Settings,
        subscription: u32,
        part: &[(Arc<str>, NodeId)],
    ) -> Result<Vec<(Arc<str>, NodeId)>, Library> {
        let first = self.next_handle;
        self.next_handle += u32::try_from(part.len()).unwrap_or(u32::MAX);
        let requests = part
            .iter()
            .zip(first..)
            .map(|((_, id), handle)| item_request(id.clone(), handle, settings, self.use_filter))
            .collect();
        core.meter.count(part.len());
        // Registered before the request: the first notification may overtake the answer.
        for ((tag, _), handle) in part.iter().zip(first..) {
            self.by_handle.insert(handle, tag.clone());
        }
        let answer = CreateMonitoredItems::new(subscription, &core.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(requests)
            .send(core.session.channel())
            .await
            .map_err(|e| e.status())?;
        let mut refused = Vec::new();
        for (((tag, id), handle), made) in part.iter().zip(first..).zip(answer.results) {
            let status = made.result.status_code;
            if !status.is_bad() {
                let monitored_id = made.result.monitored_item_id;
                self.items.insert(
                    tag.clone(),
                    Item {
                        subscription,
                        monitored_id,
                        handle,
                    },
                );
                if let Some(held) = self.subscriptions.iter_mut().find(|s| s.id == subscription) {
                    held.items += 1;
                }
                continue;
            }
            self.by_handle.remove(&handle);
            let is_filter = status == Library::BadMonitoredItemFilterUnsupported
                || status == Library::BadMonitoredItemFilterInvalid
                || status == Library::BadFilterNotAllowed;
            if is_filter {
                refused.push((tag.clone(), id.clone()));
            } else {
                self.failed
                    .insert(tag.clone(), item_failure(core, status, tag));
            }
        }
        Ok(refused)
    }

    /// Takes a publish answer apart. Holes in the numbering are asked for again, oldest first.
    pub(crate) async fn take(
        &mut self,
        core: &Core,
        settings: &Settings,
        answer: PublishResponse,
        now: Timestamp,
    ) -> Delivery {
        let mut delivery = Delivery::default();
        let subscription_id = answer.subscription_id;
        let message = answer.notification_message;
        let number = message.sequence_number;
        let is_keep_alive = message.notification_data.as_ref().is_none_or(Vec::is_empty);
        let known = self
            .subscriptions
            .iter()
            .position(|s| s.id == subscription_id);
        let arrival = known.map(|position| arrival(self.subscriptions[position].expected, number));
        let (Some(position), Some(arrival)) = (known, arrival) else {
            // Of a subscription of an earlier build: acknowledged, so that the server forgets it.
            if !is_keep_alive {
                delivery
                    .acknowledgements
                    .push(acknowledge(subscription_id, number));
            }
            return delivery;
        };
        match arrival {
            Arrival::Repeated => {
                if !is_keep_alive {
                    delivery
                        .acknowledgements
                        .push(acknowledge(subscription_id, number));
                }
                return delivery;
            }
            Arrival::Jump => delivery.is_incomplete = true,
            Arrival::After(missing) => {
                for lost in missing {
                    self.repeat(core, settings, subscription_id, lost, now, &mut delivery)
                        .await;
                }
            }
        }
        // A keep-alive carries the number of the next notification and is not acknowledged.
        if is_keep_alive {
            self.subscriptions[position].expected = Some(number);
            return delivery;
        }
        self.subscriptions[position].expected = Some(following(number));
        self.collect(core, settings, message, now, &mut delivery);
        delivery
            .acknowledgements
            .push(acknowledge(subscription_id, number));
        delivery
    }

    async fn repeat(
        &mut self,
        core: &Core,
        settings: &Settings,
        subscription: u32,
        number: u32,
        now: Timestamp,
        delivery: &mut Delivery,
    ) {
        core.meter.count(1);
        let answer = Republish::new(subscription, number, &core.session)
            .send(core.session.channel())
            .await;
        match answer {
            Ok(answer) => {
                self.collect(core, settings, answer.notification_message, now, delivery);
                delivery
                    .acknowledgements
                    .push(acknowledge(subscription, number));
            }
            Err(error) => {
                tracing::warn!(number, status = %error.status(), "notification is lost");
                delivery.is_incomplete = true;
            }
        }
    }

    fn collect(
        &mut self,
        core: &Core,
        settings: &Settings,
        message: NotificationMessage,
        now: Timestamp,
        delivery: &mut Delivery,
    ) {
        for object in message.notification_data.into_iter().flatten() {
            if object.inner_is::<StatusChangeNotification>() {
                delivery.is_ended = true;
                continue;
            }
            if object.inner_is::<EventNotificationList>() {
                let list = object.into_inner_as::<EventNotificationList>();
                for event in list.into_iter().flat_map(|l| l.events).flatten() {
                    if Some(event.client_handle) == self.alarms.handle {
                        let fields = event.event_fields.unwrap_or_default();
                        self.told(core, settings, &fields, now, delivery);
                    }
                }
                continue;
            }
            let Some(changes) = object.into_inner_as::<DataChangeNotification>() else {
                continue;
            };
            for change in changes.monitored_items.into_iter().flatten() {
                if let Some(tag) = self.by_handle.get(&change.client_handle) {
                    let sample = sample(tag, change.value, now, settings.zone.as_ref());
                    delivery.is_overflow |= is_overflow(sample.status);
                    delivery.samples.push(sample);
                }
            }
        }
    }
}

impl Feed {
    fn told(
        &mut self,
        core: &Core,
        settings: &Settings,
        fields: &[Variant],
        now: Timestamp,
        delivery: &mut Delivery,
    ) {
        let fields = &self.alarms.layout.place(fields);
        let conditions = &mut self.alarms.conditions;
        match conditions.take(fields, &core.namespaces, settings, now) {
            Told::Events(events) => delivery.events.extend(events),
            Told::RefreshWanted => delivery.is_refresh_wanted = true,
            Told::Overflow => delivery.lost_events += 1,
        }
    }
}

/// One publish request, answered when there is something to say.
pub(crate) async fn publish(
    core: Arc<Core>,
    acknowledgements: Vec<SubscriptionAcknowledgement>,
    patience: Duration,
) -> Result<PublishResponse, Library> {
    core.meter.count(1);
    Publish::new(&core.session)
        .acks(acknowledgements)
        .timeout(patience)
        .send(core.session.channel())
        .await
        .map_err(|e| e.status())
}

/// What the number of a notification says.
#[derive(Debug, PartialEq, Eq)]
enum Arrival {
    /// It was taken before, by way of a repeat.
    Repeated,
    /// It comes after these missing ones, usually none.
    After(Vec<u32>),
    /// Too many are missing to ask for each.
    Jump,
}

fn arrival(expected: Option<u32>, number: u32) -> Arrival {
    let expected = expected.unwrap_or(number);
    let ahead = number.wrapping_sub(expected);
    if ahead > u32::MAX / 2 {
        return Arrival::Repeated;
    }
    if ahead > MAX_REPUBLISH {
        return Arrival::Jump;
    }
    let missing = std::iter::successors(Some(expected), |n| Some(following(*n)));
    Arrival::After(missing.take_while(|n| *n != number).collect())
}

/// The number after `number`; zero is never used.
fn following(number: u32) -> u32 {
    number.checked_add(1).unwrap_or(1)
}

fn acknowledge(subscription_id: u32, sequence_number: u32) -> SubscriptionAcknowledgement {
    SubscriptionAcknowledgement {
        subscription_id,
        sequence_number,
    }
}

fn item_request(
    id: NodeId,
    client_handle: u32,
    settings: &Settings,
    use_filter: bool,
) -> MonitoredItemCreateRequest {
    // A new time stamp counts as news: a steady value must stay distinguishable from a dead tag.
    let filter = if use_filter {
        ExtensionObject::from_message(DataChangeFilter {
            trigger: DataChangeTrigger::StatusValueTimestamp,
            deadband_type: 0,
            deadband_value: 0.0,
        })
    } else {
        ExtensionObject::null()
    };
    MonitoredItemCreateRequest {
        item_to_monitor: value_of(id),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle,
            sampling_interval: f64::from(settings.sampling_ms),
            filter,
            queue_size: QUEUE_SIZE,
            discard_oldest: true,
        },
    }
}

pub(crate) fn tag_failure(error: TagError, tag: &str) -> (CodedError, StatusCode) {
    let (code, status) = match error {
        TagError::Malformed => ("opcua.tag_malformed", Library::BadNodeIdInvalid),
        TagError::NamespaceUnknown => ("opcua.namespace_unknown", Library::BadNodeIdUnknown),
    };
    (
        CodedError::new(ErrorKind::Upstream, code).with("tag", tag),
        StatusCode(status.bits()),
    )
}

fn item_failure(core: &Core, status: Library, tag: &str) -> (CodedError, StatusCode) {
    (
        core.coded(status).with("tag", tag),
        StatusCode(status.bits()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_in_the_numbering_are_found_and_repeats_are_not_taken_twice() {
        assert_eq!(arrival(None, 7), Arrival::After(vec![]));
        assert_eq!(arrival(Some(7), 7), Arrival::After(vec![]));
        assert_eq!(arrival(Some(7), 10), Arrival::After(vec![7, 8, 9]));
        assert_eq!(arrival(Some(7), 6), Arrival::Repeated);
        assert_eq!(arrival(Some(7), 1_000), Arrival::Jump);
    }

    #[test]
    fn the_numbering_wraps_past_zero() {
        assert_eq!(following(u32::MAX), 1);
        assert_eq!(
            arrival(Some(u32::MAX), 2),
            Arrival::After(vec![u32::MAX, 1])
        );
        assert_eq!(arrival(Some(1), u32::MAX), Arrival::Repeated);
    }
}
