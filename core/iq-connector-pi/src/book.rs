//! The book of tags: what is to be read of each, what of an answer is new, and which positions are
//! reached. Pure; the stream does the asking and the handing on.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use iq_connector::{BackFillProgress, CursorMark, GapMark, GapReason};
use iq_domain::{CodedError, ErrorKind, RawSample, Timestamp};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{
    api::Failure,
    config::SyncMode,
    fetch::{Page, Want},
    position::{OVERLAP, Position},
    tag::{TagKind, kind_of},
    time::Ticks,
    value::{sample, ticks},
    wire::{StreamValues, TimedValue},
};

const SECOND: i64 = 10_000_000;
/// A value older than this when it comes is the past: it raises no alert of today.
const LATE: i64 = 15 * 60 * SECOND;
/// PI takes values up to ten minutes into the future; so do we.
const FUTURE: i64 = 600 * SECOND;
/// Marks a position in the middle of the past, where nothing was written lately.
const PAST: &str = "past";
/// Streams of one page of the past.
const FILL_STREAMS: usize = 20;
/// How far a page is stretched over a moment that holds many values before it is left behind.
const MAX_STRETCH: usize = 64;
/// How soon the archive of a tag that could not be read is tried again; it doubles up to the second.
const RETRY_ARCHIVE: i64 = 60 * SECOND;
const RETRY_ARCHIVE_MAX: i64 = 3_600 * SECOND;

/// The reading of the past of a tag.
#[derive(Clone, Debug)]
struct Fill {
    position: Position,
    to: Ticks,
    stretch: usize,
    /// How often it could not be read; such a tag waits behind the others.
    failures: u32,
}

#[derive(Clone, Debug)]
struct Tag {
    web_id: Arc<str>,
    live: Position,
    stretch: usize,
    fill: Option<Fill>,
    /// Its recorded values can't be read: its present value is asked for instead.
    present_only: Option<PresentOnly>,
    last_present: Option<Ticks>,
}

/// The state of a tag whose recorded values can't be read: for good, as of values that are computed, or
/// because the server is in trouble. Which of them is not told, so they are tried again.
#[derive(Clone, Debug)]
struct PresentOnly {
    retry_at: Ticks,
    pause: i64,
    /// Set where it may be the server's trouble.
    error: Option<CodedError>,
}

/// Samples on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) live: Vec<RawSample>,
    pub(crate) late: Vec<RawSample>,
    pub(crate) cursors: Vec<CursorMark>,
    pub(crate) gaps: Vec<GapMark>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty()
            && self.late.is_empty()
            && self.cursors.is_empty()
            && self.gaps.is_empty()
    }
}

/// What became of some pages.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) out: Outbox,
    /// Tags with more to read.
    pub(crate) more: HashSet<Arc<str>>,
    /// Tags whose id the server no longer knows.
    pub(crate) forgotten: Vec<Arc<str>>,
    /// Set when nothing at all could be read.
    pub(crate) all_failed: Option<CodedError>,
}

/// How far the past of all tags together has come.
#[derive(Clone, Copy, Debug)]
struct Campaign {
    from: Ticks,
    to: Ticks,
    samples: u64,
}

/// All tags.
pub(crate) struct Book {
    tags: BTreeMap<Arc<str>, Tag>,
    by_id: HashMap<Arc<str>, Arc<str>>,
    /// Tags the server refuses, and why.
    pub(crate) refused: BTreeMap<Arc<str>, CodedError>,
    /// Tags that could not be read the last time.
    troubled: BTreeMap<Arc<str>, CodedError>,
    /// Tags some of whose values have no readable time: most of them in one answer, and as an error.
    untimed: BTreeMap<Arc<str>, (usize, CodedError)>,
    /// Positions from before: of the last run, and of tags taken away meanwhile.
    cursors: HashMap<Arc<str>, Value>,
    campaign: Option<Campaign>,
    zone: TimeZone,
}

