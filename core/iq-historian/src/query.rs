//! Reading: every answer merges what is sealed, what came late and what is still in memory, from one
//! consistent view, without blocking the writer.

use std::ops::{ControlFlow, Range};

use iq_domain::{Bucket, Point, TimeRange, Timestamp};
use rusqlite::Connection;

use crate::Historian;
use crate::error::HistorianError;
use crate::hot::LastGood;
use crate::rollup::{Collector, HOUR, MINUTE, Roll};
use crate::store::{self, ChunkRef};
use crate::writer::Core;
use iq_chunk::block::{Block, Sample};
use iq_chunk::{TIME_END, key};

/// A part of a series in the order of time.
enum Piece<'a> {
    /// A whole stored chunk that nothing overlaps; its rollups hold.
    Chunk(&'a ChunkRef),
    /// Samples of a block.
    Samples(&'a Block, Range<usize>),
}

/// A consistent view of one signal: the file as of one moment, and what was in memory then.
struct View<'a> {
    conn: &'a Connection,
    signal_no: u32,
    from: i64,
    to: i64,
    hot: Vec<Block>,
}

impl View<'_> {
    /// Late and hot samples as one block, newest revision winning.
    fn overlay(&self) -> Result<Block, HistorianError> {
        let mut overlay = Block::default();
        let sides = store::sides(self.conn, self.signal_no, self.from, self.to)?;
        for block in sides.iter().map(|side| &side.block).chain(&self.hot) {
            let span = block.span(self.from, self.to);
            if span.is_empty() {
                continue;
            }
            let part = block.part(span);
            overlay = if overlay.is_empty() {
                part
            } else {
                overlay.merged(&part)
            };
        }
        Ok(overlay)
    }

    /// Walks through the samples of the view in the order of time.
    fn visit(
        &self,
        mut f: impl FnMut(Piece<'_>) -> Result<ControlFlow<()>, HistorianError>,
    ) -> Result<(), HistorianError> {
        let overlay = self.overlay()?;
        let mains = store::mains(self.conn, self.signal_no, self.from, self.to)?;
        let mut at = 0;
        for chunk in &mains {
            let before = at..overlay.span(i64::MIN, chunk.t0).end;
            at = before.end;
            if !before.is_empty() && f(Piece::Samples(&overlay, before))?.is_break() {
                return Ok(());
            }
            let over = at..overlay.span(i64::MIN, chunk.t1 + 1).end;
            at = over.end;
            let flow = if !over.is_empty() {
                let block = chunk.block(self.conn)?;
                let merged = block
                    .part(block.span(self.from, self.to))
                    .merged(&overlay.part(over));
                let all = 0..merged.len();
                f(Piece::Samples(&merged, all))?
            } else {
                f(Piece::Chunk(chunk))?
            };
            if flow.is_break() {
                return Ok(());
            }
        }
        if at < overlay.len() {
            let _done = f(Piece::Samples(&overlay, at..overlay.len()))?;
        }
        Ok(())
    }

    /// The same, with every chunk decoded.
    fn visit_samples(
        &self,
        mut f: impl FnMut(&Block, Range<usize>) -> ControlFlow<()>,
    ) -> Result<(), HistorianError> {
        self.visit(|piece| match piece {
            Piece::Samples(block, span) => Ok(f(block, span)),
            Piece::Chunk(chunk) => {
                let block = chunk.block(self.conn)?;
                let span = block.span(self.from, self.to);
                Ok(if span.is_empty() {
                    ControlFlow::Continue(())
                } else {
                    f(&block, span)
                })
            }
        })
    }

    /// Aggregates of the given length, from rollups wherever they hold.
    fn rolls(&self, length: i64) -> Result<Vec<Roll>, HistorianError> {
        let mut collector = Collector::new(length);
        let fits = |unit: i64, chunk: &ChunkRef| {
            let cut = |t: i64| t % unit == 0;
            length % unit == 0
                && (self.from <= chunk.t0 || cut(self.from))
                && (chunk.t1 < self.to || cut(self.to))
        };
        self.visit(|piece| {
            match piece {
                Piece::Samples(block, span) => collector.samples(block, span),
                Piece::Chunk(chunk) => {
                    let rolls = if fits(HOUR, chunk) {
                        chunk.hours(self.conn)?
                    } else if fits(MINUTE, chunk) {
                        chunk.minutes(self.conn)?
                    } else {
                        let block = chunk.block(self.conn)?;
                        collector.samples(&block, block.span(self.from, self.to));
                        Vec::new()
                    };
                    // A chunk that starts inside its first unit has a rollup that starts before it.
                    let unit = if fits(HOUR, chunk) { HOUR } else { MINUTE };
                    for roll in &rolls {
                        if roll.t + unit > self.from && roll.t < self.to {
                            collector.roll(roll);
                        }
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(collector.rolls)
    }

    /// Whether the range holds more than `limit` samples, counted without decoding.
    fn exceeds(&self, limit: usize) -> Result<bool, HistorianError> {
        let stored: i64 = store::mains(self.conn, self.signal_no, self.from, self.to)?
            .iter()
            .map(|chunk| chunk.n)
            .sum();
        Ok(stored.unsigned_abs() as usize > limit)
    }
}

impl Core {
    /// Runs `f` on a consistent view of `[from, to)`.
    fn view<R>(
        &self,
        signal_no: u32,
        from: i64,
        to: i64,
        f: impl FnOnce(&View<'_>) -> Result<R, HistorianError>,
    ) -> Result<R, HistorianError> {
        let mut conn = self.readers.take()?;
        let answer = {
            let tx = conn.transaction()?;
            let gate = self.gate.read();
            let hot = self.hot_parts(signal_no, from, to);
            // A deferred transaction takes its snapshot at its first read.
            tx.prepare_cached("SELECT no FROM signal LIMIT 1")?
                .exists([])?;
            drop(gate);
            f(&View {
                conn: &tx,
                signal_no,
                from,
                to,
                hot,
            })
        };
        if !matches!(answer, Err(HistorianError::Sqlite(_))) {
            self.readers.give_back(conn);
        }
        answer
    }

    /// Something about what is stored of a signal, from one consistent view of the file.
    pub(crate) fn with_view<R>(
        &self,
        signal_no: u32,
        f: impl FnOnce(&Connection) -> Result<R, HistorianError>,
    ) -> Result<R, HistorianError> {
        self.view(signal_no, 0, 0, |view| f(view.conn))
    }

    fn hot_parts(&self, signal_no: u32, from: i64, to: i64) -> Vec<Block> {
        let hot = self.hot.read();
        let Some(signal) = hot.get(signal_no) else {
            return Vec::new();
        };
        signal
            .layers()
            .filter_map(|block| {
                let span = block.span(from, to);
                (!span.is_empty()).then(|| block.part(span))
            })
            .collect()
    }

    /// All samples of `[from, to)` as one block.
    fn collect(
        &self,
        signal_no: u32,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Block, HistorianError> {
        self.view(signal_no, from, to, |view| {
            let mut out = Block::default();
            if limit == 0 {
                return Ok(out);
            }
            view.visit_samples(|block, span| {
                let room = limit - out.len();
                let end = span.end.min(span.start.saturating_add(room));
                out.extend(block, span.start..end);
                if out.len() >= limit {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            Ok(out)
        })
    }

    /// Newest sample at or before `t`.
    pub(crate) fn sample_at(
        &self,
        signal_no: u32,
        t: i64,
    ) -> Result<Option<Sample>, HistorianError> {
        if t < 0 {
            return Ok(None);
        }
        let t = t.min(TIME_END - 1);
        let pick = |best: &mut Option<Sample>, block: &Block| {
            if let Some(i) = block.span(i64::MIN, t + 1).end.checked_sub(1)
                && best.as_ref().is_none_or(|b| block.times()[i] >= b.t)
            {
                *best = Some(block.sample(i));
            }
        };
        let hot = {
            let hot = self.hot.read();
            let mut best = None;
            if let Some(signal) = hot.get(signal_no) {
                // All that is sealed lies at or before `sealed_to`, so a later sample in memory is it.
                signal.layers().for_each(|block| pick(&mut best, block));
                if best
                    .as_ref()
                    .is_some_and(|b: &Sample| b.t > signal.sealed_to)
                {
                    return Ok(best);
                }
            }
            drop(hot);
            best
        };
        drop(hot);
        // Not in memory alone: once more on a consistent view, in order of precedence.
        self.view(signal_no, 0, t + 1, |view| {
            let mut best = None;
            let mut statement = view.conn.prepare_cached(
                "SELECT id, t1, n FROM chunk_hour WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1",
            )?;
            let mut rows = statement.query([key(signal_no, 0), key(signal_no, t)])?;
            if let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let t0 = id & (TIME_END - 1);
                let chunk = ChunkRef { signal_no, t0, t1: row.get(1)?, n: row.get(2)? };
                pick(&mut best, &chunk.block(view.conn)?);
            }
            let from = best.as_ref().map_or(0, |b: &Sample| b.t);
            for side in store::sides(view.conn, signal_no, from, t + 1)? {
                pick(&mut best, &side.block);
            }
            view.hot.iter().for_each(|block| pick(&mut best, block));
            Ok(best)
        })
    }

    /// Newest usable sample, searched backwards through the stored series.
    fn find_last_good(&self, signal_no: u32) -> Result<Option<Sample>, HistorianError> {
        let starts: Vec<i64> = self.view(signal_no, 0, TIME_END, |view| {
            Ok(store::mains(view.conn, signal_no, 0, TIME_END)?
                .iter()
                .map(|c| c.t0)
                .collect())
        })?;
        let mut to = TIME_END;
        for from in starts.into_iter().rev().chain([0]) {
            let block = self.collect(signal_no, from, to, usize::MAX)?;
            if let Some(found) = (0..block.len())
                .rev()
                .map(|i| block.sample(i))
                .find(Sample::is_usable)
            {
                return Ok(Some(found));
            }
            to = from;
        }
        Ok(None)
    }
}

impl Historian {
    /// The newest sample of a signal, from memory.
    #[must_use]
    pub fn last(&self, signal_no: u32) -> Option<Point> {
        self.core()
            .hot
            .read()
            .get(signal_no)?
            .last
            .as_ref()
            .map(Sample::point)
    }

    /// The newest sample with good status and a value (a text or a finite number).
    #[must_use]
    pub fn last_good(&self, signal_no: u32) -> Option<Point> {
        let core = self.core();
        let version = {
            let hot = core.hot.read();
            let signal = hot.get(signal_no)?;
            if let LastGood::Known(good) = &signal.last_good {
                return good.as_ref().map(Sample::point);
            }
            signal.version
        };
        match core.find_last_good(signal_no) {
            Ok(found) => {
                let point = found.as_ref().map(Sample::point);
                // Remembered, unless a sample came in while it was searched for.
                if let Some(signal) = core.hot.write().get_mut(signal_no)
                    && signal.version == version
                {
                    signal.last_good = LastGood::Known(found);
                }
                point
            }
            Err(error) => {
                tracing::error!(%error, signal_no, "the last good value could not be read");
                None
            }
        }
    }

    /// The newest sample at or before `t`.
    ///
    /// # Errors
    /// When the file cannot be read or a chunk is damaged.
    pub fn last_at(&self, signal_no: u32, t: Timestamp) -> Result<Option<Point>, HistorianError> {
        Ok(self
            .core()
            .sample_at(signal_no, t.0)?
            .as_ref()
            .map(Sample::point))
    }

    /// The first `limit` samples of a window as they are stored.
    ///
    /// # Errors
    /// When the file cannot be read or a chunk is damaged.
    pub fn raw(
        &self,
        signal_no: u32,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<Point>, HistorianError> {
        let block = self
            .core()
            .collect(signal_no, range.from.0, range.to.0, limit)?;
        Ok((0..block.len()).map(|i| block.sample(i).point()).collect())
    }

    /// Aggregates per `bucket_ms`, aligned to its multiples; buckets without good, finite samples are
    /// left out. At the ends of the window a bucket holds only what lies inside.
    ///
    /// # Errors
    /// When `bucket_ms` is not positive, the file cannot be read or a chunk is damaged.
    pub fn buckets(
        &self,
        signal_no: u32,
        range: TimeRange,
        bucket_ms: i64,
    ) -> Result<Vec<Bucket>, HistorianError> {
        if bucket_ms <= 0 {
            return Err(HistorianError::Bucket);
        }
        let rolls = self.core().rolls(signal_no, range, bucket_ms)?;
        Ok(rolls
            .iter()
            .filter(|roll| roll.n > 0)
            .map(Roll::bucket)
            .collect())
    }

    /// From the first sample of a signal to just after its last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn time_bounds(&self, signal_no: u32) -> Result<Option<TimeRange>, HistorianError> {
        self.core().view(signal_no, 0, TIME_END, |view| {
            let ids = [key(signal_no, 0), key(signal_no, TIME_END - 1)];
            let (first, last): (Option<i64>, Option<i64>) = view
                .conn
                .prepare_cached(
                    "SELECT (SELECT id FROM chunk_hour WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1),
                       (SELECT t1 FROM chunk_hour WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1)",
                )?
                .query_row(ids, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (low, high): (Option<i64>, Option<i64>) = view
                .conn
                .prepare_cached("SELECT min(t0), max(t1) FROM side_chunk WHERE signal_no = ?1")?
                .query_row([signal_no], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let firsts = [first.map(|id| id & (TIME_END - 1)), low].into_iter().flatten();
            let lasts = [last, high].into_iter().flatten();
            let from = firsts.chain(view.hot.iter().filter_map(Block::first_time)).min();
            let to = lasts.chain(view.hot.iter().filter_map(Block::last_time)).max();
            Ok(from.zip(to).map(|(from, to)| TimeRange {
                from: Timestamp(from),
                to: Timestamp(to + 1),
            }))
        })
    }
}

impl Core {
    /// Aggregates of one signal, also those of units without good samples.
    pub(crate) fn rolls(
        &self,
        signal_no: u32,
        range: TimeRange,
        length: i64,
    ) -> Result<Vec<Roll>, HistorianError> {
        self.view(signal_no, range.from.0, range.to.0, |view| {
            view.rolls(length)
        })
    }

    /// All samples of a window, unless the stored ones are more than `limit`.
    pub(crate) fn block_if_small(
        &self,
        signal_no: u32,
        range: TimeRange,
        limit: usize,
    ) -> Result<Option<Block>, HistorianError> {
        let (from, to) = (range.from.0, range.to.0);
        if self.view(signal_no, from, to, |view| view.exceeds(limit))? {
            return Ok(None);
        }
        self.collect(signal_no, from, to, usize::MAX).map(Some)
    }
}
