//! Compaction: late samples are merged into the chunks they belong to, and runs of small chunks become
//! chunks of full size. Ingestion goes on meanwhile: each chunk is rewritten outside the writer and
//! exchanged in a short transaction that checks nothing else has been stored there.

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use crate::Historian;
use crate::error::HistorianError;
use crate::store::{self, ChunkRef, Encoded, Side};
use crate::writer::Core;
use iq_chunk::block::Block;
use iq_chunk::{SIGNAL_END, TIME_BITS, TIME_END};

/// Samples of side chunks merged in one pass; more are left for the next.
const PASS_SAMPLES: usize = 1 << 19;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Signals that had something to compact.
    pub signals: u64,
    /// Side chunks merged away.
    pub side_chunks_merged: u64,
    /// Chunks replaced.
    pub chunks_replaced: u64,
    /// Chunks written instead.
    pub chunks_written: u64,
    /// Damaged chunks met and left as they are.
    pub damaged: u64,
}

impl Historian {
    /// Merges late samples and small chunks of all signals.
    ///
    /// # Errors
    /// When the file cannot be read or written. Damaged chunks are counted, not failed on.
    pub fn compact(&self) -> Result<CompactReport, HistorianError> {
        let core = self.core();
        let _one_at_a_time = core.maintenance.lock();
        let mut report = CompactReport::default();
        let mut next = 0;
        while let Some(signal_no) = core.next_stored_signal(next)? {
            next = signal_no + 1;
            let before = report;
            match core.compact_signal(signal_no, &mut report) {
                Ok(()) => {}
                Err(HistorianError::ChunkDamaged { signal_no, t0 }) => {
                    tracing::error!(signal_no, %t0, "damaged chunk met while compacting");
                    report.damaged += 1;
                }
                Err(error) => return Err(error),
            }
            report.signals += u64::from(report != before);
        }
        Ok(report)
    }
}

/// Chunks to take out and what takes their place.
struct Exchange {
    out: Vec<ChunkRef>,
    block: Block,
}

impl Core {
    fn next_stored_signal(&self, from: u32) -> Result<Option<u32>, HistorianError> {
        if from >= SIGNAL_END {
            return Ok(None);
        }
        let conn = self.readers.take()?;
        let start = i64::from(from) << TIME_BITS;
        let main: Option<i64> = conn
            .prepare_cached("SELECT id FROM chunk_hour WHERE id >= ?1 ORDER BY id LIMIT 1")?
            .query_row([start], |row| row.get(0))
            .optional()?;
        let side: Option<u32> = conn
            .prepare_cached(
                "SELECT signal_no FROM side_chunk WHERE signal_no >= ?1 ORDER BY signal_no LIMIT 1",
            )?
            .query_row([from], |row| row.get(0))
            .optional()?;
        self.readers.give_back(conn);
        let main = main.and_then(|id| u32::try_from(id >> TIME_BITS).ok());
        Ok(main.into_iter().chain(side).min())
    }

    fn compact_signal(
        &self,
        signal_no: u32,
        report: &mut CompactReport,
    ) -> Result<(), HistorianError> {
        loop {
            let merged = self.merge_sides(signal_no, report)?;
            if !merged {
                break;
            }
        }
        self.join_small(signal_no, report)
    }

    /// Merges the oldest side chunks into the chunks they belong to; `true` if more are left.
    fn merge_sides(
        &self,
        signal_no: u32,
        report: &mut CompactReport,
    ) -> Result<bool, HistorianError> {
        let conn = self.readers.take()?;
        let all = store::sides(&conn, signal_no, 0, TIME_END)?;
        let mains = store::mains(&conn, signal_no, 0, TIME_END)?;
        if all.is_empty() {
            self.readers.give_back(conn);
            return Ok(false);
        }
        let mut late = Block::default();
        let mut taken: Vec<&Side> = Vec::new();
        for side in &all {
            late = late.merged(&side.block);
            taken.push(side);
            if late.len() >= PASS_SAMPLES {
                break;
            }
        }
        let mut exchanges = Vec::new();
        let mut at = 0;
        // A chunk owns the time from its start to the next one's; the first also what lies before.
        for (i, chunk) in mains.iter().enumerate() {
            let end = mains.get(i + 1).map_or(TIME_END, |next| next.t0);
            let span = at..late.span(i64::MIN, end).end;
            at = span.end;
            if !span.is_empty() {
                let block = chunk.block(&conn)?.merged(&late.part(span));
                exchanges.push(Exchange {
                    out: vec![*chunk],
                    block,
                });
            }
        }
        if mains.is_empty() {
            exchanges.push(Exchange {
                out: Vec::new(),
                block: late.part(0..late.len()),
            });
        }
        self.readers.give_back(conn);
        for exchange in &exchanges {
            if !self.exchange(signal_no, exchange, report)? {
                return Ok(false);
            }
        }
        let writer = self.writer.lock();
        let tx = writer.conn.unchecked_transaction()?;
        for side in &taken {
            tx.execute(
                "DELETE FROM side_chunk WHERE signal_no = ?1 AND t0 = ?2 AND rev = ?3",
                params![signal_no, side.t0, side.rev],
            )?;
        }
        tx.commit()?;
        drop(writer);
        report.side_chunks_merged += taken.len() as u64;
        Ok(taken.len() < all.len())
    }

    /// Joins runs of neighbouring chunks that are well below full size.
    fn join_small(&self, signal_no: u32, report: &mut CompactReport) -> Result<(), HistorianError> {
        let full = self.config.chunk_samples as i64;
        let conn = self.readers.take()?;
        let mains = store::mains(&conn, signal_no, 0, TIME_END)?;
        let mut runs: Vec<Vec<ChunkRef>> = Vec::new();
        let mut run: Vec<ChunkRef> = Vec::new();
        let mut samples = 0;
        for chunk in mains {
            if chunk.n * 4 > full * 3 || samples + chunk.n > full * 5 / 4 {
                runs.push(std::mem::take(&mut run));
                samples = 0;
            }
            if chunk.n * 4 <= full * 3 {
                run.push(chunk);
                samples += chunk.n;
            }
        }
        runs.push(run);
        for out in runs.into_iter().filter(|run| run.len() > 1) {
            let mut block = Block::default();
            for chunk in &out {
                let next = chunk.block(&conn)?;
                block.extend(&next, 0..next.len());
            }
            self.exchange(signal_no, &Exchange { out, block }, report)?;
        }
        self.readers.give_back(conn);
        Ok(())
    }

    /// Puts the encoded block in the place of its chunks; `false` when something else has been stored
    /// there meanwhile, which the next compaction will see.
    fn exchange(
        &self,
        signal_no: u32,
        exchange: &Exchange,
        report: &mut CompactReport,
    ) -> Result<bool, HistorianError> {
        let config = &self.config;
        let parts: Vec<Encoded> = store::encode(
            signal_no,
            &exchange.block,
            config.chunk_samples,
            config.compression_level,
        )?;
        let Some((t0, t1)) = exchange.block.first_time().zip(exchange.block.last_time()) else {
            return Ok(true);
        };
        let mut writer = self.writer.lock();
        let tx = writer
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if store::mains(&tx, signal_no, t0, t1 + 1)? != exchange.out {
            return Ok(false);
        }
        for chunk in &exchange.out {
            store::delete_main(&tx, chunk.id())?;
        }
        for part in &parts {
            store::insert_main(&tx, signal_no, part)?;
        }
        tx.commit()?;
        report.chunks_replaced += exchange.out.len() as u64;
        report.chunks_written += parts.len() as u64;
        Ok(true)
    }
}