impl Book {
    pub(crate) fn new(cursors: &BTreeMap<String, Value>) -> Self {
        let known = cursors
            .iter()
            .map(|(tag, cursor)| (Arc::from(tag.as_str()), cursor.clone()));
        Self {
            tags: BTreeMap::new(),
            by_id: HashMap::new(),
            refused: BTreeMap::new(),
            troubled: BTreeMap::new(),
            untimed: BTreeMap::new(),
            cursors: known.collect(),
            campaign: None,
            zone: TimeZone::UTC,
        }
    }

    pub(crate) fn set_zone(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }

    pub(crate) fn web_ids(&self) -> Vec<Arc<str>> {
        self.tags.values().map(|t| Arc::clone(&t.web_id)).collect()
    }

    /// How many tags are refused or can't be read at all.
    pub(crate) fn failed(&self) -> usize {
        self.refused.len() + self.troubled.len()
    }

    /// What is wrong with tags: those that fail first, then those that are read in part.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (&Arc<str>, &CodedError)> {
        let in_part = self.tags.iter().filter_map(|(tag, state)| {
            let error = state.present_only.as_ref()?.error.as_ref()?;
            Some((tag, error))
        });
        let untimed = self.untimed.iter().map(|(tag, (_, error))| (tag, error));
        let failed = self.refused.iter().chain(&self.troubled);
        failed.chain(in_part).chain(untimed)
    }

    /// Notes values that can't be used, for they have no time.
    fn note_untimed(&mut self, tag: &Arc<str>, count: usize) {
        let known = self.untimed.get(tag).map_or(0, |(count, _)| *count);
        if count > known {
            let error = CodedError::new(ErrorKind::Upstream, "pi.time_unreadable")
                .with("tag", tag)
                .with("count", count);
            self.untimed.insert(Arc::clone(tag), (count, error));
        }
    }

    /// Drops what is no longer wanted; returns what is new.
    pub(crate) fn keep(&mut self, wanted: &[Arc<str>]) -> Vec<Arc<str>> {
        let set: HashSet<&Arc<str>> = wanted.iter().collect();
        let gone: Vec<Arc<str>> = self
            .tags
            .keys()
            .filter(|t| !set.contains(t))
            .cloned()
            .collect();
        for tag in gone {
            self.remove(&tag);
        }
        self.refused.retain(|tag, _| set.contains(tag));
        let is_new =
            |tag: &&Arc<str>| !self.tags.contains_key(*tag) && !self.refused.contains_key(*tag);
        wanted.iter().filter(is_new).cloned().collect()
    }

    fn remove(&mut self, tag: &Arc<str>) {
        self.troubled.remove(tag);
        self.untimed.remove(tag);
        if let Some(gone) = self.tags.remove(tag) {
            self.by_id.remove(&gone.web_id);
            self.cursors.insert(Arc::clone(tag), cursor(&gone));
        }
    }

    /// Takes a tag in: where it was read up to, or from the start of the wanted past.
    pub(crate) fn admit(&mut self, tag: Arc<str>, web_id: Arc<str>, mode: SyncMode, now: Ticks) {
        let cursor = self.cursors.get(&tag);
        let is_past = cursor.is_some_and(|cursor| cursor[PAST] == true);
        let known = cursor
            .and_then(Position::from_cursor)
            .filter(|position| position.at.0 <= now.0.saturating_add(FUTURE))
            .map(|position| match is_past {
                true => position,
                false => position.resumed(),
            });
        // What is new begins before now by the overlap, where the past ends.
        let begin = Ticks(now.0.saturating_sub(OVERLAP));
        let live = Position::at(begin).with_overlap();
        let (live, past) = match known {
            Some(position) if position.at >= begin => (position.with_overlap(), None),
            Some(position) => (live, Some(position)),
            None => (live, Some(Position::at(start(mode, now)))),
        };
        let fill = past.map(|position| Fill {
            position,
            to: begin,
            stretch: 1,
            failures: 0,
        });
        if let Some(fill) = &fill {
            self.enlist(fill.position.from, fill.to);
        }
        self.refused.remove(&tag);
        self.by_id.insert(Arc::clone(&web_id), Arc::clone(&tag));
        let state = Tag {
            web_id,
            live,
            stretch: 1,
            fill,
            present_only: None,
            last_present: None,
        };
        self.tags.insert(tag, state);
    }

    /// A stretch of the past is to be read.
    fn enlist(&mut self, from: Ticks, to: Ticks) {
        let campaign = self.campaign.get_or_insert(Campaign {
            from,
            to,
            samples: 0,
        });
        campaign.from = campaign.from.min(from);
        campaign.to = campaign.to.max(to);
    }

    /// What is to be read of the present; of `only` these tags where given. Archives that could not be
    /// read are tried again when it is time.
    pub(crate) fn live_wants(&self, now: Ticks, only: Option<&HashSet<Arc<str>>>) -> Vec<Want> {
        self.tags
            .iter()
            .filter(|(tag, state)| match &state.present_only {
                Some(present) => only.is_none() && present.retry_at <= now,
                None => only.is_none_or(|only| only.contains(*tag)),
            })
            .map(|(tag, state)| Want {
                tag: Arc::clone(tag),
                web_id: Arc::clone(&state.web_id),
                from: state.live.from,
                // One end for all, so that they can be read together.
                to: Ticks(now.0.saturating_add(FUTURE).max(state.live.at.0)),
                stretch: state.stretch,
            })
            .collect()
    }

    /// Tags whose present value is asked for, with their ids.
    pub(crate) fn present_only(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.tags
            .iter()
            .filter(|(_, state)| state.present_only.is_some())
            .map(|(tag, state)| (Arc::clone(tag), Arc::clone(&state.web_id)))
            .collect()
    }

    /// The next stretch of the past: those tags that lie furthest back.
    pub(crate) fn fill_wants(&self) -> Vec<Want> {
        let mut pending: Vec<(&Arc<str>, &Tag, &Fill)> = self
            .tags
            .iter()
            .filter(|(_, state)| state.present_only.is_none())
            .filter_map(|(tag, state)| Some((tag, state, state.fill.as_ref()?)))
            .collect();
        pending.sort_by_key(|(_, _, fill)| (fill.failures, fill.position.from));
        pending
            .into_iter()
            .take(FILL_STREAMS)
            .map(|(tag, state, fill)| Want {
                tag: Arc::clone(tag),
                web_id: Arc::clone(&state.web_id),
                from: fill.position.from,
                to: fill.to,
                stretch: fill.stretch,
            })
            .collect()
    }

    /// How far the past has come; `None` when nothing is left to read.
    pub(crate) fn progress(&mut self) -> Option<BackFillProgress> {
        let read = self.tags.values().filter(|t| t.present_only.is_none());
        let pending = read.filter_map(|t| t.fill.as_ref());
        let Some(reached) = pending.map(|fill| fill.position.from).min() else {
            self.campaign = None;
            return None;
        };
        let campaign = self.campaign?;
        Some(BackFillProgress {
            from: campaign.from.timestamp(),
            to: campaign.to.timestamp(),
            reached: reached.timestamp(),
            samples: campaign.samples,
        })
    }

    /// Takes pages of the present. `now` is the server's clock, `received_at` ours.
    pub(crate) fn take_live(
        &mut self,
        pages: Vec<Page>,
        now: Ticks,
        received_at: Timestamp,
    ) -> Taken {
        let mut taken = Taken::default();
        let (mut read, mut failed) = (0_usize, None);
        for page in pages {
            if let Some(failure) = page.failure {
                failed = self
                    .fail_live(&page.tag, failure, now, &mut taken)
                    .or(failed);
                continue;
            }
            read += 1;
            self.note_untimed(&page.tag, page.untimed);
            self.archive_is_back(&page.tag);
            let Some(state) = self.tags.get_mut(&page.tag) else {
                continue;
            };
            self.troubled.remove(&page.tag);
            let (before, from) = (state.live.cursor(), state.live.from);
            let times: Vec<Ticks> = page.values.iter().map(|(time, _)| *time).collect();
            let fresh = state.live.take(&times, page.is_full, now);
            for ((time, value), _) in page.values.iter().zip(fresh).filter(|(_, fresh)| *fresh) {
                let out = &mut taken.out;
                push(
                    out,
                    sample(&page.tag, value, Some(*time), received_at),
                    *time,
                    now,
                );
            }
            if page.is_full {
                taken.more.insert(Arc::clone(&page.tag));
                state.stretch = stretched(&mut state.live, from, state.stretch, &mut taken.out);
            } else {
                state.stretch = 1;
            }
            if state.live.cursor() != before && state.fill.is_none() {
                taken.out.cursors.push(mark(&page.tag, state));
            }
        }
        taken.all_failed = failed.filter(|_| read == 0);
        taken
    }

    /// Takes pages of the past.
    pub(crate) fn take_fill(&mut self, pages: Vec<Page>, received_at: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let (mut read, mut failed) = (0_usize, None);
        for page in pages {
            if let Some(failure) = page.failure {
                failed = self.fail(&page.tag, failure, &mut taken).or(failed);
                let state = self.tags.get_mut(&page.tag);
                if let Some(fill) = state.and_then(|state| state.fill.as_mut()) {
                    fill.failures += 1;
                }
                continue;
            }
            read += 1;
            self.note_untimed(&page.tag, page.untimed);
            let Some(state) = self.tags.get_mut(&page.tag) else {
                continue;
            };
            let Some(fill) = state.fill.as_mut() else {
                continue;
            };
            self.troubled.remove(&page.tag);
            let from = fill.position.from;
            let times: Vec<Ticks> = page.values.iter().map(|(time, _)| *time).collect();
            let fresh = fill.position.take(&times, page.is_full, fill.to);
            let new = page.values.iter().zip(fresh).filter(|(_, fresh)| *fresh);
            for ((time, value), _) in new {
                taken
                    .out
                    .late
                    .push(sample(&page.tag, value, Some(*time), received_at));
            }
            if page.is_full {
                fill.stretch = stretched(&mut fill.position, from, fill.stretch, &mut taken.out);
            } else {
                state.fill = None;
            }
            taken.out.cursors.push(mark(&page.tag, state));
        }
        if let Some(campaign) = &mut self.campaign {
            campaign.samples += taken.out.late.len() as u64;
        }
        taken.all_failed = failed.filter(|_| read == 0);
        taken
    }

    /// Takes values a channel pushed. No position moves: the archive confirms them later.
    pub(crate) fn take_pushed(
        &mut self,
        streams: Vec<StreamValues>,
        now: Ticks,
        received_at: Timestamp,
    ) -> Outbox {
        let mut out = Outbox::default();
        for stream in streams {
            let Some(tag) = stream.web_id.and_then(|id| self.by_id.get(&*id).cloned()) else {
                continue;
            };
            let Some(state) = self.tags.get_mut(&tag) else {
                continue;
            };
            let mut untimed = 0;
            for value in stream.items {
                let Some(time) = ticks(&value, &self.zone) else {
                    untimed += 1;
                    continue;
                };
                let is_possible = time.0 <= now.0.saturating_add(FUTURE);
                if is_possible && state.live.push(time) {
                    push(
                        &mut out,
                        sample(&tag, &value, Some(time), received_at),
                        time,
                        now,
                    );
                }
            }
            self.note_untimed(&tag, untimed);
        }
        out
    }

    /// Takes the present value of a tag without a past; it counts when its time is another one.
    pub(crate) fn take_present(
        &mut self,
        tag: &Arc<str>,
        answer: Result<TimedValue, Failure>,
        received_at: Timestamp,
        taken: &mut Taken,
    ) {
        match answer {
            Err(failure) => drop(self.fail(tag, failure, taken)),
            Ok(value) => {
                let time = ticks(&value, &self.zone);
                self.note_untimed(tag, usize::from(time.is_none()));
                let Some(state) = self.tags.get_mut(tag) else {
                    return;
                };
                self.troubled.remove(tag);
                if time.is_some() && time != state.last_present {
                    state.last_present = time;
                    taken.out.live.push(sample(tag, &value, time, received_at));
                }
            }
        }
    }

    /// Notes why new values of a tag could not be read. Attributes that are computed or fixed have no
    /// recorded values: of such a tag the present value is read, and its archive tried again later.
    fn fail_live(
        &mut self,
        tag: &Arc<str>,
        failure: Failure,
        now: Ticks,
        taken: &mut Taken,
    ) -> Option<CodedError> {
        let is_attribute = kind_of(tag) == Some(TagKind::Attribute);
        if !is_attribute || !matches!(failure.status, 400 | 409 | 500 | 501) {
            return self.fail(tag, failure, taken);
        }
        self.troubled.remove(tag);
        let state = self.tags.get_mut(tag)?;
        let is_trouble = matches!(failure.status, 409 | 500);
        let pause = match &state.present_only {
            _ if !is_trouble => RETRY_ARCHIVE_MAX,
            Some(present) => (present.pause * 2).min(RETRY_ARCHIVE_MAX),
            None => RETRY_ARCHIVE,
        };
        let error = is_trouble.then(|| {
            CodedError::new(ErrorKind::Upstream, "pi.archive_failing")
                .with("tag", tag)
                .with("status", failure.status)
                .with("detail", &failure.detail)
        });
        state.present_only = Some(PresentOnly {
            retry_at: Ticks(now.0.saturating_add(pause)),
            pause,
            error,
        });
        None
    }

    /// The recorded values of a tag can be read: it goes on where it stood.
    fn archive_is_back(&mut self, tag: &Arc<str>) {
        let Some(state) = self.tags.get_mut(tag) else {
            return;
        };
        if state.present_only.take().is_some()
            && let Some(fill) = &state.fill
        {
            let (from, to) = (fill.position.from, fill.to);
            self.enlist(from, to);
        }
    }

    /// Notes why a tag could not be read. Returns the reason when it may be the server's trouble
    /// rather than the tag's.
    fn fail(&mut self, tag: &Arc<str>, failure: Failure, taken: &mut Taken) -> Option<CodedError> {
        let upstream = |code| CodedError::new(ErrorKind::Upstream, code).with("tag", tag);
        self.tags.get(tag)?;
        match failure.status {
            404 | 410 => {
                self.remove(tag);
                self.refused
                    .insert(Arc::clone(tag), upstream("pi.tag_unknown"));
                taken.forgotten.push(Arc::clone(tag));
                None
            }
            403 => {
                self.remove(tag);
                self.refused
                    .insert(Arc::clone(tag), upstream("pi.tag_forbidden"));
                None
            }
            _ => {
                let error = failure.error.with("tag", tag);
                self.troubled.insert(Arc::clone(tag), error.clone());
                Some(error)
            }
        }
    }
}

