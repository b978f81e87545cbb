//! The running connector: new rows on a schedule, the past in steps between them, and coming back by
//! itself after every failure.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use iq_connector::{
    Batch, BatchSink, ConnectorContext, CursorMark, MAX_TAG_PROBLEMS, OtLoad, Purpose,
    RequestMeter, StreamPhase, StreamState, TagProblem, TagSet,
};
use iq_domain::{CodedError, RawSample, Timestamp};
use tokio::{sync::watch, time::Instant};

use crate::{
    config::{RowsFrom, Settings},
    error::{is_about_credentials, is_too_slow, upstream},
    fill::{Fill, Memory, Part, beginning, fill_name, live_mark},
    hub::Hub,
    pager::{Page, Pager, fingerprint},
    probe::unreachable,
    rows::{Faults, Reader, Twice},
    session::Caps,
    source::Source,
    time::{argument, moment, put_back_ms},
    value::UNKNOWN_TAG,
};

/// Samples in one batch.
const BATCH: usize = 10_000;

/// Rows older than this when they are first seen belong to the past.
const LIVE_WINDOW_MS: i64 = 10 * 60_000;

/// How far back the past is read where the source can't tell in time how far it reaches.
const BLIND_PAST_DAYS: i64 = 366;

/// How far ahead of our clock a row may lie; it is the error of a time zone at most.
const LONGEST_AHEAD_MS: i64 = 86_400_000;

/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pause after a refused login, so that no account is locked.
const CREDENTIALS_PAUSE: Duration = Duration::from_secs(300);

/// Rows remembered for telling repeats from news.
const MOST_SEEN: usize = 1_000_000;

/// How a piece of work ended.
enum Exit {
    Stopped,
    Lost(CodedError),
}

impl From<CodedError> for Exit {
    fn from(error: CodedError) -> Self {
        match error.code {
            "connector.cancelled" => Self::Stopped,
            _ => Self::Lost(error),
        }
    }
}

/// One integration at work.
pub(crate) struct Streamer {
    ctx: ConnectorContext,
    tags: TagSet,
    sink: BatchSink,
    state: watch::Sender<StreamState>,
    hub: Arc<Hub>,
    meter: RequestMeter,
    memory: Memory,
    /// Rows of the overlap that were delivered, with their times.
    seen: HashMap<u64, Timestamp>,
    /// Tags that delivered at least one row.
    alive: HashSet<Arc<str>>,
    /// What was wrong with rows, by tag or column.
    row_problems: Vec<TagProblem>,
    /// Tags that can't be there.
    refused: Vec<TagProblem>,
}

/// What is read at present.
struct Work {
    settings: Settings,
    source: Source,
    wanted: HashSet<Arc<str>>,
    fill: Option<Fill>,
}

impl Work {
    /// Sessions of a query of one's own are thrown away.
    fn keeps_session(&self) -> bool {
        matches!(self.settings.rows, RowsFrom::Table(_))
    }

    fn bound(&self, t: Timestamp) -> String {
        argument(t, self.source.time.class, &self.settings.zone)
    }
}

