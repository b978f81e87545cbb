//! The running connector: places, machines, notifications and orders, read page by page in rounds.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use iq_connector::{
    BackFillProgress, Batch, BatchSink, ConnectorContext, CursorMark, Purpose, StreamPhase,
    StreamState, TagProblem, TagSet,
};
use iq_domain::{CodedError, SourceRecord, Timestamp};
use iq_http::Budget;
use tokio::sync::watch;

use crate::{
    cursor::{Position, Recent, is_in_order, next_from},
    dialect::{Dialect, PAGE_ROWS, Place, Set, Start},
    error::{asked_wait, is_about_credentials, is_about_one_set, upstream},
    link::{Answer, Link, REQUESTS_PER_SECOND},
    token::Tokens,
    values::Row,
};

/// Longest pause between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Pause after refused credentials, so that no account is locked.
const CREDENTIALS_BACKOFF: Duration = Duration::from_secs(900);
/// Most rows of a set that are told apart when those that can't be used are counted.
const MAX_UNUSABLE: usize = 10_000;
/// How many measurements of the clock are kept; the best of them counts.
const MAX_CLOCK_AGE: usize = 32;

/// Reads in rounds until stopped.
pub(crate) struct Streamer {
    ctx: ConnectorContext,
    dialect: Dialect,
    tokens: Tokens,
    sink: BatchSink,
    state: watch::Sender<StreamState>,
    budget: Budget,
    positions: HashMap<&'static str, Position>,
    recent: HashMap<&'static str, Recent>,
    /// Rows that can't be used, by their content: they come again with each overlap.
    unusable: HashMap<&'static str, HashSet<u64>>,
    offsets: Vec<(i64, i64)>,
    /// Held so that whoever sets tags does not find the channel closed; there are none here.
    _tags: TagSet,
}

/// Why a round ended early.
enum Stop {
    /// Nobody takes what is read any more.
    Ended,
    /// It failed.
    Failed(CodedError),
}

impl From<CodedError> for Stop {
    fn from(error: CodedError) -> Self {
        Self::Failed(error)
    }
}

impl Streamer {
    pub(crate) fn new(
        ctx: ConnectorContext,
        dialect: Dialect,
        tokens: Tokens,
        tags: TagSet,
        sink: BatchSink,
        state: watch::Sender<StreamState>,
    ) -> Self {
        Self {
            ctx,
            dialect,
            tokens,
            sink,
            state,
            budget: Budget::new(REQUESTS_PER_SECOND),
            positions: HashMap::new(),
            recent: HashMap::new(),
            unusable: HashMap::new(),
            offsets: Vec::new(),
            _tags: tags,
        }
    }