/// The first moment of the wanted past. PI keeps nothing from before 1970.
fn start(mode: SyncMode, now: Ticks) -> Ticks {
    let day = 86_400 * SECOND;
    match mode {
        SyncMode::Last24h => Ticks(now.0.saturating_sub(day)),
        SyncMode::Last7d => Ticks(now.0.saturating_sub(7 * day)),
        SyncMode::Full => Ticks(0),
    }
}

fn cursor(tag: &Tag) -> Value {
    match &tag.fill {
        Some(fill) => {
            let mut cursor = fill.position.cursor();
            cursor[PAST] = Value::Bool(true);
            cursor
        }
        None => tag.live.cursor(),
    }
}

fn mark(name: &str, tag: &Tag) -> CursorMark {
    CursorMark {
        name: name.to_owned(),
        position: cursor(tag),
    }
}

fn push(out: &mut Outbox, sample: RawSample, time: Ticks, now: Ticks) {
    if now.0.saturating_sub(time.0) > LATE {
        out.late.push(sample);
    } else {
        out.live.push(sample);
    }
}

/// The size of the next page after a full one. A page that does not get on holds one moment only: it
/// is stretched, and in the end that moment is left behind with a mark.
fn stretched(position: &mut Position, before: Ticks, stretch: usize, out: &mut Outbox) -> usize {
    if position.from != before {
        return 1;
    }
    if stretch < MAX_STRETCH {
        return stretch * 4;
    }
    let at = position.from.timestamp();
    position.skip();
    out.gaps.push(GapMark {
        from: Some(at),
        to: Timestamp(at.millis().saturating_add(1)),
        reason: GapReason::MissedNotifications,
    });
    1
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
