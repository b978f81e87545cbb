//! Keeps values flowing: the past in pages, the present by channel or by asking, and back again after
//! anything.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use iq_connector::{
    Batch, BatchSink, ConnectorContext, GapMark, GapReason, MAX_TAG_PROBLEMS, OtLoad, Purpose,
    StreamPhase, StreamState, TagProblem, TagSet,
};
use iq_domain::{CodedError, RawSample, Timestamp};
use iq_http::Budget;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use crate::{
    api::{Api, Resource},
    book::{Book, Outbox, Taken},
    channel::{Channels, Said},
    config::Settings,
    fetch::{Page, fetch, present},
    frames::{FrameReader, Read},
    resolve::WebIds,
    wire::Home,
};

/// Samples of one batch.
const BATCH: usize = 5_000;
/// How often a tag with more to read is read again in one round.
const MAX_PASSES: usize = 20;
/// How often the archive is asked while channels push.
const CONFIRM: Duration = Duration::from_secs(60);
/// How long to go without channels after one ended, and after the server refused them.
const REOPEN: Duration = Duration::from_secs(60);
const REFUSED_REOPEN: Duration = Duration::from_secs(600);
/// How often refused tags are tried again.
const RETRY_REFUSED: Duration = Duration::from_secs(60);
/// How soon, when it was the server's trouble rather than the tag's.
const RETRY_TROUBLED: Duration = Duration::from_secs(5);
/// How often event frames are asked for, at the most, and after the server refused them.
const FRAMES: Duration = Duration::from_secs(5);
const FRAMES_REFUSED: Duration = Duration::from_secs(300);
/// Pause after the past could not be read.
const FILL_PAUSE: Duration = Duration::from_secs(30);
/// Longest wait between attempts; for refused credentials, so that no account is locked.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
const CREDENTIALS_BACKOFF: Duration = Duration::from_secs(120);

/// Why a session ended.
enum Exit {
    /// Nobody takes the samples any more.
    Unwanted,
    /// It is of no use any more.
    Lost(CodedError),
}

impl From<CodedError> for Exit {
    fn from(error: CodedError) -> Self {
        Self::Lost(error)
    }
}

type Filling = BoxFuture<'static, Result<Vec<Page>, CodedError>>;
type Framing = BoxFuture<'static, Read>;

/// What is under way within a session.
struct Session {
    api: Api,
    settings: Settings,
    channels: Option<Channels>,
    reopen_at: Instant,
    live_at: Instant,
    refused_at: Instant,
    filling: Option<Filling>,
    fill_at: Instant,
    /// Reads event frames beside everything else; here while it rests.
    frames: Option<FrameReader>,
    framing: Option<Framing>,
    frames_at: Instant,
}

/// The running stream of one integration.
pub(crate) struct Streamer {
    ctx: ConnectorContext,
    tags: TagSet,
    sink: BatchSink,
    state: watch::Sender<StreamState>,
    ids: Arc<WebIds>,
    book: Book,
    budget: Budget,
    last_delivery: Option<Timestamp>,
    gap: Option<GapMark>,
    /// How far event frames were read.
    frame_cursor: BTreeMap<String, Value>,
}

impl Streamer {
    pub(crate) fn new(
        ctx: ConnectorContext,
        tags: TagSet,
        sink: BatchSink,
        state: watch::Sender<StreamState>,
        ids: Arc<WebIds>,
    ) -> Self {
        let book = Book::new(&ctx.cursors);
        let frame_cursor = ctx
            .cursors
            .get(crate::frames::CURSOR)
            .map(|at| (crate::frames::CURSOR.to_owned(), at.clone()))
            .into_iter()
            .collect();
        Self {
            ctx,
            tags,
            sink,
            state,
            ids,
            book,
            budget: Budget::new(10.0),
            last_delivery: None,
            gap: None,
            frame_cursor,
        }
    }

