//! Keeps values flowing: connect, subscribe, hand on, and come back after anything.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use iq_connector::{
    Batch, BatchSink, ConnectorContext, GapMark, GapReason, OtLoad, RequestMeter, StreamPhase,
    StreamState, TagSet,
};
use iq_domain::{CodedError, ErrorKind, RawSample, SourceRecord, Timestamp, TrustState};
use opcua::types::{PublishResponse, StatusCode, SubscriptionAcknowledgement};
use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{
    client::{Core, Link, LinkEvent, measure_clock},
    config::Settings,
    error::{Doing, from_status, is_about_credentials},
    feed::{Delivery, Feed, publish},
    hub::Hub,
    poll,
    refresh::refresh,
    trust::Remembering,
};

/// Failed attempts of the library to come back before we start over with discovery and trust.
const RETRIES_BEFORE_REBUILD: u32 = 2;

/// Publish requests waiting at the server.
const WAITING_PUBLISHES: usize = 3;

/// How often refused tags are tried again: after a restart a server may still be loading them.
const RETRY_REFUSED: Duration = Duration::from_secs(20);

/// How often the server's clock is compared.
const CLOCK_INTERVAL: Duration = Duration::from_secs(30);

/// Longest wait between attempts to connect; for refused credentials, so that no account is locked.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
const CREDENTIALS_BACKOFF: Duration = Duration::from_secs(120);

/// How a stretch of work ended.
pub(crate) enum Exit {
    /// Stop was asked for, or nobody takes the samples any more.
    Stopped,
    /// The session is of no use any more.
    Lost(CodedError),
    /// The server has no subscriptions: poll.
    NoSubscriptions,
}

/// The running stream of one integration.
pub(crate) struct Streamer {
    pub(crate) ctx: ConnectorContext,
    pub(crate) tags: TagSet,
    sink: BatchSink,
    state: watch::Sender<StreamState>,
    hub: Arc<Hub>,
    pub(crate) meter: Arc<RequestMeter>,
    last_delivery: Option<Timestamp>,
    pending_gap: Option<GapReason>,
    offsets: Vec<(i64, i64)>,
    presented: Arc<Remembering>,
}

impl Streamer {
    pub(crate) fn new(
        mut ctx: ConnectorContext,
        tags: TagSet,
        sink: BatchSink,
        state: watch::Sender<StreamState>,
        hub: Arc<Hub>,
    ) -> Self {
        let presented = Arc::new(Remembering::new(ctx.trust.clone()));
        ctx.trust = presented.clone();
        Self {
            ctx,
            tags,
            sink,
            state,
            hub,
            meter: Arc::new(RequestMeter::new()),
            last_delivery: None,
            pending_gap: None,
            offsets: Vec::new(),
            presented,
        }
    }