impl Streamer {
    pub(crate) fn new(
        ctx: ConnectorContext,
        tags: TagSet,
        sink: BatchSink,
        state: watch::Sender<StreamState>,
        hub: Arc<Hub>,
    ) -> Self {
        let memory = Memory::new(&ctx.cursors);
        Self {
            ctx,
            tags,
            sink,
            state,
            hub,
            meter: RequestMeter::new(),
            memory,
            seen: HashMap::new(),
            alive: HashSet::new(),
            row_problems: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Works until asked to stop.
    pub(crate) async fn run(mut self) {
        let mut pause = Duration::from_secs(1);
        loop {
            let Exit::Lost(error) = self.session(&mut pause).await else {
                break;
            };
            tracing::warn!(integration = %self.ctx.name, %error, "the database can't be read");
            let wait = if is_about_credentials(&error) {
                CREDENTIALS_PAUSE
            } else {
                pause
            };
            self.set_phase(StreamPhase::Error(error));
            self.report_load(0);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.ctx.cancel.cancelled() => break,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.hub.clear(self.ctx.integration_id).await;
        self.report_load(0);
        self.set_phase(StreamPhase::Stopped);
    }

    /// Works until something fails.
    async fn session(&mut self, pause: &mut Duration) -> Exit {
        let settings = match Settings::from_context(&self.ctx) {
            Ok(settings) => settings,
            Err(error) => return Exit::Lost(error),
        };
        if !matches!(self.state.borrow().phase, StreamPhase::Error(_)) {
            self.set_phase(StreamPhase::Connecting);
        }
        let source = match self.connect(&settings).await {
            Ok(source) => source,
            Err(error) if error.code == "connector.cancelled" => return Exit::Stopped,
            Err(error) => {
                // Name and port tell more than a driver's words.
                return Exit::Lost(unreachable(&settings.target).await.unwrap_or(error));
            }
        };
        self.state.send_modify(|s| s.connects += 1);
        let mut work = Work {
            settings,
            source,
            wanted: HashSet::new(),
            fill: None,
        };
        let exit = self.work(&mut work, pause).await;
        if let Some(fill) = &work.fill {
            self.memory.leave(fill);
        }
        match exit {
            Ok(()) => Exit::Stopped,
            Err(exit) => exit,
        }
    }

    async fn connect(&self, settings: &Settings) -> Result<Source, CodedError> {
        let mut visit = self.hub.visit(&self.ctx, &settings.target).await?;
        self.meter.count(1);
        let found = Source::find(visit.link(), settings).await;
        let keep = matches!(settings.rows, RowsFrom::Table(_));
        visit.end(keep, found).await
    }

    async fn work(&mut self, work: &mut Work, pause: &mut Duration) -> Result<(), Exit> {
        self.set_phase(StreamPhase::Polling);
        self.take_tags(work).await?;
        let interval = Duration::from_millis(u64::from(work.settings.poll_ms));
        let mut next_poll = Instant::now();
        loop {
            let is_filling = work.fill.is_some();
            tokio::select! {
                biased;
                () = self.ctx.cancel.cancelled() => return Ok(()),
                Ok(()) = self.tags.changed() => {
                    self.take_tags(work).await?;
                    next_poll = Instant::now();
                }
                () = tokio::time::sleep_until(next_poll) => {
                    let started = Instant::now();
                    if !work.wanted.is_empty() {
                        self.poll(work).await?;
                    }
                    self.set_phase(StreamPhase::Polling);
                    *pause = Duration::from_secs(1);
                    // A slow source is asked less often: it works for us half of the time at most.
                    next_poll = Instant::now() + interval.max(started.elapsed());
                    self.report_load(u32::from(work.keeps_session()));
                }
                () = std::future::ready(()), if is_filling => self.fill_step(work).await?,
            }
        }
    }

    /// Takes on the present set of tags: those that can't be there are named, those whose past is
    /// missing are put on the list.
    async fn take_tags(&mut self, work: &mut Work) -> Result<(), Exit> {
        let wanted = self.tags.borrow_and_update().clone();
        if let Some(fill) = work.fill.take() {
            self.memory.leave(&fill);
        }
        let known = std::mem::take(&mut self.refused);
        let (mut fits, mut news) = (Vec::new(), Vec::new());
        for tag in wanted.iter() {
            if can_be_there(&work.source, tag) {
                fits.push(tag.clone());
                continue;
            }
            if !known.iter().any(|p| p.tag == *tag) {
                news.push(RawSample {
                    state_no: None,
                    external_tag: tag.clone(),
                    value: None,
                    status: UNKNOWN_TAG,
                    source_time: None,
                    server_time: None,
                    received_at: self.ctx.clock.now(),
                });
            }
            self.refused.push(TagProblem {
                tag: tag.clone(),
                error: upstream("sql.tag_unknown").with("tag", tag),
            });
        }
        work.wanted = fits.into_iter().collect();
        self.row_problems.retain(|p| work.wanted.contains(&p.tag));
        // Where nothing is wanted nothing is read, and no tag misses anything.
        let marks = match work.wanted.is_empty() {
            true => Vec::new(),
            false => {
                let (_, low) = self.position(work, self.ctx.clock.now());
                self.memory.want(&work.wanted, low)
            }
        };
        self.hand_on(news, Purpose::Live, marks).await?;
        work.fill = self.plan_fill(work).await?;
        self.show_problems(work);
        Ok(())
    }

    /// What is to be read of the past next.
    async fn plan_fill(&mut self, work: &Work) -> Result<Option<Fill>, Exit> {
        let mode = work.settings.sync_mode;
        let wanted = work.wanted.iter().cloned();
        let Some((part, tags)) = self.memory.unread(wanted, mode) else {
            return Ok(None);
        };
        let now = self.ctx.clock.now();
        let end = self.past_end(work, now);
        let (from, reached) = match (self.memory.resume(&fill_name(&tags, part)), part) {
            (Some(stood), _) => stood,
            (None, Part::Missed { left }) => (left, left),
            (None, Part::Past { left, .. }) => {
                let from = match beginning(mode, now) {
                    Some(from) => from,
                    None => self.oldest(work).await?.unwrap_or(end),
                };
                let from = left.map_or(from, |left| left.min(from));
                (from, from)
            }
        };
        Ok(Some(Fill::new(tags, part, (from, end, reached))))
    }

    /// Where the past ends: where the reading of new rows begins, no row between and none twice. A row
    /// of a wide table that was read as new is not looked at again, so a column that joins later has to
    /// find it in its past.
    fn past_end(&mut self, work: &Work, now: Timestamp) -> Timestamp {
        let (_, low) = self.position(work, now);
        let newest = self
            .seen
            .values()
            .max()
            .filter(|_| work.source.tag.is_none());
        newest.map_or(low, |at| {
            let latest = now.plus_ms(LONGEST_AHEAD_MS);
            low.max(at.plus_ms(1).min(latest))
        })
    }

    async fn oldest(&mut self, work: &Work) -> Result<Option<Timestamp>, Exit> {
        let mut visit = self.hub.visit(&self.ctx, &work.settings.target).await?;
        self.meter.count(1);
        let rows = visit
            .link()
            .rows(&work.source.oldest(), Caps::rows(1))
            .await;
        let rows = match visit.end(work.keeps_session(), rows).await {
            Err(error) if is_too_slow(&error) => {
                let error = upstream("sql.past_limited").with("days", BLIND_PAST_DAYS);
                let tag = Arc::from(work.source.time.name.as_str());
                self.add_problem(TagProblem { tag, error });
                let now = self.ctx.clock.now();
                return Ok(Some(now.plus_ms(-BLIND_PAST_DAYS * 86_400_000)));
            }
            rows => rows?,
        };
        let cell = rows.into_iter().flatten().flatten().next();
        let oldest = moment(cell.as_deref(), work.source.time.class, &work.settings.zone);
        // A clock that was put back may hide an hour before the oldest row.
        Ok(oldest.ok().map(|m| m.at.plus_ms(-3_600_000)))
    }

    async fn page(&self, work: &Work, pager: &mut Pager) -> Result<Page, CodedError> {
        let mut visit = self.hub.visit(&self.ctx, &work.settings.target).await?;
        if visit.is_new() && work.keeps_session() {
            tracing::debug!(integration = %self.ctx.name, "a new session");
        }
        let page = pager
            .next(visit.link(), &work.source, &work.settings.zone)
            .await;
        let page = visit.end(work.keeps_session(), page).await?;
        self.meter.count(page.asked);
        Ok(page)
    }

    /// Up to where new rows were read, and from where they are read again. A first look goes a little
    /// further back: some sources write minutes after the fact, and the position is the newest time
    /// seen, not the present.
    fn position(&mut self, work: &Work, now: Timestamp) -> (Timestamp, Timestamp) {
        let start = now.plus_ms(-LIVE_WINDOW_MS);
        let reached = self.memory.reached(start).min(now);
        let low = reached.plus_ms(-work.settings.overlap_ms);
        let back = put_back_ms(low, now, &work.settings.zone);
        (reached, low.plus_ms(-back))
    }

    /// Reads what is new since the last time, and the overlap again.
    async fn poll(&mut self, work: &mut Work) -> Result<(), Exit> {
        let now = self.ctx.clock.now();
        let (reached, low) = self.position(work, now);
        self.seen.retain(|_, at| *at >= low);
        if self.seen.len() > MOST_SEEN {
            self.seen.clear();
        }
        let tags = work.wanted.iter().cloned();
        let mut pager = Pager::new(&work.source, tags, work.bound(low), None);
        let mut newest = reached;
        loop {
            let mut page = self.page(work, &mut pager).await?;
            let (mut samples, mut faults) = (Vec::new(), Faults::default());
            let reader = Reader {
                source: &work.source,
                wanted: &work.wanted,
                now,
                twice: Twice::NewAt(now),
            };
            page.rows
                .retain(|row| !self.seen.contains_key(&fingerprint(row)));
            for cells in &page.rows {
                let row = work.source.decode(cells, &work.settings.zone);
                // What has no time is remembered as of now, so that it is named once.
                let at = row.moment.as_ref().map_or(now, |m| m.at);
                self.seen.insert(fingerprint(cells), at);
                newest = newest.max(at.min(now));
                reader.read(&row, &mut samples, &mut faults);
            }
            self.note(work, &samples, faults);
            let is_reached = page.is_last || pager.is_single();
            let marks = match is_reached {
                true if self.memory.live != Some(newest) => vec![live_mark(newest)],
                _ => Vec::new(),
            };
            let limit = now.plus_ms(-LIVE_WINDOW_MS);
            let (old, new): (Vec<_>, Vec<_>) =
                samples.into_iter().partition(|s| s.observed_at() < limit);
            self.set_phase(StreamPhase::Polling);
            self.hand_on(old, Purpose::BackFill, Vec::new()).await?;
            self.hand_on(new, Purpose::Live, marks).await?;
            if is_reached {
                self.memory.live = Some(newest);
            }
            if page.is_last {
                return Ok(());
            }
        }
    }

    /// Reads one step of the past.
    async fn fill_step(&mut self, work: &mut Work) -> Result<(), Exit> {
        let Some(mut fill) = work.fill.take() else {
            return Ok(());
        };
        let step = fill.step();
        self.state
            .send_modify(|s| s.back_fill = Some(fill.progress()));
        let Some((from, to)) = step else {
            return self.finish_fill(work, fill).await;
        };
        let outcome = self.fill_stretch(work, &mut fill, from, to).await;
        match outcome {
            Ok(rows) => fill.delivered(to, rows),
            Err(Exit::Lost(error)) if is_too_slow(&error) && fill.shorten() => {
                work.fill = Some(fill);
                return Ok(());
            }
            Err(exit) => {
                work.fill = Some(fill);
                return Err(exit);
            }
        }
        if fill.step().is_none() {
            return self.finish_fill(work, fill).await;
        }
        let marks = vec![fill.mark()];
        self.state
            .send_modify(|s| s.back_fill = Some(fill.progress()));
        work.fill = Some(fill);
        self.hand_on(Vec::new(), Purpose::BackFill, marks).await
    }

    async fn fill_stretch(
        &mut self,
        work: &Work,
        fill: &mut Fill,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u64, Exit> {
        let now = self.ctx.clock.now();
        let wanted: HashSet<Arc<str>> = fill.tags.iter().cloned().collect();
        // On a wall clock that was put back in between, a later moment has an earlier time.
        let back = put_back_ms(from, to, &work.settings.zone);
        let end = work.bound(to.plus_ms(back));
        let tags = fill.tags.iter().cloned();
        let mut pager = Pager::new(&work.source, tags, work.bound(from), Some(end));
        let mut rows = 0;
        loop {
            let page = self.page(work, &mut pager).await?;
            rows += page.rows.len() as u64;
            let (mut samples, mut faults) = (Vec::new(), Faults::default());
            let reader = Reader {
                source: &work.source,
                wanted: &wanted,
                now,
                twice: Twice::First,
            };
            for cells in &page.rows {
                let row = work.source.decode(cells, &work.settings.zone);
                reader.read(&row, &mut samples, &mut faults);
            }
            self.note(work, &samples, faults);
            fill.count(samples.len());
            self.hand_on(samples, Purpose::BackFill, Vec::new()).await?;
            if page.is_last {
                return Ok(rows);
            }
        }
    }

    async fn finish_fill(&mut self, work: &mut Work, fill: Fill) -> Result<(), Exit> {
        let mut marks = vec![fill.mark()];
        marks.extend(self.memory.remember(&fill));
        self.state.send_modify(|s| s.back_fill = None);
        let is_past = matches!(fill.part, Part::Past { .. });
        for tag in fill.tags.iter().filter(|t| !self.alive.contains(*t)) {
            if work.source.tag.is_some() && is_past {
                self.row_problems.push(TagProblem {
                    tag: tag.clone(),
                    error: upstream("sql.tag_without_rows").with("tag", tag),
                });
            }
        }
        self.show_problems(work);
        self.hand_on(Vec::new(), Purpose::BackFill, marks).await?;
        work.fill = self.plan_fill(work).await?;
        Ok(())
    }

    /// Notes a problem once; whether it is news.
    fn add_problem(&mut self, problem: TagProblem) -> bool {
        let is_known = |p: &TagProblem| p.error.code == problem.error.code && p.tag == problem.tag;
        let is_news =
            !self.row_problems.iter().any(is_known) && self.row_problems.len() < MAX_TAG_PROBLEMS;
        if is_news {
            self.row_problems.push(problem);
        }
        is_news
    }

    /// Remembers which tags are alive and what was wrong with rows.
    fn note(&mut self, work: &Work, samples: &[RawSample], faults: Faults) {
        let count = self.row_problems.len();
        for sample in samples {
            if !self.alive.contains(&sample.external_tag) {
                self.alive.insert(sample.external_tag.clone());
                let tag = &sample.external_tag;
                self.row_problems
                    .retain(|p| p.tag != *tag || p.error.code != "sql.tag_without_rows");
            }
        }
        let mut is_changed = self.row_problems.len() != count;
        for error in faults.into_list() {
            let about = error.params.get("tag").or(error.params.get("column"));
            let tag: Arc<str> = about
                .map_or(work.source.time.name.as_str(), String::as_str)
                .into();
            is_changed |= self.add_problem(TagProblem { tag, error });
        }
        if is_changed {
            self.show_problems(work);
        }
    }

    fn show_problems(&self, work: &Work) {
        let problems: Vec<TagProblem> = self
            .refused
            .iter()
            .chain(&self.row_problems)
            .take(MAX_TAG_PROBLEMS)
            .cloned()
            .collect();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.state.send_modify(|s| {
            s.items = count(work.wanted.len());
            s.failed_items = count(self.refused.len());
            s.problems = problems;
            if work.fill.is_none() {
                s.back_fill = None;
            }
        });
    }

    /// Hands samples on; waits while nobody takes them, so that rows stay in the source. The marks go
    /// with the last part.
    async fn hand_on(
        &self,
        mut samples: Vec<RawSample>,
        purpose: Purpose,
        marks: Vec<CursorMark>,
    ) -> Result<(), Exit> {
        let mut marks = Some(marks);
        while !samples.is_empty() || marks.as_ref().is_some_and(|m| !m.is_empty()) {
            let rest = samples.split_off(samples.len().min(BATCH));
            let part = std::mem::replace(&mut samples, rest);
            let cursors = match samples.is_empty() {
                true => marks.take().unwrap_or_default(),
                false => Vec::new(),
            };
            let count = part.len() as u64;
            let has_value = part.iter().any(|s| s.value.is_some());
            let batch = Batch {
                samples: part,
                purpose,
                cursors,
                ..Batch::default()
            };
            tokio::select! {
                sent = self.sink.send(batch) => if sent.is_err() { return Err(Exit::Stopped) },
                () = self.ctx.cancel.cancelled() => return Err(Exit::Stopped),
            }
            let now = self.ctx.clock.now();
            self.state.send_modify(|s| {
                s.samples += count;
                if has_value {
                    s.last_value_at = Some(now);
                }
            });
        }
        Ok(())
    }

    fn report_load(&self, sessions: u32) {
        let (requests_per_s, items_per_request) = self.meter.rate();
        let load = OtLoad {
            requests_per_s,
            items_per_request,
            monitored_items: 0,
            sessions,
        };
        self.state
            .send_if_modified(|s| std::mem::replace(&mut s.load, load) != load);
    }

    fn set_phase(&self, phase: StreamPhase) {
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

/// Whether a tag can be in the source at all: a column of a wide table, or a number in a column of
/// numbers.
fn can_be_there(source: &Source, tag: &str) -> bool {
    match &source.tag {
        None => source.values.iter().any(|c| c.name == tag),
        Some(column) if column.class == crate::dialect::Class::Integer => {
            tag.parse::<i64>().is_ok_and(|n| n.to_string() == tag)
        }
        Some(_) => iq_domain::is_clean_line(tag, crate::rows::MAX_TAG_CHARS),
    }
}