    /// Runs until stopped. Everything in between can be given up at any moment: what was not handed
    /// on is read again.
    pub(crate) async fn run(mut self) {
        let cancel = self.ctx.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = self.work() => {}
        }
        self.set_phase(StreamPhase::Stopped);
    }

    async fn work(&mut self) {
        let mut backoff = Duration::from_secs(1);
        loop {
            let error = match self.session(&mut backoff).await {
                Ok(()) | Err(Exit::Unwanted) => return,
                Err(Exit::Lost(error)) => error,
            };
            tracing::info!(integration = %self.ctx.integration_id, %error, "connection failed");
            let is_about_credentials = matches!(
                error.code,
                "http.unauthorized" | "http.forbidden" | "http.ticket_missing"
            );
            let wait = match is_about_credentials {
                true => CREDENTIALS_BACKOFF,
                false => backoff,
            };
            self.set_phase(StreamPhase::Error(error));
            self.state.send_modify(|s| {
                s.subscriptions = 0;
                s.items = 0;
                s.load = OtLoad::default();
            });
            backoff = (backoff * 2).min(MAX_BACKOFF);
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection from the first answer to its loss.
    async fn session(&mut self, backoff: &mut Duration) -> Result<(), Exit> {
        let mut settings = Settings::from_context(&self.ctx)?;
        settings.http.budget = self.budget.clone();
        if !matches!(self.state.borrow().phase, StreamPhase::Error(_)) {
            self.set_phase(StreamPhase::Connecting);
        }
        let api = Api::new(&self.ctx, &settings, true)?;
        api.get::<Home>(Resource::new("")).await?;
        self.state.send_modify(|s| s.connects += 1);
        self.book.set_zone(settings.zone.clone());
        // What has a past is read again from it; of the rest values may be missing.
        let is_again = self.last_delivery.is_some();
        if is_again && !self.book.present_only().is_empty() {
            self.gap = Some(self.gap_mark(GapReason::Reconnected));
        }
        let now = Instant::now();
        let mut session = Session {
            channels: None,
            reopen_at: now,
            live_at: now,
            refused_at: now + RETRY_REFUSED,
            filling: None,
            fill_at: now,
            frames: self.frame_reader(&settings, &api),
            framing: None,
            frames_at: now,
            api,
            settings,
        };
        self.sync(&mut session).await?;
        let mut tags_may_change = true;
        loop {
            self.prepare(&mut session).await?;
            *backoff = Duration::from_secs(1);
            self.publish(&session);
            tokio::select! {
                changed = self.tags.changed(), if tags_may_change => {
                    tags_may_change = changed.is_ok();
                    self.sync(&mut session).await?;
                }
                () = tokio::time::sleep_until(session.live_at) => {}
                () = tokio::time::sleep_until(session.refused_at) => {
                    self.book.refused.clear();
                    self.sync(&mut session).await?;
                }
                said = next_said(&mut session.channels) => self.heard(&mut session, said).await?,
                pages = next_pages(&mut session.filling) => {
                    session.filling = None;
                    self.filled(&mut session, pages?).await?;
                }
                read = next_frames(&mut session.framing) => {
                    session.framing = None;
                    self.framed(&mut session, read).await?;
                }
                () = tokio::time::sleep_until(session.frames_at), if session.frames.is_some() => {}
                () = tokio::time::sleep_until(session.fill_at),
                    if session.filling.is_none() && session.fill_at > Instant::now() => {}
            }
        }
    }

    /// Does what is due: channels, a round of the present, the next page of the past.
    async fn prepare(&mut self, session: &mut Session) -> Result<(), Exit> {
        let now = Instant::now();
        if session.channels.is_none() && now >= session.reopen_at && self.book.len() > 0 {
            match Channels::open(&session.api, &self.book.web_ids()).await {
                Ok(Some(channels)) => {
                    session.channels = Some(channels);
                    // What came between the last answer and the first push is in the archive.
                    session.live_at = now;
                }
                Ok(None) => session.reopen_at = now + REFUSED_REOPEN,
                Err(error) => {
                    tracing::info!(integration = %self.ctx.integration_id, %error, "no channel: values are asked for");
                    session.reopen_at = now + REFUSED_REOPEN;
                }
            }
        }
        if now >= session.live_at {
            let api = session.api.clone();
            self.round(&api, session.channels.is_some()).await?;
            let interval = Duration::from_millis(u64::from(session.settings.interval_ms));
            let pause = match session.channels {
                Some(_) if self.book.present_only().is_empty() => CONFIRM.max(interval),
                _ => interval,
            };
            session.live_at = Instant::now() + pause;
        }
        if session.filling.is_none() && Instant::now() >= session.fill_at {
            let wants = self.book.fill_wants();
            if !wants.is_empty() {
                let (api, zone) = (session.api.clone(), self.book.zone().clone());
                session.filling = Some(Box::pin(async move { fetch(&api, wants, &zone).await }));
            }
        }
        if Instant::now() >= session.frames_at
            && let Some(reader) = session.frames.take()
        {
            let (api, now) = (session.api.clone(), session.api.server_now().timestamp());
            session.framing = Some(Box::pin(reader.read(api, now)));
        }
        self.set_running_phase(session.channels.is_some());
        Ok(())
    }

    fn frame_reader(&self, settings: &Settings, api: &Api) -> Option<FrameReader> {
        settings.event_frames.then(|| {
            FrameReader::new(
                &self.frame_cursor,
                settings.mode,
                settings.database.clone(),
                settings.zone.clone(),
                api.server_now().timestamp(),
            )
        })
    }

    /// Event frames have come, or could not be read; values go on all the same.
    async fn framed(&mut self, session: &mut Session, read: Read) -> Result<(), Exit> {
        let interval = Duration::from_millis(u64::from(session.settings.interval_ms));
        let pause = match read.batches {
            Ok(batches) => {
                for batch in batches {
                    for mark in &batch.cursors {
                        self.frame_cursor
                            .insert(mark.name.clone(), mark.position.clone());
                    }
                    self.send(batch).await?;
                }
                FRAMES.max(interval)
            }
            Err(error) => {
                tracing::info!(integration = %self.ctx.integration_id, %error, "event frames can't be read");
                FRAMES_REFUSED
            }
        };
        session.frames = Some(read.reader);
        session.frames_at = Instant::now() + pause;
        Ok(())
    }

    /// Takes the wanted tags over.
    async fn sync(&mut self, session: &mut Session) -> Result<(), Exit> {
        session.refused_at = Instant::now() + RETRY_REFUSED;
        let wanted = self.tags.borrow_and_update().clone();
        let before = self.book.len();
        let new = self.book.keep(&wanted);
        let is_changed = before != self.book.len() || !new.is_empty();
        let api = &session.api;
        let resolved = self.ids.resolve(api, self.ctx.integration_id, &new).await?;
        if let Some(error) = resolved.all_failed().filter(|_| self.book.len() == 0) {
            return Err(error.clone().into());
        }
        let now = api.server_now();
        let is_richer = !resolved.found.is_empty();
        for (tag, web_id) in resolved.found {
            self.book.admit(tag, web_id, session.settings.mode, now);
        }
        for failed in resolved.failed {
            if !failed.is_lasting {
                session.refused_at = Instant::now() + RETRY_TROUBLED;
            }
            self.book.refused.insert(failed.tag, failed.error);
        }
        if is_changed && (is_richer || before != self.book.len()) {
            session.channels = None;
            session.reopen_at = Instant::now();
            // What the old channels would have brought is asked for now.
            session.live_at = Instant::now();
        }
        session.fill_at = Instant::now();
        Ok(())
    }

    /// Reads what is new of every tag.
    async fn round(&mut self, api: &Api, is_pushed: bool) -> Result<(), Exit> {
        let mut only: Option<HashSet<Arc<str>>> = None;
        for _ in 0..MAX_PASSES {
            let wants = self.book.live_wants(api.server_now(), only.as_ref());
            if wants.is_empty() {
                break;
            }
            let pages = fetch(api, wants, self.book.zone()).await?;
            self.set_running_phase(is_pushed);
            let taken = self
                .book
                .take_live(pages, api.server_now(), self.ctx.clock.now());
            let more = self.deliver_taken(taken).await?;
            if more.is_empty() {
                break;
            }
            only = Some(more);
        }
        let tags = self.book.present_only();
        if tags.is_empty() {
            return Ok(());
        }
        let ids: Vec<Arc<str>> = tags.iter().map(|(_, id)| Arc::clone(id)).collect();
        let answers = present(api, &ids).await?;
        self.set_running_phase(is_pushed);
        let (mut taken, now) = (Taken::default(), self.ctx.clock.now());
        for ((tag, _), answer) in tags.iter().zip(answers) {
            self.book.take_present(tag, answer, now, &mut taken);
        }
        self.deliver_taken(taken).await?;
        Ok(())
    }

    /// A page of the past has come.
    async fn filled(&mut self, session: &mut Session, pages: Vec<Page>) -> Result<(), Exit> {
        let mut taken = self.book.take_fill(pages, self.ctx.clock.now());
        // The present goes on while the past can't be read.
        if taken.all_failed.take().is_some() {
            session.fill_at = Instant::now() + FILL_PAUSE;
        }
        self.deliver_taken(taken).await?;
        Ok(())
    }

    /// A channel has said something.
    async fn heard(&mut self, session: &mut Session, said: Option<Said>) -> Result<(), Exit> {
        match said {
            Some(Said::Values(values)) => {
                let now = session.api.server_now();
                let out = self.book.take_pushed(values, now, self.ctx.clock.now());
                self.deliver(out).await
            }
            ended => {
                if let Some(Said::Ended(error)) = ended {
                    tracing::info!(integration = %self.ctx.integration_id, %error, "channel ended");
                }
                session.channels = None;
                session.reopen_at = Instant::now() + REOPEN;
                session.live_at = Instant::now();
                Ok(())
            }
        }
    }

    async fn deliver_taken(&mut self, taken: Taken) -> Result<HashSet<Arc<str>>, Exit> {
        for tag in &taken.forgotten {
            self.ids.forget(self.ctx.integration_id, tag);
        }
        self.deliver(taken.out).await?;
        match taken.all_failed {
            Some(error) => Err(error.into()),
            None => Ok(taken.more),
        }
    }

    /// Hands samples on, the past first; the positions go with the last of them.
    async fn deliver(&mut self, out: Outbox) -> Result<(), Exit> {
        if out.is_empty() {
            return Ok(());
        }
        let mut gaps: Vec<GapMark> = self.gap.take().into_iter().chain(out.gaps).collect();
        // A batch carries one mark.
        let mut gap = gaps.pop();
        for gap in gaps {
            let gap = Some(gap);
            self.send(Batch {
                gap,
                ..Batch::default()
            })
            .await?;
        }
        let has_live = !out.live.is_empty();
        let parts = [(Purpose::BackFill, out.late), (Purpose::Live, out.live)];
        let mut cursors = out.cursors;
        for (purpose, samples) in parts {
            let is_last_part = (purpose == Purpose::Live) == has_live;
            let mut samples = samples.into_iter().peekable();
            loop {
                let part: Vec<RawSample> = samples.by_ref().take(BATCH).collect();
                let is_last = is_last_part && samples.peek().is_none();
                let marks = if is_last {
                    std::mem::take(&mut cursors)
                } else {
                    Vec::new()
                };
                if !part.is_empty() || !marks.is_empty() || gap.is_some() {
                    self.send(Batch {
                        samples: part,
                        gap: gap.take(),
                        purpose,
                        cursors: marks,
                        ..Batch::default()
                    })
                    .await?;
                }
                if samples.peek().is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits while the sink is full: the source keeps what is not fetched yet.
    async fn send(&mut self, batch: Batch) -> Result<(), Exit> {
        let count = batch.samples.len() as u64;
        self.sink.send(batch).await.map_err(|_| Exit::Unwanted)?;
        if count > 0 {
            let now = self.ctx.clock.now();
            self.last_delivery = Some(now);
            self.state.send_modify(|s| {
                s.samples += count;
                s.last_value_at = Some(now);
            });
        }
        Ok(())
    }

    fn gap_mark(&self, reason: GapReason) -> GapMark {
        GapMark {
            from: self.last_delivery,
            to: self.ctx.clock.now(),
            reason,
        }
    }

    fn set_running_phase(&self, is_pushed: bool) {
        self.set_phase(match (is_pushed, self.book.len()) {
            (_, 0) => StreamPhase::Connecting,
            (true, _) => StreamPhase::Streaming,
            (false, _) => StreamPhase::Polling,
        });
    }

    fn set_phase(&self, phase: StreamPhase) {
        let now = self.ctx.clock.now();
        self.state.send_if_modified(|s| {
            let is_new = s.phase != phase;
            if is_new {
                (s.phase, s.since) = (phase, now);
            }
            is_new
        });
    }

    fn publish(&mut self, session: &Session) {
        let channels = session.channels.as_ref().map_or(0, |c| c.count);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let items = count(self.book.len());
        let problems: Vec<TagProblem> = self
            .book
            .problems()
            .take(MAX_TAG_PROBLEMS)
            .map(|(tag, error)| TagProblem {
                tag: Arc::clone(tag),
                error: error.clone(),
            })
            .collect();
        let failed = count(self.book.failed());
        let back_fill = self.book.progress();
        let offset = session.api.clock_offset();
        let load = session.api.load();
        self.state.send_if_modified(|s| {
            let before = s.clone();
            s.items = items;
            s.failed_items = failed;
            s.problems = problems;
            s.subscriptions = channels;
            s.back_fill = back_fill;
            s.clock_offset_ms = offset.map(|(offset, _)| offset);
            s.clock_uncertainty_ms = offset.map(|(_, within)| within);
            s.load = OtLoad {
                monitored_items: if channels > 0 { items } else { 0 },
                sessions: channels,
                ..load
            };
            before != *s
        });
    }
}

async fn next_said(channels: &mut Option<Channels>) -> Option<Said> {
    match channels {
        Some(channels) => channels.next().await,
        None => std::future::pending().await,
    }
}

async fn next_pages(filling: &mut Option<Filling>) -> Result<Vec<Page>, CodedError> {
    match filling {
        Some(filling) => filling.await,
        None => std::future::pending().await,
    }
}

async fn next_frames(framing: &mut Option<Framing>) -> Read {
    match framing {
        Some(framing) => framing.await,
        None => std::future::pending().await,
    }
}