    /// Runs until stopped.
    pub(crate) async fn run(mut self) {
        let mut backoff = Duration::from_secs(1);
        while !self.ctx.cancel.is_cancelled() {
            let error = match self.once(&mut backoff).await {
                Exit::Stopped => break,
                Exit::Lost(error) => error,
                Exit::NoSubscriptions => {
                    CodedError::new(ErrorKind::Upstream, "opcua.subscriptions_unsupported")
                }
            };
            self.hub.withdraw(self.ctx.integration_id);
            tracing::info!(integration = %self.ctx.integration_id, %error, "connection failed");
            let is_trust = error.code == "opcua.certificate_untrusted";
            let wait = if is_about_credentials(&error) {
                CREDENTIALS_BACKOFF
            } else {
                backoff
            };
            self.set_phase(StreamPhase::Error(error));
            backoff = (backoff * 2).min(MAX_BACKOFF);
            tokio::select! {
                () = self.ctx.cancel.cancelled() => break,
                () = self.decided(is_trust) => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.hub.withdraw(self.ctx.integration_id);
        self.set_phase(StreamPhase::Stopped);
    }

    /// One connection from discovery to loss.
    async fn once(&mut self, backoff: &mut Duration) -> Exit {
        let settings = match Settings::from_context(&self.ctx) {
            Ok(settings) => settings,
            Err(error) => return Exit::Lost(error),
        };
        if !matches!(self.state.borrow().phase, StreamPhase::Error(_)) {
            self.set_phase(StreamPhase::Connecting);
        }
        self.hub.end_visit(self.ctx.integration_id).await;
        let mut link = match Link::open(&self.ctx, &settings, self.meter.clone()).await {
            Ok(link) => link,
            Err(error) if error.code == "connector.cancelled" => return Exit::Stopped,
            Err(error) => return Exit::Lost(error),
        };
        *backoff = Duration::from_secs(1);
        self.state.send_modify(|s| s.connects += 1);
        if self.last_delivery.is_some() {
            self.pending_gap = Some(GapReason::Reconnected);
        }
        self.hub
            .announce(self.ctx.integration_id, link.core.clone());
        let mut exit = self.subscribe(&mut link, &settings).await;
        if matches!(exit, Exit::NoSubscriptions) {
            exit = poll::run(self, &mut link, &settings).await;
        }
        self.hub.withdraw(self.ctx.integration_id);
        self.state.send_modify(|s| {
            s.subscriptions = 0;
            s.items = 0;
            s.load.monitored_items = 0;
            s.load.sessions = 0;
        });
        link.close().await;
        exit
    }

    /// Waits until a person has accepted the certificate that was refused, without a word to the
    /// server in between.
    async fn decided(&self, is_trust: bool) {
        let refused = self.presented.last().filter(|_| is_trust);
        let Some(der) = refused else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Ok(Some(TrustState::Trusted)) = self.ctx.trust.decision(&der).await {
                return;
            }
        }
    }

    /// Works by subscription until the session is lost.
    async fn subscribe(&mut self, link: &mut Link, settings: &Settings) -> Exit {
        let core = link.core.clone();
        let mut feed = Feed::new();
        if let Err(exit) = self.sync(&mut feed, &core, settings).await {
            return exit;
        }
        let mut refreshes: UnderWay<()> = FuturesUnordered::new();
        let mut listens_to = None;
        let mut waiting: UnderWay<Result<PublishResponse, StatusCode>> = FuturesUnordered::new();
        let mut clocks: UnderWay<Option<(i64, i64)>> = FuturesUnordered::new();
        let mut acknowledgements: Vec<SubscriptionAcknowledgement> = Vec::new();
        let mut clock_tick = ticker(CLOCK_INTERVAL);
        let mut refused_tick = ticker(RETRY_REFUSED);
        refused_tick.tick().await;
        let mut watchdog = ticker(Duration::from_secs(1));
        let mut heard = Instant::now();
        let mut is_paused = false;
        let mut allowed = WAITING_PUBLISHES;
        let mut failures = 0;
        loop {
            if listens_to != feed.event_subscription() {
                listens_to = feed.event_subscription();
                refreshes.extend(listens_to.map(|id| boxed(refresh(core.clone(), id))));
            }
            if !is_paused {
                ask(&core, &feed, allowed, &mut waiting, &mut acknowledgements);
            }
            tokio::select! {
                () = self.ctx.cancel.cancelled() => return Exit::Stopped,
                event = link.events.recv() => match self.on_event(event, &core, &mut failures) {
                    Ok(paused) => {
                        is_paused = paused;
                        heard = Instant::now();
                    }
                    Err(exit) => return exit,
                },
                Some(answer) = waiting.next(), if !waiting.is_empty() => match answer {
                    Ok(answer) => {
                        heard = Instant::now();
                        let now = self.ctx.clock.now();
                        let delivery = feed.take(&core, settings, answer, now).await;
                        if delivery.is_ended {
                            return Exit::Lost(lost("opcua.subscription_ended", &core));
                        }
                        let wanted = listens_to.filter(|_| delivery.is_refresh_wanted);
                        refreshes.extend(wanted.map(|id| boxed(refresh(core.clone(), id))));
                        match self.deliver(delivery).await {
                            Ok(done) => acknowledgements.extend(done),
                            Err(exit) => return exit,
                        }
                    }
                    Err(status) => match on_publish_error(status, &core, &mut allowed, waiting.len()) {
                        Ok(paused) => is_paused = is_paused || paused,
                        Err(exit) => return exit,
                    },
                },
                Ok(()) = self.tags.changed() => {
                    if let Err(exit) = self.sync(&mut feed, &core, settings).await {
                        return exit;
                    }
                }
                _ = refused_tick.tick(), if feed.failed_count() > 0 && !is_paused => {
                    if let Err(exit) = self.sync(&mut feed, &core, settings).await {
                        return exit;
                    }
                }
                _ = clock_tick.tick(), if !is_paused && clocks.is_empty() => {
                    clocks.push(Box::pin(measure_clock(core.clone(), self.ctx.clock.clone())));
                }
                Some(measured) = clocks.next(), if !clocks.is_empty() => self.on_clock(measured),
                Some(()) = refreshes.next(), if !refreshes.is_empty() => {}
                _ = watchdog.tick() => {
                    self.report_load(feed.item_count());
                    if is_silent(&feed, heard) {
                        return Exit::Lost(lost("opcua.silent", &core));
                    }
                }
            }
        }
    }

    /// What an event of the library means: whether to hold back requests.
    pub(crate) fn on_event(
        &self,
        event: Option<LinkEvent>,
        core: &Core,
        failures: &mut u32,
    ) -> Result<bool, Exit> {
        match event {
            Some(LinkEvent::Lost(_)) => {
                self.set_phase(StreamPhase::Connecting);
                Ok(true)
            }
            Some(LinkEvent::RetryFailed(status)) => {
                *failures += 1;
                let error = from_status(status, Doing::Session, &core.host);
                if *failures >= RETRIES_BEFORE_REBUILD {
                    Err(Exit::Lost(error))
                } else {
                    Ok(true)
                }
            }
            Some(LinkEvent::Resumed) => {
                *failures = 0;
                self.set_phase(StreamPhase::Streaming);
                Ok(false)
            }
            // A new session has no subscriptions, perhaps another certificate and another namespace
            // table: start over.
            Some(LinkEvent::NewSession) => Err(Exit::Lost(lost("opcua.session_replaced", core))),
            Some(LinkEvent::Ended(_)) | None => {
                Err(Exit::Lost(lost("opcua.connection_lost", core)))
            }
        }
    }

    async fn sync(
        &mut self,
        feed: &mut Feed,
        core: &Core,
        settings: &Settings,
    ) -> Result<(), Exit> {
        let wanted = self.tags.borrow_and_update().clone();
        let now = self.ctx.clock.now();
        let synced = feed.sync(core, settings, &wanted, now).await;
        if synced.is_ok()
            && let Err(status) = feed.listen(core, settings).await
        {
            // Its values come all the same.
            tracing::info!(%status, "the server's events can't be subscribed to");
        }
        match synced {
            Ok(refused) => {
                self.state.send_modify(|s| {
                    s.subscriptions = u32::try_from(feed.subscription_count()).unwrap_or(u32::MAX);
                    s.items = u32::try_from(feed.item_count()).unwrap_or(u32::MAX);
                    s.failed_items = u32::try_from(feed.failed_count()).unwrap_or(u32::MAX);
                    s.problems = feed.problems();
                });
                self.report_load(feed.item_count());
                self.set_phase(StreamPhase::Streaming);
                self.hand_on(refused).await
            }
            Err(status) if is_subscription_refused(status) => Err(Exit::NoSubscriptions),
            Err(status) => Err(Exit::Lost(core.coded(status))),
        }
    }

    async fn deliver(
        &mut self,
        delivery: Delivery,
    ) -> Result<Vec<SubscriptionAcknowledgement>, Exit> {
        if delivery.is_incomplete {
            self.pending_gap = Some(GapReason::MissedNotifications);
        } else if delivery.is_overflow {
            self.pending_gap.get_or_insert(GapReason::QueueOverflow);
        }
        self.hand_on(delivery.samples).await?;
        if !delivery.events.is_empty() || delivery.lost_events > 0 {
            let batch = Batch {
                records: delivery
                    .events
                    .into_iter()
                    .map(SourceRecord::Event)
                    .collect(),
                lost_events: delivery.lost_events,
                ..Batch::default()
            };
            self.send(batch).await?;
        }
        Ok(delivery.acknowledgements)
    }

    /// Hands samples on; waits while nobody takes them, so that values queue at the server.
    pub(crate) async fn hand_on(&mut self, samples: Vec<RawSample>) -> Result<(), Exit> {
        if samples.is_empty() {
            return Ok(());
        }
        let now = self.ctx.clock.now();
        let gap = self.pending_gap.take().map(|reason| GapMark {
            from: self.last_delivery,
            to: now,
            reason,
        });
        let count = samples.len() as u64;
        let has_value = samples.iter().any(|s| s.value.is_some());
        let batch = Batch {
            samples,
            gap,
            ..Batch::default()
        };
        self.send(batch).await?;
        self.last_delivery = Some(now);
        self.state.send_modify(|s| {
            s.samples += count;
            if has_value {
                s.last_value_at = Some(now);
            }
        });
        Ok(())
    }

    async fn send(&self, batch: Batch) -> Result<(), Exit> {
        tokio::select! {
            sent = self.sink.send(batch) => sent.map_err(|_| Exit::Stopped),
            () = self.ctx.cancel.cancelled() => Err(Exit::Stopped),
        }
    }

    /// Keeps the tightest of the recent measurements: half the round trip bounds the error.
    pub(crate) fn on_clock(&mut self, measured: Option<(i64, i64)>) {
        let Some(measured) = measured else { return };
        if self.offsets.len() == 20 {
            self.offsets.remove(0);
        }
        self.offsets.push(measured);
        if let Some((offset, half)) = self.offsets.iter().min_by_key(|(_, half)| *half).copied() {
            self.state.send_modify(|s| {
                s.clock_offset_ms = Some(offset);
                s.clock_uncertainty_ms = Some(half);
            });
        }
    }

    pub(crate) fn report_load(&self, monitored: usize) {
        let (requests_per_s, items_per_request) = self.meter.rate();
        let monitored_items = u32::try_from(monitored).unwrap_or(u32::MAX);
        let load = OtLoad {
            requests_per_s,
            items_per_request,
            monitored_items,
            sessions: 1,
        };
        self.state
            .send_if_modified(|s| std::mem::replace(&mut s.load, load) != load);
    }

    pub(crate) fn set_items(
        &self,
        items: usize,
        failed: Vec<iq_connector::TagProblem>,
        failed_count: usize,
    ) {
        self.state.send_modify(|s| {
            s.items = u32::try_from(items).unwrap_or(u32::MAX);
            s.failed_items = u32::try_from(failed_count).unwrap_or(u32::MAX);
            s.problems = failed;
        });
    }

    pub(crate) fn set_phase(&self, phase: StreamPhase) {
        let now = self.ctx.clock.now();
        self.state.send_if_modified(|s| {
            let is_new = s.phase != phase;
            if is_new {
                s.phase = phase;
                s.since = now;
            }
            is_new
        });
    }
}

/// Requests under way; each ends by itself.
type UnderWay<T> = FuturesUnordered<BoxFuture<'static, T>>;

/// Keeps as many publish requests with the server as it allows.
fn ask(
    core: &Arc<Core>,
    feed: &Feed,
    allowed: usize,
    waiting: &mut UnderWay<Result<PublishResponse, StatusCode>>,
    acknowledgements: &mut Vec<SubscriptionAcknowledgement>,
) {
    let patience = feed.keep_alive() * 3 + Duration::from_secs(15);
    while feed.subscription_count() > 0 && waiting.len() < allowed {
        let acks = std::mem::take(acknowledgements);
        waiting.push(Box::pin(publish(core.clone(), acks, patience)));
    }
}

/// Not even a keep-alive came for three times its interval.
fn is_silent(feed: &Feed, heard: Instant) -> bool {
    let silence = (feed.keep_alive() * 3).max(Duration::from_secs(15));
    feed.subscription_count() > 0 && heard.elapsed() > silence
}

fn boxed(work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    Box::pin(work)
}

pub(crate) fn ticker(every: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

pub(crate) fn lost(code: &'static str, core: &Core) -> CodedError {
    CodedError::new(ErrorKind::Upstream, code).with("host", &core.host)
}

/// Whether a server says it has no subscriptions for us.
fn is_subscription_refused(status: StatusCode) -> bool {
    [
        StatusCode::BadServiceUnsupported,
        StatusCode::BadNotImplemented,
        StatusCode::BadNotSupported,
        StatusCode::BadTooManySubscriptions,
        StatusCode::BadMonitoringModeInvalid,
    ]
    .contains(&status)
}

/// Whether to hold back after a failed publish request, or to give the session up.
fn on_publish_error(
    status: StatusCode,
    core: &Core,
    allowed: &mut usize,
    waiting: usize,
) -> Result<bool, Exit> {
    match status {
        StatusCode::BadTooManyPublishRequests => {
            *allowed = waiting.max(1);
            Ok(false)
        }
        StatusCode::BadTimeout | StatusCode::BadRequestTimeout => Ok(false),
        StatusCode::BadNoSubscription | StatusCode::BadSubscriptionIdInvalid => {
            Err(Exit::Lost(lost("opcua.subscription_ended", core)))
        }
        StatusCode::BadConnectionClosed
        | StatusCode::BadNotConnected
        | StatusCode::BadSecureChannelClosed
        | StatusCode::BadSecureChannelIdInvalid
        | StatusCode::BadCommunicationError => Ok(true),
        other => Err(Exit::Lost(core.coded(other))),
    }
}