    /// Runs until stopped. Everything it does can be broken off at any point: it only reads, and a
    /// position is reached only with the batch that carries it.
    pub(crate) async fn run(mut self) {
        let cancel = self.ctx.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.rounds() => {}
        }
        self.state.send_modify(|s| s.back_fill = None);
        self.set_phase(StreamPhase::Stopped);
    }

    async fn rounds(&mut self) {
        let mut backoff = Duration::from_secs(1);
        let mut link = None;
        loop {
            let wait = match self.round(&mut link).await {
                Ok(interval) => {
                    backoff = Duration::from_secs(1);
                    interval
                }
                Err(Stop::Ended) => return,
                Err(Stop::Failed(error)) => {
                    tracing::info!(integration = %self.ctx.integration_id, %error, "reading failed");
                    let asked = asked_wait(&error).unwrap_or_default();
                    let floor = if is_about_credentials(&error) {
                        CREDENTIALS_BACKOFF
                    } else {
                        backoff
                    };
                    self.set_phase(StreamPhase::Error(error));
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    floor.max(asked)
                }
            };
            self.report_load();
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads every set to its end; answers how long to rest.
    async fn round(&mut self, link: &mut Option<Link>) -> Result<Duration, Stop> {
        let link = match link {
            Some(link) => link,
            None => {
                let new = Link::new(&self.ctx, self.dialect, &self.tokens, self.budget.clone())?;
                self.state.send_modify(|s| s.connects += 1);
                link.insert(new)
            }
        };
        let mut refused: Vec<(Set, CodedError)> = Vec::new();
        let sets = self.dialect.sets();
        for set in sets {
            match self.read_set(link, *set).await {
                Ok(()) => {}
                Err(Stop::Failed(error)) if is_about_one_set(&error) => refused.push((*set, error)),
                Err(stop) => return Err(stop),
            }
        }
        let is_all = refused.len() == sets.len();
        let mut problems: Vec<TagProblem> = refused
            .iter()
            .map(|(set, error)| TagProblem {
                tag: Arc::from(set.cursor()),
                error: error.clone(),
            })
            .collect();
        problems.extend(self.unusable(link.host(), sets));
        self.state.send_modify(|s| {
            s.failed_items = u32::try_from(refused.len()).unwrap_or(u32::MAX);
            s.problems = problems;
            s.back_fill = None;
        });
        match refused.into_iter().next() {
            Some((_, error)) if is_all => Err(Stop::Failed(error)),
            _ => {
                self.set_phase(StreamPhase::Polling);
                Ok(Duration::from_secs(u64::from(link.settings.interval_s)))
            }
        }
    }

    /// The rows left out of each set, as far as there are any.
    fn unusable(&self, host: &str, sets: &[Set]) -> Vec<TagProblem> {
        let told = sets.iter().filter_map(|set| {
            let count = self.unusable.get(set.cursor())?.len();
            Some(TagProblem {
                tag: Arc::from(set.cursor()),
                error: upstream("eam.rows_left_out", host)
                    .with("set", set.cursor())
                    .with("count", count),
            })
        });
        told.collect()
    }

    /// Counts a row that can't be used.
    fn leave_out(&mut self, set: Set, print: u64) {
        let known = self.unusable.entry(set.cursor()).or_default();
        if known.len() < MAX_UNUSABLE {
            known.insert(print);
        }
    }

    /// Reads one set from its position to its end.
    async fn read_set(&mut self, link: &Link, set: Set) -> Result<(), Stop> {
        let name = set.cursor();
        let mut began = self.ctx.clock.now();
        let mut position = self.position(link, set, began);
        let is_back_fill = position.is_back_fill();
        let mut from = position.start();
        loop {
            let path = self.dialect.page(&link.settings, set, &from, PAGE_ROWS);
            let answer = link.get(path, PAGE_ROWS).await?;
            self.note_clock(&answer);
            self.report_load();
            if let Some(source) = answer.date_ms {
                began = began.min(Timestamp(source));
            }
            let page = self.dialect.read_page(&answer.body).ok_or_else(|| {
                upstream("eam.answer_unexpected", link.host())
                    .with("protocol", self.dialect.protocol())
            })?;
            let offset = if let Start::Change(_, offset) = from {
                offset
            } else {
                0
            };
            let has_more = page.has_more(offset, PAGE_ROWS);
            let (places, rows) = self.placed(link, set, page.rows)?;
            if !is_in_order(&from, &places) {
                return Err(upstream("eam.order_ignored", link.host())
                    .with("set", name)
                    .into());
            }
            position.after_page(&places, began);
            let next = next_from(&from, &places).filter(|_| has_more);
            if has_more && next.is_none() {
                return Err(upstream("eam.paging_stuck", link.host())
                    .with("set", name)
                    .into());
            }
            if next.is_none() {
                position.after_round(began);
            }
            self.hand_on(link, set, &position, is_back_fill, (places, rows))
                .await?;
            self.positions.insert(name, position.clone());
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        if let (Position::Changes { since, .. }, Some(recent)) =
            (&position, self.recent.get_mut(name))
        {
            recent.forget_before(*since);
        }
        Ok(())
    }

    fn position(&self, link: &Link, set: Set, now: Timestamp) -> Position {
        let known = self.positions.get(set.cursor()).cloned();
        let stored = || {
            let written = self.ctx.cursors.get(set.cursor())?;
            Position::from_json(written)
        };
        known
            .or_else(stored)
            .unwrap_or_else(|| Position::first(set.is_master(), now, link.settings.history_days))
    }

    /// The rows with their places; a page none of whose rows can be read is an error.
    fn placed(
        &mut self,
        link: &Link,
        set: Set,
        rows: Vec<Row>,
    ) -> Result<(Vec<Place>, Vec<Row>), Stop> {
        let count = rows.len();
        let (mut places, mut kept) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for row in rows {
            match self.dialect.place(set, &row) {
                Some(place) => {
                    places.push(place);
                    kept.push(row);
                }
                None => self.leave_out(set, fingerprint(&row)),
            }
        }
        if places.is_empty() && count > 0 {
            return Err(upstream("eam.rows_unreadable", link.host())
                .with("set", set.cursor())
                .into());
        }
        Ok((places, kept))
    }

    /// Hands a page on and waits until there is room.
    async fn hand_on(
        &mut self,
        link: &Link,
        set: Set,
        position: &Position,
        is_back_fill: bool,
        (places, rows): (Vec<Place>, Vec<Row>),
    ) -> Result<(), Stop> {
        let mut records: Vec<SourceRecord> = Vec::with_capacity(rows.len());
        for (place, row) in places.iter().zip(rows) {
            let print = fingerprint(&row);
            let recent = self.recent.entry(set.cursor()).or_default();
            if !recent.is_news(place, &print) {
                continue;
            }
            match self.dialect.record(&link.settings, set, row) {
                Some(record) => records.push(record),
                None => self.leave_out(set, print),
            }
        }
        let is_known = self.positions.get(set.cursor()) == Some(position);
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        if count > 0 || !is_known {
            let batch = Batch {
                records,
                purpose: if is_back_fill {
                    Purpose::BackFill
                } else {
                    Purpose::Live
                },
                cursors: vec![CursorMark {
                    name: set.cursor().to_owned(),
                    position: position.to_json(),
                }],
                ..Batch::default()
            };
            self.report(position, count, is_back_fill);
            self.sink.send(batch).await.map_err(|_| Stop::Ended)?;
        }
        let now = self.ctx.clock.now();
        self.state.send_modify(|s| s.last_answer_at = Some(now));
        if !matches!(self.state.borrow().phase, StreamPhase::Polling) {
            self.set_phase(StreamPhase::Polling);
        }
        Ok(())
    }

    fn report(&self, position: &Position, count: u64, is_back_fill: bool) {
        let now = self.ctx.clock.now();
        let polling = !matches!(self.state.borrow().phase, StreamPhase::Polling);
        if polling {
            self.set_phase(StreamPhase::Polling);
        }
        self.state.send_modify(|s| {
            s.samples += count;
            if count > 0 {
                s.last_value_at = Some(now);
            }
            let samples = s.back_fill.map_or(0, |b| b.samples) + count;
            s.back_fill = is_back_fill.then(|| {
                let (from, to, reached) = match position {
                    Position::Full { started, .. } => (*started, *started, *started),
                    Position::Changes { since, first_until } => {
                        let from = s.back_fill.map_or(*since, |b| b.from.min(*since));
                        (from, first_until.unwrap_or(*since), *since)
                    }
                };
                BackFillProgress {
                    from,
                    to,
                    reached,
                    samples,
                }
            });
        });
    }

    /// The source's clock, as far as whole seconds of a header tell.
    fn note_clock(&mut self, answer: &Answer) {
        let Some(source) = answer.date_ms else { return };
        let half = i64::try_from(answer.took.as_millis()).unwrap_or(i64::MAX) / 2;
        // The header cuts its second off; its middle is the best guess.
        let offset = source.saturating_add(500) - self.ctx.clock.now().0.saturating_sub(half);
        self.offsets.push((500 + half, offset));
        if self.offsets.len() > MAX_CLOCK_AGE {
            self.offsets.remove(0);
        }
        let best = self.offsets.iter().min().copied();
        self.state.send_modify(|s| {
            s.clock_offset_ms = best.map(|(_, offset)| offset);
            s.clock_uncertainty_ms = best.map(|(uncertainty, _)| uncertainty);
        });
    }

    fn report_load(&self) {
        let (requests_per_s, items) = self.budget.load();
        self.state.send_modify(|s| {
            s.load.requests_per_s = requests_per_s;
            s.load.items_per_request = items;
        });
    }

    fn set_phase(&self, phase: StreamPhase) {
        let now = self.ctx.clock.now();
        self.state.send_modify(|s| {
            if s.phase != phase {
                s.phase = phase;
                s.since = now;
            }
        });
    }
}

/// What tells a row from others: its names in order, with their values as text.
fn fingerprint(row: &Row) -> u64 {
    let fields: BTreeMap<&str, String> = row
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_string()))
        .collect();
    let mut hasher = DefaultHasher::new();
    fields.hash(&mut hasher);
    hasher.finish()
}
